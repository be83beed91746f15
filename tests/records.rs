//! Records of CloudTrail written by hand: for the tests of the command, and for those of the live pipeline.

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write;

pub(crate) const ACCOUNT: &str = "111122223333";

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn container(events: &[Value]) -> Vec<u8> {
    serde_json::to_vec(&json!({ "Records": events })).unwrap()
}

/// Who calls KMS about which key.
pub(crate) struct Caller<'c> {
    pub(crate) role: &'c str,
    pub(crate) role_id: &'c str,
    pub(crate) session: &'c str,
    pub(crate) key: &'c str,
}

impl Caller<'_> {
    /// The record of a call, in the Region of the key.
    pub(crate) fn calls(&self, n: u32, time: &str, name: &str, request: Value) -> Value {
        let Caller { role, role_id, session, key } = self;
        json!({
            "eventVersion": "1.11",
            "userIdentity": {
                "type": "AssumedRole",
                "principalId": format!("{role_id}:{session}"),
                "arn": format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}"),
                "accountId": ACCOUNT,
                "accessKeyId": "ASIAEXAMPLE000000001",
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role",
                        "principalId": role_id,
                        "arn": format!("arn:aws:iam::{ACCOUNT}:role/{role}"),
                        "accountId": ACCOUNT,
                        "userName": role
                    },
                    "attributes": { "creationDate": "2026-05-04T08:00:00Z", "mfaAuthenticated": "false" }
                }
            },
            "eventTime": time,
            "eventSource": "kms.amazonaws.com",
            "eventName": name,
            "awsRegion": key.split(':').nth(3),
            "sourceIPAddress": "198.51.100.7",
            "userAgent": "aws-cli/2.15.0 Python/3.11",
            "requestParameters": request,
            "responseElements": null,
            "requestID": format!("00000000-0000-4000-9000-{n:012}"),
            "eventID": format!("00000000-0000-4000-8000-{n:012}"),
            "readOnly": false,
            "resources": [{ "accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": key }],
            "eventType": "AwsApiCall",
            "managementEvent": true,
            "recipientAccountId": ACCOUNT,
            "eventCategory": "Management"
        })
    }

    /// The record of a call by which the key is to be deleted.
    pub(crate) fn deletes(&self, n: u32, time: &str) -> Value {
        let request = json!({ "keyId": self.key, "pendingWindowInDays": 7 });
        let mut event = self.calls(n, time, "ScheduleKeyDeletion", request);
        event["responseElements"] = json!({ "keyId": self.key, "keyState": "PendingDeletion",
            "deletionDate": "May 11, 2026, 10:15:42 AM", "pendingWindowInDays": 7 });
        event
    }
}
