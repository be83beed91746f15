//! What one budget gives: alerts, and the findings behind them.

use super::Logs;
use kmswatch_engine::finding::{Finding, FindingKind, Severity};
use kmswatch_engine::incident::{self, Incident};
use kmswatch_engine::pipeline::Watch;
use kmswatch_engine::settings::Settings;
use kmswatch_engine::time::Timestamp;
use kmswatch_engine::tuning::{self, Tuned};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What would have been alerted.
#[derive(Debug, Serialize)]
pub(super) struct Forecast {
    /// `alerts.budget_per_week`.
    pub(super) budget_per_week: f64,
    /// Whether it is the one in the settings.
    pub(super) is_present: bool,
    /// Alerts sent: when an incident opens, gets worse, goes on after a quiet time, or a key is about to be lost.
    pub(super) alerts: usize,
    /// The same a week.
    pub(super) alerts_per_week: f64,
    /// By severity of the incident at that moment.
    pub(super) alerts_by_severity: BTreeMap<Severity, usize>,
    /// Findings told that are severe enough for an alert, by detector.
    pub(super) findings: BTreeMap<&'static str, usize>,
    /// Those of them that rest on statistics: true and false ones, which nobody can tell apart but you.
    pub(super) statistical: usize,
    /// The same a week.
    pub(super) statistical_per_week: f64,
}

/// The moment that counts as now: the end of the logs.
pub(super) fn now(watch: &Watch) -> Timestamp {
    watch.last_event().unwrap_or_default()
}

/// The incidents that a replay shows.
pub(super) fn incidents(tuned: &Tuned, settings: &Settings, now: Timestamp) -> Vec<Incident> {
    let mut incidents = incident::incidents(tuned.members(), settings, now, &BTreeSet::new());
    incidents.retain(|incident| incident.muted_count < incident.finding_count);
    incidents
}

/// Whether it rests on statistics.
pub(super) fn is_statistical(finding: &Finding) -> bool {
    matches!(finding.kind, FindingKind::Rate | FindingKind::Novelty)
}

impl Forecast {
    pub(super) fn of(watch: &Watch, logs: &Logs, present: f64) -> Forecast {
        let settings = &watch.estate().settings;
        let tuned = tuning::tune(watch.findings(), settings, now(watch));
        let mut findings = BTreeMap::new();
        let mut statistical = 0;
        for finding in tuned.told.iter().filter(|finding| finding.severity >= settings.incidents.alert_from) {
            *findings.entry(finding.detector).or_default() += 1;
            statistical += usize::from(is_statistical(finding));
        }
        let mut alerts_by_severity = BTreeMap::new();
        for incident in incidents(&tuned, settings, now(watch)) {
            for alert in incident.alerts {
                *alerts_by_severity.entry(alert.severity).or_default() += 1;
            }
        }
        let alerts = alerts_by_severity.values().sum();
        let budget_per_week = settings.alerts.budget_per_week;
        Forecast {
            budget_per_week,
            is_present: budget_per_week == present,
            alerts,
            alerts_per_week: alerts as f64 / logs.weeks,
            alerts_by_severity,
            findings,
            statistical,
            statistical_per_week: statistical as f64 / logs.weeks,
        }
    }
}
