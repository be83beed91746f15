//! On which days something was done, to tell that it woke up.

use super::{Merge, Newest, Once};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The newest UTC days on which something was done, each with its first event.
///
/// Few are kept: who was asleep and is now awake is told while he has only been so for some days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Days {
    days: Newest<i64, Once, 8>,
}

/// The first event of a day merges as the least.
impl Merge for Once {
    fn merge(&mut self, other: &Self) {
        if other < self {
            self.clone_from(other);
        }
    }
}

impl Days {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.days.is_empty()
    }

    /// Takes up an event. Allocates only for a day that is new.
    pub fn note(&mut self, time: Timestamp, event_id: &str, by: &str) {
        let day = time.day();
        self.days.join_with(
            |known| known.cmp(&day),
            || (day, Once::new(time, event_id, by)),
            |first| {
                if time <= first.time {
                    first.merge(&Once::new(time, event_id, by));
                }
            },
        );
    }

    /// The first event after a sleep of `days` at least, the last such, with the days that it lasted.
    pub fn woke(&self, days: i64) -> Option<(&Once, i64)> {
        let pairs = self.days.values().zip(self.days.values().skip(1));
        let slept = pairs.map(|(before, after)| (after, after.time.day() - before.time.day()));
        slept.filter(|(_, slept)| *slept >= days.max(1)).fold(None, |_, last| Some(last))
    }

    /// The first event of all, as long as that is known.
    pub fn first(&self) -> Option<&Once> {
        self.days.values().next().filter(|_| !self.days.is_full())
    }
}

impl Merge for Days {
    fn merge(&mut self, other: &Self) {
        self.days.merge(&other.days);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::laws;
    use crate::time::DAY;
    use proptest::prelude::*;

    fn of(events: &[(i64, u8)]) -> Days {
        let mut days = Days::default();
        for (day, id) in events {
            days.note(Timestamp(day * DAY + i64::from(id % 3)), &id.to_string(), "x");
        }
        days
    }

    proptest! {
        #[test]
        fn days_obey_the_laws(events in prop::collection::vec((0i64..40, 0u8..6), 0..60), cuts: [u8; 2]) {
            laws::check(&events, cuts, of)?;
        }
    }

    #[test]
    fn the_last_long_sleep_ends_with_the_first_event_of_its_day() {
        let days = of(&[(1, 1), (2, 2), (60, 5), (60, 3), (61, 4)]);
        let (once, slept) = days.woke(58).unwrap();
        assert_eq!((once.event_id(), slept), ("3".to_owned(), 58));
        assert!(days.woke(59).is_none() && days.woke(0).is_some());
        assert!(of(&[(1, 1)]).woke(1).is_none());
    }

    #[test]
    fn the_first_event_is_known_until_it_is_pushed_out() {
        let eight: Vec<(i64, u8)> = (0..8).map(|day| (day, 1)).collect();
        assert_eq!(of(&eight).first().unwrap().time.day(), 0);
        let nine: Vec<(i64, u8)> = (0..9).map(|day| (day, 1)).collect();
        assert!(of(&nine).first().is_none());
    }
}
