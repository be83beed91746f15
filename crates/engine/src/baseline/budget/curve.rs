//! How often the estate shows a peak of a given height.

use serde::{Deserialize, Serialize};

/// Peaks that make the tail.
const TAIL: usize = 15;
/// The prior of the tail's scale (in powers of ten), and the peaks it is worth.
const PRIOR_SCALE: f64 = 1.0;
const PRIOR_PEAKS: f64 = 2.0;

/// The rate of peaks by height: counted below, an exponential above the 15 largest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Curve {
    /// Heights, largest first.
    heights: Vec<f64>,
    weeks: f64,
    tail: Tail,
}

/// An exponential tail: `count` above `from`, with mean excess `scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tail {
    from: f64,
    count: f64,
    scale: f64,
}

/// The form in which a curve is stored: the tail follows from the heights, which peaks keep in 32 bits.
#[derive(Serialize, Deserialize)]
struct Stored {
    heights: Vec<f32>,
    weeks: f64,
}

impl From<Curve> for Stored {
    fn from(curve: Curve) -> Stored {
        Stored {
            heights: curve.heights.into_iter().map(|height| height as f32).collect(),
            weeks: curve.weeks,
        }
    }
}

impl From<Stored> for Curve {
    fn from(stored: Stored) -> Curve {
        Curve::of(stored.heights.into_iter().map(f64::from), stored.weeks)
    }
}

impl Curve {
    /// The curve of these heights, seen in `weeks` weeks.
    pub fn of(heights: impl Iterator<Item = f64>, weeks: f64) -> Curve {
        let mut heights: Vec<f64> = heights.filter(|height| height.is_finite()).collect();
        heights.sort_by(|a, b| b.total_cmp(a));
        let tail = Tail::of(&heights, super::Peak::LEAST);
        Curve { heights, weeks: weeks.max(1e-3), tail }
    }

    /// C = -log10(peaks of at least this height a week). Grows with `height`; finite.
    pub fn c(&self, height: f64) -> f64 {
        let height = if height.is_nan() { 0.0 } else { height.clamp(0.0, super::peaks::Peak::MOST) };
        (libm::log10(self.weeks) - self.tail.log10_above(&self.heights, height)).max(-9.0)
    }
}

/// Expected number of incidents at or above `c`, of those seen (largest first): counted, or by their tail.
pub(super) fn incidents_above(seen: &[f64], c: f64) -> f64 {
    if seen.is_empty() {
        return 0.0;
    }
    libm::exp10(Tail::of(seen, f64::NEG_INFINITY).log10_above(seen, c))
}

impl Tail {
    /// The tail of values in descending order. Where there are few, it begins at `floor` or at the smallest.
    fn of(values: &[f64], floor: f64) -> Tail {
        let last = values.last().copied().unwrap_or(floor);
        let from =
            values.get(TAIL).copied().unwrap_or(if floor.is_finite() { floor.min(last) } else { last });
        let above = values.iter().take(TAIL);
        let count = above.len() as f64;
        let excess: f64 = above.map(|value| value - from).sum();
        let scale = (excess + PRIOR_PEAKS * PRIOR_SCALE) / (count + PRIOR_PEAKS);
        // Nothing seen is at most about one.
        Tail { from, count: count.max(1.0), scale }
    }

    /// log10 of the expected number at or above `value`.
    fn log10_above(self, values: &[f64], value: f64) -> f64 {
        if value > self.from {
            return libm::log10(self.count) - (value - self.from) / self.scale * std::f64::consts::LOG10_E;
        }
        let n = values.partition_point(|seen| *seen >= value) as f64;
        libm::log10(n.max(self.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_height_that_was_seen_so_often_gets_that_c() {
        // 400 exponential heights of scale 0.8 above 2, as their expected order statistics, in eight weeks.
        let heights = (1..=400).map(|i| 2.0 + 0.8 * (400.0 / (f64::from(i) - 0.5)).ln());
        let curve = Curve::of(heights, 8.0);
        for (height, rate) in
            [(2.0f64, 50.0f64), (3.0, 50.0 * (-1.25f64).exp()), (8.0, 50.0 * (-7.5f64).exp())]
        {
            let error = curve.c(height) + rate.log10();
            assert!(error.abs() < 0.15, "{height}: {} for {}", curve.c(height), -rate.log10());
        }
    }

    #[test]
    fn an_estate_that_has_shown_nothing_is_judged_by_the_prior() {
        let curve = Curve::of(std::iter::empty(), 8.0);
        assert!((curve.c(2.0) - 8f64.log10()).abs() < 1e-9);
        assert!(curve.c(6.0) > 2.0 && curve.c(6.0) < 3.0, "{}", curve.c(6.0));
    }

    proptest! {
        #[test]
        fn c_grows_with_height(
            heights in prop::collection::vec(2.0f64..60.0, 0..80), a in 0.0f64..90.0, b in 0.0f64..90.0, weeks in 0.2f64..8.0,
        ) {
            let curve = Curve::of(heights.into_iter(), weeks);
            prop_assert!(curve.c(a.min(b)) <= curve.c(a.max(b)) + 1e-12);
        }

        #[test]
        fn c_is_finite_for_all_heights(bits: u64, heights in prop::collection::vec(any::<u64>().prop_map(f64::from_bits), 0..30)) {
            prop_assert!(Curve::of(heights.into_iter(), 8.0).c(f64::from_bits(bits)).is_finite());
        }
    }
}
