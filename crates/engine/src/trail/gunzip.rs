//! Source → decompressed bytes, told by content and bounded.
//!
//! Guaranteed: whether the source is gzip is decided by its first two bytes, never by a name; all members of a
//! gzip file are read, zero bytes between and behind them are passed over; at most `limits.object_bytes` bytes
//! come out, and at most `limits.compression_ratio` times what went in once [`RATIO_FREE_BYTES`] are out.
//! Whatever stops the reading, the bytes before it have been given out, and a [`Problem`] says why.

use super::Problem;
use crate::settings::Limits;
use flate2::{Decompress, FlushDecompress, Status};
use std::io::{ErrorKind, Read};

/// Output up to which no compression ratio is judged: short objects of one long run compress to almost nothing.
pub(super) const RATIO_FREE_BYTES: u64 = 1 << 20;

/// Compressed bytes read at once. Smaller costs system calls; larger only memory.
const INPUT_BYTES: usize = 64 << 10;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Reads one source and decompresses it.
#[derive(Debug)]
pub(super) struct Gunzip<'a, R> {
    source: R,
    input: &'a mut Vec<u8>,
    start: usize,
    end: usize,
    mode: Mode,
    object_bytes: u64,
    compression_ratio: u64,
    /// Bytes read from the source.
    pub(super) source_bytes: u64,
    /// Bytes given out.
    pub(super) bytes: u64,
    /// Why reading stopped before the end, if it did.
    pub(super) problem: Option<Problem>,
}

#[derive(Debug)]
enum Mode {
    Untold,
    Plain,
    Member(Box<Decompress>),
    BetweenMembers,
    Done,
}

impl<'a, R: Read> Gunzip<'a, R> {
    /// Begins with `source`; `input` is a buffer that may be used again for the next one.
    pub(super) fn new(source: R, input: &'a mut Vec<u8>, limits: &Limits) -> Self {
        input.resize(INPUT_BYTES, 0);
        Gunzip {
            source,
            input,
            start: 0,
            end: 0,
            mode: Mode::Untold,
            object_bytes: limits.object_bytes,
            compression_ratio: limits.compression_ratio,
            source_bytes: 0,
            bytes: 0,
            problem: None,
        }
    }

    /// Writes the next bytes to `out` and says how many; 0 means the end (or that `out` is empty).
    pub(super) fn read(&mut self, out: &mut [u8]) -> usize {
        // One byte over the limit is asked for, to tell an object of exactly that size from a larger one.
        let left = usize::try_from(self.object_bytes.saturating_sub(self.bytes)).unwrap_or(usize::MAX);
        let wanted = out.len().min(left.saturating_add(1));
        let out = out.get_mut(..wanted).unwrap_or_default();
        let mut n = self.produce(out);
        if n > left {
            n = left;
            self.bytes += n as u64;
            self.stop(
                self.bytes,
                format!(
                    "the object is larger than {} bytes decompressed; the rest is not read; \
                 raise limits.object_bytes if the source is trusted",
                    self.object_bytes
                ),
            );
        } else {
            self.bytes += n as u64;
        }
        n
    }

    /// Reads no more.
    pub(super) fn close(&mut self) {
        self.mode = Mode::Done;
    }

    fn produce(&mut self, out: &mut [u8]) -> usize {
        if out.is_empty() {
            return 0;
        }
        loop {
            match self.mode {
                Mode::Untold => self.tell(),
                Mode::Plain => return self.copy(out),
                Mode::Member(_) => {
                    let n = self.inflate(out);
                    if n > 0 {
                        return n;
                    }
                }
                Mode::BetweenMembers => self.next_member(),
                Mode::Done => return 0,
            }
        }
    }

    fn tell(&mut self) {
        while self.end - self.start < GZIP_MAGIC.len() && self.fill() {}
        let gzip = self.buffered().starts_with(&GZIP_MAGIC);
        if matches!(self.mode, Mode::Untold) {
            self.mode = if gzip { new_member() } else { Mode::Plain };
        }
    }

    fn copy(&mut self, out: &mut [u8]) -> usize {
        if self.start == self.end && !self.fill() {
            self.mode = Mode::Done;
            return 0;
        }
        let n = out.len().min(self.end - self.start);
        if let (Some(to), Some(from)) = (out.get_mut(..n), self.buffered().get(..n)) {
            to.copy_from_slice(from);
        }
        self.start += n;
        n
    }

    /// Decompresses into `out`; 0 if the member ended or input is missing.
    fn inflate(&mut self, out: &mut [u8]) -> usize {
        let exhausted = self.start == self.end && !self.fill();
        let input = self.input.get(self.start..self.end).unwrap_or_default();
        let Mode::Member(inflate) = &mut self.mode else { return 0 };
        let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
        let result = inflate.decompress(input, out, FlushDecompress::None);
        self.start += (inflate.total_in() - before_in) as usize;
        let n = (inflate.total_out() - before_out) as usize;
        let bytes = self.bytes + n as u64;
        match result {
            Ok(Status::StreamEnd) => self.mode = Mode::BetweenMembers,
            Ok(Status::Ok | Status::BufError) if exhausted && n == 0 => self.stop(
                bytes,
                "the gzip data is cut off; the records before the cut are used; fetch the object again"
                    .to_string(),
            ),
            Ok(Status::Ok | Status::BufError) => {}
            Err(_) => self.stop(
                bytes,
                "the gzip data is damaged; the records before this place are used; fetch the object again"
                    .to_string(),
            ),
        }
        if bytes > RATIO_FREE_BYTES && bytes > self.source_bytes.saturating_mul(self.compression_ratio) {
            self.stop(
                bytes,
                format!(
                    "the object decompresses to more than {} times its size; the rest is not read; \
                 raise limits.compression_ratio if the source is trusted",
                    self.compression_ratio
                ),
            );
        }
        n
    }

    fn next_member(&mut self) {
        loop {
            while self.buffered().first() == Some(&0) {
                self.start += 1;
            }
            if self.start < self.end {
                break;
            }
            if !self.fill() {
                self.mode = Mode::Done;
                return;
            }
        }
        while self.end - self.start < GZIP_MAGIC.len() && self.fill() {}
        if self.buffered().starts_with(&GZIP_MAGIC) {
            self.mode = new_member();
        } else {
            self.stop(
                self.bytes,
                "bytes behind the gzip data are no gzip member and were not read".to_string(),
            );
        }
    }

    fn buffered(&self) -> &[u8] {
        self.input.get(self.start..self.end).unwrap_or_default()
    }

    /// Reads more input behind what is buffered; false at the end of the source.
    fn fill(&mut self) -> bool {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.input.len() {
            self.input.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        loop {
            match self.source.read(self.input.get_mut(self.end..).unwrap_or_default()) {
                Ok(n) => {
                    self.end += n;
                    self.source_bytes += n as u64;
                    return n > 0;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.stop(
                        self.bytes,
                        format!(
                            "the source could not be read to its end ({error}); \
                         the records before this place are used; read it again"
                        ),
                    );
                    return false;
                }
            }
        }
    }

    /// The first reason to stop is the one that is told.
    fn stop(&mut self, offset: u64, message: String) {
        self.mode = Mode::Done;
        self.problem.get_or_insert(Problem { record: None, offset, message });
    }
}

fn new_member() -> Mode {
    // A decoder of its own for each member: one that is reset no longer expects a gzip header.
    Mode::Member(Box::new(Decompress::new_gzip(15)))
}
