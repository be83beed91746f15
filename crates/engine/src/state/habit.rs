//! A habit that lasts, and the first event that breaks it.

use super::{Merge, Once};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The first days on which something was done in one way, and the first event in which it was not.
///
/// A semilattice: the least few of a set of days, and the least of the events. It costs a comparison for most events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Habit {
    /// UTC days since the epoch, ascending, at most [`Habit::DAYS`].
    days: Vec<i64>,
    broken: Option<Once>,
}

impl Habit {
    /// Days that are kept: enough to tell a habit from an accident.
    pub const DAYS: usize = 8;

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.days.is_empty() && self.broken.is_none()
    }

    /// Takes up that it was done in the usual way.
    pub fn keep(&mut self, time: Timestamp) {
        let day = time.day();
        if self.days.len() >= Self::DAYS && self.days.last().is_some_and(|last| *last <= day) {
            return;
        }
        if let Err(at) = self.days.binary_search(&day) {
            self.days.insert(at, day);
            self.days.truncate(Self::DAYS);
        }
    }

    /// Takes up an event in which it was not.
    pub fn part(&mut self, time: Timestamp, event_id: &str, by: &str) {
        Once::note(&mut self.broken, time, event_id, by);
    }

    /// The event that broke the habit, with the days on which it is known to have been kept before, if these are at
    /// least `least` and the first is at least `days` days before.
    pub fn broken(&self, days: i64, least: usize) -> Option<(&Once, usize)> {
        let broken = self.broken.as_ref()?;
        Some((broken, self.lasted(broken.time, days, least)?))
    }

    /// The days on which it is known to have been kept before the day of `time`, if these are at least `least` and the
    /// first is at least `days` days before.
    pub fn lasted(&self, time: Timestamp, days: i64, least: usize) -> Option<usize> {
        let day = time.day();
        let before = self.days.iter().filter(|kept| **kept < day).count();
        let lasted = self.days.first().is_some_and(|first| day - first >= days);
        (lasted && before >= least).then_some(before)
    }
}

impl Merge for Habit {
    fn merge(&mut self, other: &Self) {
        self.days.extend(&other.days);
        self.days.sort_unstable();
        self.days.dedup();
        self.days.truncate(Self::DAYS);
        Once::merge(&mut self.broken, &other.broken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::laws;
    use crate::time::DAY;
    use proptest::prelude::*;

    fn of(events: &[(i64, bool, u8)]) -> Habit {
        let mut habit = Habit::default();
        for (day, kept, id) in events {
            let time = Timestamp(day * DAY + 7);
            if *kept { habit.keep(time) } else { habit.part(time, &id.to_string(), "x") }
        }
        habit
    }

    #[test]
    fn a_habit_is_broken_once_it_has_lasted_and_was_kept_on_enough_days() {
        let kept: Vec<_> = (0..5).map(|n| (n * 3, true, 0)).collect();
        let with = |day| of(&[kept.clone(), vec![(day, false, 1)]].concat());
        assert_eq!(with(14).broken(14, 5).map(|(once, days)| (once.event_id(), days)), Some(("1".into(), 5)));
        assert_eq!(with(13).broken(14, 5), None, "too soon");
        assert_eq!(with(14).broken(14, 6), None, "too few days");
        assert_eq!(with(12).broken(10, 5), None, "the day itself does not count");
        assert_eq!(of(&kept).broken(1, 1), None);
        assert_eq!(of(&[(9, false, 1)]).broken(0, 0), None);
    }

    proptest! {
        #[test]
        fn it_is_a_semilattice(
            events in prop::collection::vec((0i64..30, any::<bool>(), 0u8..4), 0..40),
            cuts: [u8; 2],
        ) {
            laws::check(&events, cuts, of)?;
        }
    }
}
