use super::{Sign, Signal};
use crate::inventory::{Evidence, Inventory, KeyEntry};
use kmswatch_engine::finding::Severity;
use kmswatch_engine::time::{DAY, Timestamp};

pub(super) const SIGNAL: Signal = Signal {
    id: "decrypts_per_data_key",
    title: "Data keys are opened far more, or far less, often than before",
    severity: Severity::Info,
    advice: "Ask what has changed: a cache of data keys that was lost or added, a new reader of old data, a program that \
             writes and is not read.",
    caveat: "The last week against all before, from three weeks of logs on. A yearly evaluation of old data looks like this.",
    look,
};

/// Days that are compared with those before, and the fewest of those before.
const WEEK: i64 = 7;
const LEAST_BEFORE: usize = 14;
/// Data keys made and decryptions in each of the two times, from which on their ratio says something.
const LEAST_DATA_KEYS: u64 = 20;
const LEAST_DECRYPTS: u64 = 20;
/// How many times the ratio before it is, or how many times less.
const FAR: f64 = 5.0;

fn look(inventory: &Inventory) -> Vec<Sign> {
    let since = inventory.as_of.day() - WEEK;
    inventory.keys.iter().filter_map(|key| sign(key, since)).collect()
}

fn sign(key: &KeyEntry, since: i64) -> Option<Sign> {
    let days = &key.decrypts_and_data_keys;
    let sum = |days: &mut dyn Iterator<Item = &[u64; 2]>| {
        days.fold((0, 0), |(decrypts, data_keys), day| (decrypts + day[0], data_keys + day[1]))
    };
    if days.range(..=since).count() < LEAST_BEFORE {
        return None;
    }
    let before = sum(&mut days.range(..=since).map(|(_, day)| day));
    let now = sum(&mut days.range(since + 1..).map(|(_, day)| day));
    let ratio = |(decrypts, data_keys): (u64, u64)| {
        let is_enough = data_keys >= LEAST_DATA_KEYS && decrypts >= LEAST_DECRYPTS;
        is_enough.then(|| decrypts as f64 / data_keys as f64)
    };
    let (usual, last) = (ratio(before)?, ratio(now)?);
    (last >= FAR * usual || last * FAR <= usual).then(|| {
        let says =
            format!("In its last week {last:.1} decryptions for each data key made, {usual:.1} before.");
        let at = |day: i64| Timestamp(day.saturating_mul(DAY));
        let first = days.range(since + 1..).next().map_or(since + 1, |(day, _)| *day);
        let last = days.keys().next_back().map_or(first, |day| *day);
        let evidence = Evidence { count: now.0, first: at(first), last: at(last + 1), event_ids: Vec::new() };
        Sign::of(key, says).with(evidence)
    })
}
