//! When an entity is active, and how its amount moves over the week.
//!
//! Each of the 168 hours of the week has three decayed sums (half-life of three visits): level-normalised
//! count, active visits, visits. Visits follow from the age of the profile alone and are not stored. The
//! other two are stored **forward-decayed** (Cormode, Shkapenyuk, Srivastava and Xu, "Forward Decay", 2009):
//! what is added is scaled up by 2^(week/3) instead of scaling down what is there. So cells change only when
//! the entity is active, silence costs nothing, and 16-bit cells do not lose bits to repeated decay. Every
//! third week the reference week moves on and all cells are halved, which is exact.
//!
//! Cells are shrunk to their hour of day over weekdays or weekend, and those to the entity's mean, so that a
//! cell needs a few visits before it is believed. Three hypotheses (flat, hour of day, hour of week) are
//! averaged by their decayed predictive likelihood: a flat service is not given a season made of noise.

use crate::baseline::quantity::{Half, HalfLife, decayed_ones, kept, left_after};
use crate::baseline::tail::ln_probabilities;
use std::ops::Range;

/// Hours of a week.
pub(super) const CELLS: usize = 168;
/// Half-life of a cell, in weeks, that is, in visits.
pub(super) const CELL_HALF_LIFE: f64 = 3.0;
pub(super) const VISITS_HALF_LIFE: HalfLife = HalfLife::of(CELL_HALF_LIFE, 0.793_700_525_984_099_8);
/// Half-life of the share of active hours over all hours of the week, in hours: the same three weeks.
pub(super) const SHARE_HALF_LIFE: HalfLife = HalfLife::of(504.0, 0.998_625_653_255_761);
/// Visits that the mean of the next coarser grouping is worth against a cell's own, for amounts.
const AMOUNT_SHRINKAGE: f64 = 2.0;
/// The same for the probability of activity.
const ACTIVITY_SHRINKAGE: f64 = 1.0;
/// Half-life of the likelihood of the hypotheses, in hours (ten days).
pub(super) const FIT_HALF_LIFE: HalfLife = HalfLife::of(240.0, 0.997_116_053_334_589_2);
/// Least probability of activity: an hour that was never active costs at most four points of score.
const MIN_ACTIVITY: f64 = 1e-4;
/// 1970-01-01 was a Thursday: so many hours later than the Monday that begins its week.
const EPOCH_HOUR_OF_WEEK: i64 = 72;

/// Hour of the week, 0 for Monday 00:00 UTC.
pub(super) fn cell_of(hour: i64) -> usize {
    (hour + EPOCH_HOUR_OF_WEEK).rem_euclid(CELLS as i64) as usize
}

fn week_of(hour: i64) -> i64 {
    (hour + EPOCH_HOUR_OF_WEEK).div_euclid(CELLS as i64)
}

/// What is expected of one hour: how likely it is to be active, and its amount relative to the level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shape {
    /// Probability that the entity is active in the hour.
    pub(super) activity: f64,
    /// Amount relative to the level: averaged over the hypotheses.
    pub(super) amount: f64,
    /// The same by hour of day alone, and by hour of week alone. The flat hypothesis says 1.
    pub(super) hypotheses: [f64; 2],
}

/// Active hours of the whole profile, decayed: the coarsest grouping, and all there is without a weekly
/// season.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Share {
    pub(super) active: f32,
}

impl Share {
    /// Share of active hours, as of the end of `as_of`; the sums stand as of `touched`.
    fn mean(self, first: i64, touched: i64, as_of: i64) -> f64 {
        let active = f64::from(self.active) * left_after(as_of - touched, SHARE_HALF_LIFE);
        (active + 0.5) / (decayed_ones(as_of - first + 1, SHARE_HALF_LIFE) + 1.0)
    }

    /// The shape of an hour of a stream without season.
    pub(super) fn shape(self, first: i64, touched: i64, as_of: i64) -> Shape {
        let activity = self.mean(first, touched, as_of).clamp(MIN_ACTIVITY, 1.0);
        Shape { activity, amount: 1.0, hypotheses: [1.0; 2] }
    }

    /// Takes up a sealed hour, `elapsed` hours after the last one taken up.
    pub(super) fn learn(&mut self, elapsed: i64, active: bool) {
        let before = f64::from(self.active) * left_after(elapsed - 1, SHARE_HALF_LIFE);
        self.active = kept((before + f64::from(u8::from(active))) * left_after(1, SHARE_HALF_LIFE));
    }
}

/// The weekly season of a stream.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Season {
    /// The week in whose units the cells are stored.
    pub(super) reference: i64,
    /// Level-normalised counts of the hours of the week.
    pub(super) amounts: [Half; CELLS],
    /// Active visits of the hours of the week.
    pub(super) active: [Half; CELLS],
    /// Decayed log-likelihoods of the three hypotheses, less that of the best.
    pub(super) fit: [f32; 3],
}

impl Season {
    /// The season of a stream that is born in hour `first`.
    pub(super) fn born(first: i64) -> Season {
        Season {
            reference: week_of(first),
            amounts: [Half(0); CELLS],
            active: [Half(0); CELLS],
            fit: [0.0; 3],
        }
    }

    /// Whether a stream of this age can have this reference week: later ones would blow the cells up.
    pub(super) fn is_possible(&self, first: i64, touched: i64) -> bool {
        (week_of(first)..=week_of(touched.max(first))).contains(&self.reference)
    }

    /// What to expect of `hour`, knowing the hours up to and including `as_of`.
    pub(super) fn shape(&self, share: Share, first: i64, touched: i64, as_of: i64, hour: i64) -> Shape {
        let cell = cell_of(hour);
        let days = if cell / 24 < 5 { 0..5 } else { 5..7 };
        let known = self.known(share, first, touched, as_of);
        let (by_day_activity, by_day) = known.by_day(days, cell % 24);
        let activity = known.activity(cell, by_day_activity);
        let Known { scales, mean, .. } = &known;
        let by_week = (scales.of(&self.amounts, cell) + AMOUNT_SHRINKAGE * by_day)
            / (scales.of(&self.active, cell) + AMOUNT_SHRINKAGE);
        let hypotheses = [by_day / mean, by_week / mean];
        let decay = left_after(as_of - touched, FIT_HALF_LIFE);
        let [flat, day, week] = self.fit.map(|fit| libm::exp(f64::from(fit) * decay));
        let amount = (flat + day * hypotheses[0] + week * hypotheses[1]) / (flat + day + week);
        Shape { activity, amount, hypotheses }
    }

    /// Takes up a sealed active hour. `count` is winsorised; `expected` (level), `hypotheses` and
    /// `dispersion` are what was expected; `norm` is the level by which the count is normalised.
    pub(super) fn learn(
        &mut self,
        hour: i64,
        count: f64,
        [expected, norm]: [f64; 2],
        hypotheses: [f64; 2],
        dispersion: f64,
    ) {
        let behind = (week_of(hour) - self.reference).div_euclid(CELL_HALF_LIFE as i64);
        if behind > 0 {
            self.reference += behind * CELL_HALF_LIFE as i64;
            for cell in self.amounts.iter_mut().chain(&mut self.active) {
                *cell = cell.halved(behind);
            }
        }
        let weight = libm::exp2((week_of(hour) - self.reference) as f64 / CELL_HALF_LIFE);
        if let (Some(amount), Some(active)) =
            (self.amounts.get_mut(cell_of(hour)), self.active.get_mut(cell_of(hour)))
        {
            *amount = Half::of(amount.get() + weight * count / norm.max(0.05));
            *active = Half::of(active.get() + weight);
        }
        let [day, week] = hypotheses;
        let means = [1.0, day, week].map(|shape| (expected * shape).max(super::MIN_MEAN));
        for (fit, ln) in self.fit.iter_mut().zip(ln_probabilities(count, means, dispersion)) {
            *fit = kept(f64::from(*fit) + ln);
        }
        // Only differences matter; kept small, they keep their bits.
        let best = self.fit.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        self.fit = self.fit.map(|fit| fit - best);
    }

    /// Lets `elapsed` hours pass for the likelihoods.
    pub(super) fn decay(&mut self, elapsed: i64) {
        let left = left_after(elapsed, FIT_HALF_LIFE);
        self.fit = self.fit.map(|fit| kept(f64::from(fit) * left));
    }

    /// What is known at the end of hour `as_of`.
    pub(super) fn known(&self, share: Share, first: i64, touched: i64, as_of: i64) -> Known<'_> {
        let scales = self.scales(as_of);
        let mean = (scales.total(&self.amounts) + 1.0) / (scales.total(&self.active) + 1.0);
        let overall = share.mean(first, touched, as_of);
        Known { season: self, scales, visits: Visits::between(first, as_of), overall, mean }
    }

    fn scales(&self, as_of: i64) -> Scales {
        let scale = |weeks: i64| libm::exp2(weeks as f64 / CELL_HALF_LIFE);
        let since = self.reference - week_of(as_of);
        Scales { present: cell_of(as_of), this: scale(since), before: scale(since + 1) }
    }
}

/// A season at the end of an hour.
pub(super) struct Known<'s> {
    season: &'s Season,
    scales: Scales,
    visits: Visits,
    /// Share of active hours among all.
    overall: f64,
    /// Mean amount of an active hour.
    mean: f64,
}

impl Known<'_> {
    /// By an hour of some days of the week: the probability that it is active, and its amount if it is.
    pub(super) fn by_day(&self, days: Range<usize>, hour: usize) -> (f64, f64) {
        let (mut amount, mut active, mut visits) = (0.0, 0.0, 0.0);
        for day in days {
            let at = day * 24 + hour;
            amount += self.scales.of(&self.season.amounts, at);
            active += self.scales.of(&self.season.active, at);
            visits += self.visits.of(at);
        }
        (
            (active + ACTIVITY_SHRINKAGE * self.overall) / (visits + ACTIVITY_SHRINKAGE),
            (amount + AMOUNT_SHRINKAGE * self.mean) / (active + AMOUNT_SHRINKAGE),
        )
    }

    /// The probability that a cell is active, given that of its hour of the day.
    pub(super) fn activity(&self, cell: usize, by_day: f64) -> f64 {
        let activity = (self.scales.of(&self.season.active, cell) + ACTIVITY_SHRINKAGE * by_day)
            / (self.visits.of(cell) + ACTIVITY_SHRINKAGE);
        activity.clamp(MIN_ACTIVITY, 1.0)
    }
}

/// What stored cells are worth at the end of an hour. All up to the present hour of the week were last visited this
/// week, all others the week before.
struct Scales {
    present: usize,
    this: f64,
    before: f64,
}

impl Scales {
    /// What a cell is worth.
    fn of(&self, cells: &[Half; CELLS], cell: usize) -> f64 {
        let scale = if cell > self.present { self.before } else { self.this };
        cells.get(cell).map_or(0.0, |half| half.get()) * scale
    }

    /// What all cells are worth.
    fn total(&self, cells: &[Half; CELLS]) -> f64 {
        let (this, before) = cells.split_at(self.present + 1);
        sum(this) * self.this + sum(before) * self.this * libm::exp2(1.0 / CELL_HALF_LIFE)
    }
}

/// The sum of some cells, in four parts side by side: one behind the other, additions would wait for each other. The
/// order does not show: cells have eleven bits, so their sum is exact unless one is 2^34 times another.
fn sum(cells: &[Half]) -> f64 {
    let (fours, rest) = cells.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for four in fours {
        sums.iter_mut().zip(four).for_each(|(sum, half)| *sum += half.get());
    }
    sums.into_iter().chain(rest.iter().map(|half| half.get())).sum()
}

/// Decayed numbers of visits of the cells between two hours: one of three, by where the cell lies to both.
struct Visits {
    present: usize,
    before_first: usize,
    /// One week less than there are between the weeks of both hours, as many, one more.
    numbers: [f64; 3],
}

impl Visits {
    fn between(first: i64, as_of: i64) -> Visits {
        let weeks = week_of(as_of) - week_of(first - 1);
        let numbers = [weeks - 1, weeks, weeks + 1].map(|n| decayed_ones(n, VISITS_HALF_LIFE));
        Visits { present: cell_of(as_of), before_first: cell_of(first - 1), numbers }
    }

    /// That of a cell.
    fn of(&self, cell: usize) -> f64 {
        let [less, same, more] = self.numbers;
        match (cell > self.present, cell > self.before_first) {
            (true, false) => less,
            (false, true) => more,
            _ => same,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_week_begins_on_monday() {
        // 2026-05-04 was a Monday.
        let monday = crate::time::Timestamp::parse("2026-05-04T00:00:00Z").unwrap().hour();
        assert_eq!(cell_of(monday), 0);
        assert_eq!(cell_of(monday + 25), 25);
        assert_eq!(cell_of(monday - 1), 167);
        assert_eq!(week_of(monday) - week_of(monday - 1), 1);
    }

    #[test]
    fn visits_are_counted_without_being_stored() {
        let first = 123_456;
        let mut stepwise = [0.0; CELLS];
        for hour in first..first + 2_000 {
            stepwise[cell_of(hour)] = stepwise[cell_of(hour)] * (-1.0f64 / 3.0).exp2() + 1.0;
            for cell in [0, 5, cell_of(hour), 167] {
                assert!((Visits::between(first, hour).of(cell) - stepwise[cell]).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn forward_decay_equals_stepwise_decay_within_the_rounding_of_cells() {
        let first = 493_000;
        let mut season = Season::born(first);
        let mut stepwise = [0.0; CELLS];
        for hour in first..first + 168 * 12 {
            let count = if hour % 5 == 0 && hour % 4_000 < 1_500 { (hour % 90) as f64 } else { 0.0 };
            let cell = cell_of(hour);
            stepwise[cell] = stepwise[cell] * (-1.0f64 / 3.0).exp2() + count;
            if count > 0.0 {
                season.learn(hour, count, [1.0; 2], [1.0; 2], 0.3);
            }
            let error = (season.scales(hour).of(&season.amounts, cell) - stepwise[cell]).abs();
            assert!(error <= 0.004 * stepwise[cell] + 1e-6, "{hour}: {error} of {}", stepwise[cell]);
        }
    }
}
