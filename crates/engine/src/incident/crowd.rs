//! Crowds: many principals of one account that are unusual in the same way at the same time. Such a thing has one cause (a
//! policy that was changed, an outage that ended), and is one incident, where some three hundred would be as many alerts.

use super::{Member, group};
use crate::finding::{Finding, FindingKind};
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Principals that make a crowd. Two or three at once are chance, or one intruder with several credentials, who is worth
/// an alert for each of them.
pub(super) const LEAST: usize = 5;
/// Hours between the hours in which two of a crowd were the most unusual. Whoever retries seldom is noticed an hour later
/// than the others.
const APART: i64 = 1;

/// The crowds among these members, as places in `members`, each in order.
pub(super) fn crowds<'m>(members: impl Iterator<Item = &'m Member>) -> Vec<Vec<usize>> {
    // Detector and account; hour, actor and place.
    type Alike<'m> = BTreeMap<(&'m str, &'m str), Vec<(i64, &'m str, usize)>>;
    let mut alike = Alike::new();
    for (at, member) in members.enumerate() {
        let finding = &member.finding;
        if let (Some(actor), Some(hour)) = (group::actor(finding), hour(finding)) {
            let kind = (finding.detector, finding.account.as_str());
            alike.entry(kind).or_default().push((hour, actor, at));
        }
    }
    let mut crowds = Vec::new();
    for mut places in alike.into_values() {
        places.sort_unstable();
        for run in places.chunk_by(|before, after| after.0 - before.0 <= APART) {
            let actors: BTreeSet<&str> = run.iter().map(|(_, actor, _)| *actor).collect();
            if actors.len() >= LEAST {
                let mut crowd: Vec<usize> = run.iter().map(|(.., at)| *at).collect();
                crowd.sort_unstable();
                crowds.push(crowd);
            }
        }
    }
    crowds.sort_unstable();
    crowds
}

/// The hour in which a statistical finding was the most unusual.
pub(super) fn hour(finding: &Finding) -> Option<i64> {
    if !matches!(finding.kind, FindingKind::Rate | FindingKind::Novelty) {
        return None;
    }
    let until = finding.evidence.details.get("until").and_then(|until| until.as_str());
    Some(until.and_then(Timestamp::parse).unwrap_or(finding.time.end).hour())
}
