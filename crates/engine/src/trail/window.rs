//! The part of a decompressed object that is in memory.
//!
//! Guaranteed: every place is named by its offset in the decompressed object, so nothing moves when the window
//! does; memory is [`WHOLE_BYTES`] plus about one and a half times the longest stretch that has to be kept.

use super::gunzip::{Gunzip, WHOLE_BYTES};
use std::io::Read;

/// A stretch of bytes with its offset.
#[derive(Debug, Default)]
pub(super) struct Window {
    bytes: Vec<u8>,
    len: usize,
    offset: u64,
}

impl Window {
    /// Size to begin with: small enough to stay in the cache of a core between decompressing and scanning,
    /// large enough that moving the unfinished record to the front costs nothing.
    pub(super) const BYTES: usize = 256 << 10;

    /// Forgets everything, and gives back what one large record made it grow to.
    pub(super) fn reset(&mut self) {
        if self.bytes.len() > WHOLE_BYTES {
            self.bytes.truncate(WHOLE_BYTES);
            self.bytes.shrink_to_fit();
        }
        self.len = 0;
        self.offset = 0;
    }

    /// Offset behind the last byte held.
    pub(super) fn end(&self) -> u64 {
        self.offset + self.len as u64
    }

    /// The bytes from `from` up to `to`, as far as they are held.
    pub(super) fn slice(&self, from: u64, to: u64) -> &[u8] {
        let at = |offset: u64| {
            usize::try_from(offset.saturating_sub(self.offset)).unwrap_or(usize::MAX).min(self.len)
        };
        self.bytes.get(at(from)..at(to)).unwrap_or_default()
    }

    /// The bytes from `from` to the end of the window.
    pub(super) fn since(&self, from: u64) -> &[u8] {
        self.slice(from, self.end())
    }

    /// All bytes of the window, and the index at which `offset` stands.
    pub(super) fn around(&self, offset: u64) -> (&[u8], usize) {
        let at = usize::try_from(offset.saturating_sub(self.offset)).unwrap_or(usize::MAX).min(self.len);
        (self.bytes.get(..self.len).unwrap_or_default(), at)
    }

    /// The byte at `offset`, if it is held.
    pub(super) fn byte(&self, offset: u64) -> Option<u8> {
        self.since(offset).first().copied()
    }

    /// Reads on, forgetting what stands before `keep`; false at the end of the object.
    pub(super) fn fill<R: Read>(&mut self, keep: u64, source: &mut Gunzip<'_, R>) -> bool {
        let kept = self.since(keep).len();
        self.bytes.copy_within(self.len - kept..self.len, 0);
        self.offset = self.end() - kept as u64;
        self.len = kept;
        let room = match source.whole() {
            Some(bytes) => bytes,
            None if kept < Self::BYTES / 2 => Self::BYTES - kept,
            // Growing by half keeps the copying linear in the length of what is kept.
            None => (kept / 2).max(Self::BYTES),
        };
        if self.bytes.len() < kept + room {
            self.bytes.resize(kept + room, 0);
        }
        let n = source.read(self.bytes.get_mut(kept..kept + room).unwrap_or_default());
        self.len += n;
        n > 0
    }
}
