use super::{Sign, Signal, calls, noted};
use crate::inventory::{Inventory, Note};
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "context_mismatch",
    title: "Calls whose ciphertext or context does not fit",
    severity: Severity::Info,
    advice: "Look at the callers' configuration: an encryption context that differs between writer and reader, or a \
             ciphertext of another key, is mostly an error of a deployment.",
    caveat: "Somebody who tries out ciphertexts looks like this as well; in great numbers that is a finding \
             (ciphertext_probed).",
    look,
};

fn look(inventory: &Inventory) -> Vec<Sign> {
    noted(
        inventory,
        Note::Mismatch,
        |_| true,
        |evidence, who| format!("{} by {who} did not fit.", calls(evidence.count)),
    )
}
