//! When an incident is worth an alert: when it is opened, when it gets worse, and when a key is about to be lost.
//!
//! Never per event. An alert holds the reasons for it, each with an id that stays the same however often it is worked
//! out; whoever publishes remembers the ids told, and tells a moment that has one that was not.

use super::{Fate, Loss, Match, Member};
use crate::finding::Severity;
use crate::settings::IncidentSettings;
use crate::time::{DAY, HOUR, MINUTE, Timestamp};
use serde::Serialize;

/// What kind of news it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertKind {
    /// A key that was taken away will soon be lost for good.
    Reminder,
    /// The incident has become worse.
    Escalated,
    /// The incident is new.
    Opened,
}

impl AlertKind {
    /// The word used in output.
    pub fn name(self) -> &'static str {
        match self {
            AlertKind::Opened => "opened",
            AlertKind::Escalated => "escalated",
            AlertKind::Reminder => "reminder",
        }
    }
}

/// A moment at which an incident is worth an alert.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlertMoment {
    /// Event time of what made it so; of a reminder the time at which it falls due.
    pub at: Timestamp,
    /// What kind of news it is.
    pub kind: AlertKind,
    /// Severity of the incident from then on.
    pub severity: Severity,
    /// Why, in order of time.
    pub reasons: Vec<Reason>,
}

/// Why there is an alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Stable within the incident: `opened`, `severity_critical`, the id of a combination, `resumed:` or `final_3d:`
    /// and the id of a finding.
    pub id: String,
    /// In words.
    pub why: String,
}

/// What happens within so many seconds makes one alert: CloudTrail delivers about every five minutes, and nobody can
/// react in between.
const TOGETHER: i64 = 15 * MINUTE;
/// Days before the loss of a key at which somebody is reminded.
const REMINDERS: [i64; 3] = [3, 1, 0];

/// The moments, in order. None rests on muted findings alone.
pub(super) fn moments(
    members: &[&Member],
    combinations: &[Match],
    losses: &[Loss],
    settings: &IncidentSettings,
    now: Timestamp,
) -> Vec<AlertMoment> {
    let mut news = Vec::new();
    let mut level: Option<Severity> = None;
    let mut told: Vec<&Match> = combinations.iter().filter(|found| !found.muted).collect();
    told.sort_by_key(|found| found.since);
    let mut told = told.into_iter().peekable();
    let mut last: Option<Timestamp> = None;
    let of_combination = |found: &Match, level: &mut Option<Severity>| {
        let kind = if level.is_none() { AlertKind::Opened } else { AlertKind::Escalated };
        *level = (*level).max(Some(found.severity));
        let reason = Reason { id: found.id.to_owned(), why: found.why.to_owned() };
        (found.since, kind, found.severity, reason)
    };
    for member in members.iter().filter(|member| !member.muted) {
        let finding = &member.finding;
        let at = finding.time.start;
        while let Some(found) =
            told.next_if(|found| found.since < at && found.severity >= settings.alert_from)
        {
            news.push(of_combination(found, &mut level));
        }
        let quiet = last.is_some_and(|last| at.since(last) > settings.quiet_hours.saturating_mul(HOUR));
        last = last.max(Some(finding.time.end));
        if finding.severity < settings.alert_from {
            continue;
        }
        let title = &finding.title;
        let told = match level {
            None => Some((AlertKind::Opened, "opened".to_owned(), title.clone())),
            Some(level) if finding.severity > level => {
                let id = format!("severity_{}", finding.severity);
                Some((AlertKind::Escalated, id, format!("Now {}: {title}", finding.severity)))
            }
            Some(_) if quiet => {
                let id = format!("resumed:{}", finding.id);
                Some((AlertKind::Escalated, id, format!("It goes on after a quiet time: {title}")))
            }
            Some(_) => None,
        };
        level = level.max(Some(finding.severity));
        if let Some((kind, id, why)) = told {
            news.push((at, kind, finding.severity, Reason { id, why }));
        }
    }
    for found in told.filter(|found| found.severity >= settings.alert_from) {
        news.push(of_combination(found, &mut level));
    }
    let mut moments: Vec<AlertMoment> = Vec::new();
    for (at, kind, severity, reason) in news {
        let before = moments.last().map_or(severity, |last| last.severity);
        match moments.last_mut() {
            Some(last) if at.since(last.at) <= TOGETHER => {
                last.severity = last.severity.max(severity);
                last.reasons.push(reason);
            }
            _ => {
                let severity = severity.max(before);
                moments.push(AlertMoment { at, kind, severity, reasons: vec![reason] });
            }
        }
    }
    remind(&mut moments, losses, now);
    moments
}

/// Adds the reminders that are due of keys whose deletion can still be stopped, or could until now.
fn remind(moments: &mut Vec<AlertMoment>, losses: &[Loss], now: Timestamp) {
    if moments.is_empty() {
        return;
    }
    let mut due: Vec<(Timestamp, Reason)> = Vec::new();
    for loss in losses.iter().filter(|loss| !loss.muted) {
        let Some(end) = loss.final_at.filter(|_| loss.is_pending()) else { continue };
        for days in REMINDERS {
            let at = end.plus(-days * DAY);
            // A reminder that would come with the alert itself says nothing new.
            if at <= now && at.since(loss.since) >= DAY {
                let key = loss.key.label();
                let what = match loss.fate {
                    Fate::Expiring => format!("the material of {key} expires"),
                    _ => format!("{key} is deleted"),
                };
                let why = match days {
                    0 => format!("The time is over: {what} at {end}, or within a day from then on."),
                    _ => format!("Not stopped yet: {what} at {end} unless somebody stops it."),
                };
                due.push((at, Reason { id: format!("final_{days}d:{}", loss.finding), why }));
            }
        }
    }
    due.sort_by(|a, b| (a.0, &a.1.id).cmp(&(b.0, &b.1.id)));
    let begun = moments.len();
    for (at, reason) in due {
        match moments.get_mut(begun..).and_then(<[AlertMoment]>::last_mut) {
            Some(last) if at.since(last.at) <= TOGETHER => last.reasons.push(reason),
            _ => {
                // As severe as the incident was by then.
                let before = moments.get(..begun).into_iter().flatten().filter(|moment| moment.at <= at);
                let severity = before.map(|moment| moment.severity).max().unwrap_or(Severity::Info);
                moments.push(AlertMoment { at, kind: AlertKind::Reminder, severity, reasons: vec![reason] });
            }
        }
    }
    moments.sort_by_key(|moment| moment.at);
}
