//! `kmswatch doctor`: is everything as it has to be for the live pipeline?
//!
//! [`ask`] asks AWS and gives plain [`facts`]; [`judge`] makes [`check`]s of them, and needs nothing for it; [`show`]
//! prints them. Nothing is changed.

mod ask;
mod check;
mod facts;
mod judge;
mod show;
mod variables;

use crate::bucket::wait;
use crate::terminal;
use ask::Request;
use clap::{Parser, ValueEnum};
use kmswatch_aws::settings::LiveSettings;
use std::io::{self, Write};
use std::path::PathBuf;

/// Check that the live pipeline can see and tell everything, and say what to do where it cannot
///
/// Looks at the settings, the trail (does it log all KMS events, in all Regions?), the way of a log from the bucket to the
/// queue, the table and how far it has come, and where alerts go. It only reads. Settings come from the variables
/// KMSWATCH_TABLE, KMSWATCH_LOGS and so on, as the function reads them, or from a file.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  \
    aws lambda get-function-configuration --function-name NAME > function.json\n  \
    kmswatch doctor --settings function.json\n      \
        a deployed stack: its output FunctionName is the name\n  \
    kmswatch doctor --logs s3://trail-logs/AWSLogs\n      \
        the trail and the bucket, before anything is deployed\n\n\
    Exit status: 0 nothing has failed (there may be warnings), 1 a check has failed,\n\
    2 something could not be checked, and nothing else has failed.")]
pub(crate) struct DoctorArgs {
    /// Settings of the function: what `aws lambda get-function-configuration` gives, or lines NAME=VALUE [default: the
    /// environment]
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,

    /// Where the logs lie, in the place of KMSWATCH_LOGS
    #[arg(long, value_name = "s3://BUCKET/PREFIX")]
    logs: Option<String>,

    /// URL of the queue of notifications [default: where the notifications of the bucket lead to]
    #[arg(long, value_name = "URL")]
    queue_url: Option<String>,

    /// Send a test alert to where alerts go
    #[arg(long)]
    send: bool,

    /// How to print
    #[arg(long, value_enum, default_value_t = DoctorFormat::Text)]
    format: DoctorFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DoctorFormat {
    /// For people
    Text,
    /// For programs: one object
    Json,
}

/// `kmswatch doctor`. Gives the exit status.
pub(crate) fn run(args: &DoctorArgs) -> anyhow::Result<u8> {
    let (variables, settings_from) = match &args.settings {
        None => (std::env::vars().collect(), "the environment".to_owned()),
        Some(file) => (variables::read(file)?, terminal::safe(&file.display().to_string()).into_owned()),
    };
    let request = Request {
        settings: LiveSettings::of_variables(variables).map_err(|error| error.to_string()),
        settings_from,
        is_here: args.settings.is_none(),
        logs: args.logs.clone(),
        queue_url: args.queue_url.clone(),
        send: args.send,
        now: crate::reading::clock(),
    };
    let facts = wait(async move { ask::ask(request).await })?;
    let checks = judge::checks(&facts);
    match args.format {
        DoctorFormat::Text => {
            let mut out = io::BufWriter::new(anstream::stdout().lock());
            show::text(&mut out, &checks, terminal::columns())?;
            out.flush()?;
        }
        DoctorFormat::Json => show::json(&mut io::stdout().lock(), &checks)?,
    }
    Ok(judge::exit_status(&checks))
}
