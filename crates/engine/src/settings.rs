//! Everything a user can set, with its defaults. Unknown keys are errors, so that a typing mistake is noticed.

mod check;
mod tuning;

pub use check::Unfit;
pub use tuning::{Confirmed, Maintenance, Suppression};

use crate::finding::Severity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All settings of the engine, as the sections of the configuration file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Findings that nobody wants to be alerted about, for a while.
    pub suppressions: Vec<Suppression>,
    /// Planned work, in which statistics are not worth an alert.
    pub maintenance: Vec<Maintenance>,
    /// What somebody has looked into and can explain.
    pub confirmed: Vec<Confirmed>,
    /// What is ours.
    pub estate: EstateSettings,
    /// Bounds on the input.
    pub limits: Limits,
    /// How many alerts are worth having.
    pub alerts: AlertSettings,
    /// Which findings belong together, and when that is worth an alert.
    pub incidents: IncidentSettings,
    /// Parameters of the detectors.
    pub detectors: DetectorSettings,
}

/// Declared facts about the organisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EstateSettings {
    /// Own account ids (twelve digits). Accounts whose logs are read are learned as well.
    pub accounts: Vec<String>,
    /// Own organisation ids (`o-...`): a policy condition on one of them does not open a key to strangers.
    pub organizations: Vec<String>,
    /// Foreign accounts that are trusted with our keys (a vendor, an auditor).
    pub trusted_accounts: Vec<String>,
    /// Regions in which replicas of keys are expected. Empty: learned from use.
    pub regions: Vec<String>,
    /// Keys, by ARN, id or alias (`alias/...`), whose misuse is worse than that of others: their first use by somebody
    /// new counts in full, and incidents about them are a step more severe.
    pub critical_keys: Vec<String>,
    /// Principals (ARNs without paths, `*` for any text) that are kept for emergencies: any use of a key by them is a
    /// finding.
    pub break_glass: Vec<String>,
    /// Names of what brings the logs to kmswatch and its alerts to people: buckets, queues, functions, tables, topics,
    /// roles, rules, alarms, stacks, and the ARNs or ids of the keys that they are encrypted with. `*` stands for any run
    /// of characters, `?` for any one; case does not matter.
    pub pipeline: Vec<String>,
    /// Keys that nobody has a reason to touch: key ARNs, key ids or aliases (`alias/...`).
    pub canary_keys: Vec<String>,
    /// Tag by which a key says of itself that nobody has a reason to touch it; empty: none.
    pub canary_tag: String,
    /// Digests of the enclave images that may use keys, as the log writes them. Empty: any but those of debug mode.
    pub enclave_images: Vec<String>,
    /// For each key (ARN, id, or alias as calls name it) the principals that are meant to use it: ARNs, names such as
    /// `role/payments-*`, or `service:NAME`. Use of these keys by anybody else is found.
    pub key_users: BTreeMap<String, Vec<String>>,
}

impl Default for EstateSettings {
    fn default() -> Self {
        EstateSettings {
            accounts: Vec::new(),
            organizations: Vec::new(),
            trusted_accounts: Vec::new(),
            regions: Vec::new(),
            critical_keys: Vec::new(),
            break_glass: Vec::new(),
            pipeline: vec!["*kmswatch*".to_owned()],
            canary_keys: Vec::new(),
            canary_tag: "kmswatch:canary".to_owned(),
            enclave_images: Vec::new(),
            key_users: BTreeMap::new(),
        }
    }
}

/// Bounds on one input object. All log content is attacker-controlled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Most bytes that one object may decompress to. CloudTrail writes at most 50 MB a file.
    pub object_bytes: u64,
    /// Most bytes that one compressed byte may become, once 1 MiB has been written. CloudTrail reaches 8 to 40,
    /// deflate itself cannot exceed 1,032.
    pub compression_ratio: u64,
    /// Most bytes of one record. CloudTrail writes at most 256 KB (1 MB in Lake).
    pub record_bytes: usize,
    /// Deepest nesting of a record.
    pub nesting: usize,
    /// Most distinct KMS events whose ids are remembered to count duplicates; the oldest by event time are
    /// forgotten first. Findings do not depend on it: repetition is harmless by construction.
    pub duplicate_memory_events: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            object_bytes: 1 << 30,
            compression_ratio: 300,
            record_bytes: 8 << 20,
            nesting: 128,
            duplicate_memory_events: 500_000,
        }
    }
}

/// How many alerts are worth having.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertSettings {
    /// False statistical alerts a week, for the whole estate, that are accepted so that true ones are not missed:
    /// 0.01 to 1,000. Kept within about a factor of two once the estate has been watched for some weeks.
    pub budget_per_week: f64,
    /// Table of CloudTrail logs in Athena, for the queries in alerts.
    pub athena_table: String,
    /// Id of an event data store of CloudTrail Lake, for the queries in alerts; empty if there is none.
    pub lake_store: String,
}

impl Default for AlertSettings {
    fn default() -> Self {
        AlertSettings {
            budget_per_week: 1.0,
            athena_table: "cloudtrail_logs".to_owned(),
            lake_store: String::new(),
        }
    }
}

/// Which findings belong together, and when that is worth an alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IncidentSettings {
    /// Hours between two findings of one actor, or about one key, up to which they are one incident: 1 to 336. Three
    /// days bridge a weekend.
    pub window_hours: i64,
    /// Hours without anything new after which an incident is quiet; what comes then is an alert again: 1 to 336.
    pub quiet_hours: i64,
    /// Days after which what goes on becomes a new incident: 1 to 90.
    pub longest_days: i64,
    /// Least severity that is worth an alert.
    pub alert_from: Severity,
}

impl Default for IncidentSettings {
    fn default() -> Self {
        IncidentSettings { window_hours: 72, quiet_hours: 12, longest_days: 14, alert_from: Severity::Medium }
    }
}

/// Parameters of the detectors. Each is documented on the page of the detector that reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectorSettings {
    /// Detectors that are switched off, by id.
    pub off: Vec<String>,
    /// Detectors on trial, by id: they run, and what they find is counted and shown apart.
    pub staged: Vec<String>,
    /// `several_keys_destroyed`: distinct keys destroyed by one principal that make a finding.
    pub several_keys: usize,
    /// `several_keys_destroyed`: the hours within which they are counted together.
    pub several_keys_hours: i64,
    /// `imported_key_material`: an expiry sooner than this many days is short.
    pub short_expiry_days: i64,
    /// `grants_ended`: grants ended by one principal in a UTC day that make a finding.
    pub ended_grants: u64,
    /// `habit_broken`, `log_objects_read`: days that a habit must have lasted before breaking it is a finding.
    pub habit_days: i64,
    /// `dormant_woke`: days without use after which a use is a finding.
    pub dormant_days: i64,
    /// `ciphertext_probed`: calls of one principal in an hour that fail since nothing fits.
    pub probing_calls: u64,
    /// `quota_exhausted`: throttled calls in an hour, Region and account that make a finding.
    pub throttled_calls: u64,
}

impl Default for DetectorSettings {
    fn default() -> Self {
        DetectorSettings {
            off: Vec::new(),
            staged: Vec::new(),
            several_keys: 2,
            several_keys_hours: 24,
            short_expiry_days: 7,
            ended_grants: 20,
            habit_days: 14,
            dormant_days: 90,
            probing_calls: 100,
            throttled_calls: 500,
        }
    }
}
