//! The States of entities as items of the table: loaded together, saved one by one.
//!
//! A State is a semilattice, so saving needs no transaction: whoever finds that another has written in between reads
//! again, merges again and writes again. What was merged twice is the same as what was merged once.

use crate::backoff::Backoff;
use crate::store::{Item, Put, Store, StoreError, Write};
use futures_util::{StreamExt, stream};
use kmswatch_engine::state::States;
use kmswatch_engine::state::stored::EntityId;
use kmswatch_engine::time::{DAY, Timestamp};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Days for which a State is kept after it last changed: more than a year, so that what happens once a year is known.
const KEPT_DAYS: i64 = 400;
/// Once fewer days than this are left, a State that does not change is written all the same.
const RENEWED_DAYS: i64 = 300;
/// States that are saved side by side. More shortens a batch and sharpens the peaks of writes.
const WRITES: usize = 16;
/// Longest id that stands in the name of its item as it is, in bytes. Names may have 2,048.
const LONGEST_ID: usize = 1_024;

/// The name of the item of an entity.
pub fn item_of(entity: &EntityId) -> String {
    item_name(entity.kind.name(), &entity.id)
}

/// The name of an item about something whose id comes out of logs: bounded, and never the same for two ids.
pub(crate) fn item_name(kind: &str, id: &str) -> String {
    if id.len() <= LONGEST_ID {
        return format!("{kind}#{id}");
    }
    // Longer than any id that stands as it is, so that nobody can choose one that looks like this.
    let digest: String = Sha256::digest(id.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let begin = (0..=LONGEST_ID).rev().find(|at| id.is_char_boundary(*at)).and_then(|at| id.get(..at));
    format!("{kind}#{}#sha256:{digest}", begin.unwrap_or_default())
}

/// Whether this is the end of an [`item_name`] that holds only the beginning of the id.
pub(crate) fn is_shortened(id: &str) -> bool {
    id.len() > LONGEST_ID
}

/// States that were loaded, with what is needed to save them.
#[derive(Debug, Default)]
pub struct Known {
    /// The States. Change them at will: [`Known::save`] finds out which did.
    pub states: States,
    /// Entities whose State cannot be read. They are not saved: what is stored may be of a newer version.
    pub unreadable: BTreeMap<EntityId, StoreError>,
    read: BTreeMap<EntityId, Option<Item>>,
}

/// What came of saving.
#[derive(Debug, Default)]
pub struct Saves {
    /// States written.
    pub written: u64,
    /// Bytes of the largest of them.
    pub largest: u64,
    /// Writes that were repeated because somebody else had written in between.
    pub conflicts: u64,
    /// Entities whose State somebody else had written, so that it may hold more than ours.
    pub met: BTreeSet<EntityId>,
    /// Entities that could not be saved, and why.
    pub failed: BTreeMap<EntityId, StoreError>,
}

impl Known {
    /// States of which nobody knows what is stored.
    pub(crate) fn of(states: States) -> Known {
        Known { states, ..Known::default() }
    }

    /// Loads the States of `entities` that are not loaded yet, into [`Known::states`].
    ///
    /// # Errors
    /// As [`Store::get`].
    pub async fn load(
        &mut self,
        store: &dyn Store,
        entities: impl IntoIterator<Item = EntityId>,
    ) -> Result<(), StoreError> {
        let new: BTreeSet<EntityId> =
            entities.into_iter().filter(|entity| !self.read.contains_key(entity)).collect();
        let names: Vec<String> = new.iter().map(item_of).collect();
        if names.is_empty() {
            return Ok(());
        }
        for (entity, item) in new.into_iter().zip(store.get(&names).await?) {
            if let Some(item) = &item
                && let Err(error) = merge(&mut self.states, &entity, &item.body)
            {
                self.unreadable.insert(entity.clone(), error);
            }
            self.read.insert(entity, item);
        }
        Ok(())
    }

    /// Saves the States of `entities` that changed since they were loaded. What others wrote meanwhile is merged
    /// into [`Known::states`].
    pub async fn save(
        &mut self,
        store: &dyn Store,
        entities: impl IntoIterator<Item = EntityId>,
        now: Timestamp,
    ) -> Saves {
        let (states, read) = (&self.states, &self.read);
        let unreadable = &self.unreadable;
        let results: Vec<(EntityId, Result<Saved, StoreError>)> = stream::iter(entities)
            .map(|entity| async move {
                if let Some(error) = unreadable.get(&entity) {
                    return (entity, Err(error.clone()));
                }
                let item = read.get(&entity).and_then(Option::as_ref);
                let saved = save_one(store, &entity, states, item, now).await;
                (entity, saved)
            })
            .buffer_unordered(WRITES)
            .collect()
            .await;
        let mut saves = Saves::default();
        for (entity, saved) in results {
            match saved {
                Ok(Saved { item: None, .. }) => {}
                Ok(Saved { item: Some(item), conflicts, .. }) => {
                    saves.written += 1;
                    saves.largest = saves.largest.max(item.body.len() as u64);
                    saves.conflicts += conflicts;
                    if conflicts > 0 {
                        saves.met.insert(entity.clone());
                        if let Err(error) = merge(&mut self.states, &entity, &item.body) {
                            saves.failed.insert(entity.clone(), error);
                        }
                    }
                    self.read.insert(entity, Some(item));
                }
                Err(error) => {
                    saves.failed.insert(entity, error);
                }
            }
        }
        saves
    }
}

struct Saved {
    /// What is stored now; `None` if nothing had to be written.
    item: Option<Item>,
    conflicts: u64,
}

fn merge(states: &mut States, entity: &EntityId, body: &[u8]) -> Result<(), StoreError> {
    states
        .merge_stored(entity, body)
        .map_err(|error| StoreError::Unreadable { name: item_of(entity), reason: error.to_string() })
}

fn encoded(states: &States, entity: &EntityId) -> Result<Option<Vec<u8>>, StoreError> {
    let unwritable = |error: kmswatch_engine::state::stored::EncodeError| StoreError::Unwritable {
        name: item_of(entity),
        reason: error.to_string(),
    };
    states.encode(entity).transpose().map_err(unwritable)
}

async fn save_one(
    store: &dyn Store,
    entity: &EntityId,
    states: &States,
    read: Option<&Item>,
    now: Timestamp,
) -> Result<Saved, StoreError> {
    let Some(mine) = encoded(states, entity)? else { return Ok(Saved { item: None, conflicts: 0 }) };
    let is_fresh = |item: &Item| item.expires >= now.plus(RENEWED_DAYS * DAY);
    if read.is_some_and(|item| item.body == mine && is_fresh(item)) {
        return Ok(Saved { item: None, conflicts: 0 });
    }
    let name = item_of(entity);
    let expires = now.plus(KEPT_DAYS * DAY);
    let mut version = read.map(|item| item.version);
    let mut body = mine.clone();
    let mut backoff = Backoff::default();
    let mut conflicts = 0;
    loop {
        let write = Write { name: name.clone(), body: body.clone(), read: version, expires };
        let error = match store.put(write).await {
            Ok(Put::Written) => {
                let item = Item { body, version: version.unwrap_or(0) + 1, expires };
                return Ok(Saved { item: Some(item), conflicts });
            }
            Ok(Put::Conflict) => {
                conflicts += 1;
                StoreError::Contended(name.clone())
            }
            Err(StoreError::Throttled) => StoreError::Throttled,
            Err(error) => return Err(error),
        };
        if !backoff.wait(store).await {
            return Err(error);
        }
        let theirs = store.get(std::slice::from_ref(&name)).await?.into_iter().flatten().next();
        version = theirs.as_ref().map(|item| item.version);
        let Some(theirs) = theirs else { continue };
        let mut both = States::default();
        merge(&mut both, entity, &theirs.body)?;
        merge(&mut both, entity, &mine)?;
        body = encoded(&both, entity)?.unwrap_or_default();
        if body == theirs.body && is_fresh(&theirs) {
            return Ok(Saved { item: Some(theirs), conflicts });
        }
    }
}

#[cfg(test)]
mod tests;
