//! # Alias moved to another key
//!
//! An alias that people and programs use for one key was made to mean another.
//!
//! ## What it finds
//!
//! `UpdateAlias`, and `CreateAlias` within a day after the alias was deleted, where the alias meant another key before. It
//! says who used the old key, and so who encrypts under another key from now on.
//!
//! ## Why it matters
//!
//! Programs name keys by alias. Once the alias is moved they encrypt under the new key without noticing, and whoever
//! controls that key holds their new data. Nothing fails, until the new key is taken away.
//!
//! ## How it decides
//!
//! *Medium* if others used the old key in the 30 days before; *high* if besides the material of the new key does not come
//! from KMS (imported, or in an external key store); else *low*.
//!
//! ## False positives
//!
//! Rotation by hand: a new key is made, and the alias moved to it. Keys that cannot be rotated otherwise (asymmetric ones,
//! imported material) are rotated like that on purpose.
//!
//! ## What it cannot see
//!
//! Which key the alias meant, if no event before told. Who names the key by its alias and who by its ARN.
//!
//! ## What to do
//!
//! Ask whether it was a rotation. If not, move the alias back, and encrypt again what was encrypted since.
//!
//! ## References
//!
//! * AWS KMS developer guide, "Update aliases"
//! * MITRE ATT&CK T1565.001, Stored Data Manipulation; T1486, Data Encrypted for Impact

use super::deed;
use super::impact::{Impact, look_further, short};
use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::event::Operation;
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::runbook::aws;
use crate::state::{Act, ActKind, Detail, KeyState, States};
use crate::time::DAY;
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "alias_moved",
    title: "Alias moved to another key",
    severity: Severity::Medium,
    kind: FindingKind::Fact,
    stage: None,
    mitre: &[
        Technique { id: "T1565.001", name: "Stored Data Manipulation" },
        Technique { id: "T1486", name: "Data Encrypted for Impact" },
    ],
    covers: &["N23", "P12"],
    reads: Reads::These(&[Operation::CreateAlias, Operation::UpdateAlias, Operation::DeleteAlias]),
    page: page(include_str!("alias_moved.rs")),
    look: Look::All(judge),
};

/// Users that are named.
const NAMED: usize = 5;

fn judge(states: &States, _: &Estate, found: &mut Vec<Finding>) {
    for (key, state) in &states.keys {
        for act in state.pointed.values() {
            if let Detail::Names(names) = &act.detail
                && let Some(alias) = names.first()
                && let Some((old, old_state)) = meant_before(states, key, alias, act)
            {
                found.push(moved((key, state), (old, old_state), alias, act));
            }
        }
    }
}

/// The key that the alias meant right before `act` made it mean `key`.
fn meant_before<'s>(
    states: &'s States,
    key: &str,
    alias: &str,
    act: &Act,
) -> Option<(&'s str, &'s KeyState)> {
    let (home, _) = key.split_once(":key/")?;
    let others = states.keys.iter().filter(|(other, _)| {
        *other != key && other.split_once(":key/").is_some_and(|(its_home, _)| its_home == home)
    });
    let known = others.filter_map(|(other, state)| {
        let register = state.aliases.iter().find(|(name, _)| *name == alias).map(|(_, register)| register)?;
        let time = register.time().filter(|time| *time <= act.time)?;
        let meant = match act.kind {
            ActKind::UpdateAlias => true,
            // It can only be made after it was deleted.
            _ => register.get() == Some(&false) && act.time.since(time) <= DAY,
        };
        meant.then_some((register.stamp(), other.as_str(), state))
    });
    known.max_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1))).map(|(_, other, state)| (other, state))
}

fn moved(
    (key, state): (&str, &KeyState),
    (old, old_state): (&str, &KeyState),
    alias: &str,
    act: &Act,
) -> Finding {
    let mut finding = finding::of_act(&DETECTOR, act, &[key, alias, &act.event_id]);
    let impact = Impact::of(old_state, act);
    let users = impact.principals();
    let origin = state.origin.get().map(String::as_str).filter(|origin| *origin != "AWS_KMS");
    finding.severity = match (impact.is_felt(), origin) {
        (true, Some(_)) => Severity::High,
        (true, None) => Severity::Medium,
        (false, _) => Severity::Low,
    };
    let alias = deed::clip(alias);
    finding.title = format!("{alias} was moved to another key");
    let named: Vec<&str> = users.iter().take(NAMED).map(|user| short(user)).collect();
    let consequence = if named.is_empty() {
        "Nobody else is known to have used the old key in the 30 days before.".to_owned()
    } else {
        let more = users.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!(
            "In the 30 days before, the old key was used by {}{more}: those of them who name it by this alias encrypt \
             under the new key now.",
            named.join(", ")
        )
    };
    let material = match origin {
        Some(origin) => {
            format!(" The material of the new key does not come from KMS ({}).", deed::clip(origin))
        }
        None => String::new(),
    };
    finding.explanation = format!(
        "{} made {alias} mean {key} at {}; before it meant {old}. {consequence}{material}",
        short(&act.by.id),
        act.time
    );
    let details = &mut finding.evidence.details;
    details.insert("alias", alias.into());
    details.insert("old_key", old.into());
    details.insert("old_key_users", json!(users.iter().take(2 * NAMED).collect::<Vec<_>>()));
    details.insert("old_key_user_count", users.len().into());
    let back = [("alias-name", alias), ("target-key-id", old), ("region", act.region.as_str())];
    finding.runbook = vec![
        format!("If it was not meant, move it back: {}", aws("kms update-alias", &back)),
        format!(
            "See what the new key is: {}",
            aws("kms describe-key", &[("key-id", key), ("region", &act.region)])
        ),
        look_further(&finding),
    ];
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, KEY, OTHER_KEY, RecordBuilder, kms};
    use crate::pipeline::testing::{findings, only};
    use serde_json::Value;

    /// Somebody used the old key by its alias.
    fn used() -> RecordBuilder {
        kms("Encrypt").set("requestParameters.keyId", "alias/payments").at("2026-05-03T10:00:00Z")
    }

    fn moved() -> RecordBuilder {
        kms("UpdateAlias").key(OTHER_KEY).by_user(ACCOUNT, "mallory").at("2026-05-04T10:00:00Z")
    }

    #[test]
    fn an_alias_moved_from_a_key_in_use_is_medium_and_says_who_used_it() {
        let finding = only(&DETECTOR, &[used(), moved()]);
        assert_eq!(finding.severity, Severity::Medium);
        assert_eq!(finding.title, "alias/payments was moved to another key");
        assert!(finding.explanation.contains(&format!("before it meant {KEY}")), "{}", finding.explanation);
        assert!(finding.explanation.contains("used by role/payments-api"));
        assert_eq!(finding.key.as_ref().unwrap().arn, OTHER_KEY);
        assert_eq!(
            finding.runbook[0],
            format!(
                "If it was not meant, move it back: aws kms update-alias --alias-name alias/payments --target-key-id {KEY} --region eu-west-1"
            )
        );
    }

    #[test]
    fn of_many_users_some_are_named() {
        let users = |n: u32| -> Vec<RecordBuilder> {
            (0..n).map(|n| used().by_user(ACCOUNT, &format!("u{n}"))).collect()
        };
        let finding = |n| only(&DETECTOR, &[users(n), vec![moved()]].concat());
        assert!(finding(7).explanation.contains(" and 2 more: those of them"));
        assert!(!finding(5).explanation.contains(" more"));
        assert_eq!(finding(7).evidence.details["old_key_user_count"], 7);
    }

    #[test]
    fn a_new_key_with_outside_material_makes_it_high() {
        for (origin, severity) in [("EXTERNAL", Severity::High), ("AWS_KMS", Severity::Medium)] {
            let made = kms("CreateKey")
                .key(OTHER_KEY)
                .set("requestParameters.origin", origin)
                .at("2026-05-04T09:00:00Z");
            assert_eq!(only(&DETECTOR, &[used(), made, moved()]).severity, severity);
        }
    }

    #[test]
    fn of_a_key_that_nobody_used_lately_it_is_low() {
        let created = kms("CreateAlias").at("2026-05-03T10:00:00Z");
        assert_eq!(only(&DETECTOR, &[created, moved()]).severity, Severity::Low);
        let long_ago = used().at("2026-03-03T10:00:00Z");
        assert_eq!(only(&DETECTOR, &[long_ago, moved()]).severity, Severity::Low);
    }

    #[test]
    fn deleting_an_alias_and_making_it_again_is_moving_it() {
        let deleted = |time: &str| kms("DeleteAlias").resource(0, KEY).at(time);
        let made = kms("CreateAlias").key(OTHER_KEY).at("2026-05-04T10:00:00Z");
        assert_eq!(
            only(&DETECTOR, &[used(), deleted("2026-05-03T10:00:00Z"), made.clone()]).severity,
            Severity::Low
        );
        assert!(
            findings(&DETECTOR, &[used(), deleted("2026-05-03T09:59:59Z"), made.clone()]).is_empty(),
            "not since"
        );
        assert!(findings(&DETECTOR, &[deleted("2026-05-03T09:59:59Z"), made.clone()]).is_empty(), "long ago");
        assert!(findings(&DETECTOR, &[used(), made]).is_empty(), "it cannot be: it was not deleted");
    }

    #[test]
    fn the_key_that_the_alias_meant_last_is_the_old_one() {
        let third = "arn:aws:kms:eu-west-1:111122223333:key/33333333-12ab-34cd-56ef-1234567890ab";
        let older =
            used().key(third).set("requestParameters.keyId", "alias/payments").at("2026-05-02T10:00:00Z");
        let finding = only(&DETECTOR, &[older, used(), moved()]);
        assert_eq!(finding.evidence.details["old_key"], KEY);
    }

    #[test]
    fn an_alias_that_stays_or_that_another_region_has_is_silent() {
        let again = kms("UpdateAlias").at("2026-05-04T10:00:00Z");
        assert!(findings(&DETECTOR, &[used(), again]).is_empty());
        let elsewhere = "arn:aws:kms:us-east-1:111122223333:key/0987dcba-09fe-87dc-65ba-ab0987654321";
        assert!(findings(&DETECTOR, &[used(), moved().key(elsewhere)]).is_empty());
        let other = moved().set("requestParameters.aliasName", "alias/orders");
        assert!(findings(&DETECTOR, &[used(), other]).is_empty());
        let later = used().at("2026-05-05T10:00:00Z");
        assert!(findings(&DETECTOR, &[later, moved()]).is_empty(), "known only afterwards");
    }

    #[test]
    fn failed_calls_and_missing_names_are_silent() {
        assert!(findings(&DETECTOR, &[used(), moved().denied()]).is_empty());
        assert!(findings(&DETECTOR, &[used(), moved().failed("NotFoundException", "")]).is_empty());
        let bare = moved().set("requestParameters", Value::Null).resource(0, OTHER_KEY);
        assert!(findings(&DETECTOR, &[used(), bare]).is_empty());
    }

    #[test]
    fn an_alias_that_was_used_in_the_second_of_its_move_meant_the_old_key() {
        let same = used().at("2026-05-04T10:00:00Z").id("00000000-0000-4000-8000-000000000001");
        let finding = only(&DETECTOR, &[same, moved().id("00000000-0000-4000-8000-000000000002")]);
        assert!(finding.explanation.contains(&format!("before it meant {KEY}")), "{}", finding.explanation);
    }
}
