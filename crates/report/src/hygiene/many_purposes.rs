use super::{Sign, Signal};
use crate::inventory::{Inventory, KeyEntry};
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "many_purposes",
    title: "One key for many purposes",
    severity: Severity::Info,
    advice: "Use a key for each purpose and owner: then a policy can be narrow, a loss is contained, and the log says \
             who touched what.",
    caveat: "Keys of a data platform serve many services by design.",
    look,
};

/// Services, direct use counting as one, beyond which a key has many purposes: three go together in most applications
/// (a bucket, a queue, a secret).
const FEW: usize = 3;

fn look(inventory: &Inventory) -> Vec<Sign> {
    inventory.keys.iter().filter(|key| key.is_own_customer_key()).filter_map(sign).collect()
}

fn sign(key: &KeyEntry) -> Option<Sign> {
    let used = || key.users.iter().filter(|user| user.uses > 0);
    let mut purposes: Vec<&str> =
        used().map(|user| if user.via.is_empty() { "direct calls" } else { user.via.as_str() }).collect();
    purposes.sort_unstable();
    purposes.dedup();
    (purposes.len() > FEW).then(|| {
        let says = format!("It serves {} purposes: {}.", purposes.len(), purposes.join(", "));
        Sign::of(key, says).by(used().map(|user| user.principal.as_str()))
    })
}
