//! All that is counted of one entity: a series for each measure that it has ever needed.
//!
//! An entity without counts costs nothing but an empty list. The clock that closes hours is not kept here but by the
//! watch, since silence closes hours as well; an entity that was silent catches up when it is next counted.

use super::budget::Peak;
use super::hour::Hour;
use super::hours;
use super::kept::{Held, Kept, Owner};
use super::rate::{Drift, Profile, Rhythm, Score, Which, Window};
use super::series::{ClosedHour, Series};
use super::share::{Share, ShareScore};
use crate::event::Event;
use crate::measures::{self, Counted, Measure};
use crate::state::delta::Occurrences;
use crate::state::{Merge, Opens};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The counts of one entity and what is usual for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Baseline {
    /// By code of the measure.
    series: Vec<(u8, Series)>,
    /// The first hour of the entity that was closed.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "hours::optional")]
    first: Option<i64>,
    /// The last hour of the entity that was closed.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "hours::optional")]
    last: Option<i64>,
    /// Closed hours in which anything was counted.
    active_hours: u32,
    /// How much of what it calls is refused.
    refusals: Share,
}

/// How long an entity has been known when an hour of it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Age {
    /// Hours since its first.
    pub hours: i64,
    /// Hours before in which anything was counted.
    pub active_hours: u32,
}

impl Age {
    /// Whether too little is known of the entity to say what is usual for it: less than two days, or fewer than
    /// nine active hours, as for a single stream ([`super::rate::Maturity::New`]).
    pub fn is_new(self) -> bool {
        self.hours < 48 || self.active_hours <= 8
    }
}

/// What came of closing an hour of one measure.
#[derive(Clone, Debug)]
pub struct Closed {
    /// The measure.
    pub measure: &'static Measure,
    /// The hour, whole hours since the epoch.
    pub at: i64,
    /// The scores of the windows that end in it: for measures without the rhythm of a week the hour alone, since
    /// distinct values of several hours cannot be added up.
    pub scores: Vec<Score>,
    /// The week up to the day before, compared with earlier ones: with the first hour of a day, for measures with the
    /// rhythm of a week.
    pub drift: Option<Drift>,
    /// With denied calls, how many of all calls they are.
    pub share: Option<ShareScore>,
    /// What was counted.
    pub hour: Hour,
    /// How much that is.
    pub count: u64,
    /// How long the entity had been known.
    pub age: Age,
    /// Whether the entity keeps to a schedule, as jobs do ([`super::rate::Profile::keeps_schedule`]); not looked at where no
    /// count is unusual, or the entity is new or can be no job.
    pub keeps_schedule: bool,
}

impl Baseline {
    /// Whether nothing was ever counted.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// Whether anything was counted in `hour`, which is open.
    fn is_open(&self, hour: i64) -> bool {
        self.series.iter().any(|(_, series)| series.is_open(hour))
    }

    /// The open hour of one measure, to count in; `None` if it is closed.
    fn hour(&mut self, code: u8, hour: i64) -> Option<&mut Hour> {
        let at = match self.series.binary_search_by_key(&code, |(code, _)| *code) {
            Ok(at) => at,
            Err(at) => {
                self.series.insert(at, (code, Series::default()));
                at
            }
        };
        self.series.get_mut(at).and_then(|(_, series)| series.hour(hour))
    }

    /// The open hours in which anything was counted.
    pub fn open_hours(&self) -> BTreeSet<i64> {
        self.series.iter().flat_map(|(_, series)| series.open_hours()).collect()
    }

    /// The series, by measure.
    pub fn series(&self) -> impl Iterator<Item = (&'static Measure, &Series)> {
        self.series.iter().filter_map(|(code, series)| Some((measures::by_code(*code)?, series)))
    }

    /// Whether it keeps to a schedule, as jobs do.
    pub fn keeps_schedule(&self) -> bool {
        self.series().any(|(_, series)| series.profile().is_some_and(Profile::keeps_schedule))
    }

    /// Judges and closes `hour` of an entity of which a schedule would make a job if it `may_be_job`. Hours are closed in
    /// ascending order.
    pub fn close(&mut self, hour: i64, which: Which, may_be_job: bool) -> Vec<Closed> {
        let first = self.first.unwrap_or(hour).min(hour);
        let age = Age { hours: hour - first, active_hours: self.active_hours };
        let mut all = Vec::with_capacity(self.series.len());
        for (code, series) in &mut self.series {
            // A saved State of a later version may hold measures that this one does not know: they wait.
            let Some(measure) = measures::by_code(*code) else { continue };
            let rhythm = if measure.seasonal { Rhythm::Weekly } else { Rhythm::Flat };
            let Some(closed) = series.close(hour, rhythm, first, which) else { continue };
            let ClosedHour { count, mut scores, drift, hour: counted } = closed;
            if !measure.seasonal {
                scores.retain(|score| score.window == Window::Hour);
            }
            all.push(Closed {
                measure,
                at: hour,
                scores,
                drift,
                share: None,
                hour: counted,
                count,
                age,
                keeps_schedule: false,
            });
        }
        self.judge_share(hour, &mut all);
        let is_unusual = |one: &Closed| {
            let scores = one.scores.iter().map(|score| score.calibrated);
            let drift = one.drift.map(|drift| drift.calibrated);
            scores
                .chain(drift)
                .chain(one.share.map(|share| share.calibrated))
                .any(|calibrated| calibrated >= Peak::LEAST)
        };
        if may_be_job && !age.is_new() && all.iter().any(is_unusual) && self.keeps_schedule() {
            all.iter_mut().for_each(|one| one.keeps_schedule = true);
        }
        if !all.is_empty() {
            self.first = Some(first);
            if self.last < Some(hour) {
                self.last = Some(hour);
                self.active_hours = self.active_hours.saturating_add(1);
            }
        }
        all
    }
}

/// Measures that count calls, each call in one of them.
const CALLS: [&Measure; 5] = [
    &measures::decrypts::MEASURE,
    &measures::encrypts::MEASURE,
    &measures::denied_calls::MEASURE,
    &measures::signatures::MEASURE,
    &measures::management_calls::MEASURE,
];

impl Baseline {
    fn judge_share(&mut self, hour: i64, all: &mut [Closed]) {
        let calls = all.iter().filter(|one| CALLS.contains(&one.measure)).map(|one| one.count);
        let calls = calls.fold(0u64, u64::saturating_add);
        let denied = all.iter_mut().find(|one| *one.measure == measures::denied_calls::MEASURE);
        let refused = denied.as_ref().map_or(0, |one| one.count);
        if let Some(denied) = denied {
            denied.share = self.refusals.judge(hour, refused, calls);
        }
        if calls > 0 {
            self.refusals.seal(hour, refused, calls);
        }
    }
}

impl Merge for Baseline {
    fn merge(&mut self, other: &Self) {
        for (code, theirs) in &other.series {
            match self.series.binary_search_by_key(code, |(code, _)| *code) {
                Ok(at) => {
                    if let Some((_, mine)) = self.series.get_mut(at) {
                        mine.merge(theirs);
                    }
                }
                Err(at) => self.series.insert(at, (*code, theirs.clone())),
            }
        }
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = self.last.max(other.last);
        self.active_hours = self.active_hours.max(other.active_hours);
        self.refusals = self.refusals.later(other.refusals);
    }
}

/// Counts events that are alike for their principal and, if `has_key`, for their key. A baseline is asked for only if
/// there is something to count in it. `event` is the first of them; only their resources may differ.
pub(crate) fn count<'p, 'k>(
    event: &Event<'_>,
    occurrences: Occurrences<'_, '_>,
    kept: &mut Kept,
    has_key: bool,
    principal: impl FnOnce() -> &'p mut Baseline,
    key: impl FnOnce() -> Option<&'k mut Baseline>,
) -> Opens {
    kept.begin();
    for measure in measures::ALL.iter().filter(|measure| has_key || measure.of.principal()) {
        let counted = (measure.count)(event);
        if counted != Counted::Nothing && measure.of.principal() {
            kept.hold(Owner::Principal, measure, counted);
        }
        if counted != Counted::Nothing && has_key && measure.of.key() {
            kept.hold(Owner::Key, measure, counted);
        }
    }
    let hour = event.time.hour();
    let mut principal = kept.holds(Owner::Principal).then(principal);
    let mut key = kept.holds(Owner::Key).then(key).flatten();
    let mut count = |baseline: &mut Baseline, owner| baseline.count(hour, occurrences, kept.of(owner));
    let opens = Opens {
        principal: principal.as_mut().is_some_and(|baseline| count(baseline, Owner::Principal)),
        key: key.as_mut().is_some_and(|baseline| count(baseline, Owner::Key)),
    };
    kept.take_up(event, occurrences);
    let give_back = |baseline: &mut Baseline, owner| {
        for (measure, acts) in kept.taken_up(owner) {
            if let Some(open) = baseline.hour(measure.code, hour) {
                open.put_acts(acts);
            }
        }
    };
    principal.into_iter().for_each(|baseline| give_back(baseline, Owner::Principal));
    key.into_iter().for_each(|baseline| give_back(baseline, Owner::Key));
    opens
}

impl Baseline {
    /// Counts the values behind events of an hour, and hands over the acts that its measures have counted before.
    /// Tells whether this has opened the hour.
    fn count<'h>(
        &mut self,
        hour: i64,
        occurrences: Occurrences<'_, '_>,
        held: impl Iterator<Item = &'h mut Held>,
    ) -> bool {
        let was_open = self.is_open(hour);
        let mut is_open = false;
        for one in held {
            let Some(open) = self.hour(one.measure.code, hour) else { continue };
            match one.measure.by_resource {
                true => open.add_resources(occurrences),
                false => open.add_value(one.counted),
            }
            one.take(open);
            is_open = true;
        }
        is_open && !was_open
    }
}
