//! Counting distinct things in bounded space, so that seeing one twice changes nothing.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// A count of distinct values: an exact set of hashes while it is small, then a HyperLogLog sketch.
///
/// Merging is commutative, associative and idempotent, and gives the same bytes whatever the order.
/// The sketch has 2^10 registers of one byte (1 KiB) and a standard error of 1.04 / sqrt(1024) = 3.25 %
/// (Flajolet et al., "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm", 2007).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Distinct {
    /// Hashes in ascending order.
    Exact(Vec<u64>),
    /// Largest rank seen by each register.
    Sketch(Vec<u8>),
}

impl Default for Distinct {
    fn default() -> Self {
        Distinct::Exact(Vec::new())
    }
}

const REGISTERS: usize = 1 << 10;

impl Distinct {
    /// Values counted exactly; one more turns the set into a sketch.
    pub const EXACT: usize = 128;

    /// Counts `value`, by a hash that is the same on every machine and in every version (xxh3, 64 bits).
    pub fn add(&mut self, value: &[u8]) {
        self.add_hash(xxh3_64(value));
    }

    /// Counts the value with this hash.
    pub fn add_hash(&mut self, hash: u64) {
        match self {
            Distinct::Exact(set) => {
                if let Err(at) = set.binary_search(&hash) {
                    set.insert(at, hash);
                    if set.len() > Self::EXACT {
                        *self = Distinct::Sketch(sketch(set));
                    }
                }
            }
            Distinct::Sketch(registers) => note(registers, hash),
        }
    }

    /// Counts the values with these hashes, in any order.
    pub fn add_hashes(&mut self, hashes: impl Iterator<Item = u64>) {
        let most = hashes.size_hint().1.unwrap_or(usize::MAX);
        match self {
            // Sorting again is worth it for many.
            Distinct::Exact(set) if most <= Self::EXACT && most > set.len() / 4 => {
                // More will come.
                set.reserve((set.len() + most).next_power_of_two().clamp(8, Self::EXACT) - set.len());
                set.extend(hashes);
                set.sort_unstable();
                set.dedup();
                if set.len() > Self::EXACT {
                    *self = Distinct::Sketch(sketch(set));
                }
            }
            _ => hashes.for_each(|hash| self.add_hash(hash)),
        }
    }

    /// The union with `other`.
    pub fn merge(&mut self, other: &Distinct) {
        match (&mut *self, other) {
            (_, Distinct::Exact(hashes)) => hashes.iter().for_each(|hash| self.add_hash(*hash)),
            (Distinct::Exact(set), Distinct::Sketch(registers)) => {
                let mut registers = registers.clone();
                set.iter().for_each(|hash| note(&mut registers, *hash));
                *self = Distinct::Sketch(registers);
            }
            (Distinct::Sketch(mine), Distinct::Sketch(theirs)) => {
                for (mine, theirs) in mine.iter_mut().zip(theirs) {
                    *mine = (*mine).max(*theirs);
                }
            }
        }
    }

    /// Whether [`Distinct::count`] is exact.
    pub fn is_exact(&self) -> bool {
        matches!(self, Distinct::Exact(_))
    }

    /// How many distinct values were added: exact up to [`Distinct::EXACT`], then an estimate.
    pub fn count(&self) -> u64 {
        match self {
            Distinct::Exact(set) => set.len() as u64,
            Distinct::Sketch(registers) => estimate(registers),
        }
    }
}

fn sketch(hashes: &[u64]) -> Vec<u8> {
    let mut registers = vec![0; REGISTERS];
    hashes.iter().for_each(|hash| note(&mut registers, *hash));
    registers
}

fn note(registers: &mut [u8], hash: u64) {
    let bits = REGISTERS.trailing_zeros();
    let rank = ((hash << bits) | (1 << (bits - 1))).leading_zeros() as u8 + 1;
    if let Some(register) = registers.get_mut((hash >> (64 - bits)) as usize) {
        *register = (*register).max(rank);
    }
}

/// The raw estimate of Flajolet et al., with linear counting where registers are still empty and the estimate
/// is below 2.5 registers. 64-bit hashes need no correction at the upper end.
fn estimate(registers: &[u8]) -> u64 {
    let m = registers.len() as f64;
    let alpha = 0.7213 / (1.0 + 1.079 / m);
    // Two to the minus `rank`, made of its exponent. In four sums side by side: one behind the other, additions would
    // wait for each other. All are exact.
    let mut sums = [0.0f64; 4];
    for ranks in registers.chunks(4) {
        for (sum, rank) in sums.iter_mut().zip(ranks) {
            *sum += f64::from_bits((1023 - u64::from(*rank)) << 52);
        }
    }
    let sum: f64 = sums.iter().sum();
    let raw = alpha * m * m / sum;
    let empty = registers.iter().filter(|rank| **rank == 0).count();
    let value = if raw <= 2.5 * m && empty > 0 { m * (m / empty as f64).ln() } else { raw };
    value.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: impl IntoIterator<Item = u32>) -> Distinct {
        let mut distinct = Distinct::default();
        values.into_iter().for_each(|v| distinct.add(&v.to_le_bytes()));
        distinct
    }

    #[test]
    fn it_is_exact_up_to_its_bound_and_close_beyond() {
        assert_eq!(of(0..128).count(), 128);
        assert!(of(0..128).is_exact());
        for n in [129u32, 1_000, 10_000, 300_000] {
            let distinct = of(0..n);
            assert!(!distinct.is_exact());
            let error = (distinct.count() as f64 / f64::from(n) - 1.0).abs();
            assert!(error < 0.1, "{n}: {}", distinct.count());
        }
    }

    proptest! {
        #[test]
        fn values_count_the_same_one_by_one_and_together(
            parts in prop::collection::vec(prop::collection::vec(0u64..400, 0..200), 0..4),
        ) {
            let (mut together, mut one_by_one) = (Distinct::default(), Distinct::default());
            for part in &parts {
                together.add_hashes(part.iter().map(|value| value << 54));
                part.iter().for_each(|value| one_by_one.add_hash(value << 54));
                prop_assert_eq!(&together, &one_by_one);
            }
        }

        #[test]
        fn merging_is_a_semilattice(
            a in prop::collection::vec(0u32..400, 0..300),
            b in prop::collection::vec(0u32..400, 0..300),
            c in prop::collection::vec(0u32..400, 0..300),
        ) {
            let union = |x: &Distinct, y: &Distinct| { let mut x = x.clone(); x.merge(y); x };
            let all = of(a.iter().chain(&b).chain(&c).copied());
            let (a, b, c) = (of(a), of(b), of(c));
            prop_assert_eq!(union(&a, &b), union(&b, &a));
            prop_assert_eq!(union(&union(&a, &b), &c), union(&a, &union(&b, &c)));
            prop_assert_eq!(&union(&a, &a), &a);
            prop_assert_eq!(union(&union(&a, &b), &c), all);
        }
    }
}
