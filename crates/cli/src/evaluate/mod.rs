//! `kmswatch evaluate`: what the statistics are worth, on logs whose attacks are known.
//!
//! In reading order: [`subject`] what is read, [`mod@observe`] one pass through it, [`statement`], [`matching`] and
//! [`hearing`] what was said and which attack it belongs to, [`comparators`] what people build at home, [`scoring`]
//! the figures, [`text`] the tables. [`crew`] reads several organisations side by side. [`poisoning`], [`cold_start`] and
//! [`sizes`] are further questions, each with its own table.

mod args;
mod cold_start;
mod comparators;
mod crew;
#[cfg(test)]
mod golden;
mod hearing;
mod matching;
mod observe;
mod poisoning;
mod scoring;
mod sizes;
mod statement;
mod subject;
mod text;

pub(crate) use args::EvaluateArgs;

use crate::config;
use crate::progress::Progress;
use crate::simulate::set_days;
use args::{ReportFormat, Show};
use kmswatch_scenario::Scenario;
use observe::{Means, observe};
use scoring::Terms;
use serde::Serialize;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use subject::Subject;

/// Evaluates what was asked for.
pub(crate) fn run(args: &EvaluateArgs) -> anyhow::Result<u8> {
    let settings = args.config.as_deref().map(config::load).transpose()?.unwrap_or_default();
    let threads =
        args.threads.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    let progress = if args.quiet { Progress::hidden() } else { Progress::of_evaluation() };
    let means = Means { settings, is_declared: !args.undeclared, confirms: args.confirm };
    let desk = Desk { args, means, threads, progress };
    match args.show {
        Show::Attacks => desk.attacks()?,
        Show::Poisoning => desk.poisoning()?,
        Show::ColdStart => desk.cold_start()?,
        Show::Sizes => desk.sizes()?,
    }
    Ok(crate::NOTHING_FOUND)
}

/// What all questions need.
struct Desk<'a> {
    args: &'a EvaluateArgs,
    means: Means,
    threads: NonZeroUsize,
    progress: Progress,
}

impl Desk<'_> {
    fn attacks(&self) -> anyhow::Result<()> {
        let terms = Terms { budgets: self.args.budgets.clone(), warm_up: i64::from(self.args.warm_up) };
        let scores = self.each(&self.subjects(), |subject, tell| {
            let seen = observe(subject, &self.means, &terms.budgets, tell)?;
            Ok(scoring::score(&seen, &terms))
        })?;
        let report = scoring::report(&scores, &terms);
        self.print(&report, |out| text::write(out, &report))
    }

    fn poisoning(&self) -> anyhow::Result<()> {
        let budget = self.middle_budget();
        let scenarios = self.scenarios(poisoning::scenario)?;
        let outcomes = self.each(&scenarios, |scenario, tell| {
            let subject = Subject::Made(Box::new(scenario.clone()));
            Ok(poisoning::outcomes(&observe(&subject, &self.means, &[budget], tell)?))
        })?;
        let lines = poisoning::lines(&outcomes);
        self.print(&lines, |out| poisoning::write(out, &lines, budget))
    }

    fn cold_start(&self) -> anyhow::Result<()> {
        let budget = self.middle_budget();
        let scenarios = self.scenarios(cold_start::scenario)?;
        let outcomes = self.each(&scenarios, |scenario, tell| {
            let subject = Subject::Made(Box::new(scenario.clone()));
            cold_start::outcomes(&observe(&subject, &self.means, &[budget], tell)?, scenario)
        })?;
        let lines = cold_start::lines(&outcomes);
        self.print(&lines, |out| cold_start::write(out, &lines, budget))
    }

    fn sizes(&self) -> anyhow::Result<()> {
        let budget = self.middle_budget();
        let sizes = self.each(&self.subjects(), |subject, tell| {
            Ok(observe(subject, &self.means, &[budget], tell)?.sizes)
        })?;
        let lines = sizes::lines(&sizes);
        self.print(&lines, |out| sizes::write(out, &lines))
    }

    fn each<I: Sync, T: Send>(
        &self,
        items: &[I],
        work: impl Fn(&I, &mut dyn FnMut(f64)) -> anyhow::Result<T> + Sync,
    ) -> anyhow::Result<Vec<T>> {
        let results = crew::each(items, self.threads, &self.progress, work);
        self.progress.finish();
        results
    }

    fn middle_budget(&self) -> f64 {
        self.args.budgets.get(self.args.budgets.len() / 2).copied().unwrap_or(1.0)
    }

    fn scenarios(&self, of: fn(u64) -> anyhow::Result<Scenario>) -> anyhow::Result<Vec<Scenario>> {
        if !self.args.folders.is_empty() {
            anyhow::bail!("this table is made of scenarios of its own: choose --seeds instead of folders");
        }
        self.args.seeds.list().map(of).collect()
    }

    fn subjects(&self) -> Vec<Subject> {
        let args = self.args;
        if !args.folders.is_empty() {
            return args.folders.iter().cloned().map(Subject::Folder).collect();
        }
        let made = args.seeds.list().map(|seed| {
            let mut scenario = match args.preset.as_str() {
                "quiet" => Scenario::quiet(8, seed),
                "quickstart" => Scenario { seed, ..Scenario::quickstart() },
                _ => Scenario::evaluation(seed),
            };
            if let Some(days) = args.days {
                set_days(&mut scenario, days);
            }
            Subject::Made(Box::new(scenario))
        });
        made.collect()
    }

    fn print<T: Serialize>(
        &self,
        report: &T,
        text: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        match self.args.format {
            ReportFormat::Text => {
                let mut out = io::BufWriter::new(anstream::stdout().lock());
                text(&mut out)?;
                out.flush()?;
            }
            ReportFormat::Json => {
                let mut out = io::BufWriter::new(io::stdout().lock());
                serde_json::to_writer_pretty(&mut out, report)?;
                writeln!(out)?;
                out.flush()?;
            }
        }
        Ok(())
    }
}
