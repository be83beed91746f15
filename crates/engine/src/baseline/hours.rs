//! What is kept by hour, and hours as they are read back.

use super::bytes::MAX_HOUR;
use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// What is kept by hour, in order of time.
///
/// Nearly always there are one or two hours: a short list, which needs no memory of its own when one hour follows the
/// other. Of more (times can be made up) the later ones are in a tree.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ByHour<T> {
    few: Vec<(i64, T)>,
    /// Empty unless `few` is full; all of them are later.
    more: BTreeMap<i64, T>,
}

impl<T> ByHour<T> {
    /// Hours in the list.
    const FEW: usize = 4;

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.few.is_empty()
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, &T)> {
        self.few
            .iter()
            .map(|(hour, value)| (*hour, value))
            .chain(self.more.iter().map(|(hour, value)| (*hour, value)))
    }

    /// The hours.
    pub(super) fn hours(&self) -> impl Iterator<Item = i64> {
        self.iter().map(|(hour, _)| hour)
    }

    /// The first hour.
    pub(super) fn first(&self) -> Option<i64> {
        self.few.first().map(|(hour, _)| *hour)
    }

    /// Whether something is kept of an hour.
    pub(super) fn contains(&self, hour: i64) -> bool {
        self.few.iter().any(|(known, _)| *known == hour) || self.more.contains_key(&hour)
    }

    /// What is kept of an hour.
    pub(super) fn entry(&mut self, hour: i64) -> &mut T
    where
        T: Default,
    {
        let at = self.few.partition_point(|(known, _)| *known < hour);
        let is_known = self.few.get(at).is_some_and(|(known, _)| *known == hour);
        if !is_known && at >= Self::FEW {
            return self.more.entry(hour).or_default();
        }
        if !is_known {
            if self.few.len() >= Self::FEW {
                self.more.extend(self.few.pop());
            } else if self.few.is_empty() {
                self.few.reserve_exact(2);
            }
            self.few.insert(at, (hour, T::default()));
        }
        #[allow(clippy::indexing_slicing)] // It was found there, or put.
        &mut self.few[at].1
    }

    /// Takes out what is kept of an hour.
    pub(super) fn remove(&mut self, hour: i64) -> Option<T> {
        match self.few.iter().position(|(known, _)| *known == hour) {
            Some(at) => {
                let (_, value) = self.few.remove(at);
                self.refill();
                Some(value)
            }
            None => self.more.remove(&hour),
        }
    }

    /// Takes out the first hour, if it is before `hour`.
    pub(super) fn take_before(&mut self, hour: i64) -> Option<(i64, T)> {
        let first = self.first().filter(|first| *first < hour)?;
        Some((first, self.remove(first)?))
    }

    /// Forgets the hours up to and including `hour`.
    pub(super) fn forget(&mut self, hour: i64) {
        self.few.retain(|(known, _)| *known > hour);
        if !self.more.is_empty() {
            self.more = self.more.split_off(&hour.saturating_add(1));
        }
        self.refill();
    }

    fn refill(&mut self) {
        while self.few.len() < Self::FEW
            && let Some(first) = self.more.pop_first()
        {
            self.few.push(first);
        }
        if self.few.is_empty() {
            self.few = Vec::new();
        }
    }
}

impl<T> Default for ByHour<T> {
    fn default() -> Self {
        ByHour { few: Vec::new(), more: BTreeMap::new() }
    }
}

impl<T: Serialize> Serialize for ByHour<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.iter().collect::<BTreeMap<_, _>>().serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ByHour<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let more = BTreeMap::<i64, T>::deserialize(deserializer)?;
        more.keys().try_for_each(|hour| checked(*hour).map(|_| ()))?;
        let mut all = ByHour { few: Vec::new(), more };
        all.refill();
        Ok(all)
    }
}

/// One that nobody has lived in is damage, and would overflow what is computed with it.
fn checked<E: Error>(hour: i64) -> Result<i64, E> {
    if (-MAX_HOUR..=MAX_HOUR).contains(&hour) {
        Ok(hour)
    } else {
        Err(E::invalid_value(Unexpected::Signed(hour), &"whole hours since the epoch"))
    }
}

/// An hour, if there is one.
pub(super) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Option::<i64>::deserialize(deserializer)?.map(checked).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_does_what_a_tree_does(steps in prop::collection::vec((0u8..6, -20i64..20), 0..60)) {
            let (mut list, mut tree) = (ByHour::<u32>::default(), BTreeMap::<i64, u32>::new());
            for (what, hour) in steps {
                match what {
                    0 => prop_assert_eq!(list.remove(hour), tree.remove(&hour)),
                    1 => {
                        let first = tree.first_key_value().map(|(hour, _)| *hour).filter(|first| *first < hour);
                        let taken = first.and_then(|first| Some((first, tree.remove(&first)?)));
                        prop_assert_eq!(list.take_before(hour), taken);
                    }
                    2 if hour < -10 => {
                        list.forget(hour);
                        tree = tree.split_off(&(hour + 1));
                    }
                    _ => {
                        *list.entry(hour) += 1;
                        *tree.entry(hour).or_default() += 1;
                    }
                }
                prop_assert_eq!(list.iter().map(|(hour, n)| (hour, *n)).collect::<BTreeMap<_, _>>(), tree.clone());
                prop_assert!(list.hours().is_sorted() && list.contains(hour) == tree.contains_key(&hour));
                prop_assert_eq!((list.is_empty(), list.first()), (tree.is_empty(), tree.keys().next().copied()));
                let text = serde_json::to_string(&list).unwrap();
                prop_assert_eq!(&text, &serde_json::to_string(&tree).unwrap());
                prop_assert_eq!(&serde_json::from_str::<ByHour<u32>>(&text).unwrap(), &list);
            }
        }
    }
}
