//! How often the estate shows a peak of a given height, and an incident of a given worth.
//!
//! **Tails.** The heights above the 15 largest are taken as exponential, with their whole excess: what comes now and then (jobs
//! that catch up) is then known for what it is worth. An attack that nobody confirms is so, too, for eight weeks.
//!
//! **Oneself.** A peak is compared with those of others, and with older ones of the same actor: what somebody did within
//! the last two weeks (growth: seven) does not make it usual for the same to do it again. Who does it for longer is known for it.
//!
//! **Incidents** set the threshold, and there the highest are what matters: a small budget is spent on what comes once a
//! month. That is of another kind than what comes daily (a backfill, a migration), so how far it goes cannot be told from
//! the latter. Each incident counts as it was, and until some have been seen the tail is taken as heavy. What was an
//! attack is left out when somebody has confirmed it, or a rule has explained it. In the first weeks it is otherwise: one
//! attack of which nobody was told would be all that an estate has seen, and nothing could reach it again. So the incidents
//! of a young estate are taken like peaks, and count for themselves as it grows older.

use serde::{Deserialize, Serialize};

/// Peaks that make the tail.
const TAIL: usize = 15;
/// The prior of the tail's scale (in powers of ten), and the peaks it is worth.
const PRIOR_SCALE: f64 = 1.0;
const PRIOR_PEAKS: f64 = 4.0;
/// Incidents that make their tail: what a budget of less than one a week asks for.
const INCIDENTS_TAIL: usize = 3;
/// The prior of its scale. (Where C is right it would be 0.43: ten times fewer for each more.)
const INCIDENTS_SCALE: f64 = 1.5;
/// Weeks up to which incidents are taken like peaks, and from which the highest count for themselves.
const YOUNG_WEEKS: f64 = 1.0;
const KNOWN_WEEKS: f64 = 4.0;
/// Least C: a family of which nothing can be said yet.
pub(super) const LEAST_C: f64 = -9.0;
/// Highest peaks, and incidents, whose actors are remembered: further down C is below anything that is told.
pub(super) const REMEMBERED: usize = 64;

/// A peak as a curve takes it up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen {
    /// T.
    pub height: f64,
    /// Whose it is, if it is recent ([`super::Span`] says what that is); 0 if it is older.
    pub recent_actor: u64,
}

/// The rate of peaks by height: counted below, an exponential above the 15 largest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Curve {
    /// Heights, largest first.
    heights: Vec<f64>,
    /// Whose the largest are, as in [`Seen::recent_actor`].
    actors: Vec<u64>,
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
    #[serde(default)]
    actors: Vec<u64>,
    weeks: f64,
}

impl From<Curve> for Stored {
    fn from(curve: Curve) -> Stored {
        Stored {
            heights: curve.heights.into_iter().map(|height| height as f32).collect(),
            actors: curve.actors,
            weeks: curve.weeks,
        }
    }
}

impl From<Stored> for Curve {
    fn from(stored: Stored) -> Curve {
        let actors = stored.actors.into_iter().chain(std::iter::repeat(0));
        let seen = stored.heights.into_iter().map(f64::from).zip(actors);
        Curve::of(seen.map(|(height, recent_actor)| Seen { height, recent_actor }), stored.weeks)
    }
}

impl Curve {
    /// The curve of these peaks, seen in `weeks` weeks.
    pub fn of(seen: impl Iterator<Item = Seen>, weeks: f64) -> Curve {
        let mut seen: Vec<Seen> = seen.filter(|seen| seen.height.is_finite()).collect();
        seen.sort_by(|a, b| b.height.total_cmp(&a.height).then(a.recent_actor.cmp(&b.recent_actor)));
        let heights: Vec<f64> = seen.iter().map(|seen| seen.height).collect();
        let actors = seen.iter().take(REMEMBERED).map(|seen| seen.recent_actor).collect();
        let tail = Tail::of_peaks(&heights);
        let weeks = if weeks.is_finite() { weeks.max(1e-3) } else { 1e-3 };
        Curve { heights, actors, weeks, tail }
    }

    /// C = -log10(peaks of at least this height a week, but for recent ones of `actor`). Grows with `height`; finite.
    pub fn c(&self, height: f64, actor: u64) -> f64 {
        if actor == 0 || !self.actors.contains(&actor) {
            return c(self.tail, &self.heights, self.weeks, height);
        }
        let actors = self.actors.iter().copied().chain(std::iter::repeat(0));
        let others = self.heights.iter().zip(actors).filter(|(_, whose)| *whose != actor);
        self.c_among(&others.map(|(height, _)| *height).collect::<Vec<_>>(), height)
    }

    /// C of `height` if these were the peaks, largest first.
    pub(super) fn c_among(&self, others: &[f64], height: f64) -> f64 {
        c(Tail::of_peaks(others), others, self.weeks, height)
    }
}

fn c(tail: Tail, heights: &[f64], weeks: f64, height: f64) -> f64 {
    let height = if height.is_nan() { 0.0 } else { height.clamp(0.0, super::peaks::Peak::MOST) };
    (libm::log10(weeks) - tail.log10_above(heights, height)).max(LEAST_C)
}

/// How often incidents of a given worth come.
pub(super) struct Incidents<'s> {
    /// Largest first.
    seen: &'s [f64],
    /// A tail like that of peaks.
    young: Tail,
    /// One of the highest alone.
    known: Tail,
    /// How much of the second counts.
    share: f64,
}

impl<'s> Incidents<'s> {
    /// Of those `seen` in so many `weeks`, largest first.
    pub(super) fn of(seen: &'s [f64], weeks: f64) -> Incidents<'s> {
        let last = seen.last().copied().unwrap_or_default();
        let above = seen.get(..INCIDENTS_TAIL).unwrap_or(seen);
        let from = seen.get(INCIDENTS_TAIL).copied().unwrap_or(last);
        Incidents {
            seen,
            young: Tail::of_most(seen, last),
            known: Tail::of(above, from, INCIDENTS_SCALE),
            share: ((weeks - YOUNG_WEEKS) / (KNOWN_WEEKS - YOUNG_WEEKS)).clamp(0.0, 1.0),
        }
    }

    /// Expected number of incidents at or above `c`: at first by a tail like that of peaks, later as many as were seen, or
    /// more if the tail of the highest says so.
    pub(super) fn above(&self, c: f64) -> f64 {
        if self.seen.is_empty() {
            return 0.0;
        }
        let young = self.young.log10_above(self.seen, c);
        let counted = self.seen.partition_point(|one| *one >= c) as f64;
        let known = self.known.log10_above(self.seen, c).max(libm::log10(counted));
        libm::exp10((1.0 - self.share) * young + self.share * known)
    }
}

impl Tail {
    /// The tail of the heights of peaks, in descending order. Where there are few, it begins at the least height that
    /// is recorded, or at the smallest.
    fn of_peaks(heights: &[f64]) -> Tail {
        Tail::of_most(heights, heights.last().copied().unwrap_or(f64::INFINITY).min(super::Peak::LEAST))
    }

    /// The tail of the 15 largest; where there are fewer, from `floor` on.
    fn of_most(values: &[f64], floor: f64) -> Tail {
        let above = values.get(..TAIL).unwrap_or(values);
        Tail::of(above, values.get(TAIL).copied().unwrap_or(floor), PRIOR_SCALE)
    }

    /// The tail that values in descending order make above `from`.
    fn of(above: &[f64], from: f64, prior_scale: f64) -> Tail {
        let excess: f64 = above.iter().map(|value| value - from).sum();
        let scale = (excess + PRIOR_PEAKS * prior_scale) / (above.len() as f64 + PRIOR_PEAKS);
        // Nothing seen is at most about one.
        Tail { from, count: (above.len() as f64).max(1.0), scale }
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

    /// Peaks of long ago.
    fn of(heights: impl Iterator<Item = f64>, weeks: f64) -> Curve {
        Curve::of(heights.map(|height| Seen { height, recent_actor: 0 }), weeks)
    }

    /// So many exponential heights of this scale above 2, as their expected order statistics.
    fn exponential(n: u32, scale: f64) -> impl Iterator<Item = f64> {
        (1..=n).map(move |i| 2.0 + scale * (f64::from(n) / (f64::from(i) - 0.5)).ln())
    }

    #[test]
    fn a_height_that_was_seen_so_often_gets_that_c() {
        let curve = of(exponential(400, 0.8), 8.0);
        for (height, rate) in
            [(2.0f64, 50.0f64), (3.0, 50.0 * (-1.25f64).exp()), (8.0, 50.0 * (-7.5f64).exp())]
        {
            let error = curve.c(height, 0) + rate.log10();
            assert!(error.abs() < 0.15, "{height}: {} for {}", curve.c(height, 0), -rate.log10());
        }
    }

    #[test]
    fn what_came_before_is_known_for_what_it_was_worth() {
        // Jobs that catch up once a week.
        let curve = of(exponential(40, 0.8).chain([9.0, 9.5, 10.0, 10.5, 11.0, 11.5, 12.0, 12.5]), 8.0);
        let calm = of(exponential(40, 0.8), 8.0);
        assert!(curve.c(10.0, 0) < 0.7, "{}", curve.c(10.0, 0));
        assert!(calm.c(10.0, 0) > 3.0, "{}", calm.c(10.0, 0));
    }

    #[test]
    fn what_one_did_of_late_does_not_make_it_usual_for_the_same() {
        let usual = || exponential(40, 0.8).map(|height| Seen { height, recent_actor: 0 });
        let calm = Curve::of(usual(), 8.0);
        let bursts = |recent_actor| Curve::of(usual().chain([Seen { height: 9.0, recent_actor }; 4]), 8.0);
        assert_eq!(bursts(7).c(9.0, 7), calm.c(9.0, 7));
        assert!(bursts(7).c(9.0, 8) < calm.c(9.0, 8) - 0.5);
        assert_eq!(bursts(0).c(9.0, 7), bursts(7).c(9.0, 8));
    }

    #[test]
    fn an_estate_that_has_shown_nothing_is_judged_by_the_prior() {
        let curve = of(std::iter::empty(), 8.0);
        assert!((curve.c(2.0, 0) - 8f64.log10()).abs() < 1e-9);
        assert!(curve.c(6.0, 0) > 2.0 && curve.c(6.0, 0) < 3.0, "{}", curve.c(6.0, 0));
    }

    fn seen() -> impl Strategy<Value = Seen> {
        (2.0f64..60.0, 0u64..4).prop_map(|(height, recent_actor)| Seen { height, recent_actor })
    }

    proptest! {
        #[test]
        fn c_grows_with_height(
            peaks in prop::collection::vec(seen(), 0..80), a in 0.0f64..90.0, b in 0.0f64..90.0, weeks in 0.2f64..8.0, actor in 0u64..4,
        ) {
            let curve = Curve::of(peaks.into_iter(), weeks);
            prop_assert!(curve.c(a.min(b), actor) <= curve.c(a.max(b), actor) + 1e-12);
        }

        #[test]
        fn c_is_finite_for_all_heights(
            bits: u64, weeks: u64, heights in prop::collection::vec(any::<u64>().prop_map(f64::from_bits), 0..30),
        ) {
            let curve = of(heights.into_iter(), f64::from_bits(weeks));
            prop_assert!(curve.c(f64::from_bits(bits), 0).is_finite());
        }

        #[test]
        fn a_curve_is_read_back_as_itself(peaks in prop::collection::vec(seen(), 0..90)) {
            let as_kept = peaks.into_iter().map(|seen| Seen { height: f64::from(seen.height as f32), ..seen });
            let curve = Curve::of(as_kept, 3.0);
            prop_assert_eq!(Curve::from(Stored::from(curve.clone())), curve);
        }
    }
}
