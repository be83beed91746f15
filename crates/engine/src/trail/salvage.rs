//! Reading on behind damage: checking values strictly, and finding the next record.
//!
//! Only used once the structure of an object has turned out broken, so that nothing inside a sound record can
//! ever be taken for a record of its own.
//!
//! Guaranteed: work is bounded by [`Budget`]: so many steps for each byte of the object and no more.

use super::candidates::{self, Suggestion};
use super::container::{Flow, Sequence, Walk, first_name, is_space};
use super::shape::{List, is_record_member};
use super::split::Item;
use memchr::memchr;

/// Bytes kept before the place of a search, to see what precedes a brace.
const LOOK_BACK: u64 = 64;

impl Walk<'_> {
    /// Reads items one by one, each checked in full, until the sequence ends.
    pub(super) fn careful_sequence(&mut self, sequence: Sequence) -> Flow {
        loop {
            let flow = match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    Flow::Ended
                }
                Some(b']') => {
                    self.at += 1;
                    return Flow::Ended;
                }
                Some(b'{') => self.careful_item(sequence),
                Some(_) => self.resync(sequence, "what stands here is no record; it is passed over"),
                None => {
                    self.ledger.problem(self.at, "the object ends inside its list of records".to_string());
                    return Flow::Lost;
                }
            };
            if flow == Flow::Lost {
                return Flow::Lost;
            }
        }
    }

    /// Reads the item at `at`, checked in full; if it is broken, goes to the next one.
    pub(super) fn careful_item(&mut self, sequence: Sequence) -> Flow {
        let start = self.at;
        let Some(read) = self.strict_at(start) else { return self.give_up(start) };
        match read.parsed {
            Parsed::Complete(len) if len > self.ledger.limits.record_bytes => {
                let message = self.ledger.too_long();
                self.resync(sequence, &message)
            }
            Parsed::Complete(len) => {
                let too_deep = read.depth > self.ledger.limits.nesting;
                let end = start + len as u64;
                let suggestion = candidates::look_at(self.window.slice(start, end));
                let Suggestion { watched, insight } = suggestion;
                let item = Item { start, end, controls: true, too_deep, watched, insight };
                self.item(sequence, item);
                self.at = item.end;
                Flow::Ended
            }
            Parsed::Incomplete if self.window.since(start).len() > self.ledger.limits.record_bytes => {
                let message = self.ledger.too_long();
                self.resync(sequence, &message)
            }
            Parsed::Incomplete => self.resync(sequence, "the object ends inside this record"),
            Parsed::Malformed(at) => self.resync(
                sequence,
                &format!("the record is malformed JSON at its byte {at}; the others are read"),
            ),
        }
    }

    /// Counts what stands at `at` as one broken record, and goes to the next place where a record begins.
    ///
    /// That is, behind a comma or bracket of a list: an object with the members of a record; in a stream: the
    /// next line that begins with a brace. [`Flow::Ended`] means that the sequence goes on there, and
    /// [`Flow::Lost`] that the top level does.
    pub(super) fn resync(&mut self, sequence: Sequence, message: &str) -> Flow {
        let broken_at = self.at;
        // A record that begins like the broken one, and where a record may, is the next one even if it is broken.
        let name = first_name(self.window.since(broken_at));
        let broken_name = if is_record_member(name) { name.to_vec() } else { b"eventVersion".to_vec() };
        self.ledger.broken(broken_at, message.to_string());
        let mut from = broken_at + 1;
        loop {
            let bytes = self.window.since(from);
            let Some(n) = memchr(b'{', bytes) else {
                let steps = bytes.len() as u64;
                from = from.max(self.window.end());
                if !self.budget.spend(steps, self.gunzip.bytes) {
                    return self.give_up(broken_at);
                }
                if !self.more(from.saturating_sub(LOOK_BACK)) {
                    self.at = self.window.end();
                    return Flow::Lost;
                }
                continue;
            };
            let brace = from + n as u64;
            let place = self.place_of(brace.max(broken_at), broken_at);
            if !self.budget.spend(n as u64 + 1, self.gunzip.bytes) {
                return self.give_up(broken_at);
            }
            from = brace + 1;
            if place == Place::Inside {
                continue;
            }
            while self.window.since(brace).len() < LOOK_BACK as usize
                && self.more(brace - LOOK_BACK.min(brace))
            {}
            let name = first_name(self.window.since(brace));
            let is_document = List::named(name).is_some() || name == b"messageType";
            let found = match (sequence, place) {
                (Sequence::Stream, Place::Line) => Some(Flow::Ended),
                (_, Place::Line | Place::Behind) if is_document => Some(Flow::Lost),
                (_, Place::Item | Place::Behind) if name == broken_name => Some(Flow::Ended),
                (_, Place::Line) => None,
                _ => {
                    let Some(read) = self.strict_at(brace) else { return self.give_up(broken_at) };
                    let complete = matches!(read.parsed, Parsed::Complete(_));
                    (complete && read.is_plausible()).then_some(Flow::Ended)
                }
            };
            if let Some(flow) = found {
                self.at = brace;
                return flow;
            }
        }
    }

    /// What stands before the brace at `brace`, which is behind `broken_at`.
    fn place_of(&self, brace: u64, broken_at: u64) -> Place {
        let before = self.window.slice(brace.saturating_sub(LOOK_BACK).max(broken_at), brace);
        let blank = before.iter().rev().take_while(|byte| is_space(**byte)).count();
        let previous = before.len().checked_sub(blank + 1).and_then(|at| before.get(at));
        match previous {
            _ if before.last() == Some(&b'\n') => match previous {
                Some(b',' | b'[') => Place::Item,
                _ => Place::Line,
            },
            Some(b',' | b'[') => Place::Item,
            Some(b'}' | b']') => Place::Behind,
            _ => Place::Inside,
        }
    }

    /// Reads the value at `start` strictly, filling the window as far as a record may reach. `None` if the
    /// budget is used up.
    fn strict_at(&mut self, start: u64) -> Option<Strict> {
        loop {
            // One byte more than a record may have, so that the window's size makes no difference.
            let longest = self.ledger.limits.record_bytes as u64 + 1;
            let bytes = self.window.slice(start, start.saturating_add(longest));
            let read = strict(bytes);
            let steps = match read.parsed {
                Parsed::Complete(n) | Parsed::Malformed(n) => n,
                Parsed::Incomplete => bytes.len(),
            };
            let len = bytes.len();
            if !self.budget.spend(steps as u64 + 1, self.gunzip.bytes) {
                return None;
            }
            if read.parsed != Parsed::Incomplete || len > self.ledger.limits.record_bytes {
                return Some(read);
            }
            // Twice as much each time, so that reading again costs no more than reading once more.
            let wanted = (2 * len).min(self.ledger.limits.record_bytes + 1);
            while self.window.since(start).len() < wanted {
                if !self.more(start.saturating_sub(LOOK_BACK)) {
                    break;
                }
            }
            if self.window.since(start).len() <= len {
                return Some(read);
            }
        }
    }

    fn give_up(&mut self, at: u64) -> Flow {
        self.ledger.problem(
            at,
            "the object is too damaged to find records behind this place; fetch it again".to_string(),
        );
        self.gunzip.close();
        self.at = self.window.end();
        Flow::Lost
    }
}

/// Where a brace stands, by what precedes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Behind a comma or an opening bracket.
    Item,
    /// Behind a closing bracket.
    Behind,
    /// At the beginning of a line.
    Line,
    /// Anywhere else: in a string, or the value of a member.
    Inside,
}

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

/// Steps that may still be spent on damage. An honest object with a broken record needs about one step for each
/// byte behind it; a hostile one could make every byte the start of a long, never-ending value.
#[derive(Debug, Default)]
pub(super) struct Budget {
    spent: u64,
}

impl Budget {
    /// Steps for each byte of the object read so far.
    const STEPS_PER_BYTE: u64 = 16;
    /// Steps that even the smallest object has.
    const BASE: u64 = 1 << 20;

    /// Takes `steps`; false if `bytes` bytes of object do not allow for them any more.
    pub(super) fn spend(&mut self, steps: u64, bytes: u64) -> bool {
        self.spent = self.spent.saturating_add(steps);
        self.spent <= Self::BASE + bytes.saturating_mul(Self::STEPS_PER_BYTE)
    }

    /// Steps taken so far.
    #[cfg(test)]
    pub(super) fn spent(&self) -> u64 {
        self.spent
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
