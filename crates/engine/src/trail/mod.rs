//! Bytes → Records: decompression, containers, and passing over what no detector can use.

mod candidates;
mod container;
mod document;
mod gunzip;
mod ledger;
pub mod object_key;
#[cfg(test)]
mod random_tests;
mod salvage;
mod shape;
mod simd;
mod split;
mod strict;
#[cfg(test)]
mod tests;
mod window;

use crate::settings::Limits;
use crate::time::Timestamp;
use container::Walk;
use gunzip::{Buffers, Gunzip};
use ledger::Ledger;
pub use object_key::first_event_time;
use salvage::Budget;
pub(crate) use simd::{prefetch, quote_or_backslash};
pub(crate) use split::end_of_container;
use split::{Item, Splitter};
use std::io::Read;
use window::Window;

/// One CloudTrail record that a detector may use.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The JSON text of the record, an object.
    pub text: &'a str,
    /// Position among the records of its object, from 0, counting those passed over.
    pub index: u64,
    /// Offset of its first byte in the decompressed object.
    pub offset: u64,
    /// What the next one begins with, as far as is known by now: for looking ahead, and nothing can rest on it.
    pub next: &'a [u8],
}

/// What an object turned out to be, by its content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// Records of CloudTrail, in any container.
    Log,
    /// A digest file (`CloudTrail-Digest`): hashes of log files.
    Digest,
    /// Anomaly summaries of CloudTrail Insights only.
    Insight,
    /// A container with no records, a control message, or no bytes at all.
    Empty,
    /// None of these.
    #[default]
    Unrecognized,
}

/// Something that could not be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// Record index, if it concerns one record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<u64>,
    /// Byte offset in the decompressed object.
    pub offset: u64,
    /// What is wrong and what to do.
    pub message: String,
}

/// What reading one object gave, beside its records.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct ObjectReport {
    /// What the object is.
    pub kind: ObjectKind,
    /// It may be a log all the same: it is too long or encoded in a way that is not read, as its problem says.
    pub undecided: bool,
    /// Bytes read from the source.
    pub source_bytes: u64,
    /// Bytes after decompression.
    pub bytes: u64,
    /// Records found: handed out, passed over, or broken.
    pub records: u64,
    /// Records passed over without being read, since no detector could use them.
    pub passed_over: u64,
    /// Time of the newest of those passed over, as far as their times were read: of the first, the second, the fourth
    /// and so on.
    #[serde(skip)]
    pub newest_passed_over: Option<Timestamp>,
    /// Records of Insights that were passed over.
    pub insights: u64,
    /// Records that could not be read (each also in `problems`, as far as those are kept).
    pub broken_records: u64,
    /// Problems, the first [`ObjectReport::PROBLEMS`] of them.
    pub problems: Vec<Problem>,
    /// Problems in all.
    pub problem_count: u64,
}

impl ObjectReport {
    /// Problems kept in words for each object; beyond it they are only counted.
    pub const PROBLEMS: usize = 20;
}

/// Reads objects, one after the other, with buffers that are used again.
#[derive(Debug, Default)]
pub struct Reader {
    buffers: Buffers,
    window: Window,
    splitter: Splitter,
    items: Vec<Item>,
}

impl Reader {
    /// Reads one object and hands each record that a detector may use to `sink`, in order.
    ///
    /// Nothing that the object holds makes this fail: what cannot be read is in the report. Always
    /// `records = handed out + passed_over + insights + broken_records`.
    pub fn read(
        &mut self,
        mut source: impl Read,
        limits: &Limits,
        mut sink: impl FnMut(Record<'_>),
    ) -> ObjectReport {
        let mut walk = self.begin(&mut source, limits, &mut sink, 0, false);
        walk.run();
        walk.close()
    }

    fn begin<'a>(
        &'a mut self,
        source: &'a mut dyn Read,
        limits: &'a Limits,
        sink: &'a mut dyn FnMut(Record<'_>),
        first_index: u64,
        inside_another: bool,
    ) -> Walk<'a> {
        self.window.reset();
        Walk {
            gunzip: Gunzip::new(source, &mut self.buffers, limits),
            window: &mut self.window,
            splitter: &mut self.splitter,
            items: &mut self.items,
            ledger: Ledger::new(limits, sink, first_index),
            inside_another,
            unpacked_bytes: 0,
            at: 0,
            careful: false,
            budget: Budget::default(),
        }
    }
}

/// Reads an object that was packed inside another one.
fn read_inside(
    bytes: &[u8],
    limits: &Limits,
    sink: &mut dyn FnMut(Record<'_>),
    first_index: u64,
) -> ObjectReport {
    let (mut reader, mut source) = (Reader::default(), bytes);
    let mut walk = reader.begin(&mut source, limits, sink, first_index, true);
    walk.run();
    walk.close()
}
