//! Upper tails of the negative binomial distribution, as logarithms, at counts far beyond the usual.
//!
//! The negative binomial with mean μ and dispersion φ has variance μ + φμ²; φ = 0 is the Poisson
//! distribution. With r = 1/φ and p = μ/(r + μ), P(X ≥ x) is the regularised incomplete beta function `I_p(x,
//! r)` (DLMF 8.17), that is, the probability of exactly x times a factor of at least one:
//!
//! ```text
//! ln P(X ≥ x) = ln P(X = x) + ln F(x, r, p)
//! ```
//!
//! * `ln P(X = x)` in Loader's saddle-point form ("Fast and accurate computation of binomial probabilities",
//!   2000): deviances and Stirling errors, none of which cancel. Differences of log-gamma functions lose
//!   eight digits at counts of 10^7.
//! * F by the continued fraction of DLMF 8.17.22 with Lentz's method (Thompson and Barnett 1986). Its terms
//!   contain r only as (r - m)p and (x + r + m)p, which stay finite as φ → 0: the Poisson limit needs no code
//!   of its own.
//!
//! Only logarithms are formed, so nothing underflows: scores of 5,000 and of 80 million are as good as those
//! of 5. Against mpmath at 60 digits (`testdata/tail.tsv`: means 0.02 to 10^6, dispersions 0 to 50, counts to
//! 10^7, scores 0.3 to 8·10^7) the relative error of the score stays below 10^-10; it is largest where p is
//! within 10^-6 of 1.
//!
//! statrs has the same function without the logarithm. It is a judge in the tests and no more: it underflows
//! at scores of 308, its continued fraction stops after 140 terms whether it has converged or not, and it
//! calls the platform's `ln` and `exp`, whose last bits differ between machines. Here all transcendental
//! functions come from the `libm` crate, which is plain IEEE arithmetic: the same bits everywhere, which a
//! persisted profile needs.

use std::f64::consts::{LN_10, TAU};

/// Largest count and mean that are told apart: beyond, arguments are clamped (an hour with 10^12 calls does
/// not exist).
pub const MAX_COUNT: f64 = 1e12;
/// Smallest mean: nothing is expected to happen less than once in ten million windows.
pub const MIN_MEAN: f64 = 1e-7;
/// Largest dispersion. Beyond, practically all windows are empty.
pub const MAX_DISPERSION: f64 = 1e4;
/// Below this a dispersion is taken as none (Poisson): at [`MAX_COUNT`] its effect is under the rounding
/// error.
const MIN_DISPERSION: f64 = 1e-30;

/// -log10 P(X ≥ count): how surprising so many are, as a power of ten. At least 0; 0 up to the mean and for
/// NaN.
pub fn score(count: f64, mean: f64, dispersion: f64) -> f64 {
    let (mean, _) = sanitise(mean, dispersion);
    if count.is_nan() || count <= mean {
        return 0.0;
    }
    (-ln_upper_tail(count, mean, dispersion) / LN_10).max(0.0)
}

/// ln P(X ≥ count), X negative binomial; a count between whole numbers means the next one. Never NaN, never
/// above 0; arguments outside their ranges are clamped and NaN counts as 0.
pub fn ln_upper_tail(count: f64, mean: f64, dispersion: f64) -> f64 {
    let (mean, dispersion) = sanitise(mean, dispersion);
    let x = if count > 0.0 { count.min(MAX_COUNT).ceil() } else { return 0.0 };
    let ln_here = ln_pmf(x, mean, dispersion);
    // The fraction converges fast from x + 1 = μ(1 + φ) on; below that the other tail is the small one.
    if x + 1.0 < mean * (1.0 + dispersion) {
        let ln_lower = if dispersion > 0.01 {
            let q = 1.0 / (1.0 + mean * dispersion);
            ln_here + libm::log(x * dispersion) + libm::log(lower_fraction(1.0 / dispersion, x, q))
        } else {
            ln_pmf(x - 1.0, mean, dispersion) + libm::log(lower_sum(x - 1.0, mean, dispersion))
        };
        // An upper tail of less than one part in 10^16 cannot be found as a difference; it does not occur
        // here.
        return libm::log1p(-libm::exp(ln_lower).min(1.0 - f64::EPSILON)).min(0.0);
    }
    (ln_here + libm::log(upper_fraction(x, mean, dispersion))).min(0.0)
}

/// ln P(X = count), X negative binomial, for real counts ≥ 0 (winsorised counts are not whole).
pub fn ln_probability(count: f64, mean: f64, dispersion: f64) -> f64 {
    let [ln] = ln_probabilities(count, [mean], dispersion);
    ln
}

/// [`ln_probability`] of one count for several means.
pub fn ln_probabilities<const N: usize>(count: f64, means: [f64; N], dispersion: f64) -> [f64; N] {
    let count = if count > 0.0 { count.min(MAX_COUNT) } else { 0.0 };
    let point = Point::new(count, sanitise(1.0, dispersion).1);
    means.map(|mean| point.ln_pmf(sanitise(mean, dispersion).0))
}

/// The smallest whole count k with P(X ≤ k) ≥ `level`, for `level` in (0, 1).
pub fn quantile(level: f64, mean: f64, dispersion: f64) -> f64 {
    let level = if level.is_nan() { 0.5 } else { level.clamp(1e-9, 1.0 - 1e-9) };
    let ln_above = libm::log1p(-level);
    let reached = |k: f64| ln_upper_tail(k + 1.0, mean, dispersion) <= ln_above;
    if reached(0.0) {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    while !reached(high) && high < MAX_COUNT {
        (low, high) = (high, high * 2.0);
    }
    while high - low > 1.0 {
        let middle = ((low + high) / 2.0).floor();
        if reached(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

fn sanitise(mean: f64, dispersion: f64) -> (f64, f64) {
    let mean = if mean > MIN_MEAN { mean.min(MAX_COUNT) } else { MIN_MEAN };
    let dispersion = if dispersion > MIN_DISPERSION { dispersion.min(MAX_DISPERSION) } else { 0.0 };
    (mean, dispersion)
}

fn ln_pmf(x: f64, mean: f64, dispersion: f64) -> f64 {
    Point::new(x, dispersion).ln_pmf(mean)
}

/// What the probabilities of a count have in common for all means.
struct Point {
    x: f64,
    dispersion: f64,
    /// The errors of Stirling's formula at x, and what that at x + r exceeds that at r.
    errors: (f64, f64),
    /// ln of the root of n / (2π x r) times r/n, less its sign, in two parts.
    root: (f64, f64),
}

impl Point {
    fn new(x: f64, dispersion: f64) -> Point {
        if x == 0.0 {
            return Point { x, dispersion, errors: (0.0, 0.0), root: (0.0, 0.0) };
        }
        let above = match dispersion > 0.0 {
            true => stirling_error(x + 1.0 / dispersion) - stirling_error(1.0 / dispersion),
            false => 0.0,
        };
        let root = (0.5 * libm::log(TAU * x), 0.5 * libm::log1p(x * dispersion));
        Point { x, dispersion, errors: (stirling_error(x), above), root }
    }

    fn ln_pmf(&self, mean: f64) -> f64 {
        let Point { x, dispersion, errors, root } = *self;
        if x == 0.0 {
            return if dispersion > 0.0 { -libm::log1p(mean * dispersion) / dispersion } else { -mean };
        }
        // With n = x + r: x exceeds np by `gap`, and r falls short of nq by as much.
        let gap = (x - mean) / (1.0 + mean * dispersion);
        let np = mean * (1.0 + x * dispersion) / (1.0 + mean * dispersion);
        let mut ln = -errors.0 - deviance(x, np, gap);
        if dispersion > 0.0 {
            let r = 1.0 / dispersion;
            let nq = (x + r) / (1.0 + mean * dispersion);
            ln += errors.1 - deviance(r, nq, -gap);
        }
        ln - root.0 - root.1
    }
}

/// ln Γ(z + 1) - (z + 1/2) ln z + z - ln(2π)/2: what Stirling's formula leaves out.
fn stirling_error(z: f64) -> f64 {
    if z < 16.0 {
        return libm::lgamma(z + 1.0) - (z + 0.5) * libm::log(z) + z - 0.918_938_533_204_672_8;
    }
    let y = 1.0 / (z * z);
    (1.0 / 12.0
        - y * (1.0 / 360.0
            - y * (1.0 / 1260.0 - y * (1.0 / 1680.0 - y * (1.0 / 1188.0 - y * 691.0 / 360_360.0)))))
        / z
}

/// x ln(x/e) + e - x with e = `expected` and `gap` = x - e: Loader's deviance, told both so that nothing
/// cancels.
fn deviance(x: f64, expected: f64, gap: f64) -> f64 {
    let v = gap / (x + expected);
    if v.abs() < 0.1 {
        // ln(x/e) = 2 atanh(v)
        let (mut sum, mut term, mut k) = (gap * v, 2.0 * x * v * v * v, 3.0);
        loop {
            let next = sum + term / k;
            if next == sum {
                return sum;
            }
            (sum, term, k) = (next, term * v * v, k + 2.0);
        }
    }
    x * libm::log(x / expected) - gap
}

/// P(X ≤ k) / P(X = k), by adding downwards. The rest after many terms is bounded by a geometric series.
fn lower_sum(k: f64, mean: f64, dispersion: f64) -> f64 {
    const TERMS: u32 = 100_000;
    let (mut sum, mut term, mut k) = (1.0, 1.0, k.max(0.0));
    for _ in 0..TERMS {
        if k < 1.0 || term < f64::EPSILON * sum {
            return sum;
        }
        let ratio = k * (1.0 + mean * dispersion) / (mean * (1.0 + (k - 1.0) * dispersion));
        term *= ratio;
        sum += term;
        k -= 1.0;
    }
    let ratio = k * (1.0 + mean * dispersion) / (mean * (1.0 + (k - 1.0).max(0.0) * dispersion));
    sum + term * ratio / (1.0 - ratio).max(f64::EPSILON)
}

/// P(X ≥ x) / P(X = x).
fn upper_fraction(x: f64, mean: f64, dispersion: f64) -> f64 {
    // (r - m)p and (x + r + m)p in terms of φ = 1/r.
    let scale = mean / (1.0 + mean * dispersion);
    lentz(|m| {
        let d = x + 2.0 * m;
        let even = m / (d - 1.0) * (scale * (1.0 - m * dispersion) / d);
        let odd = -(x + m) / d * (scale * (1.0 + (x + m) * dispersion) / (d + 1.0));
        (even, odd)
    })
}

/// `I_q(r, x)` over q^r p^x / (r B(r, x)).
fn lower_fraction(r: f64, x: f64, q: f64) -> f64 {
    lentz(|m| {
        let d = r + 2.0 * m;
        let even = m / (d - 1.0) * (q * (x - m) / d);
        let odd = -(r + m) / d * (q * (r + x + m) / (d + 1.0));
        (even, odd)
    })
}

/// 1 / (1 + odd(0) / (1 + even(1) / (1 + odd(1) / ...))) by Lentz's method.
fn lentz(terms: impl Fn(f64) -> (f64, f64)) -> f64 {
    // Convergence takes about the square root of the larger parameter near the mean, fewer away from it.
    const STEPS: u32 = 2_000_000;
    const TINY: f64 = 1e-300;
    let away = |v: f64| if v.abs() < TINY { TINY } else { v };
    let (_, first) = terms(0.0);
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 + first);
    let mut h = d;
    for step in 1..STEPS {
        let (even, odd) = terms(f64::from(step));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        h *= c * d;
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        let change = c * d;
        h *= change;
        if (change - 1.0).abs() < 4.0 * f64::EPSILON {
            break;
        }
    }
    if h.is_finite() { h.max(f64::MIN_POSITIVE) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table() -> impl Iterator<Item = (f64, f64, f64, f64)> {
        include_str!("testdata/tail.tsv").lines().filter(|line| !line.starts_with('#')).map(|line| {
            let mut numbers = line.split('\t').map(|n| n.parse::<f64>().unwrap());
            let mut next = || numbers.next().unwrap();
            (next(), next(), next(), next())
        })
    }

    #[test]
    fn scores_agree_with_high_precision_references() {
        let (mut n, mut worst) = (0, (0.0, String::new()));
        for (mean, dispersion, count, expected) in table() {
            let got = score(count, mean, dispersion);
            let error = (got / expected - 1.0).abs();
            if error > worst.0 {
                worst = (
                    error,
                    format!("mean {mean} dispersion {dispersion} count {count}: {got} for {expected}"),
                );
            }
            n += 1;
        }
        println!("{n} values, worst relative error {:e} at {}", worst.0, worst.1);
        assert!(n > 300 && worst.0 < 1e-10, "{worst:?}");
    }

    #[test]
    fn statrs_agrees_where_it_is_sound() {
        for mean in [0.02, 0.7, 3.0, 40.0, 300.0] {
            for dispersion in [0.02, 0.4, 5.0] {
                let (r, p) = (1.0 / dispersion, mean * dispersion / (1.0 + mean * dispersion));
                for x in [1.0, 2.0, 5.0, 30.0, 250.0, 2_000.0] {
                    let theirs = statrs::function::beta::beta_reg(x, r, p);
                    if theirs > 1e-290 {
                        let ours = ln_upper_tail(x, mean, dispersion);
                        assert!(
                            (ours - theirs.ln()).abs() < 1e-9,
                            "{mean} {dispersion} {x}: {ours} {}",
                            theirs.ln()
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn scores_beyond_the_range_of_floats_are_finite_and_ordered() {
        let scores: Vec<f64> = [1e3, 1e4, 1e5, 1e6, 1e7].iter().map(|x| score(*x, 2.0, 0.1)).collect();
        assert!(scores.windows(2).all(|w| w[0] < w[1]), "{scores:?}");
        assert!(scores[1] > 308.0 && scores[4].is_finite(), "{scores:?}");
    }

    proptest! {
        #[test]
        fn no_argument_gives_nan_or_a_negative_score(x in any::<u64>(), mean in any::<u64>(), dispersion in any::<u64>()) {
            let (x, mean, dispersion) = (f64::from_bits(x), f64::from_bits(mean), f64::from_bits(dispersion));
            let s = score(x, mean, dispersion);
            prop_assert!(s >= 0.0 && s.is_finite(), "{}", s);
            prop_assert!(ln_upper_tail(x, mean, dispersion) <= 0.0);
            prop_assert!(ln_probability(x, mean, dispersion).is_finite());
        }

        #[test]
        fn more_is_never_less_surprising(
            x in 0.0f64..14.0, more in 0.0f64..3.0, mean in -2.0f64..13.0, dispersion in -6.0f64..3.0,
        ) {
            let (x, more, mean, dispersion) = (x.exp().floor(), more.exp().floor(), mean.exp(), dispersion.exp());
            let (less, more) = (ln_upper_tail(x, mean, dispersion), ln_upper_tail(x + more, mean, dispersion));
            prop_assert!(more <= less + 1e-9 * (1.0 + less.abs()), "{} {}", less, more);
        }

        #[test]
        fn the_tail_is_the_sum_of_its_probabilities(x in 1u32..60, mean in 0.05f64..30.0, dispersion in 0.0f64..3.0) {
            let x = f64::from(x);
            let here = ln_probability(x, mean, dispersion).exp() + ln_upper_tail(x + 1.0, mean, dispersion).exp();
            let tail = ln_upper_tail(x, mean, dispersion).exp();
            prop_assert!((here / tail - 1.0).abs() < 1e-9, "{} {}", here, tail);
        }

        #[test]
        fn a_quantile_splits_the_distribution(level in 0.01f64..0.99, mean in 0.05f64..3_000.0, dispersion in 0.0f64..3.0) {
            let k = quantile(level, mean, dispersion);
            let below = |k: f64| 1.0 - ln_upper_tail(k + 1.0, mean, dispersion).exp();
            prop_assert!(below(k) >= level - 1e-9);
            prop_assert!(k == 0.0 || below(k - 1.0) < level + 1e-9);
        }
    }
}
