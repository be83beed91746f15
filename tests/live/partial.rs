//! A call that succeeds in part: EventBridge takes some entries and refuses others, and only those come again.

use crate::contract::some_alerts;
use crate::logs::{deletion, log, notification, object};
use crate::world::{World, task};
use kmswatch_aws::clients::Clients;
use kmswatch_aws::live::{Live, Ports};
use kmswatch_aws::sinks::Sink;
use kmswatch_aws::sinks::event_bridge::EventBridgeSink;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// A bus that refuses the entries that `refuses` says, by how many it has been given before.
struct Bus {
    address: String,
    taken: Arc<Mutex<Vec<Value>>>,
}

impl Bus {
    fn new(refuses: impl Fn(usize) -> bool + Send + 'static) -> Bus {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let taken: Arc<Mutex<Vec<Value>>> = Arc::default();
        let kept = Arc::clone(&taken);
        std::thread::spawn(move || {
            let mut given = 0;
            for mut stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap() == 0 || line.trim().is_empty() {
                        break;
                    }
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
                        length = value.trim().parse().unwrap();
                    }
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let request: Value = serde_json::from_slice(&body).unwrap_or_default();
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
                let answer = json!({"FailedEntryCount": failed, "Entries": entries}).to_string();
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\nconnection: close";
                let _ = write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
            }
        });
        Bus { address, taken }
    }

    async fn sink(&self) -> EventBridgeSink {
        let credentials = aws_sdk_s3::config::Credentials::new("test", "test", None, None, "test");
        let loader = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .endpoint_url(&self.address)
            .region(aws_sdk_s3::config::Region::new("eu-west-1"))
            .credentials_provider(credentials);
        let clients = Clients::connect_with(loader).await;
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
    let ports = Ports {
        objects: Arc::clone(&world.objects) as _,
        store: Arc::clone(&world.store) as _,
        sinks: vec![Arc::new(bus.sink().await), Arc::clone(&world.sinks[0]) as _],
        clock: Arc::clone(&world.clock) as _,
    };
    let live = Live::new(ports, world.settings.clone(), "w1");
    let tasks = [task("m1", &notification(&[&object]))];
    let first = live.batch(tasks.to_vec(), None).await;
    assert_eq!(first.failed.len(), 1, "{:?}", first.failed);
    assert_eq!((bus.ids().len(), world.copies()[0]), (0, 1), "the other sink has its copy");
    assert!(live.batch(tasks.to_vec(), None).await.failed.is_empty());
    assert!(live.batch(tasks.to_vec(), None).await.failed.is_empty());
    assert_eq!((bus.ids().len(), world.copies()[0]), (1, 1));
}
