//! The three windows that end in each hour, and the sealed hours that the longer two still need.

use crate::baseline::quantity::{Half, kept, left_after};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// A window over which counts are judged. Each ends with the hour it is named by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// The clock hour itself.
    Hour,
    /// The last six hours.
    SixHours,
    /// The last 24 hours.
    Day,
}

impl Window {
    /// All windows, shortest first.
    pub const ALL: [Window; 3] = [Window::Hour, Window::SixHours, Window::Day];

    /// Its length in hours.
    pub fn hours(self) -> i64 {
        match self {
            Window::Hour => 1,
            Window::SixHours => 6,
            Window::Day => 24,
        }
    }
}

/// Sealed hours that a profile keeps: with the hour that is being sealed or judged they make a day.
pub(super) const KEPT: usize = 23;

/// An hour whose count is final.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SealedHour {
    pub(super) count: u64,
    /// Probability of activity that was expected of it.
    pub(super) activity: Half,
    /// Unconditional mean that was expected of it, or, after a level shift, should have been.
    pub(super) mean: Half,
    /// Amount relative to the level that was expected of it.
    pub(super) amount: Half,
    /// Whether its count was cut before the level learned from it.
    pub(super) clipped: bool,
}

/// The last sealed hours, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Recent(pub(super) VecDeque<SealedHour>);

impl Recent {
    /// The last `n` hours or as many as there are.
    pub(super) fn last(&self, n: usize) -> impl Iterator<Item = &SealedHour> {
        self.0.iter().rev().take(n)
    }

    /// Whether all kept hours are silent: then nothing that is sealed silently teaches anything.
    pub(super) fn is_silent(&self) -> bool {
        self.0.iter().all(|hour| hour.count == 0)
    }

    /// Hours of the last `n` whose count was cut.
    pub(super) fn clipped(&self, n: usize) -> usize {
        self.last(n).filter(|hour| hour.clipped).count()
    }

    /// Appends an hour; [`Recent::trim`] removes the oldest.
    pub(super) fn push(&mut self, hour: SealedHour) {
        self.0.push_back(hour);
    }

    /// Keeps the last [`KEPT`] hours.
    pub(super) fn trim(&mut self) {
        while self.0.len() > KEPT {
            self.0.pop_front();
        }
    }

    /// The new level of a stream that has left its old one, and the expectations of the kept hours rewritten
    /// to it. Counts are compared with what season and activity let expect at a level of one.
    pub(super) fn shifted(&mut self) -> f64 {
        let counts = self.0.iter().map(|hour| hour.count as f64).sum::<f64>();
        let units = self.0.iter().map(|hour| hour.amount.get() * hour.activity.get()).sum::<f64>();
        let level = counts / units.max(1e-3);
        for hour in &mut self.0 {
            hour.clipped = false;
            hour.mean = Half::of(hour.amount.get() * hour.activity.get() * level);
        }
        level
    }
}

/// The typical long window of an entity that is active at its end: sums of intermittent entities follow no
/// product of activity and mean, because their active hours come together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Typical {
    pub(super) counts: f32,
    pub(super) windows: f32,
}

impl Typical {
    /// Takes up the count of a window; forgets by active hours, as the level does.
    pub(super) fn learn(&mut self, count: f64) {
        let left = left_after(1, super::level::HALF_LIFE_ACTIVE);
        self.counts = kept(f64::from(self.counts) * left + count);
        self.windows = kept(f64::from(self.windows) * left + 1.0);
    }

    /// `mean` of a window in which `active` of its hours are expected to be active, pulled upwards to the
    /// typical one, the more so the rarer the entity is.
    pub(super) fn pull(self, window: Window, mean: f64, active: f64) -> f64 {
        if self.windows <= 0.0 {
            return mean;
        }
        let typical = f64::from(self.counts) / f64::from(self.windows);
        let rarity = (1.0 - active / window.hours() as f64).max(0.0);
        mean + rarity * (typical - mean).max(0.0)
    }
}
