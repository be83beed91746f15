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
//! * an end of logging: `StopLogging`, `DeleteTrail`, `DeleteEventDataStore`, `StopEventDataStoreIngestion`, followed
//!   until it begins again (`StartLogging`, `RestoreEventDataStore`, `StartEventDataStoreIngestion`);
//! * a trail whose log is encrypted with a key of a foreign account, or goes to another bucket (`UpdateTrail`);
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
//! if a new store leaves KMS out, or once logging began again (the finding says for how long it was off); *low* if a new
//! trail or store covers only one Region, or if a call names the bucket of a trail, which need not be another than
//! before, and is not declared in `estate.pipeline`.
//!
//! ## Parameters
//!
//! * `estate.accounts`, `estate.trusted_accounts`: keys of these are not foreign. `estate.pipeline`: the buckets of your
//!   logs.
//!
//! ## False positives
//!
//! A second trail, for data events only, beside one that logs all. Each trail is judged alone, since the others'
//! settings are not in the logs.
//!
//! ## What it cannot see
//!
//! What was blind before. Two conditional selectors that together take everything count as leaving something out.
//! Changes to the bucket of the logs, and to what is between the bucket and kmswatch: those are found by
//! `pipeline_changed`. Whether selectors that hide events were put right later.
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

use super::deed::Deed;
use super::impact::short;
use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::event::{Event, Source};
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::runbook::look_up;
use crate::stage::Stage;
use crate::state::ActKind;
use crate::time::{HOUR, Timestamp};
use call::{Blinding, blinding};
use ended::{begins_again, switched};
use redirected::redirected;
use serde_json::json;

mod call;
mod ended;
mod redirected;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "trail_blinded",
    title: "Trail blinded",
    severity: Severity::High,
    kind: FindingKind::Fact,
    stage: Some(Stage::Blinding),
    mitre: &[Technique { id: "T1562.008", name: "Impair Defenses: Disable or Modify Cloud Logs" }],
    covers: &["M17", "M18", "N1", "P13"],
    reads: Reads::OtherServices,
    page: page(include_str!("trail_blinded.rs")),
    look: Look::Several(&[Look::Event(look), Look::Account(switched)]),
};

fn look(event: &Event<'_>, estate: &Estate) -> Option<Finding> {
    if event.source != Source::CloudTrail || !(event.succeeded() || event.denied()) {
        return None;
    }
    let target = target(event);
    let Some(blinding) = blinding(event, &target) else { return redirected(event, &target, estate) };
    // What can begin again is told from the State, which knows whether it did.
    if event.succeeded() && ActKind::of(event).is_some_and(|kind| begins_again(kind).is_some()) {
        return None;
    }
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
        Deed::Denied.tell(&mut finding);
        finding.title = format!("{} on {name} was tried and denied", event.name);
        finding.explanation = format!(
            "{who} called {} on {name} and was denied. Had it worked, the log would have lost {lost}. The next try \
             may come from a principal that has the permission.",
            event.name
        );
    } else {
        finding.severity = severity;
        let verb = if event.name.starts_with("Create") { "does not log" } else { "no longer logs" };
        // "Does not log all" could mean that it logs some.
        let lost = lost.strip_prefix("all ").map_or_else(|| lost.to_owned(), |rest| format!("any {rest}"));
        finding.title = format!("{name} {verb} {}", lost.split([':', ',']).next().unwrap_or(&lost));
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
    finding.runbook.push(history(event.time, None, &event.region));
    Some(finding)
}

/// How to see what the log does not hold.
fn history(from: Timestamp, until: Option<Timestamp>, region: &str) -> String {
    let start = from.plus(-HOUR).to_string();
    let end = until.map(|until| until.to_string()).unwrap_or_default();
    let times = [("start-time", start.as_str()), ("end-time", &end), ("region", region)];
    let command = look_up("EventSource", "kms.amazonaws.com", &times);
    format!("See what happened since, in the Event history of each Region: {command}")
}

/// The trail or event data store: its ARN or name.
fn target(event: &Event<'_>) -> String {
    let named = ["trailName", "name", "eventDataStore"]
        .into_iter()
        .find_map(|member| event.request.get(member).nonempty());
    named.map(std::borrow::Cow::into_owned).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::call::tests::lost;
    use super::*;
    use crate::detectors::selectors::tests::{advanced, management, put};
    use crate::event::testing::{cloudtrail, kms};
    use crate::pipeline::testing::only;
    use serde_json::{Value, json};

    #[test]
    fn a_trail_that_leaves_kms_out_is_high() {
        let finding =
            only(&DETECTOR, &[put(json!([{"excludeManagementEventSources": ["kms.amazonaws.com"]}]))]);
        assert_eq!(finding.severity, Severity::High);
        assert_eq!(finding.title, "main no longer logs any KMS events");
        assert!(finding.runbook[1].contains("aws cloudtrail put-event-selectors --trail-name main"));
        assert!(finding.runbook[2].contains("lookup-events"));
    }

    #[test]
    fn what_is_lost_in_part_is_told_apart() {
        let hidden = json!([management(), {"field": "userIdentity.arn", "notEquals": ["x"]}]);
        let finding = only(&DETECTOR, &[advanced("PutEventSelectors", &[hidden])]);
        assert_eq!(finding.evidence.details["fields"], json!(["userIdentity.arn"]));
        let whole = only(&DETECTOR, &[put(json!([{"includeManagementEvents": false}]))]);
        assert!(!whole.evidence.details.contains_key("fields"));
    }

    #[test]
    fn a_new_store_without_kms_is_medium_and_one_for_other_events_is_nothing() {
        let without_kms = json!([management(), {"field": "eventSource", "notEquals": ["kms.amazonaws.com"]}]);
        let finding = only(&DETECTOR, &[advanced("CreateEventDataStore", &[without_kms])]);
        assert_eq!(finding.severity, Severity::Medium);
        assert!(finding.title.contains("does not log"));
        let data = json!([{"field": "eventCategory", "equals": ["Data"]}]);
        assert_eq!(lost(&advanced("CreateEventDataStore", std::slice::from_ref(&data))), None);
        assert!(lost(&advanced("UpdateEventDataStore", &[data])).is_some());
    }

    #[test]
    fn an_end_of_logging_is_high() {
        for (name, undo) in [
            ("StopLogging", "start-logging --name"),
            ("DeleteTrail", "Make the trail again"),
            ("DeleteEventDataStore", "restore-event-data-store"),
            ("StopEventDataStoreIngestion", "start-event-data-store-ingestion"),
        ] {
            let finding = only(&DETECTOR, &[cloudtrail(name)]);
            assert_eq!(finding.severity, Severity::High, "{name}");
            assert!(finding.runbook[0].contains(undo), "{name}");
            assert_eq!(finding.evidence.details["lost"], "all KMS events");
        }
    }

    #[test]
    fn a_denied_attempt_is_medium_and_loses_nothing() {
        let finding = only(&DETECTOR, &[cloudtrail("StopLogging").denied()]);
        assert_eq!(finding.severity, Severity::Medium);
        assert!(finding.title.contains("tried and denied"));
        assert!(!finding.runbook.iter().any(|step| step.contains("start-logging")));
        assert_eq!(lost(&cloudtrail("CreateTrail").denied()), None);
        let harmless = put(json!([{}])).denied();
        assert_eq!(lost(&harmless), None);
    }

    #[test]
    fn other_failures_and_other_calls_are_not_found() {
        for record in [
            cloudtrail("StopLogging").failed("TrailNotFoundException", ""),
            cloudtrail("StartLogging"),
            cloudtrail("RestoreEventDataStore"),
            kms("DisableKey"),
        ] {
            assert_eq!(lost(&record), None);
        }
    }

    #[test]
    fn a_call_without_parameters_is_found_if_its_name_tells_enough() {
        let bare = |name: &str| cloudtrail(name).set("requestParameters", Value::Null);
        assert!(
            only(&DETECTOR, &[bare("StopLogging")]).title.starts_with("a trail that the log does not name")
        );
        assert_eq!(lost(&bare("PutEventSelectors")), None);
        assert_eq!(lost(&bare("UpdateTrail")), None);
    }

    #[test]
    fn a_repetition_is_one_finding() {
        let records = [
            cloudtrail("StopLogging").at("2026-05-04T10:00:00Z"),
            cloudtrail("StopLogging").at("2026-05-04T11:00:00Z"),
        ];
        assert_eq!(only(&DETECTOR, &records).evidence.count, 2);
        let records =
            ["10", "11"].map(|hour| cloudtrail("DeleteTrail").at(&format!("2026-05-04T{hour}:00:00Z")));
        assert_eq!(only(&DETECTOR, &records).evidence.count, 2);
    }

    #[test]
    fn a_new_store_for_data_events_is_not_told_whatever_else_it_selects() {
        let data = json!([
            {"field": "eventCategory", "equals": ["Data"]},
            {"field": "readOnly", "notEquals": ["true"]},
            {"field": "eventName", "notEquals": ["GetObject"]},
        ]);
        assert_eq!(lost(&advanced("CreateEventDataStore", &[data])), None);
    }
}
