//! Records for tests: plausible ones from a few fields, as JSON text, and the Events that they become.
//!
//! ```text
//! testing::kms("Decrypt")
//!     .set("requestParameters.encryptionContext.SecretARN", "arn:aws:secretsmanager:...")
//!     .event(|event| assert!(event.succeeded()));
//! ```

#![allow(dead_code, reason = "offered to the tests of every module")]

use super::operation::{KeyPlace, Logged};
use super::{Event, Normalized, Operation, normalize};
use crate::trail::Record;
use serde_json::{Value, json};
use std::io::Read as _;

/// The account of everything that is not said to be elsewhere.
pub(crate) const ACCOUNT: &str = "111122223333";
/// The key of everything that is not said to use another.
pub(crate) const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
/// Another key: the destination of ReEncrypt.
pub(crate) const OTHER_KEY: &str =
    "arn:aws:kms:eu-west-1:111122223333:key/0987dcba-09fe-87dc-65ba-ab0987654321";
/// The principal of everything that is not said to be done by another, as `Principal::id` has it.
pub(crate) const ROLE: &str = "arn:aws:iam::111122223333:role/payments-api";

/// A record in the making.
#[derive(Clone, Debug)]
pub(crate) struct RecordBuilder {
    json: Value,
}

/// A record of a KMS operation or service event: a call by the role [`ROLE`] from an EC2 instance that
/// succeeds, at 2026-05-04T10:15:42Z in eu-west-1. It names [`KEY`] where the operation names a key.
pub(crate) fn kms(name: &str) -> RecordBuilder {
    let operation = Operation::from_name(name);
    let info = operation.info();
    let mut record = envelope("kms.amazonaws.com", name);
    record = record.set("readOnly", info.logged == Logged::Read);
    if info.key_place != KeyPlace::None {
        record = record.resource(0, KEY);
    }
    match info.key_place {
        KeyPlace::None => {}
        KeyPlace::Request if operation == Operation::Decrypt => {
            record = record.set("requestParameters.encryptionAlgorithm", "SYMMETRIC_DEFAULT");
        }
        KeyPlace::Request => record = record.set("requestParameters.keyId", KEY),
        KeyPlace::SourceAndDestination => {
            record = record.set("requestParameters.destinationKeyId", OTHER_KEY).resource(1, OTHER_KEY);
        }
        KeyPlace::AliasTarget => {
            record = record
                .set("requestParameters.aliasName", "alias/payments")
                .set("requestParameters.targetKeyId", KEY);
        }
        KeyPlace::AliasName => record = record.set("requestParameters.aliasName", "alias/payments"),
        KeyPlace::Response => record = record.set("responseElements.keyMetadata.arn", KEY),
        KeyPlace::ServiceEvent => {
            record = record
                .set("eventType", "AwsServiceEvent")
                .set("userIdentity", json!({"accountId": ACCOUNT, "invokedBy": "AWS Internal"}))
                .set("sourceIPAddress", "AWS Internal")
                .set("userAgent", "AWS Internal")
                .set("requestParameters", Value::Null);
        }
    }
    if info.logged == Logged::Write && matches!(info.key_place, KeyPlace::Request | KeyPlace::AliasTarget) {
        record = record.set("responseElements.keyId", KEY);
    }
    record
}

/// A record of a CloudTrail operation about the trail `main`.
pub(crate) fn cloudtrail(name: &str) -> RecordBuilder {
    envelope("cloudtrail.amazonaws.com", name)
        .set("readOnly", false)
        .set("requestParameters.name", "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main")
}

/// A record of a call of another service, such as `sqs`, with these parameters.
pub(crate) fn other(service: &str, name: &str, request: Value) -> RecordBuilder {
    envelope(&format!("{service}.amazonaws.com"), name)
        .set("readOnly", false)
        .set("requestParameters", request)
}

fn envelope(source: &str, name: &str) -> RecordBuilder {
    RecordBuilder {
        json: json!({
            "eventVersion": "1.11",
            "userIdentity": {
                "type": "AssumedRole",
                "principalId": "AROAEXAMPLEROLEID0001:i-0abc1234def567890",
                "arn": "arn:aws:sts::111122223333:assumed-role/payments-api/i-0abc1234def567890",
                "accountId": ACCOUNT,
                "accessKeyId": "ASIAEXAMPLEKEY000001",
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role",
                        "principalId": "AROAEXAMPLEROLEID0001",
                        "arn": ROLE,
                        "accountId": ACCOUNT,
                        "userName": "payments-api",
                    },
                    "attributes": {"creationDate": "2026-05-04T09:12:00Z", "mfaAuthenticated": "false"},
                    "ec2RoleDelivery": "2.0",
                },
            },
            "eventTime": "2026-05-04T10:15:42Z",
            "eventSource": source,
            "eventName": name,
            "awsRegion": "eu-west-1",
            "sourceIPAddress": "203.0.113.17",
            "userAgent": "aws-sdk-rust/1.3.9 os/linux lang/rust/1.90.0",
            "requestParameters": null,
            "responseElements": null,
            "requestID": "7e1f1c7a-55c6-4f0e-9c6e-0a1b2c3d4e5f",
            "eventType": "AwsApiCall",
            "managementEvent": true,
            "recipientAccountId": ACCOUNT,
            "eventCategory": "Management",
            "tlsDetails": {
                "tlsVersion": "TLSv1.3",
                "cipherSuite": "TLS_AES_128_GCM_SHA256",
                "clientProvidedHostHeader": "kms.eu-west-1.amazonaws.com",
                "keyExchange": "X25519MLKEM768",
            },
        }),
    }
}

impl RecordBuilder {
    /// Sets the field at `path`: member names and array indices between dots. Makes what is missing on the way.
    pub(crate) fn set(mut self, path: &str, value: impl Into<Value>) -> RecordBuilder {
        let mut place = &mut self.json;
        for part in path.split('.') {
            place = match part.parse::<usize>() {
                Ok(index) => {
                    if !place.is_array() {
                        *place = json!([]);
                    }
                    let items = place.as_array_mut().unwrap();
                    items.resize(items.len().max(index + 1), Value::Null);
                    &mut items[index]
                }
                Err(_) => {
                    if !place.is_object() {
                        *place = json!({});
                    }
                    place.as_object_mut().unwrap().entry(part).or_insert(Value::Null)
                }
            };
        }
        *place = value.into();
        self
    }

    /// Removes the field at `path`, if it is there.
    pub(crate) fn remove(mut self, path: &str) -> RecordBuilder {
        let (parent, name) = path.rsplit_once('.').map_or(("", path), |(parent, name)| (parent, name));
        let pointer: String = parent.split('.').filter(|p| !p.is_empty()).map(|p| format!("/{p}")).collect();
        match self.json.pointer_mut(&pointer) {
            Some(Value::Object(members)) => {
                members.remove(name);
            }
            Some(Value::Array(items)) => {
                items.remove(name.parse().unwrap());
            }
            _ => {}
        }
        self
    }

    /// The time of the event, RFC 3339.
    pub(crate) fn at(self, time: &str) -> RecordBuilder {
        self.set("eventTime", time)
    }

    /// The event's id. Without it the id is made from the rest of the record, so other records have others.
    pub(crate) fn id(self, id: &str) -> RecordBuilder {
        self.set("eventID", id)
    }

    /// The account in whose log the record stands.
    pub(crate) fn in_log_of(self, account: &str) -> RecordBuilder {
        self.set("recipientAccountId", account)
    }

    /// The key of the call, wherever the record names it.
    pub(crate) fn key(mut self, arn: &str) -> RecordBuilder {
        for path in [
            "requestParameters.keyId",
            "requestParameters.targetKeyId",
            "responseElements.keyId",
            "responseElements.keyMetadata.arn",
        ] {
            if self.json.pointer(&format!("/{}", path.replace('.', "/"))).is_some() {
                self = self.set(path, arn);
            }
        }
        self.resource(0, arn)
    }

    /// Sets the `index`th entry of `resources`.
    pub(crate) fn resource(self, index: usize, arn: &str) -> RecordBuilder {
        let account = arn.split(':').nth(4).unwrap_or_default();
        self.set(
            &format!("resources.{index}"),
            json!({"accountId": account, "type": "AWS::KMS::Key", "ARN": arn}),
        )
    }

    /// Done by the IAM user `name` of `account`, with a long-term access key.
    pub(crate) fn by_user(self, account: &str, name: &str) -> RecordBuilder {
        self.set(
            "userIdentity",
            json!({
                "type": "IAMUser",
                "principalId": format!("AIDA{}", name.to_uppercase()),
                "arn": format!("arn:aws:iam::{account}:user/{name}"),
                "accountId": account,
                "accessKeyId": format!("AKIA{}", name.to_uppercase()),
                "userName": name,
            }),
        )
    }

    /// Done in the session `session` of the role at `path` (its name, with folders before it) of `account`.
    pub(crate) fn by_role(self, account: &str, path: &str, session: &str) -> RecordBuilder {
        let name = path.rsplit('/').next().unwrap_or(path);
        let unique = format!("AROA{}", name.to_uppercase());
        self.set(
            "userIdentity",
            json!({
                "type": "AssumedRole",
                "principalId": format!("{unique}:{session}"),
                "arn": format!("arn:aws:sts::{account}:assumed-role/{name}/{session}"),
                "accountId": account,
                "accessKeyId": format!("ASIA{}", name.to_uppercase()),
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role",
                        "principalId": unique,
                        "arn": format!("arn:aws:iam::{account}:role/{path}"),
                        "accountId": account,
                        "userName": name,
                    },
                    "attributes": {"creationDate": "2026-05-04T09:12:00Z", "mfaAuthenticated": "false"},
                },
            }),
        )
    }

    /// Done by the root user of `account`.
    pub(crate) fn by_root(self, account: &str) -> RecordBuilder {
        self.set(
            "userIdentity",
            json!({
                "type": "Root",
                "principalId": account,
                "arn": format!("arn:aws:iam::{account}:root"),
                "accountId": account,
                "accessKeyId": "ASIAROOT",
                "sessionContext": {
                    "sessionIssuer": {},
                    "attributes": {"creationDate": "2026-05-04T09:00:00Z", "mfaAuthenticated": "true"},
                },
            }),
        )
    }

    /// Done by an AWS service for itself: `by_service("cloudtrail")`.
    pub(crate) fn by_service(self, service: &str) -> RecordBuilder {
        let name = format!("{service}.amazonaws.com");
        self.set("userIdentity", json!({"type": "AWSService", "invokedBy": name}))
            .set("sourceIPAddress", name.clone())
            .set("userAgent", name)
            .remove("tlsDetails")
    }

    /// Done by a service on behalf of the caller: `through("secretsmanager")`.
    pub(crate) fn through(self, service: &str) -> RecordBuilder {
        let name = format!("{service}.amazonaws.com");
        self.set("userIdentity.invokedBy", name.clone())
            .set("sourceIPAddress", name.clone())
            .set("userAgent", name)
            .remove("tlsDetails")
    }

    /// Failed with this code and message.
    pub(crate) fn failed(self, code: &str, message: &str) -> RecordBuilder {
        self.set("errorCode", code).set("errorMessage", message).set("responseElements", Value::Null)
    }

    /// Refused, with the message that KMS writes where no policy allows the call.
    pub(crate) fn denied(self) -> RecordBuilder {
        let name = self.json["eventName"].as_str().unwrap_or_default().to_owned();
        let arn = self.json["userIdentity"]["arn"].as_str().unwrap_or_default().to_owned();
        let key = self.json["resources"][0]["ARN"].as_str().unwrap_or(KEY).to_owned();
        let message = format!(
            "User: {arn} is not authorized to perform: kms:{name} on resource: {key} because no \
             identity-based policy allows the kms:{name} action"
        );
        self.failed("AccessDenied", &message)
    }

    /// The record as JSON text.
    pub(crate) fn text(&self) -> String {
        let mut json = self.json.clone();
        if json.get("eventID").is_none() {
            let hash = xxhash_rust::xxh3::xxh3_64(json.to_string().as_bytes());
            json["eventID"] = format!("00000000-0000-4000-8000-{:012x}", hash & 0xffff_ffff_ffff).into();
        }
        json.to_string()
    }

    /// What `look` says of the Event that the record becomes.
    pub(crate) fn event<R>(&self, look: impl FnOnce(&Event<'_>) -> R) -> R {
        with_event(&self.text(), look)
    }
}

/// The Record that holds this JSON text.
pub(crate) fn record(json: &str) -> Record<'_> {
    Record { text: json, index: 0, offset: 0, next: &[] }
}

/// What `look` says of the Event that the record becomes. Panics if it becomes none.
pub(crate) fn with_event<R>(json: &str, look: impl FnOnce(&Event<'_>) -> R) -> R {
    match normalize(&record(json)) {
        Normalized::Event(event) => look(&event),
        other => panic!("no event but {other:?}: {json}"),
    }
}

/// Text of a file below the folder that `KMSWATCH_CORPUS` names (`.gz` is unpacked); `None`, with a printed
/// note, if there is none. Tests on real records pass where nobody has them.
#[allow(
    clippy::disallowed_methods,
    reason = "tests on real records are told by the environment where those are"
)]
pub(crate) fn corpus(path: &str) -> Option<String> {
    let Ok(folder) = std::env::var("KMSWATCH_CORPUS") else {
        println!("skipped: KMSWATCH_CORPUS is not set");
        return None;
    };
    let Ok(bytes) = std::fs::read(format!("{folder}/{path}")) else {
        println!("skipped: no {path} below KMSWATCH_CORPUS");
        return None;
    };
    if !path.ends_with(".gz") {
        return Some(String::from_utf8(bytes).unwrap());
    }
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(bytes.as_slice()).read_to_string(&mut text).unwrap();
    Some(text)
}
