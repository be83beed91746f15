//! Every record of a folder of real logs is accounted for.

use crate::logs::{assert_accounted, replay};
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
