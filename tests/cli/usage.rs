//! Arguments, settings, catalogue, schema.

use crate::logs::{Logs, container, decrypt, run};
use serde_json::Value;

#[test]
fn help_names_every_command_and_gives_examples() {
    let said = run(&["--help"]);
    assert_eq!(said.status, 0);
    for word in [
        "replay",
        "explain",
        "baseline",
        "detectors",
        "rules",
        "config",
        "schema",
        "simulate",
        "kmswatch replay ./AWSLogs",
    ] {
        assert!(said.out.contains(word), "{word}: {}", said.out);
    }
    let said = run(&["replay", "--help"]);
    assert!(said.out.contains("Exit status"), "{}", said.out);
    assert!(said.out.lines().all(|line| line.chars().count() <= 100), "{}", said.out);
}

#[test]
fn bad_usage_is_status_2() {
    for args in [
        &["replay"][..],
        &["replay", "--since", "yesterday", "x"],
        &["replay", "--threads", "0", "x"],
        &["replay", "--account", "1234", "x"],
        &["replay", "--severity", "awful", "x"],
        &["replay", "--since", "2026-05-05", "--until", "2026-05-04", "x"],
        &["nonsense"],
    ] {
        let said = run(args);
        assert_eq!((said.status, said.out.as_str()), (2, ""), "{args:?}");
        assert!(said.err.starts_with("error:"), "{args:?}: {}", said.err);
    }
}

#[test]
fn an_unknown_key_of_the_settings_is_an_error_with_its_line_and_a_hint() {
    let logs = Logs::new();
    let log = logs.file("log.json", container(&[decrypt(1, "2026-05-04T11:00:00Z")]));
    let config = logs.file("kmswatch.toml", "[estate]\nacounts = []\n");
    let (log, config) = (log.to_str().unwrap(), config.to_str().unwrap());
    for args in [&["replay", "--config", config, log][..], &["config", "--check", config]] {
        let said = run(args);
        assert_eq!((said.status, said.out.as_str()), (2, ""));
        for part in ["kmswatch.toml", "line 2", "acounts", "did you mean `accounts`?"] {
            assert!(said.err.contains(part), "{part}: {}", said.err);
        }
    }
}

#[test]
fn the_printed_settings_are_valid_settings() {
    let printed = run(&["config"]);
    assert_eq!(printed.status, 0);
    let logs = Logs::new();
    let config = logs.file("kmswatch.toml", &printed.out);
    let said = run(&["config", "--check", config.to_str().unwrap()]);
    assert_eq!((said.status, said.err.as_str()), (0, ""));
}

#[test]
fn every_detector_of_the_list_has_a_page() {
    let said = run(&["detectors"]);
    assert_eq!(said.status, 0);
    let ids =
        said.out.lines().skip(1).take_while(|line| !line.is_empty()).filter(|line| !line.starts_with(' '));
    for id in ids.filter_map(|line| line.split_whitespace().next()) {
        let page = run(&["detectors", id]);
        assert_eq!(page.status, 0, "{id}");
        assert!(page.out.starts_with(id) && page.out.lines().count() > 5, "{id}: {}", page.out);
        assert!(!page.out.contains("//!"), "{id}");
    }
}

#[test]
fn an_unknown_detector_is_an_error() {
    let said = run(&["detectors", "no_such"]);
    assert_eq!((said.status, said.out.as_str()), (2, ""));
    assert!(said.err.contains("kmswatch detectors"), "{}", said.err);
}

#[test]
fn the_schema_is_json() {
    for of in ["finding", "incident", "alert"] {
        let said = run(&["schema", of]);
        let schema: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    }
}
