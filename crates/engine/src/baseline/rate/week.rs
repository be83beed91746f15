//! The week that a stream has learned, for people to look at.

use super::season::cell_of;
use super::{MIN_MEAN, Profile};

/// Hours of a week.
pub const WEEK: usize = 168;

impl Profile {
    /// What is expected of each hour of the week, Monday 00:00 UTC first, as of the last sealed hour: mean counts,
    /// silence included. A stream without the rhythm of a week expects the same of all.
    pub fn week(&self) -> [f64; WEEK] {
        let elapsed = self.sealed - self.touched;
        let level = self.level.value(elapsed);
        let monday = self.sealed - cell_of(self.sealed) as i64;
        std::array::from_fn(|at| {
            let hour = monday + at as i64;
            let shape = match &self.season {
                Some(season) => season.shape(self.share, self.first, self.touched, self.sealed, hour),
                None => self.share.shape(self.first, self.touched, self.sealed),
            };
            shape.activity * (level * shape.amount).max(MIN_MEAN)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::rate::Rhythm;

    const MONDAY: i64 = 494_016;

    /// Four weeks with so many events in each hour of the week.
    fn learned(rhythm: Rhythm, count: impl Fn(i64) -> u64) -> Profile {
        let mut profile = Profile::born(MONDAY, rhythm, 1);
        (0..4 * 168).filter(|hour| count(hour % 168) > 0).for_each(|hour| {
            profile.seal(MONDAY + hour, count(hour % 168));
        });
        profile.advance(MONDAY + 4 * 168 - 1);
        profile
    }

    #[test]
    fn the_hours_of_work_stand_out_in_the_week_that_was_learned() {
        let at_work = |hour: i64| hour / 24 < 5 && (8..18).contains(&(hour % 24));
        let week = learned(Rhythm::Weekly, |hour| if at_work(hour) { 20 } else { 0 }).week();
        for (hour, mean) in week.iter().enumerate() {
            assert_eq!(*mean > 10.0, at_work(hour as i64), "{hour}: {mean}");
        }
    }

    #[test]
    fn without_a_rhythm_all_hours_are_alike() {
        let week = learned(Rhythm::Flat, |hour| u64::from(hour % 2 == 0) * 6).week();
        assert!(week.iter().all(|mean| *mean == week[0]));
        assert!((week[0] - 3.0).abs() < 0.5, "{}", week[0]);
    }
}
