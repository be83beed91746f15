//! # Key deletion scheduled
//!
//! Somebody scheduled the deletion of a KMS key.
//!
//! ## What it finds
//!
//! Each successful `ScheduleKeyDeletion`, followed until its end: cancelled (`CancelKeyDeletion`), usable again
//! (`EnableKey`), or final (the service event `DeleteKey`). A `DeleteKey` whose schedule is not in the logs is
//! found too, and so are denied attempts, one finding for each principal and day.
//!
//! ## Why it matters
//!
//! The key is unusable from the moment of the call, and when the waiting period ends, everything encrypted under
//! it is lost for good. Nobody can bring a deleted key back, not even AWS. It is the last step of ransom and of
//! sabotage.
//!
//! ## How it decides
//!
//! The severity is *critical* if another principal used the key in the 30 days before, else *high*; *medium* once
//! the deletion was cancelled or scheduled anew. The finding says who used the key, through which services, and for which
//! resources, and how long there is to act: 7 days at least, 30 if the call named no period. The key of a
//! multi-Region primary waits until its last replica is gone (`PendingReplicaDeletion`). A denied attempt is
//! *medium*, attempts on several keys on one day are *high*. A key with which CloudTrail encrypts its log, or with which
//! something named in `estate.pipeline` is encrypted, is *critical* until the deletion is cancelled.
//!
//! ## False positives
//!
//! Tools that take environments down (`terraform destroy`), and tidying up of keys that nobody uses. Those come
//! as *high*, from a known principal, on keys without recent use.
//!
//! ## What it cannot see
//!
//! Uses of the key before the logs at hand begin, and data whose data keys are cached and seldom decrypted. A key
//! without known use may still protect an archive.
//!
//! ## What to do
//!
//! Cancel the deletion, then enable the key: cancelling leaves it disabled. Both can be undone. Then find out who
//! did it and why.
//!
//! ## References
//!
//! * AWS KMS developer guide, "Delete an AWS KMS key"
//! * MITRE ATT&CK T1485, Data Destruction

use super::impact::{Impact, Loss, date, look_further, on_key, raise_if_log_rests_on, short};
use super::{Detector, Look, Reads, denied, page};
use crate::estate::Estate;
use crate::event::Operation;
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::stage::Stage;
use crate::state::{Act, ActKind, Detail, KeyState, PrincipalState};
use crate::time::DAY;
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "key_deletion_scheduled",
    title: "Key deletion scheduled",
    severity: Severity::High,
    kind: FindingKind::Fact,
    stage: Some(Stage::Destruction),
    mitre: &[Technique { id: "T1485", name: "Data Destruction" }],
    covers: &["M1", "M2", "N7", "N9", "N25", "P1"],
    reads: Reads::These(&[
        Operation::ScheduleKeyDeletion,
        Operation::CancelKeyDeletion,
        Operation::EnableKey,
        Operation::DeleteKey,
    ]),
    page: page(include_str!("key_deletion_scheduled.rs")),
    look: Look::Several(&[Look::Key(judge), Look::Principal(attempts)]),
};

/// The waiting period that KMS takes where the call names none, and the shortest that it allows, in days.
const DEFAULT_WINDOW: i64 = 30;
const SHORTEST_WINDOW: i64 = 7;

fn judge(key: &str, state: &KeyState, estate: &Estate, found: &mut Vec<Finding>) {
    let timeline = state.timeline();
    let mut scheduled = false;
    for (at, act) in timeline.iter().enumerate() {
        match act.kind {
            ActKind::ScheduleDeletion => {
                scheduled = true;
                let later = timeline.get(at + 1..).unwrap_or_default();
                let mut finding = schedule(key, state, act, later);
                if finding.severity > Severity::Medium {
                    raise_if_log_rests_on(&mut finding, state, estate);
                }
                found.push(finding);
            }
            ActKind::Delete if !scheduled => {
                let mut finding = deletion(key, state, act);
                raise_if_log_rests_on(&mut finding, state, estate);
                found.push(finding);
            }
            _ => {}
        }
    }
}

fn schedule(key: &str, state: &KeyState, act: &Act, later: &[&Act]) -> Finding {
    // What comes after a new schedule belongs to that one. KMS takes it only from a key that is not pending deletion,
    // so this one was cancelled, whether the logs at hand show it or not.
    let again = later.iter().copied().find(|later| later.kind == ActKind::ScheduleDeletion);
    let later: Vec<&Act> =
        later.iter().copied().take_while(|later| later.kind != ActKind::ScheduleDeletion).collect();
    let first = |kind: ActKind| later.iter().copied().find(|later| later.kind == kind);
    let (cancelled, deleted) = (first(ActKind::CancelDeletion), first(ActKind::Delete));
    let enabled = cancelled.and_then(|_| first(ActKind::Enable));

    let mut finding = finding::of_act(&DETECTOR, act, &[key, &act.event_id]);
    [cancelled, enabled, deleted].into_iter().flatten().for_each(|act| finding.add_act(act));
    let impact = Impact::of(state, act);
    impact.describe(&mut finding);
    finding.severity = match cancelled.or(again) {
        Some(_) => Severity::Medium,
        None if impact.is_felt() => Severity::Critical,
        None => Severity::High,
    };

    let (window, deletion_at, waits) = match act.detail {
        Detail::Deletion { window_days, at, waits_for_replicas } => {
            (window_days.unwrap_or(DEFAULT_WINDOW), at, waits_for_replicas)
        }
        _ => (DEFAULT_WINDOW, None, false),
    };
    let deletion_at = deletion_at.unwrap_or(act.time.plus(window.saturating_mul(DAY)));
    let details = &mut finding.evidence.details;
    details.insert("window_days", window.into());
    if waits {
        details.insert("waits_for_replicas", true.into());
    } else {
        details.insert("deletion_date", json!(deletion_at));
    }
    for (name, act) in
        [("cancelled", cancelled), ("enabled", enabled), ("deleted", deleted), ("scheduled_again", again)]
    {
        if let Some(act) = act {
            details.insert(name, json!({"at": act.time, "by": act.by.id, "event_id": act.event_id}));
        }
    }

    let who = short(&act.by.id);
    let (title, state_of_things) = if let Some(deleted) = deleted {
        (
            "{key} was deleted".to_owned(),
            format!(
                "The deletion became final at {}: what was encrypted under {{key}} is lost.",
                deleted.time
            ),
        )
    } else if let Some(cancelled) = cancelled {
        let then = match (enabled, again) {
            (Some(enabled), _) => format!("and EnableKey made it usable again at {}.", enabled.time),
            (None, Some(again)) => {
                format!("and {} scheduled it again at {}.", short(&again.by.id), again.time)
            }
            (None, None) => "but that leaves {key} disabled until somebody calls EnableKey.".to_owned(),
        };
        (
            "Deletion of {key} was scheduled and cancelled".to_owned(),
            format!("{} cancelled it at {}, {then}", short(&cancelled.by.id), cancelled.time),
        )
    } else if let Some(again) = again {
        (
            "Deletion of {key} was scheduled, and again later".to_owned(),
            format!(
                "{} scheduled it again at {}, which replaces this schedule; it must have been cancelled in between, \
                 but that is not in the logs at hand.",
                short(&again.by.id),
                again.time
            ),
        )
    } else if waits {
        (
            "Deletion of {key} was scheduled, behind its replicas".to_owned(),
            format!(
                "{{key}} is unusable from now on. It is a multi-Region primary: its waiting period of {window} \
                 days begins when its last replica is deleted, so look at the replicas too."
            ),
        )
    } else {
        let shortest = if window <= SHORTEST_WINDOW { ", the shortest period that KMS allows" } else { "" };
        (
            format!("{{key}} will be deleted on {}", date(deletion_at)),
            format!(
                "{{key}} is unusable from now on, and on {} (after {window} days{shortest}) it and everything \
                 encrypted under it are lost.",
                date(deletion_at)
            ),
        )
    };
    finding.title = title;
    finding.explanation = format!(
        "{who} scheduled the deletion of {{key}} at {}. {state_of_things} {}",
        act.time,
        impact.sentence(Loss::until(enabled))
    );
    // Of a key that is pending again, the finding about the new schedule says what to do.
    let over = again.is_some();
    finding.runbook =
        runbook(&finding, over || cancelled.is_some(), over || enabled.is_some(), deleted.is_some());
    finding
}

/// A deletion whose schedule was not seen.
fn deletion(key: &str, state: &KeyState, act: &Act) -> Finding {
    let mut finding = finding::of_act(&DETECTOR, act, &[key, &act.event_id]);
    let impact = Impact::of(state, act);
    impact.describe(&mut finding);
    finding.severity = if impact.is_felt() { Severity::Critical } else { Severity::High };
    finding.title = "{key} was deleted".to_owned();
    finding.explanation = format!(
        "The waiting period of {{key}} ended at {}: what was encrypted under it is lost. Who scheduled the deletion \
         is not in the logs at hand. {}",
        act.time,
        impact.sentence(Loss::Now)
    );
    finding.runbook = runbook(&finding, false, false, true);
    finding
}

#[allow(clippy::fn_params_excessive_bools)] // What has been done since, in the order of the steps.
fn runbook(finding: &Finding, cancelled: bool, enabled: bool, deleted: bool) -> Vec<String> {
    let mut steps = Vec::new();
    if deleted {
        steps.push("Restore what was encrypted under the key from copies under another key.".to_owned());
    } else {
        if !cancelled {
            steps.push(format!("Stop the deletion: {}", on_key("kms cancel-key-deletion", finding)));
        }
        if !enabled {
            steps.push(format!("Make the key usable again: {}", on_key("kms enable-key", finding)));
        }
        steps.push(format!("See its state: {}", on_key("kms describe-key", finding)));
    }
    steps.push(look_further(finding));
    steps
}

fn attempts(principal: &str, state: &PrincipalState, _: &Estate, found: &mut Vec<Finding>) {
    let severities = [Severity::Medium, Severity::High];
    denied::judge(&DETECTOR, ActKind::ScheduleDeletion, severities, (principal, state), found);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, KEY, OTHER_KEY, RecordBuilder, kms};
    use crate::pipeline::testing::{findings, only};
    use serde_json::Value;

    fn schedule() -> RecordBuilder {
        kms("ScheduleKeyDeletion")
            .by_user(ACCOUNT, "mallory")
            .set("requestParameters.pendingWindowInDays", 7)
            .set("responseElements.deletionDate", "May 11, 2026, 12:00:00 AM")
            .set("responseElements.keyState", "PendingDeletion")
            .set("responseElements.pendingWindowInDays", 7)
            .at("2026-05-04T10:00:00Z")
    }

    fn used(time: &str) -> RecordBuilder {
        kms("Decrypt")
            .set(
                "requestParameters.encryptionContext.SecretARN",
                "arn:aws:secretsmanager:eu-west-1:1:secret:db",
            )
            .through("secretsmanager")
            .at(time)
    }

    #[test]
    fn a_schedule_on_a_key_in_use_is_critical_and_says_what_breaks() {
        let finding = only(&DETECTOR, &[used("2026-05-03T10:00:00Z"), schedule()]);
        assert_eq!(finding.severity, Severity::Critical);
        assert!(finding.title.ends_with("will be deleted on 2026-05-11"), "{}", finding.title);
        for words in ["mallory", "role/payments-api", "1 secret", "shortest", "7 days"] {
            assert!(finding.explanation.contains(words), "{words}: {}", finding.explanation);
        }
        let details = &finding.evidence.details;
        assert_eq!(details["services"], json!(["secretsmanager"]));
        assert_eq!(details["window_days"], 7);
        assert_eq!(details["deletion_date"], "2026-05-11T00:00:00Z");
        assert_eq!(details["used_by_count"], 1);
        assert_eq!(details["resources"], json!({"secret": 1}));
        assert_eq!(details["last_used"], "2026-05-03T10:00:00Z");
        assert!(finding.runbook[0].contains("aws kms cancel-key-deletion --key-id"));
        assert!(finding.runbook[1].contains("aws kms enable-key --key-id"));
        assert!(finding.runbook[0].ends_with(&format!("--key-id {KEY} --region eu-west-1")));
    }

    #[test]
    fn a_schedule_on_a_key_without_recent_use_by_others_is_high() {
        let own = used("2026-05-03T10:00:00Z").by_user(ACCOUNT, "mallory");
        for before in [vec![], vec![used("2026-04-04T09:59:59Z")], vec![own]] {
            let records: Vec<_> = before.into_iter().chain([schedule()]).collect();
            assert_eq!(only(&DETECTOR, &records).severity, Severity::High);
        }
        let at_the_edge = [used("2026-04-04T10:00:00Z"), schedule()];
        assert_eq!(only(&DETECTOR, &at_the_edge).severity, Severity::Critical);
    }

    #[test]
    fn a_window_that_is_not_given_is_thirty_days() {
        let record = kms("ScheduleKeyDeletion").at("2026-05-04T10:00:00Z");
        let finding = only(&DETECTOR, &[record]);
        assert_eq!(finding.evidence.details["window_days"], 30);
        assert_eq!(finding.evidence.details["deletion_date"], "2026-06-03T10:00:00Z");
        assert!(!finding.explanation.contains("shortest"));
    }

    #[test]
    fn a_primary_waits_for_its_replicas_and_has_no_date() {
        let record = schedule()
            .set("responseElements.keyState", "PendingReplicaDeletion")
            .set("responseElements.deletionDate", Value::Null);
        let finding = only(&DETECTOR, &[record]);
        assert!(finding.title.contains("behind its replicas"));
        assert_eq!(finding.evidence.details["waits_for_replicas"], true);
        assert!(!finding.evidence.details.contains_key("deletion_date"));
    }

    #[test]
    fn a_cancelled_deletion_is_medium_and_leaves_the_key_disabled() {
        let cancel = kms("CancelKeyDeletion").at("2026-05-04T11:00:00Z");
        let records = [used("2026-05-03T10:00:00Z"), schedule(), cancel];
        let finding = only(&DETECTOR, &records);
        assert_eq!(finding.severity, Severity::Medium);
        assert!(finding.title.contains("cancelled"));
        assert!(finding.explanation.contains("until somebody calls EnableKey"));
        assert!(finding.runbook[0].contains("enable-key"));
        assert_eq!(finding.evidence.details["cancelled"]["at"], "2026-05-04T11:00:00Z");
        // The id is that of the schedule.
        assert_eq!(finding.id, only(&DETECTOR, &records[..2]).id);
        assert_eq!(finding.evidence.count, 2);
    }

    #[test]
    fn a_key_that_was_enabled_again_needs_no_command_for_it() {
        let cancel = kms("CancelKeyDeletion").at("2026-05-04T11:00:00Z");
        let enable = kms("EnableKey").at("2026-05-04T12:00:00Z");
        let finding = only(&DETECTOR, &[schedule(), cancel, enable]);
        assert!(finding.explanation.contains("made it usable again at 2026-05-04T12:00:00Z"));
        assert!(!finding.runbook.iter().any(|step| step.contains("enable-key")));
        assert_eq!(finding.evidence.details["enabled"]["at"], "2026-05-04T12:00:00Z");
    }

    #[test]
    fn enabling_before_the_cancellation_counts_for_nothing() {
        let enable = kms("EnableKey").at("2026-05-04T10:30:00Z");
        let finding = only(&DETECTOR, &[schedule(), enable]);
        assert!(!finding.evidence.details.contains_key("enabled"));
        assert_eq!(finding.severity, Severity::High);
    }

    #[test]
    fn a_new_schedule_after_a_cancellation_is_a_finding_of_its_own() {
        let cancel = kms("CancelKeyDeletion").at("2026-05-04T11:00:00Z");
        let again = schedule().at("2026-05-04T12:00:00Z");
        let found = findings(&DETECTOR, &[schedule(), cancel, again]);
        let severities: Vec<_> = found.iter().map(|finding| finding.severity).collect();
        assert_eq!(severities, [Severity::Medium, Severity::High]);
    }

    #[test]
    fn a_cancellation_belongs_to_the_schedule_before_it_alone() {
        let cancel = kms("CancelKeyDeletion").at("2026-05-04T13:00:00Z");
        // The cancellation between the two is not in the logs.
        let found = findings(&DETECTOR, &[schedule(), schedule().at("2026-05-04T12:00:00Z"), cancel]);
        let severities: Vec<_> = found.iter().map(|finding| finding.severity).collect();
        assert_eq!(severities, [Severity::Medium, Severity::Medium]);
        let cancelled = |finding: &Finding| finding.evidence.details.contains_key("cancelled");
        assert!(!cancelled(&found[0]) && cancelled(&found[1]));
    }

    #[test]
    fn a_deletion_that_became_final_says_so_in_the_same_finding() {
        let delete = kms("DeleteKey").at("2026-05-11T10:00:00Z");
        let finding = only(&DETECTOR, &[used("2026-05-03T10:00:00Z"), schedule(), delete]);
        assert!(finding.title.ends_with("was deleted"));
        assert_eq!(finding.severity, Severity::Critical);
        assert_eq!(finding.evidence.details["deleted"]["at"], "2026-05-11T10:00:00Z");
        assert!(!finding.runbook.iter().any(|step| step.contains("cancel-key-deletion")));
    }

    #[test]
    fn a_deletion_whose_schedule_is_unknown_is_found_by_itself() {
        let delete = kms("DeleteKey").at("2026-05-11T10:00:00Z");
        let finding = only(&DETECTOR, std::slice::from_ref(&delete));
        assert!(finding.explanation.contains("not in the logs at hand"));
        assert_eq!(finding.severity, Severity::High);
        let in_use = only(&DETECTOR, &[used("2026-05-03T10:00:00Z"), delete]);
        assert_eq!(in_use.severity, Severity::Critical);
    }

    #[test]
    fn denied_attempts_are_one_finding_a_day_and_high_on_several_keys() {
        let one = only(&DETECTOR, &[schedule().denied(), schedule().denied().at("2026-05-04T11:00:00Z")]);
        assert_eq!((one.severity, one.evidence.count), (Severity::Medium, 2));
        assert!(one.title.contains("tried and denied") && one.key.is_some());
        let several = only(&DETECTOR, &[schedule().denied(), schedule().key(OTHER_KEY).denied()]);
        assert_eq!(several.severity, Severity::High);
        assert!(several.title.contains("2 keys") && several.key.is_none());
        assert_eq!(several.id, one.id);
        let days =
            findings(&DETECTOR, &[schedule().denied(), schedule().denied().at("2026-05-05T10:00:00Z")]);
        assert_eq!(days.len(), 2);
    }

    #[test]
    fn a_denied_attempt_without_a_key_in_the_record_is_found() {
        let record = schedule()
            .denied()
            .set("errorMessage", "Access denied.")
            .remove("resources")
            .set("requestParameters", Value::Null);
        let finding = only(&DETECTOR, &[record]);
        assert!(finding.key.is_none());
        assert!(finding.title.contains("a key that the log does not name"));
    }

    #[test]
    fn other_failures_and_other_acts_are_not_found() {
        for record in [
            schedule().failed("KMSInvalidStateException", "is pending deletion."),
            schedule().failed("NotFoundException", ""),
            kms("CancelKeyDeletion"),
            kms("DescribeKey"),
            kms("DisableKey").denied(),
        ] {
            assert!(findings(&DETECTOR, &[record]).is_empty());
        }
    }

    #[test]
    fn missing_and_null_fields_change_no_finding_into_none() {
        let record = schedule()
            .set("responseElements", Value::Null)
            .set("requestParameters.pendingWindowInDays", Value::Null)
            .remove("sourceIPAddress");
        assert_eq!(only(&DETECTOR, &[record]).severity, Severity::High);
    }

    #[test]
    fn a_schedule_that_a_later_one_replaced_tells_no_date_and_no_steps() {
        let again = schedule().at("2026-05-04T12:00:00Z");
        for between in [vec![], vec![kms("CancelKeyDeletion").at("2026-05-04T11:00:00Z")]] {
            let records: Vec<_> = [used("2026-05-03T10:00:00Z"), schedule(), again.clone()]
                .into_iter()
                .chain(between)
                .collect();
            let found = findings(&DETECTOR, &records);
            let [first, second] = found.as_slice() else { panic!("{}", found.len()) };
            assert_eq!((first.severity, second.severity), (Severity::Medium, Severity::Critical));
            assert!(!first.title.contains("will be deleted"), "{}", first.title);
            assert!(first.explanation.contains("again at 2026-05-04T12:00:00Z"), "{}", first.explanation);
            assert!(!first.runbook.iter().any(|step| step.contains("enable-key") || step.contains("cancel")));
            assert!(second.runbook[0].contains("cancel-key-deletion"));
        }
    }

    #[test]
    fn who_used_a_key_that_is_usable_again_is_not_said_to_be_locked_out() {
        let cancel = kms("CancelKeyDeletion").at("2026-05-04T11:00:00Z");
        let enable = kms("EnableKey").at("2026-05-04T12:00:00Z");
        let finding = only(&DETECTOR, &[used("2026-05-03T10:00:00Z"), schedule(), cancel, enable]);
        assert!(finding.explanation.contains("could meanwhile not decrypt"), "{}", finding.explanation);
    }

    #[test]
    fn the_key_of_the_log_is_critical_until_the_deletion_is_cancelled() {
        let trail = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main";
        let logged = kms("GenerateDataKey")
            .by_service("cloudtrail")
            .set("requestParameters.encryptionContext", serde_json::json!({"aws:cloudtrail:arn": trail}))
            .at("2026-01-04T09:00:00Z");
        let schedule = kms("ScheduleKeyDeletion").at("2026-05-04T10:00:00Z");
        let finding = only(&DETECTOR, &[logged.clone(), schedule.clone()]);
        assert_eq!(finding.severity, Severity::Critical);
        assert!(finding.explanation.contains("CloudTrail encrypts its log"));
        let cancel = kms("CancelKeyDeletion").at("2026-05-04T11:00:00Z");
        assert_eq!(only(&DETECTOR, &[logged.clone(), schedule, cancel]).severity, Severity::Medium);
        let deleted = kms("DeleteKey").at("2026-05-04T10:00:00Z");
        assert_eq!(only(&DETECTOR, &[logged, deleted]).severity, Severity::Critical);
    }
}
