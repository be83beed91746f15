//! A Detection Finding (class 2004) of the Open Cybersecurity Schema Framework, version 1.8.0, with the profile `cloud`.
//!
//! Source: the OCSF schema, of which the part used here stands in `testdata/` as JSON Schema. Times are milliseconds
//! since 1970. Addresses go where addresses belong; names of services do not.

use crate::alert::{Alert, Context, News};
use crate::body::set;
use crate::text::{id, plain};
use crate::{body, links};
use kmswatch_engine::finding::{Actor, Severity, Technique};
use kmswatch_engine::time::Timestamp;
use serde_json::{Map, Value, json};
use std::net::IpAddr;

/// Version of the schema.
pub const VERSION: &str = "1.8.0";
/// Version of ATT&CK that the techniques are of.
const ATTACK_VERSION: &str = "18";
/// Members of each list.
const LISTED: usize = 25;

/// The alert as a Detection Finding.
pub fn detection_finding(alert: &Alert, context: &Context) -> Value {
    let (activity, activity_name) = match alert.news {
        News::New => (1, "Create"),
        News::Worse | News::Reminder => (2, "Update"),
    };
    let region = alert.region();
    let mut cloud = json!({"provider": "AWS", "cloud_partition": links::partition(region)});
    put(&mut cloud, "region", id(region, 64));
    if !alert.account().is_empty() {
        set(
            &mut cloud,
            "account",
            json!({"uid": id(alert.account(), 64), "type_id": 10, "type": "AWS Account"}),
        );
    }
    let mut finding = json!({
        "activity_id": activity,
        "activity_name": activity_name,
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2004,
        "class_name": "Detection Finding",
        "type_uid": 200_400 + activity,
        "type_name": format!("Detection Finding: {activity_name}"),
        "severity_id": severity_id(alert.severity),
        "severity": severity_name(alert.severity),
        "time": milliseconds(context.now.max(alert.end)),
        "start_time": milliseconds(alert.start),
        "end_time": milliseconds(alert.end),
        "count": alert.count.clamp(1, i32::MAX as u64),
        "is_alert": true,
        "status_id": 1,
        "status": "New",
        "message": plain(&alert.title, 1_000),
        "metadata": {
            "version": VERSION,
            "profiles": ["cloud"],
            "uid": format!("{}-{}-{}", id(&alert.id, 60), alert.news.name(), alert.end.0),
            "log_name": "AWS CloudTrail",
            "product": {"name": "kmswatch", "vendor_name": "kmswatch", "version": plain(&context.version, 20)},
        },
        "cloud": cloud,
        "finding_info": finding_info(alert),
    });
    let resources = resources(alert);
    if !resources.is_empty() {
        set(&mut finding, "resources", resources);
    }
    let evidences: Vec<Value> =
        alert.principals.iter().take(LISTED).filter_map(|actor| evidence(actor, alert)).collect();
    if !evidences.is_empty() {
        set(&mut finding, "evidences", evidences);
    }
    let observables = observables(alert);
    if !observables.is_empty() {
        set(&mut finding, "observables", observables);
    }
    if !alert.steps.is_empty() {
        let steps: Vec<String> = alert.steps.iter().take(LISTED).map(|step| plain(step, 2_000)).collect();
        set(&mut finding, "remediation", json!({"desc": steps.join("\n")}));
    }
    let mut more = Map::new();
    for (name, texts) in [("why", &alert.why), ("what_breaks", &alert.breaks), ("not_known", &alert.unknown)]
    {
        if !texts.is_empty() {
            more.insert(name.to_owned(), texts.iter().take(LISTED).map(|text| plain(text, 1_000)).collect());
        }
    }
    if let Some(evidence) = &alert.evidence {
        for (name, value) in [
            ("observed", evidence.observed),
            ("expected", evidence.expected),
            ("probability", evidence.probability),
        ] {
            if let Some(value) = value.filter(|value| value.is_finite()) {
                more.insert(name.to_owned(), value.into());
            }
        }
    }
    let [_, rest] = body::footer(alert, context);
    more.insert("all_of_it".to_owned(), rest.into());
    set(&mut finding, "unmapped", Value::Object(more));
    finding
}

fn finding_info(alert: &Alert) -> Value {
    let events: Vec<Value> = alert
        .event_ids
        .iter()
        .take(LISTED)
        .map(|event| json!({"uid": id(event, 128), "type": "AWS CloudTrail"}))
        .collect();
    let mut info = json!({
        "uid": id(&alert.id, 128),
        "title": plain(&alert.title, 500),
        "desc": plain(&alert.summary, 4_000),
        "types": alert.analytics.iter().take(LISTED).map(|name| plain(name, 100)).collect::<Vec<_>>(),
        "first_seen_time": milliseconds(alert.start),
        "last_seen_time": milliseconds(alert.end),
        "created_time": milliseconds(alert.start),
        "modified_time": milliseconds(alert.end),
        "data_sources": ["AWS CloudTrail"],
        "related_events": events,
    });
    if let Some(name) = alert.analytics.first() {
        // Rules, or what several findings mean together: neither is learned.
        let type_id = if alert.evidence.as_ref().is_some_and(|evidence| evidence.probability.is_some()) {
            3
        } else {
            1
        };
        let type_name = if type_id == 3 { "Statistical" } else { "Rule" };
        set(
            &mut info,
            "analytic",
            json!({"type_id": type_id, "type": type_name, "uid": plain(name, 100), "name": plain(name, 100)}),
        );
    }
    if !alert.mitre.is_empty() {
        set(&mut info, "attacks", alert.mitre.iter().map(attack).collect::<Vec<_>>());
    }
    info
}

fn attack(technique: &Technique) -> Value {
    let named = json!({"uid": technique.id, "name": technique.name});
    match technique.id.split_once('.') {
        Some((parent, _)) => {
            json!({"version": ATTACK_VERSION, "technique": {"uid": parent}, "sub_technique": named})
        }
        None => json!({"version": ATTACK_VERSION, "technique": named}),
    }
}

fn resources(alert: &Alert) -> Vec<Value> {
    let keys = alert.keys.iter().take(LISTED).map(|key| {
        let region = key.region.as_deref().unwrap_or_default();
        let mut resource = json!({
            "uid": id(&key.arn, 512),
            "name": plain(key.label(), 256),
            "type": "AWS::KMS::Key",
            "role_id": 3,
            "role": "Affected",
            "cloud_partition": links::partition(region),
        });
        put(&mut resource, "region", id(region, 64));
        resource
    });
    keys.collect()
}

fn evidence(actor: &Actor, alert: &Alert) -> Option<Value> {
    if actor.id.is_empty() {
        return None;
    }
    let mut user = json!({"uid": id(&actor.id, 512), "type": plain(actor.kind, 40), "type_id": 99});
    put(&mut user, "credential_uid", actor.access_key.as_deref().map(|key| id(key, 128)).unwrap_or_default());
    if let Some(account) = &actor.account {
        set(&mut user, "account", json!({"uid": id(account, 64), "type_id": 10}));
    }
    let mut who = json!({"user": user});
    if let Some(session) = &actor.session {
        set(&mut who, "session", json!({"uid": plain(session, 256), "issuer": id(&actor.id, 512)}));
    }
    put(&mut who, "invoked_by", actor.via_service.as_deref().map(|via| plain(via, 128)).unwrap_or_default());
    let mut evidence = json!({"actor": who});
    let service = json!({"name": "kms.amazonaws.com"});
    let operation = alert.evidence.as_ref().and_then(|evidence| evidence.details.get("operation"));
    if let Some(operation) = operation.and_then(Value::as_str) {
        set(&mut evidence, "api", json!({"operation": plain(operation, 100), "service": service}));
    }
    if let Some(source) = &actor.source {
        set(
            &mut evidence,
            "src_endpoint",
            match source.parse::<IpAddr>() {
                Ok(ip) => json!({"ip": ip.to_string()}),
                Err(_) => json!({"svc_name": plain(source, 128)}),
            },
        );
    }
    Some(evidence)
}

/// What can be searched for. Numbers of the types: OCSF, object `observable`.
fn observables(alert: &Alert) -> Vec<Value> {
    let mut list = Vec::new();
    let mut add = |name: &str, type_id: u64, type_name: &str, value: String| {
        let observable = json!({"name": name, "type_id": type_id, "type": type_name, "value": value});
        if !list.contains(&observable) {
            list.push(observable);
        }
    };
    for key in alert.keys.iter().take(LISTED) {
        add("resources[].uid", 10, "Resource UID", id(&key.arn, 512));
    }
    for actor in alert.principals.iter().take(LISTED) {
        add("evidences[].actor.user.uid", 31, "User UID", id(&actor.id, 512));
        if let Some(key) = &actor.access_key {
            add("evidences[].actor.user.credential_uid", 19, "User Credential ID", id(key, 128));
        }
        if let Some(ip) = actor.source.as_ref().and_then(|source| source.parse::<IpAddr>().ok()) {
            add("evidences[].src_endpoint.ip", 2, "IP Address", ip.to_string());
        }
    }
    list
}

/// Puts a text where there is one.
fn put(object: &mut Value, name: &str, text: String) {
    if !text.is_empty() {
        set(object, name, text);
    }
}

fn milliseconds(time: Timestamp) -> i64 {
    time.0.saturating_mul(1_000)
}

fn severity_id(severity: Severity) -> u64 {
    match severity {
        Severity::Info => 1,
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    }
}

fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "Informational",
        Severity::Low => "Low",
        Severity::Medium => "Medium",
        Severity::High => "High",
        Severity::Critical => "Critical",
    }
}
