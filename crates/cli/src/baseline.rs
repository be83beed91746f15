//! `kmswatch baseline`: what is known of principals and keys.

mod transfer;

use crate::output::{self, entity, figures::grouped};
use crate::reading::{ReadArgs, Reading, read};
use crate::terminal::{self, safe};
use crate::troubles::Troubles;
use anyhow::{Context, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use kmswatch_engine::baseline::entity::Baseline;
use kmswatch_engine::baseline::judge::Entity;
use kmswatch_engine::state::States;
use std::io::{self, Write};
use std::path::PathBuf;

/// Show what is known of a principal or key, and what is usual for it
#[derive(Debug, Parser)]
pub(crate) struct BaselineArgs {
    #[command(subcommand)]
    pub(crate) command: BaselineCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BaselineCommand {
    /// One entity: who uses it, what was done to it, the week that was learned
    #[command(after_help = "Examples:\n  \
        kmswatch baseline show alias/payments ./AWSLogs\n  \
        kmswatch baseline show role/ci-deploy --state kms.state")]
    Show {
        /// ARN, alias, or the end of an id (role/ci-deploy)
        #[arg(value_name = "ENTITY")]
        entity: String,

        /// How to print
        #[arg(long, value_enum, default_value_t = ShowFormat::Text)]
        format: ShowFormat,

        #[command(flatten)]
        read: ReadArgs,
    },
    /// All entities, the busiest first
    List {
        #[command(flatten)]
        read: ReadArgs,
    },
    /// Write all that is known of entities as lines of JSON: for a copy, for another table, for programs
    ///
    /// What is usual in the whole estate is learned anew where it is imported.
    #[command(after_help = "Examples:\n  \
        kmswatch baseline export --state kms.state --out kms.jsonl\n  \
        kmswatch baseline export ./AWSLogs | jq .id")]
    Export(ExportArgs),
    /// Add what was exported to a state file or a table; what is known there is merged and never overwritten
    #[command(after_help = "Examples:\n  \
        kmswatch baseline import kms.jsonl --state other.state")]
    Import(ImportArgs),
    /// Teach a table of the live pipeline what is usual, from logs of the past; nobody is alerted
    ///
    /// Needs KMSWATCH_TABLE, and the same settings as the function. For a table that has not judged live logs yet. It may
    /// be ended and run again at any time.
    #[cfg(feature = "aws")]
    #[command(after_help = "Example:\n  \
        KMSWATCH_TABLE=kmswatch kmswatch baseline bootstrap --since 60d --cache ./logs s3://trail-logs")]
    Bootstrap {
        #[command(flatten)]
        read: ReadArgs,
    },
}

#[derive(Debug, Parser)]
pub(crate) struct ExportArgs {
    /// File to write to [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

#[derive(Debug, Parser)]
pub(crate) struct ImportArgs {
    /// What `kmswatch baseline export` has written, or - for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) into: Into,
}

/// Where to.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Into {
    /// Into this state file (`kmswatch replay --save`); made if it is not there
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,

    /// Into this DynamoDB table of the live pipeline
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "NAME")]
    pub(crate) table: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShowFormat {
    /// For people
    Text,
    /// The State as it is stored, for programs
    Json,
}

/// Entities that are listed where a name fits several.
const CANDIDATES: usize = 10;

/// `kmswatch baseline ...`. Gives the exit status.
pub(crate) fn run(args: &BaselineArgs) -> anyhow::Result<u8> {
    match &args.command {
        BaselineCommand::Show { entity, format, read } => show(entity, *format, read),
        BaselineCommand::List { read } => list(read),
        BaselineCommand::Export(args) => transfer::export(args),
        BaselineCommand::Import(args) => transfer::import(args),
        #[cfg(feature = "aws")]
        BaselineCommand::Bootstrap { read } => crate::bootstrap::run(read),
    }
}

fn show(name: &str, format: ShowFormat, args: &ReadArgs) -> anyhow::Result<u8> {
    let Reading { mut watch, troubles } = read(args, &[])?;
    close_all(&mut watch);
    let states = watch.states();
    let entity = find(name, states)?;
    let out = &mut io::BufWriter::new(anstream::stdout().lock());
    match format {
        ShowFormat::Text => entity::write(out, &entity, states, terminal::columns())?,
        ShowFormat::Json => {
            let state = match &entity {
                Entity::Key(arn) => serde_json::to_value(states.keys.get(arn))?,
                Entity::Principal(id) => serde_json::to_value(states.principals.get(id))?,
            };
            serde_json::to_writer_pretty(
                &mut *out,
                &serde_json::json!({"entity": entity.id(), "state": state}),
            )?;
            writeln!(out)?;
        }
    }
    out.flush()?;
    told(&troubles)
}

fn list(args: &ReadArgs) -> anyhow::Result<u8> {
    let Reading { mut watch, troubles } = read(args, &[])?;
    close_all(&mut watch);
    let states = watch.states();
    let mut lines: Vec<(u64, u64, &'static str, &str)> = Vec::new();
    let keys = states.keys.iter().map(|(id, state)| ("key", id, &state.baseline));
    let principals = states.principals.iter().map(|(id, state)| ("principal", id, &state.baseline));
    for (kind, id, baseline) in keys.chain(principals) {
        let (active, measures) = busy(baseline);
        lines.push((active, measures, kind, id));
    }
    lines.sort_by(|a, b| b.0.cmp(&a.0).then(a.2.cmp(b.2)).then(a.3.cmp(b.3)));
    let out = &mut io::BufWriter::new(anstream::stdout().lock());
    writeln!(
        out,
        "{FAINT}{:>12}  {:>8}  {:<9}  entity{FAINT:#}",
        "active hours",
        "measures",
        "kind",
        FAINT = output::FAINT
    )?;
    for (active, measures, kind, id) in lines {
        writeln!(out, "{:>12}  {:>8}  {kind:<9}  {}", grouped(active), grouped(measures), safe(id))?;
    }
    out.flush()?;
    told(&troubles)
}

/// Active hours of the busiest measure, and how many measures there are.
fn busy(baseline: &Baseline) -> (u64, u64) {
    let mut measures = 0;
    let mut most = 0;
    for (_, series) in baseline.series() {
        measures += 1;
        most = most.max(series.profile().map_or(0, |profile| u64::from(profile.history().active_hours)));
    }
    (most, measures)
}

/// Closes what is still open: of what was read once, nothing more will come.
pub(crate) fn close_all(watch: &mut kmswatch_engine::pipeline::Watch) {
    if let Some(last) = watch.last_event() {
        watch.advance(last.plus(3 * kmswatch_engine::time::HOUR));
    }
}

/// The entity that `name` means: an id, an alias, or the end of an id.
fn find(name: &str, states: &States) -> anyhow::Result<Entity> {
    let keys = states.keys.keys().map(|id| Entity::Key(id.clone()));
    let all: Vec<Entity> =
        keys.chain(states.principals.keys().map(|id| Entity::Principal(id.clone()))).collect();
    if let Some(exact) = all.iter().find(|entity| entity.id() == name) {
        return Ok(exact.clone());
    }
    let names = states.names();
    let has_alias = |entity: &&Entity| match entity {
        Entity::Key(arn) => {
            states.keys.get(arn).is_some_and(|state| names.of(arn, state).iter().any(|alias| alias == name))
        }
        Entity::Principal(_) => false,
    };
    let ends =
        |entity: &&Entity| entity.id().strip_suffix(name).is_some_and(|before| before.ends_with(['/', ':']));
    let mut found: Vec<&Entity> = all.iter().filter(has_alias).collect();
    if found.is_empty() {
        found = all.iter().filter(ends).collect();
    }
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => {
            let closest = all.iter().map(Entity::id).max_by(|a, b| {
                strsim::jaro_winkler(end(a), name).total_cmp(&strsim::jaro_winkler(end(b), name))
            });
            let closest = closest.context("no principal and no key of KMS in what was read")?;
            bail!(
                "nothing in what was read is called {name}; the closest is {closest}. `kmswatch baseline list` has all"
            )
        }
        several => {
            let ids: Vec<&str> = several.iter().take(CANDIDATES).map(|entity| entity.id()).collect();
            bail!("{name} may mean {} entities; give more of the id:\n  {}", several.len(), ids.join("\n  "))
        }
    }
}

/// The part of an id that people say.
fn end(id: &str) -> &str {
    id.rsplit(':').next().unwrap_or(id)
}

/// Says on stderr what could not be read. Gives the exit status.
pub(crate) fn told(troubles: &Troubles) -> anyhow::Result<u8> {
    for problem in &troubles.problems.items {
        writeln!(anstream::stderr(), "{BAD}problem:{BAD:#} {}", output::words(problem), BAD = output::BAD)?;
    }
    Ok(if troubles.problems.count > 0 { crate::TROUBLE } else { crate::NOTHING_FOUND })
}
