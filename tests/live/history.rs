//! A table that was seeded with a history is as if everything had come live, but for what nobody was told.

use crate::closing::{days, is_unusual, left_by_the_closer, of_ids};
use crate::logs::{Log, messages};
use crate::world::{World, deliver, settings};
use kmswatch_aws::failing::{Failing, Failure, Plan};
use kmswatch_aws::history::SeedError;
use kmswatch_aws::live::{Live, Ports};
use kmswatch_engine::estate::Estate;
use kmswatch_engine::pipeline::{Filter, Watch, Worker};
use kmswatch_engine::time::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Deliveries that are history.
const PAST: usize = 26;

fn read(watch: &mut Watch, worker: &mut Worker, delivered: Timestamp, logs: &[Log]) {
    let estate = Estate::new(settings().engine);
    for (_, bytes) in logs {
        watch.absorb(worker.process(bytes.as_slice(), &estate, &Filter::default()));
    }
    watch.advance(delivered);
}

/// A pipeline that learns, over ports that fail as planned.
fn silent(world: &World, plan: &Arc<Plan>) -> Live {
    let store = Arc::new(Failing::new(Arc::clone(&world.store), Arc::clone(plan)));
    let objects = Arc::clone(&world.objects);
    let clock = Arc::clone(&world.clock);
    Live::silent(Ports { objects, store, sinks: Vec::new(), clock }, world.settings.clone(), "history")
}

#[tokio::test]
async fn after_a_history_live_goes_on_as_a_replay_of_both() {
    let days = days();
    let all: Vec<Log> = days.values().flatten().cloned().collect();
    let world = World::holding("2026-03-02T00:00:00Z", &all);
    let (mut watch, mut worker) = (Watch::new(Estate::new(settings().engine)), Worker::default());
    for (delivered, logs) in days.iter().take(PAST) {
        world.clock.set(*delivered);
        read(&mut watch, &mut worker, *delivered, logs);
    }
    let calm = Plan::new(0, Failure::Instead);
    let seeded = silent(&world, &calm).seed(&watch).await.unwrap();
    assert_eq!(seeded.entities, watch.states().ids().count());
    let past: BTreeSet<String> =
        world.incidents(watch.findings()).into_iter().map(|known| known.id).collect();
    for (delivered, logs) in days.iter().skip(PAST) {
        world.clock.set(*delivered);
        deliver(&world.live("worker"), &messages(logs)).await;
        assert_eq!(world.live("closer").close(None).await.outcome, Ok(()));
        read(&mut watch, &mut worker, *delivered, logs);
        let findings = watch.findings();
        let unusual = of_ids(findings.iter().filter(|finding| is_unusual(finding)));
        assert_eq!(left_by_the_closer(&world), unusual);
    }
    assert!(!left_by_the_closer(&world).is_empty(), "nothing was unusual: this shows nothing");
    let stored = world.stored();
    for entity in watch.states().ids() {
        let body = watch.states().encode(&entity).unwrap().unwrap();
        assert_eq!(stored.get(&kmswatch_aws::entities::item_of(&entity)), Some(&body), "{entity}");
    }
    let alerts = world.sinks[0].alerts();
    assert!(!alerts.is_empty());
    for alert in alerts {
        let is_known = past.contains(&alert.id) && alert.reasons.contains("opened");
        assert!(!is_known, "told of the past: {}", alert.text);
    }
}

#[tokio::test]
async fn seeding_that_dies_at_any_call_is_finished_by_seeding_again() {
    let days = days();
    let (mut watch, mut worker) = (Watch::new(Estate::new(settings().engine)), Worker::default());
    for (delivered, logs) in days.iter().take(3) {
        read(&mut watch, &mut worker, *delivered, logs);
    }
    let wanted = World::at("2026-05-10T00:00:00Z");
    let counting = Plan::new(0, Failure::Instead);
    silent(&wanted, &counting).seed(&watch).await.unwrap();
    for at in (1..=counting.calls()).step_by(7) {
        let world = World::at("2026-05-10T00:00:00Z");
        let plan = Plan::new(at, Failure::DiesAfter);
        assert!(silent(&world, &plan).seed(&watch).await.is_err(), "at {at}");
        let again = Plan::new(0, Failure::Instead);
        silent(&world, &again).seed(&watch).await.unwrap();
        assert_eq!(world.stored(), wanted.stored(), "at {at}");
    }
}

#[tokio::test]
async fn a_table_that_has_judged_is_not_seeded() {
    let days = days();
    let (mut watch, mut worker) = (Watch::new(Estate::new(settings().engine)), Worker::default());
    let world = World::at("2026-05-10T00:00:00Z");
    for (at, (delivered, logs)) in days.iter().take(4).enumerate() {
        read(&mut watch, &mut worker, *delivered, logs);
        let done = silent(&world, &Plan::new(0, Failure::Instead)).seed(&watch).await;
        assert_eq!(done.is_ok(), at == 0, "{done:?}");
        assert!(at == 0 || done == Err(SeedError::Judged));
    }
}
