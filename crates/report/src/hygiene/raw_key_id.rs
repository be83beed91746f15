use super::{Sign, Signal, calls, noted};
use crate::facts::Fact;
use crate::inventory::{Inventory, Note};
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "raw_key_id",
    title: "Called by a bare key id",
    severity: Severity::Info,
    advice: "Name keys by an alias, so that a key can be replaced without a change of code; for another account's key, \
             or to pin the key of a Decrypt, by its ARN.",
    caveat: "A bare id works and is no danger. Some tools resolve aliases themselves.",
    look,
};

fn look(inventory: &Inventory) -> Vec<Sign> {
    noted(
        inventory,
        Note::Fact(Fact::ByKeyId),
        |key| !key.foreign,
        |evidence, who| format!("{} by {who} named it by its bare id.", calls(evidence.count)),
    )
}
