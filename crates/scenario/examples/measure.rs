//! Writes a preset into memory and says how fast: `cargo run --release --example measure -- benchmark`.
//! A second word chooses the mix of the benchmark: `heavy`, `mixed` or `sparse`.
#![allow(clippy::print_stdout)]

use kmswatch_scenario::{Mix, Objects, PRESETS, Scenario};
use std::time::Instant;

fn main() -> Result<(), kmswatch_scenario::Error> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "quickstart".to_owned());
    let Some(preset) = PRESETS.iter().find(|preset| preset.id == name) else {
        return Err(kmswatch_scenario::Error::Scenario(format!("no preset is called {name:?}")));
    };
    let scenario = match std::env::args().nth(2).as_deref() {
        Some("mixed") => Scenario::benchmark(Mix::Mixed, 500_000_000),
        Some("sparse") => Scenario::benchmark(Mix::Sparse, 500_000_000),
        _ => (preset.scenario)(),
    };
    let begun = Instant::now();
    let mut objects = Objects::new(&scenario)?;
    for object in objects.by_ref() {
        object?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let truth = objects.truth();
    println!("{:#?}", truth.counts);
    println!("{} principals, {} keys", truth.principals.len(), truth.keys.len());
    println!("{:.1} MB/s", truth.counts.bytes as f64 / 1e6 / seconds);
    Ok(())
}
