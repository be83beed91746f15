//! The time of the first event in an object, for the order in which objects are read.
//!
//! Nothing else rests on it: findings do not depend on the order. So a look at the beginning is enough, without
//! taking the container apart, and an object that does not tell comes last.

use flate2::read::MultiGzDecoder;
use kmswatch_engine::time::Timestamp;
use std::io::{self, BufReader, Read};

/// Decompressed bytes looked at. The first `eventTime` of a log stands some hundred bytes from its beginning,
/// behind an identity; a record has at most 256 KB.
const LOOKED_AT: u64 = 256 << 10;

/// The first `eventTime` of an object, plain or gzip, in whatever container.
pub(crate) fn time(source: impl Read) -> Option<Timestamp> {
    let mut source = BufReader::new(source);
    let is_gzip = io::BufRead::fill_buf(&mut source).ok()?.starts_with(&[0x1f, 0x8b]);
    if is_gzip { first(MultiGzDecoder::new(source)) } else { first(source) }
}

fn first(source: impl Read) -> Option<Timestamp> {
    const NAME: &[u8] = b"eventTime";
    let mut source = source.take(LOOKED_AT);
    let mut seen = Vec::new();
    let mut chunk = [0; 8 << 10];
    let mut found = None;
    loop {
        let n = source.read(&mut chunk).ok()?;
        // The name may stand across the seam of two chunks.
        let from = seen.len().saturating_sub(NAME.len());
        seen.extend_from_slice(chunk.get(..n)?);
        found = found.or_else(|| {
            let at = seen.get(from..)?.windows(NAME.len()).position(|bytes| bytes == NAME)?;
            Some(from + at)
        });
        // The value must have been read as well: with its quotes, perhaps escaped, it has no more than 64 bytes.
        if let Some(at) = found
            && (n == 0 || seen.len() >= at + NAME.len() + 64)
        {
            return value(seen.get(at + NAME.len()..)?);
        }
        if n == 0 {
            return None;
        }
    }
}

/// The time at the beginning of `": "2026-05-04T10:15:42Z"...`, also with escaped quotes.
fn value(text: &[u8]) -> Option<Timestamp> {
    let begin = text.iter().take(16).position(u8::is_ascii_digit)?;
    let rest = text.get(begin..)?;
    let end = rest.iter().position(|b| matches!(b, b'"' | b'\\' | b',' | b'}'))?;
    Timestamp::parse(std::str::from_utf8(rest.get(..end)?).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    #[test]
    fn the_first_time_is_found_in_any_container() {
        let expected = Timestamp::parse("2026-05-04T10:15:42Z");
        let long =
            format!("{{\"userAgent\":\"{}\",\"eventTime\":\"2026-05-04T10:15:42Z\"}}", "x".repeat(100_000));
        for text in [
            r#"{"Records":[{"eventTime":"2026-05-04T10:15:42Z"},{"eventTime":"2026-05-04T09:00:00Z"}]}"#,
            r#"[{ "eventTime" : "2026-05-04T10:15:42Z" }]"#,
            r#"{"Events":[{"CloudTrailEvent":"{\"eventTime\":\"2026-05-04T10:15:42Z\"}"}]}"#,
            &long,
        ] {
            assert_eq!(time(text.as_bytes()), expected);
            let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
            gzip.write_all(text.as_bytes()).unwrap();
            assert_eq!(time(gzip.finish().unwrap().as_slice()), expected);
        }
    }

    #[test]
    fn what_does_not_tell_has_no_time() {
        for bytes in
            [&b""[..], b"{}", b"\x1f\x8bbroken", b"eventTime", b"\"eventTime\":\"yesterday\"", b"eventTime 2"]
        {
            assert_eq!(time(bytes), None);
        }
        assert_eq!(time(io::repeat(b' ')), None);
    }
}
