//! A run that goes on where another has stopped.

use crate::logs::{Logs, deletion, run};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/quickstart");

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn ids(output: &str) -> BTreeSet<String> {
    let id = |line: &str| {
        serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_str().unwrap().to_owned()
    };
    output.lines().map(id).collect()
}

#[test]
fn two_runs_know_and_say_together_what_one_does() {
    let logs = Logs::new();
    let sample = Path::new(SAMPLE);
    for file in files(&sample.join("AWSLogs")) {
        let inside = file.strip_prefix(sample).unwrap();
        // The day stands in the path.
        let text = inside.to_str().unwrap().to_owned();
        let early = [
            "/03/01/", "/03/02/", "/03/03/", "/03/04/", "/03/05/", "/03/06/", "/03/07/", "/03/08/",
            "/03/09/", "/03/1",
        ];
        let half = if early.iter().any(|day| text.contains(day)) { "first" } else { "second" };
        logs.file(&format!("{half}/{text}"), fs::read(&file).unwrap());
    }
    let path = |name: &str| logs.path().join(name).to_str().unwrap().to_owned();
    let first = run(&["replay", "--format", "jsonl", "--save", &path("a.state"), &path("first")]);
    let second = run(&[
        "replay",
        "--format",
        "jsonl",
        "--state",
        &path("a.state"),
        "--save",
        &path("b.state"),
        &path("second"),
    ]);
    let whole = run(&["replay", "--format", "jsonl", "--save", &path("c.state"), SAMPLE]);
    assert_eq!((first.err.as_str(), second.err.as_str(), whole.err.as_str()), ("", "", ""));
    assert!(fs::read(path("b.state")).unwrap() == fs::read(path("c.state")).unwrap(), "they know the same");
    let together: BTreeSet<String> = ids(&first.out).union(&ids(&second.out)).cloned().collect();
    assert_eq!(together, ids(&whole.out));
    let alone = run(&["replay", "--format", "jsonl", &path("second")]);
    assert_ne!(ids(&alone.out), ids(&second.out), "without the first half less is known");
    let shown = run(&["baseline", "show", "alias/payments/tokens", "--state", &path("b.state")]);
    assert_eq!((shown.status, shown.err.as_str()), (0, ""));
    assert!(shown.out.contains("alias/payments/tokens"), "{}", shown.out);
}

#[test]
fn a_state_that_is_missing_or_damaged_is_an_error_and_nothing_is_overwritten() {
    let logs = Logs::new();
    logs.object(10, &[deletion(1, "2026-05-04T10:00:00Z")]);
    let folder = logs.path().join("AWSLogs");
    let folder = folder.to_str().unwrap();
    let state = logs.path().join("kms.state");
    let state = state.to_str().unwrap();
    let missing = run(&["replay", "--state", state, folder]);
    assert_eq!(missing.status, 2);
    assert!(missing.err.contains("does not exist: begin with `--save`"), "{}", missing.err);
    fs::write(state, "no state").unwrap();
    let foreign = run(&["replay", "--state", state, "--save", state, folder]);
    assert_eq!(foreign.status, 2);
    assert!(foreign.err.contains("no state saved by kmswatch"), "{}", foreign.err);
    assert_eq!(fs::read_to_string(state).unwrap(), "no state");
    assert_eq!(fs::read_dir(logs.path()).unwrap().count(), 2, "no other file is left behind");
    let nowhere = run(&["replay", "--save", "/nowhere/kms.state", folder]);
    assert!(nowhere.err.contains("cannot write to /nowhere"), "{}", nowhere.err);
    assert_eq!(nowhere.out, "", "it is known before anything is read");
}
