//! What a changed file of settings does: which findings appear, and which vanish.

use super::forecast::{incidents, now};
use kmswatch_engine::finding::{Finding, Severity};
use kmswatch_engine::pipeline::Watch;
use kmswatch_engine::time::Timestamp;
use kmswatch_engine::tuning;
use serde::Serialize;
use std::collections::BTreeMap;

/// What is said of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fate {
    /// Told.
    Told,
    /// Found, and muted.
    Muted,
    /// Found by a staged detector.
    Staged,
    /// Not found.
    NotFound,
}

impl Fate {
    /// In words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Fate::Told => "told",
            Fate::Muted => "muted",
            Fate::Staged => "staged",
            Fate::NotFound => "not found",
        }
    }
}

/// A finding of which something else is said.
#[derive(Debug, Serialize)]
pub(super) struct Change {
    pub(super) id: String,
    pub(super) detector: &'static str,
    pub(super) severity: Severity,
    pub(super) at: Timestamp,
    pub(super) title: String,
    pub(super) before: Fate,
    pub(super) after: Fate,
}

/// Present settings against changed ones.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    /// Alerts with the present settings.
    pub(super) alerts_before: usize,
    /// Alerts with the changed ones.
    pub(super) alerts_after: usize,
    /// Findings told only with the changed settings, in order of time.
    pub(super) appear: Vec<Change>,
    /// Findings told only with the present ones, in order of time.
    pub(super) vanish: Vec<Change>,
    /// Findings told with both, in another severity: that of the present settings is first.
    pub(super) severity: Vec<(Severity, Change)>,
}

/// What a watch says of each finding, and the number of its alerts.
struct Said {
    findings: BTreeMap<String, (Fate, Finding)>,
    alerts: usize,
}

impl Said {
    fn by(watch: &Watch) -> Said {
        let settings = &watch.estate().settings;
        let tuned = tuning::tune(watch.findings(), settings, now(watch));
        let mut findings = BTreeMap::new();
        for (fate, list) in
            [(Fate::Told, &tuned.told), (Fate::Muted, &tuned.muted), (Fate::Staged, &tuned.staged)]
        {
            for finding in list {
                findings.insert(finding.id.clone(), (fate, finding.clone()));
            }
        }
        let alerts = incidents(&tuned, settings, now(watch)).iter().map(|one| one.alerts.len()).sum();
        Said { findings, alerts }
    }

    fn of(&self, id: &str) -> Fate {
        self.findings.get(id).map_or(Fate::NotFound, |(fate, _)| *fate)
    }

    /// The findings that are told, and those of them that are not in `other`.
    fn only(&self, other: &Said, change: impl Fn(&Finding, Fate) -> Change) -> Vec<Change> {
        let told = self.findings.values().filter(|(fate, _)| *fate == Fate::Told);
        let mut changes: Vec<Change> = told
            .map(|(_, finding)| (finding, other.of(&finding.id)))
            .filter(|(_, there)| *there != Fate::Told)
            .map(|(finding, there)| change(finding, there))
            .collect();
        changes.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        changes
    }
}

impl Comparison {
    pub(super) fn of(present: &Watch, changed: &Watch) -> Comparison {
        let (before, after) = (Said::by(present), Said::by(changed));
        let change = |finding: &Finding, before, after| Change {
            id: finding.id.clone(),
            detector: finding.detector,
            severity: finding.severity,
            at: finding.time.start,
            title: finding.title.clone(),
            before,
            after,
        };
        let both = after.findings.iter().filter_map(|(id, (fate, finding))| {
            let (was, old) = before.findings.get(id)?;
            let is_told = (*was, *fate) == (Fate::Told, Fate::Told);
            (is_told && old.severity != finding.severity)
                .then(|| (old.severity, change(finding, Fate::Told, Fate::Told)))
        });
        let mut severity: Vec<(Severity, Change)> = both.collect();
        severity.sort_by(|a, b| (a.1.at, &a.1.id).cmp(&(b.1.at, &b.1.id)));
        Comparison {
            alerts_before: before.alerts,
            alerts_after: after.alerts,
            appear: after.only(&before, |finding, there| change(finding, there, Fate::Told)),
            vanish: before.only(&after, |finding, there| change(finding, Fate::Told, there)),
            severity,
        }
    }
}
