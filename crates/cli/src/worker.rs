//! `kmswatch worker`: live logs without Lambda.

use crate::terminal;
use anyhow::Context;
use clap::Parser;
use kmswatch_aws::clients::{self, Clients};
use kmswatch_aws::live::Live;
use kmswatch_aws::metrics::{self, Counts};
use kmswatch_aws::settings::LiveSettings;
use kmswatch_aws::worker::{self, Pace};
use signal_hook::consts::TERM_SIGNALS;
use signal_hook::flag;
use std::cell::Cell;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Read live logs from a queue of notifications, as the Lambda function does
///
/// Runs until it is ended; it may be ended at any time. Settings come from the variables KMSWATCH_TABLE, KMSWATCH_TOPIC
/// and so on that `infra/README.md` lists, Region and credentials from where the AWS SDKs look for them.
#[cfg(feature = "aws")]
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  \
    KMSWATCH_TABLE=kmswatch kmswatch worker --queue-url https://sqs.eu-west-1.amazonaws.com/111122223333/trail\n\n\
    The queue must keep messages invisible for at least 150 seconds.")]
pub(crate) struct WorkerArgs {
    /// URL of the SQS queue of notifications
    #[arg(long, value_name = "URL")]
    pub(crate) queue_url: String,

    /// End when the queue is empty
    #[arg(long)]
    pub(crate) until_empty: bool,
}

/// Time between two looks at whether somebody wants it to end.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Exit status of one that is told to end a second time, and does so at once.
const AT_ONCE: i32 = 130;

/// `kmswatch worker`. Ends if it cannot begin, if it was told to end with the queue, or after a signal.
pub(crate) fn run(args: &WorkerArgs) -> anyhow::Result<u8> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work(args))
}

async fn work(args: &WorkerArgs) -> anyhow::Result<u8> {
    let settings = LiveSettings::of_variables(std::env::vars())?;
    let clients = Clients::connect().await;
    let settings = clients.complete(settings).await.context("cannot read the settings")?;
    let rules = settings.user_rules()?;
    let live = Live::new(clients.ports(&settings), settings, &clients::owner()).with_rules(rules);
    let queue = clients.queue(&args.queue_url);
    let is_told_to_end = told_to_end()?;
    let stop = async {
        while !is_told_to_end.load(Ordering::Relaxed) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        tracing::info!("told to end");
    };
    let had_work = Cell::new(true);
    let goes_on =
        || !is_told_to_end.load(Ordering::Relaxed) && (!args.until_empty || had_work.replace(false));
    let failed = Cell::new(0);
    let report = |counts: &Counts| {
        had_work.set(had_work.get() || counts.get(metrics::MESSAGES) > 0);
        failed.set(failed.get() + counts.get(metrics::MESSAGES_FAILED));
        if let Ok(line) = serde_json::to_string(&counts.fields()) {
            // Whoever does not listen does not want to know.
            let _ = writeln!(anstream::stderr(), "{}", terminal::safe(&line));
        }
    };
    let troubles = worker::run(&live, &queue, Pace::default(), stop, goes_on, report).await;
    Ok(if failed.get() + troubles > 0 { crate::TROUBLE } else { crate::NOTHING_FOUND })
}

/// Is set by the first signal that asks to end; the second ends the process.
fn told_to_end() -> io::Result<Arc<AtomicBool>> {
    let told = Arc::new(AtomicBool::new(false));
    for signal in TERM_SIGNALS {
        // In this order: when the first comes, there was none before.
        flag::register_conditional_shutdown(*signal, AT_ONCE, Arc::clone(&told))?;
        flag::register(*signal, Arc::clone(&told))?;
    }
    Ok(told)
}
