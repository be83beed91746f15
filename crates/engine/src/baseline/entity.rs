//! All that is counted of one entity: a series for each measure that it has ever needed.
//!
//! An entity without counts costs nothing but an empty list. The clock that closes hours is not kept here but by the
//! watch, since silence closes hours as well; an entity that was silent catches up when it is next counted.

use super::hour::{Hour, Kept};
use super::hours;
use super::rate::{Drift, Rhythm, Score, Which, Window};
use super::series::{ClosedHour, Series};
use super::share::{Share, ShareScore};
use crate::event::Event;
use crate::measures::{self, Counted, Measure};
use crate::state::Merge;
use crate::state::delta::Occurrences;
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

    /// Judges and closes `hour`. Hours are closed in ascending order.
    pub fn close(&mut self, hour: i64, which: Which) -> Vec<Closed> {
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
            all.push(Closed { measure, at: hour, scores, drift, share: None, hour: counted, count, age });
        }
        self.judge_share(hour, &mut all);
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

/// Counts events that are alike for the measures that `concerns` picks, in the baseline that `baseline` finds. It is
/// asked for only if there is something to count. `event` is the first of them; only their resources may differ, and
/// either all have one or none.
///
/// Tells whether this has opened the hour: then whoever closes hours has to know.
pub(crate) fn count<'s, 'a>(
    event: &mut Event<'a>,
    occurrences: Occurrences<'_, 'a>,
    kept: &mut Kept,
    concerns: impl Fn(&Measure) -> bool,
    baseline: impl FnOnce() -> &'s mut Baseline,
) -> bool {
    let hour = event.time.hour();
    let mut find = Some(baseline);
    let mut found: Option<(&mut Baseline, bool)> = None;
    for measure in measures::ALL.iter().filter(|measure| concerns(measure)) {
        event.resource = occurrences.all.first().and_then(|one| one.resource.clone());
        let counted = (measure.count)(event);
        // Either all of them have a resource or none has.
        if counted == Counted::Nothing {
            continue;
        }
        if let Some(find) = find.take() {
            let baseline = find();
            let was_open = baseline.is_open(hour);
            found = Some((baseline, was_open));
        }
        let Some((baseline, _)) = &mut found else { continue };
        let Some(open) = baseline.hour(measure.code, hour) else { continue };
        if measure.by_resource {
            for one in occurrences.all {
                event.resource.clone_from(&one.resource);
                open.add_value((measure.count)(event));
            }
        } else {
            open.add_value(counted);
        }
        open.add_acts(event, occurrences, kept);
    }
    found.is_some_and(|(baseline, was_open)| !was_open && baseline.is_open(hour))
}
