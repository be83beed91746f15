//! A fact that is overwritten: the last writer wins.

use super::Merge;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// A value and the event that wrote it last: by event time, then by hash of the event id, then by value.
///
/// The order is total on what was written, so merging is a maximum: commutative, associative and idempotent.
/// The hash stands for the event id so that writing allocates nothing; two events of the same second are put
/// in an order that has no meaning, but is the same everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register<T> {
    written: Option<Written<T>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Written<T> {
    time: Timestamp,
    event: u64,
    value: T,
}

impl<T> Default for Register<T> {
    fn default() -> Self {
        Register { written: None }
    }
}

impl<T: Ord> Register<T> {
    /// Writes `value`, unless a later event has written before.
    pub fn write(&mut self, time: Timestamp, event_id: &str, value: T) {
        let written = Some(Written { time, event: xxh3_64(event_id.as_bytes()), value });
        // `None` is less than anything.
        if written > self.written {
            self.written = written;
        }
    }

    /// The value, if one was written.
    pub fn get(&self) -> Option<&T> {
        self.written.as_ref().map(|written| &written.value)
    }

    /// When the value was written.
    pub fn time(&self) -> Option<Timestamp> {
        self.written.as_ref().map(|written| written.time)
    }

    /// What decides between two writers: time, then hash of the event id.
    pub fn stamp(&self) -> Option<(Timestamp, u64)> {
        self.written.as_ref().map(|written| (written.time, written.event))
    }
}

impl<T: Ord + Clone> Merge for Register<T> {
    fn merge(&mut self, other: &Self) {
        if other.written > self.written {
            self.written.clone_from(&other.written);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::laws;
    use proptest::prelude::*;

    fn of(writes: &[(i64, u8, u8)]) -> Register<u8> {
        let mut register = Register::default();
        for (time, event, value) in writes {
            register.write(Timestamp(*time), &event.to_string(), *value);
        }
        register
    }

    #[test]
    fn a_later_event_wins_even_if_it_is_read_first() {
        assert_eq!(of(&[(2, 0, 7), (1, 1, 9)]).get(), Some(&7));
        assert_eq!(of(&[(1, 1, 9), (2, 0, 7)]).get(), Some(&7));
        assert_eq!(of(&[(1, 1, 9), (2, 0, 7)]).time(), Some(Timestamp(2)));
    }

    #[test]
    fn nothing_written_is_nothing_known() {
        assert_eq!(of(&[]).get(), None);
        assert_eq!(of(&[]).stamp(), None);
    }

    proptest! {
        #[test]
        fn it_is_a_semilattice(writes in prop::collection::vec((0i64..4, 0u8..3, 0u8..3), 0..12), cuts: [u8; 2]) {
            laws::check(&writes, cuts, of)?;
        }
    }
}
