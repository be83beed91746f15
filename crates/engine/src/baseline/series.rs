//! One measure of one entity as a State keeps it: open hours that merge, and the profile of those that are closed.
//!
//! An hour stays open until event time has passed its end by the horizon. Until then its count is a set of
//! hashes ([`Distinct`]), so that events may come twice, in any order and from many writers. Then it is closed:
//! its number is sealed into the [`Profile`], exactly once, and the set is dropped.
//!
//! **Merging.** Of two profiles the one that has sealed more wins (equally far ones are equal, unless the horizon
//! was broken; then the larger encoding wins, so that merging stays a semilattice). Hours that the winner has
//! sealed are dropped from the union of the open ones: what stood in them came too late and is counted as late.
//!
//! **Order.** As long as no event is later than the horizon, every event of an hour is there when the hour
//! closes, whatever came first; the profile is a function of the closed numbers; so the State is one of the
//! events alone. A stream is born with the earliest hour that it has counted when that hour closes, not with the
//! first event that happened to arrive.

use super::rate::{Profile, Rhythm, Score};
use crate::state::Merge;
use crate::state::distinct::Distinct;
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// Hours before the current one that stay open for late events. CloudTrail delivers within about 5 minutes on
/// average, seldom later than 45. More hours cost size (a set each), fewer lose late events from the rates.
pub const HORIZON_HOURS: u8 = 1;

/// One measure of one entity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    profile: Option<Profile>,
    open: BTreeMap<i64, Distinct>,
    late: Distinct,
}

impl Series {
    /// Counts the thing with this hash in the hour of `time`.
    pub fn count(&mut self, time: Timestamp, hash: u64) {
        let hour = time.hour();
        match self.sealed_hour() {
            Some(sealed) if hour <= sealed => self.late.add_hash(hash),
            _ => self.open.entry(hour).or_default().add_hash(hash),
        }
    }

    /// The profile of the closed hours; `None` until the first has closed.
    pub fn profile(&self) -> Option<&Profile> {
        self.profile.as_ref()
    }

    /// Distinct things that came too late for the rates.
    pub fn late(&self) -> u64 {
        self.late.count()
    }

    /// Counts of the open hours, in order.
    pub fn open_counts(&self) -> impl Iterator<Item = (i64, u64)> {
        self.open.iter().map(|(hour, things)| (*hour, things.count()))
    }

    fn sealed_hour(&self) -> Option<i64> {
        self.profile.as_ref().map(Profile::sealed_hour)
    }

    /// Judges the open hours that have events, and closes those that `now` has left behind.
    ///
    /// `now` is the latest moment of event time known; every hour is judged before it is learned, against a
    /// profile that has sealed what lies more than the horizon before that hour, and nothing later.
    pub fn judge_and_close(&mut self, now: Timestamp, rhythm: Rhythm) -> Vec<Score> {
        let mut scores = Vec::new();
        let Some(first) = self.open.keys().next().copied() else {
            if let Some(profile) = &mut self.profile {
                profile.advance(due(now.hour()));
            }
            return scores;
        };
        let born = self.profile.is_some() || first <= due(now.hour());
        // Until the first hour has closed it is not known where the stream begins: it is judged by a profile that
        // is thrown away again.
        let mut profile = self.profile.take().unwrap_or_else(|| Profile::born(first, rhythm, HORIZON_HOURS));
        for hour in self.open.keys().copied().collect::<Vec<i64>>() {
            self.seal_until(&mut profile, due(hour));
            scores.extend(profile.judge(hour, &self.counts_between(profile.sealed_hour() + 1, hour)));
        }
        if born {
            self.seal_until(&mut profile, due(now.hour()));
            self.open = self.open.split_off(&(profile.sealed_hour() + 1));
            self.profile = Some(profile);
        }
        scores
    }

    /// Seals the hours up to `until` into `profile`; their sets stay where they are.
    fn seal_until(&self, profile: &mut Profile, until: i64) {
        let from = profile.sealed_hour() + 1;
        if until < from {
            return;
        }
        for (hour, things) in self.open.range(from..=until) {
            profile.seal(*hour, things.count());
        }
        profile.advance(until);
    }

    fn counts_between(&self, first: i64, last: i64) -> Vec<u64> {
        (first..=last).map(|hour| self.open.get(&hour).map_or(0, Distinct::count)).collect()
    }
}

impl Merge for Series {
    fn merge(&mut self, other: &Self) {
        self.late.merge(&other.late);
        for (hour, things) in &other.open {
            self.open.entry(*hour).or_default().merge(things);
        }
        if rank(&self.profile) < rank(&other.profile) {
            self.profile.clone_from(&other.profile);
        }
        if let Some(sealed) = self.sealed_hour() {
            let open = self.open.split_off(&(sealed + 1));
            for things in std::mem::replace(&mut self.open, open).values() {
                self.late.merge(things);
            }
        }
    }
}

/// The order among profiles of one series: who has sealed more; the bytes break a tie that only a broken horizon
/// can leave.
fn rank(profile: &Option<Profile>) -> Option<(i64, Vec<u8>)> {
    profile.as_ref().map(|profile| (profile.sealed_hour(), profile.encode()))
}

/// The last hour that is closed when `hour` is the current one.
fn due(hour: i64) -> i64 {
    hour - i64::from(HORIZON_HOURS) - 1
}
