//! What breaks: who would miss a key that is taken away, as its State knows it. Shared by several detectors.

use crate::finding::Finding;
use crate::runbook::aws;
use crate::state::{Act, KeyState, Sight};
use crate::time::{DAY, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Days before an act in which a use of the key counts as recent. Most jobs that need a key run at least monthly.
pub(super) const RECENT_DAYS: i64 = 30;

/// Principals named in texts and details; the rest is counted.
const NAMED: usize = 5;

/// Who used a key lately, other than the one who took it away.
#[derive(Debug)]
pub(super) struct Impact<'s> {
    state: &'s KeyState,
    others: Vec<&'s Sight>,
}

impl<'s> Impact<'s> {
    /// Reads it from the State of the key, as of `act`.
    pub(super) fn of(state: &'s KeyState, act: &Act) -> Impact<'s> {
        let from = act.time.plus(-RECENT_DAYS * DAY);
        let others = state
            .users
            .newest()
            .into_iter()
            .filter(|sight| *sight.name != *act.by.id && sight.meets(from, act.time))
            .collect();
        Impact { state, others }
    }

    /// Whether anybody else used it lately.
    pub(super) fn is_felt(&self) -> bool {
        !self.others.is_empty()
    }

    /// What breaks, in a sentence or two.
    pub(super) fn sentence(&self) -> String {
        let principals = self.principals();
        if principals.is_empty() {
            return match self.state.used() {
                Some((_, last)) => format!(
                    "Nobody else is known to have used it in the {RECENT_DAYS} days before; its last known use was \
                     at {last}."
                ),
                None => "No use of it is known, which says little if the logs at hand are short.".to_owned(),
            };
        }
        let names: Vec<&str> = principals.iter().take(NAMED).map(|name| short(name)).collect();
        let more = principals.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let mut text = format!(
            "In the {RECENT_DAYS} days before, it was used by {}{more}, who can no longer decrypt with it.",
            names.join(", ")
        );
        let kinds: Vec<String> = self.state.resources.kinds().map(|(kind, n)| plural(n, kind)).collect();
        if !kinds.is_empty() {
            text.push_str(&format!(" Behind it are {}.", kinds.join(", ")));
        }
        text
    }

    /// Puts what is known into the details of the evidence.
    pub(super) fn describe(&self, finding: &mut Finding) {
        let details = &mut finding.evidence.details;
        let used_by: Vec<Value> = self
            .others
            .iter()
            .take(2 * NAMED)
            .map(|sight| {
                let via = (!sight.detail.is_empty()).then_some(&sight.detail);
                json!({"principal": sight.name, "via": via, "first": sight.first, "last": sight.last})
            })
            .collect();
        details.insert("used_by", used_by.into());
        details.insert("used_by_count", self.principals().len().into());
        let services: BTreeSet<&str> =
            self.others.iter().map(|sight| sight.detail.as_ref()).filter(|via| !via.is_empty()).collect();
        if !services.is_empty() {
            details.insert("services", json!(services));
        }
        if let Some((_, last)) = self.state.used() {
            details.insert("last_used", json!(last));
        }
        let kinds: serde_json::Map<String, Value> =
            self.state.resources.kinds().map(|(kind, n)| (kind.to_owned(), n.into())).collect();
        if !kinds.is_empty() {
            details.insert("resources", kinds.into());
            let sample = self.state.resources.sample.newest();
            let sample: Vec<&str> = sample.into_iter().take(NAMED).map(|sight| sight.name.as_ref()).collect();
            details.insert("resource_sample", json!(sample));
        }
        if self.state.users.is_full() {
            details.insert("users_incomplete", true.into());
        }
    }

    /// Distinct principals, those who used it last first.
    fn principals(&self) -> Vec<&'s str> {
        let mut known = BTreeSet::new();
        self.others.iter().map(|sight| sight.name.as_ref()).filter(|name| known.insert(*name)).collect()
    }
}

/// A principal in a line of text: `role/payments-api`.
pub(super) fn short(principal: &str) -> &str {
    if principal.starts_with("arn:") {
        principal.splitn(6, ':').nth(5).unwrap_or(principal)
    } else {
        principal
    }
}

/// "1 secret", "4 secrets".
fn plural(n: u64, kind: &str) -> String {
    format!("{n} {kind}{}", if n == 1 { "" } else { "s" })
}

/// The day of a moment, for texts.
pub(super) fn date(moment: Timestamp) -> String {
    moment.to_string().chars().take(10).collect()
}

/// A command on a key of which `finding` is about.
pub(super) fn on_key(command: &str, finding: &Finding) -> String {
    let (arn, region) = finding
        .key
        .as_ref()
        .map_or(("", ""), |key| (key.arn.as_str(), key.region.as_deref().unwrap_or_default()));
    aws(command, &[("key-id", arn), ("region", region)])
}

/// The command that shows what else was done with the same credentials, or else to the same key.
pub(super) fn look_further(finding: &Finding) -> String {
    let access_key = finding.principal.as_ref().and_then(|actor| actor.access_key.as_deref());
    let by = match (access_key, &finding.key) {
        (Some(access_key), _) => format!("AttributeKey=AccessKeyId,AttributeValue={access_key}"),
        (None, Some(key)) => format!("AttributeKey=ResourceName,AttributeValue={}", key.arn),
        (None, None) => "AttributeKey=EventSource,AttributeValue=kms.amazonaws.com".to_owned(),
    };
    let start = finding.time.start.plus(-DAY).to_string();
    let command = aws(
        "cloudtrail lookup-events",
        &[("lookup-attributes", &by), ("start-time", &start), ("region", &finding.region)],
    );
    format!("See what else was done: {command}")
}
