//! Slow ramps: the last seven days against the same seven days two to seven weeks before.
//!
//! Level and season follow whatever comes slowly enough; so somebody patient could lead them. Here the
//! reference lags: the week before last is the newest that counts, so a ramp has to be so slow that it takes
//! months to multiply. Seven whole days cancel the weekly season; the busiest of them is left out, so that the
//! burst of a day, which the hours tell of, is not told again for a week. The weeks' own variation gives the
//! dispersion, with a prior.

use super::Profile;
use super::calibration::heavy_tailed;
use super::score::History;
use crate::baseline::quantity::Half;
use crate::baseline::tail;
use serde::{Deserialize, Serialize};

/// Days kept before the last active one: seven, and seven weeks before them, and one that is not complete.
pub(super) const DAYS: usize = 56;
/// The lags, in weeks.
const LAGS: std::ops::RangeInclusive<i64> = 2..=7;
/// Fewest weeks that make a reference.
const LEAST_WEEKS: usize = 3;
/// Prior of the dispersion of weeks (a standard deviation of 17 %), and the weeks it is worth.
const PRIOR: f64 = 0.03;
const PRIOR_WEEKS: f64 = 4.0;
/// Least dispersion of weeks.
const LEAST: f64 = 0.01;

/// Counts of the last days on which the entity was active.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Days {
    /// The last active day, in whole days since the epoch.
    pub(super) day: i64,
    /// Its count so far.
    pub(super) count: u64,
    /// The days before it, latest first.
    pub(super) before: [Half; DAYS],
}

/// A week that is compared with those before.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// The last hour of the seven days.
    pub hour: i64,
    /// Their count (to 0.05 %), without the busiest day.
    pub observed: u64,
    /// Median count of the weeks they are compared with.
    pub mean: f64,
    /// How many weeks those are, three to six.
    pub weeks: usize,
    /// φ of a week, with the uncertainty of the mean.
    pub dispersion: f64,
    /// -log10 of the probability of so many or more, by the model.
    pub surprise: f64,
    /// The same with the heavy tail that a stream without history is judged by.
    pub calibrated: f64,
    /// What the expectation rests on.
    pub history: History,
}

impl Days {
    /// No counts yet.
    pub(super) fn born(hour: i64) -> Days {
        Days { day: hour.div_euclid(24), count: 0, before: [Half(0); DAYS] }
    }

    /// Takes up an active hour, not before the last one.
    pub(super) fn learn(&mut self, hour: i64, count: u64) {
        let passed = usize::try_from(hour.div_euclid(24) - self.day).unwrap_or(0);
        if passed > 0 {
            let before = std::mem::replace(&mut self.before, [Half(0); DAYS]);
            let shifted = self.before.iter_mut().skip(passed - 1);
            for (day, old) in shifted.zip(std::iter::once(Half::of(self.count as f64)).chain(before)) {
                *day = old;
            }
            (self.day, self.count) = (self.day + passed as i64, 0);
        }
        self.count = self.count.saturating_add(count).min(super::MAX_COUNT);
    }

    /// The count of the seven days that end with `day`, without the busiest.
    fn week(&self, day: i64) -> f64 {
        let count = |day| match usize::try_from(self.day - day) {
            Ok(0) => self.count as f64,
            Ok(back) => self.before.get(back - 1).map_or(0.0, |half| half.get()),
            Err(_) => 0.0,
        };
        let (sum, most) = (day - 6..=day)
            .map(count)
            .fold((0.0, 0.0), |(sum, most): (f64, f64), count| (sum + count, most.max(count)));
        sum - most
    }
}

impl Profile {
    /// The week that ends with the last wholly sealed day, compared with those two to seven weeks before.
    ///
    /// Worth asking once a day. `None` for streams without a weekly season and before five weeks of history.
    pub fn judge_drift(&self) -> Option<Drift> {
        let days = self.days.as_ref()?;
        let last = (self.sealed + 1).div_euclid(24) - 1;
        let first = (self.first + 23).div_euclid(24);
        let weeks: Vec<f64> =
            LAGS.map(|lag| last - 7 * lag).filter(|day| day - 6 >= first).map(|day| days.week(day)).collect();
        if weeks.len() < LEAST_WEEKS {
            return None;
        }
        let n = weeks.len() as f64;
        let (mean, variance) = reference(weeks);
        let own = ((variance - mean) / (mean * mean)).max(0.0);
        let shrunk = ((n - 1.0) * own + PRIOR_WEEKS * PRIOR) / (n - 1.0 + PRIOR_WEEKS);
        let dispersion = shrunk.max(LEAST) * (1.0 + 1.0 / n);
        let observed = days.week(last);
        let surprise = tail::score(observed, mean, dispersion);
        Some(Drift {
            hour: last * 24 + 23,
            observed: observed as u64,
            mean,
            weeks: n as usize,
            dispersion,
            surprise,
            calibrated: heavy_tailed(surprise),
            history: self.history(),
        })
    }
}

/// What these weeks, at least one, let expect: their median, and twice the variance of the half below it. Growth that
/// has begun within them would raise their mean, and by far more their variance, and so hide that it goes on.
fn reference(mut weeks: Vec<f64>) -> (f64, f64) {
    weeks.sort_by(f64::total_cmp);
    let at = |index: usize| weeks.get(index).copied().unwrap_or_default();
    let median = 0.5 * (at((weeks.len() - 1) / 2) + at(weeks.len() / 2));
    let below: f64 = weeks.iter().map(|week| (median - week).max(0.0)).map(|less| less * less).sum();
    (median.max(1.0), 2.0 * below / (weeks.len() as f64 - 1.0).max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::rate::Rhythm;

    #[test]
    fn weeks_are_sums_of_whole_days_across_silence() {
        let mut days = Days::born(0);
        for hour in 0..24 * 20 {
            days.learn(hour, 2);
        }
        assert_eq!(days.week(19), 6.0 * 48.0);
        assert_eq!(days.week(22), 3.0 * 48.0);
        days.learn(24 * 25 + 3, 5);
        assert_eq!(days.week(25), 5.0);
        assert_eq!(days.week(12), 6.0 * 48.0);
        days.learn(24 * 1_000, 1);
        assert_eq!(days.week(1_000), 0.0);
        assert_eq!(days.week(999), 0.0);
    }

    #[test]
    fn five_weeks_are_needed_before_weeks_can_be_compared() {
        let mut profile = Profile::born(495_000, Rhythm::Weekly, 1);
        for hour in 0..24 * 40 {
            profile.seal(495_000 + hour, 10);
            // Lags of two, three and four weeks, after the first whole day.
            assert_eq!(profile.judge_drift().is_some(), hour >= 24 * 35 - 1, "{hour}");
        }
        let drift = profile.judge_drift().unwrap();
        assert_eq!((drift.observed, drift.mean, drift.weeks, drift.surprise), (1_440, 1_440.0, 3, 0.0));
    }

    #[test]
    fn growth_within_the_weeks_before_does_not_hide_that_it_goes_on() {
        let mut profile = Profile::born(495_000, Rhythm::Weekly, 1);
        let mut at = [(0.0, 0.0); 29];
        for hour in 0..24 * (56 + 29) {
            let day = hour / 24 - 56;
            let usual = if hour % 168 < 120 { 60.0 } else { 40.0 };
            let count = usual * 1.08f64.powi(i32::try_from(day).unwrap().max(0));
            profile.seal(495_000 + hour, count as u64);
            if day >= 0 && hour % 24 == 23 {
                let drift = profile.judge_drift().unwrap();
                at[usize::try_from(day).unwrap()] = (drift.calibrated, drift.mean);
            }
        }
        println!("{at:.1?}");
        assert!(at.windows(2).skip(8).all(|days| days[1].0 > days[0].0), "{at:?}");
        assert!(at[28].1 < 1.3 * at[0].1, "{at:?}");
    }

    #[test]
    fn what_weeks_let_expect_is_their_median_and_varies_as_the_half_below_it() {
        assert_eq!(reference(vec![100.0, 90.0, 110.0]), (100.0, 100.0));
        assert_eq!(reference(vec![100.0, 90.0, 900.0]), (100.0, 100.0));
        assert_eq!(reference(vec![0.0]), (1.0, 0.0));
    }
}
