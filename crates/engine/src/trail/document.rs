//! One object at the top level, read member by member: a document with a list of records, or an envelope.
//!
//! Guaranteed: until a list of records is met, the object is kept whole, so that it can be read as one value or
//! searched for records if it is damaged; it may then be as long as a record. Behind a list nothing is kept.

use super::container::{Flow, NAME_BYTES, Sequence, Walk, is_space};
use super::shape::{self, List};
use super::split::{Pause, Tail};
use memchr::{memchr, memchr2};

/// Bytes scanned first to find the end of a container. Doubled each time, so that many small containers do not
/// each scan the whole window.
const FIRST_STRETCH: u64 = 512;

/// Where and why an object could not be read on.
pub(super) struct Damage {
    /// Where to begin looking for records.
    pub(super) from: u64,
    /// What to say of it.
    pub(super) message: String,
}

/// Why a walk over members stops.
enum Halt {
    /// The input ends.
    End,
    /// More would have to be kept than a record may have.
    TooLong,
    /// This is not JSON.
    Malformed,
}

impl Walk<'_> {
    /// Reads the object at `at`, with all records in it.
    pub(super) fn document(&mut self) -> Result<(), Damage> {
        let start = self.at;
        let mut keep = Some(start);
        let longest = self.ledger.limits.record_bytes as u64;
        let halt = match self.members(&mut keep) {
            Ok(()) if keep.is_none() => return Ok(()),
            _ if keep.is_some() && self.at - start > longest => Halt::TooLong,
            Ok(()) => {
                let text = self.window.slice(start, self.at);
                let depth = self.depth_of(text);
                let packed = shape::take(text, start, depth, &mut self.ledger);
                self.unpack(start, packed);
                return Ok(());
            }
            Err(halt) => halt,
        };
        let had_list = keep.is_none();
        let message = match halt {
            Halt::End if had_list => {
                self.at = self.window.end();
                self.ledger.problem(self.at, "the object ends inside its outermost braces".to_string());
                return Ok(());
            }
            Halt::End => "the object ends inside this record".to_string(),
            Halt::TooLong => self.ledger.too_long(),
            Halt::Malformed if had_list => "what stands behind the list of records is malformed".to_string(),
            Halt::Malformed => "the record is malformed JSON; the others are read".to_string(),
        };
        Err(Damage { from: if had_list { self.at } else { start }, message })
    }

    /// Goes through the members up to the closing brace. `keep` is where the object begins, as long as no list
    /// of records was met.
    fn members(&mut self, keep: &mut Option<u64>) -> Result<(), Halt> {
        let mut is_record = false;
        self.at += 1;
        loop {
            match self.next_byte(*keep)? {
                b'}' => {
                    self.at += 1;
                    return Ok(());
                }
                b',' => {
                    self.at += 1;
                    continue;
                }
                b'"' => {}
                _ => return Err(Halt::Malformed),
            }
            let name_at = self.at;
            self.skip_string(keep.or(Some(name_at)))?;
            let name = name_of(self.window.slice(name_at, self.at));
            let list = List::named(&name);
            let is_message_type = name.as_ref() == b"messageType";
            is_record |= matches!(name.as_ref(), b"eventVersion" | b"eventSource" | b"eventName");
            if self.next_byte(*keep)? != b':' {
                return Err(Halt::Malformed);
            }
            self.at += 1;
            let first = self.next_byte(*keep)?;
            match list {
                Some(list) if first == b'[' && !is_record => {
                    *keep = None;
                    self.ledger.signs.container = true;
                    self.at += 1;
                    if self.sequence(Sequence::List(list)) == Flow::Lost {
                        return Ok(());
                    }
                }
                _ => {
                    let value_at = self.at;
                    self.skip_value(first, keep.or(is_message_type.then_some(value_at)))?;
                    self.ledger.signs.control_message |=
                        is_message_type && self.window.slice(value_at, self.at) == b"\"CONTROL_MESSAGE\"";
                }
            }
        }
    }

    /// The next byte that is not white space, which `at` then points to.
    fn next_byte(&mut self, keep: Option<u64>) -> Result<u8, Halt> {
        loop {
            let bytes = self.window.since(self.at);
            if let Some((n, byte)) = bytes.iter().enumerate().find(|(_, byte)| !is_space(**byte)) {
                self.at += n as u64;
                return Ok(*byte);
            }
            self.at = self.at.max(self.window.end());
            self.read_on(keep, self.at)?;
        }
    }

    fn skip_value(&mut self, first: u8, keep: Option<u64>) -> Result<(), Halt> {
        match first {
            b'"' => self.skip_string(keep),
            b'{' | b'[' => self.skip_container(keep),
            _ => self.skip_scalar(keep),
        }
    }

    fn skip_string(&mut self, keep: Option<u64>) -> Result<(), Halt> {
        let mut from = self.at + 1;
        loop {
            let bytes = self.window.since(from);
            match memchr2(b'"', b'\\', bytes) {
                Some(n) if bytes.get(n) == Some(&b'"') => {
                    self.at = from + n as u64 + 1;
                    return Ok(());
                }
                // The byte behind a backslash is skipped with it.
                Some(n) => from += n as u64 + 2,
                None => {
                    from = from.max(self.window.end());
                    self.read_on(keep, self.window.end())?;
                }
            }
        }
    }

    fn skip_scalar(&mut self, keep: Option<u64>) -> Result<(), Halt> {
        loop {
            let bytes = self.window.since(self.at);
            let end = bytes.iter().position(|byte| matches!(byte, b',' | b'}' | b']') || is_space(*byte));
            if let Some(n) = end {
                self.at += n as u64;
                return Ok(());
            }
            self.at = self.window.end();
            self.read_on(keep, self.at)?;
        }
    }

    fn skip_container(&mut self, keep: Option<u64>) -> Result<(), Halt> {
        self.splitter.begin(self.at, usize::MAX);
        self.items.clear();
        let (mut tail, mut stretch) = (Tail::MayFollow, FIRST_STRETCH);
        loop {
            let from = self.splitter.at;
            let bytes = self.window.slice(from, from.saturating_add(stretch));
            let is_all = self.window.end() == from + bytes.len() as u64;
            let pause = self.splitter.scan(bytes, 0, if is_all { tail } else { Tail::MayFollow }, self.items);
            if let Some(item) = self.items.first() {
                self.at = item.end;
                return Ok(());
            }
            match pause {
                Pause::Control(at) | Pause::Closed(at) => {
                    self.at = at;
                    return Err(Halt::Malformed);
                }
                Pause::Full | Pause::Exhausted if !is_all => stretch *= 2,
                Pause::Full | Pause::Exhausted if tail == Tail::Last => return Err(Halt::End),
                Pause::Full | Pause::Exhausted => match self.read_on(keep, self.splitter.at) {
                    Err(Halt::End) => tail = Tail::Last,
                    other => other?,
                },
            }
        }
    }

    /// Reads on, forgetting what stands before `from` except for what begins at `keep`.
    fn read_on(&mut self, keep: Option<u64>, from: u64) -> Result<(), Halt> {
        let keep = keep.unwrap_or(from).min(from);
        if from - keep > self.ledger.limits.record_bytes as u64 {
            return Err(Halt::TooLong);
        }
        if self.more(keep) { Ok(()) } else { Err(Halt::End) }
    }
}

/// The name that a quoted string stands for.
fn name_of(quoted: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    let name = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    if name.len() < NAME_BYTES && memchr(b'\\', name).is_some() {
        return serde_json::from_slice::<String>(quoted).unwrap_or_default().into_bytes().into();
    }
    name.into()
}
