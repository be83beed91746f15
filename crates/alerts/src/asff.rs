//! The AWS Security Finding Format of Security Hub, for `BatchImportFindings`.
//!
//! Limits (API reference of Security Hub, `AwsSecurityFinding`): `Id` and `GeneratorId` 512 characters, `Title` 256,
//! `Description` 1,024, 1 to 32 resources, 50 types, 50 product fields of 128 and 2,048 characters,
//! `Remediation.Recommendation.Text` 512, 240 KB in all, 100 findings a call. The same `Id` and `ProductArn` replace the
//! finding that was there, if `UpdatedAt` has grown.

use crate::alert::{Alert, Context};
use crate::body::set;
use crate::text::{cut, id, plain};
use crate::{body, links};
use kmswatch_engine::finding::{Actor, Severity};
use kmswatch_engine::incident::Stage;
use serde_json::{Map, Value, json};
use std::net::IpAddr;

/// Most characters of the parts.
pub const TITLE: usize = 256;
/// See [`TITLE`].
pub const DESCRIPTION: usize = 1_024;
/// See [`TITLE`].
pub const RECOMMENDATION: usize = 512;
/// See [`TITLE`].
pub const FIELD: usize = 2_048;
/// Most resources.
pub const RESOURCES: usize = 32;
/// Most bytes of a finding.
pub const FINDING: usize = 240 << 10;

/// The alert as a finding of Security Hub.
pub fn finding(alert: &Alert, context: &Context) -> Value {
    let of_alert = (alert.account().to_owned(), alert.region().to_owned());
    let (account, region) = context.home.clone().unwrap_or(of_alert);
    let partition = links::partition(&region);
    // Security Hub takes findings for real accounts only.
    let account = if account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()) {
        account
    } else {
        "000000000000".to_owned()
    };
    let region = match id(&region, 16) {
        known if known == region && !region.is_empty() => known,
        _ => "us-east-1".to_owned(),
    };
    let types = types(alert);
    let updated = context.now.max(alert.end).to_string();
    let start = format!("{} ", plain(&alert.summary, 700));
    let description =
        format!("{start}{}", alert.breaks.iter().map(|text| plain(text, 300)).collect::<Vec<_>>().join(" "));
    let mut finding = json!({
        "SchemaVersion": "2018-10-08",
        "Id": format!("{partition}/{region}/{}", id(&alert.id, 100)),
        "ProductArn": format!("arn:{partition}:securityhub:{region}:{account}:product/{account}/default"),
        "ProductName": "kmswatch",
        "CompanyName": "kmswatch",
        "GeneratorId": format!("kmswatch/{}", alert.analytics.first().map_or("incident", String::as_str)),
        "AwsAccountId": account,
        "CreatedAt": alert.start.to_string(),
        "UpdatedAt": updated,
        "FirstObservedAt": alert.start.to_string(),
        "LastObservedAt": alert.end.to_string(),
        "Types": types,
        "Severity": {"Label": label(alert.severity), "Original": alert.severity.name()},
        "FindingProviderFields": {
            "Severity": {"Label": label(alert.severity), "Original": alert.severity.name()},
            "Types": types,
        },
        "Title": non_empty(plain(&alert.title, TITLE)),
        "Description": non_empty(cut(description.trim(), DESCRIPTION)),
        "Resources": resources(alert, &account, &region),
        "RecordState": "ACTIVE",
        "Workflow": {"Status": "NEW"},
    });
    if let Some(advice) = recommendation(alert) {
        set(&mut finding, "Remediation", json!({"Recommendation": {"Text": advice}}));
    }
    if let Some(action) = action(alert) {
        set(&mut finding, "Action", action);
    }
    set(&mut finding, "ProductFields", Value::Object(product_fields(alert, context)));
    finding
}

/// Namespace/category/classifier, as Security Hub lists them, for what happened.
fn types(alert: &Alert) -> Vec<&'static str> {
    let mut types = Vec::new();
    for stage in &alert.stages {
        let of = match stage {
            Stage::Probing => "TTPs/Discovery",
            Stage::Taking | Stage::FirstUse => "Unusual Behaviors/User",
            Stage::Blinding => "TTPs/Defense Evasion",
            Stage::Opening | Stage::ForeignUse => "Effects/Data Exfiltration",
            Stage::ForeignKey | Stage::Impact => "TTPs/Impact",
            Stage::Destruction => "Effects/Data Destruction",
            Stage::Root => "TTPs/Privilege Escalation",
        };
        if !types.contains(&of) {
            types.push(of);
        }
    }
    if types.is_empty() {
        types.push("Unusual Behaviors/User");
    }
    types
}

fn resources(alert: &Alert, account: &str, region: &str) -> Vec<Value> {
    let partition = links::partition(region);
    let mut resources: Vec<Value> = Vec::new();
    for key in &alert.keys {
        let mut details = Map::new();
        if let Some((_, key_id)) = key.arn.split_once(":key/") {
            details.insert("KeyId".to_owned(), id(key_id, 128).into());
        }
        if let Some(owner) = key.account.as_deref().filter(|owner| owner.len() == 12) {
            details.insert("AWSAccountId".to_owned(), id(owner, 12).into());
        }
        let region = key.region.as_deref().map(|region| id(region, 16)).filter(|region| !region.is_empty());
        let mut resource =
            json!({"Type": "AwsKmsKey", "Id": non_empty(id(&key.arn, 512)), "Partition": partition});
        if let Some(region) = region {
            set(&mut resource, "Region", region);
        }
        if !details.is_empty() {
            set(&mut resource, "Details", json!({"AwsKmsKey": details}));
        }
        resources.push(resource);
    }
    for actor in &alert.principals {
        let kind = match actor.kind {
            "role" | "permission_set" | "service_linked_role" => "AwsIamRole",
            "user" => "AwsIamUser",
            _ => "Other",
        };
        resources.push(json!({"Type": kind, "Id": non_empty(id(&actor.id, 512)), "Partition": partition}));
    }
    if resources.is_empty() {
        resources.push(
            json!({"Type": "AwsAccount", "Id": format!("AWS::::Account:{account}"), "Partition": partition}),
        );
    }
    resources.truncate(RESOURCES);
    resources
}

fn non_empty(text: String) -> String {
    if text.is_empty() { "unknown".to_owned() } else { text }
}

/// As many of the first steps as fit, whole: part of a command is worse than none.
fn recommendation(alert: &Alert) -> Option<String> {
    let mut out = String::new();
    for step in &alert.steps {
        let step = plain(step, 2_000);
        if out.chars().count() + step.chars().count() + 40 <= RECOMMENDATION {
            out.push_str(&format!("{}{step}", if out.is_empty() { "" } else { " | " }));
        } else if out.is_empty() {
            out = cut(&plain(crate::alert::words_and_command(&step).0, 300), 300);
        } else {
            out.push_str(" | More in ProductFields.");
            break;
        }
    }
    (!out.is_empty()).then_some(out)
}

fn action(alert: &Alert) -> Option<Value> {
    let actor: &Actor = alert.principals.first()?;
    let operation = alert.evidence.as_ref()?.details.get("operation")?.as_str()?;
    let source = actor.source.as_deref()?;
    let mut call = json!({
        "Api": non_empty(plain(operation, 128)),
        "ServiceName": "kms.amazonaws.com",
        "FirstSeen": alert.start.to_string(),
        "LastSeen": alert.end.to_string(),
    });
    match source.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => {
            set(&mut call, "CallerType", "remoteIp");
            set(&mut call, "RemoteIpDetails", json!({"IpAddressV4": ip.to_string()}));
        }
        Ok(IpAddr::V6(_)) => return None,
        Err(_) => {
            set(&mut call, "CallerType", "domain");
            set(&mut call, "DomainDetails", json!({"Domain": non_empty(plain(source, 128))}));
        }
    }
    Some(json!({"ActionType": "AWS_API_CALL", "AwsApiCallAction": call}))
}

fn product_fields(alert: &Alert, context: &Context) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put = |name: String, text: String| {
        if !text.is_empty() {
            fields.insert(name, cut(&text, FIELD).into());
        }
    };
    put("kmswatch/News".to_owned(), alert.news.name().to_owned());
    put(
        "kmswatch/Events".to_owned(),
        alert.event_ids.iter().take(10).map(|event| id(event, 64)).collect::<Vec<_>>().join(" "),
    );
    put(
        "kmswatch/Attack".to_owned(),
        alert.mitre.iter().map(|technique| technique.id).collect::<Vec<_>>().join(" "),
    );
    for (name, texts, n) in [
        ("Why", &alert.why, 4),
        ("Breaks", &alert.breaks, 6),
        ("DoNow", &alert.steps, 12),
        ("LookFurther", &alert.look, 3),
        ("NotKnown", &alert.unknown, 4),
    ] {
        for (at, text) in texts.iter().take(n).enumerate() {
            put(format!("kmswatch/{name}/{:02}", at + 1), plain(text, FIELD));
        }
    }
    if let Some(agent) = alert.principals.first().and_then(|actor| actor.user_agent.as_deref()) {
        put("kmswatch/UserAgent".to_owned(), plain(agent, 300));
    }
    let [_, rest] = body::footer(alert, context);
    put("kmswatch/AllOfIt".to_owned(), rest);
    fields
}

fn label(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "INFORMATIONAL",
        Severity::Low => "LOW",
        Severity::Medium => "MEDIUM",
        Severity::High => "HIGH",
        Severity::Critical => "CRITICAL",
    }
}
