//! How a profile keeps numbers: 16-bit floats, 32-bit floats within a bound, and decay by elapsed time.
//!
//! Everything that a profile remembers has passed through these types, at the moment it was learned. So a
//! profile in memory equals the same profile saved and loaded, bit for bit.

use std::fmt;

/// A non-negative 16-bit float: 6 bits of exponent (2^-31 to 2^32) and 10 of fraction, no sign, no NaN, no
/// infinity.
///
/// The relative error of rounding is at most 2^-11 = 0.05 %. The two common 16-bit formats do not fit:
/// binary16 ends at 65,504, and bfloat16 has an error of 0.4 %, which a decayed sum would feel.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Half(pub(super) u16);

impl Half {
    /// The nearest value; what is not above 0 is 0, what is too large is the largest.
    pub(super) fn of(value: f64) -> Half {
        if value.is_nan() || value <= 0.0 {
            return Half(0);
        }
        // The exponent is rebased from f64's 1023 to 31 and the fraction rounded from 52 bits to 10.
        let bits = value.to_bits() as i64 - ((1023 - 31) << 52);
        let rounded = (bits >> 42) + ((bits >> 41) & 1);
        Half(rounded.clamp(0, i64::from(u16::MAX)) as u16)
    }

    /// The value.
    pub(super) fn get(self) -> f64 {
        if self.0 == 0 { 0.0 } else { f64::from_bits((u64::from(self.0) << 42) + ((1023 - 31) << 52)) }
    }

    /// The value divided by 2^`times`, exactly; 0 where it becomes too small.
    pub(super) fn halved(self, times: i64) -> Half {
        let step = times.clamp(0, 64) << 10;
        Half(u16::try_from(i64::from(self.0) - step).unwrap_or(0))
    }
}

impl fmt::Debug for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// Largest magnitude of a remembered sum. Counts end at 10^12 and the longest half-life is 1,008 hours.
pub(super) const MAX_SUM: f32 = 1_125_899_906_842_624.0; // 2^50

/// A number as it is remembered: rounded to 32 bits, within [`MAX_SUM`], 0 for NaN.
pub(super) fn kept(value: f64) -> f32 {
    if value.is_nan() { 0.0 } else { (value as f32).clamp(-MAX_SUM, MAX_SUM) }
}

/// A half-life, in any unit of time.
#[derive(Clone, Copy, Debug)]
pub(super) struct HalfLife {
    units: f64,
    after_one: f64,
}

impl HalfLife {
    /// The half-life of so many units. `after_one` is what one of them leaves of 1, to the last bit as it is computed
    /// for more of them: most hours come one after the other, so it is asked for most often.
    pub(super) const fn of(units: f64, after_one: f64) -> HalfLife {
        HalfLife { units, after_one }
    }
}

/// What is left of 1 after `elapsed` units; 1 for the past.
pub(super) fn left_after(elapsed: i64, half_life: HalfLife) -> f64 {
    match elapsed {
        ..=0 => 1.0,
        1 => half_life.after_one,
        _ => libm::exp2(-(elapsed as f64) / half_life.units),
    }
}

/// The sum of `n` ones, each decayed by its age: 0 steps for the last, n - 1 for the first.
pub(super) fn decayed_ones(n: i64, half_life: HalfLife) -> f64 {
    if n <= 0 { 0.0 } else { (1.0 - left_after(n, half_life)) / (1.0 - half_life.after_one) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_half_ends_where_it_says() {
        assert_eq!(Half::of(1.0).get(), 1.0);
        assert_eq!(Half::of(0.75).get(), 0.75);
        assert_eq!(Half::of(f64::NAN).get(), 0.0);
        assert_eq!(Half::of(-3.0).get(), 0.0);
        assert_eq!(Half::of(f64::INFINITY), Half(u16::MAX));
        assert_eq!(Half::of(1e-12).get(), 0.0);
        assert!(Half(u16::MAX).get() > 8e9);
        assert_eq!(Half::of(12.0).halved(3).get(), 1.5);
        assert_eq!(Half::of(12.0).halved(60).get(), 0.0);
    }

    #[test]
    fn what_one_unit_leaves_is_what_is_computed_for_it() {
        use crate::baseline::{rate, share};
        for half_life in rate::HALF_LIVES.into_iter().chain([share::HALF_LIFE]) {
            assert_eq!(half_life.after_one, libm::exp2(-1.0 / half_life.units), "{half_life:?}");
        }
    }

    proptest! {
        #[test]
        fn every_half_is_read_back_as_itself(bits: u16) {
            prop_assert_eq!(Half::of(Half(bits).get()), Half(bits));
        }

        #[test]
        fn a_half_is_close(value in 1e-8f64..4e9) {
            prop_assert!((Half::of(value).get() / value - 1.0).abs() <= 1.0 / 2048.0);
        }

        #[test]
        fn a_half_never_panics(bits: u64, times: i64) {
            let _ = Half::of(f64::from_bits(bits)).halved(times);
        }

        #[test]
        fn halving_at_once_or_by_steps_is_the_same(bits: u16, a in 0i64..70, b in 0i64..70) {
            prop_assert_eq!(Half(bits).halved(a).halved(b), Half(bits).halved(a + b));
        }
    }
}
