//! # Key disabled
//!
//! Somebody disabled a KMS key.
//!
//! ## What it finds
//!
//! Each successful `DisableKey`, followed until an `EnableKey` undoes it. Denied attempts too, one finding for
//! each principal and day.
//!
//! ## Why it matters
//!
//! Within minutes nothing can be encrypted or decrypted with the key: services stop, and it costs the intruder one
//! call. It often comes right before a deletion.
//!
//! ## How it decides
//!
//! *High* if another principal used the key in the 30 days before, else *medium*; *low* once the key was enabled
//! again. The finding says who used the key, through which services, and for which resources. A denied attempt is
//! *low*, attempts on several keys on one day are *medium*. A key with which CloudTrail encrypts its log, or with which
//! something named in `estate.pipeline` is encrypted, is *critical* as long as it is disabled.
//!
//! ## False positives
//!
//! Disabling a key for some weeks before deleting it is good practice. Then nobody used it lately.
//!
//! ## What it cannot see
//!
//! Uses of the key before the logs at hand begin. That the alert path rests on a key behind which stand many other
//! resources: the newest twelve are known by name. Name the key itself in `estate.pipeline` then, by ARN or id.
//!
//! ## What to do
//!
//! Enable the key, which can be undone at any time. Then find out who did it and why.
//!
//! ## References
//!
//! * AWS KMS developer guide, "Enable and disable keys"
//! * MITRE ATT&CK T1489, Service Stop

use super::impact::{Impact, Loss, look_further, on_key, raise_if_log_rests_on, short};
use super::{Detector, Look, Reads, denied, page};
use crate::estate::Estate;
use crate::event::Operation;
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::stage::Stage;
use crate::state::{Act, ActKind, KeyState, PrincipalState};
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "key_disabled",
    title: "Key disabled",
    severity: Severity::Medium,
    kind: FindingKind::Fact,
    stage: Some(Stage::Destruction),
    mitre: &[Technique { id: "T1489", name: "Service Stop" }],
    covers: &["M1", "M2", "N7", "N25"],
    reads: Reads::These(&[Operation::DisableKey, Operation::EnableKey]),
    page: page(include_str!("key_disabled.rs")),
    look: Look::Several(&[Look::Key(judge), Look::Principal(attempts)]),
};

fn judge(key: &str, state: &KeyState, estate: &Estate, found: &mut Vec<Finding>) {
    let timeline = state.timeline();
    for (at, act) in timeline.iter().enumerate().filter(|(_, act)| act.kind == ActKind::Disable) {
        let later = timeline.get(at + 1..).unwrap_or_default();
        // Enabling undoes the last disabling before it; of two in a row the second did nothing, but may be by
        // somebody else, so both are told as undone.
        let enabled = later.iter().copied().find(|later| later.kind == ActKind::Enable);
        let mut finding = disabled(key, state, act, enabled);
        if enabled.is_none() {
            raise_if_log_rests_on(&mut finding, state, estate);
        }
        found.push(finding);
    }
}

fn disabled(key: &str, state: &KeyState, act: &Act, enabled: Option<&Act>) -> Finding {
    let mut finding = finding::of_act(&DETECTOR, act, &[key, &act.event_id]);
    let impact = Impact::of(state, act);
    impact.describe(&mut finding);
    finding.severity = match enabled {
        Some(_) => Severity::Low,
        None if impact.is_felt() => Severity::High,
        None => Severity::Medium,
    };
    let who = short(&act.by.id);
    let now = match enabled {
        Some(enabled) => {
            finding.add_act(enabled);
            let undone = json!({"at": enabled.time, "by": enabled.by.id, "event_id": enabled.event_id});
            finding.evidence.details.insert("enabled", undone);
            finding.title = "{key} was disabled and enabled again".to_owned();
            format!("{} enabled it again at {}.", short(&enabled.by.id), enabled.time)
        }
        None => {
            finding.title = "{key} was disabled".to_owned();
            "Until somebody enables it, all encryption and decryption with it fails.".to_owned()
        }
    };
    finding.explanation =
        format!("{who} disabled {{key}} at {}. {now} {}", act.time, impact.sentence(Loss::until(enabled)));
    if enabled.is_none() {
        finding.runbook.push(format!("Make the key usable again: {}", on_key("kms enable-key", &finding)));
    }
    finding.runbook.push(format!("See its state: {}", on_key("kms describe-key", &finding)));
    finding.runbook.push(look_further(&finding));
    finding
}

fn attempts(principal: &str, state: &PrincipalState, _: &Estate, found: &mut Vec<Finding>) {
    let severities = [Severity::Low, Severity::Medium];
    denied::judge(&DETECTOR, ActKind::Disable, severities, (principal, state), found);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, OTHER_KEY, RecordBuilder, kms};
    use crate::pipeline::testing::{findings, only};
    use serde_json::Value;

    fn disable() -> RecordBuilder {
        kms("DisableKey").by_user(ACCOUNT, "mallory").at("2026-05-04T10:00:00Z")
    }

    #[test]
    fn disabling_a_key_in_use_is_high_and_names_its_users() {
        let finding = only(&DETECTOR, &[kms("Decrypt").at("2026-05-04T09:00:00Z"), disable()]);
        assert_eq!(finding.severity, Severity::High);
        assert!(finding.explanation.contains("role/payments-api"), "{}", finding.explanation);
        assert!(finding.runbook[0].contains("aws kms enable-key"));
        assert_eq!(finding.principal.as_ref().unwrap().id, "arn:aws:iam::111122223333:user/mallory");
    }

    #[test]
    fn the_key_of_the_log_is_critical_until_it_is_enabled_again() {
        let trail = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main";
        let logged = kms("GenerateDataKey")
            .by_service("cloudtrail")
            .set("requestParameters.encryptionContext", serde_json::json!({"aws:cloudtrail:arn": trail}))
            .at("2026-05-04T09:00:00Z");
        let finding = only(&DETECTOR, &[logged.clone(), disable()]);
        assert_eq!(finding.severity, Severity::Critical);
        assert!(finding.explanation.contains("CloudTrail encrypts its log"), "{}", finding.explanation);
        assert_eq!(finding.evidence.details["watch_rests_on"], serde_json::json!([trail]));
        assert!(finding.runbook.last().unwrap().contains("lookup-events"));
        let enabled = kms("EnableKey").at("2026-05-04T12:00:00Z");
        assert_eq!(only(&DETECTOR, &[logged, disable(), enabled]).severity, Severity::Low);
    }

    #[test]
    fn the_key_of_the_queue_of_alerts_is_critical_and_that_of_another_is_not() {
        let with = |name: &str, value: &str| {
            let used =
                kms("Decrypt").set("requestParameters.encryptionContext", serde_json::json!({ name: value }));
            only(&DETECTOR, &[used.by_service("sqs").at("2026-05-04T09:00:00Z"), disable()]).severity
        };
        assert_eq!(
            with("aws:sqs:arn", "arn:aws:sqs:eu-west-1:111122223333:kmswatch-objects"),
            Severity::Critical
        );
        assert_eq!(with("aws:s3:arn", "arn:aws:s3:::kmswatch-logs/AWSLogs/x.json.gz"), Severity::Critical);
        assert_eq!(with("aws:sqs:arn", "arn:aws:sqs:eu-west-1:111122223333:orders"), Severity::High);
        assert_eq!(with("aws:s3:arn", "arn:aws:s3:::invoices/kmswatch/x"), Severity::High);
    }

    #[test]
    fn disabling_a_key_that_nobody_used_lately_is_medium() {
        assert_eq!(only(&DETECTOR, &[disable()]).severity, Severity::Medium);
        let long_ago = kms("Decrypt").at("2026-01-04T09:00:00Z");
        let finding = only(&DETECTOR, &[long_ago, disable()]);
        assert_eq!(finding.severity, Severity::Medium);
        assert!(finding.explanation.contains("its last known use was at 2026-01-04T09:00:00Z"));
        // Looking at a key is not using it.
        let looked = kms("DescribeKey").at("2026-05-04T09:00:00Z");
        assert_eq!(only(&DETECTOR, &[looked, disable()]).severity, Severity::Medium);
    }

    #[test]
    fn who_began_to_use_it_after_the_act_is_not_among_its_users() {
        let enable = kms("EnableKey").at("2026-05-04T12:00:00Z");
        let finding = only(&DETECTOR, &[disable(), enable, kms("Decrypt").at("2026-05-04T13:00:00Z")]);
        assert_eq!(finding.evidence.details["used_by_count"], 0);
        assert!(!finding.evidence.details.contains_key("users_incomplete"));
        assert!(!finding.evidence.details.contains_key("services"));
    }

    #[test]
    fn more_users_than_are_remembered_are_said_to_be_incomplete() {
        let mut records: Vec<RecordBuilder> = (0..70)
            .map(|n| kms("Decrypt").by_user(ACCOUNT, &format!("u{n}")).at("2026-05-04T09:00:00Z"))
            .collect();
        records.push(disable());
        let finding = only(&DETECTOR, &records);
        assert_eq!(finding.evidence.details["users_incomplete"], true);
        assert_eq!(finding.severity, Severity::High);
        assert!(finding.explanation.contains(" more, who can no longer"));
    }

    #[test]
    fn more_denied_attempts_than_are_remembered_are_said_to_be_incomplete() {
        let key =
            |n: usize| format!("arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-4000-8000-{n:012}");
        let records: Vec<RecordBuilder> = (0..70).map(|n| disable().key(&key(n)).denied()).collect();
        assert_eq!(only(&DETECTOR, &records).evidence.details["incomplete"], true);
        let few = only(&DETECTOR, &records[..2]);
        assert!(!few.evidence.details.contains_key("incomplete"));
    }

    #[test]
    fn enabling_it_again_makes_it_low() {
        let used = kms("Decrypt").at("2026-05-04T09:00:00Z");
        let enable = kms("EnableKey").at("2026-05-04T12:00:00Z");
        let finding = only(&DETECTOR, &[used.clone(), disable(), enable]);
        assert_eq!(finding.severity, Severity::Low);
        assert!(finding.title.contains("enabled again"));
        assert!(!finding.runbook.iter().any(|step| step.contains("enable-key")));
        assert_eq!(finding.evidence.details["enabled"]["at"], "2026-05-04T12:00:00Z");
        let enabled_before = kms("EnableKey").at("2026-05-04T09:59:59Z");
        assert_eq!(only(&DETECTOR, &[used, enabled_before, disable()]).severity, Severity::High);
    }

    #[test]
    fn a_denied_attempt_is_low_and_on_several_keys_medium() {
        assert_eq!(only(&DETECTOR, &[disable().denied()]).severity, Severity::Low);
        let several = [disable().denied(), disable().key(OTHER_KEY).denied()];
        assert_eq!(only(&DETECTOR, &several).severity, Severity::Medium);
    }

    #[test]
    fn what_looks_alike_or_failed_otherwise_is_not_found() {
        for record in [
            kms("EnableKey"),
            kms("DisableKeyRotation"),
            kms("ScheduleKeyDeletion").denied(),
            disable().failed("NotFoundException", ""),
        ] {
            assert!(findings(&DETECTOR, &[record]).is_empty());
        }
    }

    #[test]
    fn a_record_without_resources_or_response_is_found_by_its_request() {
        let record = disable().remove("resources").set("responseElements", Value::Null);
        assert!(only(&DETECTOR, &[record]).title.starts_with("1234abcd-12ab"));
    }

    #[test]
    fn two_disablings_are_two_findings() {
        assert_eq!(findings(&DETECTOR, &[disable(), disable().at("2026-05-05T10:00:00Z")]).len(), 2);
    }

    #[test]
    fn an_attempt_on_a_key_that_is_not_named_names_none() {
        let denied = kms("DisableKey").failed("AccessDenied", "");
        let attempt = denied.remove("resources").remove("requestParameters.keyId");
        let finding = only(&DETECTOR, &[attempt]);
        assert_eq!(finding.evidence.details["keys"], serde_json::json!([]));
        let named = only(&DETECTOR, &[kms("DisableKey").denied()]);
        assert_eq!(named.evidence.details["keys"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn more_changes_than_are_remembered_are_told_and_counted() {
        let toggled = |n: usize| -> Vec<RecordBuilder> {
            let name = |at: usize| if at.is_multiple_of(2) { "DisableKey" } else { "EnableKey" };
            (0..n).map(|at| kms(name(at)).at(&format!("2026-05-04T10:{at:02}:00Z"))).collect()
        };
        for (n, forgets) in [(32, false), (33, true)] {
            let watch = crate::pipeline::testing::watch(&toggled(n), &crate::settings::Settings::default());
            let findings = watch.findings();
            let of_key = findings.iter().filter(|finding| finding.detector == DETECTOR.id);
            let told: Vec<bool> =
                of_key.map(|finding| finding.evidence.details.contains_key("incomplete")).collect();
            assert!(!told.is_empty() && told.iter().all(|told| *told == forgets), "{n}: {told:?}");
            assert_eq!(watch.summary().entities_forgetting, u64::from(forgets));
        }
    }
}
