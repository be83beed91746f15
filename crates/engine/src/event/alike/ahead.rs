//! What is asked for ahead, so that it is in the cache when it is compared.
//!
//! What is known of records has mostly left the nearer caches. Waiting for it line by line took half of the time of
//! comparing; asked for early it comes while something else is done. Nothing rests on it: what is likely is compared in
//! full, and if it is not there, the rest is looked for as before.

use super::{Alike, Hole, NONE, Place, ROOT, Segment, WINDOWS, places};
use crate::trail::prefetch;

impl Alike {
    /// The segment that a record most likely begins with, of which memory is asked for.
    pub(super) fn beginning(&self, record: &[u8]) -> Place {
        for window in WINDOWS {
            let Some(beginning) = record.get(..window) else { continue };
            let (half, places) = places(ROOT, beginning, self.by_beginning.len());
            for place in places {
                let Some(child) = self.by_beginning.get(place).copied() else { break };
                let Some(known) = self.segments.get(usize::from(child)).filter(|_| child != NONE) else {
                    break;
                };
                if known.hash == half && known.parent == ROOT {
                    self.prefetch(known);
                    return child;
                }
            }
        }
        NONE
    }

    /// Asks for the memory of a segment's texts and of what most likely follows it.
    #[inline(always)]
    fn prefetch(&self, segment: &Segment) {
        for stretch in segment.stretches.iter().take(usize::from(segment.number)) {
            prefetch(self.texts.bytes(stretch));
        }
        self.prefetch_behind(segment);
    }

    /// Asks for the memory of what most likely follows a segment: the next one, or the template.
    #[inline(always)]
    pub(super) fn prefetch_behind(&self, segment: &Segment) {
        let last = segment.stretches.get(usize::from(segment.number).wrapping_sub(1));
        if last.is_some_and(|last| last.behind == Hole::End) {
            let template = usize::from(segment.template);
            self.templates.get(template).inspect(|template| prefetch(*template));
            self.commons.get(template).inspect(|common| prefetch(*common));
        } else {
            let [likely, ..] = segment.likely;
            self.segments.get(usize::from(likely)).inspect(|segment| prefetch(*segment));
        }
    }
}
