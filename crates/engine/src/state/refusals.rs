//! Uses of a key that failed because of the state of the key.

use super::{Merge, Seen, Sightings, distinct::Distinct};
use crate::event::{Event, Outcome};
use serde::{Deserialize, Serialize};

/// Which state made KMS refuse (KMS developer guide, "Key states of AWS KMS keys").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedState {
    /// `... is disabled.`, or a `DisabledException` that says no more.
    Disabled,
    /// `... is pending deletion.`, also pending replica deletion.
    PendingDeletion,
    /// `... is pending import.`
    PendingImport,
    /// `... is unavailable.`: its key store is disconnected.
    Unavailable,
    /// Another state, or not told.
    Other,
}

impl RefusedState {
    /// The state that an error tells of.
    ///
    /// The message decides, since `DisabledException` is also written for keys pending deletion.
    pub fn of(outcome: &Outcome<'_>) -> RefusedState {
        let Some(error) = &outcome.error else { return RefusedState::Other };
        let message = error.message.as_deref().unwrap_or_default();
        // A name of a key store or a proxy's text could hold any of these words; the state ends the message.
        let ends = |words: &str| message.trim_end().trim_end_matches('.').ends_with(words);
        if ends("pending deletion") || ends("pending replica deletion)") || ends("pending replica deletion") {
            RefusedState::PendingDeletion
        } else if ends("pending import") {
            RefusedState::PendingImport
        } else if ends("is unavailable") {
            RefusedState::Unavailable
        } else if ends("is disabled") || error.code == "DisabledException" {
            RefusedState::Disabled
        } else {
            RefusedState::Other
        }
    }

    /// In words: "the key is ...".
    pub fn words(self) -> &'static str {
        match self {
            RefusedState::Disabled => "disabled",
            RefusedState::PendingDeletion => "pending deletion",
            RefusedState::PendingImport => "without its key material",
            RefusedState::Unavailable => "unavailable",
            RefusedState::Other => "in a state that allows no use",
        }
    }
}

/// Refused uses of one key on one UTC day for one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusals {
    /// The calls.
    pub calls: Sightings,
    /// Distinct principals.
    pub principals: Distinct,
    /// Some of them by name, with the service through which they called.
    pub names: Seen<8>,
}

impl Refusals {
    /// Adds one refused call.
    pub fn add(&mut self, event: &Event<'_>) {
        self.calls.add(event.time, event.act_id());
        self.principals.add(event.principal.id.as_bytes());
        let via = event.principal.via_service.as_deref().unwrap_or_default();
        self.names.note(&event.principal.id, via, event.time);
    }
}

impl Merge for Refusals {
    fn merge(&mut self, other: &Self) {
        self.calls.merge(&other.calls);
        self.principals.merge(&other.principals);
        self.names.merge(&other.names);
    }
}
