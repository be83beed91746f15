use super::{Sign, Signal, calls, noted};
use crate::facts::Fact;
use crate::inventory::{Inventory, Note};
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "no_second_factor",
    title: "Keys administered without a second factor",
    severity: Severity::Medium,
    advice: "Ask for it in the key policy (aws:MultiFactorAuthPresent), or let people administer keys through IAM Identity \
             Center, which asks for it before.",
    caveat: "Users and root alone: sessions of roles say no to this even where a second factor was asked for before.",
    look,
};

fn look(inventory: &Inventory) -> Vec<Sign> {
    noted(
        inventory,
        Note::Fact(Fact::NoMfa),
        |_| true,
        |evidence, who| {
            format!("{} that change who can use it, or whether anybody can, by {who}.", calls(evidence.count))
        },
    )
}
