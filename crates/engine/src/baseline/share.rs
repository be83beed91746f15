//! The share of an entity's calls that is refused.
//!
//! A hundred refusals say little of somebody who makes ten thousand calls an hour and is always refused one in a hundred;
//! five say much if they are all that it did. The share of the past is uncertain, so the refusals among n calls are taken
//! as negative binomial: the share itself varies as a gamma does (the limit of a beta where shares are small; where they
//! are not, this is mild), with the mean that decayed sums give.

use super::quantity::{HalfLife, kept, left_after};
use super::rate::heavy_tailed;
use super::tail;
use serde::{Deserialize, Serialize};

/// Half-life of the sums in hours (28 days).
pub(super) const HALF_LIFE: HalfLife = HalfLife::of(672.0, 0.998_969_062_762_623_5);
/// The prior: one call in a thousand is refused, worth 50 calls.
const PRIOR_REFUSED: f64 = 0.05;
const PRIOR_CALLS: f64 = 50.0;
/// Refusals that are believed at most: they come in heaps, so many of them say little more than some do.
const BELIEVED: f64 = 4.0;
/// Fewest refusals within an hour of which a share is judged.
const FEWEST: u64 = 3;

/// Decayed numbers of refused calls and of all calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The hour up to which they are.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::hours::optional")]
    hour: Option<i64>,
    refused: f32,
    calls: f32,
}

/// The judgement of the refusals in an hour.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShareScore {
    /// Refused calls.
    pub refused: u64,
    /// All calls.
    pub calls: u64,
    /// The share that was expected to be refused, 0 to 1.
    pub usual: f64,
    /// -log10 of the probability of so many refusals among so many calls, with the heavy tail that a stream without
    /// history is judged by.
    pub calibrated: f64,
}

impl Share {
    /// Judges an hour against those that were sealed; `None` if too few calls were refused.
    pub fn judge(&self, hour: i64, refused: u64, calls: u64) -> Option<ShareScore> {
        if refused < FEWEST {
            return None;
        }
        let calls = calls.max(refused);
        let left = left_after(hour.saturating_sub(self.hour.unwrap_or(hour)).max(0), HALF_LIFE);
        let known_refused = sound(self.refused) * left + PRIOR_REFUSED;
        let usual = (known_refused / (sound(self.calls) * left + PRIOR_CALLS)).min(1.0);
        let surprise = tail::score(refused as f64, calls as f64 * usual, 1.0 / known_refused.min(BELIEVED));
        Some(ShareScore { refused, calls, usual, calibrated: heavy_tailed(surprise) })
    }

    /// Takes up an hour that is over, exactly once: hours are sealed in ascending order, others are left alone.
    pub fn seal(&mut self, hour: i64, refused: u64, calls: u64) {
        if self.hour.is_some_and(|sealed| hour <= sealed) {
            return;
        }
        let left = left_after(hour - self.hour.unwrap_or(hour), HALF_LIFE);
        self.refused = kept(sound(self.refused) * left + refused as f64);
        self.calls = kept(sound(self.calls) * left + calls.max(refused) as f64);
        self.hour = Some(hour);
    }

    /// Of two the one that has sealed more; equally far ones are equal, unless the horizon was broken.
    pub fn later(self, other: Share) -> Share {
        let order = |one: &Share| (one.hour, one.refused.to_bits(), one.calls.to_bits());
        if order(&self) < order(&other) { other } else { self }
    }
}

/// A sum as it is computed with, whatever was read back.
fn sound(sum: f32) -> f64 {
    if sum.is_finite() { f64::from(sum.max(0.0)) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Four weeks with so many refused of so many calls in each working hour.
    fn lived(refused: u64, calls: u64) -> Share {
        let mut share = Share::default();
        let hours = (0..28 * 24).filter(|hour| (8..18).contains(&(hour % 24)));
        hours.for_each(|hour| share.seal(hour, refused, calls));
        share
    }

    fn score(share: Share, refused: u64, calls: u64) -> f64 {
        share.judge(28 * 24, refused, calls).map_or(0.0, |score| score.calibrated)
    }

    #[test]
    fn a_share_that_is_usual_does_not_surprise_however_many_are_refused() {
        let noisy = lived(10, 1_000);
        assert!(score(noisy, 10, 1_000) < 1.0);
        assert!(score(noisy, 100, 10_000) < 1.0);
        assert!(score(noisy, 10, 12) > 4.0, "{}", score(noisy, 10, 12));
    }

    #[test]
    fn who_is_never_refused_surprises_with_a_few() {
        let quiet = lived(0, 20);
        assert_eq!(score(quiet, 2, 2), 0.0);
        assert!(score(quiet, 5, 5) > score(quiet, 5, 5_000) + 1.0);
        assert!(score(quiet, 5, 5) > 4.0, "{}", score(quiet, 5, 5));
    }

    #[test]
    fn an_hour_is_taken_up_once_and_the_later_of_two_stays() {
        let mut share = lived(1, 50);
        let before = share;
        share.seal(20, 9, 9);
        assert_eq!(share, before);
        share.seal(28 * 24, 9, 9);
        assert_eq!((share.later(before), before.later(share)), (share, share));
    }

    proptest! {
        #[test]
        fn any_sums_give_a_score_that_grows_with_the_refusals(
            refused: u32, calls: u32, a in 3u64..1_000_000_000, b in 3u64..1_000_000_000, n: u64, hour in -1_000_000i64..1_000_000,
        ) {
            let share = Share { hour: Some(0), refused: f32::from_bits(refused), calls: f32::from_bits(calls) };
            let n = n.max(a).max(b);
            let score = |x: u64| share.judge(hour, x, n).unwrap().calibrated;
            prop_assert!(score(a).is_finite() && score(a) >= 0.0);
            prop_assert!(score(a.min(b)) <= score(a.max(b)) + 1e-9);
        }
    }
}
