//! Sigma rules of the user.

use crate::logs::{Logs, container, event, replay, run};
use serde_json::{Value, json};
use std::path::PathBuf;

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/rules");

/// Logs in which a key is disabled, twice in a day.
fn disabled(logs: &Logs) -> PathBuf {
    let one =
        |n, time| event(n, time, "DisableKey", json!({"keyId": "1234abcd-12ab-34cd-56ef-1234567890ab"}));
    logs.file("log.json", container(&[one(1, "2026-05-04T11:00:00Z"), one(2, "2026-05-04T12:00:00Z")]))
}

fn of_rules(findings: Vec<Value>) -> Vec<Value> {
    let is_rule = |finding: &Value| finding["detector"].as_str().unwrap().starts_with("sigma/");
    findings.into_iter().filter(is_rule).collect()
}

#[test]
fn the_samples_do_what_their_cases_say() {
    let said = run(&["rules", "test", SAMPLES]);
    assert_eq!((said.status, said.err.as_str()), (0, ""), "{}", said.out);
    assert_eq!(said.out.lines().count(), 6, "{}", said.out);
}

#[test]
fn a_case_that_does_not_do_what_it_should_is_status_1() {
    let logs = Logs::new();
    logs.file(
        "rules/x.yml",
        "title: X\nlogsource: {product: aws}\ndetection: {s: {eventName: DisableKey}, condition: s}\n",
    );
    logs.file(
        "rules/x.cases.json",
        r#"{"fires": [{"name": "a user is made", "set": {"eventSource": "iam.amazonaws.com",
        "eventName": "CreateUser", "eventTime": "2026-05-04T11:00:00Z"}}]}"#,
    );
    let said = run(&["rules", "test", logs.path().join("rules").to_str().unwrap()]);
    assert_eq!(said.status, 1);
    assert!(
        said.out.contains("\"a user is made\" reaches no rule: kmswatch does not read CreateUser of iam"),
        "{}",
        said.out
    );
}

#[test]
fn a_replay_asks_the_rules_that_are_named() {
    let logs = Logs::new();
    let log = disabled(&logs);
    let (said, summary) = replay(&[&log], &["--rules", SAMPLES]);
    let findings = of_rules(said.findings());
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert_eq!(findings[0]["detector"], "sigma/key_taken_away");
    assert_eq!((&findings[0]["severity"], &findings[0]["evidence"]["count"]), (&json!("medium"), &json!(2)));
    assert_eq!(summary["findings_by_detector"]["sigma/key_taken_away"], 1);
    let (without, _) = replay(&[&log], &[]);
    assert!(of_rules(without.findings()).is_empty());
    let (again, same) = replay(&[&log], &["--rules", SAMPLES, "--threads", "3"]);
    assert_eq!((again.out, same), (said.out, summary));
}

#[test]
fn a_rule_is_staged_muted_or_switched_off_by_its_id() {
    let logs = Logs::new();
    let log = disabled(&logs);
    for (settings, told, staged) in [
        ("", 1, 0),
        ("[detectors]\nstaged = [\"sigma/key_taken_away\"]", 0, 1),
        ("[detectors]\noff = [\"sigma/key_taken_away\"]", 0, 0),
        (
            "[[suppressions]]\nreason = \"r\"\nowner = \"o\"\nexpires = \"2026-12-31\"\ndetectors = [\"sigma/key_taken_away\"]",
            0,
            0,
        ),
    ] {
        let config = logs.file("kmswatch.toml", settings);
        let options = ["--rules", SAMPLES, "--config", config.to_str().unwrap()];
        assert_eq!(of_rules(replay(&[&log], &options).0.findings()).len(), told, "{settings}");
        let options = [&options[..], &["--staged"]].concat();
        assert_eq!(of_rules(replay(&[&log], &options).0.findings()).len(), staged, "{settings}");
    }
}

#[test]
fn a_finding_of_a_rule_is_part_of_an_incident_and_of_alerts() {
    let logs = Logs::new();
    let log = disabled(&logs);
    let (said, _) = replay(&[&log], &["--rules", SAMPLES, "--incidents"]);
    let incidents = said.findings();
    assert_eq!(incidents.len(), 1);
    assert!(said.out.contains("sigma/key_taken_away") && said.out.contains("key_disabled"), "{}", said.out);
    let id = incidents[0]["id"].as_str().unwrap();
    for format in ["email", "slack", "ocsf", "asff", "pagerduty", "eventbridge", "chat"] {
        let said =
            run(&["alert", "preview", "--format", format, "--rules", SAMPLES, id, log.to_str().unwrap()]);
        assert_eq!(said.status, 0, "{format}: {}", said.err);
    }
}

#[test]
fn what_is_wrong_with_a_rule_is_told_by_file_and_field() {
    let logs = Logs::new();
    let log = disabled(&logs);
    logs.file(
        "rules/team/x.yml",
        "title: X\nlogsource: {product: aws}\ndetection: {s: {\"eventName|contain\": y}, condition: s}\n",
    );
    let rules = logs.path().join("rules");
    let said = run(&["replay", "--rules", rules.to_str().unwrap(), log.to_str().unwrap()]);
    assert_eq!((said.status, said.out.as_str()), (2, ""));
    assert!(said.err.contains("team/x.yml: detection.s.eventName|contain: "), "{}", said.err);
    let config = logs.file("kmswatch.toml", "[detectors]\nstaged = [\"sigma/key_taken_awy\"]");
    let said =
        run(&["replay", "--rules", SAMPLES, "--config", config.to_str().unwrap(), log.to_str().unwrap()]);
    assert_eq!(said.status, 2);
    assert!(said.err.contains("did you mean \"sigma/key_taken_away\"?"), "{}", said.err);
}

#[test]
fn the_fields_of_kmswatch_are_listed() {
    let said = run(&["rules", "fields"]);
    assert_eq!(said.status, 0);
    assert!(
        said.out.contains("kmswatch.principal ") && said.out.contains("kmswatch.key_is_foreign"),
        "{}",
        said.out
    );
}
