use super::{Sign, Signal, names, uses_of};
use crate::inventory::{Inventory, KeyEntry, User};
use crate::usage::Contexts;
use crate::words::many;
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "constant_context",
    title: "The same encryption context for everything",
    severity: Severity::Info,
    advice: "Put into the encryption context what tells one thing from another (tenant, record, file). One that is the same \
             for all binds a ciphertext to nothing, and the log does not say what was opened.",
    caveat: "A program that has one thing to protect has one context by right. Calls through AWS services are left out.",
    look,
};

/// Direct uses from which on it is no accident that all have one context.
const MANY: u64 = 100;

fn look(inventory: &Inventory) -> Vec<Sign> {
    inventory.keys.iter().flat_map(|key| key.users.iter().filter_map(|user| sign(key, user))).collect()
}

fn sign(key: &KeyEntry, user: &User) -> Option<Sign> {
    let is_one = matches!(user.contexts, Contexts::One(_));
    (user.via.is_empty() && is_one && user.uses >= MANY).then(|| {
        let who = names([user.principal.as_str()].into_iter());
        let says = format!("{} by {who} all had the same encryption context.", many(user.uses, "use"));
        Sign::of(key, says).by([user.principal.as_str()]).with(uses_of(user))
    })
}
