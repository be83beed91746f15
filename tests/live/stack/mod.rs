//! The real function, deployed from the real template, on an emulator of AWS: what is put into the bucket comes out
//! as alerts of those who have subscribed.

mod contention;
mod crashes;
mod emulator;
mod permissions;

use crate::contract;
use crate::inputs::{DIGEST, bomb, cut_off};
use crate::logs::{self, BUCKET, deletion, gzip, log, notification, object, story};
use crate::template::Template;
use crate::world::{World, deliver, is_of_telling, task};
use aws_sdk_s3::primitives::ByteStream;
pub(crate) use emulator::root;
use emulator::{Emulator, python};
use kmswatch_aws::clients::Clients;
use kmswatch_aws::digests;
use kmswatch_aws::objects::{ObjectError, ObjectRef, Objects};
use kmswatch_aws::settings::{ConfigFrom, LiveSettings};
use kmswatch_aws::store::{Put, Write};
use kmswatch_engine::settings::Settings;
use kmswatch_engine::time::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A parameter of Systems Manager with the function's settings, and what it holds.
const PARAMETER: &str = "/kmswatch/settings";
const SETTINGS: &str = "[[suppressions]]\nreason = \"for nobody\"\nowner = \"me\"\nkeys = [\"*none\"]\n\
                        expires = \"2099-01-01T00:00:00Z\"\n[limits]\nobject_bytes = 67108864";

/// How long anything may take. The emulator's machine may be busy.
const PATIENCE: Duration = Duration::from_secs(90);

struct Stack {
    emulator: Emulator,
    outputs: BTreeMap<String, String>,
    clients: Clients,
    s3: aws_sdk_s3::Client,
    sqs: aws_sdk_sqs::Client,
}

fn clients(emulator: &Emulator) -> impl Future<Output = Clients> {
    let credentials = aws_sdk_s3::config::Credentials::new("test", "test", None, None, "test");
    let region = aws_sdk_s3::config::Region::new(Emulator::region());
    let loader = aws_config::defaults(aws_config::BehaviorVersion::latest());
    Clients::connect_with(
        loader.endpoint_url(emulator.endpoint()).region(region).credentials_provider(credentials),
    )
}

/// The function: the one that was built for the tests, unless `KMSWATCH_TEST_FUNCTION` names another, such as that of a
/// release.
fn function() -> String {
    std::env::var("KMSWATCH_TEST_FUNCTION").unwrap_or_else(|_| env!("CARGO_BIN_EXE_bootstrap").to_owned())
}

impl Stack {
    async fn deploy() -> Stack {
        let emulator = Emulator::start();
        let clients = clients(&emulator).await;
        let parameter = aws_sdk_ssm::Client::new(clients.config()).put_parameter().name(PARAMETER);
        let kind = aws_sdk_ssm::types::ParameterType::String;
        parameter.value(SETTINGS).r#type(kind).send().await.unwrap();
        let template = root().join("infra/template.yaml");
        let args = [
            "deploy",
            template.to_str().unwrap(),
            &function(),
            "Architecture=x86_64",
            "CreateBucket=true",
            "CanaryKey=true",
            "EnableBackfill=true",
            // Messages come again soon.
            "RetryAfterSeconds=3",
            &format!("TrailBucketName={BUCKET}"),
            &format!("ConfigParameter={PARAMETER}"),
        ];
        let outputs =
            emulator.drive(&args, "").unwrap_or_else(|error| panic!("{error}\n{}", emulator.said()));
        let outputs = serde_json::from_value(outputs).unwrap();
        let s3 = aws_sdk_s3::Client::new(clients.config());
        let sqs = aws_sdk_sqs::Client::new(clients.config());
        Stack { emulator, outputs, clients, s3, sqs }
    }

    /// A queue that has subscribed to the topic.
    async fn subscribe(&self) -> String {
        let url = self.queue("alerts").await;
        let sns = aws_sdk_sns::Client::new(self.clients.config());
        let arn = format!("arn:aws:sqs:{}:000000000000:alerts", Emulator::region());
        let request = sns.subscribe().topic_arn(&self.outputs["TopicArn"]).protocol("sqs").endpoint(arn);
        request.attributes("RawMessageDelivery", "true").send().await.unwrap();
        url
    }

    /// A queue that hears the bus.
    async fn listen(&self) -> String {
        let url = self.queue("events").await;
        let events = aws_sdk_eventbridge::Client::new(self.clients.config());
        let bus = &self.outputs["BusName"];
        let rule =
            events.put_rule().name("all").event_bus_name(bus).event_pattern("{\"source\":[\"kmswatch\"]}");
        rule.send().await.unwrap();
        let arn = format!("arn:aws:sqs:{}:000000000000:events", Emulator::region());
        let target = aws_sdk_eventbridge::types::Target::builder().id("queue").arn(arn).build().unwrap();
        events.put_targets().rule("all").event_bus_name(bus).targets(target).send().await.unwrap();
        url
    }

    async fn queue(&self, name: &str) -> String {
        self.sqs.create_queue().queue_name(name).send().await.unwrap().queue_url.unwrap()
    }

    async fn put(&self, object: &ObjectRef, bytes: Vec<u8>) {
        let request = self.s3.put_object().bucket(&object.bucket).key(&object.key);
        request.body(ByteStream::from(bytes)).send().await.unwrap();
    }

    /// Messages of a queue until `is_enough`.
    async fn receive(&self, url: &str, is_enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let begun = Instant::now();
        let mut messages: Vec<Value> = Vec::new();
        while !is_enough(&messages) {
            assert!(begun.elapsed() < PATIENCE, "only {messages:#?}\n{}", self.emulator.said());
            let request = self.sqs.receive_message().queue_url(url).max_number_of_messages(10);
            let answer = request.wait_time_seconds(1).send().await.unwrap();
            for message in answer.messages.unwrap_or_default() {
                messages.push(serde_json::from_str(message.body().unwrap_or_default()).unwrap_or_default());
                let receipt = message.receipt_handle.unwrap_or_default();
                self.sqs.delete_message().queue_url(url).receipt_handle(receipt).send().await.unwrap();
            }
        }
        messages
    }

    /// Waits until no notification is waiting or being worked on.
    async fn settle(&self) {
        let begun = Instant::now();
        let mut quiet = 0;
        while quiet < 3 {
            assert!(begun.elapsed() < PATIENCE, "not done\n{}", self.emulator.said());
            let request = self.sqs.get_queue_attributes().queue_url(&self.outputs["QueueUrl"]);
            let answer =
                request.attribute_names(aws_sdk_sqs::types::QueueAttributeName::All).send().await.unwrap();
            let attributes = answer.attributes.unwrap_or_default();
            let is_idle = attributes
                .iter()
                .filter(|(name, _)| name.as_str().starts_with("ApproximateNumberOfMessages"))
                .all(|(_, n)| n == "0");
            quiet = if is_idle { quiet + 1 } else { 0 };
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Items as they are stored.
async fn stored(clients: &Clients, table: &str) -> BTreeMap<String, Vec<u8>> {
    let dynamodb = aws_sdk_dynamodb::Client::new(clients.config());
    let mut pages = dynamodb.scan().table_name(table).into_paginator().send();
    let mut stored = BTreeMap::new();
    while let Some(page) = pages.next().await {
        for mut item in page.unwrap().items.unwrap_or_default() {
            let name = item.remove("pk").and_then(|value| value.as_s().ok().cloned()).unwrap();
            let body = item.remove("body").and_then(|value| value.as_b().ok().cloned()).unwrap();
            stored.insert(name, body.into_inner());
        }
    }
    stored
}

fn now() -> Timestamp {
    Timestamp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64)
}

#[test]
fn the_template_has_no_faults_that_a_linter_knows() {
    let linter = python().with_file_name("cfn-lint");
    let output = Command::new(linter)
        .arg(root().join("infra/template.yaml"))
        .env("AWS_REGION", "eu-west-1")
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// The deployed table does not: this emulator leaves that part of a template out. It looks once a minute.
#[tokio::test]
async fn items_that_have_expired_are_deleted_by_the_attribute_that_the_template_names() {
    let emulator = Emulator::start();
    emulator.drive(&["table", "expiring"], "").unwrap();
    let clients = clients(&emulator).await;
    let settings = LiveSettings { table: "expiring".to_owned(), ..crate::world::settings() };
    let store = clients.ports(&settings).store;
    for (name, expires) in [("past", now().plus(-60)), ("to come", now().plus(600))] {
        let write = Write { name: name.to_owned(), body: b"body".to_vec(), read: None, expires };
        assert_eq!(store.put(write).await, Ok(Put::Written));
    }
    let begun = Instant::now();
    while stored(&clients, "expiring").await.contains_key("past") {
        assert!(begun.elapsed() < PATIENCE, "it was not deleted");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(stored(&clients, "expiring").await.contains_key("to come"));
}

#[tokio::test]
async fn what_is_put_into_the_bucket_comes_out_as_alerts() {
    let stack = Stack::deploy().await;
    let alerts = stack.subscribe().await;
    ports_keep_their_promises(&stack).await;
    a_story_is_stored_as_in_memory(&stack).await;
    let bus = stack.listen().await;
    a_call_is_told_before_its_log_comes_and_not_again(&stack, &alerts).await;
    let events = stack.receive(&bus, |events| events.len() >= 2).await;
    assert!(events.iter().all(|event| event["source"] == "kmswatch"), "{events:#?}");
    assert!(events.iter().any(|event| is_about(1)(&event["detail"])), "{events:#?}");
    what_is_no_good_ends_as_the_table_says(&stack, &alerts).await;
    other_triggers_are_answered_in_their_form(&stack);
    a_digest_is_sent_when_it_is_due(&stack, &alerts, &bus).await;
    alarms_are_raised_by_what_the_function_has_counted(&stack, &alerts).await;
    permissions::the_role_may_do_what_is_done_and_no_more(&stack).await;
}

async fn ports_keep_their_promises(stack: &Stack) {
    let mut settings = crate::world::settings();
    settings.table = stack.outputs["TableName"].clone();
    let told = stack.queue("told").await;
    let settings = LiveSettings { alert_queue: Some(told.clone()), ..settings };
    let ports = stack.clients.ports(&settings);
    contract::of_a_store(ports.store.as_ref()).await;
    let alerts = contract::some_alerts(23);
    assert_eq!(ports.sinks[0].send(&alerts).await, vec![Ok(()); 23]);
    let taken = stack.receive(&told, |messages| messages.len() >= 23).await;
    assert_eq!(contract::ids(&taken).len(), 23);
    let gone = stack.clients.ports(&LiveSettings { alert_queue: Some(format!("{told}-none")), ..settings });
    assert!(gone.sinks[0].send(&alerts[..1]).await[0].is_err());
    let object = ObjectRef::new("artifacts", "x/ü +%41.txt");
    stack.put(&object, vec![7; 5_000]).await;
    let objects = stack.clients.objects();
    assert_eq!(objects.get(&object, 5_000).await, Ok(vec![7; 5_000]));
    assert_eq!(objects.get(&object, 4_999).await, Err(ObjectError::TooLarge { limit: 4_999 }));
    let missing = objects.get(&ObjectRef::new("artifacts", "none"), 1).await;
    assert_eq!(missing, Err(ObjectError::NotFound));
    let url = stack.queue("notifications").await;
    contract::of_a_queue(&stack.clients.queue(&url), async |body: &str| {
        stack.sqs.send_message().queue_url(&url).message_body(body).send().await.unwrap();
    })
    .await;
}

async fn a_story_is_stored_as_in_memory(stack: &Stack) {
    let objects = story();
    let mut memory = World::holding(&now().to_string(), &objects);
    // As the template has them: no declared accounts.
    memory.settings.engine = Settings::default();
    let live = memory.live("memory");
    for (object, _) in &objects {
        deliver(&live, &[task("m", &notification(&[object]))]).await;
    }
    for some in objects.chunks(16) {
        let puts = some.iter().map(|(object, bytes)| stack.put(object, bytes.clone()));
        futures_util::future::join_all(puts).await;
    }
    let expected = memory.stored();
    let begun = Instant::now();
    // A queue may be empty because what was put into the bucket has not reached it yet.
    let mut stored = loop {
        stack.settle().await;
        let mut stored = stored(&stack.clients, &stack.outputs["TableName"]).await;
        stored.retain(|name, _| !is_of_telling(name) && !name.starts_with("contract#"));
        if stored == expected || begun.elapsed() > PATIENCE {
            break stored;
        }
    };
    for (name, body) in expected {
        assert_eq!(stored.remove(&name), Some(body), "{name}\n{}", stack.emulator.said());
    }
    assert!(stored.is_empty(), "stored on AWS alone: {:?}", stored.keys());
}

/// A log that is delivered now, with a deletion a minute ago, each by somebody else.
fn fresh(n: u32) -> (ObjectRef, Value) {
    let stamp: String = now().to_string().chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    let mut event = deletion(n, &now().plus(-60).to_string());
    let arn = format!("{}{n:04}", &logs::KEY[..logs::KEY.len() - 4]);
    event["resources"][0]["ARN"] = arn.clone().into();
    event["requestParameters"]["keyId"] = arn.into();
    let role = logs::by(&format!("Admin{n}"), n, "", "", Value::Null);
    event["userIdentity"] = role["userIdentity"].clone();
    (object(&format!("{}Z", &stamp[..13]), n), event)
}

fn is_about(n: u32) -> impl Fn(&Value) -> bool {
    let ending = format!("{n:04}");
    move |alert| alert["keys"][0]["arn"].as_str().is_some_and(|arn| arn.ends_with(&ending))
}

async fn a_call_is_told_before_its_log_comes_and_not_again(stack: &Stack, alerts: &str) {
    let (object, event) = fresh(1);
    // Nobody but AWS may send an event of this source: it goes where the rule would put it.
    let call = json!({"source": "aws.kms", "detail-type": "AWS API Call via CloudTrail", "detail": event});
    let request = stack.sqs.send_message().queue_url(&stack.outputs["QueueUrl"]);
    request.message_body(call.to_string()).send().await.unwrap();
    let told = stack.receive(alerts, |messages| messages.iter().any(is_about(1))).await;
    let alert = told.iter().find(|alert| is_about(1)(alert)).unwrap();
    assert_eq!(
        (&alert["analytics"][0], &alert["source"]),
        (&"key_deletion_scheduled".into(), &"kmswatch".into())
    );
    // The log says it again, and another thing.
    let (_, second) = fresh(2);
    stack.put(&object, log(&[event, second])).await;
    let mut told = stack.receive(alerts, |messages| messages.iter().any(is_about(2))).await;
    stack.settle().await;
    told.extend(stack.receive(alerts, |_| true).await);
    assert_eq!(told.iter().filter(|alert| is_about(1)(alert)).count(), 0, "told twice");
}

/// What the emulator lets us try of the table in `infra/README.md`: it denies nobody anything.
async fn what_is_no_good_ends_as_the_table_says(stack: &Stack, alerts: &str) {
    let named = |n| fresh(n).0;
    let digest = ObjectRef::new(BUCKET, DIGEST);
    let [text, large, gone] = [3, 4, 5].map(named);
    let elsewhere = ObjectRef::new("no-such-bucket", &named(6).key);
    let (good, event) = fresh(7);
    for (object, bytes) in [
        (&text, b"no log".to_vec()),
        (&large, vec![0; 300 << 20]),
        (&named(8), cut_off()),
        (&named(9), Vec::new()),
        (&named(10), bomb(b"{\"Records\":[", b' ')),
        (&digest, gzip(b"{\"awsAccountId\":\"111122223333\"}")),
        (&good, log(&[event])),
    ] {
        stack.put(object, bytes).await;
    }
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}).to_string();
    for body in [test, "garbage".to_owned(), notification(&[&gone]), notification(&[&elsewhere])] {
        let request = stack.sqs.send_message().queue_url(&stack.outputs["QueueUrl"]);
        request.message_body(body).send().await.unwrap();
    }
    stack.receive(alerts, |messages| messages.iter().any(is_about(7))).await;
    let mut dead = stack.receive(&stack.outputs["DeadLetterQueueUrl"], |messages| messages.len() >= 5).await;
    stack.settle().await;
    dead.extend(stack.receive(&stack.outputs["DeadLetterQueueUrl"], |_| true).await);
    let key = |message: &Value| {
        let key = message.pointer("/Records/0/s3/object/key").and_then(Value::as_str);
        key.unwrap_or("garbage").to_owned()
    };
    let dead: Vec<String> = dead.iter().map(key).collect();
    let expected = [text.key, large.key, gone.key, elsewhere.key, "garbage".to_owned()];
    assert_eq!(BTreeSet::from_iter(&dead), BTreeSet::from_iter(&expected), "{}", stack.emulator.said());
    assert_eq!(dead.len(), expected.len());
}

/// Its settings come from the parameter: nobody has needed the suppression there.
async fn a_digest_is_sent_when_it_is_due(stack: &Stack, alerts: &str, bus: &str) {
    let settings = LiveSettings {
        table: stack.outputs["TableName"].clone(),
        config_from: Some(ConfigFrom::Parameter(PARAMETER.to_owned())),
        ..crate::world::settings()
    };
    let settings = stack.clients.complete(settings).await.unwrap();
    assert_eq!(settings.engine.suppressions[0].reason, "for nobody");
    let other = ConfigFrom::Parameter("/none".to_owned());
    let missing = stack.clients.complete(LiveSettings { config_from: Some(other), ..settings.clone() }).await;
    assert!(missing.unwrap_err().to_string().contains("ParameterNotFound"));
    let store = stack.clients.ports(&settings).store;
    let item = store.get(&[digests::ITEM.to_owned()]).await.unwrap().remove(0).expect("closed before");
    // Nobody has heard of anything for years.
    let body = b"{\"sns\":0,\"event_bridge\":0}".to_vec();
    let write =
        Write { name: digests::ITEM.to_owned(), body, read: Some(item.version), expires: item.expires };
    assert_eq!(store.put(write).await, Ok(Put::Written));
    for _ in 0..2 {
        let function = stack.outputs["FunctionName"].as_str();
        assert_eq!(stack.emulator.drive(&["invoke", function], "{\"kmswatch\":\"close\"}"), Ok(Value::Null));
    }
    let is_digest = |message: &&Value| message["kind"] == "digest" || message["detail-type"] == "KMS digest";
    for queue in [alerts, bus] {
        let mut told = stack.receive(queue, |messages| messages.iter().any(|one| is_digest(&one))).await;
        told.extend(stack.receive(queue, |_| true).await);
        let digests: Vec<&Value> = told.iter().filter(is_digest).collect();
        assert_eq!(digests.len(), 1, "{digests:#?}");
        let digest = digests[0].get("detail").unwrap_or(digests[0]);
        assert_eq!(digest["useless"][0]["reason"], "for nobody", "{digest:#}");
    }
}

/// Of the bad input above. The emulator makes no metrics of what functions write, and looks at no dimensions.
async fn alarms_are_raised_by_what_the_function_has_counted(stack: &Stack, alerts: &str) {
    let said = stack.emulator.said();
    let lines: Vec<&str> =
        said.lines().filter(|line| line.starts_with('{') && line.contains("\"_aws\":")).collect();
    assert!(lines.len() > 10, "{}", lines.len());
    let alarms = stack.emulator.drive(&["metrics"], &lines.join("\n")).unwrap();
    let alarms = alarms.as_object().unwrap();
    assert_eq!(alarms.len(), Template::read().alarms().len());
    let of_function = json!([{"Name": "Function", "Value": stack.outputs["FunctionName"]}]);
    let ours = alarms.iter().filter(|(_, alarm)| alarm["Namespace"] == "kmswatch");
    let raised = ours.filter(|(_, alarm)| {
        assert_eq!(alarm["Dimensions"], of_function);
        alarm["StateValue"] == "ALARM"
    });
    let raised: BTreeSet<&str> = raised.filter_map(|(_, alarm)| alarm["MetricName"].as_str()).collect();
    assert_eq!(raised, BTreeSet::from(["ObjectsMissing", "Problems"]), "{alarms:#?}");
    let is_alarm =
        |message: &Value| message["AlarmName"].as_str().is_some_and(|name| name.contains("VanishedLogs"));
    stack.receive(alerts, |messages| messages.iter().any(is_alarm)).await;
}

fn other_triggers_are_answered_in_their_form(stack: &Stack) {
    let function = stack.outputs["FunctionName"].as_str();
    let invoke = |event: Value| stack.emulator.drive(&["invoke", function], &event.to_string());
    assert_eq!(invoke(json!({"kmswatch": "close"})), Ok(Value::Null));
    let known =
        story().into_iter().map(|(object, _)| object).find(|object| object.key.contains("/CloudTrail/"));
    let (known, missing) = (known.unwrap(), object("20260504T1020Z", 999));
    let tasks = json!([
        {"taskId": "t1", "s3BucketArn": format!("arn:aws:s3:::{BUCKET}"), "s3Key": known.key},
        {"taskId": "t2", "s3BucketArn": format!("arn:aws:s3:::{BUCKET}"), "s3Key": missing.key},
    ]);
    let job =
        json!({"invocationSchemaVersion": "1.0", "invocationId": "i", "job": {"id": "j"}, "tasks": tasks});
    let answer = invoke(job).unwrap();
    let code = |n: usize| answer["results"][n]["resultCode"].as_str();
    assert_eq!((code(0), code(1)), (Some("Succeeded"), Some("PermanentFailure")), "{answer}");
    // S3 that calls the function itself: done is an empty answer, and what is not understood an error.
    assert_eq!(invoke(serde_json::from_str(&notification(&[&known])).unwrap()), Ok(Value::Null));
    assert!(invoke(json!({"hello": 1})).unwrap_err().contains("no notification of a known form"));
}
