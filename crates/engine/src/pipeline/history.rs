//! What became of each closed hour of a few entities, for those who want to see how a judgement came about.
//!
//! A State keeps what was learned, not every hour that it was learned from: that would grow without end. Whoever
//! explains a finding names the entities beforehand and reads the logs again.

use crate::baseline::entity::{Age, Closed};
use crate::baseline::judge::Entity;
use crate::baseline::rate::Score;
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

/// The judged hours of the entities that are followed, and counts over those of all.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct History {
    followed: BTreeMap<Entity, Vec<JudgedHour>>,
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

    /// The counts; `None` if nobody asked for them beforehand.
    pub(super) fn reliability(&self) -> Option<&Reliability> {
        self.reliability.as_ref()
    }

    pub(super) fn note(&mut self, entity: &Entity, closed: &Closed, hour: i64) {
        if let Some(reliability) = &mut self.reliability {
            reliability.take(entity.class(), closed);
        }
        if let Some(hours) = self.followed.get_mut(entity) {
            hours.push(JudgedHour {
                hour,
                measure: closed.measure,
                count: closed.hour.count(),
                scores: closed.scores.clone(),
                age: closed.age,
            });
        }
    }

    /// The hours of an entity in order of time; none if it is not followed.
    pub(super) fn of(&self, entity: &Entity) -> &[JudgedHour] {
        self.followed.get(entity).map(Vec::as_slice).unwrap_or_default()
    }
}
