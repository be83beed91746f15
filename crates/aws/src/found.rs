//! What was found, kept for as long as an incident may need it.
//!
//! What States say is judged anew whenever it is needed, so that what they no longer support is no longer said: kept are
//! the names of the entities that have something to say (`found#entities`). What single events have shown is in no
//! State, and kept itself (`finding#ID`, and all ids in `found#events`). What is unusual is known to the closer alone,
//! which leaves its list for the others (`found#unusual`).
//!
//! `found#settled` holds the findings that have been considered for alerts, so that a worker that meets them again has
//! nothing to do. It is a saving: whoever does not find a finding there considers it again, and nothing more is told.

use crate::backoff::Backoff;
use crate::hours;
use crate::sets::{self, Change, Set};
use crate::store::{Item, Put, Store, StoreError, Write};
use futures_util::{StreamExt, TryStreamExt, stream};
use kmswatch_engine::finding::{Finding, stored};
use kmswatch_engine::state::stored::EntityId;
use kmswatch_engine::time::{DAY, Timestamp};
use std::collections::BTreeSet;

const EVENTS: &str = "found#events";
const ENTITIES: &str = "found#entities";
const SETTLED: &str = "found#settled";
const UNUSUAL: &str = "found#unusual";

/// Days for which a finding is kept after its item was last written, and days left at which it is renewed.
const KEPT_DAYS: i64 = 400;
const RENEWED_DAYS: i64 = 300;
/// Days for which the lists are kept after they last changed.
const LISTED_DAYS: i64 = 3_650;
/// Findings that are written side by side.
const WRITES: usize = 8;
/// Days after its last event at which a finding of single events can be taken off the list: more than
/// incidents last, and than what rules explain counts for what is usual.
const NEEDED_DAYS: i64 = 70;
/// Members of a list above which what is no longer needed is taken off.
const MANY: usize = 2_000;

fn item_of(id: &str) -> String {
    format!("finding#{id}")
}

/// Keeps what single events have shown, merged with what they have shown before. Gives the number that found no place.
///
/// # Errors
/// As [`Store`]; then some may have been kept.
pub(crate) async fn keep(store: &dyn Store, findings: &[Finding], now: Timestamp) -> Result<u64, StoreError> {
    if findings.is_empty() {
        return Ok(0);
    }
    let names: Vec<String> = findings.iter().map(|finding| item_of(&finding.id)).collect();
    let items = store.get(&names).await?;
    let writes: Vec<_> =
        findings.iter().zip(items).map(|(finding, item)| keep_one(store, finding, item, now)).collect();
    let kept: Vec<Option<String>> = stream::iter(writes).buffered(WRITES).try_collect().await?;
    let ids: BTreeSet<String> = kept.into_iter().flatten().collect();
    let left_out = findings.len() - ids.len();
    Ok(left_out as u64 + add(store, EVENTS, &ids, now).await?)
}

/// Keeps one finding; `None` if it is too long to be kept.
async fn keep_one(
    store: &dyn Store,
    finding: &Finding,
    read: Option<Item>,
    now: Timestamp,
) -> Result<Option<String>, StoreError> {
    let name = item_of(&finding.id);
    let mut item = read;
    let mut backoff = Backoff::default();
    loop {
        let mut both = finding.clone();
        for known in item.iter().map(|item| decode(&name, item)).collect::<Result<Vec<_>, _>>()? {
            known.into_iter().filter(|known| known.id == finding.id).for_each(|known| both.merge(known));
        }
        let Ok(body) = stored::encode(&[both]) else { return Ok(None) };
        let is_fresh = |item: &Item| item.body == body && item.expires >= now.plus(RENEWED_DAYS * DAY);
        if item.as_ref().is_some_and(is_fresh) {
            return Ok(Some(finding.id.clone()));
        }
        let (read, expires) = (item.as_ref().map(|item| item.version), now.plus(KEPT_DAYS * DAY));
        let error = match store.put(Write { name: name.clone(), body, read, expires }).await {
            Ok(Put::Written) => return Ok(Some(finding.id.clone())),
            Ok(Put::Conflict) => StoreError::Contended(name.clone()),
            Err(StoreError::Throttled) => StoreError::Throttled,
            Err(error) => return Err(error),
        };
        if !backoff.wait(store).await {
            return Err(error);
        }
        item = store.get(std::slice::from_ref(&name)).await?.into_iter().flatten().next();
    }
}

fn decode(name: &str, item: &Item) -> Result<Vec<Finding>, StoreError> {
    stored::decode(&item.body)
        .map_err(|error| StoreError::Unreadable { name: name.to_owned(), reason: error.to_string() })
}

async fn add(
    store: &dyn Store,
    name: &str,
    members: &BTreeSet<String>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    if members.is_empty() {
        return Ok(0);
    }
    let read = sets::read(store, &[name.to_owned()]).await?.pop().unwrap_or_default();
    let (nothing, expires) = (BTreeSet::new(), now.plus(LISTED_DAYS * DAY));
    sets::change(store, &read, Change { name, add: members, remove: &nothing, expires }).await
}

/// Notes entities whose States have something to say. Gives the number that found no place.
pub(crate) async fn note_entities(
    store: &dyn Store,
    entities: &BTreeSet<EntityId>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    add(store, ENTITIES, &entities.iter().map(hours::member).collect(), now).await
}

/// How a finding stands on the list of those that are settled: one that gets worse is another.
fn mark(finding: &Finding) -> String {
    format!("{}:{}", finding.id, finding.severity as usize)
}

/// Whether all of them have been considered for alerts.
pub(crate) async fn are_settled(store: &dyn Store, findings: &[Finding]) -> Result<bool, StoreError> {
    let set = sets::read(store, &[SETTLED.to_owned()]).await?.pop().unwrap_or_default();
    Ok(findings.iter().all(|finding| set.members.contains(&mark(finding))))
}

/// Notes that all of them have been considered.
pub(crate) async fn settle<'f>(
    store: &dyn Store,
    findings: impl Iterator<Item = &'f Finding>,
    now: Timestamp,
) -> Result<(), StoreError> {
    add(store, SETTLED, &findings.map(mark).collect(), now).await.map(|_| ())
}

/// Puts another list of what is unusual in the place of the one before. What does not fit an item is left out, the
/// oldest first.
pub(crate) async fn replace_unusual(
    store: &dyn Store,
    findings: &[Finding],
    now: Timestamp,
) -> Result<(), StoreError> {
    let item = store.get(&[UNUSUAL.to_owned()]).await?.into_iter().flatten().next();
    if item.is_none() && findings.is_empty() {
        return Ok(());
    }
    let mut newest_first: Vec<Finding> = findings.to_vec();
    newest_first.sort_by(|a, b| (b.time.end, &b.id).cmp(&(a.time.end, &a.id)));
    let body = loop {
        match stored::encode(&newest_first) {
            Ok(body) => break body,
            Err(_) => newest_first.truncate(newest_first.len() / 2),
        }
    };
    let expires = now.plus(LISTED_DAYS * DAY);
    if item.as_ref().is_some_and(|item| item.body == body) {
        return Ok(());
    }
    let read = item.map(|item| item.version);
    match store.put(Write { name: UNUSUAL.to_owned(), body, read, expires }).await? {
        Put::Written => Ok(()),
        // Another closer: its list is at least as new.
        Put::Conflict => Err(StoreError::Contended(UNUSUAL.to_owned())),
    }
}

/// What is kept, as it was read.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What single events have shown.
    pub(crate) events: Vec<Finding>,
    /// What is unusual, as the closer has left it.
    pub(crate) unusual: Vec<Finding>,
    /// Entities whose States have something to say.
    pub(crate) entities: BTreeSet<EntityId>,
    lists: [Set; 3],
}

impl Found {
    /// Reads everything. What a newer version has written in another form is left out.
    pub(crate) async fn read(store: &dyn Store) -> Result<Found, StoreError> {
        let names = [EVENTS, ENTITIES, SETTLED].map(str::to_owned);
        let mut lists = sets::read(store, &names).await?.into_iter();
        let lists = [(); 3].map(|()| lists.next().unwrap_or_default());
        let [events, entities, _] = &lists;
        let mut names: Vec<String> = events.members.iter().map(|id| item_of(id)).collect();
        names.push(UNUSUAL.to_owned());
        let mut found = Found {
            entities: entities.members.iter().filter_map(|member| hours::entity(member)).collect(),
            ..Found::default()
        };
        for (name, item) in names.iter().zip(store.get(&names).await?) {
            let read = item.map(|item| decode(name, &item)).transpose().unwrap_or_else(|error| {
                tracing::warn!(error = %error, "left out of incidents");
                None
            });
            let findings = read.unwrap_or_default();
            if name == UNUSUAL { found.unusual = findings } else { found.events.extend(findings) }
        }
        found.lists = lists;
        Ok(found)
    }

    /// Takes off the lists what is no longer needed, once they are long. `standing` is everything that stands now. An
    /// entity that gets something to say at this very moment may be missed: it is noted when it is next touched.
    pub(crate) async fn tidy(
        &self,
        store: &dyn Store,
        standing: &[Finding],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let nothing = BTreeSet::new();
        let oldest = now.plus(-NEEDED_DAYS * DAY);
        let needed: [BTreeSet<String>; 3] = [
            self.events.iter().filter(|finding| finding.time.end >= oldest).map(|f| f.id.clone()).collect(),
            standing.iter().flat_map(crate::live::entities_of).map(|entity| hours::member(&entity)).collect(),
            standing.iter().map(mark).collect(),
        ];
        for ((name, set), needed) in [EVENTS, ENTITIES, SETTLED].iter().zip(&self.lists).zip(&needed) {
            if set.members.len() <= MANY {
                continue;
            }
            let remove: BTreeSet<String> = set.members.difference(needed).cloned().collect();
            let change = Change { name, add: &nothing, remove: &remove, expires: Timestamp(0) };
            sets::change(store, set, change).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::testing::finding;
    use crate::memory::MemoryStore;
    use kmswatch_engine::finding::Severity;

    const NOW: Timestamp = Timestamp(1_770_000_100);

    #[tokio::test]
    async fn findings_kept_by_many_at_once_are_united() {
        let store = std::sync::Arc::new(MemoryStore::default());
        let mut writers = tokio::task::JoinSet::new();
        for n in 0..8 {
            let store = std::sync::Arc::clone(&store);
            writers.spawn(async move {
                let mut one = finding("kw-1", Severity::High, "words");
                one.evidence.add(Timestamp(1_770_000_000 + n), &format!("e{n}"));
                keep(store.as_ref(), &[one], NOW).await.unwrap()
            });
        }
        assert_eq!(writers.join_all().await.into_iter().sum::<u64>(), 0);
        let found = Found::read(store.as_ref()).await.unwrap();
        assert_eq!(found.events.len(), 1);
        assert_eq!(found.events[0].evidence.count, 8);
        let before = store.items();
        keep(store.as_ref(), &found.events, NOW).await.unwrap();
        assert_eq!(store.items(), before, "keeping again writes nothing");
    }

    #[tokio::test]
    async fn a_finding_that_gets_worse_is_not_settled() {
        let store = MemoryStore::default();
        let [low, high] = [Severity::Low, Severity::High].map(|severity| finding("kw-1", severity, "words"));
        assert!(!are_settled(&store, std::slice::from_ref(&low)).await.unwrap());
        settle(&store, [&low].into_iter(), NOW).await.unwrap();
        assert!(are_settled(&store, &[low]).await.unwrap());
        assert!(!are_settled(&store, &[high]).await.unwrap());
    }

    #[tokio::test]
    async fn what_is_unusual_is_what_the_closer_said_last() {
        let store = MemoryStore::default();
        replace_unusual(&store, &[], NOW).await.unwrap();
        assert!(store.items().is_empty());
        for id in ["kw-1", "kw-2"] {
            replace_unusual(&store, &[finding(id, Severity::High, "words")], NOW).await.unwrap();
        }
        let found = Found::read(&store).await.unwrap();
        assert_eq!(found.unusual.iter().map(|finding| finding.id.as_str()).collect::<Vec<_>>(), ["kw-2"]);
    }
}
