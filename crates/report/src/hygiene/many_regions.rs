use super::{Sign, Signal};
use crate::inventory::{Inventory, KeyEntry, State};
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "many_regions",
    title: "Multi-Region keys and where they lie",
    severity: Severity::Info,
    advice: "Keep only the copies that are needed: each opens everything, has a policy of its own, and costs as much as a \
             key.",
    caveat: "Copies in Regions whose logs were not read are not seen.",
    look,
};

fn look(inventory: &Inventory) -> Vec<Sign> {
    inventory
        .keys
        .iter()
        .filter(|key| key.multi_region && key.is_own_customer_key())
        .filter_map(sign)
        .collect()
}

fn sign(key: &KeyEntry) -> Option<Sign> {
    let region = |arn: &String| arn.split(':').nth(3).unwrap_or_default().to_owned();
    let mut regions: Vec<String> = key.copies.iter().map(region).collect();
    regions.sort_unstable();
    let unused = if key.last_use.is_none() && key.state != State::PendingDeletion {
        " This copy was not used in these logs."
    } else {
        ""
    };
    (!regions.is_empty())
        .then(|| Sign::of(key, format!("In {}, and in {}.{unused}", key.region, regions.join(", "))))
}
