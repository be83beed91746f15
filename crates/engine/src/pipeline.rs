//! The calls that a shell makes, in order.
//!
//! ```text
//! Worker::process(bytes) → ObjectOutcome     pure work on one object; many workers side by side
//! Watch::absorb(ObjectOutcome)               merges its Delta into the States, judges what changed
//! Watch::findings(), Watch::summary()        what there is to say so far
//! ```

use crate::detectors::{self, Look};
use crate::estate::Estate;
use crate::event::{Event, Normalized, SkipReason, Source, normalize};
use crate::finding::{Finding, Severity};
use crate::state::{Merge, States};
use crate::time::Timestamp;
use crate::trail::{ObjectKind, ObjectReport, Problem, Reader};
use indexmap::IndexMap;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
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
    fn passes(&self, event: &Event<'_>) -> bool {
        self.since.is_none_or(|since| event.time >= since)
            && self.until.is_none_or(|until| event.time < until)
            && (self.accounts.is_empty() || self.accounts.iter().any(|account| *account == event.account))
            && (self.regions.is_empty() || self.regions.iter().any(|region| *region == event.region))
    }
}

/// What one object gave: a Delta of States, findings of single events, and the account of every record.
#[derive(Debug, Default)]
pub struct ObjectOutcome {
    /// How reading went.
    pub report: ObjectReport,
    /// Records left out, by reason (duplicates are known only to the [`Watch`]).
    pub skipped: BTreeMap<SkipReason, u64>,
    events: Vec<EventMark>,
    accounts: BTreeSet<String>,
    findings: IndexMap<String, Finding>,
    delta: States,
}

/// What the watch needs to know of an event to count it once.
#[derive(Clone, Copy, Debug)]
struct EventMark {
    hour: i64,
    id: u64,
    kms: bool,
}

/// Turns objects into outcomes. Holds only buffers: any worker gives the same outcome for the same object.
#[derive(Debug, Default)]
pub struct Worker {
    reader: Reader,
}

impl Worker {
    /// Reads one object to its end. Nothing that it holds can make this fail: see the outcome's report.
    pub fn process(&mut self, source: impl Read, estate: &Estate, filter: &Filter) -> ObjectOutcome {
        let mut outcome = ObjectOutcome::default();
        let mut problems: Vec<Problem> = Vec::new();
        let mut broken = 0;
        let report = self.reader.read(source, &estate.settings.limits, |record| match normalize(&record) {
            Normalized::Event(event) if filter.passes(&event) => outcome.take(&event, estate),
            Normalized::Event(_) => outcome.skip(SkipReason::Filtered),
            Normalized::Skip(reason) => outcome.skip(reason),
            Normalized::Problem(message) => {
                broken += 1;
                if problems.len() < ObjectReport::PROBLEMS {
                    problems.push(Problem { record: Some(record.index), offset: record.offset, message });
                }
            }
        });
        outcome.report = report;
        outcome.report.broken_records += broken;
        outcome.report.problem_count += broken;
        outcome.report.problems.extend(problems);
        outcome.report.problems.sort_by_key(|problem| problem.offset);
        outcome.report.problems.truncate(ObjectReport::PROBLEMS);
        outcome.skip_many(SkipReason::NotWatched, outcome.report.passed_over);
        outcome.skip_many(SkipReason::Insight, outcome.report.insights);
        outcome
    }
}

impl ObjectOutcome {
    fn take(&mut self, event: &Event<'_>, estate: &Estate) {
        self.events.push(EventMark {
            hour: event.time.hour(),
            // The same event in another account's log has another id; the same id there would be another event.
            id: xxh3_64(event.id.as_bytes()) ^ xxh3_64(event.account.as_bytes()).rotate_left(1),
            kms: event.source == Source::Kms,
        });
        if !self.accounts.contains(event.account.as_ref()) {
            self.accounts.insert(event.account.to_string());
        }
        for detector in detectors::ALL {
            if let Look::Event(look) = detector.look
                && let Some(finding) = look(event, estate)
            {
                merge_finding(&mut self.findings, finding);
            }
        }
        self.delta.observe(event, estate);
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

fn merge_finding(findings: &mut IndexMap<String, Finding>, finding: Finding) {
    match findings.entry(finding.id.clone()) {
        indexmap::map::Entry::Occupied(mut known) => known.get_mut().merge(finding),
        indexmap::map::Entry::Vacant(slot) => {
            slot.insert(finding);
        }
    }
}

/// The States of all entities and the findings so far. Outcomes may come in any order, and more than once.
#[derive(Debug, Default)]
pub struct Watch {
    estate: Estate,
    states: States,
    findings: IndexMap<String, Finding>,
    seen: SeenEvents,
    summary: Summary,
}

/// The account of a run: every object and every record is in here once.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Objects by what they turned out to be.
    pub objects: BTreeMap<ObjectKind, u64>,
    /// Bytes read.
    pub source_bytes: u64,
    /// Bytes after decompression.
    pub bytes: u64,
    /// Records in all: `kms_events + watched_events + skipped + broken_records`.
    pub records: u64,
    /// Distinct events of KMS.
    pub kms_events: u64,
    /// Distinct events of other watched services.
    pub watched_events: u64,
    /// Records left out on purpose, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// Events that stood in the input before (also in `skipped`).
    pub duplicates: u64,
    /// Whether ids had to be forgotten, so that `duplicates` may be too small.
    pub duplicates_incomplete: bool,
    /// Records that could not be read.
    pub broken_records: u64,
    /// Problems in all: those of records and those of whole objects.
    pub problems: u64,
    /// Entities with a State.
    pub entities: BTreeMap<&'static str, u64>,
    /// Findings by detector.
    pub findings_by_detector: BTreeMap<&'static str, u64>,
    /// Findings by severity.
    pub findings_by_severity: BTreeMap<Severity, u64>,
    /// Time of the first and of the last event.
    pub first_event: Option<Timestamp>,
    /// Time of the last event.
    pub last_event: Option<Timestamp>,
}

impl Watch {
    /// A watch that knows nothing yet.
    pub fn new(estate: Estate) -> Watch {
        Watch { estate, ..Watch::default() }
    }

    /// Takes up what an object gave: counts it, merges its Delta, and judges the States that it touched.
    pub fn absorb(&mut self, outcome: ObjectOutcome) {
        self.count(&outcome);
        outcome.accounts.iter().for_each(|account| self.estate.learn_account(account));
        for (_, finding) in outcome.findings {
            merge_finding(&mut self.findings, finding);
        }
        let mut found = Vec::new();
        merge_and_judge(&mut self.states.keys, outcome.delta.keys, |id, state| {
            for detector in detectors::ALL {
                if let Look::Key(judge) = detector.look {
                    judge(id, state, &self.estate, &mut found);
                }
            }
        });
        merge_and_judge(&mut self.states.principals, outcome.delta.principals, |id, state| {
            for detector in detectors::ALL {
                if let Look::Principal(judge) = detector.look {
                    judge(id, state, &self.estate, &mut found);
                }
            }
        });
        merge_and_judge(&mut self.states.accounts, outcome.delta.accounts, |id, state| {
            for detector in detectors::ALL {
                if let Look::Account(judge) = detector.look {
                    judge(id, state, &self.estate, &mut found);
                }
            }
        });
        for finding in found {
            // A State holds everything that its findings rest on: what it says now replaces what it said before.
            self.findings.insert(finding.id.clone(), finding);
        }
    }

    fn count(&mut self, outcome: &ObjectOutcome) {
        let summary = &mut self.summary;
        let report = &outcome.report;
        *summary.objects.entry(report.kind).or_default() += 1;
        summary.source_bytes += report.source_bytes;
        summary.bytes += report.bytes;
        summary.records += report.records;
        summary.broken_records += report.broken_records;
        summary.problems += report.problem_count;
        for (reason, n) in &outcome.skipped {
            *summary.skipped.entry(*reason).or_default() += n;
        }
        for mark in &outcome.events {
            if !self.seen.insert(mark.hour, mark.id) {
                summary.duplicates += 1;
                *summary.skipped.entry(SkipReason::Duplicate).or_default() += 1;
            } else if mark.kms {
                summary.kms_events += 1;
            } else {
                summary.watched_events += 1;
            }
        }
        self.seen.forget(self.estate.settings.limits.duplicate_memory_events);
        summary.duplicates_incomplete = self.seen.forgot;
    }

    /// The States of all entities.
    pub fn states(&self) -> &States {
        &self.states
    }

    /// All findings, ready to show: in order of time, keys by their aliases.
    pub fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self
            .findings
            .values()
            .filter(|finding| {
                let foreign = &finding.rests_on_foreign;
                foreign.is_empty() || !foreign.iter().all(|account| self.estate.is_own(account))
            })
            .cloned()
            .collect();
        findings.sort_by(|a, b| (a.time.start, &a.id).cmp(&(b.time.start, &b.id)));
        findings
    }

    /// The account of everything absorbed so far.
    pub fn summary(&self) -> Summary {
        let mut summary = self.summary.clone();
        for finding in self.findings() {
            *summary.findings_by_detector.entry(finding.detector).or_default() += 1;
            *summary.findings_by_severity.entry(finding.severity).or_default() += 1;
        }
        summary.entities.insert("keys", self.states.keys.len() as u64);
        summary.entities.insert("principals", self.states.principals.len() as u64);
        summary.entities.insert("accounts", self.states.accounts.len() as u64);
        summary
    }
}

fn merge_and_judge<S: Merge + Default>(
    states: &mut IndexMap<String, S>,
    delta: IndexMap<String, S>,
    mut judge: impl FnMut(&str, &S),
) {
    for (id, change) in delta {
        let entry = states.entry(id);
        let id = entry.key().clone();
        let state = entry.or_default();
        state.merge(&change);
        judge(&id, state);
    }
}

/// Ids of events seen, by hour of event time, so that the oldest can be forgotten as a whole.
#[derive(Debug, Default)]
struct SeenEvents {
    hours: BTreeMap<i64, std::collections::HashSet<u64, xxhash_rust::xxh3::Xxh3DefaultBuilder>>,
    total: usize,
    forgot: bool,
}

impl SeenEvents {
    /// Whether the id is new.
    fn insert(&mut self, hour: i64, id: u64) -> bool {
        let new = self.hours.entry(hour).or_default().insert(id);
        self.total += usize::from(new);
        new
    }

    /// Forgets the oldest hours until at most `keep` ids are left; the newest hour always stays.
    fn forget(&mut self, keep: usize) {
        while self.total > keep && self.hours.len() > 1 {
            if let Some((_, ids)) = self.hours.pop_first() {
                self.total -= ids.len();
                self.forgot = true;
            }
        }
    }
}
