//! What the pipeline asks of AWS on the way from a notification to an alert, and what the template lets the function do.

use super::{PARAMETER, Stack, fresh};
use crate::logs::{BUCKET, log};
use crate::template::Template;
use crate::world::{settings, task};
use kmswatch_aws::clients::Clients;
use kmswatch_aws::live::Live;
use kmswatch_aws::objects::ObjectRef;
use kmswatch_aws::settings::{ConfigFrom, LiveSettings};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the function may do and does not ask for itself, and who does.
const BY_OTHERS: [(&str, &str); 7] = [
    ("s3:ListBucket", "S3 tells with it that an object is missing, instead of denying it"),
    ("sqs:ReceiveMessage", "Lambda takes messages with the function's role"),
    ("sqs:DeleteMessage", "Lambda"),
    ("sqs:GetQueueAttributes", "Lambda"),
    ("logs:CreateLogStream", "Lambda writes the function's log with its role"),
    ("logs:PutLogEvents", "Lambda"),
    ("kms:Decrypt", "S3 decrypts with it what it gives out"),
];

/// An action, and the ARN of what it is done to.
type Call = (String, String);

/// Passes requests on to the emulator, and writes down what they ask for.
struct Recorder {
    address: String,
    calls: Arc<Mutex<BTreeSet<Call>>>,
}

impl Recorder {
    fn before(emulator: &str) -> Recorder {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let calls: Arc<Mutex<BTreeSet<Call>>> = Arc::default();
        let (noted, emulator) = (Arc::clone(&calls), emulator.trim_start_matches("http://").to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (noted, emulator) = (Arc::clone(&noted), emulator.clone());
                std::thread::spawn(move || pass_on(stream, &emulator, &noted));
            }
        });
        Recorder { address, calls }
    }

    async fn clients(&self) -> Clients {
        let credentials = aws_sdk_s3::config::Credentials::new("test", "test", None, None, "test");
        let loader = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .endpoint_url(&self.address)
            .region(aws_sdk_s3::config::Region::new(super::Emulator::region()))
            .credentials_provider(credentials);
        Clients::connect_with(loader).await
    }
}

/// One request and its answer.
fn pass_on(stream: TcpStream, emulator: &str, calls: &Mutex<BTreeSet<Call>>) -> Option<()> {
    let mut reader = BufReader::new(&stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let header = |name: &str| {
        let is_it = |line: &&String| line.to_lowercase().starts_with(&format!("{name}: "));
        head.iter().find(is_it).map(|line| line[name.len() + 2..].to_owned())
    };
    let mut body = vec![0; header("content-length").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    let of = header("authorization")?;
    let service = of.split_once("Credential=")?.1.split('/').nth(3)?;
    let path = head.first()?.split(' ').nth(1)?.to_owned();
    calls.lock().unwrap().insert(asked(service, &path, header("x-amz-target").as_deref(), &body));

    let mut onward = TcpStream::connect(emulator).ok()?;
    let kept = head.iter().filter(|line| !line.to_lowercase().starts_with("connection:"));
    let head: Vec<&str> = kept.map(String::as_str).chain(["connection: close", "\r\n"]).collect();
    onward.write_all(head.join("\r\n").as_bytes()).ok()?;
    onward.write_all(&body).ok()?;
    let mut answer = Vec::new();
    onward.read_to_end(&mut answer).ok()?;
    (&stream).write_all(&answer).ok()
}

/// What a request asks for.
fn asked(service: &str, path: &str, target: Option<&str>, body: &[u8]) -> Call {
    let form: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let arn = |service: &str, rest: &str| format!("arn:aws:{service}:us-east-1:000000000000:{rest}");
    let operation = target.and_then(|target| target.rsplit('.').next()).unwrap_or_default();
    let of = match (service, operation) {
        ("s3", _) => {
            let (path, query) = path.split_once('?').unwrap_or((path, ""));
            let action = if query.contains("versionId=") { "GetObjectVersion" } else { "GetObject" };
            return (format!("s3:{action}"), format!("arn:aws:s3:::{}", path.trim_start_matches('/')));
        }
        ("sns", _) => {
            let body = String::from_utf8_lossy(body);
            let member = |name: &str| {
                let one = body.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
                one.unwrap_or_default().replace("%3A", ":")
            };
            return (format!("sns:{}", member("Action")), member("TopicArn"));
        }
        ("dynamodb", "BatchGetItem") => arn(
            service,
            &format!("table/{}", form["RequestItems"].as_object().unwrap().keys().next().unwrap()),
        ),
        ("dynamodb", _) => arn(service, &format!("table/{}", text(&form["TableName"]))),
        ("events", _) => arn(service, &format!("event-bus/{}", text(&form["Entries"][0]["EventBusName"]))),
        ("ssm", _) => arn(service, &format!("parameter{}", text(&form["Name"]))),
        other => panic!("{other:?} is new: say what it is done to"),
    };
    (format!("{service}:{operation}"), of)
}

/// The ARN, or the beginning of it before a `*`, that a statement names.
fn resource(stack: &Stack, named: &Value) -> String {
    if let Some(text) = named["Fn::Sub"].as_str() {
        let values = [
            ("${AWS::Partition}", "aws"),
            ("${AWS::Region}", "us-east-1"),
            ("${AWS::AccountId}", "000000000000"),
            ("${TrailBucketName}", BUCKET),
            ("${LogPrefix}", ""),
            ("${ConfigParameter}", PARAMETER),
        ];
        return values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
    }
    let one = |named: &Value, name: &str| named["Fn::GetAtt"] == name || named["Ref"] == name;
    match named {
        named if one(named, "Topic") => stack.outputs["TopicArn"].clone(),
        named if one(named, "Table.Arn") => {
            format!("arn:aws:dynamodb:us-east-1:000000000000:table/{}", stack.outputs["TableName"])
        }
        named if one(named, "Bus.Arn") => {
            format!("arn:aws:events:us-east-1:000000000000:event-bus/{}", stack.outputs["BusName"])
        }
        other => other.to_string(),
    }
}

pub(super) async fn the_role_may_do_what_is_done_and_no_more(stack: &Stack) {
    let recorder = Recorder::before(&stack.emulator.endpoint());
    let clients = recorder.clients().await;
    // Settings from both places, a log by its notification and one by its version, hours closed, alerts to both sinks.
    let named = |from| LiveSettings {
        table: stack.outputs["TableName"].clone(),
        topic: Some(stack.outputs["TopicArn"].clone()),
        bus: Some(stack.outputs["BusName"].clone()),
        config_from: Some(from),
        ..settings()
    };
    let config = ObjectRef::new(BUCKET, "AWSLogs/settings.toml");
    stack.put(&config, b"[alerts]\nbudget_per_week = 2.0\n".to_vec()).await;
    clients.complete(named(ConfigFrom::Object(config))).await.unwrap();
    let settings = clients.complete(named(ConfigFrom::Parameter(PARAMETER.to_owned()))).await.unwrap();
    let live = Live::new(clients.ports(&settings), settings.clone(), "permissions");
    let (object, event) = fresh(20);
    stack.put(&object, log(&[event])).await;
    let versions = stack.s3.list_object_versions().bucket(BUCKET).prefix(&object.key).send().await.unwrap();
    let version = versions.versions()[0].version_id().unwrap_or("null");
    let body = |version: Option<&str>| {
        let object = json!({"key": object.key, "versionId": version});
        let record = json!({"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": BUCKET}, "object": object}});
        json!({ "Records": [record] }).to_string()
    };
    // What is put into the bucket the function may tell first: a call that did not come from there.
    let (_, event) = fresh(21);
    let call = json!({"source": "aws.kms", "detail-type": "AWS API Call via CloudTrail", "detail": event});
    for message in [body(None), body(Some(version)), call.to_string()] {
        let result = live.batch(vec![task("m", &message)], None).await;
        assert!(result.failed.is_empty(), "{:?}", result.failed);
    }
    live.close(None).await.outcome.unwrap();

    let calls = recorder.calls.lock().unwrap().clone();
    let statements = Template::read().function_may();
    for (action, arn) in &calls {
        let may = statements.iter().filter(|statement| statement.actions.contains(action)).any(|statement| {
            let allowed = resource(stack, &statement.resource);
            allowed.strip_suffix('*').map_or(arn == &allowed, |begin| arn.starts_with(begin))
        });
        assert!(may, "the role may not {action} {arn}");
    }
    let done: BTreeSet<&str> = calls.iter().map(|(action, _)| action.as_str()).collect();
    let may: BTreeSet<&str> = statements.iter().flat_map(|one| &one.actions).map(String::as_str).collect();
    let by_others: BTreeSet<&str> = BY_OTHERS.iter().map(|(action, _)| *action).collect();
    assert_eq!(
        done.union(&by_others).copied().collect::<BTreeSet<_>>(),
        may,
        "what is allowed and never done"
    );
    assert!(done.is_disjoint(&by_others), "{done:?}");
}
