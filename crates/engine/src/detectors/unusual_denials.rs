//! # Unusual denials and trials
//!
//! ## What it finds
//!
//! A principal that is refused far more often than is usual for it, for far more keys, or that makes far more dry runs.
//!
//! ## Why it matters
//!
//! Somebody who has got hold of credentials does not know what they allow and finds out by trying. Refusals are the
//! trace of that; dry runs tell the same without one refusal. Both come before the damage.
//!
//! ## How it decides
//!
//! Denied calls, distinct keys and operations denied, and direct dry runs of each principal are counted by the hour and
//! compared with what is usual for it; that a principal has never been refused in weeks makes the first refusals
//! unusual. From three refusals in an hour on, their share in all calls is judged as well. The deviation is compared with
//! those that the whole estate shows. The keys that were refused most are named with their counts: exact up to 32 refusals
//! in an hour, from then on by a sample of 32. What goes beyond what the budget allows is a finding: Medium, from a hundred times
//! rarer than the threshold on High, never Critical by itself. Anomalies at most a day apart are one finding. New
//! principals (less than two days, or fewer than nine active hours) are compared with others when they were new. In the
//! first two days of an estate nothing is found.
//!
//! ## Parameters
//!
//! `alerts.budget_per_week`: false statistical alerts a week for the whole estate, default 1. It is shared with
//! `unusual_rate`.
//!
//! ## False positives
//!
//! A change of a key policy or role that went wrong, and the retries after it; a scanner of permissions.
//!
//! ## What it cannot see
//!
//! A few refusals of a principal that is refused all the time. Refusals are counted for principals and not for keys:
//! anybody can be refused for a key that does not exist. Calls refused to a principal of another account stand in the
//! log of that account.
//!
//! ## What to do
//!
//! See which keys were tried and what then worked; ask the owner; if nobody can explain it, revoke the sessions of the
//! role or disable the access key.
//!
//! ## References
//!
//! Head comment of the engine's module `baseline` for the model and its sources.
//! MITRE ATT&CK v18: T1580, T1078.004.

use super::{Detector, Look, Reads, page, unusual};
use crate::baseline::judge::{Episode, Topic};
use crate::estate::Estate;
use crate::finding::{Finding, FindingKind, Severity, Technique};
use crate::stage::Stage;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "unusual_denials",
    title: "Unusual denials and trials",
    severity: Severity::Medium,
    kind: FindingKind::Rate,
    stage: Some(Stage::Probing),
    mitre: &[
        Technique { id: "T1580", name: "Cloud Infrastructure Discovery" },
        Technique { id: "T1078.004", name: "Valid Accounts: Cloud Accounts" },
    ],
    covers: &["M14", "M15", "N13", "P11"],
    reads: Reads::All,
    page: page(include_str!("unusual_denials.rs")),
    look: Look::Score(look),
};

fn look(episode: &Episode, estate: &Estate) -> Option<Finding> {
    if episode.topic != Topic::Denials {
        return None;
    }
    let means = "A permission that was taken away by mistake, and the retries after it, look the same as somebody who \
                 tries what the credentials allow.";
    unusual::finding(&DETECTOR, episode, &estate.settings, means)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, ROLE, RecordBuilder, kms};
    use crate::pipeline::testing::{findings, only};
    use crate::time::Timestamp;

    const MONDAY: i64 = 1_777_852_800; // 2026-05-04T00:00:00Z

    fn at(hour: i64, n: i64) -> String {
        Timestamp(MONDAY + hour * 3_600 + n).to_string()
    }

    fn key(n: i64) -> String {
        format!("arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-4000-8000-{n:012}")
    }

    fn usual(days: i64) -> Vec<RecordBuilder> {
        let hours = (0..days).flat_map(|day| (8..18).map(move |hour| day * 24 + hour));
        hours.map(|hour| kms("Decrypt").at(&at(hour, 0)).id(&format!("u{hour}"))).collect()
    }

    fn denied(hour: i64, n: i64) -> RecordBuilder {
        kms("Decrypt").key(&key(n)).at(&at(hour, n)).id(&format!("d{hour}-{n}")).denied()
    }

    #[test]
    fn trying_keys_that_one_may_not_use_is_a_finding() {
        let mut records = usual(10);
        records.extend((0..12).map(|n| denied(9 * 24 + 22, n)));
        let finding = only(&DETECTOR, &records);
        assert!(finding.title.starts_with("role/payments-api: 12 "), "{}", finding.title);
        assert!(finding.title.ends_with("usually none"), "{}", finding.title);
        assert_eq!(finding.principal.as_ref().unwrap().id, ROLE);
        assert_eq!(finding.evidence.count, 12);
    }

    #[test]
    fn who_is_always_refused_is_not_unusual() {
        let mut records = usual(10);
        let hours = (0..10).flat_map(|day| [1, 7, 13, 19].map(|hour| day * 24 + hour));
        records.extend(hours.flat_map(|hour| (0..8).map(move |n| denied(hour, n))));
        let late =
            findings(&DETECTOR, &records).into_iter().filter(|one| one.time.end.0 > MONDAY + 5 * 86_400);
        assert_eq!(late.count(), 0);
    }

    #[test]
    fn that_all_calls_of_an_hour_are_refused_is_told_where_as_many_are_usual_among_many() {
        let refused = |hour, n| (0..n).map(move |n| denied(hour, n));
        let hours = (0..10).flat_map(|day| (8..18).map(move |hour| day * 24 + hour));
        let busy = |hour: i64| {
            let call = move |n: i64| kms("Decrypt").at(&at(hour, 60 + n)).id(&format!("b{hour}-{n}"));
            (0..80).map(call)
        };
        let mut records: Vec<RecordBuilder> =
            hours.flat_map(|hour| busy(hour).chain(refused(hour, hour % 4))).collect();
        records.extend(refused(9 * 24 + 22, 6));
        let found = findings(&DETECTOR, &records);
        let told = found.iter().map(|one| one.title.clone() + &one.explanation).collect::<String>();
        assert!(told.contains("6 of 6 calls refused within an hour"), "{found:#?}");
    }

    #[test]
    fn dry_runs_are_a_finding_and_those_of_a_service_are_not() {
        let run = |n: i64| {
            kms("Decrypt")
                .key(&key(n))
                .at(&at(9 * 24 + 22, n))
                .id(&format!("r{n}"))
                .set("requestParameters.dryRun", true)
                .failed("DryRunOperationException", "")
        };
        let with = |runs: Vec<RecordBuilder>| usual(10).into_iter().chain(runs).collect::<Vec<_>>();
        let finding = only(&DETECTOR, &with((0..15).map(run).collect()));
        assert!(finding.title.starts_with("role/payments-api: 15 dry runs"), "{}", finding.title);
        let through = (0..15).map(|n| run(n).through("lambda")).collect();
        assert!(findings(&DETECTOR, &with(through)).is_empty());
    }

    #[test]
    fn a_stranger_who_tries_many_keys_is_a_finding() {
        let mut records = usual(10);
        records.extend((0..60).map(|n| denied(9 * 24 + 22, n).by_user(ACCOUNT, "mallory")));
        let finding = only(&DETECTOR, &records);
        assert!(finding.explanation.contains("It is new"), "{}", finding.explanation);
        assert!(finding.runbook.iter().any(|step| step.contains("update-access-key --user-name mallory")));
    }

    #[test]
    fn one_refusal_of_a_stranger_is_none() {
        let mut records = usual(10);
        records.push(denied(9 * 24 + 22, 1).by_user(ACCOUNT, "bob"));
        assert!(findings(&DETECTOR, &records).is_empty());
    }
}
