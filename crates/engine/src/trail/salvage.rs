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
use super::strict::{Parsed, Strict, strict};
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
                self.item(sequence, item, None);
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
