//! For shells that keep States elsewhere: what an object touches.

use super::ObjectOutcome;
use crate::state::States;

impl ObjectOutcome {
    /// The Delta of the object, as States of the entities that it touches. Made anew at each call: keep it.
    pub fn delta(&self) -> States {
        self.delta.clone().into_states()
    }

    /// The keys that its findings of single events are about, by ARN.
    pub fn named_keys(&self) -> impl Iterator<Item = &str> {
        self.findings.values().filter_map(|finding| finding.key.as_ref()).map(|key| key.arn.as_str())
    }
}
