//! `kmswatch doctor` on an estate as the template makes it, and on one that is broken in each way.

use super::emulator::{self, Emulator};
use super::{kmswatch, output, text};
use kmswatch_engine::time::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::time::SystemTime;

/// Runs `estate.py`; gives what it printed.
fn estate(emulator: &Emulator, args: &[&str]) -> String {
    let mut command = Command::new(emulator::python());
    command.arg(emulator::root().join("tests/s3/estate.py")).args(args);
    let said = output(emulator.point(&mut command));
    assert!(said.status.success(), "{args:?}: {}", text(&said.stderr));
    text(&said.stdout)
}

/// A log with a single event, ten minutes old.
fn fresh_log(folder: &Path) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let time = |ago: u64| Timestamp((now - ago) as i64).to_string();
    let event = |id: &str, ago: u64| {
        json!({"eventVersion": "1.11", "eventTime": time(ago), "eventSource": "kms.amazonaws.com",
            "eventName": "DescribeKey", "awsRegion": "us-east-1", "eventID": id, "recipientAccountId": "123456789012",
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/u", "accountId": "123456789012"},
            "eventType": "AwsApiCall", "managementEvent": true, "readOnly": true, "eventCategory": "Management"})
    };
    let file = folder.join("log.json");
    let records = json!({"Records": [event("1", 4 * 3_600), event("2", 600)]});
    std::fs::write(&file, records.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

struct Estate {
    emulator: Emulator,
    variables: BTreeMap<String, String>,
}

impl Estate {
    fn doctor(&self, args: &[&str]) -> Output {
        let mut command = kmswatch(&[&["doctor"], args].concat());
        output(self.emulator.point(&mut command).envs(&self.variables))
    }

    /// The checks by what they look at, and the exit status.
    fn checks(&self, args: &[&str]) -> (BTreeMap<String, Value>, Option<i32>) {
        let said = self.doctor(&[&["--format", "json"], args].concat());
        let all: Value =
            serde_json::from_slice(&said.stdout).unwrap_or_else(|_| panic!("{}", text(&said.stderr)));
        let checks = all["checks"].as_array().unwrap().iter();
        let by_name = checks.map(|check| (check["what"].as_str().unwrap().to_owned(), check.clone()));
        (by_name.collect(), said.status.code())
    }
}

#[test]
fn an_estate_as_it_should_be_is_fine_and_each_break_is_found_with_the_way_to_mend_it() {
    let emulator = Emulator::moto();
    let scratch = tempfile::TempDir::new().unwrap();
    let variables: BTreeMap<String, String> = serde_json::from_str(&estate(&emulator, &["make"])).unwrap();
    let settings = scratch.path().join("function.json");
    std::fs::write(&settings, json!({"Environment": {"Variables": variables}}).to_string()).unwrap();
    let here = Estate { emulator, variables };
    let found = |what: &str, part: &str| {
        let (checks, status) = here.checks(&[]);
        let check = checks.get(what).unwrap_or_else(|| panic!("no {what} in {checks:#?}"));
        let steps = check["do"].to_string();
        assert_eq!((check["status"].as_str(), status), (Some("failed"), Some(1)), "{check:#}");
        assert!(steps.contains(part) || check["says"].as_str().unwrap().contains(part), "{check:#}");
    };

    found("freshness of the States", "No log has been read yet");
    let mut teach = kmswatch(&["baseline", "bootstrap", "--quiet", &fresh_log(scratch.path())]);
    let taught = output(here.emulator.point(&mut teach).env("KMSWATCH_TABLE", "kmswatch"));
    assert!(taught.status.success(), "{}", text(&taught.stderr));

    let (checks, status) = here.checks(&[]);
    let not_ok: Vec<_> = checks.values().filter(|check| check["status"] != "ok").collect();
    assert!(not_ok.is_empty() && checks.len() > 12 && status == Some(0), "{not_ok:#?}");

    // The same settings out of a file, told to people; and a test alert to all sinks.
    let said = output(here.emulator.point(&mut kmswatch(&[
        "doctor",
        "--send",
        "--settings",
        settings.to_str().unwrap(),
    ])));
    let said_text = text(&said.stdout);
    assert_eq!(said.status.code(), Some(0), "{said_text}{}", text(&said.stderr));
    for part in ["\nTrail\n", "ok           test alert by sns", "It logs all KMS events", "17 checks: 17 ok."]
    {
        assert!(said_text.contains(part), "{part}: {said_text}");
    }

    for (broken, what, part) in [
        ("logging", "org-trail: logging", "aws cloudtrail start-logging --name arn:aws:cloudtrail:"),
        ("reads", "org-trail: KMS events", "all reading KMS events"),
        ("kms", "org-trail: KMS events", "aws cloudtrail put-event-selectors"),
        ("regions", "org-trail: Regions", "aws cloudtrail update-trail --is-multi-region-trail"),
        ("policy", "queue kmswatch-notifications: policy", "does not let s3.amazonaws.com"),
        ("bucket", "bucket trail-logs", "aws s3api put-bucket-notification-configuration"),
        ("topic", "topic arn:aws:sns:us-east-1:123456789012:kmswatch", "KMSWATCH_TOPIC"),
        ("bus", "bus kmswatch-findings", "KMSWATCH_BUS"),
        ("table", "table kmswatch", "does not exist"),
    ] {
        estate(&here.emulator, &["break", broken]);
        found(what, part);
    }
    estate(&here.emulator, &["break", "alerts", "dead"]);
    // What nobody is told of any more is asked by its name.
    let queue = format!("{}/123456789012/kmswatch-notifications", here.emulator.endpoint());
    let (checks, _) = here.checks(&["--queue-url", &queue]);
    let dead = &checks["queue kmswatch-notifications: dead letters"];
    assert_eq!(dead["status"], "warning");
    assert!(dead["do"].to_string().contains("start-message-move-task"), "{dead:#}");
    let failed = |check: &&Value| check["status"] == "failed";
    assert!(checks.values().filter(failed).all(|check| !check["do"].as_array().unwrap().is_empty()));
}

#[test]
fn before_anything_is_deployed_the_trail_is_looked_at_and_wrong_settings_are_told() {
    let emulator = Emulator::moto();
    estate(&emulator, &["make"]);
    let here =
        Estate { emulator, variables: BTreeMap::from([("KMSWATCH_TABEL".to_owned(), "x".to_owned())]) };
    let (checks, status) = here.checks(&["--logs", "s3://trail-logs/AWSLogs"]);
    assert_eq!((&checks["variables"]["status"], status), (&json!("failed"), Some(1)));
    assert_eq!(checks["org-trail: KMS events"]["status"], "ok");
    assert_eq!(checks["bucket trail-logs"]["status"], "ok");
    let (checks, _) = here.checks(&["--logs", "s3://nothing-there/AWSLogs"]);
    assert_eq!(checks["trails"]["status"], "failed");
    assert_eq!(checks["bucket nothing-there"]["status"], "failed");
}
