//! What is remembered of one key.

use super::act::{Act, ActKind};
use super::refusals::{Refusals, RefusedState};
use super::{Aliases, Merge, Newest, Register, Resources, Seen, lifecycle, seen::bounded};
use crate::baseline::entity::Baseline;
use crate::baseline::repertoire::Repertoire;
use crate::event::{Event, Key, Operation, Params};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What is remembered of one key: enough to say who would miss it, and what was done to it.
///
/// Only calls that prove that the key exists are taken up: those that succeeded, and those that failed because of
/// its state. So nobody can fill States with keys that he makes up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyState {
    /// Aliases that point or pointed at it.
    pub aliases: Aliases,
    /// Acts on it that succeeded, the newest 32. Failed ones are not in here: they need no permission, so they
    /// could push the others out.
    pub acts: Newest<(Timestamp, String), Act, 32>,
    /// Principals that used it for cryptography, each with the service through which it called (or none).
    pub users: Seen<64>,
    /// Principals that did anything else with it, and succeeded.
    pub others: Seen<32>,
    /// What stands behind it.
    pub resources: Resources,
    /// Uses refused because of its state, by UTC day and reason, the newest 16.
    pub refused: Newest<(i64, RefusedState), Refusals, 16>,
    /// The last two key policies.
    pub policies: Newest<(Timestamp, String), PolicyText, 2>,
    /// `origin`: `AWS_KMS`, `EXTERNAL`, `AWS_CLOUDHSM` or `EXTERNAL_KEY_STORE`, if its making was seen.
    pub origin: Register<String>,
    /// `keyManager`: `AWS` or `CUSTOMER`, if its making was seen or an alias tells.
    pub manager: Register<String>,
    /// Whether it belongs to a multi-Region key.
    pub multi_region: bool,
    /// How much it is used by the hour, by calls that succeed.
    #[serde(skip_serializing_if = "Baseline::is_empty")]
    pub baseline: Baseline,
    /// Who has used it, as far as it takes to tell that somebody is new.
    #[serde(default, skip_serializing_if = "Repertoire::is_empty")]
    pub repertoire: Repertoire,
}

/// A key policy as it was set.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PolicyText {
    /// The JSON text; `None` is the default policy of a new key.
    pub text: Option<String>,
    /// Principal that set it.
    pub by: String,
}

impl PolicyText {
    /// Longest policy that KMS takes, in bytes.
    pub const BYTES: usize = 32 << 10;
}

impl Merge for PolicyText {
    fn merge(&mut self, other: &Self) {
        if other > self {
            self.clone_from(other);
        }
    }
}

impl KeyState {
    /// Whether anything is counted by the hour.
    pub fn is_counted(&self) -> bool {
        !self.baseline.is_empty() || !self.repertoire.is_empty()
    }

    /// The hours in which something was counted that are still open.
    pub fn open_hours(&self) -> BTreeSet<i64> {
        let mut hours = self.baseline.open_hours();
        hours.extend(self.repertoire.open_hours());
        hours
    }

    /// A copy of what closing an hour needs and changes.
    pub fn counted(&self) -> KeyState {
        let (users, aliases) = (self.users.clone(), self.aliases.clone());
        let (baseline, repertoire) = (self.baseline.clone(), self.repertoire.clone());
        KeyState { users, aliases, baseline, repertoire, ..KeyState::default() }
    }

    /// Takes up a call on this key that succeeded.
    pub fn succeed(&mut self, event: &Event<'_>, key: &Key<'_>) {
        let via = event.principal.via_service.as_deref().unwrap_or_default();
        if event.operation.is_cryptographic() {
            self.users.note(&event.principal.id, via, event.time);
            if let Some(resource) = &event.resource {
                self.resources.note(resource, event.time);
            }
        } else {
            self.others.note(&event.principal.id, via, event.time);
            self.change(event);
        }
        // Of two keys it is not said which one the alias means.
        if let Some(alias) = event.alias.as_deref().filter(|_| event.destination_key.is_none()) {
            let points_here = event.operation != Operation::DeleteAlias;
            self.aliases.write(alias, event.time, event.act_id(), points_here);
            if alias.starts_with("alias/aws/") && self.manager.get().is_none_or(|manager| manager != "AWS") {
                // Only AWS can make such an alias. Written at the beginning of time, so that every copy agrees.
                self.manager.write(Timestamp(0), "", "AWS".to_owned());
            }
        }
        self.multi_region |= key.is_multi_region();
    }

    fn change(&mut self, event: &Event<'_>) {
        if let Some(act) = Act::of(event) {
            self.acts.join((act.time, act.event_id.clone()), act);
        }
        let Params::Policy(change) = &event.params else { return };
        if event.operation == Operation::CreateKey {
            let written = [(&mut self.origin, &change.origin), (&mut self.manager, &change.key_manager)];
            for (register, value) in written {
                if let Some(value) = value {
                    register.write(event.time, event.act_id(), bounded(value).into_owned());
                }
            }
        }
        // The policy of ReplicateKey is that of the replica.
        if matches!(event.operation, Operation::CreateKey | Operation::PutKeyPolicy) {
            self.set_policy(event, change.policy.as_deref());
        }
    }

    /// Takes up the policy that `event` gives this key.
    pub(super) fn set_policy(&mut self, event: &Event<'_>, policy: Option<&str>) {
        let unreadable = policy.is_none() && event.operation == Operation::PutKeyPolicy;
        if unreadable || policy.is_some_and(|text| text.len() > PolicyText::BYTES) {
            return;
        }
        let policy =
            PolicyText { text: policy.map(str::to_owned), by: bounded(&event.principal.id).into_owned() };
        self.policies.join((event.time, bounded(event.act_id()).into_owned()), policy);
    }

    /// Takes up a cryptographic call that failed because of the state of the key.
    pub fn refuse(&mut self, event: &Event<'_>, key: &Key<'_>) {
        let about = (event.time.day(), RefusedState::of(&event.outcome));
        let first = || {
            let mut refusals = Refusals::default();
            refusals.add(event);
            (about, refusals)
        };
        self.refused.join_with(|known| known.cmp(&about), first, |refusals| refusals.add(event));
        self.multi_region |= key.is_multi_region();
    }

    /// Aliases that point at the key, by name. None once the key is deleted.
    ///
    /// An alias that was moved to another key by an event that this State has not seen is still among them:
    /// UpdateAlias does not name the old key. [`super::Names`] knows all keys and tells.
    pub fn aliases(&self) -> Vec<String> {
        if self.acts.values().any(|act| act.kind == ActKind::Delete) {
            return Vec::new();
        }
        let present = self.aliases.iter().filter(|(_, register)| register.get() == Some(&true));
        present.map(|(name, _)| name.to_owned()).collect()
    }

    /// First and last cryptographic use.
    pub fn used(&self) -> Option<(Timestamp, Timestamp)> {
        Some((self.users.first()?, self.users.last()?))
    }

    /// The acts in an order in which they can have happened.
    pub fn timeline(&self) -> Vec<&Act> {
        lifecycle::timeline(self.acts.values())
    }
}

impl Merge for KeyState {
    fn merge(&mut self, other: &Self) {
        self.aliases.merge(&other.aliases);
        self.acts.merge(&other.acts);
        self.users.merge(&other.users);
        self.others.merge(&other.others);
        self.resources.merge(&other.resources);
        self.refused.merge(&other.refused);
        self.policies.merge(&other.policies);
        self.origin.merge(&other.origin);
        self.manager.merge(&other.manager);
        self.multi_region |= other.multi_region;
        self.baseline.merge(&other.baseline);
        self.repertoire.merge(&other.repertoire);
    }
}
