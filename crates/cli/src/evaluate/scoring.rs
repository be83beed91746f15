//! From what was seen of many organisations to figures. Pure: the same observations give the same report.
//!
//! * **Found**: an alert of at least medium severity counts for the attack ([`super::matching`]).
//! * **By chance**: what would have counted if the attack had happened two weeks earlier, when it did not. Attacks of
//!   days by busy principals on busy keys are "found" by alerts that have nothing to do with them.
//! * **False**: a statistical alert that never counted for an attack. Each id once, also if it is withdrawn.
//! * **After the warm-up**: alerts first said in the first days of the run are counted apart.

use super::comparators::{self, Reached};
use super::hearing::{Found, Heard};
use super::matching::Attack;
use super::observe::Observation;
use super::statement::{Age, Class};
use crate::output::numbers::quantile;
use kmswatch_engine::baseline::reliability::{DECADES, Reached as HoursReached};
use kmswatch_engine::time::{DAY, HOUR};
use serde::Serialize;
use std::collections::BTreeMap;

/// How far back attacks are moved to count what is found by chance.
const MOVED_DAYS: i64 = 14;

/// What is asked of the scoring.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    /// False alerts a week.
    pub(crate) budgets: Vec<f64>,
    /// Days at the beginning whose false alerts are counted apart.
    pub(crate) warm_up: i64,
}

/// The figures of one organisation, at each budget. Small, so that many can be kept.
#[derive(Debug)]
pub(crate) struct Score {
    pub(crate) name: String,
    pub(crate) days: i64,
    pub(crate) kms_events: u64,
    pub(crate) attacks: Vec<Attacked>,
    pub(crate) budgets: Vec<OfBudget>,
    /// At each budget, each comparator in hindsight.
    pub(crate) compared: Vec<Vec<Reached>>,
    /// Each comparator with its usual threshold.
    pub(crate) usual: Vec<Reached>,
    /// How often hours were as unusual as is said, by kind of entity.
    pub(crate) reliability: Vec<HoursReached>,
}

/// An attack.
#[derive(Clone, Debug)]
pub(crate) struct Attacked {
    pub(crate) kind: String,
    pub(crate) strength: f64,
}

/// What one budget gave in one organisation.
#[derive(Debug, Default)]
pub(crate) struct OfBudget {
    /// In the order of the attacks.
    pub(crate) found: Vec<Detection>,
    /// False statistical alerts.
    pub(crate) false_alerts: Vec<FalseAlert>,
    /// Findings of rules and facts outside of attacks and look-alikes, by detector.
    pub(crate) rules: BTreeMap<&'static str, usize>,
}

/// What became of an attack.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Detection {
    /// Hours from its first event to the first statistical alert.
    pub(crate) hours: Option<f64>,
    /// The same with rules and facts.
    pub(crate) hours_by_any: Option<f64>,
    /// Whether it would have been found two weeks earlier; `None` if the run had not begun or warmed up by then.
    pub(crate) by_chance: Option<bool>,
}

/// A false statistical alert.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FalseAlert {
    /// Days since the beginning of the run at which it was first said.
    pub(crate) day: i64,
    pub(crate) class: Class,
    pub(crate) age: Age,
    pub(crate) is_withdrawn: bool,
}

/// Scores one organisation.
pub(crate) fn score(seen: &Observation, terms: &Terms) -> Score {
    let budgets: Vec<OfBudget> = (0..terms.budgets.len()).map(|at| of_budget(seen, at, terms)).collect();
    let since = seen.start.hour() + 24 * terms.warm_up;
    let scored: Vec<_> = comparators::ALL
        .iter()
        .map(|comparator| comparator.score(&seen.counts, &seen.principals, &seen.attacks, since))
        .collect();
    let compared = budgets
        .iter()
        .map(|budget| {
            let most = budget.false_alerts.iter().filter(|alert| alert.day >= terms.warm_up).count();
            scored.iter().map(|scored| scored.with_at_most(most)).collect()
        })
        .collect();
    let usual = scored.iter().zip(comparators::ALL).map(|(scored, one)| scored.at(one.usual)).collect();
    let attacked = |attack: &Attack| Attacked { kind: attack.kind.clone(), strength: attack.strength };
    Score {
        name: seen.name.clone(),
        days: seen.days,
        kms_events: seen.kms_events,
        attacks: seen.attacks.iter().map(attacked).collect(),
        budgets,
        compared,
        usual,
        reliability: seen.reliability.clone(),
    }
}

fn of_budget(seen: &Observation, at: usize, terms: &Terms) -> OfBudget {
    let Some(hearing) = seen.hearings.get(at) else { return OfBudget::default() };
    let is_false = |heard: &&Heard| !heard.is_true;
    let false_alerts: Vec<&Heard> =
        hearing.alerts().filter(|heard| heard.what.is_statistical).filter(is_false).collect();
    let found = seen.attacks.iter().zip(&hearing.found).map(|(attack, found)| {
        let moved = attack.moved(-MOVED_DAYS * DAY);
        let is_known = moved.start >= seen.start.plus(terms.warm_up * DAY);
        detection(attack, found, is_known.then(|| false_alerts.iter().any(|one| moved.explains(&one.what))))
    });
    let mut rules: BTreeMap<&'static str, usize> = BTreeMap::new();
    for heard in hearing.alerts().filter(|heard| !heard.what.is_statistical).filter(is_false) {
        if !seen.look_alikes.iter().any(|look_alike| look_alike.explains(&heard.what)) {
            *rules.entry(heard.what.detector).or_default() += 1;
        }
    }
    OfBudget {
        found: found.collect(),
        false_alerts: false_alerts
            .iter()
            .map(|heard| FalseAlert {
                day: heard.first.since(seen.start).div_euclid(DAY),
                class: heard.what.class,
                age: heard.what.age,
                is_withdrawn: heard.is_withdrawn,
            })
            .collect(),
        rules,
    }
}

fn detection(attack: &Attack, found: &Found, by_chance: Option<bool>) -> Detection {
    let hours = |moment: kmswatch_engine::time::Timestamp| moment.since(attack.start) as f64 / HOUR as f64;
    Detection { hours: found.by_statistics.map(hours), hours_by_any: found.by_any.map(hours), by_chance }
}

/// The figures of all organisations together.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// In the order in which they were asked for.
    pub(crate) organisations: Vec<Organisation>,
    /// Days at the beginning of each run whose false alerts are counted apart.
    pub(crate) warm_up_days: i64,
    /// Weeks after the warm-up, all organisations together.
    pub(crate) weeks: f64,
    pub(crate) budgets: Vec<Budget>,
    /// Each comparator with its usual threshold.
    pub(crate) usual: Vec<Compared>,
    /// How often hours were as unusual as is said, by kind of entity, attacks included.
    pub(crate) reliability: Vec<HoursReached>,
}

/// One organisation.
#[derive(Debug, Serialize)]
pub(crate) struct Organisation {
    pub(crate) name: String,
    pub(crate) days: i64,
    pub(crate) kms_events: u64,
    pub(crate) attacks: usize,
}

/// What a budget gives.
#[derive(Debug, Serialize)]
pub(crate) struct Budget {
    /// False statistical alerts a week that are accepted.
    pub(crate) per_week: f64,
    /// By kind of attack, in alphabetical order.
    pub(crate) kinds: Vec<Kind>,
    pub(crate) false_alerts: FalseAlerts,
    /// Each comparator with the threshold, set in hindsight for each organisation, that gives as many false alerts.
    pub(crate) comparators: Vec<Compared>,
}

/// What became of the attacks of one kind.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Kind {
    pub(crate) kind: String,
    pub(crate) attacks: usize,
    /// By statistics alone.
    pub(crate) found: usize,
    pub(crate) found_with_rules: usize,
    /// Attacks that could be moved to a time at which they did not happen, and how many of them were found there.
    pub(crate) moved: usize,
    pub(crate) found_by_chance: usize,
    /// Hours from the first event to the statistical alert, of those found: median and nine in ten.
    pub(crate) hours: Option<[f64; 2]>,
    /// The weaker and the stronger half, by strength.
    pub(crate) strengths: Vec<Strength>,
}

/// Attacks of one kind and similar strength.
#[derive(Debug, Serialize)]
pub(crate) struct Strength {
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) attacks: usize,
    pub(crate) found: usize,
}

/// False statistical alerts a week after the warm-up.
#[derive(Debug, Serialize)]
pub(crate) struct FalseAlerts {
    pub(crate) a_week: f64,
    /// Over the budget.
    pub(crate) ratio: f64,
    /// Quartiles over organisations.
    pub(crate) quartiles: Option<[f64; 3]>,
    pub(crate) by_class: Vec<(Class, f64)>,
    pub(crate) by_age: Vec<(Age, f64)>,
    /// Withdrawn later (counted in the others as well).
    pub(crate) withdrawn: f64,
    /// Mean of each week of the run, the warm-up included.
    pub(crate) by_week: Vec<f64>,
    /// Findings of rules and facts a week outside of attacks and look-alikes, over the whole run, by detector.
    pub(crate) rules: BTreeMap<&'static str, f64>,
}

/// What a comparator reaches.
#[derive(Debug, Serialize)]
pub(crate) struct Compared {
    pub(crate) comparator: &'static str,
    pub(crate) what: &'static str,
    /// The least and the highest threshold.
    pub(crate) thresholds: Option<[f64; 2]>,
    pub(crate) false_alerts_a_week: f64,
    /// Attacks found, by kind in alphabetical order.
    pub(crate) found: Vec<(String, usize)>,
}

/// Sums up.
pub(crate) fn report(scores: &[Score], terms: &Terms) -> Report {
    let weeks: f64 = scores.iter().map(|score| weeks_of(score, terms)).sum();
    Report {
        organisations: scores
            .iter()
            .map(|score| Organisation {
                name: score.name.clone(),
                days: score.days,
                kms_events: score.kms_events,
                attacks: score.attacks.len(),
            })
            .collect(),
        warm_up_days: terms.warm_up,
        weeks,
        budgets: terms
            .budgets
            .iter()
            .enumerate()
            .map(|(at, per_week)| Budget {
                per_week: *per_week,
                kinds: kinds(scores, at),
                false_alerts: false_alerts(scores, at, *per_week, terms),
                comparators: compared(scores, weeks, |score, one| score.compared.get(at)?.get(one)),
            })
            .collect(),
        usual: compared(scores, weeks, |score, one| score.usual.get(one)),
        reliability: reliability(scores),
    }
}

fn reliability(scores: &[Score]) -> Vec<HoursReached> {
    let mut by_class: BTreeMap<&'static str, HoursReached> = BTreeMap::new();
    for one in scores.iter().flat_map(|score| &score.reliability) {
        let none = HoursReached { class: one.class, hours: 0, reached: [0; DECADES] };
        let all = by_class.entry(one.class).or_insert(none);
        all.hours += one.hours;
        all.reached.iter_mut().zip(one.reached).for_each(|(all, one)| *all += one);
    }
    by_class.into_values().collect()
}

fn weeks_of(score: &Score, terms: &Terms) -> f64 {
    (score.days - terms.warm_up).max(0) as f64 / 7.0
}

fn kinds(scores: &[Score], at: usize) -> Vec<Kind> {
    let mut by_kind: BTreeMap<&str, Vec<(f64, Detection)>> = BTreeMap::new();
    for score in scores {
        let Some(budget) = score.budgets.get(at) else { continue };
        for (attack, detection) in score.attacks.iter().zip(&budget.found) {
            by_kind.entry(&attack.kind).or_default().push((attack.strength, *detection));
        }
    }
    by_kind.into_iter().map(|(kind, mut all)| kind_of(kind, &mut all)).collect()
}

fn kind_of(kind: &str, all: &mut [(f64, Detection)]) -> Kind {
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let hours: Vec<f64> = all.iter().filter_map(|(_, one)| one.hours).collect();
    let has_strengths = all.first().zip(all.last()).is_some_and(|(least, most)| least.0 < most.0);
    let (weaker, stronger) = all.split_at(all.len() / 2);
    let strengths = if has_strengths { vec![strength_of(weaker), strength_of(stronger)] } else { Vec::new() };
    let moved = || all.iter().filter_map(|(_, one)| one.by_chance);
    Kind {
        kind: kind.to_owned(),
        attacks: all.len(),
        found: hours.len(),
        found_with_rules: all.iter().filter(|(_, one)| one.hours_by_any.is_some()).count(),
        moved: moved().count(),
        found_by_chance: moved().filter(|found| *found).count(),
        hours: quantile(&hours, 0.5).zip(quantile(&hours, 0.9)).map(|(median, most)| [median, most]),
        strengths: strengths.into_iter().flatten().collect(),
    }
}

fn strength_of(all: &[(f64, Detection)]) -> Option<Strength> {
    Some(Strength {
        least: all.first()?.0,
        most: all.last()?.0,
        attacks: all.len(),
        found: all.iter().filter(|(_, one)| one.hours.is_some()).count(),
    })
}

fn false_alerts(scores: &[Score], at: usize, per_week: f64, terms: &Terms) -> FalseAlerts {
    let budgets = || scores.iter().filter_map(|score| Some((score, score.budgets.get(at)?)));
    let warm = |score: &Score| score.days > terms.warm_up;
    let judged: Vec<&FalseAlert> = budgets()
        .flat_map(|(_, budget)| budget.false_alerts.iter().filter(|alert| alert.day >= terms.warm_up))
        .collect();
    let weeks: f64 = scores.iter().map(|score| weeks_of(score, terms)).sum();
    let rate = |n: usize| if weeks > 0.0 { n as f64 / weeks } else { 0.0 };
    let of = |is: &dyn Fn(&FalseAlert) -> bool| rate(judged.iter().filter(|alert| is(alert)).count());
    let single: Vec<f64> = budgets()
        .filter(|(score, _)| warm(score))
        .map(|(score, budget)| {
            let n = budget.false_alerts.iter().filter(|alert| alert.day >= terms.warm_up).count();
            n as f64 / weeks_of(score, terms)
        })
        .collect();
    let last_week = scores.iter().map(|score| score.days.div_euclid(7)).max().unwrap_or(0);
    let by_week = (0..last_week).map(|week| {
        // Whole weeks alone: the rate of a part of one would jump.
        let whole = budgets().filter(|(score, _)| score.days >= 7 * (week + 1));
        let counts: Vec<usize> = whole
            .map(|(_, budget)| budget.false_alerts.iter().filter(|one| one.day.div_euclid(7) == week).count())
            .collect();
        counts.iter().sum::<usize>() as f64 / counts.len().max(1) as f64
    });
    let all_weeks: f64 = scores.iter().map(|score| score.days as f64 / 7.0).sum();
    let mut rules: BTreeMap<&'static str, f64> = BTreeMap::new();
    for (detector, n) in budgets().flat_map(|(_, budget)| &budget.rules) {
        *rules.entry(detector).or_default() += *n as f64 / all_weeks;
    }
    let quartile = |q| quantile(&single, q);
    FalseAlerts {
        a_week: rate(judged.len()),
        ratio: rate(judged.len()) / per_week,
        quartiles: quartile(0.25)
            .zip(quartile(0.5))
            .zip(quartile(0.75))
            .map(|((low, middle), high)| [low, middle, high]),
        by_class: Class::ALL.map(|class| (class, of(&|alert| alert.class == class))).into(),
        by_age: Age::ALL.map(|age| (age, of(&|alert| alert.age == age))).into(),
        withdrawn: of(&|alert| alert.is_withdrawn),
        by_week: by_week.collect(),
        rules,
    }
}

fn compared<'s>(
    scores: &'s [Score],
    weeks: f64,
    reached: impl Fn(&'s Score, usize) -> Option<&'s Reached>,
) -> Vec<Compared> {
    let of_one = |(one, comparator): (usize, &&'static comparators::Comparator)| {
        let mut found: BTreeMap<&str, usize> = BTreeMap::new();
        let (mut false_alerts, mut thresholds) = (0, Vec::new());
        for score in scores {
            let Some(reached) = reached(score, one) else { continue };
            false_alerts += reached.false_alerts;
            thresholds.push(reached.threshold);
            for (attack, is_found) in score.attacks.iter().zip(&reached.found) {
                *found.entry(&attack.kind).or_default() += usize::from(*is_found);
            }
        }
        Compared {
            comparator: comparator.id,
            what: comparator.what,
            thresholds: quantile(&thresholds, 0.0)
                .zip(quantile(&thresholds, 1.0))
                .map(|(least, most)| [least, most]),
            false_alerts_a_week: if weeks > 0.0 { false_alerts as f64 / weeks } else { 0.0 },
            found: found.into_iter().map(|(kind, n)| (kind.to_owned(), n)).collect(),
        }
    };
    comparators::ALL.iter().enumerate().map(of_one).collect()
}
