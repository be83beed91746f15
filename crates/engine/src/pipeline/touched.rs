//! For shells that keep States elsewhere: what an object touches.

use super::ObjectOutcome;
use crate::state::stored::EntityId;
use std::collections::BTreeSet;

impl ObjectOutcome {
    /// The entities whose States the object adds to.
    pub fn touched(&self) -> BTreeSet<EntityId> {
        // What a group of events adds to is only known once it is taken up.
        self.delta.clone().into_states().ids().collect()
    }

    /// The keys that its findings of single events are about, by ARN.
    pub fn named_keys(&self) -> impl Iterator<Item = &str> {
        self.findings.values().filter_map(|finding| finding.key.as_ref()).map(|key| key.arn.as_str())
    }
}
