//! What became of each closed hour of a few entities, for those who want to see how a judgement came about.
//!
//! A State keeps what was learned, not every hour that it was learned from: that would grow without end. Whoever
//! explains a finding names the entities beforehand and reads the logs again.

use crate::baseline::entity::{Age, Closed};
use crate::baseline::judge::{Entity, FirstUses, NewValue};
use crate::baseline::novelty::Novelty;
use crate::baseline::rate::{Score, Which};
use crate::baseline::reliability::Reliability;
use crate::measures::Measure;
use std::collections::BTreeMap;

/// A closed hour of one measure of an entity, as it was judged.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedHour {
    /// Whole hours since the epoch.
    pub hour: i64,
    /// What was counted.
    pub measure: &'static Measure,
    /// The count.
    pub count: u64,
    /// The scores of the windows that end in this hour.
    pub scores: Vec<Score>,
    /// How long the entity had been known.
    pub age: Age,
}

/// What an entity showed for the first time in an hour, as it was judged.
#[derive(Clone, Debug, PartialEq)]
pub struct JudgedUses {
    /// Whole hours since the epoch.
    pub hour: i64,
    /// The judgement.
    pub novelty: Novelty,
    /// The dearest value of each of its parts, in their order.
    pub values: Vec<NewValue>,
}

/// What is kept of an entity that is followed.
#[derive(Clone, Debug, Default, PartialEq)]
struct Followed {
    hours: Vec<JudgedHour>,
    uses: Vec<JudgedUses>,
}

/// What was judged of the entities that are followed, and counts over the hours of all.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct History {
    followed: BTreeMap<Entity, Followed>,
    reliability: Option<Reliability>,
}

impl History {
    pub(super) fn follow(&mut self, entity: Entity) {
        self.followed.entry(entity).or_default();
    }

    /// Counts from now on how often hours are how unusual.
    pub(super) fn count(&mut self) {
        self.reliability.get_or_insert_default();
    }

    /// Which scores of an entity have to be told: all, where somebody looks at them.
    pub(super) fn which(&self, entity: &Entity) -> Which {
        match self.reliability.is_some() || self.followed.contains_key(entity) {
            true => Which::All,
            false => Which::Notable,
        }
    }

    /// The counts; `None` if nobody asked for them beforehand.
    pub(super) fn reliability(&self) -> Option<&Reliability> {
        self.reliability.as_ref()
    }

    pub(super) fn note(&mut self, entity: &Entity, closed: &Closed, hour: i64) {
        if let Some(reliability) = &mut self.reliability {
            reliability.take(entity.class(), closed);
        }
        if let Some(followed) = self.followed.get_mut(entity) {
            followed.hours.push(JudgedHour {
                hour,
                measure: closed.measure,
                count: closed.count,
                scores: closed.scores.clone(),
                age: closed.age,
            });
        }
    }

    pub(super) fn note_uses(&mut self, uses: &FirstUses<'_>) {
        if let Some(followed) = self.followed.get_mut(uses.entity) {
            followed.uses.push(JudgedUses {
                hour: uses.hour,
                novelty: uses.novelty.clone(),
                values: uses.values.clone(),
            });
        }
    }

    /// The hours of an entity in order of time; none if it is not followed.
    pub(super) fn of(&self, entity: &Entity) -> &[JudgedHour] {
        self.followed.get(entity).map(|followed| followed.hours.as_slice()).unwrap_or_default()
    }

    /// The first uses of an entity in order of time; none if it is not followed.
    pub(super) fn uses_of(&self, entity: &Entity) -> &[JudgedUses] {
        self.followed.get(entity).map(|followed| followed.uses.as_slice()).unwrap_or_default()
    }
}
