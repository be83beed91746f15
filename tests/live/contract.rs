//! What every implementation of a port promises: run on the one in memory and on the one on AWS.

use crate::logs::{KEY, deletion, log};
use kmswatch_alerts::Context;
use kmswatch_aws::alert::Alert;
use kmswatch_aws::memory::{MemoryQueue, MemoryStore};
use kmswatch_aws::queue::{Message, Queue};
use kmswatch_aws::store::{Item, LARGEST_BODY, Put, Store, StoreError, Write};
use kmswatch_engine::estate::Estate;
use kmswatch_engine::finding::Finding;
use kmswatch_engine::incident::{Member, incidents};
use kmswatch_engine::pipeline::{Filter, Watch, Worker};
use kmswatch_engine::settings::Settings;
use kmswatch_engine::time::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

const LATER: Timestamp = Timestamp(4_000_000_000);

fn write(name: &str, body: &[u8], read: Option<u64>) -> Write {
    Write { name: format!("contract#{name}"), body: body.to_vec(), read, expires: LATER }
}

async fn get(store: &dyn Store, names: &[&str]) -> Vec<Option<Item>> {
    let names: Vec<String> = names.iter().map(|name| format!("contract#{name}")).collect();
    store.get(&names).await.unwrap()
}

pub(crate) async fn of_a_store(store: &dyn Store) {
    assert_eq!(store.get(&[]).await, Ok(Vec::new()));
    assert_eq!(store.put(write("a", b"one", None)).await, Ok(Put::Written));
    assert_eq!(store.put(write("a", b"two", None)).await, Ok(Put::Conflict), "it exists");
    assert_eq!(store.put(write("b", b"two", Some(1))).await, Ok(Put::Conflict), "it does not exist");
    let one = Item { body: b"one".to_vec(), version: 1, expires: LATER };
    assert_eq!(get(store, &["b", "a", "a"]).await, [None, Some(one.clone()), Some(one)]);
    assert_eq!(store.put(write("a", b"two", Some(1))).await, Ok(Put::Written));
    assert_eq!(store.put(write("a", b"three", Some(1))).await, Ok(Put::Conflict), "it was read before");
    assert_eq!(
        get(store, &["a"]).await.remove(0).map(|item| (item.body, item.version)),
        Some((b"two".to_vec(), 2))
    );

    // More than one request takes, in the order that was asked for, of names as they come out of logs.
    let names: Vec<String> = (0..130).map(|n| format!("many \"{n}\" é#\u{7f}")).collect();
    for name in names.iter().step_by(2) {
        assert_eq!(store.put(write(name, name.as_bytes(), None)).await, Ok(Put::Written));
    }
    let found = get(store, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for (n, (name, item)) in names.iter().zip(found).enumerate() {
        assert_eq!(item.map(|item| item.body), (n % 2 == 0).then(|| name.as_bytes().to_vec()), "{name}");
    }

    let noise: Vec<u8> =
        (0..=LARGEST_BODY as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let largest = &noise[..LARGEST_BODY];
    assert!(matches!(store.put(write("c", &noise, None)).await, Err(StoreError::TooLarge { .. })));
    assert_eq!(store.put(write("c", largest, None)).await, Ok(Put::Written));
    assert_eq!(get(store, &["c"]).await.remove(0).map(|item| item.body == largest), Some(true));
}

/// Alerts about incidents of made-up logs, each with an id of its own.
pub(crate) fn some_alerts(n: u32) -> Vec<Alert> {
    let mut watch = Watch::new(Estate::default());
    let events: Vec<Value> = (0..n)
        .map(|n| {
            let mut event = deletion(n, "2026-05-04T10:15:42Z");
            event["resources"][0]["ARN"] = format!("{}{n:04}", &KEY[..KEY.len() - 4]).into();
            event
        })
        .collect();
    let bytes = log(&events);
    watch.absorb(Worker::default().process(bytes.as_slice(), &Estate::default(), &Filter::default()));
    let findings = watch.findings();
    let alerts = findings.iter().filter(|finding| finding.detector == "key_deletion_scheduled");
    let alone = |finding: &Finding| {
        let member = Member { finding: finding.clone(), muted: false };
        incidents([member], &Settings::default(), Timestamp(1_777_890_000), &BTreeSet::new()).remove(0)
    };
    let opened = BTreeSet::from(["opened".to_owned()]);
    alerts.map(|finding| Alert::of(&alone(finding), &opened, &Context::default())).collect()
}

/// Ids of alerts.
pub(crate) fn ids(alerts: &[Value]) -> BTreeSet<&str> {
    alerts.iter().filter_map(|alert| alert["id"].as_str()).collect()
}

pub(crate) async fn of_a_queue(queue: &dyn Queue, send: impl AsyncFn(&str)) {
    for n in 0..3 {
        send(&format!("message {n}")).await;
    }
    let mut taken: Vec<Message> = Vec::new();
    while taken.len() < 3 {
        taken.extend(queue.receive().await.unwrap());
    }
    let ids: BTreeSet<&str> = taken.iter().map(|message| message.id.as_str()).collect();
    let bodies: BTreeSet<&str> = taken.iter().map(|message| message.body.as_str()).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(bodies, BTreeSet::from(["message 0", "message 1", "message 2"]));
    queue.acknowledge(&[]).await.unwrap();
    queue.acknowledge(&taken[..2]).await.unwrap();
    queue.give_back(&taken[2..], Duration::ZERO).await.unwrap();
    let again = queue.receive().await.unwrap();
    assert_eq!(again.iter().map(|message| &message.id).collect::<Vec<_>>(), [&taken[2].id]);
    queue.acknowledge(&again).await.unwrap();
}

#[tokio::test]
async fn the_ports_in_memory_promise_what_those_on_aws_do() {
    of_a_store(&MemoryStore::default()).await;
    let queue = MemoryQueue::default();
    of_a_queue(&queue, async |body: &str| queue.send(body)).await;
    assert_eq!(queue.left(), 0);
}
