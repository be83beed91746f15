//! The account of a run, as JSON: every object, record and file is in it once.

use super::{Outcome, Tuning};
use crate::troubles::{First, InputProblem};
use anyhow::Context;
use kmswatch_engine::pipeline::Summary;
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

/// What is written. Fields are added, never renamed.
#[derive(Serialize)]
struct Account<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    /// Findings shown.
    findings: u64,
    /// Findings left out by `--severity`; those by detector and severity count them as well.
    findings_less_severe: u64,
    /// What suppressions muted, and what staged detectors found; findings by detector and severity count both.
    tuning: &'a Tuning,
    /// Own accounts, declared or learned.
    own_accounts: &'a [String],
    /// Paths that could not be opened or listed, and objects that gave no outcome.
    unread_inputs: u64,
    /// Files in folders that were not read, since their names are not those of logs.
    ignored_files: Files<'a>,
    /// Files in folders that were read and are no logs.
    files_without_log: Files<'a>,
    /// The problems in words, the first 1,000 of them.
    problem_list: &'a [InputProblem],
    /// Time that the run took.
    seconds: f64,
}

#[derive(Serialize)]
struct Files<'a> {
    count: u64,
    first: &'a [String],
}

impl Files<'_> {
    /// Names listed.
    const NAMED: usize = 100;

    fn of(list: &First<String>) -> Files<'_> {
        Files { count: list.count, first: list.items.get(..Self::NAMED).unwrap_or(&list.items) }
    }
}

/// Creates the file, so that a wrong name is told before the run.
pub(crate) fn create(file: &Path) -> anyhow::Result<File> {
    File::create(file).with_context(|| format!("cannot write the summary to {}", file.display()))
}

/// Writes the account.
pub(crate) fn write(file: File, outcome: &Outcome, took: Duration) -> anyhow::Result<()> {
    let troubles = &outcome.troubles;
    let account = Account {
        summary: &outcome.summary,
        findings: outcome.findings.len() as u64,
        findings_less_severe: outcome.less_severe,
        tuning: &outcome.tuning,
        own_accounts: &outcome.accounts,
        unread_inputs: troubles.unread,
        ignored_files: Files::of(&troubles.ignored),
        files_without_log: Files::of(&troubles.not_logs),
        problem_list: &troubles.problems.items,
        // Milliseconds are as fine as the start of a process lets it be.
        seconds: (took.as_secs_f64() * 1_000.0).round() / 1_000.0,
    };
    let mut out = BufWriter::new(file);
    serde_json::to_writer_pretty(&mut out, &account).context("cannot write the summary")?;
    writeln!(out).and_then(|()| out.flush()).context("cannot write the summary")
}
