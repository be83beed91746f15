//! Text of other encodings than UTF-8: PowerShell writes what it is piped as UTF-16.

use encoding_rs::{UTF_16BE, UTF_16LE};
use encoding_rs_io::DecodeReaderBytesBuilder;
use std::io::{self, Cursor, Read};

/// The same bytes; as UTF-8, if they are UTF-16 by their mark, or by a bracket of two bytes at their beginning.
/// What is no text, such as gzip, stays as it is.
pub(crate) fn decoded<R: Read>(mut source: R) -> io::Result<impl Read> {
    let mut begin = Vec::with_capacity(2);
    source.by_ref().take(2).read_to_end(&mut begin)?;
    let encoding = match begin.as_slice() {
        b"\xff\xfe" | b"{\0" | b"[\0" => Some(UTF_16LE),
        b"\xfe\xff" | b"\0{" | b"\0[" => Some(UTF_16BE),
        _ => None,
    };
    let whole = Cursor::new(begin).chain(source);
    Ok(match encoding {
        None => Either::AsItIs(whole),
        Some(encoding) => {
            Either::Decoded(DecodeReaderBytesBuilder::new().encoding(Some(encoding)).build(whole))
        }
    })
}

/// One of two readers.
enum Either<A, B> {
    AsItIs(A),
    Decoded(B),
}

impl<A: Read, B: Read> Read for Either<A, B> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Either::AsItIs(one) => one.read(buffer),
            Either::Decoded(other) => other.read(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        decoded(bytes).unwrap().read_to_end(&mut text).unwrap();
        text
    }

    fn utf16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    #[test]
    fn utf16_of_either_order_is_read_with_a_mark_and_without() {
        let text = "{\"Records\": [\"\u{20ac}\u{1f5dd}\"]}".repeat(10_000);
        let text = text.as_str();
        let marked = format!("\u{feff}{text}");
        for to_bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            assert!(read(&utf16(text, to_bytes)) == text.as_bytes());
            assert!(read(&utf16(&marked, to_bytes)) == text.as_bytes());
        }
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        for bytes in [b"".as_slice(), b"{", b"{}", b"\xef\xbb\xbf{}", b"\x1f\x8b\x08\xff\xfe\0", b"\xff{\xfe"]
        {
            assert_eq!(read(bytes), bytes);
        }
    }
}
