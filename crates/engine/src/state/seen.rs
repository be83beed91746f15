//! Who or what was seen: names with first and last time, bounded.

use super::Merge;
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::RangeInclusive;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Names (each with a detail, which may be empty) with the first and last time at which they were seen.
///
/// Up to `N` names everything is exact. Somebody who makes up names must neither grow memory nor push out what
/// is known, so beyond `N` names two lists are kept side by side, at most `2 N` entries together:
///
/// * the `N` names that were seen **first**, with the exact time at which each was first seen: nothing that
///   comes later can push them out;
/// * the `N` names that were seen **last**, with the exact time at which each was last seen.
///
/// A name of one list only has its other time masked (`None`), even where this copy happens to know it: another
/// copy, which met the events in another order, would not. So each list is the `N` least of a map whose values
/// only shrink (or, mirrored, only grow). A name among the true `N` least has reached its place with the one
/// event that gives it, and fewer than `N` can be before it, so it stays, whatever the order; and what is
/// turned away on the way is not among them. Hence merging is commutative, associative and idempotent, and the
/// content depends only on the set of events.
///
/// A bound by hash of the name would be simpler, but an intruder could find names that push out the known ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen<const N: usize> {
    /// By (hash, name, detail): comparing hashes is quicker than comparing ARNs, which begin alike.
    entries: Vec<Sight>,
    full: bool,
}

/// A name and when it was seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Sight {
    hash: u64,
    /// The name.
    pub name: Box<str>,
    /// What belongs to the name, such as the service through which a principal called; may be empty.
    pub detail: Box<str>,
    /// When it was first seen; `None` if it is not among the first of a full list.
    pub first: Option<Timestamp>,
    /// When it was last seen; `None` if it is not among the last of a full list.
    pub last: Option<Timestamp>,
}

impl Sight {
    /// Whether it may have been seen between `from` and `to`: its span, as far as it is known, meets them.
    ///
    /// Where one end is masked the other stands for it, so this says no more than is known.
    pub fn meets(&self, from: Timestamp, to: Timestamp) -> bool {
        let first = self.first.or(self.last);
        let last = self.last.or(self.first);
        first.is_some_and(|first| first <= to) && last.is_some_and(|last| last >= from)
    }
}

/// Bytes of a name that are kept; longer ones are cut and told apart by a hash of the whole.
const NAME_BYTES: usize = 512;

impl<const N: usize> Default for Seen<N> {
    fn default() -> Self {
        Seen { entries: Vec::new(), full: false }
    }
}

impl<const N: usize> Seen<N> {
    /// Takes up that `name` with `detail` was seen at `time`. Allocates only for a new name.
    pub fn note(&mut self, name: &str, detail: &str, time: Timestamp) {
        self.note_span(name, detail, time, time);
    }

    /// Takes up that `name` with `detail` was seen several times, at `start` first and at `end` last.
    pub fn note_span(&mut self, name: &str, detail: &str, start: Timestamp, end: Timestamp) {
        let (name, detail) = (bounded(name), bounded(detail));
        let hash = hash(&name, &detail);
        match self.find(hash, &name, &detail) {
            Ok(at) => {
                let Some(sight) = self.entries.get_mut(at) else { return };
                // Outside its known span, a full list may have to change places: that is for `keep`.
                let masked = sight.first.is_none() || sight.last.is_none();
                sight.first = Some(sight.first.map_or(start, |first| first.min(start)));
                sight.last = Some(sight.last.map_or(end, |last| last.max(end)));
                if masked {
                    self.keep();
                }
            }
            Err(at) => {
                let sight = Sight {
                    hash,
                    name: name.into(),
                    detail: detail.into(),
                    first: Some(start),
                    last: Some(end),
                };
                self.entries.insert(at, sight);
                self.keep();
            }
        }
    }

    /// Takes up names with details that were seen at a time each. Quicker than one by one where most of them are no news:
    /// best if the newest come first.
    pub(super) fn note_each<'n>(&mut self, sights: impl Iterator<Item = (&'n str, &'n str, Timestamp)>) {
        let mut settled = self.settled();
        for (name, detail, time) in sights {
            if settled.as_ref().is_none_or(|settled| !settled.contains(&time)) {
                self.note(name, detail, time);
                settled = self.settled();
            }
        }
    }

    /// The times of which nothing more is taken up: in a full list, those after the first and before the last that are
    /// kept. Whatever the name, it neither comes before one of the first nor after one of the last.
    fn settled(&self) -> Option<RangeInclusive<Timestamp>> {
        if !self.full {
            return None;
        }
        let (mut newest_of_first, mut oldest_of_last) = (Timestamp(i64::MIN), Timestamp(i64::MAX));
        for sight in &self.entries {
            newest_of_first = newest_of_first.max(sight.first.unwrap_or(newest_of_first));
            oldest_of_last = oldest_of_last.min(sight.last.unwrap_or(oldest_of_last));
        }
        Some(newest_of_first.plus(1)..=oldest_of_last.plus(-1))
    }

    /// All that are kept, in an order that has no meaning but is always the same.
    pub fn iter(&self) -> impl Iterator<Item = &Sight> + Clone {
        self.entries.iter()
    }

    /// The entry of `name` with `detail`.
    pub fn get(&self, name: &str, detail: &str) -> Option<&Sight> {
        let (name, detail) = (bounded(name), bounded(detail));
        self.find(hash(&name, &detail), &name, &detail).ok().and_then(|at| self.entries.get(at))
    }

    /// How many entries are kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether more than `N` names were seen, so that some are masked or left out.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// When the first of all names was seen: exact, also when full.
    pub fn first(&self) -> Option<Timestamp> {
        self.entries.iter().filter_map(|sight| sight.first).min()
    }

    /// When the last of all names was seen: exact, also when full.
    pub fn last(&self) -> Option<Timestamp> {
        self.entries.iter().filter_map(|sight| sight.last).max()
    }

    /// The entries, those seen last first.
    pub fn newest(&self) -> Vec<&Sight> {
        let mut sights: Vec<&Sight> = self.entries.iter().collect();
        sights.sort_by(|a, b| {
            (b.last.or(b.first), &a.name, &a.detail).cmp(&(a.last.or(a.first), &b.name, &b.detail))
        });
        sights
    }

    fn find(&self, hash: u64, name: &str, detail: &str) -> Result<usize, usize> {
        // Hashes that are equal nearly always mean names that are: those are compared last, and for equality first.
        let mut at = self.entries.partition_point(|sight| sight.hash < hash);
        while let Some(sight) = self.entries.get(at).filter(|sight| sight.hash == hash) {
            if same(&sight.name, name) && same(&sight.detail, detail) {
                return Ok(at);
            }
            if (&*sight.name, &*sight.detail) > (name, detail) {
                break;
            }
            at += 1;
        }
        Err(at)
    }

    fn absorb(&mut self, other: Sight) {
        match self.find(other.hash, &other.name, &other.detail) {
            Ok(at) => {
                if let Some(sight) = self.entries.get_mut(at) {
                    // `min` of options would prefer `None`.
                    sight.first = [sight.first, other.first].into_iter().flatten().min();
                    sight.last = sight.last.max(other.last);
                }
            }
            Err(at) => self.entries.insert(at, other),
        }
    }

    /// Masks and drops what is in neither list, once there are more than `N` names.
    fn keep(&mut self) {
        self.full |= self.entries.len() > N;
        if !self.full {
            return;
        }
        // Nearly always one name more than stays: looking for it is quicker than sorting.
        loop {
            let (mut firsts, mut lasts) = (0, 0);
            let (mut newest, mut oldest) = (None, None);
            for (at, sight) in self.entries.iter().enumerate() {
                if sight.first.is_some() {
                    firsts += 1;
                    if newest.is_none_or(|(_, newest)| by(|s| s.first, newest, sight).is_le()) {
                        newest = Some((at, sight));
                    }
                }
                if sight.last.is_some() {
                    lasts += 1;
                    if oldest.is_none_or(|(_, oldest)| by(|s| s.last, oldest, sight).is_gt()) {
                        oldest = Some((at, sight));
                    }
                }
            }
            let newest = newest.filter(|_| firsts > N).map(|(at, _)| at);
            let oldest = oldest.filter(|_| lasts > N).map(|(at, _)| at);
            if let Some(sight) = newest.and_then(|at| self.entries.get_mut(at)) {
                sight.first = None;
            }
            if let Some(sight) = oldest.and_then(|at| self.entries.get_mut(at)) {
                sight.last = None;
            }
            if firsts <= N + 1 && lasts <= N + 1 {
                break;
            }
        }
        self.entries.retain(|sight| sight.first.is_some() || sight.last.is_some());
    }
}

/// Whether two texts are equal. Asks for emptiness first: most details are empty, and some processors take very long
/// over comparing no bytes by a vector instruction that touches the place where an empty text would stand.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && (a.is_empty() || a == b)
}

/// Order by a time, then by name.
fn by(time: fn(&Sight) -> Option<Timestamp>, a: &Sight, b: &Sight) -> Ordering {
    time(a).cmp(&time(b)).then_with(|| (&a.name, &a.detail).cmp(&(&b.name, &b.detail)))
}

impl<const N: usize> Merge for Seen<N> {
    fn merge(&mut self, other: &Self) {
        let mut changed = false;
        for sight in &other.entries {
            let known = self.find(sight.hash, &sight.name, &sight.detail).is_ok_and(|at| {
                self.entries.get(at).is_some_and(|mine| {
                    mine.first.is_some_and(|first| sight.first.is_none_or(|theirs| first <= theirs))
                        && mine.last >= sight.last
                })
            });
            if !known {
                self.absorb(sight.clone());
                changed = true;
            }
        }
        self.full |= other.full;
        if changed {
            self.keep();
        }
    }
}

/// The same on every machine and in every version (xxh3, 64 bits, the detail's seeded with the name's).
fn hash(name: &str, detail: &str) -> u64 {
    let hash = xxh3_64(name.as_bytes());
    if detail.is_empty() { hash } else { xxh3_64_with_seed(detail.as_bytes(), hash) }
}

/// A name that is short enough to keep.
pub(crate) fn bounded(name: &str) -> Cow<'_, str> {
    if name.len() <= NAME_BYTES {
        return Cow::Borrowed(name);
    }
    let mut end = NAME_BYTES;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}~{:016x}", name.split_at(end).0, xxh3_64(name.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::laws;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn of(notes: &[(u8, i64)]) -> Seen<3> {
        let mut seen = Seen::default();
        notes.iter().for_each(|(name, time)| seen.note(&name.to_string(), "", Timestamp(*time)));
        seen
    }

    fn get(seen: &Seen<3>, name: &str) -> Option<(Option<i64>, Option<i64>)> {
        seen.get(name, "").map(|s| (s.first.map(|t| t.0), s.last.map(|t| t.0)))
    }

    #[test]
    fn up_to_its_bound_first_and_last_are_exact() {
        let seen = of(&[(1, 5), (2, 7), (1, 3), (1, 9)]);
        assert!(!seen.is_full());
        assert_eq!(get(&seen, "1"), Some((Some(3), Some(9))));
        assert_eq!(get(&seen, "2"), Some((Some(7), Some(7))));
        assert_eq!((seen.first(), seen.last()), (Some(Timestamp(3)), Some(Timestamp(9))));
    }

    #[test]
    fn at_its_bound_it_is_not_yet_full() {
        assert!(!of(&[(1, 1), (2, 2), (3, 3), (1, 9)]).is_full());
        assert!(of(&[(1, 1), (2, 2), (3, 3), (4, 4)]).is_full());
    }

    #[test]
    fn being_full_is_not_forgotten_where_the_first_are_the_last_as_well() {
        let mut notes: Vec<(u8, i64)> = (1..4).flat_map(|name| [(name, 0), (name, 100)]).collect();
        notes.push((9, 50));
        let full = of(&notes);
        assert_eq!((full.len(), full.is_full()), (3, true));
        let mut merged = Seen::default();
        merged.merge(&full);
        assert_eq!(merged, full);
    }

    #[test]
    fn a_spray_of_names_pushes_out_none_of_the_first() {
        let mut notes = vec![(1, 1), (2, 2), (3, 3)];
        notes.extend((10..200).map(|name| (name, i64::from(name))));
        let seen = of(&notes);
        assert!(seen.is_full());
        assert_eq!(seen.len(), 6);
        assert_eq!(get(&seen, "1"), Some((Some(1), None)));
        assert_eq!(get(&seen, "3"), Some((Some(3), None)));
        assert_eq!(get(&seen, "199"), Some((None, Some(199))));
        assert_eq!(get(&seen, "10"), None);
    }

    #[test]
    fn a_known_name_is_found_again_after_a_spray() {
        let mut notes = vec![(1, 1)];
        notes.extend((10..20).map(|name| (name, i64::from(name))));
        notes.push((1, 30));
        assert_eq!(get(&of(&notes), "1"), Some((Some(1), Some(30))));
    }

    #[test]
    fn the_detail_makes_another_entry() {
        let mut seen = Seen::<3>::default();
        seen.note("role", "s3", Timestamp(1));
        seen.note("role", "", Timestamp(2));
        assert_eq!(seen.len(), 2);
        assert_eq!(seen.get("role", "s3").and_then(|s| s.last), Some(Timestamp(1)));
    }

    #[test]
    fn a_long_name_is_cut_and_still_told_apart() {
        let mut seen = Seen::<3>::default();
        let long = "ä".repeat(2_000);
        seen.note(&format!("{long}1"), "", Timestamp(1));
        seen.note(&format!("{long}2"), "", Timestamp(1));
        assert_eq!(seen.len(), 2);
        assert!(seen.iter().all(|s| s.name.len() < 600));
        assert!(seen.get(&format!("{long}1"), "").is_some());
    }

    #[test]
    fn a_span_meets_a_window_that_it_touches() {
        let seen = of(&[(1, 10), (1, 20)]);
        let sight = seen.get("1", "").unwrap();
        assert!(sight.meets(Timestamp(20), Timestamp(30)));
        assert!(sight.meets(Timestamp(0), Timestamp(10)));
        assert!(sight.meets(Timestamp(12), Timestamp(15)));
        assert!(!sight.meets(Timestamp(21), Timestamp(30)));
        assert!(!sight.meets(Timestamp(0), Timestamp(9)));
    }

    #[test]
    fn a_masked_end_claims_no_more_than_is_known() {
        let mut notes = vec![(1, 1), (2, 1), (3, 1)];
        notes.extend((10..20).map(|name| (name, i64::from(name))));
        let seen = of(&notes);
        assert!(!seen.get("1", "").unwrap().meets(Timestamp(2), Timestamp(30)));
        assert!(seen.get("1", "").unwrap().meets(Timestamp(0), Timestamp(1)));
        assert!(!seen.get("19", "").unwrap().meets(Timestamp(2), Timestamp(18)));
        assert!(seen.get("19", "").unwrap().meets(Timestamp(19), Timestamp(19)));
    }

    /// What the type promises, worked out from all events at once.
    fn model(notes: &[(u8, i64)]) -> BTreeMap<String, (Option<i64>, Option<i64>)> {
        let mut spans: BTreeMap<String, (i64, i64)> = BTreeMap::new();
        for (name, time) in notes {
            let span = spans.entry(name.to_string()).or_insert((*time, *time));
            *span = (span.0.min(*time), span.1.max(*time));
        }
        if spans.len() <= 3 {
            return spans.into_iter().map(|(name, (a, b))| (name, (Some(a), Some(b)))).collect();
        }
        let mut first: Vec<_> = spans.iter().map(|(name, (a, _))| (*a, name.clone())).collect();
        let mut last: Vec<_> = spans.iter().map(|(name, (_, b))| (*b, name.clone())).collect();
        first.sort();
        last.sort_by(|a, b| b.cmp(a));
        let mut expected: BTreeMap<String, (Option<i64>, Option<i64>)> = BTreeMap::new();
        first.into_iter().take(3).for_each(|(a, name)| expected.entry(name).or_default().0 = Some(a));
        last.into_iter().take(3).for_each(|(b, name)| expected.entry(name).or_default().1 = Some(b));
        expected
    }

    proptest! {
        #[test]
        fn it_is_a_semilattice(notes in prop::collection::vec((0u8..9, 0i64..9), 0..24), cuts: [u8; 2]) {
            laws::check(&notes, cuts, of)?;
        }

        #[test]
        fn it_holds_exactly_what_it_promises(notes in prop::collection::vec((0u8..9, 0i64..9), 0..24)) {
            let seen = of(&notes);
            let held: BTreeMap<_, _> = seen
                .iter()
                .map(|s| (s.name.to_string(), (s.first.map(|t| t.0), s.last.map(|t| t.0))))
                .collect();
            prop_assert_eq!(held, model(&notes));
        }
    }
}
