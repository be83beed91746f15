//! `kmswatch alert preview`, on the sample.

use crate::logs::run;
use serde_json::Value;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/quickstart");

fn worst_incident() -> Value {
    let said = run(&["replay", "--incidents", "--format", "jsonl", SAMPLE]);
    let all = said.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.max_by_key(|incident| incident["finding_count"].as_u64()).unwrap()
}

#[test]
fn an_incident_is_shown_as_each_sink_would_get_it() {
    let incident = worst_incident();
    let id = incident["id"].as_str().unwrap();
    let said = run(&["alert", "preview", id, SAMPLE]);
    assert_eq!((said.status, said.err.as_str()), (0, ""));
    assert!(said.out.starts_with("Subject: CRITICAL, worse: role/ci-deploy encrypted data"), "{}", said.out);
    assert!(
        said.out.contains("aws kms cancel-key-deletion --key-id arn:aws:kms:eu-west-1:111122223333:key/")
    );
    for (format, pointer, expected) in [
        ("chat", "/source", "custom"),
        ("slack", "/blocks/0/type", "header"),
        ("pagerduty", "/payload/severity", "critical"),
        ("eventbridge", "/id", id),
        ("ocsf", "/class_name", "Detection Finding"),
        ("asff", "/Severity/Label", "CRITICAL"),
    ] {
        let said = run(&["alert", "preview", "--format", format, id, SAMPLE]);
        let json: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{format}: {error}"));
        assert_eq!(json.pointer(pointer), Some(&Value::from(expected)), "{format}: {json:#}");
    }
}

#[test]
fn a_finding_is_shown_too_and_what_is_unknown_is_refused() {
    let finding = worst_incident()["timeline"][0]["finding"].as_str().unwrap().to_owned();
    let said = run(&["alert", "preview", &finding, SAMPLE]);
    assert!(said.out.starts_with("Subject: HIGH: role/ci-deploy: 48 decrypts"), "{}", said.out);
    let said = run(&["alert", "preview", "ki-zzz", SAMPLE]);
    assert_eq!((said.status, said.out.as_str()), (2, ""));
    assert!(said.err.contains("read the same ones"), "{}", said.err);
}
