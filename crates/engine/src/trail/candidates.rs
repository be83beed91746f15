//! Which records are worth reading: those that may come from a watched service.
//!
//! A record of a service names it in its text, unless an escape hides a letter of the name. So the bytes are
//! searched once for the names, and records that hold one, or any `\u`, are candidates. Guaranteed: a record
//! whose top-level `eventSource` is watched is a candidate, whatever its order of members, white space or
//! escapes. The reverse is not: names stand in other fields too, and only whoever reads `eventSource` decides.

use super::split::Item;
use super::window::Window;
use memchr::memmem::{self, Finder};

/// Event sources that some detector looks at.
pub(super) const WATCHED_SOURCES: [&str; 2] = ["kms.amazonaws.com", "cloudtrail.amazonaws.com"];

/// The word that every record of CloudTrail Insights has in `eventType` and `eventCategory`.
const INSIGHT: &str = "Insight\"";

/// Finds the candidates among items that come in order.
#[derive(Debug)]
pub(super) struct Candidates {
    sources: [Search; 2],
    insight: Search,
    escape: Finder<'static>,
}

/// What the text of a record suggests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Suggestion {
    /// It may come from a watched service.
    pub(super) watched: bool,
    /// It may be a record of Insights.
    pub(super) insight: bool,
}

impl Default for Candidates {
    fn default() -> Self {
        let [kms, cloudtrail] = WATCHED_SOURCES;
        Candidates {
            sources: [Search::new(kms), Search::new(cloudtrail)],
            insight: Search::new(INSIGHT),
            escape: Finder::new("\\u"),
        }
    }
}

impl Candidates {
    /// Begins a new object.
    pub(super) fn reset(&mut self) {
        self.sources.iter_mut().for_each(Search::reset);
        self.insight.reset();
    }

    /// Looks at one item of the window. Items have to come in order.
    pub(super) fn look(&mut self, item: &Item, window: &Window) -> Suggestion {
        let [kms, cloudtrail] = &mut self.sources;
        let named = kms.found_in(item, window) | cloudtrail.found_in(item, window);
        let insight = self.insight.found_in(item, window);
        let hidden = item.escapes && !named && self.escape.find(window.slice(item.start, item.end)).is_some();
        Suggestion { watched: named || hidden, insight: insight || hidden }
    }

    /// Looks at the text of one record that is not part of the window.
    pub(super) fn look_at(&self, text: &[u8]) -> Suggestion {
        let hidden = memmem::find(text, b"\\u").is_some();
        let named = self.sources.iter().any(|search| search.finder.find(text).is_some());
        Suggestion { watched: named || hidden, insight: hidden || self.insight.finder.find(text).is_some() }
    }
}

/// A search that runs over the window once, however many items are asked about.
#[derive(Debug)]
struct Search {
    finder: Finder<'static>,
    /// No occurrence begins before this offset, among the bytes not yet asked about.
    clear_until: u64,
    /// Whether one begins exactly there.
    hit: bool,
}

impl Search {
    fn new(needle: &'static str) -> Search {
        Search { finder: Finder::new(needle), clear_until: 0, hit: false }
    }

    fn reset(&mut self) {
        self.clear_until = 0;
        self.hit = false;
    }

    #[inline]
    fn found_in(&mut self, item: &Item, window: &Window) -> bool {
        let needle = self.finder.needle().len() as u64;
        loop {
            if self.clear_until.saturating_add(needle) > item.end {
                return false;
            }
            if self.hit && self.clear_until >= item.start {
                return true;
            }
            self.advance(item.start.max(self.clear_until), window);
        }
    }

    fn advance(&mut self, from: u64, window: &Window) {
        match self.finder.find(window.since(from)) {
            Some(at) => (self.clear_until, self.hit) = (from + at as u64, true),
            None => {
                // The last bytes may be the beginning of an occurrence that the next fill completes.
                let partial = self.finder.needle().len() as u64 - 1;
                (self.clear_until, self.hit) = (window.end().saturating_sub(partial).max(from), false);
            }
        }
    }
}
