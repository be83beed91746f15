use super::{Sign, Signal, calls, noted};
use crate::inventory::{Inventory, Note};
use kmswatch_engine::finding::Severity;

pub(super) const SIGNAL: Signal = Signal {
    id: "throttled",
    title: "Calls were throttled",
    severity: Severity::Low,
    advice: "Look who makes most calls in that account and Region, since all share its quota; cache data keys, use S3 \
             Bucket Keys, or ask for a higher quota.",
    caveat: "A single burst that is tried again does no harm.",
    look,
};

fn look(inventory: &Inventory) -> Vec<Sign> {
    noted(
        inventory,
        Note::Throttled,
        |_| true,
        |evidence, who| {
            format!("{} by {who} were refused since the quota was exhausted.", calls(evidence.count))
        },
    )
}
