//! The tables of a small evaluation whose figures can be checked by hand.

use super::hearing::Hearing;
use super::matching::testing::{alert, attack};
use super::observe::Observation;
use super::scoring::{Terms, report, score};
use super::statement::{Age, Class};
use super::text;
use super::{comparators::Count, matching::Attack};
use kmswatch_engine::time::{DAY, HOUR, Timestamp};

const WEEK: i64 = 7 * DAY;

/// Four weeks of a principal `a` with ten decrypts an hour, and two bursts: one of 40 found at once at any budget, one
/// of 20 found by a rule, and later by statistics at the larger budget. False: one alert in the warm-up, one about a key
/// in the fourth week, one more at the larger budget about the burst's principal, two weeks before it.
fn observation() -> Observation {
    let strength = |mut attack: Attack, strength| {
        attack.strength = strength;
        attack
    };
    let attacks = vec![
        strength(attack("burst", "a", 3 * WEEK, 3 * WEEK + HOUR), 40.0),
        strength(attack("burst", "b", 3 * WEEK + DAY, 3 * WEEK + DAY + HOUR), 20.0),
        attack("root_use", "root", 3 * WEEK, 3 * WEEK),
    ];
    let hearing = |is_large: bool| {
        let mut hearing = Hearing::of(&attacks);
        let mut say = |at: i64, what| hearing.hear(Timestamp(at), &attacks, vec![what]);
        let mut late = alert("warm-up", "c", 3 * DAY, 3 * DAY);
        late.age = Age::Young;
        say(3 * DAY + 300, late);
        if is_large {
            say(WEEK + DAY + 300, alert("early", "b", WEEK + DAY, WEEK + DAY));
        }
        say(3 * WEEK + 360, alert("found", "a", 3 * WEEK, 3 * WEEK + 60));
        let mut by_rule = alert("rule", "b", 3 * WEEK + DAY, 3 * WEEK + DAY);
        (by_rule.is_statistical, by_rule.detector) = (false, "root_use");
        say(3 * WEEK + DAY + 300, by_rule);
        if is_large {
            say(3 * WEEK + DAY + 2 * HOUR, alert("late", "b", 3 * WEEK + DAY, 3 * WEEK + DAY));
        }
        let mut of_key = alert("key", "c", 3 * WEEK + 2 * DAY, 3 * WEEK + 2 * DAY);
        of_key.class = Class::Key;
        say(3 * WEEK + 2 * DAY, of_key);
        let mut rule = alert("wrong rule", "c", 3 * WEEK + 3 * DAY, 3 * WEEK + 3 * DAY);
        (rule.is_statistical, rule.detector) = (false, "key_disabled");
        say(3 * WEEK + 3 * DAY, rule);
        hearing
    };
    let counts = (0..4 * 168).map(|hour| Count {
        who: 0,
        hour,
        n: match hour {
            h if h == 3 * 168 => 400,
            // A backfill that is no attack.
            h if h == 2 * 168 + 30 => 100,
            _ => 10,
        },
    });
    Observation {
        name: "by hand".to_owned(),
        start: Timestamp(0),
        days: 28,
        kms_events: 6_720,
        hearings: vec![hearing(false), hearing(true)],
        attacks,
        principals: vec!["a".to_owned()],
        counts: counts.collect(),
        ..Observation::default()
    }
}

#[test]
fn the_tables_of_a_small_evaluation() {
    let terms = Terms { budgets: vec![0.5, 2.0], warm_up: 7 };
    let report = report(&[score(&observation(), &terms)], &terms);
    let mut out = Vec::new();
    text::write(&mut out, &report).unwrap();
    let text = anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string();
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert_eq!(text, include_str!("golden.txt"), "\n{text}");
}
