//! What a detector says: a [`Finding`] with its [`Evidence`]. No evidence, no finding.
//!
//! A Finding is a value that merges. Its id is a hash of the detector and of what the finding is about (an
//! entity and a window, or an act), so the same facts found again, in another object or by another worker, give
//! the same id, and merging them changes nothing. Counts are never written into its texts: they belong to the
//! evidence, which grows by union.

pub mod stored;

use crate::event::Event;
use crate::state::{Act, Merge, Sightings};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

/// How bad it is if it is what it looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing, nothing to do.
    Info,
    /// Look at it in the course of the week.
    Low,
    /// Look at it today.
    Medium,
    /// Look at it now.
    High,
    /// Wake somebody.
    Critical,
}

impl Severity {
    /// All severities, the least first.
    pub const ALL: [Severity; 5] =
        [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    /// The word used in output and settings.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The way in which a detector knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FindingKind {
    /// One event is enough to say it.
    Rule,
    /// A count that is unusual for this entity.
    Rate,
    /// A value that is new for this entity.
    Novelty,
    /// Several events together, remembered in a State.
    Fact,
}

impl FindingKind {
    /// The word used in output.
    pub fn name(self) -> &'static str {
        match self {
            FindingKind::Rule => "rule",
            FindingKind::Rate => "rate",
            FindingKind::Novelty => "novelty",
            FindingKind::Fact => "fact",
        }
    }
}

/// A technique of MITRE ATT&CK Enterprise, v18.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Technique {
    /// The id, such as `T1485`.
    pub id: &'static str,
    /// Its name in ATT&CK.
    pub name: &'static str,
}

/// A finding: what happened, who did it, to which key, and the evidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// `kw-` and 20 hexadecimal digits; the same facts always give the same id.
    pub id: String,
    /// Id of the detector.
    pub detector: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The way in which the detector knows.
    pub kind: FindingKind,
    /// One line: what happened. `{key}` stands for the key until [`Finding::name_key`].
    pub title: String,
    /// First and last event of the evidence.
    pub time: Span,
    /// Account in whose log it stands.
    pub account: String,
    /// Region in which it happened.
    pub region: String,
    /// Who did it; missing where nobody in particular did.
    pub principal: Option<Actor>,
    /// The key that it is about.
    pub key: Option<KeyName>,
    /// What the finding rests on.
    pub evidence: Evidence,
    /// Techniques of MITRE ATT&CK.
    pub mitre: &'static [Technique],
    /// Why this is a finding and what it means, in a few sentences.
    pub explanation: String,
    /// What to do now, the first and most reversible step first.
    pub runbook: Vec<String>,
    /// The accounts whose being foreign this finding rests on. Should all of them turn out to be ours (their logs
    /// are read later), the finding falls away. Empty: it rests on nothing of the kind.
    #[serde(skip)]
    pub rests_on_foreign: Vec<String>,
    /// Whether it is about a key policy that was set: should all its events have put a policy that was in force
    /// already, the finding falls away.
    #[serde(skip)]
    pub sets_policy: bool,
}

/// A span of event time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Time of the first event.
    pub start: Timestamp,
    /// Time of the last event.
    pub end: Timestamp,
}

/// Who acted, as far as the record tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Actor {
    /// The stable principal: role, user, root, service or account; never a session.
    pub id: String,
    /// Kind of principal, such as `role` or `aws_service`.
    pub kind: &'static str,
    /// Account of the principal.
    pub account: Option<String>,
    /// Session name of an assumed role.
    pub session: Option<String>,
    /// Access key id.
    pub access_key: Option<String>,
    /// Service through which the call was made.
    pub via_service: Option<String>,
    /// Source identity set when the role was assumed.
    pub source_identity: Option<String>,
    /// Source address or service name.
    pub source: Option<String>,
    /// User agent, as sent.
    pub user_agent: Option<String>,
}

/// The key, by every name that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyName {
    /// The key ARN, or the best name that the record gives.
    pub arn: String,
    /// Aliases that point at it, in order.
    pub aliases: Vec<String>,
    /// Account that owns it.
    pub account: Option<String>,
    /// Its Region.
    pub region: Option<String>,
}

impl KeyName {
    /// The key with this ARN; its aliases are known later.
    pub fn of_arn(arn: &str) -> KeyName {
        let part = |n: usize| arn.split(':').nth(n).filter(|part| !part.is_empty()).map(str::to_owned);
        let alias = arn.split_once(":alias/").map(|(_, name)| format!("alias/{name}"));
        KeyName {
            arn: arn.to_owned(),
            aliases: alias.into_iter().collect(),
            account: part(4),
            region: part(3),
        }
    }

    /// The key in a line of text: its alias if it has one, which people know, else its id. The ARN stands beside.
    pub fn label(&self) -> &str {
        let id = self.arn.rsplit('/').next().unwrap_or(&self.arn);
        self.aliases.first().map_or(id, String::as_str)
    }
}

/// The name that all copies of a multi-Region key share: partition, account and id; of another key its ARN.
pub fn key_family(arn: &str) -> String {
    let mut parts = arn.splitn(6, ':').skip(1);
    match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(partition), Some("kms"), Some(_), Some(account), Some(key)) if key.starts_with("key/mrk-") => {
            format!("{partition}:{account}:{key}")
        }
        _ => arn.to_owned(),
    }
}

/// What a detector saw, each by a name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Details(BTreeMap<Cow<'static, str>, Value>);

impl Details {
    /// Adds one, or replaces that of the same name.
    pub fn insert(&mut self, name: impl Into<Cow<'static, str>>, value: Value) {
        self.0.insert(name.into(), value);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Deref for Details {
    type Target = BTreeMap<Cow<'static, str>, Value>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Extend<(&'static str, Value)> for Details {
    fn extend<I: IntoIterator<Item = (&'static str, Value)>>(&mut self, details: I) {
        details.into_iter().for_each(|(name, value)| self.insert(name, value));
    }
}

/// What a finding rests on. Merges by union; bounded in size.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Evidence {
    /// Ids of the earliest events, at most [`Evidence::SAMPLE`], in order of time.
    pub event_ids: Vec<String>,
    /// Distinct events, exact up to
    /// [`crate::state::distinct::Distinct::EXACT`], then an estimate.
    pub count: u64,
    /// What was measured, where something was.
    pub observed: Option<f64>,
    /// What was expected.
    pub expected: Option<f64>,
    /// The probability of what was observed, if all were normal.
    pub probability: Option<f64>,
    /// What else the detector saw, by name.
    #[serde(skip_serializing_if = "Details::is_empty")]
    pub details: Details,
    #[serde(skip)]
    sightings: Sightings,
    /// The event that the words of the finding are about: the first that was added. Merging leaves it, so that
    /// which words win does not depend on what else was merged before.
    #[serde(skip)]
    lead: Option<(Timestamp, String)>,
}

impl Evidence {
    /// Event ids kept as a sample.
    pub const SAMPLE: usize = Sightings::SAMPLE;

    /// Adds one event. Adding it again changes nothing.
    pub fn add(&mut self, time: Timestamp, event_id: &str) {
        if self.lead.is_none() {
            self.lead = Some((time, event_id.to_owned()));
        }
        self.sightings.add(time, event_id);
        self.show();
    }

    /// Adds events that a State has counted.
    pub fn add_all(&mut self, sightings: &Sightings) {
        if self.lead.is_none() {
            self.lead = sightings.earliest().first().cloned();
        }
        self.sightings.merge(sightings);
        self.show();
    }

    /// The union with `other`: sample, count and span. Other fields stay.
    pub fn merge(&mut self, other: &Evidence) {
        self.sightings.merge(&other.sightings);
        self.show();
    }

    fn show(&mut self) {
        self.event_ids = self.sightings.earliest().iter().map(|(_, id)| id.clone()).collect();
        self.count = self.sightings.distinct().count();
    }

    /// The earliest events, with their times.
    pub fn earliest(&self) -> &[(Timestamp, String)] {
        self.sightings.earliest()
    }

    /// First and last event; `None` without events.
    pub fn span(&self) -> Option<Span> {
        Some(Span { start: self.sightings.first()?, end: self.sightings.last()? })
    }
}

/// The finding id: a hash of the detector and of the parts that say what the finding is about.
///
/// SHA-256, because the parts are attacker-controlled and two findings must not be made to collide;
/// 80 bits of it, so that people can read it out.
pub fn finding_id(detector: &str, about: &[&str]) -> String {
    let mut hash = Sha256::new();
    hash.update(detector.as_bytes());
    for part in about {
        // The length keeps ("ab", "c") and ("a", "bc") apart.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let mut id = String::from("kw-");
    for byte in digest.iter().take(10) {
        id.push_str(&format!("{byte:02x}"));
    }
    id
}

impl Finding {
    /// Merges another finding with the same id: evidence by union, the words of the more severe one, of equals
    /// those of the one whose event came first, of two copies of one event those of the caller's account.
    pub fn merge(&mut self, mut other: Finding) {
        debug_assert_eq!(self.id, other.id);
        let rank = |finding: &Finding| {
            let by = finding.principal.as_ref().and_then(|actor| actor.account.clone());
            (
                std::cmp::Reverse(finding.severity),
                finding.evidence.lead.clone(),
                by.as_deref() != Some(finding.account.as_str()),
            )
        };
        let other_leads = match rank(&other).cmp(&rank(self)) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Greater => false,
            std::cmp::Ordering::Equal => other.words() < self.words(),
        };
        if other_leads {
            std::mem::swap(self, &mut other);
        }
        self.evidence.merge(&other.evidence);
        self.time = self.evidence.span().unwrap_or(self.time);
    }

    /// Everything but the evidence that grows: breaks the ties between copies of one event.
    fn words(&self) -> String {
        let words = (
            &self.title,
            &self.account,
            &self.region,
            &self.principal,
            &self.key,
            &self.explanation,
            &self.runbook,
            &self.evidence.details,
            &self.rests_on_foreign,
        );
        serde_json::to_string(&words).unwrap_or_default()
    }

    /// Adds an act to the evidence.
    pub fn add_act(&mut self, act: &Act) {
        self.evidence.add(act.time, &act.event_id);
        self.time = self.evidence.span().unwrap_or(self.time);
    }

    /// Adds counted events to the evidence.
    pub fn add_sightings(&mut self, sightings: &Sightings) {
        self.evidence.add_all(sightings);
        self.time = self.evidence.span().unwrap_or(self.time);
    }

    /// Puts the name of the key into the texts, once its aliases are known.
    pub fn name_key(&mut self, aliases: Vec<String>) {
        let Some(key) = &mut self.key else { return };
        key.aliases = aliases;
        let label = key.label();
        self.title = self.title.replace("{key}", label);
        self.explanation = self.explanation.replace("{key}", label);
    }
}

/// Begins a finding about one event; the detector adds what it knows.
///
/// `about` says what repeated sightings have in common; the UTC day of the event is added, so that a storm is
/// one finding a day and a new one tomorrow.
pub fn of_event(detector: &crate::detectors::Detector, event: &Event<'_>, about: &[&str]) -> Finding {
    let mut evidence = Evidence::default();
    // One act logged in two accounts shares one id.
    evidence.add(event.time, event.act_id());
    let day = event.time.day().to_string();
    let about: Vec<&str> = about.iter().copied().chain([day.as_str()]).collect();
    Finding {
        id: finding_id(detector.id, &about),
        detector: detector.id,
        severity: detector.severity,
        kind: detector.kind,
        title: String::new(),
        time: Span { start: event.time, end: event.time },
        account: event.account.to_string(),
        region: event.region.to_string(),
        principal: Some(event.actor()),
        key: event.key.as_ref().map(crate::event::Key::name),
        evidence,
        mitre: detector.mitre,
        explanation: String::new(),
        runbook: Vec::new(),
        rests_on_foreign: Vec::new(),
        sets_policy: false,
    }
}

/// Begins a finding about an act that a State remembers; the detector adds what it knows.
///
/// `about` alone makes the id: name things in it that stay the same as evidence grows, such as the key and the id
/// of the act.
pub fn of_act(detector: &crate::detectors::Detector, act: &Act, about: &[&str]) -> Finding {
    let mut finding = of_key(detector, &act.key, about);
    finding.evidence.add(act.time, &act.event_id);
    finding.time = Span { start: act.time, end: act.time };
    finding.account.clone_from(&act.account);
    finding.region.clone_from(&act.region);
    finding.principal = Some(act.by.actor());
    finding
}

/// Begins a finding about a key, done by nobody in particular; the detector adds at least the evidence and with it
/// the time. With an empty ARN it is about no key.
pub fn of_key(detector: &crate::detectors::Detector, arn: &str, about: &[&str]) -> Finding {
    let key = (!arn.is_empty()).then(|| KeyName::of_arn(arn));
    let part = |part: fn(&KeyName) -> &Option<String>| key.as_ref().and_then(|key| part(key).clone());
    Finding {
        id: finding_id(detector.id, about),
        detector: detector.id,
        severity: detector.severity,
        kind: detector.kind,
        title: String::new(),
        time: Span { start: Timestamp::default(), end: Timestamp::default() },
        account: part(|key| &key.account).unwrap_or_default(),
        region: part(|key| &key.region).unwrap_or_default(),
        principal: None,
        key,
        evidence: Evidence::default(),
        mitre: detector.mitre,
        explanation: String::new(),
        runbook: Vec::new(),
        rests_on_foreign: Vec::new(),
        sets_policy: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A finding about one event: severity, time, event id, title.
    fn finding((severity, time, event, title): (usize, i64, u8, u8)) -> Finding {
        let mut finding = of_key(&crate::detectors::trail_blinded::DETECTOR, "", &["one"]);
        finding.severity = Severity::ALL[severity];
        finding.title = title.to_string();
        finding.evidence.add(Timestamp(time), &event.to_string());
        finding.time = finding.evidence.span().unwrap();
        finding
    }

    fn merged(findings: impl IntoIterator<Item = (usize, i64, u8, u8)>) -> Option<Finding> {
        findings.into_iter().map(finding).reduce(|mut a, b| {
            a.merge(b);
            a
        })
    }

    #[test]
    fn the_words_are_those_of_the_worst_and_then_of_the_first_event() {
        let words = |findings: &[_]| merged(findings.iter().copied()).unwrap().title;
        assert_eq!(words(&[(3, 1, 1, 7), (4, 2, 2, 8)]), "8");
        assert_eq!(words(&[(3, 2, 2, 8), (3, 1, 1, 7)]), "7");
        // Evidence that comes in between does not make the second one the first.
        assert_eq!(words(&[(4, 5, 1, 7), (3, 1, 2, 8), (4, 3, 3, 9)]), "9");
    }

    proptest! {
        #[test]
        fn merging_depends_neither_on_order_nor_on_repetition(
            findings in prop::collection::vec((0usize..5, 0i64..4, 0u8..4, 0u8..3), 1..8),
            cut: usize,
        ) {
            let all = merged(findings.clone());
            prop_assert_eq!(&merged(findings.iter().rev().copied()), &all);
            prop_assert_eq!(&merged(findings.iter().chain(&findings).copied()), &all);
            let (left, right) = findings.split_at(cut % findings.len());
            if let (Some(left), Some(mut right)) = (merged(left.to_vec()), merged(right.to_vec())) {
                right.merge(left);
                prop_assert_eq!(&Some(right), &all);
            }
        }
    }
}
