//! # Grants ended in numbers
//!
//! Somebody revoked or retired many grants in a day.
//!
//! ## What it finds
//!
//! `RevokeGrant` and `RetireGrant` that succeeded, by one principal calling directly: so many within one UTC day as no
//! day before.
//!
//! ## Why it matters
//!
//! AWS services such as EBS, RDS and Redshift use keys by grants. Without its grant a volume cannot be attached again,
//! and a database does not start: it is a denial of service that no key state shows, and it cannot be undone by one call.
//!
//! ## How it decides
//!
//! *Medium* from `detectors.ended_grants` distinct calls in a UTC day on, *high* from five times as many. Silent if the
//! same principal ended at least half as many on an earlier day: then it is its work. What AWS services end for
//! themselves or on behalf of others does not count.
//!
//! ## Parameters
//!
//! * `detectors.ended_grants` (20): grants ended by one principal in a UTC day that make a finding. Smaller finds more.
//!
//! ## False positives
//!
//! Tidying up, once. Tools that begin to retire their grants themselves.
//!
//! ## What it cannot see
//!
//! Which service used a grant, if its making is not in the logs. Fewer grants than the parameter, even if they matter.
//!
//! ## What to do
//!
//! Find out what the grants were for (`CreateGrant` in the logs), and have the service make them anew: reattach the
//! volume, start the instance.
//!
//! ## References
//!
//! * AWS KMS developer guide, "Retiring and revoking grants"
//! * MITRE ATT&CK T1489, Service Stop; T1531, Account Access Removal

use super::impact::{look_further, short};
use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::event::Operation;
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::runbook::aws;
use crate::stage::Stage;
use crate::state::principal::Acts;
use crate::state::{Merge, PrincipalState, Sightings};
use crate::time::{DAY, HOUR};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "grants_ended",
    title: "Grants ended in numbers",
    severity: Severity::Medium,
    kind: FindingKind::Fact,
    stage: Some(Stage::Destruction),
    mitre: &[
        Technique { id: "T1489", name: "Service Stop" },
        Technique { id: "T1531", name: "Account Access Removal" },
    ],
    covers: &["N11"],
    reads: Reads::These(&[Operation::RevokeGrant, Operation::RetireGrant]),
    page: page(include_str!("grants_ended.rs")),
    look: Look::Principal(judge),
};

/// So many times the parameter is high.
const HIGH: u64 = 5;

/// Keys that are named, and for which the runbook has commands.
const NAMED: usize = 5;

fn judge(principal: &str, state: &PrincipalState, estate: &Estate, found: &mut Vec<Finding>) {
    let least = estate.settings.detectors.ended_grants.max(1);
    let mut days: BTreeMap<i64, Vec<&Acts>> = BTreeMap::new();
    for ((hour, _, _), acts) in state.ended_grants.iter() {
        days.entry(hour.div_euclid(DAY / HOUR)).or_default().push(acts);
    }
    let mut most_before = 0;
    for (day, acts) in days {
        let mut calls = Sightings::default();
        acts.iter().for_each(|acts| calls.merge(&acts.calls));
        let n = calls.distinct().count();
        if n >= least && most_before.max(1) * 2 < n {
            found.extend(ended(principal, day, &acts, &calls, n >= least.saturating_mul(HIGH)));
        }
        most_before = most_before.max(n);
    }
}

fn ended(principal: &str, day: i64, acts: &[&Acts], calls: &Sightings, many: bool) -> Option<Finding> {
    let first = acts.iter().map(|acts| &acts.first).min()?;
    let mut finding = finding::of_act(&DETECTOR, first, &[principal, &day.to_string()]);
    finding.add_sightings(calls);
    let keys: BTreeSet<&str> =
        acts.iter().map(|acts| acts.first.key.as_str()).filter(|key| !key.is_empty()).collect();
    if keys.len() != 1 {
        finding.key = None;
    }
    finding.severity = if many { Severity::High } else { Severity::Medium };
    let who = short(principal);
    finding.title = format!("{who} ended many grants in a day");
    finding.explanation = format!(
        "{who} revoked or retired grants between {} and {}, by direct calls. Services that used a key by such a grant \
         can no longer: a volume cannot be attached again, a database does not start. It does not prove harm: some \
         grants are no longer needed.",
        finding.time.start, finding.time.end
    );
    let named: Vec<&str> = keys.iter().copied().take(NAMED).collect();
    finding.evidence.observed = Some(calls.distinct().count() as f64);
    finding.evidence.details.insert("keys", json!(named));
    finding.evidence.details.insert("key_count", keys.len().into());
    for key in named {
        let list = aws("kms list-grants", &[("key-id", key), ("region", &finding.region)]);
        finding.runbook.push(format!("See which grants are left: {list}"));
    }
    finding.runbook.push(look_further(&finding));
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, KEY, OTHER_KEY, RecordBuilder, kms};
    use crate::pipeline::testing::{findings, findings_with};
    use crate::settings::Settings;

    /// So many grants ended by the same user on this day of May.
    fn revoked(day: u32, n: u32) -> Vec<RecordBuilder> {
        let one = |n: u32| {
            kms(if n.is_multiple_of(2) { "RevokeGrant" } else { "RetireGrant" })
                .set("requestParameters.grantId", format!("grant-{n}"))
                .by_user(ACCOUNT, "mallory")
                .at(&format!("2026-05-{day:02}T10:{:02}:{:02}Z", n / 60, n % 60))
        };
        (0..n).map(one).collect()
    }

    fn severities(records: &[RecordBuilder]) -> Vec<Severity> {
        findings(&DETECTOR, records).iter().map(|finding| finding.severity).collect()
    }

    #[test]
    fn many_grants_ended_are_medium_and_very_many_high() {
        assert_eq!(severities(&revoked(4, 19)), []);
        assert_eq!(severities(&revoked(4, 20)), [Severity::Medium]);
        assert_eq!(severities(&revoked(4, 99)), [Severity::Medium]);
        assert_eq!(severities(&revoked(4, 100)), [Severity::High]);
        let found = findings(&DETECTOR, &revoked(4, 20));
        assert_eq!(found[0].title, "user/mallory ended many grants in a day");
        assert_eq!((found[0].evidence.count, found[0].evidence.observed), (20, Some(20.0)));
        assert_eq!(found[0].key.as_ref().unwrap().arn, KEY);
        assert!(
            found[0].runbook[0].contains(&format!("aws kms list-grants --key-id {KEY} --region eu-west-1"))
        );
    }

    #[test]
    fn grants_of_several_keys_count_together() {
        let mut records = revoked(4, 10);
        records.extend(revoked(4, 10).into_iter().map(|record| record.key(OTHER_KEY)));
        let found = findings(&DETECTOR, &records);
        assert_eq!((found.len(), &found[0].key), (1, &None));
        assert_eq!(found[0].evidence.details["key_count"], 2);
    }

    #[test]
    fn who_does_it_every_day_is_at_work() {
        let daily: Vec<_> = (4..8).flat_map(|day| revoked(day, 20)).collect();
        assert_eq!(findings(&DETECTOR, &daily).len(), 1, "the first day alone");
        let grown = [revoked(4, 10), revoked(5, 20)].concat();
        assert_eq!(severities(&grown), []);
        let jumped = [revoked(4, 9), revoked(5, 20)].concat();
        assert_eq!(severities(&jumped), [Severity::Medium]);
    }

    #[test]
    fn what_services_end_and_what_fails_does_not_count() {
        let each = |change: fn(RecordBuilder) -> RecordBuilder| -> Vec<RecordBuilder> {
            revoked(4, 30).into_iter().map(change).collect()
        };
        assert_eq!(severities(&each(|record| record.through("ec2"))), []);
        assert_eq!(severities(&each(|record| record.by_service("rds"))), []);
        assert_eq!(severities(&each(RecordBuilder::denied)), []);
        assert_eq!(severities(&each(|record| record.failed("NotFoundException", ""))), []);
    }

    #[test]
    fn the_parameter_decides_and_a_missing_key_does_not_hide_it() {
        let mut settings = Settings::default();
        settings.detectors.ended_grants = 5;
        assert_eq!(findings_with(&DETECTOR, &revoked(4, 5), &settings).len(), 1);
        let bare: Vec<_> = revoked(4, 20)
            .into_iter()
            .map(|record| {
                record
                    .remove("resources")
                    .set("requestParameters", serde_json::Value::Null)
                    .set("responseElements", serde_json::Value::Null)
            })
            .collect();
        assert_eq!(findings(&DETECTOR, &bare)[0].key, None);
    }
}
