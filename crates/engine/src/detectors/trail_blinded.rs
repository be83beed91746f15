//! # Trail blinded
//!
//! A change to CloudTrail hides KMS events from everybody who reads its logs, kmswatch included.
//!
//! ## What it finds
//!
//! * Selectors that leave KMS events out (`PutEventSelectors`, `UpdateEventDataStore`, `CreateEventDataStore`, and
//!   `CreateTrail` and `UpdateTrail` if they carry any): `excludeManagementEventSources` with KMS,
//!   `readWriteType` of `WriteOnly` or `ReadOnly`, `includeManagementEvents: false`, and advanced selectors
//!   on `eventSource`, `readOnly`, `eventName`, `eventType` or `userIdentity.arn`, or without any for management
//!   events;
//! * a trail or store that no longer covers all Regions or the organisation (`UpdateTrail`,
//!   `UpdateEventDataStore`), or is made for one Region (`CreateTrail`, `CreateEventDataStore`);
//! * an end of logging: `StopLogging`, `DeleteTrail`, `DeleteEventDataStore`, `StopEventDataStoreIngestion`;
//! * the same, denied.
//!
//! ## Why it matters
//!
//! Every use of a key for cryptography is logged as a *read* event, also Encrypt and Sign, and AWS advises to leave
//! KMS out to save cost. So one innocent-looking switch hides over 99 % of all KMS events. What follows is not in
//! the logs; that is what it is done for.
//!
//! ## How it decides
//!
//! It asks of each KMS operation whether its events are still logged. Selectors are or-ed: one that leaves KMS out
//! is harmless beside another that takes it. The finding says which part is lost. *High*; *medium* if denied, or
//! if a new store leaves KMS out; *low* if a new trail or store covers only one Region.
//!
//! ## False positives
//!
//! A second trail, for data events only, beside one that logs all. Each trail is judged alone, since the others'
//! settings are not in the logs.
//!
//! ## What it cannot see
//!
//! What was blind before. Two conditional selectors that together take everything count as leaving something out.
//! Changes to the bucket of the logs, and to what is between the bucket and kmswatch.
//!
//! ## What to do
//!
//! Restore the setting, then look at the time between: Event history keeps all management events for 90 days,
//! whatever the trails say.
//!
//! ## References
//!
//! * AWS CloudTrail user guide, "Logging management events" and "Filtering management events"
//! * AWS KMS developer guide, "Logging AWS KMS API calls with AWS CloudTrail"
//! * MITRE ATT&CK T1562.008, Impair Defenses: Disable or Modify Cloud Logs

use super::impact::short;
use super::selectors::{self, Lost};
use super::{Detector, Look, page};
use crate::estate::Estate;
use crate::event::{Event, Source};
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::runbook::aws;
use crate::time::HOUR;
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "trail_blinded",
    title: "Trail blinded",
    severity: Severity::High,
    kind: FindingKind::Rule,
    mitre: &[Technique { id: "T1562.008", name: "Impair Defenses: Disable or Modify Cloud Logs" }],
    page: page(include_str!("trail_blinded.rs")),
    look: Look::Event(look),
};

/// What a call does to the log.
#[derive(Debug)]
struct Blinding {
    severity: Severity,
    /// What is lost, behind "no longer logs".
    lost: String,
    selectors: Option<Lost>,
    /// How to undo it.
    undo: Vec<String>,
}

fn look(event: &Event<'_>, _: &Estate) -> Option<Finding> {
    if event.source != Source::CloudTrail || !(event.succeeded() || event.denied()) {
        return None;
    }
    let target = target(event);
    let blinding = blinding(event, &target)?;
    // Failing to make something blind harms nobody.
    if event.denied() && event.name.starts_with("Create") {
        return None;
    }
    let mut finding = finding::of_event(&DETECTOR, event, &[&event.name, &target, &event.principal.id]);
    let name = match target.as_str() {
        "" => "a trail that the log does not name",
        target => target.rsplit('/').next().unwrap_or(target),
    };
    let who = short(&event.principal.id);
    let Blinding { severity, lost, selectors, undo } = blinding;
    if event.denied() {
        finding.severity = Severity::Medium;
        finding.title = format!("{} on {name} was tried and denied", event.name);
        finding.explanation = format!(
            "{who} called {} on {name} and was denied. Had it worked, the log would have lost {lost}. The next try \
             may come from a principal that has the permission.",
            event.name
        );
    } else {
        finding.severity = severity;
        let verb = if event.name.starts_with("Create") { "does not log" } else { "no longer logs" };
        finding.title = format!("{name} {verb} {}", lost.split(':').next().unwrap_or(&lost));
        finding.explanation = format!(
            "{who} called {} on {name} at {}. From then on it {verb} {lost}. kmswatch sees only what some trail \
             logs, so an absence of findings means less from now on.",
            event.name, event.time
        );
        finding.runbook = undo;
    }
    let details = &mut finding.evidence.details;
    details.insert("target", target.as_str().into());
    details.insert("lost", lost.into());
    if let Some(selectors) = selectors {
        details.insert("operations_lost", json!(selectors.operations));
        if !selectors.partly.is_empty() {
            details.insert("operations_partly_lost", json!(selectors.partly));
            details.insert("fields", json!(selectors.fields));
        }
    }
    let start = event.time.plus(-HOUR).to_string();
    let history = aws(
        "cloudtrail lookup-events",
        &[
            ("lookup-attributes", "AttributeKey=EventSource,AttributeValue=kms.amazonaws.com"),
            ("start-time", &start),
            ("region", &event.region),
        ],
    );
    finding.runbook.push(format!("See what happened since, in the Event history of each Region: {history}"));
    Some(finding)
}

/// The trail or event data store: its ARN or name.
fn target(event: &Event<'_>) -> String {
    let named = ["trailName", "name", "eventDataStore"]
        .into_iter()
        .find_map(|member| event.request.get(member).nonempty());
    named.map(std::borrow::Cow::into_owned).unwrap_or_default()
}

fn blinding(event: &Event<'_>, target: &str) -> Option<Blinding> {
    let region: &str = &event.region;
    let name = event.name.as_ref();
    let is_new = name.starts_with("Create");
    let on = |command: &str, option: &str| aws(command, &[(option, target), ("region", region)]);
    let ended = |undo: String| {
        Some(Blinding {
            severity: Severity::High,
            lost: "all KMS events".to_owned(),
            selectors: None,
            undo: vec![undo],
        })
    };
    match name {
        "StopLogging" => {
            return ended(format!("Start it again: {}", on("cloudtrail start-logging", "name")));
        }
        "DeleteTrail" => {
            return ended(
                "Make the trail again, with the settings that it had (see the CreateTrail event or your templates)."
                    .to_owned(),
            );
        }
        "DeleteEventDataStore" => {
            let command = on("cloudtrail restore-event-data-store", "event-data-store");
            return ended(format!("Restore it within 7 days: {command}"));
        }
        "StopEventDataStoreIngestion" => {
            let command = on("cloudtrail start-event-data-store-ingestion", "event-data-store");
            return ended(format!("Start it again: {command}"));
        }
        "PutEventSelectors"
        | "CreateTrail"
        | "UpdateTrail"
        | "CreateEventDataStore"
        | "UpdateEventDataStore" => {}
        _ => return None,
    }
    // A new store for other kinds of events takes nothing away.
    let lost = selectors::lost(event.request)
        .filter(|lost| !lost.is_empty())
        .filter(|_| name != "CreateEventDataStore" || selectors::has_management(event.request));
    if let Some(lost) = lost {
        let severity = if is_new { Severity::Medium } else { Severity::High };
        let undo = restore_selectors(event, target);
        return Some(Blinding { severity, lost: lost.words(), selectors: Some(lost), undo });
    }
    let switched_off = |member: &str| event.request.get(member).bool() == Some(false);
    let is_trail = name.ends_with("Trail");
    let (regions, organization) = if is_trail {
        ("isMultiRegionTrail", "isOrganizationTrail")
    } else {
        ("multiRegionEnabled", "organizationEnabled")
    };
    // CreateTrail covers one Region where it does not say; a store covers all.
    let one_region =
        switched_off(regions) || (name == "CreateTrail" && event.request.get(regions).is_empty());
    let severity = if is_new { Severity::Low } else { Severity::High };
    let update = if is_trail {
        on("cloudtrail update-trail", "name")
    } else {
        on("cloudtrail update-event-data-store", "event-data-store")
    };
    if one_region {
        let flag = if is_trail { "--is-multi-region-trail" } else { "--multi-region-enabled" };
        return Some(Blinding {
            severity,
            lost: format!("KMS events of Regions other than {region}"),
            selectors: None,
            undo: vec![format!("Let it cover all Regions: {update} {flag}")],
        });
    }
    if !is_new && switched_off(organization) {
        let flag = if is_trail { "--is-organization-trail" } else { "--organization-enabled" };
        return Some(Blinding {
            severity,
            lost: "KMS events of the other accounts of the organisation".to_owned(),
            selectors: None,
            undo: vec![format!("Let it cover the organisation: {update} {flag}")],
        });
    }
    None
}

fn restore_selectors(event: &Event<'_>, target: &str) -> Vec<String> {
    let region: &str = &event.region;
    if event.name.ends_with("EventDataStore") {
        let all = r#"[{"FieldSelectors":[{"Field":"eventCategory","Equals":["Management"]}]}]"#;
        let read =
            aws("cloudtrail get-event-data-store", &[("event-data-store", target), ("region", region)]);
        let write = aws(
            "cloudtrail update-event-data-store",
            &[("event-data-store", target), ("advanced-event-selectors", all), ("region", region)],
        );
        return vec![
            format!("See the selectors that it has: {read}"),
            format!("Log all management events again (add the selectors that you keep): {write}"),
        ];
    }
    let all = r#"[{"ReadWriteType":"All","IncludeManagementEvents":true}]"#;
    let read = aws("cloudtrail get-event-selectors", &[("trail-name", target), ("region", region)]);
    let write = aws(
        "cloudtrail put-event-selectors",
        &[("trail-name", target), ("event-selectors", all), ("region", region)],
    );
    vec![
        format!("See the selectors that it has: {read}"),
        format!("Log all management events again (add the selectors that you keep): {write}"),
    ]
}
