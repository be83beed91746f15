//! Chance, the same on every machine.
//!
//! ChaCha8 gives the bits; everything above it is written with integers and with the five operations that
//! IEEE 754 fixes to the last bit (`+ - * /` and the square root). `ln` and `exp` of the platform's libm may
//! differ in the last digit between systems, and one different digit changes a whole log: hence our own.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of chance. Every actor has one a day, so that adding an attack changes no other event.
#[derive(Debug)]
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream of `seed` for one purpose: equal arguments give equal streams.
    pub(crate) fn new(seed: u64, purpose: &str, number: u64) -> Dice {
        let mut bytes = [0u8; 32];
        let words = [seed, fnv(purpose), number, fnv(purpose).rotate_left(32) ^ number];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(words) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        Dice(ChaCha8Rng::from_seed(bytes))
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// 128 random bits.
    pub(crate) fn wide(&mut self) -> u128 {
        (u128::from(self.bits()) << 64) | u128::from(self.bits())
    }

    /// An integer in `0..n`; 0 if `n` is 0.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        // High half of the product; the bias is below n / 2^64.
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }

    /// An integer in `low..high`; `low` if the range is empty.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below(high.saturating_sub(low).max(0) as u64) as i64
    }

    /// A number in `[0, 1)`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with probability `p`.
    pub(crate) fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// One of `items`; `None` if there are none.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len() as u64) as usize)
    }

    /// An index drawn with these weights; 0 if there are none.
    pub(crate) fn weighted(&mut self, weights: impl Iterator<Item = f64> + Clone) -> usize {
        let mut left = self.unit() * weights.clone().sum::<f64>();
        let mut last = 0;
        for (index, weight) in weights.enumerate() {
            last = index;
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
        last
    }

    /// A standard normal number (Marsaglia's polar method).
    pub(crate) fn normal(&mut self) -> f64 {
        loop {
            let x = 2.0 * self.unit() - 1.0;
            let y = 2.0 * self.unit() - 1.0;
            let s = x * x + y * y;
            if s > 0.0 && s < 1.0 {
                return x * (-2.0 * ln(s) / s).sqrt();
            }
        }
    }

    /// A gamma number of this shape and mean 1 (Marsaglia and Tsang, 2000).
    pub(crate) fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let boost = exp(ln(1.0 - self.unit()) / shape);
            // gamma() has mean 1, the unscaled number has mean `shape`.
            return self.gamma(shape + 1.0) * (shape + 1.0) * boost / shape;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = 1.0 + c * x;
            if v <= 0.0 {
                continue;
            }
            let v = v * v * v;
            if ln(1.0 - self.unit()) < 0.5 * x * x + d - d * v + d * ln(v) {
                return d * v / shape;
            }
        }
    }

    /// A Poisson number of this mean; from 40 on the rounded normal, which is within a few per mille.
    pub(crate) fn poisson(&mut self, mean: f64) -> u64 {
        if mean <= 0.0 {
            return 0;
        }
        if mean >= 40.0 {
            return (mean + mean.sqrt() * self.normal() + 0.5).max(0.0) as u64;
        }
        let floor = exp(-mean);
        let mut count = 0;
        let mut product = 1.0 - self.unit();
        while product > floor {
            count += 1;
            product *= 1.0 - self.unit();
        }
        count
    }

    /// A gamma-Poisson (negative binomial) number: variance `mean + dispersion * mean^2`.
    pub(crate) fn count(&mut self, mean: f64, dispersion: f64) -> u64 {
        let level = if dispersion > 0.001 { self.gamma(1.0 / dispersion) } else { 1.0 };
        self.poisson(mean * level)
    }

    /// An index below `n` where low ones come often: the square of a uniform number.
    pub(crate) fn skewed(&mut self, n: u32) -> u32 {
        let u = self.unit();
        (u * u * f64::from(n)) as u32
    }
}

/// FNV-1a, 64 bits: a stable hash of a name.
pub(crate) fn fnv(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Natural logarithm of a positive normal number, to about 1e-12: `x = m * 2^k` and the series of atanh.
pub(crate) fn ln(x: f64) -> f64 {
    if x <= f64::MIN_POSITIVE {
        return -745.0;
    }
    let bits = x.to_bits();
    let mut k = ((bits >> 52) & 0x7ff) as i64 - 1023;
    let mut m = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    if m > std::f64::consts::SQRT_2 {
        m *= 0.5;
        k += 1;
    }
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    let mut term = s;
    let mut sum = 0.0;
    for n in 0..11 {
        sum += term / f64::from(2 * n + 1);
        term *= square;
    }
    2.0 * sum + k as f64 * std::f64::consts::LN_2
}

/// The exponential of a number in -700..700 (clamped), to about 1e-13: `2^k` and the Taylor series.
pub(crate) fn exp(x: f64) -> f64 {
    let x = x.clamp(-700.0, 700.0);
    let k = (x / std::f64::consts::LN_2 + 0.5).floor();
    let r = x - k * std::f64::consts::LN_2;
    let mut term = 1.0;
    let mut sum = 1.0;
    for n in 1..16 {
        term *= r / f64::from(n);
        sum += term;
    }
    sum * f64::from_bits(((k as i64 + 1023) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_arguments_give_the_same_stream_and_others_give_another() {
        let draw = |seed, purpose, n| Dice::new(seed, purpose, n).wide();
        assert_eq!(draw(1, "a", 2), draw(1, "a", 2));
        assert_ne!(draw(1, "a", 2), draw(2, "a", 2));
        assert_ne!(draw(1, "a", 2), draw(1, "b", 2));
        assert_ne!(draw(1, "a", 2), draw(1, "a", 3));
    }

    #[test]
    fn the_stream_is_fixed_to_the_bit() {
        // Drawn once and written down: another machine, another compiler and another year must draw the same.
        let mut dice = Dice::new(1, "pinned", 0);
        let drawn: Vec<u64> = (0..3).map(|_| dice.bits()).collect();
        let gamma = dice.gamma(0.7).to_bits();
        assert_eq!(
            (drawn, gamma, dice.poisson(3.0)),
            (vec![3970985497871499764, 12339741837928983227, 11059978536648755491], 4605865646961682186, 3)
        );
    }

    #[test]
    fn ln_and_exp_agree_with_libm_closely() {
        for x in [1e-9, 0.3, 1.0, 1.41, 2.0, 17.0, 1e12] {
            assert!((ln(x) - x.ln()).abs() < 1e-11 * x.ln().abs().max(1.0), "ln {x}");
        }
        for x in [-30.0, -1.0, 0.0, 0.5, 3.0, 40.0] {
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-12, "exp {x}");
        }
    }

    #[test]
    fn counts_have_the_mean_and_the_variance_asked_for() {
        let mut dice = Dice::new(5, "moments", 0);
        for (mean, dispersion) in [(0.4, 0.5), (5.0, 0.4), (30.0, 0.2), (200.0, 0.1)] {
            let n = 20_000;
            let drawn: Vec<f64> = (0..n).map(|_| dice.count(mean, dispersion) as f64).collect();
            let m = drawn.iter().sum::<f64>() / f64::from(n);
            let v = drawn.iter().map(|x| (x - m) * (x - m)).sum::<f64>() / f64::from(n);
            let expected = mean + dispersion * mean * mean;
            assert!((m / mean - 1.0).abs() < 0.04, "mean {m} instead of {mean}");
            assert!((v / expected - 1.0).abs() < 0.12, "variance {v} instead of {expected}");
        }
    }
}
