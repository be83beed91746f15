//! The findings on the quickstart sample against the truth in its `labels.json`.

use super::logs::run;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

fn sample() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/quickstart")
}

fn findings() -> Vec<Value> {
    let said = run(&["replay", "--format", "jsonl", sample().to_str().unwrap()]);
    assert_eq!((said.status, said.err.as_str()), (1, ""));
    said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn labels() -> Value {
    serde_json::from_str(&fs::read_to_string(sample().join("labels.json")).unwrap()).unwrap()
}

fn texts(list: &Value) -> BTreeSet<String> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_attack_that_a_rule_can_see_is_found_with_its_events_and_its_principal() {
    let findings = findings();
    for attack in labels()["attacks"].as_array().unwrap() {
        let expected = texts(&attack["expected_detectors"]);
        if expected.is_empty() {
            continue;
        }
        let events = texts(&attack["event_ids"]);
        let found = findings.iter().find(|finding| {
            expected.contains(finding["detector"].as_str().unwrap())
                && !events.is_disjoint(&texts(&finding["evidence"]["event_ids"]))
        });
        let found = found.unwrap_or_else(|| panic!("{} is not found", attack["id"]));
        let who = found["principal"]["id"].as_str().unwrap();
        assert!(texts(&attack["principals"]).contains(who), "{}: {who}", attack["id"]);
    }
}

#[test]
fn nothing_of_weight_is_found_that_is_no_attack_but_the_planned_deletion() {
    let labels = labels();
    let attacks = labels["attacks"].as_array().unwrap();
    let events: BTreeSet<String> = attacks.iter().flat_map(|attack| texts(&attack["event_ids"])).collect();
    let keys: BTreeSet<String> = attacks.iter().flat_map(|attack| texts(&attack["keys"])).collect();
    let mut harmless = Vec::new();
    let mut statistical = 0;
    for finding in findings() {
        let of_attack = !events.is_disjoint(&texts(&finding["evidence"]["event_ids"]));
        // Workloads that fail since the attack are no part of it, but its consequence.
        let consequence = finding["detector"] == "unusable_key_used"
            && keys.contains(finding["key"]["arn"].as_str().unwrap_or_default());
        if !of_attack && !consequence && finding["severity"] != "low" && finding["severity"] != "info" {
            if finding["kind"] == "rate" || finding["kind"] == "novelty" {
                assert_eq!(finding["severity"], "medium", "{finding:#}");
                statistical += 1;
            } else {
                harmless
                    .push((finding["detector"].as_str().unwrap().to_owned(), finding["severity"].clone()));
            }
        }
    }
    assert_eq!(harmless, [("key_deletion_scheduled".to_owned(), Value::from("high"))]);
    assert!(statistical <= 3, "one a week is the budget, but {statistical} in three weeks");
}

#[test]
fn enumeration_and_reading_in_bulk_are_unusual() {
    let (findings, labels) = (findings(), labels());
    for (kind, word) in [("enumeration", "calls refused"), ("bulk_secret_read", "decrypts and data keys")] {
        let attack =
            labels["attacks"].as_array().unwrap().iter().find(|attack| attack["kind"] == kind).unwrap();
        let who = texts(&attack["principals"]);
        // What one principal does within a day is one finding, whichever of it is strongest.
        let found = findings.iter().find(|finding| {
            finding["detector"].as_str().unwrap().starts_with("unusual_")
                && who.contains(finding["principal"]["id"].as_str().unwrap_or_default())
                && finding["time"]["start"].as_str() <= attack["end"].as_str()
                && finding["time"]["end"].as_str() >= attack["start"].as_str()
                && finding["explanation"].as_str().unwrap().contains(word)
        });
        let found = found.unwrap_or_else(|| panic!("{kind} is not found"));
        assert!(found["evidence"]["observed"].as_f64() > found["evidence"]["expected"].as_f64());
    }
}

/// Roles that used each key for cryptography, read from the records in the plainest way.
fn users_of_keys() -> BTreeMap<String, BTreeSet<String>> {
    let mut users: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut folders = vec![sample().join("AWSLogs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let object = serde_json::from_reader(flate2::read::GzDecoder::new(fs::File::open(path).unwrap()));
            let object: Value = object.unwrap();
            for record in object["Records"].as_array().into_iter().flatten() {
                let name = record["eventName"].as_str().unwrap_or_default();
                let uses = matches!(name, "Decrypt" | "Encrypt" | "ReEncrypt")
                    || name.starts_with("GenerateDataKey");
                let role = record["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"].as_str();
                if let Some((account, path)) = role.and_then(|role| role.split_once(":role/"))
                    && uses
                    && record["errorCode"].is_null()
                {
                    let who = format!("{account}:role/{}", path.rsplit('/').next().unwrap());
                    for key in record["resources"].as_array().into_iter().flatten() {
                        let arn = key["ARN"].as_str().unwrap().to_owned();
                        users.entry(arn).or_default().insert(who.clone());
                    }
                }
            }
        }
    }
    users
}

#[test]
fn what_breaks_by_a_deletion_is_who_really_used_the_key() {
    let findings = findings();
    let deletions = findings.iter().filter(|finding| finding["detector"] == "key_deletion_scheduled");
    let users = users_of_keys();
    let mut broken = 0;
    for finding in deletions {
        let used_by = finding["evidence"]["details"]["used_by"].as_array().into_iter().flatten();
        let said: BTreeSet<String> =
            used_by.map(|user| user["principal"].as_str().unwrap().to_owned()).collect();
        let arn = finding["key"]["arn"].as_str().unwrap();
        assert_eq!(said, users.get(arn).cloned().unwrap_or_default(), "{arn}");
        broken += said.len();
    }
    assert!(broken > 3, "keys in use were scheduled for deletion");
}

/// `labels.json` also names those who only looked at a key, so the two sets cannot be the same: nobody may be said who is
/// not in it, no workload of it may be missing, and what the key protects must be said by kind.
#[test]
fn what_breaks_by_a_deletion_is_what_the_labels_say() {
    let (findings, labels) = (findings(), labels());
    let of_arn =
        |arn: &str| labels["keys"].as_array().unwrap().iter().find(|key| key["arn"] == *arn).unwrap();
    let is_workload = |id: &str| {
        let who = labels["principals"].as_array().unwrap().iter().find(|who| who["id"] == *id);
        who.is_some_and(|who| who["kind"] == "workload" || who["kind"] == "job")
    };
    let mut compared = 0;
    for finding in findings.iter().filter(|finding| finding["detector"] == "key_deletion_scheduled") {
        let (details, key) =
            (&finding["evidence"]["details"], of_arn(finding["key"]["arn"].as_str().unwrap()));
        let used_by = details["used_by"].as_array().into_iter().flatten();
        let said: BTreeSet<&str> = used_by.map(|user| user["principal"].as_str().unwrap()).collect();
        let users: BTreeSet<&str> = key["users"].as_object().unwrap().keys().map(String::as_str).collect();
        assert!(said.is_subset(&users), "{said:?} and {users:?}");
        let workloads: BTreeSet<&str> = users.into_iter().filter(|id| is_workload(id)).collect();
        assert!(workloads.is_subset(&said), "{workloads:?} and {said:?}");
        for family in texts(&key["resources"]) {
            let n = |kind: &str| details["resources"][kind].as_u64().unwrap_or_default();
            match family.split_once(": ").unwrap() {
                ("s3", _) => assert!(n("object") > 0, "{family}"),
                ("dynamodb", _) => assert_eq!(n("table"), 1, "{family}"),
                ("application", name) => {
                    assert!(said.iter().any(|who| who.ends_with(&format!(":role/{name}"))), "{family}");
                }
                other => panic!("{other:?}"),
            }
            compared += 1;
        }
    }
    assert!(compared > 5, "keys in use were scheduled for deletion");
}

#[test]
fn the_attack_is_one_incident_and_alerts_a_few_times() {
    let said = run(&["replay", "--incidents", "--format", "jsonl", sample().to_str().unwrap()]);
    assert_eq!(said.status, 1, "{}", said.err);
    let incidents: Vec<Value> = said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let schema: Value = serde_json::from_str(&run(&["schema", "incident"]).out).unwrap();
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    for incident in &incidents {
        let errors: Vec<String> = schema.iter_errors(incident).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    let critical: Vec<&Value> =
        incidents.iter().filter(|incident| incident["severity"] == "critical").collect();
    let [attack] = critical.as_slice() else { panic!("one critical incident, but {}", critical.len()) };
    assert!(attack["finding_count"].as_u64().unwrap() >= 12);
    let alerts = attack["alerts"].as_array().unwrap().len();
    assert!((2..=6).contains(&alerts), "{alerts} alerts");
    let lost: BTreeSet<&str> =
        attack["losses"].as_array().unwrap().iter().map(|loss| loss["fate"].as_str().unwrap()).collect();
    assert_eq!(lost, BTreeSet::from(["disabled", "pending_deletion"]));
    let commands =
        |step: &Value| step.as_str().unwrap().split_once(": aws ").map(|(_, command)| command.to_owned());
    let commands: Vec<String> = attack["steps"].as_array().unwrap().iter().filter_map(commands).collect();
    assert_eq!(commands.iter().collect::<BTreeSet<_>>().len(), commands.len(), "no command twice");
}
