//! What to do: the steps of all findings in one order, each command once.

use super::{Incident, Member, Stage};
use crate::detectors::several_keys_destroyed;
use crate::finding::{Finding, Span};
use crate::runbook;
use crate::time::DAY;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// What to do about an incident.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) steps: Vec<String>,
    pub(super) left_out: usize,
    pub(super) look_further: Vec<String>,
}

/// Bytes of an id that can be looked up.
const LONGEST: usize = 256;
/// Credentials whose other calls are looked up.
const LOOK_UPS: usize = 5;

/// Merges the runbooks: what gives keys back to their users first, then what shuts strangers out and opens the eyes
/// again, then the rest. A step whose commands all stood before is left out, and so is one that only looks.
pub(super) fn plan(members: &[&Member], time: Span) -> Plan {
    let mut sorted: Vec<&Finding> = members.iter().map(|member| &member.finding).collect();
    sorted.sort_by_key(|finding| (rank(finding), Reverse(finding.severity)));
    let mut plan = Plan::default();
    let mut known = BTreeSet::new();
    let mut last = BTreeSet::new();
    let mut looks = Vec::new();
    for finding in sorted {
        for step in &finding.runbook {
            let what = match command(step) {
                Some(command) if only_looks(command) => {
                    if last.insert(command) && !command.starts_with("aws cloudtrail lookup-events") {
                        looks.push(named(step, finding));
                    }
                    continue;
                }
                Some(command) => command,
                None => step.trim(),
            };
            if known.insert(what) {
                plan.steps.push(if what == step.trim() { step.clone() } else { named(step, finding) });
            }
        }
    }
    plan.left_out = plan.steps.len().saturating_sub(Incident::STEPS);
    plan.steps.truncate(Incident::STEPS);
    plan.look_further = look_ups(members, time);
    plan.look_further.extend(looks.into_iter().take(2 * LOOK_UPS));
    plan
}

/// The step with the name of the key before it: among several keys its ARN alone tells nobody which one is meant.
fn named(step: &str, finding: &Finding) -> String {
    match &finding.key {
        Some(key) if !key.aliases.is_empty() && !step.contains(key.label()) => {
            format!("{}: {step}", key.label())
        }
        _ => step.to_owned(),
    }
}

fn rank(finding: &Finding) -> usize {
    match Stage::of(finding) {
        // Its steps are those of the single findings, without the names of the keys.
        Some(Stage::Destruction) if finding.detector == several_keys_destroyed::DETECTOR.id => 1,
        Some(Stage::Destruction) => 0,
        Some(Stage::Opening) => 2,
        Some(Stage::Blinding) => 3,
        Some(Stage::ForeignKey | Stage::Root) => 4,
        Some(Stage::Taking | Stage::FirstUse) => 5,
        Some(Stage::Impact) => 6,
        _ => 7,
    }
}

/// The command of a step: it stands behind the last words that end in a colon, or in backticks.
fn command(step: &str) -> Option<&str> {
    let is_command = |text: &&str| text.starts_with("aws ");
    let step = step.trim();
    let after =
        step.match_indices(": ").filter_map(|(at, colon)| step.get(at + colon.len()..)).find(is_command);
    let quoted = || step.split('`').skip(1).step_by(2).find(is_command);
    Some(step).filter(is_command).or(after).or_else(quoted)
}

/// Whether the command changes nothing.
fn only_looks(command: &str) -> bool {
    let verb = command.split(' ').nth(2).unwrap_or_default();
    ["lookup-", "describe-", "list-", "get-"].iter().any(|prefix| verb.starts_with(prefix))
}

/// What else was done with the credentials of this incident, the worst first: from a day before it began.
fn look_ups(members: &[&Member], time: Span) -> Vec<String> {
    let start = time.start.plus(-DAY).to_string();
    let mut known = BTreeSet::new();
    let mut steps = Vec::new();
    for member in super::worst_first(members) {
        let finding = &member.finding;
        let Some(actor) = &finding.principal else { continue };
        let name = actor.id.rsplit(['/', ':']).next().unwrap_or(&actor.id);
        let (what, attribute, value) = match (&actor.access_key, &actor.via_service, &actor.session) {
            (Some(key), None, _) => ("access key", "AccessKeyId", key.as_str()),
            (_, _, Some(session)) => ("session", "Username", session.as_str()),
            _ => ("principal", "Username", name),
        };
        // No real id is longer or holds such characters: such a command would be no help.
        let odd = value.len() > LONGEST || value.chars().any(char::is_control);
        if odd || super::group::actor(finding).is_none() || !known.insert((value, finding.region.as_str())) {
            continue;
        }
        let options = [("start-time", start.as_str()), ("region", &finding.region)];
        let command = runbook::look_up(attribute, value, &options);
        let named =
            value.len() <= 40 && value.chars().all(|c| c.is_ascii_alphanumeric() || "@._-".contains(c));
        let name = if named { format!("{what} {value}") } else { format!("the {what}") };
        steps.push(format!("See what else {name} did: {command}"));
        if steps.len() == LOOK_UPS {
            break;
        }
    }
    steps
}
