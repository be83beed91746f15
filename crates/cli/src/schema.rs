//! The JSON Schema of an output.

use crate::args::{SchemaArgs, SchemaOf};
use std::io::Write;

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
