//! # Unintended user of a key
//!
//! A key was used by somebody who is not among its declared users.
//!
//! ## What it finds
//!
//! Cryptographic calls on a key of `estate.key_users` by a principal that the list of that key does not name: done, or
//! denied.
//!
//! ## Why it matters
//!
//! For a few keys it is known who may use them: a signing key, the key of a vault, that of a break-glass copy. For those
//! no statistics are needed.
//!
//! ## How it decides
//!
//! By the lists alone. *High* if it was done, *medium* if denied. Calls through a service count for the principal behind
//! them; what a service does for itself counts for the service (`service:s3`).
//!
//! ## Parameters
//!
//! * `estate.key_users` (empty): for each key (its ARN, its id, or an alias as calls name it) the principals that are
//!   meant to use it, as ARNs, names such as `role/payments-*`, or `service:NAME`. `*` stands for any run of characters.
//!
//! ## False positives
//!
//! A list that nobody has kept up to date.
//!
//! ## What it cannot see
//!
//! Use by way of an alias that is not in the lists. Which person stands behind a role.
//!
//! ## What to do
//!
//! Ask the owner of the principal. If the use is meant, add it to the list, else take the right away.
//!
//! ## References
//!
//! * AWS KMS developer guide, "Determining past usage of a KMS key"
//! * MITRE ATT&CK T1078.004, Valid Accounts: Cloud Accounts

use super::deed::{self, Deed};
use super::impact::short;
use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::event::{Event, Key};
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::policy::glob_ignoring_case;
use crate::stage::Stage;
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "unintended_user",
    title: "Unintended user of a key",
    severity: Severity::High,
    kind: FindingKind::Rule,
    stage: Some(Stage::FirstUse),
    mitre: &[Technique { id: "T1078.004", name: "Valid Accounts: Cloud Accounts" }],
    covers: &["M21", "N36"],
    reads: Reads::Cryptographic,
    page: page(include_str!("unintended_user.rs")),
    look: Look::Event(look),
};

fn look(event: &Event<'_>, estate: &Estate) -> Option<Finding> {
    let declared = &estate.settings.estate.key_users;
    if declared.is_empty() || !event.operation.is_cryptographic() {
        return None;
    }
    let deed = Deed::of(event)?;
    let keys = || [&event.key, &event.destination_key].into_iter().flatten();
    let (name, users) = declared.iter().find(|(name, _)| {
        keys().any(|key| is_key(name, key)) || event.alias.as_deref() == Some(name.as_str())
    })?;
    let who: &str = &event.principal.id;
    if users.iter().any(|user| glob_ignoring_case(user, who) || glob_ignoring_case(user, short(who))) {
        return None;
    }
    let mut finding = finding::of_event(&DETECTOR, event, &[name, who, deed.suffix()]);
    if let Some(key) = keys().find(|key| is_key(name, key)) {
        finding.key = Some(key.name());
    }
    finding.severity = deed.severity(Severity::High);
    deed.tell(&mut finding);
    let the_key = deed::the_key(event);
    finding.title = format!("{} used {the_key}, which is not meant for it{}", short(who), deed.suffix());
    finding.explanation = format!(
        "{}{} called {} on {the_key} at {}. It is not among the declared users of this key.",
        deed.preface(),
        short(who),
        event.operation.name(),
        event.time
    );
    finding.evidence.details.insert("declared_as", json!(name));
    finding.evidence.details.insert("declared_users", json!(users));
    let (id, region) = deed::key_and_region(event.key.as_ref(), event);
    finding.runbook = vec![
        "Ask the owner of the principal what the call was for.".to_owned(),
        format!("See what else was done with the key: {}", deed::look_up_key(id, region)),
        format!("See what else the caller did: {}", deed::look_up_actor(event)),
    ];
    Some(finding)
}

fn is_key(name: &str, key: &Key<'_>) -> bool {
    *name == *key.arn || *name == *key.id
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, KEY, OTHER_KEY, RecordBuilder, kms};
    use crate::pipeline::testing::findings_with;
    use crate::settings::Settings;

    fn found(key: &str, users: &[&str], record: &RecordBuilder) -> Option<Finding> {
        let mut settings = Settings::default();
        let users = users.iter().map(|user| (*user).to_owned()).collect();
        settings.estate.key_users.insert(key.to_owned(), users);
        let mut found = findings_with(&DETECTOR, std::slice::from_ref(record), &settings);
        assert!(found.len() < 2);
        found.pop()
    }

    fn mallory() -> RecordBuilder {
        kms("Sign").by_user(ACCOUNT, "mallory")
    }

    #[test]
    fn a_use_by_somebody_else_is_high() {
        let finding = found(KEY, &["role/payments-api"], &mallory()).unwrap();
        assert_eq!(finding.severity, Severity::High);
        assert!(finding.title.starts_with("user/mallory used 1234abcd"), "{}", finding.title);
        assert_eq!(finding.evidence.details["declared_users"], json!(["role/payments-api"]));
        assert!(finding.runbook[1].contains(KEY));
    }

    #[test]
    fn those_who_are_named_are_silent_in_every_form() {
        for users in
            ["role/payments-api", "role/PAYMENTS-*", "arn:aws:iam::111122223333:role/payments-api", "*"]
        {
            assert!(found(KEY, &[users], &kms("Decrypt")).is_none(), "{users}");
            assert!(found(KEY, &["role/x", users], &kms("Decrypt").through("s3")).is_none(), "{users}");
        }
        assert!(found(KEY, &["service:s3"], &kms("Decrypt").by_service("s3")).is_none());
        assert!(found(KEY, &[], &kms("Decrypt").by_service("s3")).is_some());
        assert!(found(KEY, &["payments-api"], &kms("Decrypt")).is_some(), "the kind belongs to the name");
    }

    #[test]
    fn a_key_is_known_by_arn_id_and_alias_and_may_be_the_destination() {
        assert!(found("1234abcd-12ab-34cd-56ef-1234567890ab", &[], &mallory()).is_some());
        let by_alias = mallory().set("requestParameters.keyId", "alias/release");
        assert!(found("alias/release", &[], &by_alias).is_some());
        assert_eq!(found(OTHER_KEY, &[], &kms("ReEncrypt")).unwrap().key.unwrap().arn, OTHER_KEY);
        assert!(found(OTHER_KEY, &[], &mallory()).is_none());
    }

    #[test]
    fn a_denied_use_is_medium() {
        let finding = found(KEY, &[], &mallory().denied()).unwrap();
        assert_eq!(finding.severity, Severity::Medium);
        assert!(finding.title.ends_with("(attempted, denied)"));
    }

    #[test]
    fn other_failures_and_other_calls_are_silent() {
        assert!(found(KEY, &[], &mallory().failed("DisabledException", "")).is_none());
        assert!(found(KEY, &[], &mallory().set("requestParameters.dryRun", true)).is_none());
        assert!(found(KEY, &[], &kms("DescribeKey")).is_none());
        assert!(found(KEY, &[], &mallory().remove("resources").remove("requestParameters.keyId")).is_none());
    }

    #[test]
    fn without_lists_nobody_is_unintended() {
        assert!(findings_with(&DETECTOR, &[mallory()], &Settings::default()).is_empty());
    }
}
