//! Closing hours: when, in which order, and what comes of it.
//!
//! The clock is the moment of delivery, told by the shell once everything that was delivered up to it has been
//! absorbed ([`super::Watch::advance`]). Event times never drive it: a record with a time in the future opens an hour
//! that stays open until delivery gets there, and closes nothing.
//!
//! Hours close one after the other in ascending order, over all entities that were active in them, so that the
//! estate's standard of a day knows every peak of the days before, and none of its own.

use super::history::{History, JudgedHour};
use crate::baseline::entity::Closed;
use crate::baseline::hour::Hour;
use crate::baseline::judge::{Entity, Judge};
use crate::baseline::series;
use crate::state::{KeyState, Seen, States};
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// The open hours, the clock that closes them, and the judge of what is closed.
#[derive(Clone, Debug, Default)]
pub(super) struct Rates {
    /// Entities with something in an hour that is open.
    open: BTreeMap<i64, BTreeSet<Entity>>,
    /// The last hour that the clock has closed.
    closed: Option<i64>,
    judge: Judge,
    history: History,
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

    /// Keeps the judged hours of `entity` from now on.
    pub(super) fn follow(&mut self, entity: Entity) {
        self.history.follow(entity);
    }

    /// The judged hours of an entity that is followed.
    pub(super) fn history(&self, entity: &Entity) -> &[JudgedHour] {
        self.history.of(entity)
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
        close(open, states, &mut self.judge, &mut self.history, budget);
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
        close(self.open.clone(), &mut copy, &mut judge, &mut History::default(), budget);
        judge
    }
}

fn close(
    open: BTreeMap<i64, BTreeSet<Entity>>,
    states: &mut States,
    judge: &mut Judge,
    history: &mut History,
    budget: f64,
) {
    for (hour, entities) in open {
        judge.begin(hour, budget);
        // What each principal did in this hour: principals come before keys.
        let mut done: BTreeMap<String, Vec<Closed>> = BTreeMap::new();
        for entity in entities {
            match &entity {
                Entity::Principal(id) => {
                    let Some(state) = states.principals.get_mut(id) else { continue };
                    let closed = state.baseline.close(hour);
                    for closed in &closed {
                        history.note(&entity, closed, hour);
                        judge.take(&entity, &entity, closed, &closed.hour);
                    }
                    done.insert(id.clone(), closed);
                }
                Entity::Key(arn) => {
                    let Some(state) = states.keys.get_mut(arn) else { continue };
                    for closed in state.baseline.close(hour) {
                        history.note(&entity, &closed, hour);
                        match user_of_half(&state.users, &closed, &done) {
                            Some((user, by)) => judge.take(&entity, &user, &closed, by),
                            None => judge.take(&entity, &entity, &closed, &closed.hour),
                        }
                    }
                }
            }
        }
    }
}

/// The principal that made at least half of what a key was used for in an hour, where the States can tell, with what
/// it did.
///
/// The count of a key is not kept by user. But what a principal did with all keys bounds what it did with this one:
/// if all other known users together did at most half as much as the key was used, the one that is left did the
/// rest. For counts of acts alone; distinct values cannot be added up.
fn user_of_half<'d>(
    users: &Seen<64>,
    closed: &Closed,
    done: &'d BTreeMap<String, Vec<Closed>>,
) -> Option<(Entity, &'d Hour)> {
    if users.is_full() || !closed.hour.counts_acts() {
        return None;
    }
    let names: BTreeSet<&str> = users.iter().map(|sight| sight.name.as_ref()).collect();
    let by_user: Vec<(&str, &Hour)> = names
        .into_iter()
        .filter_map(|name| {
            let of = done.get(name)?.iter().find(|of| of.measure == closed.measure)?;
            Some((name, &of.hour))
        })
        .collect();
    let most = by_user.iter().max_by_key(|(_, hour)| hour.count())?;
    let others: u64 = by_user.iter().filter(|(name, _)| *name != most.0).map(|(_, hour)| hour.count()).sum();
    (others.saturating_mul(2) <= closed.hour.count()).then(|| (Entity::Principal(most.0.to_owned()), most.1))
}
