//! One way of using a key, and how often it was taken.

use crate::facts::Facts;
use indexmap::Equivalent;
use kmswatch_engine::event::{ErrorClass, Operation, PrincipalKind};
use kmswatch_engine::state::RefusedState;
use kmswatch_engine::time::Timestamp;
use std::hash::{Hash, Hasher};

/// One way of using a key: what a call has in common with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Key ARN, or the ARN of an alias where the record names no key.
    pub key: Box<str>,
    /// Stable id of the principal.
    pub principal: Box<str>,
    /// Service between the principal and KMS; empty for a direct call.
    pub via: Box<str>,
    /// Account of the principal, empty if not known.
    pub account: Box<str>,
    /// What cannot differ for one principal, and the call itself.
    pub call: CallKind,
}

/// The parts of a [`Way`] that are small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallKind {
    /// Kind of the principal.
    pub kind: PrincipalKind,
    /// What was called.
    pub operation: Operation,
    /// How it failed; `None` for success.
    pub class: Option<ErrorClass>,
    /// Of a key that could not be used: its state.
    pub refused: Option<RefusedState>,
    /// Circumstances.
    pub facts: Facts,
}

/// A [`Way`] whose texts are borrowed, to look one up.
pub(super) struct WayRef<'a>(pub(super) [&'a str; 4], pub(super) CallKind);

impl Way {
    fn parts(&self) -> [&str; 4] {
        [&self.key, &self.principal, &self.via, &self.account]
    }
}

impl Hash for Way {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.parts(), self.call).hash(state);
    }
}

impl Hash for WayRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.0, self.1).hash(state);
    }
}

impl Equivalent<Way> for WayRef<'_> {
    fn equivalent(&self, way: &Way) -> bool {
        self.1 == way.call && self.0 == way.parts()
    }
}

/// Encryption contexts that were met, by their hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Contexts {
    /// No call had one.
    #[default]
    None,
    /// Always the same.
    One(u64),
    /// Different ones.
    Several,
}

impl Contexts {
    /// Those of both.
    pub fn and(self, other: Contexts) -> Contexts {
        match (self, other) {
            (Contexts::None, known) | (known, Contexts::None) => known,
            (one, another) if one == another => one,
            _ => Contexts::Several,
        }
    }
}

/// Calls of one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Distinct events.
    pub count: u64,
    /// The first event.
    pub first: Timestamp,
    /// The last event.
    pub last: Timestamp,
    /// Their encryption contexts.
    pub contexts: Contexts,
    /// Id of the event that was met first.
    pub event_id: Box<str>,
}
