//! The command with AWS: logs in S3 are read as those in a folder, and taught to a table; what a table knows is shown,
//! exported and imported; `kmswatch doctor`; alerts arrive; workers share a queue. On the server of moto, and on MiniStack
//! where it has more.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(dead_code)]

#[path = "../live/stack/emulator.rs"]
mod emulator;
mod sinks;
mod worker;

mod baseline;
mod doctor;

use emulator::Emulator;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

const BUCKET: &str = "trail-logs";
const PREFIX: &str = "our/trail/";

fn kmswatch(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kmswatch"));
    command.args(args);
    command
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Five days of a small organisation in a folder, and in a bucket in another Region than that of the caller.
fn sample(emulator: &Emulator, folder: &Path) {
    let out = folder.to_str().unwrap();
    let made = output(&mut kmswatch(&["simulate", "--out", out, "--days", "5", "--seed", "7"]));
    assert!(made.status.success(), "{}", text(&made.stderr));
    let n = emulator.drive(&["upload", out, BUCKET, PREFIX, "eu-west-1"], "").unwrap();
    assert!(n.as_u64().unwrap() > 100, "only {n} objects");
}

/// What `replay` says of the same logs in the folder and in the bucket, with an account of the run.
fn replayed(emulator: &Emulator, path: &str, more: &[&str], summary: &Path) -> (Output, serde_json::Value) {
    let mut command = kmswatch(&["replay", "--format", "jsonl", "--summary", summary.to_str().unwrap()]);
    let said = output(emulator.point(command.args(more).arg(path)));
    let account = std::fs::read_to_string(summary).unwrap();
    (said, serde_json::from_str(&account).unwrap())
}

#[test]
fn a_bucket_is_read_as_a_folder_is() {
    let emulator = Emulator::moto();
    let scratch = tempfile::TempDir::new().unwrap();
    let (folder, summary) = (scratch.path().join("logs"), scratch.path().join("summary.json"));
    sample(&emulator, &folder);
    let (local, address) = (folder.to_str().unwrap(), format!("s3://{BUCKET}/{PREFIX}"));
    let cache = scratch.path().join("cache");
    let cached = ["--cache", cache.to_str().unwrap()];

    let (wanted, all) = replayed(&emulator, local, &[], &summary);
    let (got, account) = replayed(&emulator, &address, &cached, &summary);
    assert!(!wanted.stdout.is_empty(), "nothing was found: this shows nothing");
    assert_eq!(text(&got.stdout), text(&wanted.stdout), "{}", text(&got.stderr));
    assert_eq!(got.status.code(), wanted.status.code());
    // In a folder digests and Insights are looked at as well, which hold no events.
    assert_eq!(
        (&account["kms_events"], &account["watched_events"], &account["entities"]),
        (&all["kms_events"], &all["watched_events"], &all["entities"])
    );

    // Only folders of what is wanted are read, and the answer is the same.
    let some = ["--since", "2026-03-04", "--until", "2026-03-05"];
    let account_of_one = all_accounts(&folder).into_keys().next().unwrap();
    let some = [&some[..], &["--account", &account_of_one]].concat();
    let (wanted, _) = replayed(&emulator, local, &some, &summary);
    let (got, account) = replayed(&emulator, &address, &some, &summary);
    assert_eq!(text(&got.stdout), text(&wanted.stdout));
    let objects = |account: &serde_json::Value| -> u64 {
        account["objects"].as_object().unwrap().values().filter_map(serde_json::Value::as_u64).sum()
    };
    assert!(objects(&account) * 3 < objects(&all), "{} of {}", objects(&account), objects(&all));

    // What is in the cache is not fetched again: a run that was interrupted goes on.
    let kept: Vec<_> = all_files(&cache);
    assert!(kept.len() > 20 && kept.iter().all(|file| file.extension().is_none_or(|end| end != "part")));
    std::fs::write(&kept[0], b"").unwrap();
    let (again, _) = replayed(&emulator, &address, &cached, &summary);
    assert_eq!(text(&again.stdout), text(&output(emulator.point(&mut replay_of(local))).stdout));

    for (path, part) in
        [("s3://none", "there is no bucket"), (&format!("s3://{BUCKET}/other/"), "no log files below")]
    {
        let (said, _) = replayed(&emulator, path, &[], &summary);
        assert_eq!(said.status.code(), Some(2));
        assert!(text(&said.stderr).contains(part), "{}", text(&said.stderr));
    }
}

fn replay_of(path: &str) -> Command {
    kmswatch(&["replay", "--format", "jsonl", path])
}

#[test]
fn a_table_is_taught_a_history_once_or_again_and_nothing_is_told() {
    let emulator = Emulator::moto();
    let scratch = tempfile::TempDir::new().unwrap();
    let folder = scratch.path().join("logs");
    sample(&emulator, &folder);
    emulator.drive(&["table", "kmswatch"], "").unwrap();
    let address = format!("s3://{BUCKET}/{PREFIX}");
    let teach = || {
        let mut command = kmswatch(&["baseline", "bootstrap", "--quiet", &address]);
        let said = output(emulator.point(&mut command).env("KMSWATCH_TABLE", "kmswatch"));
        assert_eq!(said.status.code(), Some(0), "{}", text(&said.stderr));
        let items: BTreeMap<String, String> =
            serde_json::from_value(emulator.drive(&["dump", "kmswatch"], "").unwrap()).unwrap();
        (text(&said.stdout), items)
    };
    let (said, first) = teach();
    assert!(said.contains("have taught the table"), "{said}");
    for kind in ["key#", "principal#", "account#", "judge#", "estate#judge", "incident#"] {
        assert!(first.keys().any(|name| name.starts_with(kind)), "no {kind}");
    }
    let (_, second) = teach();
    assert_eq!(second, first);
    expires_as_the_template_says(&emulator, "kmswatch");
}

/// Each item has the attribute that the template names, in seconds, some time from now: so that DynamoDB deletes it then.
fn expires_as_the_template_says(emulator: &Emulator, table: &str) {
    let expiry = emulator.drive(&["expiry", table], "").unwrap();
    assert_eq!(expiry["status"], "ENABLED");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let day = 24 * 60 * 60;
    let items = expiry["expires"].as_object().unwrap();
    assert!(items.len() > 100, "only {}", items.len());
    for (name, expires) in items {
        let expires: u64 = expires.as_str().unwrap().parse().unwrap();
        // Leases are forgotten after a month, States after more than a year, lists after ten.
        let days = if name.starts_with("lease#") { 29..31 } else { 399..3_651 };
        assert!(days.contains(&((expires - now) / day)), "{name}: {expires}");
    }
}

/// Accounts in whose folders logs lie.
fn all_accounts(folder: &Path) -> BTreeMap<String, usize> {
    let mut accounts = BTreeMap::new();
    for file in all_files(folder) {
        let parts = file.iter().filter_map(|part| part.to_str());
        let is_account = |part: &&str| part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(account) = parts.into_iter().find(is_account) {
            *accounts.entry(account.to_owned()).or_default() += 1;
        }
    }
    accounts
}

fn all_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() { files.extend(all_files(&entry)) } else { files.push(entry) }
    }
    files
}
