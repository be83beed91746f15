//! In which hours something was heard, and what was heard last.

use super::Merge;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Hours of event time in which there were events, the newest [`Heard::MOST`], and the last event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Heard {
    /// Whole hours since the epoch, in ascending order.
    hours: Vec<i64>,
    last: Option<(Timestamp, String)>,
}

/// As it is stored: the first hour and the distances between them, which are mostly one.
#[derive(Serialize, Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Stored {
    first: i64,
    steps: Vec<u32>,
    last: Option<(Timestamp, String)>,
}

impl From<Heard> for Stored {
    fn from(heard: Heard) -> Stored {
        let steps = heard.hours.windows(2).map(|pair| match pair {
            [a, b] => u32::try_from(b.saturating_sub(*a)).unwrap_or(u32::MAX),
            _ => 0,
        });
        Stored {
            first: heard.hours.first().copied().unwrap_or(i64::MIN),
            steps: steps.collect(),
            last: heard.last,
        }
    }
}

impl From<Stored> for Heard {
    fn from(stored: Stored) -> Heard {
        let mut hours = Vec::new();
        if stored.first != i64::MIN {
            hours.push(stored.first);
            let mut hour = stored.first;
            for step in stored.steps {
                hour = hour.saturating_add(i64::from(step.max(1)));
                hours.push(hour);
            }
        }
        let mut heard = Heard { hours, last: stored.last };
        heard.cut();
        heard
    }
}

impl Heard {
    /// Hours that are kept: eight weeks of somebody who is always heard, more of others.
    pub const MOST: usize = 1_344;

    /// Takes up an hour, and an event in it that may be the last.
    pub(super) fn note(&mut self, hour: i64, time: Timestamp, event_id: &str) {
        if self.last.as_ref().is_none_or(|(at, id)| (*at, id.as_str()) < (time, event_id)) {
            self.last = Some((time, event_id.to_owned()));
        }
        if self.hours.last() == Some(&hour) {
            return;
        }
        if let Err(at) = self.hours.binary_search(&hour) {
            self.hours.insert(at, hour);
            self.cut();
        }
    }

    fn cut(&mut self) {
        let excess = self.hours.len().saturating_sub(Heard::MOST);
        self.hours.drain(..excess);
    }

    /// All hours that are kept, in ascending order.
    pub fn hours(&self) -> &[i64] {
        &self.hours
    }

    /// Time and id of the last event.
    pub fn last(&self) -> Option<&(Timestamp, String)> {
        self.last.as_ref()
    }

    /// The most hours between two in which something was heard that nothing was.
    pub fn longest_silence(&self) -> i64 {
        let between = |pair: &[i64]| match pair {
            [a, b] => b.saturating_sub(*a).saturating_sub(1),
            _ => 0,
        };
        self.hours.windows(2).map(between).max().unwrap_or(0)
    }
}

impl Merge for Heard {
    fn merge(&mut self, other: &Self) {
        let mut hours = std::mem::take(&mut self.hours);
        hours.extend_from_slice(&other.hours);
        hours.sort_unstable();
        hours.dedup();
        self.hours = hours;
        self.cut();
        if self.last < other.last {
            self.last.clone_from(&other.last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::laws;
    use crate::time::HOUR;
    use proptest::prelude::*;

    fn of(events: &[(i64, u8)]) -> Heard {
        let mut heard = Heard::default();
        for (hour, id) in events {
            heard.note(*hour, Timestamp(hour * HOUR + i64::from(id % 3)), &id.to_string());
        }
        heard
    }

    proptest! {
        #[test]
        fn hours_obey_the_laws(
            events in prop::collection::vec((0i64..90, 0u8..6), 0..60),
            cuts: [u8; 2],
        ) {
            laws::check(&events, cuts, of)?;
        }
    }

    #[test]
    fn the_newest_hours_are_kept_in_any_order() {
        let all: Vec<(i64, u8)> = (0..Heard::MOST as i64 + 50).map(|hour| (hour * 3 % 1_400, 1)).collect();
        let mut backwards = all.clone();
        backwards.reverse();
        assert_eq!(of(&all), of(&backwards));
        assert_eq!(of(&all).hours().len(), Heard::MOST);
        assert_eq!(of(&all).hours().last(), all.iter().map(|(hour, _)| hour).max());
    }

    #[test]
    fn the_longest_silence_is_between_two_hours() {
        assert_eq!(of(&[]).longest_silence(), 0);
        assert_eq!(of(&[(5, 1)]).longest_silence(), 0);
        assert_eq!(of(&[(5, 1), (6, 1), (10, 1), (12, 1)]).longest_silence(), 3);
    }

    #[test]
    fn what_is_stored_is_small_and_what_is_read_is_not_trusted() {
        let always: Vec<(i64, u8)> = (490_000..491_300).map(|hour| (hour, 1)).collect();
        let stored = crate::state::stored::encode(&of(&always)).unwrap();
        assert!(stored.len() < 200, "{}", stored.len());
        let odd = Stored { first: i64::MAX - 1, steps: vec![0, u32::MAX, 7], last: None };
        assert!(Heard::from(odd).longest_silence() >= 0);
        assert_eq!(Heard::from(Stored::from(Heard::default())), Heard::default());
    }
}
