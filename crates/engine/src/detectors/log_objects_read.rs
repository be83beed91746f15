//! # Log objects read by a new principal
//!
//! Somebody decrypted objects of the audit log who never did before.
//!
//! ## What it finds
//!
//! The first `Decrypt`, by each principal, whose encryption context names a trail or an object below `AWSLogs/`, under a
//! key with which logs have been encrypted for long.
//!
//! ## Why it matters
//!
//! The log tells an intruder what is watched, who works when, and which roles and keys are worth taking. Few programs and
//! people have a reason to read it.
//!
//! ## How it decides
//!
//! By the first read of each principal: *medium* if the key has been in use for `detectors.habit_days` days by then. AWS
//! services that read for themselves are silent.
//!
//! ## Parameters
//!
//! * `detectors.habit_days` (14): days for which the key must have been in use. Who reads within them is known.
//!
//! ## False positives
//!
//! An investigator who opens the log for the first time; a new tool that reads it.
//!
//! ## What it cannot see
//!
//! Logs that are not encrypted with a KMS key. With S3 Bucket Keys only the bucket is named, not the object: add such a
//! bucket's readers by other means. How many objects were read, which `unusual_rate` tells.
//!
//! ## What to do
//!
//! Ask whether the principal has a reason to read the log. If not, see what else it did, and take it for an intruder.
//!
//! ## References
//!
//! * AWS CloudTrail user guide, "Encrypting CloudTrail log files with AWS KMS keys"
//! * MITRE ATT&CK T1654, Log Enumeration

use super::impact::short;
use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::event::Operation;
use crate::finding::{self, Actor, Finding, FindingKind, Severity, Span, Technique};
use crate::runbook::look_up;
use crate::stage::Stage;
use crate::state::KeyState;
use crate::time::DAY;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "log_objects_read",
    title: "Log objects read by a new principal",
    severity: Severity::Medium,
    kind: FindingKind::Fact,
    stage: Some(Stage::FirstUse),
    mitre: &[Technique { id: "T1654", name: "Log Enumeration" }],
    covers: &["N26"],
    reads: Reads::These(&[Operation::Decrypt]),
    page: page(include_str!("log_objects_read.rs")),
    look: Look::Key(judge),
};

fn judge(key: &str, state: &KeyState, estate: &Estate, found: &mut Vec<Finding>) {
    let known_for = estate.settings.detectors.habit_days.saturating_mul(DAY);
    let Some(since) = state.users.first() else { return };
    for (reader, once) in state.log_readers.iter() {
        if once.time.since(since) < known_for || reader.starts_with("service:") {
            continue;
        }
        let event_id = once.event_id();
        let mut finding = finding::of_key(&DETECTOR, key, &[key, reader, &event_id]);
        finding.evidence.add(once.time, &event_id);
        finding.time = Span { start: once.time, end: once.time };
        finding.principal = Some(Actor { id: reader.to_owned(), kind: "unknown", ..Actor::default() });
        let who = short(reader);
        finding.title = format!("Log objects under {{key}} were read by {who} for the first time");
        finding.explanation = format!(
            "At {} {who} decrypted an object of the log under {{key}}, for the first time since {since}. Who else reads \
             this log has done so before.",
            once.time
        );
        if state.log_readers.is_full() {
            finding.evidence.details.insert("incomplete", true.into());
        }
        let region = finding.region.clone();
        let start = once.time.plus(-DAY).to_string();
        finding.runbook = vec![
            format!("See the call: {}", look_up("EventId", &event_id, &[("region", &region)])),
            format!(
                "See what else was done with the key: {}",
                look_up("ResourceName", key, &[("start-time", &start), ("region", &region)])
            ),
        ];
        found.push(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, RecordBuilder, kms};
    use crate::pipeline::testing::{findings, findings_with, only};
    use crate::settings::Settings;
    use serde_json::json;

    const OBJECT: &str =
        "arn:aws:s3:::acme-logs/AWSLogs/111122223333/CloudTrail/eu-west-1/2026/05/01/x.json.gz";

    fn read(object: &str, who: &str, day: u32) -> RecordBuilder {
        kms("Decrypt")
            .set("requestParameters.encryptionContext", json!({ "aws:s3:arn": object }))
            .by_role(ACCOUNT, who, "s")
            .through("s3")
            .at(&format!("2026-05-{day:02}T10:00:00Z"))
    }

    #[test]
    fn a_reader_who_comes_late_is_medium() {
        let records = [read(OBJECT, "siem", 1), read(OBJECT, "siem", 20), read(OBJECT, "intern", 15)];
        let finding = only(&DETECTOR, &records);
        assert_eq!(finding.severity, Severity::Medium);
        assert!(finding.title.ends_with("read by role/intern for the first time"), "{}", finding.title);
        assert_eq!(finding.principal.as_ref().unwrap().id, "arn:aws:iam::111122223333:role/intern");
        assert!(finding.runbook[0].contains(&finding.evidence.event_ids[0]));
    }

    #[test]
    fn more_readers_than_are_remembered_are_said_to_be_incomplete() {
        let readers =
            |n: u32| -> Vec<RecordBuilder> { (0..n).map(|n| read(OBJECT, &format!("r{n}"), 1)).collect() };
        let with_late = |n| only(&DETECTOR, &[readers(n), vec![read(OBJECT, "intern", 15)]].concat());
        assert!(!with_late(31).evidence.details.contains_key("incomplete"));
        assert!(findings(&DETECTOR, &[readers(33), vec![read(OBJECT, "intern", 15)]].concat()).is_empty());
        let late: Vec<_> = (0..3).map(|n| read(OBJECT, &format!("late{n}"), 15)).collect();
        let found = findings(&DETECTOR, &[readers(31), late].concat());
        assert!(found.iter().all(|finding| finding.evidence.details.contains_key("incomplete")));
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn the_object_may_be_named_with_its_trail() {
        let context = json!({"aws:cloudtrail:arn": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main", "aws:s3:arn": OBJECT});
        let late = read(OBJECT, "intern", 15).set("requestParameters.encryptionContext", context);
        assert_eq!(findings(&DETECTOR, &[read(OBJECT, "siem", 1), late]).len(), 1);
    }

    #[test]
    fn the_first_reader_of_an_old_log_is_found_too() {
        let written = kms("GenerateDataKey").by_service("cloudtrail").at("2026-05-01T10:00:00Z");
        assert_eq!(findings(&DETECTOR, &[written, read(OBJECT, "intern", 15)]).len(), 1);
    }

    #[test]
    fn who_reads_from_the_beginning_is_known() {
        assert!(findings(&DETECTOR, &[read(OBJECT, "siem", 1), read(OBJECT, "second", 14)]).is_empty());
        let mut settings = Settings::default();
        settings.detectors.habit_days = 3;
        let records = [read(OBJECT, "siem", 1), read(OBJECT, "second", 4)];
        assert_eq!(findings_with(&DETECTOR, &records, &settings).len(), 1);
    }

    #[test]
    fn other_objects_writers_and_services_are_silent() {
        let siem = || read(OBJECT, "siem", 1);
        let invoice = read("arn:aws:s3:::invoices/2026/a.pdf", "intern", 15);
        let written = read(OBJECT, "intern", 15).set("eventName", "GenerateDataKey");
        let service = read(OBJECT, "intern", 15).by_service("config");
        for record in [invoice, written, service] {
            assert!(findings(&DETECTOR, &[siem(), record]).is_empty());
        }
    }

    #[test]
    fn a_denied_read_and_a_missing_context_are_silent() {
        let siem = || read(OBJECT, "siem", 1);
        assert!(findings(&DETECTOR, &[siem(), read(OBJECT, "intern", 15).denied()]).is_empty());
        let bare = read(OBJECT, "intern", 15).set("requestParameters", serde_json::Value::Null);
        assert!(findings(&DETECTOR, &[siem(), bare]).is_empty());
    }
}
