//! The table of States, and how far it has come.

use crate::doctor::check::{Area, Check};
use crate::doctor::facts::{Facts, Refusal};
use kmswatch_engine::runbook::aws;
use kmswatch_engine::time::{HOUR, Timestamp};

/// Hours without a log after which something is wrong in most estates: as the alarm of the template has it.
const SILENT: i64 = 3;
/// Hours that may stay open after they are over: the schedule runs every five minutes, and logs come a quarter of an hour
/// late.
const OPEN: i64 = 3;

/// Whether the table is there and alive.
pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let Ok(settings) = &facts.settings else { return Vec::new() };
    let name = &settings.table;
    let what = format!("table {name}");
    let mut checks = Vec::new();
    match &facts.table {
        Err(refusal) => checks.push(Check::refused(
            Area::Table,
            &what,
            refusal,
            "Correct KMSWATCH_TABLE (output TableName of the stack) or the Region, or deploy the stack.",
        )),
        Ok(table) if !table.has_key => checks.push(Check::failed(
            Area::Table,
            &what,
            "Its key is not the text `pk` alone: this is a table of something else.",
            "Correct KMSWATCH_TABLE (output TableName of the stack).",
        )),
        Ok(table) if table.status != "ACTIVE" => checks.push(
            Check::warning(Area::Table, &what, format!("Its status is {}.", table.status))
                .step("Wait, and look again."),
        ),
        Ok(table) => {
            checks.push(match &table.expires {
                Ok(false) => Check::warning(Area::Table, &what, "Nothing in it expires, so it grows without end.").step(
                    format!(
                        "Let items expire: {}",
                        aws(
                            "dynamodb update-time-to-live --time-to-live-specification Enabled=true,AttributeName=ttl",
                            &[("table-name", name)]
                        )
                    ),
                ),
                _ => Check::ok(Area::Table, &what, "It is there, with the key that it should have."),
            });
        }
    }
    if !matches!(facts.table, Err(Refusal::Missing(_))) {
        checks.push(fresh(facts));
    }
    checks
}

/// Whether logs still come and hours are still closed.
fn fresh(facts: &Facts) -> Check {
    const WHAT: &str = "freshness of the States";
    let progress = match &facts.progress {
        Ok(progress) => progress,
        Err(refusal) => {
            return Check::refused(
                Area::Table,
                WHAT,
                refusal,
                "Deploy the stack, or correct KMSWATCH_TABLE.",
            );
        }
    };
    let look = "See what the function says of itself: aws logs tail LOG-GROUP-OF-THE-FUNCTION --since 1h";
    let Some(delivered) = progress.delivered else {
        return Check::failed(
            Area::Table,
            WHAT,
            "No log has been read yet.",
            "If nothing else has failed here, wait a quarter of an hour for the next log of the trail.",
        )
        .step(look);
    };
    let silent = hours(delivered, facts.now);
    if silent >= SILENT {
        return Check::failed(
            Area::Table,
            WHAT,
            format!("The last log that was read was delivered at {delivered}, {silent} hours ago."),
            "Mend first what else has failed here. If nothing has, nobody may have done anything, or the function does not \
             take from its queue.",
        )
        .step(look);
    }
    match progress.closed {
        None => Check::warning(
            Area::Table,
            WHAT,
            "Logs come, and no hour has been closed yet: the first takes a while.",
        )
        .step("If it stays so, see whether the schedule of the stack is enabled: aws events list-rules"),
        Some(closed) if hours(closed, delivered) >= OPEN => Check::failed(
            Area::Table,
            WHAT,
            format!(
                "Logs come, and the last hour that was closed ended at {closed}: nobody judges what is usual."
            ),
            "See whether the schedule of the stack is enabled: aws events list-rules",
        )
        .step(look),
        Some(closed) => Check::ok(
            Area::Table,
            WHAT,
            format!("The last log was delivered at {delivered}; all is judged up to {closed}."),
        ),
    }
}

fn hours(from: Timestamp, to: Timestamp) -> i64 {
    to.since(from).max(0) / HOUR
}

#[cfg(test)]
mod tests {
    use super::super::testing::{at, facts};
    use super::*;
    use crate::doctor::check::Status;
    use crate::doctor::facts::{Progress, Table};

    fn with(delivered: &str, closed: &str) -> Facts {
        let mut facts = facts();
        facts.table = Ok(Table { status: "ACTIVE".to_owned(), has_key: true, expires: Ok(true) });
        let moment = |text: &str| (!text.is_empty()).then(|| at(text));
        facts.progress = Ok(Progress { delivered: moment(delivered), closed: moment(closed) });
        facts
    }

    fn statuses(facts: &Facts) -> Vec<Status> {
        checks(facts).into_iter().map(|check| check.status).collect()
    }

    #[test]
    fn a_table_that_has_come_to_the_last_hour_is_fine() {
        assert_eq!(statuses(&with("2026-05-04T09:50:00Z", "2026-05-04T09:00:00Z")), [Status::Ok, Status::Ok]);
    }

    #[test]
    fn silence_and_hours_that_nobody_closes_are_failures() {
        for (delivered, closed, words) in [
            ("", "", "No log has been read"),
            ("2026-05-04T06:59:00Z", "2026-05-04T06:00:00Z", "3 hours ago"),
            ("2026-05-04T09:50:00Z", "2026-05-04T05:00:00Z", "nobody judges"),
        ] {
            let checks = checks(&with(delivered, closed));
            assert_eq!(checks[1].status, Status::Failed);
            assert!(checks[1].says.contains(words) && !checks[1].steps.is_empty(), "{:?}", checks[1]);
        }
        assert_eq!(statuses(&with("2026-05-04T09:50:00Z", ""))[1], Status::Warning);
    }

    #[test]
    fn a_table_that_is_missing_or_another_one_is_a_failure() {
        let mut facts = with("2026-05-04T09:50:00Z", "2026-05-04T09:00:00Z");
        facts.table = Ok(Table { status: "ACTIVE".to_owned(), has_key: false, expires: Ok(true) });
        assert_eq!(statuses(&facts)[0], Status::Failed);
        facts.table = Ok(Table { status: "ACTIVE".to_owned(), has_key: true, expires: Ok(false) });
        assert_eq!(statuses(&facts)[0], Status::Warning);
        facts.table = Err(Refusal::Missing("ResourceNotFoundException".to_owned()));
        assert_eq!(statuses(&facts), [Status::Failed]);
    }
}
