//! What is remembered of one principal.

use super::act::{Act, ActKind};
use super::{Merge, Newest, Sightings, seen::bounded};
use crate::baseline::entity::Baseline;
use crate::baseline::repertoire::Repertoire;
use crate::event::Event;
use crate::time::HOUR;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Hour of event time (whole hours since the epoch), kind of act, key ARN.
pub type Target = (i64, ActKind, String);

/// What is remembered of one principal: what it destroyed, what it tried to, and how much it does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PrincipalState {
    /// Acts that took keys away from their users: one entry for each hour, kind of act and key, the newest 64,
    /// so that repeating an act on one key does not push out the others.
    pub destroyed: Newest<Target, Acts, 64>,
    /// The same acts, but refused for want of permission.
    pub attempted: Newest<Target, Acts, 64>,
    /// What it does by the hour.
    #[serde(skip_serializing_if = "Baseline::is_empty")]
    pub baseline: Baseline,
    /// What it has shown: networks, agents, Regions, operations, keys.
    #[serde(default, skip_serializing_if = "Repertoire::is_empty")]
    pub repertoire: Repertoire,
}

/// Acts of one kind on one key within an hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acts {
    /// The first of them.
    pub first: Act,
    /// All of them.
    pub calls: Sightings,
}

impl Merge for Acts {
    fn merge(&mut self, other: &Self) {
        if other.first < self.first {
            self.first.clone_from(&other.first);
        }
        self.calls.merge(&other.calls);
    }
}

impl PrincipalState {
    /// Whether anything is counted by the hour.
    pub fn is_counted(&self) -> bool {
        !self.baseline.is_empty() || !self.repertoire.is_empty()
    }

    /// The hours in which something was counted that are still open.
    pub fn open_hours(&self) -> BTreeSet<i64> {
        let mut hours = self.baseline.open_hours();
        hours.extend(self.repertoire.open_hours());
        hours
    }

    /// A copy of what closing an hour needs and changes.
    pub fn counted(&self) -> PrincipalState {
        let (baseline, repertoire) = (self.baseline.clone(), self.repertoire.clone());
        PrincipalState { baseline, repertoire, ..PrincipalState::default() }
    }

    /// Whether an event is one for this State.
    pub(super) fn concerns(event: &Event<'_>) -> bool {
        ActKind::of(event).is_some_and(ActKind::is_destructive)
    }

    /// Takes up a destructive act, done or denied.
    pub fn note(&mut self, event: &Event<'_>) {
        let Some(act) = Act::of(event) else { return };
        let target: Target = (act.time.0.div_euclid(HOUR), act.kind, act.key.clone());
        let mut calls = Sightings::default();
        calls.add(act.time, &bounded(event.act_id()));
        let acts = Acts { first: act, calls };
        if event.succeeded() {
            self.destroyed.join(target, acts);
        } else {
            self.attempted.join(target, acts);
        }
    }
}

impl Merge for PrincipalState {
    fn merge(&mut self, other: &Self) {
        self.destroyed.merge(&other.destroyed);
        self.attempted.merge(&other.attempted);
        self.baseline.merge(&other.baseline);
        self.repertoire.merge(&other.repertoire);
    }
}
