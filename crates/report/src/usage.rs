//! How often who did what with which key: counted event by event, each once.
//!
//! States say what is true of a key and what is usual for it; they hold no exact counts by user and operation, which
//! an inventory is made of. So a [`Usage`] counts beside the States: [`Part`] is what one object adds, taken by a
//! worker, and [`Usage::absorb`] adds it, in the order of the objects.
//!
//! Who writes to a log decides how many keys, principals and resources there are, so everything is bounded
//! ([`Bounds`]). What is over a bound still counts for its key or at least as a number: [`Cut`] says how much.

use crate::facts::Facts;
use indexmap::{Equivalent, IndexMap};
use kmswatch_engine::event::{
    ErrorClass, Event, Key, Operation, Params, PrincipalKind, ResourceKind, Source,
};
use kmswatch_engine::pipeline::SeenEvents;
use kmswatch_engine::state::RefusedState;
use kmswatch_engine::time::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::{Hash, Hasher};
use xxhash_rust::xxh3::xxh3_64;

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
    /// More than the largest estates have, in less than a gigabyte at the very worst.
    fn default() -> Bounds {
        Bounds {
            keys: 50_000,
            unproved_keys: 2_000,
            ways: 500_000,
            resources: 4_000_000,
            days: 800,
            grants: 256,
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

/// One way of using a key: what a call has in common with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Key ARN, or the ARN of an alias where the record names no key.
    pub key: Box<str>,
    /// Stable id of the principal.
    pub principal: Box<str>,
    /// Service between the principal and KMS; empty for a direct call.
    pub via: Box<str>,
    /// Account of the principal, empty if not known.
    pub account: Box<str>,
    /// What cannot differ for one principal, and the call itself.
    pub call: CallKind,
}

/// The parts of a [`Way`] that are small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallKind {
    /// Kind of the principal.
    pub kind: PrincipalKind,
    /// What was called.
    pub operation: Operation,
    /// How it failed; `None` for success.
    pub class: Option<ErrorClass>,
    /// Of a key that could not be used: its state.
    pub refused: Option<RefusedState>,
    /// Circumstances.
    pub facts: Facts,
}

/// A [`Way`] whose texts are borrowed, to look one up.
struct WayRef<'a>([&'a str; 4], CallKind);

impl Way {
    fn parts(&self) -> [&str; 4] {
        [&self.key, &self.principal, &self.via, &self.account]
    }
}

impl Hash for Way {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.parts(), self.call).hash(state);
    }
}

impl Hash for WayRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.0, self.1).hash(state);
    }
}

impl Equivalent<Way> for WayRef<'_> {
    fn equivalent(&self, way: &Way) -> bool {
        self.1 == way.call && self.0 == way.parts()
    }
}

/// Calls of one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Distinct events.
    pub count: u64,
    /// The first event.
    pub first: Timestamp,
    /// The last event.
    pub last: Timestamp,
    /// Id of the event that was met first.
    pub event_id: Box<str>,
}

/// A call as a part holds it.
#[derive(Clone, Copy, Debug)]
struct Call {
    way: usize,
    time: Timestamp,
    event: u64,
    /// What two accounts' copies of the event have in common.
    act: Option<u64>,
    resource: Option<(ResourceKind, u64)>,
}

/// A grant that was made, or ended.
#[derive(Clone, Debug)]
struct GrantMark {
    key: Box<str>,
    id: Box<str>,
    /// Who made it and when; `None` for its end.
    made: Option<(Box<str>, Timestamp)>,
}

/// What one object adds.
#[derive(Clone, Debug, Default)]
pub struct Part {
    ways: IndexMap<Way, Box<str>, Hashed>,
    calls: Vec<Call>,
    /// Calls with one context by one way of use within a minute, by way, context and minute.
    repeats: IndexMap<(usize, u64, i64), u32, Hashed>,
    specs: Vec<(Box<str>, Spec)>,
    grants: Vec<GrantMark>,
}

/// What CreateKey says of a key and no State keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Spec {
    /// `keySpec`, such as `SYMMETRIC_DEFAULT` or `RSA_2048`.
    pub spec: Option<String>,
    /// `keyUsage`, such as `ENCRYPT_DECRYPT`.
    pub usage: Option<String>,
    /// `customKeyStoreId`.
    pub key_store: Option<String>,
}

/// Longest text of a specification that is kept, in bytes.
const LONGEST: usize = 64;

impl Part {
    /// Takes up an event. Those of other services, and those without a key, count for no key.
    pub fn take(&mut self, event: &Event<'_>) {
        if event.source != Source::Kms {
            return;
        }
        if let Some(key) = &event.key {
            self.take_for(event, key, false);
        }
        // ReEncrypt from a key to itself, under another context, is one use of it.
        let source = event.key.as_ref().map(|key| &key.arn);
        if let Some(key) = event.destination_key.as_ref().filter(|key| Some(&key.arn) != source) {
            self.take_for(event, key, true);
        }
    }

    fn take_for(&mut self, event: &Event<'_>, key: &Key<'_>, is_destination: bool) {
        let via = event.principal.via_service.as_deref().unwrap_or_default();
        let account = event.principal.account.as_deref().unwrap_or_default();
        let class = event.outcome.class();
        let call = CallKind {
            kind: event.principal.kind,
            operation: event.operation,
            class,
            refused: (class == Some(ErrorClass::KeyState)).then(|| RefusedState::of(&event.outcome)),
            facts: Facts::of(event),
        };
        let texts = [key.arn.as_ref(), event.principal.id.as_ref(), via, account];
        let way = match self.ways.get_index_of(&WayRef(texts, call)) {
            Some(way) => way,
            None => {
                let [key, principal, via, account] = texts.map(cut);
                self.ways.insert_full(Way { key, principal, via, account, call }, cut(&event.id)).0
            }
        };
        // Both keys of a ReEncrypt are used by one event; each counts it once.
        let salt = u64::from(is_destination);
        let id = |id: &str| xxh3_64(id.as_bytes()).wrapping_add(salt);
        self.calls.push(Call {
            way,
            time: event.time,
            event: id(&event.id) ^ xxh3_64(event.account.as_bytes()).rotate_left(1),
            act: event.shared_id.as_deref().map(id),
            resource: event
                .resource
                .as_ref()
                .filter(|_| event.succeeded() && event.operation.is_cryptographic())
                .map(|resource| (resource.kind, xxh3_64(resource.id.as_bytes()))),
        });
        if event.succeeded() {
            self.take_particulars(event, key, way);
        }
    }

    fn take_particulars(&mut self, event: &Event<'_>, key: &Key<'_>, way: usize) {
        match (&event.params, event.operation) {
            (Params::Policy(change), Operation::CreateKey) => {
                let kept = |text: &Option<_>| -> Option<String> {
                    text.as_deref().filter(|text: &&str| text.len() <= LONGEST).map(str::to_owned)
                };
                let spec = Spec {
                    spec: kept(&change.key_spec),
                    usage: kept(&change.key_usage),
                    key_store: kept(&change.key_store),
                };
                self.specs.push((cut(&key.arn), spec));
            }
            (Params::Grant(grant), operation) => {
                let Some(id) = grant.id.as_deref() else { return };
                let is_made = operation == Operation::CreateGrant;
                // Services make grants by the thousand and end them with what they were made for.
                if is_made && event.principal.through_service() {
                    return;
                }
                let made = is_made.then(|| (cut(&event.principal.id), event.time));
                self.grants.push(GrantMark { key: cut(&key.arn), id: cut(id), made });
            }
            _ => {}
        }
        if matches!(event.operation, Operation::Decrypt | Operation::GenerateDataKey)
            && let Some(context) = event.context.fingerprint()
        {
            *self.repeats.entry((way, context, event.time.0.div_euclid(60))).or_default() += 1;
        }
    }
}

/// Names out of logs are cut to this many bytes; longer ones are none that AWS makes.
const NAME: usize = 512;

fn cut(text: &str) -> Box<str> {
    text.get(..text.floor_char_boundary(NAME)).unwrap_or_default().into()
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
            }
            None if has_room => {
                let (first, last) = (call.time, call.time);
                self.ways.insert(way.clone(), Tally { count: 1, first, last, event_id: event_id.into() });
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
