//! The `kmswatch` command: files, threads and the terminal around the pure engine.
//!
//! `main` only wires. In reading order: [`args`] what can be asked for, [`config`] the settings, [`inputs`] which
//! objects there are and in which order, [`replay`] the threads, [`output`] what is said, [`terminal`] how text out
//! of hostile logs is made safe to print.

mod alert;
mod args;
mod baseline;
#[cfg(feature = "aws")]
mod bootstrap;
#[cfg(feature = "aws")]
mod bucket;
mod config;
mod coverage;
mod detectors;
#[cfg(feature = "aws")]
mod doctor;
mod encoding;
mod evaluate;
mod explain;
mod folders;
#[cfg(test)]
#[path = "../../../tests/golden.rs"]
mod golden;
mod inputs;
mod moment;
mod order;
mod output;
mod page;
mod progress;
mod reading;
mod replay;
mod report;
mod rules;
mod run;
mod saved;
mod schema;
#[cfg(feature = "aws")]
mod send;
mod shell;
mod simulate;
mod terminal;
mod troubles;
mod tune;
#[cfg(feature = "aws")]
mod worker;

use args::{Args, Command};
use clap::Parser;
use std::io::{self, Write};
use std::process::ExitCode;

/// Nothing was found, and everything could be read.
const NOTHING_FOUND: u8 = 0;
/// There are findings, and everything could be read.
const FOUND: u8 = 1;
/// Something could not be read, or the command was not understood. Findings are printed all the same.
const TROUBLE: u8 = 2;

fn main() -> ExitCode {
    let args = Args::parse();
    args.color.apply();
    let done = match args.command {
        Command::Replay(args) => run::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Alert(args) => alert::run(&args),
        Command::Baseline(args) => baseline::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Detectors(args) => detectors::run(&args),
        Command::Rules(args) => rules::run(&args),
        Command::Config(args) => config::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Tune(args) => tune::run(&args),
        Command::Completions(args) => shell::completions(&args),
        Command::Man(args) => shell::man(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        #[cfg(feature = "aws")]
        Command::Worker(args) => worker::run(&args),
        #[cfg(feature = "aws")]
        Command::Doctor(args) => doctor::run(&args),
    };
    match done {
        Ok(status) => ExitCode::from(status),
        // Whoever reads our output has seen enough: `kmswatch replay logs | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::from(NOTHING_FOUND),
        Err(error) => {
            let text = terminal::safe_lines(&format!("{error:#}"));
            // If even this cannot be written, the status still tells.
            let _ =
                writeln!(anstream::stderr(), "{}error:{} {text}", output::BAD, output::BAD.render_reset());
            ExitCode::from(TROUBLE)
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
