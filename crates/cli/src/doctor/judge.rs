//! What to make of the facts: one file an area, each a function from facts to checks.

mod notifications;
mod settings;
mod sinks;
mod table;
mod trails;

use super::check::{Check, Status};
use super::facts::Facts;

/// All checks, in the order of the data.
pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let mut checks = settings::checks(facts);
    checks.extend(settings::credentials(facts));
    if facts.caller.is_ok() {
        checks.extend(trails::checks(facts));
        checks.extend(notifications::checks(facts));
        if facts.settings.is_ok() {
            checks.extend(table::checks(facts));
            checks.extend(sinks::checks(facts));
        }
    }
    checks
}

/// The exit status: 0 if all is well, or well enough; 1 if something has failed; 2 if nothing has, but something could
/// not be looked at.
pub(super) fn exit_status(checks: &[Check]) -> u8 {
    let has = |status: Status| checks.iter().any(|check| check.status == status);
    if has(Status::Failed) {
        crate::FOUND
    } else if has(Status::NotChecked) {
        crate::TROUBLE
    } else {
        crate::NOTHING_FOUND
    }
}

#[cfg(test)]
pub(super) mod testing {
    use crate::doctor::facts::{Asked, Caller, Facts, Logs, Refusal};
    use kmswatch_aws::settings::LiveSettings;
    use kmswatch_engine::time::Timestamp;

    pub(crate) const NOW: &str = "2026-05-04T10:00:00Z";

    pub(crate) fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    pub(crate) fn denied<T>() -> Asked<T> {
        Err(Refusal::Denied("AccessDenied".to_owned()))
    }

    /// Facts of an estate of which nothing could be asked but who is asking.
    pub(crate) fn facts() -> Facts {
        let variables = [("KMSWATCH_TABLE", "kmswatch"), ("KMSWATCH_LOGS", "s3://trail-logs/AWSLogs")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Facts {
            now: at(NOW),
            settings_from: "the environment".to_owned(),
            settings: LiveSettings::of_variables(variables).map_err(|error| error.to_string()),
            engine: Ok(()),
            rules: None,
            region: Some("eu-west-1".to_owned()),
            caller: Ok(Caller {
                account: "111122223333".to_owned(),
                arn: "arn:aws:sts::111122223333:assumed-role/Operator/me".to_owned(),
            }),
            logs: Some(Logs { bucket: "trail-logs".to_owned(), prefix: String::new() }),
            trails: denied(),
            bucket: denied(),
            rules_of_bus: denied(),
            queues: Vec::new(),
            table: denied(),
            progress: denied(),
            sinks: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::Area;
    use crate::doctor::facts::Refusal;

    #[test]
    fn failures_go_before_what_could_not_be_looked_at() {
        let ok = Check::ok(Area::Table, "t", "");
        let unseen = Check::not_checked(Area::Table, "t", "");
        let bad = Check::failed(Area::Table, "t", "", "do it");
        let warning = Check::warning(Area::Table, "t", "");
        assert_eq!(exit_status(&[ok.clone(), warning.clone()]), 0);
        assert_eq!(exit_status(&[warning, unseen.clone()]), 2);
        assert_eq!(exit_status(&[unseen, bad, ok]), 1);
    }

    #[test]
    fn where_all_is_denied_all_is_not_checked_and_nothing_passes_for_well() {
        let checks = checks(&testing::facts());
        let failed_or_ok = |check: &&Check| matches!(check.status, Status::Ok | Status::Failed);
        let decided: Vec<&str> =
            checks.iter().filter(failed_or_ok).map(|check| check.what.as_str()).collect();
        assert_eq!(decided, ["variables", "credentials"], "{checks:#?}");
        assert_eq!(exit_status(&checks), 2);
    }

    #[test]
    fn without_credentials_nothing_else_is_said() {
        let mut facts = testing::facts();
        facts.caller = Err(Refusal::Failed("no credentials in the chain".to_owned()));
        let checks = checks(&facts);
        assert_eq!(
            checks.last().map(|check| (check.area, check.status)),
            Some((Area::Credentials, Status::Failed))
        );
    }
}
