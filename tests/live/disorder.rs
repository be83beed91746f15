//! Repetition and disorder: however objects come, and to whomever, the outcome is the same.

use crate::logs::{notification, story};
use crate::world::{World, deliver, settings, task};
use kmswatch_aws::live::Task;
use kmswatch_engine::estate::Estate;
use kmswatch_engine::finding::FindingKind;
use kmswatch_engine::pipeline::{Filter, Watch, Worker};
use std::collections::BTreeSet;
use std::sync::Arc;

const NOW: &str = "2026-03-04T00:00:00Z";

/// What a replay of the same objects finds, by rules and facts.
fn replayed(objects: &[(kmswatch_aws::objects::ObjectRef, Vec<u8>)]) -> BTreeSet<String> {
    let mut watch = Watch::new(Estate::new(settings().engine));
    let declared = Estate::new(settings().engine);
    let mut worker = Worker::default();
    for (_, bytes) in objects {
        let outcome = worker.process(bytes.as_slice(), &declared, &Filter::default());
        watch.absorb(outcome);
    }
    let mut findings = watch.findings();
    let least = settings().min_severity;
    findings.retain(|finding| finding.kind != FindingKind::Rate && finding.severity >= least);
    findings.into_iter().map(|finding| finding.id).collect()
}

#[tokio::test]
async fn eight_workers_in_disorder_with_repetition_find_what_a_replay_finds() {
    let objects = story();
    let expected = replayed(&objects);
    assert!(expected.len() >= 3, "the story shows too little: {expected:?}");
    let in_order = World::holding(NOW, &objects);
    for (object, _) in &objects {
        deliver(&in_order.live("w0"), &[task("m", &notification(&[object]))]).await;
    }
    assert_eq!(in_order.told(), [expected.clone(), expected.clone()]);

    let world = Arc::new(World::holding(NOW, &objects));
    // Every object twice, shuffled by a fixed rule, in batches of one to five, over eight workers at once.
    let mut order: Vec<usize> = (0..objects.len() * 2).collect();
    order.sort_by_key(|n| (n * 7_919 + 13) % 10_007);
    let tasks: Vec<Task> = order
        .iter()
        .map(|n| task(&format!("m{n}"), &notification(&[&objects[n % objects.len()].0])))
        .collect();
    let mut batches: Vec<Vec<Task>> = Vec::new();
    let mut left = tasks.as_slice();
    while !left.is_empty() {
        let (batch, rest) = left.split_at(left.len().min(1 + batches.len() % 5));
        batches.push(batch.to_vec());
        left = rest;
    }
    let mut workers = tokio::task::JoinSet::new();
    for n in 0..8 {
        let mine: Vec<Vec<Task>> = batches.iter().skip(n).step_by(8).cloned().collect();
        let world = Arc::clone(&world);
        workers.spawn(async move {
            let live = world.live(&format!("w{n}"));
            for batch in mine {
                deliver(&live, &batch).await;
            }
        });
    }
    workers.join_all().await;
    // What was true of the half that was known by then may be told, too: that a key is needed and cannot be used,
    // before the act that took it away has come. Nothing else, and nothing twice.
    for sink in &world.sinks {
        let mut told = BTreeSet::new();
        for alert in sink.alerts() {
            let early = alert.detector == "unusable_key_used" && !expected.contains(&alert.id);
            assert!(early || expected.contains(&alert.id), "{}", alert.text);
            assert!(told.insert((alert.id.clone(), alert.severity)), "twice: {}", alert.text);
        }
    }
    assert!(world.told().iter().all(|told| told.is_superset(&expected)), "{:?}", world.told());
    let (got, wanted) = (world.stored(), in_order.stored());
    assert_eq!(got.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    for (name, body) in &wanted {
        assert_eq!(&got[name], body, "{name}");
    }
}
