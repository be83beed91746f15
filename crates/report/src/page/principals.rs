//! The inventory turned round: what each principal does with which keys.

use super::PrincipalRow;
use crate::inventory::{Evidence, Inventory, Note, User, short};
use kmswatch_engine::time::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// Keys of a principal that are listed, those that it calls most.
const KEYS: usize = 200;

/// A principal with its keys.
#[derive(Debug, Serialize)]
pub(super) struct Principal<'a> {
    pub(super) id: &'a str,
    kind: &'static str,
    account: &'a str,
    calls: u64,
    first: Timestamp,
    last: Timestamp,
    notes: BTreeMap<Note, Evidence>,
    errors: BTreeMap<&'static str, u64>,
    /// Place of the key in the inventory, service between, calls, uses, last call.
    keys: Vec<(usize, &'a str, u64, u64, Timestamp)>,
    key_count: usize,
}

/// All principals, those with most calls first.
pub(super) fn of(inventory: &Inventory) -> Vec<Principal<'_>> {
    let mut all: BTreeMap<&str, Principal<'_>> = BTreeMap::new();
    for (at, key) in inventory.keys.iter().enumerate() {
        for user in &key.users {
            let principal = all.entry(&user.principal).or_insert_with(|| Principal::new(user));
            principal.take(at, user);
        }
    }
    let mut all: Vec<Principal<'_>> = all.into_values().collect();
    for principal in &mut all {
        principal.keys.sort_by(|a, b| (b.2, a.0, a.1).cmp(&(a.2, b.0, b.1)));
        principal.key_count = principal.keys.len();
        principal.keys.truncate(KEYS);
    }
    all.sort_by(|a, b| (b.calls, a.id).cmp(&(a.calls, b.id)));
    all
}

/// What the list shows, in the same order.
pub(super) fn rows(inventory: &Inventory) -> Vec<PrincipalRow<'_>> {
    of(inventory)
        .into_iter()
        .map(|one| (one.id, short(one.id), one.kind, one.account, one.calls, one.key_count, one.last))
        .collect()
}

impl<'a> Principal<'a> {
    fn new(user: &'a User) -> Principal<'a> {
        Principal {
            id: &user.principal,
            kind: user.kind,
            account: &user.account,
            calls: 0,
            first: user.first,
            last: user.last,
            notes: BTreeMap::new(),
            errors: BTreeMap::new(),
            keys: Vec::new(),
            key_count: 0,
        }
    }

    fn take(&mut self, key: usize, user: &'a User) {
        self.calls += user.calls;
        self.first = self.first.min(user.first);
        self.last = self.last.max(user.last);
        for (error, n) in &user.errors {
            *self.errors.entry(error).or_default() += n;
        }
        for (note, evidence) in &user.notes {
            match self.notes.get_mut(note) {
                Some(known) => known.add(evidence),
                None => {
                    self.notes.insert(*note, evidence.clone());
                }
            }
        }
        self.keys.push((key, &user.via, user.calls, user.uses, user.last));
    }
}
