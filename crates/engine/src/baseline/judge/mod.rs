//! From the scores of closed hours to anomalies: what is beyond the budget, and what belongs together.
//!
//! **Families** are kind of entity × measure × window, the weekly comparisons, and the first uses. Principals, AWS
//! services that call for themselves (with their service-linked roles, most of the noise), people and keys are classes of
//! their own: what a machine does in bulk does not make it usual for people. So are first uses of keys that are declared
//! critical, which are few: somebody new there is compared with somebody new there.
//!
//! **Newcomers.** Of an entity that is new ([`Age::is_new`]) nobody can say what is usual for it; everything is high
//! at first. So newcomers are compared with newcomers: they have a calibration of their own, a fifth of the budget,
//! and only the measures that say something of a stranger: refusals, dry runs, fan-out, and what in its first uses is
//! rare among others. The other four fifths belong to those who are established.
//!
//! **The first two days** of an estate give no anomalies at all: neither calibration has anything to compare with.
//! The rules need no history and speak from the first event on.
//!
//! **Order and repetition.** The standard is refreshed when the first hour of a UTC day closes, from peaks of earlier
//! hours alone. Hours close in ascending order, so thresholds and anomalies are a function of the events, not of their
//! order. What is taken up is kept by what it is about, and episodes are derived from it when they are asked for
//! (`episodes`): an hour that is closed twice with the same States changes nothing.

mod anomaly;
mod episodes;
mod prior;
mod sign;
mod stored;
#[cfg(test)]
mod tests;

pub use anomaly::{Anomaly, Entity, RefusedKeys};
pub use episodes::Episode;
pub use sign::{Group, NewValue, Sign, Topic};
pub use stored::{RestoreError, StoredJudge};

use super::budget::{self, Calibration, Family, Peak, Standard, Threshold, Understood};
use super::commons::Commons;
use super::entity::{Age, Closed};
use super::hour::Hour;
use super::novelty::{Dimension, Novelty};
use super::rate::Window;
use super::trace::Trace;
use crate::measures::{self, Measure};
use crate::state::Sightings;
use std::collections::{BTreeMap, BTreeSet};

/// The part of the budget that is kept for newcomers.
const NEWCOMERS_SHARE: f64 = 0.2;
/// Hours after which what was taken up is settled: longer than the windows and the gap within which an episode goes
/// on.
const SETTLED_HOURS: i64 = 72;
/// Episodes that are kept in memory; the oldest are forgotten first. No budget comes near it.
const MAX_EPISODES: usize = 4_096;
/// Anomalies of the last days that are kept. No budget comes near it.
const MAX_ANOMALIES: usize = 4_096;

/// Whether a measure says something of an entity about which nothing is known.
fn tells_of_newcomers(measure: &Measure) -> bool {
    let fan_out = [
        &measures::resources_decrypted::MEASURE,
        &measures::keys_used::MEASURE,
        &measures::principals::MEASURE,
    ];
    Group::of(measure) == Group::Denials || fan_out.iter().any(|one| one.code == measure.code)
}

/// A calibration and the standard that it gave last.
#[derive(Clone, Debug, Default, PartialEq)]
struct Side {
    calibration: Calibration,
    standard: Option<(Standard, Threshold)>,
}

impl Side {
    fn refresh(&mut self, hour: i64, budget: f64, understood: &[Understood]) {
        let standard = self.calibration.standard(hour, understood, kind_of);
        self.standard = Some(standard.with_threshold(budget));
    }
}

/// Hour, whether of a newcomer, actor, entity, and which of its signs.
type Place = (i64, bool, Entity, Entity, (u8, budget::Span));

/// What the estate usually reaches, and in what it was exceeded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judge {
    established: Side,
    newcomers: Side,
    commons: Commons,
    day: Option<i64>,
    /// Hours before this one are settled: what comes for them is not judged any more.
    settled: Option<i64>,
    /// Anomalies that are not settled, and weak ones that may yet become a part of one.
    marks: BTreeMap<Place, Anomaly>,
    /// What settled hours gave, in order of time.
    past: Vec<Episode>,
}

/// First uses of one principal, or of one key, in one hour, and how surprising they are.
#[derive(Clone, Debug)]
pub struct FirstUses<'c> {
    /// Whose.
    pub entity: &'c Entity,
    /// To whom they are laid.
    pub actor: &'c Entity,
    /// The hour.
    pub hour: i64,
    /// The judgement.
    pub novelty: Novelty,
    /// The new values that it names, by place.
    pub values: Vec<NewValue>,
    /// How long the principal had been known.
    pub age: Age,
    /// The first event that shows one of them.
    pub first: Option<Trace>,
    /// The events that show them first.
    pub sightings: Sightings,
}

impl Judge {
    /// Whether `hour` is the first to close of its UTC day: then [`Judge::refresh`] it before [`Judge::begin`].
    pub fn is_new_day(&self, hour: i64) -> bool {
        self.day < Some(hour.div_euclid(24))
    }

    /// Refreshes what is usual, as of the day before that of `hour`. `budget` is false alerts a week; what is
    /// `understood` says nothing of what is usual.
    pub fn refresh(&mut self, hour: i64, budget: f64, understood: &[Understood]) {
        let day = hour.div_euclid(24);
        if self.day < Some(day) {
            self.day = Some(day);
            // The hour counts as observed: a judge that begins with it has seen nothing before.
            self.observe(hour);
            self.established.refresh(day * 24 - 1, budget * (1.0 - NEWCOMERS_SHARE), understood);
            self.newcomers.refresh(day * 24 - 1, budget * NEWCOMERS_SHARE, understood);
            self.settle(day * 24 - SETTLED_HOURS);
        }
    }

    /// Begins with an hour that closes.
    pub fn begin(&mut self, hour: i64) {
        self.observe(hour);
        self.commons.begin(hour);
    }

    fn observe(&mut self, hour: i64) {
        self.established.calibration.observe(hour);
        self.newcomers.calibration.observe(hour);
    }

    /// Ends an hour: takes up what its principals, told by their hashes, have shown.
    pub fn learn(&mut self, shown: &[(u64, Vec<(Dimension, u32)>)]) {
        for (principal, values) in shown {
            self.commons.note(*principal, values.iter().copied());
        }
        self.commons.bound();
    }

    /// What principals have in common.
    pub fn commons(&self) -> &Commons {
        &self.commons
    }

    /// Takes up what came of closing an hour of one measure of `entity`, laid to `actor`. `by` is what the actor did
    /// in that hour: the events to show.
    pub fn take(&mut self, entity: &Entity, actor: &Entity, closed: &Closed, by: &Hour) {
        let is_new = closed.age.is_new();
        let tells_nothing = closed.scores.is_empty() && closed.drift.is_none() && closed.share.is_none();
        if tells_nothing || is_new && !tells_of_newcomers(closed.measure) {
            return;
        }
        let counts = closed.scores.iter().map(|score| Sign::Count {
            measure: closed.measure,
            score: *score,
            is_exact: closed.hour.is_exact(),
        });
        let drift = closed.drift.map(|drift| Sign::Drift { measure: closed.measure, drift });
        // Of what is new nobody knows what share is usual.
        let share = closed.share.filter(|_| !is_new).map(|score| Sign::Share { score });
        let quiet = Sign::quiet_hour(closed).filter(|_| !is_new && entity.has_hours());
        let class = entity.class_among(closed.keeps_schedule && !is_new);
        for sign in counts.chain(drift).chain(share).chain(quiet) {
            let about = || (closed.age, by.first(), by.sightings());
            self.weigh((is_new, class), sign, (entity, actor, closed.at), about);
        }
    }

    /// Takes up for which keys `principal` was refused in an hour of which all counts were taken up.
    pub fn name_refused_keys(&mut self, principal: &Entity, hour: i64, keys: &RefusedKeys) {
        for is_new in [false, true] {
            let from: Place =
                (hour, is_new, principal.clone(), principal.clone(), (u8::MIN, budget::Span::Hour));
            let of_principal = self.marks.range_mut(from..);
            let of_principal = of_principal.take_while(|((at, new, actor, entity, _), _)| {
                (*at, *new, actor, entity) == (hour, is_new, principal, principal)
            });
            for (_, anomaly) in of_principal.filter(|(_, mark)| mark.sign.group() == Group::Denials) {
                anomaly.refused_keys.clone_from(keys);
            }
        }
    }

    /// Takes up first uses.
    pub fn take_first_uses(&mut self, uses: FirstUses<'_>) {
        let FirstUses { entity, actor, hour, novelty, values, age, first, sightings } = uses;
        let sign = Sign::FirstUses { novelty, values };
        self.weigh((age.is_new(), entity.class()), sign, (entity, actor, hour), || (age, first, sightings));
    }

    fn weigh(
        &mut self,
        (is_new, class): (bool, &str),
        sign: Sign,
        (entity, actor, hour): (&Entity, &Entity, i64),
        about: impl FnOnce() -> (Age, Option<Trace>, Sightings),
    ) {
        let calibrated = sign.calibrated();
        if calibrated < Peak::LEAST || self.settled.is_some_and(|settled| hour < settled) {
            return;
        }
        let side = if is_new { &mut self.newcomers } else { &mut self.established };
        let family = Family::new(&format!("{class}/{}", sign.family()), sign.span());
        let peak = Peak { entity: entity.hash(), actor: actor.hash(), hour, score: calibrated };
        side.calibration.record(&family, peak);
        let Some((standard, threshold)) = &side.standard else { return };
        let prior = kind_of(&family).prior;
        let rarity = standard.c(&family, calibrated, peak.actor);
        // What comes often is no part of what happened, however well it would fit; what is rare is, however little it weighs: it
        // tells which key.
        if !threshold.is_mature || rarity < budget::WEAKEST {
            return;
        }
        let threshold = standard.threshold_of(peak.actor, *threshold);
        let (age, first, sightings) = about();
        let anomaly = Anomaly {
            entity: entity.clone(),
            actor: actor.clone(),
            hour,
            sign,
            c: rarity + prior,
            prior,
            threshold,
            is_new,
            age,
            first,
            sightings,
            refused_keys: RefusedKeys::default(),
        };
        let place = anomaly.place();
        // Taken up again, an hour keeps what was first said of it, unless more has come to light.
        match self.marks.get_mut(&place) {
            Some(known) if known.sign.calibrated() >= calibrated => {}
            Some(known) => *known = anomaly,
            None => {
                self.marks.insert(place, anomaly);
            }
        }
        while self.marks.len() > MAX_ANOMALIES {
            self.marks.pop_first();
        }
    }

    /// Settles what lies before `hour`: episodes that can change no more are put by, weak anomalies forgotten.
    fn settle(&mut self, hour: i64) {
        self.settled = self.settled.max(Some(hour));
        let mut lasting: BTreeSet<(bool, Entity)> = BTreeSet::new();
        for mut episode in episodes::derive(&self.past, self.marks.values()) {
            if episode.last < hour {
                // All events stand in the episode.
                episode.parts.iter_mut().for_each(|part| part.sightings = Sightings::default());
                self.past.push(episode);
            } else if episode.first < hour {
                lasting.insert((episode.is_new, episode.actor));
            }
        }
        self.marks
            .retain(|(at, is_new, actor, ..), _| *at >= hour || lasting.contains(&(*is_new, actor.clone())));
        self.past.sort_by(|a, b| (a.first, &a.actor, a.is_new).cmp(&(b.first, &b.actor, b.is_new)));
        let excess = self.past.len().saturating_sub(MAX_EPISODES);
        self.past.drain(..excess);
    }

    /// All episodes that are remembered, in order of time.
    pub fn episodes(&self) -> Vec<Episode> {
        let mut all = self.past.clone();
        all.extend(episodes::derive(&self.past, self.marks.values()));
        all.sort_by(|a, b| (a.first, &a.actor, a.is_new).cmp(&(b.first, &b.actor, b.is_new)));
        all
    }

    /// The thresholds in force for those who are established and for newcomers; `None` until an hour has closed.
    pub fn thresholds(&self) -> Option<[Threshold; 2]> {
        let of = |side: &Side| side.standard.as_ref().map(|(_, threshold)| *threshold);
        Some([of(&self.established)?, of(&self.newcomers)?])
    }
}

/// What evidence a family gives.
fn kind_of(family: &Family) -> budget::Kind {
    let group = group_of(family);
    budget::Kind { group: group as u8, prior: prior::of(family, group) }
}

/// The group of evidence that a family belongs to.
fn group_of(family: &Family) -> Group {
    let id = family.measure().split_once('/').map_or("", |(_, id)| id);
    match (family.span(), measures::ALL.iter().find(|measure| measure.id == id)) {
        (_, None) if id == sign::DENIED_SHARE => Group::Denials,
        (_, None) if id == sign::QUIET_HOUR => Group::QuietHours,
        (budget::Span::Novelty, _) | (_, None) => Group::FirstUses,
        (budget::Span::Drift, _) => Group::Drift,
        (_, Some(measure)) => Group::of(measure),
    }
}

/// The span of a window.
fn span(window: Window) -> budget::Span {
    match window {
        Window::Hour => budget::Span::Hour,
        Window::SixHours => budget::Span::SixHours,
        Window::Day => budget::Span::Day,
    }
}
