//! `kmswatch replay`: from arguments to output and exit status.

use crate::args::{Format, ReplayArgs};
use crate::output::{self, Outcome, jsonl, summary, text};
use crate::reading::{Reading, read};
use crate::replay::caught;
use crate::terminal;
use kmswatch_engine::incident::{self, Member};
use kmswatch_engine::time::Timestamp;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::time::Instant;

/// Reads what was asked for and says what is in it. Gives the exit status.
pub(crate) fn run(args: &ReplayArgs) -> anyhow::Result<u8> {
    let begun = Instant::now();
    // A summary that cannot be written is known before hours of reading, not after.
    let summary_file = args.summary.as_deref().map(summary::create).transpose()?;
    let Reading { watch, troubles } = read(&args.read, &[])?;
    let (mut account, mut findings) =
        caught(|| (watch.summary(), watch.findings())).map_err(|message| anyhow::anyhow!(message))?;
    account.problems = troubles.problems.count;
    let now = as_of(args, account.last_event);
    let mut less_severe = 0;
    let incidents = args.incidents.then(|| {
        let members = findings.iter().map(|finding| Member { finding: finding.clone(), muted: false });
        let settings = &watch.estate().settings.incidents;
        let mut incidents = incident::incidents(members, settings, now, &BTreeSet::new());
        less_severe += keep(&mut incidents, |incident| incident.severity >= args.severity);
        incidents
    });
    if incidents.is_none() {
        less_severe += keep(&mut findings, |finding| finding.severity >= args.severity);
    }
    let outcome = Outcome {
        findings,
        incidents,
        less_severe,
        summary: account,
        accounts: watch.estate().own_accounts().map(str::to_owned).collect(),
        troubles,
    };
    if let Some(file) = summary_file {
        summary::write(file, &outcome, begun.elapsed())?;
    }
    let status = outcome.status();
    match print(args, &outcome) {
        // Whoever reads our output has seen enough; what was found stays found.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error.into()),
        _ => {}
    }
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
        Format::Jsonl => {
            // JSON holds no escape sequences for `anstream` to look for.
            let mut out = io::BufWriter::new(io::stdout().lock());
            match &outcome.incidents {
                Some(incidents) => jsonl::write(&mut out, incidents)?,
                None => jsonl::write(&mut out, &outcome.findings)?,
            }
            out.flush()?;
            if !args.read.quiet {
                output::problems_to(&mut anstream::stderr().lock(), outcome)?;
            }
            Ok(())
        }
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
