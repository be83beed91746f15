//! What one object adds to the counts.

use super::way::WayRef;
use super::{CallKind, Contexts, Hashed, Way};
use crate::facts::Facts;
use indexmap::IndexMap;
use kmswatch_engine::event::{ErrorClass, Event, Key, Operation, Params, ResourceKind, Source};
use kmswatch_engine::state::RefusedState;
use kmswatch_engine::time::Timestamp;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_64;

/// A call as a part holds it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) way: usize,
    pub(super) time: Timestamp,
    pub(super) event: u64,
    /// What two accounts' copies of the event have in common.
    pub(super) act: Option<u64>,
    pub(super) resource: Option<(ResourceKind, u64)>,
    pub(super) contexts: Contexts,
}

/// A grant that was made, or ended.
#[derive(Clone, Debug)]
pub(super) struct GrantMark {
    pub(super) key: Box<str>,
    pub(super) id: Box<str>,
    /// Who made it and when; `None` for its end.
    pub(super) made: Option<(Box<str>, Timestamp)>,
}

/// What one object adds.
#[derive(Clone, Debug, Default)]
pub struct Part {
    pub(super) ways: IndexMap<Way, Box<str>, Hashed>,
    pub(super) calls: Vec<Call>,
    /// Calls with one context by one way of use within a minute, by way, context and minute.
    pub(super) repeats: IndexMap<(usize, u64, i64), u32, Hashed>,
    pub(super) specs: Vec<(Box<str>, Spec)>,
    pub(super) grants: Vec<GrantMark>,
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
        let context = event.context.fingerprint();
        self.calls.push(Call {
            way,
            contexts: context.map_or(Contexts::None, Contexts::One),
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
            self.take_particulars(event, key, way, context);
        }
    }

    fn take_particulars(&mut self, event: &Event<'_>, key: &Key<'_>, way: usize, context: Option<u64>) {
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
                self.grants.push(GrantMark {
                    key: cut(&key.arn),
                    id: cut(id.get(..LONGEST).unwrap_or_default()),
                    made,
                });
            }
            _ => {}
        }
        if matches!(event.operation, Operation::Decrypt | Operation::GenerateDataKey)
            && let Some(context) = context
        {
            *self.repeats.entry((way, context, event.time.0.div_euclid(60))).or_default() += 1;
        }
    }
}

/// Names out of logs are cut to this many bytes. No ARN of a principal or key is as long.
const NAME: usize = 256;

fn cut(text: &str) -> Box<str> {
    text.get(..text.floor_char_boundary(NAME)).unwrap_or_default().into()
}
