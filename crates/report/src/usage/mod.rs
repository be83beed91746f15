//! How often who did what with which key: counted event by event, each once.
//!
//! States say what is true of a key and what is usual for it; they hold no exact counts by user and operation, which
//! an inventory is made of. So a [`Usage`] counts beside the States: [`Part`] is what one object adds, taken by a
//! worker, and [`Usage::absorb`] adds it, in the order of the objects.
//!
//! Who writes to a log decides how many keys, principals and resources there are, so everything is bounded
//! ([`Bounds`]). What is over a bound still counts for its key or at least as a number: [`Cut`] says how much.

mod part;
#[cfg(test)]
mod tests;
mod way;

pub use part::{Part, Spec};
pub use way::{CallKind, Contexts, Tally, Way};

use indexmap::IndexMap;
use kmswatch_engine::event::{ErrorClass, Operation, ResourceKind};
use kmswatch_engine::pipeline::SeenEvents;
use kmswatch_engine::time::Timestamp;
use part::{Call, GrantMark};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashSet};

type Hashed = foldhash::fast::RandomState;

/// How much is told apart.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Keys that are proved to exist.
    pub keys: usize,
    /// Names of keys that nothing proves: refused calls may name any.
    pub unproved_keys: usize,
    /// Ways of using a key: user, service between, operation, outcome, circumstances.
    pub ways: usize,
    /// Resources, over all keys.
    pub resources: usize,
    /// Days with use that are kept of a key, the newest.
    pub days: usize,
    /// Grants of a key that are followed from their making to their end.
    pub grants: usize,
    /// Ids of events that are remembered, so that a repeated one counts once.
    pub events: usize,
}

impl Default for Bounds {
    /// More than all but the largest estates have. All of it with the longest names there can be is about a gigabyte.
    fn default() -> Bounds {
        Bounds {
            keys: 20_000,
            unproved_keys: 2_000,
            ways: 300_000,
            resources: 4_000_000,
            days: 400,
            grants: 32,
            events: 2_000_000,
        }
    }
}

/// What was over a bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cut {
    /// Calls on keys that are not told apart any more.
    pub calls_of_other_keys: u64,
    /// Calls that count for their key, but for none of its users.
    pub calls_of_other_users: u64,
    /// Uses of resources that are not told apart any more.
    pub other_resources: u64,
    /// Whether repeated events may have been counted twice, since ids had to be forgotten.
    pub repetitions: bool,
}

impl Cut {
    /// Whether anything was cut.
    pub fn is_cut(&self) -> bool {
        *self != Cut::default()
    }
}

/// What is counted of one key, over all ways of using it.
#[derive(Clone, Debug, Default)]
pub struct KeyUsage {
    /// Whether a call proves that it exists.
    pub is_proved: bool,
    /// Acts of any kind and outcome: two accounts' copies of one are one.
    pub acts: u64,
    /// Calls that are counted for none of its users.
    pub of_other_users: u64,
    /// Cryptographic calls that succeeded, by UTC day since the epoch: the newest days.
    pub days: BTreeMap<i64, u64>,
    /// Of these the decryptions, and the data keys made, by the same days.
    pub decrypts_and_data_keys: BTreeMap<i64, [u64; 2]>,
    /// Distinct resources behind it, by kind: hashes of their ids.
    pub resources: BTreeMap<ResourceKind, HashSet<u64, Hashed>>,
    /// Whether there are more resources than could be told apart.
    pub resources_cut: bool,
    /// What CreateKey said.
    pub spec: Option<Spec>,
    /// Most calls with one encryption context by one user within a minute of one object.
    pub most_repeats: Option<Repeats>,
    /// Direct grants by id, with who made them and when, as far as they have not ended.
    pub grants: BTreeMap<Box<str>, (Box<str>, Timestamp)>,
    ended_grants: BTreeSet<Box<str>>,
    /// Whether there were more grants than are followed.
    pub grants_cut: bool,
}

/// Calls that a cache of data keys would have spared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Repeats {
    /// Calls in one minute with one context.
    pub calls: u32,
    /// The minute.
    pub minute: Timestamp,
    /// Who called.
    pub principal: String,
    /// Service between, empty for a direct call.
    pub via: String,
}

/// The counts of all keys.
#[derive(Debug, Default)]
pub struct Usage {
    bounds: Bounds,
    seen: SeenEvents,
    ways: IndexMap<Way, Tally, Hashed>,
    keys: IndexMap<Box<str>, KeyUsage, Hashed>,
    unproved: usize,
    resources: usize,
    cut: Cut,
}

impl Usage {
    /// Counts within `bounds`.
    pub fn new(bounds: Bounds) -> Usage {
        Usage { bounds, ..Usage::default() }
    }

    /// The ways of using keys, in the order in which they were met.
    pub fn ways(&self) -> impl Iterator<Item = (&Way, &Tally)> {
        self.ways.iter()
    }

    /// What is counted of each key, in the order in which they were met.
    pub fn keys(&self) -> impl Iterator<Item = (&str, &KeyUsage)> {
        self.keys.iter().map(|(arn, usage)| (arn.as_ref(), usage))
    }

    /// What was over a bound.
    pub fn cut(&self) -> Cut {
        Cut { repetitions: self.seen.has_forgotten(), ..self.cut }
    }

    /// Adds what an object holds.
    pub fn absorb(&mut self, part: Part) {
        let places: Vec<Option<usize>> = part.ways.iter().map(|(way, _)| self.key(way)).collect();
        for call in &part.calls {
            let Some((way, event_id)) = part.ways.get_index(call.way) else { continue };
            let hour = call.time.hour();
            if !self.seen.insert(hour, call.event) {
                continue;
            }
            let is_new_act = call.act.is_none_or(|act| self.seen.insert(hour, act));
            match places.get(call.way).copied().flatten() {
                Some(key) => self.count(call, way, event_id, key, is_new_act),
                None => self.cut.calls_of_other_keys += 1,
            }
        }
        self.seen.forget(self.bounds.events);
        for ((way, _, minute), calls) in part.repeats {
            if let Some((way, _)) = part.ways.get_index(way) {
                self.note_repeats(way, minute, calls);
            }
        }
        for (key, spec) in part.specs {
            if let Some(usage) = self.keys.get_mut(&key) {
                usage.spec.get_or_insert(spec);
            }
        }
        for mark in part.grants {
            if let Some(usage) = self.keys.get_mut(&mark.key) {
                usage.note_grant(mark, self.bounds.grants);
            }
        }
    }

    /// The place of the key of a way, if it is told apart.
    fn key(&mut self, way: &Way) -> Option<usize> {
        let proves = match way.call.class {
            None | Some(ErrorClass::KeyState) => way.key.contains(":key/"),
            Some(_) => false,
        };
        if let Some((place, _, usage)) = self.keys.get_full_mut(&way.key) {
            if proves && !usage.is_proved {
                usage.is_proved = true;
                self.unproved -= 1;
            }
            return Some(place);
        }
        let is_full = match proves {
            true => self.keys.len() - self.unproved >= self.bounds.keys,
            false => self.unproved >= self.bounds.unproved_keys,
        };
        if is_full {
            return None;
        }
        self.unproved += usize::from(!proves);
        let usage = KeyUsage { is_proved: proves, ..KeyUsage::default() };
        Some(self.keys.insert_full(way.key.clone(), usage).0)
    }

    fn count(&mut self, call: &Call, way: &Way, event_id: &str, key: usize, is_new_act: bool) {
        let Some((_, usage)) = self.keys.get_index_mut(key) else { return };
        if is_new_act {
            usage.acts += 1;
            if way.call.class.is_none() && way.call.operation.is_cryptographic() {
                *usage.days.entry(call.time.day()).or_default() += 1;
                if usage.days.len() > self.bounds.days {
                    usage.days.pop_first();
                }
                let is_data_key = way.call.operation.name().starts_with("GenerateDataKey");
                if is_data_key || way.call.operation == Operation::Decrypt {
                    let counts = usage.decrypts_and_data_keys.entry(call.time.day()).or_default();
                    let [decrypts, data_keys] = counts;
                    *(if is_data_key { data_keys } else { decrypts }) += 1;
                    if usage.decrypts_and_data_keys.len() > self.bounds.days {
                        usage.decrypts_and_data_keys.pop_first();
                    }
                }
            }
        }
        if let Some((kind, resource)) = call.resource {
            let of_kind = usage.resources.entry(kind).or_default();
            if self.resources < self.bounds.resources {
                self.resources += usize::from(of_kind.insert(resource));
            } else if !of_kind.contains(&resource) {
                usage.resources_cut = true;
                self.cut.other_resources += 1;
            }
        }
        let has_room = self.ways.len() < self.bounds.ways;
        match self.ways.get_mut(way) {
            Some(tally) => {
                tally.count += 1;
                tally.first = tally.first.min(call.time);
                tally.last = tally.last.max(call.time);
                tally.contexts = tally.contexts.and(call.contexts);
            }
            None if has_room => {
                let (first, last) = (call.time, call.time);
                let (contexts, event_id) = (call.contexts, event_id.into());
                self.ways.insert(way.clone(), Tally { count: 1, first, last, contexts, event_id });
            }
            None => {
                usage.of_other_users += 1;
                self.cut.calls_of_other_users += 1;
            }
        }
    }

    fn note_repeats(&mut self, way: &Way, minute: i64, calls: u32) {
        let Some(usage) = self.keys.get_mut(&way.key) else { return };
        if usage.most_repeats.as_ref().is_none_or(|most| most.calls < calls) {
            usage.most_repeats = Some(Repeats {
                calls,
                minute: Timestamp(minute.saturating_mul(60)),
                principal: way.principal.to_string(),
                via: way.via.to_string(),
            });
        }
    }
}

impl KeyUsage {
    /// Takes up that a grant was made or has ended, in either order.
    fn note_grant(&mut self, mark: GrantMark, bound: usize) {
        match mark.made {
            Some(made) if !self.ended_grants.contains(&mark.id) => {
                if self.grants.len() < bound {
                    self.grants.insert(mark.id, made);
                } else {
                    self.grants_cut = true;
                }
            }
            Some(_) => {}
            None => {
                self.grants.remove(&mark.id);
                // The end may come before the beginning, in another object.
                if self.ended_grants.len() < bound {
                    self.ended_grants.insert(mark.id);
                }
            }
        }
    }
}
