use super::{Sign, Signal, names, united};
use crate::inventory::{Evidence, Inventory, KeyEntry, User};
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "root_use",
    title: "Root uses or administers keys",
    severity: Severity::Medium,
    advice: "Use a role instead. Only opening a key policy that locks everybody out needs somebody who can change it; \
             take the credentials of root out of use.",
    caveat: "Calls of AWS support and of the console may be written under root.",
    look,
};

fn look(inventory: &Inventory) -> Vec<Sign> {
    inventory.keys.iter().filter_map(sign).collect()
}

fn sign(key: &KeyEntry) -> Option<Sign> {
    let root: Vec<&User> = key.users.iter().filter(|user| user.kind == "root").collect();
    let all: Vec<Evidence> = root
        .iter()
        .map(|user| Evidence { count: user.calls, first: user.first, last: user.last, event_ids: Vec::new() })
        .collect();
    let evidence = united(all.iter())?;
    let mut called: Vec<&str> = root.iter().flat_map(|user| user.operations.keys().copied()).collect();
    called.sort_unstable();
    called.dedup();
    let who = names(root.iter().map(|user| user.account.as_str()));
    let says = if called.is_empty() {
        format!("Root of account {who} tried to use it, in vain.")
    } else {
        format!("Root of account {who} called {}.", called.join(", "))
    };
    Some(Sign::of(key, says).by(root.iter().map(|user| user.principal.as_str())).with(evidence))
}
