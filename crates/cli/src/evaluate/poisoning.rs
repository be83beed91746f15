//! `--show poisoning`: whether the baseline can be led, and how fast it forgives.
//!
//! In an organisation that has lived for six weeks: a theft that grows by some per cent a day for a month; bursts by one
//! workload every other day; and a workload whose level rises and stays, as after a release (an attack in name only).
//! One of each in an organisation, their strengths taking turns: an estate in which many things grow at once shows that
//! growth is usual.

use super::observe::Observation;
use super::text::paragraph;
use crate::output::numbers::{percent, quantile, short};
use crate::output::table::Table;
use kmswatch_engine::time::{DAY, HOUR};
use kmswatch_scenario::scenario::AttackPlan;
use kmswatch_scenario::{Objects, PrincipalKind, Scenario};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The day on which it begins, and days in all.
const BEGIN: u32 = 42;
const DAYS: u32 = 72;
/// Growth a day.
const RAMPS: [f64; 4] = [0.02, 0.05, 0.08, 0.10];
/// Factors on the rate of a workload.
const RELEASES: [f64; 3] = [2.0, 4.0, 8.0];
/// Days between bursts, and the factor of each.
const BURST_DAYS: usize = 2;
const BURSTS: u32 = 5;
const BURST: f64 = 100.0;

/// The scenario of one seed.
pub(crate) fn scenario(seed: u64) -> anyhow::Result<Scenario> {
    let mut scenario = Scenario { days: DAYS, name: "poisoning".to_owned(), ..Scenario::quiet(8, seed) };
    let truth = Objects::new(&scenario)?.truth();
    let workloads =
        truth.principals.iter().filter(|one| one.kind == PrincipalKind::Workload && one.from_day == 0);
    let mut names =
        workloads.filter_map(|one| one.id.rsplit('/').next()).skip(12).step_by(9).map(str::to_owned);
    let mut add = |kind: &str, day: u32, strength: f64, minutes: u32, actor: Option<String>| {
        scenario.attacks.push(AttackPlan {
            strength: Some(strength),
            minutes: Some(minutes),
            actor,
            ..AttackPlan::new(kind, day, "09:00")
        });
    };
    // The first has the first of each, as 4001 has.
    let turn = seed.wrapping_sub(1) as usize;
    if let Some(growth) = RAMPS.get(turn % RAMPS.len()) {
        add("poisoning_ramp", BEGIN, *growth, 30 * 1_440, names.next());
    }
    if let Some(factor) = RELEASES.get(turn % RELEASES.len()) {
        add("slow_exfiltration", BEGIN + 1, *factor, 14 * 1_440, names.next());
    }
    let actor = names.next();
    for day in (BEGIN + 2..).step_by(BURST_DAYS).take(BURSTS as usize) {
        add("burst", day, BURST, 30, actor.clone());
    }
    Ok(scenario)
}

/// What became of one thing that was done in one organisation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    what: What,
    /// Days from its beginning to the first statistical alert.
    days: Option<f64>,
    /// Statistical alerts in all.
    alerts: usize,
    /// Days from its beginning to the last event of the last of them.
    until: Option<f64>,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// Growth in thousandths a day.
    Ramp(u64),
    /// Factor in thousandths.
    Release(u64),
    /// The first burst, the second...
    Burst(usize),
}

/// The outcomes in one organisation, at its only budget.
pub(crate) fn outcomes(seen: &Observation) -> Vec<Outcome> {
    let Some(hearing) = seen.hearings.first() else { return Vec::new() };
    let mut bursts = 0;
    let mut outcomes = Vec::new();
    for (attack, found) in seen.attacks.iter().zip(&hearing.found) {
        let strength = (attack.strength * 1_000.0).round() as u64;
        let what = match attack.kind.as_str() {
            "poisoning_ramp" => What::Ramp(strength),
            "slow_exfiltration" => What::Release(strength),
            _ => {
                bursts += 1;
                What::Burst(bursts)
            }
        };
        let alerts = hearing.alerts().filter(|one| one.what.is_statistical && attack.explains(&one.what));
        let alerts: Vec<_> = alerts.collect();
        let days = |moment: kmswatch_engine::time::Timestamp| moment.since(attack.start) as f64 / DAY as f64;
        outcomes.push(Outcome {
            what,
            days: found.by_statistics.map(days),
            alerts: alerts.len(),
            until: alerts.iter().map(|one| one.what.span.end).max().map(days),
        });
    }
    outcomes
}

/// A line of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    what: String,
    organisations: usize,
    alerted: usize,
    /// Median days to the first alert, of those alerted.
    days: Option<f64>,
    /// The rate by then, in times the usual.
    factor: Option<f64>,
    /// Median days until the last event that was alerted.
    until: Option<f64>,
    /// Mean number of alerts.
    alerts: f64,
}

/// Sums up.
pub(crate) fn lines(all: &[Vec<Outcome>]) -> Vec<Line> {
    let mut by: BTreeMap<What, Vec<&Outcome>> = BTreeMap::new();
    for outcome in all.iter().flatten() {
        by.entry(outcome.what).or_default().push(outcome);
    }
    by.into_iter().map(|(what, outcomes)| line(what, &outcomes)).collect()
}

fn line(what: What, outcomes: &[&Outcome]) -> Line {
    let middle = |of: fn(&Outcome) -> Option<f64>| {
        quantile(&outcomes.iter().filter_map(|one| of(one)).collect::<Vec<_>>(), 0.5)
    };
    let days = middle(|one| one.days);
    let factor = match what {
        What::Ramp(growth) => days.map(|days| (1.0 + growth as f64 / 1_000.0).powf(days + 1.0)),
        What::Release(factor) => Some(factor as f64 / 1_000.0),
        What::Burst(_) => Some(BURST),
    };
    Line {
        what: match what {
            What::Ramp(growth) => format!("{} % more each day", growth as f64 / 10.0),
            What::Release(factor) => format!("{} times, to stay", factor as f64 / 1_000.0),
            What::Burst(n) => format!("burst {n} of {BURSTS}, every {BURST_DAYS} days"),
        },
        organisations: outcomes.len(),
        alerted: outcomes.iter().filter(|one| one.days.is_some()).count(),
        days,
        factor,
        until: middle(|one| one.until),
        alerts: outcomes.iter().map(|one| one.alerts as f64).sum::<f64>() / outcomes.len().max(1) as f64,
    }
}

/// Writes the table.
pub(crate) fn write(out: &mut dyn Write, lines: &[Line], budget: f64) -> io::Result<()> {
    let mut table = Table::new(["", "n", "alerted", "after", "rate then", "last", "alerts"]);
    let days = |days: Option<f64>| match days {
        None => "-".to_owned(),
        Some(days) if days < 2.0 => format!("{} h", short(Some(days * DAY as f64 / HOUR as f64))),
        Some(days) => format!("{days:.1} d"),
    };
    for line in lines {
        table.row([
            line.what.clone(),
            line.organisations.to_string(),
            percent(line.alerted, line.organisations),
            days(line.days),
            line.factor.map_or_else(|| "-".to_owned(), |factor| format!("x {factor:.1}")),
            days(line.until),
            short(Some(line.alerts)),
        ]);
    }
    table.write(out)?;
    paragraph(
        out,
        &format!(
            "Statistical alerts of one workload in an organisation of six weeks, at {budget}/week. \"after\": median \
             time to the first alert, \"rate then\" in times the usual, \"last\": median time from the beginning to the last \
             event alerted, \"alerts\": mean number."
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_are_of_those_alerted_and_shares_of_all() {
        let of = |days, alerts| Outcome { what: What::Ramp(50), days, alerts, until: days };
        let lines = lines(&[vec![of(Some(9.0), 1)], vec![of(None, 0)], vec![of(Some(11.0), 2)]]);
        assert_eq!(lines.len(), 1);
        let line = &lines[0];
        assert_eq!((line.what.as_str(), line.organisations, line.alerted), ("5 % more each day", 3, 2));
        assert_eq!((line.days, line.alerts), (Some(10.0), 1.0));
        assert!((line.factor.unwrap() - 1.05f64.powi(11)).abs() < 1e-9);
    }

    #[test]
    fn every_attack_of_the_scenario_has_an_actor_of_its_own_but_the_bursts() {
        let scenario = scenario(3).unwrap();
        let mut actors: Vec<_> =
            scenario.attacks.iter().map(|attack| attack.actor.clone().unwrap()).collect();
        assert_eq!(actors.len(), 2 + BURSTS as usize);
        actors.sort();
        actors.dedup();
        assert_eq!(actors.len(), 3);
    }

    #[test]
    fn four_organisations_have_all_strengths() {
        let strengths = |kind: &str| {
            let all = (4_001..=4_004).flat_map(|seed| scenario(seed).unwrap().attacks);
            let of = all.filter(|attack| attack.kind == kind).filter_map(|attack| attack.strength);
            of.map(|strength| (strength * 100.0).round() as u64).collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(strengths("poisoning_ramp").into_iter().collect::<Vec<_>>(), [2, 5, 8, 10]);
        assert_eq!(strengths("slow_exfiltration").into_iter().collect::<Vec<_>>(), [200, 400, 800]);
    }
}
