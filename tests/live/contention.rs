//! Sixteen writers and one hot key: nothing is lost, and the States are those of one writer, to the byte.

use crate::logs::{Log, decrypt, log, messages, object};
use crate::world::{World, deliver};
use kmswatch_aws::metrics;
use std::sync::Arc;

const NOW: &str = "2026-05-04T10:30:00Z";
const WRITERS: usize = 16;
const UPDATES: u32 = 1_008;

#[tokio::test]
async fn of_sixteen_writers_of_the_same_states_none_loses_an_event() {
    // Each object holds one call, by the same principal on the same key in the same hour.
    let time = |n: u32| format!("2026-05-04T10:{:02}:{:02}Z", n / 60, n % 60);
    let logs: Vec<Log> =
        (0..UPDATES).map(|n| (object("20260504T1020Z", n), log(&[decrypt(n, &time(n))]))).collect();
    let world = Arc::new(World::holding(NOW, &logs));
    let alone = world.copy();
    for some in messages(&logs).chunks(100) {
        deliver(&alone.live("alone"), some).await;
    }
    let mut writers = tokio::task::JoinSet::new();
    for n in 0..WRITERS {
        let mine: Vec<Log> = logs.iter().skip(n).step_by(WRITERS).cloned().collect();
        let world = Arc::clone(&world);
        writers.spawn(async move {
            let live = world.live(&format!("w{n}"));
            let mut conflicts = 0;
            for message in messages(&mine).chunks(1) {
                conflicts += deliver(&live, message).await.counts.get(metrics::CONFLICTS);
            }
            conflicts
        });
    }
    let conflicts: u64 = writers.join_all().await.into_iter().sum();
    println!("{WRITERS} writers, {UPDATES} updates, {conflicts} writes repeated");
    assert!(conflicts > 0, "nobody met anybody: this shows nothing");
    let (got, wanted) = (world.stored(), alone.stored());
    assert_eq!(got.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    for (name, body) in &wanted {
        assert_eq!(&got[name], body, "{name}");
    }
}
