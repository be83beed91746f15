//! Which records are worth reading: those that may come from a watched service.
//!
//! A record of a service names it in its text, unless an escape hides a letter of the name. So the names are
//! looked for while the bytes are scanned anyway, and records that hold one, or any `\u`, are candidates.
//! Guaranteed: a record whose top-level `eventSource` is watched is a candidate, whatever its order of members,
//! white space or escapes. The reverse is not: names stand in other fields too, and only whoever reads
//! `eventSource` decides.

use memchr::memmem;

/// Event sources that some detector looks at.
///
/// To add one: [`word_at`] has to know it, and a pair of its bytes has to be in [`super::simd::Masks::word`].
pub(super) const WATCHED_SOURCES: [&str; 2] = ["kms.amazonaws.com", "cloudtrail.amazonaws.com"];

/// The word that every record of CloudTrail Insights has at the end of its `eventType` and `eventCategory`.
const INSIGHT: &[u8] = b"Insight\"";

/// A word that is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// One of [`WATCHED_SOURCES`].
    WatchedSource,
    /// [`INSIGHT`].
    Insight,
}

/// What the text of a record suggests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Suggestion {
    /// It may come from a watched service.
    pub(super) watched: bool,
    /// It may be a record of Insights.
    pub(super) insight: bool,
}

/// The word of which the byte at `at` is the one that the scan looks for: the second of `kms`, the ninth of
/// `cloudtrail`, the first of `Insight`.
#[inline]
pub(super) fn word_at(bytes: &[u8], at: usize) -> Option<Word> {
    let [kms, cloudtrail] = WATCHED_SOURCES;
    let stands = |word: &[u8], offset: usize| {
        at.checked_sub(offset).and_then(|from| bytes.get(from..)).is_some_and(|rest| rest.starts_with(word))
    };
    match bytes.get(at) {
        Some(b'm') if stands(kms.as_bytes(), 1) => Some(Word::WatchedSource),
        Some(b'i') if stands(cloudtrail.as_bytes(), 8) => Some(Word::WatchedSource),
        Some(b'I') if stands(INSIGHT, 0) => Some(Word::Insight),
        _ => None,
    }
}

/// What the text of a record suggests that the splitter has not seen.
pub(super) fn look_at(text: &[u8]) -> Suggestion {
    let has = |word: &[u8]| memmem::find(text, word).is_some();
    let hidden = has(b"\\u");
    Suggestion {
        watched: hidden || WATCHED_SOURCES.iter().any(|source| has(source.as_bytes())),
        insight: hidden || has(INSIGHT),
    }
}
