use super::{Sign, Signal, days_between, names};
use crate::inventory::{Inventory, KeyEntry, User};
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "unused_access",
    title: "Access that is no longer used",
    severity: Severity::Info,
    advice: "Take the access away, from key policy, grants and IAM policies: what is not used is not missed, and what an \
             intruder finds should open nothing.",
    caveat: "Quarterly and yearly work, and break-glass roles. Only access that was used once shows in logs.",
    look,
};

/// Days without use from which on access counts as unused.
const DAYS: i64 = 30;

fn look(inventory: &Inventory) -> Vec<Sign> {
    inventory
        .keys
        .iter()
        .filter(|key| key.is_own_customer_key())
        .filter_map(|key| sign(key, inventory))
        .collect()
}

fn sign(key: &KeyEntry, inventory: &Inventory) -> Option<Sign> {
    let is_idle = |user: &&User| {
        user.last_use.is_some_and(|last| days_between(last, inventory.as_of) >= DAYS)
            // The same principal may still come by another way.
            && !key.users.iter().any(|other| {
                other.principal == user.principal
                    && other.last_use.is_some_and(|last| days_between(last, inventory.as_of) < DAYS)
            })
    };
    let idle: Vec<&User> = key.users.iter().filter(is_idle).collect();
    if idle.is_empty() {
        return None;
    }
    let who = names(idle.iter().map(|user| user.principal.as_str()));
    let says = format!("Not used for {DAYS} days and more by {who}.");
    Some(Sign::of(key, says).by(idle.iter().map(|user| user.principal.as_str())))
}
