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
use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::stage::Stage;
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
    stage: Some(Stage::Impact),
    mitre: &[
        Technique { id: "T1485", name: "Data Destruction" },
        Technique { id: "T1489", name: "Service Stop" },
    ],
    covers: &["M20", "N8"],
    reads: Reads::Cryptographic,
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
    /// The act that made the key usable again after the last of these calls.
    restored: Option<&'s Act>,
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
            restored: None,
        });
        group.refusals.merge(refusals);
        group.states.insert(*reason);
    }
    for ([what, which], mut group) in groups {
        group.restored = restored(&timeline, &group);
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
        let after = timeline.iter().skip_while(|act| act.event_id != cause.event_id);
        !after.take_while(|act| act.time.plus(CONSISTENCY) < first).any(|act| act.kind == undoes)
    });
    // Else the day holds calls from before, and the first act within it explains the rest.
    known.or_else(|| before(last).filter(|act| act.time > first).find(is_cause)).copied()
}

/// The act that made the key usable after the last call, if nothing has taken it away since.
fn restored<'s>(timeline: &[&'s Act], group: &Group<'_>) -> Option<&'s Act> {
    let last = group.refusals.calls.last()?;
    let import = group.states.contains(&RefusedState::PendingImport);
    let undo = if import { ActKind::ImportMaterial } else { ActKind::Enable };
    // Calls fail for a while after the act that undoes their cause.
    let after = timeline.iter().copied().filter(|act| act.time.plus(CONSISTENCY) >= last);
    after.fold(None, |restored, act| match act.kind {
        kind if kind == undo => Some(act),
        ActKind::Disable
        | ActKind::ScheduleDeletion
        | ActKind::Delete
        | ActKind::DeleteMaterial
        | ActKind::ExpireMaterial => None,
        _ => restored,
    })
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
    let again = match group.restored {
        Some(act) => {
            let undone = json!({
                "operation": act.kind.operation(), "at": act.time, "by": act.by.id, "event_id": act.event_id,
            });
            finding.evidence.details.insert("restored", undone);
            let by = short(&act.by.id);
            format!(" {} by {by} at {} made it usable again.", act.kind.operation(), act.time)
        }
        None => String::new(),
    };
    finding.title = match affected {
        0 => "{key} was tried after being taken out of use".to_owned(),
        1 if group.restored.is_some() => "{key} was needed while out of use: 1 principal failed".to_owned(),
        _ if group.restored.is_some() => {
            format!("{{key}} was needed while out of use: {affected} principals failed")
        }
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
        "{}{more} called cryptographic operations on {{key}} between {} and {}, and KMS refused, since the key {} \
         {states}. {cause}{again}",
        who.join(", "),
        finding.time.start,
        finding.time.end,
        if group.restored.is_some() { "was" } else { "is" }
    );
    let nothing_to_undo = BTreeSet::new();
    let to_undo = if group.restored.is_some() { &nothing_to_undo } else { &group.states };
    finding.runbook = runbook(&finding, to_undo);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, KEY, RecordBuilder, kms};
    use crate::pipeline::testing::{findings, only};

    fn refused(words: &str, user: &str, time: &str) -> RecordBuilder {
        kms("Decrypt")
            .by_user(ACCOUNT, user)
            .at(time)
            .failed("KMSInvalidStateException", &format!("{KEY} is {words}."))
    }

    fn act(name: &str, time: &str) -> RecordBuilder {
        kms(name).by_user(ACCOUNT, "mallory").at(time)
    }

    fn cause(finding: &Finding) -> Option<&str> {
        finding.evidence.details.get("cause")?.get("operation")?.as_str()
    }

    #[test]
    fn refused_uses_are_tied_to_the_act_that_caused_them() {
        let schedule = act("ScheduleKeyDeletion", "2026-05-04T10:00:00Z").id("event-1");
        let records = [
            schedule,
            refused("pending deletion", "ann", "2026-05-04T11:00:00Z"),
            refused("pending deletion", "bob", "2026-05-06T11:00:00Z"),
        ];
        let finding = only(&DETECTOR, &records);
        assert_eq!(finding.severity, Severity::High);
        assert_eq!(cause(&finding), Some("ScheduleKeyDeletion"));
        assert_eq!(finding.evidence.count, 2);
        assert_eq!(finding.principal.as_ref().unwrap().id, "arn:aws:iam::111122223333:user/mallory");
        for words in ["user/ann", "user/bob", "event event-1", "pending deletion", "user/mallory"] {
            assert!(finding.explanation.contains(words), "{words}: {}", finding.explanation);
        }
        assert!(finding.runbook[1].contains("cancel-key-deletion"));
        assert!(finding.runbook[2].contains("enable-key"));
        // As more users fail, the finding keeps its id.
        assert_eq!(only(&DETECTOR, &records[..2]).id, finding.id);
        assert_eq!(finding.time.start.to_string(), "2026-05-04T11:00:00Z");
    }

    #[test]
    fn severity_grows_with_the_principals_affected() {
        let users = ["ann", "bob", "cid", "dee", "eve"];
        for (n, severity) in
            [(1, Severity::Medium), (2, Severity::High), (4, Severity::High), (5, Severity::Critical)]
        {
            let records: Vec<_> =
                users[..n].iter().map(|user| refused("disabled", user, "2026-05-04T11:00:00Z")).collect();
            assert_eq!(only(&DETECTOR, &records).severity, severity, "{n}");
        }
    }

    #[test]
    fn who_caused_it_is_not_among_the_affected() {
        let disable = act("DisableKey", "2026-05-04T10:00:00Z");
        let own = refused("disabled", "mallory", "2026-05-04T11:00:00Z");
        let finding = only(&DETECTOR, &[disable.clone(), own.clone()]);
        assert_eq!(finding.severity, Severity::Low);
        let with_another = [disable, own, refused("disabled", "ann", "2026-05-04T11:00:00Z")];
        let finding = only(&DETECTOR, &with_another);
        assert_eq!(finding.severity, Severity::Medium);
        assert!(finding.explanation.starts_with("user/ann called"));
    }

    #[test]
    fn without_a_known_act_it_is_one_finding_a_day() {
        let records = [
            refused("disabled", "ann", "2026-05-04T11:00:00Z"),
            refused("disabled", "ann", "2026-05-04T12:00:00Z"),
            refused("disabled", "ann", "2026-05-05T12:00:00Z"),
        ];
        let found = findings(&DETECTOR, &records);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].evidence.count, 2);
        assert!(found[0].principal.is_none() && found[0].key.is_some());
        assert_eq!((found[0].account.as_str(), found[0].region.as_str()), (ACCOUNT, "eu-west-1"));
        assert!(found[0].explanation.contains("not in the logs at hand"));
    }

    #[test]
    fn each_state_has_its_causes() {
        for (words, name) in [
            ("disabled", "DisableKey"),
            ("disabled", "CancelKeyDeletion"),
            ("disabled", "ScheduleKeyDeletion"),
            ("pending deletion", "ScheduleKeyDeletion"),
            ("pending import", "DeleteImportedKeyMaterial"),
            ("pending import", "DeleteExpiredKeyMaterial"),
        ] {
            let records = [act(name, "2026-05-04T10:00:00Z"), refused(words, "ann", "2026-05-04T11:00:00Z")];
            assert_eq!(cause(&only(&DETECTOR, &records)), Some(name), "{words}");
        }
        for (words, name) in [
            ("pending deletion", "DisableKey"),
            ("pending import", "DisableKey"),
            ("disabled", "DeleteImportedKeyMaterial"),
            ("unavailable", "DisableKey"),
            ("disabled", "EnableKey"),
        ] {
            let records = [act(name, "2026-05-04T10:00:00Z"), refused(words, "ann", "2026-05-04T11:00:00Z")];
            assert_eq!(cause(&only(&DETECTOR, &records)), None, "{words} {name}");
        }
    }

    #[test]
    fn an_act_that_was_undone_is_not_the_cause() {
        for (causing, undoing, words) in [
            ("DisableKey", "EnableKey", "disabled"),
            ("ScheduleKeyDeletion", "CancelKeyDeletion", "pending deletion"),
            ("DeleteImportedKeyMaterial", "ImportKeyMaterial", "pending import"),
        ] {
            let mut records = vec![
                act(causing, "2026-05-04T10:00:00Z"),
                act(undoing, "2026-05-04T11:00:00Z"),
                refused(words, "ann", "2026-05-05T11:00:00Z"),
            ];
            assert_eq!(cause(&only(&DETECTOR, &records)), None, "{causing}");
            // Changes of state take some minutes to work everywhere.
            records[1] = act(undoing, "2026-05-05T10:58:00Z");
            assert_eq!(cause(&only(&DETECTOR, &records)), Some(causing));
        }
    }

    #[test]
    fn the_last_of_several_causes_counts() {
        let records = [
            act("DisableKey", "2026-05-04T08:00:00Z").id("first"),
            act("DisableKey", "2026-05-04T10:00:00Z").id("second"),
            act("DisableKey", "2026-05-04T13:00:00Z").id("third"),
            refused("disabled", "ann", "2026-05-04T12:00:00Z"),
        ];
        assert_eq!(only(&DETECTOR, &records).evidence.details["cause"]["event_id"], "second");
    }

    #[test]
    fn a_refusal_in_the_second_of_the_act_is_its_effect() {
        let records =
            [act("DisableKey", "2026-05-04T10:00:00Z"), refused("disabled", "ann", "2026-05-04T10:00:00Z")];
        assert_eq!(cause(&only(&DETECTOR, &records)), Some("DisableKey"));
    }

    #[test]
    fn an_act_within_the_day_explains_its_later_refusals() {
        let records = [
            refused("disabled", "ann", "2026-05-04T08:00:00Z"),
            act("DisableKey", "2026-05-04T10:00:00Z"),
            refused("disabled", "ann", "2026-05-04T12:00:00Z"),
        ];
        assert_eq!(cause(&only(&DETECTOR, &records)), Some("DisableKey"));
        let after =
            [refused("disabled", "ann", "2026-05-04T08:00:00Z"), act("DisableKey", "2026-05-04T10:00:00Z")];
        assert_eq!(cause(&only(&DETECTOR, &after)), None);
    }

    #[test]
    fn a_disconnected_key_store_has_another_runbook() {
        let finding = only(&DETECTOR, &[refused("unavailable", "ann", "2026-05-04T08:00:00Z")]);
        assert!(finding.runbook.iter().any(|step| step.contains("describe-custom-key-stores")));
        assert!(!finding.runbook.iter().any(|step| step.contains("enable-key")));
    }

    #[test]
    fn services_through_which_users_fail_are_told() {
        let record = kms("Decrypt").through("s3").failed("DisabledException", "");
        let finding = only(&DETECTOR, &[record]);
        assert_eq!(finding.evidence.details["services"], json!(["s3"]));
        assert_eq!(finding.evidence.details["states"], json!(["disabled"]));
    }

    #[test]
    fn other_failures_and_successes_are_not_found() {
        for record in [
            kms("Decrypt"),
            kms("Decrypt").denied(),
            kms("Decrypt").failed("InvalidCiphertextException", ""),
            kms("EnableKey").failed("KMSInvalidStateException", &format!("{KEY} is pending deletion.")),
            kms("Decrypt").failed("DisabledException", "").set("requestParameters.dryRun", true),
            kms("Decrypt").failed("DisabledException", "").remove("resources"),
        ] {
            assert!(findings(&DETECTOR, &[record]).is_empty());
        }
    }

    #[test]
    fn a_key_that_is_usable_again_is_told_as_such_and_needs_no_undoing() {
        let schedule = act("ScheduleKeyDeletion", "2026-05-04T10:00:00Z");
        let call = refused("pending deletion", "app", "2026-05-04T10:30:00Z");
        let cancel = act("CancelKeyDeletion", "2026-05-04T11:00:00Z");
        let enable = act("EnableKey", "2026-05-04T12:00:00Z");
        let mut records = vec![schedule, call, cancel];
        let undone = |finding: &Finding| !finding.runbook.iter().any(|step| step.contains("enable-key"));
        let cancelled = only(&DETECTOR, &records);
        assert!(cancelled.title.contains("cannot be used") && !undone(&cancelled), "disabled it still is");
        records.push(enable);
        let over = only(&DETECTOR, &records);
        assert!(over.title.contains("was needed while out of use: 1 principal failed"), "{}", over.title);
        assert!(over.explanation.contains("at 2026-05-04T12:00:00Z made it usable again"));
        assert!(undone(&over));
        records.push(act("DisableKey", "2026-05-04T13:00:00Z"));
        assert!(!undone(&only(&DETECTOR, &records)), "taken away again");
    }

    #[test]
    fn an_undoing_takes_effect_after_five_minutes() {
        let cause_with = |undone: &str| {
            let records = [
                act("DisableKey", "2026-05-04T10:00:00Z"),
                act("EnableKey", undone),
                refused("disabled", "ann", "2026-05-04T11:00:00Z"),
            ];
            cause(&only(&DETECTOR, &records)).map(str::to_owned)
        };
        assert_eq!(cause_with("2026-05-04T10:55:00Z").as_deref(), Some("DisableKey"));
        assert_eq!(cause_with("2026-05-04T10:54:59Z"), None);
    }

    #[test]
    fn what_undid_an_earlier_act_does_not_undo_a_later_one() {
        let records = [
            act("DisableKey", "2026-05-04T08:00:00Z"),
            act("EnableKey", "2026-05-04T09:00:00Z"),
            act("DisableKey", "2026-05-04T10:00:00Z").id("second"),
            refused("disabled", "ann", "2026-05-04T12:00:00Z"),
        ];
        assert_eq!(only(&DETECTOR, &records).evidence.details["cause"]["event_id"], "second");
    }

    #[test]
    fn titles_and_names_follow_the_number_of_those_who_fail() {
        let disable = act("DisableKey", "2026-05-04T10:00:00Z");
        let by = |users: &[&str]| -> Finding {
            let calls = users.iter().map(|user| refused("disabled", user, "2026-05-04T11:00:00Z"));
            only(&DETECTOR, &std::iter::once(disable.clone()).chain(calls).collect::<Vec<_>>())
        };
        let key = "1234abcd-12ab-34cd-56ef-1234567890ab";
        assert_eq!(by(&["mallory"]).title, format!("{key} was tried after being taken out of use"));
        assert_eq!(by(&["ann"]).title, format!("{key} is needed and cannot be used: 1 principal fails"));
        assert_eq!(
            by(&["ann", "bob"]).title,
            format!("{key} is needed and cannot be used: 2 principals fail")
        );
        let users = ["a", "b", "c", "d", "e", "f"];
        assert!(!by(&users[..5]).explanation.contains(" more called"));
        assert!(by(&users).explanation.contains(" and 1 more called"));
        let enable = act("EnableKey", "2026-05-04T12:00:00Z");
        let calls = ["ann", "bob"].map(|user| refused("disabled", user, "2026-05-04T11:00:00Z"));
        let over = only(&DETECTOR, &[&[disable.clone(), enable][..], &calls].concat());
        assert_eq!(over.title, format!("{key} was needed while out of use: 2 principals failed"));
    }

    #[test]
    fn material_is_imported_again_where_it_is_missing() {
        let steps = |words: &str| {
            let finding = only(&DETECTOR, &[refused(words, "ann", "2026-05-04T11:00:00Z")]);
            finding.runbook.iter().any(|step| step.contains("Import the same key material"))
        };
        assert!(steps("pending import") && !steps("disabled"));
    }

    #[test]
    fn it_is_usable_again_only_by_an_act_that_was_not_long_before_the_last_call() {
        let title = |enabled: &str| {
            let records = [
                act("DisableKey", "2026-05-04T10:00:00Z"),
                act("EnableKey", enabled),
                refused("disabled", "ann", "2026-05-04T11:00:00Z"),
            ];
            only(&DETECTOR, &records).title
        };
        assert!(title("2026-05-04T10:55:00Z").contains("was needed while out of use"));
        assert!(title("2026-05-04T10:54:59Z").contains("cannot be used"));
    }
}
