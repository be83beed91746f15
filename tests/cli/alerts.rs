//! Incidents, what people have tuned, and the formats of other services.

use super::logs::{Said, run};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// The days of the attack in the sample: all three weeks would only take longer.
fn sample() -> Vec<String> {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/quickstart");
    let logs = sample.join("AWSLogs/o-w5ru5dj2v7/111122223333/CloudTrail/eu-west-1/2026/03");
    ["19", "21"].map(|day| logs.join(day).to_str().unwrap().to_owned()).to_vec()
}

/// What `kmswatch replay` says of it.
fn replay(options: &[&str]) -> Said {
    let sample = sample();
    let paths = sample.iter().map(String::as_str);
    run(&["replay"].into_iter().chain(options.iter().copied()).chain(paths).collect::<Vec<_>>())
}

/// What `kmswatch replay` says of the sample with these settings.
fn with_settings(settings: &str, options: &[&str]) -> (String, Value) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (config, summary) = (file("kmswatch.toml"), file("summary.json"));
    fs::write(&config, settings).unwrap();
    let files = ["--config", &config, "--summary", &summary];
    let said = replay(&files.into_iter().chain(options.iter().copied()).collect::<Vec<_>>());
    assert!(said.status <= 1, "{}", said.err);
    (said.out, serde_json::from_str(&fs::read_to_string(&summary).unwrap()).unwrap())
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const MUTED: &str = r#"
    [[suppressions]]
    reason = "a drill"
    owner = "red team"
    expires = "2026-04-01"
    principals = ["arn:aws:iam::111122223333:role/ci-deploy"]
    detectors = ["unusual_denials", "unusual_rate", "trail_blinded"]

    [[suppressions]]
    reason = "never seen"
    owner = "nobody"
    expires = "2026-03-05"
    accounts = ["777700001111"]
"#;

#[test]
fn what_is_muted_is_not_told_but_counted_and_still_part_of_its_incident() {
    let (findings, summary) = with_settings(MUTED, &["--format", "jsonl"]);
    assert!(lines(&findings).iter().all(|finding| finding["detector"] != "trail_blinded"));
    let rules = summary["tuning"]["rules"].as_array().unwrap();
    let used: Vec<(u64, bool)> = rules
        .iter()
        .map(|rule| (rule["muted"].as_u64().unwrap(), rule["expired"].as_bool().unwrap()))
        .collect();
    assert!(used[0].0 >= 1 && !used[0].1, "{used:?}");
    assert_eq!(used[1], (0, true));
    assert_eq!(summary["tuning"]["muted"].as_u64(), Some(used[0].0));

    let (incidents, _) = with_settings(MUTED, &["--incidents", "--format", "jsonl"]);
    let incidents = lines(&incidents);
    let attack = incidents.iter().find(|incident| incident["severity"] == "critical").unwrap();
    assert!(attack["muted_count"].as_u64().unwrap() >= 1);
    let combined: Vec<&str> = attack["combinations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| found["id"].as_str().unwrap())
        .collect();
    assert!(combined.contains(&"blinded_then_destruction"), "{combined:?}");

    let (text, _) = with_settings(MUTED, &["--format", "text"]);
    assert!(text.contains("by suppression: a drill (red team, until 2026-04-01 00:00:00)"), "{text}");
    assert!(text.contains("The suppression of nobody has expired: never seen."), "{text}");
}

#[test]
fn one_finding_or_incident_can_be_asked_for() {
    let all = lines(&replay(&["--incidents", "--format", "jsonl"]).out);
    let incident = all.iter().max_by_key(|incident| incident["finding_count"].as_u64()).unwrap();
    let id = incident["id"].as_str().unwrap();
    assert_eq!(
        lines(&replay(&["--incidents", "--format", "jsonl", "--only", id]).out),
        std::slice::from_ref(incident)
    );
    let finding = incident["timeline"][0]["finding"].as_str().unwrap();
    let found = lines(&replay(&["--format", "jsonl", "--only", finding]).out);
    assert_eq!((found.len(), found[0]["id"].as_str()), (1, Some(finding)));
}

#[test]
fn staged_detectors_are_told_apart() {
    let staged = "[detectors]\nstaged = [\"root_use\"]\n";
    let (told, summary) = with_settings(staged, &["--format", "jsonl"]);
    assert!(lines(&told).iter().all(|finding| finding["detector"] != "root_use"));
    assert_eq!(summary["tuning"]["staged"]["root_use"].as_u64(), Some(2));
    let (apart, _) = with_settings(staged, &["--format", "jsonl", "--staged"]);
    assert_eq!(lines(&apart).len(), 2);
}

#[test]
fn deadlines_are_counted_from_the_moment_asked_for() {
    let days_left = |moment: &str| {
        let said = replay(&["--incidents", "--format", "jsonl", "--as-of", moment]);
        let incidents = lines(&said.out);
        let losses = incidents.iter().flat_map(|incident| incident["losses"].as_array().unwrap().clone());
        let pending = losses.filter(|loss| loss["final_at"] == "2026-03-28T01:16:05Z");
        let days: Vec<u64> = pending.map(|loss| loss["days_left"].as_u64().unwrap()).collect();
        let reminders = incidents
            .iter()
            .flat_map(|incident| incident["alerts"].as_array().unwrap().clone())
            .filter(|alert| alert["kind"] == "reminder" && alert["at"].as_str().unwrap() < "2026-04-01");
        (days, reminders.count())
    };
    assert_eq!(days_left("2026-03-22T00:00:00Z"), (vec![6], 0));
    assert_eq!(days_left("2026-03-27T12:00:00Z"), (vec![0], 2));
}

#[test]
fn the_formats_of_other_services_keep_to_their_schemas() {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../alerts/testdata");
    for (format, schema) in [("ocsf", "ocsf-1.8.0.schema.json"), ("asff", "asff.schema.json")] {
        let schema: Value = serde_json::from_str(&fs::read_to_string(schemas.join(schema)).unwrap()).unwrap();
        let schema = jsonschema::draft202012::new(&schema).unwrap();
        for incidents in [None, Some("--incidents")] {
            let said = replay(&["--format", format].into_iter().chain(incidents).collect::<Vec<_>>());
            let written = lines(&said.out);
            assert!(!written.is_empty());
            for value in written {
                let errors: Vec<String> = schema.iter_errors(&value).map(|error| error.to_string()).collect();
                assert!(errors.is_empty(), "{format}: {errors:?}");
            }
        }
    }
}
