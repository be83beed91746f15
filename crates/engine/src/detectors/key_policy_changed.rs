//! # Key policy changed to grant more
//!
//! ## What it finds
//!
//! A key policy (PutKeyPolicy) that gives principals of your own estate, or AWS services, more than the policy before:
//! principals or actions that were added, a condition that fell away or changed, a Deny that is gone. And a policy that
//! takes from CloudTrail the use of the key with which it encrypts the log, or from a service or role of the alert path
//! (`estate.pipeline`) the use of the key that this is encrypted with.
//!
//! ## Why it matters
//!
//! Policies grow in small steps, by people in a hurry and by intruders alike. In a review nobody sees what has changed,
//! since CloudTrail logs the new policy alone.
//!
//! ## How it decides
//!
//! The policy is compared with the one that was put before, statement by statement: order, Sids and the way in which
//! statements are cut do not matter. *Low* if principals or actions were added; *medium* if a condition on the use or
//! sharing of the key fell away or changed, or a Deny is gone; *high* if CloudTrail can no longer encrypt its log, or a
//! service, or what is declared in `estate.pipeline`, may no longer use the key of the alert path. The same comparison stands in the findings of `key_policy_opened` and `key_policy_lockout`; access of strangers is left to
//! the former. A policy that only takes away is silent.
//!
//! ## Parameters
//!
//! * `estate.accounts` and `estate.trusted_accounts`: nobody of these is a stranger.
//! * `estate.pipeline`: what brings logs and alerts; their key may be named there, too, by ARN or id.
//!
//! ## False positives
//!
//! Every legitimate extension of a policy. Most are *low*.
//!
//! ## What it cannot see
//!
//! The policy before, if it was put before the logs at hand begin; all but the last three policies of a key. Whether IAM
//! policies give what the statement for the account's root leaves to them.
//!
//! ## What to do
//!
//! Ask who made the change whether each line was meant. If not, put the policy before back.
//!
//! ## References
//!
//! * AWS KMS developer guide, "Key policies in AWS KMS"
//! * MITRE ATT&CK T1098, Account Manipulation

use super::deed;
use super::impact::{Watch, look_further, short};
use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::event::Operation;
use crate::finding::{self, Finding, FindingKind, KeyName, Severity, Technique};
use crate::policy::diff::Who;
use crate::policy::{Actions, Class, Diff, Name, Policy};
use crate::runbook;
use crate::state::{KeyState, PolicyText};
use crate::time::Timestamp;
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "key_policy_changed",
    title: "Key policy changed to grant more",
    severity: Severity::Low,
    kind: FindingKind::Fact,
    stage: None,
    mitre: &[Technique { id: "T1098", name: "Account Manipulation" }],
    covers: &["M4", "N16", "N25"],
    reads: Reads::These(&[Operation::PutKeyPolicy, Operation::CreateKey, Operation::ReplicateKey]),
    page: page(include_str!("key_policy_changed.rs")),
    look: Look::Key(judge),
};

/// Changes that a finding names.
const NAMED: usize = 8;

/// Actions that a change names.
const ACTIONS: usize = 6;

fn judge(key: &str, state: &KeyState, estate: &Estate, found: &mut Vec<Finding>) {
    let Some(owner) = KeyName::of_arn(key).account else { return };
    let policies: Vec<(&(Timestamp, String), &PolicyText)> = state.policies.iter().collect();
    for pair in policies.windows(2) {
        let [(_, before), (stamp, after)] = pair else { continue };
        let (Some(old), Some(new)) = (parse(before, &owner), parse(after, &owner)) else { continue };
        let mut diff = Diff::between(&old, &new);
        let ours = |who: &Who| !is_stranger(who, estate, &owner);
        diff.added.retain(|(who, _)| ours(who));
        diff.loosened.retain(|(who, ..)| ours(who));
        let blinds = Watch::on(key, state, estate).and_then(|watch| blinds(&diff, &watch, estate));
        let shared = |actions: &Actions| actions.gives(Class::Use) || actions.gives(Class::Grant);
        let severity = if blinds.is_some() {
            Severity::High
        } else if !diff.undenied.is_empty() || diff.loosened.iter().any(|(_, actions, _)| shared(actions)) {
            Severity::Medium
        } else if !diff.added.is_empty() || !diff.loosened.is_empty() {
            Severity::Low
        } else {
            continue;
        };
        let (time, event_id) = *stamp;
        let mut finding = finding::of_key(&DETECTOR, key, &[key, event_id]);
        finding.evidence.add(*time, event_id);
        finding.time = finding::Span { start: *time, end: *time };
        finding.severity = severity;
        finding.principal = Some(after.actor.actor());
        let lines = words(&diff);
        let (what, blinding) = match blinds {
            Some(Blinds::Log) => (
                "no longer lets CloudTrail encrypt the log",
                " CloudTrail encrypts its log with this key, and this policy no longer lets it.",
            ),
            Some(Blinds::Alerts) => (
                "no longer lets the alert path use it",
                " What brings logs to kmswatch, or its alerts to people, is encrypted with this key: where that may \
                 no longer use it, an absence of findings means nothing.",
            ),
            None => ("grants more than before", ""),
        };
        finding.title = format!("Key policy of {{key}} {what}");
        finding.explanation = format!(
            "{} set a key policy on {{key}} at {time}.{blinding} Compared with the policy before: {}.",
            short(&after.by),
            lines.join("; ")
        );
        finding.evidence.details.insert("changes", json!(lines));
        finding.evidence.details.insert("by", json!(after.by));
        let region = finding.region.clone();
        let policy = [("key-id", key), ("policy-name", "default"), ("region", region.as_str())];
        finding.runbook = vec![
            format!("Ask {} whether each of these was meant.", short(&after.by)),
            format!(
                "If not, put the policy before back (from code, or from the previous PutKeyPolicy in the logs): {} \
                 --policy file://last-good-policy.json",
                runbook::aws("kms put-key-policy", &policy)
            ),
            look_further(&finding),
        ];
        found.push(finding);
    }
}

/// Tells in a finding about a policy that was set how it differs from the one before, if that is known.
pub(crate) fn compare(finding: &mut Finding, state: &KeyState) {
    let Some(owner) = finding.key.as_ref().and_then(|key| KeyName::of_arn(&key.arn).account) else { return };
    let policies: Vec<(&(Timestamp, String), &PolicyText)> = state.policies.iter().collect();
    for pair in policies.windows(2) {
        let [((set, _), before), (stamp, after)] = pair else { continue };
        if !finding.evidence.earliest().contains(stamp) {
            continue;
        }
        if let (Some(old), Some(new)) = (parse(before, &owner), parse(after, &owner)) {
            let lines = words(&Diff::between(&old, &new));
            if !lines.is_empty() {
                finding.explanation.push_str(&format!(
                    " Compared with the policy that {} set at {set}: {}.",
                    short(&before.by),
                    lines.join("; ")
                ));
                finding.evidence.details.insert("changes", json!(lines));
            }
        }
        return;
    }
}

/// The policy of a text; the default one where the key was made without.
fn parse(policy: &PolicyText, owner: &str) -> Option<Policy> {
    match &policy.text {
        Some(text) => Policy::parse(text).ok(),
        None => Policy::parse(
            &json!({"Statement": {"Effect": "Allow", "Principal": {"AWS": owner}, "Action": "kms:*"}})
                .to_string(),
        )
        .ok(),
    }
}

/// Whether the detector of opened policies speaks of it.
fn is_stranger(who: &Who, estate: &Estate, owner: &str) -> bool {
    match who {
        Who::Named(Name::Anyone) | Who::Except(_) => true,
        Who::Named(name) => name.account().is_some_and(|account| estate.is_outsider(account, owner)),
    }
}

/// What a policy cuts off.
#[derive(Clone, Copy)]
enum Blinds {
    /// CloudTrail from the key of its log.
    Log,
    /// A service or a role from the key of the alert path.
    Alerts,
}

/// What a policy of a key cuts off from what rests on it.
fn blinds(diff: &Diff, watch: &Watch<'_>, estate: &Estate) -> Option<Blinds> {
    let loses = |actions: &Actions, call: &str| !actions.and(Actions::named(call)).is_empty();
    let of = |(who, actions): &(Who, Actions)| match who {
        Who::Named(Name::Service(service)) if watch.trail && service == "cloudtrail.amazonaws.com" => {
            loses(actions, "GenerateDataKey").then_some(Blinds::Log)
        }
        _ if watch.trail => None,
        Who::Named(name) => {
            let is_of_path = matches!(name, Name::Service(_)) || estate.is_pipeline(&who.text());
            let is_cut = loses(actions, "GenerateDataKey") || loses(actions, "Decrypt");
            (is_of_path && is_cut).then_some(Blinds::Alerts)
        }
        Who::Except(_) => None,
    };
    diff.removed.iter().find_map(of)
}

/// The differences, one a line.
fn words(diff: &Diff) -> Vec<String> {
    let name = |who: &Who| {
        let text = who.text();
        deed::clip(if text.starts_with("arn:") { short(&text) } else { &text }).to_owned()
    };
    let mut lines: Vec<String> = Vec::new();
    for (who, actions) in &diff.added {
        lines.push(format!("{} may now {}", name(who), list(*actions)));
    }
    for (who, actions, keys) in &diff.loosened {
        let keys: Vec<&str> = keys.iter().take(ACTIONS).map(|key| deed::clip(key)).collect();
        lines.push(format!(
            "{} may {} without the condition on {} as it was",
            name(who),
            list(*actions),
            keys.join(", ")
        ));
    }
    for (who, actions) in &diff.undenied {
        lines.push(format!("{} for {} is no longer denied as it was", list(*actions), name(who)));
    }
    for (who, actions) in &diff.removed {
        lines.push(format!("{} may no longer {}", name(who), list(*actions)));
    }
    let more = lines.len().saturating_sub(NAMED);
    lines.truncate(NAMED);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

fn list(actions: Actions) -> String {
    if actions == Actions::ALL {
        return "do everything (kms:*)".to_owned();
    }
    let names: Vec<&str> = actions.names().collect();
    let more = names.len().saturating_sub(ACTIONS);
    let named = names.get(..ACTIONS.min(names.len())).unwrap_or_default().join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detectors::{key_policy_lockout, key_policy_opened};
    use crate::event::testing::{ACCOUNT, KEY, RecordBuilder, kms};
    use crate::pipeline::testing::{findings, only};
    use serde_json::Value;

    fn allow(who: Value, action: Value) -> Value {
        json!({"Effect": "Allow", "Principal": who, "Action": action, "Resource": "*"})
    }

    fn root() -> Value {
        allow(json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:root")}), json!("kms:*"))
    }

    fn role(name: &str) -> Value {
        json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:role/{name}")})
    }

    fn put(hour: u32, statements: &[Value]) -> RecordBuilder {
        let policy = json!({ "Statement": statements }).to_string();
        kms("PutKeyPolicy")
            .set("requestParameters.policy", policy)
            .at(&format!("2026-05-04T{hour:02}:00:00Z"))
            .by_user(ACCOUNT, "mallory")
    }

    #[test]
    fn a_principal_and_an_action_that_are_new_are_told_in_words() {
        let old = [root(), allow(role("reader"), json!("kms:Decrypt"))];
        let new = [
            root(),
            allow(role("reader"), json!(["kms:Decrypt", "kms:GenerateDataKey"])),
            allow(role("analyst"), json!("kms:Decrypt")),
        ];
        let finding = only(&DETECTOR, &[put(10, &old), put(11, &new)]);
        assert_eq!(finding.severity, Severity::Low);
        assert_eq!(
            finding.title,
            "Key policy of 1234abcd-12ab-34cd-56ef-1234567890ab grants more than before"
        );
        assert_eq!(
            finding.evidence.details["changes"],
            json!(["role/analyst may now Decrypt", "role/reader may now GenerateDataKey"])
        );
        assert!(finding.explanation.starts_with("user/mallory set a key policy"), "{}", finding.explanation);
        assert!(finding.runbook[1].contains(&format!("put-key-policy --key-id {KEY} --policy-name default")));
        assert!(!finding.explanation.contains("CloudTrail"));
        assert_eq!(finding.time.start.to_string(), "2026-05-04T11:00:00Z");
        assert_eq!(finding.principal.unwrap().access_key.as_deref(), Some("AKIAMALLORY"));
    }

    #[test]
    fn a_condition_or_a_deny_that_goes_is_medium() {
        let via = json!({"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}});
        let mut bound = allow(role("reader"), json!("kms:Decrypt"));
        bound["Condition"] = via;
        let free = allow(role("reader"), json!("kms:Decrypt"));
        let finding = only(&DETECTOR, &[put(10, &[root(), bound]), put(11, &[root(), free])]);
        assert_eq!(finding.severity, Severity::Medium);
        assert_eq!(
            finding.evidence.details["changes"],
            json!(["role/reader may Decrypt without the condition on kms:viaservice as it was"])
        );
        let mut deny = allow(json!("*"), json!("kms:CreateGrant"));
        deny["Effect"] = "Deny".into();
        let finding = only(&DETECTOR, &[put(10, &[root(), deny]), put(11, &[root()])]);
        assert_eq!(finding.severity, Severity::Medium);
        assert_eq!(
            finding.evidence.details["changes"],
            json!(["CreateGrant for everybody is no longer denied as it was"])
        );
    }

    #[test]
    fn a_condition_on_reading_metadata_is_low() {
        let mut bound = allow(role("reader"), json!("kms:DescribeKey"));
        bound["Condition"] = json!({"Bool": {"aws:SecureTransport": "true"}});
        let free = allow(role("reader"), json!("kms:DescribeKey"));
        let finding = only(&DETECTOR, &[put(10, &[root(), bound]), put(11, &[root(), free])]);
        assert_eq!(finding.severity, Severity::Low);
    }

    #[test]
    fn a_log_key_that_cloudtrail_may_no_longer_use_is_high() {
        let logs = allow(json!({"Service": "cloudtrail.amazonaws.com"}), json!("kms:GenerateDataKey*"));
        let records = [put(10, &[root(), logs]), put(11, &[root()])];
        assert!(findings(&DETECTOR, &records).is_empty(), "of another key it only takes away");
        let context = json!({"aws:cloudtrail:arn": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main"});
        let logged = kms("GenerateDataKey")
            .by_service("cloudtrail")
            .set("requestParameters.encryptionContext", context);
        let [old, new] = records;
        let finding = only(&DETECTOR, &[logged, old, new]);
        assert_eq!(finding.severity, Severity::High);
        assert!(finding.title.ends_with("no longer lets CloudTrail encrypt the log"));
        assert!(finding.explanation.contains("CloudTrail encrypts its log with this key"));
    }

    #[test]
    fn a_key_of_the_alert_path_that_its_service_or_role_may_no_longer_use_is_high() {
        let used = |name: &str, value: &str| {
            kms("Decrypt")
                .set("requestParameters.encryptionContext", json!({ name: value }))
                .by_service("sns")
        };
        let path = used("aws:sns:topicArn", "arn:aws:sns:eu-west-1:111122223333:kmswatch-alerts");
        let service =
            allow(json!({"Service": "events.amazonaws.com"}), json!(["kms:Decrypt", "kms:GenerateDataKey*"]));
        for cut in [service, allow(role("kmswatch-FunctionRole"), json!("kms:Decrypt"))] {
            let puts = [put(10, &[root(), cut]), put(11, &[root()])];
            assert!(findings(&DETECTOR, &puts).is_empty(), "of another key it only takes away");
            let [old, new] = puts;
            let finding = only(&DETECTOR, &[path.clone(), old.clone(), new.clone()]);
            assert_eq!(finding.severity, Severity::High);
            assert!(finding.title.ends_with("no longer lets the alert path use it"));
            assert!(finding.explanation.contains("an absence of findings means nothing"));
            let orders = used("aws:sns:topicArn", "arn:aws:sns:eu-west-1:111122223333:orders");
            assert!(findings(&DETECTOR, &[orders, old.clone(), new.clone()]).is_empty());
            assert!(findings(&DETECTOR, &[path.clone(), old, new.denied()]).is_empty());
        }
        for other in [
            allow(role("reader"), json!("kms:Decrypt")),
            allow(json!({"Service": "events.amazonaws.com"}), json!("kms:DescribeKey")),
        ] {
            let records = [path.clone(), put(10, &[root(), other]), put(11, &[root()])];
            assert!(findings(&DETECTOR, &records).is_empty(), "the alert path needs neither");
        }
    }

    #[test]
    fn what_only_takes_away_or_says_the_same_is_silent() {
        let with = [root(), allow(role("reader"), json!("kms:Decrypt"))];
        assert!(findings(&DETECTOR, &[put(10, &with), put(11, &[root()])]).is_empty());
        assert!(findings(&DETECTOR, &[put(10, &with), put(11, &with)]).is_empty());
        assert!(findings(&DETECTOR, &[put(10, &with)]).is_empty(), "nothing to compare with");
    }

    #[test]
    fn strangers_are_left_to_the_detector_of_opened_policies_which_says_what_changed() {
        let foreign = allow(json!({"AWS": "arn:aws:iam::444455556666:root"}), json!("kms:Decrypt"));
        let records = [
            put(10, &[root()]),
            put(11, &[root(), foreign]),
            put(12, &[root(), allow(json!("*"), json!("kms:Sign"))]),
        ];
        assert!(findings(&DETECTOR, &records).is_empty());
        let opened = findings(&key_policy_opened::DETECTOR, &records);
        assert_eq!(opened[0].evidence.details["changes"], json!(["444455556666 may now Decrypt"]));
        assert!(
            opened[0]
                .explanation
                .contains("Compared with the policy that user/mallory set at 2026-05-04T10:00:00Z")
        );
        let lockout = [put(10, &[root()]), put(11, &[allow(role("only"), json!("kms:*"))])];
        let finding = only(&key_policy_lockout::DETECTOR, &lockout);
        assert!(
            finding.explanation.contains("111122223333 may no longer do everything (kms:*)"),
            "{}",
            finding.explanation
        );
    }

    #[test]
    fn an_open_policy_that_is_put_again_is_not_found_again() {
        let open = [root(), allow(json!("*"), json!("kms:Decrypt"))];
        let at =
            |day: u32, statements: &[Value]| put(10, statements).at(&format!("2026-05-{day:02}T10:00:00Z"));
        let opened = |records: &[RecordBuilder]| -> Vec<String> {
            let found = findings(&key_policy_opened::DETECTOR, records);
            found.iter().map(|finding| finding.time.start.to_string()).collect()
        };
        assert_eq!(opened(&[at(4, &open), at(5, &open), at(6, &open)]), ["2026-05-04T10:00:00Z"]);
        let closed = [at(4, &open), at(5, &[root()]), at(6, &open), at(7, &open)];
        assert_eq!(opened(&closed), ["2026-05-04T10:00:00Z", "2026-05-06T10:00:00Z"], "opened anew");
        assert_eq!(
            opened(&[at(4, &open), at(5, &open).denied()]).len(),
            2,
            "a denied attempt is another thing"
        );
    }

    #[test]
    fn the_policy_before_the_first_put_is_that_of_the_making() {
        let made = kms("CreateKey").at("2026-05-04T09:00:00Z");
        let finding =
            only(&DETECTOR, &[made, put(10, &[root(), allow(role("reader"), json!("kms:Decrypt"))])]);
        assert_eq!(finding.evidence.details["changes"], json!(["role/reader may now Decrypt"]));
    }

    #[test]
    fn failed_calls_and_texts_that_cannot_be_read_are_not_compared() {
        let more = [root(), allow(role("reader"), json!("kms:Decrypt"))];
        for second in [
            put(11, &more).denied(),
            put(11, &more).set("requestParameters.policy", Value::Null),
            put(11, &more).set("requestParameters.policy", "{}"),
            put(11, &more).failed("MalformedPolicyDocumentException", ""),
        ] {
            assert!(findings(&DETECTOR, &[put(10, &[root()]), second]).is_empty());
        }
    }

    #[test]
    fn long_lists_are_cut() {
        let many: Vec<Value> = (0..12).map(|n| allow(role(&format!("r{n:02}")), json!("kms:*"))).collect();
        let finding = only(&DETECTOR, &[put(10, &[root()]), put(11, &many)]);
        let changes = finding.evidence.details["changes"].as_array().unwrap();
        assert_eq!(changes.len(), NAMED + 1);
        assert_eq!(changes[0], "role/r00 may now do everything (kms:*)");
        assert_eq!(changes[NAMED], "and 5 more");
        assert_eq!(list(Actions::of_class(Class::Grant)), "CreateGrant, RetireGrant, RevokeGrant");
        assert!(
            list(Actions::of_class(Class::Use)).ends_with("and 7 more"),
            "{}",
            list(Actions::of_class(Class::Use))
        );
    }

    #[test]
    fn only_cloudtrail_without_its_data_keys_is_blinded() {
        let context = json!({"aws:cloudtrail:arn": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main"});
        let logged = kms("GenerateDataKey")
            .by_service("cloudtrail")
            .set("requestParameters.encryptionContext", context)
            .at("2026-05-04T09:00:00Z");
        let service = |name: &str, action: &str| allow(json!({"Service": name}), json!(action));
        let (trail, keys) = ("cloudtrail.amazonaws.com", "kms:GenerateDataKey*");
        let told = |gone: Value, logged: &[RecordBuilder]| {
            let puts = [put(10, &[root(), gone]), put(11, &[root()])];
            let found = findings(&DETECTOR, &[logged, &puts].concat());
            found.first().is_some_and(|finding| {
                finding.severity == Severity::Critical || finding.explanation.contains("CloudTrail")
            })
        };
        let logged = std::slice::from_ref(&logged);
        assert!(told(service(trail, keys), logged));
        assert!(!told(service(trail, "kms:DescribeKey"), logged));
        assert!(!told(service("s3.amazonaws.com", keys), logged));
        assert!(!told(service(trail, keys), &[]));
    }
}
