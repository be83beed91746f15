use super::{Sign, Signal, calls, noted};
use crate::facts::Fact;
use crate::inventory::{Inventory, Note};
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "people_decrypt",
    title: "People use the key themselves",
    severity: Severity::Low,
    advice: "Let programs decrypt, and people ask programs. Where people must, give them a role of their own for it that \
             is watched, with a reason that is written down.",
    caveat: "Emergencies and investigations look like this. Calls of the console on behalf of a person count, too.",
    look,
};

fn look(inventory: &Inventory) -> Vec<Sign> {
    noted(
        inventory,
        Note::Fact(Fact::ByPerson),
        |key| !key.is_aws_managed(),
        |evidence, who| format!("{} for cryptography by people: {who}.", calls(evidence.count)),
    )
}
