//! Keys that were taken away: what breaks, until when it can be undone, and what is not known.

use super::{Member, Stage, story};
use crate::detectors::{imported_key_material, key_deletion_scheduled, key_disabled, key_policy_lockout};
use crate::finding::{Finding, KeyName};
use crate::time::{DAY, Timestamp};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// What has become of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Deleted for good.
    Deleted,
    /// Its deletion is scheduled; it is unusable until that is undone.
    PendingDeletion,
    /// Its imported material is gone.
    MaterialLost,
    /// Its imported material will expire.
    Expiring,
    /// Its policy shuts its owner out.
    LockedOut,
    /// Switched off; it can be switched on at any time.
    Disabled,
    /// Taken away, and given back since.
    Restored,
}

/// A key that was taken away.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Loss {
    /// The key.
    pub key: KeyName,
    /// What has become of it.
    pub fate: Fate,
    /// When it was taken away.
    pub since: Timestamp,
    /// When the loss becomes final, where that is scheduled and known.
    pub final_at: Option<Timestamp>,
    /// Whole days until then, as of now; 0 in the last day and after it.
    pub days_left: Option<i64>,
    /// Principals that used it in the 30 days before, the latest first; not all, if there are many.
    pub used_by: Vec<String>,
    /// Such principals in all; `None` where it is not known.
    pub used_by_count: Option<u64>,
    /// How often data was decrypted, or data keys were made, with it in a usual week; `None` where it is not known.
    pub decrypts_a_week: Option<u64>,
    /// Services through which it was used.
    pub services: Vec<String>,
    /// What stands behind it, by kind of resource.
    pub resources: BTreeMap<String, u64>,
    /// Last known use before.
    pub last_used: Option<Timestamp>,
    /// First refused use since it was taken away: somebody needs it.
    pub needed_since: Option<Timestamp>,
    /// Principals that needed it in vain.
    pub needed_by: Vec<String>,
    /// Other copies of the same multi-Region key, as far as they are known. They stay usable.
    pub siblings: Vec<String>,
    /// Id of the finding that tells it.
    pub finding: String,
    /// Whether all findings that tell it are muted.
    pub muted: bool,
}

impl Loss {
    /// Whether the loss is still ahead and can be stopped.
    pub fn is_pending(&self) -> bool {
        matches!(self.fate, Fate::PendingDeletion | Fate::Expiring)
    }

    /// Whether the key belongs to a multi-Region key.
    pub fn is_multi_region(&self) -> bool {
        self.key.arn.contains(":key/mrk-")
    }
}

/// What these members tell of keys taken away; the worst fate first, then by time.
pub(super) fn losses(members: &[&Member], now: Timestamp) -> Vec<Loss> {
    let mut by_key: BTreeMap<&str, Loss> = BTreeMap::new();
    for member in members {
        let finding = &member.finding;
        let (Some(key), Some(fate)) = (&finding.key, fate(finding)) else { continue };
        let loss = of_finding(finding, key, fate, member.muted, now);
        match by_key.get_mut(key.arn.as_str()) {
            Some(known) => known.unite(loss),
            None => {
                by_key.insert(&key.arn, loss);
            }
        }
    }
    for member in members.iter().filter(|member| Stage::of(&member.finding) == Some(Stage::Impact)) {
        let finding = &member.finding;
        let key = finding.key.as_ref().map(|key| key.arn.as_str());
        if let Some(loss) = key.and_then(|key| by_key.get_mut(key)) {
            let first = Some(finding.time.start);
            loss.needed_since =
                if loss.needed_since.is_none() { first } else { loss.needed_since.min(first) };
            loss.needed_by.extend(texts(finding, "principals"));
            loss.needed_by.sort_unstable();
            loss.needed_by.dedup();
        }
    }
    let mut losses: Vec<Loss> = by_key.into_values().collect();
    losses
        .sort_by(|a, b| (a.muted, a.fate, a.since, &a.key.arn).cmp(&(b.muted, b.fate, b.since, &b.key.arn)));
    losses
}

impl Loss {
    /// The worst fate, the earliest time, and what either knows.
    fn unite(&mut self, other: Loss) {
        let muted = self.muted && other.muted;
        let since = self.since.min(other.since);
        // A key given back and then taken again is gone: what is not restored says how it stands.
        let (mut worse, lesser) =
            if other.fate < self.fate { (other, self.clone()) } else { (self.clone(), other) };
        if worse.used_by.is_empty() {
            worse.used_by = lesser.used_by;
            worse.used_by_count = worse.used_by_count.max(lesser.used_by_count);
            worse.decrypts_a_week = worse.decrypts_a_week.or(lesser.decrypts_a_week);
            worse.services = lesser.services;
            worse.resources = lesser.resources;
        }
        worse.last_used = worse.last_used.max(lesser.last_used);
        worse.since = since;
        worse.muted = muted;
        *self = worse;
    }
}

fn fate(finding: &Finding) -> Option<Fate> {
    let has = |name: &str| finding.evidence.details.get(name).is_some_and(|value| !value.is_null());
    if story::is_denied(finding) {
        return None;
    }
    let detector = finding.detector;
    if detector == key_deletion_scheduled::DETECTOR.id {
        Some(match () {
            () if has("deleted") => Fate::Deleted,
            () if has("enabled") => Fate::Restored,
            // Cancelled: the key is left disabled.
            () if has("cancelled") => Fate::Disabled,
            // The schedule that replaced this one is another finding.
            () if has("scheduled_again") => Fate::Restored,
            () if has("window_days") => Fate::PendingDeletion,
            () => Fate::Deleted,
        })
    } else if detector == imported_key_material::DETECTOR.id {
        Some(match () {
            () if has("imported_again") => Fate::Restored,
            () if has("valid_to") => Fate::Expiring,
            () => Fate::MaterialLost,
        })
    } else if detector == key_disabled::DETECTOR.id {
        Some(if has("enabled") { Fate::Restored } else { Fate::Disabled })
    } else if detector == key_policy_lockout::DETECTOR.id {
        Some(Fate::LockedOut)
    } else {
        None
    }
}

fn of_finding(finding: &Finding, key: &KeyName, fate: Fate, muted: bool, now: Timestamp) -> Loss {
    let details = &finding.evidence.details;
    let moment = |name: &str| details.get(name).and_then(Value::as_str).and_then(Timestamp::parse);
    let final_at = match fate {
        Fate::PendingDeletion => moment("deletion_date"),
        Fate::Expiring => moment("valid_to"),
        _ => None,
    };
    let mut used_by: Vec<String> = Vec::new();
    for user in details.get("used_by").and_then(Value::as_array).into_iter().flatten() {
        let principal = user.get("principal").and_then(Value::as_str).unwrap_or_default();
        if !principal.is_empty() && !used_by.iter().any(|known| known == principal) {
            used_by.push(principal.to_owned());
        }
    }
    let resources = details.get("resources").and_then(Value::as_object).into_iter().flatten();
    Loss {
        key: key.clone(),
        fate,
        since: finding.time.start,
        final_at,
        days_left: final_at.map(|end| (end.since(now).max(0)) / DAY),
        used_by_count: details.get("used_by_count").and_then(Value::as_u64),
        used_by,
        decrypts_a_week: details.get("decrypts_a_week").and_then(Value::as_u64),
        services: texts(finding, "services"),
        resources: resources.filter_map(|(kind, n)| Some((kind.clone(), n.as_u64()?))).collect(),
        last_used: moment("last_used"),
        needed_since: None,
        needed_by: Vec::new(),
        siblings: texts(finding, "siblings"),
        finding: finding.id.clone(),
        muted,
    }
}

/// A list of texts in the details of a finding.
pub(super) fn texts(finding: &Finding, name: &str) -> Vec<String> {
    let list = finding.evidence.details.get(name).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
