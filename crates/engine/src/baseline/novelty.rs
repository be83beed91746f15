//! First uses: how surprising it is that a principal shows a network, an agent, a Region, an operation or a
//! key for the first time, or is refused something for the first time.
//!
//! Three things are weighed, in powers of ten:
//!
//! * **The principal's own hazard** of something new per active hour, `h = (a + first uses so far) / (b +
//!   active hours)`: the rate of a Poisson process under a gamma prior. Good (1953, after Turing) estimates
//!   the chance of the unseen from how often something was seen but once; the same in spirit: who often shows
//!   something new is not surprising when it does so again. Of a principal that is new itself nothing is known:
//!   this part is then nothing, and its score is compared with those of others when they were new.
//! * **How common the value is among living peers**, by half: `-log10((using + 1/2) / (alive + 1))`. The
//!   office network or a new version of an SDK is cheap, a network that nobody uses is dear.
//! * For a key, **the key's own hazard** of new principals: by half, and in full for a key that is declared
//!   critical; and more if the principal was refused the key shortly before.
//!
//! What is a first use is not decided here: [`super::repertoire`] knows what was shown before, and
//! [`super::commons`] what peers use. A [`Habit`] is fed once when an hour is sealed, after that hour was judged:
//! judge before you learn.

use super::bytes::MAX_HOUR;
use super::hours;
use serde::{Deserialize, Serialize};

/// What can be new about a principal's call, or about the use of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Where the principal calls from: the VPC endpoint, else the /24 (IPv4) or /48 (IPv6) of the address, of a
    /// private address the /16.
    Network,
    /// User-agent family and major version.
    Agent,
    /// Region.
    Region,
    /// Account of the key.
    Account,
    /// Operation; a dry run and a call on a key of another account count as operations of their own.
    Operation,
    /// Key, used with success.
    Key,
    /// Operation and key, where the call was refused for want of permission.
    Refusal,
    /// Of a key: the principal that used it.
    User,
}

impl Dimension {
    /// All dimensions, in the order of their counters.
    pub const ALL: [Dimension; 8] = [
        Dimension::Network,
        Dimension::Agent,
        Dimension::Region,
        Dimension::Account,
        Dimension::Operation,
        Dimension::Key,
        Dimension::Refusal,
        Dimension::User,
    ];

    /// The prior of the hazard: first uses, and the active hours they are worth.
    fn prior(self) -> (f64, f64) {
        match self {
            // One in 200 active hours: networks, keys and users are many.
            Dimension::Network | Dimension::Key | Dimension::User => (0.15, 30.0),
            // One in 1,200: the rest is settled soon.
            _ => (0.05, 60.0),
        }
    }
}

/// Active hours before a hazard says anything: everything is new at first.
pub const WARM_HOURS: u32 = 8;
/// Most that one dimension can add to a score.
const CAP: f64 = 6.0;
/// Share of a peer's or a key's part in the score.
const SHARE: f64 = 0.5;
/// Over-dispersion of new users of a key: those of one release come together.
const USERS_DISPERSION: f64 = 1.0;
/// What it adds that the principal was refused a key shortly before it used it for the first time: somebody tried
/// until it worked.
const AFTER_REFUSAL: f64 = 1.5;
/// Active hours (a year of all hours) at which both counters are halved, so that habits of long ago fade.
const HALVED_AT: u32 = 8_760;

/// How often one entity has shown something new. Bounded: a few counters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Habit {
    #[serde(deserialize_with = "hours::optional")]
    first: Option<i64>,
    #[serde(deserialize_with = "hours::optional")]
    sealed: Option<i64>,
    active_hours: u32,
    first_uses: [u32; Dimension::ALL.len()],
}

/// A value that a principal shows for the first time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FirstUse {
    /// What is new.
    pub dimension: Dimension,
    /// Who else uses the value; `None` where peers say nothing.
    pub peers: Option<Peers>,
    /// For a new key: what the key is used to.
    pub key: Option<KeyHabit>,
    /// For a new key: whether the principal was refused it within the day before.
    pub was_refused: bool,
}

/// Other principals of the same kind that were active of late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peers {
    /// Those that use the value.
    pub using: u32,
    /// All of them.
    pub alive: u32,
}

/// How often a key is used by somebody new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyHabit {
    /// New principals since the key's first eight active hours.
    pub first_uses: u32,
    /// Hours in which the key was used.
    pub active_hours: u32,
    /// Whether the key is declared critical.
    pub is_critical: bool,
}

/// The judgement of the first uses of a principal in an hour.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Novelty {
    /// The sum over dimensions, in powers of ten. 0 when nothing is new.
    pub score: f64,
    /// Its parts, in the order of [`Dimension::ALL`].
    pub parts: Vec<Part>,
    /// Active hours that the hazards rest on.
    pub active_hours: u32,
}

/// What one dimension adds: that of its dearest first use.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The dimension.
    pub dimension: Dimension,
    /// First uses in this hour.
    pub first_uses: usize,
    /// The dearest of them, by its place among those that were judged.
    pub dearest: usize,
    /// What is known of the dearest one.
    pub peers: Option<Peers>,
    /// For a key, what the key is used to.
    pub key: Option<KeyHabit>,
    /// For a key, whether it was refused shortly before.
    pub was_refused: bool,
    /// h: expected first uses in an active hour.
    pub hazard: f64,
    /// What it adds: own hazard, rarity among peers, the key's hazard; at most 6.
    pub score: f64,
}

impl Habit {
    /// Active hours so far.
    pub fn active_hours(&self) -> u32 {
        self.active_hours
    }

    /// The first hour that was taken up.
    pub fn first_hour(&self) -> Option<i64> {
        self.first
    }

    /// The last hour that was taken up.
    pub fn sealed_hour(&self) -> Option<i64> {
        self.sealed
    }

    /// First uses of `dimension` since the first eight active hours.
    pub fn first_uses(&self, dimension: Dimension) -> u32 {
        let counter = self.first_uses.iter().zip(Dimension::ALL).find(|(_, of)| *of == dimension);
        counter.map_or(0, |(n, _)| *n)
    }

    /// Takes up an hour that is over: whether the entity was active follows from it being called.
    /// `first_uses` counts the values that it showed for the first time. Hours are sealed in ascending order;
    /// one that is sealed already, or older, is left alone, and the answer is `false`.
    pub fn seal(&mut self, hour: i64, first_uses: &[(Dimension, u32)]) -> bool {
        let hour = hour.clamp(-MAX_HOUR, MAX_HOUR);
        if self.sealed.is_some_and(|sealed| hour <= sealed) {
            return false;
        }
        self.first = self.first.or(Some(hour));
        self.sealed = Some(hour);
        if self.active_hours >= WARM_HOURS {
            for (counter, dimension) in self.first_uses.iter_mut().zip(Dimension::ALL) {
                let new = first_uses.iter().filter(|(of, _)| *of == dimension).map(|(_, n)| *n);
                *counter = new.fold(*counter, u32::saturating_add);
            }
        }
        self.active_hours = self.active_hours.saturating_add(1);
        if self.active_hours >= HALVED_AT {
            self.active_hours /= 2;
            self.first_uses = self.first_uses.map(|n| n / 2);
        }
        true
    }

    /// h: how many values of `dimension` are expected to be new in an active hour.
    pub fn hazard(&self, dimension: Dimension) -> f64 {
        hazard(dimension.prior(), self.first_uses(dimension), self.active_hours)
    }

    /// How surprising the first uses of an open hour are together.
    pub fn judge(&self, first_uses: &[FirstUse]) -> Novelty {
        let mut novelty = Novelty { active_hours: self.active_hours, ..Novelty::default() };
        for dimension in Dimension::ALL {
            let uses = || first_uses.iter().enumerate().filter(|(_, first)| first.dimension == dimension);
            let n = uses().count();
            let parts = uses().map(|(at, first)| self.part(first, at, n));
            // Of equals the first.
            let part = parts.reduce(|a, b| if b.score > a.score { b } else { a });
            novelty.score += part.map_or(0.0, |part| part.score);
            novelty.parts.extend(part);
        }
        novelty
    }

    fn part(&self, first: &FirstUse, at: usize, first_uses: usize) -> Part {
        let hazard_here = self.hazard(first.dimension);
        let own = if self.active_hours < WARM_HOURS { 0.0 } else { -libm::log10(hazard_here.min(1.0)) };
        let peers = first.peers.map_or(0.0, |peers| {
            let using = f64::from(peers.using.min(peers.alive));
            -SHARE * libm::log10((using + 0.5) / (f64::from(peers.alive) + 1.0)).min(0.0)
        });
        let key = first.key.filter(|key| key.active_hours >= WARM_HOURS).map_or(0.0, |key| {
            let share = if key.is_critical { 1.0 } else { SHARE };
            let hazard = hazard(Dimension::User.prior(), key.first_uses, key.active_hours);
            -share * libm::log10(hazard.min(1.0))
        });
        Part {
            dimension: first.dimension,
            first_uses,
            dearest: at,
            peers: first.peers,
            key: first.key,
            hazard: hazard_here,
            was_refused: first.was_refused,
            score: (own + peers + key + if first.was_refused { AFTER_REFUSAL } else { 0.0 }).min(CAP),
        }
    }
}

impl Novelty {
    /// Whether a key that is declared critical is among what is new.
    pub fn is_critical(&self) -> bool {
        self.parts.iter().any(|part| part.key.is_some_and(|key| key.is_critical))
    }
}

impl KeyHabit {
    /// How surprising it is that so many principals use the key for the first time within an hour: minus log10 of the
    /// probability that a Poisson process with the key's hazard gives so many, and twice as much for a critical key.
    /// 0 for a key that is new itself.
    pub fn judge(self, new_users: u32) -> f64 {
        if self.active_hours < WARM_HOURS {
            return 0.0;
        }
        let hazard = hazard(Dimension::User.prior(), self.first_uses, self.active_hours);
        let score = super::tail::score(f64::from(new_users), hazard, USERS_DISPERSION);
        if self.is_critical { 2.0 * score } else { score }
    }
}

fn hazard((first_uses, hours): (f64, f64), seen: u32, active_hours: u32) -> f64 {
    (first_uses + f64::from(seen)) / (hours + f64::from(active_hours))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn habit(active_hours: i64, every: i64, dimension: Dimension) -> Habit {
        let mut habit = Habit::default();
        for hour in 0..active_hours {
            let new = if hour % every == 0 { vec![(dimension, 1)] } else { vec![] };
            habit.seal(hour, &new);
        }
        habit
    }

    fn first(dimension: Dimension) -> FirstUse {
        FirstUse { dimension, peers: None, key: None, was_refused: false }
    }

    fn critical(is_critical: bool) -> KeyHabit {
        KeyHabit { first_uses: 0, active_hours: 970, is_critical }
    }

    #[test]
    fn of_a_new_principal_only_others_tell() {
        let uses = [first(Dimension::Network)];
        assert_eq!(habit(7, 100, Dimension::Key).judge(&uses).score, 0.0);
        assert!(habit(8, 100, Dimension::Key).judge(&uses).score > 2.0);
        let rare = [FirstUse { peers: Some(Peers { using: 0, alive: 99 }), ..uses[0] }];
        assert!((habit(0, 100, Dimension::Key).judge(&rare).score - 0.5 * 200f64.log10()).abs() < 1e-9);
    }

    #[test]
    fn the_first_hours_do_not_count_as_a_habit() {
        let mut habit = Habit::default();
        for hour in 0..8 {
            habit.seal(hour, &[(Dimension::Key, 50)]);
        }
        assert!((habit.hazard(Dimension::Key) - 0.15 / 38.0).abs() < 1e-12);
    }

    #[test]
    fn who_often_shows_something_new_does_not_surprise() {
        let settled = habit(500, 1_000, Dimension::Network).judge(&[first(Dimension::Network)]).score;
        let wandering = habit(500, 5, Dimension::Network).judge(&[first(Dimension::Network)]).score;
        // 0.15 / 530 against 99 / 530.
        assert!((settled - 3.548).abs() < 0.01, "{settled}");
        assert!((wandering - 0.731).abs() < 0.01, "{wandering}");
    }

    #[test]
    fn the_office_network_is_cheap_and_an_unknown_one_is_dear() {
        let habit = habit(300, 1_000, Dimension::Key);
        let with = |using| FirstUse { peers: Some(Peers { using, alive: 99 }), ..first(Dimension::Network) };
        let (office, unknown) = (habit.judge(&[with(90)]).score, habit.judge(&[with(0)]).score);
        assert!((unknown - office - 0.5 * (90.5f64 / 0.5).log10()).abs() < 1e-9, "{office} {unknown}");
    }

    #[test]
    fn a_critical_key_that_nobody_new_ever_uses_counts_in_full() {
        let habit = habit(100, 3, Dimension::Key);
        let with = |key| habit.judge(&[FirstUse { key, ..first(Dimension::Key) }]).score;
        let (none, usual, full) = (with(None), with(Some(critical(false))), with(Some(critical(true))));
        let key = (1_000.0f64 / 0.15).log10();
        assert!(
            (usual - none - key / 2.0).abs() < 1e-9 && (full - none - key).abs() < 1e-9,
            "{none} {usual} {full}"
        );
    }

    #[test]
    fn several_new_users_of_a_key_in_an_hour_surprise_more_than_one() {
        let judge = |first_uses, n| KeyHabit { first_uses, active_hours: 970, is_critical: false }.judge(n);
        assert!(judge(0, 1) > 3.0 && judge(0, 4) > 3.0 * judge(0, 1), "{} {}", judge(0, 1), judge(0, 4));
        assert!(judge(400, 1) < 1.0);
        assert_eq!(KeyHabit { first_uses: 0, active_hours: 7, is_critical: true }.judge(9), 0.0);
        assert_eq!(
            KeyHabit { is_critical: true, ..critical(false) }.judge(2),
            2.0 * critical(false).judge(2)
        );
    }

    #[test]
    fn a_key_that_was_refused_before_it_worked_adds() {
        let (plain, refused) =
            (first(Dimension::Key), FirstUse { was_refused: true, ..first(Dimension::Key) });
        let habit = habit(100, 3, Dimension::Key);
        let more = habit.judge(&[refused]).score - habit.judge(&[plain]).score;
        assert!((more - AFTER_REFUSAL).abs() < 1e-9);
    }

    #[test]
    fn dimensions_add_up_and_values_of_one_do_not() {
        let habit = habit(300, 1_000, Dimension::Key);
        let one = habit.judge(&[first(Dimension::Network)]);
        let many = habit.judge(&[first(Dimension::Network); 30]);
        assert_eq!(one.score, many.score);
        assert_eq!(many.parts[0].first_uses, 30);
        let stolen =
            habit.judge(&[first(Dimension::Network), first(Dimension::Agent), first(Dimension::Region)]);
        assert!(stolen.score > one.score + 5.0 && stolen.parts.len() == 3, "{stolen:?}");
    }

    #[test]
    fn sealing_an_hour_twice_changes_nothing() {
        let mut habit = habit(50, 4, Dimension::Key);
        let before = habit.clone();
        assert!(!habit.seal(49, &[(Dimension::Key, 3)]));
        assert_eq!(habit, before);
    }

    #[test]
    fn a_habit_of_years_stays_bounded_and_fades() {
        let mut habit = habit(20_000, 10, Dimension::Key);
        assert!(habit.active_hours() < HALVED_AT);
        let usual = habit.hazard(Dimension::Key);
        assert!((usual / 0.1 - 1.0).abs() < 0.05, "{usual}");
        for hour in 20_000..40_000 {
            habit.seal(hour, &[]);
        }
        assert!(habit.hazard(Dimension::Key) < usual / 4.0);
    }

    proptest! {
        #[test]
        fn any_counters_and_first_uses_give_a_finite_score(
            counters: [u32; Dimension::ALL.len()], active: u32, using: u32, alive: u32, n: u32, hours: u32, is_critical: bool,
        ) {
            let habit = Habit { first: None, sealed: None, active_hours: active, first_uses: counters };
            let uses = Dimension::ALL.map(|dimension| FirstUse {
                dimension,
                peers: Some(Peers { using, alive }),
                key: Some(KeyHabit { first_uses: n, active_hours: hours, is_critical }),
                was_refused: is_critical,
            });
            let novelty = habit.judge(&uses);
            prop_assert!((0.0..=CAP * 8.0).contains(&novelty.score), "{:?}", novelty);
            let of_key = KeyHabit { first_uses: n, active_hours: hours, is_critical }.judge(using);
            prop_assert!(of_key >= 0.0 && of_key.is_finite(), "{}", of_key);
        }

        #[test]
        fn counters_are_read_back_as_themselves(hours in 0i64..300, every in 1i64..20) {
            let habit = habit(hours, every, Dimension::Region);
            let stored = serde_json::to_string(&habit).unwrap();
            prop_assert_eq!(serde_json::from_str::<Habit>(&stored).unwrap(), habit);
        }
    }
}
