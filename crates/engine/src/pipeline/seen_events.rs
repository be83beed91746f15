//! Which events were met before.

use std::collections::{BTreeMap, HashSet};

/// Ids of events seen, by hour of event time, so that the oldest can be forgotten as a whole.
#[derive(Debug, Default)]
pub struct SeenEvents {
    hours: BTreeMap<i64, HashSet<u64, foldhash::fast::RandomState>>,
    total: usize,
    forgot: bool,
}

impl SeenEvents {
    /// Whether the id is new. `hour` is that of the event, whole hours since the epoch; `id` a hash of its id.
    pub fn insert(&mut self, hour: i64, id: u64) -> bool {
        self.insert_all(hour, [id].into_iter()).all(|new| new)
    }

    /// Which of several ids of one hour are new, as far as one looks.
    pub(super) fn insert_all(
        &mut self,
        hour: i64,
        ids: impl Iterator<Item = u64>,
    ) -> impl Iterator<Item = bool> {
        let SeenEvents { hours, total, .. } = self;
        let before = hours.get(&hour.saturating_sub(1)).map_or(0, HashSet::len);
        let seen = hours.entry(hour).or_insert_with(|| {
            // An hour has about as many as the one before it. At most twice the memory is taken for those that there are.
            HashSet::with_capacity_and_hasher(before, Default::default())
        });
        ids.map(move |id| {
            let new = seen.insert(id);
            *total += usize::from(new);
            new
        })
    }

    /// Forgets the oldest hours until at most `keep` ids are left; the newest hour always stays.
    pub fn forget(&mut self, keep: usize) {
        while self.total > keep && self.hours.len() > 1 {
            if let Some((_, ids)) = self.hours.pop_first() {
                self.total -= ids.len();
                self.forgot = true;
            }
        }
    }

    /// Whether any had to be forgotten, so that a repeated event may have passed for a new one.
    pub fn has_forgotten(&self) -> bool {
        self.forgot
    }
}
