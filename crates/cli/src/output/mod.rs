//! What is said at the end: for people ([`text`]), for programs ([`jsonl`]), and about the run ([`summary`]).

pub(crate) mod entity;
pub(crate) mod figures;
pub(crate) mod hours;
pub(crate) mod inventory;
pub(crate) mod jsonl;
pub(crate) mod layout;
pub(crate) mod numbers;
pub(crate) mod plot;
#[cfg(test)]
pub(crate) mod samples;
pub(crate) mod summary;
pub(crate) mod table;
pub(crate) mod text;
pub(crate) mod uses;

use crate::terminal;
use crate::troubles::{InputProblem, Troubles};
use anstyle::{AnsiColor, Color, Style};
use figures::{grouped, plural};
use kmswatch_alerts::Context;
use kmswatch_engine::finding::{Finding, Severity};
use kmswatch_engine::incident::Incident;
use kmswatch_engine::pipeline::Summary;
use kmswatch_engine::tuning::{RuleUse, Tuned};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// What is wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// What stands out.
pub(crate) const STRONG: Style = Style::new().bold();
/// What may be passed over.
pub(crate) const FAINT: Style = Style::new().dimmed();
/// What can be copied and run.
pub(crate) const COMMAND: Style = AnsiColor::Cyan.on_default();

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Findings to show, in order of time.
    pub(crate) findings: Vec<Finding>,
    /// Incidents to show instead, in order of time.
    pub(crate) incidents: Option<Vec<Incident>>,
    /// For formats that are alerts.
    pub(crate) context: Context,
    /// What was muted, and what was found by staged detectors.
    pub(crate) tuning: Tuning,
    /// Findings, or incidents, left out by `--severity`.
    pub(crate) less_severe: u64,
    /// The engine's account; its `problems` count those of whole inputs as well.
    pub(crate) summary: Summary,
    /// Own accounts, declared or learned.
    pub(crate) accounts: Vec<String>,
    /// What could not be read, and what was left aside.
    pub(crate) troubles: Troubles,
}

impl Outcome {
    /// The exit status.
    pub(crate) fn status(&self) -> u8 {
        if self.troubles.problems.count > 0 {
            crate::TROUBLE
        } else if self.is_empty() {
            crate::NOTHING_FOUND
        } else {
            crate::FOUND
        }
    }

    /// Whether there is nothing to show.
    pub(crate) fn is_empty(&self) -> bool {
        self.incidents.as_ref().map_or(self.findings.is_empty(), Vec::is_empty)
    }
}

/// What people have tuned, and what became of it.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Tuning {
    /// Findings that are muted.
    pub(crate) muted: u64,
    /// Findings of staged detectors, by detector.
    pub(crate) staged: BTreeMap<&'static str, u64>,
    /// What each suppression and maintenance did.
    pub(crate) rules: Vec<RuleUse>,
}

impl Tuning {
    /// Counts what was sorted out.
    pub(crate) fn of(tuned: &Tuned) -> Tuning {
        let mut staged = BTreeMap::new();
        for finding in &tuned.staged {
            *staged.entry(finding.detector).or_default() += 1;
        }
        Tuning { muted: tuned.muted.len() as u64, staged, rules: tuned.rules.clone() }
    }
}

/// The colours of a severity.
pub(crate) fn style_of(severity: Severity) -> Style {
    match severity {
        Severity::Critical => Style::new()
            .bold()
            .fg_color(Some(Color::Ansi(AnsiColor::White)))
            .bg_color(Some(Color::Ansi(AnsiColor::Red))),
        Severity::High => BAD,
        Severity::Medium => AnsiColor::Yellow.on_default().bold(),
        Severity::Low => AnsiColor::Blue.on_default().bold(),
        Severity::Info => FAINT,
    }
}

/// Problems printed in words; the summary file has more of them.
const PROBLEMS_SHOWN: usize = 10;

/// Prints the first problems, one a line, and how many more there are.
pub(crate) fn problems_to(out: &mut impl Write, outcome: &Outcome) -> io::Result<()> {
    let problems = &outcome.troubles.problems;
    for problem in problems.items.iter().take(PROBLEMS_SHOWN) {
        writeln!(out, "{BAD}problem:{BAD:#} {}", words(problem))?;
    }
    let more = problems.count.saturating_sub(PROBLEMS_SHOWN as u64);
    if more > 0 {
        writeln!(out, "and {} more {} (--summary FILE lists them)", grouped(more), plural(more, "problem"))?;
    }
    Ok(())
}

/// A problem on one line.
pub(crate) fn words(problem: &InputProblem) -> String {
    let place = match (problem.record, problem.offset) {
        (Some(record), Some(offset)) => format!(", record {record} at byte {offset}"),
        (None, Some(offset)) if offset > 0 => format!(", at byte {offset}"),
        _ => String::new(),
    };
    format!("{}{place}: {}", terminal::safe(&problem.input), terminal::safe(&problem.message))
}
