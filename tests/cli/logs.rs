//! Log files written by hand, and the command run on them.

use crate::records::Caller;
pub(crate) use crate::records::{ACCOUNT, container, gzip};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

pub(crate) const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// A folder of logs that goes away with the test.
pub(crate) struct Logs {
    folder: TempDir,
}

impl Logs {
    pub(crate) fn new() -> Logs {
        Logs { folder: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file, and the folders above it.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Writes a log object as CloudTrail does, delivered at this hour of 2026-05-04.
    pub(crate) fn object(&self, hour: u32, events: &[Value]) -> PathBuf {
        let name = format!(
            "AWSLogs/{ACCOUNT}/CloudTrail/eu-central-1/2026/05/04/\
             {ACCOUNT}_CloudTrail_eu-central-1_20260504T{hour:02}05Z_{:016}.json.gz",
            events.len()
        );
        self.file(&name, gzip(&container(events)))
    }
}

const ADMIN: Caller<'_> =
    Caller { role: "Admin", role_id: "AROAEXAMPLEADMIN00001", session: "mallory", key: KEY };

/// An event of KMS by a role of the account.
pub(crate) fn event(n: u32, time: &str, name: &str, request: Value) -> Value {
    ADMIN.calls(n, time, name, request)
}

pub(crate) fn deletion(n: u32, time: &str) -> Value {
    ADMIN.deletes(n, time)
}

pub(crate) fn decrypt(n: u32, time: &str) -> Value {
    event(n, time, "Decrypt", json!({ "keyId": KEY, "encryptionAlgorithm": "SYMMETRIC_DEFAULT" }))
}

/// An event that no detector looks at.
pub(crate) fn elsewhere(n: u32, time: &str) -> Value {
    let mut event = event(n, time, "DescribeInstances", json!({}));
    event["eventSource"] = json!("ec2.amazonaws.com");
    event["resources"] = json!(null);
    event
}

/// What a run said.
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn of(output: Output) -> Said {
        Said {
            status: output.status.code().expect("not ended by a signal"),
            out: String::from_utf8(output.stdout).expect("UTF-8"),
            err: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// The findings of a run with `--format jsonl`.
    pub(crate) fn findings(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kmswatch"));
    command.args(args).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").stdin(Stdio::null());
    command
}

/// Runs the command.
pub(crate) fn run(args: &[&str]) -> Said {
    Said::of(command(args).output().unwrap())
}

/// Runs the command with these bytes on its standard input.
pub(crate) fn run_with(input: &[u8], args: &[&str]) -> Said {
    let mut child =
        command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    Said::of(child.wait_with_output().unwrap())
}

/// Replays these paths; gives what was said, as JSON, and the summary without the time that it took.
pub(crate) fn replay(paths: &[&Path], options: &[&str]) -> (Said, Value) {
    let scratch = TempDir::new().unwrap();
    let summary = scratch.path().join("summary.json");
    let mut args = vec!["replay", "--format", "jsonl", "--summary", summary.to_str().unwrap()];
    args.extend(options);
    args.extend(paths.iter().map(|path| path.to_str().unwrap()));
    let said = run(&args);
    let mut summary: Value = serde_json::from_str(&fs::read_to_string(&summary).unwrap()).unwrap();
    assert!(summary["seconds"].is_number());
    summary.as_object_mut().unwrap().remove("seconds");
    (said, summary)
}

/// Compares with a file of `tests/golden`.
#[track_caller]
pub(crate) fn golden(name: &str, text: &str) {
    crate::golden::golden(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name), text);
}

/// The sum of the numbers in an object.
pub(crate) fn sum(object: &Value) -> u64 {
    object.as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum()
}

/// Whether every record stands in the account once.
pub(crate) fn assert_accounted(summary: &Value) {
    let n = |field: &str| summary[field].as_u64().unwrap();
    assert_eq!(
        n("records"),
        n("kms_events") + n("watched_events") + sum(&summary["skipped"]) + n("broken_records"),
        "{summary:#}"
    );
}
