//! What stands behind a key: the resources that its encryption contexts name.

use super::{Merge, Seen, distinct::Distinct};
use crate::event::Resource;
use crate::time::Timestamp;
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
    /// Takes up that a call at `time` was about `resource`.
    pub fn note(&mut self, resource: &Resource<'_>, time: Timestamp) {
        let kind = resource.kind.name();
        match self.kinds.get_mut(kind) {
            Some(distinct) => distinct.add(resource.id.as_bytes()),
            None => self.kinds.entry(kind.to_owned()).or_default().add(resource.id.as_bytes()),
        }
        self.sample.note(&resource.id, kind, time);
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
    use crate::state::laws;
    use proptest::prelude::*;

    fn of(notes: &[(bool, u8, i64)]) -> Resources {
        let mut resources = Resources::default();
        for (secret, id, time) in notes {
            let kind = if *secret { ResourceKind::Secret } else { ResourceKind::Table };
            resources.note(&Resource { kind, id: id.to_string().into() }, Timestamp(*time));
        }
        resources
    }

    #[test]
    fn kinds_are_counted_by_distinct_resource() {
        let resources = of(&[(true, 1, 1), (true, 1, 2), (true, 2, 3), (false, 1, 4)]);
        assert_eq!(resources.kinds().collect::<Vec<_>>(), [("secret", 2), ("table", 1)]);
    }

    proptest! {
        #[test]
        fn it_is_a_semilattice(
            notes in prop::collection::vec((any::<bool>(), 0u8..20, 0i64..9), 0..60),
            cuts: [u8; 2],
        ) {
            laws::check(&notes, cuts, of)?;
        }
    }
}
