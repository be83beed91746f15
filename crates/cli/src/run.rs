//! `kmswatch replay`: from arguments to output and exit status.

use crate::args::severity;
use crate::moment::Moment;
use crate::output::{self, Outcome, jsonl, summary, text};
use crate::page::Page;
use crate::reading::{ReadArgs, Reading, read_counting};
use crate::replay::caught;
use crate::saved;
use crate::terminal;
use clap::{Parser, ValueEnum};
use kmswatch_alerts::{Alert, Context, asff, ocsf};
use kmswatch_engine::finding::Severity;
use kmswatch_engine::incident;
use kmswatch_engine::time::Timestamp;
use kmswatch_engine::tuning::{self, Tuned};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

/// Read logs and say what is wrong in them
///
/// Reads CloudTrail objects in any container that AWS writes or exports (log files, NDJSON, arrays, LookupEvents,
/// EventBridge and CloudWatch Logs payloads; plain or gzip) and prints findings.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  \
    kmswatch replay ./AWSLogs\n      \
        every log file below the folder; own accounts are learned from the paths\n  \
    kmswatch replay --since 7d --severity high ./AWSLogs\n      \
        what was serious in the last seven days\n  \
    kmswatch replay --since 30d --account 111122223333 s3://trail-logs\n      \
        straight from the bucket, in a build with --features aws\n  \
    kmswatch replay --incidents ./AWSLogs\n      \
        what belongs together as one, with its timeline and first steps\n  \
    kmswatch replay --report report.html ./AWSLogs\n      \
        everything on one page for a browser, which needs no network\n  \
    kmswatch replay --format jsonl ./AWSLogs | jq .title\n      \
        findings for other programs, one a line (see `kmswatch schema finding`)\n  \
    aws cloudtrail lookup-events --output json | kmswatch replay -\n      \
        the last events of an account, without a trail\n  \
    kmswatch replay --state kms.state --save kms.state ./today\n      \
        go on where the run of yesterday has stopped\n\n\
    Exit status: 0 nothing found, 1 findings, 2 something could not be read\n\
    (findings are printed all the same) or bad usage.")]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    pub(crate) read: ReadArgs,

    /// How to print findings [default: text on a terminal, jsonl otherwise]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,

    /// Print incidents instead of findings: what belongs together, with one story and one list of steps
    #[arg(long)]
    pub(crate) incidents: bool,

    /// Print what staged detectors found (`detectors.staged`), which is otherwise only counted
    #[arg(long)]
    pub(crate) staged: bool,

    /// Only the finding or the incident with this id, as an alert names it
    #[arg(long, value_name = "ID")]
    pub(crate) only: Option<String>,

    /// Moment that counts as now for incidents: deadlines, reminders, what is quiet [default: the last event]
    #[arg(long, value_name = "TIME")]
    pub(crate) as_of: Option<Moment>,

    /// Only findings of at least this severity; the exit status looks at these alone
    #[arg(long, value_name = "MIN", value_parser = severity(), default_value = "info", hide_default_value = true)]
    pub(crate) severity: Severity,

    /// Print every finding of the text format in full, not the important ones only
    #[arg(long, short)]
    pub(crate) verbose: bool,

    /// Save what is known at the end to this file, for `--state`: the next run goes on from there
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,

    /// Write an account of the run to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) summary: Option<PathBuf>,

    /// Write everything to this file as one HTML page: incidents, findings, charts, keys, hygiene. Reads
    /// the logs twice, standard input from a copy
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs: one finding a line, see `kmswatch schema finding`
    Jsonl,
    /// For a security lake: one OCSF Detection Finding (1.8.0) a line
    Ocsf,
    /// For AWS Security Hub: one finding of its format a line
    Asff,
}

/// Reads what was asked for and says what is in it. Gives the exit status.
pub(crate) fn run(mut args: ReplayArgs) -> anyhow::Result<u8> {
    let begun = Instant::now();
    if args.report.is_some() {
        args.read.keep_stdin()?;
    }
    let args = &args;
    // A summary that cannot be written is known before hours of reading, not after.
    let summary_file = args.summary.as_deref().map(summary::create).transpose()?;
    let saved =
        args.save.as_deref().map(|file| Ok::<_, anyhow::Error>((file, saved::create(file)?))).transpose()?;
    let mut page = args.report.as_deref().map(Page::create).transpose()?;
    let Reading { watch, troubles } = read_counting(&args.read, &[], page.as_mut().map(Page::usage))?;
    let (mut account, findings) = caught(|| {
        let findings = watch.findings();
        (watch.summary_with(&findings), findings)
    })
    .map_err(|message| anyhow::anyhow!(message))?;
    account.problems = troubles.problems.count;
    let now = as_of(args, watch.last_event());
    let settings = &watch.estate().settings;
    let tuned = tuning::tune(findings, settings, now);
    let notes = output::Tuning::of(&tuned);
    let tuned = if args.staged { Tuned { told: tuned.staged, ..Tuned::default() } } else { tuned };
    let mut less_severe = 0;
    let incidents = args.incidents.then(|| {
        let mut incidents = incident::incidents(tuned.members(), settings, now, &BTreeSet::new());
        // What is muted as a whole is counted with the suppressions.
        incidents.retain(|incident| incident.muted_count < incident.finding_count);
        if let Some(id) = &args.only {
            incidents.retain(|incident| incident.is_called(id));
        }
        less_severe += keep(&mut incidents, |incident| incident.severity >= args.severity);
        incidents
    });
    let mut findings = tuned.told;
    if incidents.is_none() {
        if let Some(id) = &args.only {
            findings.retain(|finding| finding.id == *id);
        }
        less_severe += keep(&mut findings, |finding| finding.severity >= args.severity);
    }
    let outcome = Outcome {
        findings,
        incidents,
        context: Context::of(&settings.alerts, now, &args.read.logs()),
        tuning: notes,
        less_severe,
        summary: account,
        accounts: watch.estate().own_accounts().map(str::to_owned).collect(),
        troubles,
    };
    if let Some(file) = summary_file {
        summary::write(file, &outcome, begun.elapsed())?;
    }
    if let Some(page) = page {
        page.write(args, &watch, &outcome)?;
    }
    let status = outcome.status();
    match print(args, &outcome) {
        // Whoever reads our output has seen enough; what was found stays found.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error.into()),
        _ => {}
    }
    // After the output: what dies in between says it again.
    if let Some((file, new)) = saved {
        saved::write(new, file, &watch)?;
    }
    // The process ends: to take apart what is known of each entity first is time lost.
    std::mem::forget(watch);
    Ok(status)
}

fn print(args: &ReplayArgs, outcome: &Outcome) -> io::Result<()> {
    let stdout = anstream::stdout();
    let format = args.format.unwrap_or(if stdout.is_terminal() { Format::Text } else { Format::Jsonl });
    match format {
        Format::Text => {
            let layout = text::Layout { columns: terminal::columns(), verbose: args.verbose };
            let mut out = io::BufWriter::new(stdout.lock());
            text::write(&mut out, outcome, &layout)?;
            out.flush()
        }
        Format::Jsonl => programs(args, outcome, |out| match &outcome.incidents {
            Some(incidents) => jsonl::write(out, incidents),
            None => jsonl::write(out, &outcome.findings),
        }),
        Format::Ocsf => {
            programs(args, outcome, |out| jsonl::write(out, &alerts(outcome, ocsf::detection_finding)))
        }
        Format::Asff => programs(args, outcome, |out| jsonl::write(out, &alerts(outcome, asff::finding))),
    }
}

/// Prints for programs. JSON holds no escape sequences for `anstream` to look for.
fn programs(
    args: &ReplayArgs,
    outcome: &Outcome,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    write(&mut out)?;
    out.flush()?;
    if !args.read.quiet {
        output::problems_to(&mut anstream::stderr().lock(), outcome)?;
    }
    Ok(())
}

/// The findings, or incidents, in a format of alerts.
fn alerts(outcome: &Outcome, format: fn(&Alert, &Context) -> Value) -> Vec<Value> {
    let context = &outcome.context;
    match &outcome.incidents {
        Some(incidents) => {
            incidents.iter().map(|incident| format(&Alert::of_incident(incident), context)).collect()
        }
        None => outcome.findings.iter().map(|finding| format(&Alert::of_finding(finding), context)).collect(),
    }
}

/// Keeps those that pass, and says how many did not.
fn keep<T>(items: &mut Vec<T>, passes: impl Fn(&T) -> bool) -> u64 {
    let all = items.len();
    items.retain(passes);
    (all - items.len()) as u64
}

/// The moment that counts as now: the end of the logs, so that the output does not depend on the clock.
fn as_of(args: &ReplayArgs, last_event: Option<Timestamp>) -> Timestamp {
    match args.as_of {
        Some(moment) => moment.at(crate::reading::clock()),
        None => last_event.unwrap_or_default(),
    }
}
