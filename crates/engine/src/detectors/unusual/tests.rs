use super::words;
use super::*;
use crate::baseline::budget::Threshold;
use crate::baseline::entity::Age;
use crate::baseline::judge::{NewValue, Topic};
use crate::baseline::novelty::{KeyHabit, Novelty, Part, Peers};
use crate::baseline::rate::{Drift, History, Score, Window};
use crate::baseline::trace::Trace;
use crate::detectors::unusual_rate::DETECTOR;
use crate::event::testing::{KEY, OTHER_KEY, ROLE};
use crate::finding::Actor;
use crate::measures;
use crate::state::{By, Share, Sightings};
use crate::time::Timestamp;

fn role() -> Entity {
    Entity::Principal(ROLE.to_owned())
}

fn key() -> Entity {
    Entity::Key(KEY.to_owned())
}

/// The same, as States keep it.
fn stored(actor: &Actor) -> By {
    serde_json::from_value(serde_json::to_value(actor).unwrap()).unwrap()
}

fn anomaly(entity: Entity, sign: Sign, c: f64) -> Anomaly {
    let by = Actor { id: ROLE.to_owned(), session: Some("i-1".to_owned()), ..Actor::default() };
    let first = Trace {
        time: Timestamp(1_777_852_800),
        event_id: "e1".to_owned(),
        account: "111122223333".to_owned(),
        region: "eu-west-1".to_owned(),
        by: stored(&by),
    };
    Anomaly {
        entity,
        actor: role(),
        hour: 493_848,
        sign,
        c,
        prior: 0.0,
        threshold: Threshold { c: 0.0, weeks: 4.0, incidents: 3, is_mature: true },
        is_new: false,
        age: Age { hours: 1_000, active_hours: 400 },
        first: Some(first),
        sightings: Sightings::default(),
        refused_keys: RefusedKeys::default(),
    }
}

/// So many decrypts, where a certain mean is usual in a window of a day.
fn count(observed: u64, mean: f64) -> Sign {
    let score = Score {
        window: Window::Day,
        hour: 493_848,
        observed,
        surprise: 6.0,
        calibrated: 6.0,
        mean,
        mean_if_active: mean,
        activity: 1.0,
        dispersion: 1.0,
        is_spread: false,
        history: History { active_hours: 400, hours: 1_000 },
    };
    Sign::Count { measure: &measures::decrypts::MEASURE, score, is_exact: true }
}

fn drift() -> Sign {
    let drift = Drift {
        hour: 493_848,
        observed: 700,
        mean: 100.0,
        weeks: 5,
        dispersion: 1.0,
        surprise: 5.0,
        calibrated: 5.0,
        history: History { active_hours: 400, hours: 1_000 },
    };
    Sign::Drift { measure: &measures::decrypts::MEASURE, drift }
}

fn part(dimension: Dimension) -> Part {
    Part {
        dimension,
        first_uses: 1,
        dearest: 0,
        peers: None,
        key: None,
        was_refused: false,
        hazard: 0.01,
        score: 3.0,
    }
}

fn value(dimension: Dimension, name: &str) -> NewValue {
    NewValue { dimension, name: name.to_owned() }
}

fn first_uses(values: &[(Dimension, &str)], active_hours: u32, hazard: f64) -> Sign {
    let parts = values.iter().map(|(dimension, _)| Part { hazard, ..part(*dimension) }).collect();
    Sign::FirstUses {
        novelty: Novelty { score: 4.0, parts, active_hours },
        values: values.iter().map(|(dimension, name)| value(*dimension, name)).collect(),
    }
}

fn episode(parts: Vec<Anomaly>) -> Episode {
    let topic = parts[0].sign.group().topic();
    let c = parts.iter().map(|part| part.c).fold(0.0, f64::max);
    let mut sightings = Sightings::default();
    sightings.add(Timestamp(1_777_852_800), "e1");
    Episode {
        topic,
        actor: role(),
        is_new: false,
        first: 493_848,
        last: 493_848,
        c,
        excess: 1.0,
        parts,
        is_cut: false,
        sightings,
    }
}

fn found(episode: &Episode) -> Finding {
    finding(&DETECTOR, episode, &Settings::default(), "It may be nothing.").unwrap()
}

const NETWORK: (Dimension, &str) = (Dimension::Network, "198.51.100.0/24");

#[test]
fn severity_is_high_from_a_hundred_times_rarer_than_the_threshold_on() {
    let at =
        |excess| found(&Episode { excess, ..episode(vec![anomaly(role(), count(60, 2.0), 2.0)]) }).severity;
    assert_eq!((at(1.99), at(2.0), at(9.0)), (Severity::Medium, Severity::High, Severity::High));
}

#[test]
fn a_title_names_the_key_where_its_count_is_laid_to_a_principal() {
    let own = found(&episode(vec![anomaly(role(), count(60, 2.0), 2.0)]));
    assert!(
        own.title.starts_with("role/payments-api: 60 ") && !own.title.contains("with {key}"),
        "{}",
        own.title
    );
    assert!(own.explanation.contains(" it usually had ") && !own.explanation.contains("at least half"));
    let laid = found(&episode(vec![anomaly(key(), count(60, 2.0), 2.0)]));
    assert!(laid.title.contains(" with {key}, usually "), "{}", laid.title);
    assert!(laid.explanation.contains("the key usually had") && laid.explanation.contains("at least half"));
    let first = found(&episode(vec![anomaly(key(), first_uses(&[(Dimension::User, ROLE)], 50, 0.1), 2.0)]));
    assert!(!first.title.contains("with {key}"), "{}", first.title);
}

#[test]
fn the_key_of_a_first_use_is_the_key_of_the_finding() {
    let uses = first_uses(&[NETWORK, (Dimension::Key, OTHER_KEY)], 50, 0.1);
    let finding = found(&episode(vec![anomaly(role(), uses, 2.0)]));
    assert_eq!(finding.key.as_ref().unwrap().arn, OTHER_KEY);
    assert!(
        finding.title.contains("first use of network 198.51.100.0/24 and key {key}"),
        "{}",
        finding.title
    );
    assert!(found(&episode(vec![anomaly(role(), first_uses(&[NETWORK], 50, 0.1), 2.0)])).key.is_none());
}

#[test]
fn what_else_was_unusual_is_told_other_kinds_and_the_own_first() {
    let alone = found(&episode(vec![anomaly(role(), count(60, 2.0), 2.0)]));
    assert!(!alone.evidence.details.contains_key("others") && !alone.explanation.contains("Unusual as well"));
    assert!(alone.explanation.contains("something like it comes"));
    assert!(!alone.evidence.details.contains_key("incomplete"));
    let parts = vec![
        anomaly(role(), count(60, 2.0), 3.0),
        anomaly(Entity::Key(OTHER_KEY.to_owned()), count(50, 2.0), 2.5),
        // The same counts in another window are the same events.
        anomaly(role(), count(40, 2.0), 2.4),
        anomaly(role(), first_uses(&[NETWORK], 50, 0.1), 1.0),
    ];
    let several = Episode { c: 3.5, is_cut: true, ..episode(parts) };
    let finding = found(&several);
    let others = finding.evidence.details["others"].as_array().unwrap();
    let begins: Vec<bool> = ["first use of network", ": 50 "]
        .iter()
        .zip(others)
        .map(|(begin, other)| other.as_str().unwrap().contains(begin))
        .collect();
    assert_eq!(others.len(), 2, "{others:?}");
    assert_eq!(begins, [true, true], "{others:?}");
    assert!(finding.explanation.contains("Unusual as well: first use of network"), "{}", finding.explanation);
    assert!(finding.explanation.contains("all of this together comes"));
    assert_eq!(finding.evidence.details["incomplete"], true);
    // Together it is no rarer than the strongest alone: then that is what is told.
    let no_rarer = found(&Episode { c: 3.0, ..several.clone() });
    assert!(no_rarer.explanation.contains("something like it comes"));
    let one_group = Episode { c: 3.5, ..episode(several.parts[..2].to_vec()) };
    assert!(found(&one_group).explanation.contains("something like it comes"));
}

#[test]
fn how_long_it_lasted_is_told_if_it_did() {
    let one = episode(vec![anomaly(role(), count(60, 2.0), 2.0)]);
    assert!(!found(&one).explanation.contains("It lasted"));
    let three = Episode { last: 493_850, ..one };
    assert!(found(&three).explanation.contains("It lasted or came again over 3 hours."));
}

#[test]
fn maturity_is_told_of_those_known_for_less_than_three_weeks() {
    let of = |hours: i64, is_new: bool, sign: Sign| {
        let part = Anomaly { age: Age { hours, active_hours: 90 }, is_new, ..anomaly(role(), sign, 2.0) };
        let finding = found(&episode(vec![part]));
        let young = finding.explanation.contains("less than three weeks");
        let new = finding.explanation.contains("It is new, so");
        (finding.evidence.details["maturity"].as_str().unwrap().to_owned(), young, new)
    };
    assert_eq!(of(503, false, count(60, 2.0)), ("young".to_owned(), true, false));
    assert_eq!(of(504, false, count(60, 2.0)), ("mature".to_owned(), false, false));
    assert_eq!(of(503, false, drift()), ("young".to_owned(), false, false));
    assert_eq!(of(20, true, count(60, 2.0)), ("new".to_owned(), false, true));
}

#[test]
fn a_drift_tells_the_weeks_before() {
    let finding = found(&episode(vec![anomaly(role(), drift(), 2.0)]));
    assert!(
        finding.title.contains("700 ") && finding.title.ends_with("usually about 100"),
        "{}",
        finding.title
    );
    assert!(finding.explanation.contains("two to seven weeks before had 100 on average"));
    assert_eq!((finding.evidence.observed, finding.evidence.expected), (Some(700.0), Some(100.0)));
}

#[test]
fn a_first_use_begins_with_how_long_its_owner_is_known() {
    let of = |entity: Entity, hours: i64| {
        let part = Anomaly {
            age: Age { hours, active_hours: 0 },
            ..anomaly(entity, first_uses(&[NETWORK], 50, 0.1), 2.0)
        };
        found(&episode(vec![part])).explanation
    };
    assert!(of(role(), 0).starts_with("role/payments-api was not seen before. "));
    assert!(of(role(), 400).starts_with("role/payments-api is known for 2 weeks. "));
    assert!(of(key(), 0).starts_with("{key} is known for 0 hours. "));
}

#[test]
fn the_first_step_looks_up_what_leads_somewhere() {
    let step = |by: Actor| {
        let mut part = anomaly(role(), count(60, 2.0), 2.0);
        part.first.as_mut().unwrap().by = stored(&Actor { id: ROLE.to_owned(), kind: "role", ..by });
        found(&episode(vec![part])).runbook.remove(0)
    };
    let some = |text: &str| Some(text.into());
    let all = Actor { access_key: some("ASIAEXAMPLE"), session: some("i-1"), ..Actor::default() };
    assert!(step(all.clone()).contains("AttributeKey=AccessKeyId,AttributeValue=ASIAEXAMPLE"));
    let through = Actor { via_service: some("s3"), ..all };
    assert!(step(through).contains("AttributeKey=Username,AttributeValue=i-1"));
    assert!(step(Actor::default()).contains("AttributeKey=Username,AttributeValue=payments-api"));
}

#[test]
fn a_key_without_an_actor_is_asked_about_by_its_name() {
    let actor = key();
    let part = Anomaly { actor: actor.clone(), ..anomaly(key(), count(60, 2.0), 2.0) };
    let finding = found(&Episode { actor, ..episode(vec![part]) });
    assert!(finding.principal.is_none());
    assert!(finding.runbook[0].contains("AttributeKey=ResourceName"), "{}", finding.runbook[0]);
    assert!(finding.title.starts_with("{key}: 60 "), "{}", finding.title);
}

fn seen_of(sign: Sign, entity: Entity) -> String {
    words::seen(&anomaly(entity, sign, 2.0), KEY)
}

#[test]
fn what_is_seen_is_named_up_to_three_values() {
    let values = [
        NETWORK,
        (Dimension::Agent, "aws-cli/2"),
        (Dimension::Region, "us-east-1"),
        (Dimension::Operation, "Sign"),
    ];
    assert!(!seen_of(first_uses(&values[..3], 50, 0.1), role()).contains("more"));
    assert!(seen_of(first_uses(&values, 50, 0.1), role()).ends_with(" and 1 more"));
    let users = |n: usize| {
        let mut sign = first_uses(&[(Dimension::User, ROLE)], 50, 0.1);
        if let Sign::FirstUses { novelty, .. } = &mut sign {
            novelty.parts[0].first_uses = n;
        }
        sign
    };
    assert_eq!(seen_of(users(1), key()), "first use of {key}");
    assert_eq!(
        seen_of(users(1), Entity::Key(OTHER_KEY.to_owned())),
        "first use of 0987dcba-09fe-87dc-65ba-ab0987654321"
    );
    assert_eq!(seen_of(users(3), key()), "3 principals that never used it before");
    let about = Sign::Count { is_exact: false, measure: &measures::decrypts::MEASURE, score: score() };
    assert!(seen_of(about, role()).starts_with("about 60 "));
}

#[test]
fn an_unusual_hour_is_told_with_its_day_and_how_seldom_it_is() {
    let quiet = || Sign::QuietHour { activity: 0.0025, calibrated: 2.6 };
    let night = |sign| Anomaly { hour: 493_850, ..anomaly(role(), sign, 2.0) };
    let finding = found(&episode(vec![night(quiet()), Anomaly { c: 1.0, ..night(count(60, 2.0)) }]));
    assert!(
        finding
            .title
            .ends_with("active on a Monday between 02:00 and 03:00 UTC, usually in 1 of 400 such hours"),
        "{}",
        finding.title
    );
    assert!(finding.explanation.contains("of history it hardly ever was. "), "{}", finding.explanation);
    assert!(finding.explanation.contains("Unusual as well: 60 decrypts"), "{}", finding.explanation);
    assert_eq!(finding.evidence.expected, Some(0.0025));
    let finding = found(&episode(vec![night(count(60, 2.0)), Anomaly { c: 1.0, ..night(quiet()) }]));
    let text = &finding.explanation;
    assert!(text.contains("active on a Monday between 02:00 and 03:00 UTC (usually in 1"), "{text}");
}

fn score() -> Score {
    let Sign::Count { score, .. } = count(60, 2.0) else { unreachable!() };
    score
}

#[test]
fn what_is_usual_is_said_as_it_is() {
    let of = |sign: Sign, entity: Entity| words::usual(&anomaly(entity, sign, 2.0));
    assert_eq!(of(count(60, 0.001), role()), "usually none");
    let (low, high) = score().expected_interval();
    assert_eq!(of(count(60, 2.0), role()), format!("usually {low} to {high}"));
    // So seldom a zero that both ends are one.
    let sure = Score { mean: 1.0, dispersion: 1e-9, ..score() };
    let (low, high) = sure.expected_interval();
    let said = of(Sign::Count { measure: &measures::decrypts::MEASURE, score: sure, is_exact: true }, role());
    assert_eq!(
        said,
        if low == high { format!("usually {high}") } else { format!("usually {low} to {high}") }
    );
    for (active, hazard, entity, expected) in [
        (50, 0.21, key(), "as is usual for the key"),
        (50, 0.2, key(), "rare for the key"),
        (3, 0.21, key(), "as is usual for the key"),
        (7, 0.21, role(), "and it is new itself"),
        (8, 0.21, role(), "not rare for it"),
        (8, 0.2, role(), "rare for it"),
    ] {
        assert_eq!(of(first_uses(&[NETWORK], active, hazard), entity), expected);
    }
}

#[test]
fn a_first_use_is_explained_by_what_is_known() {
    let of = |part: &Part, active: u32| {
        words::first_use(&value(Dimension::Network, "198.51.100.0/24"), part, active, KEY)
    };
    let plain = part(Dimension::Network);
    assert_eq!(of(&plain, 7), "It called from 198.51.100.0/24 for the first time. ");
    assert_eq!(
        of(&plain, 8),
        "It called from 198.51.100.0/24 for the first time: a new network comes once in about 100 of its active hours. "
    );
    assert!(of(&Part { first_uses: 2, ..plain }, 7).contains(", and 1 more of the kind"));
    let refused = Part { was_refused: true, ..plain };
    assert!(of(&refused, 7).ends_with("Shortly before it had been refused this key. "));
    let peers = |using| Part { peers: Some(Peers { using, alive: 12 }), ..plain };
    assert!(of(&peers(0), 7).contains(": none of about 12 others has shown it. "));
    assert!(of(&peers(1), 7).contains(": 1 of about 12 others has shown it. "));
    let both = Part { hazard: 0.9, ..peers(0) };
    assert!(
        of(&both, 8).contains(": a new network is usual for it and none of about 12 others has shown it. ")
    );
    assert!(of(&peers(3), 7).contains(": 3 of about 12 others have shown it. "));
    let habit =
        |is_critical| Part { key: Some(KeyHabit { first_uses: 9, active_hours: 4, is_critical }), ..plain };
    assert!(
        of(&habit(false), 7)
            .contains(": the key had somebody new in 4 of the 4 hours in which it was used. ")
    );
    assert!(!of(&habit(false), 7).contains("critical"));
    assert!(of(&habit(true), 7).ends_with("The key is declared critical. "));
    let used = words::first_use(&value(Dimension::Key, KEY), &plain, 7, KEY);
    assert!(used.starts_with("It used {key} for the first time"), "{used}");
}

#[test]
fn the_words_for_numbers_change_at_their_bounds() {
    assert_eq!(words::how_often(libm::log10(5_200.0) + 1e-9), "less than once in a hundred years");
    assert!(words::how_often(libm::log10(5_199.0)).starts_with("about once in 5,199"));
    assert_eq!(words::how_often(libm::log10(1.5) + 1e-9), "about once in 2 weeks");
    assert!(words::how_often(libm::log10(1.49)).ends_with("times a week"));
    assert_eq!((words::known_for(335), words::known_for(336)), ("13 days".to_owned(), "2 weeks".to_owned()));
    assert_eq!((words::known_for(47), words::known_for(48)), ("47 hours".to_owned(), "2 days".to_owned()));
    assert_eq!((words::mean(9.99), words::mean(10.0)), ("9.99".to_owned(), "10".to_owned()));
    assert_eq!((words::mean(0.009), words::mean(0.01)), ("almost none".to_owned(), "0.01".to_owned()));
}

#[test]
fn an_episode_of_nothing_says_nothing() {
    let mut empty = episode(vec![anomaly(role(), count(60, 2.0), 2.0)]);
    empty.parts.clear();
    assert!(finding(&DETECTOR, &empty, &Settings::default(), "").is_none());
    assert_eq!(empty.topic, Topic::Rate);
}

/// The finding of an episode in which calls were refused for these keys.
fn refused(keys: &[(&str, u64, bool)], others: u64) -> Finding {
    let share = |(name, events, is_exact): &(&str, u64, bool)| Share {
        name: (*name).to_owned(),
        events: *events,
        is_exact: *is_exact,
    };
    let refused_keys = RefusedKeys { most: keys.iter().map(share).collect(), others };
    let part = Anomaly { refused_keys, ..anomaly(role(), count(60, 2.0), 2.0) };
    // A second sign of the same hour tells the same.
    let share = Anomaly { sign: drift(), c: 1.0, ..part.clone() };
    finding(&DETECTOR, &episode(vec![part, share]), &Settings::default(), "").unwrap()
}

#[test]
fn the_keys_of_refused_calls_are_named_with_their_counts() {
    let most = refused(&[(KEY, 40_000, false), (OTHER_KEY, 9, true)], 0);
    assert_eq!(most.key.as_ref().unwrap().arn, KEY);
    let text = "Refused for {key} (about 40,000 calls) and 0987dcba-09fe-87dc-65ba-ab0987654321 (9 calls). ";
    assert!(most.explanation.contains(text), "{}", most.explanation);
    assert_eq!(
        most.evidence.details["refused_keys"][1],
        json!({"key": OTHER_KEY, "calls": 9, "is_exact": true})
    );
    let many = refused(&[("a", 9, true), ("b", 8, true), ("", 7, true), ("c", 1, true)], 20);
    assert_eq!(many.key, None);
    let text = "Refused for a (9 calls), b (8 calls), keys that the log does not name (7 calls) and others. ";
    assert!(many.explanation.contains(text), "{}", many.explanation);
    let none = refused(&[], 0);
    assert!(!none.explanation.contains("Refused for") && !none.evidence.details.contains_key("refused_keys"));
}

#[test]
fn a_key_is_the_one_that_was_refused_from_three_calls_and_half_of_all_on() {
    let key = |events, others| refused(&[(KEY, events, true)], others).key.is_some();
    assert!(key(3, 3) && !key(3, 4) && !key(2, 0));
    assert!(refused(&[("alias/x", 9, true)], 0).key.is_none(), "nobody knows whose alias it is");
}

#[test]
fn refused_keys_beyond_those_that_are_named_are_others() {
    let keys: Vec<(&str, u64, bool)> = vec![("a", 4, true), ("b", 3, true), ("c", 2, true), ("d", 1, true)];
    let told = |n: usize, others| refused(&keys[..n], others).explanation.contains(" and others. ");
    assert_eq!([told(3, 0), told(4, 0), told(1, 1), told(4, 1)], [false, true, true, true]);
}

#[test]
fn what_is_always_the_same_is_one_number() {
    let Sign::Count { measure, score, is_exact } = count(60, 1.0) else { panic!("it is a count") };
    let score = Score { window: Window::Hour, ..score };
    let finding = found(&episode(vec![anomaly(role(), Sign::Count { measure, score, is_exact }, 2.0)]));
    assert!(
        finding.explanation.contains("usually had 1 decrypt or data key within an hour. "),
        "{}",
        finding.explanation
    );
    let two = found(&episode(vec![anomaly(role(), count(60, 8.0), 2.0)])).explanation;
    assert!(two.contains(" to ") && two.contains(" on average"), "{two}");
}

#[test]
fn a_day_on_which_more_came_all_day_long_is_said_to_be_one() {
    let Sign::Count { measure, score, is_exact } = count(60, 20.0) else { unreachable!() };
    let said = |is_spread| {
        let score = Score { is_spread, ..score };
        words::seen(&anomaly(role(), Sign::Count { measure, score, is_exact }, 2.0), "")
    };
    assert_eq!(said(true), format!("{}, all day long", said(false)));
}

#[test]
fn how_rare_it_is_is_said_without_the_prior_and_the_threshold_for_evidence_of_its_kind() {
    let told = |c: f64, prior: f64| {
        let part = Anomaly { prior, ..anomaly(role(), count(60, 2.0), c) };
        let part = Anomaly { threshold: Threshold { c: 1.0, ..part.threshold }, ..part };
        let finding = found(&episode(vec![part]));
        let key = |name: &str| finding.evidence.details.get(name).unwrap().clone();
        (key("once_in_weeks"), key("threshold_once_in_weeks"), finding.explanation.clone())
    };
    let (once, threshold, text) = told(1.0, -1.0);
    assert_eq!((once.as_f64(), threshold.as_f64()), (Some(100.0), Some(100.0)));
    assert!(text.contains("something like it comes about once in 100 weeks; alerts of this kind begin at about once in 100 weeks"), "{text}");
}
