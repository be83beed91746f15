//! Findings that mean more together than each alone: one small rule each, with a sentence why.

use super::{Member, Stage, group, story};
use crate::finding::{Finding, FindingKind, Severity, key_family};
use crate::time::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// Two stages, the second at or after the first.
#[derive(Debug)]
pub struct Combination {
    /// Stable name.
    pub id: &'static str,
    /// What comes first: one of these.
    pub first: &'static [Stage],
    /// What comes then: one of these.
    pub then: &'static [Stage],
    /// What the two must have in common.
    pub tie: Tie,
    /// How bad the two are together.
    pub severity: Severity,
    /// What happened, in few words. `{who}` stands for those who did it, `{first}` for those of the first stage alone,
    /// `{keys}` for the keys of the second stage.
    pub headline: &'static str,
    /// Why the two are worse than each alone.
    pub why: &'static str,
}

/// What two findings have in common, beside being of one incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tie {
    /// One principal did both.
    Actor,
    /// Both are about one key.
    Key,
    /// Both stand in the log of one account.
    Account,
    /// Both are about one key and one foreign account.
    Stranger,
}

/// All combinations, the worst loss first: the first that matches gives the incident its title.
pub const ALL: &[Combination] = &[
    Combination {
        id: "foreign_key_then_destruction",
        first: &[Stage::ForeignKey],
        then: &[Stage::Destruction],
        tie: Tie::Actor,
        severity: Severity::Critical,
        headline: "{who} encrypted data under a foreign key, then took {keys} away",
        why: "Data was put under a key that somebody else controls, and then the own keys were taken away: that is \
              ransom.",
    },
    Combination {
        id: "blinded_then_destruction",
        first: &[Stage::Blinding],
        then: &[Stage::Destruction],
        tie: Tie::Account,
        severity: Severity::Critical,
        headline: "{who} took {keys} away after a log was switched off",
        why: "Keys were taken away after a log of the same account was switched off or narrowed. Tidying up needs no \
              blindness, and more may have happened than is seen here.",
    },
    Combination {
        id: "opened_then_used",
        first: &[Stage::Opening],
        then: &[Stage::ForeignUse],
        tie: Tie::Stranger,
        severity: Severity::Critical,
        headline: "{first} opened {keys} to a foreign account, which then used it",
        why: "A key was opened to a foreign account, and that account then used it: data has been read or written from \
              outside.",
    },
    Combination {
        id: "opened_then_destruction",
        first: &[Stage::Opening],
        then: &[Stage::Destruction],
        tie: Tie::Actor,
        severity: Severity::Critical,
        headline: "{who} gave access to keys away, then took {keys} away",
        why: "Access was given to strangers before keys were taken away from their users: the data may have been \
              copied out before it is destroyed.",
    },
    Combination {
        id: "probing_then_destruction",
        first: &[Stage::Probing],
        then: &[Stage::Destruction],
        tie: Tie::Actor,
        severity: Severity::Critical,
        headline: "{who} tried out what it may do, then took {keys} away",
        why: "Whoever owns this principal knows what it may do. Refusals or trials before a destruction are the mark \
              of somebody who has come by its credentials.",
    },
    Combination {
        id: "root_destruction",
        first: &[Stage::Root, Stage::Destruction],
        then: &[Stage::Root, Stage::Destruction],
        tie: Tie::Actor,
        severity: Severity::Critical,
        headline: "Root took {keys} away",
        why: "Root took keys away. No policy binds it, and it has no place in daily work.",
    },
    Combination {
        id: "destruction_felt",
        first: &[Stage::Destruction],
        then: &[Stage::Impact],
        tie: Tie::Key,
        severity: Severity::Critical,
        headline: "{first} took {keys} away, and calls fail because of it",
        why: "Calls for a key that was taken away fail: the damage has begun.",
    },
    Combination {
        id: "blinded_then_opened",
        first: &[Stage::Blinding],
        then: &[Stage::Opening, Stage::ForeignKey],
        tie: Tie::Actor,
        severity: Severity::Critical,
        headline: "{who} switched a log off, then reached across accounts",
        why: "A log was switched off or narrowed, and then the same principal reached across the border of the \
              organisation: data may be leaving while nobody looks.",
    },
    Combination {
        id: "taking_then_opened",
        first: &[Stage::Probing, Stage::Taking, Stage::FirstUse],
        then: &[Stage::Opening],
        tie: Tie::Actor,
        severity: Severity::Critical,
        headline: "{who} behaved unlike itself, then gave access to {keys} away",
        why: "A principal that behaved unlike itself gave access to keys away: so an intruder makes sure of a way back.",
    },
    Combination {
        id: "probing_then_taking",
        first: &[Stage::Probing],
        then: &[Stage::Taking, Stage::FirstUse, Stage::ForeignKey],
        tie: Tie::Actor,
        severity: Severity::High,
        headline: "{who} was refused again and again, and got through elsewhere",
        why: "Refusals and, at the same time or after them, unusual use that succeeded: somebody tries out what the \
              credentials reach, and takes it.",
    },
    Combination {
        id: "new_and_much",
        first: &[Stage::FirstUse, Stage::Taking],
        then: &[Stage::FirstUse, Stage::Taking],
        tie: Tie::Actor,
        severity: Severity::High,
        headline: "{who} does what it never did, and much of it",
        why: "Something that this principal never did before, and in unusual amount: a new task would seldom begin at \
              full speed and unannounced.",
    },
];

/// A combination that an incident shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Match {
    /// Id of the combination.
    pub id: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// Why it is worse than each of its findings alone.
    pub why: &'static str,
    /// When the second stage began: from then on it is known.
    pub since: Timestamp,
    /// Ids of the two findings that show it first; the same twice where one is enough.
    pub findings: [String; 2],
    /// Whether both findings are muted.
    pub muted: bool,
    /// What happened, in few words; empty where the finding itself says it best.
    #[serde(skip)]
    pub headline: &'static str,
    /// What comes second.
    #[serde(skip)]
    pub then: &'static [Stage],
}

/// The combinations that these members show, which are in order of time.
pub(super) fn matches(members: &[&Member]) -> Vec<Match> {
    let stages: Vec<(Stage, &Member)> =
        members.iter().filter_map(|member| Some((Stage::of(&member.finding)?, *member))).collect();
    ALL.iter().filter_map(|combination| combination.matched(&stages)).collect()
}

/// What it means that a key is concerned that people have declared critical: one step worse than the worst finding
/// about it. Findings below medium stay what they are.
pub(super) fn critical_key(members: &[&Member], critical: &[String]) -> Option<Match> {
    let is_critical = |member: &&&Member| {
        let key = member.finding.key.as_ref();
        let named = |name: &String| {
            key.is_some_and(|key| {
                let id = key.arn.rsplit('/').next();
                key.arn == *name || id == Some(name.as_str()) || key.aliases.contains(name)
            })
        };
        critical.iter().any(named) && !story::is_denied(&member.finding)
    };
    let worst = members
        .iter()
        .filter(is_critical)
        .filter(|member| member.finding.severity >= Severity::Medium)
        .max_by_key(|member| {
            (!member.muted, member.finding.severity, std::cmp::Reverse(member.finding.time.start))
        })?;
    let severity =
        if worst.finding.severity == Severity::Medium { Severity::High } else { Severity::Critical };
    Some(Match {
        id: "critical_key",
        severity,
        why: "It concerns a key that you have declared critical.",
        since: worst.finding.time.start,
        findings: [worst.finding.id.clone(), worst.finding.id.clone()],
        muted: worst.muted,
        headline: "",
        then: &[],
    })
}

/// What it means that a crowd is unusual at the same time.
pub(super) fn crowd(members: &[&Member], crowd: &[usize]) -> Option<Match> {
    let crowd: Vec<&&Member> = crowd.iter().filter_map(|at| members.get(*at)).collect();
    let worst = crowd.iter().max_by_key(|member| {
        (!member.muted, member.finding.severity, std::cmp::Reverse(member.finding.time.start))
    })?;
    Some(Match {
        id: "crowd",
        severity: worst.finding.severity,
        why: "So many at once have one cause: a policy, a role or a network that was changed, or an outage that ended. An \
              intruder is seldom behind it, but may hide in it.",
        since: crowd.iter().map(|member| member.finding.time.start).min()?,
        findings: [worst.finding.id.clone(), worst.finding.id.clone()],
        muted: worst.muted,
        headline: match Stage::of(&worst.finding) {
            Some(Stage::Probing) => "{many} were refused unusually often at the same time",
            Some(Stage::FirstUse) => "{many} did what they never did, at the same time",
            _ => "{many} were unusually busy at the same time",
        },
        then: &[],
    })
}

impl Combination {
    /// The pair that shows it first; one that is not wholly muted goes before one that is.
    ///
    /// For each stage that comes second, the best first one is the earliest that it has something in common with, or the
    /// earliest that is not muted: so one look at each finding is enough, however many there are.
    fn matched(&self, stages: &[(Stage, &Member)]) -> Option<Match> {
        let mut earliest: BTreeMap<(String, Stage), [Option<&Member>; 2]> = BTreeMap::new();
        for (stage, member) in stages.iter().filter(|(stage, _)| self.first.contains(stage)) {
            for tie in self.tie.names(&member.finding) {
                let [any, told] = earliest.entry((tie, *stage)).or_default();
                any.get_or_insert(*member);
                if !member.muted {
                    told.get_or_insert(*member);
                }
            }
        }
        let mut best: Option<(bool, Timestamp, &Member, &Member)> = None;
        for (stage, then) in stages.iter().filter(|(stage, _)| self.then.contains(stage)) {
            for tie in self.tie.names(&then.finding) {
                // Where the order does not matter, the two stages must differ.
                let kinds = self.first.iter().filter(|first| self.first != self.then || *first != stage);
                let firsts =
                    kinds.filter_map(|first| earliest.get(&(tie.clone(), *first))).flatten().flatten();
                let firsts = firsts.filter(|first| known_at(&then.finding) >= first.finding.time.start);
                // What one call did at once is no sequence: each of its findings tells one side of it.
                let in_order = self.first != self.then;
                for first in firsts.filter(|first| !(in_order && is_one_call(&first.finding, &then.finding)))
                {
                    let muted = first.muted && then.muted;
                    let since = first.finding.time.start.max(then.finding.time.start);
                    if best.is_none_or(|(m, at, ..)| (muted, since) < (m, at)) {
                        best = Some((muted, since, first, then));
                    }
                }
            }
        }
        best.map(|(muted, since, first, then)| Match {
            id: self.id,
            severity: self.severity,
            why: self.why,
            since,
            findings: [first.finding.id.clone(), then.finding.id.clone()],
            muted,
            headline: self.headline,
            then: self.then,
        })
    }
}

/// Whether both findings rest on the same single call.
fn is_one_call(a: &Finding, b: &Finding) -> bool {
    a.evidence.count == 1 && b.evidence.count == 1 && a.evidence.event_ids == b.evidence.event_ids
}

/// Up to when the stage may have begun. What was counted over a time begins with the first call counted, and that may be
/// before the first refusal of the same hour.
fn known_at(finding: &Finding) -> Timestamp {
    match finding.kind {
        FindingKind::Rate => finding.time.end,
        _ => finding.time.start,
    }
}

impl Tie {
    /// What a finding can be tied by: two that share a name are tied.
    fn names(self, finding: &Finding) -> Vec<String> {
        let key = || finding.key.as_ref().map(|key| key_family(&key.arn));
        match self {
            Tie::Actor => group::actor(finding).map(str::to_owned).into_iter().collect(),
            Tie::Key => key().into_iter().collect(),
            Tie::Account => vec![finding.account.clone()],
            Tie::Stranger => key()
                .map(|key| {
                    finding.rests_on_foreign.iter().map(|account| format!("{account} {key}")).collect()
                })
                .unwrap_or_default(),
        }
    }
}
