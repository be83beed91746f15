//! For shells that keep States elsewhere: what an object touches.

use super::{ObjectOutcome, Watch, merge_finding};
use crate::finding::Finding;
use crate::state::States;

impl ObjectOutcome {
    /// The Delta of the object, as States of the entities that it touches. Made anew at each call: keep it.
    pub fn delta(&self) -> States {
        self.delta.clone().into_states()
    }

    /// What its single events have shown, to be stored; raw, without names of keys. It merges with what other objects
    /// have shown ([`Finding::merge`]), and goes into [`Watch::recall`].
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.values()
    }

    /// The keys that its findings of single events are about, by ARN.
    pub fn named_keys(&self) -> impl Iterator<Item = &str> {
        self.findings.values().filter_map(|finding| finding.key.as_ref()).map(|key| key.arn.as_str())
    }
}

impl Watch {
    /// What single events have shown, raw, to be stored: for [`Watch::recall`].
    pub fn shown(&self) -> impl Iterator<Item = &Finding> {
        self.findings.values()
    }

    /// Takes up findings about single events that others have made: [`ObjectOutcome::findings`]. They merge with what it
    /// knows, in any order and any number of times.
    pub fn recall(&mut self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| merge_finding(&mut self.findings, finding));
    }
}
