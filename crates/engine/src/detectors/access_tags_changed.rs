//! # Access tags changed
//!
//! The tags of a key were changed, and with them who may use it.
//!
//! ## What it finds
//!
//! `TagResource` and `UntagResource` on a tag of which the key policy in force makes access depend
//! (`aws:ResourceTag/...`); and any change of tags after which the same principal used the key for the first time within
//! an hour.
//!
//! ## Why it matters
//!
//! Where access goes by tags, whoever may tag a key may let himself in, without touching a policy. The right to tag is
//! given away more freely than any other.
//!
//! ## How it decides
//!
//! *Medium* for either; *high* if both hold. The first use counts only on a key that others used before.
//!
//! ## False positives
//!
//! Infrastructure code that tags keys, where policies go by tags.
//!
//! ## What it cannot see
//!
//! Tag conditions in IAM policies, which are not in these logs, and in key policies put before the logs at hand begin: then
//! only the second sign is left. Values of tags are not compared.
//!
//! ## What to do
//!
//! Put the tag back as it was, and see what was done with the key in between.
//!
//! ## References
//!
//! * AWS KMS developer guide, "ABAC for AWS KMS"
//! * MITRE ATT&CK T1098, Account Manipulation; T1548.005, Temporary Elevated Cloud Access

use super::deed;
use super::impact::{Impact, look_further, on_key, short};
use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::event::Operation;
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::policy::Policy;
use crate::stage::Stage;
use crate::state::{Act, ActKind, Detail, KeyState};
use crate::time::{HOUR, Timestamp};
use serde_json::json;
use std::collections::BTreeSet;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "access_tags_changed",
    title: "Access tags changed",
    severity: Severity::Medium,
    kind: FindingKind::Fact,
    stage: Some(Stage::Opening),
    mitre: &[
        Technique { id: "T1098", name: "Account Manipulation" },
        Technique { id: "T1548.005", name: "Temporary Elevated Cloud Access" },
    ],
    covers: &["N24", "P17"],
    reads: Reads::These(&[Operation::TagResource, Operation::UntagResource]),
    page: page(include_str!("access_tags_changed.rs")),
    look: Look::Key(judge),
};

/// How soon the first use must follow.
const SOON: i64 = HOUR;

fn judge(key: &str, state: &KeyState, _: &Estate, found: &mut Vec<Finding>) {
    for act in state.tags.values() {
        let Detail::Names(changed) = &act.detail else { continue };
        let decisive = decisive(state, act, changed);
        let first_use = first_use(state, act).filter(|_| Impact::of(state, act).is_felt());
        let severity = match (decisive.is_empty(), first_use) {
            (false, Some(_)) => Severity::High,
            (false, None) | (true, Some(_)) => Severity::Medium,
            (true, None) => continue,
        };
        let mut finding = finding::of_act(&DETECTOR, act, &[key, &act.event_id]);
        finding.severity = severity;
        let (who, verb) = (short(&act.by.id), if act.kind == ActKind::Tag { "set" } else { "removed" });
        let names: Vec<&str> = changed.iter().map(|name| deed::clip(name)).collect();
        finding.title = "Tags of {key} that may decide over access were changed".to_owned();
        finding.explanation =
            format!("{who} {verb} the tags {} of {{key}} at {}.", names.join(", "), act.time);
        if !decisive.is_empty() {
            let decisive: Vec<&str> = decisive.iter().map(|name| deed::clip(name)).collect();
            finding.explanation.push_str(&format!(
                " Its key policy makes access depend on {}: who is let in may have changed with it.",
                decisive.join(", ")
            ));
            finding.evidence.details.insert("decisive", json!(decisive));
        }
        if let Some(first_use) = first_use {
            finding.explanation.push_str(&format!(
                " At {first_use} the same principal used the key, for the first time in the logs at hand."
            ));
            finding.evidence.details.insert("first_use", json!(first_use));
        }
        finding.evidence.details.insert("tags", json!(names));
        finding.runbook = vec![
            format!("See the tags that it has: {}", on_key("kms list-resource-tags", &finding)),
            look_further(&finding),
        ];
        found.push(finding);
    }
}

/// Those of the changed tags of which the policy in force at the time makes access depend.
fn decisive<'c>(state: &KeyState, act: &Act, changed: &'c [String]) -> Vec<&'c str> {
    let before = state.policies.iter().take_while(|((set, _), _)| *set <= act.time);
    let in_force = before.last().and_then(|(_, policy)| Policy::parse(policy.text.as_deref()?).ok());
    let Some(policy) = in_force else { return Vec::new() };
    let conditions = policy.statements.iter().flat_map(|statement| &statement.conditions);
    let tags: BTreeSet<&str> =
        conditions.filter_map(|condition| condition.key.strip_prefix("aws:resourcetag/")).collect();
    // Keys of conditions do not distinguish case.
    changed.iter().map(String::as_str).filter(|name| tags.contains(name.to_lowercase().as_str())).collect()
}

/// When the one who changed the tags used the key for the first time, if that was soon after.
fn first_use(state: &KeyState, act: &Act) -> Option<Timestamp> {
    let first =
        state.users.iter().filter(|sight| *sight.name == *act.by.id).filter_map(|sight| sight.first).min()?;
    (first >= act.time && first.since(act.time) <= SOON).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, KEY, RecordBuilder, kms};
    use crate::pipeline::testing::{findings, only};
    use serde_json::Value;

    fn policy(condition: &Value) -> RecordBuilder {
        let statement = json!({
            "Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "kms:*", "Resource": "*", "Condition": condition,
        });
        kms("PutKeyPolicy")
            .set("requestParameters.policy", json!({ "Statement": statement }).to_string())
            .at("2026-05-01T10:00:00Z")
    }

    fn by_tag() -> RecordBuilder {
        policy(&json!({"StringEquals": {"aws:ResourceTag/Team": "payments"}}))
    }

    fn tag(name: &str) -> RecordBuilder {
        kms("TagResource")
            .by_user(ACCOUNT, "mallory")
            .set("requestParameters.tags", json!([{"tagKey": name, "tagValue": "x"}]))
            .at("2026-05-04T10:00:00Z")
    }

    fn used_by(user: &str, time: &str) -> RecordBuilder {
        kms("Decrypt").by_user(ACCOUNT, user).at(time)
    }

    #[test]
    fn a_tag_that_decides_over_access_is_medium() {
        let finding = only(&DETECTOR, &[by_tag(), tag("team")]);
        assert_eq!(finding.severity, Severity::Medium);
        assert_eq!(finding.evidence.details["decisive"], json!(["team"]));
        assert!(finding.explanation.contains("user/mallory set the tags team"));
        assert!(finding.runbook[0].contains(&format!("aws kms list-resource-tags --key-id {KEY}")));
        let removed =
            kms("UntagResource").set("requestParameters.tagKeys", json!(["Team"])).at("2026-05-04T10:00:00Z");
        assert!(only(&DETECTOR, &[by_tag(), removed]).explanation.contains("removed the tags Team"));
    }

    #[test]
    fn a_first_use_soon_after_makes_any_tag_medium_and_a_decisive_one_high() {
        let others = || used_by("alice", "2026-05-03T10:00:00Z");
        let soon = || used_by("mallory", "2026-05-04T11:00:00Z");
        assert_eq!(only(&DETECTOR, &[others(), tag("x"), soon()]).severity, Severity::Medium);
        assert_eq!(only(&DETECTOR, &[by_tag(), others(), tag("Team"), soon()]).severity, Severity::High);
        let late = used_by("mallory", "2026-05-04T11:00:01Z");
        assert!(findings(&DETECTOR, &[others(), tag("x"), late]).is_empty());
        let known = used_by("mallory", "2026-05-04T09:59:59Z");
        assert!(findings(&DETECTOR, &[others(), known, tag("x"), soon()]).is_empty());
        assert!(findings(&DETECTOR, &[tag("x"), soon()]).is_empty(), "a new key of his own");
        assert!(
            findings(&DETECTOR, &[others(), tag("x"), used_by("bob", "2026-05-04T10:30:00Z")]).is_empty()
        );
    }

    #[test]
    fn other_tags_and_other_conditions_are_silent() {
        assert!(findings(&DETECTOR, &[by_tag(), tag("cost-center")]).is_empty());
        let other = policy(&json!({"StringEquals": {"aws:PrincipalTag/Team": "payments"}}));
        assert!(findings(&DETECTOR, &[other, tag("Team")]).is_empty());
        let later = by_tag().at("2026-05-05T10:00:00Z");
        assert!(findings(&DETECTOR, &[later, tag("Team")]).is_empty(), "not in force yet");
    }

    #[test]
    fn failed_calls_are_silent() {
        assert!(findings(&DETECTOR, &[by_tag(), tag("Team").denied()]).is_empty());
        assert!(findings(&DETECTOR, &[by_tag(), tag("Team").failed("TagException", "")]).is_empty());
    }

    #[test]
    fn missing_parameters_are_silent() {
        assert!(
            findings(&DETECTOR, &[by_tag(), tag("Team").set("requestParameters", Value::Null)]).is_empty()
        );
        assert!(
            findings(&DETECTOR, &[by_tag(), tag("Team").set("requestParameters.tags", json!([{}]))])
                .is_empty()
        );
    }

    #[test]
    fn within_one_second_a_policy_counts_as_before_and_a_use_as_after() {
        let at_once = tag("Team").at("2026-05-01T10:00:00Z");
        assert_eq!(only(&DETECTOR, &[by_tag(), at_once]).severity, Severity::Medium);
        let others = used_by("alice", "2026-05-03T10:00:00Z");
        let same = used_by("mallory", "2026-05-04T10:00:00Z");
        assert_eq!(findings(&DETECTOR, &[others, tag("x"), same]).len(), 1);
    }
}
