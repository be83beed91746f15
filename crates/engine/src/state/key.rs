//! What is remembered of one key.

use super::act::{Act, ActKind, By};
use super::delta::{Behind, Occurrences};
use super::refusals::{Refusals, RefusedState};
use super::{
    Aliases, Contexts, Days, Firsts, Habit, Merge, Newest, Register, Resources, Seen, lifecycle,
    seen::bounded,
};
use crate::baseline::entity::Baseline;
use crate::baseline::repertoire::Repertoire;
use crate::event::operation::Category;
use crate::event::{Event, Key, Operation, Params, PrincipalKind, ResourceKind};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use xxhash_rust::xxh3::xxh3_64;

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
    /// The last three key policies.
    pub policies: Newest<(Timestamp, String), PolicyText, 3>,
    /// When policies were set, each with a hash of its text: tells one that is put again from a new one.
    pub policy_puts: Newest<(Timestamp, String), u64, 64>,
    /// Grants made by somebody directly, not by an AWS service, the newest 16.
    pub grants: Newest<(Timestamp, String), Act, 16>,
    /// Changes of rotation, the newest 8.
    pub rotations: Newest<(Timestamp, String), Act, 8>,
    /// Changes of tags, the newest 8.
    pub tags: Newest<(Timestamp, String), Act, 8>,
    /// Aliases that were made to point at it, the newest 8.
    pub pointed: Newest<(Timestamp, String), Act, 8>,
    /// Who read log objects under it.
    pub log_readers: Firsts<32>,
    /// Who used or changed it first.
    pub touched: Firsts<8>,
    /// Digests of the enclave images that it served, with the first call of each.
    pub images: Firsts<16>,
    /// Names of the tags that it was made with.
    pub born_with: Register<Vec<String>>,
    /// In which ways it is used.
    #[serde(skip_serializing_if = "KeyHabits::is_empty")]
    pub habits: KeyHabits,
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

/// In which ways a key is used, as long as that lasts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyHabits {
    /// Used through AWS services; broken by a direct call.
    pub through_service: Habit,
    /// Used with an encryption context by those who call directly; broken without.
    pub with_context: Habit,
    /// The names in those contexts.
    #[serde(skip_serializing_if = "Contexts::is_empty")]
    pub contexts: Contexts,
    /// Plaintext released to attested enclaves; broken by one without attestation.
    pub attested: Habit,
    /// The days on which it is used, by anybody.
    pub days: Days,
}

impl KeyHabits {
    fn is_empty(&self) -> bool {
        self.through_service.is_empty()
            && self.with_context.is_empty()
            && self.contexts.is_empty()
            && self.attested.is_empty()
            && self.days.is_empty()
    }

    /// Takes up a cryptographic call that succeeded.
    fn note(&mut self, event: &Event<'_>) {
        let (time, id, who) = (event.time, event.act_id(), event.principal.id.as_ref());
        self.days.note(time, id, who);
        if event.principal.via_service.is_some() || event.principal.kind == PrincipalKind::ServiceLinkedRole {
            self.through_service.keep(time);
            return;
        }
        self.through_service.part(time, id, who);
        if matches!(
            event.operation,
            Operation::Decrypt
                | Operation::Encrypt
                | Operation::GenerateDataKey
                | Operation::GenerateDataKeyWithoutPlaintext
        ) {
            match event.context.is_empty() {
                true => self.with_context.part(time, id, who),
                false => {
                    self.with_context.keep(time);
                    self.contexts.note(event.context.names_hash, time, id, who);
                }
            }
        }
        if event.operation.releases_secret() {
            match event.attestation.is_none() {
                true => self.attested.part(time, id, who),
                false => self.attested.keep(time),
            }
        }
    }
}

impl Merge for KeyHabits {
    fn merge(&mut self, other: &Self) {
        self.through_service.merge(&other.through_service);
        self.with_context.merge(&other.with_context);
        self.contexts.merge(&other.contexts);
        self.attested.merge(&other.attested);
        self.days.merge(&other.days);
    }
}

/// A hash of a policy text merges as the greater one: two texts of one event cannot be.
impl Merge for u64 {
    fn merge(&mut self, other: &Self) {
        *self = (*self).max(*other);
    }
}

/// A key policy as it was set.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PolicyText {
    /// The JSON text; `None` is the default policy of a new key.
    pub text: Option<String>,
    /// Principal that set it.
    pub by: String,
    /// The same with session, network and so on.
    #[serde(default)]
    pub actor: By,
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

    /// Whether older acts on it had to be forgotten, so that what they would have been found for is missing.
    pub fn forgets_acts(&self) -> bool {
        self.acts.is_full()
            || self.grants.is_full()
            || [&self.rotations, &self.tags, &self.pointed].into_iter().any(Newest::is_full)
    }

    /// Takes up calls on this key that succeeded: `event` and others like it.
    pub(super) fn succeed(&mut self, event: &Event<'_>, key: &Key<'_>, occurrences: Occurrences<'_, '_>) {
        let via = event.principal.via_service.as_deref().unwrap_or_default();
        let Occurrences { all, first, last } = occurrences;
        if event.operation.info().category != Category::Discovery {
            self.touched.note(&event.principal.id, event.time, event.act_id());
        }
        if let Some(image) = event.attestation.as_ref().and_then(|attested| attested.image.as_deref()) {
            all.iter().for_each(|one| self.images.note(image, one.time, one.id));
        }
        if event.operation.is_cryptographic() {
            self.users.note_span(&event.principal.id, via, first, last);
            if event.resource.is_some() {
                self.resources.note(all);
            }
            if event.operation == Operation::Decrypt {
                for one in all.iter().filter(|one| one.resource.is_some_and(is_log_object)) {
                    self.log_readers.note(&event.principal.id, one.time, one.id);
                }
            }
            self.habits.note(event);
        } else {
            self.others.note_span(&event.principal.id, via, first, last);
            self.change(event);
        }
        // Of two keys it is not said which one the alias means.
        if let Some(alias) = event.alias.as_deref().filter(|_| event.destination_key.is_none()) {
            let points_here = event.operation != Operation::DeleteAlias;
            for one in all.iter().filter(|one| one.time == last) {
                self.aliases.write(alias, one.time, one.id, points_here);
            }
            if alias.starts_with("alias/aws/") && self.manager.get().is_none_or(|manager| manager != "AWS") {
                // Only AWS can make such an alias. Written at the beginning of time, so that every copy agrees.
                self.manager.write(Timestamp(0), "", "AWS".to_owned());
            }
        }
        self.multi_region |= key.is_multi_region();
    }

    fn change(&mut self, event: &Event<'_>) {
        if let Some(act) = Act::of(event) {
            let stamp = (act.time, act.event_id.clone());
            match act.kind {
                kind if kind.is_lifecycle() => self.acts.join(stamp, act),
                // AWS services make grants by the thousand; they would push out those that somebody made.
                ActKind::CreateGrant if event.principal.via_service.is_none() => self.grants.join(stamp, act),
                ActKind::CreateAlias | ActKind::UpdateAlias => self.pointed.join(stamp, act),
                ActKind::EnableRotation | ActKind::DisableRotation | ActKind::RotateOnDemand => {
                    self.rotations.join(stamp, act);
                }
                ActKind::Tag | ActKind::Untag => self.tags.join(stamp, act),
                _ => {}
            }
        }
        let Params::Policy(change) = &event.params else { return };
        if event.operation == Operation::CreateKey {
            let tags = event.request.get("tags").items().filter_map(Result::ok).take(50);
            let names: Vec<String> =
                tags.filter_map(|tag| Some(bounded(&tag.get("tagKey").text()?).into_owned())).collect();
            if !names.is_empty() {
                self.born_with.write(event.time, event.act_id(), names);
            }
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
        let stamp = (event.time, bounded(event.act_id()).into_owned());
        self.policy_puts.join(stamp.clone(), xxh3_64(policy.unwrap_or_default().as_bytes()));
        let policy = PolicyText {
            text: policy.map(str::to_owned),
            by: bounded(&event.principal.id).into_owned(),
            actor: By::of(event),
        };
        self.policies.join(stamp, policy);
    }

    /// Whether the event put a policy that was in force already: of the same text as the one put before.
    pub fn put_again(&self, event: &(Timestamp, String)) -> bool {
        let up_to: Vec<_> = self.policy_puts.iter().take_while(|(stamp, _)| *stamp <= event).collect();
        match up_to.as_slice() {
            [.., (_, before), (stamp, hash)] => *stamp == event && before == hash,
            _ => false,
        }
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
        self.policy_puts.merge(&other.policy_puts);
        self.grants.merge(&other.grants);
        self.rotations.merge(&other.rotations);
        self.tags.merge(&other.tags);
        self.pointed.merge(&other.pointed);
        self.log_readers.merge(&other.log_readers);
        self.touched.merge(&other.touched);
        self.images.merge(&other.images);
        self.born_with.merge(&other.born_with);
        self.habits.merge(&other.habits);
        self.origin.merge(&other.origin);
        self.manager.merge(&other.manager);
        self.multi_region |= other.multi_region;
        self.baseline.merge(&other.baseline);
        self.repertoire.merge(&other.repertoire);
    }
}

/// Whether a resource is an object that CloudTrail, or another service that writes logs, has put below `AWSLogs/`.
fn is_log_object(resource: Behind<'_>) -> bool {
    match resource.kind {
        ResourceKind::Trail => true,
        ResourceKind::Object => resource.id.contains("/AWSLogs/"),
        _ => false,
    }
}
