//! Eight workers that share a queue: however objects come, the table holds what one worker leaves, and the findings are
//! those of a replay of the same files.

use crate::emulator::Emulator;
use crate::{all_accounts, all_files, kmswatch, output, text};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const BUCKET: &str = "trail-logs";
const WORKERS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(240);

/// A table, a queue of notifications, and what workers on them are told.
struct Site<'e> {
    emulator: &'e Emulator,
    table: &'e str,
    queue: String,
    settings: &'e str,
}

impl Site<'_> {
    fn new<'e>(emulator: &'e Emulator, table: &'e str, settings: &'e str) -> Site<'e> {
        emulator.drive(&["table", table, "forever"], "").unwrap();
        let queue = emulator.drive(&["queue", table], "").unwrap().as_str().unwrap().to_owned();
        Site { emulator, table, queue, settings }
    }

    fn worker(&self, more: &[&str]) -> Command {
        let mut command = kmswatch(&["worker", "--queue-url", &self.queue]);
        self.emulator.point(command.args(more)).env("KMSWATCH_TABLE", self.table);
        command.env("KMSWATCH_CONFIG", self.settings).env("KMSWATCH_ALERT_DAYS", "36500");
        command
    }

    fn send(&self, keys: &[String]) {
        let lines: Vec<String> = keys
            .iter()
            .map(|key| {
                json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
                    "s3": {"bucket": {"name": BUCKET}, "object": {"key": key}}}]})
                .to_string()
            })
            .collect();
        self.emulator.drive(&["send", &self.queue], &lines.join("\n")).unwrap();
    }

    fn left(&self) -> u64 {
        self.emulator.drive(&["left", &self.queue], "").unwrap().as_u64().unwrap()
    }

    fn items(&self) -> BTreeMap<String, String> {
        serde_json::from_value(self.emulator.drive(&["dump", self.table], "").unwrap()).unwrap()
    }
}

/// Items without those that say who was told what, which depends on who came first.
fn states(items: &BTreeMap<String, String>) -> BTreeMap<&String, &String> {
    let telling = ["found#entities", "found#settled", "found#incidents", "incident#", "lease#", "digest#"];
    items.iter().filter(|(name, _)| !telling.iter().any(|begin| name.starts_with(begin))).collect()
}

/// Splits every third log in two, as if it had been delivered so.
fn split_some(folder: &Path) {
    for (n, file) in all_files(folder).into_iter().enumerate() {
        if n % 3 != 0 || !file.to_string_lossy().contains("/CloudTrail/") {
            continue;
        }
        let mut log = String::new();
        GzDecoder::new(std::fs::File::open(&file).unwrap()).read_to_string(&mut log).unwrap();
        let log: Value = serde_json::from_str(&log).unwrap();
        let records = log["Records"].as_array().unwrap();
        let (first, second) = records.split_at(records.len() / 2);
        let name = file.file_name().unwrap().to_str().unwrap().replace(".json.gz", "a.json.gz");
        for (path, records) in [(file.clone(), first), (file.with_file_name(name), second)] {
            let mut encoder = GzEncoder::new(std::fs::File::create(path).unwrap(), Compression::fast());
            encoder.write_all(json!({ "Records": records }).to_string().as_bytes()).unwrap();
            encoder.finish().unwrap();
        }
    }
}

fn keys(folder: &Path) -> Vec<String> {
    let mut keys: Vec<String> = all_files(folder)
        .iter()
        .map(|file| file.strip_prefix(folder).unwrap().to_str().unwrap().to_owned())
        .filter(|key| key.contains("/CloudTrail/"))
        .collect();
    keys.sort();
    keys
}

/// Starts a worker, and waits until it has looked at what is over: from now on it reads its queue.
fn started(mut command: Command) -> Child {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with('{') {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "a worker has ended");
    }
    // Whoever writes must be read.
    std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    child
}

#[test]
#[cfg(unix)]
fn eight_workers_in_disorder_with_repetition_leave_what_one_leaves_and_find_what_a_replay_finds() {
    let emulator = Emulator::start();
    let scratch = tempfile::TempDir::new().unwrap();
    let folder = scratch.path().join("logs");
    let mut simulate = kmswatch(&["simulate", "--days", "1", "--seed", "7", "--out"]);
    simulate.arg(&folder).args([
        "--attack",
        "scheduled_deletion@0T08:10",
        "--attack",
        "policy_opened@0T10:10",
    ]);
    assert!(output(&mut simulate).status.success());
    // Declared, so that what is found does not depend on which account's log comes first.
    let accounts: Vec<String> = all_accounts(&folder).into_keys().collect();
    let settings = format!("[estate]\naccounts = {accounts:?}\n");
    let config = scratch.path().join("settings.toml");
    std::fs::write(&config, &settings).unwrap();
    let whole = output(kmswatch(&["replay", "--format", "jsonl", "--config"]).arg(&config).arg(&folder));
    let findings = lines(&whole.stdout);
    let by_rules = |finding: &&Value| finding["kind"] == "rule" || finding["kind"] == "fact";
    let replayed: BTreeSet<&str> = findings.iter().filter(by_rules).map(id).collect();
    assert!(replayed.len() >= 2, "{replayed:?}");
    split_some(&folder);
    emulator.drive(&["upload", folder.to_str().unwrap(), BUCKET, ""], "").unwrap();

    let keys = keys(&folder);
    let alone = Site::new(&emulator, "alone", &settings);
    alone.send(&keys);
    let said = output(&mut alone.worker(&["--until-empty"]));
    assert_eq!((said.status.code(), alone.left()), (Some(0), 0), "{}", text(&said.stderr));

    let shared = Site::new(&emulator, "shared", &settings);
    let workers: Vec<Child> = (0..WORKERS).map(|_| started(shared.worker(&[]))).collect();
    // Every object twice, shuffled by a fixed rule.
    let mut order: Vec<usize> = (0..keys.len() * 2).collect();
    order.sort_by_key(|n| (n * 7_919 + 13) % 10_007);
    shared.send(&order.iter().map(|n| keys[n % keys.len()].clone()).collect::<Vec<_>>());
    let begun = Instant::now();
    while shared.left() > 0 {
        assert!(begun.elapsed() < PATIENCE, "not done\n{}", emulator.said());
        std::thread::sleep(Duration::from_millis(500));
    }
    for mut worker in workers {
        // The first signal lets it finish what it is at.
        assert!(Command::new("kill").arg(worker.id().to_string()).status().unwrap().success());
        assert_eq!(worker.wait().unwrap().code(), Some(0));
    }

    let (got, wanted) = (shared.items(), alone.items());
    let (got_states, wanted_states) = (states(&got), states(&wanted));
    assert_eq!(got_states.keys().collect::<Vec<_>>(), wanted_states.keys().collect::<Vec<_>>());
    for (name, body) in &wanted_states {
        assert_eq!(&got_states[*name], body, "{name}");
    }
    let known: Vec<String> =
        serde_json::from_slice(&BASE64_STANDARD.decode(&got["found#settled"]).unwrap()).unwrap();
    let known: BTreeSet<&str> = known.iter().filter_map(|mark| Some(mark.split_once(':')?.0)).collect();
    assert!(known.is_superset(&replayed), "{known:?} of {replayed:?}");
    // What was true of the half that was known by then may have been found, too: that a key is needed and cannot be
    // used, before the act that took it away has come. A replay that begins later finds the same.
    let early: BTreeSet<&str> = known.difference(&replayed).copied().collect();
    let mut of_half: BTreeMap<String, Value> = BTreeMap::new();
    let files: Vec<PathBuf> = keys.iter().map(|key| folder.join(key)).collect();
    for n in (0..files.len()).filter(|_| !early.is_empty()) {
        let mut command = kmswatch(&["replay", "--format", "jsonl", "--config"]);
        let found = output(command.arg(&config).args(&files[n..]));
        of_half.extend(lines(&found.stdout).into_iter().map(|finding| (id(&finding).to_owned(), finding)));
    }
    for id in &early {
        assert_eq!(of_half[*id]["detector"], "unusable_key_used", "{id}");
    }
    // In the end they do not stand: what the table knows says what a replay says, to the byte.
    let path = |name: &str| scratch.path().join(name).to_str().unwrap().to_owned();
    let exported = output(emulator.point(&mut kmswatch(&["baseline", "export", "--table", "shared"])));
    std::fs::write(path("all.jsonl"), exported.stdout).unwrap();
    let imported =
        output(&mut kmswatch(&["baseline", "import", &path("all.jsonl"), "--state", &path("state")]));
    assert!(imported.status.success(), "{}", text(&imported.stderr));
    std::fs::write(path("none.json"), b"{\"Records\":[]}").unwrap();
    let mut command = kmswatch(&["replay", "--format", "jsonl", "--config"]);
    let standing = output(command.arg(&config).args(["--state", &path("state"), &path("none.json")]));
    let of_facts = |said: &[u8]| -> Vec<String> {
        let said = text(said);
        let lines = said.lines().filter(|line| line.contains("\"kind\":\"fact\""));
        lines.map(str::to_owned).collect()
    };
    assert!(of_facts(&whole.stdout).len() >= 2);
    assert_eq!(of_facts(&standing.stdout), of_facts(&whole.stdout));
    println!(
        "{} objects twice, {WORKERS} workers: {} items as one worker leaves them; all {} findings of a replay, and {} \
         for as long as the cause was not known",
        keys.len(),
        got_states.len(),
        replayed.len(),
        early.len()
    );
}

fn lines(said: &[u8]) -> Vec<Value> {
    text(said).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn id(finding: &Value) -> &str {
    finding["id"].as_str().unwrap()
}
