//! The sample in the repository is what the preset writes, to the byte.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // Tests may fail loudly.

use flate2::read::GzDecoder;
use kmswatch_scenario::{Objects, Scenario};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples/quickstart")
}

fn files(folder: &Path, found: &mut BTreeSet<String>, top: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found, top);
        } else {
            let name = path.strip_prefix(top).unwrap();
            let parts: Vec<_> =
                name.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
            found.insert(parts.join("/"));
        }
    }
}

#[test]
fn the_quickstart_sample_is_what_the_preset_writes() {
    let again = "replace it by what `kmswatch simulate --preset quickstart --out target/quickstart` writes, and commit";
    let mut on_disk = BTreeSet::new();
    files(&folder(), &mut on_disk, &folder());
    let mut objects = Objects::new(&Scenario::quickstart()).unwrap();
    let unpack = |bytes: &[u8]| {
        let mut text = Vec::new();
        GzDecoder::new(bytes).read_to_end(&mut text).map(|_| text)
    };
    for object in objects.by_ref() {
        let object = object.unwrap();
        assert!(on_disk.remove(&object.path), "{} is not in the sample: {again}", object.path);
        let stored = std::fs::read(folder().join(&object.path)).unwrap();
        let same_text = unpack(&stored).unwrap() == unpack(&object.body).unwrap();
        assert!(same_text, "{} holds other records: {again}", object.path);
        assert!(stored == object.body, "{} is compressed by another deflate: {again}", object.path);
    }
    assert_eq!(on_disk, BTreeSet::from(["README.md".to_owned(), "labels.json".to_owned()]), "{again}");
    let mut labels = serde_json::to_string_pretty(&objects.truth()).unwrap();
    labels.push('\n');
    let stored = std::fs::read_to_string(folder().join("labels.json")).unwrap();
    assert!(stored == labels, "labels.json tells another truth: {again}");
}
