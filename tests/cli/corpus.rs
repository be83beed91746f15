//! Every record of a folder of real logs is accounted for.

use crate::logs::{assert_accounted, replay};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_record_of_the_corpus_is_accounted_for() {
    let Some(corpus) = std::env::var_os("KMSWATCH_CORPUS").map(PathBuf::from) else {
        println!("skipped: KMSWATCH_CORPUS names no folder of logs");
        return;
    };
    let mut folders: Vec<PathBuf> = fs::read_dir(&corpus)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(!folders.is_empty(), "no folders in {}", corpus.display());
    for folder in folders {
        let logs: Vec<PathBuf> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_string_lossy().ends_with(".ndjson.gz"))
            .collect();
        let original = folder.join("orig");
        for path in logs.iter().map(PathBuf::as_path).chain(original.is_dir().then_some(original.as_path())) {
            accounted(path);
        }
    }
}

fn accounted(path: &Path) {
    let (said, summary) = replay(&[path], &[]);
    println!("{}: status {}, {summary:#}", path.display(), said.status);
    assert_accounted(&summary);
    // Originals may be packed in what is no log (tests of other tools).
    assert!(path.is_dir() || summary["records"].as_u64().unwrap() > 0, "{}", path.display());
    assert!(!summary["problem_list"].to_string().contains("fault of kmswatch"), "{summary:#}");
    let (again, other) = replay(&[path], &["--threads", "3"]);
    assert_eq!((again.out, other), (said.out, summary));
}

/// A real simulation of attacks with exact labels: what is found is a matter of record, and what is not, too.
///
/// One account, one user for everything, 55 minutes: there is no usual to compare with, and what Terraform reads in
/// between looks the same. What is found are the trails that were stopped.
#[test]
fn of_an_attack_without_history_only_what_rules_tell_is_found() {
    let Some(folder) =
        std::env::var_os("KMSWATCH_CORPUS").map(|corpus| Path::new(&corpus).join("invictus-stratus"))
    else {
        println!("skipped: KMSWATCH_CORPUS names no folder of logs");
        return;
    };
    let log = folder.join("invictus-stratus.ndjson.gz");
    let labels = fs::read_to_string(folder.join("kms_labels.csv")).unwrap();
    let labels: BTreeMap<&str, &str> = labels.lines().filter_map(|line| line.split_once(',')).collect();

    let (said, _) = replay(&[&log], &[]);
    let detectors: Vec<String> =
        said.findings().iter().map(|finding| finding["detector"].as_str().unwrap().to_owned()).collect();
    assert_eq!(detectors, ["trail_blinded"; 5]);

    let incidents = replay(&[&log], &["--incidents"]).0.findings();
    assert_eq!(incidents.len(), 1);
    let within = |event: &Value| {
        let (time, who) = (event["eventTime"].as_str().unwrap(), &event["userIdentity"]["arn"]);
        let span = &incidents[0]["time"];
        let is_of =
            incidents[0]["principals"].as_array().unwrap().iter().any(|principal| principal["id"] == *who);
        is_of && (span["start"].as_str().unwrap()..=span["end"].as_str().unwrap()).contains(&time)
    };
    let mut counts: BTreeMap<(&str, bool), u32> = BTreeMap::new();
    let text =
        std::io::read_to_string(flate2::read::MultiGzDecoder::new(fs::File::open(&log).unwrap())).unwrap();
    for event in text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let Some(label) = labels.get(event["eventID"].as_str().unwrap()) else { continue };
        let sort = label.split(':').next().unwrap();
        *counts.entry((sort, within(&event))).or_default() += 1;
    }
    let expected = [(("attack", false), 62), (("benign", false), 124), (("benign", true), 54)];
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), expected);
}
