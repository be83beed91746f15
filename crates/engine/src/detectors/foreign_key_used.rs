//! # Foreign key used
//!
//! ## What it finds
//!
//! One of our principals encrypts under a key of a foreign account: it makes data keys, encrypts, re-encrypts to
//! such a key, or makes a grant on it so that a service can.
//!
//! ## Why it matters
//!
//! What is encrypted under a stranger's key belongs to the stranger: he withdraws the key, and the data is gone.
//! Ransom of S3 buckets, volumes and databases begins with exactly these calls.
//!
//! ## How it decides
//!
//! The owner of the key is read from its ARN. It is foreign if it is neither one of `estate.accounts`, nor an
//! account whose logs are read, nor trusted. Only the caller's own record counts, so one act is one finding.
//!
//! Critical: the encryption context names data of S3, EBS, RDS, DynamoDB or a secret, or our ciphertext is
//! re-encrypted to the foreign key. High: anything else. A denied attempt is lower.
//!
//! ## Parameters
//!
//! `estate.accounts` and `estate.trusted_accounts`: nobody of these is foreign.
//!
//! ## False positives
//!
//! Writing into a partner's bucket, or into a log archive whose account is neither read nor declared. Add such
//! an account to `estate.trusted_accounts`.
//!
//! ## What it cannot see
//!
//! How much was encrypted: with S3 Bucket Keys one call covers many objects. Encryption with keys that the
//! client sends (SSE-C) makes no KMS call at all.
//!
//! ## What to do
//!
//! Stop the caller first, then take stock of what was written under the foreign key while it still decrypts.
//!
//! ## References
//!
//! AWS KMS developer guide, "Allowing users in other accounts to use a KMS key".
//! MITRE ATT&CK v18: T1486, T1537.

use super::deed::{self, Deed};
use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::event::operation::Direction;
use crate::event::{Event, Key, Operation, PrincipalKind, ResourceKind};
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::runbook;
use crate::stage::Stage;
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "foreign_key_used",
    title: "Foreign key used",
    severity: Severity::High,
    kind: FindingKind::Rule,
    stage: Some(Stage::ForeignKey),
    mitre: &[
        Technique { id: "T1486", name: "Data Encrypted for Impact" },
        Technique { id: "T1537", name: "Transfer Data to Cloud Account" },
    ],
    covers: &["M7", "N10", "N29", "P5", "P9"],
    reads: Reads::Cryptographic,
    page: page(include_str!("foreign_key_used.rs")),
    look: Look::Event(look),
};

fn look(event: &Event<'_>, estate: &Estate) -> Option<Finding> {
    let key = encrypting_key(event)?;
    let account = key.account.as_deref().filter(|account| estate.is_outsider(account, &event.account))?;
    // In the copy of a call that the key's owner gets, the caller is the foreign one.
    let caller = event.principal.account.as_deref();
    // A service that acts for itself is not one of our principals.
    let service = event.principal.kind == PrincipalKind::AwsService;
    if service || caller.is_some_and(|caller| estate.is_outsider(caller, &event.account)) {
        return None;
    }
    let deed = Deed::of(event)?;
    let reencrypted = event.operation == Operation::ReEncrypt;
    let data = event.resource.as_ref().map(|resource| resource.kind).filter(|kind| is_data(*kind));
    let severity = if data.is_some() || reencrypted { Severity::Critical } else { Severity::High };

    let mut finding = finding::of_event(&DETECTOR, event, &[&event.principal.id, account]);
    finding.key = Some(key.name());
    finding.severity = deed.severity(severity);
    let what = match data {
        Some(kind) => resource_word(kind),
        None if reencrypted => "Our ciphertext",
        None => "Data",
    };
    finding.title = format!("{what} encrypted under a key of foreign account {account}{}", deed.suffix());
    finding.explanation = format!(
        "{}{} called {} with a key of account {account}, which is neither yours nor trusted. Whoever owns the key \
         decides who reads the data, and can take the key away for good. It does not prove an attack: sharing data \
         with a partner looks the same.",
        deed.preface(),
        if event.principal.via_service.is_some() {
            "A service, on behalf of the principal,"
        } else {
            "The principal"
        },
        event.operation.name(),
    );
    finding.runbook = steps(&finding, event, key, account);
    deed.tell(&mut finding);
    finding.evidence.details.insert("foreign_account", json!(account));
    finding.evidence.details.insert("operation", json!(event.operation.name()));
    if let Some(resource) = &event.resource {
        finding
            .evidence
            .details
            .insert("resource_kind", json!(format!("{:?}", resource.kind).to_lowercase()));
    }
    if reencrypted && let Some(source) = &event.key {
        finding.evidence.details.insert("source_key", json!(deed::clip(&source.arn)));
    }
    finding.rests_on_foreign = vec![account.to_owned()];
    Some(finding)
}

/// The key under which the call encrypts, if it does.
fn encrypting_key<'e, 'a>(event: &'e Event<'a>) -> Option<&'e Key<'a>> {
    match (event.operation, event.operation.info().direction) {
        (Operation::ReEncrypt, _) => event.destination_key.as_ref(),
        (Operation::CreateGrant, _) | (_, Direction::Encrypt | Direction::DataKeyPlaintext) => {
            event.key.as_ref()
        }
        _ => None,
    }
}

/// Stored data, whose loss hurts.
fn is_data(kind: ResourceKind) -> bool {
    matches!(
        kind,
        ResourceKind::Bucket
            | ResourceKind::Object
            | ResourceKind::Volume
            | ResourceKind::Database
            | ResourceKind::Table
            | ResourceKind::Secret
            | ResourceKind::Parameter
    )
}

fn resource_word(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Bucket | ResourceKind::Object => "S3 data",
        ResourceKind::Volume => "EBS volume or snapshot",
        ResourceKind::Database => "RDS database",
        ResourceKind::Table => "DynamoDB table",
        ResourceKind::Secret => "Secret",
        ResourceKind::Parameter => "Parameter",
        ResourceKind::Function | ResourceKind::Trail | ResourceKind::Other => "Data",
    }
}

fn steps(finding: &Finding, event: &Event<'_>, key: &Key<'_>, account: &str) -> Vec<String> {
    let until = finding.time.end.plus(1).to_string();
    let mut steps: Vec<String> =
        finding.principal.iter().filter_map(|actor| runbook::cut_off(actor, &until)).collect();
    steps.push(format!(
        "Shut foreign keys out for the account: deny kms:GenerateDataKey*, kms:Encrypt, kms:ReEncryptTo and \
         kms:CreateGrant where aws:ResourceAccount is {account}, in a service control policy."
    ));
    steps.push(format!(
        "Find what is under the key (S3 Inventory, ec2 describe-volumes, rds describe-db-instances) and copy it to \
         a key of yours while it still decrypts: {}",
        runbook::quote(deed::clip(&key.arn))
    ));
    steps.push(format!("See what else the caller did: {}", deed::look_up_actor(event)));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{self, ROLE, RecordBuilder};
    use crate::settings::Settings;
    use serde_json::Value;

    const FOREIGN_KEY: &str = "arn:aws:kms:eu-west-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    fn find(record: &RecordBuilder) -> Option<Finding> {
        let mut settings = Settings::default();
        settings.estate.trusted_accounts = vec!["777788889999".into()];
        record.event(|event| look(event, &Estate::new(settings)))
    }

    fn call(operation: &str) -> RecordBuilder {
        testing::kms(operation).key(FOREIGN_KEY)
    }

    fn with_context(operation: &str, name: &str, value: &str) -> RecordBuilder {
        call(operation).set("requestParameters.encryptionContext", json!({ name: value }))
    }

    #[test]
    fn s3_data_under_a_foreign_key_is_critical() {
        let record =
            with_context("GenerateDataKey", "aws:s3:arn", "arn:aws:s3:::payroll/2026/may.csv").through("s3");
        let finding = find(&record).unwrap();
        assert_eq!(finding.severity, Severity::Critical);
        assert_eq!(finding.title, "S3 data encrypted under a key of foreign account 444455556666");
        assert_eq!(finding.rests_on_foreign, ["444455556666"]);
        assert_eq!(finding.principal.as_ref().unwrap().id, ROLE);
        assert!(finding.explanation.starts_with("A service, on behalf of the principal, called"));
        assert!(!serde_json::to_string(&finding).unwrap().contains("payroll"));
    }

    #[test]
    fn stored_data_is_known_by_its_context() {
        for (name, value, word) in [
            ("aws:ebs:id", "vol-0abc1234def567890", "EBS volume"),
            ("aws:rds:db-id", "db-ABCDEFGHIJKL", "RDS database"),
            ("aws:dynamodb:tableName", "orders", "DynamoDB table"),
            ("SecretARN", "arn:aws:secretsmanager:eu-west-1:111122223333:secret:x", "Secret"),
            ("PARAMETER_ARN", "arn:aws:ssm:eu-west-1:111122223333:parameter/x", "Parameter"),
        ] {
            let finding = find(&with_context("GenerateDataKeyWithoutPlaintext", name, value)).unwrap();
            assert_eq!(finding.severity, Severity::Critical, "{name}");
            assert!(finding.title.starts_with(word), "{}", finding.title);
        }
        let other = find(&with_context("Encrypt", "app", "payments")).unwrap();
        assert_eq!(other.severity, Severity::High);
    }

    #[test]
    fn every_way_of_encrypting_counts() {
        for operation in [
            "GenerateDataKey",
            "GenerateDataKeyWithoutPlaintext",
            "GenerateDataKeyPair",
            "GenerateDataKeyPairWithoutPlaintext",
            "Encrypt",
            "CreateGrant",
        ] {
            assert_eq!(
                find(&call(operation)).map(|finding| finding.severity),
                Some(Severity::High),
                "{operation}"
            );
        }
        for operation in
            ["Decrypt", "DescribeKey", "Sign", "Verify", "GetPublicKey", "RetireGrant", "ListGrants"]
        {
            assert!(find(&call(operation)).is_none(), "{operation}");
        }
    }

    #[test]
    fn reencrypting_to_a_foreign_key_is_critical_and_from_one_is_silent() {
        let out = testing::kms("ReEncrypt")
            .resource(1, FOREIGN_KEY)
            .set("requestParameters.destinationKeyId", FOREIGN_KEY);
        let finding = find(&out).unwrap();
        assert_eq!(finding.severity, Severity::Critical);
        assert_eq!(finding.title, "Our ciphertext encrypted under a key of foreign account 444455556666");
        assert_eq!(finding.key.unwrap().arn, FOREIGN_KEY);
        assert_eq!(finding.evidence.details["source_key"], testing::KEY);
        assert!(find(&testing::kms("ReEncrypt").resource(0, FOREIGN_KEY)).is_none());
    }

    #[test]
    fn own_and_trusted_keys_are_silent() {
        assert!(find(&testing::kms("GenerateDataKey")).is_none());
        assert!(
            find(
                &call("GenerateDataKey")
                    .key("arn:aws:kms:eu-west-1:777788889999:key/1234abcd-12ab-34cd-56ef-1234567890ab")
            )
            .is_none()
        );
        let record = call("GenerateDataKey");
        let mut estate = Estate::default();
        estate.learn_account("444455556666");
        assert!(record.event(|event| look(event, &estate)).is_none());
    }

    #[test]
    fn only_the_copy_of_the_caller_counts() {
        let foreign_caller = json!({"type": "AWSAccount", "principalId": "AROAEXAMPLEFOREIGN01:s", "accountId": "444455556666"});
        assert!(find(&testing::kms("GenerateDataKey").set("userIdentity", foreign_caller.clone())).is_none());
        assert!(find(&call("GenerateDataKey").set("userIdentity", foreign_caller)).is_none());
        assert!(find(&call("GenerateDataKey").by_service("s3")).is_none());
        let linked = call("GenerateDataKey").by_role(
            "111122223333",
            "aws-service-role/x.amazonaws.com/AWSServiceRoleForX",
            "s",
        );
        assert!(find(&linked).is_some());
    }

    #[test]
    fn a_denied_attempt_is_lower_and_nothing_else_that_failed_counts() {
        let finding = find(&call("GenerateDataKey").denied()).unwrap();
        assert_eq!(finding.severity, Severity::Medium);
        assert!(finding.title.ends_with("(attempted, denied)"));
        assert!(find(&call("GenerateDataKey").failed("DisabledException", "")).is_none());
        let dry = call("GenerateDataKey").set("requestParameters.dryRun", true);
        assert!(find(&dry.failed("DryRunOperationException", "")).is_none());
    }

    #[test]
    fn a_caller_without_an_account_is_ours_as_the_log_is() {
        let finding = find(&call("Encrypt").set("userIdentity", json!({"type": "Unknown"}))).unwrap();
        assert!(finding.explanation.starts_with("The principal called"));
    }

    #[test]
    fn a_record_without_the_key_says_nothing() {
        let record = testing::kms("GenerateDataKey").set("resources", Value::Null);
        assert!(find(&record.clone().set("requestParameters", Value::Null)).is_none());
        assert!(find(&record.set("requestParameters.keyId", "alias/x")).is_none());
    }

    #[test]
    fn a_long_term_key_can_be_switched_off() {
        let finding = find(&call("Encrypt").by_user("111122223333", "ops/alice")).unwrap();
        assert!(
            finding.runbook[0].contains("aws iam update-access-key --user-name alice --access-key-id AKIA"),
            "{}",
            finding.runbook[0]
        );
        assert!(find(&call("Encrypt")).unwrap().runbook[0].contains("aws:TokenIssueTime"));
    }

    #[test]
    fn one_principal_and_one_account_are_one_finding_a_day() {
        let id = |record: RecordBuilder| find(&record).unwrap().id;
        let first = id(call("Encrypt"));
        assert_eq!(first, id(call("GenerateDataKey")));
        assert_ne!(first, id(call("Encrypt").by_user("111122223333", "alice")));
        assert_ne!(
            first,
            id(call("Encrypt")
                .key("arn:aws:kms:eu-west-1:555566667777:key/1234abcd-12ab-34cd-56ef-1234567890ab"))
        );
    }

    #[test]
    fn what_is_not_stored_data_is_high_and_called_data() {
        let function = "arn:aws:lambda:eu-west-1:111122223333:function:x";
        for record in [call("Encrypt"), with_context("GenerateDataKey", "aws:lambda:FunctionArn", function)] {
            let finding = find(&record).unwrap();
            assert_eq!(finding.severity, Severity::High);
            assert_eq!(finding.title, "Data encrypted under a key of foreign account 444455556666");
        }
    }
}
