//! What breaks if a key is deleted.

use super::{Inventory, KeyEntry, State, User, short};
use crate::words::many;
use kmswatch_engine::event::Operation;
use kmswatch_engine::runbook::aws;
use kmswatch_engine::time::{DAY, Timestamp};
use serde::Serialize;
use std::collections::BTreeSet;

/// Days within which a use counts as recent: most jobs that need a key run at least monthly.
const RECENT_DAYS: i64 = 30;
/// Days that a key should be watched after it was disabled: what runs once a quarter has then run.
const WATCH_DAYS: i64 = 90;
/// Users that are named.
const NAMED: usize = 10;

/// The answer in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Somebody uses it.
    Breaks,
    /// Somebody has used it, but not lately.
    MayBreak,
    /// No use was seen.
    NoUseSeen,
    /// It is deleted already, or about to be.
    Going,
    /// It cannot be deleted by its user.
    NotYours,
}

/// What is known of the consequences.
#[derive(Clone, Debug, Serialize)]
pub struct Deletion {
    /// Key ARN.
    pub key: String,
    /// The name by which people know it.
    pub label: String,
    /// The answer in a word.
    pub verdict: Verdict,
    /// The answer in a sentence or two.
    pub answer: String,
    /// Who and what could no longer be served, one a line.
    pub breaks: Vec<String>,
    /// What logs do not tell.
    pub unknown: Vec<String>,
    /// What to do instead, or before: reversible steps first.
    pub steps: Vec<String>,
}

impl Inventory {
    /// What breaks if `key` is deleted.
    pub fn deletion(&self, key: &KeyEntry) -> Deletion {
        let recent_from = self.as_of.plus(-RECENT_DAYS * DAY);
        let users: Vec<&User> = key.users.iter().filter(|user| user.last_use.is_some()).collect();
        let recent = principals(&users, |user| user.last_use.is_some_and(|last| last >= recent_from));
        let ever = principals(&users, |_| true);
        let label = key.label();
        let (verdict, answer) = match key.state {
            State::Deleted => (Verdict::Going, format!("{label} is deleted. What it had encrypted is lost.")),
            State::PendingDeletion => (
                Verdict::Going,
                format!(
                    "{label} will be deleted{}. Until then that can be cancelled.",
                    key.deletion_at.map_or(String::new(), |at| format!(" at {at}"))
                ),
            ),
            _ if key.is_aws_managed() => {
                (Verdict::NotYours, format!("AWS manages {label}: nobody can delete it."))
            }
            _ if key.foreign => (Verdict::NotYours, format!("{label} belongs to account {}.", key.account)),
            _ if !recent.is_empty() => (
                Verdict::Breaks,
                format!(
                    "Do not delete {label}: {} used it in the last {RECENT_DAYS} days, last at {}.",
                    many(recent.len() as u64, "principal"),
                    moment(key.last_use)
                ),
            ),
            _ if !ever.is_empty() => (
                Verdict::MayBreak,
                format!(
                    "{label} was used by {}, last at {}, but not in the last {RECENT_DAYS} days. Data that is seldom \
                     read may still need it.",
                    many(ever.len() as u64, "principal"),
                    moment(key.last_use)
                ),
            ),
            _ => (
                Verdict::NoUseSeen,
                format!("No use of {label} was seen in {:.1} days of logs, which proves little.", self.days),
            ),
        };
        Deletion {
            key: key.arn.clone(),
            label: label.to_owned(),
            verdict,
            answer,
            breaks: breaks(key, &users),
            unknown: self.unknown(key),
            steps: steps(key),
        }
    }

    fn unknown(&self, key: &KeyEntry) -> Vec<String> {
        let mut unknown = vec![
            "Data that nobody has read lately: CloudTrail shows calls, not what lies encrypted. Look for backups, \
             snapshots, log archives and old objects."
                .to_owned(),
        ];
        if self.days < WATCH_DAYS as f64 {
            unknown.push(format!(
                "What is done more seldom than these {:.1} days of logs show: monthly and quarterly jobs.",
                self.days
            ));
        }
        if key.resources.contains_key("bucket") {
            unknown.push(
                "How many objects lie in a bucket with an S3 Bucket Key: one call stands for many of them."
                    .to_owned(),
            );
        }
        if key.users.iter().any(|user| user.kind == "foreign_account") {
            unknown.push(
                "Who the callers of other accounts are: their log tells, this one does not.".to_owned(),
            );
        }
        if key.operations.contains_key("GetPublicKey") {
            unknown.push(
                "Who uses the public key: that happens outside of KMS. What was signed stays verifiable with a copy of \
                 it; what was encrypted to it could no longer be decrypted."
                    .to_owned(),
            );
        }
        if key.acts_of_other_users > 0 || key.resources_cut {
            unknown.push("Some users or resources: there are more than could be told apart.".to_owned());
        }
        unknown
    }
}

/// Distinct principals of those users that pass.
fn principals<'a>(users: &[&'a User], passes: impl Fn(&User) -> bool) -> BTreeSet<&'a str> {
    users.iter().filter(|user| passes(user)).map(|user| user.principal.as_str()).collect()
}

fn breaks(key: &KeyEntry, users: &[&User]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut by_last: Vec<&&User> = users.iter().collect();
    by_last.sort_by_key(|user| std::cmp::Reverse(user.last_use));
    for user in by_last.iter().take(NAMED) {
        let via = if user.via.is_empty() { String::new() } else { format!(" through {}", user.via) };
        let is_use = |name: &&str| Operation::from_name(name).is_cryptographic();
        let what: Vec<&str> = user.operations.keys().copied().filter(is_use).collect();
        lines.push(format!(
            "{}{via} can no longer call {} ({}, last at {}).",
            short(&user.principal),
            what.join(", "),
            many(user.uses, "use"),
            moment(user.last_use)
        ));
    }
    if let Some(more) = by_last.len().checked_sub(NAMED).filter(|more| *more > 0) {
        lines.push(format!("And {} more.", many(more as u64, "user")));
    }
    let behind: Vec<String> = key.resources.iter().map(|(kind, n)| many(*n, kind)).collect();
    if !behind.is_empty() {
        lines.push(format!("Unreadable: {} that were named in calls.", behind.join(", ")));
    }
    if key.resources.contains_key("trail") {
        lines.push("CloudTrail encrypts its log with it: no log would be delivered any more.".to_owned());
    }
    for alias in &key.aliases {
        lines.push(format!("{alias} goes with it: whoever calls by that name fails."));
    }
    if !key.open_grants.is_empty() {
        lines.push(format!("Grants that end with it: {}.", key.open_grants.len()));
    }
    if !key.copies.is_empty() {
        lines.push(format!(
            "{} of the same multi-Region key stay usable, and so does what they can decrypt: all that this one can.",
            many(key.copies.len() as u64, "other copy")
        ));
    }
    lines
}

fn steps(key: &KeyEntry) -> Vec<String> {
    let command = |command: &str| aws(command, &[("key-id", &key.arn), ("region", &key.region)]);
    match key.state {
        State::Deleted => Vec::new(),
        State::PendingDeletion => vec![
            format!("Stop the deletion: {}", command("kms cancel-key-deletion")),
            format!("Make it usable again: {}", command("kms enable-key")),
        ],
        _ if key.foreign || key.is_aws_managed() => Vec::new(),
        _ => vec![
            format!(
                "Ask KMS when it was last used, which it knows better: {}",
                command("kms get-key-last-usage")
            ),
            format!("See which grants there are: {}", command("kms list-grants")),
            format!("Disable it first, which can be undone at once: {}", command("kms disable-key")),
            format!(
                "Watch for {WATCH_DAYS} days whether anybody misses it, which is a finding (unusable_key_used), and give it \
                 back if so: {}",
                command("kms enable-key")
            ),
            format!(
                "Only then schedule the deletion, with the longest waiting period: {}",
                aws(
                    "kms schedule-key-deletion",
                    &[("key-id", &key.arn), ("pending-window-in-days", "30"), ("region", &key.region)]
                )
            ),
        ],
    }
}

fn moment(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "an unknown time".to_owned(), |time| time.to_string())
}
