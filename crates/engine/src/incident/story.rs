//! What happened, in order of time, and by and to whom.

use super::{Incident, Loss, Match, Member, group};
use crate::detectors;
use crate::finding::{Actor, Finding, KeyName, Severity};
use crate::stage::Stage;
use crate::time::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

impl Stage {
    /// What this finding is; `None` for what has no place in the combinations. Whatever was refused is probing.
    pub fn of(finding: &Finding) -> Option<Stage> {
        if is_denied(finding) {
            return Some(Stage::Probing);
        }
        detectors::ALL.iter().find(|detector| detector.id == finding.detector)?.stage
    }
}

/// Whether what the finding tells was only tried, and refused.
pub(super) fn is_denied(finding: &Finding) -> bool {
    finding.evidence.details.get("denied").and_then(|denied| denied.as_bool()) == Some(true)
}

/// A finding in the timeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Time of its first event.
    pub time: Timestamp,
    /// Severity of the finding.
    pub severity: Severity,
    /// What happened.
    pub title: String,
    /// Distinct events.
    pub count: u64,
    /// Who did it, as a stable principal.
    pub principal: Option<String>,
    /// ARN of the key.
    pub key: Option<String>,
    /// What it is in the course of an attack.
    pub stage: Option<Stage>,
    /// Id of the detector.
    pub detector: &'static str,
    /// Id of the finding.
    pub finding: String,
    /// Id of its first event.
    pub event_id: Option<String>,
    /// Whether it is muted.
    pub muted: bool,
}

/// The timeline, and how many steps had to be left out of it: the least severe, of equals the latest, and none that a
/// combination rests on.
pub(super) fn timeline(members: &[&Member], combinations: &[Match]) -> (Vec<Step>, usize) {
    let mut kept: Vec<(usize, &Member)> = members.iter().copied().enumerate().collect();
    let lead: BTreeSet<&str> =
        combinations.iter().flat_map(|found| &found.findings).map(String::as_str).collect();
    kept.sort_by_key(|(at, member)| {
        (!lead.contains(member.finding.id.as_str()), std::cmp::Reverse(member.finding.severity), *at)
    });
    kept.truncate(Incident::TIMELINE);
    kept.sort_by_key(|(at, _)| *at);
    let steps = kept.iter().map(|(_, member)| step(member)).collect();
    (steps, members.len().saturating_sub(Incident::TIMELINE))
}

fn step(member: &Member) -> Step {
    let finding = &member.finding;
    Step {
        time: finding.time.start,
        severity: finding.severity,
        title: finding.title.clone(),
        count: finding.evidence.count,
        principal: finding.principal.as_ref().map(|actor| actor.id.clone()),
        key: finding.key.as_ref().map(|key| key.arn.clone()),
        stage: Stage::of(finding),
        detector: finding.detector,
        finding: finding.id.clone(),
        event_id: finding.evidence.event_ids.first().cloned(),
        muted: member.muted,
    }
}

/// What the findings are in the course of an attack, in order of time, each once.
pub(super) fn stages(members: &[&Member]) -> Vec<Stage> {
    let mut stages = Vec::new();
    for stage in members.iter().filter_map(|member| Stage::of(&member.finding)) {
        if !stages.contains(&stage) {
            stages.push(stage);
        }
    }
    stages
}

/// The sentences of the combinations, then the explanations of the worst findings, one of each detector: of several
/// alike the first says it all.
pub(super) fn why(worst_first: &[&Member], combinations: &[Match]) -> Vec<String> {
    let told = combinations.iter().filter(|found| !found.muted);
    let mut why: Vec<String> = told.map(|found| found.why.to_owned()).collect();
    let mut detectors = BTreeSet::new();
    for member in worst_first.iter().filter(|member| !member.muted) {
        let finding = &member.finding;
        if finding.severity >= Severity::Medium || detectors.is_empty() {
            let text = &finding.explanation;
            if detectors.insert(finding.detector) && !text.is_empty() && !why.contains(text) {
                why.push(text.clone());
            }
        }
    }
    why.truncate(Incident::WHYS);
    why
}

/// Each principal once, as the worst of its findings knows it: of equals the one that tells the credentials.
pub(super) fn principals(worst_first: &[&Member]) -> Vec<Actor> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut actors: Vec<(&Actor, Severity)> = Vec::new();
    for member in worst_first {
        let finding = &member.finding;
        let Some(actor) = finding.principal.as_ref().filter(|_| group::actor(finding).is_some()) else {
            continue;
        };
        match places.get(actor.id.as_str()).and_then(|at| actors.get_mut(*at)) {
            Some((known, severity)) => {
                let tells_more = known.via_service.is_some() && actor.via_service.is_none();
                if *severity == finding.severity && tells_more {
                    *known = actor;
                }
            }
            None => {
                places.insert(&actor.id, actors.len());
                actors.push((actor, finding.severity));
            }
        }
    }
    actors.into_iter().map(|(actor, _)| actor.clone()).collect()
}

/// Each key once: first those that were taken away, then by the severity of the findings.
pub(super) fn keys(worst_first: &[&Member], losses: &[Loss]) -> Vec<KeyName> {
    let mut known = BTreeSet::new();
    let lost = losses.iter().map(|loss| &loss.key);
    let found = worst_first.iter().filter_map(|member| member.finding.key.as_ref());
    lost.chain(found).filter(|key| known.insert(key.arn.as_str())).cloned().collect()
}
