//! Failed calls of an hour, counted with whom or what they concern.

use super::{Merge, Seen, Sightings, distinct::Distinct};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Events of one hour, and the distinct names that they concern.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// The calls.
    pub calls: Sightings,
    /// Distinct names: of principals, or of keys.
    pub distinct: Distinct,
    /// Some of them.
    pub names: Seen<4>,
}

impl Tally {
    /// Adds one call that concerns `name`.
    pub fn add(&mut self, name: &str, time: Timestamp, event_id: &str) {
        self.calls.add(time, event_id);
        self.distinct.add(name.as_bytes());
        self.names.note(name, "", time);
    }
}

impl Merge for Tally {
    fn merge(&mut self, other: &Self) {
        self.calls.merge(&other.calls);
        self.distinct.merge(&other.distinct);
        self.names.merge(&other.names);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::laws;
    use proptest::prelude::*;

    fn of(calls: &[(u8, i64)]) -> Tally {
        let mut tally = Tally::default();
        for (name, time) in calls {
            tally.add(&name.to_string(), Timestamp(*time), &format!("{name} {time}"));
        }
        tally
    }

    #[test]
    fn calls_and_names_are_counted_apart() {
        let tally = of(&[(1, 1), (1, 2), (2, 3), (1, 1)]);
        assert_eq!((tally.calls.distinct().count(), tally.distinct.count()), (3, 2));
    }

    proptest! {
        #[test]
        fn it_is_a_semilattice(calls in prop::collection::vec((0u8..9, 0i64..9), 0..40), cuts: [u8; 2]) {
            laws::check(&calls, cuts, of)?;
        }
    }
}
