//! # Unusable key used
//!
//! Somebody needs a key that can no longer be used: the damage has begun.
//!
//! ## What it finds
//!
//! Cryptographic calls that fail because of the state of the key: disabled, pending deletion, without its imported
//! material, or in a key store that is disconnected. They are told as one finding for the act that brought the
//! key into that state, or where no such act is known, one for each key and UTC day.
//!
//! ## Why it matters
//!
//! These are the services and people who break because of the act. They also say that a key which seemed to be
//! unused is not, while there is still time to cancel its deletion.
//!
//! ## How it decides
//!
//! By the distinct principals affected, without the one who caused it: *medium* for one, *high* from two, *critical*
//! from five; *low* if nobody else is affected. The state is read from the error message, since `DisabledException`
//! is also written for keys that are pending deletion. The cause is the last act before the first refused call that
//! leads to this state and was not undone. Cancelling a deletion is such an act: it leaves the key disabled.
//!
//! ## False positives
//!
//! Retired keys that a forgotten job still tries now and then: the job fails, as it should.
//!
//! ## What it cannot see
//!
//! Users who fail without calling KMS, or whose data keys are cached. KMS does not log every failed call, so counts
//! are lower bounds. Acts from before the logs at hand begin.
//!
//! ## What to do
//!
//! Make the key usable again, whatever the reason was: cancelling a deletion and enabling can be undone.
//!
//! ## References
//!
//! * AWS KMS developer guide, "Key states of AWS KMS keys"
//! * MITRE ATT&CK T1485, Data Destruction; T1489, Service Stop

use super::impact::{look_further, on_key, short};
use super::{Detector, Look, page};
use crate::estate::Estate;
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::state::{Act, ActKind, KeyState, Merge, Refusals, RefusedState};
use crate::time::{MINUTE, Timestamp};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "unusable_key_used",
    title: "Unusable key used",
    severity: Severity::Medium,
    kind: FindingKind::Fact,
    mitre: &[
        Technique { id: "T1485", name: "Data Destruction" },
        Technique { id: "T1489", name: "Service Stop" },
    ],
    page: page(include_str!("unusable_key_used.rs")),
    look: Look::Key(judge),
};

/// Distinct principals affected from which on the finding is high, and critical.
const HIGH: u64 = 2;
const CRITICAL: u64 = 5;

/// KMS takes up to some minutes until a change of state works everywhere.
const CONSISTENCY: i64 = 5 * MINUTE;

/// Principals named in texts.
const NAMED: usize = 5;

/// What the refused calls of one finding have in common.
#[derive(Debug)]
struct Group<'s> {
    cause: Option<&'s Act>,
    refusals: Refusals,
    states: BTreeSet<RefusedState>,
}

fn judge(key: &str, state: &KeyState, _: &Estate, found: &mut Vec<Finding>) {
    if state.refused.is_empty() {
        return;
    }
    let timeline = state.timeline();
    let mut groups: BTreeMap<[String; 2], Group<'_>> = BTreeMap::new();
    for ((day, reason), refusals) in state.refused.iter() {
        let cause = cause(&timeline, *reason, refusals);
        let about = match cause {
            Some(act) => ["act".to_owned(), act.event_id.clone()],
            None => ["day".to_owned(), day.to_string()],
        };
        let group = groups.entry(about).or_insert_with(|| Group {
            cause,
            refusals: Refusals::default(),
            states: BTreeSet::new(),
        });
        group.refusals.merge(refusals);
        group.states.insert(*reason);
    }
    for ([what, which], group) in groups {
        let about = [key, what.as_str(), which.as_str()];
        found.push(finding(key, &about, &group));
    }
}

/// The act that brought the key into the state for which the calls were refused.
fn cause<'s>(timeline: &[&'s Act], reason: RefusedState, refusals: &Refusals) -> Option<&'s Act> {
    let (first, last) = (refusals.calls.first()?, refusals.calls.last()?);
    let (causes, undoes): (&[ActKind], ActKind) = match reason {
        // A DisabledException without a message may also mean a pending deletion.
        RefusedState::Disabled => {
            (&[ActKind::Disable, ActKind::CancelDeletion, ActKind::ScheduleDeletion], ActKind::Enable)
        }
        RefusedState::PendingDeletion => (&[ActKind::ScheduleDeletion], ActKind::CancelDeletion),
        RefusedState::PendingImport => {
            (&[ActKind::DeleteMaterial, ActKind::ExpireMaterial], ActKind::ImportMaterial)
        }
        // A key store is disconnected as a whole, with no act on the key.
        RefusedState::Unavailable | RefusedState::Other => return None,
    };
    let is_cause = |act: &&&Act| causes.contains(&act.kind);
    let before = |moment: Timestamp| timeline.iter().take_while(move |act| act.time <= moment);
    let known = before(first).filter(is_cause).last().filter(|cause| {
        // Undone, and long enough ago to have taken effect.
        let after = timeline.iter().skip_while(|act| act.event_id != cause.event_id).skip(1);
        !after.take_while(|act| act.time.plus(CONSISTENCY) < first).any(|act| act.kind == undoes)
    });
    // Else the day holds calls from before, and the first act within it explains the rest.
    known.or_else(|| before(last).filter(|act| act.time > first).find(is_cause)).copied()
}

fn finding(key: &str, about: &[&str], group: &Group<'_>) -> Finding {
    let mut finding = match group.cause {
        Some(act) => {
            let mut finding = finding::of_act(&DETECTOR, act, about);
            // The evidence are the refused calls; the act stands beside them.
            finding.evidence = crate::finding::Evidence::default();
            finding
        }
        None => finding::of_key(&DETECTOR, key, about),
    };
    finding.add_sightings(&group.refusals.calls);
    let by = group.cause.map(|act| act.by.id.as_str());
    let names: BTreeSet<&str> = group.refusals.names.iter().map(|sight| sight.name.as_ref()).collect();
    let caused_by_itself = by.is_some_and(|by| names.contains(by));
    let affected = group.refusals.principals.count().saturating_sub(u64::from(caused_by_itself));
    finding.severity = match affected {
        0 => Severity::Low,
        1..HIGH => Severity::Medium,
        HIGH..CRITICAL => Severity::High,
        _ => Severity::Critical,
    };

    let others: Vec<&str> = names.iter().copied().filter(|name| Some(*name) != by).collect();
    let via: BTreeSet<&str> = group.refusals.names.iter().map(|sight| sight.detail.as_ref()).collect();
    let via: Vec<&str> = via.into_iter().filter(|via| !via.is_empty()).collect();
    let states: Vec<&str> = group.states.iter().map(|state| state.words()).collect();
    let states = states.join(" or ");
    let details = &mut finding.evidence.details;
    details.insert("principals", json!(names));
    details.insert("principal_count", group.refusals.principals.count().into());
    details.insert("states", json!(group.states));
    if !via.is_empty() {
        details.insert("services", json!(via));
    }
    let cause = match group.cause {
        Some(act) => {
            let cause = json!({
                "operation": act.kind.operation(), "at": act.time, "by": act.by.id, "event_id": act.event_id,
            });
            details.insert("cause", cause);
            format!(
                "It became so through {} by {} at {} (event {}).",
                act.kind.operation(),
                short(&act.by.id),
                act.time,
                act.event_id
            )
        }
        None => "The act that made it so is not in the logs at hand.".to_owned(),
    };
    finding.title = match affected {
        0 => "{key} was tried after being taken out of use".to_owned(),
        1 => "{key} is needed and cannot be used: 1 principal fails".to_owned(),
        _ => format!("{{key}} is needed and cannot be used: {affected} principals fail"),
    };
    let mut who: Vec<&str> = others.iter().take(NAMED).map(|name| short(name)).collect();
    if who.is_empty() {
        who.push("Only the one who did it");
    }
    let more = affected.saturating_sub(who.len() as u64);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    finding.explanation = format!(
        "{}{more} called cryptographic operations on {{key}} between {} and {}, and KMS refused, since the key is \
         {states}. {cause}",
        who.join(", "),
        finding.time.start,
        finding.time.end
    );
    finding.runbook = runbook(&finding, &group.states);
    finding
}

fn runbook(finding: &Finding, states: &BTreeSet<RefusedState>) -> Vec<String> {
    let mut steps = vec![format!("See its state: {}", on_key("kms describe-key", finding))];
    if states.contains(&RefusedState::PendingDeletion) {
        steps.push(format!("Stop the deletion: {}", on_key("kms cancel-key-deletion", finding)));
    }
    if states.contains(&RefusedState::PendingDeletion) || states.contains(&RefusedState::Disabled) {
        steps.push(format!("Make the key usable again: {}", on_key("kms enable-key", finding)));
    }
    if states.contains(&RefusedState::PendingImport) {
        steps.push("Import the same key material again, from where it is kept.".to_owned());
    }
    if states.contains(&RefusedState::Unavailable) {
        let region = finding.region.as_str();
        let command = crate::runbook::aws("kms describe-custom-key-stores", &[("region", region)]);
        steps.push(format!("See which key store is disconnected: {command}"));
    }
    steps.push(look_further(finding));
    steps
}
