//! Whatever stands in stored States, judging them ends, and with numbers.
//!
//! States that were made by events are changed at random in their stored form: counts, times, sums of profiles, names,
//! the hours themselves. What can still be read is judged open and closed.

use super::Watch;
use super::testing::watch;
use crate::baseline::judge::{Episode, Judge, Sign};
use crate::estate::Estate;
use crate::event::testing::{RecordBuilder, kms};
use crate::finding::Finding;
use crate::settings::Settings;
use crate::state::States;
use crate::time::{HOUR, Timestamp};
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value;
use std::sync::LazyLock;

const MONDAY: i64 = 1_777_852_800; // 2026-05-04T00:00:00Z
const DAYS: i64 = 45;

/// A role and two keys after some weeks, with hours that are still open, and the judge by then.
static LIVED: LazyLock<(Value, Judge)> = LazyLock::new(|| {
    let mut records: Vec<RecordBuilder> = Vec::new();
    for hour in (0..DAYS).flat_map(|day| (8..18).map(move |hour| day * 24 + hour)) {
        for n in 0..1 + hour % 3 {
            let at = Timestamp(MONDAY + hour * HOUR + n).to_string();
            let call = match (hour + n) % 7 {
                0 => kms("Decrypt").key(crate::event::testing::OTHER_KEY).denied(),
                1 => kms("GenerateDataKey"),
                2 => kms("DescribeKey"),
                _ => kms("Decrypt"),
            };
            records.push(call.at(&at).id(&format!("{hour}-{n}")));
        }
    }
    let mut watch = watch(&records, &Settings::default());
    watch.advance(Timestamp(MONDAY + (DAYS * 24 - 8) * HOUR));
    (serde_json::to_value(watch.states()).unwrap(), watch.judge().clone())
});

/// What is done to a member of the stored form.
#[derive(Clone, Debug)]
enum Damage {
    Whole(i64),
    Float(f64),
    /// A byte of a text: a digit of a profile, a letter of a name.
    Byte(Index, u8),
    /// The first hour of a list by hours is another.
    Hour(i64),
}

fn damage() -> impl Strategy<Value = Damage> {
    let hour = MONDAY / HOUR;
    let whole = prop_oneof![
        any::<i64>(),
        0i64..40,
        (hour - 2_000)..(hour + 2_000),
        (MONDAY - 9_000_000)..(MONDAY + 9_000_000),
        Just(i64::MAX),
        Just(i64::MIN),
    ];
    prop_oneof![
        2 => whole.clone().prop_map(Damage::Whole),
        1 => any::<f64>().prop_map(Damage::Float),
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, b"0123456789abcdef"[usize::from(byte % 16)])),
        1 => whole.prop_map(Damage::Hour),
    ]
}

fn leaves<'v>(value: &'v mut Value, all: &mut Vec<&'v mut Value>) {
    match value {
        Value::Object(members) => members.values_mut().for_each(|member| leaves(member, all)),
        Value::Array(members) => members.iter_mut().for_each(|member| leaves(member, all)),
        leaf => all.push(leaf),
    }
}

/// Moves the first hour of the `at`th list by hours; counts down.
fn move_hour(value: &mut Value, at: &mut usize, hour: i64) {
    if let Value::Object(members) = value {
        let first = members.keys().next().filter(|key| key.parse::<i64>().is_ok()).cloned();
        if let Some(first) = first {
            if *at == 0 {
                let member = members.remove(&first).unwrap_or_default();
                members.insert(hour.to_string(), member);
            }
            *at = at.wrapping_sub(1);
        }
    }
    match value {
        Value::Object(members) => members.values_mut().for_each(|member| move_hour(member, at, hour)),
        Value::Array(members) => members.iter_mut().for_each(|member| move_hour(member, at, hour)),
        _ => {}
    }
}

fn damaged(damages: &[(Index, Damage)]) -> Option<States> {
    let mut stored = LIVED.0.clone();
    for (at, damage) in damages {
        if let Damage::Hour(hour) = damage {
            move_hour(&mut stored, &mut at.index(30), *hour);
            continue;
        }
        let mut all = Vec::new();
        leaves(&mut stored, &mut all);
        let n = all.len();
        let Some(leaf) = all.get_mut(at.index(n)) else { continue };
        match (damage, &mut **leaf) {
            (Damage::Byte(at, byte), Value::String(text)) if text.is_ascii() && !text.is_empty() => {
                let mut bytes = text.clone().into_bytes();
                let at = at.index(bytes.len());
                bytes[at] = *byte;
                *text = String::from_utf8(bytes).unwrap();
            }
            (Damage::Whole(n), Value::Number(number)) => *number = (*n).into(),
            (Damage::Float(n), Value::Number(number)) => {
                *number = serde_json::Number::from_f64(*n).unwrap_or_else(|| 0.into());
            }
            _ => {}
        }
    }
    serde_json::from_value(stored).ok()
}

/// Whether all numbers of an episode are numbers.
fn is_sound(episode: &Episode) -> bool {
    let of_sign = |sign: &Sign| match sign {
        Sign::Count { score, .. } => {
            let interval = score.expected_interval();
            interval.0 <= interval.1
                && [score.surprise, score.calibrated, score.mean, score.mean_if_active, score.dispersion]
                    .iter()
                    .all(|number| number.is_finite() && *number >= 0.0)
                && (0.0..=1.0).contains(&score.activity)
        }
        Sign::Drift { drift, .. } => {
            [drift.mean, drift.dispersion, drift.surprise, drift.calibrated].iter().all(|n| n.is_finite())
        }
        Sign::Share { score } => score.calibrated.is_finite() && (0.0..=1.0).contains(&score.usual),
        Sign::QuietHour { activity, calibrated, .. } => {
            calibrated.is_finite() && (0.0..=1.0).contains(activity)
        }
        Sign::FirstUses { novelty, .. } => {
            novelty.score.is_finite() && novelty.parts.iter().all(|part| part.hazard.is_finite())
        }
    };
    episode.c.is_finite()
        && episode.excess.is_finite()
        && episode.parts.iter().all(|part| part.c.is_finite() && of_sign(&part.sign))
}

fn is_told_in_numbers(finding: &Finding) -> bool {
    let evidence = &finding.evidence;
    let numbers = [evidence.observed, evidence.expected, evidence.probability];
    let is_number = |name: &str| evidence.details.get(name).is_none_or(Value::is_number);
    numbers.iter().flatten().all(|number| number.is_finite() && *number >= 0.0)
        && ["once_in_weeks", "threshold_once_in_weeks", "estate_weeks", "score"].into_iter().all(is_number)
        && !finding.explanation.contains("NaN")
        && !finding.explanation.contains("inf ")
}

#[test]
fn the_states_that_are_damaged_are_judged_before() {
    let (stored, judge) = &*LIVED;
    let states: States = serde_json::from_value(stored.clone()).unwrap();
    let watch = Watch::resumed(Estate::new(Settings::default()), states, Default::default(), judge.clone());
    let open: usize = watch.states().principals.values().map(|state| state.baseline.open_hours().len()).sum();
    assert!(open > 0 && judge.thresholds().unwrap()[0].is_mature);
    assert!(stored.to_string().len() > 5_000);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn any_states_are_judged_with_numbers(
        damages in prop::collection::vec((any::<Index>(), damage()), 1..40), delivered in 0i64..4_000,
    ) {
        let Some(states) = damaged(&damages) else { return Ok(()) };
        let mut settings = Settings::default();
        settings.alerts.budget_per_week = 1_000.0;
        let mut watch = Watch::resumed(Estate::new(settings), states, Default::default(), LIVED.1.clone());
        let until = Timestamp(MONDAY + (DAYS * 24 + delivered) * HOUR);
        for moment in [None, Some(until), Some(Timestamp(i64::MAX))] {
            if let Some(moment) = moment {
                watch.advance(moment);
            }
            let findings = watch.findings();
            prop_assert!(findings.iter().all(is_told_in_numbers), "{findings:#?}");
            let episodes = watch.judge().episodes();
            prop_assert!(episodes.iter().all(is_sound), "{episodes:#?}");
        }
    }
}
