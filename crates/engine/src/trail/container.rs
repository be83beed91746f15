//! The walk over one object: which container it is, and where its records stand.
//!
//! The top level is a sequence of values (one, or many as in NDJSON and in documents written one after the
//! other), or an array of them. A value is a record, an envelope around one, or a document with a list of
//! records. Only the list and runs of bare records are long, and those are split at scanning speed; what
//! surrounds them is read member by member.
//!
//! Guaranteed: a list counts as one of records only if it is a member `Records`, `Events`, `logEvents` or `events`
//! of an outermost object that is no record itself; memory does not grow with the object. Damage is noticed where the
//! structure stops making sense, and from there on the object is read with care: see [`super::salvage`].

use super::ObjectReport;
use super::candidates::Suggestion;
use super::gunzip::Gunzip;
use super::ledger::{Depth, Ledger};
use super::salvage::Budget;
use super::shape::{self, List, Packed};
use super::split::{Item, Pause, Splitter, Tail};
use super::strict::strict;
use super::window::Window;
use memchr::memchr;
use std::io::Read;

/// The names of members that matter are shorter than this, quotes and white space before them included.
pub(super) const NAME_BYTES: usize = 256;

/// A run of items that is being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sequence {
    /// The items of a list that is a member of a document.
    List(List),
    /// The items of an array at the top.
    Array,
    /// Values at the top, with white space between them.
    Stream,
}

/// How reading a sequence or an object ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// At its proper end.
    Ended,
    /// At the end of the input, or where only the top level can make sense of what follows.
    Lost,
}

/// How reading a sequence at scanning speed ended.
enum Fast {
    Ended,
    Damaged,
}

/// What became of an item that was split off.
enum Taken {
    Done,
    /// What follows it has to be seen first.
    Undecided,
    Damaged,
}

/// One object being read.
pub(super) struct Walk<'a> {
    pub(super) gunzip: Gunzip<'a, &'a mut dyn Read>,
    pub(super) window: &'a mut Window,
    pub(super) splitter: &'a mut Splitter,
    pub(super) items: &'a mut Vec<Item>,
    pub(super) ledger: Ledger<'a>,
    /// This object was itself packed in another one: none inside it is unpacked again.
    pub(super) inside_another: bool,
    /// Bytes that objects inside this one were unpacked to.
    pub(super) unpacked_bytes: u64,
    /// Offset of the next byte to look at.
    pub(super) at: u64,
    /// Damage was found: structure is checked strictly from here on.
    pub(super) careful: bool,
    pub(super) budget: Budget,
}

impl Walk<'_> {
    /// Reads the object to its end.
    pub(super) fn run(&mut self) {
        self.skip_byte_order_mark();
        while let Some(byte) = self.peek() {
            self.ledger.signs.content = true;
            match byte {
                b'{' => self.object(),
                b'[' => {
                    self.at += 1;
                    let before = self.ledger.index();
                    if self.sequence(Sequence::Array) == Flow::Ended && self.ledger.index() == before {
                        self.ledger.signs.container = true;
                    }
                }
                b',' | b']' | b'}' if self.careful => self.at += 1,
                _ => {
                    self.careful = true;
                    let _ = self.resync(Sequence::Stream, "what stands here is no record; it is passed over");
                }
            }
        }
    }

    /// Closes the account of the object.
    pub(super) fn close(self) -> ObjectReport {
        let Walk { gunzip, mut ledger, .. } = self;
        if let Some(problem) = gunzip.problem {
            ledger.problem(problem.offset, problem.message);
        }
        ObjectReport { source_bytes: gunzip.source_bytes, bytes: gunzip.bytes, ..ledger.close() }
    }

    fn skip_byte_order_mark(&mut self) {
        const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
        while self.window.since(0).len() < BYTE_ORDER_MARK.len() && self.more(0) {}
        let begin = self.window.since(0);
        self.ledger.signs.utf16 = begin.starts_with(b"\xff\xfe") || begin.starts_with(b"\xfe\xff");
        if begin.starts_with(BYTE_ORDER_MARK) {
            self.at = BYTE_ORDER_MARK.len() as u64;
        }
    }

    /// Reads the object at `at` at the top level.
    fn object(&mut self) {
        while self.window.since(self.at).len() < NAME_BYTES && self.more(self.at) {}
        if shape::is_record_member(first_name(self.window.since(self.at))) {
            if self.careful {
                let _ = self.careful_item(Sequence::Stream);
            } else {
                let _ = self.sequence(Sequence::Stream);
            }
            return;
        }
        if let Err(damage) = self.document() {
            self.careful = true;
            self.at = damage.from;
            let _ = self.resync(Sequence::Stream, &damage.message);
        }
    }

    /// Reads what an envelope held in packed form, within the same bounds.
    pub(super) fn unpack(&mut self, offset: u64, packed: Option<Packed>) {
        let Some(Packed(bytes)) = packed else { return };
        if self.inside_another {
            return self.ledger.stranger(offset);
        }
        let mut limits = self.ledger.limits.clone();
        limits.object_bytes = limits.object_bytes.saturating_sub(self.unpacked_bytes);
        let first_index = self.ledger.index();
        let inner = super::read_inside(&bytes, &limits, self.ledger.sink, first_index);
        self.unpacked_bytes += inner.bytes;
        self.ledger.absorb(inner);
    }

    pub(super) fn depth_of(&self, text: &[u8]) -> Depth {
        if strict(text).depth > self.ledger.limits.nesting { Depth::TooDeep } else { Depth::Allowed }
    }

    pub(super) fn sequence(&mut self, sequence: Sequence) -> Flow {
        if !self.careful {
            match self.fast_sequence(sequence) {
                Fast::Ended => return Flow::Ended,
                Fast::Damaged => self.careful = true,
            }
        }
        match sequence {
            // The top level goes on value by value.
            Sequence::Stream => Flow::Ended,
            _ => self.careful_sequence(sequence),
        }
    }

    /// Reads items at scanning speed until the sequence ends or stops making sense, which leaves `at` before
    /// the first item that was not taken.
    fn fast_sequence(&mut self, sequence: Sequence) -> Fast {
        self.splitter.begin(self.at, self.ledger.limits.nesting);
        self.items.clear();
        let mut tail = Tail::MayFollow;
        loop {
            let (bytes, from) = self.window.around(self.splitter.at);
            let pause = self.splitter.scan(bytes, from, tail, self.items);
            let mut n_taken = 0;
            for n in 0..self.items.len() {
                let Some(item) = self.items.get(n).copied() else { break };
                let next = self.items.get(n + 1..).and_then(|rest| rest.iter().find(|item| item.watched));
                match self.take_item(sequence, item, next.copied(), tail) {
                    Taken::Done => n_taken += 1,
                    Taken::Undecided => break,
                    Taken::Damaged => return Fast::Damaged,
                }
            }
            self.items.drain(..n_taken);
            match pause {
                Pause::Full => {}
                Pause::Control(_) => return Fast::Damaged,
                Pause::Closed(end) => {
                    let in_place = self.items.is_empty()
                        && sequence != Sequence::Stream
                        && self.window.byte(end) == Some(b']')
                        && is_blank(self.window.slice(self.at, end));
                    if !in_place {
                        return Fast::Damaged;
                    }
                    self.at = end + 1;
                    return Fast::Ended;
                }
                Pause::Exhausted if tail == Tail::Last => {
                    let ended = sequence == Sequence::Stream
                        && self.splitter.depth == 0
                        && self.items.is_empty()
                        && is_blank(self.window.since(self.at));
                    if ended {
                        self.at = self.window.end();
                        return Fast::Ended;
                    }
                    return Fast::Damaged;
                }
                Pause::Exhausted => {
                    if self.items.is_empty() && self.splitter.depth == 0 {
                        // Nothing but white space may stand here; there is no need to keep it.
                        if !is_blank(self.window.slice(self.at, self.splitter.at)) {
                            return Fast::Damaged;
                        }
                        self.at = self.at.max(self.splitter.at);
                    } else if self.window.end() - self.at > 2 * self.ledger.limits.record_bytes as u64 {
                        return Fast::Damaged;
                    }
                    if !self.more(self.at.min(self.splitter.at)) {
                        tail = Tail::Last;
                    }
                }
            }
        }
    }

    /// Takes one item that the splitter found, if it stands where an item may stand.
    #[inline]
    fn take_item(&mut self, sequence: Sequence, item: Item, next: Option<Item>, tail: Tail) -> Taken {
        let text = self.window.slice(item.start, item.end);
        if text.len() > self.ledger.limits.record_bytes
            || text.last() != Some(&b'}')
            || text.first() != Some(&b'{')
            || !is_blank(self.window.slice(self.at, item.start))
        {
            return Taken::Damaged;
        }
        let next_at = if sequence == Sequence::Stream {
            // A record with a brace too few can swallow the following lines up to one with a brace too many.
            let several_lines = item.controls && memchr(b'\n', text).is_some();
            if several_lines && !strict(text).is_complete(text.len()) {
                return Taken::Damaged;
            }
            item.end
        } else {
            let behind = self.window.since(item.end);
            let (n, follows) = what_follows(behind);
            match follows {
                Follows::Item => {}
                // Behind the end of an array at the top anything may stand.
                Follows::End | Follows::MaybeEnd if sequence == Sequence::Array => {}
                Follows::End => {}
                Follows::Nothing | Follows::MaybeEnd if tail == Tail::MayFollow => return Taken::Undecided,
                // Where strings and structure are mistaken for each other, an item ends somewhere by chance.
                _ if !strict(text).is_complete(text.len()) => return Taken::Damaged,
                _ => {}
            }
            item.end + n as u64
        };
        self.item(sequence, item, next);
        self.at = next_at;
        Taken::Done
    }

    /// Takes a sound item; `next` is the next one that may matter.
    #[inline]
    pub(super) fn item(&mut self, sequence: Sequence, item: Item, next: Option<Item>) {
        let text = self.window.slice(item.start, item.end);
        let next = next.map_or(&[][..], |next| self.window.slice(next.start, next.end));
        let suggestion = Suggestion { watched: item.watched, insight: item.insight };
        let depth = if item.too_deep { Depth::TooDeep } else { Depth::Allowed };
        match sequence {
            Sequence::List(List::Records) => {
                self.ledger.record(text, item.start, suggestion, depth, next);
            }
            Sequence::List(list) => {
                shape::take_entry(list, text, item.start, &mut self.ledger);
            }
            Sequence::Array | Sequence::Stream => {
                if shape::is_record_member(first_name(text)) {
                    self.ledger.record(text, item.start, suggestion, depth, next);
                } else {
                    let packed = shape::take(text, item.start, depth, &mut self.ledger);
                    self.unpack(item.start, packed);
                }
            }
        }
    }

    /// The next byte that is not white space, which `at` then points to.
    pub(super) fn peek(&mut self) -> Option<u8> {
        loop {
            let bytes = self.window.since(self.at);
            if let Some(n) = bytes.iter().position(|byte| !is_space(*byte)) {
                let byte = bytes.get(n).copied();
                self.at += n as u64;
                return byte;
            }
            self.at = self.at.max(self.window.end());
            if !self.more(self.at) {
                return None;
            }
        }
    }

    /// Reads on; what stands before `from` may be forgotten. False at the end.
    pub(super) fn more(&mut self, from: u64) -> bool {
        self.window.fill(from, &mut self.gunzip)
    }
}

/// What stands behind an item of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Follows {
    /// A comma and the beginning of another object. A brace and a quote cannot stand together inside a string.
    Item,
    /// The end of the list, and what may follow it in a document.
    End,
    /// The end of the list, but the bytes end before one can see what follows it.
    MaybeEnd,
    /// The bytes end before one can tell.
    Nothing,
    /// Something else.
    Other,
}

/// What `behind`, the bytes after an item, begin with, and how many of them belong to the separator.
#[inline]
fn what_follows(behind: &[u8]) -> (usize, Follows) {
    // As CloudTrail writes it.
    if let [b',', b'{', b'"', ..] = behind {
        return (1, Follows::Item);
    }
    let next = |from: usize| {
        let bytes = behind.get(from..).unwrap_or_default();
        let n = bytes.iter().position(|byte| !is_space(*byte))?;
        Some((from + n, bytes.get(n).copied()?))
    };
    let Some((at, byte)) = next(0) else { return (0, Follows::Nothing) };
    let follows = match (byte, next(at + 1)) {
        (b',', None) => Follows::Nothing,
        (b',', Some((at, b'{'))) => match next(at + 1) {
            None => Follows::Nothing,
            Some((_, b'"' | b'}')) => Follows::Item,
            Some(_) => Follows::Other,
        },
        (b']', None) => Follows::MaybeEnd,
        (b']', Some((_, b'}'))) => Follows::End,
        (b']', Some((at, b','))) => match next(at + 1) {
            None => Follows::MaybeEnd,
            Some((_, b'"')) => Follows::End,
            Some(_) => Follows::Other,
        },
        _ => Follows::Other,
    };
    (at + usize::from(byte == b','), follows)
}

/// The name of the first member of the object that `text` begins with; empty if it is not plainly there.
pub(super) fn first_name(text: &[u8]) -> &[u8] {
    let text = text.get(..NAME_BYTES.min(text.len())).unwrap_or_default();
    let Some(text) = text.strip_prefix(b"{") else { return b"" };
    let spaces = text.iter().take_while(|byte| is_space(**byte)).count();
    let Some(text) = text.get(spaces..).and_then(|text| text.strip_prefix(b"\"")) else { return b"" };
    memchr(b'"', text).and_then(|end| text.get(..end)).unwrap_or_default()
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

pub(super) fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| is_space(*byte))
}
