// The page of all signals is read and written, and nothing else is impure here.
#![allow(clippy::disallowed_methods)]

use super::*;
use crate::golden::golden;
use crate::inventory::State;
use crate::testing::{inventory, logs};
use kmswatch_engine::time::Timestamp;
use logs::{arn, call, decrypt, with};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What each signal is made to see, with records in which it shows.
fn shown() -> Vec<(&'static str, Vec<Value>)> {
    let user = json!({"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/ann", "accountId": "111122223333",
        "principalId": "AIDAEXAMPLE", "userName": "ann", "accessKeyId": "AKIAEXAMPLE"});
    let by_user = |record| with(record, "/userIdentity", user.clone());
    let root = json!({"type": "Root", "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333",
        "principalId": "111122223333"});
    let failed = |record: Value, code: &str, message: &str| {
        with(with(record, "/errorCode", json!(code)), "/errorMessage", json!(message))
    };
    let via = |service: &str, hour| {
        with(decrypt("app", "k", hour), "/userIdentity/invokedBy", json!(format!("{service}.amazonaws.com")))
    };
    let request = |record, value| with(record, "/requestParameters", value);
    let created = |extra: Value| {
        let mut metadata =
            json!({"arn": arn("k"), "keyId": "k", "keyManager": "CUSTOMER", "origin": "AWS_KMS"});
        metadata.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let record = request(call("CreateKey", "ops", "k", 0), extra);
        with(record, "/responseElements", json!({"keyMetadata": metadata}))
    };
    let grant = |hour, constraints| {
        let record = request(
            call("CreateGrant", "ops", "k", hour),
            json!({"keyId": arn("k"), "granteePrincipal": "arn:aws:iam::111122223333:role/app",
                "operations": ["Decrypt"], "constraints": constraints}),
        );
        with(record, "/responseElements", json!({"grantId": "g1", "keyId": arn("k")}))
    };
    let many = |n: u32| {
        let one = |n| with(decrypt("app", "k", 0), "/eventID", json!(format!("many-{n}")));
        (0..n).map(one).collect()
    };
    // Two decryptions for each data key, and so many in the last week.
    let read_more_of_late = |lately: u32| {
        let mut all = Vec::new();
        for day in 0..28 {
            for made in 0..4 {
                let own = |record: Value, n: u32| {
                    let id = json!(format!("{day}-{made}-{n}"));
                    with(with(record, "/eventID", id.clone()), "/requestID", id)
                };
                all.push(own(call("GenerateDataKey", "app", "k", 24 * day), 0));
                let decrypts = if day < 20 { 2 } else { lately };
                all.extend((1..=decrypts).map(|n| own(decrypt("app", "k", 24 * day + 1), n)));
            }
        }
        all
    };
    let session = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/ann";
    let mrk = |region: &str| {
        let arn = format!("arn:aws:kms:{region}:111122223333:key/mrk-1");
        let record = with(decrypt("app", "mrk-1", 0), "/resources/0/ARN", json!(arn));
        let record = with(record, "/awsRegion", json!(region));
        with(with(record, "/requestParameters/keyId", json!(arn)), "/eventID", json!(region))
    };
    vec![
        (
            "secret_in_context",
            vec![request(
                decrypt("app", "k", 0),
                json!({"keyId": arn("k"), "encryptionContext": {"user": "ann@example.com"}}),
            )],
        ),
        ("no_encryption_context", vec![call("Decrypt", "app", "k", 0)]),
        ("raw_key_id", vec![with(decrypt("app", "k", 0), "/requestParameters/keyId", json!("k"))]),
        (
            "decrypt_without_key",
            vec![request(decrypt("app", "k", 0), json!({"encryptionContext": {"tenant": "1"}}))],
        ),
        ("many_purposes", vec![via("s3", 0), via("sqs", 1), via("sns", 2), decrypt("app", "k", 3)]),
        (
            "cross_account",
            vec![with(
                decrypt("app", "k", 0),
                "/userIdentity",
                json!({"type": "AWSAccount", "accountId": "999900001111", "principalId": "AROAOTHER:x"}),
            )],
        ),
        (
            "people_decrypt",
            vec![with(
                with(decrypt("app", "k", 0), "/userIdentity/arn", json!(session)),
                "/userIdentity/sessionContext/sessionIssuer/arn",
                json!(
                    "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_0123456789abcdef"
                ),
            )],
        ),
        ("no_data_key_cache", many(40)),
        ("decrypts_per_data_key", read_more_of_late(25)),
        ("constant_context", many(100)),
        (
            "throttled",
            vec![decrypt("app", "k", 0), failed(decrypt("app", "k", 1), "ThrottlingException", "slow down")],
        ),
        ("rotation_off", vec![call("DisableKeyRotation", "ops", "k", 0)]),
        ("unused_key", vec![call("DescribeKey", "ops", "k", 0)]),
        ("unused_access", vec![decrypt("old", "k", 0), decrypt("app", "k", 24 * 40)]),
        (
            "key_not_usable",
            vec![failed(decrypt("app", "k", 0), "DisabledException", &format!("{} is disabled.", arn("k")))],
        ),
        (
            "context_mismatch",
            vec![decrypt("app", "k", 0), failed(decrypt("app", "k", 1), "InvalidCiphertextException", "")],
        ),
        ("root_use", vec![with(call("DescribeKey", "x", "k", 0), "/userIdentity", root)]),
        ("long_term_credentials", vec![by_user(decrypt("x", "k", 0))]),
        ("no_second_factor", vec![by_user(call("DisableKey", "x", "k", 0))]),
        (
            "instance_metadata_v1",
            vec![with(decrypt("app", "k", 0), "/userIdentity/sessionContext/ec2RoleDelivery", json!("1.0"))],
        ),
        ("old_tls", vec![with(decrypt("app", "k", 0), "/tlsDetails", json!({"tlsVersion": "TLSv1.1"}))]),
        ("custom_key_store", vec![created(json!({"origin": "EXTERNAL"}))]),
        (
            "material_expires",
            vec![
                created(json!({"origin": "EXTERNAL"})),
                request(
                    call("ImportKeyMaterial", "ops", "k", 1),
                    json!({"keyId": arn("k"), "expirationModel": "KEY_MATERIAL_EXPIRES",
                        "validTo": "May 31, 2026, 12:00:00 PM"}),
                ),
            ],
        ),
        ("many_regions", vec![mrk("eu-west-1"), mrk("us-east-1")]),
        (
            "lockout_check_bypassed",
            vec![request(
                call("PutKeyPolicy", "ops", "k", 0),
                json!({"keyId": arn("k"), "policy": "{}", "bypassPolicyLockoutSafetyCheck": true}),
            )],
        ),
        ("unconstrained_grants", vec![grant(0, Value::Null)]),
        (
            "open_grants",
            vec![grant(0, json!({"encryptionContextSubset": {"a": "b"}})), decrypt("app", "k", 24 * 9)],
        ),
        (
            "aws_managed_key",
            vec![with(
                with(via("ssm", 0), "/requestParameters/keyId", json!("alias/aws/ssm")),
                "/eventName",
                json!("GenerateDataKey"),
            )],
        ),
    ]
}

fn ids(records: &[Value]) -> BTreeSet<&'static str> {
    reports(&inventory(records)).into_iter().map(|report| report.id).collect()
}

#[test]
fn every_signal_shows_in_what_it_is_made_for() {
    for (id, records) in shown() {
        assert!(ids(&records).contains(id), "{id}: {:?}", ids(&records));
    }
    let tested: BTreeSet<&str> = shown().into_iter().map(|(id, _)| id).collect();
    let all: BTreeSet<&str> = ALL.iter().map(|signal| signal.id).collect();
    assert_eq!(tested, all, "each has its case");
    assert_eq!(all.len(), ALL.len(), "no id twice");
}

#[test]
fn decryptions_that_grow_with_the_data_keys_are_no_sign() {
    let all = shown();
    let (_, records) = all.iter().find(|(id, _)| *id == "decrypts_per_data_key").unwrap();
    let early: Vec<Value> = records.iter().take(20 * 12).cloned().collect();
    assert!(!ids(&early).contains("decrypts_per_data_key"));
}

#[test]
fn a_careful_application_gives_no_sign() {
    let careful: Vec<Value> = (0..20).map(|hour| decrypt("app", "k", hour)).collect();
    assert_eq!(ids(&careful), BTreeSet::new());
}

#[test]
fn every_sign_tells_what_was_seen_and_where() {
    for (id, records) in shown() {
        for report in reports(&inventory(&records)) {
            assert!(!report.advice.is_empty() && !report.caveat.is_empty());
            for sign in report.signs {
                assert!(sign.key.starts_with("arn:aws:kms:") && sign.says.ends_with('.'), "{id}: {sign:?}");
            }
        }
    }
}

#[test]
fn files_are_named_after_their_signals() {
    for signal in ALL {
        let file = format!("{}/src/hygiene/{}.rs", env!("CARGO_MANIFEST_DIR"), signal.id);
        assert!(std::path::Path::new(&file).exists(), "{file}");
        assert!(signal.severity <= Severity::Medium, "what is worse is a finding");
    }
}

/// All signals, for the folder in which they lie.
fn page() -> String {
    let mut out = String::from(
        "# Hygiene\n\nWhat `kmswatch report` looks for beside the inventory. Written from the signals by their tests: \
         `UPDATE_GOLDEN=1 cargo test -p kmswatch-report`.\n",
    );
    for signal in ALL {
        let Signal { id, title, severity, advice, caveat, .. } = *signal;
        out.push_str(&format!("\n## {title}\n\n`{id}`, {severity}. {advice}\n\n*But:* {caveat}\n"));
    }
    out
}

#[test]
fn the_page_of_all_signals_is_up_to_date() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/src/hygiene/README.md");
    golden(file, &page());
}

#[test]
fn a_grant_that_was_ended_is_not_open_in_whatever_order_it_is_told() {
    let (_, made) = shown().into_iter().find(|(id, _)| *id == "open_grants").unwrap();
    let end = with(
        call("RevokeGrant", "ops", "k", 5),
        "/requestParameters",
        json!({"keyId": arn("k"), "grantId": "g1"}),
    );
    let orders =
        [vec![made[0].clone(), end.clone(), made[1].clone()], vec![end, made[0].clone(), made[1].clone()]];
    for records in orders {
        assert!(!ids(&records).contains("open_grants"));
    }
}

#[test]
fn a_key_about_to_be_deleted_is_not_called_unused() {
    let records = [call("ScheduleKeyDeletion", "ops", "k", 0)];
    let inventory = inventory(&records);
    assert_eq!(inventory.keys[0].state, State::PendingDeletion);
    assert!(!ids(&records).contains("unused_key"));
}

#[test]
fn material_that_expires_in_a_year_is_no_sign() {
    let (_, mut records) = shown().into_iter().find(|(id, _)| *id == "material_expires").unwrap();
    records[1]["requestParameters"]["validTo"] = json!("Apr 30, 2027, 12:00:00 PM");
    let inventory = inventory(&records);
    assert_eq!(inventory.keys[0].material_expires_at, Timestamp::parse("2027-04-30T12:00:00Z"));
    assert!(reports(&inventory).iter().all(|report| report.id != "material_expires"));
}

#[test]
fn only_what_looks_like_a_secret_is_taken_for_one() {
    let jwt = format!("eyJ{}", "a".repeat(40));
    let shows = |context: Value| {
        let record = with(
            decrypt("app", "k", 0),
            "/requestParameters",
            json!({"keyId": arn("k"), "encryptionContext": context}),
        );
        reports(&inventory(&[record])).iter().any(|report| report.id == "secret_in_context")
    };
    for context in [
        json!({"a": "AKIAIOSFODNN7EXAMPLE"}),
        json!({"api_key": "x"}),
        json!({"a": "-----BEGIN PRIVATE KEY-----"}),
        json!({"a": jwt}),
        json!({"a": "b", "mail": "a.b+c@example.com"}),
    ] {
        assert!(shows(context.clone()), "{context}");
    }
    for context in [
        json!({"tenant": "42"}),
        json!({"password": ""}),
        json!({"arn": "arn:aws:s3:::bucket/a@b.c"}),
        json!({"a": "AKIA"}),
        json!({"a": "user@host"}),
        json!({"secret_id": "7"}),
    ] {
        assert!(!shows(context.clone()), "{context}");
    }
}

#[test]
fn contexts_that_differ_once_are_not_constant() {
    let mut records: Vec<Value> =
        (0..100).map(|n| with(decrypt("app", "k", 0), "/eventID", json!(format!("many-{n}")))).collect();
    let shows =
        |records: &[Value]| reports(&inventory(records)).iter().any(|report| report.id == "constant_context");
    assert!(shows(&records) && !shows(&records[1..]));
    records.push(with(decrypt("app", "k", 1), "/requestParameters/encryptionContext/tenant", json!("2")));
    assert!(!shows(&records));
}
