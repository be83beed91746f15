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
use crate::baseline::kept::Kept;
use crate::baseline::repertoire;
use crate::estate::Estate;
use crate::event::{ErrorClass, Event, Key, Params, Source};
use delta::{Behind, Occurrence, Occurrences};
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
        let resource = event.resource.as_ref().map(|resource| Behind::new(resource.kind, &resource.id));
        let one = Occurrence { time: event.time, act, id: &id, resource };
        let occurrences = Occurrences { all: &[one], first: event.time, last: event.time };
        self.observe_all(event, occurrences, States::counts_key(event, estate), &mut Kept::default());
    }

    /// Takes up events of KMS that are alike: `event` is the first of them, by time and id. Those that did not succeed
    /// come one by one.
    ///
    /// Most are cryptographic calls by known principals on known keys: they allocate nothing. What they share with
    /// others that are taken up is in `kept`.
    fn observe_all(
        &mut self,
        event: &Event<'_>,
        occurrences: Occurrences<'_, '_>,
        counts_key: bool,
        kept: &mut Kept,
    ) -> Opens {
        let mut principal = Lookup::new(&mut self.principals, &event.principal.id);
        let mut key = event.key.as_ref().map(|key| Lookup::new(&mut self.keys, &key.arn));
        let counted = if counts_key { key.as_mut() } else { None };
        let opens = count(event, occurrences, (&mut principal, counted), kept);
        if event.dry_run {
            return opens;
        }
        match event.outcome.class() {
            None => {
                if PrincipalState::concerns(event) {
                    principal.state().note(event);
                }
                if principal::PrincipalHabits::concerns(event) {
                    principal.state().habits.note(event);
                }
                if let (Some(key), Some(mut state)) = (&event.key, key) {
                    state.state().succeed(event, key, occurrences);
                }
                self.observe_success(event, occurrences);
            }
            Some(ErrorClass::KeyState) if event.operation.is_cryptographic() => {
                if let Some(key) = refused_key(event) {
                    entry(&mut self.keys, &key.arn).refuse(event, key);
                }
            }
            Some(ErrorClass::Denied) if PrincipalState::concerns(event) => principal.state().note(event),
            Some(ErrorClass::CryptoMismatch) => principal.state().mismatch(event),
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

    /// Whether an event is counted for its key: if that is ours and is proved to exist.
    ///
    /// Keys are counted by calls that succeed alone, although refusals are a measure of keys, too: a refusal proves no
    /// key, and whoever makes up key names would fill the States. What is refused shows in the principal's counts.
    pub(crate) fn counts_key(event: &Event<'_>, estate: &Estate) -> bool {
        event.key.as_ref().is_some_and(|key| {
            event.succeeded()
                && key.arn.contains(":key/")
                && key.account.as_deref().is_some_and(|owner| owner == event.account || estate.is_own(owner))
        })
    }

    /// Takes up calls that succeeded, as far as they concern others than the principal and the key.
    fn observe_success(&mut self, event: &Event<'_>, occurrences: Occurrences<'_, '_>) {
        if let Some(key) = &event.destination_key {
            entry(&mut self.keys, &key.arn).succeed(event, key, occurrences);
        }
        if let Params::Policy(change) = &event.params
            && let Some(replica) = &change.replica_arn
        {
            entry(&mut self.keys, replica).set_policy(event, change.policy.as_deref());
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

/// Counts events for their principal, and for their key if there is one to count for.
///
/// Principals are counted also when they are refused and when they only try (dry runs).
fn count(
    event: &Event<'_>,
    occurrences: Occurrences<'_, '_>,
    (principal, mut key): (&mut Lookup<'_, PrincipalState>, Option<&mut Lookup<'_, KeyState>>),
    kept: &mut Kept,
) -> Opens {
    let mut opens = entity::count(
        event,
        occurrences,
        kept,
        key.is_some(),
        || &mut principal.state().baseline,
        || key.as_mut().map(|key| &mut key.state().baseline),
    );
    if repertoire::concerns_caller(event) {
        opens.principal |= principal.state().repertoire.note_caller(event, kept);
    }
    if let Some(key) = key {
        opens.key |= key.state().repertoire.note_user(event, kept);
    }
    opens
}

/// Whether what was taken up has opened an hour of the principal, and of the key: then whoever closes hours has to know.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Opens {
    pub(crate) principal: bool,
    pub(crate) key: bool,
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
    let place = place(states, id);
    #[allow(clippy::indexing_slicing)] // It has just been found there, or put.
    &mut states[place]
}

fn place<S: Default>(states: &mut Entities<S>, id: &str) -> usize {
    states.get_index_of(id).unwrap_or_else(|| states.insert_full(id.to_owned(), S::default()).0)
}

/// The State of an entity, which is looked up once, and made when it is first asked for.
struct Lookup<'m, S> {
    states: &'m mut Entities<S>,
    id: &'m str,
    place: Option<usize>,
}

impl<'m, S: Default> Lookup<'m, S> {
    fn new(states: &'m mut Entities<S>, id: &'m str) -> Self {
        Lookup { states, id, place: None }
    }

    fn state(&mut self) -> &mut S {
        let place = *self.place.get_or_insert_with(|| place(self.states, self.id));
        #[allow(clippy::indexing_slicing)] // States are only added.
        &mut self.states[place]
    }
}

#[cfg(test)]
mod tests;
