//! `kmswatch replay`: from arguments to output and exit status.

use crate::args::{Format, ReplayArgs};
use crate::config;
use crate::inputs;
use crate::output::{self, Outcome, jsonl, summary, text};
use crate::progress::Progress;
use crate::replay::{caught, replay};
use crate::terminal;
use crate::troubles::Troubles;
use kmswatch_engine::estate::Estate;
use kmswatch_engine::pipeline::Filter;
use kmswatch_engine::time::Timestamp;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::time::Instant;

/// Reads what was asked for and says what is in it. Gives the exit status.
pub(crate) fn run(args: &ReplayArgs) -> anyhow::Result<u8> {
    let begun = Instant::now();
    let settings = args.config.as_deref().map(config::load).transpose()?.unwrap_or_default();
    let filter = filter(args)?;
    let threads =
        args.threads.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    // A summary that cannot be written is known before hours of reading, not after.
    let summary_file = args.summary.as_deref().map(summary::create).transpose()?;

    let mut troubles = Troubles::default();
    let inputs = inputs::find(&args.paths, threads.get(), &mut troubles);
    let mut estate = Estate::new(settings);
    inputs.accounts.iter().for_each(|account| estate.learn_account(account));
    let progress = if args.quiet {
        Progress::hidden()
    } else {
        Progress::on_terminal(|| inputs.list.iter().map(inputs::Input::bytes).sum())
    };
    let watch = replay(&inputs.list, &estate, &filter, threads, &progress, &mut troubles);
    progress.finish();

    let (mut account, mut findings) = caught(|| {
        let findings = watch.findings();
        (watch.summary_with(&findings), findings)
    })
    .map_err(|message| anyhow::anyhow!(message))?;
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
            if !args.quiet {
                output::problems_to(&mut anstream::stderr().lock(), outcome)?;
            }
            Ok(())
        }
    }
}

fn filter(args: &ReplayArgs) -> anyhow::Result<Filter> {
    let now = Timestamp(jiff::Timestamp::now().as_second());
    let since = args.since.map(|moment| moment.at(now));
    let until = args.until.map(|moment| moment.at(now));
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        anyhow::bail!("--since {since} is not before --until {until}: no event could pass");
    }
    Ok(Filter { since, until, accounts: args.accounts.clone(), regions: args.regions.clone() })
}
