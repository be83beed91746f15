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
    assert!(said.out.starts_with("Subject: HIGH: role/ci-deploy: first use of network"), "{}", said.out);
    let said = run(&["alert", "preview", "ki-zzz", SAMPLE]);
    assert_eq!((said.status, said.out.as_str()), (2, ""));
    assert!(said.err.contains("read the same ones"), "{}", said.err);
}

#[test]
fn the_worst_incident_needs_no_id_and_several_formats_are_told_apart() {
    let incident = worst_incident();
    let said = run(&["alert", "preview", "worst", "--format", "email,eventbridge", SAMPLE]);
    let (mail, event) =
        said.out.strip_prefix("=== email\n").unwrap().split_once("=== eventbridge\n").unwrap();
    assert!(mail.starts_with("Subject: CRITICAL"), "{mail}");
    let event: Value = serde_json::from_str(event).unwrap();
    assert_eq!(event["id"], incident["id"]);
}

#[test]
fn a_test_alert_needs_no_logs_and_wakes_nobody() {
    let said = run(&["alert", "test", "--format", "email,pagerduty"]);
    assert_eq!(said.status, 0, "{}", said.err);
    assert!(
        said.out.contains("Subject: INFO: TEST of kmswatch alerts: nothing has happened"),
        "{}",
        said.out
    );
    let event: Value = serde_json::from_str(said.out.split_once("=== pagerduty\n").unwrap().1).unwrap();
    assert_eq!(event["payload"]["severity"], "info");
    let said = run(&["alert", "test", "--severity", "critical", "--format", "pagerduty"]);
    let event: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(event["payload"]["severity"], "critical", "for those whose way only critical ones go");
}

#[test]
fn a_digest_tells_what_was_muted_what_to_tidy_up_and_what_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("kmswatch.toml");
    let suppression = |reason: &str, expires: &str, detector: &str| {
        format!(
            "[[suppressions]]\nreason = \"{reason}\"\nowner = \"red team\"\nexpires = \"{expires}\"\ndetectors = [\"{detector}\"]\n"
        )
    };
    let suppressions = [
        suppression("a drill", "2026-04-01", "root_use"),
        suppression("long gone", "2026-03-05", "trail_blinded"),
        suppression("never seen", "2026-05-01", "canary_key_touched"),
    ];
    std::fs::write(&config, suppressions.concat()).unwrap();
    let config = ["--config", config.to_str().unwrap()];
    let digest =
        |options: &[&str]| run(&[&["alert", "digest"], config.as_slice(), options, &[SAMPLE]].concat());
    let said = digest(&[]);
    assert_eq!(said.status, 0, "{}", said.err);
    for line in [
        "Subject: kmswatch digest, 2026-03-15 to 2026-03-22: ",
        "- 2 findings by the suppression of red team: a drill (until 2026-04-01 00:00 UTC)",
        "- The suppression of red team: long gone has expired: delete it.",
        "- The suppression of red team: never seen has matched nothing so far.",
        "A key is lost for good on 2026-03-28 01:16 UTC.",
    ] {
        assert!(said.out.contains(line), "not in the digest: {line}\n{}", said.out);
    }
    let schema: Value = serde_json::from_str(&run(&["schema", "digest"]).out).unwrap();
    let value: Value = serde_json::from_str(&digest(&["--format", "eventbridge"]).out).unwrap();
    assert!(jsonschema::draft202012::new(&schema).unwrap().is_valid(&value), "{value:#}");
    // Of the first week nothing was muted, and what came later is no part of it.
    let value = digest(&["--format", "eventbridge", "--days", "3", "--as-of", "2026-03-05T00:00:00Z"]).out;
    let value: Value = serde_json::from_str(&value).unwrap();
    assert_eq!(value["muted"], 0, "{value:#}");
}
