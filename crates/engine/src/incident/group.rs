//! Which findings belong together.

use super::{Member, Stage, crowd};
use crate::finding::{Finding, FindingKind, key_family};
use crate::settings::IncidentSettings;
use crate::time::{DAY, HOUR, Timestamp};
use std::collections::BTreeMap;

/// The members of each incident, as places in `members`; incidents and members in order of time.
pub(super) fn group(members: &[Member], settings: &IncidentSettings) -> Vec<Vec<usize>> {
    let mut sets = Sets::new(members.len());
    let window = settings.window_hours.saturating_mul(HOUR);
    let mut actors: BTreeMap<&str, Vec<Place>> = BTreeMap::new();
    let mut keys: BTreeMap<String, [Vec<Place>; 2]> = BTreeMap::new();
    let mut accounts: BTreeMap<&str, [Vec<Place>; 2]> = BTreeMap::new();
    for (at, member) in members.iter().enumerate() {
        let finding = &member.finding;
        let place = Place { at, start: finding.time.start, end: finding.time.end };
        if let Some(actor) = actor(finding) {
            actors.entry(actor).or_default().push(place);
        }
        for key in keys_of(finding) {
            let [facts, statistics] = keys.entry(key).or_default();
            if is_statistical(finding) { statistics.push(place) } else { facts.push(place) }
        }
        let [blinded, done] = accounts.entry(&finding.account).or_default();
        match Stage::of(finding) {
            Some(Stage::Blinding) => blinded.push(place),
            Some(Stage::Destruction | Stage::Opening) => done.push(place),
            _ => {}
        }
    }
    for places in actors.values() {
        sets.chain(places, window);
    }
    for [facts, statistics] in keys.values() {
        sets.chain(facts, window);
        sets.bridge(statistics, facts, window);
    }
    for [blinded, done] in accounts.values() {
        sets.bridge(done, blinded, window);
    }
    for crowd in crowd::crowds(members.iter()) {
        crowd.windows(2).for_each(|pair| {
            if let [a, b] = pair {
                sets.join(*a, *b);
            }
        });
    }
    let mut groups = Vec::new();
    for mut group in sets.into_groups() {
        // Members are in order of time: an incident ends where the next member begins too long after its first.
        while let Some(first) = group.first().and_then(|at| members.get(*at)) {
            let end = first.finding.time.start.plus(settings.longest_days.max(1).saturating_mul(DAY));
            let inside = |at: &usize| members.get(*at).is_some_and(|member| member.finding.time.start < end);
            let cut = group.iter().position(|at| !inside(at)).unwrap_or(group.len());
            let rest = group.split_off(cut);
            groups.push(std::mem::replace(&mut group, rest));
        }
    }
    groups.sort_unstable();
    groups
}

/// Who is behind the finding; `None` for nobody in particular and for AWS services, which act for everybody.
pub(super) fn actor(finding: &Finding) -> Option<&str> {
    let actor = finding.principal.as_ref()?;
    (actor.kind != "aws_service" && !actor.id.is_empty()).then_some(actor.id.as_str())
}

/// The keys that the finding is about, each under a name that the copies of a multi-Region key share.
fn keys_of(finding: &Finding) -> impl Iterator<Item = String> {
    let key = finding.key.as_ref().map(|key| key.arn.as_str());
    let listed = finding.evidence.details.get("keys").and_then(|keys| keys.as_array());
    let listed = listed.into_iter().flatten().filter_map(|key| key.as_str());
    key.into_iter().chain(listed).filter(|arn| !arn.is_empty()).map(key_family)
}

fn is_statistical(finding: &Finding) -> bool {
    matches!(finding.kind, FindingKind::Rate | FindingKind::Novelty)
}

#[derive(Clone, Copy, Debug)]
struct Place {
    at: usize,
    start: Timestamp,
    end: Timestamp,
}

/// Sets of places that grow together (union-find). The root of a set is its least member.
struct Sets {
    parent: Vec<usize>,
}

impl Sets {
    fn new(n: usize) -> Sets {
        Sets { parent: (0..n).collect() }
    }

    fn root(&mut self, mut at: usize) -> usize {
        while let Some(parent) = self.parent.get(at).copied().filter(|parent| *parent != at) {
            let above = self.parent.get(parent).copied().unwrap_or(parent);
            if let Some(slot) = self.parent.get_mut(at) {
                *slot = above;
            }
            at = above;
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        if let Some(slot) = self.parent.get_mut(a.max(b)) {
            *slot = a.min(b);
        }
    }

    /// Joins places, which are in order of their starts, that are at most `window` apart.
    fn chain(&mut self, places: &[Place], window: i64) {
        let mut latest: Option<Place> = None;
        for place in places {
            if let Some(before) = latest.filter(|before| place.start.since(before.end) <= window) {
                self.join(before.at, place.at);
            }
            // The one that ends last is the nearest one for all that follow.
            if latest.is_none_or(|before| place.end >= before.end) {
                latest = Some(*place);
            }
        }
    }

    /// Joins each of `some` with the nearest of `others` before and after it, where those are at most `window` away.
    fn bridge(&mut self, some: &[Place], others: &[Place], window: i64) {
        let mut before: Option<Place> = None;
        let mut ahead = others.iter().peekable();
        for place in some {
            while let Some(other) = ahead.next_if(|other| other.start <= place.start) {
                if before.is_none_or(|before| other.end >= before.end) {
                    before = Some(*other);
                }
            }
            if let Some(before) = before.filter(|before| place.start.since(before.end) <= window) {
                self.join(before.at, place.at);
            }
            if let Some(after) = ahead.peek().filter(|after| after.start.since(place.end) <= window) {
                self.join(after.at, place.at);
            }
        }
    }

    /// The sets, each in order.
    fn into_groups(mut self) -> Vec<Vec<usize>> {
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for at in 0..self.parent.len() {
            let root = self.root(at);
            groups.entry(root).or_default().push(at);
        }
        groups.into_values().collect()
    }
}
