//! From a score of the model to a score of the stream: real counts have heavier tails than any model.
//!
//! Peaks over threshold (Pickands 1975; Davison and Smith 1990): of all hours, how many scored above u = 2
//! (by the model, one in a hundred), and by how much on average. Excesses of a logarithm are taken as
//! exponential, that is, the counts have a power tail; with a gamma prior on the rate the predictive tail is
//! again a power (Lomax), heavy while little is known. The prior says that the model is right.

use super::windows::Window;
use crate::baseline::quantity::{HalfLife, decayed_ones, kept, left_after};

/// The threshold u, in powers of ten.
pub(super) const THRESHOLD: f64 = 2.0;
/// Half-life in hours (42 days).
pub(super) const HALF_LIFE: HalfLife = HalfLife::of(1_008.0, 0.999_312_590_361_875_3);
/// Hours at the nominal rate that the prior is worth.
const PRIOR_HOURS: f64 = 150.0;
/// Exceedances that the prior is worth, and their mean excess.
const PRIOR_EXCEEDANCES: f64 = 8.0;
const PRIOR_EXCESS: f64 = 0.6;
/// Largest excess that is learned from the first exceedance, how much more from each later one, and from any: an
/// attack must not make the next one unremarkable. What comes again and again is the stream's way.
const FIRST_CLIP: f64 = 1.0;
const CLIP_STEP: f64 = 1.0;
const MOST_CLIP: f64 = 8.0;
/// Hours of age up to which nothing is learned: scores of the first two days say more about the prior.
const LEARN_AFTER: i64 = 48;

/// Decayed number and sum of the excesses of one window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Excesses {
    pub(super) number: f32,
    pub(super) sum: f32,
}

impl Excesses {
    /// Lets `elapsed` hours pass, then takes up the score of a window that ends `age` hours after the first
    /// hour.
    pub(super) fn learn(&mut self, window: Window, elapsed: i64, age: i64, score: f64) {
        let left = left_after(elapsed, HALF_LIFE);
        let weight = if score > THRESHOLD && age > LEARN_AFTER { 1.0 / window.hours() as f64 } else { 0.0 };
        let clip = (FIRST_CLIP + CLIP_STEP * f64::from(self.number) * left).min(MOST_CLIP);
        self.number = kept(f64::from(self.number) * left + weight);
        self.sum = kept(f64::from(self.sum) * left + weight * (score - THRESHOLD).clamp(0.0, clip));
    }

    /// Number and sum, `elapsed` hours after they were taken up.
    pub(super) fn after(self, elapsed: i64) -> (f64, f64) {
        let left = left_after(elapsed, HALF_LIFE);
        (f64::from(self.number) * left, f64::from(self.sum) * left)
    }
}

/// The calibrated score of `score`, given decayed exceedances over `hours` hours of age.
pub(super) fn calibrated(score: f64, window: Window, number: f64, sum: f64, hours: i64) -> f64 {
    let seen = decayed_ones(hours, HALF_LIFE) / window.hours() as f64;
    // 10^-u with u = 2.
    let rate = ((number + PRIOR_HOURS * 0.01) / (seen + PRIOR_HOURS)).min(0.9);
    let at_threshold = -libm::log10(rate);
    if score <= THRESHOLD {
        return score * at_threshold / THRESHOLD;
    }
    let spread = sum + PRIOR_EXCEEDANCES * PRIOR_EXCESS;
    at_threshold + (number + PRIOR_EXCEEDANCES) * libm::log10(1.0 + (score - THRESHOLD) / spread)
}

/// The same for what is judged without a history of its own scores.
pub(in crate::baseline) fn heavy_tailed(score: f64) -> f64 {
    calibrated(score, Window::Hour, 0.0, 0.0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_stream_without_history_is_judged_by_the_model_up_to_the_threshold() {
        assert_eq!(calibrated(1.3, Window::Hour, 0.0, 0.0, 0), 1.3);
        assert!((calibrated(2.0, Window::Hour, 0.0, 0.0, 0) - 2.0).abs() < 1e-12);
        let far = calibrated(40.0, Window::Hour, 0.0, 0.0, 0);
        assert!(far > 6.0 && far < 40.0, "{far}");
    }

    #[test]
    fn a_stream_that_often_exceeds_the_threshold_is_judged_more_mildly() {
        let calm = calibrated(5.0, Window::Hour, 2.0, 1.0, 2_000);
        let wild = calibrated(5.0, Window::Hour, 60.0, 120.0, 2_000);
        assert!(calm > wild + 1.5, "{calm} {wild}");
    }

    #[test]
    fn five_bursts_do_not_make_a_sixth_usual_and_fifty_do() {
        let after = |bursts: usize| {
            let mut excesses = Excesses::default();
            (0..bursts).for_each(|_| excesses.learn(Window::Hour, 48, 1_000, 30.0));
            calibrated(30.0, Window::Hour, excesses.number.into(), excesses.sum.into(), 1_000)
        };
        let all = [0, 1, 5, 50].map(after);
        println!("{all:.1?}");
        assert!(all[2] > 0.65 * all[0] && all[3] < 0.4 * all[0], "{all:?}");
    }

    proptest! {
        #[test]
        fn more_surprise_is_more_surprise(
            a in 0.0f64..400.0, b in 0.0f64..400.0, number in 0.0f64..1e4, excess in 0.0f64..8.0, hours in 0i64..100_000,
        ) {
            let judge = |s: f64| calibrated(s, Window::Day, number, number * excess, hours);
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            prop_assert!(judge(low) <= judge(high) + 1e-12);
            prop_assert!(judge(high).is_finite() && judge(low) >= 0.0);
        }
    }
}
