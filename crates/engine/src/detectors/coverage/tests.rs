use super::*;
use crate::detectors::{self, ALL, Detector, Look, Reads};
use crate::event::Operation;
use crate::event::operation::Category;
use crate::event::testing::{ACCOUNT, KEY, OTHER_KEY, RecordBuilder, cloudtrail, kms, other};
use crate::pipeline::testing::findings_with;
use crate::settings::Settings;
use crate::time::Timestamp;
use serde_json::json;
use std::collections::BTreeSet;

/// Records on which a detector fires, and the ideas that they are an example of.
type Fixture = (&'static str, &'static Detector, Vec<RecordBuilder>);

const FOREIGN_KEY: &str = "arn:aws:kms:eu-west-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn at(record: RecordBuilder, day: u32) -> RecordBuilder {
    record.at(&format!("2026-05-{day:02}T10:00:00Z"))
}

fn policy(statements: &serde_json::Value) -> RecordBuilder {
    kms("PutKeyPolicy").set("requestParameters.policy", json!({ "Statement": statements }).to_string())
}

fn allow(who: &str) -> serde_json::Value {
    json!({"Effect": "Allow", "Principal": {"AWS": who}, "Action": "kms:*", "Resource": "*"})
}

/// A habit kept on five days within two weeks, and the call that breaks it.
fn habit(kept: &RecordBuilder, breaking: RecordBuilder) -> Vec<RecordBuilder> {
    [1, 4, 8, 11, 14].map(|day| at(kept.clone(), day)).into_iter().chain([at(breaking, 20)]).collect()
}

fn many(n: usize, one: impl Fn(usize) -> RecordBuilder) -> Vec<RecordBuilder> {
    (0..n).map(|n| one(n).at(&format!("2026-05-04T10:{:02}:{:02}Z", n / 60, n % 60))).collect()
}

fn logged() -> RecordBuilder {
    let context = json!({"aws:cloudtrail:arn": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main"});
    at(kms("GenerateDataKey").by_service("cloudtrail").set("requestParameters.encryptionContext", context), 1)
}

fn destruction() -> Vec<Fixture> {
    use detectors::*;
    let late = "2026-05-05T10:00:00Z";
    vec![
        (
            "M1 N7 N9 P1",
            &key_deletion_scheduled::DETECTOR,
            vec![at(kms("Decrypt"), 3), kms("ScheduleKeyDeletion")],
        ),
        ("M2", &key_deletion_scheduled::DETECTOR, vec![kms("ScheduleKeyDeletion").denied()]),
        ("M1 N7", &key_disabled::DETECTOR, vec![kms("DisableKey")]),
        ("N25", &key_disabled::DETECTOR, vec![logged(), at(kms("DisableKey"), 4)]),
        (
            "M3 P1",
            &several_keys_destroyed::DETECTOR,
            vec![kms("DisableKey"), kms("DisableKey").key(OTHER_KEY)],
        ),
        ("M6 P3", &imported_key_material::DETECTOR, vec![kms("DeleteImportedKeyMaterial")]),
        (
            "N19",
            &imported_key_material::DETECTOR,
            vec![kms("ImportKeyMaterial").set("requestParameters.validTo", "May 5, 2026, 10:00:00 AM")],
        ),
        (
            "M20 N8",
            &unusable_key_used::DETECTOR,
            vec![
                kms("Decrypt")
                    .failed("KMSInvalidStateException", &format!("{KEY} is pending deletion."))
                    .at(late),
            ],
        ),
        ("N20 P16", &key_store_disrupted::DETECTOR, vec![kms("DisconnectCustomKeyStore")]),
        (
            "P4",
            &key_store_disrupted::DETECTOR,
            vec![
                kms("CreateCustomKeyStore").set("requestParameters.customKeyStoreType", "EXTERNAL_KEY_STORE"),
            ],
        ),
        (
            "N11",
            &grants_ended::DETECTOR,
            many(20, |n| kms("RevokeGrant").set("requestParameters.grantId", format!("{n}"))),
        ),
        (
            "N21 P3",
            &outside_key_material::DETECTOR,
            vec![
                at(kms("ListKeys"), 1),
                at(kms("CreateKey").set("requestParameters.origin", "EXTERNAL"), 20),
            ],
        ),
        ("M23 N22", &rotation_weakened::DETECTOR, vec![kms("DisableKeyRotation")]),
        (
            "N23 P12",
            &alias_moved::DETECTOR,
            vec![at(kms("CreateAlias"), 1), at(kms("UpdateAlias").key(OTHER_KEY), 4)],
        ),
    ]
}

fn access() -> Vec<Fixture> {
    use detectors::*;
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    let role = "arn:aws:iam::111122223333:role/x";
    let grant = |grantee: &str| {
        kms("CreateGrant")
            .set("requestParameters.granteePrincipal", grantee)
            .set("requestParameters.operations", json!(["Decrypt", "CreateGrant"]))
    };
    let tagged = json!([{"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*",
        "Condition": {"StringEquals": {"aws:ResourceTag/team": "a", "kms:CallerAccount": ACCOUNT}}}]);
    vec![
        ("M5", &key_policy_opened::DETECTOR, vec![policy(&json!([allow("*")]))]),
        ("N17 P7", &key_policy_opened::DETECTOR, vec![policy(&json!([allow("444455556666")]))]),
        ("N15 P2", &key_policy_lockout::DETECTOR, vec![policy(&json!([]))]),
        (
            "M4 N16",
            &key_policy_changed::DETECTOR,
            vec![at(policy(&json!([allow(&root)])), 1), at(policy(&json!([allow(&root), allow(role)])), 2)],
        ),
        ("N11 N17 P6", &grant_to_foreign_account::DETECTOR, vec![grant("444455556666")]),
        ("N11 P6", &self_extending_grant::DETECTOR, vec![grant(role)]),
        ("M7 N10 P5", &foreign_key_used::DETECTOR, vec![kms("GenerateDataKey").key(FOREIGN_KEY)]),
        ("N29 P9", &foreign_key_used::DETECTOR, vec![kms("ReEncrypt").resource(1, FOREIGN_KEY)]),
        (
            "M22 N18 P10",
            &replica_in_new_region::DETECTOR,
            vec![kms("ReplicateKey").set("requestParameters.replicaRegion", "ap-south-1")],
        ),
        (
            "N24 P17",
            &access_tags_changed::DETECTOR,
            vec![
                at(policy(&tagged), 1),
                at(kms("TagResource").set("requestParameters.tags", json!([{"tagKey": "team"}])), 2),
            ],
        ),
        (
            "P14",
            &key_shared_by_ram::DETECTOR,
            vec![other(
                "ram",
                "CreateResourceShare",
                json!({"resourceArns": [KEY], "principals": ["444455556666"]}),
            )],
        ),
    ]
}

fn use_and_watch() -> Vec<Fixture> {
    use detectors::*;
    let zeros = "0".repeat(96);
    let debug = json!({"recipient": {"attestationDocumentModuleId": "m", "attestationDocumentEnclaveImageDigest": zeros}});
    let attested = json!({"recipient": {"attestationDocumentModuleId": "m", "attestationDocumentEnclaveImageDigest": "d"}});
    let object = json!({"aws:s3:arn": "arn:aws:s3:::logs/AWSLogs/1/x.json.gz"});
    let inside = kms("Decrypt").set("vpcEndpointId", "vpce-0123456789abcdef0");
    let with_context = kms("Encrypt").set("requestParameters.encryptionContext.tenant", "t");
    vec![
        ("M12 N38", &canary_key_touched::DETECTOR, vec![kms("Decrypt")]),
        ("M21 N36", &unintended_user::DETECTOR, vec![kms("Decrypt")]),
        (
            "M26",
            &dormant_woke::DETECTOR,
            vec![at(kms("Decrypt"), 1), kms("Decrypt").at("2026-09-01T10:00:00Z")],
        ),
        ("M26 P22", &root_use::DETECTOR, vec![kms("ScheduleKeyDeletion").by_root(ACCOUNT)]),
        ("M19", &debug_enclave::DETECTOR, vec![kms("Decrypt").set("additionalEventData", debug)]),
        (
            "N6 N31",
            &habit_broken::DETECTOR,
            habit(&kms("Decrypt").through("s3"), kms("Decrypt").by_user(ACCOUNT, "mallory")),
        ),
        ("N4", &habit_broken::DETECTOR, habit(&with_context, kms("Encrypt"))),
        ("N32 P21", &habit_broken::DETECTOR, habit(&inside, kms("Decrypt"))),
        (
            "N32 P21",
            &habit_broken::DETECTOR,
            habit(&kms("Decrypt"), kms("Decrypt").set("tlsDetails.tlsVersion", "TLSv1.2")),
        ),
        (
            "N33 P21",
            &habit_broken::DETECTOR,
            habit(&kms("Decrypt"), kms("Decrypt").set("sessionCredentialFromConsole", "true")),
        ),
        (
            "P21",
            &habit_broken::DETECTOR,
            habit(&kms("Decrypt").set("additionalEventData", attested), kms("Decrypt")),
        ),
        (
            "N26",
            &log_objects_read::DETECTOR,
            vec![
                logged(),
                at(kms("Decrypt").through("s3").set("requestParameters.encryptionContext", object), 20),
            ],
        ),
        (
            "N14",
            &ciphertext_probed::DETECTOR,
            many(100, |n| kms("Decrypt").failed("InvalidCiphertextException", &n.to_string())),
        ),
        (
            "N35 P19",
            &quota_exhausted::DETECTOR,
            many(600, |n| {
                kms("Decrypt").by_user(ACCOUNT, &format!("u{}", n % 3)).failed("ThrottlingException", "")
            }),
        ),
        ("M17 P13", &trail_blinded::DETECTOR, vec![cloudtrail("StopLogging")]),
        (
            "M18",
            &trail_blinded::DETECTOR,
            vec![cloudtrail("UpdateTrail").set("requestParameters.kmsKeyId", FOREIGN_KEY)],
        ),
        (
            "N1",
            &trail_blinded::DETECTOR,
            vec![cloudtrail("PutEventSelectors").set(
                "requestParameters.eventSelectors",
                json!([{"excludeManagementEventSources": ["kms.amazonaws.com"]}]),
            )],
        ),
        (
            "N37 P13",
            &pipeline_changed::DETECTOR,
            vec![other("sqs", "DeleteQueue", json!({"queueUrl": "kmswatch"}))],
        ),
    ]
}

/// Ten days of a role that does this once in each hour of the day, and then all of that in a night.
fn night(usual: &RecordBuilder, then: Vec<RecordBuilder>) -> Vec<RecordBuilder> {
    let moment = |hour: usize, second: usize| {
        Timestamp(1_777_852_800 + hour as i64 * 3_600 + second as i64).to_string()
    };
    let hours = (0..10).flat_map(|day| (8..18).map(move |hour| day * 24 + hour));
    let usual = hours.map(|hour| usual.clone().at(&moment(hour, 0)).id(&format!("usual-{hour}")));
    let then = then.into_iter().enumerate();
    let night = then.map(|(n, record)| record.at(&moment(9 * 24 + 22, n)).id(&format!("night-{n}")));
    usual.chain(night).collect()
}

fn some_key(n: usize) -> String {
    format!("arn:aws:kms:eu-west-1:111122223333:key/00000000-0000-4000-8000-{n:012}")
}

fn unusual() -> Vec<Fixture> {
    use detectors::*;
    let secret = |n: usize| {
        let arn = format!("arn:aws:secretsmanager:eu-west-1:111122223333:secret:s{n}");
        kms("Decrypt").set("requestParameters.encryptionContext.SecretARN", arn)
    };
    let times = |n: usize, one: &dyn Fn(usize) -> RecordBuilder| (0..n).map(one).collect::<Vec<_>>();
    let elsewhere = |record: RecordBuilder| {
        record.set("sourceIPAddress", "198.51.100.9").set("userAgent", "aws-cli/2.15.0 md/awscrt")
    };
    vec![
        ("M9 M16 N3 P8", &unusual_rate::DETECTOR, night(&secret(0), times(60, &secret))),
        ("N27 P15", &unusual_rate::DETECTOR, night(&kms("Sign"), times(60, &|_| kms("Sign")))),
        (
            "M25 N28",
            &unusual_rate::DETECTOR,
            night(&kms("GetPublicKey"), times(60, &|n| kms("GetPublicKey").key(&some_key(n)))),
        ),
        (
            "M13 N5 N28",
            &unusual_first_use::DETECTOR,
            night(&kms("Decrypt"), vec![elsewhere(kms("GetPublicKey"))]),
        ),
        (
            "N28",
            &unusual_first_use::DETECTOR,
            night(&kms("Decrypt"), vec![elsewhere(kms("GetParametersForImport"))]),
        ),
        (
            "M14 M15 P11",
            &unusual_denials::DETECTOR,
            night(&kms("Decrypt"), times(12, &|n| kms("Decrypt").key(&some_key(n)).denied())),
        ),
        (
            "N13",
            &unusual_denials::DETECTOR,
            night(
                &kms("Decrypt"),
                times(30, &|_| {
                    kms("Decrypt")
                        .set("requestParameters.dryRun", true)
                        .failed("DryRunOperationException", "")
                }),
            ),
        ),
    ]
}

/// A canary, and a key that nobody is meant to use.
fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.estate.canary_keys = vec![KEY.to_owned()];
    settings.estate.key_users.insert(KEY.to_owned(), Vec::new());
    settings
}

#[test]
fn every_idea_stands_in_the_list_once_and_in_order() {
    let expected: Vec<String> = [("M", 27), ("N", 38), ("P", 22)]
        .into_iter()
        .flat_map(|(letter, n)| (1..=n).map(move |n| format!("{letter}{n}")))
        .collect();
    assert_eq!(IDEAS.iter().map(|idea| idea.id).collect::<Vec<_>>(), expected);
    assert!(IDEAS.iter().all(|idea| idea.what.len() > 10));
}

#[test]
fn every_idea_has_a_detector_or_a_reason_and_not_both() {
    for detector in ALL {
        assert!(!detector.covers.is_empty(), "{}", detector.id);
        for id in detector.covers {
            assert!(IDEAS.iter().any(|idea| idea.id == *id), "{}: {id}", detector.id);
        }
    }
    for idea in IDEAS {
        let found = ALL.iter().any(|detector| detector.covers.contains(&idea.id));
        assert_ne!(found, !idea.why_not.is_empty(), "{}", idea.id);
    }
}

#[test]
fn for_every_idea_that_is_covered_a_detector_fires() {
    let mut shown = BTreeSet::new();
    let fixtures = [destruction(), access(), use_and_watch(), unusual()];
    for (ideas, detector, records) in fixtures.into_iter().flatten() {
        let fired = !findings_with(detector, &records, &settings()).is_empty();
        assert!(fired, "{} does not fire on {ideas}", detector.id);
        for id in ideas.split(' ') {
            assert!(detector.covers.contains(&id), "{} does not cover {id}", detector.id);
            shown.insert(id);
        }
    }
    for idea in IDEAS.iter().filter(|idea| idea.why_not.is_empty() && !shown.contains(idea.id)) {
        // What is told by the clock has weeks of events and then none, in the file of that detector.
        let covers = |detector: &&&Detector| detector.covers.contains(&idea.id);
        let elsewhere = |detector: &Detector| matches!(detector.look, Look::Clock(_));
        assert!(ALL.iter().filter(covers).all(|detector| elsewhere(detector)), "{}: no fixture", idea.id);
    }
}

#[test]
fn every_operation_that_changes_something_is_read_by_a_detector_of_its_own() {
    let own = |operation: &Operation| {
        ALL.iter().any(|detector| matches!(detector.reads, Reads::These(_)) && detector.reads.has(*operation))
    };
    let left: BTreeSet<&str> = Operation::ALL
        .iter()
        .filter(|operation| {
            let category = operation.info().category;
            !operation.is_cryptographic() && category != Category::Discovery && !own(operation)
        })
        .map(|operation| operation.name())
        .collect();
    // These harm nobody by themselves; they are counted.
    let harmless =
        ["GetParametersForImport", "RotateKey", "SynchronizeMultiRegionKey", "UpdateKeyDescription"];
    assert_eq!(left.into_iter().collect::<Vec<_>>(), harmless);
}
