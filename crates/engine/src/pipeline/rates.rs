//! Closing hours: when, in which order, and what comes of it.
//!
//! The clock is the moment of delivery, told by the shell once everything that was delivered up to it has been
//! absorbed ([`super::Watch::advance`]). Event times never drive it: a record with a time in the future opens an hour
//! that stays open until delivery gets there, and closes nothing.
//!
//! Hours close one after the other in ascending order, over all entities that were active in them, so that the
//! estate's standard of a day knows every peak of the days before, and none of its own.

use crate::baseline::judge::{Entity, Judge};
use crate::baseline::series;
use crate::state::{KeyState, States};
use crate::time::{HOUR, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The open hours, the clock that closes them, and the judge of what is closed.
#[derive(Clone, Debug, Default)]
pub(super) struct Rates {
    /// Entities with something in an hour that is open.
    open: BTreeMap<i64, BTreeSet<Entity>>,
    /// The last hour that the clock has closed.
    closed: Option<i64>,
    judge: Judge,
}

impl Rates {
    /// Notes the hours that `delta`, which was just merged into `states`, has left open.
    pub(super) fn note(&mut self, delta: &States, states: &States) {
        for id in delta.keys.iter().filter(|(_, state)| !state.baseline.is_empty()).map(|(id, _)| id) {
            if let Some(state) = states.keys.get(id) {
                self.note_entity(&Entity::Key(id.clone()), state.baseline.open_hours());
            }
        }
        for id in delta.principals.iter().filter(|(_, state)| !state.baseline.is_empty()).map(|(id, _)| id) {
            if let Some(state) = states.principals.get(id) {
                self.note_entity(&Entity::Principal(id.clone()), state.baseline.open_hours());
            }
        }
    }

    fn note_entity(&mut self, entity: &Entity, hours: BTreeSet<i64>) {
        for hour in hours {
            let entities = self.open.entry(hour).or_default();
            if !entities.contains(entity) {
                entities.insert(entity.clone());
            }
        }
    }

    /// Whether the clock has closed this hour.
    pub(super) fn is_closed(&self, hour: i64) -> bool {
        self.closed.is_some_and(|closed| hour <= closed)
    }

    /// Closes the hours that are due at `delivered`. The clock never goes back.
    pub(super) fn advance(&mut self, delivered: Timestamp, states: &mut States, budget: f64) {
        let due = series::due(delivered.hour());
        self.closed = self.closed.max(Some(due));
        let later = self.open.split_off(&(due + 1));
        let open = std::mem::replace(&mut self.open, later);
        close(open, states, &mut self.judge, budget);
    }

    /// The judge as it would be if no more events came: open hours are closed in a copy.
    pub(super) fn preview(&self, states: &States, budget: f64) -> Judge {
        let mut judge = self.judge.clone();
        let mut copy = States::default();
        for entity in self.open.values().flatten() {
            match entity {
                Entity::Key(id) => {
                    if let Some(state) = states.keys.get(id) {
                        let (users, baseline) = (state.users.clone(), state.baseline.clone());
                        copy.keys.insert(id.clone(), KeyState { users, baseline, ..KeyState::default() });
                    }
                }
                Entity::Principal(id) => {
                    if let Some(state) = states.principals.get(id) {
                        copy.principals.entry(id.clone()).or_default().baseline = state.baseline.clone();
                    }
                }
            }
        }
        close(self.open.clone(), &mut copy, &mut judge, budget);
        judge
    }
}

fn close(open: BTreeMap<i64, BTreeSet<Entity>>, states: &mut States, judge: &mut Judge, budget: f64) {
    for (hour, entities) in open {
        judge.begin(hour, budget);
        for entity in entities {
            let (actor, closed) = match &entity {
                Entity::Key(id) => match states.keys.get_mut(id) {
                    Some(state) => (actor_of_key(state, hour), state.baseline.close(hour)),
                    None => continue,
                },
                Entity::Principal(id) => match states.principals.get_mut(id) {
                    Some(state) => (None, state.baseline.close(hour)),
                    None => continue,
                },
            };
            let actor = actor.unwrap_or_else(|| entity.clone());
            closed.iter().for_each(|closed| judge.take(&entity, &actor, closed));
        }
    }
}

/// Who has to answer for the hour of a key: the principal that used it in that hour, if it was one alone.
///
/// The State of a key knows its users with their first and last use, not how much of an hour is whose. Where several
/// were there it cannot tell, and the key answers for itself.
fn actor_of_key(state: &KeyState, hour: i64) -> Option<Entity> {
    let from = Timestamp(hour.saturating_mul(HOUR));
    let present: BTreeSet<&str> = state
        .users
        .iter()
        .filter(|sight| sight.meets(from, from.plus(HOUR - 1)))
        .map(|sight| sight.name.as_ref())
        .collect();
    let mut present = present.into_iter();
    match (present.next(), present.next()) {
        (Some(one), None) if !state.users.is_full() => Some(Entity::Principal(one.to_owned())),
        _ => None,
    }
}
