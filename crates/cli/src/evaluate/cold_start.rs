//! `--show cold-start`: what is found when little is known yet, of the installation or of one principal.
//!
//! The same few attacks on each of several days of an installation; and later by principals that have existed for some
//! days. One of a kind for each age and organisation, the kinds taking turns.

use super::observe::Observation;
use super::text::paragraph;
use crate::output::numbers::percent;
use crate::output::table::Table;
use kmswatch_scenario::scenario::AttackPlan;
use kmswatch_scenario::{Objects, PrincipalKind, Scenario};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

const DAYS: u32 = 42;
/// Days of the installation on which there is an attack.
const INSTALLATION: [u32; 9] = [0, 1, 2, 3, 5, 7, 10, 14, 20];
/// Days that the acting principal has existed.
const PRINCIPAL: [u32; 5] = [0, 1, 2, 4, 8];
/// Newcomers act from this day on, when the installation is no longer new itself.
const SETTLED: i64 = 21;
/// Attacks that need nobody in particular.
const KINDS: [(&str, f64); 4] =
    [("burst", 200.0), ("bulk_secret_read", 80.0), ("key_enumeration", 60.0), ("dry_run_probing", 30.0)];

/// The scenario of one seed.
pub(crate) fn scenario(seed: u64) -> anyhow::Result<Scenario> {
    let mut scenario = Scenario { days: DAYS, name: "cold start".to_owned(), ..Scenario::quiet(6, seed) };
    let truth = Objects::new(&scenario)?.truth();
    let mut turn = seed as usize;
    let mut plan = |day: u32, actor: Option<String>| {
        let (kind, strength) =
            KINDS.iter().copied().cycle().nth(turn % KINDS.len()).unwrap_or(("burst", 200.0));
        turn += 1;
        AttackPlan { strength: Some(strength), actor, ..AttackPlan::new(kind, day, "15:10") }
    };
    let mut attacks: Vec<AttackPlan> = INSTALLATION.iter().map(|day| plan(*day, None)).collect();
    let newcomers = truth.principals.iter().filter(|one| {
        one.kind == PrincipalKind::Workload && (SETTLED..i64::from(DAYS) - 10).contains(&one.from_day)
    });
    for (newcomer, age) in newcomers.zip(PRINCIPAL.iter().cycle().skip(seed as usize % PRINCIPAL.len())) {
        let name = newcomer.id.rsplit('/').next().map(str::to_owned);
        attacks.push(plan(newcomer.from_day as u32 + age, name));
    }
    scenario.attacks = attacks;
    Ok(scenario)
}

/// What became of an attack in one organisation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    when: When,
    kind: String,
    is_found: bool,
}

/// What was new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum When {
    /// The installation, of so many days.
    Installation(i64),
    /// The acting principal, of so many days.
    Principal(i64),
}

/// The outcomes in one organisation, at its only budget.
pub(crate) fn outcomes(seen: &Observation, scenario: &Scenario) -> anyhow::Result<Vec<Outcome>> {
    let Some(hearing) = seen.hearings.first() else { return Ok(Vec::new()) };
    let truth = Objects::new(scenario)?.truth();
    let born: BTreeMap<&str, i64> =
        truth.principals.iter().map(|one| (one.id.as_str(), one.from_day)).collect();
    let outcomes = seen.attacks.iter().zip(&hearing.found).map(|(attack, found)| {
        let day = attack.start.day() - seen.start.day();
        let from_day = attack.principals().filter_map(|id| born.get(id)).max().copied().unwrap_or(0);
        let when = if day > SETTLED - 1 { When::Principal(day - from_day) } else { When::Installation(day) };
        Outcome { when, kind: attack.kind.clone(), is_found: found.by_statistics.is_some() }
    });
    Ok(outcomes.collect())
}

/// A line of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    what: String,
    attacks: usize,
    found: usize,
    /// Attacks and how many of them are found, by kind.
    by_kind: BTreeMap<String, (usize, usize)>,
}

/// Sums up.
pub(crate) fn lines(all: &[Vec<Outcome>]) -> Vec<Line> {
    let mut by: BTreeMap<When, Vec<&Outcome>> = BTreeMap::new();
    for outcome in all.iter().flatten() {
        by.entry(outcome.when).or_default().push(outcome);
    }
    by.into_iter()
        .map(|(when, outcomes)| {
            let mut by_kind: BTreeMap<String, (usize, usize)> = BTreeMap::new();
            for outcome in &outcomes {
                let (attacks, found) = by_kind.entry(outcome.kind.clone()).or_default();
                *attacks += 1;
                *found += usize::from(outcome.is_found);
            }
            Line {
                what: match when {
                    When::Installation(day) => format!("day {day} of the installation"),
                    When::Principal(day) => format!("day {day} of the principal"),
                },
                attacks: outcomes.len(),
                found: outcomes.iter().filter(|one| one.is_found).count(),
                by_kind,
            }
        })
        .collect()
}

/// Writes the table.
pub(crate) fn write(out: &mut dyn Write, lines: &[Line], budget: f64) -> io::Result<()> {
    let kinds: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
    let mut table = Table::new(["", "n", "all"].into_iter().chain(kinds.iter().copied()));
    for line in lines {
        let of_kind = kinds.iter().map(|kind| match line.by_kind.get(*kind) {
            Some((attacks, found)) => percent(*found, *attacks),
            None => "-".to_owned(),
        });
        let cells = [line.what.clone(), line.attacks.to_string(), percent(line.found, line.attacks)];
        table.row(cells.into_iter().chain(of_kind));
    }
    table.write(out)?;
    paragraph(
        out,
        &format!(
            "Attacks found by statistics at {budget}/week, by what was new. Day 0 is the first. On the first two days of \
             an installation statistics say nothing; rules and facts speak from the first event on."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newcomers_act_on_the_days_of_their_life_that_are_asked_for() {
        let scenario = scenario(2).unwrap();
        let (first, later) = scenario.attacks.split_at(INSTALLATION.len());
        assert!(first.iter().all(|attack| attack.actor.is_none()));
        assert!(!later.is_empty() && later.iter().all(|attack| attack.actor.is_some()));
        assert!(scenario.check().is_ok() && Objects::new(&scenario).is_ok());
    }

    #[test]
    fn outcomes_are_summed_by_what_was_new() {
        let of = |when, kind: &str, is_found| Outcome { when, kind: kind.to_owned(), is_found };
        let lines = lines(&[
            vec![of(When::Principal(1), "burst", true), of(When::Installation(3), "burst", false)],
            vec![of(When::Installation(3), "dry_run_probing", true)],
        ]);
        let told: Vec<_> = lines.iter().map(|line| (line.what.as_str(), line.attacks, line.found)).collect();
        assert_eq!(told, [("day 3 of the installation", 2, 1), ("day 1 of the principal", 1, 1)]);
        assert_eq!(lines[0].by_kind["burst"], (1, 0));
    }
}
