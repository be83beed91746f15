//! `kmswatch explain` and `kmswatch baseline`, on the sample.

use crate::logs::{Said, container, deletion, run, run_with};
use serde_json::Value;
use std::sync::LazyLock;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/quickstart");

static FINDINGS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let said = run(&["replay", "--format", "jsonl", SAMPLE]);
    said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
});

fn explained(id: &str) -> Said {
    run(&["explain", id, SAMPLE])
}

#[test]
fn a_burst_is_explained_by_its_hours_and_the_week() {
    let burst = FINDINGS.iter().find(|f| f["detector"] == "unusual_rate" && f["severity"] == "high").unwrap();
    let said = explained(burst["id"].as_str().unwrap());
    assert_eq!((said.status, said.err.as_str()), (0, ""));
    let judged: Vec<&str> = said.out.lines().filter(|line| line.ends_with('◄')).collect();
    assert_eq!(
        judged.len() as u64,
        burst["evidence"]["details"]["window_hours"].as_u64().unwrap(),
        "{}",
        said.out
    );
    let observed = burst["evidence"]["observed"].as_f64().unwrap().to_string();
    assert!(judged.iter().any(|line| line.contains(&format!(" {observed} "))), "{judged:?}");
    for part in
        ["hours without any", "1 h: ", "probability", "\n            Mon ", "kmswatch detectors unusual_rate"]
    {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
}

#[test]
fn a_rule_is_explained_by_what_is_known_of_its_key() {
    let disabled = FINDINGS.iter().find(|f| f["detector"] == "key_disabled").unwrap();
    let said = explained(disabled["id"].as_str().unwrap());
    for part in ["alias/payments/tokens", "used by", "DisableKey by", "protects"] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    assert!(!said.out.contains('◄'));
}

#[test]
fn an_id_that_is_unknown_or_begins_several_findings_is_refused() {
    for (id, words) in [("kw-zzzz", "read the same"), ("kw-", "give more of the id")] {
        let said = explained(id);
        assert_eq!((said.status, said.out.as_str()), (2, ""));
        assert!(said.err.contains(words), "{}", said.err);
    }
}

#[test]
fn standard_input_is_read_as_often_as_is_needed() {
    let log = container(&[deletion(1, "2026-05-04T10:15:42Z")]);
    let found = run_with(&log, &["replay", "--format", "jsonl", "-"]).findings();
    let said = run_with(&log, &["explain", found[0]["id"].as_str().unwrap(), "-"]);
    assert_eq!((said.status, said.err.as_str()), (0, ""));
    assert!(said.out.contains("will be deleted"), "{}", said.out);
}

#[test]
fn an_entity_is_found_by_id_by_alias_and_by_the_end_of_its_id() {
    let arn = "arn:aws:kms:eu-west-1:111122223333:key/4d3125cc-6f56-4d18-a273-c33c287727cc";
    for name in [arn, "alias/payments/tokens", "4d3125cc-6f56-4d18-a273-c33c287727cc"] {
        let said = run(&["baseline", "show", name, SAMPLE]);
        assert_eq!(said.status, 0, "{}", said.err);
        assert!(said.out.starts_with(arn), "{}", said.out);
        assert!(said.out.contains("role/settlement"), "{}", said.out);
    }
    let said = run(&["baseline", "show", "role/ci-deploy", SAMPLE]);
    assert!(said.err.contains("may mean 2 entities"), "{}", said.err);
    let said = run(&["baseline", "show", "role/setlement", SAMPLE]);
    assert!(said.err.contains("the closest is arn:aws:iam::111122223333:role/settlement"), "{}", said.err);
}

#[test]
fn the_state_of_an_entity_is_shown_as_json() {
    let said = run(&["baseline", "show", "--format", "json", "role/settlement", SAMPLE]);
    let json: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(json["entity"], "arn:aws:iam::111122223333:role/settlement");
    assert!(json["state"]["baseline"]["series"].is_array(), "{json}");
}

#[test]
fn the_list_has_every_entity_the_busiest_first() {
    let said = run(&["baseline", "list", SAMPLE]);
    let active: Vec<u64> = said
        .out
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().next().unwrap().replace(',', "").parse().unwrap())
        .collect();
    assert!(active.len() > 20 && active.is_sorted_by(|a, b| a >= b), "{active:?}");
}

#[test]
fn first_uses_are_explained_by_those_before_them() {
    let first = FINDINGS.iter().find(|f| f["detector"] == "unusual_first_use").unwrap();
    let said = explained(first["id"].as_str().unwrap());
    let judged: Vec<&str> = said.out.lines().filter(|line| line.ends_with('◄')).collect();
    assert_eq!(judged.len(), 1, "{}", said.out);
    let value = first["evidence"]["details"]["first_uses"][0]["value"].as_str().unwrap();
    let name = value.rsplit('/').next().unwrap();
    assert!(judged[0].contains(name), "{judged:?} {value}");
    assert!(said.out.contains("shown for the first time, by hour"), "{}", said.out);
}
