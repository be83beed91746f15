//! From the scores of closed hours to anomalies: what is beyond the budget, and what belongs together.
//!
//! **Families** are kind of entity × measure × window. Principals, AWS services that call for themselves (with
//! their service-linked roles, most of the noise) and keys are classes of their own.
//!
//! **Newcomers.** Of an entity that is new ([`Age::is_new`]) nobody can say what is usual for it; everything is high
//! at first. So newcomers are compared with newcomers: they have a calibration of their own, a fifth of the budget,
//! and only the measures that say something of a stranger: refusals, dry runs and fan-out. The other four fifths
//! belong to those who are established.
//!
//! **The first two days** of an estate give no anomalies at all: neither calibration has anything to compare with.
//! The rules need no history and speak from the first event on.
//!
//! **Order.** The standard is refreshed when the first hour of a UTC day closes, from peaks of earlier hours alone.
//! Hours close in ascending order, so thresholds and anomalies are a function of the events, not of their order.
//!
//! **Episodes.** Anomalies of one actor whose hours are at most a day apart are one episode, named by its first hour,
//! which later anomalies do not change. A long window stays high for as long as it holds the hours that made it so:
//! such an echo, no higher than before, adds nothing and does not prolong the episode.
//! It is laid to whom the reported hour was laid to.

use super::budget::{self, Calibration, Family, Peak, Standard, Threshold};
use super::entity::{Age, Closed};
use super::hour::{Hour, Trace};
use super::rate::{Score, Window};
use crate::measures::{self, Measure};
use crate::state::{Merge, Sightings};
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64;

/// The part of the budget that is kept for newcomers.
const NEWCOMERS_SHARE: f64 = 0.2;
/// Hours at most between two anomalies of one episode.
const EPISODE_HOURS: i64 = 24;
/// Streams and windows that an episode tells apart; further ones are left out.
const MAX_PARTS: usize = 16;
/// Episodes that are kept; the oldest are forgotten first. No budget comes near it.
const MAX_EPISODES: usize = 4_096;

/// Whose stream it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entity {
    /// A principal, by id.
    Principal(String),
    /// A key, by ARN.
    Key(String),
}

impl Entity {
    /// Id or ARN.
    pub fn id(&self) -> &str {
        match self {
            Entity::Principal(id) | Entity::Key(id) => id,
        }
    }

    /// The class whose members are compared with each other.
    pub fn class(&self) -> &'static str {
        match self {
            Entity::Key(_) => "key",
            Entity::Principal(id) if is_service(id) => "service",
            Entity::Principal(_) => "principal",
        }
    }

    fn hash(&self) -> u64 {
        xxh3_64(self.id().as_bytes())
    }
}

/// Whether the principal with this id is an AWS service: for itself, or in a role made for it.
fn is_service(id: &str) -> bool {
    let role = id.split_once(":role/").map(|(_, role)| role);
    id.starts_with("service:")
        || role.is_some_and(|role| role.starts_with("AWSServiceRoleFor") || role.starts_with("aws:"))
}

/// What anomalies are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Much use.
    Rate,
    /// Refusals and trials.
    Denials,
}

impl Topic {
    /// The topic of a measure.
    pub fn of(measure: &Measure) -> Topic {
        let denials =
            [&measures::denied_calls::MEASURE, &measures::keys_denied::MEASURE, &measures::dry_runs::MEASURE];
        if denials.iter().any(|one| one.code == measure.code) { Topic::Denials } else { Topic::Rate }
    }
}

/// Whether a measure says something of an entity about which nothing is known.
fn tells_of_newcomers(measure: &Measure) -> bool {
    let fan_out = [
        &measures::resources_decrypted::MEASURE,
        &measures::keys_used::MEASURE,
        &measures::principals::MEASURE,
    ];
    Topic::of(measure) == Topic::Denials || fan_out.iter().any(|one| one.code == measure.code)
}

/// A score beyond the threshold.
#[derive(Clone, Debug, PartialEq)]
pub struct Anomaly {
    /// Whose stream it is.
    pub entity: Entity,
    /// What was counted.
    pub measure: &'static Measure,
    /// The score.
    pub score: Score,
    /// Whether the count is exact, and not an estimate.
    pub is_exact: bool,
    /// C: -log10 of how many such peaks a week the estate shows.
    pub c: f64,
    /// The threshold in force.
    pub threshold: Threshold,
    /// How long the entity had been known.
    pub age: Age,
    /// The first event of the actor in the hour.
    pub first: Option<Trace>,
}

impl Anomaly {
    /// How far C is beyond the threshold.
    pub fn excess(&self) -> f64 {
        self.c - self.threshold.c
    }
}

/// Anomalies of one actor that belong together.
#[derive(Clone, Debug, PartialEq)]
pub struct Episode {
    /// What they are about.
    pub topic: Topic,
    /// Who: the principal, or a key of whose use no principal made half.
    pub actor: Entity,
    /// The first hour, whole hours since the epoch: with topic and actor the name of the episode.
    pub first: i64,
    /// The last hour.
    pub last: i64,
    /// The highest anomaly of each stream and window.
    pub parts: BTreeMap<(Entity, u8, Window), Anomaly>,
    /// Whether parts were left out.
    pub is_cut: bool,
    /// The events of the hours that made it.
    pub sightings: Sightings,
}

impl Episode {
    /// The anomaly that is furthest beyond its threshold.
    pub fn highest(&self) -> Option<&Anomaly> {
        // Of equals the first in the order of entities and measures.
        self.parts.values().rev().max_by(|a, b| a.excess().total_cmp(&b.excess()))
    }
}

/// A calibration and the standard that it gave last.
#[derive(Clone, Debug, Default, PartialEq)]
struct Side {
    calibration: Calibration,
    standard: Option<(Standard, Threshold)>,
}

impl Side {
    fn refresh(&mut self, hour: i64, budget: f64) {
        let standard = self.calibration.standard(hour, &[]);
        let threshold = standard.threshold(budget);
        self.standard = Some((standard, threshold));
    }
}

/// What the estate usually reaches, and the episodes in which it was exceeded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judge {
    established: Side,
    newcomers: Side,
    day: Option<i64>,
    episodes: BTreeMap<(Topic, Entity), Vec<Episode>>,
    n_episodes: usize,
    /// The last anomaly of each stream in the last day: its hour, and whom it was laid to.
    recent: BTreeMap<(Entity, u8), (i64, Entity)>,
}

impl Judge {
    /// Begins with an hour that closes. `budget` is false alerts a week.
    pub fn begin(&mut self, hour: i64, budget: f64) {
        for side in [&mut self.established, &mut self.newcomers] {
            side.calibration.observe(hour);
        }
        self.recent.retain(|_, (last, _)| hour - *last <= EPISODE_HOURS);
        let day = hour.div_euclid(24);
        if self.day < Some(day) {
            self.day = Some(day);
            self.established.refresh(day * 24 - 1, budget * (1.0 - NEWCOMERS_SHARE));
            self.newcomers.refresh(day * 24 - 1, budget * NEWCOMERS_SHARE);
        }
    }

    /// Takes up what came of closing an hour of one measure of `entity`, laid to `actor`. `by` is what the actor did
    /// in that hour: the events to show.
    pub fn take(&mut self, entity: &Entity, actor: &Entity, closed: &Closed, by: &Hour) {
        let is_new = closed.age.is_new();
        if is_new && !tells_of_newcomers(closed.measure) {
            return;
        }
        for score in closed.scores.iter().filter(|score| score.calibrated >= Peak::LEAST) {
            let side = if is_new { &mut self.newcomers } else { &mut self.established };
            let family = family(entity.class(), closed.measure, score.window);
            let peak = Peak {
                entity: entity.hash(),
                actor: actor.hash(),
                hour: score.hour,
                score: score.calibrated,
            };
            side.calibration.record(&family, peak);
            let Some((standard, threshold)) = &side.standard else { continue };
            let c = standard.c(&family, score.calibrated);
            if !threshold.is_mature || c < threshold.c {
                continue;
            }
            let anomaly = Anomaly {
                entity: entity.clone(),
                measure: closed.measure,
                score: *score,
                is_exact: closed.hour.is_exact(),
                c,
                threshold: *threshold,
                age: closed.age,
                first: by.first().cloned(),
            };
            // A long window that holds an hour already reported is of the same making, whoever made the last hour.
            let stream = (entity.clone(), closed.measure.code);
            let earlier =
                self.recent.get(&stream).filter(|(last, _)| score.hour - last < score.window.hours());
            match (score.window, earlier.cloned()) {
                (Window::SixHours | Window::Day, Some((_, earlier))) => {
                    self.add(&earlier, anomaly, &by.sightings());
                }
                _ => {
                    self.add(actor, anomaly, &by.sightings());
                    self.recent.insert(stream, (score.hour, actor.clone()));
                }
            }
        }
    }

    fn add(&mut self, actor: &Entity, anomaly: Anomaly, sightings: &Sightings) {
        let topic = Topic::of(anomaly.measure);
        let hour = anomaly.score.hour;
        let episodes = self.episodes.entry((topic, actor.clone())).or_default();
        // Hours come in ascending order: only the last episode can go on.
        let goes_on = episodes.last().is_some_and(|last| (hour - last.last).abs() <= EPISODE_HOURS);
        if !goes_on {
            episodes.push(Episode {
                topic,
                actor: actor.clone(),
                first: hour,
                last: hour,
                parts: BTreeMap::new(),
                is_cut: false,
                sightings: Sightings::default(),
            });
            self.n_episodes += 1;
        }
        if let Some(episode) = episodes.last_mut() {
            episode.add(anomaly, sightings);
        }
        while self.n_episodes > MAX_EPISODES {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let oldest = self.episodes.iter().min_by_key(|(key, list)| (list.first().map(|one| one.first), *key));
        let Some(key) = oldest.map(|(key, _)| key.clone()) else { return };
        if let Some(list) = self.episodes.get_mut(&key) {
            if list.len() > 1 {
                list.remove(0);
            } else {
                self.episodes.remove(&key);
            }
        }
        self.n_episodes = self.n_episodes.saturating_sub(1);
    }

    /// All episodes, by topic and actor, those of one actor in order of time.
    pub fn episodes(&self) -> impl Iterator<Item = &Episode> {
        self.episodes.values().flatten()
    }

    /// The thresholds in force for those who are established and for newcomers; `None` until an hour has closed.
    pub fn thresholds(&self) -> Option<[Threshold; 2]> {
        let of = |side: &Side| side.standard.as_ref().map(|(_, threshold)| *threshold);
        Some([of(&self.established)?, of(&self.newcomers)?])
    }
}

impl Episode {
    fn add(&mut self, anomaly: Anomaly, sightings: &Sightings) {
        let hour = anomaly.score.hour;
        let part = (anomaly.entity.clone(), anomaly.measure.code, anomaly.score.window);
        let highest = self.parts.get(&part).map(|known| known.c);
        let is_echo = anomaly.score.window != Window::Hour && highest.is_some_and(|known| anomaly.c <= known);
        if is_echo {
            return;
        }
        self.first = self.first.min(hour);
        self.last = self.last.max(hour);
        self.sightings.merge(sightings);
        if highest.is_none() && self.parts.len() >= MAX_PARTS {
            self.is_cut = true;
        } else if highest.is_none_or(|known| anomaly.c > known) {
            self.parts.insert(part, anomaly);
        }
    }
}

fn family(class: &str, measure: &Measure, window: Window) -> Family {
    let span = match window {
        Window::Hour => budget::Span::Hour,
        Window::SixHours => budget::Span::SixHours,
        Window::Day => budget::Span::Day,
    };
    Family::new(&format!("{class}/{}", measure.id), span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::rate::History;

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
            history: History { active_hours: 100, hours: 500 },
        }
    }

    fn closed(hour: i64, t: f64, measure: &'static Measure, is_new: bool) -> Closed {
        let age = Age { hours: if is_new { 3 } else { 500 }, active_hours: 100 };
        Closed { measure, scores: vec![score(hour, t, Window::Hour)], hour: Hour::default(), age }
    }

    fn judge(hours: &[(i64, f64, &'static Measure, bool)]) -> Judge {
        let mut judge = Judge::default();
        let who = Entity::Principal("arn:aws:iam::111122223333:role/a".into());
        judge.begin(START, 1.0);
        for (hour, t, measure, is_new) in hours {
            judge.begin(START + hour, 1.0);
            judge.take(&who, &who, &closed(*hour, *t, measure, *is_new), &Hour::default());
        }
        judge
    }

    const DECRYPTS: &Measure = &measures::decrypts::MEASURE;
    const DENIED: &Measure = &measures::denied_calls::MEASURE;

    #[test]
    fn nothing_is_said_in_the_first_two_days() {
        assert_eq!(judge(&[(40, 30.0, DECRYPTS, false)]).episodes().count(), 0);
        assert_eq!(
            judge(&[(50, 30.0, DECRYPTS, false)]).episodes().count(),
            0,
            "of the day before, 47 hours"
        );
        assert_eq!(judge(&[(80, 30.0, DECRYPTS, false)]).episodes().count(), 1);
        assert_eq!(judge(&[(80, 2.1, DECRYPTS, false)]).episodes().count(), 0);
    }

    #[test]
    fn newcomers_are_judged_by_refusals_and_fan_out_alone() {
        assert_eq!(judge(&[(80, 30.0, DECRYPTS, true)]).episodes().count(), 0);
        assert_eq!(judge(&[(80, 30.0, DENIED, true)]).episodes().count(), 1);
    }

    #[test]
    fn anomalies_within_a_day_are_one_episode_named_by_its_first_hour() {
        let judge = judge(&[
            (80, 20.0, DECRYPTS, false),
            (90, 30.0, DECRYPTS, false),
            (114, 45.0, DECRYPTS, false),
            (139, 60.0, DECRYPTS, false),
            (139, 25.0, DENIED, false),
        ]);
        let found: Vec<_> =
            judge.episodes().map(|one| (one.topic, one.first - START, one.last - START)).collect();
        assert_eq!(found, [(Topic::Rate, 80, 114), (Topic::Rate, 139, 139), (Topic::Denials, 139, 139)]);
        let first = judge.episodes().next().unwrap();
        assert_eq!(first.parts.len(), 1);
        // The one at 114 is higher, but the estate had seen the others by then.
        assert_eq!(first.highest().unwrap().score.hour, START + 90);
    }

    #[test]
    fn the_echo_of_a_long_window_does_not_prolong_an_episode() {
        let mut judge = judge(&[]);
        let who = Entity::Principal("a".into());
        for (hour, t) in [(80, 20.0), (85, 20.0), (95, 19.0), (103, 18.0)] {
            judge.begin(START + hour, 1.0);
            let mut closed = closed(hour, t, DECRYPTS, false);
            closed.scores[0].window = Window::Day;
            judge.take(&who, &who, &closed, &Hour::default());
        }
        assert_eq!(judge.episodes().map(|one| one.last - START).collect::<Vec<_>>(), [80]);
    }

    #[test]
    fn the_echo_of_a_long_window_is_laid_to_whoever_made_it() {
        let mut judge = judge(&[]);
        let [key, user] = [Entity::Key("k".into()), Entity::Principal("p".into())];
        judge.begin(START + 80, 1.0);
        judge.take(&key, &user, &closed(80, 30.0, DECRYPTS, false), &Hour::default());
        judge.begin(START + 84, 1.0);
        let mut later = closed(84, 20.0, DECRYPTS, false);
        later.scores[0].window = Window::SixHours;
        judge.take(&key, &key, &later, &Hour::default());
        assert_eq!(judge.episodes().map(|one| &one.actor).collect::<Vec<_>>(), [&user]);
    }

    #[test]
    fn what_happens_often_is_no_anomaly() {
        let hours: Vec<_> = (0..40).map(|n| (n * 7, 9.0, DECRYPTS, false)).collect();
        let judge = judge(&hours);
        let last = judge.episodes().map(|one| one.last - START).max().unwrap_or_default();
        assert!(last < 200, "{last}");
    }

    #[test]
    fn services_are_a_class_of_their_own() {
        let class = |id: &str| Entity::Principal(id.into()).class();
        assert_eq!(class("service:s3"), "service");
        assert_eq!(class("arn:aws:iam::111122223333:role/AWSServiceRoleForBackup"), "service");
        assert_eq!(class("arn:aws:iam::111122223333:role/aws:ec2-infrastructure"), "service");
        assert_eq!(class("arn:aws:iam::111122223333:role/app"), "principal");
        assert_eq!(Entity::Key("arn".into()).class(), "key");
    }

    #[test]
    fn episodes_are_bounded_and_the_oldest_are_forgotten() {
        let mut judge = judge(&[]);
        for n in 0..MAX_EPISODES as i64 + 20 {
            let who = Entity::Principal(format!("p{n}"));
            judge.begin(START + 100, 1.0);
            judge.add(
                &who,
                Anomaly {
                    entity: who.clone(),
                    measure: DECRYPTS,
                    score: score(100 + n, 30.0, Window::Hour),
                    is_exact: true,
                    c: 9.0,
                    threshold: judge.thresholds().unwrap()[0],
                    age: Age { hours: 500, active_hours: 100 },
                    first: None,
                },
                &Sightings::default(),
            );
        }
        assert_eq!(judge.episodes().count(), MAX_EPISODES);
        assert_eq!(judge.episodes().map(|one| one.first - START).min(), Some(120));
    }
}
