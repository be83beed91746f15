//! What can be asked for on the command line.

use crate::moment::Moment;
use clap::{Parser, Subcommand, ValueEnum};
use kmswatch_engine::estate::is_account_id;
use kmswatch_engine::finding::Severity;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Finds misuse of AWS KMS keys in CloudTrail logs
#[derive(Debug, Parser)]
#[command(
    name = "kmswatch",
    version,
    max_term_width = 100,
    after_help = "Start with:\n  \
        kmswatch replay ./AWSLogs          what is in these logs\n  \
        kmswatch detectors                 what can be found\n  \
        kmswatch simulate --out ./sample   logs to try it on"
)]
pub(crate) struct Args {
    /// When to use colours: NO_COLOR is obeyed
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Replay(ReplayArgs),
    Detectors(DetectorsArgs),
    Config(ConfigArgs),
    Schema(SchemaArgs),
    Simulate(SimulateArgs),
}

/// Read logs and say what is wrong in them
///
/// Reads CloudTrail objects in any container that AWS writes or exports (log files, NDJSON, arrays, LookupEvents,
/// EventBridge and CloudWatch Logs payloads; plain or gzip) and prints findings.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  \
    kmswatch replay ./AWSLogs\n      \
        every log file below the folder; own accounts are learned from the paths\n  \
    kmswatch replay --since 7d --severity high ./AWSLogs\n      \
        what was serious in the last seven days\n  \
    kmswatch replay --incidents ./AWSLogs\n      \
        what belongs together as one, with its timeline and first steps\n  \
    kmswatch replay --format jsonl ./AWSLogs | jq .title\n      \
        findings for other programs, one a line (see `kmswatch schema finding`)\n  \
    aws cloudtrail lookup-events --output json | kmswatch replay -\n      \
        the last events of an account, without a trail\n\n\
    Exit status: 0 nothing found, 1 findings, 2 something could not be read\n\
    (findings are printed all the same) or bad usage.")]
pub(crate) struct ReplayArgs {
    /// Files, folders of any depth, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// How to print findings [default: text on a terminal, jsonl otherwise]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,

    /// Print incidents instead of findings: what belongs together, with one story and one list of steps
    #[arg(long)]
    pub(crate) incidents: bool,

    /// Print what staged detectors found (`detectors.staged`), which is otherwise only counted
    #[arg(long)]
    pub(crate) staged: bool,

    /// Moment that counts as now for incidents: deadlines, reminders, what is quiet [default: the last event]
    #[arg(long, value_name = "TIME")]
    pub(crate) as_of: Option<Moment>,

    /// Settings, a TOML file (`kmswatch config` prints the defaults)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Only events from this moment on: RFC 3339, a date (00:00 UTC), or 12h, 7d, 2w before now
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Moment>,

    /// Only events before this moment
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Moment>,

    /// Only events in the log of this account; may be repeated
    #[arg(long = "account", value_name = "ID", value_parser = account)]
    pub(crate) accounts: Vec<String>,

    /// Only events of this Region; may be repeated
    #[arg(long = "region", value_name = "REGION")]
    pub(crate) regions: Vec<String>,

    /// Only findings of at least this severity; the exit status looks at these alone
    #[arg(long, value_name = "MIN", value_parser = severity(), default_value = "info", hide_default_value = true)]
    pub(crate) severity: Severity,

    /// Print every finding of the text format in full, not the important ones only
    #[arg(long, short)]
    pub(crate) verbose: bool,

    /// Threads that read; the output is the same for any number [default: one for each core]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,

    /// Write an account of the run to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) summary: Option<PathBuf>,

    /// No progress, and no remarks on stderr
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// List what can be found, or show one detector's page
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  \
    kmswatch detectors\n  \
    kmswatch detectors key_deletion_scheduled")]
pub(crate) struct DetectorsArgs {
    /// Detector whose page is shown
    #[arg(value_name = "ID", conflicts_with = "markdown")]
    pub(crate) id: Option<String>,

    /// Write the catalogue as Markdown
    #[arg(long)]
    pub(crate) markdown: bool,
}

/// Print the default settings with their explanations, or check a file of settings
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  \
    kmswatch config > kmswatch.toml\n  \
    kmswatch config --check kmswatch.toml\n  \
    kmswatch replay --config kmswatch.toml ./AWSLogs")]
pub(crate) struct ConfigArgs {
    /// File to check
    #[arg(long, value_name = "FILE")]
    pub(crate) check: Option<PathBuf>,
}

/// Print the JSON Schema of an output
#[derive(Debug, Parser)]
pub(crate) struct SchemaArgs {
    /// Which output
    #[arg(value_enum)]
    pub(crate) of: SchemaOf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SchemaOf {
    /// A line of `kmswatch replay --format jsonl`
    Finding,
    /// A line of `kmswatch replay --incidents --format jsonl`
    Incident,
}

/// Write the logs of an invented organisation, with labelled attacks
///
/// Writes a folder that looks like the bucket of an organisation's trail, and beside it labels.json, which says
/// what was an attack. The same arguments give the same logs.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  \
    kmswatch simulate --out ./sample && kmswatch replay ./sample\n  \
    kmswatch simulate --list-attacks\n  \
    kmswatch simulate --out ./week --days 7 --attack scheduled_deletion@5T02:14\n  \
    kmswatch simulate --out ./calm --preset quickstart --no-attacks --seed 7")]
pub(crate) struct SimulateArgs {
    /// Folder to write to; it must be empty or not there yet
    #[arg(long, value_name = "FOLDER", required_unless_present = "list_attacks")]
    pub(crate) out: Option<PathBuf>,

    /// Scenario to start from
    #[arg(long, value_parser = preset(), default_value = "quickstart")]
    pub(crate) preset: String,

    /// A scenario of your own instead of a preset: a TOML file
    #[arg(long, value_name = "FILE", conflicts_with = "preset")]
    pub(crate) scenario: Option<PathBuf>,

    /// Source of all that is random
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// Days of traffic; attacks keep their distance from the last one
    #[arg(long, value_name = "N")]
    pub(crate) days: Option<u32>,

    /// Accounts of the organisation, at least 2
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=200))]
    pub(crate) accounts: Option<u32>,

    /// Share of KMS among all records, 0.001 to 1
    #[arg(long, value_name = "SHARE")]
    pub(crate) kms_share: Option<f64>,

    /// Attack instead of those of the preset, at day DAY (0 is the first) and UTC time; may be repeated
    #[arg(long = "attack", value_name = "KIND[@DAY[THH:MM]]")]
    pub(crate) attacks: Vec<String>,

    /// No attacks at all
    #[arg(long, conflicts_with = "attacks")]
    pub(crate) no_attacks: bool,

    /// List the kinds of attacks, and harmless acts that look like them
    #[arg(long)]
    pub(crate) list_attacks: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs: one finding a line, see `kmswatch schema finding`
    Jsonl,
    /// For a security lake: one OCSF Detection Finding (1.8.0) a line
    Ocsf,
    /// For AWS Security Hub: one finding of its format a line
    Asff,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    /// Makes it the choice of everything that is printed from now on.
    pub(crate) fn apply(self) {
        match self {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

fn account(text: &str) -> Result<String, String> {
    if is_account_id(text) { Ok(text.to_owned()) } else { Err("an account id has twelve digits".to_owned()) }
}

fn preset() -> clap::builder::PossibleValuesParser {
    kmswatch_scenario::PRESETS
        .iter()
        .map(|preset| clap::builder::PossibleValue::new(preset.id).help(preset.description))
        .collect::<Vec<_>>()
        .into()
}

fn severity() -> impl clap::builder::TypedValueParser<Value = Severity> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    PossibleValuesParser::new(Severity::ALL.map(Severity::name)).map(|name| {
        Severity::ALL.into_iter().find(|severity| severity.name() == name).unwrap_or(Severity::Info)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_arguments_is_sound() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }

    #[test]
    fn an_account_with_eleven_digits_is_refused() {
        assert!(Args::try_parse_from(["kmswatch", "replay", "--account", "11112222333", "x"]).is_err());
        assert!(Args::try_parse_from(["kmswatch", "replay", "--account", "111122223333", "x"]).is_ok());
    }
}
