//! A crash at every call of every port, and redelivery: the same States to the byte, and the same alerts.

use crate::disorder::replayed;
use crate::logs::{Log, messages, story};
use crate::world::{World, deliver, ids, moment};
use kmswatch_aws::failing::{Failure, Plan};
use kmswatch_aws::live::Task;
use kmswatch_aws::publications::LEASE_SECONDS;

const NOW: &str = "2026-03-04T00:00:00Z";
/// Messages in one batch.
const BATCH: usize = 8;

fn batches(objects: &[Log]) -> Vec<Vec<Task>> {
    messages(objects).chunks(BATCH).map(<[Task]>::to_vec).collect()
}

#[tokio::test]
async fn a_crash_at_any_call_and_redelivery_leave_what_an_undisturbed_run_leaves() {
    let objects = story();
    let batches = batches(&objects);
    assert!(objects.len() >= 40, "{}", objects.len());
    let mut before = World::holding(NOW, &objects);
    let (mut calls, mut crashes, mut done) = (0, 0, 0);
    for batch in &batches {
        let known = before.incidents(replayed(&objects[..done + batch.len()]));
        let after = before.copy();
        let counting = Plan::new(0, Failure::Instead);
        deliver(&after.failing("calm", &counting), batch).await;
        for failure in [Failure::DiesBefore, Failure::DiesAfter, Failure::Instead] {
            // Every call dies once; in which of the three ways differs from call to call and from batch to batch.
            for at in (1 + (calls + failure as u64) % 3..=counting.calls()).step_by(3) {
                let world = before.copy();
                let plan = Plan::new(at, failure);
                let result = world.failing("dies", &plan).batch(batch.clone(), None).await;
                assert!(plan.has_failed(), "{failure:?} at {at}: never reached");
                crashes += 1;
                // The queue gives to another what was not acknowledged; by then the lease of the dead has run out.
                world.clock.set(moment(NOW).plus(LEASE_SECONDS + 1));
                let left: Vec<Task> =
                    batch.iter().filter(|task| result.failed.contains_key(&task.id)).cloned().collect();
                deliver(&world.live("heir"), &left).await;
                assert_eq!(world.heard(&known), after.heard(&known), "{failure:?} at {at}");
                assert_eq!(world.heard(&known), [ids(&known), ids(&known)], "{failure:?} at {at}");
                let (got, wanted) = (world.stored(), after.stored());
                assert_eq!(got.len(), wanted.len(), "{failure:?} at {at}");
                for (name, body) in &wanted {
                    assert_eq!(&got[name], body, "{failure:?} at {at}: {name}");
                }
            }
        }
        calls += counting.calls();
        done += batch.len();
        before = after;
    }
    assert!(before.copies()[0] >= 3, "told too little: {:?}", before.told());
    println!("{} objects: {calls} calls of ports, {crashes} crashes, {} runs", objects.len(), 2 * crashes);
    assert!(crashes == calls && crashes >= 300, "only {crashes} crashes");
}
