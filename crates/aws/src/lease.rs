//! One at a time: a lease that runs out if its holder dies.
//!
//! It saves work and avoids conflicts. What must not happen twice is guarded by the versions of items, not by this.

use crate::codec;
use crate::store::{Put, Store, StoreError, Write};
use kmswatch_engine::time::{DAY, Timestamp};
use serde::{Deserialize, Serialize};

/// Who holds it, until when in seconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    owner: String,
    until: i64,
}

/// A lease that is held.
#[derive(Debug)]
pub(crate) struct Lease {
    name: String,
    version: u64,
}

impl Lease {
    /// Takes the lease for some seconds; `None` if somebody else holds it.
    pub(crate) async fn take(
        store: &dyn Store,
        name: &str,
        owner: &str,
        now: Timestamp,
        seconds: i64,
    ) -> Result<Option<Lease>, StoreError> {
        let item = store.get(&[name.to_owned()]).await?.into_iter().flatten().next();
        let held = item.as_ref().map(|item| codec::read::<Held>(name, &item.body)).transpose()?;
        if held.is_some_and(|held| held.owner != owner && held.until > now.0) {
            return Ok(None);
        }
        let held = Held { owner: owner.to_owned(), until: now.0.saturating_add(seconds) };
        let read = item.map(|item| item.version);
        let put = put(store, name, &held, read, now).await?;
        let version = read.unwrap_or(0) + 1;
        Ok((put == Put::Written).then(|| Lease { name: name.to_owned(), version }))
    }

    /// Gives it back. If it ran out meanwhile, whoever holds it now keeps it.
    pub(crate) async fn give_back(self, store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
        put(store, &self.name, &Held::default(), Some(self.version), now).await.map(|_| ())
    }
}

async fn put(
    store: &dyn Store,
    name: &str,
    held: &Held,
    read: Option<u64>,
    now: Timestamp,
) -> Result<Put, StoreError> {
    let write = Write { name: name.to_owned(), body: codec::write(held), read, expires: now.plus(30 * DAY) };
    store.put(write).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStore;

    #[tokio::test]
    async fn one_holds_it_until_it_is_given_back_or_runs_out() {
        let store = MemoryStore::default();
        let take =
            async |owner: &str, now| Lease::take(&store, "l", owner, Timestamp(now), 60).await.unwrap();
        let first = take("a", 0).await.unwrap();
        assert!(take("b", 10).await.is_none());
        first.give_back(&store, Timestamp(11)).await.unwrap();
        let second = take("b", 12).await;
        assert!(second.is_some());
        assert!(take("a", 71).await.is_none());
        assert!(take("a", 72).await.is_some());
        second.unwrap().give_back(&store, Timestamp(73)).await.unwrap();
        assert!(take("c", 74).await.is_none(), "who lost it cannot give it back");
    }
}
