use super::{Sign, Signal, days_between};
use crate::inventory::{Inventory, KeyEntry, State};
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "unused_key",
    title: "Keys that nobody uses",
    severity: Severity::Info,
    advice: "Ask `aws kms get-key-last-usage`, then disable the key and watch whether anybody misses it \
             (`kmswatch report --key KEY` says how); delete it only after that.",
    caveat: "Never delete from logs alone: backups and archives are read seldom, and a trail may leave KMS out.",
    look,
};

/// Days without use from which on a key counts as unused. Most that is done at all is done monthly.
const DAYS: i64 = 30;

fn look(inventory: &Inventory) -> Vec<Sign> {
    if inventory.days < DAYS as f64 {
        return never_used(inventory);
    }
    let mut signs = never_used(inventory);
    for key in inventory.keys.iter().filter(|key| can_be_used(key)) {
        if let Some(last) = key.last_use {
            let days = days_between(last, inventory.as_of);
            if days >= DAYS {
                signs.push(Sign::of(key, format!("Not used for {days} days, last at {last}.")));
            }
        }
    }
    signs
}

/// Keys that something was done with, but that were not used in all of the logs.
fn never_used(inventory: &Inventory) -> Vec<Sign> {
    let never = inventory.keys.iter().filter(|key| can_be_used(key) && key.last_use.is_none());
    never
        .map(|key| Sign::of(key, format!("No use in {:.0} days of logs.", inventory.days.max(1.0))))
        .collect()
}

fn can_be_used(key: &KeyEntry) -> bool {
    key.is_own_customer_key() && key.state != State::PendingDeletion
}
