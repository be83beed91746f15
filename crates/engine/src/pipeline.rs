//! The calls that a shell makes, in order.
//!
//! ```text
//! Worker::process(bytes) → ObjectOutcome     pure work on one object; many workers side by side
//! Watch::absorb(ObjectOutcome)               merges its Delta into the States (many: gather them, then settle)
//! Watch::advance(moment of delivery)         closes the hours that are over, and learns from them
//! Watch::findings(), Watch::summary()        judges the States: what there is to say so far
//! ```
//!
//! Findings about single events merge by id. Findings about States are a function of the States as they are when
//! one asks: what a State no longer supports is no longer said. Both, and so the answer, depend only on the set of
//! events, not on their order, on repetition or on how they were cut into objects. For findings about rates this holds
//! as long as no event comes later than the horizon: an hour and more after its own was over.

use crate::baseline::judge::{Entity, Judge};
use crate::baseline::reliability::Reached;
use crate::baseline::series;
use crate::detectors::account_fell_silent;
use crate::detectors::{self, Look};
use crate::estate::Estate;
use crate::event::SkipReason;
use crate::finding::{Finding, KeyName, Severity, Span, key_family};
use crate::state::{ActKind, Delta, KeyState, Merge, Names, States};
use crate::time::Timestamp;
use crate::trail::ObjectKind;
pub use history::{JudgedHour, JudgedUses};
use indexmap::IndexMap;
use rates::{Clock, OpenHours, Rates};
pub use saved::SavedError;
pub use seen_events::SeenEvents;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
pub use worker::{Buffers, Filter, ObjectOutcome, Worker};

/// Copies of a multi-Region key that are named; there is at most one in each Region.
const SIBLINGS: usize = 40;

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
    rates: Rates,
    seen: SeenEvents,
    summary: Summary,
    waiting: Waiting,
    /// Time of the last event of which a saved watch knew.
    known_until: Option<Timestamp>,
    /// What its findings have explained.
    understood_before: understood::Before,
    until: Option<Timestamp>,
    /// Time of the newest record of any service in what it was given.
    newest: Option<Timestamp>,
}

/// Groups of events that wait to be taken up together.
#[derive(Debug, Default)]
struct Waiting {
    groups: Delta,
    earliest_hour: Option<i64>,
}

impl Waiting {
    /// Bytes that may wait: some ten thousand events.
    const BYTES: usize = 3 << 20;
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
    /// Distinct events of KMS that came after their hour had been closed: the moment of delivery before them was at
    /// least an hour past the end of that hour. Rules see them; rates count them only for entities that were silent
    /// since.
    pub late: u64,
    /// Whether ids had to be forgotten, so that `duplicates` may be too small.
    pub duplicates_incomplete: bool,
    /// Records that could not be read.
    pub broken_records: u64,
    /// Problems in all: those of records and those of whole objects.
    pub problems: u64,
    /// Entities with a State.
    pub entities: BTreeMap<&'static str, u64>,
    /// Keys and accounts on which there were more acts than are remembered: findings about the oldest are missing.
    pub entities_forgetting: u64,
    /// Findings by detector.
    pub findings_by_detector: BTreeMap<&'static str, u64>,
    /// Findings by severity.
    pub findings_by_severity: BTreeMap<Severity, u64>,
    /// Time of the first event.
    pub first_event: Option<Timestamp>,
    /// Time of the last event.
    pub last_event: Option<Timestamp>,
}

impl Watch {
    /// A watch that knows nothing yet.
    pub fn new(estate: Estate) -> Watch {
        Watch { estate, ..Watch::default() }
    }

    /// A watch that goes on where another has stopped: with its States, its clock and its judge ([`Watch::clock`],
    /// [`Watch::judge`]). Findings about single events that it has made are not made again.
    pub fn resumed(estate: Estate, states: States, clock: Clock, judge: Judge) -> Watch {
        let rates = Rates::resumed(OpenHours::of(&states), clock, judge);
        Watch { estate, states, rates, ..Watch::default() }
    }

    /// The same watch, told that no events from this moment on are given to it: that they are missing means nothing.
    pub fn until(self, until: Option<Timestamp>) -> Watch {
        Watch { until, ..self }
    }

    /// Up to which hour all is closed.
    pub fn clock(&self) -> Clock {
        self.rates.clock
    }

    /// What the estate usually reaches, and where it was exceeded, as of the last hour that was closed. Store it before
    /// the States.
    pub fn judge(&self) -> &Judge {
        &self.rates.judge
    }

    /// Takes up what an object gave: counts it, and merges its findings and its Delta.
    pub fn absorb(&mut self, outcome: ObjectOutcome) {
        self.gather(outcome);
        self.settle();
    }

    /// [`Watch::absorb`], quicker for many objects: most of what they say of entities waits, within bounds, to be
    /// taken up together. Call [`Watch::settle`] before asking for anything. Gives back what [`Worker::reuse`] can use.
    pub fn gather(&mut self, mut outcome: ObjectOutcome) -> Buffers {
        self.count(&outcome);
        self.newest = self.newest.max(outcome.newest);
        outcome.accounts.iter().for_each(|account| self.estate.learn_account(account));
        for (_, finding) in std::mem::take(&mut outcome.findings) {
            merge_finding(&mut self.findings, finding);
        }
        let rare = outcome.delta.take_rare();
        self.states.merge(&rare);
        self.rates.open.note(&rare, &self.states);
        let waiting = &mut self.waiting;
        let hours = outcome.events.iter().map(|mark| mark.hour);
        waiting.earliest_hour = hours.chain(waiting.earliest_hour).min();
        waiting.groups.append(&mut outcome.delta);
        if waiting.groups.bytes() > Waiting::BYTES {
            self.settle();
        }
        Buffers::of(outcome)
    }

    /// Takes up what was gathered.
    pub fn settle(&mut self) {
        let mut groups = std::mem::take(&mut self.waiting).groups;
        let opened = self.states.absorb_groups(&groups);
        self.rates.open.note_opened(opened);
        groups.clear();
        // What it has allocated serves again.
        self.waiting.groups = groups;
    }

    fn assert_settled(&self) {
        debug_assert!(self.waiting.groups.bytes() == 0, "something waits to be settled");
    }

    /// Takes up States that were stored before: those of the entities that it has met, or all. They merge with what
    /// it knows, in any order and any number of times.
    pub fn join(&mut self, stored: &States) {
        self.states.merge(stored);
        self.rates.open.note(stored, &self.states);
    }

    /// Keeps how each hour of `entity` that closes from now on was judged, for [`Watch::history`].
    pub fn follow(&mut self, entity: Entity) {
        self.rates.follow(entity);
    }

    /// The judged hours of an entity that is followed, in order of time: those in which anything was counted.
    pub fn history(&self, entity: &Entity) -> &[JudgedHour] {
        self.rates.history(entity)
    }

    /// What an entity that is followed showed for the first time, in order of time.
    pub fn first_uses(&self, entity: &Entity) -> &[JudgedUses] {
        self.rates.uses(entity)
    }

    /// Counts from now on how often closed hours are how unusual, for [`Watch::reliability`].
    pub fn count_unusual_hours(&mut self) {
        self.rates.count();
    }

    /// How often hours were as unusual as is said, by class of entities. Empty unless
    /// [`Watch::count_unusual_hours`] was called before.
    pub fn reliability(&self) -> Vec<Reached> {
        self.assert_settled();
        let keys = self.states.keys.iter().map(|(arn, state)| (Entity::Key(arn.clone()), &state.baseline));
        let principals =
            self.states.principals.iter().map(|(id, state)| (Entity::Principal(id.clone()), &state.baseline));
        let all = keys.chain(principals).map(|(entity, baseline)| (entity.class(), baseline));
        self.rates.reliability().map(|counts| counts.of(all)).unwrap_or_default()
    }

    /// Tells that everything delivered up to this moment has been absorbed: closes the hours that ended at least an
    /// hour before, judges them and learns from them. Without it all hours stay open, and memory grows with them.
    pub fn advance(&mut self, delivered: Timestamp) {
        let before = self.rates.clock;
        let due = series::due(delivered.hour());
        // What closes first is judged with all that is known, and closing comes once an hour.
        if self.rates.clock.moves_by(delivered) || self.waiting.earliest_hour.is_some_and(|hour| hour <= due)
        {
            self.settle();
        }
        let understood = |hour| self.understood_before.and(&self.findings, hour);
        self.rates.advance(delivered, &mut self.states, &self.estate.settings, &understood);
        if self.rates.clock != before {
            self.judge_by_clock();
        }
    }

    /// Takes up what somebody has found out while it runs: from the next day on it counts as confirmed.
    pub fn confirm(&mut self, confirmed: crate::settings::Confirmed) {
        self.estate.settings.confirmed.push(confirmed);
    }

    /// What the States say of hours in which nothing came. It is said once, when the clock gets there: later more may
    /// have come, and States do not remember the silence before it.
    ///
    /// A log that comes late, or a second time, moves the clock on as well, and tells nothing of the hours after its
    /// records: of logs that are read, only hours up to the newest record of any service are silent. Whoever only tells
    /// the time ([`Watch::resumed`], live) answers for it himself.
    fn judge_by_clock(&mut self) {
        let ends = [self.until, self.newest].into_iter().flatten().map(|end| end.hour() - 1);
        let end = ends.min().unwrap_or(i64::MAX);
        let Some(closed) = self.rates.clock.last_closed().map(|closed| closed.min(end)) else { return };
        let mut found = Vec::new();
        for detector in detectors::on(&self.estate.settings.detectors) {
            for look in detector.look.each() {
                let Look::Clock(judge) = look else { continue };
                for (id, state) in &self.states.accounts {
                    judge(id, state, closed, &self.estate, &mut found);
                }
            }
        }
        found.into_iter().for_each(|finding| merge_finding(&mut self.findings, finding));
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
        if let Some(span) = outcome.span {
            summary.first_event = Some(summary.first_event.map_or(span.start, |first| first.min(span.start)));
            summary.last_event = summary.last_event.max(Some(span.end));
        }
        for (reason, n) in &outcome.skipped {
            *summary.skipped.entry(*reason).or_default() += n;
        }
        let mut duplicates = 0;
        for marks in outcome.events.chunk_by(|a, b| a.hour == b.hour) {
            let Some(hour) = marks.first().map(|mark| mark.hour) else { continue };
            let is_late = self.rates.clock.is_closed(hour);
            let new = self.seen.insert_all(hour, marks.iter().map(|mark| mark.id));
            for (mark, new) in marks.iter().zip(new) {
                match (new, mark.kms) {
                    (false, _) => duplicates += 1,
                    (true, true) => {
                        summary.kms_events += 1;
                        summary.late += u64::from(is_late);
                    }
                    (true, false) => summary.watched_events += 1,
                }
            }
        }
        if duplicates > 0 {
            summary.duplicates += duplicates;
            *summary.skipped.entry(SkipReason::Duplicate).or_default() += duplicates;
        }
        self.seen.forget(self.estate.settings.limits.duplicate_memory_events);
        summary.duplicates_incomplete = self.seen.has_forgotten();
    }

    /// What is ours, with the accounts learned so far.
    pub fn estate(&self) -> &Estate {
        &self.estate
    }

    /// Time of the last event absorbed, by itself or by the one whose knowledge it has.
    pub fn last_event(&self) -> Option<Timestamp> {
        self.summary.last_event.max(self.known_until)
    }

    /// Time of the first and of the last event absorbed.
    pub fn span(&self) -> Option<Span> {
        Some(Span { start: self.summary.first_event?, end: self.summary.last_event? })
    }

    /// The States of all entities.
    pub fn states(&self) -> &States {
        self.assert_settled();
        &self.states
    }

    /// All findings, ready to show: in order of time, keys by their aliases.
    ///
    /// Judges all States anew, which takes time in proportion to the number of entities: ask once per batch, not
    /// once per object.
    pub fn findings(&self) -> Vec<Finding> {
        let names = self.states.names();
        // The States of two accounts may tell of one act.
        let mut merged = self.findings.clone();
        self.judge_states(&names).into_iter().for_each(|finding| merge_finding(&mut merged, finding));
        let mut findings: Vec<Finding> = merged.into_values().collect();
        findings.retain(|finding| {
            let foreign = &finding.rests_on_foreign;
            foreign.is_empty() || !foreign.iter().all(|account| self.estate.is_own(account))
        });
        findings.retain_mut(|finding| !finding.sets_policy || self.compare_policy(finding, &names));
        findings.retain(|finding| {
            let account = self.states.accounts.get(&finding.account);
            finding.detector != account_fell_silent::DETECTOR.id
                || !account.is_some_and(|state| account_fell_silent::is_taken_back(finding, state))
        });
        for finding in &mut findings {
            self.name(finding, &names);
        }
        self.name_siblings(&mut findings);
        findings.sort_by(|a, b| (a.time.start, &a.id).cmp(&(b.time.start, &b.id)));
        findings
    }

    /// Tells in a finding about a policy what the policy changed. False if it changed nothing.
    fn compare_policy(&self, finding: &mut Finding, names: &Names) -> bool {
        let Some(key) = &finding.key else { return true };
        let arn = names.key_of(&key.arn).unwrap_or(&key.arn);
        let Some(state) = self.states.keys.get(arn) else { return true };
        if finding.evidence.earliest().iter().all(|event| state.put_again(event)) {
            return false;
        }
        detectors::key_policy_changed::compare(finding, state);
        true
    }

    /// Names the other known copies of a multi-Region key, which stay usable when one is taken away.
    fn name_siblings(&self, findings: &mut [Finding]) {
        let is_copy = |arn: &str| arn.contains(":key/mrk-");
        let of_copies =
            findings.iter_mut().filter(|finding| finding.key.as_ref().is_some_and(|key| is_copy(&key.arn)));
        let mut of_copies = of_copies.peekable();
        if of_copies.peek().is_none() {
            return;
        }
        let mut families: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (arn, state) in self.states.keys.iter().filter(|(arn, _)| is_copy(arn)) {
            if !state.acts.values().any(|act| act.kind == ActKind::Delete) {
                families.entry(key_family(arn)).or_default().push(arn);
            }
        }
        for finding in of_copies {
            let Some(key) = &finding.key else { continue };
            let family = families.get(&key_family(&key.arn)).into_iter().flatten();
            let mut siblings: Vec<&str> =
                family.copied().filter(|arn| *arn != key.arn).take(SIBLINGS).collect();
            siblings.sort_unstable();
            if !siblings.is_empty() {
                finding.evidence.details.insert("siblings", siblings.into());
            }
        }
    }

    /// What the States say.
    fn judge_states(&self, names: &Names) -> Vec<Finding> {
        self.assert_settled();
        let mut found = Vec::new();
        let looks: Vec<&Look> = detectors::on(&self.estate.settings.detectors)
            .flat_map(|detector| detector.look.each())
            .collect();
        for (id, state) in &self.states.keys {
            // What is known of a key under one of its aliases belongs to the key.
            if names.key_of(id).is_some_and(|key| self.states.keys.contains_key(key)) {
                continue;
            }
            let whole = self.with_aliases(id, state, names);
            let begun = found.len();
            for look in &looks {
                if let Look::Key(judge) = look {
                    judge(id, &whole, &self.estate, &mut found);
                }
            }
            if whole.forgets_acts() {
                let of_key = found.get_mut(begun..).into_iter().flatten();
                of_key.for_each(|finding| finding.evidence.details.insert("incomplete", true.into()));
            }
        }
        for (id, state) in &self.states.principals {
            for look in &looks {
                if let Look::Principal(judge) = look {
                    judge(id, state, &self.estate, &mut found);
                }
            }
        }
        let understood = |hour| self.understood_before.and(&self.findings, hour);
        let judge = self.rates.preview(&self.states, &self.estate.settings, &understood);
        for episode in &judge.episodes() {
            for look in &looks {
                if let Look::Score(judge) = look {
                    found.extend(judge(episode, &self.estate));
                }
            }
        }
        for look in &looks {
            if let Look::All(judge) = look {
                judge(&self.states, &self.estate, &mut found);
            }
        }
        for (id, state) in &self.states.accounts {
            for look in &looks {
                if let Look::Account(judge) = look {
                    judge(id, state, &self.estate, &mut found);
                }
            }
        }
        found
    }

    /// The State of a key with what is known of it under its aliases, which is seldom anything.
    fn with_aliases<'s>(&self, key: &str, state: &'s KeyState, names: &Names) -> Cow<'s, KeyState> {
        let mut whole = Cow::Borrowed(state);
        for alias in names.aliases_of(key, state) {
            if let Some(other) = self.states.keys.get(&alias) {
                whole.to_mut().merge(other);
            }
        }
        whole
    }

    /// Puts the name of the key into the texts: an alias in the place of the key becomes the key it means.
    fn name(&self, finding: &mut Finding, names: &Names) {
        let Some(key) = &mut finding.key else { return };
        if let Some(arn) = names.key_of(&key.arn) {
            *key = KeyName::of_arn(arn);
        }
        let known = self.states.keys.get(&key.arn).map(|state| names.of(&key.arn, state));
        // Where no alias is known, the one by which the event itself named the key is the best.
        let aliases = known.filter(|names| !names.is_empty()).unwrap_or_else(|| key.aliases.clone());
        finding.name_key(aliases);
    }

    /// The account of everything absorbed so far.
    pub fn summary(&self) -> Summary {
        self.summary_with(&self.findings())
    }

    /// [`Watch::summary`], for those who have asked for the findings already.
    pub fn summary_with(&self, findings: &[Finding]) -> Summary {
        let mut summary = self.summary.clone();
        for finding in findings {
            *summary.findings_by_detector.entry(finding.detector).or_default() += 1;
            *summary.findings_by_severity.entry(finding.severity).or_default() += 1;
        }
        summary.entities.insert("keys", self.states.keys.len() as u64);
        summary.entities.insert("principals", self.states.principals.len() as u64);
        summary.entities.insert("accounts", self.states.accounts.len() as u64);
        let keys = self.states.keys.values().filter(|state| state.forgets_acts()).count();
        let accounts = self.states.accounts.values().filter(|state| state.forgets_acts()).count();
        summary.entities_forgetting = (keys + accounts) as u64;
        summary
    }
}

mod history;
pub mod rates;
mod saved;
mod seen_events;
mod touched;
mod understood;
mod worker;

#[cfg(test)]
mod arbitrary;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
