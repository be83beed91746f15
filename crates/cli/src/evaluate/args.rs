//! What can be asked of `kmswatch evaluate`.

use crate::args::budget;
use clap::{Parser, ValueEnum};
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Say what the statistics are worth, on logs whose attacks are known
///
/// Reads organisations with labelled attacks, made in memory or written by `kmswatch simulate`, and counts: which
/// attacks were found, after how long, how many false alerts there were, and what simpler means would have done.
/// The same arguments give the same figures.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  \
    kmswatch evaluate\n      \
        some organisations of 60 days with attacks of every kind; takes minutes\n  \
    kmswatch evaluate --preset quiet --seeds 1..20 --budgets 1\n      \
        false alerts alone, in many quiet months\n  \
    kmswatch evaluate ./sample\n      \
        a folder that `kmswatch simulate` has written")]
pub(crate) struct EvaluateArgs {
    /// Folders written by `kmswatch simulate`
    #[arg(value_name = "FOLDER", conflicts_with_all = ["preset", "seeds", "days"])]
    pub(crate) folders: Vec<PathBuf>,

    /// Which question is asked
    #[arg(long, value_enum, default_value_t = Show::Attacks)]
    pub(crate) show: Show,

    /// Scenario to make in memory
    #[arg(long, value_parser = ["evaluation", "quiet", "quickstart"], default_value = "evaluation")]
    pub(crate) preset: String,

    /// Seeds of the organisations, the first and the last, or one
    #[arg(long, value_name = "A..B", default_value = "4001..4006")]
    pub(crate) seeds: Seeds,

    /// Days of traffic; attacks keep their distance from the last one
    #[arg(long, value_name = "N")]
    pub(crate) days: Option<u32>,

    /// False alerts a week to allow, each judged by itself
    #[arg(long, value_name = "N,N", value_delimiter = ',', value_parser = budget, default_value = "0.25,1,4")]
    pub(crate) budgets: Vec<f64>,

    /// Days at the beginning whose false alerts are counted apart
    #[arg(long, value_name = "DAYS", default_value_t = 14)]
    pub(crate) warm_up: u32,

    /// Settings, a TOML file; its budget is not used
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Do not declare the organisations' critical keys and break-glass roles
    #[arg(long)]
    pub(crate) undeclared: bool,

    /// Confirm each attack on the day after it was told of, as somebody who looks into alerts would
    #[arg(long)]
    pub(crate) confirm: bool,

    /// How to print the figures
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub(crate) format: ReportFormat,

    /// Organisations that are read side by side [default: one for each core]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,

    /// No progress on stderr
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// Tables
    Text,
    /// One object
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Show {
    /// Attacks found, false alerts, comparisons
    Attacks,
    /// Slow ramps, repeated bursts and releases: can the baseline be led, and does it learn?
    Poisoning,
    /// What is found when installation or principal are new
    ColdStart,
    /// Stored bytes of the States
    Sizes,
}

/// Seeds from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seeds {
    first: u64,
    last: u64,
}

impl Seeds {
    /// All of them.
    pub(crate) fn list(self) -> impl Iterator<Item = u64> {
        self.first..=self.last
    }
}

impl std::str::FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Seeds, String> {
        /// More than anybody waits for.
        const MOST: u64 = 10_000;
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let number = |text: &str| text.parse::<u64>().map_err(|_| "write A..B, or one number".to_owned());
        let seeds = Seeds { first: number(first)?, last: number(last)? };
        match seeds.last.checked_sub(seeds.first) {
            Some(more) if more < MOST => Ok(seeds),
            Some(_) => Err(format!("at most {MOST} at once")),
            None => Err("the first seed is after the last".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range_with_both_ends_or_one() {
        let list = |text: &str| text.parse::<Seeds>().map(|seeds| seeds.list().collect::<Vec<_>>());
        assert_eq!(list("4..6"), Ok(vec![4, 5, 6]));
        assert_eq!(list("7"), Ok(vec![7]));
        for bad in ["", "6..4", "a..b", "1..", "0..99999999"] {
            assert!(list(bad).is_err(), "{bad}");
        }
    }
}
