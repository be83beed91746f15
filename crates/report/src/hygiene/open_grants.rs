use super::{Sign, Signal, days_between, many, names};
use crate::inventory::{Grant, Inventory, KeyEntry};
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "open_grants",
    title: "Grants that nobody has ended",
    severity: Severity::Info,
    advice: "See them with `aws kms list-grants`, and end those that are not needed with `aws kms revoke-grant`: a grant \
             shows in no policy and lasts until somebody ends it.",
    caveat: "Some are meant to last. Those made by AWS services live as long as what they were made for, and are left out.",
    look,
};

/// Days after which a grant that was not ended is worth a look.
const DAYS: i64 = 7;

fn look(inventory: &Inventory) -> Vec<Sign> {
    inventory.keys.iter().filter_map(|key| sign(key, inventory)).collect()
}

fn sign(key: &KeyEntry, inventory: &Inventory) -> Option<Sign> {
    let is_old = |grant: &&Grant| days_between(grant.at, inventory.as_of) >= DAYS;
    let old: Vec<&Grant> = key.open_grants.iter().filter(is_old).collect();
    let oldest = old.iter().map(|grant| grant.at).min()?;
    let who = names(old.iter().map(|grant| grant.by.as_str()));
    let more = if key.grants_cut { " at least" } else { "" };
    let says =
        format!("{}{more} made by {who} not ended, the oldest of {oldest}.", many(old.len() as u64, "grant"));
    Some(Sign::of(key, says).by(old.iter().map(|grant| grant.by.as_str())))
}
