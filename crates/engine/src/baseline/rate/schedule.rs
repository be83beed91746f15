//! Whether a stream keeps to a schedule, as jobs do.
//!
//! A job comes at hours that it keeps to, and does about as much each time. When it has failed, it catches up: ten or
//! thirty times as much as usual. A service that answers requests, and a pipeline that people set off, do neither. So
//! what is unusual for the one is of another kind than what is unusual for the other, and each is compared with its like.

use super::Profile;
use super::season::{CELLS, Season, Share};

/// Largest uncertainty of a schedule: it is known of about 39 hours in 40 whether there will be anything.
const MOST_UNCERTAIN: f64 = 0.1;
/// Hours of the week in which a job is active at most, unless it does the same at all hours.
const MOST_HOURS: usize = CELLS / 2;
/// Largest variation of amounts over the day for one that is active in more hours. Business hours make it 0.5 and more.
const MOST_VARIED: f64 = 0.3;

/// How regular the week of a stream is.
#[derive(Clone, Copy, Debug)]
struct Regularity {
    /// How uncertain it is whether an hour will be active, 0 to 1: 4 p (1 - p), the mean over the week.
    uncertainty: f64,
    /// Hours of the week that are more likely to be active than not.
    hours: usize,
    /// Standard deviation of amounts by hour of the day, over their mean.
    variation: f64,
}

impl Profile {
    /// Whether it comes at hours that it keeps to, in few hours of the week or with about as much each time. Never
    /// without a weekly season, nor where no hour is likely to be active.
    pub fn keeps_schedule(&self) -> bool {
        let Some(season) = &self.season else { return false };
        let week = season.regularity(self.share, self.first, self.touched, self.sealed);
        week.uncertainty < MOST_UNCERTAIN
            && week.hours > 0
            && (week.hours <= MOST_HOURS || week.variation < MOST_VARIED)
    }
}

impl Season {
    /// The same estimates as [`Season::shape`], for all hours of the week.
    fn regularity(&self, share: Share, first: i64, touched: i64, as_of: i64) -> Regularity {
        let known = self.known(share, first, touched, as_of);
        let (mut uncertainty, mut hours) = (0.0, 0);
        let (mut weight, mut sum, mut squares) = (0.0, 0.0, 0.0);
        let groups = [(0..5), (5..7)];
        for (days, hour) in groups.into_iter().flat_map(|days| (0..24).map(move |hour| (days.clone(), hour)))
        {
            let (by_day, amount) = known.by_day(days.clone(), hour);
            for cell in days.map(|day| day * 24 + hour) {
                let p = known.activity(cell, by_day);
                uncertainty += 4.0 * p * (1.0 - p);
                hours += usize::from(p > 0.5);
                weight += p;
                sum += p * amount;
                squares += p * amount * amount;
            }
        }
        let average = sum / weight;
        let variance = (squares / weight - average * average).max(0.0);
        Regularity { uncertainty: uncertainty / CELLS as f64, hours, variation: variance.sqrt() / average }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::rate::Rhythm;

    /// A profile of four weeks of hourly counts, from a Monday on.
    fn of(count: impl Fn(i64) -> u64) -> Profile {
        const MONDAY: i64 = 493_848;
        let mut profile = Profile::born(MONDAY, Rhythm::Weekly, 1);
        (0..4 * 168).for_each(|hour| {
            profile.seal(MONDAY + hour, count(hour));
        });
        profile
    }

    /// Something between 0 and 99 that has no rhythm.
    fn chance(hour: i64) -> u64 {
        (hour as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17).wrapping_mul(0xbf58_476d_1ce4_e5b9)
            >> 40
            & 0xffff
    }

    #[test]
    fn jobs_of_each_night_each_week_and_each_hour_keep_a_schedule() {
        for (name, job) in [
            ("each night", (|hour| u64::from(hour % 24 == 3) * (200 + chance(hour) % 30)) as fn(i64) -> u64),
            ("each Sunday", |hour| u64::from(hour % 168 == 150) * (900 + chance(hour) % 90)),
            ("four times a day", |hour| u64::from(hour % 6 == 1) * (40 + chance(hour) % 9)),
            ("each hour", |hour| 12 + chance(hour) % 5),
            ("each hour of working days", |hour| u64::from(hour % 168 < 120) * (12 + chance(hour) % 5)),
        ] {
            assert!(of(job).keeps_schedule(), "{name}");
        }
    }

    #[test]
    fn services_people_and_the_idle_do_not() {
        let of_day = |hour: i64| {
            [2, 1, 1, 1, 2, 4, 9, 14, 20, 22, 22, 20, 17, 20, 21, 19, 15, 9, 6, 5, 4, 2, 1, 1]
                [hour as usize % 24]
        };
        assert!(!of(|hour| of_day(hour) * 10 + chance(hour) % 7).keeps_schedule(), "in business hours");
        assert!(!of(|hour| u64::from(chance(hour) % 100 < 30) * 2).keeps_schedule(), "now and then");
        let at_work =
            |hour: i64| hour % 168 < 120 && (8..18).contains(&(hour % 24)) && chance(hour).is_multiple_of(3);
        assert!(!of(|hour| u64::from(at_work(hour)) * 9).keeps_schedule(), "a person");
        assert!(!of(|hour| u64::from(hour == 200)).keeps_schedule(), "once");
        assert!(!of(|_| 0).keeps_schedule(), "never");
    }

    #[test]
    fn a_job_that_catches_up_is_still_a_job() {
        let nightly = |hour: i64| u64::from(hour % 24 == 3) * (200 + chance(hour) % 30);
        assert!(of(|hour| nightly(hour) * if (480..504).contains(&hour) { 12 } else { 1 }).keeps_schedule());
    }
}
