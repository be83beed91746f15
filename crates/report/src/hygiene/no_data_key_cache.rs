use super::{Sign, Signal, names};
use crate::inventory::{Evidence, Inventory, KeyEntry};
use kmswatch_engine::finding::Severity;
use kmswatch_engine::time::MINUTE;

pub(super) const SIGNAL: Signal = Signal {
    id: "no_data_key_cache",
    title: "The same data key again and again",
    severity: Severity::Info,
    advice: "Cache data keys (the AWS Encryption SDK can), or switch S3 Bucket Keys on: fewer calls, less cost, and the \
             quota of the account is left to those who need it.",
    caveat: "Counted within single log objects, so there may be more. With one constant context different data looks \
             alike.",
    look,
};

/// Calls a minute with one context from which on a cache is worth its while: one every two seconds.
const MANY: u32 = 30;

fn look(inventory: &Inventory) -> Vec<Sign> {
    inventory.keys.iter().filter_map(sign).collect()
}

fn sign(key: &KeyEntry) -> Option<Sign> {
    let most = key.most_repeats.as_ref().filter(|most| most.calls >= MANY)?;
    let via = if most.via.is_empty() { String::new() } else { format!(" through {}", most.via) };
    let says = format!(
        "{} made {} calls with one encryption context within a minute{via}.",
        names([most.principal.as_str()].into_iter()),
        most.calls
    );
    let evidence = Evidence {
        count: most.calls.into(),
        first: most.minute,
        last: most.minute.plus(MINUTE),
        event_ids: Vec::new(),
    };
    Some(Sign::of(key, says).by([most.principal.as_str()]).with(evidence))
}
