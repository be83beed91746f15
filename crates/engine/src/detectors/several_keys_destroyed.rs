//! # Several keys destroyed
//!
//! One principal took several keys away from their users within hours.
//!
//! ## What it finds
//!
//! Distinct keys on which one principal succeeded with `ScheduleKeyDeletion`, `DisableKey` or
//! `DeleteImportedKeyMaterial`, within a window of time. One finding for each principal and UTC day on which such a
//! series begins.
//!
//! ## Why it matters
//!
//! Taking away one key may be tidying up; taking away several in a row is how ransom and sabotage look. All other
//! findings about these keys are parts of this one.
//!
//! ## How it decides
//!
//! *Critical* where at least `several_keys` distinct keys are hit within `several_keys_hours`. Several acts on one
//! key count once. Undoing an act does not take the finding away.
//!
//! ## Parameters
//!
//! * `detectors.several_keys` (2): keys within the window that make a finding. Larger finds less.
//! * `detectors.several_keys_hours` (24): length of the window in hours. Larger finds slower series.
//!
//! ## False positives
//!
//! Tools that take whole environments down, and tidying up. Raise `several_keys` above what they do, or let them
//! disable keys some weeks before deleting them.
//!
//! ## What it cannot see
//!
//! A series that is shared between several principals. Of more than 64 acts the oldest are forgotten, and the
//! finding says so.
//!
//! ## What to do
//!
//! Stop the principal first, then undo act by act: cancel deletions, enable keys.
//!
//! ## References
//!
//! * AWS KMS developer guide, "Delete an AWS KMS key"
//! * MITRE ATT&CK T1485, Data Destruction

use super::impact::{look_further, short};
use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::event::Operation;
use crate::finding::{self, Finding, FindingKind, KeyName, Severity, Technique};
use crate::runbook::aws;
use crate::stage::Stage;
use crate::state::principal::Acts;
use crate::state::{ActKind, PrincipalState};
use crate::time::HOUR;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "several_keys_destroyed",
    title: "Several keys destroyed",
    severity: Severity::Critical,
    kind: FindingKind::Fact,
    stage: Some(Stage::Destruction),
    mitre: &[Technique { id: "T1485", name: "Data Destruction" }],
    covers: &["M3", "P1"],
    reads: Reads::These(&[
        Operation::ScheduleKeyDeletion,
        Operation::DisableKey,
        Operation::DeleteImportedKeyMaterial,
    ]),
    page: page(include_str!("several_keys_destroyed.rs")),
    look: Look::Principal(judge),
};

/// Keys for which the runbook has commands.
const COMMANDS: usize = 10;

fn judge(principal: &str, state: &PrincipalState, estate: &Estate, found: &mut Vec<Finding>) {
    let settings = &estate.settings.detectors;
    let window = settings.several_keys_hours.saturating_mul(HOUR);
    let mut acts: Vec<&Acts> = state.destroyed.values().filter(|acts| !acts.first.key.is_empty()).collect();
    acts.sort_by(|a, b| a.first.cmp(&b.first));
    let mut days: BTreeMap<i64, Vec<&Acts>> = BTreeMap::new();
    for series in series(&acts, window, settings.several_keys) {
        let Some(first) = series.first() else { continue };
        // The day and not the act makes the id: an act that is read later may turn out to be the first.
        days.entry(first.first.time.day()).or_default().extend(series);
    }
    for (day, acts) in days {
        found.extend(finding(principal, state, day, &acts));
    }
}

/// Runs of acts in which each is in some window that holds at least `several` distinct keys, and in which these
/// windows overlap.
fn series<'a, 's>(acts: &'a [&'s Acts], window: i64, several: usize) -> impl Iterator<Item = &'a [&'s Acts]> {
    let mut series: Vec<Range<usize>> = Vec::new();
    for (from, first) in acts.iter().enumerate() {
        let within = |acts: &&&Acts| acts.first.time.since(first.first.time) <= window;
        let inside = acts.iter().skip(from).take_while(within);
        let end = from + inside.clone().count();
        let keys: BTreeSet<&str> = inside.map(|acts| acts.first.key.as_str()).collect();
        if keys.len() < several {
            continue;
        }
        match series.last_mut() {
            Some(last) if from < last.end => last.end = end,
            _ => series.push(from..end),
        }
    }
    series.into_iter().filter_map(|range| acts.get(range))
}

fn finding(principal: &str, state: &PrincipalState, day: i64, acts: &[&Acts]) -> Option<Finding> {
    let first = acts.iter().map(|acts| &acts.first).min()?;
    let mut finding = finding::of_act(&DETECTOR, first, &[principal, &day.to_string()]);
    finding.key = None;
    acts.iter().for_each(|acts| finding.add_sightings(&acts.calls));
    let keys: BTreeSet<&str> = acts.iter().map(|acts| acts.first.key.as_str()).collect();
    let mut operations: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for acts in acts {
        operations.entry(acts.first.kind.operation()).or_default().insert(&acts.first.key);
    }
    let at_least = if state.destroyed.is_full() { "at least " } else { "" };
    let parts: Vec<String> =
        operations.iter().map(|(operation, keys)| format!("{operation} on {}", keys.len())).collect();
    let who = short(principal);
    finding.title = format!("{at_least}{} keys were taken out of use by {who}", keys.len());
    if let Some(start) = finding.title.get(..1).map(str::to_uppercase) {
        finding.title.replace_range(..1, &start);
    }
    finding.explanation = format!(
        "Between {} and {}, {who} took {at_least}{} keys away from their users: {}. One such act may be tidying up; \
         a series is how ransom and sabotage look.",
        finding.time.start,
        finding.time.end,
        keys.len(),
        parts.join(", ")
    );
    let details = &mut finding.evidence.details;
    details.insert("keys", json!(keys));
    details.insert("key_count", keys.len().into());
    details.insert(
        "operations",
        json!(operations.iter().map(|(o, k)| (o, k.len())).collect::<BTreeMap<_, _>>()),
    );
    if state.destroyed.is_full() {
        details.insert("incomplete", true.into());
    }
    finding.evidence.observed = Some(keys.len() as f64);
    finding.runbook = runbook(acts, &finding);
    Some(finding)
}

fn runbook(acts: &[&Acts], finding: &Finding) -> Vec<String> {
    let mut steps = Vec::new();
    let mut known = BTreeSet::new();
    let mut targets: Vec<(ActKind, &str)> = Vec::new();
    for acts in acts {
        if known.insert((acts.first.kind, acts.first.key.as_str())) {
            targets.push((acts.first.kind, &acts.first.key));
        }
    }
    for (kind, key) in targets.iter().take(COMMANDS) {
        let region = KeyName::of_arn(key).region.unwrap_or_default();
        let command = |command: &str| aws(command, &[("key-id", key), ("region", &region)]);
        match kind {
            ActKind::ScheduleDeletion => {
                steps.push(format!("Stop the deletion: {}", command("kms cancel-key-deletion")));
                steps.push(format!("Make the key usable again: {}", command("kms enable-key")));
            }
            ActKind::Disable => {
                steps.push(format!("Make the key usable again: {}", command("kms enable-key")));
            }
            _ => steps.push(format!(
                "Import the same key material again, see its state first: {}",
                command("kms describe-key")
            )),
        }
    }
    if targets.len() > COMMANDS {
        steps.push(format!(
            "Do the same for {} more keys: they are in the evidence.",
            targets.len() - COMMANDS
        ));
    }
    steps.push(look_further(finding));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, KEY, OTHER_KEY, RecordBuilder, kms};
    use crate::pipeline::testing::{findings, findings_with, only};
    use crate::settings::Settings;

    fn act(name: &str, key: &str, time: &str) -> RecordBuilder {
        kms(name).key(key).at(time).by_user(ACCOUNT, "mallory")
    }

    fn key(n: usize) -> String {
        format!("arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-4000-8000-{n:012}")
    }

    #[test]
    fn two_keys_within_a_day_are_critical_by_any_destructive_acts() {
        let finding = only(
            &DETECTOR,
            &[
                act("ScheduleKeyDeletion", KEY, "2026-05-04T10:00:00Z"),
                act("DisableKey", OTHER_KEY, "2026-05-04T11:00:00Z"),
            ],
        );
        assert_eq!(finding.severity, Severity::Critical);
        assert_eq!(finding.title, "2 keys were taken out of use by user/mallory");
        assert_eq!(finding.evidence.details["keys"], json!([OTHER_KEY, KEY]));
        assert_eq!(
            finding.evidence.details["operations"],
            json!({"ScheduleKeyDeletion": 1, "DisableKey": 1})
        );
        assert_eq!(finding.evidence.count, 2);
        assert!(
            finding.runbook[0].ends_with(&format!("cancel-key-deletion --key-id {KEY} --region eu-west-1"))
        );
        assert!(finding.runbook[2].ends_with(&format!("enable-key --key-id {OTHER_KEY} --region eu-west-1")));
        assert!(finding.key.is_none());
        let material = [
            act("DeleteImportedKeyMaterial", KEY, "2026-05-04T10:00:00Z"),
            act("DeleteImportedKeyMaterial", OTHER_KEY, "2026-05-04T10:00:00Z"),
        ];
        assert_eq!(only(&DETECTOR, &material).severity, Severity::Critical);
    }

    #[test]
    fn several_acts_on_one_key_are_not_several_keys() {
        let acts = [
            act("DisableKey", KEY, "2026-05-04T10:00:00Z"),
            act("ScheduleKeyDeletion", KEY, "2026-05-04T10:01:00Z"),
            act("DeleteImportedKeyMaterial", KEY, "2026-05-04T10:02:00Z"),
        ];
        assert!(findings(&DETECTOR, &acts).is_empty());
    }

    #[test]
    fn keys_are_counted_within_the_window_only() {
        let first = act("DisableKey", KEY, "2026-05-04T10:00:00Z");
        let at = |time| [first.clone(), act("DisableKey", OTHER_KEY, time)];
        assert_eq!(findings(&DETECTOR, &at("2026-05-05T10:00:00Z")).len(), 1);
        assert!(findings(&DETECTOR, &at("2026-05-05T10:00:01Z")).is_empty());
        let mut settings = Settings::default();
        settings.detectors.several_keys_hours = 25;
        assert_eq!(findings_with(&DETECTOR, &at("2026-05-05T11:00:00Z"), &settings).len(), 1);
        settings.detectors.several_keys_hours = 24;
        settings.detectors.several_keys = 3;
        assert!(findings_with(&DETECTOR, &at("2026-05-04T11:00:00Z"), &settings).is_empty());
    }

    #[test]
    fn a_long_series_is_one_finding_with_all_its_keys() {
        // One key every 13 hours: each two neighbours are within a window.
        let records: Vec<RecordBuilder> = (0..6)
            .map(|n| {
                let time = crate::time::Timestamp(1_777_889_742 + n as i64 * 13 * HOUR).to_string();
                act("DisableKey", &key(n), &time)
            })
            .collect();
        let finding = only(&DETECTOR, &records);
        assert_eq!(finding.evidence.details["key_count"], 6);
        assert_eq!(finding.evidence.count, 6);
        // As the series grows, the finding keeps its id.
        assert_eq!(only(&DETECTOR, &records[..2]).id, finding.id);
    }

    #[test]
    fn two_series_on_different_days_are_two_findings() {
        let records = [
            act("DisableKey", KEY, "2026-05-04T10:00:00Z"),
            act("DisableKey", OTHER_KEY, "2026-05-04T10:00:00Z"),
            act("DisableKey", KEY, "2026-05-09T10:00:00Z"),
            act("DisableKey", OTHER_KEY, "2026-05-09T10:00:00Z"),
        ];
        assert_eq!(findings(&DETECTOR, &records).len(), 2);
    }

    #[test]
    fn two_principals_with_a_key_each_are_not_one() {
        let records = [
            act("DisableKey", KEY, "2026-05-04T10:00:00Z"),
            act("DisableKey", OTHER_KEY, "2026-05-04T10:00:00Z").by_user(ACCOUNT, "bob"),
        ];
        assert!(findings(&DETECTOR, &records).is_empty());
    }

    #[test]
    fn denied_and_failed_acts_destroy_nothing() {
        let records = [
            act("DisableKey", KEY, "2026-05-04T10:00:00Z"),
            act("DisableKey", OTHER_KEY, "2026-05-04T10:00:00Z").denied(),
            act("DisableKey", OTHER_KEY, "2026-05-04T10:00:00Z").failed("NotFoundException", ""),
            act("EnableKey", OTHER_KEY, "2026-05-04T10:00:00Z"),
        ];
        assert!(findings(&DETECTOR, &records).is_empty());
    }

    #[test]
    fn acts_without_a_key_in_the_record_count_for_nothing() {
        let nameless = act("DisableKey", KEY, "2026-05-04T10:00:00Z")
            .remove("resources")
            .set("requestParameters", serde_json::Value::Null)
            .set("responseElements", serde_json::Value::Null);
        assert!(findings(&DETECTOR, &[nameless, act("DisableKey", KEY, "2026-05-04T10:00:00Z")]).is_empty());
    }

    #[test]
    fn more_acts_than_are_remembered_are_said_to_be_incomplete() {
        let records: Vec<RecordBuilder> = (0..70)
            .map(|n| act("DisableKey", &key(n), &format!("2026-05-04T10:{:02}:{:02}Z", n / 60, n % 60)))
            .collect();
        let finding = only(&DETECTOR, &records);
        assert_eq!(finding.title, "At least 64 keys were taken out of use by user/mallory");
        assert_eq!(finding.evidence.details["incomplete"], true);
        assert!(finding.runbook.iter().any(|step| step.contains("54 more keys")));
    }

    #[test]
    fn more_keys_than_have_commands_are_left_to_the_evidence() {
        let steps = |n: usize| {
            let acts: Vec<_> = (0..n).map(|n| act("DisableKey", &key(n), "2026-05-04T10:00:00Z")).collect();
            only(&DETECTOR, &acts).runbook
        };
        assert!(!steps(COMMANDS).iter().any(|step| step.contains("Do the same")));
        assert!(steps(COMMANDS + 1).iter().any(|step| step.contains("Do the same for 1 more keys")));
    }
}
