//! `kmswatch baseline bootstrap`: teaches a table what a history shows, before anything live comes.

use crate::baseline::told;
use crate::bucket::wait;
use crate::config;
use crate::output::figures::grouped;
use crate::reading::ReadArgs;
use crate::reading::read_for;
use anyhow::Context;
use kmswatch_aws::clients::{self, Clients};
use kmswatch_aws::live::Live;
use kmswatch_aws::settings::LiveSettings;
use std::io::Write;

/// Reads the history and stores what it has taught. Gives the exit status.
pub(crate) fn run(args: &ReadArgs) -> anyhow::Result<u8> {
    let settings = LiveSettings::of_variables(std::env::vars())?;
    let (clients, mut settings) = wait(async move {
        let clients = Clients::connect().await;
        let settings = clients.complete(settings).await;
        settings.map(|settings| (clients, settings))
    })?
    .context("cannot read the settings")?;
    if let Some(file) = &args.config {
        settings.engine = config::load(file)?;
    }
    let (mut watches, troubles) = read_for(args, vec![settings.engine.clone()], |_| {}, None)?;
    let watch = watches.pop().unwrap_or_default();
    let table = settings.table.clone();
    let mut ports = clients.ports(&settings);
    ports.sinks.clear();
    let live = Live::silent(ports, settings, &clients::owner());
    let summary = watch.summary();
    let seeded = wait(async move { live.seed(&watch).await })?
        .with_context(|| format!("cannot teach the table {table:?}"))?;
    writeln!(
        anstream::stdout(),
        "{} events of KMS have taught the table what is usual: {} entities. {} findings count as told.",
        grouped(summary.kms_events),
        grouped(seeded.entities as u64),
        grouped(seeded.findings as u64),
    )?;
    told(&troubles)
}
