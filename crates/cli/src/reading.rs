//! From the arguments that say which logs to read to a watch that has read them.

use crate::args::ReadArgs;
use crate::config;
use crate::inputs;
use crate::progress::Progress;
use crate::replay::replay;
use crate::rules;
use crate::troubles::Troubles;
use anyhow::bail;
use kmswatch_engine::baseline::judge::Entity;
use kmswatch_engine::estate::Estate;
use kmswatch_engine::pipeline::{Filter, Watch};
use kmswatch_engine::time::Timestamp;
use std::num::NonZeroUsize;

/// What came of reading.
pub(crate) struct Reading {
    /// Knows everything that was read.
    pub(crate) watch: Watch,
    /// What could not be read, and what was left aside.
    pub(crate) troubles: Troubles,
}

/// Reads what was asked for. How the hours of the `followed` entities were judged is kept.
pub(crate) fn read(args: &ReadArgs, followed: &[Entity]) -> anyhow::Result<Reading> {
    let settings = args.config.as_deref().map(config::load).transpose()?.unwrap_or_default();
    let filter = filter(args)?;
    let rules = args.rules.as_deref().map(|folder| rules::load(folder, &settings)).transpose()?;
    let threads =
        args.threads.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    let mut troubles = Troubles::default();
    let inputs = inputs::find(&args.paths, threads.get(), &mut troubles);
    let mut estate = Estate::new(settings);
    inputs.accounts.iter().for_each(|account| estate.learn_account(account));
    let progress = if args.quiet {
        Progress::hidden()
    } else {
        Progress::on_terminal(|| inputs.list.iter().map(inputs::Input::bytes).sum())
    };
    let mut watch = Watch::new(estate).until(filter.until);
    followed.iter().for_each(|entity| watch.follow(entity.clone()));
    let watch = replay(&inputs.list, watch, &filter, rules.as_ref(), threads, &progress, &mut troubles);
    progress.finish();
    Ok(Reading { watch, troubles })
}

/// The moment of the clock: for words such as "7d" alone.
pub(crate) fn clock() -> Timestamp {
    Timestamp(jiff::Timestamp::now().as_second())
}

fn filter(args: &ReadArgs) -> anyhow::Result<Filter> {
    let now = clock();
    let since = args.since.map(|moment| moment.at(now));
    let until = args.until.map(|moment| moment.at(now));
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        bail!("--since {since} is not before --until {until}: no event could pass");
    }
    Ok(Filter { since, until, accounts: args.accounts.clone(), regions: args.regions.clone() })
}

/// The only one whose id begins like this.
pub(crate) fn only<T>(id: &str, all: Vec<T>, id_of: impl Fn(&T) -> &String) -> anyhow::Result<T> {
    let total = all.len();
    let mut fitting = all.into_iter().filter(|one| id_of(one).starts_with(id));
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => bail!("several begin with {id}: give more of the id"),
        (None, _) => bail!(
            "none of the {total} in these logs is {id}: ids hold for the logs and settings that gave them, so read the \
             same ones. Findings begin with kw-, incidents (`kmswatch replay --incidents`) with ki-"
        ),
    }
}
