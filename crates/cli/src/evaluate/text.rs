//! The report for people, 80 columns wide.

use super::scoring::{Budget, Compared, Kind, Report, Strength};
use crate::output::STRONG;
use crate::output::figures::{counted, grouped};
use crate::output::layout::wrapped;
use crate::output::numbers::{percent, short};
use crate::output::table::Table;
use std::io::{self, Write};

/// Columns of text.
const COLUMNS: usize = 80;

/// Writes all tables.
pub(crate) fn write(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let events: u64 = report.organisations.iter().map(|one| one.kms_events).sum();
    let attacks: usize = report.organisations.iter().map(|one| one.attacks).sum();
    let days: i64 = report.organisations.iter().map(|one| one.days).sum();
    paragraph(
        out,
        &format!(
            "{}, {} days in all, {} KMS events, {}. False alerts are counted after a warm-up of {} days: {:.1} weeks.",
            counted(report.organisations.len() as u64, "organisation"),
            grouped(days.unsigned_abs()),
            grouped(events),
            counted(attacks as u64, "attack"),
            report.warm_up_days,
            report.weeks,
        ),
    )?;
    false_alerts(out, report)?;
    reliability(out, report)?;
    if attacks > 0 {
        recall(out, report)?;
        delays(out, report)?;
        strengths(out, report)?;
        compared(out, report)?;
    }
    Ok(())
}

fn title(out: &mut dyn Write, text: &str) -> io::Result<()> {
    writeln!(out, "{STRONG}{text}{STRONG:#}")
}

pub(super) fn paragraph(out: &mut dyn Write, text: &str) -> io::Result<()> {
    wrapped(text, COLUMNS).iter().try_for_each(|line| writeln!(out, "{line}"))?;
    writeln!(out)
}

/// `1 a week`.
fn budget_title(budget: &Budget) -> String {
    format!("{}/week", budget.per_week)
}

fn titles<'r>(first: &str, report: &'r Report) -> impl Iterator<Item = String> + use<'r> {
    std::iter::once(first.to_owned()).chain(report.budgets.iter().map(budget_title))
}

fn false_alerts(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    title(out, "FALSE STATISTICAL ALERTS A WEEK, by budget")?;
    let mut table = Table::new(titles("", report));
    let row = |label: &str, cell: &dyn Fn(&Budget) -> String| {
        std::iter::once(label.to_owned()).chain(report.budgets.iter().map(cell)).collect::<Vec<_>>()
    };
    table.row(row("all", &|budget| short(Some(budget.false_alerts.a_week))));
    table.row(row("  observed / budget", &|budget| short(Some(budget.false_alerts.ratio))));
    for (at, label) in ["lower quartile", "median", "upper quartile"].into_iter().enumerate() {
        let label = format!("  {label} of organisations");
        table.row(row(&label, &|budget| {
            short(budget.false_alerts.quartiles.and_then(|all| all.get(at).copied()))
        }));
    }
    let first = report.budgets.first();
    for (at, (class, _)) in first.iter().flat_map(|budget| &budget.false_alerts.by_class).enumerate() {
        table.row(row(&format!("about {}", class.plural()), &|budget| {
            short(budget.false_alerts.by_class.get(at).map(|(_, rate)| *rate))
        }));
    }
    for (at, (age, _)) in first.iter().flat_map(|budget| &budget.false_alerts.by_age).enumerate() {
        let rate = |budget: &Budget| budget.false_alerts.by_age.get(at).map(|(_, rate)| *rate);
        if report.budgets.iter().any(|budget| rate(budget) > Some(0.0)) {
            table.row(row(&format!("entity {}", age.name()), &|budget| short(rate(budget))));
        }
    }
    table.row(row("withdrawn later", &|budget| short(Some(budget.false_alerts.withdrawn))));
    for (at, _) in first.iter().flat_map(|budget| &budget.false_alerts.by_week).enumerate() {
        let days = 7 * (at as i64 + 1);
        let label = if days <= report.warm_up_days { " (warm-up)" } else { "" };
        table.row(row(&format!("week {}{label}", at + 1), &|budget| {
            short(budget.false_alerts.by_week.get(at).copied())
        }));
    }
    table.write(out)?;
    let Some(budget) = first else { return Ok(()) };
    let rules: f64 = budget.false_alerts.rules.values().sum();
    let by: Vec<String> = budget
        .false_alerts
        .rules
        .iter()
        .map(|(detector, rate)| format!("{detector} {}", short(Some(*rate))))
        .collect();
    let by = if by.is_empty() { String::new() } else { format!(" ({})", by.join(", ")) };
    paragraph(
        out,
        &format!("Rules and facts outside of attacks and look-alikes: {} a week{by}.", short(Some(rules))),
    )
}

/// Powers of ten that are shown: from one in a hundred to one in 10,000.
const DECADES: std::ops::Range<usize> = 1..4;

fn reliability(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let kinds: Vec<_> = report.reliability.iter().filter(|one| one.hours > 0).collect();
    if kinds.is_empty() {
        return Ok(());
    }
    title(out, "IS RARE WHAT IS SAID TO BE RARE? Hours as unusual as 1 in ...: seen / expected")?;
    let odds = DECADES.map(|place| grouped(10u64.pow(place as u32 + 1)));
    let mut table = Table::new(["".to_owned(), "hours judged".to_owned()].into_iter().chain(odds));
    for one in kinds {
        let times = DECADES.map(|place| {
            let expected = one.hours as f64 * 10f64.powi(-(place as i32) - 1);
            short(Some(one.reached.get(place).map_or(0.0, |n| *n as f64 / expected)))
        });
        table.row([one.entities().to_owned(), grouped(one.hours)].into_iter().chain(times));
    }
    table.write(out)?;
    paragraph(
        out,
        "Every hour that an entity has lived counts, for each measure, from its third day on, attacks included.",
    )
}

/// The kinds of attacks at each budget: all budgets have the same.
fn by_kind(report: &Report) -> Vec<Vec<&Kind>> {
    let Some(first) = report.budgets.first() else { return Vec::new() };
    (0..first.kinds.len())
        .map(|at| report.budgets.iter().filter_map(|budget| budget.kinds.get(at)).collect())
        .collect()
}

fn recall(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    title(out, "ATTACKS FOUND by statistics; with rules; and by chance")?;
    let titles = ["attack".to_owned(), "n".to_owned()]
        .into_iter()
        .chain(report.budgets.iter().map(budget_title))
        .chain(["rules too".to_owned(), "chance".to_owned()]);
    let mut table = Table::new(titles);
    let kinds = by_kind(report);
    // Rules and chance at the middle budget.
    let middle = report.budgets.len() / 2;
    let cells = |name: &str, sums: &[Sum]| {
        let at_middle = sums.get(middle).copied().unwrap_or_default();
        [name.to_owned(), at_middle.attacks.to_string()]
            .into_iter()
            .chain(sums.iter().map(|sum| percent(sum.found, sum.attacks)))
            .chain([
                percent(at_middle.with_rules, at_middle.attacks),
                percent(at_middle.by_chance, at_middle.moved),
            ])
            .collect::<Vec<_>>()
    };
    let mut all = vec![Sum::default(); report.budgets.len()];
    for kind in &kinds {
        let sums: Vec<Sum> = kind.iter().map(|kind| Sum::of(kind)).collect();
        all.iter_mut().zip(&sums).for_each(|(all, sum)| all.add(*sum));
        let name = kind.first().map(|kind| kind.kind.as_str()).unwrap_or_default();
        table.row(cells(name, &sums));
    }
    table.row(cells("all", &all));
    table.write(out)?;
    let budget = report.budgets.get(middle).map(budget_title).unwrap_or_default();
    paragraph(
        out,
        &format!(
            "\"rules too\" and \"chance\" are at {budget}. Chance: found though it happened two weeks later, that is, by \
             a false alert about the same principals or keys."
        ),
    )
}

#[derive(Clone, Copy, Default)]
struct Sum {
    attacks: usize,
    found: usize,
    with_rules: usize,
    moved: usize,
    by_chance: usize,
}

impl Sum {
    fn of(kind: &Kind) -> Sum {
        Sum {
            attacks: kind.attacks,
            found: kind.found,
            with_rules: kind.found_with_rules,
            moved: kind.moved,
            by_chance: kind.found_by_chance,
        }
    }

    fn add(&mut self, other: Sum) {
        self.attacks += other.attacks;
        self.found += other.found;
        self.with_rules += other.with_rules;
        self.moved += other.moved;
        self.by_chance += other.by_chance;
    }
}

fn delays(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    title(out, "HOURS TO THE STATISTICAL ALERT, of those found: median, nine in ten")?;
    let mut table = Table::new(titles("attack", report));
    for kind in by_kind(report).iter().filter(|kind| kind.iter().any(|kind| kind.found > 0)) {
        let name = kind.first().map(|kind| kind.kind.clone()).unwrap_or_default();
        let cell = |kind: &&Kind| match kind.hours {
            Some([median, most]) => format!("{} {:>6}", short(Some(median)), short(Some(most))),
            None => "-".to_owned(),
        };
        table.row(std::iter::once(name).chain(kind.iter().map(cell)));
    }
    table.write(out)
}

fn strengths(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    if by_kind(report).iter().flatten().all(|kind| kind.strengths.is_empty()) {
        return Ok(());
    }
    title(out, "ATTACKS FOUND by statistics, weaker and stronger half of each kind")?;
    let heads = ["attack".to_owned(), "strength".to_owned(), "n".to_owned()];
    let mut table = Table::new(heads.into_iter().chain(report.budgets.iter().map(budget_title)));
    for kind in by_kind(report) {
        let Some(first) = kind.first() else { continue };
        for (at, strength) in first.strengths.iter().enumerate() {
            let cells = [
                if at == 0 { first.kind.clone() } else { String::new() },
                strengths_of(strength),
                strength.attacks.to_string(),
            ];
            let found = kind.iter().map(|kind| {
                kind.strengths.get(at).map_or_else(String::new, |one| percent(one.found, one.attacks))
            });
            table.row(cells.into_iter().chain(found));
        }
    }
    table.write(out)
}

/// Growth a day is below one, all other strengths are factors and numbers of things.
fn strengths_of(strength: &Strength) -> String {
    let places = if strength.most < 1.0 { 2 } else { usize::from(strength.most < 10.0) };
    let of = |value: f64| format!("{value:.places$}");
    match (of(strength.least), of(strength.most)) {
        (least, most) if least == most => most,
        (least, most) => format!("{least} to {most}"),
    }
}

fn compared(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let Some(budget) = report.budgets.get(report.budgets.len() / 2) else { return Ok(()) };
    title(out, &format!("COMPARED at {}: attacks found", budget_title(budget)))?;
    // Each comparator with as many false alerts as kmswatch, then as people set it.
    let columns = || budget.comparators.iter().zip(&report.usual).flat_map(|(fair, usual)| [fair, usual]);
    let mut titles = vec!["attack".to_owned(), "kmswatch".to_owned()];
    for one in &report.usual {
        titles.extend([one.comparator.to_owned(), "(usual)".to_owned()]);
    }
    let mut table = Table::new(titles);
    for (at, kind) in budget.kinds.iter().enumerate() {
        let theirs =
            columns().map(|one| percent(one.found.get(at).map_or(0, |(_, found)| *found), kind.attacks));
        let ours = [kind.kind.clone(), percent(kind.found, kind.attacks)];
        table.row(ours.into_iter().chain(theirs));
    }
    let sum = |budget: &Budget| {
        budget.kinds.iter().map(|kind| (kind.attacks, kind.found)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
    };
    let (attacks, found) = sum(budget);
    let ours = ["all".to_owned(), percent(found, attacks)];
    table.row(ours.into_iter().chain(columns().map(|one| percent(found_by(one), attacks))));
    let ours = ["false alerts a week".to_owned(), short(Some(budget.false_alerts.a_week))];
    table.row(ours.into_iter().chain(columns().map(|one| short(Some(one.false_alerts_a_week)))));
    let thresholds = columns().map(|one| match one.thresholds {
        Some([least, most]) if least < most => format!("{least:.0}-{most:.0}"),
        Some([least, _]) => format!("{least:.0}"),
        None => "-".to_owned(),
    });
    table.row(["its threshold".to_owned(), "learned".to_owned()].into_iter().chain(thresholds));
    for budget in &report.budgets {
        let (attacks, found) = sum(budget);
        let theirs =
            budget.comparators.iter().flat_map(|one| [percent(found_by(one), attacks), String::new()]);
        let ours = [format!("all at {}", budget_title(budget)), percent(found, attacks)];
        table.row(ours.into_iter().chain(theirs));
    }
    table.write(out)?;
    for one in &report.usual {
        paragraph(out, &format!("{}: {}.", one.comparator, one.what))?;
    }
    paragraph(
        out,
        "They see the same counts, and their alerts are merged alike. Their threshold is set for each organisation in \
         hindsight, as the lowest that gives no more false alerts than kmswatch gave; beside it the usual one.",
    )
}

fn found_by(one: &Compared) -> usize {
    one.found.iter().map(|(_, found)| found).sum()
}
