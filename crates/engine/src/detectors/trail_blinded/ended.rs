//! Ends of logging, told from the State of the account, which knows whether it began again.

use super::super::impact::short;
use super::{DETECTOR, history};
use crate::estate::Estate;
use crate::finding::{self, Finding, Severity};
use crate::runbook::aws;
use crate::state::{AccountState, Act, ActKind, Detail};
use crate::time::DAY;
use serde_json::json;

/// The act that undoes an end of logging, and how to.
pub(super) fn begins_again(kind: ActKind) -> Option<(ActKind, &'static str, &'static str, &'static str)> {
    Some(match kind {
        ActKind::StopLogging => (ActKind::StartLogging, "cloudtrail start-logging", "name", "Start it again"),
        ActKind::StopIngestion => (
            ActKind::StartIngestion,
            "cloudtrail start-event-data-store-ingestion",
            "event-data-store",
            "Start it again",
        ),
        ActKind::DeleteStore => (
            ActKind::RestoreStore,
            "cloudtrail restore-event-data-store",
            "event-data-store",
            "Restore it within 7 days",
        ),
        _ => return None,
    })
}

/// Ends of logging, each until it began again.
pub(super) fn switched(_: &str, state: &AccountState, _: &Estate, found: &mut Vec<Finding>) {
    let acts: Vec<&Act> = state.switches.values().collect();
    for (at, act) in acts.iter().enumerate() {
        let Some((undo, ..)) = begins_again(act.kind) else { continue };
        let same = |other: &&&Act| {
            other.detail == act.detail && other.region == act.region && [act.kind, undo].contains(&other.kind)
        };
        // Of two ends in a row the second did nothing.
        let before = acts.get(..at).unwrap_or_default().iter().rev().find(same);
        if before.is_some_and(|before| before.kind == act.kind) {
            continue;
        }
        let later: Vec<&Act> = acts.get(at + 1..).unwrap_or_default().iter().filter(same).copied().collect();
        let again = later.iter().copied().find(|later| later.kind == undo);
        let repeated = later.iter().copied().take_while(|later| later.kind == act.kind);
        found.push(off(act, repeated, again));
    }
}

fn off<'s>(act: &Act, repeated: impl Iterator<Item = &'s Act>, again: Option<&Act>) -> Finding {
    // Not the account: two accounts' copies of an act are one finding.
    let mut finding = finding::of_act(&DETECTOR, act, &[&act.event_id]);
    repeated.for_each(|act| finding.add_act(act));
    let target = match &act.detail {
        Detail::Target(target) => target.as_str(),
        _ => "",
    };
    let name = if target.is_empty() { "a trail that the log does not name" } else { target };
    let (who, operation) = (short(&act.by.id), act.kind.operation());
    let said = format!("{who} called {operation} on {name} at {}.", act.time);
    if let Some(again) = again {
        let off = span(again.time.since(act.time));
        finding.add_act(again);
        finding.severity = Severity::Medium;
        finding.title = format!("{name} did not log for {off}");
        finding.explanation = format!(
            "{said} For {off} it logged nothing, until {} called {} at {}. What happened in between is not in the log.",
            short(&again.by.id),
            again.kind.operation(),
            again.time
        );
        let undone = json!({"at": again.time, "by": again.by.id, "event_id": again.event_id});
        finding.evidence.details.insert("began_again", undone);
        finding.evidence.details.insert("off_seconds", again.time.since(act.time).into());
    } else {
        finding.severity = Severity::High;
        finding.title = format!("{name} no longer logs any KMS events");
        finding.explanation = format!(
            "{said} From then on it no longer logs any KMS events. kmswatch sees only what some trail logs, so an \
             absence of findings means less from now on."
        );
        if let Some((_, command, option, words)) = begins_again(act.kind) {
            let command = aws(command, &[(option, target), ("region", &act.region)]);
            finding.runbook.push(format!("{words}: {command}"));
        }
    }
    finding.evidence.details.insert("target", target.into());
    finding.evidence.details.insert("lost", "all KMS events".into());
    finding.runbook.push(history(act.time, again.map(|again| again.time), &act.region));
    finding
}

/// A length of time in words, in the largest unit of which there is more than one.
fn span(seconds: i64) -> String {
    let (n, unit) = match seconds {
        ..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / DAY, "day"),
    };
    format!("{n} {unit}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::cloudtrail;
    use crate::pipeline::testing::{findings, only};

    #[test]
    fn logging_that_began_again_is_medium_and_says_how_long_it_was_off() {
        for (off, on) in [
            ("StopLogging", "StartLogging"),
            ("StopEventDataStoreIngestion", "StartEventDataStoreIngestion"),
            ("DeleteEventDataStore", "RestoreEventDataStore"),
        ] {
            let records = [
                cloudtrail(off).at("2026-05-04T10:00:00Z"),
                cloudtrail(on).at("2026-05-04T10:12:30Z").by_user("111122223333", "alice"),
            ];
            let finding = only(&DETECTOR, &records);
            assert_eq!((finding.severity, finding.evidence.count), (Severity::Medium, 2), "{off}");
            assert_eq!(finding.title, "main did not log for 12 minutes");
            assert!(finding.explanation.contains("until user/alice called"), "{}", finding.explanation);
            assert_eq!(finding.evidence.details["off_seconds"], 750);
            assert_eq!(finding.runbook.len(), 1);
            assert!(
                finding.runbook[0]
                    .contains("--start-time 2026-05-04T09:00:00Z --end-time 2026-05-04T10:12:30Z")
            );
        }
    }

    #[test]
    fn only_the_same_trail_begins_again_and_only_later() {
        let stop = || cloudtrail("StopLogging").at("2026-05-04T10:00:00Z");
        let start = || cloudtrail("StartLogging").at("2026-05-04T11:00:00Z");
        for other in [
            start().set("requestParameters.name", "second"),
            start().set("awsRegion", "us-east-1"),
            start().at("2026-05-04T09:00:00Z"),
            start().denied(),
            cloudtrail("StartEventDataStoreIngestion").at("2026-05-04T11:00:00Z"),
        ] {
            assert_eq!(only(&DETECTOR, &[stop(), other]).severity, Severity::High);
        }
        let stopped_twice = [stop(), start(), cloudtrail("StopLogging").at("2026-05-04T12:00:00Z")];
        let severities: Vec<_> = findings(&DETECTOR, &stopped_twice).iter().map(|f| f.severity).collect();
        assert_eq!(severities, [Severity::Medium, Severity::High]);
    }

    #[test]
    fn a_length_of_time_is_told_in_a_unit_that_fits() {
        for (seconds, words) in [
            (1, "1 second"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (7_200, "2 hours"),
            (172_799, "47 hours"),
            (172_800, "2 days"),
        ] {
            assert_eq!(span(seconds), words);
        }
    }
}
