use super::{Sign, Signal};
use crate::inventory::{Inventory, KeyEntry, State};
use kmswatch_engine::finding::Severity;
use kmswatch_engine::time::DAY;

pub(super) const SIGNAL: Signal = Signal {
    id: "material_expires",
    title: "Imported key material expires soon",
    severity: Severity::Medium,
    advice: "Import the same material again with a later date, or without one: when it expires, KMS deletes it at once, and \
             everything under the key cannot be read until it is back.",
    caveat: "Told only where the import is in the logs.",
    look,
};

/// Days ahead that are worth a note: time to find those who hold the material.
const DAYS: i64 = 30;

fn look(inventory: &Inventory) -> Vec<Sign> {
    inventory.keys.iter().filter(|key| !key.foreign).filter_map(|key| sign(key, inventory)).collect()
}

fn sign(key: &KeyEntry, inventory: &Inventory) -> Option<Sign> {
    let at =
        key.material_expires_at.filter(|_| !matches!(key.state, State::Deleted | State::PendingImport))?;
    let left = at.since(inventory.as_of) / DAY;
    (left < DAYS).then(|| match left {
        0.. => Sign::of(key, format!("Expires at {at}, in {left} days.")),
        _ => Sign::of(key, format!("Has expired at {at}.")),
    })
}
