//! Normalising of real and documented records, where they are at hand (`KMSWATCH_CORPUS`).

use super::infrastructure::{CHANGES, Change};
use super::testing::{corpus, record};
use super::{Event, Normalized, Source, normalize};
use serde_json::Value;
use std::collections::BTreeMap;

const FOLDERS: [&str; 11] = [
    "aws-cloudtrail-docs",
    "aws-kms-docs",
    "coralogix-sse-kms-trail",
    "eventversions",
    "flaws-slice",
    "invictus-stratus",
    "panther-analysis",
    "plaso-lookup-events",
    "stratus-detonations",
    "streamalert-wrapped",
    "trailscraper",
];

/// What became of a record, in one word.
fn word(normalized: &Normalized<'_>) -> String {
    match normalized {
        Normalized::Event(event) => match event.source {
            Source::Infrastructure(_) => "Infrastructure".to_owned(),
            source => format!("{source:?}"),
        },
        Normalized::Skip(reason) => format!("{reason:?}"),
        Normalized::Problem(_) => "Problem".to_owned(),
    }
}

/// The same, decided by other means.
fn expected_word(json: &Value) -> &'static str {
    let text = |name: &str| json[name].as_str().unwrap_or_default();
    if text("eventCategory") == "Insight" || text("eventType") == "AwsCloudTrailInsight" {
        return "Insight";
    }
    let changes_the_log =
        ["CreateTrail", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging", "PutEventSelectors"]
            .contains(&text("eventName"));
    match text("eventSource") {
        "kms.amazonaws.com" | "cloudtrail.amazonaws.com" if text("eventCategory") == "NetworkActivity" => {
            "NetworkActivity"
        }
        "kms.amazonaws.com" => "Kms",
        "cloudtrail.amazonaws.com" if changes_the_log => "CloudTrail",
        source if is_watched(source, text("eventName")) => "Infrastructure",
        _ => "NotWatched",
    }
}

/// Whether the table of watched calls has it, looked up in the plainest way.
fn is_watched(source: &str, name: &str) -> bool {
    let is_it =
        |change: &Change| format!("{}.amazonaws.com", change.service) == source && change.name == name;
    CHANGES.iter().any(is_it)
}

#[test]
fn every_record_of_every_folder_is_accounted_for() {
    for folder in FOLDERS {
        let Some(text) = corpus(&format!("{folder}/{folder}.ndjson.gz")) else { continue };
        for (i, line) in text.lines().enumerate() {
            let normalized = normalize(&record(line));
            let json: Value = serde_json::from_str(line).unwrap();
            let expected = expected_word(&json);
            // Placeholders of a schema for values: `"eventVersion": "..."`, `"eventTime": "string"`.
            let placeholder = folder == "streamalert-wrapped" && json["eventVersion"] != "1.05";
            assert!(
                word(&normalized) == expected || placeholder,
                "{folder}:{} expected {expected}, got {normalized:?}",
                i + 1
            );
        }
    }
}

/// The event is what an independent reading of the record gives, in the parts that all records have.
fn compare(event: &Event<'_>, json: &Value, at: &str) {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    assert_eq!(Some(event.id.to_string()), text(&json["eventID"]), "{at}");
    assert_eq!(Some(event.name.to_string()), text(&json["eventName"]), "{at}");
    assert_eq!(Some(event.time.to_string()), text(&json["eventTime"]), "{at}");
    assert_eq!(Some(event.region.to_string()), text(&json["awsRegion"]), "{at}");
    assert_eq!(Some(event.account.to_string()), text(&json["recipientAccountId"]), "{at}");
    assert_eq!(event.operation.name(), event.name, "{at}");
    let identity = &json["userIdentity"];
    assert_eq!(
        event.principal.access_key.as_deref().map(str::to_owned),
        text(&identity["accessKeyId"]),
        "{at}"
    );
    assert_eq!(event.caller.user_agent.as_deref().map(str::to_owned), text(&json["userAgent"]), "{at}");
    assert_eq!(event.caller.address.as_deref().map(str::to_owned), text(&json["sourceIPAddress"]), "{at}");
    assert_eq!(event.outcome.error.as_ref().map(|e| e.code.to_string()), text(&json["errorCode"]), "{at}");
    let names: Vec<String> = event.context.names().map(|name| name.into_owned()).collect();
    let expected: Vec<String> = json["requestParameters"]["encryptionContext"]
        .as_object()
        .map(|context| context.keys().cloned().collect())
        .unwrap_or_default();
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    assert_eq!(sorted(names), sorted(expected), "{at}");
}

#[test]
fn the_simulated_attack_gives_240_kms_events_with_the_right_actor_key_service_and_resource() {
    let folder = "invictus-stratus";
    let Some(text) = corpus(&format!("{folder}/{folder}.ndjson.gz")) else { return };
    let labels: BTreeMap<String, String> = corpus(&format!("{folder}/kms_labels.csv"))
        .unwrap()
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(','))
        .map(|(id, label)| (id.to_owned(), label.to_owned()))
        .collect();
    let mut by_label: BTreeMap<&str, u32> = BTreeMap::new();
    let mut n = 0;
    for (i, line) in text.lines().enumerate() {
        let Normalized::Event(event) = normalize(&record(line)) else { continue };
        if event.source != Source::Kms {
            continue;
        }
        n += 1;
        let json: Value = serde_json::from_str(line).unwrap();
        let at = format!("line {}", i + 1);
        compare(&event, &json, &at);
        let context = &json["requestParameters"]["encryptionContext"];
        let (service, name) = match &json["userIdentity"]["invokedBy"] {
            Value::String(by) if by == "secretsmanager.amazonaws.com" => ("secretsmanager", "SecretARN"),
            _ => ("ssm", "PARAMETER_ARN"),
        };
        assert_eq!(event.principal.via_service.as_deref(), Some(service), "{at}");
        assert_eq!(event.resource.as_ref().map(|r| r.id.as_ref()), context[name].as_str(), "{at}");
        assert_eq!(Some(event.principal.id.as_ref()), json["userIdentity"]["arn"].as_str(), "{at}");
        assert_eq!(
            event.principal.generation.as_deref(),
            json["userIdentity"]["principalId"].as_str(),
            "{at}"
        );
        assert_eq!(event.principal.kind.name(), "user", "{at}");
        let key = event.key.as_ref().unwrap();
        assert_eq!(Some(key.arn.as_ref()), json["resources"][0]["ARN"].as_str(), "{at}");
        assert_eq!(key.account.as_deref(), json["resources"][0]["accountId"].as_str(), "{at}");
        assert_eq!(event.alias.as_deref(), json["requestParameters"]["keyId"].as_str(), "{at}");
        assert_eq!((event.caller.ip, event.caller.vpc_endpoint.is_none()), (None, true), "{at}");
        let label = labels.get(event.id.as_ref()).unwrap_or_else(|| panic!("{at} has no label"));
        match label.as_str() {
            "attack:aws.credential-access.secretsmanager-retrieve-secrets" => {
                assert_eq!((service, event.name.as_ref()), ("secretsmanager", "Decrypt"), "{at}");
            }
            "attack:aws.credential-access.ssm-retrieve-securestring-parameters" => {
                assert_eq!((service, event.name.as_ref()), ("ssm", "Decrypt"), "{at}");
            }
            benign => assert!(benign.starts_with("benign:"), "{at}"),
        }
        *by_label.entry(label.split(':').next().unwrap_or_default()).or_default() += 1;
    }
    assert_eq!(n, 240);
    assert_eq!(by_label, BTreeMap::from([("attack", 62), ("benign", 178)]));
}

#[test]
fn the_documented_kms_records_name_their_keys() {
    let Some(text) = corpus("aws-kms-docs/aws-kms-docs.ndjson.gz") else { return };
    let mut n = 0;
    for (i, line) in text.lines().enumerate() {
        let Normalized::Event(event) = normalize(&record(line)) else { continue };
        let json: Value = serde_json::from_str(line).unwrap();
        let arns: Vec<&str> = json["resources"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|resource| resource["ARN"].as_str())
            .filter(|arn| arn.contains(":key/"))
            .collect();
        let keys: Vec<&str> =
            [&event.key, &event.destination_key].into_iter().flatten().map(|key| key.arn.as_ref()).collect();
        if !arns.is_empty() {
            assert_eq!(keys, arns, "line {}", i + 1);
            n += 1;
        }
    }
    assert!(n > 70, "{n}");
}
