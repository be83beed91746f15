//! What is found again and again, and how to mute it.
//!
//! A suppression is proposed where one detector finds the same principal, or the same key, on several days. Whether that
//! is harmless only its owner knows: the proposal has neither reason nor owner, and is refused until it has both. For
//! findings of high severity there is none: a statement of facts (own accounts, users of a key, break-glass principals)
//! says more than silence.

use super::forecast::{incidents, now};
use kmswatch_engine::finding::{Finding, Severity};
use kmswatch_engine::pipeline::Watch;
use kmswatch_engine::settings::Suppression;
use kmswatch_engine::time::{DAY, Timestamp};
use kmswatch_engine::tuning;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Days on which something must have been found to be noise.
const DAYS: usize = 3;
/// How many are named.
const NAMED: usize = 10;
/// Days that a proposed suppression lasts.
const LASTS: i64 = 90;

/// One detector that finds one principal or key again and again.
#[derive(Debug, Serialize)]
pub(super) struct Noise {
    pub(super) detector: &'static str,
    /// The worst of the findings.
    pub(super) severity: Severity,
    /// Principal, or ARN of the key where nobody acted.
    pub(super) entity: String,
    /// Findings that are told.
    pub(super) findings: usize,
    /// Days (UTC) on which they begin.
    pub(super) days: usize,
    /// Alerts less if they are muted.
    pub(super) alerts_saved: usize,
    /// A suppression to copy, TOML; none if the severity is high.
    pub(super) proposal: Option<String>,
}

/// The noisiest with the settings of `watch`.
pub(super) fn noisiest(watch: &Watch) -> Vec<Noise> {
    let settings = &watch.estate().settings;
    let findings = watch.findings();
    let tuned = tuning::tune(findings.clone(), settings, now(watch));
    let mut groups: BTreeMap<(&'static str, bool, String), Vec<&Finding>> = BTreeMap::new();
    for finding in tuned.told.iter().filter(|finding| finding.severity >= settings.incidents.alert_from) {
        if let Some((is_key, entity)) = subject(finding) {
            groups.entry((finding.detector, is_key, entity.to_owned())).or_default().push(finding);
        }
    }
    let mut noisy: Vec<_> = groups
        .into_iter()
        .map(|(subject, findings)| (days(&findings), subject, findings))
        .filter(|(days, ..)| *days >= DAYS)
        .collect();
    noisy.sort_by(|a, b| (b.2.len(), &a.1).cmp(&(a.2.len(), &b.1)));
    noisy.truncate(NAMED);
    let alerts = |suppression: Option<&Suppression>| {
        let mut settings = settings.clone();
        settings.suppressions.extend(suppression.cloned());
        let tuned = tuning::tune(findings.clone(), &settings, now(watch));
        incidents(&tuned, &settings, now(watch)).iter().map(|incident| incident.alerts.len()).sum::<usize>()
    };
    let present = alerts(None);
    noisy
        .into_iter()
        .map(|(days, (detector, is_key, entity), findings)| {
            let suppression = suppression(detector, is_key, &entity, now(watch));
            let severity = findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Info);
            Noise {
                detector,
                severity,
                findings: findings.len(),
                days,
                alerts_saved: present.saturating_sub(alerts(Some(&suppression))),
                proposal: (severity < Severity::High).then(|| toml(&suppression)).flatten(),
                entity,
            }
        })
        .collect()
}

/// Whom or what a finding would be muted by.
fn subject(finding: &Finding) -> Option<(bool, &str)> {
    match (&finding.principal, &finding.key) {
        (Some(actor), _) => Some((false, &actor.id)),
        (None, Some(key)) => Some((true, &key.arn)),
        (None, None) => None,
    }
}

fn days(findings: &[&Finding]) -> usize {
    let days: BTreeSet<i64> = findings.iter().map(|finding| finding.time.start.0.div_euclid(DAY)).collect();
    days.len()
}

fn suppression(detector: &str, is_key: bool, entity: &str, now: Timestamp) -> Suppression {
    let of = |holds: bool| if holds { vec![entity.to_owned()] } else { Vec::new() };
    Suppression {
        reason: String::new(),
        owner: String::new(),
        // From the logs, not the clock: the same logs give the same proposal.
        expires: Timestamp((now.0.div_euclid(DAY) + LASTS) * DAY),
        detectors: vec![detector.to_owned()],
        principals: of(!is_key),
        keys: of(is_key),
        accounts: Vec::new(),
        networks: Vec::new(),
        from: None,
        until: None,
    }
}

/// The suppression as a file of settings has it.
fn toml(suppression: &Suppression) -> Option<String> {
    #[derive(Serialize)]
    struct File<'s> {
        suppressions: [&'s Suppression; 1],
    }
    // Plain strings and lists can always be written.
    toml::to_string(&File { suppressions: [suppression] }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kmswatch_engine::settings::Settings;

    #[test]
    fn a_proposal_is_a_file_of_settings_that_mutes_what_it_names() {
        let now = Timestamp::parse("2026-05-04T10:00:00Z").unwrap();
        let role = "arn:aws:iam::111122223333:role/odd \"name\"\n";
        let text = toml(&suppression("unusual_rate", false, role, now)).unwrap();
        assert!(text.starts_with("[[suppressions]]\nreason = \"\"\nowner = \"\"\n"), "{text}");
        let settings: Settings = toml::from_str(&text).unwrap();
        let [read] = settings.suppressions.as_slice() else { panic!("{settings:?}") };
        assert_eq!(read.principals, [role]);
        assert_eq!(read.expires.to_string(), "2026-08-02T00:00:00Z");
        let key = suppression("unusual_rate", true, "arn:k", now);
        assert_eq!((key.keys, key.principals.len()), (vec!["arn:k".to_owned()], 0));
    }
}
