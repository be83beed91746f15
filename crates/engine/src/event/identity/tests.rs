//! Every form of `userIdentity`.

use super::*;
use crate::event::testing::{self, ACCOUNT, ROLE, RecordBuilder};
use serde_json::json;

/// Id, kind, session and generation of the principal.
fn who(record: &RecordBuilder) -> (String, PrincipalKind, Option<String>, Option<String>) {
    record.event(|event| {
        let principal = event.principal.clone();
        (
            principal.id.into_owned(),
            principal.kind,
            principal.session.map(Text::into_owned),
            principal.generation.map(Text::into_owned),
        )
    })
}

fn decrypt_by(identity: serde_json::Value) -> RecordBuilder {
    testing::kms("Decrypt").set("userIdentity", identity)
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn a_role_is_named_without_its_path_and_without_its_session() {
    let with_path = testing::kms("Decrypt").by_role(ACCOUNT, "apps/eu/payments-api", "i-1");
    let expected = (ROLE.into(), PrincipalKind::Role, some("i-1"), some("AROAPAYMENTS-API"));
    let (id, kind, session, _) = who(&with_path);
    assert_eq!((id, kind, session), (expected.0, expected.1, expected.2));
}

#[test]
fn a_role_is_the_same_with_and_without_its_session_context() {
    let full = testing::kms("Decrypt").by_role(ACCOUNT, "apps/payments-api", "i-1");
    let without = full.clone().remove("userIdentity.sessionContext");
    let empty_issuer = full.clone().set("userIdentity.sessionContext.sessionIssuer", json!({}));
    let own_arn = full
        .clone()
        .remove("userIdentity.sessionContext")
        .set("userIdentity.arn", "arn:aws:iam::111122223333:role/apps/payments-api");
    let by_name =
        full.clone().remove("userIdentity.arn").remove("userIdentity.sessionContext.sessionIssuer.arn");
    for record in [&full, &without, &empty_issuer, &own_arn, &by_name] {
        let (id, kind, session, _) = who(record);
        assert_eq!((id.as_str(), kind, session.as_deref()), (ROLE, PrincipalKind::Role, Some("i-1")));
    }
}

#[test]
fn a_role_that_was_made_again_has_another_generation() {
    let (_, _, _, old) = who(&testing::kms("Decrypt"));
    let again = testing::kms("Decrypt")
        .set("userIdentity.sessionContext.sessionIssuer.principalId", "AROAEXAMPLEROLEID0002");
    let (id, _, _, new) = who(&again);
    assert_eq!((id.as_str(), old, new), (ROLE, some("AROAEXAMPLEROLEID0001"), some("AROAEXAMPLEROLEID0002")));
}

#[test]
fn type_role_is_read_like_an_assumed_role() {
    let record = testing::kms("Decrypt")
        .by_role(ACCOUNT, "aws-service-role/example.amazonaws.com/AWSServiceRoleForExample", "SLRSession")
        .set("userIdentity.type", "Role");
    let (id, kind, ..) = who(&record);
    assert_eq!(id, "arn:aws:iam::111122223333:role/AWSServiceRoleForExample");
    assert_eq!(kind, PrincipalKind::ServiceLinkedRole);
}

#[test]
fn service_linked_roles_are_told_by_their_path_not_by_a_name_that_anyone_can_give() {
    let real = testing::kms("Decrypt").by_role(
        ACCOUNT,
        "aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS",
        "s",
    );
    assert_eq!(who(&real).1, PrincipalKind::ServiceLinkedRole);
    let fake = testing::kms("Decrypt").by_role(ACCOUNT, "AWSServiceRoleForRDS", "s");
    assert_eq!(who(&fake).1, PrincipalKind::Role);
    let no_issuer = real.remove("userIdentity.sessionContext");
    assert_eq!(who(&no_issuer).1, PrincipalKind::ServiceLinkedRole);
}

#[test]
fn the_session_of_a_permission_set_is_a_person() {
    for path in [
        "aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_0123456789abcdef",
        "aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef",
    ] {
        let record = testing::kms("Decrypt").by_role(ACCOUNT, path, "zoë@example.com");
        record.event(|event| {
            let principal = &event.principal;
            assert_eq!(principal.kind, PrincipalKind::PermissionSet);
            assert_eq!(principal.id, "arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_0123456789abcdef");
            assert_eq!(principal.person.as_deref(), Some("zoë@example.com"));
        });
    }
    testing::kms("Decrypt").event(|event| assert_eq!(event.principal.person, None));
}

#[test]
fn the_data_path_of_ebs_is_a_pseudo_role_and_a_call_by_ec2() {
    let record = decrypt_by(json!({
        "type": "AssumedRole",
        "principalId": "111122223333:aws:ec2-infrastructure:i-0abc",
        "arn": "arn:aws:sts::111122223333:assumed-role/aws:ec2-infrastructure/i-0abc",
        "accountId": "111122223333",
        "accessKeyId": "",
        "sessionContext": {"sessionIssuer": {
            "type": "Role",
            "principalId": "111122223333:aws:ec2-infrastructure",
            "arn": "arn:aws:iam::111122223333:role/aws:ec2-infrastructure",
            "accountId": "111122223333",
            "userName": "aws:ec2-infrastructure",
        }},
    }));
    let (id, kind, session, generation) = who(&record);
    assert_eq!(id, "arn:aws:iam::111122223333:role/aws:ec2-infrastructure");
    assert_eq!((kind, session, generation), (PrincipalKind::ServiceLinkedRole, some("i-0abc"), None));
    record.event(|event| {
        assert_eq!(event.principal.via_service.as_deref(), Some("ec2"));
        assert_eq!((event.caller.ip, event.principal.access_key.as_deref()), (None, None));
    });
}

#[test]
fn a_user_is_its_arn_with_the_path() {
    let record = decrypt_by(json!({
        "type": "IAMUser", "principalId": "AIDAEXAMPLEUSERID0001", "accountId": ACCOUNT, "userName": "alice",
        "arn": "arn:aws:iam::111122223333:user/ops/alice", "accessKeyId": "AKIAEXAMPLE",
    }));
    let expected = "arn:aws:iam::111122223333:user/ops/alice";
    assert_eq!(who(&record), (expected.into(), PrincipalKind::User, None, some("AIDAEXAMPLEUSERID0001")));
    let no_arn = record.remove("userIdentity.arn");
    assert_eq!(who(&no_arn).0, "user:111122223333/alice");
    let only_id = no_arn.remove("userIdentity.userName");
    assert_eq!(who(&only_id).0, "AIDAEXAMPLEUSERID0001");
    assert_eq!(who(&decrypt_by(json!({"type": "IAMUser"}))).0, "unknown:IAMUser:");
}

#[test]
fn a_user_through_a_service_stays_the_user() {
    let record = testing::kms("Decrypt")
        .by_user(ACCOUNT, "alice")
        .set(
            "userIdentity.sessionContext",
            json!({"sessionIssuer": {}, "webIdFederationData": {},
                "attributes": {"creationDate": "2026-05-04T10:00:00Z", "mfaAuthenticated": "false"}}),
        )
        .through("secretsmanager");
    record.event(|event| {
        assert_eq!(event.principal.id, "arn:aws:iam::111122223333:user/alice");
        assert_eq!(event.principal.via_service.as_deref(), Some("secretsmanager"));
        assert_eq!(event.principal.mfa, Some(false));
        assert_eq!((event.caller.ip, &event.caller.tls), (None, &None));
    });
}

#[test]
fn root_is_root_and_so_is_an_assume_root_session() {
    let root = testing::kms("Decrypt").by_root(ACCOUNT);
    let (id, kind, ..) = who(&root);
    assert_eq!((id.as_str(), kind), ("arn:aws:iam::111122223333:root", PrincipalKind::Root));
    root.event(|event| assert_eq!(event.principal.mfa, Some(true)));
    for member in ["userIdentity.type", "userIdentity.arn"] {
        let assumed = root.clone().set("userIdentity.sessionContext.assumedRoot", "true").set(member, "x");
        assert_eq!(who(&assumed), who(&root), "{member}");
    }
    let china = root.set("userIdentity.arn", "arn:aws-cn:iam::111122223333:root");
    assert_eq!(who(&china).0, "arn:aws-cn:iam::111122223333:root");
}

#[test]
fn a_federated_user_is_its_own_principal() {
    let record = decrypt_by(json!({
        "type": "FederatedUser", "principalId": "111122223333:bob", "accountId": ACCOUNT,
        "arn": "arn:aws:sts::111122223333:federated-user/bob",
    }));
    let (id, kind, ..) = who(&record);
    assert_eq!(
        (id.as_str(), kind),
        ("arn:aws:sts::111122223333:federated-user/bob", PrincipalKind::FederatedUser)
    );
}

#[test]
fn a_caller_of_another_account_is_known_by_its_unique_id_only() {
    let record = decrypt_by(
        json!({"type": "AWSAccount", "principalId": "AROAFOREIGN01:session-name", "accountId": "444455556666"}),
    );
    let expected = "account:444455556666/AROAFOREIGN01";
    let kind = PrincipalKind::ForeignAccount;
    assert_eq!(who(&record), (expected.into(), kind, some("session-name"), some("AROAFOREIGN01")));
    record.event(|event| {
        assert_eq!(event.principal.account.as_deref(), Some("444455556666"));
        assert_eq!(event.account, ACCOUNT);
    });
}

#[test]
fn a_service_is_known_by_its_name_in_every_region() {
    for (by, expected) in [
        ("cloudtrail.amazonaws.com", "service:cloudtrail"),
        ("dynamodb.us-west-2.amazonaws.com", "service:dynamodb"),
        ("logs.eu-west-1.amazonaws.com", "service:logs"),
        ("ops.apigateway.amazonaws.com", "service:ops.apigateway"),
        ("states.cn-north-1.amazonaws.com.cn", "service:states"),
        ("AWS Internal", "service:aws-internal"),
    ] {
        let record = decrypt_by(json!({"type": "AWSService", "invokedBy": by}))
            .set("sourceIPAddress", "AWS Internal")
            .remove("recipientAccountId");
        let (id, kind, ..) = who(&record);
        assert_eq!((id.as_str(), kind), (expected, PrincipalKind::AwsService), "{by}");
        record.event(|event| {
            assert_eq!(event.principal.account, None);
            assert_eq!(event.account, ACCOUNT, "the key's account, as there is no other");
            assert!(event.principal.via_service.is_some());
        });
    }
}

#[test]
fn a_service_event_is_done_by_kms() {
    for name in ["RotateKey", "DeleteKey", "DeleteExpiredKeyMaterial", "SynchronizeMultiRegionKey"] {
        let (id, kind, ..) = who(&testing::kms(name));
        assert_eq!((id.as_str(), kind), ("service:kms-internal", PrincipalKind::AwsService), "{name}");
    }
    let without_type = decrypt_by(json!({"accountId": ACCOUNT, "invokedBy": "kms.amazonaws.com"}));
    assert_eq!(who(&without_type).0, "service:kms");
}

#[test]
fn an_internal_service_is_named_by_the_context_that_it_writes() {
    let record = decrypt_by(json!({"accountId": ACCOUNT, "invokedBy": "AWS Internal"}))
        .set("eventName", "GenerateDataKey")
        .set("sourceIPAddress", "AWS Internal")
        .set("requestParameters.encryptionContext", json!({"aws:cloudtrail:arn": "trail"}));
    assert_eq!(who(&record).0, "service:cloudtrail");
}

#[test]
fn an_identity_center_user_is_a_person() {
    let record = decrypt_by(json!({
        "type": "IdentityCenterUser", "accountId": ACCOUNT, "credentialId": "EXAMPLE",
        "onBehalfOf": {"userId": "0a0b-1111", "identityStoreArn": "arn:aws:identitystore::111122223333:identitystore/d-1"},
    }));
    let (id, kind, ..) = who(&record);
    assert_eq!((id.as_str(), kind), ("identity-center:0a0b-1111", PrincipalKind::IdentityCenterUser));
    record.event(|event| assert_eq!(event.principal.person.as_deref(), Some("0a0b-1111")));
    let role = testing::kms("Decrypt").set("userIdentity.onBehalfOf.userId", "0a0b-1111");
    role.event(|event| {
        assert_eq!(
            (event.principal.id.as_ref(), event.principal.person.as_deref()),
            (ROLE, Some("0a0b-1111"))
        );
    });
}

#[test]
fn whoever_is_of_no_known_type_keeps_type_and_id() {
    for (identity, expected) in [
        (
            json!({"type": "SAMLUser", "principalId": "Zm9v=:bob@example.com"}),
            "unknown:SAMLUser:Zm9v=:bob@example.com",
        ),
        (json!({"type": "Unknown", "principalId": "Anonymous"}), "unknown:Unknown:Anonymous"),
        (json!({"type": "AssumedRole", "principalId": "AROAX:random-session"}), "unknown:AssumedRole:AROAX"),
        (json!({"type": "...", "arn": "..."}), "unknown:...:"),
        (json!({}), "unknown::"),
        (json!(null), "unknown::"),
        (json!("text"), "unknown::"),
        (json!({"type": {"a": 1}, "principalId": 7, "invokedBy": []}), "unknown::"),
    ] {
        assert_eq!(who(&decrypt_by(identity)).0, expected);
    }
}

#[test]
fn the_service_between_is_the_named_one_else_that_of_the_context() {
    let via = |invoked_by: Option<&str>, address: &str, context: serde_json::Value| {
        let mut record = testing::kms("Decrypt")
            .set("sourceIPAddress", address)
            .set("requestParameters.encryptionContext", context);
        if let Some(invoked_by) = invoked_by {
            record = record.set("userIdentity.invokedBy", invoked_by);
        }
        record.event(|event| event.principal.via_service.clone().map(Text::into_owned))
    };
    let parameter = json!({"PARAMETER_ARN": "arn:aws:ssm:eu-west-1:111122223333:parameter/p"});
    assert_eq!(via(Some("lambda.amazonaws.com"), "lambda.amazonaws.com", parameter.clone()), some("lambda"));
    assert_eq!(via(Some("AWS Internal"), "AWS Internal", parameter.clone()), some("ssm"));
    assert_eq!(via(Some("AWS Internal/3"), "AWS Internal/3", json!({})), some("aws-internal"));
    assert_eq!(via(None, "s3.amazonaws.com", json!({})), some("s3"));
    // What a direct caller writes into the context proves nothing.
    assert_eq!(via(None, "203.0.113.17", parameter), None);
}

#[test]
fn a_person_at_the_console_calls_directly() {
    let record = testing::kms("DescribeKey")
        .by_user(ACCOUNT, "alice")
        .set("userIdentity.invokedBy", "signin.amazonaws.com");
    record.event(|event| {
        assert_eq!(event.principal.via_service, None);
        assert!(event.principal.console && event.caller.ip.is_some());
    });
    let newer = testing::kms("DescribeKey").set("sessionCredentialFromConsole", "true");
    newer.event(|event| assert!(event.principal.console));
}

#[test]
fn attributes_of_the_session_are_kept() {
    let record = testing::kms("Decrypt")
        .set("userIdentity.sessionContext.sourceIdentity", "zoe")
        .set("userIdentity.sessionContext.attributes.mfaAuthenticated", "true");
    record.event(|event| {
        let principal = &event.principal;
        assert_eq!(principal.source_identity.as_deref(), Some("zoe"));
        assert_eq!((principal.mfa, principal.imds.as_deref()), (Some(true), Some("2.0")));
        assert_eq!(principal.access_key.as_deref(), Some("ASIAEXAMPLEKEY000001"));
    });
}

#[test]
fn session_names_with_odd_characters_stay_whole() {
    for session in ["user=a@example.com", "a/b:c", "日本", "botocore-session-1777889742"] {
        let record = testing::kms("Decrypt").by_role(ACCOUNT, "payments-api", session);
        let (id, _, found, _) = who(&record);
        assert_eq!((id.as_str(), found.as_deref()), (ROLE, Some(session)));
    }
}
