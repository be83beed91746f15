//! What is usual for an entity, and how unlikely what it did is.
//!
//! This page explains the statistics to a newcomer; each formula's details and reasons stand in the file
//! named.
//!
//! **A stream** is one measure of one entity (decrypts of a principal, denied calls on a key) counted by
//! clock hour of event time. Most entities are idle in most hours, then make between one and a million calls,
//! more on weekdays at ten than on Sundays at four, and never as regularly as dice. The model has a part for
//! each of these ([`rate`]).
//!
//! 1. *Is it active at all?* Activity and amount are separate: a hurdle model (Mullahy 1986). π is the
//!    probability that the entity is active in this hour of the week.
//! 2. *How much, if it is?* m = level × season. Both are decayed means, exponential smoothing after Holt
//!    (1957) and Winters (1960): the level forgets by active hours (half-life 72), the season's 168 hours of
//!    the week by weeks (half-life 3), shrunk to their hour of day and to the mean as long as they are few.
//!    Flat, daily and weekly season are averaged by how well they predicted (Bayesian model averaging;
//!    Hoeting et al. 1999), so that a flat service does not get a season made of noise.
//! 3. *How irregular?* Counts are negative binomial (a Poisson whose rate varies by a gamma; Greenwood and
//!    Yule 1920): mean m, variance m + φm². φ is estimated per window by moments, with a prior.
//! 4. *How surprising is a count x?* The score is minus the decimal logarithm of the probability of so many
//!    or more:
//!
//!    ```text
//!    S(1 h)        = -log10 π - log10 P(X ≥ x - 1)   X ~ NB(m - 1, φ): one is certain, given activity
//!    S(6 h, 24 h)  = -log10 P(X ≥ x)                 X ~ NB(Σ πm, φ of the window)
//!    ```
//!
//!    Three windows end in each hour: short bursts show in the first, patient ones in the last. The
//!    probabilities go far below what a float holds, so only logarithms are formed ([`tail`]).
//! 5. *And for this stream?* Real tails are heavier than any model's. How often and how far a stream exceeded
//!    S = 2 is remembered (peaks over threshold; Pickands 1975) and gives T, its own calibrated score. With U
//!    = T at S = 2, and ν exceedances with the sum σ of excesses behind it:
//!
//!    ```text
//!    T = S · U / 2                                               up to S = 2
//!    T = U + (ν + 8) · log10(1 + (S - 2) / (σ + 8 · 0.6))        above
//!    ```
//!
//! **Learning is slow to believe.** Counts are cut at four standard deviations before level and season learn
//! from them (winsorised; Tukey 1962), and from an hour that the model holds for impossible nothing is learned
//! at all until there have been six: so a burst does not become normal. Eighteen cut hours in a day are a
//! new level, which is then taken over at once: a release stops alerting after about a day. Somebody patient
//! could lead the level upwards by a few per cent a day; therefore the last seven days are also compared with the
//! median of the weeks that lie two to seven weeks back ([`rate::Drift`]).
//!
//! **First uses** ([`novelty`], [`repertoire`], [`commons`]) are judged by a hazard: how often does this principal
//! show a network, an agent, a key that it has not shown before? In the spirit of Good and Turing (Good 1953). What
//! nobody else shows counts more; several new users of one key count together.
//!
//! **From scores to alerts** ([`budget`], [`judge`]). Thousands of dependent streams cannot be given one threshold on a
//! probability. The estate calibrates itself: a peak is worth C = -log10 of how many such peaks the estate shows a
//! week, what the same actor did of late (two weeks; growth: seven) left out: an attack must not make its own repetition
//! usual.
//! Of one actor the strongest evidence of each kind within a day adds up: counts, refusals, first uses, drift.
//! The threshold on this sum is the one that the estate's incidents exceed as often as the user's budget allows.
//!
//! **What is kept** is a pure function of the sealed counts, rounded when it is learned, in 0.35 to 1.2 kB a
//! stream. It is the same bytes on every machine: arithmetic is IEEE 754, and transcendental functions come
//! from the `libm` crate and not from the platform. (Scores and thresholds too.) Quantities that merge
//! between writers are counts, in [`crate::state`]; a profile takes each of them up once, when its hour is
//! sealed.
//!
//! **What it cannot see**: a legitimate backfill looks like an attack; the first three weeks are immature and
//! say so ([`rate::Maturity`]), and the first busy hour of a new stream scores high because nothing is known
//! about it; who stays below about twice the usual rate of a busy, irregular entity is not seen by rates.

pub mod budget;
pub mod commons;
pub mod entity;
pub mod hour;
pub mod judge;
pub mod novelty;
pub mod rate;
pub mod reliability;
pub mod repertoire;
pub mod series;
pub mod share;
pub mod tail;
pub mod trace;

mod bytes;
mod hours;
pub(crate) mod kept;
mod packed;
mod quantity;

pub use bytes::Malformed;
