//! How much more a window varies than a Poisson process would.
//!
//! Moment estimate of φ in variance = μ + φμ² (negative binomial, Bliss and Fisher 1953). Two decayed sums,
//! of (x - μ)² - μ and of μ², are both weighted by 1/(1 + μ/4)², about the inverse of their own variance.
//! Residuals are winsorised at 4 standard deviations: one burst must not make the next one unremarkable, nor the
//! first hours of a theft its later ones, which the long windows hold as well. At 8, four bursts of a hundred times
//! the usual doubled φ, and a lasting rise to eight times trebled that of its day within its first day. A prior
//! worth a few observations carries young streams.

use super::windows::Window;
use crate::baseline::quantity::{HalfLife, kept, left_after};

/// Half-life in hours (28 days).
pub(super) const HALF_LIFE: HalfLife = HalfLife::of(672.0, 0.998_969_062_762_623_5);
/// The dispersion at which observations of different means weigh as they should.
const REFERENCE: f64 = 0.25;
/// Observations that the prior is worth, for the hour; half as many for the long windows, which overlap.
const PRIOR_HOURS: f64 = 8.0;
/// Standard deviations at which a residual is cut.
const CLIP: f64 = 4.0;
/// Events beyond them that are not cut.
const SPARE: f64 = 2.0;

/// Estimate for one window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Dispersion {
    pub(super) excess: f32,
    pub(super) squares: f32,
    /// The estimate as of the last sealed hour.
    pub(super) value: f32,
}

/// The prior of a window. Longer windows average out a part of the variation.
fn prior(window: Window) -> f64 {
    match window {
        Window::Hour => 0.4,
        Window::SixHours => 0.3,
        Window::Day => 0.2,
    }
}

/// What no stream is believed to fall below, except by the granularity in [`floor`].
fn least(window: Window) -> f64 {
    match window {
        Window::Hour => 0.04,
        Window::SixHours => 0.03,
        Window::Day => 0.02,
    }
}

/// The least dispersion of a window in which `active_hours` are expected to be active. A long window of an
/// entity that comes in few bursts varies with their number.
pub(super) fn floor(window: Window, active_hours: f64) -> f64 {
    match window {
        Window::Hour => least(window),
        Window::SixHours | Window::Day => least(window).max(0.5 / active_hours.max(1e-4)),
    }
}

impl Dispersion {
    /// The estimate of a stream without history.
    pub(super) fn born(window: Window) -> Dispersion {
        Dispersion { excess: 0.0, squares: 0.0, value: kept(prior(window)) }
    }

    /// Lets `elapsed` hours pass and takes up one window: its count, if it is to be learned from, and what
    /// was expected of it.
    pub(super) fn learn(
        &mut self,
        window: Window,
        elapsed: i64,
        count: Option<f64>,
        mean: f64,
        dispersion: f64,
    ) {
        let left = left_after(elapsed - 1, HALF_LIFE);
        let (mut excess, mut squares) = (f64::from(self.excess) * left, f64::from(self.squares) * left);
        if let Some(count) = count {
            let deviation = (mean + dispersion * mean * mean).sqrt();
            let residual = count.min(mean + CLIP * deviation + SPARE) - mean;
            let weight = weight(mean) / window.hours() as f64;
            excess += weight * (residual * residual - mean);
            squares += weight * mean * mean;
        }
        let left = left_after(1, HALF_LIFE);
        self.excess = kept(excess * left);
        self.squares = kept(squares * left);
        self.settle(window, 0, mean);
    }

    /// Refreshes the estimate `elapsed` hours after the sums were taken up, without changing them.
    pub(super) fn settle(&mut self, window: Window, elapsed: i64, mean: f64) {
        let left = left_after(elapsed, HALF_LIFE);
        let hours = if window == Window::Hour { PRIOR_HOURS } else { PRIOR_HOURS / 2.0 };
        let weight = hours * mean * mean * weight(mean);
        let value = (f64::from(self.excess) * left + weight * prior(window))
            / (f64::from(self.squares) * left + weight + 1e-12);
        self.value = kept(value.clamp(0.001, 50.0));
    }
}

fn weight(mean: f64) -> f64 {
    let scale = 1.0 + REFERENCE * mean;
    1.0 / (scale * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_day_of_a_lasting_rise_does_not_make_its_second_usual() {
        let (mean, mut day) = (80.0, Dispersion::born(Window::Day));
        // Six weeks that vary by a quarter, then each hour the day is at eight times the usual.
        for hour in 0..6 * 168 {
            let count = if hour % 2 == 0 { 1.25 * mean } else { 0.75 * mean };
            day.learn(Window::Day, 1, Some(count), mean, f64::from(day.value));
        }
        let before = day.value;
        for _ in 0..24 {
            day.learn(Window::Day, 1, Some(8.0 * mean), mean, f64::from(day.value));
        }
        assert!(day.value < 2.0 * before, "{before} {}", day.value);
    }
}
