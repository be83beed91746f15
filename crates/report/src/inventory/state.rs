//! How it stands with a key: what was done to it last, or what became of calls since.

use kmswatch_engine::state::{ActKind, KeyState, RefusedState};
use kmswatch_engine::time::{MINUTE, Timestamp};
use serde::Serialize;

/// Whether a key can be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It can be used.
    Enabled,
    /// It is switched off.
    Disabled,
    /// It cannot be used and will be deleted.
    PendingDeletion,
    /// Its imported material is missing.
    PendingImport,
    /// Its key store is not connected.
    Unavailable,
    /// It is gone.
    Deleted,
    /// The logs do not tell.
    #[default]
    Unknown,
}

impl State {
    /// The words used in output.
    pub fn words(self) -> &'static str {
        match self {
            State::Enabled => "enabled",
            State::Disabled => "disabled",
            State::PendingDeletion => "pending deletion",
            State::PendingImport => "without its key material",
            State::Unavailable => "unavailable",
            State::Deleted => "deleted",
            State::Unknown => "not known",
        }
    }

    /// Whether calls fail.
    pub fn is_unusable(self) -> bool {
        !matches!(self, State::Enabled | State::Unknown)
    }
}

/// A change of state takes up to five minutes until all of KMS knows it (KMS developer guide, "eventual consistency"):
/// what calls show counts only this much later than an act.
const SETTLED: i64 = 15 * MINUTE;

/// The state of a key, and since when if an act made it so.
pub(super) fn of(key: &KeyState, last_use: Option<Timestamp>) -> (State, Option<Timestamp>) {
    let act = key.timeline().into_iter().rev().find_map(|act| Some((after(act.kind)?, act.time)));
    let refused =
        key.refused.iter().filter_map(|((_, why), calls)| Some((calls.calls.last()?, refusal(*why)?)));
    let refused = refused.max_by_key(|(time, _)| *time);
    let used = last_use.map(|time| (time, State::Enabled));
    let shown = refused.into_iter().chain(used).max_by_key(|(time, _)| *time);
    match (act, shown) {
        (Some((then, at)), Some((time, now))) if now != then && time.since(at) > SETTLED => (now, None),
        (Some((state, at)), _) => (state, Some(at)),
        (None, Some((_, state))) => (state, None),
        (None, None) => (State::Unknown, None),
    }
}

fn after(kind: ActKind) -> Option<State> {
    Some(match kind {
        ActKind::Create | ActKind::Enable | ActKind::ImportMaterial => State::Enabled,
        ActKind::Disable | ActKind::CancelDeletion => State::Disabled,
        ActKind::ScheduleDeletion => State::PendingDeletion,
        ActKind::DeleteMaterial | ActKind::ExpireMaterial => State::PendingImport,
        ActKind::Delete => State::Deleted,
        _ => return None,
    })
}

fn refusal(why: RefusedState) -> Option<State> {
    Some(match why {
        RefusedState::Disabled => State::Disabled,
        RefusedState::PendingDeletion => State::PendingDeletion,
        RefusedState::PendingImport => State::PendingImport,
        RefusedState::Unavailable => State::Unavailable,
        RefusedState::Other => return None,
    })
}
