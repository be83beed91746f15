//! `kmswatch report`: the keys that logs show, who uses them, what is careless, and what breaks if one is deleted.

use crate::baseline::told;
use crate::output::{self, inventory};
use crate::reading::ReadArgs;
use crate::reading::{Reading, read_counting};
use crate::terminal;
use anyhow::bail;
use clap::{Parser, ValueEnum};
use kmswatch_engine::pipeline::Watch;
use kmswatch_report::hygiene;
use kmswatch_report::inventory::{Deletion, Inventory, KeyEntry, csv};
use kmswatch_report::page::Page;
use kmswatch_report::usage::{Bounds, Usage};
use serde::Serialize;
use std::io::{self, Write};

/// List the keys that logs show, who uses them, what they cost, and what is careless about it
///
/// Reads the same logs as `replay` and prints an inventory: each key with its aliases, state, users, services, resources,
/// errors and estimated cost; and signs of poor hygiene, each with evidence, advice and when it is wrong.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  \
    kmswatch report ./AWSLogs\n      \
        all keys, those used most first, and what is careless\n  \
    kmswatch report --key alias/payments ./AWSLogs\n      \
        what breaks if I delete it?\n  \
    kmswatch report --format html ./AWSLogs > keys.html\n      \
        one page for a browser, which needs no network\n  \
    kmswatch report --format csv ./AWSLogs > keys.csv\n      \
        a line for each key and user, for a spreadsheet\n\n\
    Exit status: 0, or 2 if something could not be read.")]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    read: ReadArgs,

    /// How to print
    #[arg(long, value_enum, default_value_t = InventoryFormat::Text)]
    format: InventoryFormat,

    /// Only this key, by ARN, id or alias: what breaks if it is deleted
    #[arg(long, value_name = "KEY")]
    key: Option<String>,

    /// Print all keys and signs of the text format, not the first ones only
    #[arg(long, short)]
    verbose: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum InventoryFormat {
    /// For people
    Text,
    /// For programs: one object, see `kmswatch schema inventory`
    Json,
    /// For spreadsheets: a line for each key and user
    Csv,
    /// For browsers: one page that needs no network
    Html,
}

/// What is printed as JSON.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    inventory: &'a Inventory,
    hygiene: Vec<hygiene::Report>,
    /// With `--key`: what breaks if it is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion: Option<Deletion>,
}

/// `kmswatch report`. Gives the exit status.
pub(crate) fn run(args: &ReportArgs) -> anyhow::Result<u8> {
    let mut usage = Usage::new(Bounds::default());
    let Reading { watch, troubles } = read_counting(&args.read, &[], Some(&mut usage))?;
    let mut inventory = Inventory::of(&watch, &usage);
    drop(usage);
    let mut deletion = None;
    if let Some(name) = &args.key {
        let key = find(name, &inventory)?.clone();
        deletion = Some(inventory.deletion(&key));
        inventory.keys = vec![key];
    }
    let hygiene = hygiene::reports(&inventory);
    match args.format {
        InventoryFormat::Text => {
            let out = &mut io::BufWriter::new(anstream::stdout().lock());
            let layout = output::text::Layout { columns: terminal::columns(), verbose: args.verbose };
            if let Some(note) = notes(args) {
                writeln!(out, "{note}\n")?;
            }
            match &deletion {
                Some(deletion) => inventory::one(out, &inventory, deletion, &hygiene, &layout)?,
                None => inventory::all(out, &inventory, &hygiene, &layout)?,
            }
            out.flush()?;
        }
        InventoryFormat::Json => {
            let mut out = io::BufWriter::new(io::stdout().lock());
            let whole = Whole { inventory: &inventory, hygiene, deletion };
            serde_json::to_writer_pretty(&mut out, &whole)?;
            writeln!(out).and_then(|()| out.flush())?;
        }
        InventoryFormat::Csv => csv::write(io::BufWriter::new(io::stdout().lock()), &inventory)?,
        InventoryFormat::Html => {
            let problems = troubles.problems.items.iter().map(output::words).collect();
            html(args, &watch, &inventory, &hygiene, problems)?;
        }
    }
    told(&troubles)
}

fn html(
    args: &ReportArgs,
    watch: &Watch,
    inventory: &Inventory,
    hygiene: &[hygiene::Report],
    problems: Vec<String>,
) -> io::Result<()> {
    let page = Page {
        version: env!("CARGO_PKG_VERSION"),
        inputs: args.read.paths.iter().map(|path| path.display().to_string()).collect(),
        now: inventory.as_of,
        summary: &watch.summary_with(&[]),
        findings: &[],
        incidents: None,
        inventory,
        hygiene,
        charts: &[],
        problems,
        notes: notes(args).into_iter().collect(),
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    page.write(&mut out)?;
    out.flush()
}

/// What has to be said of what was not counted.
fn notes(args: &ReportArgs) -> Option<String> {
    args.read.state.as_ref()?;
    let words = "Users, calls and resources are counted in the logs that were read now. What lies behind --state is known as \
                 facts alone: aliases, states, policies.";
    Some(words.to_owned())
}

/// The key that `name` means: an ARN, an id or an alias.
fn find<'i>(name: &str, inventory: &'i Inventory) -> anyhow::Result<&'i KeyEntry> {
    let is_called = |key: &&KeyEntry| {
        key.arn == name
            || key.aliases.iter().any(|alias| alias == name)
            || key.arn.rsplit('/').next().is_some_and(|id| id == name)
    };
    let found: Vec<&KeyEntry> = inventory.keys.iter().filter(is_called).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => {
            let closeness = |key: &KeyEntry| {
                let names = key.aliases.iter().map(String::as_str).chain([key.arn.as_str()]);
                names.map(|one| strsim::jaro_winkler(one, name)).fold(0.0, f64::max)
            };
            let closest = inventory.keys.iter().max_by(|a, b| closeness(a).total_cmp(&closeness(b)));
            match closest {
                Some(key) => bail!("no key in these logs is called {name}; the closest is {}", key.label()),
                None => bail!("these logs show no key"),
            }
        }
        several => {
            let arns: Vec<&str> = several.iter().take(10).map(|key| key.arn.as_str()).collect();
            bail!("{name} may mean {} keys; give the ARN:\n  {}", several.len(), arns.join("\n  "))
        }
    }
}
