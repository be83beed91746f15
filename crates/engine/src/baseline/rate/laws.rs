//! What must hold of every profile, whatever it has seen.

use super::{Profile, Rhythm, Score, Window};
use proptest::prelude::*;

const FIRST: i64 = 495_123;

fn rhythm() -> impl Strategy<Value = Rhythm> {
    prop_oneof![Just(Rhythm::Weekly), Just(Rhythm::Flat)]
}

/// Counts of consecutive hours, with silences of up to a week.
fn hours() -> impl Strategy<Value = Vec<u64>> {
    let piece = prop_oneof![
        3 => prop::collection::vec(0u64..50, 1..60),
        1 => prop::collection::vec(200u64..3_000, 1..40),
        2 => (1usize..170).prop_map(|n| vec![0; n]),
    ];
    prop::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat())
}

fn of(scores: &[Score], window: Window) -> f64 {
    scores.iter().find(|score| score.window == window).map_or(0.0, |score| score.surprise)
}

proptest! {
    // A life takes thousands of steps; PROPTEST_CASES asks for more of them.
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.div_ceil(4), ..ProptestConfig::default() })]

    #[test]
    fn passing_over_silence_equals_sealing_its_hours_one_by_one(
        hours in hours(), silence in 1i64..1_500, after in 0u64..500, rhythm in rhythm(), horizon in 0u8..=Profile::MAX_HORIZON,
    ) {
        let mut stepwise = Profile::born(FIRST, rhythm, horizon);
        let mut at_once = stepwise.clone();
        for (hour, count) in (FIRST..).zip(&hours) {
            stepwise.seal(hour, *count);
            if *count > 0 {
                at_once.seal(hour, *count);
            }
        }
        let end = stepwise.sealed_hour() + silence;
        for hour in stepwise.sealed_hour() + 1..=end {
            stepwise.seal(hour, 0);
        }
        at_once.advance(end);
        prop_assert_eq!(&stepwise, &at_once);
        stepwise.seal(end + 1, after);
        at_once.seal(end + 1, after);
        prop_assert_eq!(stepwise.encode(), at_once.encode());
    }

    #[test]
    fn sealing_an_hour_twice_changes_nothing(hours in hours(), again: u64, back in 0i64..400) {
        let mut profile = Profile::born(FIRST, Rhythm::Weekly, 1);
        for (hour, count) in (FIRST..).zip(&hours) {
            prop_assert!(profile.seal(hour, *count));
        }
        let before = profile.clone();
        prop_assert!(!profile.seal(profile.sealed_hour() - back, again));
        prop_assert_eq!(profile, before);
    }

    #[test]
    fn the_score_of_an_open_hour_does_not_depend_on_what_was_sealed_since_it_opened(
        hours in hours(), last in prop::array::uniform3(0u64..2_000), rhythm in rhythm(),
    ) {
        let mut profile = Profile::born(FIRST, rhythm, 2);
        for (hour, count) in (FIRST..).zip(&hours) {
            profile.seal(hour, *count);
        }
        let hour = profile.sealed_hour() + 3;
        let as_current = profile.judge(hour, &last);
        profile.seal(hour - 2, last[0]);
        profile.seal(hour - 1, last[1]);
        let as_oldest = profile.judge(hour, &last[2..]);
        let scores = |scores: &[Score]| scores.iter().map(|s| (s.observed, s.surprise, s.calibrated)).collect::<Vec<_>>();
        prop_assert_eq!(scores(&as_current), scores(&as_oldest));
    }

    #[test]
    fn a_score_grows_with_its_count(hours in hours(), a in 0u64..100_000, b in 0u64..100_000, rhythm in rhythm()) {
        let mut profile = Profile::born(FIRST, rhythm, 1);
        for (hour, count) in (FIRST..).zip(&hours) {
            profile.seal(hour, *count);
        }
        let hour = profile.sealed_hour() + 1;
        let (low, high) = (profile.judge(hour, &[a.min(b)]), profile.judge(hour, &[a.max(b)]));
        for window in Window::ALL {
            prop_assert!(of(&low, window) <= of(&high, window) * (1.0 + 1e-9));
        }
    }

    #[test]
    fn an_interval_lies_around_what_is_usual(hours in hours()) {
        let mut profile = Profile::born(FIRST, Rhythm::Weekly, 1);
        for (hour, count) in (FIRST..).zip(&hours) {
            profile.seal(hour, *count);
        }
        for score in profile.judge(profile.sealed_hour() + 1, &[3]) {
            let (low, high) = score.expected_interval();
            prop_assert!(low <= high, "{:?}", score);
            // The distribution is skewed: its mean may lie above all but a twentieth, not above much more.
            prop_assert!(low as f64 <= score.mean + 1.0, "{:?} {} {}", score, low, high);
        }
    }
}

#[test]
fn a_gap_of_a_century_is_passed_at_once() {
    let mut profile = Profile::born(FIRST, Rhythm::Weekly, 1);
    for hour in 0..500 {
        profile.seal(FIRST + hour, 40);
    }
    profile.seal(FIRST + 876_000, 40);
    let scores = profile.judge(FIRST + 876_001, &[40]);
    // All is forgotten but the last hour.
    assert!(scores.iter().any(|score| score.window == Window::Hour && score.mean < 1.0), "{scores:?}");
    profile.advance(i64::MAX);
    assert!(profile.judge(profile.sealed_hour() + 1, &[1]).len() == 3);
}

#[test]
fn hours_that_are_not_open_are_not_judged() {
    let mut profile = Profile::born(FIRST, Rhythm::Flat, 1);
    assert_eq!(profile.open_hours(), FIRST..=FIRST + 1);
    assert_eq!(profile.judge(FIRST, &[4]).len(), 1);
    profile.seal(FIRST, 4);
    assert!(profile.judge(FIRST, &[4]).is_empty());
    assert!(profile.judge(FIRST + 3, &[4]).is_empty());
    assert!(profile.judge(i64::MIN, &[4]).is_empty());
    assert_eq!(profile.due(FIRST + 7), FIRST + 5);
}
