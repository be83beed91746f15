//! How large States are when they are stored.

use super::statement::Class;
use kmswatch_engine::state::{States, stored};
use serde::Serialize;

/// The stored form of one entity's State.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// `None` for an account.
    pub(crate) class: Option<Class>,
    pub(crate) bytes: usize,
}

/// The sizes of all States; one that cannot be stored has none.
pub(crate) fn of(states: &States) -> Vec<Size> {
    let size = |class, bytes: Option<usize>| bytes.map(|bytes| Size { class, bytes });
    let keys = states.keys.values().filter_map(|state| size(Some(Class::Key), length(state)));
    let principals =
        states.principals.iter().filter_map(|(id, state)| size(Some(Class::of(id)), length(state)));
    let accounts = states.accounts.values().filter_map(|state| size(None, length(state)));
    keys.chain(principals).chain(accounts).collect()
}

fn length<T: Serialize>(state: &T) -> Option<usize> {
    stored::encode(state).ok().map(|bytes| bytes.len())
}
