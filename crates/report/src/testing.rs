//! Inventories of logs that tests write.

use crate::inventory::Inventory;
use crate::usage::{Bounds, Part, Usage};
use kmswatch_engine::estate::Estate;
use kmswatch_engine::pipeline::{Filter, Watch, Worker};
use serde_json::{Value, json};

/// What one log object with these records gives.
pub(crate) fn inventory(records: &[Value]) -> Inventory {
    let (watch, usage) = read(records, Bounds::default());
    Inventory::of(&watch, &usage)
}

/// Reads one log object.
pub(crate) fn read(records: &[Value], bounds: Bounds) -> (Watch, Usage) {
    let mut watch = Watch::new(Estate::default());
    let mut usage = Usage::new(bounds);
    add(&mut watch, &mut usage, records);
    (watch, usage)
}

/// Reads a further log object.
pub(crate) fn add(watch: &mut Watch, usage: &mut Usage, records: &[Value]) {
    let object = json!({ "Records": records }).to_string();
    let mut part = Part::default();
    let outcome =
        Worker::default()
            .process_with(object.as_bytes(), watch.estate(), &Filter::default(), |event| part.take(event));
    assert_eq!(outcome.report.problem_count, 0, "{:?}", outcome.report.problems);
    watch.absorb(outcome);
    usage.absorb(part);
}

/// Records as CloudTrail writes them, at a number of hours after the beginning.
pub(crate) mod logs {
    use super::*;
    use kmswatch_engine::time::{HOUR, Timestamp};

    pub(crate) const ACCOUNT: &str = "111122223333";

    pub(crate) fn arn(key: &str) -> String {
        format!("arn:aws:kms:eu-west-1:{ACCOUNT}:key/{key}")
    }

    /// A symmetric Decrypt by a role.
    pub(crate) fn decrypt(role: &str, key: &str, hour: i64) -> Value {
        let mut record = call("Decrypt", role, key, hour);
        record["requestParameters"] = json!({"encryptionContext": {"tenant": "1"}, "encryptionAlgorithm": "SYMMETRIC_DEFAULT", "keyId": arn(key)});
        record
    }

    /// Any call by a role on a key.
    pub(crate) fn call(operation: &str, role: &str, key: &str, hour: i64) -> Value {
        let time = Timestamp(1_780_000_000 / HOUR * HOUR + hour * HOUR);
        json!({
            "eventVersion": "1.11",
            "eventID": format!("{operation}-{role}-{key}-{hour}"),
            "eventTime": time.to_string(),
            "eventSource": "kms.amazonaws.com",
            "eventName": operation,
            "eventType": "AwsApiCall",
            "awsRegion": "eu-west-1",
            "recipientAccountId": ACCOUNT,
            "sourceIPAddress": "198.51.100.7",
            "userAgent": "aws-sdk-rust/1.3.0",
            "readOnly": true,
            "userIdentity": {
                "type": "AssumedRole",
                "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/s1"),
                "principalId": "AROAEXAMPLE:s1",
                "accountId": ACCOUNT,
                "accessKeyId": "ASIAEXAMPLE",
                "sessionContext": {"sessionIssuer": {
                    "type": "Role", "arn": format!("arn:aws:iam::{ACCOUNT}:role/{role}"), "accountId": ACCOUNT,
                    "principalId": "AROAEXAMPLE", "userName": role}},
            },
            "requestParameters": {"keyId": arn(key)},
            "responseElements": null,
            "resources": [{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": arn(key)}],
        })
    }

    /// The record with this in the place of what a JSON pointer names.
    pub(crate) fn with(mut record: Value, pointer: &str, value: Value) -> Value {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        record.pointer_mut(parent).unwrap()[name] = value;
        record
    }
}
