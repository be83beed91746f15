//! What is careless about how keys are used: one file a signal.
//!
//! None of this is an attack, and none of it is an alert. Each signal says what it saw, with events to look up, what to
//! do, and when it is wrong. A signal is a function of the [`Inventory`] alone.

mod aws_managed_key;
mod constant_context;
mod context_mismatch;
mod cross_account;
mod custom_key_store;
mod decrypt_without_key;
mod decrypts_per_data_key;
mod instance_metadata_v1;
mod key_not_usable;
mod lockout_check_bypassed;
mod long_term_credentials;
mod many_purposes;
mod many_regions;
mod material_expires;
mod no_data_key_cache;
mod no_encryption_context;
mod no_second_factor;
mod old_tls;
mod open_grants;
mod people_decrypt;
mod raw_key_id;
mod root_use;
mod rotation_off;
mod secret_in_context;
mod throttled;
mod unconstrained_grants;
mod unused_access;
mod unused_key;

use crate::inventory::{Evidence, Inventory, KeyEntry, Note, User, short};
use crate::words::many;
use kmswatch_engine::finding::Severity;
use kmswatch_engine::time::{DAY, Timestamp};
use serde::Serialize;

/// A signal: what it looks for, and what to say about it.
#[derive(Debug)]
pub struct Signal {
    /// Name of its file.
    pub id: &'static str,
    /// One line: what is careless.
    pub title: &'static str,
    /// How much it matters: `info` to `medium`.
    pub severity: Severity,
    /// What to do.
    pub advice: &'static str,
    /// When it is wrong, or what it cannot tell.
    pub caveat: &'static str,
    look: fn(&Inventory) -> Vec<Sign>,
}

/// All signals, those that matter most first.
pub const ALL: [&Signal; 28] = [
    &key_not_usable::SIGNAL,
    &material_expires::SIGNAL,
    &root_use::SIGNAL,
    &secret_in_context::SIGNAL,
    &long_term_credentials::SIGNAL,
    &no_second_factor::SIGNAL,
    &lockout_check_bypassed::SIGNAL,
    &throttled::SIGNAL,
    &cross_account::SIGNAL,
    &rotation_off::SIGNAL,
    &no_encryption_context::SIGNAL,
    &people_decrypt::SIGNAL,
    &unused_access::SIGNAL,
    &unused_key::SIGNAL,
    &unconstrained_grants::SIGNAL,
    &open_grants::SIGNAL,
    &many_purposes::SIGNAL,
    &many_regions::SIGNAL,
    &custom_key_store::SIGNAL,
    &context_mismatch::SIGNAL,
    &constant_context::SIGNAL,
    &no_data_key_cache::SIGNAL,
    &decrypts_per_data_key::SIGNAL,
    &instance_metadata_v1::SIGNAL,
    &old_tls::SIGNAL,
    &raw_key_id::SIGNAL,
    &decrypt_without_key::SIGNAL,
    &aws_managed_key::SIGNAL,
];

/// A place where a signal shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sign {
    /// ARN of the key.
    pub key: String,
    /// The name by which people know it.
    pub label: String,
    /// What was seen, in a sentence.
    pub says: String,
    /// Principals concerned, at most [`Sign::PRINCIPALS`].
    pub principals: Vec<String>,
    /// Principals concerned in all.
    pub principal_count: usize,
    /// The calls that show it, where calls do.
    pub evidence: Option<Evidence>,
}

impl Sign {
    /// Principals that are named.
    pub const PRINCIPALS: usize = 10;

    /// A sign about a key.
    fn of(key: &KeyEntry, says: String) -> Sign {
        Sign {
            key: key.arn.clone(),
            label: key.label().to_owned(),
            says,
            principals: Vec::new(),
            principal_count: 0,
            evidence: None,
        }
    }

    /// The same with those whom it concerns.
    fn by<'a>(mut self, principals: impl IntoIterator<Item = &'a str>) -> Sign {
        let mut all: Vec<&str> = Vec::new();
        for principal in principals {
            if !all.contains(&principal) {
                all.push(principal);
            }
        }
        self.principal_count = all.len();
        self.principals = all.into_iter().take(Self::PRINCIPALS).map(str::to_owned).collect();
        self
    }

    fn with(mut self, evidence: Evidence) -> Sign {
        self.evidence = Some(evidence);
        self
    }
}

/// A signal with the places where it shows.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Id of the signal.
    pub id: &'static str,
    /// One line: what is careless.
    pub title: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What to do.
    pub advice: &'static str,
    /// When it is wrong.
    pub caveat: &'static str,
    /// Where it shows, at most [`Report::SIGNS`].
    pub signs: Vec<Sign>,
    /// Places in all.
    pub sign_count: usize,
}

impl Report {
    /// Places that are listed.
    pub const SIGNS: usize = 1_000;
}

/// The signals that show, those that matter most first.
pub fn reports(inventory: &Inventory) -> Vec<Report> {
    ALL.iter()
        .filter_map(|signal| {
            let mut signs = (signal.look)(inventory);
            let sign_count = signs.len();
            signs.truncate(Report::SIGNS);
            let Signal { id, title, severity, advice, caveat, .. } = **signal;
            (sign_count > 0).then_some(Report { id, title, severity, advice, caveat, signs, sign_count })
        })
        .collect()
}

/// A sign for each key that passes and whose users' calls have this note; `says` gets the calls and the names.
fn noted(
    inventory: &Inventory,
    note: Note,
    passes: impl Fn(&KeyEntry) -> bool,
    says: impl Fn(&Evidence, &str) -> String,
) -> Vec<Sign> {
    let mut signs = Vec::new();
    for key in inventory.keys.iter().filter(|key| passes(key)) {
        let noted = key.noted(note);
        let Some(evidence) = united(noted.iter().map(|(_, evidence)| *evidence)) else { continue };
        let who = names(noted.iter().map(|(user, _)| user.principal.as_str()));
        let sign = Sign::of(key, says(&evidence, &who));
        signs.push(sign.by(noted.iter().map(|(user, _)| user.principal.as_str())).with(evidence));
    }
    signs
}

/// All calls together; `None` for none.
fn united<'a>(all: impl Iterator<Item = &'a Evidence>) -> Option<Evidence> {
    all.cloned().reduce(|mut sum, one| {
        sum.add(&one);
        sum
    })
}

/// The calls of a user that were uses of the key.
fn uses_of(user: &User) -> Evidence {
    Evidence {
        count: user.uses,
        first: user.first,
        last: user.last_use.unwrap_or(user.last),
        event_ids: Vec::new(),
    }
}

/// `role/a, role/b and 3 more`
fn names<'a>(principals: impl Iterator<Item = &'a str>) -> String {
    const NAMED: usize = 3;
    let mut all: Vec<&str> = principals.map(short).collect();
    all.sort_unstable();
    all.dedup();
    let more = all.len().saturating_sub(NAMED);
    all.truncate(NAMED);
    let named = all.join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}

/// `1 call`, `4,310 calls`.
fn calls(n: u64) -> String {
    many(n, "call")
}

/// Whole days from `from` to `to`.
fn days_between(from: Timestamp, to: Timestamp) -> i64 {
    to.since(from).max(0) / DAY
}

#[cfg(test)]
mod tests;
