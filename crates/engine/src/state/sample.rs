//! A fair sample of events with a name each, so that the names that come most often can be told.

use super::{Merge, seen::bounded};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The names of the [`Sample::EVENTS`] events whose ids have the least hashes: as good as drawn by lot, and the same
/// whatever the order of arrival. Of fewer events it has all.
///
/// A semilattice: the least few of a set of pairs that never change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sample {
    /// Hash of the event, and the name; in ascending order.
    events: Vec<(u64, Box<str>)>,
    full: bool,
}

/// A name, and how many events have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The name.
    pub name: String,
    /// Events that have it.
    pub events: u64,
    /// Whether all events were counted; else it is an estimate.
    pub is_exact: bool,
}

impl Sample {
    /// Events that are kept: a name that half of all events have is found to have a third to two thirds.
    pub const EVENTS: usize = 32;

    /// Whether there was no event.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Takes up an event, by the hash of its id.
    pub fn note(&mut self, event: u64, name: &str) {
        if self.events.len() >= Self::EVENTS && self.events.last().is_some_and(|(last, _)| *last < event) {
            self.full = true;
            return;
        }
        self.join(event, bounded(name).as_ref().into());
    }

    /// The names, those of the most events first, where there were `total` events in all.
    pub fn shares(&self, total: u64) -> Vec<Share> {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        self.events.iter().for_each(|(_, name)| *counts.entry(name).or_default() += 1);
        let kept = self.events.len().max(1) as u64;
        let events = |n: u64| match self.full {
            true => (n.saturating_mul(total.max(kept)) + kept / 2) / kept,
            false => n,
        };
        let share =
            |(name, n): (&str, u64)| Share { name: name.to_owned(), events: events(n), is_exact: !self.full };
        let mut shares: Vec<Share> = counts.into_iter().map(share).collect();
        shares.sort_by(|a, b| (b.events, &a.name).cmp(&(a.events, &b.name)));
        shares
    }

    fn join(&mut self, event: u64, name: Box<str>) {
        let entry = (event, name);
        if let Err(at) = self.events.binary_search(&entry) {
            self.events.insert(at, entry);
            self.full |= self.events.len() > Self::EVENTS;
            self.events.truncate(Self::EVENTS);
        }
    }
}

impl Merge for Sample {
    fn merge(&mut self, other: &Self) {
        other.events.iter().for_each(|(event, name)| self.join(*event, name.clone()));
        self.full |= other.full;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::laws;
    use proptest::prelude::*;
    use xxhash_rust::xxh3::xxh3_64;

    fn of(events: &[(u16, u8)]) -> Sample {
        let mut sample = Sample::default();
        for (event, name) in events {
            sample.note(xxh3_64(&event.to_le_bytes()), &name.to_string());
        }
        sample
    }

    fn told(sample: &Sample, total: u64) -> Vec<(String, u64, bool)> {
        sample.shares(total).into_iter().map(|one| (one.name, one.events, one.is_exact)).collect()
    }

    #[test]
    fn of_few_events_the_counts_are_exact_and_repetition_is_none() {
        let sample = of(&[(1, 7), (2, 7), (3, 8), (3, 8), (1, 7)]);
        assert_eq!(told(&sample, 3), [("7".to_owned(), 2, true), ("8".to_owned(), 1, true)]);
        let most: Vec<_> = (0..Sample::EVENTS as u16).map(|n| (n, 1)).collect();
        assert_eq!(told(&of(&most), 0), [("1".to_owned(), 32, true)]);
    }

    #[test]
    fn of_many_events_the_counts_are_estimates_that_come_near() {
        // Three of four have one name, and the others a name each.
        let events: Vec<(u16, u8)> =
            (0..800).map(|n| (n, if n % 4 == 0 { (n % 200) as u8 } else { 255 })).collect();
        let shares = told(&of(&events), 800);
        assert_eq!((shares[0].0.as_str(), shares[0].2), ("255", false));
        assert!((450..=750).contains(&shares[0].1), "{shares:?}");
        assert_eq!(
            told(&of(&(0..40).map(|n| (n, 1)).collect::<Vec<_>>()), 40),
            [("1".to_owned(), 40, false)]
        );
    }

    proptest! {
        #[test]
        fn it_is_a_semilattice(events in prop::collection::vec((0u16..60, 0u8..3), 0..80), cuts: [u8; 2]) {
            // An event has one name.
            let events: Vec<(u16, u8)> = events.into_iter().map(|(event, _)| (event, (event % 3) as u8)).collect();
            laws::check(&events, cuts, of)?;
        }
    }
}
