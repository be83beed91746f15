//! From a notification to an alert.

use crate::logs::{self, BUCKET, decrypt, deletion, log, notification, object};
use crate::world::{World, task};
use async_trait::async_trait;
use kmswatch_aws::live::{Live, Ports, TaskError};
use kmswatch_aws::memory::{MemoryObjects, MemoryQueue};
use kmswatch_aws::metrics::{self, Counts};
use kmswatch_aws::objects::{ObjectError, ObjectRef, Objects};
use kmswatch_aws::worker::{self, Pace};
use kmswatch_engine::finding::Severity;
use serde_json::json;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const NOW: &str = "2026-05-04T10:30:00Z";

#[tokio::test]
async fn a_deletion_is_told_to_every_sink_once() {
    let object = object("20260504T1020Z", 1);
    let bytes = log(&[decrypt(1, "2026-05-04T10:01:00Z"), deletion(2, "2026-05-04T10:15:42Z")]);
    let world = World::holding(NOW, &[(object.clone(), bytes)]);
    let live = world.live("w1");
    let tasks = [task("m1", &notification(&[&object]))];
    let result = live.batch(tasks.to_vec(), None).await;
    assert!(result.failed.is_empty(), "{:?}", result.failed);
    assert_eq!(result.sent.len(), 1);
    let alert = world.sinks[0].alerts().remove(0);
    assert_eq!((alert.analytics[0].as_str(), alert.severity), ("key_deletion_scheduled", Severity::High));
    assert_eq!((alert.news, alert.reasons.len()), ("new", 1));
    assert!(alert.text.contains(logs::KEY), "{}", alert.text);
    assert_eq!(result.counts.get(metrics::KMS_EVENTS), 2);
    assert_eq!(result.counts.get(metrics::LAG_SECONDS), 600);
    assert_eq!(result.counts.get(metrics::EVENT_LAG_SECONDS), 14 * 60 + 18);
    assert_eq!(result.counts.get(metrics::DUPLICATES), 0);

    // The same message again, by another: nothing is sent, nothing is written.
    let before = world.store.items();
    let again = world.live("w2").batch(tasks.to_vec(), None).await;
    assert!(again.failed.is_empty() && again.sent.is_empty());
    assert_eq!(world.store.items(), before);
    assert_eq!(world.copies(), [1, 1]);
}

#[tokio::test]
async fn what_is_known_from_earlier_objects_is_in_the_alert() {
    let [first, second] = [object("20260504T1000Z", 1), object("20260504T1020Z", 2)];
    let mut alias = logs::event(
        1,
        "2026-05-04T09:50:00Z",
        "CreateAlias",
        json!({
        "aliasName": "alias/payments", "targetKeyId": logs::KEY }),
    );
    alias["resources"].as_array_mut().unwrap().push(json!({ "accountId": logs::ACCOUNT,
        "type": "AWS::KMS::Key", "ARN": "arn:aws:kms:eu-west-1:111122223333:alias/payments" }));
    let world = World::holding(
        NOW,
        &[
            (first.clone(), log(&[alias, decrypt(2, "2026-05-04T09:55:00Z")])),
            (second.clone(), log(&[deletion(3, "2026-05-04T10:15:42Z")])),
        ],
    );
    for (n, object) in [first, second].iter().enumerate() {
        // Each by a worker that knows nothing but what is stored.
        let live = world.live(&format!("w{n}"));
        let result = live.batch(vec![task("m", &notification(&[object]))], None).await;
        assert!(result.failed.is_empty());
    }
    let alert = world.sinks[0].alerts().remove(0);
    assert!(alert.subject.contains("alias/payments"), "{}", alert.subject);
}

#[tokio::test]
async fn a_single_event_from_a_bus_and_the_same_one_from_a_log_are_one_alert() {
    let event = deletion(2, "2026-05-04T10:15:42Z");
    let object = object("20260504T1020Z", 1);
    let world = World::holding(NOW, &[(object.clone(), log(std::slice::from_ref(&event)))]);
    let live = world.live("w1");
    let bus = json!({"source": "aws.kms", "detail-type": "AWS API Call via CloudTrail", "detail": event});
    let first = live.batch(vec![task("m1", &bus.to_string())], None).await;
    assert_eq!((first.failed.len(), first.sent.len()), (0, 1));
    let second = live.batch(vec![task("m2", &notification(&[&object]))], None).await;
    assert_eq!((second.failed.len(), second.sent.len()), (0, 0));
}

#[tokio::test]
async fn one_message_that_fails_does_not_keep_the_others_from_being_done() {
    let [good, denied, gone] = [1, 2, 3].map(|n| object("20260504T1020Z", n));
    let world = World::holding(NOW, &[(good.clone(), log(&[deletion(2, "2026-05-04T10:15:42Z")]))]);
    world.objects.fail(&denied, ObjectError::AccessDenied("no".to_owned()));
    let tasks = vec![
        task("denied", &notification(&[&denied])),
        task("good", &notification(&[&good])),
        task("gone", &notification(&[&gone])),
        task("garbage", "garbage"),
    ];
    let result = world.live("w1").batch(tasks, None).await;
    assert_eq!(result.failed.keys().collect::<Vec<_>>(), ["denied", "garbage", "gone"]);
    assert_eq!(result.failed["gone"], TaskError::Object(ObjectError::NotFound));
    assert_eq!(result.sent.len(), 1);
    assert_eq!(result.counts.get(metrics::OBJECTS_DENIED), 1);
    assert_eq!(result.counts.get(metrics::OBJECTS_MISSING), 1);
    assert_eq!(result.counts.get(metrics::MESSAGES_FAILED), 3);
}

#[tokio::test]
async fn without_time_left_work_is_given_back() {
    let object = object("20260504T1020Z", 1);
    let world = World::holding(NOW, &[(object.clone(), log(&[deletion(2, "2026-05-04T10:15:42Z")]))]);
    let tasks = vec![task("m1", &notification(&[&object])), task("m2", &notification(&[&object]))];
    let result = world.live("w1").batch(tasks.clone(), Some(Instant::now())).await;
    assert_eq!(result.failed.len(), 2);
    assert!(result.failed.values().all(|error| *error == TaskError::OutOfTime));
    assert_eq!(world.copies(), [0, 0]);
    let later = Instant::now() + Duration::from_secs(600);
    assert!(world.live("w1").batch(tasks, Some(later)).await.failed.is_empty());
    assert_eq!(world.copies(), [1, 1]);
}

#[tokio::test]
async fn what_is_long_past_is_known_but_not_told() {
    let object = object("20260101T1020Z", 1);
    let world = World::holding(NOW, &[(object.clone(), log(&[deletion(2, "2026-01-01T10:15:42Z")]))]);
    let result = world.live("w1").batch(vec![task("m1", &notification(&[&object]))], None).await;
    assert!(result.failed.is_empty() && result.sent.is_empty());
    assert_eq!(result.counts.get(metrics::FINDINGS_MUTED), 1);
    assert!(world.stored().contains_key(&format!("key#{}", logs::KEY)));
}

#[tokio::test]
async fn objects_that_are_no_logs_are_counted_and_done() {
    let folder = "AWSLogs/111122223333";
    let foreign = [
        format!(
            "{folder}/CloudTrail-Digest/eu-west-1/2026/05/04/111122223333_CloudTrail-Digest_eu-west-1_t_eu-west-1_20260504T101500Z.json.gz"
        ),
        format!(
            "{folder}/CloudTrail-Insight/eu-west-1/2026/05/04/111122223333_CloudTrail-Insight_eu-west-1_20260504T1015Z_AbCdEfGhIjKlMnOp.json.gz"
        ),
        "AWSLogs/".to_owned(),
        "elb/2026/05/04/access.log".to_owned(),
        "vpc-flow/x.log.gz".to_owned(),
        "config/ConfigHistory.json".to_owned(),
    ];
    let world = World::at(NOW);
    let config = ObjectRef::new(BUCKET, &foreign[5]);
    world.objects.put(&config, b"{\"configurationItems\":[]}".to_vec());
    for key in &foreign {
        let object = ObjectRef::new(BUCKET, key);
        let result = world.live("w1").batch(vec![task("m1", &notification(&[&object]))], None).await;
        assert!(result.failed.is_empty(), "{key}: {:?}", result.failed);
        assert_eq!(result.counts.get(metrics::OBJECTS_PASSED_OVER), 1, "{key}");
        assert_eq!(result.counts.get(metrics::OBJECTS), 0, "{key}");
    }
    assert!(world.store.items().keys().all(|name| !name.contains('/')), "{:?}", world.store.items().keys());
}

#[tokio::test]
async fn a_worker_empties_its_queue_and_gives_back_what_it_cannot_do() {
    let objects: Vec<_> = (1..=25).map(|n| object("20260504T1020Z", n)).collect();
    let world = World::at(NOW);
    for (n, object) in objects.iter().enumerate() {
        world.objects.put(object, log(&[decrypt(n as u32, "2026-05-04T10:01:00Z")]));
    }
    let queue = MemoryQueue::default();
    objects.iter().for_each(|object| queue.send(&notification(&[object])));
    queue.send("garbage");
    let (mut rounds, mut counts) = (0, Counts::default());
    let goes_on = || {
        rounds += 1;
        rounds <= 5
    };
    let (live, report) = (world.live("w"), |more: &Counts| counts.merge(more));
    let troubles = worker::run(&live, &queue, Pace::default(), pending(), goes_on, report).await;
    assert_eq!((troubles, queue.held()), (0, 0));
    assert_eq!(queue.left(), 1, "the garbage is left");
    assert_eq!(counts.get(metrics::OBJECTS), 25);
    assert!(counts.get(metrics::MESSAGES_FAILED) >= 1);
}

/// Objects that take their time: reading one ends only when somebody has kept its message for longer.
struct Slow {
    objects: Arc<MemoryObjects>,
    queue: Arc<MemoryQueue>,
}

#[async_trait]
impl Objects for Slow {
    async fn get(&self, object: &ObjectRef, limit: u64) -> Result<Vec<u8>, ObjectError> {
        while self.queue.held() < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.objects.get(object, limit).await
    }
}

#[tokio::test]
async fn a_worker_keeps_the_messages_that_it_is_at_and_finishes_them_before_it_stops() {
    let objects = [1, 2].map(|n| object("20260504T1020Z", n));
    let world = World::at(NOW);
    let queue = Arc::new(MemoryQueue::default());
    for (n, object) in objects.iter().enumerate() {
        world.objects.put(object, log(&[decrypt(n as u32, "2026-05-04T10:01:00Z")]));
    }
    queue.send(&notification(&[&objects[0]]));
    let slow = Slow { objects: Arc::clone(&world.objects), queue: Arc::clone(&queue) };
    let live = Live::new(Ports { objects: Arc::new(slow), ..world.ports() }, world.settings.clone(), "w");
    let pace = Pace { hold_every: Duration::from_millis(2), ..Pace::default() };
    // It is told to stop while it is at the first message; the second comes too late.
    let stop = async {
        while queue.held() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        queue.send(&notification(&[&objects[1]]));
    };
    let mut counts = Counts::default();
    let troubles = worker::run(&live, queue.as_ref(), pace, stop, || true, |more| counts.merge(more)).await;
    assert_eq!((troubles, counts.get(metrics::OBJECTS)), (0, 1));
    assert!(queue.held() >= 2);
    assert_eq!(queue.left(), 1, "the first is done, the second was left alone");
}

#[tokio::test]
async fn what_is_muted_or_staged_is_counted_and_not_told() {
    let object = object("20260504T1020Z", 1);
    let muted = "[[suppressions]]\nreason = \"planned\"\nowner = \"me\"\nexpires = \"2026-06-01T00:00:00Z\"\n\
                 detectors = [\"key_deletion_scheduled\"]";
    let staged = "[detectors]\nstaged = [\"key_deletion_scheduled\"]";
    for (config, metric) in [(muted, metrics::FINDINGS_MUTED), (staged, metrics::FINDINGS_STAGED)] {
        let bytes = log(&[deletion(2, "2026-05-04T10:15:42Z")]);
        let mut world = World::holding(NOW, &[(object.clone(), bytes)]);
        world.settings = world.settings.with_config(config.as_bytes()).unwrap();
        let result = world.live("w1").batch(vec![task("m1", &notification(&[&object]))], None).await;
        assert!(result.failed.is_empty() && result.sent.is_empty(), "{config}");
        assert_eq!(result.counts.get(metric), 1, "{config}: {:?}", result.counts);
    }
}
