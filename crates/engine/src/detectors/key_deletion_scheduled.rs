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
//! the deletion was cancelled. The finding says who used the key, through which services, and for which
//! resources, and how long there is to act: 7 days at least, 30 if the call named no period. The key of a
//! multi-Region primary waits until its last replica is gone (`PendingReplicaDeletion`). A denied attempt is
//! *medium*, attempts on several keys on one day are *high*.
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

use super::impact::{Impact, date, look_further, on_key, short};
use super::{Detector, Look, denied, page};
use crate::estate::Estate;
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::state::{Act, ActKind, Detail, KeyState, PrincipalState};
use crate::time::DAY;
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "key_deletion_scheduled",
    title: "Key deletion scheduled",
    severity: Severity::High,
    kind: FindingKind::Fact,
    mitre: &[Technique { id: "T1485", name: "Data Destruction" }],
    page: page(include_str!("key_deletion_scheduled.rs")),
    look: Look::Several(&[Look::Key(judge), Look::Principal(attempts)]),
};

/// The waiting period that KMS takes where the call names none, and the shortest that it allows, in days.
const DEFAULT_WINDOW: i64 = 30;
const SHORTEST_WINDOW: i64 = 7;

fn judge(key: &str, state: &KeyState, _: &Estate, found: &mut Vec<Finding>) {
    let timeline = state.timeline();
    let mut scheduled = false;
    for (at, act) in timeline.iter().enumerate() {
        match act.kind {
            ActKind::ScheduleDeletion => {
                scheduled = true;
                let later = timeline.get(at + 1..).unwrap_or_default();
                found.push(schedule(key, state, act, later));
            }
            ActKind::Delete if !scheduled => found.push(deletion(key, state, act)),
            _ => {}
        }
    }
}

fn schedule(key: &str, state: &KeyState, act: &Act, later: &[&Act]) -> Finding {
    // What comes after a new schedule belongs to that one.
    let later: Vec<&Act> =
        later.iter().copied().take_while(|later| later.kind != ActKind::ScheduleDeletion).collect();
    let first = |kind: ActKind| later.iter().copied().find(|later| later.kind == kind);
    let (cancelled, deleted) = (first(ActKind::CancelDeletion), first(ActKind::Delete));
    let enabled = cancelled.and_then(|_| first(ActKind::Enable));

    let mut finding = finding::of_act(&DETECTOR, act, &[key, &act.event_id]);
    [cancelled, enabled, deleted].into_iter().flatten().for_each(|act| finding.add_act(act));
    let impact = Impact::of(state, act);
    impact.describe(&mut finding);
    finding.severity = match cancelled {
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
    for (name, act) in [("cancelled", cancelled), ("enabled", enabled), ("deleted", deleted)] {
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
        let then = match enabled {
            Some(enabled) => format!("and EnableKey made it usable again at {}.", enabled.time),
            None => "but that leaves {key} disabled until somebody calls EnableKey.".to_owned(),
        };
        (
            "Deletion of {key} was scheduled and cancelled".to_owned(),
            format!("{} cancelled it at {}, {then}", short(&cancelled.by.id), cancelled.time),
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
        impact.sentence()
    );
    finding.runbook = runbook(&finding, cancelled.is_some(), enabled.is_some(), deleted.is_some());
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
        impact.sentence()
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
