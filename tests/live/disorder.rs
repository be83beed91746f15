//! Repetition and disorder: however objects come, and to whomever, the outcome is the same.

use crate::logs::{Log, notification, story};
use crate::world::{World, by_rules_and_facts, deliver, ids, settings, task};
use kmswatch_aws::alert::Alert;
use kmswatch_aws::live::Task;
use kmswatch_aws::memory::MemorySink;
use kmswatch_engine::estate::Estate;
use kmswatch_engine::finding::{Finding, stored};
use kmswatch_engine::incident::Incident;
use kmswatch_engine::pipeline::{Filter, Watch, Worker};
use std::collections::BTreeSet;
use std::sync::Arc;

const NOW: &str = "2026-03-04T00:00:00Z";

/// What a replay of the same objects finds, by rules and facts.
pub(crate) fn replayed(objects: &[Log]) -> Vec<Finding> {
    let mut watch = Watch::new(Estate::new(settings().engine));
    let declared = Estate::new(settings().engine);
    let mut worker = Worker::default();
    for (_, bytes) in objects {
        let outcome = worker.process(bytes.as_slice(), &declared, &Filter::default());
        watch.absorb(outcome);
    }
    by_rules_and_facts(watch.findings())
}

/// Why incidents are worth an alert, by the id that a replay gives them.
fn reasons(incidents: &[Incident]) -> BTreeSet<(String, String)> {
    let of = |incident: &Incident| -> Vec<(String, String)> {
        let reasons = incident.alerts.iter().flat_map(|moment| &moment.reasons);
        reasons.map(|reason| (incident.id.clone(), reason.id.clone())).collect()
    };
    incidents.iter().flat_map(of).collect()
}

/// The same, as a sink has heard it.
fn heard(sink: &MemorySink, incidents: &[Incident]) -> Vec<(String, String)> {
    let of = |alert: Alert| {
        let incident = incidents.iter().find(|incident| incident.is_called(&alert.id));
        let id = incident.map_or(alert.id, |incident| incident.id.clone());
        alert.reasons.into_iter().map(move |reason| (id.clone(), reason))
    };
    sink.alerts().into_iter().flat_map(of).collect()
}

#[tokio::test]
async fn eight_workers_in_disorder_with_repetition_find_what_a_replay_finds() {
    let objects = story();
    let in_order = World::holding(NOW, &objects);
    let expected = in_order.incidents(replayed(&objects));
    assert!(reasons(&expected).len() >= 3, "the story shows too little: {:?}", reasons(&expected));
    for (object, _) in &objects {
        deliver(&in_order.live("w0"), &[task("m", &notification(&[object]))]).await;
    }
    assert_eq!(in_order.heard(&expected), [ids(&expected), ids(&expected)]);
    for sink in &in_order.sinks {
        let heard = heard(sink, &expected);
        let told: BTreeSet<_> = heard.iter().cloned().collect();
        assert_eq!(told.len(), heard.len(), "a reason was told twice: {heard:?}");
        assert!(told.is_superset(&reasons(&expected)), "{told:?} of {:?}", reasons(&expected));
    }

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
    // before the act that took it away has come. No other incident, and nothing twice.
    for sink in &world.sinks {
        let mut told = BTreeSet::new();
        for alert in sink.alerts() {
            let early = alert.analytics == ["unusable_key_used"];
            let is_known = expected.iter().any(|incident| incident.is_called(&alert.id));
            assert!(early || is_known, "{}", alert.text);
            for reason in &alert.reasons {
                assert!(told.insert((alert.id.clone(), reason.clone())), "twice: {}", alert.text);
            }
        }
        let told: BTreeSet<_> = heard(sink, &expected).into_iter().collect();
        assert!(told.is_superset(&reasons(&expected)), "{told:?} of {:?}", reasons(&expected));
    }
    let (got, wanted) = (world.stored(), in_order.stored());
    assert_eq!(got.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    for (name, body) in &wanted {
        assert_eq!(&got[name], body, "{name}");
    }
    // In the end the findings are those of a replay, with every word and figure.
    let (standing, replayed) = (world.standing(), replayed(&objects));
    let ids = |findings: &[Finding]| findings.iter().map(|finding| finding.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&standing), ids(&replayed));
    assert_eq!(stored::encode(&standing).unwrap(), stored::encode(&replayed).unwrap());
}
