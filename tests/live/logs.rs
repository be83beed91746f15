//! Log objects as CloudTrail writes them, and notifications about them.

pub(crate) use crate::records::{ACCOUNT, gzip};
use crate::records::{Caller, container};
use kmswatch_aws::live::Task;
use kmswatch_aws::objects::ObjectRef;
use kmswatch_engine::time::Timestamp;
use kmswatch_engine::trail::object_key::{self, KeyKind};
use kmswatch_scenario::scenario::{AttackPlan, OrganisationPlan};
use kmswatch_scenario::{Objects, Scenario};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const BUCKET: &str = "trail-logs";
pub(crate) const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// A log object: its name and its bytes.
pub(crate) type Log = (ObjectRef, Vec<u8>);

/// The object with this number, delivered at this moment.
pub(crate) fn object(stamp: &str, n: u32) -> ObjectRef {
    let date = format!("{}/{}/{}", &stamp[..4], &stamp[4..6], &stamp[6..8]);
    let key = format!(
        "AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/{date}/{ACCOUNT}_CloudTrail_{REGION}_{stamp}_{n:016}.json.gz"
    );
    ObjectRef::new(BUCKET, &key)
}

pub(crate) fn log(events: &[Value]) -> Vec<u8> {
    gzip(&container(events))
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

/// A message about each of these objects.
pub(crate) fn messages(logs: &[Log]) -> Vec<Task> {
    let message = |(n, (object, _)): (usize, &Log)| Task::of_text(&format!("m{n}"), &notification(&[object]));
    logs.iter().enumerate().map(message).collect()
}

/// Log objects of a scenario by moment of delivery, without those that were delivered before `from`, or at `until` or
/// later.
pub(crate) fn deliveries(
    scenario: &Scenario,
    from: Timestamp,
    until: Timestamp,
) -> BTreeMap<Timestamp, Vec<Log>> {
    let mut by_stamp: BTreeMap<Timestamp, Vec<Log>> = BTreeMap::new();
    for object in Objects::new(scenario).unwrap() {
        let object = object.unwrap();
        let name = object_key::parse(&object.path).unwrap();
        let delivered = name.delivered.unwrap_or_default();
        if delivered >= until {
            break;
        }
        if name.kind == KeyKind::Log && delivered >= from {
            by_stamp.entry(delivered).or_default().push((ObjectRef::new(BUCKET, &object.path), object.body));
        }
    }
    by_stamp
}

/// A call of KMS by a role of the account.
pub(crate) fn event(n: u32, time: &str, name: &str, request: Value) -> Value {
    by("Admin", n, time, name, request)
}

/// A call of KMS by this role.
pub(crate) fn by(role: &str, n: u32, time: &str, name: &str, request: Value) -> Value {
    let role_id = format!("AROAEXAMPLE{role}");
    Caller { role, role_id: &role_id, session: "session", key: KEY }.calls(n, time, name, request)
}

pub(crate) fn decrypt(n: u32, time: &str) -> Value {
    event(n, time, "Decrypt", json!({ "encryptionAlgorithm": "SYMMETRIC_DEFAULT" }))
}

pub(crate) fn deletion(n: u32, time: &str) -> Value {
    Caller { role: "Admin", role_id: "AROAEXAMPLEAdmin", session: "session", key: KEY }.deletes(n, time)
}

/// Objects of a small organisation in which keys are disabled, opened and deleted.
pub(crate) fn story() -> Vec<Log> {
    let mut scenario = Scenario {
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
    scenario.delivery.stamp_minutes = 120;
    Objects::new(&scenario)
        .unwrap()
        .map(|object| {
            let object = object.unwrap();
            (ObjectRef::new(BUCKET, &object.path), object.body)
        })
        .collect()
}
