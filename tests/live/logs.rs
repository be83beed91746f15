//! Log objects as CloudTrail writes them, and notifications about them.

use flate2::Compression;
use flate2::write::GzEncoder;
use kmswatch_aws::objects::ObjectRef;
use kmswatch_scenario::scenario::{AttackPlan, OrganisationPlan};
use kmswatch_scenario::{Objects, Scenario};
use serde_json::{Value, json};
use std::io::Write;

pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const BUCKET: &str = "trail-logs";
pub(crate) const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// The object with this number, delivered at this moment.
pub(crate) fn object(stamp: &str, n: u32) -> ObjectRef {
    let date = format!("{}/{}/{}", &stamp[..4], &stamp[4..6], &stamp[6..8]);
    let key = format!(
        "AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/{date}/{ACCOUNT}_CloudTrail_{REGION}_{stamp}_{n:016}.json.gz"
    );
    ObjectRef::new(BUCKET, &key)
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn log(events: &[Value]) -> Vec<u8> {
    gzip(json!({ "Records": events }).to_string().as_bytes())
}

/// The notification of S3 about objects, as the body of a message.
pub(crate) fn notification(objects: &[&ObjectRef]) -> String {
    let records: Vec<Value> = objects
        .iter()
        .map(|object| {
            json!({ "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
                "s3": { "bucket": { "name": object.bucket }, "object": { "key": object.key } } })
        })
        .collect();
    json!({ "Records": records }).to_string()
}

/// A call of KMS by a role of the account.
pub(crate) fn event(n: u32, time: &str, name: &str, request: Value) -> Value {
    by("Admin", n, time, name, request)
}

/// A call of KMS by this role.
pub(crate) fn by(role: &str, n: u32, time: &str, name: &str, request: Value) -> Value {
    json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": format!("AROAEXAMPLE{role}:session"),
            "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/session"),
            "accountId": ACCOUNT,
            "accessKeyId": "ASIAEXAMPLE000000001",
            "sessionContext": { "sessionIssuer": {
                "type": "Role",
                "principalId": format!("AROAEXAMPLE{role}"),
                "arn": format!("arn:aws:iam::{ACCOUNT}:role/{role}"),
                "accountId": ACCOUNT,
                "userName": role
            } }
        },
        "eventTime": time,
        "eventSource": "kms.amazonaws.com",
        "eventName": name,
        "awsRegion": REGION,
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2.15.0 Python/3.11",
        "requestParameters": request,
        "responseElements": null,
        "requestID": format!("00000000-0000-4000-9000-{n:012}"),
        "eventID": format!("00000000-0000-4000-8000-{n:012}"),
        "readOnly": false,
        "resources": [{ "accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": KEY }],
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": ACCOUNT,
        "eventCategory": "Management"
    })
}

pub(crate) fn decrypt(n: u32, time: &str) -> Value {
    event(n, time, "Decrypt", json!({ "encryptionAlgorithm": "SYMMETRIC_DEFAULT" }))
}

pub(crate) fn deletion(n: u32, time: &str) -> Value {
    let mut event = event(n, time, "ScheduleKeyDeletion", json!({ "keyId": KEY, "pendingWindowInDays": 7 }));
    event["responseElements"] = json!({ "keyId": KEY, "keyState": "PendingDeletion",
        "deletionDate": "May 11, 2026, 10:15:42 AM", "pendingWindowInDays": 7 });
    event
}

/// Objects of a small organisation in which keys are disabled, opened and deleted.
pub(crate) fn story() -> Vec<(ObjectRef, Vec<u8>)> {
    let scenario = Scenario {
        name: "story".to_owned(),
        seed: 20_260_504,
        days: 1,
        rate_scale: 0.2,
        turbulence: false,
        organisation: OrganisationPlan { workloads: 6, people: 3, ..Scenario::quickstart().organisation },
        attacks: ["scheduled_deletion", "policy_opened", "foreign_grant"]
            .iter()
            .enumerate()
            .map(|(n, kind)| AttackPlan::new(kind, 0, &format!("{:02}:10", 8 + 2 * n)))
            .collect(),
        ..Scenario::default()
    };
    let mut scenario = scenario;
    scenario.delivery.stamp_minutes = 120;
    Objects::new(&scenario)
        .unwrap()
        .map(|object| {
            let object = object.unwrap();
            (ObjectRef::new(BUCKET, &object.path), object.body)
        })
        .collect()
}
