//! The digest: once a week to every sink, whoever dies in between.

use crate::logs::{deletion, log, messages, object};
use crate::world::{World, deliver, moment};
use kmswatch_aws::alert::Alert;
use kmswatch_aws::failing::{Failure, Plan};
use kmswatch_aws::metrics;
use std::collections::BTreeSet;

const MUTED: &str = "[[suppressions]]\nreason = \"planned\"\nowner = \"me\"\nexpires = \"2026-06-01T00:00:00Z\"\n\
                     detectors = [\"key_deletion_scheduled\"]";
const MONDAY: &str = "2026-05-11T06:02:00Z";

/// A week in which a finding was muted, and of which nobody has a digest.
async fn week() -> World {
    let logs = [(object("20260504T1020Z", 1), log(&[deletion(2, "2026-05-04T10:15:42Z")]))];
    let mut world = World::holding("2026-05-04T10:30:00Z", &logs);
    world.settings.digest_days = 7;
    world.settings = world.settings.with_config(MUTED.as_bytes()).unwrap();
    deliver(&world.live("worker"), &messages(&logs)).await;
    for now in ["2026-05-04T10:32:00Z", "2026-05-11T05:57:00Z"] {
        world.clock.set(moment(now));
        assert_eq!(world.live("closer").close(None).await.outcome, Ok(()));
    }
    assert_eq!(world.copies(), [0, 0], "nothing before the week is over, nor of the one before");
    world.clock.set(moment(MONDAY));
    world
}

fn ids(alerts: &[Alert]) -> BTreeSet<&str> {
    alerts.iter().map(|alert| alert.id.as_str()).collect()
}

#[tokio::test]
async fn each_week_is_told_to_each_sink_once() {
    let world = week().await;
    for _ in 0..3 {
        assert_eq!(world.live("closer").close(None).await.outcome, Ok(()));
        assert_eq!(world.copies(), [1, 1]);
    }
    let digest = world.sinks[1].alerts().remove(0);
    assert_eq!((digest.news, digest.json["kind"].as_str()), ("digest", Some("digest")));
    assert_eq!((&digest.json["muted"], &digest.json["muting"][0]["reason"]), (&1.into(), &"planned".into()));
    assert_eq!(digest.json["time"]["start"], "2026-05-04T06:00:00Z");
    assert!(digest.subject.starts_with("kmswatch digest, 2026-05-04 to 2026-05-11"), "{}", digest.subject);
    assert!(digest.text.contains("planned"), "{}", digest.text);
    world.clock.set(moment("2026-05-18T06:02:00Z"));
    let closed = world.live("closer").close(None).await;
    assert_eq!((closed.outcome, closed.counts.get(metrics::DIGESTS_SENT)), (Ok(()), 2));
    assert_eq!(ids(&world.sinks[0].alerts()).len(), 2);
}

#[tokio::test]
async fn a_closer_that_dies_at_any_call_owes_nobody_a_digest() {
    let week = week().await;
    let after = week.copy();
    let counting = Plan::new(0, Failure::Instead);
    assert_eq!(after.failing("calm", &counting).close(None).await.outcome, Ok(()));
    let mut crashes = 0;
    for failure in [Failure::DiesBefore, Failure::DiesAfter, Failure::Instead] {
        for at in 1..=counting.calls() {
            let world = week.copy();
            let plan = Plan::new(at, failure);
            let _ = world.failing("dies", &plan).close(None).await;
            assert!(plan.has_failed(), "{failure:?} at {at}: never reached");
            crashes += 1;
            world.clock.set(moment(MONDAY).plus(1_000));
            assert_eq!(world.live("heir").close(None).await.outcome, Ok(()), "{failure:?} at {at}");
            for (sink, calm) in world.sinks.iter().zip(&after.sinks) {
                let (got, wanted) = (sink.alerts(), calm.alerts());
                assert_eq!(ids(&got), ids(&wanted), "{failure:?} at {at}");
                assert!(got.len() <= 2, "{failure:?} at {at}: {} times", got.len());
            }
            let told = |world: &World| world.store.items()[kmswatch_aws::digests::ITEM].body.clone();
            assert_eq!(told(&world), told(&after), "{failure:?} at {at}");
        }
    }
    println!("{crashes} crashes");
}
