//! `kmswatch worker`: live logs without Lambda.

use crate::args::WorkerArgs;
use crate::terminal;
use anyhow::Context;
use kmswatch_aws::clients::{self, Clients};
use kmswatch_aws::live::Live;
use kmswatch_aws::metrics::{self, Counts};
use kmswatch_aws::settings::LiveSettings;
use kmswatch_aws::worker;
use std::cell::Cell;
use std::io::Write;

/// `kmswatch worker`. Ends only if it cannot begin, or if it was told to end with the queue.
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
    let had_work = Cell::new(true);
    let goes_on = || !args.until_empty || had_work.replace(false);
    let failed = Cell::new(0);
    let report = |counts: &Counts| {
        had_work.set(had_work.get() || counts.get(metrics::MESSAGES) > 0);
        failed.set(failed.get() + counts.get(metrics::MESSAGES_FAILED));
        if let Ok(line) = serde_json::to_string(&counts.fields()) {
            // Whoever does not listen does not want to know.
            let _ = writeln!(anstream::stderr(), "{}", terminal::safe(&line));
        }
    };
    let troubles = worker::run(&live, &queue, goes_on, report).await;
    Ok(if failed.get() + troubles > 0 { crate::TROUBLE } else { crate::NOTHING_FOUND })
}
