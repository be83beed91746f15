use super::{Sign, Signal, names};
use crate::inventory::Inventory;
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "aws_managed_key",
    title: "Own data under keys that AWS manages",
    severity: Severity::Info,
    advice: "For data that matters use a key of your own: then you decide who may use it, can share it with another \
             account, and can take it away.",
    caveat: "Fine for what needs no policy of its own. The alias alone tells, so a key that was never called by it is not \
             recognised.",
    look,
};

fn look(inventory: &Inventory) -> Vec<Sign> {
    let used = inventory.keys.iter().filter(|key| key.is_aws_managed() && key.last_use.is_some());
    used.map(|key| {
        let who = names(key.users.iter().filter(|user| user.uses > 0).map(|user| user.principal.as_str()));
        Sign::of(key, format!("Used by {who}.")).by(key
            .users
            .iter()
            .filter(|user| user.uses > 0)
            .map(|user| user.principal.as_str()))
    })
    .collect()
}
