//! # Root in use
//!
//! ## What it finds
//!
//! Any KMS call by the root user of an account, or in a root session of a member account (AssumeRoot), also
//! through another service.
//!
//! ## Why it matters
//!
//! Root can do everything, and no IAM policy binds it. It is meant for the few tasks that nothing else can do;
//! work with keys is hardly ever one of them. Its use is either an emergency or an intruder.
//!
//! ## How it decides
//!
//! High: root changes something, or uses a key directly. Medium: root uses a key through another service, such
//! as by opening a secret in the console. Low: root only looks, as the console does on every page. Denied calls
//! are lower; calls that fail for another reason are Info, since they show only that root was in use.
//!
//! ## False positives
//!
//! A break-glass exercise; regaining a key after a lockout; accounts in which people still work as root.
//!
//! ## What it cannot see
//!
//! Who sat at the keyboard: root has no person behind it in the log.
//!
//! ## What to do
//!
//! Ask who used root and why. If nobody can say: change its password and second factor, delete its access keys.
//!
//! ## References
//!
//! IAM user guide, "Root user best practices"; "Centrally manage root access for member accounts".
//! MITRE ATT&CK v18: T1078.004.

use super::deed::{self, Deed};
use super::{Detector, Look, Reads, page};
use crate::estate::{Estate, is_account_id};
use crate::event::operation::Category;
use crate::event::{Event, PrincipalKind};
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::runbook;
use crate::stage::Stage;
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "root_use",
    title: "Root in use",
    severity: Severity::High,
    kind: FindingKind::Rule,
    stage: Some(Stage::Root),
    mitre: &[Technique { id: "T1078.004", name: "Valid Accounts: Cloud Accounts" }],
    covers: &["M26", "P22"],
    reads: Reads::All,
    page: page(include_str!("root_use.rs")),
    look: Look::Event(look),
};

fn look(event: &Event<'_>, _estate: &Estate) -> Option<Finding> {
    if event.source != crate::event::Source::Kms || event.principal.kind != PrincipalKind::Root {
        return None;
    }
    let use_of_root = Use::of(event);
    let severity = match Deed::of(event) {
        Some(deed) => deed.severity(use_of_root.severity()),
        None => Severity::Info,
    };
    let account = event.principal.account.as_deref().unwrap_or(&event.account);
    let mut finding = finding::of_event(&DETECTOR, event, &[account, use_of_root.word()]);
    finding.severity = severity;
    finding.title = match Deed::of(event) {
        Some(deed) => {
            format!("Root of account {} {}{}", deed::clip(account), use_of_root.title(event), deed.suffix())
        }
        None => format!("Root of account {} tried {} in vain", deed::clip(account), deed::clip(&event.name)),
    };
    finding.explanation = format!(
        "The root user of the account called {}{}. Root is bound by no IAM policy and has no place in daily work. \
         The record does not tell which person it was, nor that it was misuse.",
        deed::clip(&event.name),
        event
            .principal
            .via_service
            .as_deref()
            .map(|service| format!(" through {}", deed::clip(service)))
            .unwrap_or_default(),
    );
    finding.runbook = runbook(event);
    if let Some(deed) = Deed::of(event) {
        deed.tell(&mut finding);
    }
    finding.evidence.details.insert("operation", json!(deed::clip(&event.name)));
    finding.evidence.details.insert("mfa", json!(event.principal.mfa));
    finding.evidence.details.insert("console", json!(event.principal.console));
    Some(finding)
}

/// What root does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// It looks.
    Looks,
    /// It uses a key through another service.
    ThroughService,
    /// It uses a key.
    Cryptography,
    /// It changes something.
    Changes,
}

impl Use {
    fn of(event: &Event<'_>) -> Use {
        match event.operation.info().category {
            Category::Discovery => Use::Looks,
            Category::Cryptographic if event.principal.via_service.is_some() => Use::ThroughService,
            Category::Cryptographic => Use::Cryptography,
            // GetParametersForImport, logged as a read, and operations not known here may change something too.
            _ => Use::Changes,
        }
    }

    fn severity(self) -> Severity {
        match self {
            Use::Looks => Severity::Low,
            Use::ThroughService => Severity::Medium,
            Use::Cryptography | Use::Changes => Severity::High,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Use::Looks => "looks",
            Use::ThroughService => "through a service",
            Use::Cryptography => "cryptography",
            Use::Changes => "changes",
        }
    }

    fn title(self, event: &Event<'_>) -> String {
        let key = deed::the_key(event);
        match self {
            Use::Looks => "looked at KMS keys".to_owned(),
            Use::ThroughService => format!("used {key} through a service"),
            Use::Cryptography => format!("used {key} ({})", event.operation.name()),
            Use::Changes => format!("called {} on {key}", deed::clip(&event.name)),
        }
    }
}

fn runbook(event: &Event<'_>) -> Vec<String> {
    let account = event.principal.account.as_deref().unwrap_or(&event.account);
    // No text out of a log stands in a step but inside a command, quoted.
    let account =
        if is_account_id(account) { format!("account {account}") } else { "the account".to_owned() };
    let root = "AttributeKey=Username,AttributeValue=root";
    vec![
        format!("Ask the owners of {account} whether this was theirs."),
        format!(
            "See what else root did: {}",
            runbook::aws(
                "cloudtrail lookup-events",
                &[("lookup-attributes", root), ("region", &event.region)]
            )
        ),
        format!(
            "If nobody knows of it, change the root password and second factor, and look for root access keys: {}",
            runbook::aws("iam get-account-summary", &[])
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{self, ACCOUNT, RecordBuilder};
    use serde_json::Value;

    fn find(record: &RecordBuilder) -> Option<Finding> {
        record.event(|event| look(event, &Estate::default()))
    }

    fn root(operation: &str) -> RecordBuilder {
        testing::kms(operation).by_root(ACCOUNT)
    }

    fn severity(record: &RecordBuilder) -> Option<Severity> {
        find(record).map(|finding| finding.severity)
    }

    #[test]
    fn changes_and_use_of_keys_by_root_are_high() {
        let finding = find(&root("Decrypt")).unwrap();
        assert_eq!(finding.severity, Severity::High);
        assert_eq!(finding.title, "Root of account 111122223333 used {key} (Decrypt)");
        for operation in [
            "PutKeyPolicy",
            "CreateGrant",
            "ScheduleKeyDeletion",
            "GetParametersForImport",
            "TagResource",
            "BrandNewOperation",
        ] {
            assert_eq!(severity(&root(operation)), Some(Severity::High), "{operation}");
        }
    }

    #[test]
    fn looking_around_is_low() {
        for operation in ["ListKeys", "ListAliases", "DescribeKey", "GetKeyPolicy"] {
            assert_eq!(severity(&root(operation)), Some(Severity::Low), "{operation}");
        }
    }

    #[test]
    fn a_key_used_through_a_service_is_medium_and_a_change_stays_high() {
        let finding = find(&root("Decrypt").through("secretsmanager")).unwrap();
        assert_eq!(finding.severity, Severity::Medium);
        assert!(finding.explanation.contains("through secretsmanager"), "{}", finding.explanation);
        assert_eq!(severity(&root("CreateGrant").through("ec2")), Some(Severity::High));
    }

    #[test]
    fn a_root_session_of_a_member_account_is_root() {
        let record = testing::kms("PutKeyPolicy").set("userIdentity.sessionContext.assumedRoot", "true");
        assert_eq!(severity(&record), Some(Severity::High));
    }

    #[test]
    fn a_role_with_the_name_root_is_not_root() {
        assert!(find(&testing::kms("Decrypt")).is_none());
        assert!(find(&testing::kms("Decrypt").by_role(ACCOUNT, "root", "root")).is_none());
        assert!(find(&testing::kms("Decrypt").by_user(ACCOUNT, "root")).is_none());
        assert!(find(&testing::kms("GenerateDataKey").by_service("cloudtrail")).is_none());
        assert!(find(&testing::kms("RotateKey")).is_none());
    }

    #[test]
    fn other_services_are_not_kms() {
        assert!(find(&testing::cloudtrail("StopLogging").by_root(ACCOUNT)).is_none());
    }

    #[test]
    fn denied_calls_are_lower_and_failures_are_worth_knowing() {
        let finding = find(&root("Decrypt").denied()).unwrap();
        assert_eq!(
            (finding.severity, finding.title.ends_with("(attempted, denied)")),
            (Severity::Medium, true)
        );
        assert_eq!(severity(&root("DescribeKey").denied()), Some(Severity::Info));
        let failed = find(&root("DisableKey").failed("NotFoundException", "")).unwrap();
        assert_eq!(failed.severity, Severity::Info);
        assert_eq!(failed.title, "Root of account 111122223333 tried DisableKey in vain");
    }

    #[test]
    fn without_a_key_the_title_names_none() {
        let record = root("Decrypt").set("resources", Value::Null).set("requestParameters", Value::Null);
        assert_eq!(find(&record).unwrap().title, "Root of account 111122223333 used a key (Decrypt)");
        let bare = record.set("userIdentity", json!({"type": "Root"}));
        assert!(find(&bare).unwrap().title.starts_with("Root of account 111122223333"));
    }

    #[test]
    fn looking_all_day_is_one_finding_and_a_change_another() {
        let id = |operation| find(&root(operation)).unwrap().id;
        assert_eq!(id("ListKeys"), id("DescribeKey"));
        assert_ne!(id("ListKeys"), id("DisableKey"));
    }

    #[test]
    fn the_account_is_named_where_it_is_one() {
        assert!(find(&root("Decrypt")).unwrap().runbook[0].contains("account 111122223333"));
        let odd = root("Decrypt").set("userIdentity.accountId", "x; rm").set("recipientAccountId", "x; rm");
        assert!(
            find(&odd.set("userIdentity.arn", Value::Null)).unwrap().runbook[0]
                .contains("owners of the account")
        );
    }
}
