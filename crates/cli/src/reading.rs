//! From the arguments that say which logs to read to a watch that has read them.

use crate::config;
use crate::inputs::{self, Wish};
use crate::moment::Moment;
use crate::progress::Progress;
use crate::replay::{How, replay};
use crate::rules;
use crate::saved;
#[cfg(feature = "aws")]
use crate::troubles::InputProblem;
use crate::troubles::Troubles;
use anyhow::{Context, bail};
use clap::Parser;
use kmswatch_engine::baseline::judge::Entity;
use kmswatch_engine::estate::Estate;
use kmswatch_engine::estate::is_account_id;
use kmswatch_engine::pipeline::{Filter, Watch};
use kmswatch_engine::settings::Settings;
use kmswatch_engine::time::Timestamp;
use kmswatch_report::usage::Usage;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use tempfile::{NamedTempFile, TempPath};

/// Which logs are read, and how
#[derive(Debug, Parser)]
pub(crate) struct ReadArgs {
    /// Files, folders of any depth, s3://bucket/prefix, or - for standard input
    #[cfg_attr(feature = "aws", arg(required_unless_present_any = ["state", "table"], value_name = "PATH"))]
    #[cfg_attr(not(feature = "aws"), arg(required_unless_present = "state", value_name = "PATH"))]
    pub(crate) paths: Vec<PathBuf>,

    /// Begin with what an earlier run has saved to this file (`kmswatch replay --save`)
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,

    /// Begin with what the live pipeline has stored in this DynamoDB table; nothing is written to it
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "NAME", conflicts_with = "state")]
    pub(crate) table: Option<String>,

    /// Keep what is read from S3 in this folder, and read again from there
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) cache: Option<PathBuf>,

    /// Settings, a TOML file (`kmswatch config` prints the defaults)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Folder of Sigma rules of your own, asked beside the detectors (`kmswatch rules`)
    #[arg(long, value_name = "FOLDER")]
    pub(crate) rules: Option<PathBuf>,

    /// Only events from this moment on: RFC 3339, a date (00:00 UTC), or 12h, 7d, 2w before now
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Moment>,

    /// Only events before this moment
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Moment>,

    /// Only events in the log of this account; may be repeated
    #[arg(long = "account", value_name = "ID", value_parser = account)]
    pub(crate) accounts: Vec<String>,

    /// Only events of this Region; may be repeated
    #[arg(long = "region", value_name = "REGION")]
    pub(crate) regions: Vec<String>,

    /// Threads that read; the output is the same for any number [default: one for each core]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,

    /// No progress, and no remarks on stderr
    #[arg(long, short)]
    pub(crate) quiet: bool,

    /// A copy of standard input, where it is read more than once.
    #[arg(skip)]
    pub(crate) stdin: Option<TempPath>,
}

impl ReadArgs {
    /// Copies standard input, if it is one of the logs, into a file that goes away with the command: for those who read
    /// twice.
    pub(crate) fn keep_stdin(&mut self) -> anyhow::Result<()> {
        if self.paths.iter().any(|path| path.as_os_str() == "-") {
            let failed = "cannot keep a copy of standard input, which is read twice";
            let mut copy = NamedTempFile::new().context(failed)?;
            io::copy(&mut io::stdin().lock(), &mut copy).context(failed)?;
            self.stdin = Some(copy.into_temp_path());
        }
        Ok(())
    }

    /// Where the logs are, for commands that read them again.
    pub(crate) fn logs(&self) -> String {
        self.paths.first().map(|path| path.display().to_string()).unwrap_or_default()
    }

    /// Where objects from S3 are kept.
    #[cfg(feature = "aws")]
    pub(crate) fn cache(&self) -> Option<PathBuf> {
        self.cache.clone()
    }

    /// Nowhere: this build does not read from S3.
    #[cfg(not(feature = "aws"))]
    pub(crate) fn cache(&self) -> Option<PathBuf> {
        None
    }
}

fn account(text: &str) -> Result<String, String> {
    if is_account_id(text) { Ok(text.to_owned()) } else { Err("an account id has twelve digits".to_owned()) }
}

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
    let stdin = args.stdin.as_deref().map(Into::into);
    let wish = Wish { filter: filter.clone(), cache: args.cache(), stdin };
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
    let known = Known::of(args, &mut troubles)?;
    let watch_of = |settings| {
        let mut estate = Estate::new(settings);
        inputs.accounts.iter().for_each(|account| estate.learn_account(account));
        let mut watch = known.watch(estate)?;
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

/// What is known before anything is read.
enum Known<'a> {
    Nothing,
    /// What an earlier run has saved.
    File(&'a Path, Vec<u8>),
    /// What the live pipeline has stored.
    #[cfg(feature = "aws")]
    Table(Box<kmswatch_aws::stored::Stored>),
}

impl Known<'_> {
    #[cfg_attr(not(feature = "aws"), allow(unused_variables))]
    fn of<'a>(args: &'a ReadArgs, troubles: &mut Troubles) -> anyhow::Result<Known<'a>> {
        #[cfg(feature = "aws")]
        if let Some(table) = args.table.clone() {
            let name = table.clone();
            let stored = crate::bucket::wait(async move {
                let store = kmswatch_aws::clients::Clients::connect().await.store(&name);
                kmswatch_aws::stored::Stored::read(&store).await
            })?;
            let mut stored = stored.with_context(|| format!("cannot read the table {table:?}"))?;
            for problem in std::mem::take(&mut stored.problems) {
                troubles.problems.push(InputProblem::whole(format!("table {table}"), problem));
            }
            return Ok(Known::Table(Box::new(stored)));
        }
        match &args.state {
            None => Ok(Known::Nothing),
            Some(file) => Ok(Known::File(file, saved::load(file)?)),
        }
    }

    /// A watch that goes on from there.
    fn watch(&self, estate: Estate) -> anyhow::Result<Watch> {
        match self {
            Known::Nothing => Ok(Watch::new(estate)),
            Known::File(file, bytes) => Watch::restored(estate, bytes)
                .with_context(|| format!("cannot use the saved state in {}", file.display())),
            #[cfg(feature = "aws")]
            Known::Table(stored) => {
                let mut estate = estate;
                stored.accounts.iter().for_each(|account| estate.learn_account(account));
                Ok(Watch::resumed(estate, stored.states.clone(), stored.clock, stored.judge.clone()))
            }
        }
    }
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
