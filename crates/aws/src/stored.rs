//! All that a table knows, for those who look at it from outside, and States from elsewhere put into it.

use crate::context;
use crate::entities::{Known, Saves, is_shortened};
use crate::hours;
use crate::judge::StoredRates;
use crate::live::ACCOUNTS;
use crate::sets;
use crate::store::dynamodb::DynamoStore;
use crate::store::{Item, Store, StoreError};
use kmswatch_engine::baseline::judge::Judge;
use kmswatch_engine::pipeline::rates::Clock;
use kmswatch_engine::state::States;
use kmswatch_engine::state::stored::{EntityId, EntityKind};
use kmswatch_engine::time::{HOUR, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// What a table knows.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// The States of all entities.
    pub states: States,
    /// Up to which hour all is closed.
    pub clock: Clock,
    /// What is usual in the estate.
    pub judge: Judge,
    /// Own accounts.
    pub accounts: BTreeSet<String>,
    /// What could not be read, in words.
    pub problems: Vec<String>,
}

impl Stored {
    /// Reads it all. The role needs `dynamodb:Scan` and `dynamodb:BatchGetItem`.
    ///
    /// # Errors
    /// As [`Store`]. States that cannot be read are problems, and no error.
    pub async fn read(store: &DynamoStore) -> Result<Stored, StoreError> {
        let kinds = [EntityKind::Key, EntityKind::Principal, EntityKind::Account];
        let prefixes = kinds.map(|kind| format!("{}#", kind.name()));
        let items = store.all(&prefixes.each_ref().map(String::as_str)).await?;
        let (states, problems) = states_of(items);
        let rates = StoredRates::load(store).await?;
        let accounts = sets::read(store, &[ACCOUNTS.to_owned()]).await?.pop().unwrap_or_default().members;
        Ok(Stored { states, clock: rates.clock, judge: rates.judge, accounts, problems })
    }
}

/// The States in these items, and what of them cannot be read.
fn states_of(items: BTreeMap<String, Item>) -> (States, Vec<String>) {
    let (mut states, mut problems) = (States::default(), Vec::new());
    for (name, item) in items {
        match entity_of(&name) {
            None => problems.push(format!("{name}: the id is too long to stand in the name of its item")),
            Some(entity) => {
                if let Err(error) = states.merge_stored(&entity, &item.body) {
                    problems.push(format!("{name}: {error}"));
                }
            }
        }
    }
    (states, problems)
}

/// The entity whose item has this name; `None` if the name holds only the beginning of its id.
fn entity_of(name: &str) -> Option<EntityId> {
    let (kind, id) = name.split_once('#')?;
    let kinds = [EntityKind::Key, EntityKind::Principal, EntityKind::Account];
    let kind = kinds.into_iter().find(|known| known.name() == kind)?;
    (!is_shortened(id)).then(|| EntityId::new(kind, id))
}

/// Saves the States of these entities, which were loaded into `known` and then merged with others, with all that
/// belongs to them: under which alias a key is found, and which hours are to be closed.
///
/// # Errors
/// As [`Store`]; then some may be saved. Doing it again goes on.
pub async fn save(
    store: &dyn Store,
    known: &mut Known,
    entities: &[EntityId],
    now: Timestamp,
) -> Result<Saves, StoreError> {
    context::link(store, &BTreeSet::new(), &context::links(&known.states), now).await?;
    let saves = known.save(store, entities.iter().cloned(), now).await;
    hours::note(store, &hours::open_hours(&known.states, entities)).await?;
    Ok(saves)
}

/// How far a table has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// When the newest log was delivered that was read.
    pub delivered: Option<Timestamp>,
    /// The end of the last hour that was closed.
    pub closed: Option<Timestamp>,
}

impl Progress {
    /// Reads it.
    ///
    /// # Errors
    /// As [`Store`].
    pub async fn read(store: &dyn Store) -> Result<Progress, StoreError> {
        let item = store.get(&[hours::clock::ITEM.to_owned()]).await?.into_iter().flatten().next();
        let delivered = hours::clock::of(item.as_ref())?;
        let rates = StoredRates::load(store).await?;
        let closed = rates.clock.last_closed().map(|hour| Timestamp((hour + 1) * HOUR));
        Ok(Progress { delivered, closed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entities::item_of;
    use crate::memory::MemoryStore;
    use kmswatch_engine::state::{KeyState, Merge};

    #[tokio::test]
    async fn what_is_saved_is_read_again_and_saving_it_again_changes_nothing() {
        let store = MemoryStore::default();
        let mut other = States::default();
        other.keys.insert("arn:aws:kms:eu-west-1:111122223333:key/1".to_owned(), KeyState::default());
        let entities: Vec<EntityId> = other.ids().collect();
        for _ in 0..2 {
            let mut known = Known::default();
            known.load(&store, entities.iter().cloned()).await.unwrap();
            known.states.merge(&other);
            let saves = save(&store, &mut known, &entities, Timestamp(0)).await.unwrap();
            assert!(saves.failed.is_empty());
        }
        let names: Vec<String> = entities.iter().map(item_of).collect();
        let items = store.get(&names).await.unwrap().into_iter().flatten();
        let items: BTreeMap<String, Item> = names.into_iter().zip(items).collect();
        assert!(items.values().all(|item| item.version == 1), "{items:?}");
        assert_eq!(states_of(items), (other, Vec::new()));
        assert_eq!(Progress::read(&store).await.unwrap(), Progress::default());
    }

    #[test]
    fn what_cannot_be_read_is_told_and_the_rest_is_there() {
        let item = |body: &[u8]| Item { body: body.to_vec(), version: 1, expires: Timestamp(0) };
        let long = item_of(&EntityId::new(EntityKind::Principal, "p".repeat(5_000)));
        let items = BTreeMap::from([(long, item(b"")), ("key#damaged".to_owned(), item(&[9]))]);
        let (states, problems) = states_of(items);
        assert_eq!(states, States::default());
        assert!(problems.len() == 2 && problems[0].contains("update kmswatch"), "{problems:?}");
    }
}
