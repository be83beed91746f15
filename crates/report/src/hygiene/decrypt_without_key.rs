use super::{Sign, Signal, calls, noted};
use crate::facts::Fact;
use crate::inventory::{Inventory, Note};
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "decrypt_without_key",
    title: "Decrypted without naming the key",
    severity: Severity::Info,
    advice: "Pass the key to Decrypt. Else KMS takes whichever key the ciphertext names, also one that somebody else \
             has made and put there.",
    caveat: "Allowed, and what most libraries do. Calls through AWS services are left out.",
    look,
};

fn look(inventory: &Inventory) -> Vec<Sign> {
    noted(
        inventory,
        Note::Fact(Fact::NoKeyNamed),
        |_| true,
        |evidence, who| {
            format!(
                "{} of Decrypt by {who} left the choice of the key to the ciphertext.",
                calls(evidence.count)
            )
        },
    )
}
