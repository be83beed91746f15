//! Small sets of names as items of the table: they grow by union, and members leave one by one.

use crate::backoff::Backoff;
use crate::codec;
use crate::store::{Item, Put, Store, StoreError, Write};
use kmswatch_engine::time::Timestamp;
use std::collections::BTreeSet;

/// Bytes of all members at most. What would not fit is left out, and told.
const BYTES: usize = 300_000;

/// A set as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Set {
    /// Its members.
    pub(crate) members: BTreeSet<String>,
    version: Option<u64>,
    expires: Timestamp,
}

impl Set {
    fn of(name: &str, item: Option<Item>) -> Result<Set, StoreError> {
        let Some(item) = item else { return Ok(Set::default()) };
        let members = codec::read(name, &item.body)?;
        Ok(Set { members, version: Some(item.version), expires: item.expires })
    }
}

/// Reads sets; one that does not exist is empty.
pub(crate) async fn read(store: &dyn Store, names: &[String]) -> Result<Vec<Set>, StoreError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let items = store.get(names).await?;
    names.iter().zip(items).map(|(name, item)| Set::of(name, item)).collect()
}

/// How a set is changed.
pub(crate) struct Change<'a> {
    /// Name of the item.
    pub(crate) name: &'a str,
    /// Members to add.
    pub(crate) add: &'a BTreeSet<String>,
    /// Members to take out.
    pub(crate) remove: &'a BTreeSet<String>,
    /// When the set may be forgotten, if later than before.
    pub(crate) expires: Timestamp,
}

impl Change<'_> {
    /// The set after the change, and how many members found no place.
    fn apply(&self, set: &Set) -> (BTreeSet<String>, u64) {
        let mut members: BTreeSet<String> = set.members.difference(self.remove).cloned().collect();
        let mut bytes: usize = members.iter().map(|member| member.len() + 3).sum();
        let mut left_out = 0;
        for member in self.add {
            if members.contains(member) {
                continue;
            }
            if bytes + member.len() + 3 > BYTES {
                left_out += 1;
                continue;
            }
            bytes += member.len() + 3;
            members.insert(member.clone());
        }
        (members, left_out)
    }
}

/// Changes a set, whoever else does so at the same time. `read` is the set as it was read before. Gives the number of
/// members that found no place.
pub(crate) async fn change(store: &dyn Store, read: &Set, change: Change<'_>) -> Result<u64, StoreError> {
    let mut set = read.clone();
    let mut backoff = Backoff::default();
    loop {
        let (members, left_out) = change.apply(&set);
        if members == set.members {
            return Ok(left_out);
        }
        let write = Write {
            name: change.name.to_owned(),
            body: codec::write(&members),
            read: set.version,
            expires: set.expires.max(change.expires),
        };
        let error = match store.put(write).await {
            Ok(Put::Written) => return Ok(left_out),
            Ok(Put::Conflict) => StoreError::Contended(change.name.to_owned()),
            Err(StoreError::Throttled) => StoreError::Throttled,
            Err(error) => return Err(error),
        };
        if !backoff.wait(store).await {
            return Err(error);
        }
        let item = store.get(&[change.name.to_owned()]).await?.into_iter().flatten().next();
        set = Set::of(change.name, item)?;
    }
}

/// Puts other members into the place of those that were read, if nobody else has changed the set since.
pub(crate) async fn replace(
    store: &dyn Store,
    name: &str,
    read: &Set,
    members: BTreeSet<String>,
    expires: Timestamp,
) -> Result<Put, StoreError> {
    if members == read.members {
        return Ok(Put::Written);
    }
    let body = codec::write(&members);
    store.put(Write { name: name.to_owned(), body, read: read.version, expires }).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryStore;
    use std::sync::Arc;

    fn names(names: impl IntoIterator<Item = String>) -> BTreeSet<String> {
        names.into_iter().collect()
    }

    async fn add(store: &dyn Store, members: &BTreeSet<String>) -> u64 {
        let change_ = Change { name: "s", add: members, remove: &BTreeSet::new(), expires: Timestamp(9) };
        change(store, &Set::default(), change_).await.unwrap()
    }

    #[tokio::test]
    async fn members_added_by_many_at_once_are_all_there() {
        let store = Arc::new(MemoryStore::default());
        let mut writers = tokio::task::JoinSet::new();
        for n in 0..20 {
            let store = Arc::clone(&store);
            writers.spawn(async move { add(store.as_ref(), &names([format!("m{n}")])).await });
        }
        writers.join_all().await;
        let set = read(store.as_ref(), &["s".to_owned()]).await.unwrap().remove(0);
        assert_eq!(set.members.len(), 20);
        let out = names(["m3".to_owned(), "other".to_owned()]);
        let gone = Change { name: "s", add: &BTreeSet::new(), remove: &out, expires: Timestamp(0) };
        change(store.as_ref(), &set, gone).await.unwrap();
        let set = read(store.as_ref(), &["s".to_owned()]).await.unwrap().remove(0);
        assert_eq!(set.members.len(), 19);
    }

    #[tokio::test]
    async fn a_set_is_bounded_and_tells_what_it_left_out() {
        let store = MemoryStore::default();
        let many = names((0..400).map(|n| format!("{n:0>1000}")));
        let left_out = add(&store, &many).await;
        assert_eq!(left_out, 400 - 299);
        assert_eq!(add(&store, &many).await, left_out, "adding again changes nothing");
    }
}
