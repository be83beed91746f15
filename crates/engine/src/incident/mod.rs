//! Findings that belong together: an [`Incident`] has a story, a severity of its own, and few moments at which it is
//! worth an alert.
//!
//! Incidents are a function of findings, settings and a moment that counts as now. The same findings in any order,
//! repeated, or with their evidence split over workers, give the same incidents.
//!
//! # What belongs together
//!
//! Two findings of one actor, or about one key, that are at most `incidents.window_hours` apart (`group`). AWS
//! services are no actors in this sense, since they act for everybody, and statistics of different principals are not
//! joined by a key that they share, unless so many of them are unusual at once that it must have one cause (`crowd`).
//! A blinded log joins what was destroyed or opened in the same account. What goes on
//! for longer than `incidents.longest_days` becomes another incident, so that none lasts for ever and hides what is new.
//!
//! # The id
//!
//! An incident is called after its first finding (by time, then id). A finding that comes to be known late and is
//! earlier than all others would give it another id. So whoever has given ids out passes them in: an incident that holds
//! a finding after which an id was given out keeps that id. An id given out changes only where it cannot be helped: when
//! a late finding joins two incidents into one, which then keeps the earlier id and names the other in
//! [`Incident::joined`]; and when the finding after which it was called is itself no longer found.
//!
//! # Muting
//!
//! A muted finding stays in the story and takes part in combinations, but no alert rests on muted findings alone.

mod alert;
mod combination;
mod crowd;
mod group;
mod loss;
mod steps;
mod story;
#[cfg(test)]
mod tests;
mod words;

pub use crate::stage::Stage;
pub use alert::{AlertKind, AlertMoment, Reason};
pub use combination::{ALL as COMBINATIONS, Combination, Match};
pub use loss::{Fate, Loss};
pub use story::Step;

use crate::finding::{Actor, Finding, KeyName, Severity, Span, Technique, finding_id};
use crate::settings::Settings;
use crate::time::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// How it stands with an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Something happened lately.
    Open,
    /// Something happened lately, and it has become worse since it was opened.
    Escalated,
    /// Nothing has happened for `incidents.quiet_hours`. A key may still be waiting for its deletion.
    Quiet,
}

impl Standing {
    /// The word used in output.
    pub fn name(self) -> &'static str {
        match self {
            Standing::Open => "open",
            Standing::Escalated => "escalated",
            Standing::Quiet => "quiet",
        }
    }
}

/// Findings that belong together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Incident {
    /// `ki-` and 20 hexadecimal digits, see the head of this module.
    pub id: String,
    /// Ids given out before for parts of what has turned out to be one incident.
    pub joined: Vec<String>,
    /// The worst of its findings and combinations, muted ones aside.
    pub severity: Severity,
    /// How it stands as of the moment that was passed as now.
    pub standing: Standing,
    /// One line: what happened.
    pub title: String,
    /// A few sentences: who, what and when.
    pub summary: String,
    /// First and last event.
    pub time: Span,
    /// Accounts in whose logs it stands, in order.
    pub accounts: Vec<String>,
    /// Regions in which it happened, in order.
    pub regions: Vec<String>,
    /// Who acted, each principal once (as its worst finding knows it), the worst first; at most [`Incident::LISTED`].
    pub principals: Vec<Actor>,
    /// Principals that acted in all.
    pub principal_count: usize,
    /// Keys that it is about, the worst first; at most [`Incident::LISTED`].
    pub keys: Vec<KeyName>,
    /// Keys that it is about in all.
    pub key_count: usize,
    /// What the findings mean together.
    pub combinations: Vec<Match>,
    /// Why it is worth an alert and how unusual it is: the combinations, then the explanations of its worst findings;
    /// muted ones aside, at most [`Incident::WHYS`].
    pub why: Vec<String>,
    /// What its findings are in the course of an attack, in order of time, each once.
    pub stages: Vec<Stage>,
    /// Keys taken away, and what breaks because of it; at most [`Incident::LISTED`].
    pub losses: Vec<Loss>,
    /// What to do now: undoing first, no command twice; at most [`Incident::STEPS`].
    pub steps: Vec<String>,
    /// Steps left out.
    pub steps_left_out: usize,
    /// Commands to look further.
    pub look_further: Vec<String>,
    /// What cannot be known from logs, as far as it bears on this incident.
    pub unknown: Vec<String>,
    /// What happened, in order of time; at most [`Incident::TIMELINE`], the least severe left out.
    pub timeline: Vec<Step>,
    /// Steps of the timeline left out.
    pub timeline_left_out: usize,
    /// Moments at which it is worth an alert, in order. Empty: all of it is muted or below `incidents.alert_from`.
    pub alerts: Vec<AlertMoment>,
    /// Techniques of MITRE ATT&CK of its findings, in order.
    pub mitre: Vec<Technique>,
    /// Findings in all.
    pub finding_count: usize,
    /// Events of all its findings; one on which several rest counts for each. Above
    /// [`crate::state::distinct::Distinct::EXACT`] an estimate.
    pub event_count: u64,
    /// Findings that are muted.
    pub muted_count: usize,
}

impl Incident {
    /// Principals, keys and losses that are listed.
    pub const LISTED: usize = 25;
    /// Steps that are listed.
    pub const STEPS: usize = 30;
    /// Reasons that are listed.
    pub const WHYS: usize = 8;
    /// Length of the timeline.
    pub const TIMELINE: usize = 100;

    /// Whether this is one of the ids that it has, had, or would have if another of its findings had come first.
    pub fn is_called(&self, id: &str) -> bool {
        let after = |step: &Step| Incident::id_after(&step.finding) == id;
        self.id == id || self.joined.iter().any(|joined| joined == id) || self.timeline.iter().any(after)
    }

    /// Whether one of its combinations rests on this finding.
    pub fn rests_on(&self, finding: &str) -> bool {
        self.combinations.iter().any(|found| found.findings.iter().any(|id| id == finding))
    }

    /// The id of an incident that is called after this finding.
    pub fn id_after(finding_id_: &str) -> String {
        finding_id("incident", &[finding_id_]).replacen("kw-", "ki-", 1)
    }
}

/// A finding as it goes into incidents.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The finding.
    pub finding: Finding,
    /// Whether it is muted.
    pub muted: bool,
}

/// The incidents that these findings make, in order of time.
///
/// `now` decides what is quiet and which reminders are due: the end of the logs, or the clock of the shell. `given_out`
/// are the ids of incidents that somebody has been told; empty, where nobody was.
pub fn incidents(
    members: impl IntoIterator<Item = Member>,
    settings: &Settings,
    now: Timestamp,
    given_out: &BTreeSet<String>,
) -> Vec<Incident> {
    let members = united(members);
    group::group(&members, &settings.incidents)
        .into_iter()
        .map(|group| {
            let members: Vec<&Member> = group.iter().filter_map(|at| members.get(*at)).collect();
            incident(&members, settings, now, given_out)
        })
        .collect()
}

/// Each finding once, in order of time.
fn united(members: impl IntoIterator<Item = Member>) -> Vec<Member> {
    let mut by_id: BTreeMap<String, Member> = BTreeMap::new();
    for member in members {
        match by_id.get_mut(&member.finding.id) {
            Some(known) => {
                known.finding.merge(member.finding);
                // The same facts are judged alike; should parts of them not be, none is hidden.
                known.muted &= member.muted;
            }
            None => {
                by_id.insert(member.finding.id.clone(), member);
            }
        }
    }
    let mut members: Vec<Member> = by_id.into_values().collect();
    members.sort_by(|a, b| (a.finding.time.start, &a.finding.id).cmp(&(b.finding.time.start, &b.finding.id)));
    members
}

/// The incident that these members make, which are in order of time.
fn incident(
    members: &[&Member],
    settings: &Settings,
    now: Timestamp,
    given_out: &BTreeSet<String>,
) -> Incident {
    let mut ids: Vec<String> = members
        .iter()
        .map(|member| Incident::id_after(&member.finding.id))
        .filter(|id| given_out.contains(id))
        .collect();
    let id = if ids.is_empty() {
        members.first().map(|member| Incident::id_after(&member.finding.id)).unwrap_or_default()
    } else {
        ids.remove(0)
    };
    let mut combinations = combination::matches(members);
    combinations.extend(combination::critical_key(members, &settings.estate.critical_keys));
    let crowds = crowd::crowds(members.iter().copied());
    combinations.extend(crowds.iter().filter_map(|crowd| combination::crowd(members, crowd)));
    let told = members.iter().filter(|member| !member.muted).map(|member| member.finding.severity);
    let combined = combinations.iter().filter(|found| !found.muted).map(|found| found.severity);
    let severity = told.chain(combined).max().unwrap_or(Severity::Info);
    let losses = loss::losses(members, now);
    let alerts = alert::moments(members, &combinations, &losses, &settings.incidents, now);
    let time = Span {
        start: members.iter().map(|member| member.finding.time.start).min().unwrap_or_default(),
        end: members.iter().map(|member| member.finding.time.end).max().unwrap_or_default(),
    };
    let standing = if now.since(time.end) > settings.incidents.quiet_hours.saturating_mul(crate::time::HOUR) {
        Standing::Quiet
    } else if alerts.iter().any(|alert| alert.kind == AlertKind::Escalated) {
        Standing::Escalated
    } else {
        Standing::Open
    };
    let worst_first = worst_first(members);
    let principals = story::principals(&worst_first);
    let keys = story::keys(&worst_first, &losses);
    let texts = |part: fn(&Finding) -> &String| -> Vec<String> {
        let set: BTreeSet<&String> = members.iter().map(|member| part(&member.finding)).collect();
        set.into_iter().filter(|text| !text.is_empty()).cloned().collect()
    };
    let (accounts, regions) = (texts(|finding| &finding.account), texts(|finding| &finding.region));
    let plan = steps::plan(members, &crowds, time);
    let why = story::why(&worst_first, &combinations);
    let (timeline, timeline_left_out) = story::timeline(members, &combinations);
    let mut incident = Incident {
        id,
        joined: ids,
        severity,
        standing,
        title: String::new(),
        summary: String::new(),
        time,
        accounts,
        regions,
        principal_count: principals.len(),
        key_count: keys.len(),
        principals,
        keys,
        unknown: words::unknown(members, &losses),
        losses,
        steps: plan.steps,
        steps_left_out: plan.left_out,
        look_further: plan.look_further,
        timeline,
        timeline_left_out,
        alerts,
        mitre: techniques(members),
        finding_count: members.len(),
        event_count: members.iter().map(|member| member.finding.evidence.count).sum(),
        why,
        stages: story::stages(members),
        muted_count: members.iter().filter(|member| member.muted).count(),
        combinations,
    };
    incident.title = words::title(&worst_first, &incident);
    incident.summary = words::summary(members, &incident);
    incident.principals.truncate(Incident::LISTED);
    incident.keys.truncate(Incident::LISTED);
    incident.losses.truncate(Incident::LISTED);
    incident
}

/// Those that are told before those that are muted, the worst first, of equals the earliest.
fn worst_first<'m>(members: &[&'m Member]) -> Vec<&'m Member> {
    let mut sorted = members.to_vec();
    sorted.sort_by_key(|member| (member.muted, std::cmp::Reverse(member.finding.severity)));
    sorted
}

fn techniques(members: &[&Member]) -> Vec<Technique> {
    let all = members.iter().flat_map(|member| member.finding.mitre);
    let by_id: BTreeMap<&str, Technique> = all.map(|technique| (technique.id, *technique)).collect();
    by_id.into_values().collect()
}
