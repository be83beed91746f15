//! `kmswatch evaluate`: what the statistics are worth, on logs whose attacks are known.
//!
//! In reading order: [`subject`] what is read, [`observe`] one pass through it, [`statement`], [`matching`] and
//! [`hearing`] what was said and which attack it belongs to, [`comparators`] what people build at home, [`scoring`]
//! the figures, [`text`] the tables. [`crew`] reads several organisations side by side.

mod comparators;
mod crew;
mod hearing;
mod matching;
mod numbers;
mod observe;
mod scoring;
mod sizes;
mod statement;
mod subject;
mod table;
mod text;

use crate::args::{EvaluateArgs, ReportFormat};
use crate::config;
use crate::progress::Progress;
use crate::simulate::set_days;
use kmswatch_scenario::Scenario;
use scoring::Terms;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use subject::Subject;

/// Evaluates what was asked for.
pub(crate) fn run(args: &EvaluateArgs) -> anyhow::Result<u8> {
    let settings = args.config.as_deref().map(config::load).transpose()?.unwrap_or_default();
    let threads =
        args.threads.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    let terms = Terms { budgets: args.budgets.clone(), warm_up: i64::from(args.warm_up) };
    let progress = if args.quiet { Progress::hidden() } else { Progress::of_evaluation() };
    let scores = crew::each(&subjects(args), threads, &progress, |subject, tell| {
        let seen = observe::observe(subject, &settings, &terms.budgets, tell)?;
        Ok(scoring::score(&seen, &terms))
    });
    progress.finish();
    let report = scoring::report(&scores?, &terms);
    match args.format {
        ReportFormat::Text => text::write(&mut io::BufWriter::new(anstream::stdout().lock()), &report)?,
        ReportFormat::Json => {
            let mut out = io::BufWriter::new(io::stdout().lock());
            serde_json::to_writer_pretty(&mut out, &report)?;
            writeln!(out)?;
            out.flush()?;
        }
    }
    Ok(crate::NOTHING_FOUND)
}

fn subjects(args: &EvaluateArgs) -> Vec<Subject> {
    if !args.folders.is_empty() {
        return args.folders.iter().cloned().map(Subject::Folder).collect();
    }
    args.seeds
        .list()
        .map(|seed| {
            let mut scenario = match args.preset.as_str() {
                "quiet" => Scenario::quiet(8, seed),
                "quickstart" => Scenario { seed, ..Scenario::quickstart() },
                _ => Scenario::evaluation(seed),
            };
            if let Some(days) = args.days {
                set_days(&mut scenario, days);
            }
            Subject::Made(Box::new(scenario))
        })
        .collect()
}
