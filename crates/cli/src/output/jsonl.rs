//! Findings for programs: one JSON object a line, as `kmswatch schema finding` describes it.

use kmswatch_engine::finding::Finding;
use std::io::{self, Write};

/// Writes all findings.
pub(crate) fn write(out: &mut impl Write, findings: &[Finding]) -> io::Result<()> {
    for finding in findings {
        serde_json::to_writer(&mut *out, finding)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
