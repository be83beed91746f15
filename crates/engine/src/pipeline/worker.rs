//! From the bytes of one object to what they say: pure work, many workers side by side.

use super::merge_finding;
use crate::detectors::user_rules::{self, UserRules};
use crate::detectors::{self, Look};
use crate::estate::Estate;
use crate::event::{Event, Found, Left, Repeats, SkipReason, Source};
use crate::finding::{Finding, Span};
use crate::state::{Delta, Patterns};
use crate::time::Timestamp;
use crate::trail::{ObjectReport, Problem, Reader};
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// Which events are looked at. Empty lists and missing bounds let everything pass.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Events before this moment are left out.
    pub since: Option<Timestamp>,
    /// Events at or after this moment are left out.
    pub until: Option<Timestamp>,
    /// Only events in the logs of these accounts.
    pub accounts: Vec<String>,
    /// Only events of these Regions.
    pub regions: Vec<String>,
}

impl Filter {
    /// Whether an event of this time passes, in the log of the account and in the Region that `place` tells.
    fn passes<'a>(&self, time: Timestamp, place: impl FnOnce() -> (&'a str, &'a str)) -> bool {
        let is_among = |all: &[String], one: &str| all.is_empty() || all.iter().any(|each| each == one);
        self.since.is_none_or(|since| time >= since)
            && self.until.is_none_or(|until| time < until)
            && (self.accounts.is_empty() && self.regions.is_empty() || {
                let (account, region) = place();
                is_among(&self.accounts, account) && is_among(&self.regions, region)
            })
    }

    pub(super) fn passes_event(&self, event: &Event<'_>) -> bool {
        self.passes(event.time, || (&event.account, &event.region))
    }
}

/// What one object gave: a Delta of States, findings of single events, and the account of every record.
#[derive(Clone, Debug, Default)]
pub struct ObjectOutcome {
    /// How reading went.
    pub report: ObjectReport,
    /// Records left out, by reason (duplicates are known only to the [`super::Watch`]).
    pub skipped: BTreeMap<SkipReason, u64>,
    /// Time of the first and of the last event.
    pub span: Option<Span>,
    /// Time of the newest record of any service, as far as times were read.
    pub(super) newest: Option<Timestamp>,
    pub(super) events: Vec<EventMark>,
    pub(super) accounts: BTreeSet<String>,
    pub(super) findings: IndexMap<String, Finding>,
    pub(super) delta: Delta,
}

/// Memory in which an outcome was made, to be used for another: what threads allocate and free across each other makes
/// them wait for each other, and it has just been in the cache. It holds nothing.
#[derive(Debug, Default)]
pub struct Buffers {
    events: Vec<EventMark>,
    delta: Delta,
}

impl Buffers {
    /// Bytes above which it is not worth keeping.
    const MOST: usize = 256 << 10;

    /// What is left of an outcome whose groups were appended elsewhere, which leaves its Delta empty.
    pub(super) fn of(mut outcome: ObjectOutcome) -> Buffers {
        outcome.events.clear();
        let kept = Buffers { events: outcome.events, delta: outcome.delta };
        let bytes = kept.events.capacity() * size_of::<EventMark>() + kept.delta.allocated();
        if bytes > Self::MOST { Buffers::default() } else { kept }
    }
}

/// A State or a finding that one object gave, in bytes, about.
const ABOUT: usize = 4 << 10;

/// What the watch needs to know of an event to count it once.
#[derive(Clone, Copy, Debug)]
pub(super) struct EventMark {
    pub(super) hour: i64,
    pub(super) id: u64,
    pub(super) kms: bool,
}

/// Turns objects into outcomes. Holds only buffers and what would be read again the same: any worker gives the same outcome for the same object.
#[derive(Debug, Default)]
pub struct Worker {
    reader: Reader,
    repeats: Repeats,
    patterns: Patterns,
    buffers: Buffers,
    looks: Vec<EventLook>,
    rules: Option<Arc<dyn UserRules>>,
}

impl Worker {
    /// A worker that asks rules of the user, too, if there are any, about every event.
    pub fn with_rules(rules: Option<Arc<dyn UserRules>>) -> Worker {
        Worker { rules, ..Worker::default() }
    }

    /// Takes memory that was used before, for the next object.
    pub fn reuse(&mut self, buffers: Buffers) {
        self.buffers = buffers;
    }

    /// Reads one object to its end. Nothing that it holds can make this fail: see the outcome's report.
    pub fn process(&mut self, source: impl Read, estate: &Estate, filter: &Filter) -> ObjectOutcome {
        self.process_each(source, estate, filter, None::<fn(&Event<'_>)>)
    }

    /// [`Worker::process`], with `also` called for each event that passes the filter, in the order of the object.
    /// Repeated events come repeatedly: [`super::SeenEvents`] tells which are new.
    pub fn process_with(
        &mut self,
        source: impl Read,
        estate: &Estate,
        filter: &Filter,
        also: impl FnMut(&Event<'_>),
    ) -> ObjectOutcome {
        self.process_each(source, estate, filter, Some(also))
    }

    #[cfg(test)]
    pub(crate) fn known_records(&self) -> usize {
        self.repeats.known_records()
    }

    fn process_each(
        &mut self,
        source: impl Read,
        estate: &Estate,
        filter: &Filter,
        mut also: Option<impl FnMut(&Event<'_>)>,
    ) -> ObjectOutcome {
        let Buffers { events, delta } = std::mem::take(&mut self.buffers);
        let mut outcome = ObjectOutcome { events, delta, ..ObjectOutcome::default() };
        let mut problems: Vec<Problem> = Vec::new();
        let mut broken = 0;
        let mut unasked = 0;
        let Worker { reader, repeats, patterns, rules, looks, buffers: _ } = self;
        looks.clear();
        looks.extend(event_looks(estate));
        // Whoever looks at each event needs each event.
        let makes_all = rules.is_some() || also.is_some();
        repeats.judged_by(estate);
        let report = reader.read(source, &estate.settings.limits, |record| {
            if !makes_all
                && let Some(found) = repeats.find(record.text, record.next)
                && outcome.take_alike(found, filter, patterns).is_some()
            {
                return;
            }
            let mut problem = |message| {
                if problems.len() < ObjectReport::PROBLEMS {
                    let (record, offset) = (Some(record.index), record.offset);
                    problems.push(Problem { record, offset, message });
                }
            };
            let read = repeats.normalize(&record, |event| {
                if !filter.passes_event(event) {
                    outcome.newest = outcome.newest.max(Some(event.time));
                    outcome.skip(SkipReason::Filtered);
                    return false;
                }
                let is_row = outcome.take(event, estate, looks, patterns);
                if let Some(rules) = rules
                    && let Err(message) = outcome.ask(rules.as_ref(), record.text, event)
                {
                    unasked += 1;
                    problem(message);
                }
                if let Some(also) = &mut also {
                    also(event);
                }
                is_row && !makes_all
            });
            match read {
                Ok(()) => {}
                Err(Left::Skip(reason)) => outcome.skip(reason),
                Err(Left::Problem(message)) => {
                    broken += 1;
                    problem(message);
                }
            }
        });
        let span_end = outcome.span.map(|span| span.end);
        outcome.newest = outcome.newest.max(span_end).max(report.newest_passed_over);
        outcome.report = report;
        outcome.report.broken_records += broken;
        outcome.report.problem_count += broken + unasked;
        outcome.report.problems.extend(problems);
        outcome.report.problems.sort_by_key(|problem| problem.offset);
        outcome.report.problems.truncate(ObjectReport::PROBLEMS);
        outcome.skip_many(SkipReason::NotWatched, outcome.report.passed_over);
        outcome.skip_many(SkipReason::Insight, outcome.report.insights);
        outcome
    }
}

pub(super) type EventLook = fn(&Event<'_>, &Estate) -> Option<Finding>;

/// What the detectors that are on do with single events.
pub(super) fn event_looks(estate: &Estate) -> impl Iterator<Item = EventLook> {
    detectors::on(&estate.settings.detectors)
        .flat_map(|detector| detector.look.each())
        .filter_map(|look| if let Look::Event(look) = look { Some(*look) } else { None })
}

impl ObjectOutcome {
    /// Bytes of memory that it holds while it waits to be absorbed, about.
    pub fn bytes(&self) -> usize {
        let marks = size_of::<EventMark>() * self.events.capacity();
        marks + self.delta.allocated() + ABOUT * (self.delta.entities() + self.findings.len())
    }

    /// Takes up an event. Tells whether nothing had to be said of it, and it is no more than a row in a group.
    pub(super) fn take(
        &mut self,
        event: &Event<'_>,
        estate: &Estate,
        looks: &[EventLook],
        patterns: &mut Patterns,
    ) -> bool {
        let [id, account] = [&event.id, &event.account].map(|text| xxh3_64(text.as_bytes()));
        self.mark(event.time, id, account, event.source == Source::Kms);
        self.note_account(&event.account);
        let mut is_silent = true;
        for look in looks {
            if let Some(finding) = look(event, estate) {
                merge_finding(&mut self.findings, finding);
                is_silent = false;
            }
        }
        self.delta.observe(event, estate, patterns) && is_silent
    }

    /// [`ObjectOutcome::take`] for an event that need not be made. `None` if it must be made after all; then nothing was
    /// taken up.
    fn take_alike(
        &mut self,
        mut found: Found<'_, '_>,
        filter: &Filter,
        patterns: &mut Patterns,
    ) -> Option<()> {
        if !filter.passes(found.time, || found.place()) {
            self.newest = self.newest.max(Some(found.time));
            self.skip(SkipReason::Filtered);
            return Some(());
        }
        let id = xxh3_64(found.id.as_bytes());
        let act = found.shared_id.map_or(id, |shared| xxh3_64(shared.as_bytes()));
        let run = found.template.latest.run;
        self.delta.observe_alike(&mut found, act, patterns)?;
        self.mark(found.time, id, found.template.account, true);
        if found.template.latest.run != run {
            self.note_account(found.place().0);
        }
        Some(())
    }

    /// Marks an event, by the hash of its id and that of the account.
    fn mark(&mut self, time: Timestamp, id: u64, account: u64, kms: bool) {
        let span = self.span.get_or_insert(Span { start: time, end: time });
        span.start = span.start.min(time);
        span.end = span.end.max(time);
        // The same event in another account's log has another id; the same id there would be another event.
        self.events.push(EventMark { hour: time.hour(), id: id ^ account.rotate_left(1), kms });
    }

    fn note_account(&mut self, account: &str) {
        if !self.accounts.contains(account) {
            self.accounts.insert(account.to_owned());
        }
    }

    /// All that it says, however its events were put into groups.
    #[cfg(test)]
    pub(crate) fn told(mut self) -> (String, crate::state::States) {
        let states = std::mem::take(&mut self.delta).into_states();
        (format!("{self:?}"), states)
    }

    /// Takes the findings of the user's rules about an event.
    fn ask(&mut self, rules: &dyn UserRules, record: &str, event: &Event<'_>) -> Result<(), String> {
        for rule in rules.holding(record, event)? {
            merge_finding(&mut self.findings, user_rules::found(rule, event));
        }
        Ok(())
    }

    fn skip(&mut self, reason: SkipReason) {
        self.skip_many(reason, 1);
    }

    fn skip_many(&mut self, reason: SkipReason, n: u64) {
        if n > 0 {
            *self.skipped.entry(reason).or_default() += n;
        }
    }
}
