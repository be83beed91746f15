//! The peaks of one family: bounded by week, mergeable, declustered when read.

use crate::baseline::bytes::MAX_HOUR;
use crate::state::Merge;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the scores of a family span: how far apart two peaks of an entity must be to count as two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// The window of one hour.
    Hour,
    /// First uses within an hour.
    Novelty,
    /// The window of six hours.
    SixHours,
    /// The window of 24 hours.
    Day,
    /// The comparison of weeks.
    Drift,
    /// The window of 24 hours, where more than usual came all day long.
    SpreadDay,
}

impl Span {
    /// All spans, in the order of their numbers in the binary form.
    pub(super) const ALL: [Span; 6] =
        [Span::Hour, Span::Novelty, Span::SixHours, Span::Day, Span::Drift, Span::SpreadDay];

    /// Hours between two peaks that count as two.
    pub fn gap(self) -> i64 {
        match self {
            Span::Hour | Span::Novelty => 6,
            Span::SixHours => 12,
            Span::Day | Span::SpreadDay => 36,
            Span::Drift => 240,
        }
    }

    /// Hours within which what an actor did does not count as usual for it: two weeks, and for growth the seven weeks
    /// that the last one is compared with, so that who grows slowly is not compared with its own beginning.
    pub(super) fn own(self) -> i64 {
        match self {
            Span::Drift => 7 * 168,
            _ => 14 * 24,
        }
    }

    /// Hours of an estate before it can show such a peak: weeks are compared from the sixth on.
    pub(super) fn delay(self) -> i64 {
        match self {
            Span::Drift => 5 * 168,
            _ => 0,
        }
    }
}

/// Scores that are comparable with each other: one measure over one span, of all entities of the estate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Family {
    pub(super) measure: String,
    pub(super) span: Span,
}

impl Family {
    /// Longest id of a measure, in bytes.
    pub(super) const MEASURE_BYTES: usize = 64;

    /// The family of `measure`, an id that the code gives (cut after 64 bytes), over `span`.
    pub fn new(measure: &str, span: Span) -> Family {
        let end = (0..=Self::MEASURE_BYTES.min(measure.len())).rev().find(|at| measure.is_char_boundary(*at));
        Family { measure: measure.get(..end.unwrap_or(0)).unwrap_or_default().to_owned(), span }
    }

    /// The measure.
    pub fn measure(&self) -> &str {
        &self.measure
    }

    /// The span.
    pub fn span(&self) -> Span {
        self.span
    }
}

/// A high score of one entity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peak {
    /// Hash of the entity whose stream it is.
    pub entity: u64,
    /// Hash of the actor it is attributed to: the principal itself, or for a key's stream the principal that
    /// made at least half of the window, or else the key.
    pub actor: u64,
    /// The hour in which the window ends.
    pub hour: i64,
    /// T.
    pub score: f64,
}

impl Peak {
    /// Least score that is recorded. One hour in a hundred reaches it by chance.
    pub const LEAST: f64 = 2.0;
    /// Largest score that is told apart.
    pub(super) const MOST: f64 = 1e6;
}

/// Peaks of a family and week that are kept: more than any budget asks for.
pub(super) const KEPT_PER_WEEK: usize = 32;
/// Weeks that are kept, counted back from the latest: one more than are read, for the week that has begun.
pub(super) const KEPT_WEEKS: i64 = super::WEEKS + 1;

/// Entity and time block. A block is as long as the family's gap, so a long episode takes few places.
pub(super) type Place = (u64, i64);
/// Score (as bits, which order as the numbers do), hour, actor. The largest of these is kept in a place.
pub(super) type Height = (u32, i64, u64);

/// The highest peaks of each week.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Peaks {
    pub(super) weeks: BTreeMap<i64, BTreeMap<Place, Height>>,
}

impl Peaks {
    /// Takes up a peak.
    pub(super) fn record(&mut self, span: Span, peak: Peak) {
        let hour = peak.hour.clamp(-MAX_HOUR, MAX_HOUR);
        let block = hour.div_euclid(span.gap());
        let score = peak.score.clamp(0.0, Peak::MOST) as f32;
        self.put(week_of(span, block), (peak.entity, block), (score.to_bits(), hour, peak.actor));
        self.bound();
    }

    pub(super) fn put(&mut self, week: i64, place: Place, height: Height) {
        let peaks = self.weeks.entry(week).or_default();
        peaks.entry(place).and_modify(|old| *old = (*old).max(height)).or_insert(height);
        if peaks.len() > KEPT_PER_WEEK {
            // The order of heights and places is total: the same one leaves whatever came first.
            let lowest = peaks.iter().map(|(place, height)| (*height, *place)).min();
            if let Some((_, place)) = lowest {
                peaks.remove(&place);
            }
        }
    }

    pub(super) fn bound(&mut self) {
        if let Some(latest) = self.weeks.last_key_value().map(|(week, _)| *week) {
            self.weeks.retain(|week, _| *week > latest - KEPT_WEEKS);
        }
    }

    /// The highest peak of each episode of an entity: recorded peaks that are closer than the span's gap are
    /// one.
    pub(super) fn declustered(&self, span: Span, is_counted: impl Fn(&Peak) -> bool) -> Vec<Peak> {
        let mut peaks: Vec<Peak> = self
            .weeks
            .values()
            .flatten()
            .map(|((entity, _), (score, hour, actor))| Peak {
                entity: *entity,
                actor: *actor,
                hour: *hour,
                score: f64::from(f32::from_bits(*score)),
            })
            .filter(is_counted)
            .collect();
        peaks.sort_by_key(|peak| (peak.entity, peak.hour));
        let mut episodes: Vec<Peak> = Vec::new();
        let mut before: Option<(u64, i64)> = None;
        for peak in peaks {
            match (before, episodes.last_mut()) {
                (Some((entity, hour)), Some(highest))
                    if entity == peak.entity && peak.hour - hour < span.gap() =>
                {
                    if peak.score > highest.score {
                        *highest = peak;
                    }
                }
                _ => episodes.push(peak),
            }
            before = Some((peak.entity, peak.hour));
        }
        episodes
    }
}

/// The week in which a block begins.
pub(super) fn week_of(span: Span, block: i64) -> i64 {
    (block * span.gap()).div_euclid(168)
}

impl Merge for Peaks {
    fn merge(&mut self, other: &Peaks) {
        for (week, peaks) in &other.weeks {
            for (place, height) in peaks {
                self.put(*week, *place, *height);
            }
        }
        self.bound();
    }
}
