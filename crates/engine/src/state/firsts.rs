//! Names with the first event of each.

use super::{Merge, Once, seen::bounded};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The `N` names that came first, each with its first event.
///
/// A semilattice for the reason that `Seen` explains: the `N` least of a map whose values only shrink. Names that
/// come after the first `N` are not noticed; [`Firsts::is_full`] says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Firsts<const N: usize> {
    /// In ascending order.
    entries: Vec<(Once, Box<str>)>,
    full: bool,
}

impl<const N: usize> Firsts<N> {
    /// Takes up that `name` stood in an event. Allocates only for one that is earlier than all known of it.
    pub fn note(&mut self, name: &str, time: Timestamp, event_id: &str) {
        let is_late =
            self.entries.len() >= N && self.entries.last().is_some_and(|(last, _)| last.time < time);
        if is_late && self.full {
            return;
        }
        let name = bounded(name);
        let known = self.entries.iter().find(|(_, known)| **known == *name);
        if known.is_some_and(|(first, _)| first.time < time) {
            return;
        }
        if is_late && known.is_none() {
            self.full = true;
            return;
        }
        self.join(&Once::new(time, event_id, &name), &name);
        self.cut();
    }

    /// The names with their first events, the earliest first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Once)> {
        self.entries.iter().map(|(once, name)| (&**name, once))
    }

    /// Whether nothing was noted.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether there were more names than are kept.
    pub fn is_full(&self) -> bool {
        self.full
    }

    fn join(&mut self, once: &Once, name: &str) {
        let known = self.entries.iter().position(|(_, known)| **known == *name);
        if let Some(at) = known {
            if self.entries.get(at).is_some_and(|(first, _)| first <= once) {
                return;
            }
            self.entries.remove(at);
        }
        let entry = (once.clone(), Box::from(name));
        if let Err(at) = self.entries.binary_search(&entry) {
            self.entries.insert(at, entry);
        }
    }

    fn cut(&mut self) {
        self.full |= self.entries.len() > N;
        self.entries.truncate(N);
    }
}

impl<const N: usize> Merge for Firsts<N> {
    fn merge(&mut self, other: &Self) {
        other.entries.iter().for_each(|(once, name)| self.join(once, name));
        self.full |= other.full;
        self.cut();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::laws;
    use proptest::prelude::*;

    fn of(notes: &[(u8, i64, u8)]) -> Firsts<4> {
        let mut firsts = Firsts::default();
        for (name, time, id) in notes {
            firsts.note(&name.to_string(), Timestamp(*time), &id.to_string());
        }
        firsts
    }

    #[test]
    fn the_first_event_of_each_name_is_kept() {
        let firsts = of(&[(1, 5, 1), (1, 3, 2), (1, 9, 3), (2, 4, 4)]);
        let all: Vec<_> = firsts.iter().map(|(name, once)| (name.to_owned(), once.event_id())).collect();
        assert_eq!(all, [("1".to_owned(), "2".to_owned()), ("2".to_owned(), "4".to_owned())]);
        assert!(!firsts.is_full());
        assert!(of(&[(1, 1, 1), (2, 1, 2), (3, 1, 3), (4, 1, 4), (5, 1, 5)]).is_full());
    }

    proptest! {
        #[test]
        fn it_is_a_semilattice(
            notes in prop::collection::vec((0u8..9, 0i64..9, 0u8..4), 0..40),
            cuts: [u8; 2],
        ) {
            laws::check(&notes, cuts, of)?;
        }
    }
}
