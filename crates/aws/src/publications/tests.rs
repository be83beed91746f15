//! News told once, by whomever, whatever fails.

use super::*;
use crate::alert::testing::{finding, incident};
use crate::failing::{Failing, Failure, Plan};
use crate::memory::{MemorySink, MemoryStore};
use kmswatch_engine::finding::{Finding, KeyName, Severity, Span};

const NOW: Timestamp = Timestamp(1_777_890_000);

/// A finding about the key of this name, an hour later if it is of high severity.
fn about(key: &str, severity: Severity) -> Finding {
    let mut finding = finding(&format!("kw-{key}-{severity}"), severity, "words");
    finding.key = Some(KeyName::of_arn(&format!("arn:aws:kms:eu-west-1:111122223333:key/{key}")));
    let at = Timestamp(1_770_000_000).plus(if severity > Severity::Medium { 3_600 } else { 0 });
    finding.time = Span { start: at, end: at };
    finding
}

/// The incident about this key: opened at medium severity, and high since, if asked for.
fn news(key: &str, severity: Severity) -> News {
    let more = (severity > Severity::Medium).then(|| about(key, severity));
    News::of(incident([about(key, Severity::Medium)].into_iter().chain(more)), |_| true).unwrap()
}

/// Ids of the incidents about these keys.
fn ids(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| news(key, Severity::Medium).id().to_owned()).collect()
}

struct World {
    store: Arc<MemoryStore>,
    memory: [Arc<MemorySink>; 2],
}

impl World {
    fn new() -> World {
        let memory = ["one", "two"].map(|name| Arc::new(MemorySink::new(name)));
        World { store: Arc::default(), memory }
    }

    async fn publish(&self, owner: &str, now: Timestamp, keys: &[&str], severity: Severity) -> Published {
        self.publish_failing(&Plan::new(0, Failure::Instead), owner, now, keys, severity).await
    }

    async fn publish_failing(
        &self,
        plan: &Arc<Plan>,
        owner: &str,
        now: Timestamp,
        keys: &[&str],
        severity: Severity,
    ) -> Published {
        let store = Failing::new(Arc::clone(&self.store), Arc::clone(plan));
        let sinks: Vec<Arc<dyn Sink>> = self
            .memory
            .iter()
            .map(|sink| Arc::new(Failing::new(Arc::clone(sink), Arc::clone(plan))) as Arc<dyn Sink>)
            .collect();
        let context = Context { now, ..Context::default() };
        let publisher = Publisher { store: &store, sinks: &sinks, context: &context, owner };
        publisher.publish(keys.iter().map(|key| news(key, severity)).collect()).await
    }

    fn sent(&self) -> [Vec<String>; 2] {
        self.memory.each_ref().map(|sink| sink.alerts().into_iter().map(|alert| alert.id).collect())
    }
}

#[tokio::test]
async fn an_alert_is_sent_once_to_each_sink() {
    let world = World::new();
    let first = world.publish("w1", NOW, &["a", "b"], Severity::High).await;
    assert_eq!(first.sent.len(), 2);
    let second = world.publish("w2", NOW, &["a", "b", "c"], Severity::High).await;
    assert_eq!((second.sent.len(), second.known.len(), second.failed.len()), (1, 2, 0));
    let told: BTreeSet<String> = ids(&["a", "b", "c"]).into_iter().collect();
    for sent in world.sent() {
        assert_eq!((sent.len(), sent.into_iter().collect()), (3, told.clone()));
    }
}

#[tokio::test]
async fn an_alert_is_sent_again_when_it_gets_worse_and_not_when_it_gets_better() {
    let world = World::new();
    for severity in [Severity::Medium, Severity::High, Severity::Medium, Severity::High] {
        world.publish("w1", NOW, &["a"], severity).await;
    }
    assert_eq!(
        world.memory[0].alerts().iter().map(|alert| (alert.severity, alert.news)).collect::<Vec<_>>(),
        [(Severity::Medium, "new"), (Severity::High, "worse")]
    );
}

#[tokio::test]
async fn a_sink_that_fails_does_not_keep_the_other_from_its_copy_and_gets_its_own_later() {
    let world = World::new();
    // Calls: read, lease, the first sink.
    let plan = Plan::new(3, Failure::Instead);
    let first = world.publish_failing(&plan, "w1", NOW, &["a"], Severity::High).await;
    assert_eq!(first.failed.len(), 1);
    assert_eq!(world.sent(), [vec![], ids(&["a"])]);
    let second = world.publish("w2", NOW, &["a"], Severity::High).await;
    assert_eq!(second.sent.len(), 1);
    assert_eq!(world.sent(), [ids(&["a"]), ids(&["a"])]);
}

#[tokio::test]
async fn whoever_dies_at_any_step_leaves_what_another_finishes() {
    let world = World::new();
    let plan = Plan::new(0, Failure::DiesBefore);
    world.publish_failing(&plan, "w1", NOW, &["a", "b"], Severity::High).await;
    let calls = plan.calls();
    assert!(calls >= 6, "{calls}");
    for failure in [Failure::DiesBefore, Failure::DiesAfter, Failure::Instead] {
        for at in 1..=calls {
            let world = World::new();
            let plan = Plan::new(at, failure);
            world.publish_failing(&plan, "w1", NOW, &["a", "b"], Severity::High).await;
            let later = NOW.plus(LEASE_SECONDS + 1);
            let second = world.publish("w2", later, &["a", "b"], Severity::High).await;
            assert!(second.failed.is_empty(), "{failure:?} at {at}: {:?}", second.failed);
            for sent in world.sent() {
                let distinct: BTreeSet<&String> = sent.iter().collect();
                assert_eq!(distinct.len(), 2, "{failure:?} at {at}");
                // Sent twice only where the sink had taken it and nobody could write that down.
                assert!(sent.len() <= 4, "{failure:?} at {at}");
            }
            let third = world.publish("w3", later, &["a", "b"], Severity::High).await;
            assert_eq!(third.known.len(), 2);
        }
    }
}

#[tokio::test]
async fn who_is_sending_is_not_disturbed_until_the_lease_runs_out() {
    let world = World::new();
    // The lease is taken, then the process dies.
    let plan = Plan::new(3, Failure::DiesBefore);
    world.publish_failing(&plan, "w1", NOW, &["a"], Severity::High).await;
    let early = world.publish("w2", NOW.plus(5), &["a"], Severity::High).await;
    assert_eq!(early.failed.len(), 1);
    assert_eq!(world.sent(), [Vec::<String>::new(), vec![]]);
    let late = world.publish("w2", NOW.plus(LEASE_SECONDS), &["a"], Severity::High).await;
    assert_eq!(late.sent.len(), 1);
}

#[tokio::test]
async fn many_who_find_the_same_at_once_send_it_once() {
    let world = Arc::new(World::new());
    let mut workers = tokio::task::JoinSet::new();
    for n in 0..8 {
        let world = Arc::clone(&world);
        workers.spawn(async move {
            world.publish(&format!("w{n}"), NOW, &["a", "b", "c"], Severity::High).await.failed.len()
        });
    }
    assert_eq!(workers.join_all().await.into_iter().sum::<usize>(), 0);
    assert!(world.sent().iter().all(|sent| sent.len() == 3), "{:?}", world.sent());
}

#[tokio::test]
async fn what_was_told_of_a_part_is_told_of_the_whole() {
    let world = World::new();
    world.publish("w1", NOW, &["a", "b"], Severity::Medium).await;
    // What came to be known since joins both; the first keeps its id.
    let [a, b] = ids(&["a", "b"]).try_into().unwrap();
    let mut whole = news("a", Severity::High);
    whole.incident.joined = vec![b];
    let sinks: Vec<Arc<dyn Sink>> =
        world.memory.iter().map(|sink| Arc::clone(sink) as Arc<dyn Sink>).collect();
    let context = Context { now: NOW, ..Context::default() };
    let publisher = Publisher { store: world.store.as_ref(), sinks: &sinks, context: &context, owner: "w2" };
    publisher.publish(vec![whole.clone()]).await;
    let last = world.memory[0].alerts().pop().unwrap();
    assert_eq!((last.id, last.reasons), (a, BTreeSet::from(["severity_high".to_owned()])));
    // The other way round: of the part that was told as a whole nothing is news.
    let mut other = news("c", Severity::High);
    other.incident.joined = vec![whole.id().to_owned()];
    assert_eq!(publisher.publish(vec![other]).await.known.len(), 1);
}

#[tokio::test]
async fn what_was_passed_over_is_told_to_nobody_and_what_comes_after_it_is() {
    let world = World::new();
    let context = Context { now: NOW, ..Context::default() };
    let publisher = Publisher { store: world.store.as_ref(), sinks: &[], context: &context, owner: "w1" };
    for _ in 0..2 {
        publisher.pass_over(&[news("a", Severity::Medium)]).await.unwrap();
    }
    world.publish("w2", NOW, &["a"], Severity::Medium).await;
    assert_eq!(world.sent(), [Vec::<String>::new(), vec![]]);
    world.publish("w2", NOW, &["a"], Severity::High).await;
    assert_eq!(world.memory[0].alerts()[0].reasons, BTreeSet::from(["severity_high".to_owned()]));
}
