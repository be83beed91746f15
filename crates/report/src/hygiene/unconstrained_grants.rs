use super::{Sign, Signal, calls, noted};
use crate::facts::Fact;
use crate::inventory::{Inventory, Note};
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "unconstrained_grants",
    title: "Grants without constraints",
    severity: Severity::Info,
    advice: "Constrain grants by an encryption context, to the data that they are for.",
    caveat: "Grants for asymmetric keys cannot be constrained. Those made by AWS services are left out.",
    look,
};

fn look(inventory: &Inventory) -> Vec<Sign> {
    noted(
        inventory,
        Note::Fact(Fact::UnconstrainedGrant),
        |_| true,
        |evidence, who| format!("{} of CreateGrant by {who} without a constraint.", calls(evidence.count)),
    )
}
