//! Parameters of each family of operations.

use super::*;
use crate::event::testing::{self, RecordBuilder};
use serde_json::json;

fn params<R>(record: &RecordBuilder, look: impl FnOnce(&Params<'_>) -> R) -> R {
    record.event(|event| look(&event.params))
}

#[test]
fn the_waiting_period_of_a_deletion_is_read_from_number_text_or_response() {
    let date = "May 11, 2026, 10:15:42 AM";
    let asked = testing::kms("ScheduleKeyDeletion")
        .set("requestParameters.pendingWindowInDays", 7)
        .set("responseElements.deletionDate", date)
        .set("responseElements.keyState", "PendingDeletion");
    params(&asked, |params| {
        let at = Timestamp::parse("2026-05-11T10:15:42Z");
        let key_state = Some(Text::Borrowed("PendingDeletion"));
        assert_eq!(*params, Params::Deletion { window_days: Some(7), at, key_state });
    });
    for (record, expected) in [
        (asked.clone().set("requestParameters.pendingWindowInDays", "7"), Some(7)),
        (
            asked
                .clone()
                .remove("requestParameters.pendingWindowInDays")
                .set("responseElements.pendingWindowInDays", 30),
            Some(30),
        ),
        (asked.clone().set("requestParameters.pendingWindowInDays", json!({"x": 1})), None),
        (asked.remove("responseElements").set("requestParameters.pendingWindowInDays", json!(null)), None),
    ] {
        params(&record, |params| {
            let Params::Deletion { window_days, .. } = params else { panic!("{params:?}") };
            assert_eq!(*window_days, expected);
        });
    }
}

#[test]
fn a_grant_has_grantee_operations_and_constraints() {
    let record = testing::kms("CreateGrant")
        .set("requestParameters.granteePrincipal", "arn:aws:iam::444455556666:root")
        .set("requestParameters.retiringPrincipal", "arn:aws:iam::444455556666:role/r")
        .set("requestParameters.operations", json!(["Decrypt", 7, "CreateGrant"]))
        .set("responseElements.grantId", "g1");
    let grant = |record: &RecordBuilder| {
        params(record, |params| {
            let Params::Grant(grant) = params else { panic!("{params:?}") };
            (
                grant.id.as_ref().map(|id| id.to_string()),
                grant.grantee.as_ref().map(|grantee| grantee.to_string()),
                grant.operations.iter().map(|operation| operation.to_string()).collect::<Vec<_>>(),
                grant.constrained,
            )
        })
    };
    let (id, grantee, operations, constrained) = grant(&record);
    assert_eq!(id.as_deref(), Some("g1"));
    assert_eq!(grantee.as_deref(), Some("arn:aws:iam::444455556666:root"));
    assert_eq!(operations, ["Decrypt", "CreateGrant"]);
    assert!(!constrained);
    for (constraints, expected) in [
        (json!({"encryptionContextSubset": {"aws:ebs:id": "vol-1"}}), true),
        (json!({"sourceArn": "arn:aws:s3:::b"}), true),
        (json!({"encryptionContextSubset": {}, "encryptionContextEquals": null}), false),
        (json!({}), false),
        (json!(null), false),
    ] {
        let constrained = record.clone().set("requestParameters.constraints", constraints.clone());
        assert_eq!(grant(&constrained).3, expected, "{constraints}");
    }
    let service =
        testing::kms("CreateGrant").set("requestParameters.granteeServicePrincipal", "ec2.amazonaws.com");
    assert_eq!(grant(&service).1.as_deref(), Some("ec2.amazonaws.com"));
}

#[test]
fn a_grant_retired_by_its_token_is_known_by_additional_data_only() {
    let record = testing::kms("RetireGrant")
        .set("requestParameters", json!(null))
        .set("additionalEventData.grantId", "g1");
    params(&record, |params| {
        let Params::Grant(grant) = params else { panic!("{params:?}") };
        assert_eq!(grant.id.as_deref(), Some("g1"));
    });
    record.event(|event| assert!(event.key.is_some()));
}

#[test]
fn a_policy_is_its_text_whether_it_is_logged_as_text_or_unpacked() {
    let policy = "{\n \"Statement\" : [ {\"Effect\":\"Allow\"} ]\n}";
    let text = testing::kms("PutKeyPolicy")
        .set("requestParameters.policy", policy)
        .set("requestParameters.bypassPolicyLockoutSafetyCheck", "true");
    let read = |record: &RecordBuilder| {
        params(record, |params| {
            let Params::Policy(change) = params else { panic!("{params:?}") };
            (change.policy.as_ref().map(|policy| policy.to_string()), change.bypass_lockout_check)
        })
    };
    assert_eq!(read(&text), (Some(policy.to_owned()), true));
    let unpacked = testing::kms("PutKeyPolicy").set("requestParameters.policy", json!({"Statement": [1]}));
    assert_eq!(read(&unpacked), (Some(r#"{"Statement":[1]}"#.to_owned()), false));
    for none in [json!(null), json!(""), json!({}), json!(7)] {
        assert_eq!(read(&testing::kms("PutKeyPolicy").set("requestParameters.policy", none)).0, None);
    }
    let long = format!("{{\"Statement\":[\n\"{}\"]}}", "é\\n".repeat(8_000));
    assert_eq!(
        read(&testing::kms("PutKeyPolicy").set("requestParameters.policy", long.as_str())).0,
        Some(long)
    );
}

#[test]
fn a_new_key_tells_its_origin_and_its_manager() {
    let record = testing::kms("CreateKey")
        .set(
            "requestParameters",
            json!({"origin": "EXTERNAL", "keySpec": "SYMMETRIC_DEFAULT", "multiRegion": true}),
        )
        .set("responseElements.keyMetadata.keyManager", "CUSTOMER")
        .set("responseElements.keyMetadata.keyUsage", "ENCRYPT_DECRYPT");
    params(&record, |params| {
        let Params::Policy(change) = params else { panic!("{params:?}") };
        assert_eq!((change.origin.as_deref(), change.multi_region), (Some("EXTERNAL"), true));
        assert_eq!(change.key_spec.as_deref(), Some("SYMMETRIC_DEFAULT"));
        assert_eq!(change.key_usage.as_deref(), Some("ENCRYPT_DECRYPT"));
        assert_eq!((change.key_manager.as_deref(), &change.policy), (Some("CUSTOMER"), &None));
    });
}

#[test]
fn a_replica_names_its_region_and_its_arn_beside_the_primary_key() {
    let replica = "arn:aws:kms:us-east-1:111122223333:key/mrk-1";
    let primary = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1";
    let record = testing::kms("ReplicateKey")
        .key(primary)
        .set("requestParameters.replicaRegion", "us-east-1")
        .set("responseElements", json!({"replicaKeyMetadata": {"arn": replica}, "replicaPolicy": "{}"}));
    for record in [record.clone(), record.remove("resources")] {
        record.event(|event| {
            assert_eq!(event.key.as_ref().unwrap().arn, primary);
            let Params::Policy(change) = &event.params else { panic!("{:?}", event.params) };
            assert_eq!(change.replica_region.as_deref(), Some("us-east-1"));
            assert_eq!(change.replica_arn.as_deref(), Some(replica));
        });
    }
}

#[test]
fn imported_material_may_expire() {
    let record = testing::kms("ImportKeyMaterial")
        .set("requestParameters.expirationModel", "KEY_MATERIAL_EXPIRES")
        .set("requestParameters.validTo", "Jan 1, 2027 8:00:00 PM")
        .set("requestParameters.keyMaterialId", "m1");
    let valid_to = |record: &RecordBuilder| {
        params(record, |params| {
            let Params::Import(import) = params else { panic!("{params:?}") };
            assert_eq!(import.key_material.as_deref(), Some("m1"));
            import.valid_to
        })
    };
    assert_eq!(valid_to(&record), Timestamp::parse("2027-01-01T20:00:00Z"));
    assert_eq!(valid_to(&record.clone().remove("requestParameters.validTo")), None);
    assert_eq!(valid_to(&record.set("requestParameters.validTo", "soon")), None);
    let expired = testing::kms("DeleteExpiredKeyMaterial").set("serviceEventDetails.keyMaterialId", "m1");
    assert_eq!(valid_to(&expired), None);
}

#[test]
fn a_key_store_is_named_in_request_response_or_additional_data() {
    for (record, proxy) in [
        (
            testing::kms("CreateCustomKeyStore")
                .set(
                    "requestParameters",
                    json!({"customKeyStoreName": "store", "xksProxyUriEndpoint": "https://p.example"}),
                )
                .set("responseElements.customKeyStoreId", "cks-1"),
            Some("https://p.example"),
        ),
        (
            testing::kms("DisconnectCustomKeyStore")
                .set("requestParameters.customKeyStoreId", "cks-1")
                .set("additionalEventData.customKeyStoreName", "store"),
            None,
        ),
    ] {
        params(&record, |params| {
            let Params::KeyStore(store) = params else { panic!("{params:?}") };
            assert_eq!((store.id.as_deref(), store.name.as_deref()), (Some("cks-1"), Some("store")));
            assert_eq!(store.proxy_endpoint.as_deref(), proxy);
        });
    }
}

#[test]
fn rotation_tags_and_primary_region_are_read() {
    let rotation = testing::kms("EnableKeyRotation").set("requestParameters.rotationPeriodInDays", "365");
    params(&rotation, |params| {
        assert_eq!(*params, Params::Rotation { period_days: Some(365), rotation_type: None });
    });
    let rotated = testing::kms("RotateKey").set("serviceEventDetails.rotationType", "ON_DEMAND");
    params(&rotated, |params| {
        let rotation_type = Some(Text::Borrowed("ON_DEMAND"));
        assert_eq!(*params, Params::Rotation { period_days: None, rotation_type });
    });
    let tags = json!([{"tagKey": "ransom", "tagValue": "pay"}, {"tagValue": "x"}, null, {"tagKey": "日本"}]);
    params(&testing::kms("TagResource").set("requestParameters.tags", tags), |params| {
        assert_eq!(*params, Params::Tags { keys: vec!["ransom".into(), "日本".into()] });
    });
    params(&testing::kms("UntagResource").set("requestParameters.tagKeys", json!(["a"])), |params| {
        assert_eq!(*params, Params::Tags { keys: vec!["a".into()] });
    });
    params(
        &testing::kms("UpdatePrimaryRegion").set("requestParameters.primaryRegion", "us-east-1"),
        |params| {
            assert_eq!(*params, Params::PrimaryRegion { region: Some("us-east-1".into()) });
        },
    );
}

#[test]
fn hostile_lists_are_cut() {
    let many: Vec<String> = (0..10_000).map(|i| format!("tag{i}")).collect();
    params(&testing::kms("UntagResource").set("requestParameters.tagKeys", many), |params| {
        let Params::Tags { keys } = params else { panic!("{params:?}") };
        assert_eq!(keys.len(), LONGEST_LIST);
    });
}
