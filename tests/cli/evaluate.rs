//! Evaluation of a simulated organisation, from its folder and made in memory.

use crate::logs::{Logs, run};
use serde_json::Value;

#[test]
fn a_folder_and_the_same_scenario_in_memory_give_the_same_figures_with_any_number_of_threads() {
    const SAME: [&str; 6] = ["--days", "4", "--preset", "quickstart", "--seed", "5"];
    let logs = Logs::new();
    let folder = logs.path().join("sample");
    let folder = folder.to_str().unwrap();
    assert_eq!(run(&[&["simulate", "--out", folder][..], &SAME].concat()).status, 0);
    let asked = ["--warm-up", "1", "--budgets", "1", "--format", "json"];
    let read = run(&[&["evaluate", folder, "--threads", "1"][..], &asked].concat());
    assert_eq!((read.status, read.err.as_str()), (0, ""));
    let made = ["evaluate", "--preset", "quickstart", "--days", "4", "--seeds", "5", "--threads", "2"];
    let made = run(&[&made[..], &asked].concat());
    let mut read: Value = serde_json::from_str(&read.out).unwrap();
    let made: Value = serde_json::from_str(&made.out).unwrap();
    let name = |report: &Value| report["organisations"][0]["name"].clone();
    assert_eq!((name(&made), name(&read)), ("quickstart 5".into(), folder.into()));
    read["organisations"][0]["name"] = name(&made);
    assert_eq!(read, made);
    let kinds = made["budgets"][0]["kinds"].as_array().unwrap();
    let sum = |field: &str| kinds.iter().map(|kind| kind[field].as_u64().unwrap()).sum::<u64>();
    assert!(sum("attacks") >= 6 && sum("found_with_rules") + 1 >= sum("attacks"), "{kinds:#?}");
}

#[test]
fn a_folder_without_labels_is_an_error_that_says_what_to_do() {
    let logs = Logs::new();
    let said = run(&["evaluate", logs.path().to_str().unwrap()]);
    assert_eq!(said.status, 2);
    assert!(said.err.contains("kmswatch simulate"), "{}", said.err);
}
