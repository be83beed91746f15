//! Whether what is said to be rare is rare: how often hours were as unusual as one in ten, one in a hundred, and so on.
//!
//! A reliability diagram (Murphy and Winkler 1977) of the scores of single hours: of all hours that an entity has lived,
//! silent ones included, the share 10^-k should reach a score of k. The thresholds of the budget do not rest on this
//! being so: they are set by what the estate shows. It tells how far the numbers of an explanation can be believed.

use super::entity::{Baseline, Closed};
use super::rate::{Maturity, Window};
use serde::Serialize;
use std::collections::BTreeMap;

/// Powers of ten that are counted, from 10^-1 on.
pub const DECADES: usize = 8;
/// Hours of life that are not counted: judgements of who is new rest on priors.
const NEW_HOURS: i64 = 48;

/// Scores of closed hours, counted by class of entity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reliability {
    reached: BTreeMap<&'static str, [u64; DECADES]>,
}

/// How often the hours of one class of entities were as unusual as is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Reached {
    /// Class of the entities.
    pub class: &'static str,
    /// Hours lived in all: of each measure of each entity, after its first two days.
    pub hours: u64,
    /// Hours that were as unusual as one in 10^(place + 1), or more.
    pub reached: [u64; DECADES],
}

impl Reached {
    /// The entities of the class, as people call them.
    pub fn entities(&self) -> &'static str {
        match self.class {
            "key" => "keys",
            "person" => "people",
            "service" => "services",
            _ => "principals",
        }
    }
}

impl Reliability {
    /// Takes up an hour of one measure that was closed.
    pub fn take(&mut self, class: &'static str, closed: &Closed) {
        let hours = closed.scores.iter().filter(|score| score.window == Window::Hour);
        for score in hours.filter(|score| score.history.maturity() != Maturity::New) {
            let counts = self.reached.entry(class).or_default();
            for (place, count) in counts.iter_mut().enumerate() {
                *count += u64::from(score.calibrated >= (place + 1) as f64);
            }
        }
    }

    /// The counts, with the hours that entities of each class have lived: `all` of them, with their class.
    pub fn of<'b>(&self, all: impl Iterator<Item = (&'static str, &'b Baseline)>) -> Vec<Reached> {
        let mut lived: BTreeMap<&'static str, u64> = BTreeMap::new();
        for (class, baseline) in all {
            let hours = baseline.series().filter_map(|(_, series)| Some(series.profile()?.history().hours));
            *lived.entry(class).or_default() +=
                hours.map(|hours| u64::try_from(hours - NEW_HOURS).unwrap_or(0)).sum::<u64>();
        }
        let of_class = |(class, hours)| {
            let reached = self.reached.get(class).copied().unwrap_or_default();
            Reached { class, hours, reached }
        };
        lived.into_iter().map(of_class).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::entity::Age;
    use crate::baseline::hour::Hour;
    use crate::baseline::rate::{History, Score};

    fn closed(window: Window, calibrated: f64, hours: i64) -> Closed {
        let score = Score {
            window,
            hour: 500,
            observed: 9,
            surprise: calibrated,
            calibrated,
            mean: 1.0,
            mean_if_active: 1.0,
            activity: 1.0,
            dispersion: 0.1,
            is_spread: false,
            history: History { active_hours: 100, hours },
        };
        Closed {
            measure: &crate::measures::decrypts::MEASURE,
            at: 500,
            scores: vec![score],
            drift: None,
            share: None,
            hour: Hour::default(),
            count: 9,
            age: Age { hours: 500, active_hours: 100 },
            keeps_schedule: false,
        }
    }

    #[test]
    fn an_hour_counts_for_every_decade_that_it_reaches() {
        let mut counts = Reliability::default();
        for calibrated in [0.4, 1.0, 2.9, 3.0, 40.0] {
            counts.take("key", &closed(Window::Hour, calibrated, 400));
        }
        let reached = counts.of([("key", &Baseline::default())].into_iter());
        assert_eq!(reached, [Reached { class: "key", hours: 0, reached: [4, 3, 2, 1, 1, 1, 1, 1] }]);
    }

    #[test]
    fn longer_windows_and_newcomers_are_left_out() {
        let mut counts = Reliability::default();
        counts.take("key", &closed(Window::Day, 5.0, 400));
        counts.take("key", &closed(Window::Hour, 5.0, 47));
        assert_eq!(counts, Reliability::default());
    }
}
