//! Calls that a service does in part: EventBridge takes some entries and refuses others, DynamoDB leaves out some items.
//! Only what was not done comes again.

use crate::contract::some_alerts;
use crate::logs::{deletion, log, notification, object};
use crate::server::{Answer, Server};
use crate::world::{World, task};
use kmswatch_aws::live::{Live, Ports};
use kmswatch_aws::sinks::Sink;
use kmswatch_aws::sinks::event_bridge::EventBridgeSink;
use kmswatch_aws::store::dynamodb::DynamoStore;
use kmswatch_aws::store::{Store, StoreError};
use kmswatch_engine::time::Timestamp;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

fn answer(value: &Value) -> Answer {
    Answer::new("200 OK", "application/x-amz-json-1.1", value.to_string().into_bytes())
}

/// A bus that refuses the entries that `refuses` says, by how many it has been given before.
struct Bus {
    server: Server,
    taken: Arc<Mutex<Vec<Value>>>,
}

impl Bus {
    fn new(refuses: impl Fn(usize) -> bool + Send + 'static) -> Bus {
        let taken: Arc<Mutex<Vec<Value>>> = Arc::default();
        let kept = Arc::clone(&taken);
        let mut given = 0;
        let server = Server::new(move |request| {
            let request: Value = serde_json::from_slice(&request.body).unwrap();
            let mut entries = Vec::new();
            for entry in request["Entries"].as_array().into_iter().flatten() {
                given += 1;
                if refuses(given) {
                    entries.push(json!({"ErrorCode": "ThrottlingException", "ErrorMessage": "slower"}));
                } else {
                    kept.lock().unwrap().push(entry.clone());
                    entries.push(json!({"EventId": given.to_string()}));
                }
            }
            let failed = entries.iter().filter(|entry| entry.get("ErrorCode").is_some()).count();
            answer(&json!({"FailedEntryCount": failed, "Entries": entries}))
        });
        Bus { server, taken }
    }

    async fn sink(&self) -> EventBridgeSink {
        let clients = self.server.clients().await;
        EventBridgeSink::new(aws_sdk_eventbridge::Client::new(clients.config()), "bus")
    }

    fn ids(&self) -> Vec<String> {
        let taken = self.taken.lock().unwrap();
        let id = |entry: &Value| {
            let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
            detail["id"].as_str().unwrap().to_owned()
        };
        taken.iter().map(id).collect()
    }
}

#[tokio::test]
async fn each_entry_has_its_own_result() {
    let bus = Bus::new(|n| n % 3 == 0);
    let alerts = some_alerts(14);
    let results = bus.sink().await.send(&alerts).await;
    assert_eq!(results.len(), 14);
    let wanted: Vec<&String> =
        alerts.iter().enumerate().filter(|(at, _)| (at + 1) % 3 != 0).map(|(_, alert)| &alert.id).collect();
    assert_eq!(bus.ids().iter().collect::<Vec<_>>(), wanted);
    for (at, result) in results.iter().enumerate() {
        match result {
            Ok(()) => assert!((at + 1) % 3 != 0),
            Err(error) => assert!(error.to_string().contains("ThrottlingException: slower"), "{error}"),
        }
    }
}

#[tokio::test]
async fn what_was_refused_is_sent_when_the_message_comes_again_and_nothing_else() {
    let bus = Bus::new(|n| n == 1);
    let object = object("20260504T1020Z", 1);
    let world = World::holding(
        "2026-05-04T10:30:00Z",
        &[(object.clone(), log(&[deletion(2, "2026-05-04T10:15:42Z")]))],
    );
    let sinks: Vec<Arc<dyn Sink>> = vec![Arc::new(bus.sink().await), Arc::clone(&world.sinks[0]) as _];
    let live = Live::new(Ports { sinks, ..world.ports() }, world.settings.clone(), "w1");
    let tasks = [task("m1", &notification(&[&object]))];
    let first = live.batch(tasks.to_vec(), None).await;
    assert_eq!(first.failed.len(), 1, "{:?}", first.failed);
    assert_eq!((bus.ids().len(), world.copies()[0]), (0, 1), "the other sink has its copy");
    assert!(live.batch(tasks.to_vec(), None).await.failed.is_empty());
    assert!(live.batch(tasks.to_vec(), None).await.failed.is_empty());
    assert_eq!((bus.ids().len(), world.copies()[0]), (1, 1));
}

/// A table in which everything exists, and that gives at most `most` items in one answer.
fn table(most: usize) -> (Server, Arc<Mutex<Vec<usize>>>) {
    let asked: Arc<Mutex<Vec<usize>>> = Arc::default();
    let noted = Arc::clone(&asked);
    let server = Server::new(move |request| {
        let request: Value = serde_json::from_slice(&request.body).unwrap();
        let wanted = &request["RequestItems"]["t"];
        let keys = wanted["Keys"].as_array().unwrap();
        noted.lock().unwrap().push(keys.len());
        let (given, left) = keys.split_at(most.min(keys.len()));
        let item = |key: &Value| json!({"pk": key["pk"], "body": {"B": "AAEC"}, "version": {"N": "7"}, "ttl": {"N": "9"}});
        let mut unprocessed = json!({});
        if !left.is_empty() {
            unprocessed["t"] = wanted.clone();
            unprocessed["t"]["Keys"] = left.into();
        }
        let items: Vec<Value> = given.iter().map(item).collect();
        answer(&json!({"Responses": {"t": items}, "UnprocessedKeys": unprocessed}))
    });
    (server, asked)
}

#[tokio::test]
async fn items_that_dynamodb_leaves_out_are_asked_for_again() {
    let (server, asked) = table(40);
    let store = DynamoStore::new(aws_sdk_dynamodb::Client::new(server.clients().await.config()), "t");
    let names: Vec<String> = (0..100).map(|n| format!("n{n}")).collect();
    let items = store.get(&names).await.unwrap();
    assert_eq!(items.len(), 100);
    for item in items {
        let item = item.unwrap();
        assert_eq!((item.body, item.version, item.expires), (vec![0, 1, 2], 7, Timestamp(9)));
    }
    assert_eq!(*asked.lock().unwrap(), [100, 60, 20]);
}

#[tokio::test]
async fn a_table_that_gives_nothing_is_not_asked_for_ever() {
    let (server, asked) = table(0);
    let store = DynamoStore::new(aws_sdk_dynamodb::Client::new(server.clients().await.config()), "t");
    assert_eq!(store.get(&["a".to_owned()]).await, Err(StoreError::Throttled));
    assert!(asked.lock().unwrap().len() > 3);
}
