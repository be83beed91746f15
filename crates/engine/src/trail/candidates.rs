//! Which records are worth reading: those that may come from a watched service, or be a watched call of another.
//!
//! A record of a service names it in its text, unless an escape hides a letter of the name. So the names are
//! looked for while the bytes are scanned anyway, and records that hold one, or any `\u`, are candidates. Of other
//! services few calls matter, and those services fill the logs: of these the `eventName` is looked at.
//! Guaranteed: a record whose top-level `eventSource` or `eventName` is watched is a candidate, whatever its order of
//! members, white space or escapes. The reverse is not: names stand in other fields too, and only whoever reads
//! both members decides.

use super::simd::quote_or_backslash;
use crate::event::infrastructure;
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
    /// One of [`WATCHED_SOURCES`], or a watched `eventName`.
    Watched,
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
/// `cloudtrail`, the first of `Insight`, the `v` of `"eventName"`.
#[inline(always)]
pub(super) fn word_at(bytes: &[u8], at: usize) -> Option<Word> {
    let [kms, cloudtrail] = WATCHED_SOURCES;
    let stands = |word: &[u8], offset: usize| {
        at.checked_sub(offset).and_then(|from| bytes.get(from..)).is_some_and(|rest| rest.starts_with(word))
    };
    match bytes.get(at) {
        Some(b'm') if stands(kms.as_bytes(), 1) => Some(Word::Watched),
        Some(b'i') if stands(cloudtrail.as_bytes(), 8) => Some(Word::Watched),
        Some(b'I') if stands(INSIGHT, 0) => Some(Word::Insight),
        Some(b'v') if stands(EVENT_NAME, 2) && names_watched(bytes.get(at + 9..).unwrap_or_default()) => {
            Some(Word::Watched)
        }
        _ => None,
    }
}

/// The member whose value says what was called.
const EVENT_NAME: &[u8] = b"\"eventName\"";

/// Whether the value of [`EVENT_NAME`] is watched; `rest` begins behind the member's name. Where the bytes end
/// before the value does, it may be.
fn names_watched(rest: &[u8]) -> bool {
    let value = match rest {
        // As CloudTrail writes it.
        [b':', value @ ..] if value.first() == Some(&b'"') => value,
        _ => {
            let value = rest.trim_ascii_start();
            value.strip_prefix(b":").unwrap_or(value).trim_ascii_start()
        }
    };
    let Some((b'"', value)) = value.split_first() else { return value.is_empty() };
    match quote_or_backslash(value, 0).and_then(|end| value.get(..end)) {
        Some(name) => infrastructure::is_name(name),
        None => true,
    }
}

/// What the text of a record suggests that the splitter has not seen.
pub(super) fn look_at(text: &[u8]) -> Suggestion {
    let has = |word: &[u8]| memmem::find(text, word).is_some();
    let hidden = has(b"\\u");
    Suggestion {
        watched: hidden
            || WATCHED_SOURCES.iter().any(|source| has(source.as_bytes()))
            || memmem::find_iter(text, EVENT_NAME)
                .any(|at| names_watched(text.get(at + EVENT_NAME.len()..).unwrap_or_default())),
        insight: hidden || has(INSIGHT),
    }
}
