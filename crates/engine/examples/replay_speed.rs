//! The path of whole objects without the command around it: `cargo run --release --example replay_speed -- FOLDER`.
//!
//! Objects come in the order of the stamps of their names, as in `kmswatch replay`. Built sooner than the command,
//! and meant for profilers: `valgrind --tool=callgrind`.

use kmswatch_engine::estate::Estate;
use kmswatch_engine::pipeline::{Filter, Watch, Worker};
use kmswatch_engine::trail::object_key;
use std::fs::{self, File};
use std::path::PathBuf;

#[allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement reads files and says its result"
)]
fn main() {
    let mut folders: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.to_string_lossy();
                    if let Some(key) = object_key::parse(&name) {
                        files.push((key.delivered, path.clone()));
                    }
                }
            }
        }
    }
    files.sort();
    let estate = Estate::default();
    let (mut worker, mut watch) = (Worker::default(), Watch::new(estate.clone()));
    let mut before = None;
    for (stamp, path) in files {
        let Ok(file) = File::open(&path) else { continue };
        let outcome = worker.process(file, &estate, &Filter::default());
        if let Some(moment) = before.filter(|before| Some(*before) < stamp) {
            watch.advance(moment);
        }
        worker.reuse(watch.gather(outcome));
        before = before.max(stamp);
    }
    watch.settle();
    let summary = watch.summary();
    println!("{} records, {} events, {:?}", summary.records, summary.kms_events, summary.entities);
}
