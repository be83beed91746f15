//! # Rotation weakened
//!
//! The automatic rotation of a key was switched off or slowed down, or a key was rotated by hand again and again.
//!
//! ## What it finds
//!
//! `DisableKeyRotation`, followed until `EnableKeyRotation`; `EnableKeyRotation` with a period longer than a year; three or
//! more `RotateKeyOnDemand` of one key within 30 days. Only calls that succeeded.
//!
//! ## Why it matters
//!
//! Rotation limits what one piece of key material protects, and most standards ask for it. Switching it off harms nobody
//! at once, which is why nobody looks. Rotations by hand are limited for each key, and can be used up.
//!
//! ## How it decides
//!
//! *Medium* if rotation is off and another principal used the key in the 30 days before, else *low*; *info* once it is on
//! again. A long period and rotations by hand are *low*.
//!
//! ## False positives
//!
//! Infrastructure code that manages rotation. It mostly switches it on.
//!
//! ## What it cannot see
//!
//! Whether rotation was on before, if that was before the logs at hand begin.
//!
//! ## What to do
//!
//! Switch it on again, which costs nothing and breaks nothing.
//!
//! ## References
//!
//! * AWS KMS developer guide, "Rotate AWS KMS keys"
//! * MITRE ATT&CK T1562, Impair Defenses

use super::impact::{Impact, look_further, on_key, short};
use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::event::Operation;
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::state::{Act, ActKind, Detail, KeyState};
use crate::time::DAY;
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "rotation_weakened",
    title: "Rotation weakened",
    severity: Severity::Medium,
    kind: FindingKind::Fact,
    stage: None,
    mitre: &[Technique { id: "T1562", name: "Impair Defenses" }],
    covers: &["M23", "N22"],
    reads: Reads::These(&[
        Operation::EnableKeyRotation,
        Operation::DisableKeyRotation,
        Operation::RotateKeyOnDemand,
    ]),
    page: page(include_str!("rotation_weakened.rs")),
    look: Look::Key(judge),
};

/// The period that KMS takes where none is given, in days: a longer one is slower than the standard.
const USUAL_PERIOD: i64 = 365;

/// So many rotations by hand within so many days are odd.
const BY_HAND: usize = 3;
const BY_HAND_DAYS: i64 = 30;

fn judge(key: &str, state: &KeyState, _: &Estate, found: &mut Vec<Finding>) {
    let acts: Vec<&Act> = state.rotations.values().collect();
    for (at, act) in acts.iter().enumerate() {
        let later = acts.get(at + 1..).unwrap_or_default();
        match (act.kind, &act.detail) {
            (ActKind::DisableRotation, _) => {
                let enabled = later.iter().copied().find(|later| later.kind == ActKind::EnableRotation);
                found.push(switched_off(key, state, act, enabled));
            }
            (ActKind::EnableRotation, Detail::Rotation { period_days: Some(days) })
                if *days > USUAL_PERIOD =>
            {
                let mut finding = begin(key, act);
                finding.severity = Severity::Low;
                finding.title = "Rotation of {key} was slowed down".to_owned();
                finding.explanation = format!(
                    "{} set the rotation period of {{key}} to {days} days at {}; KMS takes {USUAL_PERIOD} where none is \
                     given.",
                    short(&act.by.id),
                    act.time
                );
                finding.evidence.details.insert("period_days", (*days).into());
                finding.runbook.insert(
                    0,
                    format!(
                        "Rotate it each year again: {}",
                        on_key("kms enable-key-rotation --rotation-period-in-days 365", &finding)
                    ),
                );
                found.push(finding);
            }
            _ => {}
        }
    }
    let by_hand: Vec<&Act> = acts.into_iter().filter(|act| act.kind == ActKind::RotateOnDemand).collect();
    let series = by_hand.windows(BY_HAND).find(
        |series| matches!(series, [first, .., last] if last.time.since(first.time) <= BY_HAND_DAYS * DAY),
    );
    if let Some([first, rest @ ..]) = series {
        let mut finding = begin(key, first);
        rest.iter().for_each(|act| finding.add_act(act));
        finding.severity = Severity::Low;
        finding.title = "{key} was rotated by hand again and again".to_owned();
        finding.explanation = format!(
            "{} and perhaps others rotated {{key}} on demand several times from {} on. KMS allows only so many such \
             rotations of a key; none is left then for the day on which it is needed.",
            short(&first.by.id),
            first.time
        );
        found.push(finding);
    }
}

fn switched_off(key: &str, state: &KeyState, act: &Act, enabled: Option<&Act>) -> Finding {
    let mut finding = begin(key, act);
    finding.severity = match enabled {
        Some(_) => Severity::Info,
        None if Impact::of(state, act).is_felt() => Severity::Medium,
        None => Severity::Low,
    };
    let said = format!("{} switched the rotation of {{key}} off at {}.", short(&act.by.id), act.time);
    match enabled {
        Some(enabled) => {
            finding.add_act(enabled);
            finding.title = "Rotation of {key} was switched off and on again".to_owned();
            finding.explanation =
                format!("{said} {} switched it on again at {}.", short(&enabled.by.id), enabled.time);
            let undone = json!({"at": enabled.time, "by": enabled.by.id, "event_id": enabled.event_id});
            finding.evidence.details.insert("enabled", undone);
        }
        None => {
            finding.title = "Rotation of {key} was switched off".to_owned();
            finding.explanation =
                format!("{said} From then on the same key material protects all new data under it.");
            finding
                .runbook
                .insert(0, format!("Switch it on: {}", on_key("kms enable-key-rotation", &finding)));
        }
    }
    finding
}

fn begin(key: &str, act: &Act) -> Finding {
    let mut finding = finding::of_act(&DETECTOR, act, &[key, &act.event_id]);
    finding.runbook = vec![
        format!("See how it is rotated: {}", on_key("kms get-key-rotation-status", &finding)),
        look_further(&finding),
    ];
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, KEY, RecordBuilder, kms};
    use crate::pipeline::testing::{findings, only};
    use serde_json::Value;

    fn by_hand(name: &str, day: u32) -> RecordBuilder {
        kms(name).by_user(ACCOUNT, "mallory").at(&format!("2026-05-{day:02}T10:00:00Z"))
    }

    fn used() -> RecordBuilder {
        kms("Decrypt").at("2026-05-03T10:00:00Z")
    }

    #[test]
    fn rotation_switched_off_is_medium_for_a_key_in_use() {
        let finding = only(&DETECTOR, &[used(), by_hand("DisableKeyRotation", 4)]);
        assert_eq!(finding.severity, Severity::Medium);
        assert!(finding.title.ends_with("was switched off"));
        assert!(
            finding.runbook[0]
                .contains(&format!("aws kms enable-key-rotation --key-id {KEY} --region eu-west-1"))
        );
        assert_eq!(only(&DETECTOR, &[by_hand("DisableKeyRotation", 4)]).severity, Severity::Low);
    }

    #[test]
    fn on_again_is_only_worth_knowing() {
        let finding =
            only(&DETECTOR, &[used(), by_hand("DisableKeyRotation", 4), by_hand("EnableKeyRotation", 5)]);
        assert_eq!((finding.severity, finding.evidence.count), (Severity::Info, 2));
        assert_eq!(finding.runbook.len(), 2);
        let before = [used(), by_hand("EnableKeyRotation", 3), by_hand("DisableKeyRotation", 4)];
        assert_eq!(only(&DETECTOR, &before).severity, Severity::Medium);
    }

    #[test]
    fn a_period_beyond_a_year_is_low() {
        let set =
            |days: i64| by_hand("EnableKeyRotation", 4).set("requestParameters.rotationPeriodInDays", days);
        let finding = only(&DETECTOR, &[set(366)]);
        assert_eq!(
            (finding.severity, finding.evidence.details["period_days"].as_i64()),
            (Severity::Low, Some(366))
        );
        assert!(findings(&DETECTOR, &[set(365)]).is_empty());
        assert!(findings(&DETECTOR, &[by_hand("EnableKeyRotation", 4)]).is_empty());
    }

    #[test]
    fn three_rotations_by_hand_in_a_month_are_low() {
        let on = |days: &[u32]| -> Vec<RecordBuilder> {
            days.iter().map(|day| by_hand("RotateKeyOnDemand", *day)).collect()
        };
        let finding = only(&DETECTOR, &on(&[1, 2, 31]));
        assert_eq!((finding.severity, finding.evidence.count), (Severity::Low, 3));
        assert!(findings(&DETECTOR, &on(&[1, 31])).is_empty());
        let slow = [on(&[1, 2]), vec![by_hand("RotateKeyOnDemand", 1).at("2026-06-01T10:00:00Z")]].concat();
        assert!(findings(&DETECTOR, &slow).is_empty(), "31 days");
    }

    #[test]
    fn failed_calls_and_missing_parameters_are_silent() {
        for record in [
            by_hand("DisableKeyRotation", 4).denied(),
            by_hand("DisableKeyRotation", 4).failed("KMSInvalidStateException", ""),
            by_hand("EnableKeyRotation", 4).set("requestParameters", Value::Null),
            kms("RotateKey"),
        ] {
            assert!(findings(&DETECTOR, &[record]).is_empty());
        }
    }
}
