//! Hours close and rates are judged as in a replay of the same logs, whatever dies in between.

use crate::logs::{Log, deliveries, messages, notification};
use crate::world::{World, deliver, ids, moment, settings, task};
use kmswatch_aws::alert::Alert;
use kmswatch_aws::failing::{Failure, Plan};
use kmswatch_aws::metrics;
use kmswatch_engine::estate::Estate;
use kmswatch_engine::finding::{Finding, FindingKind, stored};
use kmswatch_engine::incident::Incident;
use kmswatch_engine::pipeline::{Filter, Watch, Worker};
use kmswatch_engine::time::Timestamp;
use kmswatch_scenario::Scenario;
use kmswatch_scenario::scenario::{AttackPlan, OrganisationPlan};
use std::collections::{BTreeMap, BTreeSet};

/// Six days of a small organisation, with a burst on the fifth; by moment of delivery.
pub(crate) fn days() -> BTreeMap<Timestamp, Vec<Log>> {
    let mut scenario = Scenario {
        name: "burst".to_owned(),
        seed: 20_260_504,
        days: 6,
        rate_scale: 0.15,
        turbulence: false,
        organisation: OrganisationPlan { workloads: 5, people: 2, ..Scenario::quickstart().organisation },
        attacks: vec![AttackPlan::new("burst", 4, "10:10"), AttackPlan::new("key_enumeration", 4, "14:10")],
        ..Scenario::default()
    };
    scenario.delivery.stamp_minutes = 240;
    deliveries(&scenario, Timestamp(0), Timestamp(i64::MAX))
}

pub(crate) fn is_unusual(finding: &Finding) -> bool {
    matches!(finding.kind, FindingKind::Rate | FindingKind::Novelty)
}

pub(crate) fn of_ids<'f>(findings: impl Iterator<Item = &'f Finding>) -> BTreeSet<String> {
    findings.map(|finding| finding.id.clone()).collect()
}

/// What the closer has found unusual.
pub(crate) fn left_by_the_closer(world: &World) -> BTreeSet<String> {
    let items = world.store.items();
    let left = items.get("found#unusual").map(|item| stored::decode(&item.body).unwrap());
    of_ids(left.unwrap_or_default().iter())
}

#[tokio::test]
async fn the_closer_finds_what_a_replay_finds_and_stores_what_a_replay_knows() {
    let days = days();
    let all: Vec<Log> = days.values().flatten().cloned().collect();
    let world = World::holding("2026-03-02T00:00:00Z", &all);
    let estate = Estate::new(settings().engine);
    let mut watch = Watch::new(estate.clone());
    let mut worker = Worker::default();
    // Every incident that a replay up to some delivery tells of.
    let mut expected: Vec<Incident> = Vec::new();
    let (mut closed, mut unusual) = (0, 0);
    for (delivered, logs) in &days {
        world.clock.set(*delivered);
        deliver(&world.live("worker"), &messages(logs)).await;
        // Another process each time: what it knows it has read.
        let result = world.live("closer").close(None).await;
        assert_eq!(result.outcome, Ok(()));
        closed += result.counts.get(metrics::HOURS_CLOSED);
        for (_, bytes) in logs {
            watch.absorb(worker.process(bytes.as_slice(), &estate, &Filter::default()));
        }
        watch.advance(*delivered);
        let findings = watch.findings();
        unusual = unusual.max(findings.iter().filter(|finding| is_unusual(finding)).count());
        assert_eq!(left_by_the_closer(&world), of_ids(findings.iter().filter(|finding| is_unusual(finding))));
        let now = world.incidents(findings);
        // Those of a replay that goes on are the same incidents, or better known.
        let gone: Vec<Incident> =
            expected.drain(..).filter(|known| !now.iter().any(|now| now.is_called(&known.id))).collect();
        expected = now;
        expected.extend(gone);
    }
    assert!(closed > 100, "{closed} hours closed");
    assert!(unusual > 0, "nothing was unusual: this shows nothing");
    assert_eq!(world.heard(&expected), [ids(&expected), ids(&expected)]);
    let stored = world.stored();
    for entity in watch.states().ids() {
        let body = watch.states().encode(&entity).unwrap().unwrap();
        assert_eq!(stored.get(&kmswatch_aws::entities::item_of(&entity)), Some(&body), "{entity}");
    }
}

/// Why each incident was told, each reason once.
fn news(world: &World) -> BTreeSet<(String, String)> {
    let of = |alert: Alert| {
        let id = alert.id;
        alert.reasons.into_iter().map(move |reason| (id.clone(), reason))
    };
    world.sinks[0].alerts().into_iter().flat_map(of).collect()
}

#[tokio::test]
async fn a_closer_that_dies_at_any_call_is_finished_by_the_next() {
    let days = days();
    let all: Vec<Log> = days.values().flatten().cloned().collect();
    let world = World::holding("2026-03-02T00:00:00Z", &all);
    let mut crashes = 0;
    for (n, (delivered, logs)) in days.iter().enumerate() {
        world.clock.set(*delivered);
        deliver(&world.live("worker"), &messages(logs)).await;
        // The first days, and one on which something is found: the others are alike.
        let is_tried = n == 2 || n == 28;
        let after = world.copy();
        let counting = Plan::new(0, Failure::Instead);
        assert_eq!(after.failing("calm", &counting).close(None).await.outcome, Ok(()));
        for failure in [Failure::DiesBefore, Failure::DiesAfter, Failure::Instead] {
            let step = if is_tried { 2 } else { usize::MAX };
            for at in (1 + failure as u64 % 2..=counting.calls()).step_by(step) {
                if !is_tried {
                    break;
                }
                let copy = world.copy();
                let plan = Plan::new(at, failure);
                let _ = copy.failing("dies", &plan).close(None).await;
                assert!(plan.has_failed(), "{failure:?} at {at}: never reached");
                crashes += 1;
                // By the time of the next run the leases of the dead have run out.
                copy.clock.set(delivered.plus(1_000));
                assert_eq!(copy.live("heir").close(None).await.outcome, Ok(()), "{failure:?} at {at}");
                assert_eq!(copy.told(), after.told(), "{failure:?} at {at}");
                assert_eq!(news(&copy), news(&after), "{failure:?} at {at}");
                let (mut got, mut wanted) = (copy.stored(), after.stored());
                // Which of the two sets of the judge holds depends on how often it was written.
                for stored in [&mut got, &mut wanted] {
                    stored.retain(|name, _| !name.starts_with("judge#") && name != "estate#judge");
                }
                assert_eq!(got.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
                for (name, body) in &wanted {
                    assert_eq!(&got[name], body, "{failure:?} at {at}: {name}");
                }
            }
        }
        assert_eq!(world.live("calm").close(None).await.outcome, Ok(()));
    }
    println!("{crashes} crashes");
    assert!(crashes >= 50, "only {crashes}");
}

#[tokio::test]
async fn silence_is_told_in_hours_and_one_closes_at_a_time() {
    let world = World::at("2026-05-04T10:30:00Z");
    let none = world.live("a").close(None).await;
    assert_eq!((none.outcome, none.counts.get(metrics::SILENT_HOURS)), (Ok(()), 0));
    let object = crate::logs::object("20260504T1020Z", 1);
    world.objects.put(&object, crate::logs::log(&[crate::logs::decrypt(1, "2026-05-04T10:01:00Z")]));
    deliver(&world.live("w"), &[task("m", &notification(&[&object]))]).await;
    world.clock.set(moment("2026-05-04T15:25:00Z"));
    let five = world.live("a").close(None).await;
    assert_eq!(five.counts.get(metrics::SILENT_HOURS), 5);
}
