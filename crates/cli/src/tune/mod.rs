//! `kmswatch tune`: what other settings would have alerted on these logs.
//!
//! Nothing is estimated: the logs are read as `kmswatch replay` reads them, judged once for each budget, and counted.
//! In reading order: [`forecast`] what one budget gives, [`noise`] what comes again and again and how to mute it,
//! [`comparison`] what a changed file of settings does, [`text`] the page for people.

mod comparison;
mod forecast;
mod noise;
mod text;

use crate::baseline::told;
use crate::config;
use crate::reading::ReadArgs;
use crate::reading::{read_for, settings};
use crate::terminal;
use anyhow::bail;
use clap::{Parser, ValueEnum};
use comparison::Comparison;
use forecast::Forecast;
use kmswatch_engine::baseline::reliability::Reached;
use kmswatch_engine::finding::Span;
use kmswatch_engine::pipeline::Watch;
use kmswatch_engine::settings::Settings;
use kmswatch_engine::time::DAY;
use noise::Noise;
use serde::Serialize;
use std::io::{self, Write};
use std::path::PathBuf;

/// Say what other settings would have alerted on these logs
///
/// Judges the same logs once for each budget and says how many alerts there would have been, of which detectors and
/// severity; whether what is said to be rare is rare; who or what is found again and again, with suppressions to copy;
/// and, for a changed file of settings, which findings appear and which vanish. The figures are those that `kmswatch
/// replay --incidents` with the same settings gives.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  \
    kmswatch tune ./AWSLogs\n  \
    kmswatch tune --config kmswatch.toml --against changed.toml ./AWSLogs\n      \
        what appears and what vanishes if settings change\n\n\
    A month of logs says something, a week little: weeks differ, and the first two days have no statistics.")]
pub(crate) struct TuneArgs {
    /// Values of `alerts.budget_per_week` to try beside the one in the settings
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = crate::args::budget, default_value = "0.25,1,4")]
    budgets: Vec<f64>,

    /// Changed settings to compare with, a TOML file
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,

    /// How to print
    #[arg(long, value_enum, default_value_t = TuneFormat::Text)]
    format: TuneFormat,

    #[command(flatten)]
    read: ReadArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TuneFormat {
    /// Tables
    Text,
    /// One object
    Json,
}

/// All that is said.
#[derive(Debug, Serialize)]
struct Tuning {
    /// What was read.
    logs: Logs,
    /// What each budget gives, the smallest first.
    forecasts: Vec<Forecast>,
    /// How often hours were as unusual as is said, by class of entities.
    reliability: Vec<Reached>,
    /// What is found again and again with the present settings, the most alerts first.
    noisiest: Vec<Noise>,
    /// What changed settings do.
    against: Option<Comparison>,
}

/// What was read.
#[derive(Debug, Serialize)]
struct Logs {
    /// First and last event.
    time: Option<Span>,
    /// The same in weeks; at least one day of them, so that rates are finite.
    weeks: f64,
    kms_events: u64,
    principals: usize,
    keys: usize,
}

impl Logs {
    fn of(watch: &Watch) -> Logs {
        let summary = watch.summary();
        let time = summary.first_event.zip(summary.last_event).map(|(start, end)| Span { start, end });
        let days = time.map_or(0.0, |span| span.end.since(span.start) as f64 / DAY as f64);
        let states = watch.states();
        Logs {
            time,
            weeks: days.max(1.0) / 7.0,
            kms_events: summary.kms_events,
            principals: states.principals.keys().count(),
            keys: states.keys.keys().count(),
        }
    }
}

/// `kmswatch tune PATH...`. Gives the exit status.
pub(crate) fn run(args: &TuneArgs) -> anyhow::Result<u8> {
    if args.against.is_some() && args.read.paths.iter().any(|path| path.as_os_str() == "-") {
        bail!("--against reads the input twice: write it to a file first");
    }
    let present = settings(&args.read)?;
    let changed = args.against.as_deref().map(config::load).transpose()?;
    let own = present.alerts.budget_per_week;
    let mut budgets = args.budgets.clone();
    budgets.push(own);
    budgets.sort_by(f64::total_cmp);
    budgets.dedup();
    let with_budget = |budget: &f64| {
        let mut settings = present.clone();
        settings.alerts.budget_per_week = *budget;
        settings
    };
    let all = budgets.iter().map(with_budget).collect();
    let (watches, troubles) = read_for(&args.read, all, Watch::count_unusual_hours, None)?;
    let Some(watch) = watches.iter().find(|watch| budget_of(watch) == own) else { bail!("no budget") };
    let logs = Logs::of(watch);
    let against = changed.map(|changed| against(args, watch, changed)).transpose()?;
    let tuning = Tuning {
        forecasts: watches.iter().map(|watch| Forecast::of(watch, &logs, own)).collect(),
        reliability: watch.reliability(),
        noisiest: noise::noisiest(watch),
        against,
        logs,
    };
    let out = &mut io::BufWriter::new(anstream::stdout().lock());
    match args.format {
        TuneFormat::Text => text::write(out, &tuning, terminal::columns())?,
        TuneFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, &tuning)?;
            writeln!(out)?;
        }
    }
    out.flush()?;
    told(&troubles)
}

fn budget_of(watch: &Watch) -> f64 {
    watch.estate().settings.alerts.budget_per_week
}

/// Reads the logs again with changed settings: they may change how single events are judged.
fn against(args: &TuneArgs, watch: &Watch, changed: Settings) -> anyhow::Result<Comparison> {
    let (watches, _) = read_for(&args.read, vec![changed], |_| {}, None)?;
    let Some(other) = watches.first() else { bail!("nothing was read") };
    Ok(Comparison::of(watch, other))
}
