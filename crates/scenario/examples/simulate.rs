//! Writes a preset into a folder: `cargo run --example simulate -- quickstart target/quickstart`.

use kmswatch_scenario::{Error, PRESETS, write};

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let (Some(name), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err(Error::Scenario("give a preset and a folder".to_owned()));
    };
    let Some(preset) = PRESETS.iter().find(|preset| preset.id == name) else {
        return Err(Error::Scenario(format!("no preset is called {name:?}")));
    };
    write(&(preset.scenario)(), folder.as_ref(), |_| {}).map(drop)
}
