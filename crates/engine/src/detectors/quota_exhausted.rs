//! # Quota exhausted for others
//!
//! Calls of several principals of an account were throttled in numbers.
//!
//! ## What it finds
//!
//! Calls of KMS that failed with `ThrottlingException` and the like, of two principals or more, so many in an hour, account
//! and Region.
//!
//! ## Why it matters
//!
//! All principals of an account share its request quotas. Whoever calls often enough stops the work of all others, without
//! a permission on any of their keys; and a flood of calls can hide a few that matter.
//!
//! ## How it decides
//!
//! From `detectors.throttled_calls` distinct calls in a clock hour on: *low* for two principals, *medium* for three or
//! more. One finding an account, Region and UTC day.
//!
//! ## Parameters
//!
//! * `detectors.throttled_calls` (500): throttled calls in an hour. Smaller finds more.
//!
//! ## False positives
//!
//! A batch of one's own that is too fast. It is worth knowing all the same.
//!
//! ## What it cannot see
//!
//! Who used the quota up: those are the calls that succeeded; `unusual_rate` may name them. Calls that clients retried
//! without an error in the log.
//!
//! ## What to do
//!
//! Find the principal with most calls in that hour, slow it down, and ask for a higher quota if it was meant.
//!
//! ## References
//!
//! * AWS KMS developer guide, "Throttling AWS KMS requests"
//! * MITRE ATT&CK T1499, Endpoint Denial of Service

use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::runbook::{aws, look_up};
use crate::state::{AccountState, Merge, Tally};
use crate::time::{DAY, HOUR};
use serde_json::json;
use std::collections::BTreeMap;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "quota_exhausted",
    title: "Quota exhausted for others",
    severity: Severity::Medium,
    kind: FindingKind::Fact,
    stage: None,
    mitre: &[Technique { id: "T1499", name: "Endpoint Denial of Service" }],
    covers: &["N35", "P19"],
    reads: Reads::All,
    page: page(include_str!("quota_exhausted.rs")),
    look: Look::Account(judge),
};

/// Principals hit: with fewer it harms nobody but its cause; from so many on it is medium.
const OTHERS: u64 = 2;
const MEDIUM: u64 = 3;

fn judge(account: &str, state: &AccountState, estate: &Estate, found: &mut Vec<Finding>) {
    let least = estate.settings.detectors.throttled_calls.max(1);
    let mut days: BTreeMap<(i64, &str), Tally> = BTreeMap::new();
    for ((hour, region), tally) in state.throttled.iter() {
        if tally.calls.distinct().count() >= least && tally.distinct.count() >= OTHERS {
            days.entry((hour.div_euclid(DAY / HOUR), region)).or_default().merge(tally);
        }
    }
    for ((day, region), tally) in days {
        let mut finding = finding::of_key(&DETECTOR, "", &[account, region, &day.to_string()]);
        finding.add_sightings(&tally.calls);
        finding.severity = if tally.distinct.count() >= MEDIUM { Severity::Medium } else { Severity::Low };
        finding.account = account.to_owned();
        finding.region = region.to_owned();
        finding.title = format!("Calls to KMS in {region} were throttled for several principals");
        finding.explanation = format!(
            "Between {} and {} calls of several principals of account {account} in {region} failed, since the quota that \
             they share was used up. Whoever used it up is among those whose calls succeeded.",
            finding.time.start, finding.time.end
        );
        let names: Vec<&str> = tally.names.newest().into_iter().map(|sight| sight.name.as_ref()).collect();
        finding.evidence.observed = Some(tally.calls.distinct().count() as f64);
        finding.evidence.details.insert("principals", json!(names));
        finding.evidence.details.insert("principal_count", tally.distinct.count().into());
        let (start, end) = (finding.time.start.to_string(), finding.time.end.plus(HOUR).to_string());
        let times = [("start-time", start.as_str()), ("end-time", &end), ("region", region)];
        finding.runbook = vec![
            format!("See who called most: {}", look_up("EventSource", "kms.amazonaws.com", &times)),
            format!(
                "See the quotas: {}",
                aws("service-quotas list-service-quotas --service-code kms", &[("region", region)])
            ),
        ];
        found.push(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, RecordBuilder, kms};
    use crate::pipeline::testing::{findings, findings_with, only};
    use crate::settings::Settings;

    /// So many throttled calls of so many users in turn.
    fn throttled(calls: usize, users: usize) -> Vec<RecordBuilder> {
        let one = |n: usize| {
            kms("Decrypt")
                .by_user(ACCOUNT, &format!("user-{}", n % users))
                .at(&format!("2026-05-04T10:{:02}:{:02}Z", n / 60, n % 60))
                .failed("ThrottlingException", "Rate exceeded")
        };
        (0..calls).map(one).collect()
    }

    #[test]
    fn three_principals_without_service_are_medium_and_two_are_low() {
        let finding = only(&DETECTOR, &throttled(600, 3));
        assert_eq!((finding.severity, finding.account.as_str()), (Severity::Medium, ACCOUNT));
        assert_eq!(finding.title, "Calls to KMS in eu-west-1 were throttled for several principals");
        assert_eq!(finding.evidence.details["principal_count"], 3);
        assert!(finding.runbook[1].ends_with("list-service-quotas --service-code kms --region eu-west-1"));
        assert_eq!(only(&DETECTOR, &throttled(600, 2)).severity, Severity::Low);
    }

    #[test]
    fn one_that_throttles_itself_harms_nobody() {
        assert!(findings(&DETECTOR, &throttled(600, 1)).is_empty());
    }

    #[test]
    fn the_parameter_decides_how_many_are_enough() {
        let mut settings = Settings::default();
        settings.detectors.throttled_calls = 20;
        assert_eq!(findings_with(&DETECTOR, &throttled(20, 2), &settings).len(), 1);
        assert!(findings_with(&DETECTOR, &throttled(19, 2), &settings).is_empty());
        assert!(findings(&DETECTOR, &throttled(100, 3)).is_empty());
    }

    #[test]
    fn regions_count_apart() {
        let mut settings = Settings::default();
        settings.detectors.throttled_calls = 20;
        let there = throttled(20, 2).into_iter().map(|record| record.set("awsRegion", "us-east-1"));
        let both = throttled(20, 2).into_iter().chain(there).collect::<Vec<_>>();
        assert_eq!(findings_with(&DETECTOR, &both, &settings).len(), 2);
    }

    #[test]
    fn other_failures_dry_runs_and_records_without_account_are_silent() {
        let mut settings = Settings::default();
        settings.detectors.throttled_calls = 20;
        let changed = |change: fn(RecordBuilder) -> RecordBuilder| -> usize {
            let records: Vec<_> = throttled(40, 2).into_iter().map(change).collect();
            findings_with(&DETECTOR, &records, &settings).len()
        };
        assert_eq!(changed(|record| record), 1);
        assert_eq!(changed(|record| record.denied()), 0);
        assert_eq!(changed(|record| record.set("errorCode", serde_json::Value::Null)), 0);
        let dry = |record: RecordBuilder| record.set("requestParameters.dryRun", true);
        assert_eq!(changed(dry), 0);
    }
}
