use super::{Sign, Signal, calls, noted};
use crate::facts::Fact;
use crate::inventory::{Inventory, Note};
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "old_tls",
    title: "Old TLS",
    severity: Severity::Low,
    advice: "Update the SDK or the operating system of the caller: KMS asks for TLS 1.2 at least.",
    caveat: "Calls by AWS services carry no TLS details.",
    look,
};

fn look(inventory: &Inventory) -> Vec<Sign> {
    noted(
        inventory,
        Note::Fact(Fact::OldTls),
        |_| true,
        |evidence, who| format!("{} by {who} with TLS before 1.2.", calls(evidence.count)),
    )
}
