//! Text of other encodings than UTF-8: PowerShell writes what it is piped as UTF-16.

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};
use encoding_rs_io::{DecodeReaderBytes, DecodeReaderBytesBuilder};
use std::io::{self, Cursor, Read};

/// The same bytes; as UTF-8, if they are UTF-16 by their mark, or by a bracket of two bytes at their beginning.
/// What is no text, such as gzip, stays as it is.
///
/// The beginning is looked at where it was read to: a read of its own would cost as much as opening a small file does.
pub(crate) fn decoded<R: Read>(source: R) -> Decoded<R> {
    Decoded { state: State::Unread(source), failed: None }
}

/// What [`decoded`] gives.
pub(crate) struct Decoded<R> {
    state: State<R>,
    failed: Option<io::Error>,
}

enum State<R> {
    Unread(R),
    AsItIs(Begun<R>),
    Utf16(Box<DecodeReaderBytes<Begun<R>, Vec<u8>>>),
    /// Nothing could be read.
    Failed,
}

/// A source after its beginning, as far as that is not given out yet.
type Begun<R> = io::Chain<Cursor<Vec<u8>>, R>;

impl<R> Decoded<R> {
    /// Why not even the beginning could be read, if so.
    pub(crate) fn failed(self) -> Option<io::Error> {
        self.failed
    }
}

impl<R: Read> Decoded<R> {
    /// Reads the beginning. Of what stays as it is, that is given out at once: its length.
    fn begin(&mut self, mut source: R, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let (n, rest) = beginning(&mut source, buffer).map_err(|error| {
            let told = io::Error::new(error.kind(), error.to_string());
            self.failed = Some(error);
            told
        })?;
        let begin = buffer.get(..n).unwrap_or_default();
        let Some(encoding) = utf16(begin.iter().chain(&rest)) else {
            self.state = State::AsItIs(Cursor::new(rest).chain(source));
            return Ok(Some(n));
        };
        let whole = Cursor::new([begin, &rest].concat()).chain(source);
        let decoder = DecodeReaderBytesBuilder::new().encoding(Some(encoding)).build(whole);
        self.state = State::Utf16(Box::new(decoder));
        Ok(None)
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if let State::Unread(_) = self.state
            && let State::Unread(source) = std::mem::replace(&mut self.state, State::Failed)
            && let Some(n) = self.begin(source, buffer)?
        {
            return Ok(n);
        }
        match &mut self.state {
            State::AsItIs(source) => source.read(buffer),
            State::Utf16(source) => source.read(buffer),
            State::Unread(_) | State::Failed => Ok(0),
        }
    }
}

/// Reads into the buffer until two bytes are known: how many are in it, and what did not fit.
fn beginning(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<(usize, Vec<u8>)> {
    let mut n = 0;
    while let (0..2, Some(free @ [_, ..])) = (n, buffer.get_mut(n..)) {
        match source.read(free) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let mut rest = Vec::new();
    if (n, buffer.len()) == (1, 1) {
        source.take(1).read_to_end(&mut rest)?;
    }
    Ok((n, rest))
}

fn utf16<'b>(mut bytes: impl Iterator<Item = &'b u8>) -> Option<&'static Encoding> {
    match [bytes.next()?, bytes.next()?] {
        [0xff, 0xfe] | [b'{' | b'[', 0] => Some(UTF_16LE),
        [0xfe, 0xff] | [0, b'{' | b'['] => Some(UTF_16BE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        decoded(bytes).read_to_end(&mut text).unwrap();
        // Whoever asks for single bytes gets the same.
        let single: Vec<u8> =
            io::BufReader::with_capacity(1, decoded(bytes)).bytes().map(Result::unwrap).collect();
        assert_eq!(single, text);
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

    #[test]
    fn a_beginning_that_comes_in_pieces_or_is_interrupted_is_looked_at_whole() {
        struct Pieces(Vec<Option<u8>>);
        impl Read for Pieces {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                match (self.0.pop(), buffer) {
                    (Some(Some(byte)), [to, ..]) => {
                        *to = byte;
                        Ok(1)
                    }
                    (Some(None), _) => Err(io::ErrorKind::Interrupted.into()),
                    _ => Ok(0),
                }
            }
        }
        let pieces = |text: &[u8]| Pieces(text.iter().rev().flat_map(|byte| [Some(*byte), None]).collect());
        let mut text = String::new();
        decoded(pieces(&utf16("[1]", u16::to_le_bytes))).read_to_string(&mut text).unwrap();
        assert_eq!(text, "[1]");
        let mut bytes = Vec::new();
        decoded(pieces(b"\x1f\x8b\x08")).read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"\x1f\x8b\x08");
    }

    #[test]
    fn a_source_of_which_nothing_can_be_read_says_why() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("gone"))
            }
        }
        let mut source = decoded(Broken);
        assert!(source.read_to_end(&mut Vec::new()).is_err());
        assert_eq!(source.read(&mut [0; 9]).unwrap(), 0);
        assert_eq!(source.failed().unwrap().to_string(), "gone");
        let mut whole = decoded(b"{}".as_slice());
        whole.read_to_end(&mut Vec::new()).unwrap();
        assert!(whole.failed().is_none());
    }
}
