//! `kmswatch replay`: from arguments to output and exit status.

use crate::args::{Format, ReplayArgs};
use crate::output::{self, Outcome, jsonl, summary, text};
use crate::reading::{Reading, read};
use crate::replay::caught;
use crate::terminal;
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
    let all = findings.len();
    findings.retain(|finding| finding.severity >= args.severity);
    let less_severe = all - findings.len();
    let outcome = Outcome {
        findings,
        less_severe: less_severe as u64,
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
            jsonl::write(&mut out, &outcome.findings)?;
            out.flush()?;
            if !args.read.quiet {
                output::problems_to(&mut anstream::stderr().lock(), outcome)?;
            }
            Ok(())
        }
    }
}
