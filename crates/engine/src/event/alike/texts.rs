//! Texts of records that are known.

use super::Stretch;
use xxhash_rust::xxh3::xxh3_64;

/// Texts that are kept, most of the equal ones once.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) text: String,
    /// Where the text that came last stands, for each of some hashes.
    known: Vec<Range>,
}

/// A part of a text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Range {
    pub(super) from: u32,
    pub(super) length: u32,
}

impl Texts {
    /// Hashes that are told apart; a power of two.
    const KNOWN: usize = 4 << 10;

    pub(super) fn get(&self, range: Range) -> &str {
        let from = range.from as usize;
        self.text.get(from..from + range.length as usize).unwrap_or_default()
    }

    /// The text of a stretch.
    #[inline(always)]
    pub(super) fn bytes(&self, stretch: &Stretch) -> &[u8] {
        let from = stretch.from as usize;
        self.text.as_bytes().get(from..from + usize::from(stretch.length)).unwrap_or_default()
    }

    pub(super) fn keep(&mut self, text: &str) -> Range {
        if self.known.is_empty() {
            self.known = vec![Range::default(); Self::KNOWN];
        }
        let at = xxh3_64(text.as_bytes()) as usize & (Self::KNOWN - 1);
        if let Some(known) = self.known.get(at).copied().filter(|known| self.get(*known) == text) {
            return known;
        }
        let range = Range { from: self.text.len() as u32, length: text.len() as u32 };
        self.text.push_str(text);
        if let Some(known) = self.known.get_mut(at) {
            *known = range;
        }
        range
    }
}
