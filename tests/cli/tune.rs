//! What `kmswatch tune` foretells is what a replay then says.

use crate::logs::{KEY, Logs, event, run};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/quickstart");

fn tuned(arguments: &[&str], logs: &str) -> Value {
    let said = run(&[&["tune", "--format", "json"], arguments, &[logs]].concat());
    assert_eq!((said.status, said.err.as_str()), (0, ""));
    serde_json::from_str(&said.out).unwrap()
}

fn replayed(arguments: &[&str], config: &Path, logs: &str) -> Vec<Value> {
    let config = ["--config", config.to_str().unwrap()];
    let said = run(&[&["replay", "--format", "jsonl"], arguments, &config, &[logs]].concat());
    said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn alerts(config: &Path, logs: &str) -> u64 {
    let incidents = replayed(&["--incidents"], config, logs);
    incidents.iter().map(|incident| incident["alerts"].as_array().unwrap().len() as u64).sum()
}

#[test]
fn every_budget_gives_the_alerts_and_findings_of_a_replay_with_it() {
    let files = Logs::new();
    let tuning = tuned(&["--budgets", "0.25,4"], SAMPLE);
    let forecasts = tuning["forecasts"].as_array().unwrap();
    let budgets: Vec<f64> = forecasts.iter().map(|one| one["budget_per_week"].as_f64().unwrap()).collect();
    assert_eq!(budgets, [0.25, 1.0, 4.0]);
    let present: Vec<bool> = forecasts.iter().map(|one| one["is_present"].as_bool().unwrap()).collect();
    assert_eq!(present, [false, true, false]);
    for forecast in forecasts {
        let budget = &forecast["budget_per_week"];
        let config = files.file("budget.toml", format!("[alerts]\nbudget_per_week = {budget}\n"));
        assert_eq!(forecast["alerts"], alerts(&config, SAMPLE), "{budget}");
        let mut findings: BTreeMap<String, u64> = BTreeMap::new();
        for finding in replayed(&["--severity", "medium"], &config, SAMPLE) {
            *findings.entry(finding["detector"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        assert_eq!(forecast["findings"], json!(findings), "{budget}");
    }
    let statistical = |place: usize| forecasts[place]["statistical"].as_u64().unwrap();
    assert!(statistical(0) < statistical(2), "a larger budget finds more: {forecasts:#?}");
}

#[test]
fn what_changed_settings_make_appear_and_vanish_is_what_two_replays_differ_in() {
    let files = Logs::new();
    let present = files.file("present.toml", "[detectors]\noff = [\"root_use\"]\n");
    let changed = files.file(
        "changed.toml",
        "[alerts]\nbudget_per_week = 4\n[detectors]\nstaged = [\"trail_blinded\"]\n[[suppressions]]\n\
         reason = \"a test\"\nowner = \"us\"\nexpires = \"2030-01-01\"\ndetectors = [\"key_disabled\"]\n",
    );
    let arguments =
        ["--config", present.to_str().unwrap(), "--against", changed.to_str().unwrap(), "--budgets", "1"];
    let against = &tuned(&arguments, SAMPLE)["against"];
    let ids = |config: &Path| -> BTreeSet<String> {
        let findings = replayed(&[], config, SAMPLE);
        findings.iter().map(|finding| finding["id"].as_str().unwrap().to_owned()).collect()
    };
    let (before, after) = (ids(&present), ids(&changed));
    let listed = |field: &str| -> BTreeSet<String> {
        let list = against[field].as_array().unwrap();
        list.iter().map(|change| change["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed("appear"), &after - &before);
    assert_eq!(listed("vanish"), &before - &after);
    assert_eq!(against["alerts_before"], alerts(&present, SAMPLE));
    assert_eq!(against["alerts_after"], alerts(&changed, SAMPLE));
    let fate = |field: &str, detector: &str, side: &str| {
        let list = against[field].as_array().unwrap();
        let change = list.iter().find(|change| change["detector"] == detector);
        change.map(|change| change[side].as_str().unwrap().to_owned())
    };
    assert_eq!(fate("vanish", "key_disabled", "after").as_deref(), Some("muted"));
    assert_eq!(fate("vanish", "trail_blinded", "after").as_deref(), Some("staged"));
    assert_eq!(fate("appear", "root_use", "before").as_deref(), Some("not_found"));
    assert_eq!(fate("vanish", "key_deletion_scheduled", "after"), None);
}

/// A test of somebody's that disables a key every night.
fn nightly(name: &str, request: &Value) -> Logs {
    let logs = Logs::new();
    let events: Vec<Value> =
        (4..9).map(|day| event(day, &format!("2026-05-{day:02}T03:00:00Z"), name, request.clone())).collect();
    logs.object(3, &events);
    logs
}

#[test]
fn a_proposed_suppression_saves_as_many_alerts_as_is_said_once_it_has_reason_and_owner() {
    let logs = nightly("DisableKey", &json!({ "keyId": KEY }));
    let folder = logs.path().join("AWSLogs");
    let folder = folder.to_str().unwrap();
    let tuning = tuned(&[], folder);
    let noise = &tuning["noisiest"][0];
    assert_eq!((&noise["detector"], &noise["days"]), (&json!("key_disabled"), &json!(5)), "{tuning:#}");
    let saved = noise["alerts_saved"].as_u64().unwrap();
    assert!(saved > 1, "{noise}");
    let proposal = noise["proposal"].as_str().unwrap();
    let as_it_is = logs.file("proposal.toml", proposal);
    let said = run(&["config", "--check", as_it_is.to_str().unwrap()]);
    assert_eq!(said.status, 2, "nobody answers for it yet");
    let filled =
        proposal.replace("reason = \"\"", "reason = \"a test\"").replace("owner = \"\"", "owner = \"us\"");
    let filled = logs.file("filled.toml", filled);
    let none = logs.file("none.toml", "");
    assert_eq!(alerts(&none, folder) - alerts(&filled, folder), saved);
}

#[test]
fn what_is_severe_is_not_proposed_to_be_muted() {
    let logs = nightly("ScheduleKeyDeletion", &json!({ "keyId": KEY, "pendingWindowInDays": 7 }));
    let folder = logs.path().join("AWSLogs");
    let said = run(&["tune", folder.to_str().unwrap()]);
    assert!(said.out.contains("Too severe to be muted unseen"), "{}", said.out);
    assert!(!said.out.contains("[[suppressions]]"), "{}", said.out);
}

#[test]
fn logs_without_kms_are_no_error() {
    let logs = Logs::new();
    logs.object(3, &[]);
    let said = run(&["tune", logs.path().to_str().unwrap()]);
    assert_eq!((said.status, said.err.as_str()), (0, ""));
    assert!(said.out.starts_with("No events of KMS"), "{}", said.out);
}
