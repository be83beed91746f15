//! How much an entity does in an active hour, season aside.
//!
//! A decayed mean of count over season: simple exponential smoothing in the sense of Holt (1957) and Winters
//! (1960), but as a ratio of two decayed sums, so that it is right from the first hour on and unequal hours
//! weigh as they should. It forgets by active hours (an entity that is active once a day is not forgotten in
//! three days) and, more slowly, by elapsed time.

use crate::baseline::quantity::{HalfLife, kept, left_after};

/// Half-life in active hours.
pub(super) const HALF_LIFE_ACTIVE: HalfLife = HalfLife::of(72.0, 0.990_419_147_466_826_2);
/// Half-life in elapsed hours (30 days).
pub(super) const HALF_LIFE_ELAPSED: HalfLife = HalfLife::of(720.0, 0.999_037_758_833_783_4);
/// The prior: a level of two, worth half an hour.
const PRIOR_COUNT: f64 = 1.0;
const PRIOR_HOURS: f64 = 0.5;
/// Hours that the level of a level shift is worth at first.
const SHIFT_HOURS: f64 = 24.0;

/// Decayed sums of counts and of seasons over active hours.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Level {
    pub(super) counts: f32,
    pub(super) seasons: f32,
}

impl Level {
    /// The level, `elapsed` hours after the sums were last taken up.
    pub(super) fn value(self, elapsed: i64) -> f64 {
        let left = left_after(elapsed, HALF_LIFE_ELAPSED);
        (f64::from(self.counts) * left + PRIOR_COUNT) / (f64::from(self.seasons) * left + PRIOR_HOURS)
    }

    /// Lets `elapsed` hours pass, then takes up an active hour with this winsorised count and expected
    /// season.
    pub(super) fn learn(&mut self, elapsed: i64, active: Option<(f64, f64)>) {
        let mut left = left_after(elapsed, HALF_LIFE_ELAPSED);
        let mut add = (0.0, 0.0);
        if let Some(hour) = active {
            left *= left_after(1, HALF_LIFE_ACTIVE);
            add = hour;
        }
        self.counts = kept(f64::from(self.counts) * left + add.0);
        self.seasons = kept(f64::from(self.seasons) * left + add.1);
    }

    /// Jumps to a new level, which the next hours may still correct quickly.
    pub(super) fn shift(&mut self, level: f64) {
        let hours = f64::from(self.seasons).min(SHIFT_HOURS);
        self.seasons = kept(hours);
        self.counts = kept(level * hours);
    }
}
