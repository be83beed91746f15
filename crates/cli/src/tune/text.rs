//! The page for people.

use super::comparison::{Change, Comparison};
use super::{Forecast, Logs, Noise, Tuning};
use crate::output::figures::{counted, grouped, span};
use crate::output::layout::wrapped;
use crate::output::numbers::short;
use crate::output::plot::bar;
use crate::output::table::Table;
use crate::output::{FAINT, STRONG, style_of};
use crate::terminal::{capped, safe, safe_lines};
use kmswatch_engine::baseline::reliability::{DECADES, Reached};
use kmswatch_engine::finding::Severity;
use std::collections::BTreeSet;
use std::io::{self, Write};

/// Changes that are listed; the JSON has all.
const LISTED: usize = 20;
/// Columns of the bars.
const BAR: usize = 12;

pub(super) fn write(out: &mut dyn Write, tuning: &Tuning, columns: usize) -> io::Result<()> {
    logs(out, &tuning.logs, columns)?;
    forecasts(out, &tuning.forecasts, columns)?;
    reliability(out, &tuning.reliability, columns)?;
    noisiest(out, &tuning.noisiest, columns)?;
    if let Some(comparison) = &tuning.against {
        against(out, comparison, columns)?;
    }
    Ok(())
}

fn title(out: &mut dyn Write, text: &str) -> io::Result<()> {
    writeln!(out, "{STRONG}{text}{STRONG:#}")
}

fn paragraph(out: &mut dyn Write, text: &str, columns: usize) -> io::Result<()> {
    wrapped(text, columns).iter().try_for_each(|line| writeln!(out, "{line}"))?;
    writeln!(out)
}

fn logs(out: &mut dyn Write, logs: &Logs, columns: usize) -> io::Result<()> {
    let Some(time) = logs.time else {
        return paragraph(out, "No events of KMS in what was read: there is nothing to judge.", columns);
    };
    let text = format!(
        "{:.1} weeks, {}: {}, {}, {}.",
        logs.weeks,
        span(time),
        counted(logs.kms_events, "KMS event"),
        counted(logs.principals as u64, "principal"),
        counted(logs.keys as u64, "key"),
    );
    paragraph(out, &text, columns)?;
    if logs.weeks < 3.0 {
        paragraph(
            out,
            "That is a short time: rates a week are rough, the first two days have no statistics at all, and much is \
             new in the first weeks that will be usual later. Read a month or more.",
            columns,
        )?;
    }
    Ok(())
}

/// `1/week*`: the star marks the present one.
fn budget(forecast: &Forecast) -> String {
    format!("{}{}", forecast.budget_per_week, if forecast.is_present { "*" } else { "" })
}

fn forecasts(out: &mut dyn Write, all: &[Forecast], columns: usize) -> io::Result<()> {
    title(out, "ALERTS BY BUDGET (alerts.budget_per_week; * is yours)")?;
    let titles = std::iter::once(String::new()).chain(all.iter().map(budget));
    let mut table = Table::new(titles);
    let mut row = |label: &str, cell: &dyn Fn(&Forecast) -> String| {
        table.row(std::iter::once(label.to_owned()).chain(all.iter().map(cell)));
    };
    row("alerts", &|one| grouped(one.alerts as u64));
    row("alerts a week", &|one| short(Some(one.alerts_per_week)));
    for severity in Severity::ALL.into_iter().rev() {
        if all.iter().any(|one| one.alerts_by_severity.contains_key(&severity)) {
            row(&format!("  {severity}"), &|one| count(one.alerts_by_severity.get(&severity)));
        }
    }
    row("findings by statistics a week", &|one| short(Some(one.statistical_per_week)));
    let detectors: BTreeSet<&str> = all.iter().flat_map(|one| one.findings.keys().copied()).collect();
    for detector in detectors {
        row(&format!("  {detector}"), &|one| count(one.findings.get(detector)));
    }
    table.write(out)?;
    paragraph(
        out,
        "An alert is sent when an incident opens, gets worse or goes on after a quiet time, and before a key is lost. \
         Below, findings that are severe enough for one, by detector. Findings by statistics may be attacks: the budget \
         counts false ones alone. Rules and facts do not depend on it.",
        columns,
    )
}

fn count(n: Option<&usize>) -> String {
    n.map_or("-".to_owned(), |n| grouped(*n as u64))
}

fn reliability(out: &mut dyn Write, all: &[Reached], columns: usize) -> io::Result<()> {
    let all: Vec<&Reached> = all.iter().filter(|one| one.hours > 0).collect();
    if all.is_empty() {
        return Ok(());
    }
    title(out, "IS RARE WHAT IS SAID TO BE RARE? Hours as unusual as 1 in ...: seen / expected")?;
    let classes = all.iter().map(|one| one.entities().to_owned());
    let last = [format!("{:<BAR$}", "of all"), "times".to_owned()];
    let mut table = Table::new(["1 in".to_owned()].into_iter().chain(classes).chain(last));
    let lived: u64 = all.iter().map(|one| one.hours).sum();
    for place in 0..DECADES {
        let chance = 10f64.powi(-(place as i32) - 1);
        let reached = |one: &Reached| one.reached.get(place).copied().unwrap_or(0);
        let seen: u64 = all.iter().map(|one| reached(one)).sum();
        // Of what is neither expected nor seen there is nothing to say.
        if seen == 0 && (lived as f64 * chance) < 0.05 {
            break;
        }
        let cells = all
            .iter()
            .map(|one| format!("{} / {}", grouped(reached(one)), expectation(one.hours as f64 * chance)));
        let times = seen as f64 / (lived as f64 * chance);
        let shown = if times > 100.0 { "> 100".to_owned() } else { short(Some(times)) };
        let odds = grouped(10u64.pow(place as u32 + 1));
        table.row(std::iter::once(odds).chain(cells).chain([format!("{:<BAR$}", times_bar(times)), shown]));
    }
    table.write(out)?;
    paragraph(
        out,
        "Every hour that a principal or key has lived counts, for each measure, from its third day on. Fewer than expected \
         is on the safe side: most counts are small, and cannot come close to 1 in 10. More at the end means tails \
         heavier than the model's, attacks among them; thresholds follow what is seen, not the model.",
        columns,
    )
}

/// A bar for the ratio on a logarithmic scale from a hundredth to hundredfold; half of it is as expected.
fn times_bar(ratio: f64) -> String {
    bar((ratio.max(1e-9).log10() + 2.0).clamp(0.0, 4.0), 4.0, BAR)
}

fn expectation(n: f64) -> String {
    match n {
        n if n >= 10.0 => grouped(n.round() as u64),
        n if n >= 0.005 => format!("{n:.2}"),
        _ => "0".to_owned(),
    }
}

fn noisiest(out: &mut dyn Write, all: &[Noise], columns: usize) -> io::Result<()> {
    title(out, "FOUND AGAIN AND AGAIN (on three days or more)")?;
    if all.is_empty() {
        return paragraph(out, "Nothing.", columns);
    }
    for noise in all {
        let style = style_of(noise.severity);
        writeln!(
            out,
            "{style} {} {style:#} {} by {}",
            noise.severity.name().to_uppercase(),
            noise.detector,
            safe(&noise.entity)
        )?;
        writeln!(
            out,
            "  {} on {}; without them {} less",
            counted(noise.findings as u64, "finding"),
            counted(noise.days as u64, "day"),
            counted(noise.alerts_saved as u64, "alert"),
        )?;
        match &noise.proposal {
            Some(toml) => {
                writeln!(out, "  {FAINT}# Fill in reason and owner: without them it is refused.{FAINT:#}")?;
                safe_lines(toml).lines().try_for_each(|line| writeln!(out, "  {line}"))?;
            }
            None => {
                writeln!(
                    out,
                    "  Too severe to be muted unseen. If it is meant to be, declare it as a fact:"
                )?;
                writeln!(out, "  kmswatch detectors {}", noise.detector)?;
            }
        }
        writeln!(out)?;
    }
    paragraph(
        out,
        "Look at each before it is muted (`kmswatch explain`): what comes again and again may be an attack that goes on. \
         A suppression hides thefts by the same principal from this detector until it expires.",
        columns,
    )
}

fn against(out: &mut dyn Write, comparison: &Comparison, columns: usize) -> io::Result<()> {
    title(out, "WITH THE CHANGED SETTINGS")?;
    writeln!(
        out,
        "{} instead of {}\n",
        counted(comparison.alerts_after as u64, "alert"),
        grouped(comparison.alerts_before as u64)
    )?;
    list(out, "findings appear", &comparison.appear, columns, |change| {
        format!("was {}", change.before.words())
    })?;
    list(out, "findings vanish", &comparison.vanish, columns, |change| change.after.words().to_owned())?;
    let severity: Vec<(&Change, String)> =
        comparison.severity.iter().map(|(before, change)| (change, format!("was {before}"))).collect();
    lines(out, "findings change their severity", &severity, columns)
}

fn list(
    out: &mut dyn Write,
    what: &str,
    changes: &[Change],
    columns: usize,
    why: impl Fn(&Change) -> String,
) -> io::Result<()> {
    let with_why: Vec<(&Change, String)> = changes.iter().map(|change| (change, why(change))).collect();
    lines(out, what, &with_why, columns)
}

fn lines(out: &mut dyn Write, what: &str, changes: &[(&Change, String)], columns: usize) -> io::Result<()> {
    writeln!(out, "{} {what}", grouped(changes.len() as u64))?;
    for (change, why) in changes.iter().take(LISTED) {
        let day = change.at.to_string();
        let day = day.get(..10).unwrap_or_default();
        let head = format!("  {day}  {:<8}  {why:<9}  {}  ", change.severity.name(), change.id);
        let left = columns.saturating_sub(head.chars().count()).max(30);
        writeln!(out, "{head}{}", capped(&change.title, left))?;
    }
    if let Some(more) = changes.len().checked_sub(LISTED).filter(|more| *more > 0) {
        writeln!(out, "  and {} more (--format json has all)", grouped(more as u64))?;
    }
    writeln!(out)
}
