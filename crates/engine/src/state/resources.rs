//! What stands behind a key: the resources that its encryption contexts name.

use super::delta::Occurrence;
use super::{Merge, Seen, distinct::Distinct};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Distinct resources by kind, and some of them by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    kinds: BTreeMap<String, Distinct>,
    /// Some resources by id, with their kind.
    pub sample: Seen<12>,
}

impl Resources {
    /// Takes up what these calls were about.
    pub(crate) fn note(&mut self, calls: &[Occurrence<'_>]) {
        let kind = |call: &Occurrence<'_>| call.resource.map(|resource| resource.kind);
        for alike in calls.chunk_by(|a, b| kind(a) == kind(b)) {
            let Some(kind) = alike.first().and_then(kind) else { continue };
            if !self.kinds.contains_key(kind.name()) {
                self.kinds.insert(kind.name().to_owned(), Distinct::default());
            }
            if let Some(distinct) = self.kinds.get_mut(kind.name()) {
                distinct
                    .add_hashes(alike.iter().filter_map(|call| call.resource).map(|resource| resource.hash));
            }
        }
        // The newest first: most of the others then say nothing new.
        let seen = calls.iter().rev().filter_map(|call| Some((call.resource?, call.time)));
        self.sample.note_each(seen.map(|(resource, time)| (resource.id, resource.kind.name(), time)));
    }

    /// Kinds of resource with the number of distinct resources of each, by kind.
    pub fn kinds(&self) -> impl Iterator<Item = (&str, u64)> {
        self.kinds.iter().map(|(kind, distinct)| (kind.as_str(), distinct.count()))
    }
}

impl Merge for Resources {
    fn merge(&mut self, other: &Self) {
        for (kind, distinct) in &other.kinds {
            match self.kinds.get_mut(kind) {
                Some(known) => known.merge(distinct),
                None => {
                    self.kinds.insert(kind.clone(), distinct.clone());
                }
            }
        }
        self.sample.merge(&other.sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ResourceKind;
    use crate::state::delta::Behind;
    use crate::state::laws;
    use crate::time::Timestamp;
    use proptest::prelude::*;

    fn of(notes: &[(bool, u8, i64)]) -> Resources {
        let mut resources = Resources::default();
        for (secret, id, time) in notes {
            let kind = if *secret { ResourceKind::Secret } else { ResourceKind::Table };
            resources.note(&[call(kind, &id.to_string(), *time)]);
        }
        resources
    }

    fn call(kind: ResourceKind, id: &str, time: i64) -> Occurrence<'_> {
        Occurrence { time: Timestamp(time), act: 1, id: "e1", resource: Some(Behind::new(kind, id)) }
    }

    #[test]
    fn kinds_are_counted_by_distinct_resource() {
        let resources = of(&[(true, 1, 1), (true, 1, 2), (true, 2, 3), (false, 1, 4)]);
        assert_eq!(resources.kinds().collect::<Vec<_>>(), [("secret", 2), ("table", 1)]);
    }

    proptest! {
        #[test]
        fn calls_are_taken_up_the_same_one_by_one_and_together(
            notes in prop::collection::vec((any::<bool>(), 0u8..40, 0i64..60), 0..90), by in 1usize..20,
        ) {
            let ids: Vec<String> = notes.iter().map(|(_, id, _)| id.to_string()).collect();
            let kind = |secret| if secret { ResourceKind::Secret } else { ResourceKind::Table };
            let calls: Vec<_> =
                notes.iter().zip(&ids).map(|((secret, _, time), id)| call(kind(*secret), id, *time)).collect();
            let mut together = Resources::default();
            calls.chunks(by).for_each(|calls| together.note(calls));
            prop_assert_eq!(together, of(&notes));
        }

        #[test]
        fn it_is_a_semilattice(
            notes in prop::collection::vec((any::<bool>(), 0u8..20, 0i64..9), 0..60),
            cuts: [u8; 2],
        ) {
            laws::check(&notes, cuts, of)?;
        }
    }
}
