//! An event of PagerDuty's Events API v2.
//!
//! Limits (PagerDuty, "Send an alert event"): a summary of 1,024 characters, a `dedup_key` of 255, 512 KB in all. Alerts
//! about one incident have one `dedup_key`, so that they update one alert there. The shell adds `routing_key`.

use crate::alert::{Alert, Context};
use crate::text::{id, plain};
use crate::{body, links, queries};
use kmswatch_engine::finding::Severity;
use serde_json::{Value, json};

/// Most characters of a summary.
pub const SUMMARY: usize = 1_024;
/// Most characters of a key.
pub const DEDUP_KEY: usize = 255;
/// Most bytes of an event.
pub const EVENT: usize = 512 << 10;

/// Members of each list in the details.
const LISTED: usize = 20;

/// The alert as an event without its `routing_key`.
pub fn event(alert: &Alert, context: &Context) -> Value {
    let list = |texts: &[String], longest: usize| -> Vec<String> {
        texts.iter().take(LISTED).map(|text| plain(text, longest)).collect()
    };
    let [_, rest] = body::footer(alert, context);
    let links: Vec<Value> =
        links::of(alert).into_iter().map(|link| json!({"href": link.url, "text": link.text})).collect();
    let principals: Vec<String> =
        alert.principals.iter().take(LISTED).map(|actor| id(&actor.id, 300)).collect();
    let keys: Vec<String> = alert.keys.iter().take(LISTED).map(|key| id(&key.arn, 300)).collect();
    let queries: serde_json::Map<String, Value> = queries::of(alert, context)
        .into_iter()
        .filter_map(|query| Some((query.title, body::whole(&query.text, 2_000)?.into())))
        .collect();
    let timeline: Vec<String> = alert
        .timeline
        .iter()
        .take(LISTED)
        .map(|line| format!("{} {}: {}", line.time, line.severity, plain(&line.text, 300)))
        .collect();
    json!({
        "event_action": "trigger",
        "dedup_key": id(&alert.id, DEDUP_KEY),
        "client": "kmswatch",
        "links": links,
        "payload": {
            "summary": plain(&format!("{}: {} ({})", alert.severity.name().to_uppercase(), alert.title, alert.place()), SUMMARY),
            "source": id(alert.keys.first().map_or(alert.account(), |key| &key.arn), 255),
            "severity": severity(alert.severity),
            "timestamp": alert.end.to_string(),
            "component": "AWS KMS",
            "group": id(alert.account(), 255),
            "class": alert.analytics.first().map_or("kmswatch", String::as_str),
            "custom_details": {
                "news": alert.news.name(),
                "what": plain(&alert.summary, 2_000),
                "reasons": list(&alert.reasons, 1_000),
                "who": principals,
                "keys": keys,
                "why": list(&alert.why, 1_000),
                "what_breaks": list(&alert.breaks, 1_000),
                "do_now": list(&alert.steps, 2_000),
                "timeline": timeline,
                "look_further": list(&alert.look, 2_000),
                "queries": queries,
                "not_known": list(&alert.unknown, 500),
                "all_of_it": rest,
            },
        },
    })
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "info",
    }
}
