//! Which names the encryption contexts of a key have.

use super::{Merge, Once};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The first two sets of names that contexts had, each with its first event.
///
/// Of names only a hash is kept. A semilattice: the two least of a map whose values only shrink. Who gives contexts of
/// many kinds has no habit to break, so a third set is not noticed. It costs two comparisons for most events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contexts(Vec<(Once, u64)>);

impl Contexts {
    const KEPT: usize = 2;

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes up a context with names of this hash.
    pub fn note(&mut self, names: u64, time: Timestamp, event_id: &str, by: &str) {
        match self.0.iter().find(|(_, known)| *known == names) {
            Some((first, _)) if first.time < time => return,
            None if self.0.len() >= Self::KEPT && self.0.iter().all(|(first, _)| first.time < time) => return,
            _ => {}
        }
        self.join(Once::new(time, event_id, by), names);
    }

    /// The first event in which a context had other names than all before it.
    pub fn changed(&self) -> Option<&Once> {
        self.0.get(1).map(|(first, _)| first)
    }

    fn join(&mut self, once: Once, names: u64) {
        match self.0.iter_mut().find(|(_, known)| *known == names) {
            Some((first, _)) if once < *first => *first = once,
            Some(_) => return,
            None => self.0.push((once, names)),
        }
        self.0.sort_unstable();
        self.0.truncate(Self::KEPT);
    }
}

impl Merge for Contexts {
    fn merge(&mut self, other: &Self) {
        other.0.iter().for_each(|(once, names)| self.join(once.clone(), *names));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::laws;
    use proptest::prelude::*;

    fn of(events: &[(u64, i64, u8)]) -> Contexts {
        let mut contexts = Contexts::default();
        for (names, time, id) in events {
            contexts.note(*names, Timestamp(*time), &id.to_string(), "x");
        }
        contexts
    }

    #[test]
    fn the_first_event_with_other_names_is_kept_whatever_comes_later() {
        assert_eq!(of(&[(7, 1, 1), (7, 2, 2)]).changed(), None);
        let changed = of(&[(9, 5, 4), (7, 1, 1), (8, 3, 3), (8, 2, 2), (7, 9, 9)]);
        assert_eq!(changed.changed().map(Once::event_id), Some("2".to_owned()));
    }

    proptest! {
        #[test]
        fn it_is_a_semilattice(
            events in prop::collection::vec((0u64..5, 0i64..6, 0u8..4), 0..30),
            cuts: [u8; 2],
        ) {
            laws::check(&events, cuts, of)?;
        }
    }
}
