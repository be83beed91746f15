//! When an actor acts: daily and weekly rhythm, over-dispersion, jobs, builds, office hours.

use super::LogRhythm;
use crate::calendar::{DAY, HOUR, hour_of, weekday};
use crate::dice::Dice;

/// Twenty-four weights with mean 1: how busy each hour of the day (UTC) is.
pub(crate) type Rhythm = [f64; 24];

/// Business hours of one continent.
pub(crate) const OFFICE: Rhythm = [
    0.25, 0.2, 0.2, 0.2, 0.25, 0.4, 0.8, 1.4, 2.0, 2.2, 2.2, 2.0, 1.7, 2.0, 2.1, 1.9, 1.5, 0.9, 0.6, 0.45,
    0.35, 0.2, 0.1, 0.1,
];
/// Consumers: quiet nights, busy evenings.
pub(crate) const CONSUMER: Rhythm = [
    0.4, 0.25, 0.2, 0.15, 0.2, 0.35, 0.6, 0.85, 1.0, 1.1, 1.15, 1.25, 1.3, 1.2, 1.15, 1.2, 1.35, 1.6, 1.85,
    2.0, 1.9, 1.5, 0.9, 0.55,
];
/// The same all day.
pub(crate) const FLAT: Rhythm = [1.0; 24];

/// The way in which an actor is active.
#[derive(Clone, Debug)]
pub(crate) enum Habit {
    /// Requests as they come: gamma-Poisson counts around a rhythm.
    Steady(Box<Steady>),
    /// Runs at fixed times, each with a number of calls within some minutes.
    Job {
        /// Seconds after midnight.
        at: Vec<i64>,
        calls: f64,
        dispersion: f64,
        minutes: i64,
        /// Bit n is weekday n, Monday 0.
        weekdays: u8,
        backfill: Option<i64>,
    },
    /// Builds in working hours.
    Builds { a_day: f64, calls: f64 },
    /// A person at work: some days not at all, else a few sittings.
    Office { presence: f64, sittings: f64, calls: f64, hours_east: i64 },
    /// Once for each log object of one account and Region, so long after the stamp.
    EachObject { after: i64, account: usize },
}

/// A workload that serves requests.
#[derive(Clone, Debug)]
pub(crate) struct Steady {
    /// Mean calls an hour over the week, before `rate_scale`.
    pub(crate) rate: f64,
    pub(crate) rhythm: Rhythm,
    /// Factor on Saturday and Sunday.
    pub(crate) weekend: f64,
    /// Variance of an hourly count is `mean + dispersion * mean^2`.
    pub(crate) dispersion: f64,
    /// Fewest and most instances.
    pub(crate) instances: (u32, u32),
    /// From this day on the rate has this factor: a release.
    pub(crate) shifts: Vec<(i64, f64)>,
    /// Seconds since the start between which nothing works, followed by a catch-up.
    pub(crate) outage: Option<(i64, i64)>,
}

/// One act: when, by which instance, and whether it belongs to a retry storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Act {
    pub(crate) time: i64,
    pub(crate) instance: u32,
    /// For [`Habit::EachObject`]: the stamp and the account of the object.
    pub(crate) object: Option<(i64, usize)>,
}

impl Habit {
    /// The times of one day.
    pub(crate) fn times(
        &self,
        day: i64,
        midnight: i64,
        holiday: bool,
        scale: f64,
        log: LogRhythm,
        dice: &mut Dice,
    ) -> Vec<Act> {
        let weekday = weekday(midnight);
        let rest = weekday >= 5 || holiday;
        let mut acts = Vec::new();
        let mut act = |time: i64, instance: u32| {
            // What runs past midnight is cut off: a day must hold its own events only.
            if (midnight..midnight + DAY).contains(&time) {
                acts.push(Act { time, instance, object: None });
            }
        };
        match self {
            Habit::Steady(steady) => {
                for hour in 0..24 {
                    let mean = steady.mean(day, hour, rest) * scale;
                    let busy = mean / (steady.rate * scale).max(1e-9);
                    let instances = steady.instances_at(busy);
                    for _ in 0..dice.count(mean, steady.dispersion) {
                        let time = midnight + hour as i64 * HOUR + dice.between(0, HOUR);
                        act(time, dice.below(u64::from(instances)) as u32);
                    }
                }
            }
            Habit::Job { at, calls, dispersion, minutes, weekdays, backfill } => {
                if weekdays >> weekday & 1 == 0 {
                    return acts;
                }
                let factor = if *backfill == Some(day) { 12.0 } else { 1.0 };
                for &start in at {
                    let start = midnight + start + dice.between(0, 40);
                    // A job without dispersion does the same every time, in an organisation of any size.
                    let count = match *dispersion > 0.0 {
                        true => dice.count(calls * scale * factor, *dispersion),
                        false => *calls as u64,
                    };
                    for _ in 0..count {
                        act(start + dice.between(0, minutes * 60), 0);
                    }
                }
            }
            Habit::Builds { a_day, calls } => {
                let mean = if rest { a_day * 0.1 } else { *a_day };
                for build in 0..dice.count(mean * scale.clamp(0.3, 1.0), 0.15) {
                    let hour = dice.weighted(OFFICE.iter().copied()) as i64;
                    let start = midnight + hour * HOUR + dice.between(0, HOUR);
                    for _ in 0..1 + dice.poisson(*calls) {
                        act(start + dice.between(0, 400), build as u32);
                    }
                }
            }
            Habit::Office { presence, sittings, calls, hours_east } => {
                if rest || !dice.chance(*presence) {
                    return acts;
                }
                for sitting in 0..1 + dice.poisson(*sittings) {
                    let start = midnight + (9 - hours_east) * HOUR + dice.between(-HOUR, 9 * HOUR);
                    for _ in 0..1 + dice.count(*calls, 0.6) {
                        act(start + dice.between(0, 1_500), sitting as u32);
                    }
                }
            }
            Habit::EachObject { after, account } => {
                let mut stamp = midnight + log.step;
                while stamp <= midnight + DAY {
                    let time = stamp + after + dice.between(0, 20);
                    if time < midnight + DAY {
                        acts.push(Act { time, instance: 0, object: Some((stamp, *account)) });
                    }
                    stamp += log.step;
                }
            }
        }
        acts
    }

    /// Expected calls on an ordinary working day.
    pub(crate) fn a_day(&self, scale: f64, log: LogRhythm) -> f64 {
        match self {
            Habit::Steady(steady) => steady.rate * 24.0 * scale,
            Habit::Job { at, calls, .. } => at.len() as f64 * calls * scale,
            Habit::Builds { a_day, calls } => a_day * (1.0 + calls),
            Habit::Office { presence, sittings, calls, .. } => presence * (1.0 + sittings) * (1.0 + calls),
            Habit::EachObject { .. } => (DAY / log.step.max(1)) as f64,
        }
    }
}

impl Steady {
    /// Expected calls in this hour.
    fn mean(&self, day: i64, hour: usize, rest: bool) -> f64 {
        let shift: f64 =
            self.shifts.iter().filter(|(from, _)| *from <= day).map(|(_, factor)| factor).product();
        let week = if rest { self.weekend } else { 1.0 };
        let now = day * DAY + hour as i64 * HOUR;
        let outage = match self.outage {
            Some((from, until)) if (from..until).contains(&now) => 0.02,
            // What could not be done is done afterwards.
            Some((_, until)) if (until..until + 2 * HOUR).contains(&now) => 3.0,
            _ => 1.0,
        };
        let rhythm = self.rhythm.get(hour_of(now)).copied().unwrap_or(1.0);
        self.rate * rhythm * week * shift * outage
    }

    fn instances_at(&self, busy: f64) -> u32 {
        let (low, high) = self.instances;
        (low + (busy * f64::from(high - low) * 0.5) as u32).clamp(1, high.max(1))
    }
}
