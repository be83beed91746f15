//! Where alerts go: a test alert through real sinks, and findings in Security Hub.

use crate::emulator::Emulator;
use crate::{kmswatch, output, text};
use serde_json::Value;
use std::collections::BTreeSet;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/quickstart");

#[test]
fn a_test_alert_arrives_at_all_sinks_that_are_named() {
    let emulator = Emulator::start();
    let made = emulator.drive(&["listeners"], "").unwrap();
    let name = |of: &str| made[of].as_str().unwrap().to_owned();
    let [topic, bus, queue] = ["topic", "bus", "queue"].map(name);
    let mut command = kmswatch(&["alert", "test", "--severity", "high"]);
    command.args(["--topic", &topic, "--bus", &bus, "--queue", &queue]);
    let said = output(emulator.point(&mut command));
    assert_eq!(said.status.code(), Some(0), "{}", text(&said.stderr));
    let taken = "sns: taken; see whether it arrives\nevent_bridge: taken; see whether it arrives\n\
                 sqs: taken; see whether it arrives\n";
    assert_eq!(text(&said.stdout), taken);
    let [direct, of_topic, of_bus] = ["queue", "topic_heard", "bus_heard"]
        .map(|queue| emulator.drive(&["receive", &name(queue)], "").unwrap());
    for alert in [&direct, &of_topic, &of_bus["detail"]] {
        assert_eq!(alert["title"], "TEST of kmswatch alerts: nothing has happened");
        assert_eq!((&alert["severity"], &alert["source"]), (&"high".into(), &"kmswatch".into()));
        assert_eq!(alert["id"], direct["id"], "one alert");
    }
    // A sink that is not there is told, and keeps nothing from the others.
    let mut command = kmswatch(&["alert", "test", "--topic", &format!("{topic}-none"), "--queue", &queue]);
    let said = output(emulator.point(&mut command));
    assert_eq!(said.status.code(), Some(2));
    assert!(text(&said.stdout).contains("sqs: taken"), "{}", text(&said.stdout));
    assert!(text(&said.stdout).contains("sns: an alert could not be sent"), "{}", text(&said.stdout));
    emulator.drive(&["receive", &name("queue")], "").unwrap();
}

#[test]
fn security_hub_takes_all_incidents_and_updates_those_that_it_has() {
    let emulator = Emulator::moto();
    let incidents_until = |until: &str| {
        let said =
            output(&mut kmswatch(&["replay", "--incidents", "--format", "asff", "--until", until, SAMPLE]));
        let said = text(&said.stdout);
        let findings: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (emulator.drive(&["hub"], &said).unwrap(), findings)
    };
    let ids = |findings: &[Value]| -> BTreeSet<String> {
        findings.iter().map(|finding| finding["Id"].as_str().unwrap().to_owned()).collect()
    };
    let mut known: BTreeSet<String> = BTreeSet::new();
    for until in ["2026-03-20", "2026-12-31"] {
        let (hub, findings) = incidents_until(until);
        assert!(!findings.is_empty());
        assert_eq!(hub["taken"], findings.len(), "{:#}", hub["failed"]);
        known.extend(ids(&findings));
        let stored = hub["stored"].as_array().unwrap();
        assert_eq!(ids(stored), known);
        assert_eq!(stored.len(), known.len(), "each once");
        for finding in findings {
            let stored = stored.iter().find(|stored| stored["Id"] == finding["Id"]).unwrap();
            for part in ["Title", "UpdatedAt", "Severity"] {
                assert_eq!(stored[part], finding[part], "the newest is known");
            }
        }
    }
}
