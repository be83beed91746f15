//! An account that falls silent while others are heard is found by the closer, and told once.

use crate::logs::{Log, event, log, notification, object};
use crate::world::{World, deliver, moment, task};
use kmswatch_engine::detectors::account_fell_silent;
use kmswatch_engine::time::{HOUR, Timestamp};
use serde_json::json;

/// Fifteen days of one call an hour, then a log without any.
#[tokio::test]
async fn an_account_that_falls_silent_is_told_by_the_closer_and_once() {
    let start = moment("2026-05-01T00:00:00Z");
    let at = |hour: i64| Timestamp(start.0 + hour * HOUR);
    let hours = 15 * 24;
    let calls: Vec<_> = (0..hours)
        .map(|hour| {
            let mut call =
                event(hour as u32, &at(hour).to_string(), "Encrypt", json!({ "keyId": crate::logs::KEY }));
            call["eventID"] = json!(format!("silence-{hour}"));
            call
        })
        .collect();
    let first: Log = (object("20260516T0000Z", 1), log(&calls));
    let later: Log = (object("20260516T0900Z", 2), log(&[]));
    let world = World::holding("2026-05-16T00:05:00Z", &[first.clone(), later.clone()]);
    let told = |world: &World| {
        let alerts = world.sinks[0].alerts();
        let is_it = |name: &String| name == account_fell_silent::DETECTOR.id;
        alerts.iter().filter(|alert| alert.analytics.iter().any(is_it)).count()
    };
    deliver(&world.live("worker"), &[task("m1", &notification(&[&first.0]))]).await;
    assert_eq!(world.live("closer").close(None).await.outcome, Ok(()));
    assert_eq!(told(&world), 0, "it was heard in the last hour");
    world.clock.set(moment("2026-05-16T09:05:00Z"));
    deliver(&world.live("worker"), &[task("m2", &notification(&[&later.0]))]).await;
    for _ in 0..2 {
        assert_eq!(world.live("closer").close(None).await.outcome, Ok(()));
        assert_eq!(told(&world), 1);
    }
}
