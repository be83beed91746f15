use super::{Sign, Signal, calls, noted};
use crate::facts::Fact;
use crate::inventory::{Inventory, Note};
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "secret_in_context",
    title: "Secrets or people in the encryption context",
    severity: Severity::Medium,
    advice: "Put ids into the encryption context, and nothing that is secret or personal: it stands in every log in clear, \
             for all who may read one. What stands there already is to be replaced.",
    caveat: "Told by the look of names and values: access keys, private keys, tokens, addresses of e-mail. What looks \
             like none of these is not seen. The values are not shown here.",
    look,
};

fn look(inventory: &Inventory) -> Vec<Sign> {
    noted(
        inventory,
        Note::Fact(Fact::SecretInContext),
        |_| true,
        |evidence, who| {
            format!(
                "{} by {who} had an encryption context that looks like a secret or an address.",
                calls(evidence.count)
            )
        },
    )
}
