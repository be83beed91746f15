//! What is written is what CloudTrail would have written, and the truth beside it is true.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // Tests may fail loudly.

use flate2::read::GzDecoder;
use kmswatch_scenario::scenario::{AttackPlan, Delivery, OrganisationPlan};
use kmswatch_scenario::{LogObject, Mix, Objects, Scenario, Truth, attacks};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

/// Sixteen days of a small organisation with every kind of attack in every variant.
fn everything() -> Scenario {
    let mut plans = Vec::new();
    for (n, kind) in attacks().iter().enumerate() {
        let variants: Vec<Option<&str>> = match kind.variants {
            [] => vec![None],
            variants => variants.iter().map(|&variant| Some(variant)).collect(),
        };
        for variant in variants {
            let plan = AttackPlan::new(kind.id, 3 + n as u32 % 12, "13:20");
            plans.push(AttackPlan { variant: variant.map(str::to_owned), ..plan });
        }
    }
    Scenario {
        seed: 11,
        days: 16,
        rate_scale: 0.04,
        kms_share: 0.7,
        organisation: OrganisationPlan { workloads: 24, ..OrganisationPlan::default() },
        delivery: Delivery { stamp_minutes: 60, digest_hours: 24, ..Delivery::default() },
        attacks: plans,
        ..Scenario::default()
    }
}

fn run(scenario: &Scenario) -> (Vec<LogObject>, Truth) {
    let mut objects = Objects::new(scenario).unwrap();
    let written = objects.by_ref().collect::<Result<Vec<_>, _>>().unwrap();
    (written, objects.truth())
}

fn unpack(object: &LogObject) -> Vec<u8> {
    let mut text = Vec::new();
    GzDecoder::new(object.body.as_slice()).read_to_end(&mut text).unwrap();
    text
}

fn is_log(object: &LogObject) -> bool {
    object.path.contains("/CloudTrail/")
}

/// Path and records of every log object.
fn logs(objects: &[LogObject]) -> Vec<(String, Vec<Value>)> {
    let logs = objects.iter().filter(|object| is_log(object));
    logs.map(|object| {
        let mut parsed: Value = serde_json::from_slice(&unpack(object)).unwrap();
        let Value::Array(records) = parsed["Records"].take() else {
            panic!("{} has no Records", object.path)
        };
        (object.path.clone(), records)
    })
    .collect()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The stable principal, by the rules of CloudTrail's `userIdentity` and not by the writer's code.
fn principal(record: &Value) -> String {
    let identity = &record["userIdentity"];
    let role = |arn: &str| {
        let name = arn.rsplit('/').next().unwrap();
        format!("arn:aws:iam::{}:role/{name}", text(identity, "/accountId"))
    };
    match text(identity, "/type") {
        "" => "service:kms-internal".to_owned(),
        "AWSService" => {
            format!("service:{}", text(identity, "/invokedBy").trim_end_matches(".amazonaws.com"))
        }
        "Root" | "IAMUser" => text(identity, "/arn").to_owned(),
        "AssumedRole" => role(text(identity, "/sessionContext/sessionIssuer/arn")),
        "AWSAccount" => {
            let unique = text(identity, "/principalId").split(':').next().unwrap();
            format!("account:{}/{unique}", text(identity, "/accountId"))
        }
        other => panic!("unexpected identity type {other}"),
    }
}

#[test]
fn every_record_has_the_shape_of_its_kind() {
    let (objects, truth) = run(&everything());
    let own: BTreeSet<&str> = truth.accounts.iter().map(|account| account.id.as_str()).collect();
    let mut kinds = BTreeSet::new();
    for (path, records) in logs(&objects) {
        let parts: Vec<&str> = path.split('/').collect();
        assert_eq!((parts[0], parts[3], parts.len()), ("AWSLogs", "CloudTrail", 9), "{path}");
        assert_eq!(parts[1], truth.organisation_id);
        let name: Vec<&str> = parts[8].split('_').collect();
        assert_eq!((name[0], name[1], name[2]), (parts[2], "CloudTrail", parts[4]), "{path}");
        assert_eq!(name[3].len(), "20260302T0915Z".len(), "{path}");
        assert!(name[4].len() == 16 + ".json.gz".len() && name[4].ends_with(".json.gz"), "{path}");
        for record in &records {
            assert_eq!(text(record, "/recipientAccountId"), parts[2]);
            assert_eq!(text(record, "/awsRegion"), parts[4]);
            assert!(own.contains(text(record, "/recipientAccountId")));
            for member in
                ["/eventVersion", "/eventTime", "/eventSource", "/eventName", "/eventID", "/eventType"]
            {
                assert!(!text(record, member).is_empty(), "{member} of {record}");
            }
            assert_eq!(text(record, "/eventID").len(), 36);
            assert!(record["readOnly"].is_boolean() && record["managementEvent"] == true, "{record}");
            assert!(record.get("requestParameters").is_some() && record.get("responseElements").is_some());
            if record["readOnly"] == true && text(record, "/eventName") != "AssumeRole" {
                assert!(record["responseElements"].is_null(), "{record}");
            }
            let invoked = record.pointer("/userIdentity/invokedBy").is_some();
            assert!(
                !(invoked && record.get("tlsDetails").is_some()),
                "a service's call has tlsDetails: {record}"
            );
            if text(record, "/eventSource") != "kms.amazonaws.com" {
                continue;
            }
            assert_eq!(text(record, "/eventVersion"), "1.11");
            kinds.insert((
                text(record, "/userIdentity/type").to_owned(),
                text(record, "/eventName").to_owned(),
            ));
            for resource in record["resources"].as_array().into_iter().flatten() {
                let arn = text(resource, "/ARN");
                assert_eq!(text(resource, "/accountId"), arn.split(':').nth(4).unwrap());
                assert_eq!(arn.split(':').nth(3).unwrap(), parts[4], "a key of another Region: {record}");
            }
            let decrypt = text(record, "/eventName") == "Decrypt";
            if decrypt {
                assert!(record.pointer("/requestParameters/keyId").is_none(), "{record}");
            }
            if decrypt && record.get("errorCode").is_none() {
                assert_eq!(text(record, "/additionalEventData/keyMaterialId").len(), 64, "{record}");
            }
        }
    }
    for wanted in [
        ("AWSService", "GenerateDataKey"),
        ("AWSAccount", "Decrypt"),
        ("IAMUser", "Encrypt"),
        ("Root", "DescribeKey"),
        ("AssumedRole", "CreateGrant"),
        ("", "RotateKey"),
        ("", "DeleteKey"),
        ("", "CreateKey"),
    ] {
        assert!(kinds.contains(&(wanted.0.to_owned(), wanted.1.to_owned())), "no {wanted:?} among {kinds:?}");
    }
}

#[test]
fn the_truth_counts_what_a_reader_counts() {
    let (objects, truth) = run(&everything());
    let mut seen = BTreeSet::new();
    let mut users: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut callers: BTreeMap<String, u64> = BTreeMap::new();
    let mut all = 0;
    for record in logs(&objects).into_iter().flat_map(|(_, records)| records) {
        all += 1;
        if !seen.insert(text(&record, "/eventID").to_owned()) {
            continue;
        }
        if text(&record, "/eventSource") != "kms.amazonaws.com" {
            continue;
        }
        let principal = principal(&record);
        let resources = record["resources"].as_array().cloned().unwrap_or_default();
        let arns: BTreeSet<String> = resources.iter().map(|r| text(r, "/ARN").to_owned()).collect();
        for arn in arns.into_iter().filter(|arn| arn.contains(":key/")) {
            *users.entry((arn, principal.clone())).or_default() += 1;
        }
        *callers.entry(principal).or_default() += 1;
    }
    assert_eq!(truth.counts.records, all);
    assert_eq!(truth.counts.distinct_records, seen.len() as u64);
    assert!(truth.counts.distinct_records < truth.counts.records, "there are no duplicates");
    assert_eq!(truth.counts.distinct_kms_records, callers.values().sum::<u64>());
    for key in &truth.keys {
        let found: BTreeMap<String, u64> = users
            .iter()
            .filter(|((arn, _), _)| *arn == key.arn)
            .map(|((_, principal), count)| (principal.clone(), *count))
            .collect();
        assert_eq!(key.users, found, "{}", key.arn);
    }
    for principal in &truth.principals {
        let found = callers.get(&principal.id).copied().unwrap_or(0);
        assert_eq!(principal.kms_events, found, "{}", principal.id);
    }
    assert_eq!(truth.counts.bytes, objects.iter().map(|object| object.uncompressed).sum::<u64>());
}

#[test]
fn every_labelled_event_is_in_the_log() {
    let (objects, truth) = run(&everything());
    let ids: BTreeMap<String, String> = logs(&objects)
        .into_iter()
        .flat_map(|(_, records)| records)
        .map(|record| (text(&record, "/eventID").to_owned(), principal(&record)))
        .collect();
    let labels = || truth.attacks.iter().chain(&truth.look_alikes);
    assert_eq!(labels().count(), everything().attacks.len());
    for label in labels() {
        assert!(!label.event_ids.is_empty(), "{} has no events", label.id);
        assert!(label.start <= label.end, "{}", label.id);
        for id in &label.event_ids {
            let actor = ids.get(id).unwrap_or_else(|| panic!("event {id} of {} is not in the log", label.id));
            let known = label.principals.contains(actor)
                || actor.starts_with("service:")
                || actor.starts_with("account:");
            assert!(known, "{} was acted by {actor}, not by {:?}", label.id, label.principals);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_gives_others() {
    let mut scenario = everything();
    let (first, truth) = run(&scenario);
    let (second, again) = run(&scenario);
    assert!(first == second, "objects differ");
    assert_eq!(truth, again);
    scenario.seed += 1;
    let (other, _) = run(&scenario);
    let bodies: BTreeSet<&[u8]> =
        other.iter().filter(|o| o.uncompressed > 100).map(|o| o.body.as_slice()).collect();
    assert!(
        first.iter().filter(|o| o.uncompressed > 100).all(|object| !bodies.contains(object.body.as_slice()))
    );
}

#[test]
fn an_attack_changes_no_other_event() {
    let mut scenario = Scenario { days: 5, rate_scale: 0.3, ..Scenario::default() };
    let ids = |scenario: &Scenario| -> BTreeSet<String> {
        let (objects, _) = run(scenario);
        let records = logs(&objects).into_iter().flat_map(|(_, records)| records);
        records.map(|record| text(&record, "/eventID").to_owned()).collect()
    };
    let quiet = ids(&scenario);
    scenario.attacks = vec![AttackPlan::new("bulk_secret_read", 3, "01:10")];
    let attacked = ids(&scenario);
    assert!(quiet.is_subset(&attacked));
    let (_, truth) = run(&scenario);
    assert_eq!(attacked.len() - quiet.len(), truth.attacks[0].event_ids.len());
}

#[test]
fn events_come_late_unordered_and_sometimes_twice() {
    let (objects, _) = run(&Scenario { days: 4, rate_scale: 0.4, ..Scenario::default() });
    let minutes = |stamp: &str| -> i64 {
        let n = |range: std::ops::Range<usize>| stamp[range].parse::<i64>().unwrap();
        // All in one month: days are enough.
        n(6..8) * 1_440 + n(9..11) * 60 + n(11..13)
    };
    let (mut unordered, mut late, mut all) = (0, 0, 0);
    for (path, records) in logs(&objects) {
        let name = path.rsplit('/').next().unwrap();
        let stamp = minutes(name.split('_').nth(3).unwrap());
        let times: Vec<&str> = records.iter().map(|record| text(record, "/eventTime")).collect();
        unordered += usize::from(!times.is_sorted());
        for time in times {
            let compact: String = time.chars().filter(|c| *c != '-' && *c != ':').collect();
            let age = stamp - minutes(&compact);
            assert!((1..=70).contains(&age), "{time} in {path}");
            late += i64::from(age > 12);
            all += 1;
        }
    }
    assert!(unordered > 100, "{unordered} objects are out of order");
    assert!(late * 1_000 > all && late * 50 < all, "{late} of {all} are late");
}

#[test]
fn digests_hold_the_hashes_of_the_logs_and_are_chained() {
    let (objects, truth) = run(&Scenario { days: 2, rate_scale: 0.2, ..Scenario::default() });
    let hash = |object: &LogObject| {
        Sha256::digest(unpack(object)).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let hashes: BTreeMap<&str, String> =
        objects.iter().map(|object| (object.path.as_str(), hash(object))).collect();
    let mut listed = BTreeSet::new();
    let mut digests = 0;
    for object in objects.iter().filter(|object| object.path.contains("/CloudTrail-Digest/")) {
        digests += 1;
        let digest: Value = serde_json::from_slice(&unpack(object)).unwrap();
        assert_eq!(text(&digest, "/digestS3Object"), object.path);
        if let Some(previous) = digest["previousDigestS3Object"].as_str() {
            assert_eq!(hashes[previous], text(&digest, "/previousDigestHashValue"));
        }
        for file in digest["logFiles"].as_array().unwrap() {
            assert_eq!(hashes[text(file, "/s3Object")], text(file, "/hashValue"));
            listed.insert(text(file, "/s3Object").to_owned());
        }
    }
    assert_eq!(digests, truth.counts.digest_objects);
    // The stamps after the last full hour, and the objects written twice, are in no digest.
    assert!(listed.len() > objects.iter().filter(|o| is_log(o)).count() * 9 / 10);
}

#[test]
fn offices_are_empty_at_night_and_at_weekends() {
    let delivery = Delivery { stamp_minutes: 60, digest_hours: 0, ..Delivery::default() };
    let scenario =
        Scenario { days: 14, seed: 3, rate_scale: 0.05, turbulence: false, delivery, ..Scenario::default() };
    let (objects, _) = run(&scenario);
    let (mut day, mut night, mut working, mut weekend) = (0, 0, 0, 0);
    for record in logs(&objects).into_iter().flat_map(|(_, records)| records) {
        if !text(&record, "/userIdentity/sessionContext/sessionIssuer/arn").contains("AWSReservedSSO") {
            continue;
        }
        let time = text(&record, "/eventTime");
        match time[11..13].parse::<u32>().unwrap() {
            8..=15 => day += 1,
            0..=3 => night += 1,
            _ => {}
        }
        // 2 March 2026 is a Monday.
        match (time[8..10].parse::<u32>().unwrap() - 2) % 7 {
            5 | 6 => weekend += 1,
            _ => working += 1,
        }
    }
    assert!(day > 200, "{day} acts of people by day");
    assert_eq!((night, weekend), (0, 0), "of {working}");
}

#[test]
fn the_share_of_kms_is_the_one_asked_for() {
    for share in [0.8, 0.1] {
        let scenario = Scenario { days: 2, kms_share: share, rate_scale: 0.3, ..Scenario::default() };
        let (_, truth) = run(&scenario);
        let found = truth.counts.distinct_kms_records as f64 / truth.counts.distinct_records as f64;
        assert!((found - share).abs() < 0.02, "{found} instead of {share}");
    }
}

#[test]
fn a_size_limit_ends_the_log_and_the_truth_tells_what_was_written() {
    let scenario = Scenario { days: 3_660, max_bytes: Some(3_000_000), ..Scenario::default() };
    let (objects, truth) = run(&scenario);
    assert!((3_000_000..4_000_000).contains(&truth.counts.bytes), "{}", truth.counts.bytes);
    let records: usize = logs(&objects).iter().map(|(_, records)| records.len()).sum();
    assert_eq!(truth.counts.records, records as u64);
}

#[test]
fn benchmarks_have_their_size_and_their_mix() {
    for mix in [Mix::KmsHeavy, Mix::Mixed, Mix::Sparse] {
        // A log this short ends in its first night, so the share is asked of a whole day.
        let (_, short) = run(&Scenario::benchmark(mix, 4_000_000));
        assert!((4_000_000..8_000_000).contains(&short.counts.bytes), "{}", short.counts.bytes);
        let delivery = Delivery { stamp_minutes: 60, digest_hours: 0, ..Delivery::default() };
        let whole = Scenario::benchmark(mix, 900_000_000);
        let day = Scenario { rate_scale: 0.02, days: 1, delivery, ..whole };
        let (_, truth) = run(&day);
        let share = truth.counts.distinct_kms_records as f64 / truth.counts.distinct_records as f64;
        assert!((share / mix.share() - 1.0).abs() < 0.05, "{share} instead of {}", mix.share());
    }
}

#[test]
fn evaluations_stage_every_kind_after_four_clean_weeks() {
    for seed in 1..9 {
        // Attacks are staged when the scenario is planned; the two months of traffic are not needed for this.
        let truth = Objects::new(&Scenario::evaluation(seed)).unwrap().truth();
        assert!((290..310).contains(&truth.principals.len()), "{} principals", truth.principals.len());
        assert!((75..90).contains(&truth.keys.len()), "{} keys", truth.keys.len());
        assert!(truth.attacks.len() >= 26 && truth.look_alikes.len() == 3);
        for label in truth.attacks.iter().chain(&truth.look_alikes) {
            assert!(!label.event_ids.is_empty(), "{} of seed {seed} has no events", label.id);
            // 2 March and four weeks.
            assert!(label.start.as_str() >= "2026-03-30", "{} starts {}", label.id, label.start);
        }
        // A storm of thousands of refusals a minute would be most of the traffic.
        let statistical = attacks().iter().filter(|kind| kind.pattern == "S" && kind.id != "denial_storm");
        for kind in statistical {
            assert!(truth.attacks.iter().any(|label| label.kind == kind.id), "no {}", kind.id);
        }
    }
}

#[test]
fn a_disabled_key_makes_its_users_fail() {
    let attack = AttackPlan {
        key: Some("alias/payments-prod/card-data".to_owned()),
        ..AttackPlan::new("key_disabled", 2, "10:00")
    };
    let delivery = Delivery { stamp_minutes: 60, digest_hours: 0, ..Delivery::default() };
    let scenario =
        Scenario { days: 4, rate_scale: 0.5, delivery, attacks: vec![attack], ..Scenario::default() };
    let (objects, truth) = run(&scenario);
    let key = &truth.attacks[0].keys[0];
    let mut outcomes: BTreeMap<(bool, String), u64> = BTreeMap::new();
    for record in logs(&objects).into_iter().flat_map(|(_, records)| records) {
        let uses = matches!(text(&record, "/eventName"), "Decrypt" | "GenerateDataKey");
        if uses && text(&record, "/resources/0/ARN") == key {
            let time = text(&record, "/eventTime");
            let within = ("2026-03-04T10:00:05Z".."2026-03-04T14:00:00Z").contains(&time);
            *outcomes.entry((within, text(&record, "/errorCode").to_owned())).or_default() += 1;
        }
    }
    assert!(outcomes.get(&(true, "DisabledException".to_owned())).is_some_and(|&n| n > 5), "{outcomes:?}");
    assert_eq!(outcomes.get(&(true, String::new())), None, "{outcomes:?}");
    assert_eq!(outcomes.get(&(false, "DisabledException".to_owned())), None, "{outcomes:?}");
}

#[test]
fn the_catalogue_is_complete_and_its_ids_are_unique() {
    let mut ids = BTreeSet::new();
    for kind in attacks() {
        assert!(ids.insert(kind.id), "{} is there twice", kind.id);
        assert!(kind.description.len() > 20 && !kind.description.ends_with('.'), "{}", kind.id);
        assert!(kind.pattern.starts_with('P') || kind.pattern == "S", "{}", kind.id);
    }
    for pattern in ["P1", "P2", "P3", "P5", "P6", "P8", "P9", "P10", "P11", "P12", "P13", "P15", "P21", "P22"]
    {
        assert!(attacks().iter().any(|kind| kind.pattern == pattern), "nothing shows {pattern}");
    }
}

#[test]
fn mistakes_in_a_scenario_are_told_with_advice() {
    for (toml, advice) in [
        ("days = 0", "1 to 3660"),
        ("dais = 3", "unknown field"),
        ("start = \"soon\"", "2026-03-02"),
        ("[[attacks]]\nkind = \"magic\"\nday = 1", "choose one of"),
        ("[[attacks]]\nkind = \"burst\"\nday = 99", "day must be below"),
        ("[delivery]\nstamp_minutes = 7", "divisor"),
    ] {
        let error = Scenario::from_toml(toml).unwrap_err().to_string();
        assert!(error.contains(advice), "{toml:?} gave {error:?}");
    }
    let unknown = AttackPlan { actor: Some("nobody".to_owned()), ..AttackPlan::new("burst", 1, "10:00") };
    let scenario = Scenario { attacks: vec![unknown], ..Scenario::default() };
    let error = Objects::new(&scenario).unwrap_err().to_string();
    assert!(error.contains("no nobody actor"), "{error}");
}
