//! What is remembered of an entity: values that merge in any order, any number of times.
//!
//! A State is a join-semilattice: [`Merge::merge`] is commutative, associative and idempotent. What one object
//! adds (the Delta) is itself a small [`States`], so applying an object twice, or two objects in either order,
//! gives the same States.

pub mod distinct;

use crate::estate::Estate;
use crate::event::Event;
use indexmap::IndexMap;

/// A value that grows by union with others of its kind.
pub trait Merge {
    /// The least upper bound of both, in `self`.
    fn merge(&mut self, other: &Self);
}

/// What is remembered of one key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyState {}

/// What is remembered of one principal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PrincipalState {}

/// What is remembered of one account.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccountState {}

/// The States of many entities: all that are known, or those that one object touches (a Delta).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct States {
    /// By key ARN.
    pub keys: IndexMap<String, KeyState>,
    /// By principal id.
    pub principals: IndexMap<String, PrincipalState>,
    /// By account id.
    pub accounts: IndexMap<String, AccountState>,
}

impl States {
    /// Takes up what `event` says about its entities.
    pub fn observe(&mut self, _event: &Event<'_>, _estate: &Estate) {}
}

impl Merge for KeyState {
    fn merge(&mut self, _other: &Self) {}
}

impl Merge for PrincipalState {
    fn merge(&mut self, _other: &Self) {}
}

impl Merge for AccountState {
    fn merge(&mut self, _other: &Self) {}
}
