//! What the function costs in time and memory: the real binary, between a stand-in of Lambda's runtime interface and
//! stand-ins of S3 and DynamoDB that answer at once.
//!
//! ```sh
//! cargo build --release -p kmswatch-lambda
//! cargo run -p kmswatch-lambda --example resources -- target/release/bootstrap
//! ```
//!
//! Prints a table for `infra/README.md`. CPU time is what counts: it depends little on what else the machine does.
//! Linux alone, since it looks into `/proc`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::panic
)]

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use kmswatch_scenario::{Objects, Scenario};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Bytes of the largest log that CloudTrail writes, before compression, and of one that is larger by far.
const LARGEST: usize = 50_000_000;
const TOO_LARGE: usize = 300_000_000;
/// Objects read one after the other in a function that is warm.
const MANY: usize = 60;
/// Runs of which the median counts.
const RUNS: usize = 3;

/// Everything that the function can ask for.
#[derive(Default)]
struct World {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// When the function asked for its first event.
    first_poll: Option<Instant>,
    event: Option<String>,
    answers: usize,
    failed: Option<String>,
    objects: BTreeMap<String, Vec<u8>>,
    items: BTreeMap<String, Value>,
    requests: BTreeMap<&'static str, usize>,
}

fn main() {
    let Some(binary) = std::env::args().nth(1) else {
        println!("usage: resources BOOTSTRAP");
        return;
    };
    let size = fs::metadata(&binary).expect("there is no such binary").len();
    let logs = logs();
    let mut sizes: Vec<usize> = logs.iter().map(Vec::len).collect();
    sizes.sort_unstable();
    let typical = logs.iter().find(|log| log.len() == sizes[sizes.len() / 2]).unwrap().clone();
    let [largest, too_large] = [LARGEST, TOO_LARGE].map(|length| as_large_as(length, &logs));
    let size_of_it = format!("the same of 300 MB, compressed to {:.0} MB", too_large.len() as f64 / 1e6);
    println!("binary: {:.1} MB", size as f64 / 1e6);
    println!("| | objects | records | CPU, ms | peak memory, MB | S3 | DynamoDB reads | writes |");
    println!("|---|---|---|---|---|---|---|---|");
    let many: Vec<Vec<u8>> = logs.iter().take(MANY).cloned().collect();
    let count = |objects: &[Vec<u8>]| objects.iter().map(|object| records(object).len()).sum::<usize>();
    let [typical, largest, too_large] = [typical, largest, too_large].map(|object| vec![object]);
    for (name, records, objects) in [
        ("until the first poll", 0, Vec::new()),
        (WITH_PARAMETER, 0, Vec::new()),
        ("a typical object", count(&typical), typical),
        ("an object of 50 MB before compression", count(&largest), largest),
        (size_of_it.as_str(), count(&too_large), too_large),
        ("a bomb: 1 GB of blanks, compressed to 1 MB", 0, vec![bomb()]),
        ("60 objects, one message after the other", count(&many), many),
    ] {
        let mut runs: Vec<Run> = (0..RUNS).map(|_| run(&binary, &objects, name == WITH_PARAMETER)).collect();
        runs.sort_by(|a, b| a.cpu.total_cmp(&b.cpu));
        let Run { cpu, peak, requests, init } = runs.swap_remove(RUNS / 2);
        let n = |what: &str| requests.get(what).copied().unwrap_or(0);
        println!(
            "| {name} | {} | {records} | {cpu:.1} | {peak:.1} | {} | {} | {} |",
            objects.len(),
            n("object"),
            n("read"),
            n("write"),
        );
        if objects.is_empty() {
            println!("({name}: {init:.1} ms by the clock)");
        }
    }
}

/// What is measured with settings in a parameter of Systems Manager.
const WITH_PARAMETER: &str = "the same, with settings in a parameter";

struct Run {
    /// Milliseconds of CPU time, of all but the first those after the first poll.
    cpu: f64,
    /// Megabytes.
    peak: f64,
    /// Milliseconds by the clock until the first poll.
    init: f64,
    requests: BTreeMap<&'static str, usize>,
}

/// Starts the function, gives it one object after the other, and looks at what it has used.
fn run(binary: &str, objects: &[Vec<u8>], parameter: bool) -> Run {
    let world = Arc::new(World::default());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let served = Arc::clone(&world);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let world = Arc::clone(&served);
            std::thread::spawn(move || serve(&world, stream));
        }
    });
    let begun = Instant::now();
    let mut function = start(binary, &address, parameter);
    world.wait(|state| state.first_poll.is_some());
    let init = world.state.lock().unwrap().first_poll.unwrap().duration_since(begun).as_secs_f64() * 1e3;
    // It has asked, and waits.
    std::thread::sleep(Duration::from_millis(50));
    let before = if objects.is_empty() { 0.0 } else { cpu(&function) };
    for (n, object) in objects.iter().enumerate() {
        let key = format!(
            "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/05/04/111122223333_CloudTrail_eu-west-1_20260504T1020Z_{n:016}.json.gz"
        );
        let body = json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "logs"}, "object": {"key": key}}}]});
        let event =
            json!({"Records": [{"eventSource": "aws:sqs", "messageId": "m", "body": body.to_string()}]});
        {
            let mut state = world.state.lock().unwrap();
            state.objects.insert(format!("/logs/{key}"), object.clone());
            state.event = Some(event.to_string());
            world.changed.notify_all();
        }
        world.wait(|state| state.answers > n || state.failed.is_some());
        if let Some(failed) = &world.state.lock().unwrap().failed {
            panic!("the function failed: {failed}");
        }
    }
    let cpu = cpu(&function) - before;
    let peak = peak(&function);
    let _ = function.kill();
    let _ = function.wait();
    let requests = world.state.lock().unwrap().requests.clone();
    Run { cpu, peak, init, requests }
}

fn start(binary: &str, address: &str, parameter: bool) -> Child {
    Command::new(binary)
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", address)
        .env("AWS_LAMBDA_FUNCTION_NAME", "kmswatch")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .env("AWS_ENDPOINT_URL", format!("http://{address}"))
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("KMSWATCH_TABLE", "kmswatch")
        .env("KMSWATCH_CONFIG_SSM", if parameter { "/kmswatch/settings" } else { "" })
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("the binary cannot be run")
}

/// CPU time of all threads, in milliseconds.
fn cpu(function: &Child) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{}/task", function.id())).unwrap();
    let of = |task: fs::DirEntry| {
        let stat = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        stat.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or_default()
    };
    tasks.flatten().map(of).sum::<f64>() / 1e6
}

/// The most memory that it has had, in megabytes.
fn peak(function: &Child) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", function.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() * 1_024.0 / 1e6
}

impl World {
    fn wait(&self, is_so: impl Fn(&State) -> bool) {
        let mut state = self.state.lock().unwrap();
        while !is_so(&state) {
            state = self.changed.wait(state).unwrap();
        }
    }
}

/// Answers the requests of a connection.
fn serve(world: &World, stream: TcpStream) {
    let mut writer = stream.try_clone().unwrap();
    let mut reader = BufReader::new(stream);
    while let Some((head, body)) = request(&mut reader) {
        let line = head.first().cloned().unwrap_or_default();
        let path =
            line.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default().to_owned();
        let target = head
            .iter()
            .find_map(|line| line.to_lowercase().strip_prefix("x-amz-target: ").map(str::to_owned));
        let (status, headers, body) = answer(world, &line, &path, target.as_deref(), &body);
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
        if writer.write_all(head.as_bytes()).and_then(|()| writer.write_all(&body)).is_err() {
            return;
        }
    }
}

fn request(reader: &mut BufReader<TcpStream>) -> Option<(Vec<String>, Vec<u8>)> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let header =
        |name: &str| head.iter().find_map(|line| line.to_lowercase().strip_prefix(name).map(str::to_owned));
    let mut body = Vec::new();
    if let Some(length) = header("content-length: ") {
        body.resize(length.trim().parse().ok()?, 0);
        reader.read_exact(&mut body).ok()?;
    } else if header("transfer-encoding: chunked").is_some() {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let length = usize::from_str_radix(line.trim(), 16).ok()?;
            let mut chunk = vec![0; length + 2];
            reader.read_exact(&mut chunk).ok()?;
            if length == 0 {
                break;
            }
            body.extend_from_slice(&chunk[..length]);
        }
    }
    Some((head, body))
}

type Answer = (&'static str, String, Vec<u8>);

fn answer(world: &World, line: &str, path: &str, target: Option<&str>, body: &[u8]) -> Answer {
    if path.ends_with("/runtime/invocation/next") {
        return next(world);
    }
    let mut state = world.state.lock().unwrap();
    if path.contains("/runtime/") {
        if path.ends_with("/response") && String::from_utf8_lossy(body).contains("\"batchItemFailures\":[]") {
            state.answers += 1;
        } else {
            state.failed = Some(String::from_utf8_lossy(body).into_owned());
        }
        world.changed.notify_all();
        return ("202 Accepted", String::new(), Vec::new());
    }
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let json_ = "content-type: application/x-amz-json-1.0\r\n".to_owned();
    match target {
        Some("dynamodb_20120810.batchgetitem") => {
            *state.requests.entry("read").or_default() += 1;
            let keys = said["RequestItems"]["kmswatch"]["Keys"].as_array().cloned().unwrap_or_default();
            let items: Vec<&Value> =
                keys.iter().filter_map(|key| state.items.get(key["pk"]["S"].as_str()?)).collect();
            let found = json!({"Responses": {"kmswatch": items}, "UnprocessedKeys": {}});
            ("200 OK", json_, found.to_string().into_bytes())
        }
        Some("dynamodb_20120810.putitem") => {
            *state.requests.entry("write").or_default() += 1;
            let name = said["Item"]["pk"]["S"].as_str().unwrap_or_default().to_owned();
            state.items.insert(name, said["Item"].clone());
            ("200 OK", json_, b"{}".to_vec())
        }
        Some("amazonssm.getparameter") => {
            let settings = "[alerts]\nbudget_per_week = 1.0\n";
            let parameter = json!({"Parameter": {"Name": "/kmswatch/settings", "Value": settings}});
            ("200 OK", json_, parameter.to_string().into_bytes())
        }
        _ if line.starts_with("GET ") => {
            *state.requests.entry("object").or_default() += 1;
            match state.objects.get(path) {
                Some(object) => ("200 OK", String::new(), object.clone()),
                None => ("404 Not Found", String::new(), Vec::new()),
            }
        }
        _ => panic!("nobody answers {line} {target:?}"),
    }
}

/// The next event, once there is one.
fn next(world: &World) -> Answer {
    let mut state = world.state.lock().unwrap();
    state.first_poll.get_or_insert_with(Instant::now);
    world.changed.notify_all();
    while state.event.is_none() {
        state = world.changed.wait(state).unwrap();
    }
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(120);
    let headers = format!(
        "content-type: application/json\r\nlambda-runtime-aws-request-id: r\r\nlambda-runtime-deadline-ms: {}\r\n\
         lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-west-1:111122223333:function:kmswatch\r\n",
        deadline.as_millis()
    );
    ("200 OK", headers, state.event.take().unwrap_or_default().into_bytes())
}

/// Log objects of ten hours of a working day of a large organisation, as they are stored.
fn logs() -> Vec<Vec<u8>> {
    let scenario = Scenario { days: 1, holidays: Vec::new(), attacks: Vec::new(), ..Scenario::evaluation(1) };
    let objects = Objects::new(&scenario).unwrap().map(Result::unwrap);
    objects
        .filter(|object| object.path.contains("/CloudTrail/") && object.path.contains("_20260302T1"))
        .map(|object| object.body)
        .collect()
}

fn records(log: &[u8]) -> Vec<Value> {
    let mut text = Vec::new();
    GzDecoder::new(log).read_to_end(&mut text).unwrap();
    let mut log: Value = serde_json::from_slice(&text).unwrap();
    log["Records"].as_array_mut().map(std::mem::take).unwrap_or_default()
}

/// A log without records that is as large as one may be before compression.
fn bomb() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(b"{\"Records\":[").unwrap();
    let some = [b' '; 1 << 16];
    (0..(1 << 14) - 1).for_each(|_| encoder.write_all(&some).unwrap());
    encoder.write_all(b"]}").unwrap();
    encoder.finish().unwrap()
}

/// The records of all logs, with ids of their own, until the log has this length before compression.
fn as_large_as(length: usize, logs: &[Vec<u8>]) -> Vec<u8> {
    let some: Vec<Value> = logs.iter().take(200).flat_map(|log| records(log)).collect();
    let mut text = "{\"Records\":[".to_owned();
    for n in 0.. {
        let mut record = some[n % some.len()].clone();
        record["eventID"] = format!("00000000-0000-4000-8000-{n:012}").into();
        let record = record.to_string();
        if text.len() + record.len() + 3 > length {
            break;
        }
        if n > 0 {
            text.push(',');
        }
        text.push_str(&record);
    }
    text.push_str("]}");
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}
