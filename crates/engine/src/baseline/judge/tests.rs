use super::*;
use crate::baseline::budget::Span;
use crate::baseline::novelty::Part;
use crate::baseline::rate::{Drift, History, Score};

const START: i64 = 494_016; // The first hour of a UTC day.

fn score(hour: i64, t: f64, window: Window) -> Score {
    Score {
        window,
        hour: START + hour,
        observed: 40,
        surprise: t,
        calibrated: t,
        mean: 1.0,
        mean_if_active: 2.0,
        activity: 0.5,
        dispersion: 0.3,
        is_spread: false,
        history: History { active_hours: 100, hours: 500 },
    }
}

fn closed(hour: i64, t: f64, measure: &'static Measure, is_new: bool) -> Closed {
    let age = Age { hours: if is_new { 3 } else { 500 }, active_hours: 100 };
    let scores = vec![score(hour, t, Window::Hour)];
    Closed {
        measure,
        at: START + hour,
        scores,
        drift: None,
        share: None,
        hour: Hour::default(),
        count: 0,
        age,
        keeps_schedule: false,
    }
}

fn begin(judge: &mut Judge, hour: i64) {
    if judge.is_new_day(START + hour) {
        judge.refresh(START + hour, 1.0, &[]);
    }
    judge.begin(START + hour);
}

fn role() -> Entity {
    Entity::Principal("arn:aws:iam::111122223333:role/a".into())
}

fn take(judge: &mut Judge, hours: &[(i64, f64, &'static Measure, bool)]) {
    let who = role();
    for (hour, t, measure, is_new) in hours {
        begin(judge, *hour);
        judge.take(&who, &who, &closed(*hour, *t, measure, *is_new), &Hour::default());
    }
}

fn judge(hours: &[(i64, f64, &'static Measure, bool)]) -> Judge {
    let mut judge = Judge::default();
    begin(&mut judge, 0);
    take(&mut judge, hours);
    judge
}

/// A first use of a network with this score.
fn first_use(judge: &mut Judge, entity: &Entity, hour: i64, score: f64) {
    begin(judge, hour);
    let part = Part {
        dimension: Dimension::Network,
        first_uses: 1,
        dearest: 0,
        peers: None,
        key: None,
        was_refused: false,
        hazard: 0.01,
        score,
    };
    judge.take_first_uses(FirstUses {
        entity,
        actor: entity,
        hour: START + hour,
        novelty: Novelty { score, parts: vec![part], active_hours: 100 },
        values: vec![NewValue { dimension: Dimension::Network, name: "n".into() }],
        age: Age { hours: 500, active_hours: 100 },
        first: None,
        sightings: Sightings::default(),
    });
}

const DECRYPTS: &Measure = &measures::decrypts::MEASURE;
const DENIED: &Measure = &measures::denied_calls::MEASURE;

#[test]
fn nothing_is_said_in_the_first_two_days() {
    assert_eq!(judge(&[(40, 30.0, DECRYPTS, false)]).episodes().len(), 0);
    assert_eq!(judge(&[(50, 30.0, DECRYPTS, false)]).episodes().len(), 0, "of the day before, 47 hours");
    assert_eq!(judge(&[(80, 30.0, DECRYPTS, false)]).episodes().len(), 1);
    assert_eq!(judge(&[(80, 2.1, DECRYPTS, false)]).episodes().len(), 0);
}

#[test]
fn newcomers_are_judged_by_refusals_and_fan_out_alone() {
    assert_eq!(judge(&[(80, 30.0, DECRYPTS, true)]).episodes().len(), 0);
    assert_eq!(judge(&[(80, 30.0, DENIED, true)]).episodes().len(), 1);
}

#[test]
fn what_one_actor_does_within_a_day_is_one_episode_named_by_its_first_hour() {
    let judge = judge(&[
        (80, 20.0, DECRYPTS, false),
        (90, 30.0, DECRYPTS, false),
        (114, 45.0, DECRYPTS, false),
        (139, 60.0, DECRYPTS, false),
        (139, 25.0, DENIED, false),
    ]);
    let episodes = judge.episodes();
    let found: Vec<_> = episodes
        .iter()
        .map(|one| (one.topic, one.first - START, one.last - START, one.parts.len()))
        .collect();
    assert_eq!(found, [(Topic::Rate, 80, 114, 1), (Topic::Rate, 139, 139, 2)]);
    // The estate had seen the others by then, but by the same.
    assert_eq!(episodes[0].highest().unwrap().hour, START + 114);
}

#[test]
fn weak_evidence_of_two_kinds_is_found_together_and_not_alone() {
    let weak = |judge: &Judge| judge.marks.values().map(|one| one.excess()).fold(f64::MIN, f64::max);
    // A height that alone just fails.
    let mut t = 2.0;
    while weak(&judge(&[(80, t + 0.05, DECRYPTS, false)])) < 0.0 {
        t += 0.05;
    }
    let mut judge = judge(&[(80, t, DECRYPTS, false)]);
    assert_eq!(judge.episodes().len(), 0);
    first_use(&mut judge, &role(), 85, t);
    let episodes = judge.episodes();
    assert_eq!(episodes.len(), 1);
    assert_eq!((episodes[0].first, episodes[0].parts.len()), (START + 85, 2));
    assert!(episodes[0].c > episodes[0].highest().unwrap().c);
    // A day later it is what it is alone. (Days in which nothing else was seen have lowered the threshold.)
    let late = |before: &[(i64, f64, &'static Measure, bool)]| {
        let mut judge = self::judge(before);
        first_use(&mut judge, &role(), 80 + 24, t);
        judge.episodes().iter().map(|one| (one.c, one.parts.len())).collect::<Vec<_>>()
    };
    assert_eq!(late(&[(80, t, DECRYPTS, false)]), late(&[]));
}

#[test]
fn the_echo_of_a_long_window_does_not_prolong_an_episode() {
    let mut judge = judge(&[]);
    let who = Entity::Principal("a".into());
    for (hour, t) in [(80, 20.0), (85, 20.0), (95, 19.0), (103, 18.0)] {
        begin(&mut judge, hour);
        let mut closed = closed(hour, t, DECRYPTS, false);
        closed.scores[0].window = Window::Day;
        judge.take(&who, &who, &closed, &Hour::default());
    }
    assert_eq!(judge.episodes().iter().map(|one| one.last - START).collect::<Vec<_>>(), [80]);
}

#[test]
fn the_echo_of_a_long_window_is_laid_to_whoever_made_it() {
    let mut judge = judge(&[]);
    let [key, user] = [Entity::Key("k".into()), Entity::Principal("p".into())];
    begin(&mut judge, 80);
    judge.take(&key, &user, &closed(80, 30.0, DECRYPTS, false), &Hour::default());
    begin(&mut judge, 84);
    let mut later = closed(84, 20.0, DECRYPTS, false);
    later.scores[0].window = Window::SixHours;
    judge.take(&key, &key, &later, &Hour::default());
    assert_eq!(judge.episodes().into_iter().map(|one| one.actor).collect::<Vec<_>>(), [user]);
}

/// A week beyond those before it.
fn grown(hour: i64, t: f64) -> Closed {
    let drift = Drift {
        hour: START + hour,
        observed: 900,
        mean: 300.0,
        weeks: 4,
        dispersion: 0.03,
        surprise: t,
        calibrated: t,
        history: History { active_hours: 900, hours: 1_500 },
    };
    Closed { scores: Vec::new(), drift: Some(drift), ..closed(hour, 0.0, DECRYPTS, false) }
}

/// A judge that has compared the weeks of somebody else.
fn judge_of_weeks() -> Judge {
    let mut judge = judge(&[]);
    let other = Entity::Principal("arn:aws:iam::111122223333:role/other".into());
    begin(&mut judge, 39 * 24);
    judge.take(&other, &other, &grown(39 * 24, 2.2), &Hour::default());
    judge
}

#[test]
fn growth_is_not_told_on_the_first_day_on_which_weeks_are_compared() {
    let told = |mut judge: Judge| {
        let who = role();
        for day in [40, 41] {
            begin(&mut judge, day * 24);
            judge.take(&who, &who, &grown(day * 24, 12.0), &Hour::default());
        }
        judge.episodes().iter().map(|one| (one.first - START) / 24).collect::<Vec<_>>()
    };
    assert_eq!(told(judge(&[])), [41]);
    assert_eq!(told(judge_of_weeks()), [40]);
}

#[test]
fn growth_is_told_once_in_six_weeks_unless_it_goes_on_growing() {
    let told = |heights: &dyn Fn(i64) -> f64| {
        let mut judge = judge_of_weeks();
        for day in 40..90 {
            // Not every hour of the day is active, and not every day.
            let hour = day * 24 + day * 7 % 11;
            begin(&mut judge, hour);
            if day % 3 != 0 {
                let who = role();
                judge.take(&who, &who, &grown(hour, heights(day)), &Hour::default());
            }
        }
        judge.episodes().iter().map(|one| (one.first - START) / 24).collect::<Vec<_>>()
    };
    assert_eq!(told(&|_| 9.0), [40, 83]);
    let growing = told(&|day| 6.0 + (day - 40) as f64 / 5.0);
    // Ten times rarer each time, and never within the week that was told.
    assert!((45..65).contains(&growing[1]) && growing.len() < 7, "{growing:?}");
    assert!(growing.windows(2).all(|two| two[1] - two[0] >= 7), "{growing:?}");
}

/// A window with so many times the usual.
fn times(hour: i64, t: f64, window: Window, times: u64) -> Closed {
    let mut closed = closed(hour, t, DECRYPTS, false);
    closed.scores = vec![Score { observed: times, ..score(hour, t, window) }];
    closed
}

#[test]
fn growth_that_a_day_has_told_of_is_not_told_again_by_weeks() {
    let told = |first: Closed| {
        let mut judge = judge_of_weeks();
        let who = role();
        for (hour, closed) in [(40 * 24, first), (44 * 24, grown(44 * 24, 12.0))] {
            begin(&mut judge, hour);
            judge.take(&who, &who, &closed, &Hour::default());
        }
        judge.episodes().iter().map(|one| (one.first - START) / 24).collect::<Vec<_>>()
    };
    // The weeks are at three times the usual.
    assert_eq!(told(times(40 * 24, 12.0, Window::Day, 3)), [40]);
    assert_eq!(told(times(40 * 24, 12.0, Window::Day, 2)), [40, 44], "it has grown since");
    assert_eq!(told(times(40 * 24, 12.0, Window::Hour, 90)), [40, 44], "a burst hides no growth");
}

#[test]
fn first_uses_of_critical_keys_are_compared_with_each_other() {
    let family = |is_critical| {
        let key = Some(crate::baseline::novelty::KeyHabit { first_uses: 0, active_hours: 500, is_critical });
        let part = Part {
            dimension: Dimension::Key,
            first_uses: 1,
            dearest: 0,
            peers: None,
            key,
            was_refused: false,
            hazard: 0.01,
            score: 5.0,
        };
        let novelty = Novelty { score: 5.0, parts: vec![part], active_hours: 100 };
        Sign::FirstUses { novelty, values: Vec::new() }.family()
    };
    assert_ne!(family(true), family(false));
    assert_eq!(
        group_of(&Family::new(&format!("principal/{}", family(true)), Span::Novelty)),
        Group::FirstUses
    );
}

#[test]
fn a_burst_is_as_unusual_when_it_comes_again_within_two_weeks() {
    let judge =
        judge(&[(80, 9.0, DECRYPTS, false), (130, 9.0, DECRYPTS, false), (180, 9.0, DECRYPTS, false)]);
    let episodes = judge.episodes();
    assert_eq!(episodes.iter().map(|one| one.first - START).collect::<Vec<_>>(), [80, 130, 180]);
}

#[test]
fn what_happens_often_is_no_anomaly() {
    // By somebody else each time: of one alone the stream itself learns it.
    let mut judge = judge(&[]);
    for n in 0..40 {
        let who = Entity::Principal(format!("arn:aws:iam::111122223333:role/{n}"));
        begin(&mut judge, n * 7);
        judge.take(&who, &who, &closed(n * 7, 9.0, DECRYPTS, false), &Hour::default());
    }
    let last = judge.episodes().iter().map(|one| one.last - START).max().unwrap_or_default();
    assert!(last < 200, "{last}");
}

#[test]
fn an_hour_taken_up_again_changes_nothing() {
    let hours = [
        (80, 20.0, DECRYPTS, false),
        (80, 25.0, DENIED, false),
        (83, 30.0, DECRYPTS, false),
        (96, 12.0, DENIED, true),
        (150, 31.0, DECRYPTS, false),
    ];
    let mut judge = judge(&hours);
    first_use(&mut judge, &role(), 150, 9.0);
    judge.learn(&[(7, vec![(Dimension::Network, 3)])]);
    let before = judge.clone();
    take(&mut judge, &hours);
    first_use(&mut judge, &role(), 150, 9.0);
    judge.learn(&[(7, vec![(Dimension::Network, 3)])]);
    assert!(judge == before);
}

#[test]
fn what_is_settled_is_told_as_before() {
    let hours = [(80, 20.0, DECRYPTS, false), (90, 30.0, DENIED, false), (100, 22.0, DECRYPTS, false)];
    let mut judge = judge(&hours);
    let before = judge.episodes();
    for hour in 101..400 {
        begin(&mut judge, hour);
        let now = judge.episodes();
        let told = |all: &[Episode]| {
            all.iter().map(|one| (one.topic, one.first, one.last, one.c)).collect::<Vec<_>>()
        };
        assert_eq!(told(&now), told(&before), "{hour}");
    }
    assert!(judge.marks.is_empty() && judge.past.len() == 1);
    // Much too late to be judged.
    let who = role();
    judge.take(&who, &who, &closed(200, 90.0, DECRYPTS, false), &Hour::default());
    assert_eq!(judge.episodes().len(), 1);
}

#[test]
fn a_judge_is_read_back_as_itself() {
    let mut judge =
        judge(&[(80, 20.0, DECRYPTS, false), (90, 12.0, DENIED, true), (200, 22.0, DECRYPTS, false)]);
    first_use(&mut judge, &role(), 210, 9.0);
    judge.learn(&[(7, vec![(Dimension::Network, 3)])]);
    let stored = judge.store().unwrap();
    assert!(Judge::restore(&stored).unwrap() == judge);
    assert_eq!(judge.store().unwrap(), stored);
    assert!(!judge.past.is_empty() && !judge.marks.is_empty());
}

#[test]
fn a_damaged_judge_is_an_error() {
    let stored = judge(&[(80, 20.0, DECRYPTS, false)]).store().unwrap();
    for item in 0..5 {
        for damage in [vec![], vec![9, 1, 2], vec![1, 1, 2, 3]] {
            let mut damaged = stored.clone();
            let StoredJudge { established, newcomers, commons, recent, past } = &mut damaged;
            *[established, newcomers, commons, recent, past][item] = damage;
            assert!(Judge::restore(&damaged).is_err(), "{item}");
        }
    }
}

#[test]
fn a_judge_that_has_seen_much_is_stored_in_small_items() {
    let mut judge = judge(&[]);
    for day in 4..80 {
        for n in 0..40 {
            let who = Entity::Principal(format!("arn:aws:iam::111122223333:role/somebody-{day}-{n}"));
            begin(&mut judge, day * 24 + n / 2);
            let at = closed(day * 24 + n / 2, 20.0 + day as f64, measures::ALL[n as usize % 9], false);
            judge.take(&who, &who, &at, &Hour::default());
            judge.learn(&[(
                who.hash(),
                (0..99).map(|v| (Dimension::Network, (v * n * day) as u32)).collect(),
            )]);
        }
    }
    let StoredJudge { established, newcomers, commons, recent, past } = judge.store().unwrap();
    let sizes = [established, newcomers, commons, recent, past].map(|item| item.len());
    println!("{sizes:?} bytes, {} episodes", judge.episodes().len());
    assert!(sizes.iter().all(|bytes| *bytes < 350_000), "{sizes:?}");
}

#[test]
fn services_and_people_are_classes_of_their_own() {
    let class = |id: &str| Entity::Principal(id.into()).class();
    assert_eq!(class("service:s3"), "service");
    assert_eq!(class("arn:aws:iam::111122223333:role/AWSServiceRoleForBackup"), "service");
    assert_eq!(class("arn:aws:iam::111122223333:role/aws:ec2-infrastructure"), "service");
    assert_eq!(class("arn:aws:iam::111122223333:role/app"), "principal");
    assert_eq!(class("arn:aws:iam::111122223333:user/alice"), "person");
    assert_eq!(class("arn:aws:iam::111122223333:role/AWSReservedSSO_Admin_0123456789abcdef"), "person");
    let whole =
        "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_0123";
    assert_eq!(class(whole), "person");
    assert_eq!(Entity::Key("arn".into()).class(), "key");
}

#[test]
fn families_of_one_group_tell_the_same() {
    let group = |measure: &str, span| group_of(&Family::new(measure, span));
    assert_eq!(group("principal/decrypts", Span::Day), group("key/principals", Span::Hour));
    assert_ne!(group("principal/decrypts", Span::Day), group("principal/denied_calls", Span::Hour));
    assert_ne!(group("principal/decrypts", Span::Day), group("principal/decrypts", Span::Drift));
    assert_eq!(group("principal/first_uses", Span::Novelty), Group::FirstUses);
    assert_eq!(group("principal/denied_share", Span::Hour), group("principal/keys_denied", Span::Hour));
}

#[test]
fn episodes_are_bounded_and_the_oldest_are_forgotten() {
    let mut judge = judge(&[]);
    let anomaly = |n: i64| Anomaly {
        entity: Entity::Principal(format!("p{n}")),
        actor: Entity::Principal(format!("p{n}")),
        hour: START + 100 + n,
        sign: Sign::Count { measure: DECRYPTS, score: score(100 + n, 30.0, Window::Hour), is_exact: true },
        c: 9.0,
        prior: 0.0,
        threshold: judge_threshold(),
        is_new: false,
        age: Age { hours: 500, active_hours: 100 },
        first: None,
        sightings: Sightings::default(),
        refused_keys: RefusedKeys::default(),
    };
    for n in 0..MAX_EPISODES as i64 + 20 {
        let one = anomaly(n);
        judge.marks.insert((one.hour, false, one.actor.clone(), one.entity.clone(), one.sign.code()), one);
    }
    judge.settle(START + 100 + 2 * MAX_EPISODES as i64);
    assert_eq!(judge.episodes().len(), MAX_EPISODES);
    assert_eq!(judge.episodes().iter().map(|one| one.first - START).min(), Some(120));
}

fn judge_threshold() -> Threshold {
    judge(&[]).thresholds().unwrap()[0]
}

#[test]
fn jobs_that_catch_up_do_not_make_it_usual_for_others() {
    let mut judge = Judge::default();
    begin(&mut judge, 0);
    for day in 0..40i64 {
        let job = Entity::Principal(format!("arn:aws:iam::111122223333:role/job-{day}"));
        begin(&mut judge, day * 24);
        let caught_up = Closed { keeps_schedule: true, ..closed(day * 24, 11.0, DECRYPTS, false) };
        judge.take(&job, &job, &caught_up, &Hour::default());
    }
    begin(&mut judge, 960);
    let (standard, _) = judge.established.standard.as_ref().unwrap();
    let c = |class: &str| standard.c(&Family::new(&format!("{class}/decrypts"), Span::Hour), 11.0, 0);
    assert!(c("job") < 0.0 && c("principal") > 2.0, "{} {}", c("job"), c("principal"));
}

/// A busy hour at which there is hardly ever one.
fn at_night(hour: i64, measure: &'static Measure) -> Closed {
    let mut closed = closed(hour, 9.0, measure, false);
    closed.scores[0].activity = 0.003;
    closed.scores[0].history.hours = 504;
    closed
}

#[test]
fn an_hour_at_which_there_is_hardly_ever_anything_counts_beside_what_was_done_in_it() {
    let parts = |who: Entity, closed: &Closed| {
        let mut judge = Judge::default();
        begin(&mut judge, 0);
        begin(&mut judge, 100);
        judge.take(&who, &who, closed, &Hour::default());
        let mut episodes = judge.episodes();
        let episode = episodes.pop().expect("an episode");
        let groups: BTreeSet<Group> = episode.parts.iter().map(|part| part.sign.group()).collect();
        (groups, episode.c)
    };
    let (groups, worth) = parts(role(), &at_night(100, DECRYPTS));
    assert_eq!(groups, BTreeSet::from([Group::Rate, Group::QuietHours]));
    let (groups, by_day) = parts(role(), &closed(100, 9.0, DECRYPTS, false));
    assert_eq!(groups, BTreeSet::from([Group::Rate]));
    assert!(worth > by_day + 0.3, "{worth} {by_day}");
    // Keys and services of AWS have no hours of their own, and only decrypts have the rhythm of a week.
    for other in [Entity::Key("arn".into()), Entity::Principal("service:rds".into())] {
        assert!(!parts(other, &at_night(100, DECRYPTS)).0.contains(&Group::QuietHours));
    }
    assert!(!parts(role(), &at_night(100, &measures::encrypts::MEASURE)).0.contains(&Group::QuietHours));
}

#[test]
fn who_is_often_active_at_odd_hours_does_not_surprise_by_it() {
    let mut closed = at_night(100, DECRYPTS);
    closed.scores[0].calibrated = 1.2;
    let Some(Sign::QuietHour { calibrated, .. }) = Sign::quiet_hour(&closed) else { panic!("no sign") };
    assert_eq!(calibrated, 1.2);
    // Before the third week nobody knows at which hours it works.
    closed.scores[0].history.hours = 503;
    assert!(Sign::quiet_hour(&closed).is_none());
}
