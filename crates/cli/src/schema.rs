//! The JSON Schema of an output.

use clap::{Parser, ValueEnum};
use std::io::Write;

/// Print the JSON Schema of an output
#[derive(Debug, Parser)]
pub(crate) struct SchemaArgs {
    /// Which output
    #[arg(value_enum)]
    pub(crate) of: SchemaOf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SchemaOf {
    /// A line of `kmswatch replay --format jsonl`
    Finding,
    /// A line of `kmswatch replay --incidents --format jsonl`
    Incident,
    /// What `kmswatch report --format json` prints
    Inventory,
    /// The detail of an EventBridge event
    Alert,
    /// The detail of the event that holds a digest
    Digest,
}

const INCIDENT: &str = include_str!("../schema/incident.schema.json");
const INVENTORY: &str = include_str!("../schema/inventory.schema.json");
const FINDING: &str = include_str!("../schema/finding.schema.json");

/// `kmswatch schema`.
pub(crate) fn run(args: &SchemaArgs) -> anyhow::Result<u8> {
    let schema = match args.of {
        SchemaOf::Finding => FINDING,
        SchemaOf::Incident => INCIDENT,
        SchemaOf::Inventory => INVENTORY,
        SchemaOf::Alert => kmswatch_alerts::eventbridge::SCHEMA,
        SchemaOf::Digest => kmswatch_alerts::digest::SCHEMA,
    };
    anstream::stdout().lock().write_all(schema.as_bytes())?;
    Ok(crate::NOTHING_FOUND)
}
