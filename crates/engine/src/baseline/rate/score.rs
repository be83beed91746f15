//! How unusual the count of a window is, with what an explanation needs.

use super::calibration::calibrated;
use super::spread::is_spread;
use super::windows::Window;
use super::{Counts, Expectation, Profile, WARM};
use crate::baseline::budget::Peak;
use crate::baseline::tail;
use serde::{Deserialize, Serialize};

/// How much history stands behind an expectation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Maturity {
    /// Fewer than nine active hours, or less than two days old: judged by the priors.
    New,
    /// Less than three weeks old: level and variation are known, the week is not.
    Young,
    /// Three weeks or more.
    Mature,
}

/// The history behind a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Hours in which the entity was active.
    pub active_hours: u32,
    /// Hours since the stream was born, sealed ones only.
    pub hours: i64,
}

impl History {
    /// Whole weeks of history.
    pub fn weeks(self) -> i64 {
        self.hours / 168
    }

    /// How far the history carries.
    pub fn maturity(self) -> Maturity {
        if self.active_hours <= WARM || self.hours < 48 {
            Maturity::New
        } else if self.hours < 3 * 168 {
            Maturity::Young
        } else {
            Maturity::Mature
        }
    }
}

/// Which scores are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those of all windows.
    All,
    /// All of which something can come: T may be 2 or more, or the stream learns from it. Most hours have none, and
    /// tails take long to compute.
    Notable,
}

/// The judgement of one window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The window.
    pub window: Window,
    /// The hour it ends with, in whole hours since the epoch.
    pub hour: i64,
    /// Its count.
    pub observed: u64,
    /// S: -log10 of the probability of so many or more, by the model. 0 up to the expectation.
    pub surprise: f64,
    /// T: the same, calibrated by how often and how far this stream has exceeded the model before.
    pub calibrated: f64,
    /// Expected count, silence included.
    pub mean: f64,
    /// Expected count given that the entity is active in the hour; equal to `mean` for the longer windows.
    pub mean_if_active: f64,
    /// π: probability that the entity is active in the hour; 1 for the longer windows, whose mean includes
    /// it.
    pub activity: f64,
    /// φ: over-dispersion of the window.
    pub dispersion: f64,
    /// Of a day: whether more than usual came all day long, and not within some hours.
    #[serde(default)]
    pub is_spread: bool,
    /// What the expectation rests on.
    pub history: History,
}

impl Score {
    /// log10 of the probability of so many or more in this window of this stream, as far as is known.
    pub fn log10_probability(&self) -> f64 {
        -self.calibrated
    }

    /// The counts between which nine of ten such windows lie: from the 5 % to the 95 % quantile.
    pub fn expected_interval(&self) -> (u64, u64) {
        (self.quantile(0.05), self.quantile(0.95))
    }

    fn quantile(&self, level: f64) -> u64 {
        match self.window {
            Window::Hour if level <= 1.0 - self.activity => 0,
            Window::Hour => {
                let level = 1.0 - (1.0 - level) / self.activity;
                1 + tail::quantile(level, self.mean_if_active - 1.0, self.dispersion) as u64
            }
            Window::SixHours | Window::Day => tail::quantile(level, self.mean, self.dispersion) as u64,
        }
    }
}

impl Expectation {
    /// Means against which deviations are measured: given activity for the hour, unconditional for the rest.
    pub(super) fn window_means(&self) -> [f64; 3] {
        let [six, day] = self.long_means.map(f64::from);
        [self.mean_if_active(), six, day]
    }

    /// Frozen dispersion of a window.
    pub(super) fn dispersion_of(&self, window: Window) -> f64 {
        let [hour, six, day] = self.dispersion.map(|half| half.get());
        match window {
            Window::Hour => hour,
            Window::SixHours => six,
            Window::Day => day,
        }
    }

    /// Whether a count is so near to the usual one that its score is not [`Which::Notable`]: S is then below 1.3, and T
    /// below 2, however rarely the stream has exceeded the model.
    ///
    /// Up to a standard deviation above the mean a tail holds a tenth or more, unless the dispersion is large; by
    /// activity at most twice as little.
    fn is_usual(&self, window: Window, count: u64, mean: f64) -> bool {
        if count == 0 {
            return true;
        }
        let (x, mean, activity) = match window {
            Window::Hour => (count - 1, mean - 1.0, self.activity.get()),
            Window::SixHours | Window::Day => (count, mean, 1.0),
        };
        let dispersion = self.dispersion_of(window);
        let deviation = (mean + dispersion * mean * mean).sqrt();
        activity >= 0.5 && dispersion <= 2.0 && x as f64 <= mean + deviation
    }

    /// S of a window with this count.
    fn surprise(&self, window: Window, count: u64, mean: f64) -> f64 {
        let dispersion = self.dispersion_of(window);
        match (window, count) {
            (_, 0) => 0.0,
            // One event is certain, given activity: the rest is what can be many.
            (Window::Hour, n) => {
                -libm::log10(self.activity.get()) + tail::score((n - 1) as f64, mean - 1.0, dispersion)
            }
            (Window::SixHours | Window::Day, n) => tail::score(n as f64, mean, dispersion),
        }
    }
}

impl Profile {
    /// The scores of an hour's windows.
    pub(super) fn scores(
        &self,
        hour: i64,
        expected: &Expectation,
        counts: &Counts,
        open: &[u64],
        which: Which,
    ) -> Vec<Score> {
        // Exceedances stand as of the moment at which the expectation was frozen.
        let frozen_at = hour - self.open.len() as i64;
        let mut scores = Vec::new();
        for ((((window, count), mean), number), excess) in Window::ALL
            .into_iter()
            .zip(counts)
            .zip(expected.window_means())
            .zip(expected.exceedances)
            .zip(expected.excess)
        {
            let Some(observed) = *count else { continue };
            if which == Which::Notable && expected.is_usual(window, observed, mean) {
                continue;
            }
            let surprise = expected.surprise(window, observed, mean);
            let age = frozen_at - self.first + 1;
            let activity = if window == Window::Hour { expected.activity.get() } else { 1.0 };
            let calibrated = calibrated(surprise, window, number.get(), excess.get(), age);
            let is_long = window == Window::Day && calibrated >= Peak::LEAST;
            scores.push(Score {
                window,
                hour,
                observed,
                surprise,
                calibrated,
                mean: activity * mean,
                mean_if_active: mean,
                activity,
                dispersion: expected.dispersion_of(window),
                is_spread: is_long && is_spread(&self.day(open)),
                history: self.history(),
            });
        }
        scores
    }

    /// The history behind the present expectations.
    pub fn history(&self) -> History {
        History { active_hours: self.active_hours, hours: self.sealed - self.first + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::quantity::Half;
    use crate::baseline::rate::Rhythm;
    use crate::baseline::rate::calibration::THRESHOLD;

    #[test]
    fn what_is_usual_can_neither_be_a_peak_nor_be_learned_from() {
        let profile = Profile::born(495_000, Rhythm::Flat, 1);
        let mut expected = profile.open[0];
        expected.activity = Half::of(0.5);
        // As if nothing had ever exceeded the model.
        expected.exceedances = [Half(0); 3];
        expected.excess = [Half(0); 3];
        let (mut usual, mut most) = (0, (0.0f64, 0.0f64));
        for dispersion in [0.001, 0.02, 0.1, 0.3, 0.7, 1.0, 1.5, 2.0, 2.1] {
            expected.dispersion = [Half::of(dispersion); 3];
            for step in 0..2_000 {
                let mean = libm::exp(f64::from(step) / 100.0 - 5.0);
                for (window, mean) in Window::ALL.into_iter().zip([1.0 + mean, mean, mean]) {
                    let last = (mean + (mean + dispersion * mean * mean).sqrt()) as u64 + 2;
                    for count in last.saturating_sub(3)..=last {
                        if expected.is_usual(window, count, mean) {
                            let surprise = expected.surprise(window, count, mean);
                            let judged = calibrated(surprise, window, 0.0, 0.0, i64::from(i32::MAX));
                            most = (most.0.max(surprise), most.1.max(judged));
                            usual += 1;
                        }
                    }
                }
            }
        }
        println!("{usual} {most:?}");
        assert!(usual > 50_000 && most.0 < THRESHOLD && most.1 < Peak::LEAST, "{most:?}");
    }

    #[test]
    fn a_profile_learns_the_same_whichever_scores_are_told() {
        let [mut all, mut notable] = [0; 2].map(|_| Profile::born(495_000, Rhythm::Weekly, 1));
        let mut told = 0;
        for hour in 495_000..496_000 {
            let count = (hour * 7_919 % 13) as u64 * if hour % 97 == 0 { 40 } else { 1 };
            let scores = all.close(hour, count, Which::All);
            let some = notable.close(hour, count, Which::Notable);
            let peaks = |scores: &[Score]| -> Vec<Score> {
                scores.iter().copied().filter(|score| score.calibrated >= Peak::LEAST).collect()
            };
            assert_eq!(peaks(&scores), peaks(&some));
            assert!(some.iter().all(|score| scores.contains(score)));
            told += some.len();
        }
        assert_eq!(all, notable);
        assert!((10..1_500).contains(&told), "{told}");
    }
}
