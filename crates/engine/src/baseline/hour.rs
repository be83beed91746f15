//! What is kept of one hour of one measure while the hour is open: the count as a set that merges, and enough to
//! say who it was.

use crate::event::Event;
use crate::measures::Counted;
use crate::state::delta::{Occurrence, Occurrences};
use crate::state::distinct::Distinct;
use crate::state::{By, Merge, Sightings, seen::bounded};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Ids of events that an hour keeps as a sample.
const SAMPLE: usize = 3;

/// An event as a finding about a count needs it: the first of the hour stands for all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Trace {
    /// Event time.
    pub time: Timestamp,
    /// Id of the act.
    pub event_id: String,
    /// Account in whose log it stands.
    pub account: String,
    /// Region.
    pub region: String,
    /// Who called.
    pub by: By,
}

impl Trace {
    /// The trace of an event.
    pub fn of(event: &Event<'_>) -> Trace {
        Trace {
            time: event.time,
            event_id: bounded(event.act_id()).into_owned(),
            account: bounded(&event.account).into_owned(),
            region: bounded(&event.region).into_owned(),
            by: By::of(event),
        }
    }
}

/// One open hour of one measure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hour {
    /// What is counted.
    things: Distinct,
    /// The acts behind it, where the things are not the acts themselves.
    acts: Option<Distinct>,
    /// The earliest events, by time and id.
    earliest: Vec<(Timestamp, Arc<str>)>,
    last: Option<Timestamp>,
    /// The first event. Shared by the measures that it counts for.
    first: Option<Arc<Trace>>,
}

/// What hours keep of one event, made when the first of them asks and then shared by all that it counts for.
#[derive(Debug, Default)]
pub struct Kept {
    trace: Option<Arc<Trace>>,
}

impl Kept {
    pub(super) fn trace(&mut self, event: &Event<'_>) -> Arc<Trace> {
        Arc::clone(self.trace.get_or_insert_with(|| Arc::new(Trace::of(event))))
    }
}

impl Hour {
    /// Takes up the first of some events that were counted.
    pub(crate) fn note_first(&mut self, event: &Event<'_>, kept: &mut Kept) {
        let id = bounded(event.act_id());
        // Copies of one act in two accounts have the same time and id: then the whole trace decides.
        if self.first.as_ref().is_none_or(|first| (event.time, id.as_ref()) <= (first.time, &first.event_id))
        {
            self.take_first(&kept.trace(event));
        }
    }

    /// Counts an event: its act, or the value behind it.
    pub(crate) fn add(&mut self, one: &Occurrence<'_>, counted: Counted) {
        match counted {
            Counted::Nothing => return,
            Counted::Act => self.things.add_hash(one.act),
            Counted::Value(value) => {
                self.things.add_hash(value);
                self.acts.get_or_insert_default().add_hash(one.act);
            }
        }
        let _ = self.note_earliest(one);
        self.last = self.last.max(Some(one.time));
    }

    /// Counts events that all count for the same: their acts, or one value behind them.
    pub(crate) fn add_all(&mut self, occurrences: Occurrences<'_, '_>, counted: Counted) {
        let acts = match counted {
            Counted::Nothing => return,
            Counted::Act => &mut self.things,
            Counted::Value(value) => {
                self.things.add_hash(value);
                self.acts.get_or_insert_default()
            }
        };
        acts.reserve(occurrences.all.len());
        occurrences.all.iter().for_each(|one| acts.add_hash(one.act));
        // They are in order: behind one that comes too late to be kept, all do.
        let _ = occurrences.all.iter().try_for_each(|one| self.note_earliest(one));
        self.last = self.last.max(Some(occurrences.last));
    }

    /// Keeps an event if it is one of the earliest; `None` if enough are earlier.
    fn note_earliest(&mut self, one: &Occurrence<'_>) -> Option<()> {
        let key = (one.time, one.id);
        if self.earliest.len() >= SAMPLE
            && self.earliest.last().is_some_and(|(time, id)| (*time, id.as_ref()) < key)
        {
            return None;
        }
        if let Err(at) = self.earliest.binary_search_by(|(time, id)| (*time, id.as_ref()).cmp(&key)) {
            self.earliest.insert(at, (one.time, one.id.into()));
            self.earliest.truncate(SAMPLE);
        }
        Some(())
    }

    fn take_first(&mut self, trace: &Arc<Trace>) {
        if self.first.as_ref().is_none_or(|first| trace < first) {
            self.first = Some(Arc::clone(trace));
        }
    }

    /// The count: exact up to [`Distinct::EXACT`], then an estimate.
    pub fn count(&self) -> u64 {
        self.things.count()
    }

    /// Whether the acts themselves are counted, and not values behind them.
    pub fn counts_acts(&self) -> bool {
        self.acts.is_none()
    }

    /// Whether the count is exact.
    pub fn is_exact(&self) -> bool {
        self.things.is_exact()
    }

    /// The first event.
    pub fn first(&self) -> Option<&Trace> {
        self.first.as_deref()
    }

    /// The events behind the count.
    pub fn sightings(&self) -> Sightings {
        let earliest = self.earliest.iter().map(|(time, id)| (*time, id.to_string())).collect();
        Sightings::of(earliest, self.last, self.acts.as_ref().unwrap_or(&self.things).clone())
    }
}

impl Merge for Hour {
    fn merge(&mut self, other: &Self) {
        self.things.merge(&other.things);
        if let Some(acts) = &other.acts {
            self.acts.get_or_insert_default().merge(acts);
        }
        self.earliest.extend(other.earliest.iter().cloned());
        self.earliest.sort();
        self.earliest.dedup();
        self.earliest.truncate(SAMPLE);
        self.last = self.last.max(other.last);
        if let Some(first) = &other.first {
            self.take_first(first);
        }
    }
}

/// The form in which an hour is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    things: Distinct,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    acts: Option<Distinct>,
    earliest: Vec<(Timestamp, Box<str>)>,
    last: Option<Timestamp>,
    first: Option<Trace>,
}

impl Serialize for Hour {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Hour { things, acts, earliest, last, first } = self.clone();
        let first = first.map(Arc::unwrap_or_clone);
        let earliest = earliest.into_iter().map(|(time, id)| (time, id.as_ref().into())).collect();
        Stored { things, acts, earliest, last, first }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Hour {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Stored { things, acts, earliest, last, first } = Stored::deserialize(deserializer)?;
        let earliest = earliest.into_iter().map(|(time, id)| (time, id.into())).collect();
        Ok(Hour { things, acts, earliest, last, first: first.map(Arc::new) })
    }
}
