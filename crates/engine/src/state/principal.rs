//! What is remembered of one principal.

use super::act::{Act, ActKind};
use super::{Days, Habit, Merge, Newest, Sightings, Tally, seen::bounded};
use crate::baseline::entity::Baseline;
use crate::baseline::repertoire::Repertoire;
use crate::event::{Event, PrincipalKind, Protection};
use crate::time::HOUR;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Hour of event time (whole hours since the epoch), kind of act, key ARN.
pub type Target = (i64, ActKind, String);

/// What is remembered of one principal: what it destroyed, what it tried to, and how much it does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PrincipalState {
    /// Acts that took keys away from their users: one entry for each hour, kind of act and key, the newest 64,
    /// so that repeating an act on one key does not push out the others.
    pub destroyed: Newest<Target, Acts, 64>,
    /// The same acts, but refused for want of permission.
    pub attempted: Newest<Target, Acts, 64>,
    /// Grants that it ended by direct calls: one entry for each hour, kind of act and key, the newest 64.
    pub ended_grants: Newest<Target, Acts, 64>,
    /// Calls that failed since ciphertext, key or context did not fit, by hour, with the keys; the newest 24.
    pub mismatches: Newest<i64, Tally, 24>,
    /// In which ways it calls.
    #[serde(skip_serializing_if = "PrincipalHabits::is_empty")]
    pub habits: PrincipalHabits,
    /// What it does by the hour.
    #[serde(skip_serializing_if = "Baseline::is_empty")]
    pub baseline: Baseline,
    /// What it has shown: networks, agents, Regions, operations, keys.
    #[serde(default, skip_serializing_if = "Repertoire::is_empty")]
    pub repertoire: Repertoire,
}

/// In which ways a principal has KMS release plaintext by direct calls, as long as that lasts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PrincipalHabits {
    /// Through VPC endpoints; broken by a call from elsewhere.
    pub by_endpoint: Habit,
    /// By programs; broken by a call with credentials of a console session. Of roles only.
    pub by_program: Habit,
    /// By TLS 1.3; broken by an older version.
    #[serde(skip_serializing_if = "Habit::is_empty")]
    pub by_tls13: Habit,
    /// With a hybrid key exchange; broken by a classical one.
    #[serde(skip_serializing_if = "Habit::is_empty")]
    pub hybrid: Habit,
    /// The days on which it does.
    pub days: Days,
}

impl PrincipalHabits {
    fn is_empty(&self) -> bool {
        self.by_endpoint.is_empty()
            && self.by_program.is_empty()
            && self.by_tls13.is_empty()
            && self.hybrid.is_empty()
            && self.days.is_empty()
    }

    /// Whether an event is one for these.
    pub(super) fn concerns(event: &Event<'_>) -> bool {
        event.principal.via_service.is_none() && event.operation.releases_secret()
    }

    pub(super) fn note(&mut self, event: &Event<'_>) {
        let (time, id, who) = (event.time, event.act_id(), event.principal.id.as_ref());
        self.days.note(time, id, who);
        if event.caller.vpc_endpoint.is_some() {
            self.by_endpoint.keep(time);
        } else if event.caller.ip.is_some() {
            self.by_endpoint.part(time, id, who);
        }
        if event.principal.kind == PrincipalKind::Role {
            match event.principal.console {
                true => self.by_program.part(time, id, who),
                false => self.by_program.keep(time),
            }
        }
        match event.caller.protection() {
            Protection::Unknown => return,
            Protection::Older => return self.by_tls13.part(time, id, who),
            Protection::Tls13 => {}
            Protection::Classical => self.hybrid.part(time, id, who),
            Protection::Hybrid => self.hybrid.keep(time),
        }
        self.by_tls13.keep(time);
    }
}

impl Merge for PrincipalHabits {
    fn merge(&mut self, other: &Self) {
        self.by_endpoint.merge(&other.by_endpoint);
        self.by_program.merge(&other.by_program);
        self.by_tls13.merge(&other.by_tls13);
        self.hybrid.merge(&other.hybrid);
        self.days.merge(&other.days);
    }
}

/// Acts of one kind on one key within an hour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acts {
    /// The first of them.
    pub first: Act,
    /// All of them.
    pub calls: Sightings,
}

impl Merge for Acts {
    fn merge(&mut self, other: &Self) {
        if other.first < self.first {
            self.first.clone_from(&other.first);
        }
        self.calls.merge(&other.calls);
    }
}

impl PrincipalState {
    /// Whether anything is counted by the hour.
    pub fn is_counted(&self) -> bool {
        !self.baseline.is_empty() || !self.repertoire.is_empty()
    }

    /// The hours in which something was counted that are still open.
    pub fn open_hours(&self) -> BTreeSet<i64> {
        let mut hours = self.baseline.open_hours();
        hours.extend(self.repertoire.open_hours());
        hours
    }

    /// A copy of what closing an hour needs and changes.
    pub fn counted(&self) -> PrincipalState {
        let (baseline, repertoire) = (self.baseline.clone(), self.repertoire.clone());
        PrincipalState { baseline, repertoire, ..PrincipalState::default() }
    }

    /// Whether an event is one for this State.
    pub(super) fn concerns(event: &Event<'_>) -> bool {
        ActKind::of(event).is_some_and(|kind| kind.is_destructive() || Self::ends_grant(event, kind))
    }

    /// Whether somebody ends a grant by a direct call that succeeds: services end those that they made.
    fn ends_grant(event: &Event<'_>, kind: ActKind) -> bool {
        matches!(kind, ActKind::RevokeGrant | ActKind::RetireGrant)
            && event.principal.via_service.is_none()
            && event.succeeded()
    }

    /// Takes up a call that failed since ciphertext, key or context did not fit.
    pub(super) fn mismatch(&mut self, event: &Event<'_>) {
        let mut tally = Tally::default();
        tally.add(event.key.as_ref().map_or("", |key| &key.arn), event.time, event.act_id());
        self.mismatches.join(event.time.0.div_euclid(HOUR), tally);
    }

    /// Takes up an act that it `concerns`, done or denied.
    pub fn note(&mut self, event: &Event<'_>) {
        let Some(act) = Act::of(event) else { return };
        let destructive = act.kind.is_destructive();
        let target: Target = (act.time.0.div_euclid(HOUR), act.kind, act.key.clone());
        let mut calls = Sightings::default();
        calls.add(act.time, &bounded(event.act_id()));
        let acts = Acts { first: act, calls };
        if !destructive {
            self.ended_grants.join(target, acts);
        } else if event.succeeded() {
            self.destroyed.join(target, acts);
        } else {
            self.attempted.join(target, acts);
        }
    }
}

impl Merge for PrincipalState {
    fn merge(&mut self, other: &Self) {
        self.destroyed.merge(&other.destroyed);
        self.attempted.merge(&other.attempted);
        self.ended_grants.merge(&other.ended_grants);
        self.mismatches.merge(&other.mismatches);
        self.habits.merge(&other.habits);
        self.baseline.merge(&other.baseline);
        self.repertoire.merge(&other.repertoire);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn one_habit_is_enough_to_be_stored() {
        assert!(PrincipalHabits::default().is_empty());
        let all: [fn(&mut PrincipalHabits) -> &mut Habit; 4] = [
            |habits| &mut habits.by_endpoint,
            |habits| &mut habits.by_program,
            |habits| &mut habits.by_tls13,
            |habits| &mut habits.hybrid,
        ];
        for of in all {
            let mut habits = PrincipalHabits::default();
            of(&mut habits).keep(Timestamp(1_777_852_800));
            assert!(!habits.is_empty());
        }
        let mut habits = PrincipalHabits::default();
        habits.days.note(Timestamp(1_777_852_800), "e1", "x");
        assert!(!habits.is_empty());
    }
}
