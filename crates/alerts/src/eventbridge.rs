//! An event for Amazon EventBridge (`PutEvents`), with a detail of our own: `schema/alert.schema.json`. Rules for it:
//! `schema/rules.json`.
//!
//! Limits (EventBridge user guide): an entry of 256 KB in all (newer: 1 MB), `DetailType` of 128 characters, `Source`
//! of 256 that does not begin with `aws.`.

use crate::alert::{Alert, Context};
use crate::text::{id, plain};
use crate::{links, queries};
use serde_json::{Value, json};

/// Source of the events.
pub const SOURCE: &str = "kmswatch";
/// Most bytes of an entry.
pub const ENTRY: usize = 240 << 10;
/// Version of the detail.
pub const VERSION: &str = "1";
/// JSON Schema of the detail.
pub const SCHEMA: &str = include_str!("../schema/alert.schema.json");
/// Members of each list.
const LISTED: usize = 25;

/// An entry of `PutEvents`.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// `Source`.
    pub source: &'static str,
    /// `DetailType`.
    pub detail_type: &'static str,
    /// `Resources`: the ARNs of the keys.
    pub resources: Vec<String>,
    /// `Detail`, to be sent as text.
    pub detail: Value,
}

/// The alert as an entry.
pub fn entry(alert: &Alert, context: &Context) -> Entry {
    let arns = alert.keys.iter().map(|key| id(&key.arn, 512)).filter(|arn| arn.starts_with("arn:"));
    Entry {
        source: SOURCE,
        detail_type: if alert.is_incident { "KMS incident" } else { "KMS finding" },
        resources: arns.take(LISTED).collect(),
        detail: detail(alert, context),
    }
}

fn detail(alert: &Alert, context: &Context) -> Value {
    let list = |texts: &[String], longest: usize| -> Vec<String> {
        texts.iter().take(LISTED).map(|text| plain(text, longest)).collect()
    };
    let ids =
        |texts: &[String]| -> Vec<String> { texts.iter().take(LISTED).map(|text| id(text, 128)).collect() };
    let principals: Vec<Value> = alert
        .principals
        .iter()
        .take(LISTED)
        .map(|actor| {
            let text = |value: &Option<String>| value.as_deref().map(|value| id(value, 300));
            json!({
                "id": id(&actor.id, 512),
                "kind": actor.kind,
                "account": text(&actor.account),
                "session": text(&actor.session),
                "access_key": text(&actor.access_key),
                "via_service": text(&actor.via_service),
                "source": text(&actor.source),
                "user_agent": actor.user_agent.as_deref().map(|agent| plain(agent, 300)),
            })
        })
        .collect();
    let keys: Vec<Value> = alert
        .keys
        .iter()
        .take(LISTED)
        .map(|key| {
            let aliases: Vec<String> = key.aliases.iter().take(5).map(|alias| id(alias, 256)).collect();
            json!({"arn": id(&key.arn, 512), "aliases": aliases})
        })
        .collect();
    let timeline: Vec<Value> = alert
        .timeline
        .iter()
        .take(LISTED)
        .map(|line| json!({"time": line.time, "severity": line.severity, "what": plain(&line.text, 300), "count": line.count}))
        .collect();
    let links: Vec<Value> =
        links::of(alert).into_iter().map(|link| json!({"text": link.text, "url": link.url})).collect();
    json!({
        "version": VERSION,
        "id": id(&alert.id, 60),
        "kind": if alert.is_incident { "incident" } else { "finding" },
        "news": alert.news.name(),
        "severity": alert.severity,
        "title": plain(&alert.title, 500),
        "summary": plain(&alert.summary, 4_000),
        "time": {"start": alert.start, "end": alert.end},
        "accounts": ids(&alert.accounts),
        "regions": ids(&alert.regions),
        "principals": principals,
        "principal_count": alert.principal_count,
        "keys": keys,
        "key_count": alert.key_count,
        "reasons": list(&alert.reasons, 1_000),
        "why": list(&alert.why, 1_000),
        "what_breaks": list(&alert.breaks, 1_000),
        "do_now": list(&alert.steps, 2_000),
        "look_further": list(&alert.look, 2_000),
        "not_known": list(&alert.unknown, 500),
        "timeline": timeline,
        "event_count": alert.count,
        "event_ids": ids(&alert.event_ids),
        "mitre": alert.mitre.iter().map(|technique| technique.id).collect::<Vec<_>>(),
        "analytics": list(&alert.analytics, 100),
        "links": links,
        "all_of_it": plain(&queries::replay(alert, context), 1_000),
    })
}
