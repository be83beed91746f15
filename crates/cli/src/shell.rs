//! What a shell and `man` want to know of the command, made from the definition of its arguments.

use crate::args::Args;
use anyhow::Context;
use clap::{CommandFactory, Parser};
use clap_complete::Shell;
use std::io::{self, Write};
use std::path::PathBuf;

/// Print a script that lets a shell complete commands and options
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  \
    kmswatch completions bash > ~/.local/share/bash-completion/completions/kmswatch\n  \
    kmswatch completions zsh > \"${fpath[1]}/_kmswatch\"\n  \
    kmswatch completions fish > ~/.config/fish/completions/kmswatch.fish")]
pub(crate) struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Print the manual page, or write one for each command
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  \
    kmswatch man | man -l -\n  \
    kmswatch man --out ~/.local/share/man/man1 && man kmswatch-replay")]
pub(crate) struct ManArgs {
    /// Folder to write a page for each command to; it must be there
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// `kmswatch completions SHELL`. Gives the exit status.
pub(crate) fn completions(args: &CompletionsArgs) -> anyhow::Result<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "kmswatch", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(crate::NOTHING_FOUND)
}

/// `kmswatch man`. Gives the exit status.
pub(crate) fn man(args: &ManArgs) -> anyhow::Result<u8> {
    match &args.out {
        Some(folder) => clap_mangen::generate_to(Args::command(), folder)
            .with_context(|| format!("cannot write to {}", folder.display()))?,
        None => {
            // As the files are made.
            let mut command = Args::command().disable_help_subcommand(true);
            command.build();
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            io::stdout().lock().write_all(&page)?;
        }
    }
    Ok(crate::NOTHING_FOUND)
}
