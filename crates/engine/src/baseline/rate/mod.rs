//! One stream: hourly counts of one measure of one entity, what is usual for them, and how unusual an hour
//! is.
//!
//! A [`Profile`] is a pure function of its kind and of the sequence of sealed counts. It knows nothing of
//! events or of the open hours' counts, which are distinct counts that merge (they live in the State); it is
//! told them when it judges. Sealing an hour feeds its final count in, exactly once: sealing it again changes
//! nothing.
//!
//! * **Frozen expectations.** What is expected of an hour is fixed when it opens, that is, when the hour
//!   `horizon + 1` before it is sealed. So the score of a window depends on counts alone and not on what
//!   arrived first, and grows as counts grow.
//! * **Judge before you learn.** An hour is judged against expectations that do not contain it, nor the open
//!   hours before it.
//! * **Silence costs nothing.** All decays go by elapsed hours and are applied when the sums are next
//!   touched. An hour without events within a day touches nothing. So a gap of years is passed in some fifty
//!   steps ([`Profile::advance`]) with the same result, bit for bit, as sealing its hours one by one.
//! * **The same bits everywhere.** Arithmetic is IEEE, transcendental functions come from the `libm` crate,
//!   and everything remembered is rounded when it is learned (`quantity.rs`). Two machines that seal the same
//!   counts hold the same bytes, and a profile that was saved and loaded equals one that was not.
//!
//! Each estimator has a file: `season`, `level`, `dispersion`, `calibration`, `windows`, `drift`, `schedule`, `spread`;
//! `encoding` is the binary form.

mod calibration;
mod dispersion;
mod drift;
mod encoding;
mod level;
mod schedule;
mod score;
mod season;
mod spread;
mod week;
mod windows;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod synthetic;

pub(super) use calibration::heavy_tailed;
pub use drift::Drift;
pub use encoding::DecodeError;
pub use score::{History, Maturity, Score, Which};
pub use week::WEEK;
pub use windows::Window;

use super::bytes::MAX_HOUR;
use super::quantity::{Half, HalfLife, kept, left_after};
use calibration::Excesses;
use dispersion::Dispersion;
use drift::Days;
use level::Level;
use season::{Season, Share};
use windows::{KEPT, Recent, SealedHour, Typical};

/// All half-lives, to check what is known of them.
#[cfg(test)]
pub(super) const HALF_LIVES: [HalfLife; 8] = [
    calibration::HALF_LIFE,
    dispersion::HALF_LIFE,
    level::HALF_LIFE_ACTIVE,
    level::HALF_LIFE_ELAPSED,
    season::FIT_HALF_LIFE,
    season::SHARE_HALF_LIFE,
    season::VISITS_HALF_LIFE,
    OUTLIERS_HALF_LIFE,
];

/// Least mean of an active hour: one event is certain, given that there is any.
const MIN_MEAN: f64 = 1.02;
/// Largest count of an hour that is told apart.
const MAX_COUNT: u64 = 1_000_000_000_000;
/// Active hours after which counts are winsorised and deviations learned.
const WARM: u32 = 8;
/// Clipped hours of the last 24 that make a level shift.
const SHIFT: usize = 18;
/// Standard deviations (plus two events) at which a count is cut before level and season learn from it.
const CLIP: f64 = 4.0;
/// S of an hour from which nothing is learned, as long as there are few of them: what comes once in 10^10 hours by the
/// model is an accident or an attack, and not the way of the stream.
const OUTLIER: f64 = 10.0;
/// So many of them, decayed, are its way after all: a batch each night is known within a week, one each Sunday within two
/// months. Five bursts within ten days are not, nor is what comes once a month.
const OUTLIERS_KNOWN: f64 = 6.0;
/// Half-life of their number in hours (56 days).
const OUTLIERS_HALF_LIFE: HalfLife = HalfLife::of(1_344.0, 0.999_484_398_458_837_1);
/// The same for the typical long window (plus three events).
const TYPICAL_CLIP: f64 = 6.0;

/// Whether a stream has a weekly season.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rhythm {
    /// Expectations by hour of the week, and a comparison of weeks: for the streams with volume. About 1.2
    /// kB.
    Weekly,
    /// One expectation for all hours. About 0.35 kB.
    Flat,
}

/// What is remembered of one stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The hour in which the stream was born.
    first: i64,
    /// The last sealed hour; `first - 1` at birth.
    sealed: i64,
    /// The hour up to which the decayed sums have been brought.
    touched: i64,
    active_hours: u32,
    share: Share,
    level: Level,
    season: Option<Box<Season>>,
    /// Daily counts, for streams with a season.
    days: Option<Box<Days>>,
    dispersion: [Dispersion; 3],
    excesses: [Excesses; 3],
    typical: [Typical; 2],
    /// Decayed number of outlying hours.
    outliers: f32,
    recent: Recent,
    /// Frozen expectations of the open hours, from `sealed + 1` on.
    open: Vec<Expectation>,
}

/// What is expected of an open hour and of the windows that end in it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Expectation {
    activity: Half,
    level: f32,
    /// Amount relative to the level, averaged and by the two seasonal hypotheses.
    amount: Half,
    hypotheses: [Half; 2],
    dispersion: [Half; 3],
    long_means: [f32; 2],
    exceedances: [Half; 3],
    excess: [Half; 3],
}

impl Expectation {
    /// Mean count, given that the entity is active.
    fn mean_if_active(&self) -> f64 {
        (f64::from(self.level) * self.amount.get()).max(MIN_MEAN)
    }

    fn mean(&self) -> Half {
        Half::of(self.activity.get() * self.mean_if_active())
    }
}

/// Counts of the three windows that end in an hour; a window that began before the stream was born has none.
type Counts = [Option<u64>; 3];

impl Profile {
    /// Most open hours before the current one.
    pub const MAX_HORIZON: u8 = 24;

    /// The profile of a stream whose first event is in hour `first` (whole hours since the epoch).
    ///
    /// `horizon` is the number of hours before the current one that stay open for late events, at most
    /// [`Profile::MAX_HORIZON`]. Let `first` be the earliest hour that is open.
    pub fn born(first: i64, rhythm: Rhythm, horizon: u8) -> Profile {
        let first = first.clamp(-MAX_HOUR, MAX_HOUR);
        let mut profile = Profile {
            first,
            sealed: first - 1,
            touched: first - 1,
            active_hours: 0,
            share: Share::default(),
            level: Level::default(),
            season: (rhythm == Rhythm::Weekly).then(|| Box::new(Season::born(first))),
            days: (rhythm == Rhythm::Weekly).then(|| Box::new(Days::born(first))),
            dispersion: Window::ALL.map(Dispersion::born),
            excesses: [Excesses::default(); 3],
            typical: [Typical::default(); 2],
            outliers: 0.0,
            recent: Recent::default(),
            open: Vec::new(),
        };
        for hour in first..=first + i64::from(horizon.min(Self::MAX_HORIZON)) {
            profile.freeze(hour);
        }
        profile
    }

    /// The hour in which the stream was born.
    pub fn first_hour(&self) -> i64 {
        self.first
    }

    /// The last hour whose count is final; the hour before birth if there is none.
    pub fn sealed_hour(&self) -> i64 {
        self.sealed
    }

    /// The hours that can be judged: the current one and those before it that are still open.
    pub fn open_hours(&self) -> std::ops::RangeInclusive<i64> {
        self.sealed + 1..=self.sealed + self.open.len() as i64
    }

    /// The last hour that has to be sealed before `hour` can be judged as the current one.
    pub fn due(&self, hour: i64) -> i64 {
        hour.clamp(-MAX_HOUR, MAX_HOUR) - self.open.len() as i64
    }

    /// The scores of the windows that end in `hour`: up to three, or none if `hour` is not open.
    ///
    /// `open` are the counts so far of the open hours, from `sealed_hour() + 1` on; missing ones count as 0.
    /// A partial hour is judged against the whole hour's expectation: mild, and an attack is seen within
    /// minutes.
    pub fn judge(&self, hour: i64, open: &[u64]) -> Vec<Score> {
        let Some(index) = hour.checked_sub(self.sealed + 1).and_then(|index| usize::try_from(index).ok())
        else {
            return Vec::new();
        };
        let Some(expectation) = self.open.get(index) else {
            return Vec::new();
        };
        let open = open.get(..=index).unwrap_or(open);
        self.scores(hour, expectation, &self.counts(hour, open, index), open, Which::All)
    }

    /// Seals the hours before `hour` as silent, judges `hour` and seals it, at once: [`Profile::advance`],
    /// [`Profile::judge`] and [`Profile::seal`]. No scores if it is sealed already.
    pub fn close(&mut self, hour: i64, count: u64, which: Which) -> Vec<Score> {
        let hour = hour.clamp(-MAX_HOUR, MAX_HOUR);
        if hour <= self.sealed {
            return Vec::new();
        }
        self.advance(hour - 1);
        self.step(count.min(MAX_COUNT), which)
    }

    /// Feeds the final count of `hour` in. Hours between the last sealed one and `hour` were silent.
    ///
    /// Hours are sealed in ascending order; one that is sealed already is left alone, and the answer is
    /// `false`.
    pub fn seal(&mut self, hour: i64, count: u64) -> bool {
        let hour = hour.clamp(-MAX_HOUR, MAX_HOUR);
        if hour <= self.sealed {
            return false;
        }
        self.close(hour, count, Which::Notable);
        true
    }

    /// Seals all hours up to and including `hour` as silent. Costs some fifty steps at most.
    pub fn advance(&mut self, hour: i64) {
        let hour = hour.clamp(-MAX_HOUR, MAX_HOUR);
        // Once a day has been silent, an hour leaves no trace but its expectations. Those of an hour enter
        // the sums of the next 23, and those again the dispersion when they are sealed: so far back the jump
        // must begin.
        let traces = 2 * (KEPT as i64 + 1) + 3 * self.open.len() as i64;
        while self.sealed < hour {
            if hour - self.sealed > traces && self.recent.is_silent() {
                self.sealed = hour - traces;
            }
            self.step(0, Which::Notable);
        }
    }

    /// Seals the next hour, and tells its scores as they were before.
    fn step(&mut self, count: u64, which: Which) -> Vec<Score> {
        let Some(&expectation) = self.open.first() else {
            return Vec::new();
        };
        let hour = self.sealed + 1;
        let counts = self.counts(hour, &[count], 0);
        let silent = count == 0 && self.recent.is_silent();
        let scores = self.scores(hour, &expectation, &counts, &[count], which);
        self.sealed = hour;
        self.recent.push(SealedHour {
            count,
            activity: expectation.activity,
            mean: expectation.mean(),
            amount: expectation.amount,
            clipped: false,
        });
        if silent {
            let elapsed = hour - self.touched;
            let means = expectation.window_means();
            for ((estimate, window), mean) in self.dispersion.iter_mut().zip(Window::ALL).zip(means) {
                estimate.settle(window, elapsed, mean);
            }
        } else {
            self.learn(hour, count, &expectation, &counts, &scores);
        }
        self.recent.trim();
        self.open.remove(0);
        self.freeze(hour + self.open.len() as i64 + 1);
        scores
    }

    /// Takes up a sealed hour within a day of which something happened.
    fn learn(&mut self, hour: i64, count: u64, expected: &Expectation, counts: &Counts, scores: &[Score]) {
        let elapsed = hour - self.touched;
        self.touched = hour;
        let active = count > 0;
        if active {
            self.active_hours = self.active_hours.saturating_add(1);
        }
        let warm = self.active_hours > WARM;

        let mean = expected.mean_if_active();
        let dispersion = expected.dispersion_of(Window::Hour);
        let limit = mean + CLIP * (mean + dispersion * mean * mean).sqrt() + 2.0;
        let whole = count as f64;
        let surprise = |window| {
            scores.iter().find(|score: &&Score| score.window == window).map_or(0.0, |score| score.surprise)
        };
        let outliers = f64::from(self.outliers) * left_after(elapsed, OUTLIERS_HALF_LIFE);
        let outlies = warm && surprise(Window::Hour) >= OUTLIER;
        self.outliers = kept(outliers + f64::from(u8::from(outlies)));
        let is_learned = !(outlies && outliers < OUTLIERS_KNOWN);
        let winsorised = match (is_learned, warm) {
            (false, _) => mean,
            (true, true) => whole.min(limit),
            (true, false) => whole,
        };
        if let Some(last) = self.recent.0.back_mut() {
            last.clipped = warm && whole > limit;
        }

        self.share.learn(elapsed, active);
        self.level.learn(elapsed, active.then_some((winsorised, expected.amount.get())));
        if let Some(season) = &mut self.season {
            season.decay(elapsed);
            if active {
                let hypotheses = expected.hypotheses.map(Half::get);
                let level = f64::from(expected.level);
                // A new stream's level is the prior's. Normalised by that, its first hours would stand out in
                // its season for months; so they are normalised by the level that they themselves make.
                let norm = if warm { level } else { self.level.value(0) };
                season.learn(hour, winsorised, [level, norm], hypotheses, dispersion);
            }
        }
        if let (Some(days), true) = (&mut self.days, active) {
            days.learn(hour, count);
        }
        let means = expected.window_means();
        for ((typical, window), (count, mean)) in
            self.typical.iter_mut().zip([Window::SixHours, Window::Day]).zip(counts.iter().zip(means).skip(1))
        {
            if let (true, Some(count)) = (active, *count) {
                let dispersion = expected.dispersion_of(window);
                let limit = mean + TYPICAL_CLIP * (mean + dispersion * mean * mean).sqrt() + 3.0;
                typical.learn(if warm { (count as f64).min(limit) } else { count as f64 });
            }
        }
        for (((estimate, window), count), mean) in
            self.dispersion.iter_mut().zip(Window::ALL).zip(counts).zip(means)
        {
            let is_usual = is_learned || window != Window::Hour;
            let count = count.filter(|count| warm && is_usual && *count > 0).map(|count| count as f64);
            estimate.learn(window, elapsed, count, mean, expected.dispersion_of(window));
        }
        for (excesses, window) in self.excesses.iter_mut().zip(Window::ALL) {
            let is_usual = is_learned || window != Window::Hour;
            let score = if is_usual { surprise(window) } else { 0.0 };
            excesses.learn(window, elapsed, hour - self.first, score);
        }
        if hour - self.first >= 24 && self.recent.clipped(KEPT + 1) >= SHIFT {
            let level = self.recent.shifted();
            self.level.shift(level);
        }
    }

    /// Fixes what is expected of `hour`, the next that opens.
    fn freeze(&mut self, hour: i64) {
        let (as_of, elapsed) = (self.sealed, self.sealed - self.touched);
        let shape = match &self.season {
            Some(season) => season.shape(self.share, self.first, self.touched, as_of, hour),
            None => self.share.shape(self.first, self.touched, as_of),
        };
        let excesses = self.excesses.map(|excesses| excesses.after(elapsed));
        let mut expectation = Expectation {
            activity: Half::of(shape.activity),
            level: kept(self.level.value(elapsed)),
            amount: Half::of(shape.amount),
            hypotheses: shape.hypotheses.map(Half::of),
            dispersion: [Half(0); 3],
            long_means: [0.0; 2],
            exceedances: excesses.map(|(number, _)| Half::of(number)),
            excess: excesses.map(|(_, sum)| Half::of(sum)),
        };
        let before = self
            .open
            .iter()
            .rev()
            .map(|open| (open.activity, open.mean()))
            .chain(self.recent.0.iter().rev().map(|sealed| (sealed.activity, sealed.mean)));
        let mut sums = (expectation.activity.get(), expectation.mean().get());
        let mut windows = [sums; 3];
        for (hours, (active, mean)) in (2..=24).zip(before) {
            sums = (sums.0 + active.get(), sums.1 + mean.get());
            if hours <= Window::SixHours.hours() {
                windows = [windows[0], sums, sums];
            }
        }
        windows[2] = sums;
        for (((frozen, estimate), window), (active, _)) in
            expectation.dispersion.iter_mut().zip(self.dispersion).zip(Window::ALL).zip(windows)
        {
            *frozen = Half::of(f64::from(estimate.value).max(dispersion::floor(window, active)));
        }
        for (((frozen, typical), window), (active, mean)) in expectation
            .long_means
            .iter_mut()
            .zip(self.typical)
            .zip([Window::SixHours, Window::Day])
            .zip(windows.into_iter().skip(1))
        {
            *frozen = kept(typical.pull(window, mean, active));
        }
        self.open.push(expectation);
    }

    /// The last 24 hours, oldest first: of each the count and the mean that was expected. `open` holds the counts of the
    /// hours after the last sealed one.
    fn day(&self, open: &[u64]) -> Vec<(f64, f64)> {
        let open =
            open.iter().zip(&self.open).map(|(count, expected)| (*count as f64, expected.mean().get()));
        let sealed = self.recent.0.iter().map(|hour| (hour.count as f64, hour.mean.get()));
        let mut day: Vec<(f64, f64)> = sealed.chain(open).collect();
        day.drain(..day.len().saturating_sub(Window::Day.hours() as usize));
        day
    }

    /// Counts of the windows that end in `hour`. `open` holds the counts of the `index + 1` hours after the
    /// last sealed one, the last of which is `hour`.
    fn counts(&self, hour: i64, open: &[u64], index: usize) -> Counts {
        Window::ALL.map(|window| {
            let begins = hour - window.hours() + 1;
            if begins < self.first {
                return None;
            }
            let hours = window.hours() as usize;
            let from_open = open
                .iter()
                .skip((index + 1).saturating_sub(hours))
                .fold(0u64, |sum, n| sum.saturating_add(*n));
            let from_sealed = self
                .recent
                .last(hours.saturating_sub(index + 1))
                .fold(0u64, |sum, hour| sum.saturating_add(hour.count));
            Some(from_open.saturating_add(from_sealed).min(MAX_COUNT))
        })
    }
}
