//! One entry a key: its names, state, users, resources and cost, as far as logs tell.

mod build;
pub mod cost;
pub mod csv;
pub mod deletion;
mod state;

pub use deletion::Deletion;
pub use state::State;

use crate::facts::Fact;
use crate::usage::{Contexts, Cut, Repeats, Spec};
use cost::{Cost, Prices};
use kmswatch_engine::time::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// All keys that the logs prove to exist.
#[derive(Clone, Debug, Serialize)]
pub struct Inventory {
    /// The last event: what counts as now.
    pub as_of: Timestamp,
    /// The first event, from which on everything is counted.
    pub since: Timestamp,
    /// Days between them, at least a part of one.
    pub days: f64,
    /// Own accounts, declared or learned.
    pub own_accounts: Vec<String>,
    /// The keys, those used most first.
    pub keys: Vec<KeyEntry>,
    /// What all own keys cost in a month, by these logs.
    pub cost: Cost,
    /// What a price is, and of which day.
    pub prices: Prices,
    /// What was over a bound and is not told apart.
    pub cut: Cut,
}

/// A key.
#[derive(Clone, Debug, Default, Serialize)]
pub struct KeyEntry {
    /// Key ARN.
    pub arn: String,
    /// Aliases that point at it, or pointed at it last.
    pub aliases: Vec<String>,
    /// Account that owns it.
    pub account: String,
    /// Its Region.
    pub region: String,
    /// Whether it belongs to neither an own nor a trusted account.
    pub foreign: bool,
    /// `AWS_KMS`, `EXTERNAL`, `AWS_CLOUDHSM` or `EXTERNAL_KEY_STORE`, if its making was seen.
    pub origin: Option<String>,
    /// `AWS` or `CUSTOMER`, if its making was seen or an alias tells.
    pub manager: Option<String>,
    /// Specification, if its making was seen.
    #[serde(flatten)]
    pub spec: Spec,
    /// Whether it belongs to a multi-Region key.
    pub multi_region: bool,
    /// Other copies of the same multi-Region key.
    pub copies: Vec<String>,
    /// How it stands.
    pub state: State,
    /// Since when, where an act tells.
    pub state_since: Option<Timestamp>,
    /// When it will be deleted, if that is scheduled.
    pub deletion_at: Option<Timestamp>,
    /// When its imported material expires, if it does.
    pub material_expires_at: Option<Timestamp>,
    /// When it was made, if that was seen.
    pub created_at: Option<Timestamp>,
    /// Rotation, as far as acts tell.
    pub rotation: Rotation,
    /// Principals, each with the service through which it called; those with most calls first.
    pub users: Vec<User>,
    /// Distinct acts on it, failed ones included.
    pub acts: u64,
    /// Acts that are counted for no user, since there are too many.
    pub acts_of_other_users: u64,
    /// Successful calls by operation.
    pub operations: BTreeMap<&'static str, u64>,
    /// Failed calls by what the error means.
    pub errors: BTreeMap<&'static str, u64>,
    /// First cryptographic use that succeeded.
    pub first_use: Option<Timestamp>,
    /// Last cryptographic use that succeeded.
    pub last_use: Option<Timestamp>,
    /// Cryptographic uses that succeeded, by UTC day (days since the epoch), the newest.
    pub use_by_day: BTreeMap<i64, u64>,
    /// The same per day of the logs.
    pub uses_per_day: f64,
    /// Of them the decryptions, and the data keys made, by UTC day.
    #[serde(skip)]
    pub decrypts_and_data_keys: BTreeMap<i64, [u64; 2]>,
    /// Distinct resources that encryption contexts name, by kind.
    pub resources: BTreeMap<&'static str, u64>,
    /// Whether there are more resources than could be told apart.
    pub resources_cut: bool,
    /// Some of the resources by name.
    pub resource_sample: Vec<Resource>,
    /// Direct grants whose end was not seen.
    pub open_grants: Vec<Grant>,
    /// Whether there were more grants than are followed.
    pub grants_cut: bool,
    /// Most calls with one encryption context by one user within a minute of one log object.
    pub most_repeats: Option<Repeats>,
    /// Estimated cost in a month.
    pub cost: Cost,
}

/// A principal that used a key, by one way.
#[derive(Clone, Debug, Default, Serialize)]
pub struct User {
    /// Stable id of the principal.
    pub principal: String,
    /// Kind of the principal.
    pub kind: &'static str,
    /// Its account; empty if not known.
    pub account: String,
    /// Service through which it called; empty for direct calls.
    pub via: String,
    /// Events in all, failed ones and dry runs included.
    pub calls: u64,
    /// Cryptographic calls that succeeded.
    pub uses: u64,
    /// Successful calls by operation.
    pub operations: BTreeMap<&'static str, u64>,
    /// Failed calls by what the error means.
    pub errors: BTreeMap<&'static str, u64>,
    /// Circumstances and refusals worth a note.
    pub notes: BTreeMap<Note, Evidence>,
    /// First event.
    pub first: Timestamp,
    /// Last event.
    pub last: Timestamp,
    /// Last cryptographic use that succeeded.
    pub last_use: Option<Timestamp>,
    /// Encryption contexts of its uses.
    #[serde(skip)]
    pub contexts: Contexts,
}

/// What is worth a note about calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// Refused, since the key was disabled, pending deletion or the like.
    KeyNotUsable,
    /// Refused, since the quota was exhausted.
    Throttled,
    /// Failed, since ciphertext, key or context did not fit.
    Mismatch,
    /// A circumstance.
    #[serde(untagged)]
    Fact(Fact),
}

/// Calls that show something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Distinct events.
    pub count: u64,
    /// The first of them.
    pub first: Timestamp,
    /// The last of them.
    pub last: Timestamp,
    /// Ids of some of them.
    pub event_ids: Vec<String>,
}

impl Evidence {
    /// Ids that are kept.
    pub const SAMPLE: usize = 3;

    /// The union with calls that are others.
    pub fn add(&mut self, other: &Evidence) {
        self.count += other.count;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        let room = Self::SAMPLE.saturating_sub(self.event_ids.len());
        self.event_ids.extend(other.event_ids.iter().take(room).cloned());
    }
}

/// Rotation of the material of a key.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Rotation {
    /// Whether automatic rotation is on; `None` if no act tells.
    pub automatic: Option<bool>,
    /// Who switched it on or off last, and when.
    pub switched: Option<(String, Timestamp)>,
    /// Days between rotations, if told.
    pub period_days: Option<i64>,
    /// Last rotation that was seen.
    pub last: Option<Timestamp>,
    /// Rotations that were seen.
    pub seen: u64,
}

/// A resource behind a key.
#[derive(Clone, Debug, Serialize)]
pub struct Resource {
    /// Its kind.
    pub kind: String,
    /// Its ARN, id or name.
    pub id: String,
}

/// A grant made by somebody directly.
#[derive(Clone, Debug, Serialize)]
pub struct Grant {
    /// `grantId`.
    pub id: String,
    /// Who made it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl KeyEntry {
    /// The name by which people know it: its first alias, else its id.
    pub fn label(&self) -> &str {
        let id = self.arn.rsplit('/').next().unwrap_or(&self.arn);
        self.aliases.first().map_or(id, String::as_str)
    }

    /// Whether AWS manages it, so that nobody can change its policy, delete it or rotate it.
    pub fn is_aws_managed(&self) -> bool {
        self.manager.as_deref() == Some("AWS")
    }

    /// Whether it is an own key that its owner can change and that is still there.
    pub fn is_own_customer_key(&self) -> bool {
        !self.foreign && !self.is_aws_managed() && self.state != State::Deleted
    }

    /// Services through which or by which it was used, in order.
    pub fn services(&self) -> Vec<&str> {
        let mut services: Vec<&str> =
            self.users.iter().map(|user| user.via.as_str()).filter(|via| !via.is_empty()).collect();
        services.sort_unstable();
        services.dedup();
        services
    }

    /// Accounts of those who used it, in order.
    pub fn user_accounts(&self) -> Vec<&str> {
        let with_use = self.users.iter().filter(|user| user.uses > 0);
        let mut accounts: Vec<&str> =
            with_use.map(|user| user.account.as_str()).filter(|account| !account.is_empty()).collect();
        accounts.sort_unstable();
        accounts.dedup();
        accounts
    }

    /// What its users' calls show of this.
    pub fn noted(&self, note: Note) -> Vec<(&User, &Evidence)> {
        self.users.iter().filter_map(|user| Some((user, user.notes.get(&note)?))).collect()
    }
}

/// A principal in a line of text: `role/payments-api`.
pub fn short(principal: &str) -> &str {
    match principal.starts_with("arn:") {
        true => principal.splitn(6, ':').nth(5).unwrap_or(principal),
        false => principal,
    }
}
