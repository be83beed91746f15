//! What is kept of one hour of one measure while the hour is open: the count as a set that merges, and enough to
//! say who it was.

use super::kept::TraceOf;
use super::trace::{Packed, Trace};
use crate::event::Event;
use crate::measures::Counted;
use crate::state::delta::{Occurrence, Occurrences};
use crate::state::distinct::Distinct;
use crate::state::{Merge, Sightings, seen::bounded};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Ids of events that an hour keeps as a sample.
const SAMPLE: usize = 3;

/// One open hour of one measure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hour {
    /// What is counted, where it is not the acts themselves.
    values: Option<Distinct>,
    /// The acts that were counted, or those behind the values. `None` before the first.
    pub(super) acts: Option<Arc<Acts>>,
}

/// Acts of one hour. Measures of an entity, and of its keys, that have counted the same acts share them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Acts {
    distinct: Distinct,
    /// The earliest events, by time and id.
    earliest: Vec<(Timestamp, Arc<str>)>,
    last: Option<Timestamp>,
    /// The first event. Shared by the measures that it counts for.
    first: Option<Arc<Packed>>,
}

impl Hour {
    /// Counts the value behind events, if a value is counted.
    pub(super) fn add_value(&mut self, counted: Counted) {
        if let Counted::Value(value) = counted {
            self.values.get_or_insert_default().add_hash(value);
        }
    }

    /// Counts the resources behind events.
    pub(super) fn add_resources(&mut self, occurrences: Occurrences<'_, '_>) {
        let resources = occurrences.all.iter().filter_map(|one| one.resource);
        self.values.get_or_insert_default().add_hashes(resources.map(|resource| resource.hash));
    }

    /// Takes back the acts that were handed over.
    pub(super) fn put_acts(&mut self, acts: Option<Arc<Acts>>) {
        self.acts = acts;
    }

    /// The count: exact up to [`Distinct::EXACT`], then an estimate.
    pub fn count(&self) -> u64 {
        self.things().map_or(0, Distinct::count)
    }

    /// Whether the acts themselves are counted, and not values behind them.
    pub fn counts_acts(&self) -> bool {
        self.values.is_none()
    }

    /// Whether the count is exact.
    pub fn is_exact(&self) -> bool {
        self.things().is_none_or(Distinct::is_exact)
    }

    fn things(&self) -> Option<&Distinct> {
        self.values.as_ref().or(self.acts.as_ref().map(|acts| &acts.distinct))
    }

    /// The first event.
    pub fn first(&self) -> Option<Trace> {
        self.acts.as_ref().and_then(|acts| acts.first.as_deref()).map(Packed::trace)
    }

    /// The events behind the count.
    pub fn sightings(&self) -> Sightings {
        let Some(acts) = &self.acts else { return Sightings::default() };
        let earliest = acts.earliest.iter().map(|(time, id)| (*time, id.to_string())).collect();
        Sightings::of(earliest, acts.last, acts.distinct.clone())
    }
}

impl Acts {
    /// Takes up all that happened, of which `event` is the first.
    pub(super) fn take_up(
        &mut self,
        event: &Event<'_>,
        occurrences: Occurrences<'_, '_>,
        trace: &mut TraceOf,
    ) {
        self.distinct.add_hashes(occurrences.all.iter().map(|one| one.act));
        for one in occurrences.all {
            let is_kept = self.earliest.len() < SAMPLE;
            if is_kept || self.earliest.last().is_some_and(|(time, _)| one.time <= *time) {
                self.note_earliest(one);
            }
        }
        self.last = self.last.max(Some(occurrences.last));
        let id = bounded(event.act_id());
        // Copies of one act in two accounts have the same time and id: then the whole trace decides.
        if self.first.as_ref().is_none_or(|first| (event.time, id.as_ref()) <= (first.time, first.event_id()))
        {
            self.take_first(&trace.get(event));
        }
    }

    /// Keeps an event if it is one of the earliest.
    fn note_earliest(&mut self, one: &Occurrence<'_>) {
        let key = (one.time, one.id);
        if let Err(at) = self.earliest.binary_search_by(|(time, id)| (*time, id.as_ref()).cmp(&key))
            && at < SAMPLE
        {
            if self.earliest.is_empty() {
                self.earliest.reserve_exact(SAMPLE);
            }
            self.earliest.truncate(SAMPLE - 1);
            self.earliest.insert(at, (one.time, one.id.into()));
        }
    }

    fn take_first(&mut self, trace: &Arc<Packed>) {
        if self.first.as_ref().is_none_or(|first| trace < first) {
            self.first = Some(Arc::clone(trace));
        }
    }
}

impl Merge for Hour {
    fn merge(&mut self, other: &Self) {
        if let Some(values) = &other.values {
            self.values.get_or_insert_default().merge(values);
        }
        match (&mut self.acts, &other.acts) {
            (Some(mine), Some(theirs)) if Arc::ptr_eq(mine, theirs) => {}
            (Some(mine), Some(theirs)) => Arc::make_mut(mine).merge(theirs),
            (mine @ None, Some(theirs)) => *mine = Some(Arc::clone(theirs)),
            (_, None) => {}
        }
    }
}

impl Merge for Acts {
    fn merge(&mut self, other: &Self) {
        self.distinct.merge(&other.distinct);
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
    first: Option<Packed>,
}

impl Serialize for Hour {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Acts { distinct, earliest, last, first } = self.acts.as_deref().cloned().unwrap_or_default();
        let (things, acts) = match self.values.clone() {
            Some(values) => (values, Some(distinct)),
            None => (distinct, None),
        };
        let first = first.map(Arc::unwrap_or_clone);
        let earliest = earliest.into_iter().map(|(time, id)| (time, id.as_ref().into())).collect();
        Stored { things, acts, earliest, last, first }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Hour {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Stored { things, acts, earliest, last, first } = Stored::deserialize(deserializer)?;
        let (values, distinct) = match acts {
            Some(acts) => (Some(things), acts),
            None => (None, things),
        };
        let earliest = earliest.into_iter().map(|(time, id)| (time, id.into())).collect();
        let acts = Acts { distinct, earliest, last, first: first.map(Arc::new) };
        // An hour in which nothing was counted has none.
        let acts = (acts != Acts::default()).then(|| Arc::new(acts));
        Ok(Hour { values, acts })
    }
}
