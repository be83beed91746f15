//! From a simulated organisation to findings.

use crate::logs::{Logs, assert_accounted, replay, run};
use serde_json::Value;
use std::fs;

#[test]
fn a_simulated_attack_is_found_where_its_label_says() {
    let logs = Logs::new();
    let folder = logs.path().join("sample");
    let out = folder.to_str().unwrap();
    let args =
        ["simulate", "--out", out, "--days", "3", "--seed", "11", "--attack", "scheduled_deletion@2T03:40"];
    let said = run(&args);
    assert_eq!((said.status, said.err.as_str()), (0, ""));
    assert!(said.out.contains("kmswatch replay"), "{}", said.out);
    let again = run(&args);
    assert_eq!(again.status, 2, "logs of two scenarios must not mix");

    let truth: Value = serde_json::from_slice(&fs::read(folder.join("labels.json")).unwrap()).unwrap();
    let label = &truth["attacks"][0];
    let (said, summary) = replay(&[&folder], &[]);
    assert_eq!((said.status, said.err.as_str()), (1, ""));
    assert_eq!(summary["problems"], 0);
    assert_eq!(
        summary["records"].as_u64(),
        truth["counts"]["records"].as_u64().map(|n| n + insights(&summary))
    );
    assert_accounted(&summary);
    let findings = said.findings();
    for key in label["keys"].as_array().unwrap() {
        let found = |finding: &Value| {
            finding["detector"] == "key_deletion_scheduled" && finding["key"]["arn"] == *key
        };
        assert!(findings.iter().any(found), "{key}: {label:#}");
    }
}

/// Records of Insights are counted apart in the labels.
fn insights(summary: &Value) -> u64 {
    summary["skipped"]["insight"].as_u64().unwrap_or(0)
}

#[test]
fn the_same_arguments_write_the_same_logs() {
    let logs = Logs::new();
    let mut outputs = Vec::new();
    for name in ["a", "b"] {
        let folder = logs.path().join(name);
        run(&["simulate", "--out", folder.to_str().unwrap(), "--days", "2", "--no-attacks"]);
        let (said, summary) = replay(&[&folder], &[]);
        let mut summary = summary;
        // It names the file of labels by its path.
        summary.as_object_mut().unwrap().remove("ignored_files");
        outputs.push((said.out, summary));
    }
    assert_eq!(outputs[0], outputs[1]);
}

/// Attacks that a rule or a fact tells, each staged once, on days apart.
#[test]
fn what_rules_can_find_is_found() {
    let logs = Logs::new();
    let folder = logs.path().join("sample");
    let kinds = [
        "key_store_disrupted@15T01:00",
        "grants_revoked@15T03:00",
        "shared_by_ram@15T05:00",
        "tagged_in@15T07:00",
        "debug_enclave@16T01:00",
        "service_key_direct@16T03:00",
        "ciphertext_probing@16T05:00",
        "quota_exhausted@16T07:00",
        "watch_cut@16T09:00",
        "rotation_disabled@16T11:00",
    ];
    let mut arguments = vec!["simulate", "--out", folder.to_str().unwrap(), "--days", "17"];
    kinds.iter().for_each(|kind| arguments.extend(["--attack", kind]));
    let said = run(&arguments);
    assert_eq!((said.status, said.err.as_str()), (0, ""));
    let truth: Value = serde_json::from_slice(&fs::read(folder.join("labels.json")).unwrap()).unwrap();
    let findings = replay(&[&folder], &[]).0.findings();
    let labels = truth["attacks"].as_array().unwrap();
    assert_eq!(labels.len(), kinds.len());
    for label in labels {
        let expected = label["expected_detectors"].as_array().unwrap();
        let events = label["event_ids"].as_array().unwrap();
        let found = findings.iter().find(|finding| {
            let cited = finding["evidence"]["event_ids"].as_array().unwrap();
            expected.contains(&finding["detector"]) && cited.iter().any(|id| events.contains(id))
        });
        assert!(found.is_some(), "{}", label["id"]);
    }
}
