//! From the arguments that say which logs to read to a watch that has read them.

use crate::args::ReadArgs;
use crate::config;
use crate::inputs::{self, Wish};
use crate::progress::Progress;
use crate::replay::{How, replay};
use crate::rules;
use crate::saved;
use crate::troubles::Troubles;
use anyhow::{Context, bail};
use kmswatch_engine::baseline::judge::Entity;
use kmswatch_engine::estate::Estate;
use kmswatch_engine::pipeline::{Filter, Watch};
use kmswatch_engine::settings::Settings;
use kmswatch_engine::time::Timestamp;
use kmswatch_report::usage::Usage;
use std::num::NonZeroUsize;

/// Objects that are read side by side if they come over the network: one takes some 50 ms to begin, and a core decodes
/// one in less.
const READ_REMOTELY: NonZeroUsize = NonZeroUsize::MIN.saturating_add(15);

/// What came of reading.
pub(crate) struct Reading {
    /// Knows everything that was read.
    pub(crate) watch: Watch,
    /// What could not be read, and what was left aside.
    pub(crate) troubles: Troubles,
}

/// Reads what was asked for. How the hours of the `followed` entities were judged is kept.
pub(crate) fn read(args: &ReadArgs, followed: &[Entity]) -> anyhow::Result<Reading> {
    read_counting(args, followed, None)
}

/// [`read`], and counts who uses which key, where that is wanted.
pub(crate) fn read_counting(
    args: &ReadArgs,
    followed: &[Entity],
    usage: Option<&mut Usage>,
) -> anyhow::Result<Reading> {
    let prepare = |watch: &mut Watch| followed.iter().for_each(|entity| watch.follow(entity.clone()));
    let (mut watches, troubles) = read_for(args, vec![settings(args)?], prepare, usage)?;
    Ok(Reading { watch: watches.pop().unwrap_or_default(), troubles })
}

/// The settings that were asked for.
pub(crate) fn settings(args: &ReadArgs) -> anyhow::Result<Settings> {
    args.config.as_deref().map(config::load).transpose().map(Option::unwrap_or_default)
}

/// Reads what was asked for once, for several settings that differ in their budget alone: one watch for each.
pub(crate) fn read_for(
    args: &ReadArgs,
    settings: Vec<Settings>,
    mut prepare: impl FnMut(&mut Watch),
    usage: Option<&mut Usage>,
) -> anyhow::Result<(Vec<Watch>, Troubles)> {
    let filter = filter(args)?;
    let rules = args
        .rules
        .as_deref()
        .map(|folder| rules::load(folder, settings.first().unwrap_or(&Settings::default())))
        .transpose()?;
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let mut troubles = Troubles::default();
    let wish = Wish { filter: filter.clone(), cache: args.cache() };
    let inputs = inputs::find(&args.paths, &wish, args.threads.unwrap_or(cores).get(), &mut troubles);
    let threads = match args.threads {
        Some(threads) => threads,
        None if inputs.list.iter().any(inputs::Input::is_remote) => cores.max(READ_REMOTELY),
        None => cores,
    };
    let progress = if args.quiet {
        Progress::hidden()
    } else {
        Progress::on_terminal(|| inputs.list.iter().map(inputs::Input::bytes).sum())
    };
    let known =
        args.state.as_deref().map(|file| Ok::<_, anyhow::Error>((file, saved::load(file)?))).transpose()?;
    let watch_of = |settings| {
        let mut estate = Estate::new(settings);
        inputs.accounts.iter().for_each(|account| estate.learn_account(account));
        let mut watch = match &known {
            None => Watch::new(estate),
            Some((file, bytes)) => Watch::restored(estate, bytes)
                .with_context(|| format!("cannot use the saved state in {}", file.display()))?,
        };
        watch = watch.until(filter.until);
        prepare(&mut watch);
        Ok(watch)
    };
    let watches = settings.into_iter().map(watch_of).collect::<anyhow::Result<_>>()?;
    let how = How { filter: &filter, rules: rules.as_ref(), threads, progress: &progress };
    let watches = replay(&inputs.list, watches, &how, &mut troubles, usage);
    progress.finish();
    Ok((watches, troubles))
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
