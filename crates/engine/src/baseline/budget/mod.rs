//! From scores to alerts: a budget of false statistical alerts a week, for the whole estate together.
//!
//! Streams are many and dependent, so probabilities cannot be added up to a rate of alerts. Instead the
//! estate shows what it usually reaches, twice:
//!
//! 1. **Per family** (a measure and a window, or novelty, or drift): the peaks of the calibrated score T in
//!    the last eight weeks, declustered per entity. Their tail is taken as exponential above the 15 largest
//!    (peaks over threshold: Pickands 1975, Davison and Smith 1990), below it they are counted. `C =
//!    -log10(peaks a week at this height)`: whatever the family, C = 1 is what the estate shows once in ten
//!    weeks. What the same actor did of late does not count: an attack must not make the next one of the same usual.
//!    ([`curve`])
//!    A family may have a prior, which is added to C ([`Kind`]): the budget is then divided unevenly.
//! 2. **Over families**: peaks of one actor within a day make an incident. Families fall into groups of evidence that
//!    tell the same (counts of all kinds; refusals; first uses); of each group the largest C counts, and the groups
//!    add up ([`combined`]). The threshold on this sum is the one that the incidents of the last weeks exceed
//!    `budget` times a week; what an actor did of late does not raise it for the same. ([`Standard::with_threshold`])
//!
//! A [`Calibration`] is a State like the others: a bounded set of peaks keyed by (family, entity, time block)
//! with the maximum. It merges in any order, any number of times. What is bounded is bounded per week, so
//! that old weeks can leave without having displaced anything.

pub mod curve;
mod encoding;
mod peaks;

pub use encoding::DecodeError;
pub use peaks::{Family, Peak, Span};

use super::bytes::MAX_HOUR;
use crate::state::Merge;
use curve::{Curve, Incidents, Seen};
use peaks::Peaks;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Weeks over which peaks are counted.
pub const WEEKS: i64 = 8;
/// Hours of observation before a threshold is believed (two days).
const LEAST_HOURS: i64 = 48;
/// Hours within which the peaks of one actor make one incident.
const INCIDENT_HOURS: i64 = 24;
/// C of the weakest evidence that counts together with other evidence: what the estate shows about three times a
/// week. Lower, and the usual adds up to something; higher, and weak evidence of different kinds goes unheard.
pub const WEAKEST: f64 = -0.5;
/// Weeks of the nominal rate that count as seen beside what the estate shows.
const NOMINAL_WEEKS: f64 = 0.3;
/// Families that an estate is taken to have before it has shown any.
const LEAST_FAMILIES: f64 = 2.0;
/// Families at most. They come from the code, not from logs; this bounds what is read back.
const MAX_FAMILIES: usize = 128;

/// What the estate usually reaches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calibration {
    /// The first hour that was observed.
    first: Option<i64>,
    families: BTreeMap<Family, Peaks>,
}

/// A peak that is already understood (a confirmed attack, an expected event) and so says nothing of what is
/// usual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Understood {
    /// The actor, as in [`Peak::actor`].
    pub actor: u64,
    /// First hour.
    pub from: i64,
    /// Last hour.
    pub to: i64,
}

/// What evidence the peaks of a family give.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kind {
    /// Evidence of one group tells the same.
    pub group: u8,
    /// Added to C: how much sooner this is misuse than what is as rare in another family (log10).
    pub prior: f64,
}

/// The threshold on C that keeps the budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// Alert at this C and above.
    pub c: f64,
    /// Weeks of observation behind it, at most [`WEEKS`].
    pub weeks: f64,
    /// Incidents behind it.
    pub incidents: usize,
    /// Whether two days have been observed; before, priors speak and nothing should be promised.
    pub is_mature: bool,
}

/// The estate's calibration as of an hour, ready to judge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Standard {
    #[serde(with = "as_list")]
    curves: BTreeMap<Family, Curve>,
    weeks: f64,
    /// Families, each as many times as it counts.
    #[serde(skip)]
    families: f64,
    /// Largest first.
    #[serde(skip)]
    incidents: Vec<Incident>,
    /// Thresholds of the actors of recent incidents.
    #[serde(default)]
    of_recent: Vec<(u64, f64)>,
    is_mature: bool,
}

/// Peaks of one actor within a day.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Incident {
    /// The highest.
    worth: f64,
    /// Whose it is, if it is so recent that it does not count as usual for the same; 0 if it is older.
    recent_actor: u64,
}

/// Families with their curves are stored as a list.
mod as_list {
    use super::{Curve, Family};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    pub(super) fn serialize<S: Serializer>(
        curves: &BTreeMap<Family, Curve>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        curves.iter().collect::<Vec<_>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Family, Curve>, D::Error> {
        Ok(Vec::<(Family, Curve)>::deserialize(deserializer)?.into_iter().collect())
    }
}

impl Calibration {
    /// Notes that `hour` was observed, with or without peaks: the time over which they are counted.
    pub fn observe(&mut self, hour: i64) {
        let hour = hour.clamp(-MAX_HOUR, MAX_HOUR);
        self.first = Some(self.first.map_or(hour, |first| first.min(hour)));
    }

    /// Takes up a peak. Below [`Peak::LEAST`] it is not worth keeping.
    pub fn record(&mut self, family: &Family, peak: Peak) {
        self.observe(peak.hour);
        if peak.score.is_nan() || peak.score < Peak::LEAST {
            return;
        }
        match self.families.get_mut(family) {
            Some(peaks) => peaks.record(family.span, peak),
            None => {
                let mut peaks = Peaks::default();
                peaks.record(family.span, peak);
                self.families.insert(family.clone(), peaks);
                self.bound();
            }
        }
    }

    /// What is usual as of hour `now`: worth refreshing once a day. Peaks of `understood` incidents are left
    /// out.
    /// `kind` tells what evidence a family gives.
    pub fn standard(&self, now: i64, understood: &[Understood], kind: impl Fn(&Family) -> Kind) -> Standard {
        let observed = now.saturating_sub(self.first.unwrap_or(now)).max(0);
        let weeks = weeks_of(observed);
        let from = now.saturating_sub(WEEKS * 168);
        let is_counted = |peak: &Peak| {
            let is_part =
                |one: &Understood| one.actor == peak.actor && (one.from..=one.to).contains(&peak.hour);
            peak.hour > from && peak.hour <= now && !understood.iter().any(is_part)
        };
        let mut curves = BTreeMap::new();
        let mut judged = Vec::new();
        let mut families = 0.0;
        for (family, peaks) in &self.families {
            let peaks = peaks.declustered(family.span, is_counted);
            // However short it was: peaks of a stream that are closer than the gap are one.
            let weeks = weeks_of((observed - family.span.delay()).max(family.span.gap()));
            let curve = Curve::of(peaks.iter().map(|peak| seen(peak, now - family.span.own())), weeks);
            let kind = kind(family);
            families += libm::exp10(kind.prior);
            judged.extend(as_judged(peaks, &curve, (family.span, kind), now));
            curves.insert(family.clone(), curve);
        }
        let incidents = merged(judged);
        let is_mature = observed >= LEAST_HOURS;
        Standard { curves, weeks, families, incidents, of_recent: Vec::new(), is_mature }
    }

    fn bound(&mut self) {
        while self.families.len() > MAX_FAMILIES {
            self.families.pop_last();
        }
    }
}

/// Weeks of so many hours, as far as they count.
fn weeks_of(hours: i64) -> f64 {
    (hours as f64 / 168.0).clamp(LEAST_HOURS as f64 / 168.0, WEEKS as f64)
}

fn seen(peak: &Peak, since: i64) -> Seen {
    Seen { height: peak.score, recent_actor: if peak.hour > since { peak.actor } else { 0 } }
}

/// C of each peak in the way in which it was judged: by what there was besides it, and without what its actor had just done
/// before.
fn as_judged(mut peaks: Vec<Peak>, curve: &Curve, (span, kind): (Span, Kind), now: i64) -> Vec<Judged> {
    peaks.sort_by(|a, b| b.score.total_cmp(&a.score).then((a.entity, a.hour).cmp(&(b.entity, b.hour))));
    let judged = peaks.iter().map(|peak| {
        let is_own = |one: &Peak| {
            one.actor == peak.actor && (peak.hour - span.own() + 1..peak.hour).contains(&one.hour)
                || (one.entity, one.hour) == (peak.entity, peak.hour)
        };
        let others: Vec<f64> = peaks.iter().filter(|one| !is_own(one)).map(|one| one.score).collect();
        let is_recent = peak.hour > now - span.own();
        let c = curve.c_among(&others, peak.score) + kind.prior;
        Judged { actor: peak.actor, hour: peak.hour, is_recent, group: kind.group, c }
    });
    judged.collect()
}

impl Merge for Calibration {
    fn merge(&mut self, other: &Calibration) {
        if let Some(first) = other.first {
            self.observe(first);
        }
        for (family, peaks) in &other.families {
            self.families.entry(family.clone()).or_default().merge(peaks);
        }
        self.bound();
    }
}

impl Standard {
    /// C of a score T of `family`: -log10 of how many such peaks a week the estate shows, but for what `actor` (as in
    /// [`Peak::actor`]) did of late. Weeks are compared for all streams of the estate from the same day on: on that day there
    /// is nothing to compare them with, and C is the least.
    pub fn c(&self, family: &Family, score: f64, actor: u64) -> f64 {
        match self.curves.get(family) {
            Some(curve) => curve.c(score, actor),
            None if family.span == Span::Drift => curve::LEAST_C,
            None => Curve::of(std::iter::empty(), self.weeks).c(score, 0),
        }
    }

    /// The standard to judge by, with the threshold that `budget` incidents a week exceed (0.01 to 1,000; outside, the
    /// nearest of them).
    ///
    /// Some days of the nominal rate count as seen: every family exceeds C as often as C says. So the
    /// threshold begins at log10(families / budget) and moves to what the estate shows.
    #[must_use]
    pub fn with_threshold(mut self, budget: f64) -> (Standard, Threshold) {
        let budget = if budget.is_nan() { 1.0 } else { budget.clamp(0.01, 1_000.0) };
        let without = |actor: Option<u64>| {
            let others = self.incidents.iter().filter(|one| actor != Some(one.recent_actor));
            self.exceeded(budget, &others.map(|one| one.worth).collect::<Vec<_>>())
        };
        let (c, incidents) = (without(None), self.incidents.len());
        let highest = self.incidents.iter().take(curve::REMEMBERED).map(|one| one.recent_actor);
        let actors: BTreeSet<u64> = highest.filter(|actor| *actor != 0).collect();
        self.of_recent = actors.into_iter().map(|actor| (actor, without(Some(actor)))).collect();
        (self.incidents, self.families) = (Vec::new(), 0.0);
        let (weeks, is_mature) = (self.weeks, self.is_mature);
        (self, Threshold { c, weeks, incidents, is_mature })
    }

    /// The threshold of `actor`, where `general` is that of others: what it did of late does not raise it.
    pub fn threshold_of(&self, actor: u64, general: Threshold) -> Threshold {
        let own = self.of_recent.iter().find(|(recent, _)| *recent == actor);
        Threshold { c: own.map_or(general.c, |(_, c)| c.min(general.c)), ..general }
    }

    /// The C that `budget` such incidents (largest first) a week exceed.
    fn exceeded(&self, budget: f64, incidents: &[f64]) -> f64 {
        let families = self.families.max(LEAST_FAMILIES);
        let incidents = Incidents::of(incidents, self.weeks);
        let exceeding = |c: f64| {
            let nominal = NOMINAL_WEEKS * families * libm::exp10(-c);
            (incidents.above(c) + nominal) / (self.weeks + NOMINAL_WEEKS)
        };
        let (mut low, mut high) = (-6.0, 60.0);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if exceeding(middle) > budget {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    }
}

/// A peak in the unit of all families.
#[derive(Clone, Copy, Debug)]
struct Judged {
    actor: u64,
    hour: i64,
    /// Whether it does not count as usual for the same actor.
    is_recent: bool,
    group: u8,
    c: f64,
}

/// The worth of evidence (group and C of each piece): of each group the strongest counts, and above [`WEAKEST`] the
/// groups add up. One group alone is worth its C.
pub fn combined(evidence: impl Iterator<Item = (u8, f64)>) -> f64 {
    let mut best: BTreeMap<u8, f64> = BTreeMap::new();
    for (group, c) in evidence {
        best.entry(group).and_modify(|known| *known = known.max(c)).or_insert(c);
    }
    let largest = best.values().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = best.values().map(|c| (c - WEAKEST).max(0.0)).sum();
    if sum > 0.0 { largest.max(sum + WEAKEST) } else { largest }
}

/// The incidents, largest first: the peaks of one actor that are no more than a day apart. At each of them the evidence of
/// the day before it counts.
fn merged(mut peaks: Vec<Judged>) -> Vec<Incident> {
    peaks.sort_by(|a, b| {
        (a.actor, a.hour, a.group).cmp(&(b.actor, b.hour, b.group)).then(a.c.total_cmp(&b.c))
    });
    let mut incidents: Vec<Incident> = Vec::new();
    let mut last: Option<(u64, i64)> = None;
    for (at, peak) in peaks.iter().enumerate() {
        let before = peaks.get(..=at).unwrap_or_default().iter().rev();
        let day = before
            .take_while(|one| one.actor == peak.actor && peak.hour - one.hour < INCIDENT_HOURS)
            .map(|one| (one.group, one.c));
        let worth = combined(day);
        let recent_actor = if peak.is_recent { peak.actor } else { 0 };
        match (last, incidents.last_mut()) {
            (Some((same, before)), Some(incident))
                if same == peak.actor && peak.hour - before <= INCIDENT_HOURS =>
            {
                *incident = Incident { worth: incident.worth.max(worth), recent_actor };
            }
            _ => incidents.push(Incident { worth, recent_actor }),
        }
        last = Some((peak.actor, peak.hour));
    }
    incidents.sort_by(|a, b| b.worth.total_cmp(&a.worth).then(a.recent_actor.cmp(&b.recent_actor)));
    incidents
}

#[cfg(test)]
mod tests;
