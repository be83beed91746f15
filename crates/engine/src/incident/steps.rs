//! What to do: the steps of all findings in one order, each command once.

use super::{Incident, Member, Stage, crowd};
use crate::detectors::several_keys_destroyed;
use crate::finding::{Actor, Finding, FindingKind, Severity, Span};
use crate::runbook;
use crate::time::{DAY, HOUR, Timestamp};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

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

/// Credentials that are cut off: whoever has as many is not stopped by a list of commands.
const CUT_OFF: usize = 3;

/// Merges the runbooks: what gives keys back to their users first, then what shuts strangers out and opens the eyes
/// again, then the credentials that did it, then the rest. A step whose commands all stood before is left out, and so is
/// one that only looks. A crowd has one cause, and so its own steps.
pub(super) fn plan(members: &[&Member], crowds: &[Vec<usize>], time: Span) -> Plan {
    let in_crowd: BTreeSet<usize> = crowds.iter().flatten().copied().collect();
    let crowd: BTreeSet<&str> =
        in_crowd.iter().filter_map(|at| super::group::actor(&members.get(*at)?.finding)).collect();
    // What else is unusual about one of a crowd is not worth the steps that name him alone.
    let is_of_crowd = |finding: &Finding| {
        is_statistical(finding) && super::group::actor(finding).is_some_and(|actor| crowd.contains(actor))
    };
    let alone = members.iter().enumerate().filter(|(at, _)| !in_crowd.contains(at));
    let mut sorted: Vec<&Finding> =
        alone.map(|(_, member)| &member.finding).filter(|finding| !is_of_crowd(finding)).collect();
    sorted.sort_by_key(|finding| (rank(finding), Reverse(finding.severity)));
    let mut plan = Plan::default();
    plan.steps.extend(crowds.iter().flat_map(|crowd| of_crowd(members, crowd)));
    let cut_off = cut_off(members, &in_crowd);
    let begun = sorted.partition_point(|finding| rank(finding) <= LOSSES);
    let (losses, rest) = sorted.split_at(begun);
    let mut merge = Merge::default();
    losses.iter().for_each(|finding| merge.add(finding, &mut plan.steps, &cut_off));
    plan.steps.extend(cut_off.values().cloned());
    rest.iter().for_each(|finding| merge.add(finding, &mut plan.steps, &cut_off));
    plan.left_out = plan.steps.len().saturating_sub(Incident::STEPS);
    plan.steps.truncate(Incident::STEPS);
    plan.look_further = look_ups(members, time);
    plan.look_further.extend(merge.looks.into_iter().take(2 * LOOK_UPS));
    plan
}

/// What the runbooks of several findings have in common is told once.
#[derive(Debug, Default)]
struct Merge {
    known: BTreeSet<String>,
    known_looks: BTreeSet<String>,
    looks: Vec<String>,
}

impl Merge {
    fn add(&mut self, finding: &Finding, steps: &mut Vec<String>, cut_off: &BTreeMap<&str, String>) {
        let is_cut_off = super::group::actor(finding).is_some_and(|actor| cut_off.contains_key(actor));
        for step in &finding.runbook {
            let what = match command(step) {
                Some(command) if only_looks(command) && !step.starts_with("If ") => {
                    let is_new = self.known_looks.insert(command.to_owned());
                    if is_new && !command.starts_with("aws cloudtrail lookup-events") {
                        self.looks.push(named(step, finding));
                    }
                    continue;
                }
                Some(command) if is_cut_off && runbook::is_cut_off(command) => continue,
                Some(command) => command,
                // Whom to ask about an unusual count, and how to have fewer of them, is beside the point once keys are
                // taken away.
                None if is_statistical(finding) && !cut_off.is_empty() => continue,
                None => step.trim(),
            };
            if self.known.insert(what.to_owned()) {
                steps.push(if what == step.trim() { step.clone() } else { named(step, finding) });
            }
        }
    }
}

/// How to stop those who took keys away, opened them or switched a log off, by principal; the worst [`CUT_OFF`].
fn cut_off<'m>(members: &[&'m Member], in_crowd: &BTreeSet<usize>) -> BTreeMap<&'m str, String> {
    let mut steps: BTreeMap<&str, String> = BTreeMap::new();
    let mut tried = BTreeSet::new();
    let alone =
        members.iter().enumerate().filter(|(at, _)| !in_crowd.contains(at)).map(|(_, member)| *member);
    for member in super::worst_first(&alone.collect::<Vec<_>>()) {
        let finding = &member.finding;
        let harms = matches!(
            Stage::of(finding),
            Some(Stage::Destruction | Stage::Opening | Stage::Blinding | Stage::ForeignKey)
        );
        let Some(actor) = super::group::actor(finding).filter(|_| harms) else { continue };
        let known =
            finding.principal.as_ref().filter(|_| finding.severity >= Severity::High && !member.muted);
        if let Some(principal) = known.filter(|_| steps.len() < CUT_OFF && tried.insert(actor)) {
            let of_actor = members.iter().filter(|one| super::group::actor(&one.finding) == Some(actor));
            let until = of_actor.map(|one| one.finding.time.end).max().unwrap_or(finding.time.end).plus(1);
            if let Some(step) = runbook::cut_off(principal, &until.to_string()) {
                steps.insert(actor, step);
            }
        }
    }
    steps
}

/// What to do about many who are unusual at once: find what was changed.
fn of_crowd(members: &[&Member], crowd: &[usize]) -> Vec<String> {
    let members: Vec<&Finding> =
        crowd.iter().filter_map(|at| members.get(*at)).map(|member| &member.finding).collect();
    let hour = members.iter().filter_map(|finding| crowd::hour(finding)).min();
    let (Some(first), Some(hour)) = (members.first(), hour) else { return Vec::new() };
    let start = Timestamp(hour.saturating_mul(HOUR)).plus(-3 * HOUR).to_string();
    let options = [("start-time", start.as_str()), ("region", &first.region)];
    match Stage::of(first) {
        Some(Stage::Probing) => vec![
            format!(
                "See which key policies were changed shortly before: {}",
                runbook::look_up("EventName", "PutKeyPolicy", &options)
            ),
            "If one of them shut these principals out, put the policy before it back; else look for a change of their \
             roles or of a service control policy."
                .to_owned(),
        ],
        _ => vec![
            "Ask whether a release, a migration or the end of an outage explains it: one answer will do for all of them."
                .to_owned(),
        ],
    }
}

/// The step with the name of the key before it, if its command is about the key: among several keys its ARN alone tells
/// nobody which one is meant.
fn named(step: &str, finding: &Finding) -> String {
    match &finding.key {
        Some(key) if !key.aliases.is_empty() && step.contains(&key.arn) && !step.contains(key.label()) => {
            format!("{}: {step}", key.label())
        }
        _ => step.to_owned(),
    }
}

/// Places of what is undone before the credentials are cut off.
const LOSSES: usize = 3;

fn rank(finding: &Finding) -> usize {
    match Stage::of(finding) {
        // Its steps are those of the single findings, without the names of the keys.
        Some(Stage::Destruction) if finding.detector == several_keys_destroyed::DETECTOR.id => 1,
        Some(Stage::Destruction) => 0,
        Some(Stage::Opening) => 2,
        Some(Stage::Blinding) => LOSSES,
        Some(Stage::ForeignKey | Stage::Root) => 4,
        Some(Stage::Taking | Stage::FirstUse) => 5,
        Some(Stage::Impact) => 6,
        _ => 7,
    }
}

fn is_statistical(finding: &Finding) -> bool {
    matches!(finding.kind, FindingKind::Rate | FindingKind::Novelty)
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

/// Whether the command changes nothing. To get the parameters of an import is the first half of one.
fn only_looks(command: &str) -> bool {
    let verb = command.split(' ').nth(2).unwrap_or_default();
    if verb == "get-parameters-for-import" {
        return false;
    }
    ["lookup-", "describe-", "list-", "get-"].iter().any(|prefix| verb.starts_with(prefix))
}

/// What else was done with the credentials of this incident, the worst first: from a day before it began.
fn look_ups(members: &[&Member], time: Span) -> Vec<String> {
    let start = time.start.plus(-DAY).to_string();
    let mut known = BTreeSet::new();
    let mut steps = Vec::new();
    let worst_first = super::worst_first(members);
    let mut direct: BTreeMap<(&str, &str), &Actor> = BTreeMap::new();
    for actor in worst_first.iter().filter_map(|member| member.finding.principal.as_ref()) {
        if let (Some(session), Some(_), None) = (&actor.session, &actor.access_key, &actor.via_service) {
            direct.entry((&actor.id, session)).or_insert(actor);
        }
    }
    for member in &worst_first {
        let finding = &member.finding;
        let Some(actor) = finding.principal.as_ref().filter(|_| super::group::actor(finding).is_some())
        else {
            continue;
        };
        // One session needs one look-up: by its own access key, where one of its findings tells it.
        let session = actor.session.as_deref().unwrap_or_default();
        let actor = direct.get(&(actor.id.as_str(), session)).copied().unwrap_or(actor);
        let name = actor.id.rsplit(['/', ':']).next().unwrap_or(&actor.id);
        let (what, attribute, value) = match (&actor.access_key, &actor.via_service, &actor.session) {
            (Some(key), None, _) => ("access key", "AccessKeyId", key.as_str()),
            (_, _, Some(session)) => ("session", "Username", session.as_str()),
            _ => ("principal", "Username", name),
        };
        // No real id is longer or holds such characters: such a command would be no help.
        let odd = value.len() > LONGEST || value.chars().any(char::is_control);
        if odd || !known.insert((value, finding.region.as_str())) {
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
