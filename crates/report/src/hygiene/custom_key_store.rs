use super::{Sign, Signal};
use crate::inventory::{Inventory, KeyEntry};
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "custom_key_store",
    title: "Keys in custom key stores, and keys with material from outside",
    severity: Severity::Info,
    advice: "Check that somebody owns the cluster, the proxy or the copy of the material: AWS cannot bring it back. Rehearse \
             the loss of it.",
    caveat: "Told only of keys whose making is in the logs.",
    look,
};

fn look(inventory: &Inventory) -> Vec<Sign> {
    inventory.keys.iter().filter(|key| !key.foreign).filter_map(sign).collect()
}

fn sign(key: &KeyEntry) -> Option<Sign> {
    let says = match (key.origin.as_deref(), &key.spec.key_store) {
        (Some("AWS_CLOUDHSM"), _) => "Its material lies in an AWS CloudHSM cluster.",
        (Some("EXTERNAL_KEY_STORE"), _) => "Its material lies outside of AWS, in an external key store.",
        (Some("EXTERNAL"), _) => "Its material was imported: only its owner can import it again.",
        (_, Some(_)) => "It lies in a custom key store.",
        _ => return None,
    };
    Some(Sign::of(key, says.to_owned()))
}
