//! # Unexpected user of a key
//!
//! ## What it finds
//!
//! Somebody used a key for cryptography who is not among those that you have declared to be its users.
//!
//! ## Why it matters
//!
//! For a key with few known users (payments, signing, backups) a list of them is the sharpest detector there is: it
//! needs no history and lets no slow thief get used to.
//!
//! ## How it decides
//!
//! The principal of each cryptographic call on a key in `expected_users` is compared with the patterns there. High: the
//! call succeeded. Medium: it was denied. Calls that fail for another reason give nothing away and are not told. One
//! finding for each key, principal and UTC day. Calls of services for themselves count as `service:NAME`.
//!
//! ## Parameters
//!
//! `expected_users`: `keys` by ARN, and `principals` with `*` for any text. Roles are written without their path. Keys
//! that are not listed have no expected users and are left to the other detectors.
//!
//! ## False positives
//!
//! A new workload that nobody has added to the list.
//!
//! ## What it cannot see
//!
//! Misuse by those who are listed; management calls, which other detectors follow.
//!
//! ## What to do
//!
//! Ask the owner of the key. If the use is right, add the principal to `expected_users`; if not, take its access away
//! and revoke its sessions.
//!
//! ## References
//!
//! * AWS KMS developer guide, "Least-privilege permissions"
//! * MITRE ATT&CK v18: T1078.004

use super::deed::{self, Deed};
use super::impact::short;
use super::{Detector, Look, page};
use crate::estate::Estate;
use crate::event::Event;
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::policy::action::glob;
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "unexpected_key_user",
    title: "Unexpected user of a key",
    severity: Severity::High,
    kind: FindingKind::Rule,
    mitre: &[Technique { id: "T1078.004", name: "Valid Accounts: Cloud Accounts" }],
    page: page(include_str!("unexpected_key_user.rs")),
    look: Look::Event(look),
};

fn look(event: &Event<'_>, estate: &Estate) -> Option<Finding> {
    let rules = &estate.settings.expected_users;
    if rules.is_empty() || !event.operation.is_cryptographic() {
        return None;
    }
    // Of a ReEncrypt both keys are used.
    let keys = [&event.key, &event.destination_key].into_iter().flatten();
    let key = keys.into_iter().find(|key| {
        let of_key = |rule: &&crate::settings::ExpectedUsers| rule.keys.iter().any(|arn| *arn == key.arn);
        let mut listed = rules.iter().filter(of_key).peekable();
        listed.peek().is_some()
            && !listed.any(|rule| rule.principals.iter().any(|pattern| glob(pattern, &event.principal.id)))
    })?;
    let deed = Deed::of(event)?;
    let mut finding = finding::of_event(&DETECTOR, event, &[&key.arn, &event.principal.id]);
    finding.key = Some(key.name());
    finding.severity = deed.severity(DETECTOR.severity);
    let who = deed::clip(short(&event.principal.id));
    finding.title = format!("{{key}} was used by {who}, who is not expected to{}", deed.suffix());
    finding.explanation = format!(
        "{}{who} called {} with {{key}} and is not among the users of it that are declared in expected_users. It does \
         not prove misuse: a new workload that nobody has added looks the same.",
        deed.preface(),
        event.operation.name(),
    );
    let (id, region) = deed::key_and_region(Some(key), event);
    finding.runbook = vec![
        "Ask the owner of the key whether this user is right; if so, add it to expected_users.".to_owned(),
        format!("See who else used the key: {}", deed::look_up_key(id, region)),
        format!("See what else the caller did: {}", deed::look_up_actor(event)),
    ];
    deed.tell(&mut finding);
    finding.evidence.details.insert("operation", json!(event.operation.name()));
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, KEY, OTHER_KEY, ROLE, RecordBuilder, kms};
    use crate::pipeline::testing::findings_with;
    use crate::settings::{ExpectedUsers, Settings};

    fn found(principals: &[&str], records: &[RecordBuilder]) -> Vec<Finding> {
        let expected = ExpectedUsers {
            keys: vec![KEY.to_owned()],
            principals: principals.iter().map(|pattern| (*pattern).to_owned()).collect(),
        };
        let settings = Settings { expected_users: vec![expected], ..Settings::default() };
        findings_with(&DETECTOR, records, &settings)
    }

    #[test]
    fn who_is_not_on_the_list_is_told() {
        let findings = found(&[ROLE], &[kms("Decrypt"), kms("Decrypt").by_user(ACCOUNT, "mallory").id("2")]);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert_eq!(findings[0].severity, Severity::High);
        assert!(findings[0].title.contains("user/mallory, who is not expected to"), "{}", findings[0].title);
    }

    #[test]
    fn patterns_of_several_rules_add_up() {
        let rule = |principal: &str| ExpectedUsers {
            keys: vec![KEY.to_owned()],
            principals: vec![principal.to_owned()],
        };
        let settings = Settings {
            expected_users: vec![rule("arn:*:role/x"), rule("arn:*:role/pay*")],
            ..Settings::default()
        };
        assert!(findings_with(&DETECTOR, &[kms("Decrypt")], &settings).is_empty());
    }

    #[test]
    fn keys_without_a_list_have_no_unexpected_users() {
        assert!(found(&[], &[kms("Decrypt").key(OTHER_KEY)]).is_empty());
        assert!(findings_with(&DETECTOR, &[kms("Decrypt")], &Settings::default()).is_empty());
    }

    #[test]
    fn a_denied_use_is_less_and_says_so() {
        let findings = found(&[], &[kms("Decrypt").denied()]);
        assert_eq!(findings[0].severity, Severity::Medium);
        assert!(findings[0].title.ends_with("(attempted, denied)"));
    }

    #[test]
    fn calls_that_fail_or_manage_are_left_alone() {
        assert!(
            found(&[], &[kms("Decrypt").failed("ValidationException", "x"), kms("DescribeKey")]).is_empty()
        );
    }

    #[test]
    fn a_storm_is_one_finding_a_day() {
        let calls: Vec<RecordBuilder> = (0..20).map(|n| kms("Decrypt").id(&n.to_string())).collect();
        let findings = found(&[], &calls);
        assert_eq!((findings.len(), findings[0].evidence.count), (1, 20));
    }
}
