//! What is remembered of an entity: values that merge in any order, any number of times.
//!
//! A State is a join-semilattice: [`Merge::merge`] is commutative, associative and idempotent. What one object
//! adds (the Delta) is itself a small [`States`], so applying an object twice, or two objects in either order,
//! gives the same States, to the byte of their stored form.
//!
//! They are made of few pieces, each with its laws tested: [`Register`] (the last writer wins), [`Newest`] (a
//! bounded map by time), [`Seen`] (names with first and last time), [`Sightings`] (events that are counted) and
//! [`distinct::Distinct`]. Everything is bounded, and says so when a bound was hit.

pub mod account;
pub mod act;
pub mod aliases;
pub mod contexts;
pub mod days;
pub mod delta;
pub mod distinct;
pub mod firsts;
pub mod habit;
pub mod heard;
pub mod key;
#[cfg(test)]
pub(crate) mod laws;
mod lifecycle;
pub mod names;
pub mod newest;
pub mod once;
pub mod principal;
pub mod refusals;
pub mod register;
pub mod resources;
pub mod sample;
pub mod seen;
pub mod sightings;
pub mod stored;
pub mod tally;

pub use account::AccountState;
pub use act::{Act, ActKind, By, Detail};
pub use aliases::Aliases;
pub use contexts::Contexts;
pub use days::Days;
pub use delta::{Delta, Patterns};
pub use firsts::Firsts;
pub use habit::Habit;
pub use heard::Heard;
pub use key::{KeyState, PolicyText};
pub use names::Names;
pub use newest::Newest;
pub use once::Once;
pub use principal::PrincipalState;
pub use refusals::{Refusals, RefusedState};
pub use register::Register;
pub use resources::Resources;
pub use sample::{Sample, Share};
pub use seen::{Seen, Sight};
pub use sightings::Sightings;
pub use tally::Tally;

use crate::baseline::entity;
use crate::baseline::hour::Kept;
use crate::baseline::repertoire;
use crate::estate::Estate;
use crate::event::{ErrorClass, Event, Key, Params, Source};
use delta::{Occurrence, Occurrences};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64;

/// States by the id of their entity, in the order in which the entities were met.
///
/// The hash is quick, and seeded at random so that nobody can choose ids that collide; it decides no order.
pub type Entities<S> = IndexMap<String, S, foldhash::fast::RandomState>;

/// A value that grows by union with others of its kind.
pub trait Merge {
    /// The least upper bound of both, in `self`.
    fn merge(&mut self, other: &Self);
}

/// The States of many entities: all that are known, or those that one object touches (a Delta).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct States {
    /// By key ARN.
    #[serde(serialize_with = "in_order")]
    pub keys: Entities<KeyState>,
    /// By principal id.
    #[serde(serialize_with = "in_order")]
    pub principals: Entities<PrincipalState>,
    /// By account id.
    #[serde(serialize_with = "in_order")]
    pub accounts: Entities<AccountState>,
}

/// The order in which entities were first met must not show in what is stored.
fn in_order<T: Serialize, S: Serializer>(map: &Entities<T>, serializer: S) -> Result<S::Ok, S::Error> {
    map.iter().collect::<BTreeMap<_, _>>().serialize(serializer)
}

impl States {
    /// Takes up what `event` says about its entities.
    pub fn observe(&mut self, event: &Event<'_>, estate: &Estate) {
        match event.source {
            Source::Kms => {}
            Source::CloudTrail => return self.observe_switch(event),
            Source::Infrastructure(_) => return,
        }
        let id = seen::bounded(event.act_id());
        let act = xxh3_64(id.as_bytes());
        let one = Occurrence { time: event.time, act, id: &id, resource: event.resource.clone() };
        let occurrences = Occurrences { all: &[one], first: event.time, last: event.time };
        self.observe_all(&mut event.clone(), occurrences, States::counts_key(event, estate));
    }

    /// Takes up events of KMS that are alike: `event` is the first of them, by time and id. Those that did not succeed
    /// come one by one.
    ///
    /// Most are cryptographic calls by known principals on known keys: they allocate nothing.
    fn observe_all<'a>(
        &mut self,
        event: &mut Event<'a>,
        occurrences: Occurrences<'_, 'a>,
        counts_key: bool,
    ) -> Opens {
        let opens = self.count(event, occurrences, counts_key);
        if event.dry_run {
            return opens;
        }
        match event.outcome.class() {
            None => self.observe_success(event, occurrences),
            Some(ErrorClass::KeyState) if event.operation.is_cryptographic() => {
                if let Some(key) = refused_key(event) {
                    entry(&mut self.keys, &key.arn).refuse(event, key);
                }
            }
            Some(ErrorClass::Denied) if PrincipalState::concerns(event) => {
                entry(&mut self.principals, &event.principal.id).note(event);
            }
            Some(ErrorClass::CryptoMismatch) => {
                entry(&mut self.principals, &event.principal.id).mismatch(event);
            }
            Some(ErrorClass::Throttled) if !event.account.is_empty() => {
                entry(&mut self.accounts, &event.account).throttle(event);
            }
            Some(_) => {}
        }
        opens
    }

    /// Takes up that a trail, an event data store or a custom key store was switched on or off.
    fn observe_switch(&mut self, event: &Event<'_>) {
        if event.succeeded()
            && !event.account.is_empty()
            && let Some(act) = Act::of(event)
            && matches!(act.detail, Detail::Target(_))
        {
            entry(&mut self.accounts, &event.account).switch(act);
        }
    }

    /// Counts events for their principal, and for their key if `counts_key`.
    ///
    /// Principals are counted also when they are refused and when they only try (dry runs).
    fn count<'a>(
        &mut self,
        event: &mut Event<'a>,
        occurrences: Occurrences<'_, 'a>,
        counts_key: bool,
    ) -> Opens {
        let mut kept = Kept::default();
        let principal = event.principal.id.clone();
        let principals = &mut self.principals;
        let mut opens_principal = entity::count(
            event,
            occurrences,
            &mut kept,
            |measure| measure.of.principal(),
            || &mut entry(principals, &principal).baseline,
        );
        if repertoire::concerns_caller(event) {
            opens_principal |= entry(principals, &principal).repertoire.note_caller(event, &mut kept);
        }
        let mut opens_key = false;
        if let Some(arn) = event.key.as_ref().filter(|_| counts_key).map(|key| key.arn.clone()) {
            let keys = &mut self.keys;
            opens_key = entity::count(
                event,
                occurrences,
                &mut kept,
                |measure| measure.of.key(),
                || &mut entry(keys, &arn).baseline,
            );
            opens_key |= entry(keys, &arn).repertoire.note_user(event, &mut kept);
        }
        Opens { principal: opens_principal, key: opens_key }
    }

    /// Whether an event is counted for its key: if that is ours and is proved to exist.
    ///
    /// Keys are counted by calls that succeed alone, although refusals are a measure of keys, too: a refusal proves no
    /// key, and whoever makes up key names would fill the States. What is refused shows in the principal's counts.
    fn counts_key(event: &Event<'_>, estate: &Estate) -> bool {
        event.key.as_ref().is_some_and(|key| {
            event.succeeded()
                && key.arn.contains(":key/")
                && key.account.as_deref().is_some_and(|owner| owner == event.account || estate.is_own(owner))
        })
    }

    fn observe_success(&mut self, event: &Event<'_>, occurrences: Occurrences<'_, '_>) {
        if let Some(key) = &event.key {
            entry(&mut self.keys, &key.arn).succeed(event, key, occurrences);
        }
        if let Some(key) = &event.destination_key {
            entry(&mut self.keys, &key.arn).succeed(event, key, occurrences);
        }
        if let Params::Policy(change) = &event.params
            && let Some(replica) = &change.replica_arn
        {
            entry(&mut self.keys, replica).set_policy(event, change.policy.as_deref());
        }
        if PrincipalState::concerns(event) {
            entry(&mut self.principals, &event.principal.id).note(event);
        }
        if principal::PrincipalHabits::concerns(event) {
            entry(&mut self.principals, &event.principal.id).habits.note(event);
        }
        if !event.account.is_empty() {
            entry(&mut self.accounts, &event.account).succeed(event, occurrences);
        }
        if matches!(event.params, Params::KeyStore(_)) {
            self.observe_switch(event);
        }
    }

    /// The alias that each key is known by, and the key that each alias means, over all States.
    pub fn names(&self) -> Names {
        Names::new(&self.keys)
    }
}

/// Whether what was taken up has opened an hour of the principal, and of the key.
#[derive(Clone, Copy, Debug, Default)]
struct Opens {
    principal: bool,
    key: bool,
}

impl Merge for States {
    fn merge(&mut self, other: &Self) {
        fn all<S: Merge + Default>(mine: &mut Entities<S>, theirs: &Entities<S>) {
            for (id, state) in theirs {
                entry(mine, id).merge(state);
            }
        }
        all(&mut self.keys, &other.keys);
        all(&mut self.principals, &other.principals);
        all(&mut self.accounts, &other.accounts);
    }
}

/// The key that a call was refused for. The message of KMS begins with its ARN, which decides for ReEncrypt.
fn refused_key<'e, 'a>(event: &'e Event<'a>) -> Option<&'e Key<'a>> {
    let message = event.outcome.error.as_ref().and_then(|error| error.message.as_deref()).unwrap_or_default();
    let named = event.destination_key.as_ref().filter(|key| message.contains(key.arn.as_ref()));
    named.or(event.key.as_ref()).or(event.destination_key.as_ref())
}

/// The State of an entity, new if it is not known. Allocates only then.
fn entry<'a, S: Default>(states: &'a mut Entities<S>, id: &str) -> &'a mut S {
    match states.get_index_of(id) {
        #[allow(clippy::indexing_slicing)] // The map has just said that it is there.
        Some(at) => &mut states[at],
        None => states.entry(id.to_owned()).or_default(),
    }
}

#[cfg(test)]
mod tests;
