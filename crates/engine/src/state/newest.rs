//! A bounded map that keeps its newest keys.

use super::Merge;
use serde::{Deserialize, Serialize};

/// The `N` greatest keys seen, each with a value that merges.
///
/// Keys begin with a time or a day, so the greatest are the newest. A key never changes, and a key once turned
/// away is never among the `N` greatest again; so what is kept is the same for any order of arrival, and its
/// values are complete. Hence it is a semilattice whenever `V` is.
///
/// When the bound is hit, the oldest fall out and [`Newest::is_full`] says so: somebody who makes more than `N`
/// of these makes the oldest be forgotten, so it holds only things whose making is itself a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newest<K, V, const N: usize> {
    /// In ascending order of key.
    entries: Vec<(K, V)>,
    full: bool,
}

impl<K, V, const N: usize> Default for Newest<K, V, N> {
    fn default() -> Self {
        Newest { entries: Vec::new(), full: false }
    }
}

impl<K: Ord, V, const N: usize> Newest<K, V, N> {
    /// All that are kept, the oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&K, &V)> + Clone {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    /// The values, the oldest first.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> + Clone {
        self.entries.iter().map(|(_, value)| value)
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether any had to be turned away.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Joins a value to that of its key. `same` compares a key with the one meant, `key` and `new` make it:
    /// so nothing is made for a key that is known or turned away.
    pub fn join_with(
        &mut self,
        same: impl Fn(&K) -> std::cmp::Ordering,
        new: impl FnOnce() -> (K, V),
        join: impl FnOnce(&mut V),
    ) {
        match self.entries.binary_search_by(|(key, _)| same(key)) {
            Ok(at) => {
                if let Some((_, value)) = self.entries.get_mut(at) {
                    join(value);
                }
            }
            Err(0) if self.entries.len() >= N => self.full = true,
            Err(at) => {
                self.entries.insert(at, new());
                self.cut();
            }
        }
    }

    fn cut(&mut self) {
        let excess = self.entries.len().saturating_sub(N);
        if excess > 0 {
            self.entries.drain(..excess);
            self.full = true;
        }
    }
}

impl<K: Ord, V: Merge, const N: usize> Newest<K, V, N> {
    /// Joins `value` to that of `key`.
    pub fn join(&mut self, key: K, value: V) {
        match self.entries.binary_search_by(|(known, _)| known.cmp(&key)) {
            Ok(at) => {
                if let Some((_, known)) = self.entries.get_mut(at) {
                    known.merge(&value);
                }
            }
            Err(0) if self.entries.len() >= N => self.full = true,
            Err(at) => {
                self.entries.insert(at, (key, value));
                self.cut();
            }
        }
    }
}

impl<K: Ord + Clone, V: Merge + Clone, const N: usize> Merge for Newest<K, V, N> {
    fn merge(&mut self, other: &Self) {
        for (key, value) in &other.entries {
            self.join(key.clone(), value.clone());
        }
        self.full |= other.full;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::laws;
    use proptest::prelude::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Max(u8);

    impl Merge for Max {
        fn merge(&mut self, other: &Self) {
            self.0 = self.0.max(other.0);
        }
    }

    fn of(joins: &[(u8, u8)]) -> Newest<u8, Max, 3> {
        let mut newest = Newest::default();
        joins.iter().for_each(|(key, value)| newest.join(*key, Max(*value)));
        newest
    }

    #[test]
    fn the_oldest_fall_out_and_it_says_so() {
        let three = of(&[(1, 0), (2, 0), (3, 0)]);
        assert!(!three.is_full());
        let four = of(&[(4, 0), (1, 0), (2, 0), (3, 0)]);
        assert!(four.is_full());
        assert_eq!(four.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [2, 3, 4]);
    }

    #[test]
    fn a_known_key_at_the_bound_turns_nothing_away() {
        assert!(!of(&[(1, 0), (2, 0), (3, 0), (1, 5)]).is_full());
    }

    #[test]
    fn joining_in_place_is_joining() {
        for joins in [vec![(1, 0), (2, 0), (3, 0), (1, 5), (0, 1), (4, 4)], vec![(4, 1), (4, 2)], vec![]] {
            let mut in_place: Newest<u8, Max, 3> = Newest::default();
            for (key, value) in &joins {
                let value = Max(*value);
                in_place.join_with(|known| known.cmp(key), || (*key, value.clone()), |v| v.merge(&value));
            }
            assert_eq!(in_place, of(&joins));
        }
    }

    proptest! {
        #[test]
        fn it_is_a_semilattice(joins in prop::collection::vec((0u8..8, 0u8..4), 0..16), cuts: [u8; 2]) {
            laws::check(&joins, cuts, of)?;
        }
    }
}
