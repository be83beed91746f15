use super::{Sign, Signal, calls, noted};
use crate::facts::Fact;
use crate::inventory::{Inventory, Note};
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "long_term_credentials",
    title: "Used with access keys that do not expire",
    severity: Severity::Low,
    advice: "Use roles: of instances, functions, containers, or IAM Roles Anywhere outside of AWS. An access key of a \
             user that leaks opens what it opens until somebody notices.",
    caveat: "Some programs outside of AWS have no other way.",
    look,
};

fn look(inventory: &Inventory) -> Vec<Sign> {
    noted(
        inventory,
        Note::Fact(Fact::LongTermCredentials),
        |_| true,
        |evidence, who| {
            format!("{} by {who} with an access key that does not expire.", calls(evidence.count))
        },
    )
}
