//! One JSON value, read byte by byte and checked in full: slow, and right where the splitter only balances.
//!
//! Guaranteed: accepts what `serde_json` accepts, apart from invalid UTF-8, which it does not look at.

/// How a strict reading of one JSON value ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// The value is well formed and this many bytes long.
    Complete(usize),
    /// The bytes end before the value does.
    Incomplete,
    /// Not JSON at this byte.
    Malformed(usize),
}

/// Names of top-level members that tell what an object is, each a bit of [`Strict::names`].
pub(super) const NAMES: [&[u8]; 7] =
    [b"eventVersion", b"eventSource", b"eventName", b"CloudTrailEvent", b"detail", b"message", b"eventType"];

/// What a strict reading found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strict {
    /// How it ended.
    pub(super) parsed: Parsed,
    /// Deepest nesting met.
    pub(super) depth: usize,
    /// Which of [`NAMES`] are members of the outermost object.
    pub(super) names: u8,
}

impl Strict {
    /// Whether the value is well formed and takes exactly `len` bytes.
    pub(super) fn is_complete(&self, len: usize) -> bool {
        self.parsed == Parsed::Complete(len)
    }

    /// Whether it has the members of a CloudTrail record, or of an envelope around one.
    pub(super) fn is_plausible(&self) -> bool {
        let has = |bits: u8| self.names & bits == bits;
        has(0b011)
            || has(0b110)
            || has(0b101)
            || has(0b1000)
            || has(0b1_0000)
            || has(0b10_0000)
            || has(0b100_0001)
    }
}

/// Reads the JSON value at the beginning of `bytes`, checking all of its syntax except for UTF-8.
pub(super) fn strict(bytes: &[u8]) -> Strict {
    let mut reader = StrictReader { bytes, at: 0, depth: 0, names: 0 };
    let parsed = match reader.value() {
        Ok(()) => Parsed::Complete(reader.at),
        Err(Stop::End) => Parsed::Incomplete,
        Err(Stop::Malformed) => Parsed::Malformed(reader.at),
    };
    Strict { parsed, depth: reader.depth, names: reader.names }
}

enum Stop {
    End,
    Malformed,
}

struct StrictReader<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    names: u8,
}

impl StrictReader<'_> {
    fn value(&mut self) -> Result<(), Stop> {
        // The closing brackets that are still to come.
        let mut open: Vec<u8> = Vec::new();
        loop {
            // A value begins here.
            match self.peek_after_spaces()? {
                b'{' => {
                    self.at += 1;
                    open.push(b'}');
                    self.depth = self.depth.max(open.len());
                    if self.peek_after_spaces()? != b'}' {
                        self.name(open.len())?;
                        continue;
                    }
                }
                b'[' => {
                    self.at += 1;
                    open.push(b']');
                    self.depth = self.depth.max(open.len());
                    if self.peek_after_spaces()? != b']' {
                        continue;
                    }
                }
                b'"' => self.string()?,
                b't' => self.word(b"true")?,
                b'f' => self.word(b"false")?,
                b'n' => self.word(b"null")?,
                _ => self.number()?,
            }
            // A value ended, or a container turned out empty.
            loop {
                let Some(&close) = open.last() else { return Ok(()) };
                match self.peek_after_spaces()? {
                    b',' => {
                        self.at += 1;
                        if close == b'}' {
                            self.name(open.len())?;
                        }
                        break;
                    }
                    byte if byte == close => {
                        self.at += 1;
                        open.pop();
                    }
                    _ => return Err(Stop::Malformed),
                }
            }
        }
    }

    fn name(&mut self, depth: usize) -> Result<(), Stop> {
        if self.peek_after_spaces()? != b'"' {
            return Err(Stop::Malformed);
        }
        let start = self.at + 1;
        self.string()?;
        if depth == 1 {
            let name = self.bytes.get(start..self.at - 1).unwrap_or_default();
            if let Some(bit) = NAMES.iter().position(|known| *known == name) {
                self.names |= 1 << bit;
            }
        }
        if self.peek_after_spaces()? != b':' {
            return Err(Stop::Malformed);
        }
        self.at += 1;
        Ok(())
    }

    fn string(&mut self) -> Result<(), Stop> {
        self.at += 1;
        loop {
            match self.next()? {
                b'"' => return Ok(()),
                b'\\' => match self.next()? {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' => {
                        for _ in 0..4 {
                            if !self.next()?.is_ascii_hexdigit() {
                                return self.back();
                            }
                        }
                    }
                    _ => return self.back(),
                },
                0..0x20 => return self.back(),
                _ => {}
            }
        }
    }

    fn number(&mut self) -> Result<(), Stop> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        if self.peek()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        // Numbers that end with the bytes count as incomplete: digits may follow.
        if self.peek()? == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek()?, b'e' | b'E') {
            self.at += 1;
            if matches!(self.peek()?, b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Stop> {
        if !self.peek()?.is_ascii_digit() {
            return Err(Stop::Malformed);
        }
        while self.peek()?.is_ascii_digit() {
            self.at += 1;
        }
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Stop> {
        for &byte in word {
            if self.next()? != byte {
                return self.back();
            }
        }
        Ok(())
    }

    fn peek_after_spaces(&mut self) -> Result<u8, Stop> {
        while matches!(self.peek()?, b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
        self.peek()
    }

    fn peek(&self) -> Result<u8, Stop> {
        self.bytes.get(self.at).copied().ok_or(Stop::End)
    }

    fn next(&mut self) -> Result<u8, Stop> {
        let byte = self.peek()?;
        self.at += 1;
        Ok(byte)
    }

    /// The byte just taken is the wrong one.
    fn back(&mut self) -> Result<(), Stop> {
        self.at -= 1;
        Err(Stop::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_those_of_the_outermost_object() {
        let read = |text: &str| strict(text.as_bytes());
        assert!(read(r#"{"a":{},"eventSource":"s","eventName":"n"}"#).is_plausible());
        assert!(read(r#"{"detail":{}}"#).is_plausible());
        assert!(!read(r#"{"a":{"eventSource":"s","eventName":"n"},"eventID":"e"}"#).is_plausible());
        assert!(!read(r#"["eventSource","eventName"]"#).is_plausible());
    }

    #[test]
    fn depth_counts_the_outermost_container() {
        assert_eq!(strict(b"{\"a\":[{}]}").depth, 3);
        assert_eq!(strict(b"1 ").depth, 0);
    }

    proptest! {
        #[test]
        fn a_strict_reading_accepts_what_serde_json_accepts(
            text in r#"( |\{|\}|\[|\]|,|:|"a"|"\\u00e9"|"\\n"|"\\x"|"|0|-1|01|1\.5|1\.|2e5|2e|true|nul|null|\n|é|\t){0,12}"#,
        ) {
            // In a list, where a number needs something behind it to be complete.
            let text = format!("[{text}");
            let mut stream = serde_json::Deserializer::from_slice(text.as_bytes()).into_iter::<serde::de::IgnoredAny>();
            let result = stream.next();
            match strict(text.as_bytes()).parsed {
                Parsed::Complete(len) => {
                    prop_assert!(matches!(result, Some(Ok(_))), "{:?}", result);
                    prop_assert_eq!(len, stream.byte_offset());
                }
                Parsed::Incomplete => prop_assert!(matches!(result, Some(Err(_)))),
                Parsed::Malformed(at) => {
                    prop_assert!(matches!(result, Some(Err(_))), "{at} {:?}", result);
                }
            }
        }
    }
}
