//! Bad input on the whole way, through the adapter of S3: what each does, and that nothing else is harmed by it.

use crate::alarms::raised;
use crate::cost::stands_in_the_readme;
use crate::logs::{self, BUCKET, decrypt, deletion, gzip, log, notification, object};
use crate::server::{Answer, Server};
use crate::template::Template;
use crate::world::{World, task};
use flate2::Compression;
use flate2::write::GzEncoder;
use kmswatch_aws::live::{BatchResult, Live, Ports};
use kmswatch_aws::metrics::{self, Metric};
use kmswatch_aws::objects::ObjectRef;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::Arc;

const NOW: &str = "2026-05-04T10:30:00Z";
pub(crate) const DIGEST: &str = "AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/2026/05/04/111122223333_CloudTrail-Digest_eu-west-1_t_eu-west-1_20260504T101500Z.json.gz";
const INSIGHT: &str = "AWSLogs/111122223333/CloudTrail-Insight/eu-west-1/2026/05/04/111122223333_CloudTrail-Insight_eu-west-1_20260504T1015Z_AbCdEfGhIjKlMnOp.json.gz";
/// `limits.object_bytes`, so that the bombs are cut off early: without optimisation, a gigabyte takes long.
const LIMIT: u64 = 64 << 20;
/// Records before compression, and where they are more than settings allow.
const LONG: &str = "300 MB of records in 7 MB";
const TOO_LONG: &str = "the same, where `limits.object_bytes` allows 64 MB";
/// What a bad input may be counted as.
const COUNTED: [Metric; 9] = [
    metrics::MESSAGES_FAILED,
    metrics::MESSAGES_IGNORED,
    metrics::OBJECTS,
    metrics::OBJECTS_PASSED_OVER,
    metrics::OBJECTS_FAILED,
    metrics::OBJECTS_DENIED,
    metrics::OBJECTS_MISSING,
    metrics::RECORDS_BROKEN,
    metrics::PROBLEMS,
];

/// What is wrong.
enum Bad {
    /// The message itself.
    Message(String),
    /// Where the object lies: its key.
    Key(&'static str),
    /// The bytes of an object with the name of a log.
    Bytes(Vec<u8>),
    /// What S3 says when it is asked for a log.
    Answer(fn() -> Answer),
}

/// What becomes of the message.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// It is done.
    Done,
    /// It comes again and again in vain, and ends in the dead-letter queue.
    DeadLetter,
    /// It comes again, and is done once what was in the way is over.
    Again,
}

impl Fate {
    fn of(result: &BatchResult) -> Fate {
        match result.failed.get("bad") {
            None => Fate::Done,
            Some(error) if error.is_temporary() => Fate::Again,
            Some(_) => Fate::DeadLetter,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Fate::Done => "done",
            Fate::DeadLetter => "comes again, then dead-letter queue",
            Fate::Again => "comes again until it can be done",
        }
    }
}

/// A gigabyte of this byte after the beginning of a log, as a megabyte.
pub(crate) fn bomb(begin: &[u8], byte: u8) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(begin).unwrap();
    let some = vec![byte; 1 << 20];
    (0..1_024).for_each(|_| encoder.write_all(&some).unwrap());
    encoder.finish().unwrap()
}

/// A log of so many bytes before compression, one in twenty of its records a call of KMS; and how many these are.
fn long(length: usize) -> (Vec<u8>, u64) {
    let id = "00000000-0000-4000-8000-000000000000";
    let halves = |mut record: Value| -> (String, String) {
        record["eventID"] = id.into();
        let text = record.to_string();
        let (before, after) = text.split_once(id).unwrap();
        (before.to_owned(), after.to_owned())
    };
    let other = |n| {
        let mut record =
            logs::event(n, "2026-05-04T10:10:00Z", "GetObject", json!({"key": format!("k/{n}")}));
        record["eventSource"] = "s3.amazonaws.com".into();
        halves(record)
    };
    let others: Vec<_> = (0..97).map(other).collect();
    let call = halves(decrypt(0, "2026-05-04T10:10:00Z"));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(b"{\"Records\":[").unwrap();
    let (mut n, mut calls, mut written) = (0, 0, 0);
    while written < length {
        let is_call = n % 20 == 0;
        let (before, after) = if is_call { &call } else { &others[n % others.len()] };
        let comma = if n > 0 { "," } else { "" };
        let record = format!("{comma}{before}00000000-0000-4000-8000-{n:012}{after}");
        encoder.write_all(record.as_bytes()).unwrap();
        (n, calls, written) = (n + 1, calls + u64::from(is_call), written + record.len());
    }
    encoder.write_all(b"]}").unwrap();
    (encoder.finish().unwrap(), calls)
}

pub(crate) fn cut_off() -> Vec<u8> {
    let mut whole = log(&[deletion(2, "2026-05-04T10:15:42Z")]);
    whole.truncate(whole.len() / 2);
    whole
}

fn refusal(status: &'static str, code: &str) -> Answer {
    let text = format!("<Error><Code>{code}</Code><Message>as the test wants</Message></Error>");
    Answer::new(status, "application/xml", text.into_bytes())
}

fn zeros(length: Option<u64>) -> Answer {
    let answer = Answer::new("200 OK", "application/x-gzip", Vec::new());
    Answer { zeros: 300 << 20, length, ..answer }
}

/// Everything bad, as the table in `infra/README.md` names it.
fn inputs(long: &[u8]) -> Vec<(&'static str, Bad)> {
    let deep = format!("{{\"Records\":[{}{}]}}", "[".repeat(200_000), "]".repeat(200_000));
    let latin = b"{\"Records\":[{\"eventSource\":\"kms.amazonaws.com\",\"eventName\":\"Decr\xffypt\"}]}";
    let noise = (0..5_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let own = json!({"source": "kmswatch", "detail-type": "KMS alert", "detail": {}});
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET});
    vec![
        ("test event of S3", Bad::Message(test.to_string())),
        ("alert of kmswatch itself", Bad::Message(own.to_string())),
        ("message that is not JSON", Bad::Message("garbage".to_owned())),
        ("message that is no notification", Bad::Message("{\"hello\":1}".to_owned())),
        ("digest of CloudTrail", Bad::Key(DIGEST)),
        ("Insights of CloudTrail", Bad::Key(INSIGHT)),
        ("object of another service", Bad::Key("elb/2026/05/04/access.log")),
        ("0 bytes", Bad::Bytes(Vec::new())),
        ("log without records", Bad::Bytes(log(&[]))),
        ("truncated gzip", Bad::Bytes(cut_off())),
        ("text under the name of a log", Bad::Bytes(b"hello".to_vec())),
        ("text, compressed", Bad::Bytes(gzip(b"hello"))),
        ("noise", Bad::Bytes(noise)),
        ("JSON of something else", Bad::Bytes(gzip(b"{\"a\":1}"))),
        (
            "one record of two is none",
            Bad::Bytes(log(&[deletion(2, "2026-05-04T10:15:42Z"), json!("no record")])),
        ),
        ("nested 200,000 deep", Bad::Bytes(gzip(deep.as_bytes()))),
        ("text that is not UTF-8", Bad::Bytes(gzip(latin))),
        ("bomb: 1 GB of blanks in 1 MB", Bad::Bytes(bomb(b"{\"Records\":[", b' '))),
        ("bomb: 1 GB of one record in 1 MB", Bad::Bytes(bomb(b"{\"Records\":[{\"eventSource\":\"", b'k'))),
        (LONG, Bad::Bytes(long.to_vec())),
        (TOO_LONG, Bad::Bytes(long.to_vec())),
        ("object of 300 MB", Bad::Answer(|| zeros(Some(300 << 20)))),
        ("object of 300 MB that does not say so", Bad::Answer(|| zeros(None))),
        ("object that was deleted", Bad::Answer(|| refusal("404 Not Found", "NoSuchKey"))),
        ("bucket that does not exist", Bad::Answer(|| refusal("404 Not Found", "NoSuchBucket"))),
        (
            "access denied, to the object, the bucket or the key of the logs",
            Bad::Answer(|| refusal("403 Forbidden", "AccessDenied")),
        ),
        ("key of the logs disabled", Bad::Answer(|| refusal("400 Bad Request", "KMS.DisabledException"))),
        ("S3 throttles", Bad::Answer(|| refusal("503 Slow Down", "SlowDown"))),
        (
            "connection lost on the way",
            Bad::Answer(|| {
                let half = Answer::new("200 OK", "application/x-gzip", vec![0x1f; 1_000]);
                Answer { length: Some(2_000), ..half }
            }),
        ),
    ]
}

#[tokio::test]
async fn each_bad_input_has_its_fate_and_harms_no_other() {
    let good = log(&[deletion(2, "2026-05-04T10:15:42Z")]);
    let [bad, well] = [1, 2].map(|n| object("20260504T1020Z", n));
    let mut table = "| input | the message | counted as | alarms |\n|---|---|---|---|\n".to_owned();
    let (long, calls) = long(300_000_000);
    assert_eq!(long.len() / 1_000_000, 7, "its name says so");
    let template = Template::read();
    for (what, input) in inputs(&long) {
        let object = match &input {
            Bad::Key(key) => ObjectRef::new(BUCKET, key),
            _ => bad.clone(),
        };
        let message = match &input {
            Bad::Message(text) => text.clone(),
            _ => notification(&[&object]),
        };
        let (path, good) = (format!("/{BUCKET}/{}", well.key), good.clone());
        let server = Server::new(move |request| match &input {
            _ if request.path == path => Answer::new("200 OK", "application/x-gzip", good.clone()),
            Bad::Bytes(bytes) => Answer::new("200 OK", "application/x-gzip", bytes.clone()),
            Bad::Answer(answer) => answer(),
            Bad::Message(_) | Bad::Key(_) => panic!("asked for {}", request.path),
        });
        let mut world = World::at(NOW);
        if what != LONG {
            world.settings.engine.limits.object_bytes = LIMIT;
        }
        let objects = Arc::new(server.clients().await.objects());
        let live = Live::new(Ports { objects, ..world.ports() }, world.settings.clone(), "w");
        let tasks = vec![task("bad", &message), task("good", &notification(&[&well]))];
        let result = live.batch(tasks, None).await;
        // The good one is an object, too.
        let of_the_good = |metric: Metric| u64::from(metric == metrics::OBJECTS);
        let counted = COUNTED.iter().filter(|metric| result.counts.get(**metric) > of_the_good(**metric));
        let counted: Vec<String> = counted.map(|metric| format!("`{}`", metric.name)).collect();
        let fate = Fate::of(&result);
        assert!(!result.failed.contains_key("good"), "{what}: {:?}", result.failed);
        assert_eq!(world.copies(), [1, 1], "{what}");
        // Of an object that is refused for its size no more is held than is allowed, and some is on its way.
        assert!(server.sent() < 100 << 20, "{what}: {} bytes were sent", server.sent());
        if what == LONG {
            assert_eq!(result.counts.get(metrics::KMS_EVENTS), calls + 1);
        }
        let mut alarms = raised(&template, &result.counts);
        alarms.extend((fate == Fate::DeadLetter).then(|| "DeadLetters".to_owned()));
        table += &format!("| {what} | {} | {} | {} |\n", fate.words(), counted.join(", "), alarms.join(", "));
    }
    stands_in_the_readme("inputs", &table);
}

#[tokio::test]
async fn hostile_names_end_in_items_of_their_own() {
    let object = object("20260504T1020Z", 1);
    let names = ["x".repeat(3_000), "x".repeat(3_001), "a#b".to_owned(), "\u{0}\n\"".to_owned()];
    let events: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(n, name)| logs::by(name, n as u32, "2026-05-04T10:01:00Z", "Decrypt", json!({})))
        .collect();
    let world = World::holding(NOW, &[(object.clone(), log(&events))]);
    let result = world.live("w1").batch(vec![task("m1", &notification(&[&object]))], None).await;
    assert!(result.failed.is_empty(), "{:?}", result.failed);
    let principals = world.stored().into_keys().filter(|name| name.starts_with("principal#"));
    let names: Vec<String> = principals.collect();
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names.iter().all(|name| name.len() <= 2_048));
}
