//! States that many write at once, and States that cannot be written.

use super::*;
use crate::failing::{Failing, Failure, Plan};
use crate::memory::MemoryStore;
use crate::store::LARGEST_BODY;
use kmswatch_engine::state::stored::EntityKind;
use kmswatch_engine::state::{AccountState, Merge};
use std::sync::Arc;

const NOW: Timestamp = Timestamp(1_777_890_000);

fn account(id: &str) -> EntityId {
    EntityId::new(EntityKind::Account, id)
}

/// States in which one account has been active in one Region.
fn active(id: &str, region: &str) -> States {
    let mut state = AccountState::default();
    state.regions.note(region, "", NOW);
    let mut states = States::default();
    states.accounts.insert(id.to_owned(), state);
    states
}

async fn add(store: &dyn Store, id: &str, region: &str) -> Saves {
    let mut known = Known::default();
    known.load(store, [account(id)]).await.unwrap();
    known.states.merge(&active(id, region));
    known.save(store, [account(id)], NOW).await
}

async fn regions(store: &dyn Store, id: &str) -> usize {
    let mut known = Known::default();
    known.load(store, [account(id)]).await.unwrap();
    known.states.accounts[id].regions.iter().count()
}

#[tokio::test]
async fn of_sixteen_writers_of_one_state_none_loses_anything() {
    let store = Arc::new(MemoryStore::default());
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..16 {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            let mut conflicts = 0;
            // The State keeps 64 Regions: each writer adds four, and says them again and again.
            for n in 0..63 {
                let saves = add(store.as_ref(), "a", &format!("r{}", writer * 4 + n % 4)).await;
                assert!(saves.failed.is_empty(), "{:?}", saves.failed);
                conflicts += saves.conflicts;
            }
            conflicts
        });
    }
    let conflicts: u64 = writers.join_all().await.into_iter().sum();
    assert!(conflicts > 0, "nobody met anybody: this shows nothing");
    assert_eq!(regions(store.as_ref(), "a").await, 64);
}

#[tokio::test]
async fn what_did_not_change_is_not_written() {
    let store = MemoryStore::default();
    assert_eq!(add(&store, "a", "r1").await.written, 1);
    let items = store.items();
    assert_eq!(add(&store, "a", "r1").await.written, 0);
    assert_eq!(store.items(), items);
}

#[tokio::test]
async fn a_state_that_nobody_changes_is_renewed_before_it_is_forgotten() {
    let store = MemoryStore::default();
    add(&store, "a", "r1").await;
    let mut known = Known::default();
    known.load(&store, [account("a")]).await.unwrap();
    let later = NOW.plus(200 * DAY);
    assert_eq!(known.save(&store, [account("a")], later).await.written, 1);
    assert_eq!(store.items()["account#a"].expires, later.plus(KEPT_DAYS * DAY));
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_found_done() {
    let store = Arc::new(MemoryStore::default());
    let failing = Failing::new(Arc::clone(&store), Plan::new(2, Failure::DiesAfter));
    assert_eq!(add(&failing, "a", "r1").await.failed.len(), 1);
    assert_eq!(add(store.as_ref(), "a", "r1").await.written, 0);
    assert_eq!(regions(store.as_ref(), "a").await, 1);
}

#[tokio::test]
async fn a_state_of_a_later_version_is_left_alone() {
    let store = MemoryStore::default();
    let body = vec![200, 1, 2, 3];
    let write = Write { name: "account#a".into(), body: body.clone(), read: None, expires: NOW };
    store.put(write).await.unwrap();
    let saves = add(&store, "a", "r1").await;
    let error = saves.failed[&account("a")].to_string();
    assert!(error.contains("update kmswatch"), "{error}");
    assert_eq!(store.items()["account#a"].body, body);
    // Another entity in the same batch is saved.
    let mut known = Known::default();
    known.load(&store, [account("a"), account("b")]).await.unwrap();
    known.states.merge(&active("a", "r1"));
    known.states.merge(&active("b", "r1"));
    let saves = known.save(&store, [account("a"), account("b")], NOW).await;
    assert_eq!((saves.written, saves.failed.len()), (1, 1));
}

#[tokio::test]
async fn an_item_that_no_table_takes_is_refused_before_it_is_sent() {
    let store = MemoryStore::default();
    let write = |bytes| Write { name: "x".into(), body: vec![0; bytes], read: None, expires: NOW };
    assert!(matches!(store.put(write(LARGEST_BODY + 1)).await, Err(StoreError::TooLarge { .. })));
    assert!(store.items().is_empty());
    assert_eq!(store.put(write(LARGEST_BODY)).await, Ok(Put::Written));
}

#[test]
fn names_of_items_are_bounded_and_tell_ids_apart() {
    let long = "x".repeat(5_000);
    let names = [item_name("key", &long), item_name("key", &(long.clone() + "y")), item_name("key", "x")];
    assert!(names.iter().all(|name| name.len() < 2_048));
    assert_eq!(BTreeSet::from_iter(&names).len(), 3);
}
