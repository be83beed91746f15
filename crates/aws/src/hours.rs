//! Which entities have something in which open hour: the list of work of the one who closes hours.
//!
//! For each hour sixteen sets of entities (`hour#H#S`), and one set of all hours that have any (`estate#hours`).
//! Entities are spread over the sets by a hash of their id, so that many workers seldom write the same one.
//!
//! The order of writes makes it safe to stop anywhere: a worker saves the State, then the entity's place in the set,
//! then the hour; whoever closes reads the sets before the States, and takes out only what it has closed and saved
//! without meeting another's write.

use crate::codec;
use crate::sets::{self, Change, Set};
use crate::store::{Store, StoreError};
use futures_util::future::try_join_all;
use kmswatch_engine::state::States;
use kmswatch_engine::state::stored::{EntityId, EntityKind};
use kmswatch_engine::time::{DAY, HOUR, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use xxhash_rust::xxh3::xxh3_64;

/// Sets for each hour. Fewer make workers meet at them, more cost reads.
const SHARDS: u64 = 16;
/// Days for which a set is kept after the hour was written: far longer than an hour stays open, however long nobody
/// closes.
const KEPT_DAYS: i64 = 30;
/// Hours that are read at once, the oldest first. An estate has two or three; a history that is read anew, more.
const MOST_HOURS: usize = 200;
/// The set of hours.
const HOURS: &str = "estate#hours";

/// Entities by hour (whole hours since the epoch).
pub type Open = BTreeMap<i64, BTreeSet<EntityId>>;

/// The open hours of `entities`, as far as they are in `states`.
pub fn open_hours<'a>(states: &States, entities: impl IntoIterator<Item = &'a EntityId>) -> Open {
    let mut open = Open::new();
    for entity in entities {
        let hours = match entity.kind {
            EntityKind::Key => states.keys.get(&entity.id).map(|state| state.open_hours()),
            EntityKind::Principal => states.principals.get(&entity.id).map(|state| state.open_hours()),
            EntityKind::Account => None,
        };
        for hour in hours.into_iter().flatten() {
            open.entry(hour).or_default().insert(entity.clone());
        }
    }
    open
}

fn set_of(hour: i64, entity: &EntityId) -> String {
    set_name(hour, xxh3_64(entity.id.as_bytes()) % SHARDS)
}

fn set_name(hour: i64, shard: u64) -> String {
    format!("hour#{hour}#{shard:x}")
}

/// A member: the kind's letter, then the id.
pub(crate) fn member(entity: &EntityId) -> String {
    let kind = match entity.kind {
        EntityKind::Key => 'k',
        EntityKind::Principal => 'p',
        EntityKind::Account => 'a',
    };
    format!("{kind}{}", entity.id)
}

/// The entity of a [`member`].
pub(crate) fn entity(member: &str) -> Option<EntityId> {
    let kind = match member.get(..1)? {
        "k" => EntityKind::Key,
        "p" => EntityKind::Principal,
        "a" => EntityKind::Account,
        _ => return None,
    };
    Some(EntityId::new(kind, member.get(1..)?))
}

/// Notes that the entities have something in these hours. Their States must have been saved. Gives the number of
/// entries that found no place.
///
/// # Errors
/// As [`Store`]; then some may have been noted.
pub async fn note(store: &dyn Store, open: &Open) -> Result<u64, StoreError> {
    let mut wanted: BTreeMap<String, (i64, BTreeSet<String>)> = BTreeMap::new();
    for (hour, entities) in open {
        for entity in entities {
            let set = wanted.entry(set_of(*hour, entity)).or_insert_with(|| (*hour, BTreeSet::new()));
            set.1.insert(member(entity));
        }
    }
    if wanted.is_empty() {
        return Ok(0);
    }
    let names: Vec<String> = wanted.keys().cloned().collect();
    let read = sets::read(store, &names).await?;
    let nothing = BTreeSet::new();
    let changes = wanted.iter().zip(&read).map(|((name, (hour, add)), set)| {
        let expires = Timestamp(hour * HOUR + KEPT_DAYS * DAY);
        sets::change(store, set, Change { name, add, remove: &nothing, expires })
    });
    let mut left_out: u64 = try_join_all(changes).await?.into_iter().sum();
    // Read only now: whoever takes an hour out looks at its sets again afterwards, so that one of the two sees the
    // other.
    let hours = sets::read(store, &[HOURS.to_owned()]).await?.pop().unwrap_or_default();
    let add: BTreeSet<String> = open.keys().map(ToString::to_string).collect();
    let latest = open.keys().next_back().copied().unwrap_or_default();
    let expires = Timestamp(latest * HOUR + KEPT_DAYS * DAY);
    left_out +=
        sets::change(store, &hours, Change { name: HOURS, add: &add, remove: &nothing, expires }).await?;
    Ok(left_out)
}

/// The index as it was read.
#[derive(Debug, Default)]
pub struct Index {
    /// Entities by hour.
    pub open: Open,
    sets: BTreeMap<String, Set>,
    hours: Set,
}

impl Index {
    /// Reads the index up to an hour: what is later comes from records with a time in the future, and waits.
    ///
    /// # Errors
    /// As [`Store`], or a set that cannot be read.
    pub async fn read(store: &dyn Store, until: i64) -> Result<Index, StoreError> {
        let hours = sets::read(store, &[HOURS.to_owned()]).await?.pop().unwrap_or_default();
        let mut numbers: Vec<i64> = hours.members.iter().filter_map(|hour| hour.parse().ok()).collect();
        numbers.retain(|hour| *hour <= until);
        numbers.sort_unstable();
        numbers.truncate(MOST_HOURS);
        let places: Vec<(i64, String)> = numbers
            .iter()
            .flat_map(|hour| (0..SHARDS).map(|shard| (*hour, set_name(*hour, shard))))
            .collect();
        let names: Vec<String> = places.iter().map(|(_, name)| name.clone()).collect();
        let mut index = Index { hours, ..Index::default() };
        for ((hour, name), set) in places.into_iter().zip(sets::read(store, &names).await?) {
            let entities = index.open.entry(hour).or_default();
            entities.extend(set.members.iter().filter_map(|member| entity(member)));
            index.sets.insert(name, set);
        }
        Ok(index)
    }

    /// Takes entities out of an hour, and the hour itself if it is left empty.
    ///
    /// # Errors
    /// As [`Store`]; then some may have been taken out.
    pub async fn take_out(
        &mut self,
        store: &dyn Store,
        hour: i64,
        entities: &BTreeSet<EntityId>,
    ) -> Result<(), StoreError> {
        let mut gone: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for entity in entities {
            gone.entry(set_of(hour, entity)).or_default().insert(member(entity));
        }
        let (nothing, never) = (BTreeSet::new(), Set::default());
        let changes = gone.iter().map(|(name, remove)| {
            let set = self.sets.get(name).unwrap_or(&never);
            sets::change(store, set, Change { name, add: &nothing, remove, expires: Timestamp(0) })
        });
        try_join_all(changes).await?;
        // Somebody may have come since: what is there now decides.
        let names: Vec<String> = (0..SHARDS).map(|shard| set_name(hour, shard)).collect();
        let left = sets::read(store, &names).await?;
        if left.iter().all(|set| set.members.is_empty()) {
            let remove = BTreeSet::from([hour.to_string()]);
            let expires = Timestamp(0);
            let change = Change { name: HOURS, add: &nothing, remove: &remove, expires };
            sets::change(store, &self.hours, change).await?;
            self.hours = sets::read(store, &[HOURS.to_owned()]).await?.pop().unwrap_or_default();
            // A worker that came between both writes has seen the hour in its place: it stays for that one.
            let late = sets::read(store, &names).await?;
            if late.iter().any(|set| !set.members.is_empty()) {
                let again = Change { name: HOURS, add: &remove, remove: &nothing, expires };
                sets::change(store, &self.hours, again).await?;
            }
        }
        Ok(())
    }
}

/// A register that only grows, as an item: the newest moment of delivery.
pub(crate) mod clock {
    use super::{Store, StoreError, Timestamp, codec};
    use crate::backoff::Backoff;
    use crate::store::{Item, Put, Write};

    /// The item.
    pub(crate) const ITEM: &str = "estate#clock";

    /// What the item says.
    pub(crate) fn of(item: Option<&Item>) -> Result<Option<Timestamp>, StoreError> {
        item.map(|item| codec::read(ITEM, &item.body)).transpose()
    }

    /// Moves the clock on, never back. `read` is the item as it was read before.
    pub(crate) async fn advance(
        store: &dyn Store,
        read: Option<Item>,
        to: Timestamp,
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        let mut item = read;
        let mut backoff = Backoff::default();
        while of(item.as_ref())?.is_none_or(|shown| shown < to) {
            let version = item.as_ref().map(|item| item.version);
            let write = Write { name: ITEM.to_owned(), body: codec::write(&to), read: version, expires };
            match store.put(write).await {
                Ok(Put::Written) => return Ok(()),
                Ok(Put::Conflict) | Err(StoreError::Throttled) => {}
                Err(error) => return Err(error),
            }
            if !backoff.wait(store).await {
                return Err(StoreError::Contended(ITEM.to_owned()));
            }
            item = store.get(&[ITEM.to_owned()]).await?.into_iter().flatten().next();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStore;

    fn some(n: usize) -> BTreeSet<EntityId> {
        (0..n).map(|n| EntityId::new(EntityKind::Principal, format!("p{n}"))).collect()
    }

    #[tokio::test]
    async fn what_is_noted_is_read_until_it_is_taken_out() {
        let store = MemoryStore::default();
        let open = Open::from([(7, some(40)), (8, some(3))]);
        assert_eq!(note(&store, &open).await.unwrap(), 0);
        let writes = store.items();
        note(&store, &open).await.unwrap();
        assert_eq!(store.items(), writes, "noting again writes nothing");
        let mut index = Index::read(&store, 8).await.unwrap();
        assert_eq!(index.open, open);
        index.take_out(&store, 7, &some(39)).await.unwrap();
        let mut index = Index::read(&store, 8).await.unwrap();
        assert_eq!(index.open[&7].len(), 1);
        index.take_out(&store, 7, &some(40)).await.unwrap();
        assert_eq!(Index::read(&store, 8).await.unwrap().open, Open::from([(8, some(3))]));
        assert_eq!(Index::read(&store, 7).await.unwrap().open, Open::new());
    }

    #[tokio::test]
    async fn the_clock_only_goes_forward() {
        let store = MemoryStore::default();
        for to in [5, 9, 3] {
            clock::advance(&store, None, Timestamp(to), Timestamp(0)).await.unwrap();
        }
        let item = store.get(&[clock::ITEM.to_owned()]).await.unwrap().remove(0);
        assert_eq!(clock::of(item.as_ref()).unwrap(), Some(Timestamp(9)));
    }
}
