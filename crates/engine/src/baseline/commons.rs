//! What the estate's principals have in common: how many of them call from a network, with an agent, in a Region.
//!
//! A value that nobody else uses says more than one that half of the estate uses. For each value the principals that
//! have shown it are counted by their least hashes (a k-minimum-values sketch: Bar-Yossef et al., "Counting distinct
//! elements in a data stream", 2002): exactly up to eight, within about 40 % beyond, which moves a score by less than
//! a tenth. Two periods of four weeks are kept; who has shown a value in neither is no living peer.

use super::novelty::{Dimension, Peers};
use crate::state::distinct::Distinct;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Least hashes that are kept of a value and period.
const LEAST: usize = 8;
/// Values that are kept. An estate of some ten thousand principals has fewer networks, agents and operations.
const VALUES: usize = 4_096;
/// Hours of a period: four weeks.
const PERIOD: i64 = 28 * 24;

/// Values by how many principals use them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Commons {
    /// The period that runs, counted from the epoch.
    period: i64,
    /// Principals in the period that runs and in the one before it.
    alive: [Distinct; 2],
    values: BTreeMap<(Dimension, u32), [Minima; 2]>,
}

/// The least hashes of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Minima(Vec<u32>);

impl Minima {
    fn add(&mut self, hash: u32) {
        if let Err(at) = self.0.binary_search(&hash)
            && at < LEAST
        {
            self.0.insert(at, hash);
            self.0.truncate(LEAST);
        }
    }

    fn count(&self) -> u32 {
        match self.0.last() {
            // Of n hashes spread evenly the eighth lies at 8 / (n + 1) of the whole.
            Some(last) if self.0.len() >= LEAST => {
                ((LEAST - 1) as f64 * (f64::from(u32::MAX) + 1.0) / (f64::from(*last) + 1.0)) as u32
            }
            _ => self.0.len() as u32,
        }
    }
}

impl Commons {
    /// Begins with an hour that closes: after four weeks another period begins.
    pub fn begin(&mut self, hour: i64) {
        let period = hour.div_euclid(PERIOD);
        if period <= self.period {
            return;
        }
        let is_next = period == self.period.saturating_add(1);
        self.period = period;
        self.alive.swap(0, 1);
        self.alive[0] = Distinct::default();
        if !is_next {
            self.alive[1] = Distinct::default();
        }
        for minima in self.values.values_mut() {
            minima.swap(0, 1);
            minima[0].0.clear();
            if !is_next {
                minima[1].0.clear();
            }
        }
        self.values.retain(|_, [_, before]| !before.0.is_empty());
    }

    /// Takes up what a principal, told by a hash, has shown. Doing so again in the same period changes nothing.
    pub fn note(&mut self, principal: u64, shown: impl Iterator<Item = (Dimension, u32)>) {
        let [alive, _] = &mut self.alive;
        alive.add_hash(principal);
        for value in shown.filter(|(dimension, _)| is_common(*dimension)) {
            let [now, _] = self.values.entry(value).or_default();
            now.add((principal >> 32) as u32);
        }
    }

    /// Keeps the values that most principals use. To be called once an hour is noted as a whole.
    pub fn bound(&mut self) {
        if self.values.len() > VALUES {
            let mut order: Vec<(u32, (Dimension, u32))> =
                self.values.iter().map(|(value, minima)| (union(minima).count(), *value)).collect();
            order.sort_unstable();
            for (_, value) in order.iter().take(self.values.len() - VALUES) {
                self.values.remove(value);
            }
        }
    }

    /// Who else uses a value, of so many that are [`Commons::alive`]; `None` for dimensions in which others say nothing.
    pub fn peers(&self, alive: u32, dimension: Dimension, hash: u32) -> Option<Peers> {
        let using = || self.values.get(&(dimension, hash)).map_or(0, |minima| union(minima).count());
        is_common(dimension).then(|| Peers { using: using(), alive })
    }

    /// How many principals there are.
    pub fn alive(&self) -> u32 {
        let mut alive = self.alive[0].clone();
        alive.merge(&self.alive[1]);
        u32::try_from(alive.count()).unwrap_or(u32::MAX)
    }
}

/// Of a key its own users tell more than how many there are.
fn is_common(dimension: Dimension) -> bool {
    !matches!(dimension, Dimension::Key | Dimension::User)
}

fn union([now, before]: &[Minima; 2]) -> Minima {
    let mut union = now.clone();
    before.0.iter().for_each(|hash| union.add(*hash));
    union
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use xxhash_rust::xxh3::xxh3_64;

    const START: i64 = 600 * PERIOD;

    fn note(commons: &mut Commons, principal: u32, value: u32) {
        commons.note(xxh3_64(&principal.to_le_bytes()), [(Dimension::Network, value)].into_iter());
    }

    fn using(commons: &Commons, value: u32) -> u32 {
        commons.peers(commons.alive(), Dimension::Network, value).unwrap().using
    }

    #[test]
    fn few_are_counted_exactly_and_many_nearly() {
        let mut commons = Commons::default();
        commons.begin(START);
        for n in 0..1_000 {
            note(&mut commons, n, 1);
            if n < 7 {
                note(&mut commons, n, 2);
                note(&mut commons, n, 2);
            }
        }
        assert_eq!(using(&commons, 2), 7);
        assert_eq!(using(&commons, 3), 0);
        assert!((300..3_000).contains(&using(&commons, 1)), "{}", using(&commons, 1));
        assert!((900..1_100).contains(&commons.peers(commons.alive(), Dimension::Agent, 1).unwrap().alive));
        assert_eq!(commons.peers(commons.alive(), Dimension::Key, 1), None);
    }

    #[test]
    fn who_has_not_been_seen_for_two_periods_is_no_living_peer() {
        let mut commons = Commons::default();
        for (hour, expected) in [(START, 1), (START + PERIOD, 1), (START + 2 * PERIOD, 0)] {
            commons.begin(hour);
            if hour == START {
                note(&mut commons, 1, 1);
            }
            assert_eq!(using(&commons, 1), expected, "{hour}");
        }
        note(&mut commons, 1, 1);
        commons.begin(START + 9 * PERIOD);
        assert_eq!((using(&commons, 1), commons.values.len()), (0, 0));
    }

    #[test]
    fn made_up_values_do_not_push_out_the_common_ones() {
        let mut commons = Commons::default();
        commons.begin(START);
        (0..3).for_each(|principal| note(&mut commons, principal, 7));
        (0..9_000).for_each(|value| note(&mut commons, 99, 100 + value));
        commons.bound();
        assert_eq!((commons.values.len(), using(&commons, 7)), (VALUES, 3));
    }

    proptest! {
        #[test]
        fn order_and_repetition_change_nothing(notes in prop::collection::vec((0u32..40, 0u32..5), 0..80)) {
            let of = |notes: &mut dyn Iterator<Item = &(u32, u32)>| {
                let mut commons = Commons::default();
                commons.begin(START);
                notes.for_each(|(principal, value)| note(&mut commons, *principal, *value));
                commons
            };
            prop_assert_eq!(of(&mut notes.iter()), of(&mut notes.iter().rev().chain(&notes)));
        }
    }
}
