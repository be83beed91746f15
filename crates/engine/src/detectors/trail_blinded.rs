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

use super::deed::{self, Deed};
use super::impact::short;
use super::selectors::{self, Lost};
use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::event::{Event, Source};
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::runbook::{aws, look_up};
use crate::stage::Stage;
use crate::state::{AccountState, Act, ActKind, Detail};
use crate::time::{DAY, HOUR, Timestamp};
use serde_json::json;

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

/// The act that undoes an end of logging, and how to.
fn begins_again(kind: ActKind) -> Option<(ActKind, &'static str, &'static str, &'static str)> {
    Some(match kind {
        ActKind::StopLogging => (ActKind::StartLogging, "cloudtrail start-logging", "name", "Start it again"),
        ActKind::StopIngestion => (
            ActKind::StartIngestion,
            "cloudtrail start-event-data-store-ingestion",
            "event-data-store",
            "Start it again",
        ),
        ActKind::DeleteStore => (
            ActKind::RestoreStore,
            "cloudtrail restore-event-data-store",
            "event-data-store",
            "Restore it within 7 days",
        ),
        _ => return None,
    })
}

/// Ends of logging, each until it began again.
fn switched(_: &str, state: &AccountState, _: &Estate, found: &mut Vec<Finding>) {
    let acts: Vec<&Act> = state.switches.values().collect();
    for (at, act) in acts.iter().enumerate() {
        let Some((undo, ..)) = begins_again(act.kind) else { continue };
        let same = |other: &&&Act| {
            other.detail == act.detail && other.region == act.region && [act.kind, undo].contains(&other.kind)
        };
        // Of two ends in a row the second did nothing.
        let before = acts.get(..at).unwrap_or_default().iter().rev().find(same);
        if before.is_some_and(|before| before.kind == act.kind) {
            continue;
        }
        let later: Vec<&Act> = acts.get(at + 1..).unwrap_or_default().iter().filter(same).copied().collect();
        let again = later.iter().copied().find(|later| later.kind == undo);
        let repeated = later.iter().copied().take_while(|later| later.kind == act.kind);
        found.push(off(act, repeated, again));
    }
}

fn off<'s>(act: &Act, repeated: impl Iterator<Item = &'s Act>, again: Option<&Act>) -> Finding {
    // Not the account: two accounts' copies of an act are one finding.
    let mut finding = finding::of_act(&DETECTOR, act, &[&act.event_id]);
    repeated.for_each(|act| finding.add_act(act));
    let target = match &act.detail {
        Detail::Target(target) => target.as_str(),
        _ => "",
    };
    let name = if target.is_empty() { "a trail that the log does not name" } else { target };
    let (who, operation) = (short(&act.by.id), act.kind.operation());
    let said = format!("{who} called {operation} on {name} at {}.", act.time);
    if let Some(again) = again {
        let off = span(again.time.since(act.time));
        finding.add_act(again);
        finding.severity = Severity::Medium;
        finding.title = format!("{name} did not log for {off}");
        finding.explanation = format!(
            "{said} For {off} it logged nothing, until {} called {} at {}. What happened in between is not in the log.",
            short(&again.by.id),
            again.kind.operation(),
            again.time
        );
        let undone = json!({"at": again.time, "by": again.by.id, "event_id": again.event_id});
        finding.evidence.details.insert("began_again", undone);
        finding.evidence.details.insert("off_seconds", again.time.since(act.time).into());
    } else {
        finding.severity = Severity::High;
        finding.title = format!("{name} no longer logs any KMS events");
        finding.explanation = format!(
            "{said} From then on it no longer logs any KMS events. kmswatch sees only what some trail logs, so an \
             absence of findings means less from now on."
        );
        if let Some((_, command, option, words)) = begins_again(act.kind) {
            let command = aws(command, &[(option, target), ("region", &act.region)]);
            finding.runbook.push(format!("{words}: {command}"));
        }
    }
    finding.evidence.details.insert("target", target.into());
    finding.evidence.details.insert("lost", "all KMS events".into());
    finding.runbook.push(history(act.time, again.map(|again| again.time), &act.region));
    finding
}

/// A length of time in words, in the largest unit of which there is more than one.
fn span(seconds: i64) -> String {
    let (n, unit) = match seconds {
        ..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / DAY, "day"),
    };
    format!("{n} {unit}{}", if n == 1 { "" } else { "s" })
}

/// A trail whose log goes where others can take it away.
fn redirected(event: &Event<'_>, target: &str, estate: &Estate) -> Option<Finding> {
    if event.name != "UpdateTrail" {
        return None;
    }
    let deed = Deed::of(event)?;
    let key = event.request.get("kmsKeyId").nonempty();
    let owner = key
        .as_deref()
        .and_then(|key| key.split(':').nth(4))
        .filter(|owner| estate.is_outsider(owner, &event.account));
    let bucket = event.request.get("s3BucketName").nonempty().filter(|bucket| !estate.is_pipeline(bucket));
    let name = match target.rsplit('/').next() {
        None | Some("") => "a trail that the log does not name",
        Some(name) => name,
    };
    let mut finding =
        finding::of_event(&DETECTOR, event, &[&event.name, target, &event.principal.id, "redirected"]);
    let what = match (owner, &bucket) {
        (Some(owner), _) => {
            finding.severity = deed.severity(Severity::High);
            finding.title =
                format!("{name} encrypts its log with a key of foreign account {owner}{}", deed.suffix());
            finding.rests_on_foreign = vec![owner.to_owned()];
            finding.evidence.details.insert("key", json!(deed::clip(key.as_deref().unwrap_or_default())));
            format!("with a key of account {owner}, which can take the log away at any time")
        }
        (None, Some(bucket)) => {
            finding.severity = deed.severity(Severity::Low);
            finding.title = format!(
                "{name} was told to deliver its log to bucket {}{}",
                deed::clip(bucket),
                deed.suffix()
            );
            finding.evidence.details.insert("bucket", json!(deed::clip(bucket)));
            "to this bucket, which may or may not be the one as before; kmswatch reads the one that it is told".to_owned()
        }
        (None, None) => return None,
    };
    deed.tell(&mut finding);
    finding.explanation = format!(
        "{}{} called UpdateTrail on {name} at {}: it writes its log {what}.",
        deed.preface(),
        short(&event.principal.id),
        event.time
    );
    finding.evidence.details.insert("target", json!(deed::clip(target)));
    let trail = [("name", target), ("region", event.region.as_ref())];
    finding.runbook.push(format!("See where its log goes: {}", aws("cloudtrail get-trail", &trail)));
    finding.runbook.push(format!("See what else the caller did: {}", deed::look_up_actor(event)));
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
        "StopLogging" | "DeleteEventDataStore" | "StopEventDataStoreIngestion" => return ended(String::new()),
        "DeleteTrail" => {
            return ended(
                "Make the trail again, with the settings that it had (see the CreateTrail event or your templates)."
                    .to_owned(),
            );
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{RecordBuilder, cloudtrail, kms};
    use crate::pipeline::testing::{findings, only};
    use serde_json::{Value, json};

    const STORE: &str = "arn:aws:cloudtrail:eu-west-1:111122223333:eventdatastore/0a1b2c3d";

    fn put(selectors: Value) -> RecordBuilder {
        cloudtrail("PutEventSelectors")
            .set("requestParameters", json!({"trailName": "main", "eventSelectors": selectors}))
    }

    fn advanced(name: &str, selectors: &[Value]) -> RecordBuilder {
        let selectors: Vec<Value> =
            selectors.iter().map(|fields| json!({"fieldSelectors": fields})).collect();
        let target = if name.ends_with("Store") { "eventDataStore" } else { "trailName" };
        cloudtrail(name).set("requestParameters", json!({target: STORE, "advancedEventSelectors": selectors}))
    }

    fn management() -> Value {
        json!({"field": "eventCategory", "equals": ["Management"]})
    }

    /// What a call hides, or nothing.
    fn lost(record: &RecordBuilder) -> Option<String> {
        let found = findings(&DETECTOR, std::slice::from_ref(record));
        found.first().map(|finding| finding.evidence.details["lost"].as_str().unwrap().to_owned())
    }

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
    fn each_classic_switch_loses_its_part() {
        for (selector, part) in [
            (json!({"readWriteType": "WriteOnly", "includeManagementEvents": true}), "all reading"),
            (json!({"readWriteType": "ReadOnly"}), "all changing"),
            (json!({"readWriteType": "All", "includeManagementEvents": false}), "all KMS events"),
            (json!({"includeManagementEvents": "false"}), "all KMS events"),
            (
                json!({"excludeManagementEventSources": ["rdsdata.amazonaws.com", "kms.amazonaws.com"]}),
                "all KMS events",
            ),
        ] {
            let lost = lost(&put(json!([selector]))).unwrap();
            assert!(lost.starts_with(part), "{selector}: {lost}");
        }
    }

    #[test]
    fn classic_selectors_that_log_everything_are_not_found() {
        for selectors in [
            json!([{"readWriteType": "All", "includeManagementEvents": true, "excludeManagementEventSources": []}]),
            json!([{"excludeManagementEventSources": ["rdsdata.amazonaws.com"]}]),
            json!([{}]),
            json!([]),
            Value::Null,
        ] {
            assert_eq!(lost(&put(selectors.clone())), None, "{selectors}");
        }
    }

    #[test]
    fn another_selector_of_the_call_may_still_log_what_one_leaves_out() {
        let without_kms = json!({"excludeManagementEventSources": ["kms.amazonaws.com"]});
        assert_eq!(lost(&put(json!([without_kms, {}]))), None);
        let halves = json!([{"readWriteType": "ReadOnly"}, {"readWriteType": "WriteOnly"}]);
        assert_eq!(lost(&put(halves)), None);
        let reads = lost(&put(json!([without_kms, {"readWriteType": "WriteOnly"}]))).unwrap();
        assert!(reads.starts_with("all reading"));
    }

    #[test]
    fn each_advanced_condition_loses_its_part() {
        for (fields, part) in [
            (json!([management(), {"field": "eventSource", "notEquals": ["kms.amazonaws.com"]}]), "all KMS"),
            (json!([management(), {"field": "eventSource", "equals": ["s3.amazonaws.com"]}]), "all KMS"),
            (json!([management(), {"field": "eventSource", "notStartsWith": ["kms"]}]), "all KMS"),
            (json!([management(), {"field": "eventSource", "notEndsWith": [".com"]}]), "all KMS"),
            (json!([management(), {"field": "readOnly", "equals": ["false"]}]), "all reading"),
            (json!([management(), {"field": "readOnly", "equals": [false]}]), "all reading"),
            (json!([management(), {"field": "readOnly", "equals": ["true"]}]), "all changing"),
            (json!([{"field": "eventCategory", "equals": ["Data"]}]), "all KMS"),
            (json!([{"field": "readOnly", "equals": ["true"]}]), "all KMS"),
            (
                json!([management(), {"field": "eventName", "notEquals": ["Decrypt"]}]),
                "the events of Decrypt",
            ),
            (
                json!([management(), {"field": "eventName", "notStartsWith": ["GenerateData"]}]),
                "the events of GenerateDataKey, ",
            ),
            (
                json!([management(), {"field": "eventType", "equals": ["AwsApiCall"]}]),
                "the events of DeleteExpiredKeyMaterial, DeleteKey, RotateKey",
            ),
            (
                json!([management(), {"field": "userIdentity.arn", "notEquals": ["arn:aws:iam::1:user/x"]}]),
                "KMS events that a condition on userIdentity.arn leaves out",
            ),
        ] {
            for name in ["PutEventSelectors", "UpdateEventDataStore"] {
                let lost = lost(&advanced(name, std::slice::from_ref(&fields))).unwrap_or_default();
                assert!(lost.starts_with(part), "{fields}: {lost}");
            }
        }
    }

    #[test]
    fn advanced_selectors_that_log_all_kms_events_are_not_found() {
        for fields in [
            json!([management()]),
            json!([management(), {"field": "eventSource", "notEquals": ["rdsdata.amazonaws.com"]}]),
            json!([management(), {"field": "eventSource", "equals": ["s3.amazonaws.com", "kms.amazonaws.com"]}]),
            json!([management(), {"field": "eventSource", "equals": ["s3.amazonaws.com"], "startsWith": ["kms."]}]),
            json!([management(), {"field": "eventSource", "endsWith": [".amazonaws.com"]}]),
            json!([management(), {"field": "eventName", "notEquals": ["GetCallerIdentity"]}]),
            json!([management(), {"field": "eventSource", "notEquals": []}]),
        ] {
            assert_eq!(lost(&advanced("PutEventSelectors", std::slice::from_ref(&fields))), None, "{fields}");
        }
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
    fn advanced_selectors_are_or_ed() {
        let without_kms = json!([management(), {"field": "eventSource", "notEquals": ["kms.amazonaws.com"]}]);
        let hidden_user = json!([management(), {"field": "userIdentity.arn", "notEquals": ["x"]}]);
        let data = json!([{"field": "eventCategory", "equals": ["Data"]}]);
        let all = json!([management()]);
        for selectors in [
            vec![without_kms.clone(), all.clone()],
            vec![data.clone(), all.clone()],
            vec![hidden_user.clone(), all],
        ] {
            assert_eq!(lost(&advanced("PutEventSelectors", &selectors)), None);
        }
        assert!(lost(&advanced("PutEventSelectors", &[without_kms, hidden_user])).is_some());
        assert!(lost(&advanced("PutEventSelectors", &[data])).is_some());
    }

    #[test]
    fn selected_and_deselected_values_must_both_hold() {
        let fields = json!([management(), {
            "field": "eventName", "equals": ["Decrypt"], "startsWith": ["Generate"], "notEndsWith": ["Plaintext"],
        }]);
        let finding = only(&DETECTOR, &[advanced("PutEventSelectors", &[fields])]);
        let lost: Vec<&str> = finding.evidence.details["operations_lost"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        for logged in ["Decrypt", "GenerateDataKey", "GenerateMac"] {
            assert!(!lost.contains(&logged), "{logged}");
        }
        for hidden in ["Encrypt", "GenerateDataKeyWithoutPlaintext", "ScheduleKeyDeletion"] {
            assert!(lost.contains(&hidden), "{hidden}");
        }
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
    fn a_trail_that_no_longer_covers_all_regions_or_accounts_is_high() {
        for (name, member, part) in [
            ("UpdateTrail", "isMultiRegionTrail", "KMS events of Regions other than eu-west-1"),
            ("UpdateTrail", "isOrganizationTrail", "KMS events of the other accounts"),
            ("UpdateEventDataStore", "multiRegionEnabled", "KMS events of Regions other than eu-west-1"),
            ("UpdateEventDataStore", "organizationEnabled", "KMS events of the other accounts"),
        ] {
            let record = cloudtrail(name).set(&format!("requestParameters.{member}"), false);
            let finding = only(&DETECTOR, std::slice::from_ref(&record));
            assert_eq!(finding.severity, Severity::High);
            let flag = match (name, member) {
                ("UpdateTrail", "isMultiRegionTrail") => "update-trail --name",
                ("UpdateTrail", _) => "--is-organization-trail",
                (_, "multiRegionEnabled") => "--multi-region-enabled",
                _ => "update-event-data-store --event-data-store",
            };
            assert!(finding.runbook[0].contains(flag), "{}", finding.runbook[0]);
            assert!(finding.evidence.details["lost"].as_str().unwrap().starts_with(part));
            assert_eq!(lost(&record.set(&format!("requestParameters.{member}"), true)), None);
            assert_eq!(lost(&cloudtrail(name)), None);
        }
    }

    #[test]
    fn a_new_trail_for_one_region_is_low() {
        let unsaid = only(&DETECTOR, &[cloudtrail("CreateTrail")]);
        assert_eq!(unsaid.severity, Severity::Low);
        let said = cloudtrail("CreateTrail").set("requestParameters.isMultiRegionTrail", false);
        assert_eq!(only(&DETECTOR, &[said]).severity, Severity::Low);
        let all = cloudtrail("CreateTrail").set("requestParameters.isMultiRegionTrail", true);
        assert_eq!(lost(&all), None);
        assert_eq!(lost(&cloudtrail("CreateEventDataStore")), None);
        let store = cloudtrail("CreateEventDataStore").set("requestParameters.multiRegionEnabled", false);
        assert_eq!(only(&DETECTOR, &[store]).severity, Severity::Low);
        assert_eq!(lost(&all.set("requestParameters.isOrganizationTrail", false)), None);
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
    fn logging_that_began_again_is_medium_and_says_how_long_it_was_off() {
        for (off, on) in [
            ("StopLogging", "StartLogging"),
            ("StopEventDataStoreIngestion", "StartEventDataStoreIngestion"),
            ("DeleteEventDataStore", "RestoreEventDataStore"),
        ] {
            let records = [
                cloudtrail(off).at("2026-05-04T10:00:00Z"),
                cloudtrail(on).at("2026-05-04T10:12:30Z").by_user("111122223333", "alice"),
            ];
            let finding = only(&DETECTOR, &records);
            assert_eq!((finding.severity, finding.evidence.count), (Severity::Medium, 2), "{off}");
            assert_eq!(finding.title, "main did not log for 12 minutes");
            assert!(finding.explanation.contains("until user/alice called"), "{}", finding.explanation);
            assert_eq!(finding.evidence.details["off_seconds"], 750);
            assert_eq!(finding.runbook.len(), 1);
            assert!(
                finding.runbook[0]
                    .contains("--start-time 2026-05-04T09:00:00Z --end-time 2026-05-04T10:12:30Z")
            );
        }
    }

    #[test]
    fn only_the_same_trail_begins_again_and_only_later() {
        let stop = || cloudtrail("StopLogging").at("2026-05-04T10:00:00Z");
        let start = || cloudtrail("StartLogging").at("2026-05-04T11:00:00Z");
        for other in [
            start().set("requestParameters.name", "second"),
            start().set("awsRegion", "us-east-1"),
            start().at("2026-05-04T09:00:00Z"),
            start().denied(),
            cloudtrail("StartEventDataStoreIngestion").at("2026-05-04T11:00:00Z"),
        ] {
            assert_eq!(only(&DETECTOR, &[stop(), other]).severity, Severity::High);
        }
        let stopped_twice = [stop(), start(), cloudtrail("StopLogging").at("2026-05-04T12:00:00Z")];
        let severities: Vec<_> = findings(&DETECTOR, &stopped_twice).iter().map(|f| f.severity).collect();
        assert_eq!(severities, [Severity::Medium, Severity::High]);
    }

    #[test]
    fn a_length_of_time_is_told_in_a_unit_that_fits() {
        for (seconds, words) in [
            (1, "1 second"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (7_200, "2 hours"),
            (172_799, "47 hours"),
            (172_800, "2 days"),
        ] {
            assert_eq!(span(seconds), words);
        }
    }

    #[test]
    fn a_log_under_a_foreign_key_is_high_and_a_bucket_is_low() {
        let update = |member: &str, value: &str| {
            cloudtrail("UpdateTrail").set(&format!("requestParameters.{member}"), value)
        };
        let foreign = "arn:aws:kms:eu-west-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        let finding = only(&DETECTOR, &[update("kmsKeyId", foreign)]);
        assert_eq!(finding.severity, Severity::High);
        assert_eq!(finding.title, "main encrypts its log with a key of foreign account 444455556666");
        assert_eq!(finding.rests_on_foreign, ["444455556666"]);
        assert!(finding.runbook[0].contains("aws cloudtrail get-trail --name arn:aws:cloudtrail"));
        let bucket = only(&DETECTOR, &[update("s3BucketName", "elsewhere")]);
        assert_eq!(
            (bucket.severity, bucket.evidence.details["bucket"].as_str()),
            (Severity::Low, Some("elsewhere"))
        );
        assert_eq!(only(&DETECTOR, &[update("kmsKeyId", foreign).denied()]).severity, Severity::Medium);
        for silent in [
            update("kmsKeyId", crate::event::testing::KEY),
            update("kmsKeyId", "alias/logs"),
            update("s3BucketName", "kmswatch-logs"),
            update("s3BucketName", "elsewhere").failed("TrailNotFoundException", ""),
        ] {
            assert!(findings(&DETECTOR, &[silent]).is_empty());
        }
    }

    #[test]
    fn five_operations_are_named_and_the_rest_is_counted() {
        let names = ["Decrypt", "Encrypt", "Sign", "Verify", "ReEncrypt", "CreateGrant"];
        let without = |n: usize| {
            let fields = json!([management(), {"field": "eventName", "notEquals": &names[..n]}]);
            lost(&advanced("PutEventSelectors", &[fields])).unwrap()
        };
        assert!(!without(5).contains("more"), "{}", without(5));
        assert!(without(6).ends_with(" and 1 more"), "{}", without(6));
    }

    #[test]
    fn an_empty_list_of_the_other_form_hides_nothing_from_us() {
        let record = put(json!([{"excludeManagementEventSources": ["kms.amazonaws.com"]}]))
            .set("requestParameters.advancedEventSelectors", json!([]));
        assert_eq!(lost(&record).as_deref(), Some("all KMS events"));
        let all = put(json!([{"readWriteType": "All"}]));
        assert_eq!(lost(&all.clone().set("requestParameters.advancedEventSelectors", json!([]))), None);
        assert_eq!(lost(&all.set("requestParameters.advancedEventSelectors", json!({}))), None);
        let writes = put(json!([])).set("requestParameters.EventSelectors", json!({"x": 1}));
        assert_eq!(lost(&writes), None);
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
