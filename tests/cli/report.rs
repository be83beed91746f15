//! `kmswatch report`: the inventory of the sample against the truth in its `labels.json` and against a count made here in
//! the plainest way, and what is printed.

use super::logs::{KEY, Logs, decrypt, deletion, run};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/quickstart")
}

/// The inventory of the sample.
fn inventory() -> &'static Value {
    static ONCE: OnceLock<Value> = OnceLock::new();
    ONCE.get_or_init(|| {
        let said = run(&["report", "--format", "json", sample().to_str().unwrap()]);
        assert_eq!((said.status, said.err.as_str()), (0, ""));
        serde_json::from_str(&said.out).unwrap()
    })
}

fn labels() -> Value {
    serde_json::from_str(&fs::read_to_string(sample().join("labels.json")).unwrap()).unwrap()
}

fn keys() -> BTreeMap<&'static str, &'static Value> {
    let keys = inventory()["keys"].as_array().unwrap();
    keys.iter().map(|key| (key["arn"].as_str().unwrap(), key)).collect()
}

/// What the records of the sample say of a key, counted event by event.
#[derive(Debug, Default)]
struct Plain {
    operations: BTreeMap<String, u64>,
    failed: u64,
    resources: BTreeSet<String>,
    is_proved: bool,
}

/// Reads all records of KMS below `folder`, each once.
fn plain_count() -> BTreeMap<String, Plain> {
    let mut seen = BTreeSet::new();
    let mut keys: BTreeMap<String, Plain> = BTreeMap::new();
    let mut folders = vec![sample()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.to_str().unwrap().ends_with(".json.gz") {
                let mut text = String::new();
                flate2::read::MultiGzDecoder::new(fs::File::open(entry).unwrap())
                    .read_to_string(&mut text)
                    .unwrap();
                let object: Value = serde_json::from_str(&text).unwrap();
                for record in object["Records"].as_array().into_iter().flatten() {
                    let id = (record["eventID"].to_string(), record["recipientAccountId"].to_string());
                    if record["eventSource"] == "kms.amazonaws.com" && seen.insert(id) {
                        count(record, &mut keys);
                    }
                }
            }
        }
    }
    keys.retain(|_, key| key.is_proved);
    keys
}

fn count(record: &Value, keys: &mut BTreeMap<String, Plain>) {
    let listed = record["resources"].as_array().into_iter().flatten();
    let arns: BTreeSet<&str> =
        listed.filter_map(|resource| resource["ARN"].as_str()).filter(|arn| arn.contains(":key/")).collect();
    for arn in arns {
        let key = keys.entry(arn.to_owned()).or_default();
        let error = record["errorCode"].as_str();
        key.is_proved |=
            error.is_none_or(|error| ["DisabledException", "KMSInvalidStateException"].contains(&error));
        if error.is_some() {
            key.failed += 1;
            continue;
        }
        *key.operations.entry(record["eventName"].as_str().unwrap().to_owned()).or_default() += 1;
        let context = &record["requestParameters"]["encryptionContext"];
        let names = [
            "aws:s3:arn",
            "SecretARN",
            "PARAMETER_ARN",
            "aws:ebs:id",
            "aws:rds:db-id",
            "aws:dynamodb:tableName",
            "aws:lambda:FunctionArn",
            "aws:logs:arn",
            "aws:sqs:arn",
            "aws:sns:topicArn",
            "aws:kinesis:arn",
            "aws:ecr:arn",
            "aws:redshift:arn",
        ];
        let named = names.iter().find_map(|name| context[*name].as_str());
        // A log object of CloudTrail belongs to its trail.
        let resource = context["aws:cloudtrail:arn"].as_str().or(named);
        key.resources.extend(resource.map(str::to_owned));
    }
}

#[test]
fn users_of_each_key_and_their_calls_are_those_of_the_labels() {
    let (labels, keys) = (labels(), keys());
    let proved = plain_count();
    let mut compared = 0;
    for truth in labels["keys"].as_array().unwrap() {
        let arn = truth["arn"].as_str().unwrap();
        let users = truth["users"].as_object().unwrap();
        let Some(key) = keys.get(arn) else {
            assert!(users.is_empty() || !proved.contains_key(arn), "{arn} is missing");
            continue;
        };
        let mut calls: BTreeMap<&str, u64> = BTreeMap::new();
        for user in key["users"].as_array().unwrap() {
            *calls.entry(user["principal"].as_str().unwrap()).or_default() += user["calls"].as_u64().unwrap();
        }
        let expected: BTreeMap<&str, u64> =
            users.iter().map(|(user, n)| (user.as_str(), n.as_u64().unwrap())).collect();
        assert_eq!(calls, expected, "{arn}");
        assert_eq!(key["account"], truth["account"]);
        assert_eq!(key["region"], truth["region"]);
        compared += 1;
    }
    assert!(compared > 20, "{compared}");
}

#[test]
fn operations_failures_and_resources_are_those_of_a_plain_count() {
    let (plain, keys) = (plain_count(), keys());
    for (arn, expected) in &plain {
        let key = keys.get(arn.as_str()).unwrap_or_else(|| panic!("{arn} is missing"));
        assert_eq!(key["operations"], json!(expected.operations), "{arn}");
        let failed: u64 = key["errors"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
        assert_eq!(failed, expected.failed, "{arn}");
        let resources: u64 =
            key["resources"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
        assert_eq!(resources, expected.resources.len() as u64, "{arn}");
    }
    assert_eq!(plain.len(), keys.len());
    assert_eq!(inventory()["cut"]["calls_of_other_keys"], 0);
}

#[test]
fn states_are_what_was_done_to_the_keys() {
    let states: BTreeMap<&str, &str> = keys()
        .into_values()
        .filter_map(|key| Some((key["aliases"][0].as_str()?, key["state"].as_str()?)))
        .collect();
    for (alias, state) in [
        ("alias/payments/documents", "pending_deletion"),
        ("alias/payments/orders", "pending_deletion"),
        ("alias/payments/tokens", "disabled"),
        ("alias/payments/card-data", "enabled"),
    ] {
        assert_eq!(states[alias], state, "{alias}");
    }
}

#[test]
fn the_hygiene_of_the_sample_names_the_user_with_the_old_access_key() {
    let hygiene = inventory()["hygiene"].as_array().unwrap();
    let signs = |id: &str| &hygiene.iter().find(|report| report["id"] == id).unwrap()["signs"];
    let long_term = &signs("long_term_credentials")[0];
    assert_eq!(long_term["label"], "alias/payments/settlement-files");
    assert!(long_term["principals"][0].as_str().unwrap().ends_with(":user/legacy/bank-gateway"));
    assert_eq!(signs("key_not_usable").as_array().unwrap().len(), 3);
    assert!(hygiene.iter().all(|report| report["id"] != "old_tls"));
}

#[test]
fn the_output_keeps_to_its_schema() {
    let schema = run(&["schema", "inventory"]);
    let schema: Value = serde_json::from_str(&schema.out).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(inventory()).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let mut wrong = inventory().clone();
    wrong["keys"][0]["state"] = json!("melted");
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn asked_for_one_key_it_says_what_breaks() {
    let said = run(&["report", "--key", "alias/payments/card-data", sample().to_str().unwrap()]);
    assert_eq!(said.status, 0, "{}", said.err);
    let answer: String = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(answer.starts_with("Do not delete alias/payments/card-data: "), "{answer}");
    for part in [
        "role/payments-api can no longer call",
        "57 objects, 1 table",
        "aws kms disable-key --key-id arn:aws:kms",
    ] {
        assert!(answer.contains(part), "{part} is not in {answer}");
    }
    let said = run(&["report", "--key", "alias/payments/card", sample().to_str().unwrap()]);
    assert_eq!((said.status, said.out.as_str()), (2, ""));
    assert!(said.err.contains("the closest is alias/payments/card"), "{}", said.err);
}

#[test]
fn the_text_tells_keys_and_hygiene_and_what_is_hostile_shows_as_escapes() {
    let said = run(&["report", sample().to_str().unwrap()]);
    assert!(said.out.starts_with("25 keys in 20.97 days of logs"), "{}", said.out);
    assert!(said.out.contains("\nHygiene (none of this is an attack)\n"));
    let logs = Logs::new();
    let mut hostile = decrypt(1, "2026-05-04T08:00:00Z");
    let nasty = "\u{1b}[2J\nCRITICAL forged\u{202e}=1+1";
    hostile["userIdentity"]["sessionContext"]["sessionIssuer"]["arn"] =
        json!(format!("arn:aws:iam::111122223333:role/{nasty}"));
    hostile["requestParameters"]["encryptionContext"] = json!({"SecretARN": nasty});
    logs.object(8, &[hostile]);
    for options in
        [&["report", "--verbose"][..], &["report", "--key", "1234abcd-12ab-34cd-56ef-1234567890ab"]]
    {
        let said = run(&[options, &[logs.path().to_str().unwrap()]].concat());
        assert_eq!(said.status, 0, "{}", said.err);
        assert!(said.out.contains(r"\u{1b}[2J\u{a}CRITICAL forged\u{202e}"), "{}", said.out);
        assert!(said.out.chars().all(|c| c == '\n' || !c.is_control()), "{}", said.out);
    }
    let said = run(&["report", "--format", "csv", logs.path().to_str().unwrap()]);
    assert!(!said.out.contains("\n=1"), "{}", said.out);
}

#[test]
fn a_table_has_a_line_for_each_key_and_user() {
    let said = run(&["report", "--format", "csv", sample().to_str().unwrap()]);
    let lines: Vec<&str> = said.out.lines().collect();
    let users: usize = keys().values().map(|key| key["users"].as_array().unwrap().len().max(1)).sum();
    assert_eq!(lines.len(), users + 1);
    assert!(lines[0].starts_with("key_arn,aliases,account,region,"));
}

#[test]
fn repeated_and_disordered_objects_change_nothing() {
    let events = [
        decrypt(1, "2026-05-04T08:00:00Z"),
        decrypt(2, "2026-05-04T09:00:00Z"),
        deletion(3, "2026-05-04T10:15:42Z"),
    ];
    let (once, twice) = (Logs::new(), Logs::new());
    once.object(8, &events);
    twice.object(8, &[events[2].clone(), events[0].clone()]);
    twice.object(9, &[events[1].clone(), events[0].clone(), events[2].clone()]);
    let keys = |logs: &Logs| {
        let said = run(&["report", "--format", "json", logs.path().to_str().unwrap()]);
        let inventory: Value = serde_json::from_str(&said.out).unwrap();
        inventory["keys"].clone()
    };
    assert_eq!(keys(&once), keys(&twice));
    let key = &keys(&once)[0];
    assert_eq!((key["arn"].as_str(), key["acts"].as_u64()), (Some(KEY), Some(3)));
    assert_eq!(key["deletion_at"], "2026-05-11T10:15:42Z");
}
