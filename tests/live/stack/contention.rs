//! Sixteen writers of one item, over the real adapter of DynamoDB: nothing is lost.

use super::{Emulator, clients, stored};
use crate::logs::{KEY, decrypt, log};
use crate::world::settings;
use kmswatch_aws::entities::{Known, item_of};
use kmswatch_aws::settings::LiveSettings;
use kmswatch_engine::estate::Estate;
use kmswatch_engine::pipeline::{Filter, Watch, Worker};
use kmswatch_engine::state::stored::{EntityId, EntityKind};
use kmswatch_engine::state::{Merge, States};
use kmswatch_engine::time::Timestamp;

const TABLE: &str = "hot";
const WRITERS: u32 = 16;
/// Updates of one writer.
const UPDATES: u32 = 63;
const NOW: Timestamp = Timestamp(1_777_890_600);

/// What one call on the key adds to its State.
fn delta(n: u32) -> States {
    let time = format!("2026-05-04T10:{:02}:{:02}Z", n / 60, n % 60);
    let mut watch = Watch::new(Estate::new(settings().engine));
    let (bytes, estate) = (log(&[decrypt(n, &time)]), Estate::new(settings().engine));
    watch.absorb(Worker::default().process(bytes.as_slice(), &estate, &Filter::default()));
    watch.states().clone()
}

#[tokio::test]
async fn of_sixteen_writers_of_one_item_of_dynamodb_none_loses_an_update() {
    let emulator = Emulator::start();
    emulator.drive(&["table", TABLE, "forever"], "").unwrap();
    let key = EntityId::new(EntityKind::Key, KEY);
    let mut all = States::default();
    (0..WRITERS * UPDATES).for_each(|n| all.merge(&delta(n)));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        // Each with connections of its own, as functions are.
        let (clients, key) = (clients(&emulator).await, key.clone());
        writers.spawn(async move {
            let store = clients.ports(&LiveSettings { table: TABLE.to_owned(), ..settings() }).store;
            let (mut conflicts, mut again) = (0, 0);
            for n in 0..UPDATES {
                // One that met others too often is given back, and comes again.
                loop {
                    let mut known = Known::default();
                    known.load(store.as_ref(), [key.clone()]).await.unwrap();
                    known.states.merge(&delta(n * WRITERS + writer));
                    let saves = known.save(store.as_ref(), [key.clone()], NOW).await;
                    conflicts += saves.conflicts;
                    if saves.failed.is_empty() {
                        break;
                    }
                    again += 1;
                }
            }
            (conflicts, again)
        });
    }
    let (conflicts, again) =
        writers.join_all().await.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    println!(
        "{WRITERS} writers of one item of DynamoDB, {} updates: {conflicts} writes repeated, {again} updates given back",
        WRITERS * UPDATES
    );
    assert!(conflicts > 0, "nobody met anybody: this shows nothing");
    let stored = stored(&clients(&emulator).await, TABLE).await;
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[&item_of(&key)], all.encode(&key).unwrap().unwrap());
}
