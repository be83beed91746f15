use super::{Sign, Signal, calls, noted};
use crate::inventory::{Inventory, Note};
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "key_not_usable",
    title: "Keys that are needed and cannot be used",
    severity: Severity::Medium,
    advice: "These callers will break for good when the key is deleted. Make it usable again, or move them to another key \
             while it can still decrypt.",
    caveat: "Key stores that are unavailable for a moment show here, too.",
    look,
};

fn look(inventory: &Inventory) -> Vec<Sign> {
    let mut signs = noted(
        inventory,
        Note::KeyNotUsable,
        |_| true,
        |evidence, who| {
            format!("{} by {who} were refused because of the state of the key.", calls(evidence.count))
        },
    );
    for sign in &mut signs {
        if let Some(key) = inventory.keys.iter().find(|key| key.arn == sign.key) {
            sign.says.push_str(&format!(" It is {}.", key.state.words()));
        }
    }
    signs
}
