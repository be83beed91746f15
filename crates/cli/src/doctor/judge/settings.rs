//! The variables of the function, and who is asking.

use crate::doctor::check::{Area, Check};
use crate::doctor::facts::{Facts, Refusal};
use kmswatch_aws::settings::LiveSettings;

/// Whether the function could begin with these settings.
pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let settings = match &facts.settings {
        Ok(settings) => settings,
        Err(wrong) => {
            return vec![Check::failed(
                Area::Settings,
                "variables",
                format!("{wrong} (from {}). The function does not begin with this.", facts.settings_from),
                "Put it right; infra/README.md lists the variables. Those of a function: aws lambda \
                 get-function-configuration --function-name FUNCTION > function.json, then kmswatch doctor --settings \
                 function.json",
            )];
        }
    };
    let mut checks = vec![Check::ok(Area::Settings, "variables", told(settings, &facts.settings_from))];
    if let Err(wrong) = &facts.engine {
        let what = "settings of the engine";
        // Whoever asks is not the function, which may be allowed what they are not.
        let is_denied = ["denied", "AccessDenied"].iter().any(|word| wrong.contains(word));
        checks.push(if is_denied {
            Check::not_checked(Area::Settings, what, format!("They may not be read from here: {wrong}."))
        } else {
            Check::failed(
                Area::Settings,
                what,
                format!("{wrong}. The function does not begin with this."),
                "Put right what is named there, and see whether a file can be used: kmswatch config --check FILE",
            )
        });
    }
    match &facts.rules {
        None if settings.rules.is_none() => {}
        None => checks.push(Check::not_checked(
            Area::Settings,
            "rules",
            "KMSWATCH_RULES names a folder of the function. To check a folder here: kmswatch rules test FOLDER.",
        )),
        Some(Ok(())) => checks.push(Check::ok(Area::Settings, "rules", "All rules of the folder can be used.")),
        Some(Err(wrong)) => checks.push(Check::failed(
            Area::Settings,
            "rules",
            format!("{wrong}. The function does not begin with this."),
            "See what is wrong with them: kmswatch rules test FOLDER",
        )),
    }
    if settings.topic.is_none() && settings.bus.is_none() && settings.alert_queue.is_none() {
        checks.push(
            Check::warning(
                Area::Settings,
                "where alerts go",
                "Nowhere: incidents are kept and nobody is told.",
            )
            .step("Set KMSWATCH_TOPIC, KMSWATCH_BUS or KMSWATCH_ALERT_QUEUE."),
        );
    }
    checks
}

fn told(settings: &LiveSettings, from: &str) -> String {
    let mut says = format!("From {from}: table {}", settings.table);
    for (what, value) in
        [("topic", &settings.topic), ("bus", &settings.bus), ("queue for alerts", &settings.alert_queue)]
    {
        if let Some(value) = value {
            says.push_str(&format!(", {what} {value}"));
        }
    }
    if let Some(from) = &settings.config_from {
        says.push_str(&format!(", settings of the engine in {from}"));
    }
    says.push_str(&format!(
        "; logs in {}; alerts.budget_per_week is {}.",
        settings.logs, settings.engine.alerts.budget_per_week
    ));
    says
}

/// Who is asking.
pub(super) fn credentials(facts: &Facts) -> Vec<Check> {
    const WHAT: &str = "credentials";
    let Some(region) = &facts.region else {
        return vec![Check::failed(
            Area::Credentials,
            "Region",
            "No Region is set, so nothing can be asked.",
            "Name the Region of the stack: export AWS_REGION=eu-west-1",
        )];
    };
    let sign_in = "Sign in, or name a profile (export AWS_PROFILE=NAME), and see who you are: aws sts get-caller-identity";
    match &facts.caller {
        Ok(caller) if caller.arn.ends_with(":root") => vec![
            Check::warning(
                Area::Credentials,
                WHAT,
                format!("This is root of account {}, in {region}.", caller.account),
            )
            .step("Use a role that may read: root needs no access keys."),
        ],
        Ok(caller) => vec![Check::ok(
            Area::Credentials,
            WHAT,
            format!("{}, in {region}. The role of the function may do less, or other things.", caller.arn),
        )],
        Err(Refusal::Missing(why) | Refusal::Denied(why) | Refusal::Failed(why)) => {
            vec![Check::failed(
                Area::Credentials,
                WHAT,
                format!("AWS does not know who is asking: {why}"),
                sign_in,
            )]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::facts;
    use super::*;
    use crate::doctor::check::Status;

    #[test]
    fn settings_are_judged_as_the_function_reads_them() {
        let mut facts = facts();
        let of = |facts: &Facts| -> Vec<(String, Status)> {
            checks(facts).into_iter().map(|check| (check.what, check.status)).collect()
        };
        assert_eq!(
            of(&facts),
            [("variables".to_owned(), Status::Ok), ("where alerts go".to_owned(), Status::Warning)]
        );
        for (wrong, status) in
            [("access to the object was denied", Status::NotChecked), ("no such section", Status::Failed)]
        {
            facts.engine = Err(wrong.to_owned());
            assert!(of(&facts).contains(&("settings of the engine".to_owned(), status)));
        }
        facts.rules = Some(Err("a.yml: no detection".to_owned()));
        assert!(of(&facts).contains(&("rules".to_owned(), Status::Failed)));
        facts.settings = Err("KMSWATCH_TABEL: there is no such setting".to_owned());
        let checks = checks(&facts);
        assert_eq!((checks.len(), checks[0].status), (1, Status::Failed));
        assert!(checks[0].says.contains("KMSWATCH_TABEL") && checks[0].steps[0].contains("--settings"));
    }

    #[test]
    fn without_a_region_or_a_name_it_is_said_how_to_get_one() {
        let mut facts = facts();
        assert_eq!(credentials(&facts)[0].status, Status::Ok);
        facts.caller = Err(Refusal::Failed("ExpiredToken".to_owned()));
        assert!(credentials(&facts)[0].steps[0].contains("aws sts get-caller-identity"));
        facts.region = None;
        assert!(credentials(&facts)[0].steps[0].contains("AWS_REGION"));
    }
}
