//! Blocks of data in a page.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::DeflateEncoder;
use serde::Serialize;
use std::io::{self, Read, Write};

/// Entries of a block. More make the first look at an entry slower, fewer make the page longer.
pub(super) const ENTRIES: usize = 100;

/// Longest block that stands in the page as it is, in bytes of JSON. A larger one can be read by nobody but a program.
const PLAIN: usize = 8 << 10;

/// Writes one block of data: JSON, or raw DEFLATE of JSON in base64. In neither can a text end the element it stands in.
pub(super) fn block(out: &mut impl Write, id: &str, data: &impl Serialize) -> io::Result<()> {
    let json = serde_json::to_vec(data)?;
    if json.len() <= PLAIN {
        write!(out, "<script type=\"application/json\" id=\"{id}\">")?;
        Escaped(&mut *out).write_all(&json)?;
    } else {
        write!(out, "<script type=\"application/x-deflate\" id=\"{id}\">")?;
        let mut deflated = Vec::new();
        DeflateEncoder::new(json.as_slice(), Compression::new(9)).read_to_end(&mut deflated)?;
        out.write_all(STANDARD.encode(&deflated).as_bytes())?;
    }
    out.write_all(b"</script>\n")
}

/// Writes entries as blocks named `name-0`, `name-1` and so on.
pub(super) fn chunks(out: &mut impl Write, name: &str, entries: &[impl Serialize]) -> io::Result<()> {
    for (at, entries) in entries.chunks(ENTRIES).enumerate() {
        block(out, &format!("{name}-{at}"), &entries)?;
    }
    Ok(())
}

/// Writes JSON so that it cannot end the element it stands in: no `<` is left, which in JSON only stands in texts.
struct Escaped<W>(W);

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

/// What a block of a page holds, by the type of its element and its text.
#[cfg(test)]
pub(super) fn read(kind: &str, text: &str) -> serde_json::Value {
    if kind == "application/json" {
        return serde_json::from_str(text).unwrap();
    }
    let bytes = STANDARD.decode(text).unwrap();
    serde_json::from_reader(flate2::read::DeflateDecoder::new(bytes.as_slice())).unwrap()
}
