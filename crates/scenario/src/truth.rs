//! What is true of a written scenario, for tests and for the evaluation of detectors.

use crate::organisation::{KeyKind, PrincipalKind};
use crate::scenario::{Duty, Scenario};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The content of `labels.json`: who and what there is, what they did, and what was an attack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// What was asked for.
    pub scenario: Scenario,
    /// `o-...`
    pub organisation_id: String,
    /// All accounts.
    pub accounts: Vec<AccountTruth>,
    /// All principals.
    pub principals: Vec<PrincipalTruth>,
    /// All keys of the organisation, those that attackers made included.
    pub keys: Vec<KeyTruth>,
    /// Attacks, in order of their start.
    pub attacks: Vec<Label>,
    /// Harmless acts that look like attacks.
    pub look_alikes: Vec<Label>,
    /// What was written.
    pub counts: Counts,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountTruth {
    /// Twelve digits.
    pub id: String,
    /// Name.
    pub name: String,
    /// What it is for.
    pub duty: Duty,
    /// Regions in use, the home Region first.
    pub regions: Vec<String>,
}

/// A principal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrincipalTruth {
    /// ARN of role (without its path), user or root; `service:NAME` for a service.
    pub id: String,
    /// Kind.
    pub kind: PrincipalKind,
    /// Its account; `None` for services.
    pub account: Option<String>,
    /// Mail names of the people behind a permission set.
    pub people: Vec<String>,
    /// First day of its existence.
    pub from_day: i64,
    /// KMS events with this principal as caller, each counted once.
    pub kms_events: u64,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyTruth {
    /// Key ARN.
    pub arn: String,
    /// Its aliases at the start.
    pub aliases: Vec<String>,
    /// Owner.
    pub account: String,
    /// Region.
    pub region: String,
    /// Kind.
    pub kind: KeyKind,
    /// Whether the organisation could not do without it.
    pub critical: bool,
    /// Events that name the key in `resources`, by principal; a caller of another account is
    /// `account:ID/UNIQUEID` in the owner's copy.
    pub users: BTreeMap<String, u64>,
    /// What is encrypted with it in ordinary times: kind of use and name of the family of resources.
    pub resources: Vec<String>,
}

/// An attack, or something that looks like one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// Unique in the scenario: the kind and a number.
    pub id: String,
    /// Kind, from the catalogue.
    pub kind: String,
    /// Pattern of the KMS attack catalogue (`P1` to `P22`), or `S` for one that only statistics can see.
    pub pattern: String,
    /// One line.
    pub name: String,
    /// The way it was done, where there are several.
    pub variant: Option<String>,
    /// Time of the first event, RFC 3339.
    pub start: String,
    /// Time of the last event.
    pub end: String,
    /// Principals that act.
    pub principals: Vec<String>,
    /// ARNs of the keys concerned, foreign ones included.
    pub keys: Vec<String>,
    /// Ids of all its events.
    pub event_ids: Vec<String>,
    /// Ids of the deterministic detectors that should speak; any one of them is enough.
    pub expected_detectors: Vec<String>,
    /// Strength, in the unit of the kind.
    pub strength: f64,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Log objects, empty and repeated ones included; no digests.
    pub log_objects: u64,
    /// Digest objects.
    pub digest_objects: u64,
    /// Insights objects.
    pub insight_objects: u64,
    /// Log objects that repeat another under a new name.
    pub duplicate_objects: u64,
    /// Bytes of log objects, uncompressed.
    pub bytes: u64,
    /// Bytes of all objects as written.
    pub compressed_bytes: u64,
    /// Records in log objects, repeated ones included.
    pub records: u64,
    /// Different records.
    pub distinct_records: u64,
    /// Different records of KMS.
    pub distinct_kms_records: u64,
}
