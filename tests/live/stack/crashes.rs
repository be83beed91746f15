//! Crashes over the emulator: objects, table and alerts behind the real adapters, and processes that each live for one
//! call more than those before.

use super::{Emulator, clients, stored};
use crate::disorder::replayed;
use crate::logs::{BUCKET, Log, messages, story};
use crate::world::{World, deliver, ids, is_of_telling};
use aws_sdk_s3::primitives::ByteStream;
use kmswatch_aws::clients::Clients;
use kmswatch_aws::failing::{Failing, Failure, Plan};
use kmswatch_aws::live::{Live, Ports};
use kmswatch_aws::objects::s3::S3Objects;
use kmswatch_aws::publications::LEASE_SECONDS;
use kmswatch_aws::sinks::Sink;
use kmswatch_aws::sinks::sqs::SqsSink;
use kmswatch_aws::store::dynamodb::DynamoStore;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const NOW: &str = "2026-03-04T00:00:00Z";
const TABLE: &str = "crashes";
/// Messages in one batch.
const BATCH: usize = 4;
const WAYS: [Failure; 3] = [Failure::DiesBefore, Failure::DiesAfter, Failure::Instead];

struct Site {
    objects: Arc<S3Objects>,
    store: Arc<DynamoStore>,
    sink: Arc<SqsSink>,
    sqs: aws_sdk_sqs::Client,
    url: String,
}

impl Site {
    async fn new(emulator: &Emulator, clients: &Clients, logs: &[Log]) -> Site {
        emulator.drive(&["table", TABLE, "forever"], "").unwrap();
        let url = emulator.drive(&["queue", "told"], "").unwrap().as_str().unwrap().to_owned();
        let s3 = aws_sdk_s3::Client::new(clients.config());
        s3.create_bucket().bucket(BUCKET).send().await.unwrap();
        for (object, bytes) in logs {
            let request = s3.put_object().bucket(BUCKET).key(&object.key);
            request.body(ByteStream::from(bytes.clone())).send().await.unwrap();
        }
        let sqs = aws_sdk_sqs::Client::new(clients.config());
        Site {
            objects: Arc::new(clients.objects()),
            store: Arc::new(DynamoStore::new(aws_sdk_dynamodb::Client::new(clients.config()), TABLE)),
            sink: Arc::new(SqsSink::new(sqs.clone(), &url)),
            sqs,
            url,
        }
    }

    /// A process whose ports fail as planned.
    fn process(&self, plan: &Arc<Plan>, world: &World, owner: &str) -> Live {
        let sink: Arc<dyn Sink> = Arc::new(Failing::new(Arc::clone(&self.sink), Arc::clone(plan)));
        let ports = Ports {
            objects: Arc::new(Failing::new(Arc::clone(&self.objects), Arc::clone(plan))),
            store: Arc::new(Failing::new(Arc::clone(&self.store), Arc::clone(plan))),
            sinks: vec![sink],
            clock: Arc::clone(&world.clock) as _,
        };
        Live::new(ports, world.settings.clone(), owner)
    }

    /// Ids of the incidents of which there was an alert.
    async fn told(&self) -> BTreeSet<String> {
        let mut told = BTreeSet::new();
        loop {
            let request = self.sqs.receive_message().queue_url(&self.url).max_number_of_messages(10);
            let messages = request.send().await.unwrap().messages.unwrap_or_default();
            if messages.is_empty() {
                return told;
            }
            for message in messages {
                let alert: Value = serde_json::from_str(message.body().unwrap_or_default()).unwrap();
                told.insert(alert["id"].as_str().unwrap().to_owned());
                let receipt = message.receipt_handle.unwrap_or_default();
                self.sqs.delete_message().queue_url(&self.url).receipt_handle(receipt).send().await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn processes_on_the_emulator_that_die_at_every_call_leave_what_one_that_lives_leaves() {
    let logs = story();
    let emulator = Emulator::start();
    let clients = clients(&emulator).await;
    let site = Site::new(&emulator, &clients, &logs).await;
    let world = World::holding(NOW, &logs);
    let (mut crashes, mut runs) = (0, 0);
    for batch in messages(&logs).chunks(BATCH) {
        deliver(&world.live("calm"), batch).await;
        let mut left = batch.to_vec();
        // At each call in each way, as far as those before have left it to be done.
        let calls = (1..).flat_map(|at| WAYS.map(|failure| (at, failure)));
        for (at, failure) in calls {
            if left.is_empty() {
                break;
            }
            let plan = Plan::new(at, failure);
            runs += 1;
            let result = site.process(&plan, &world, &format!("p{runs}")).batch(left.clone(), None).await;
            assert!(
                plan.has_failed() || result.failed.is_empty(),
                "{:?}\n{}",
                result.failed,
                emulator.said()
            );
            crashes += u64::from(plan.has_failed());
            left.retain(|task| result.failed.contains_key(&task.id));
            // By the time of the next delivery the lease of the dead has run out.
            world.clock.set(kmswatch_aws::clock::Clock::now(world.clock.as_ref()).plus(LEASE_SECONDS + 1));
        }
    }
    println!("{} objects on the emulator: {crashes} crashes, {runs} runs", logs.len());
    assert!(crashes >= 300, "only {crashes}");
    let (mut got, wanted) = (stored(&clients, TABLE).await, world.stored());
    got.retain(|name, _| !is_of_telling(name));
    let names = |items: &BTreeMap<String, Vec<u8>>| items.keys().cloned().collect::<BTreeSet<_>>();
    let differ: Vec<String> = names(&got).symmetric_difference(&names(&wanted)).cloned().collect();
    assert!(differ.is_empty(), "on one side alone: {differ:?}");
    for (name, body) in &wanted {
        assert_eq!(&got[name], body, "{name}");
    }
    let known = world.incidents(replayed(&logs));
    let called = |id: &String| known.iter().find(|incident| incident.is_called(id)).map(|one| one.id.clone());
    let told: Option<BTreeSet<String>> = site.told().await.iter().map(called).collect();
    assert_eq!(told, Some(ids(&known)));
    assert_eq!(world.heard(&known)[0], ids(&known));
}
