//! Blocks of data in a page.

use super::block;
use serde::Serialize;
use std::io::{self, Write};

/// Entries of a block. More make the first look at an entry slower, fewer make the page longer.
pub(super) const ENTRIES: usize = 100;

/// Writes JSON so that it cannot end the element it stands in: no `<` is left, which in JSON only stands in texts.
pub(super) struct Escaped<W>(pub(super) W);

impl<W: Write> Write for Escaped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut parts = bytes.split(|byte| *byte == b'<');
        if let Some(first) = parts.next() {
            self.0.write_all(first)?;
        }
        for part in parts {
            self.0.write_all(b"\\u003c")?;
            self.0.write_all(part)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Writes entries as blocks named `name-0`, `name-1` and so on.
pub(super) fn chunks(out: &mut impl Write, name: &str, entries: &[impl Serialize]) -> io::Result<()> {
    for (at, entries) in entries.chunks(ENTRIES).enumerate() {
        block(out, &format!("{name}-{at}"), &entries)?;
    }
    Ok(())
}
