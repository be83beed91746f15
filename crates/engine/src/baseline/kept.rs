//! What hours share of events that are taken up together.

use super::hour::{Acts, Hour};
use super::novelty::Dimension;
use super::trace::Packed;
use crate::event::Event;
use crate::measures::{Counted, Measure};
use crate::state::delta::Occurrences;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// What hours share of events that are taken up together: the trace of the first event of those that are alike, the
/// acts of measures that count the same, the names of values. Made for one of these after the other.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(super) trace: TraceOf,
    held: Vec<Held>,
    names: HashMap<(Dimension, u32), Arc<str>, foldhash::fast::RandomState>,
}

/// The trace of an event, made when it is first asked for.
#[derive(Debug, Default)]
pub(super) struct TraceOf(Option<Arc<Packed>>);

impl TraceOf {
    pub(super) fn get(&mut self, event: &Event<'_>) -> Arc<Packed> {
        Arc::clone(self.0.get_or_insert_with(|| Arc::new(Packed::of(event))))
    }
}

/// Whose count it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Principal,
    Key,
}

/// What a measure counts of events that are alike, and the acts that it has counted in their hour.
#[derive(Debug)]
pub(super) struct Held {
    owner: Owner,
    pub(super) measure: &'static Measure,
    pub(super) counted: Counted,
    acts: Taken,
}

/// The acts of an open hour, taken out of it.
#[derive(Debug)]
enum Taken {
    /// The hour is closed: there are none.
    Nothing,
    Own(Option<Arc<Acts>>),
    /// Those at an earlier place, which it shared before.
    Shared(usize),
}

impl Held {
    /// Takes the acts out of the open hour.
    pub(super) fn take(&mut self, open: &mut Hour) {
        self.acts = Taken::Own(open.acts.take());
    }
}

impl Kept {
    /// Begins with other events.
    pub(super) fn begin(&mut self) {
        self.trace = TraceOf::default();
        self.held.clear();
    }

    /// Notes that a measure counts the events.
    pub(super) fn hold(&mut self, owner: Owner, measure: &'static Measure, counted: Counted) {
        self.held.push(Held { owner, measure, counted, acts: Taken::Nothing });
    }

    /// Whether a measure counts the events for this owner.
    pub(super) fn holds(&self, owner: Owner) -> bool {
        self.held.iter().any(|held| held.owner == owner)
    }

    /// What measures count for this owner.
    pub(super) fn of(&mut self, owner: Owner) -> impl Iterator<Item = &mut Held> {
        self.held.iter_mut().filter(move |held| held.owner == owner)
    }

    /// Takes up all that happened, of which `event` is the first, into the acts that were taken. For those that shared
    /// their acts before, it is done once, and they share them still.
    pub(super) fn take_up(&mut self, event: &Event<'_>, all: Occurrences<'_, '_>) {
        for at in 0..self.held.len() {
            let Some((one, before)) = self.held.get_mut(..=at).and_then(<[Held]>::split_last_mut) else {
                break;
            };
            let Taken::Own(acts) = &one.acts else { continue };
            let same = before.iter().position(|other| match (&other.acts, acts) {
                (Taken::Own(Some(other)), Some(acts)) => Arc::ptr_eq(other, acts),
                (Taken::Own(None), None) => true,
                _ => false,
            });
            if let Some(place) = same {
                // Acts that nobody else has are not copied when they change.
                one.acts = Taken::Shared(place);
            }
        }
        for one in &mut self.held {
            if let Taken::Own(acts) = &mut one.acts {
                Arc::make_mut(acts.get_or_insert_default()).take_up(event, all, &mut self.trace);
            }
        }
    }

    /// The measures that have counted the events for this owner, with their acts, to be put back.
    pub(super) fn taken_up(
        &self,
        owner: Owner,
    ) -> impl Iterator<Item = (&'static Measure, Option<Arc<Acts>>)> {
        let of_owner = self.held.iter().filter(move |held| held.owner == owner);
        of_owner.filter_map(|held| {
            let shared = match held.acts {
                Taken::Shared(place) => self.held.get(place).map(|other| &other.acts),
                _ => Some(&held.acts),
            };
            match shared {
                Some(Taken::Own(acts)) => Some((held.measure, acts.clone())),
                _ => None,
            }
        })
    }

    /// The name of a value, as one text for all that show it.
    pub(super) fn name(&mut self, dimension: Dimension, hash: u32, name: Cow<'_, str>) -> Arc<str> {
        let known = self.names.entry((dimension, hash)).or_insert_with(|| name.as_ref().into());
        // Another value may have the same hash.
        if **known == *name { Arc::clone(known) } else { name.as_ref().into() }
    }
}
