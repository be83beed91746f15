//! Events that show the same thing: how many, the first few, and the last.

use super::{Merge, distinct::Distinct};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Distinct events in bounded space: an exact or estimated count, the ids of the earliest, the time of the last.
///
/// What becomes the evidence of a finding. A semilattice: the earliest are the least of a set of pairs that
/// never change, the last is a maximum, the count a [`Distinct`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sightings {
    /// The earliest, by (time, event id), at most [`Sightings::SAMPLE`].
    earliest: Vec<(Timestamp, String)>,
    last: Option<Timestamp>,
    distinct: Distinct,
}

impl Sightings {
    /// Event ids that are kept.
    pub const SAMPLE: usize = 10;

    /// Events that were counted elsewhere: the earliest in order, the time of the last, and all of them by the hash
    /// of their id (xxh3, 64 bits).
    pub fn of(earliest: Vec<(Timestamp, String)>, last: Option<Timestamp>, distinct: Distinct) -> Sightings {
        let mut sightings = Sightings { earliest, last, distinct };
        sightings.earliest.truncate(Self::SAMPLE);
        sightings
    }

    /// Adds one event. Adding it again changes nothing.
    pub fn add(&mut self, time: Timestamp, event_id: &str) {
        let event_id = super::seen::bounded(event_id);
        let at = self.earliest.binary_search_by(|(t, id)| (*t, id.as_str()).cmp(&(time, &event_id)));
        if let Err(at) = at
            && at < Self::SAMPLE
        {
            self.earliest.insert(at, (time, event_id.clone().into_owned()));
            self.earliest.truncate(Self::SAMPLE);
        }
        self.last = self.last.max(Some(time));
        self.distinct.add(event_id.as_bytes());
    }

    /// The earliest events, by (time, event id).
    pub fn earliest(&self) -> &[(Timestamp, String)] {
        &self.earliest
    }

    /// Time of the first event.
    pub fn first(&self) -> Option<Timestamp> {
        self.earliest.first().map(|(time, _)| *time)
    }

    /// Time of the last event.
    pub fn last(&self) -> Option<Timestamp> {
        self.last
    }

    /// The distinct events, countable and mergeable.
    pub fn distinct(&self) -> &Distinct {
        &self.distinct
    }
}

impl Merge for Sightings {
    fn merge(&mut self, other: &Self) {
        self.earliest.extend(other.earliest.iter().cloned());
        self.earliest.sort();
        self.earliest.dedup();
        self.earliest.truncate(Self::SAMPLE);
        self.last = self.last.max(other.last);
        self.distinct.merge(&other.distinct);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::laws;
    use proptest::prelude::*;

    fn of(events: &[(i64, u8)]) -> Sightings {
        let mut sightings = Sightings::default();
        events.iter().for_each(|(time, id)| sightings.add(Timestamp(*time), &id.to_string()));
        sightings
    }

    #[test]
    fn the_same_event_counts_once() {
        let sightings = of(&[(1, 1), (2, 2), (1, 1)]);
        assert_eq!(sightings.distinct().count(), 2);
        assert_eq!((sightings.first(), sightings.last()), (Some(Timestamp(1)), Some(Timestamp(2))));
    }

    proptest! {
        #[test]
        fn it_is_a_semilattice(events in prop::collection::vec((0i64..20, 0u8..20), 0..40), cuts: [u8; 2]) {
            laws::check(&events, cuts, of)?;
        }
    }
}
