use super::{Sign, Signal, calls, noted};
use crate::facts::Fact;
use crate::inventory::{Inventory, KeyEntry, Note};
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "no_encryption_context",
    title: "Encrypted without an encryption context",
    severity: Severity::Low,
    advice: "Pass an encryption context that says what the data belongs to (tenant, table, purpose). It binds a \
             ciphertext to its place, can be asked for in policies and grants, and makes the log readable. It stands in \
             the log in clear, so no secrets in it.",
    caveat: "Asymmetric and HMAC keys cannot have one and are left out where the record tells. Some libraries send none.",
    look,
};

fn look(inventory: &Inventory) -> Vec<Sign> {
    // Keys whose algorithm no record names are told apart by what else they do.
    let is_symmetric = |key: &KeyEntry| {
        !["Sign", "Verify", "GetPublicKey", "GenerateMac"]
            .iter()
            .any(|name| key.operations.contains_key(name))
    };
    noted(inventory, Note::Fact(Fact::NoContext), is_symmetric, |evidence, who| {
        format!("{} by {who} had no encryption context.", calls(evidence.count))
    })
}
