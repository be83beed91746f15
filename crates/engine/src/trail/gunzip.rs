//! Source → decompressed bytes, told by content and bounded.
//!
//! Guaranteed: whether the source is gzip is decided by its first two bytes, never by a name; all members of a
//! gzip file are read, zero bytes between and behind them are passed over; at most `limits.object_bytes` bytes
//! come out, and at most `limits.compression_ratio` times what went in once [`RATIO_FREE_BYTES`] are out.
//! Whatever stops the reading, the bytes before it have been given out, and a [`Problem`] says why.
//!
//! Most objects are one member of moderate size: such a one is decompressed at once, by a decoder that needs the
//! whole of it and is a quarter quicker. Whatever is not exactly that is read as a stream.

use super::Problem;
use crate::settings::Limits;
use flate2::{Decompress, FlushDecompress, Status};
use libdeflater::{Decompressor, crc32};
use memchr::{memchr, memmem};
use std::fmt;
use std::io::{self, ErrorKind, Read};

/// Output up to which no compression ratio is judged: short objects of one long run compress to almost nothing.
pub(super) const RATIO_FREE_BYTES: u64 = 1 << 20;

/// Compressed bytes read at once. Smaller costs system calls; larger only memory.
const INPUT_BYTES: usize = 64 << 10;

/// Most compressed bytes of a member that is decompressed at once.
const WHOLE_INPUT_BYTES: usize = 512 << 10;

/// Most bytes that such a member becomes. What is much larger than the caches of a core is quicker as a stream.
pub(super) const WHOLE_BYTES: usize = 4 << 20;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What every member begins with: the magic and the method.
const MEMBER: [u8; 3] = [0x1f, 0x8b, 8];

/// The header of a member: magic, method 8 (deflate), flags, then six bytes that do not matter (RFC 1952).
const HEADER_BYTES: usize = 10;

/// The flag of a member that names its file; the name ends with a zero.
const NAMED: u8 = 0x08;

/// The end of a member: CRC-32 and size of what it holds, four bytes each.
const TRAILER_BYTES: usize = 8;

/// What serves one source after the other.
#[derive(Default)]
pub(super) struct Buffers {
    input: Vec<u8>,
    decompressor: Option<Decompressor>,
}

impl fmt::Debug for Buffers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffers").field("input", &self.input.len()).finish_non_exhaustive()
    }
}

/// Reads one source and decompresses it.
#[derive(Debug)]
pub(super) struct Gunzip<'a, R> {
    source: R,
    buffers: &'a mut Buffers,
    start: usize,
    end: usize,
    mode: Mode,
    /// Where the compressed data of a source that is one member stands in the input, and the size of what it holds.
    whole: Option<Whole>,
    /// What went wrong while reading ahead.
    failed: Option<io::Error>,
    object_bytes: u64,
    compression_ratio: u64,
    /// Bytes read from the source.
    pub(super) source_bytes: u64,
    /// Bytes given out.
    pub(super) bytes: u64,
    /// Why reading stopped before the end, if it did.
    pub(super) problem: Option<Problem>,
}

#[derive(Clone, Copy, Debug)]
struct Whole {
    start: usize,
    end: usize,
    bytes: usize,
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
    /// Begins with `source`; the `buffers` may be used again for the next one.
    pub(super) fn new(source: R, buffers: &'a mut Buffers, limits: &Limits) -> Self {
        if buffers.input.len() < INPUT_BYTES {
            buffers.input.resize(INPUT_BYTES, 0);
        }
        Gunzip {
            source,
            buffers,
            start: 0,
            end: 0,
            mode: Mode::Untold,
            whole: None,
            failed: None,
            object_bytes: limits.object_bytes,
            compression_ratio: limits.compression_ratio,
            source_bytes: 0,
            bytes: 0,
            problem: None,
        }
    }

    /// The size of all that comes out, if the source has not been read from and says that it is one member of moderate
    /// size. Asked for before [`Gunzip::read`], which then gives out everything at once if there is room.
    pub(super) fn whole(&mut self) -> Option<usize> {
        if !matches!(self.mode, Mode::Untold) || self.end > 0 {
            return None;
        }
        if !self.read_ahead() {
            return None;
        }
        let member = self.buffered();
        let header = member.first_chunk::<HEADER_BYTES>()?;
        let [_, _, method, flags, ..] = *header;
        let name = match flags {
            0 => 0,
            NAMED => memchr(0, member.get(HEADER_BYTES..)?)? + 1,
            _ => return None,
        };
        let (data, trailer) = member.split_last_chunk::<TRAILER_BYTES>()?;
        let [.., a, b, c, d] = *trailer;
        let bytes = u32::from_le_bytes([a, b, c, d]);
        let is_moderate = (1..=WHOLE_BYTES as u64).contains(&u64::from(bytes))
            && u64::from(bytes)
                <= self
                    .object_bytes
                    .min(self.source_bytes.saturating_mul(self.compression_ratio).max(RATIO_FREE_BYTES));
        // Where these bytes stand twice, or those that a member begins with, there may be several that hold the same:
        // the decoder would not tell that it has seen the first alone. Looking for both finds them if one is damaged.
        let body = data.get(HEADER_BYTES..)?;
        let is_alone = memmem::find(data, trailer).is_none() && memmem::find(body, &MEMBER).is_none();
        if method != 8 || !is_moderate || !is_alone {
            return None;
        }
        let whole = Whole { start: HEADER_BYTES + name, end: data.len(), bytes: bytes as usize };
        self.whole = Some(whole);
        Some(whole.bytes)
    }

    /// Reads until the source ends, if it is gzip and no longer than what is decompressed at once. False if it is not.
    fn read_ahead(&mut self) -> bool {
        loop {
            if self.end >= GZIP_MAGIC.len() && !self.buffered().starts_with(&GZIP_MAGIC) {
                return false;
            }
            if self.end == self.buffers.input.len() {
                if self.end >= WHOLE_INPUT_BYTES {
                    return false;
                }
                self.buffers.input.resize(WHOLE_INPUT_BYTES, 0);
            }
            match self.source.read(self.buffers.input.get_mut(self.end..).unwrap_or_default()) {
                Ok(0) => return true,
                Ok(n) => {
                    self.end += n;
                    self.source_bytes += n as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failed = Some(error);
                    return false;
                }
            }
        }
    }

    /// Decompresses the source into `out` at once; `None` if it is not what it says.
    fn inflate_whole(&mut self, out: &mut [u8]) -> Option<usize> {
        let whole = self.whole.take()?;
        let Buffers { input, decompressor } = &mut *self.buffers;
        let out = out.get_mut(..whole.bytes)?;
        let data = input.get(whole.start..whole.end)?;
        let n = decompressor.get_or_insert_with(Decompressor::new).deflate_decompress(data, out).ok()?;
        let checksum = input.get(whole.end..)?.first_chunk().copied().map(u32::from_le_bytes)?;
        if n != whole.bytes || crc32(out) != checksum {
            return None;
        }
        self.start = self.end;
        self.mode = Mode::Done;
        Some(n)
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
                Mode::Untold => match self.inflate_whole(out) {
                    Some(n) => return n,
                    None => self.tell(),
                },
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
        let input = self.buffers.input.get(self.start..self.end).unwrap_or_default();
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
        self.buffers.input.get(self.start..self.end).unwrap_or_default()
    }

    /// Reads more input behind what is buffered; false at the end of the source.
    fn fill(&mut self) -> bool {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffers.input.len() {
            self.buffers.input.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        loop {
            let to = self.buffers.input.get_mut(self.end..).unwrap_or_default();
            match self.failed.take().map_or_else(|| self.source.read(to), Err) {
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

#[cfg(test)]
mod tests {
    use super::super::tests::gzip;
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    /// All that comes out, with the problem; at once if `at_once` and the source is fit for it.
    fn read(source: &[u8], limits: &Limits, at_once: bool) -> (Vec<u8>, Option<Problem>, bool) {
        let mut buffers = Buffers::default();
        let mut gunzip = Gunzip::new(source, &mut buffers, limits);
        let whole = if at_once { gunzip.whole() } else { None };
        let mut out = vec![0xaa; whole.unwrap_or(100)];
        let mut all = Vec::new();
        loop {
            match gunzip.read(&mut out) {
                0 => return (all, gunzip.problem, whole.is_some()),
                n => all.extend(&out[..n]),
            }
        }
    }

    fn with_name(bytes: &[u8]) -> Vec<u8> {
        let mut writer = flate2::GzBuilder::new().filename("log.json").write(Vec::new(), Default::default());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn one_member_is_read_at_once_and_nothing_else_is() {
        let limits = Limits::default();
        let (one, other) = (gzip(b"a record"), gzip(b"more of it"));
        let at_once = |source: &[u8]| read(source, &limits, true).2;
        assert!(at_once(&one) && at_once(&with_name(b"a record")));
        let two = [one.clone(), other].concat();
        assert_eq!(read(&two, &limits, true).0, b"a recordmore of it");
        let same = [one.clone(), one.clone()].concat();
        assert_eq!(read(&same, &limits, true).0, b"a recorda record");
        let behind = [one.clone(), vec![0; 9]].concat();
        let large = gzip(&vec![b'x'; WHOLE_BYTES + 1]);
        for source in [&same, &behind, &large, &b"plain".to_vec(), &gzip(b""), &one[..5].to_vec()] {
            assert!(!at_once(source), "{} bytes", source.len());
        }
        let small = Limits { object_bytes: 7, ..limits.clone() };
        assert!(!read(&one, &small, true).2);
    }

    #[test]
    fn what_was_read_ahead_of_an_error_is_not_lost() {
        struct Failing(Vec<u8>);
        impl Read for Failing {
            fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                match std::mem::take(&mut self.0) {
                    bytes if bytes.is_empty() => Err(io::Error::other("gone")),
                    bytes => {
                        to[..bytes.len()].copy_from_slice(&bytes);
                        Ok(bytes.len())
                    }
                }
            }
        }
        let packed = gzip(&b"0123456789".repeat(500));
        let mut buffers = Buffers::default();
        let source = Failing(packed[..packed.len() - 10].to_vec());
        let mut gunzip = Gunzip::new(source, &mut buffers, &Limits::default());
        assert_eq!(gunzip.whole(), None);
        let mut out = vec![0; 10_000];
        assert!(gunzip.read(&mut out) > 1_000);
        while gunzip.read(&mut out) > 0 {}
        assert!(gunzip.problem.unwrap().message.contains("gone"));
    }

    proptest! {
        #[test]
        fn at_once_or_as_a_stream_the_same_comes_out(
            parts in prop::collection::vec((prop::collection::vec(0u8..4, 0..300), any::<bool>()), 1..4),
            repeat: bool,
            behind in prop::collection::vec(any::<u8>(), 0..12),
            damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
            cut in prop::option::of(any::<prop::sample::Index>()),
            object_bytes in prop::sample::select(vec![50u64, 400, 1 << 30]),
        ) {
            let mut source: Vec<u8> = parts
                .iter()
                .flat_map(|(bytes, named)| if *named { with_name(bytes) } else { gzip(bytes) })
                .collect();
            if repeat {
                source.extend(source.clone());
            }
            source.extend(behind);
            if let Some((at, byte)) = damage {
                let at = at.index(source.len());
                source[at] = byte;
            }
            if let Some(cut) = cut {
                source.truncate(cut.index(source.len()));
            }
            let limits = Limits { object_bytes, ..Limits::default() };
            let (at_once, problem, _) = read(&source, &limits, true);
            let (stream, same_problem, _) = read(&source, &limits, false);
            prop_assert_eq!(at_once, stream);
            prop_assert_eq!(problem, same_problem);
        }
    }
}
