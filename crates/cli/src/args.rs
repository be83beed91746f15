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
    Explain(ExplainArgs),
    Alert(AlertArgs),
    Baseline(BaselineArgs),
    Tune(crate::tune::TuneArgs),
    Report(crate::report::ReportArgs),
    Detectors(DetectorsArgs),
    Rules(RulesArgs),
    Config(ConfigArgs),
    Schema(SchemaArgs),
    Simulate(SimulateArgs),
    Evaluate(EvaluateArgs),
    Completions(crate::shell::CompletionsArgs),
    Man(crate::shell::ManArgs),
    #[cfg(feature = "aws")]
    Worker(WorkerArgs),
}

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
    kmswatch replay --since 30d --account 111122223333 s3://trail-logs\n      \
        straight from the bucket, in a build with --features aws\n  \
    kmswatch replay --incidents ./AWSLogs\n      \
        what belongs together as one, with its timeline and first steps\n  \
    kmswatch replay --report report.html ./AWSLogs\n      \
        everything on one page for a browser, which needs no network\n  \
    kmswatch replay --format jsonl ./AWSLogs | jq .title\n      \
        findings for other programs, one a line (see `kmswatch schema finding`)\n  \
    aws cloudtrail lookup-events --output json | kmswatch replay -\n      \
        the last events of an account, without a trail\n  \
    kmswatch replay --state kms.state --save kms.state ./today\n      \
        go on where the run of yesterday has stopped\n\n\
    Exit status: 0 nothing found, 1 findings, 2 something could not be read\n\
    (findings are printed all the same) or bad usage.")]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    pub(crate) read: ReadArgs,

    /// How to print findings [default: text on a terminal, jsonl otherwise]
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,

    /// Print incidents instead of findings: what belongs together, with one story and one list of steps
    #[arg(long)]
    pub(crate) incidents: bool,

    /// Print what staged detectors found (`detectors.staged`), which is otherwise only counted
    #[arg(long)]
    pub(crate) staged: bool,

    /// Only the finding or the incident with this id, as an alert names it
    #[arg(long, value_name = "ID")]
    pub(crate) only: Option<String>,

    /// Moment that counts as now for incidents: deadlines, reminders, what is quiet [default: the last event]
    #[arg(long, value_name = "TIME")]
    pub(crate) as_of: Option<Moment>,

    /// Only findings of at least this severity; the exit status looks at these alone
    #[arg(long, value_name = "MIN", value_parser = severity(), default_value = "info", hide_default_value = true)]
    pub(crate) severity: Severity,

    /// Print every finding of the text format in full, not the important ones only
    #[arg(long, short)]
    pub(crate) verbose: bool,

    /// Save what is known at the end to this file, for `--state`: the next run goes on from there
    #[arg(long, value_name = "FILE")]
    pub(crate) save: Option<PathBuf>,

    /// Write an account of the run to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) summary: Option<PathBuf>,

    /// Write everything to this file as one HTML page: incidents, findings, charts, keys, hygiene. Reads the logs twice
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
}

/// Which logs are read, and how
#[derive(Debug, Parser)]
pub(crate) struct ReadArgs {
    /// Files, folders of any depth, s3://bucket/prefix, or - for standard input
    #[arg(required_unless_present = "state", value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// Begin with what an earlier run has saved to this file (`kmswatch replay --save`)
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,

    /// Keep what is read from S3 in this folder, and read again from there
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) cache: Option<PathBuf>,

    /// Settings, a TOML file (`kmswatch config` prints the defaults)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Folder of Sigma rules of your own, asked beside the detectors (`kmswatch rules`)
    #[arg(long, value_name = "FOLDER")]
    pub(crate) rules: Option<PathBuf>,

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

    /// Threads that read; the output is the same for any number [default: one for each core]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,

    /// No progress, and no remarks on stderr
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

impl ReadArgs {
    /// Where the logs are, for commands that read them again.
    pub(crate) fn logs(&self) -> String {
        self.paths.first().map(|path| path.display().to_string()).unwrap_or_default()
    }

    /// Where objects from S3 are kept.
    #[cfg(feature = "aws")]
    pub(crate) fn cache(&self) -> Option<PathBuf> {
        self.cache.clone()
    }

    /// Nowhere: this build does not read from S3.
    #[cfg(not(feature = "aws"))]
    pub(crate) fn cache(&self) -> Option<PathBuf> {
        None
    }
}

/// Show how a finding came about: the hours that were judged, and what is usual
///
/// Reads the same logs again and shows the finding in full, each hour around it with what was counted and what was
/// to be expected, and the week that was learned.
#[derive(Debug, Parser)]
#[command(after_help = "Example:\n  \
    kmswatch explain kw-1b2c ./AWSLogs")]
pub(crate) struct ExplainArgs {
    /// Id of the finding, or the beginning of one
    #[arg(value_name = "FINDING")]
    pub(crate) finding: String,

    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

/// Show a finding or an incident as those who are alerted would get it
#[derive(Debug, Parser)]
pub(crate) struct AlertArgs {
    #[command(subcommand)]
    pub(crate) command: AlertCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AlertCommand {
    /// Print one alert as its receivers would get it; nothing is sent
    #[command(after_help = "Examples:\n  \
        kmswatch alert preview worst ./AWSLogs\n  \
        kmswatch alert preview --format slack,email kw-1b2c ./AWSLogs")]
    Preview {
        /// Id of an incident (ki-...) or of a finding (kw-...), the beginning of one, or "worst": the worst incident
        #[arg(value_name = "ID")]
        id: String,

        /// Which format; several are separated by commas
        #[arg(long, value_enum, value_delimiter = ',', default_values_t = [AlertFormat::Email])]
        format: Vec<AlertFormat>,

        #[command(flatten)]
        read: ReadArgs,
    },
    /// Show a test alert, which says at once that it is none
    Test(TestArgs),
    /// Print what was muted, which suppressions nobody needs, and what is still open
    #[command(after_help = "Example:\n  \
        kmswatch alert digest --config kmswatch.toml --days 7 ./AWSLogs")]
    Digest(DigestArgs),
}

#[derive(Debug, Parser)]
pub(crate) struct TestArgs {
    /// Which format; several are separated by commas
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [AlertFormat::Email])]
    pub(crate) format: Vec<AlertFormat>,

    /// How bad it claims to be: alerts of some severities may go to other people
    #[arg(long, value_parser = severity(), default_value = "info")]
    pub(crate) severity: Severity,

    /// Send it to this topic of SNS instead (the outputs of the stack name topic and bus)
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "ARN")]
    pub(crate) topic: Option<String>,

    /// Send it to this bus of EventBridge instead
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "NAME")]
    pub(crate) bus: Option<String>,

    /// Send it to this queue of SQS instead
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "URL")]
    pub(crate) queue: Option<String>,
}

#[derive(Debug, Parser)]
pub(crate) struct DigestArgs {
    /// How to print
    #[arg(long, value_enum, default_value_t = DigestFormat::Email)]
    pub(crate) format: DigestFormat,

    /// The last so many days of the logs
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=366))]
    pub(crate) days: u16,

    /// The moment that counts as now [default: the last event]
    #[arg(long, value_name = "TIME")]
    pub(crate) as_of: Option<Moment>,

    #[command(flatten)]
    pub(crate) read: ReadArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DigestFormat {
    /// Plain text, as SNS mails it
    Email,
    /// Custom notification of Amazon Q Developer in chat applications
    Chat,
    /// Slack Block Kit
    Slack,
    /// Detail of an event on the bus, see `kmswatch schema digest`
    Eventbridge,
}

impl AlertFormat {
    /// The word used in arguments.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AlertFormat {
    /// Plain text, as SNS mails it
    Email,
    /// Custom notification of Amazon Q Developer in chat applications
    Chat,
    /// Slack Block Kit
    Slack,
    /// PagerDuty Events API v2
    Pagerduty,
    /// Detail of an event on the bus, see `kmswatch schema alert`
    Eventbridge,
    /// OCSF Detection Finding
    Ocsf,
    /// Security Hub (ASFF)
    Asff,
}

/// Show what is known of a principal or key, and what is usual for it
#[derive(Debug, Parser)]
pub(crate) struct BaselineArgs {
    #[command(subcommand)]
    pub(crate) command: BaselineCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BaselineCommand {
    /// One entity: who uses it, what was done to it, the week that was learned
    #[command(after_help = "Examples:\n  \
        kmswatch baseline show alias/payments ./AWSLogs\n  \
        kmswatch baseline show role/ci-deploy ./AWSLogs")]
    Show {
        /// ARN, alias, or the end of an id (role/ci-deploy)
        #[arg(value_name = "ENTITY")]
        entity: String,

        /// How to print
        #[arg(long, value_enum, default_value_t = ShowFormat::Text)]
        format: ShowFormat,

        #[command(flatten)]
        read: ReadArgs,
    },
    /// All entities, the busiest first
    List {
        #[command(flatten)]
        read: ReadArgs,
    },
    /// Teach a table of the live pipeline what is usual, from logs of the past; nobody is alerted
    ///
    /// Needs KMSWATCH_TABLE, and the same settings as the function. For a table that has not judged live logs yet. It may
    /// be ended and run again at any time.
    #[cfg(feature = "aws")]
    #[command(after_help = "Example:\n  \
        KMSWATCH_TABLE=kmswatch kmswatch baseline bootstrap --since 60d --cache ./logs s3://trail-logs")]
    Bootstrap {
        #[command(flatten)]
        read: ReadArgs,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShowFormat {
    /// For people
    Text,
    /// The State as it is stored, for programs
    Json,
}

/// List what can be found, or show one detector's page
#[derive(Debug, Parser)]
#[command(after_help = "Examples:\n  \
    kmswatch detectors\n  \
    kmswatch detectors key_deletion_scheduled")]
pub(crate) struct DetectorsArgs {
    /// Detector whose page is shown
    #[arg(value_name = "ID", conflicts_with_all = ["markdown", "coverage"])]
    pub(crate) id: Option<String>,

    /// Write the catalogue as Markdown
    #[arg(long, conflicts_with = "coverage")]
    pub(crate) markdown: bool,

    /// Write as Markdown what is found by which detector, and what is not
    #[arg(long)]
    pub(crate) coverage: bool,
}

/// Rules of your own, in Sigma: test them, or see what they can name
///
/// A rule is a file of the Sigma format about CloudTrail records. It is used by `--rules FOLDER`, and what it finds is
/// told, staged and muted under its id: `sigma/` and the name of the file.
#[derive(Debug, Parser)]
pub(crate) struct RulesArgs {
    #[command(subcommand)]
    pub(crate) command: RulesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Check the rules of a folder, and that each fires on its cases and on no other
    #[command(after_help = "Cases of rule.yml stand in rule.cases.json:\n  \
        {\"record\": {what all have in common},\n   \
        \"fires\":  [{\"name\": \"a key is disabled\", \"set\": {\"eventName\": \"DisableKey\"}}],\n   \
        \"silent\": [{\"name\": \"it was denied\", \"set\": {\"errorCode\": \"AccessDenied\"}}]}\n\n\
        Exit status: 0 all right, 1 a case does what it should not, or none shows that a rule fires,\n\
        2 a rule cannot be used.")]
    Test {
        /// Folder of rules
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
    },
    /// List what a rule can name beside the members of the record
    Fields,
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
    /// What `kmswatch report --format json` prints
    Inventory,
    /// The detail of an EventBridge event
    Alert,
    /// The detail of the event that holds a digest
    Digest,
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

pub(crate) fn budget(text: &str) -> Result<f64, String> {
    let allowed = 0.01..=1_000.0;
    text.parse().ok().filter(|budget| allowed.contains(budget)).ok_or_else(|| "write 0.01 to 1000".to_owned())
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
    fn seeds_are_a_range_with_both_ends_or_one() {
        let list = |text: &str| text.parse::<Seeds>().map(|seeds| seeds.list().collect::<Vec<_>>());
        assert_eq!(list("4..6"), Ok(vec![4, 5, 6]));
        assert_eq!(list("7"), Ok(vec![7]));
        for bad in ["", "6..4", "a..b", "1..", "0..99999999"] {
            assert!(list(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_budget_of_nothing_is_refused() {
        let parse = |budgets: &str| Args::try_parse_from(["kmswatch", "evaluate", "--budgets", budgets]);
        assert!(parse("0.25,1,4").is_ok());
        for bad in ["0", "nan", "1,", "-1", "1e9"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_account_with_eleven_digits_is_refused() {
        assert!(Args::try_parse_from(["kmswatch", "replay", "--account", "11112222333", "x"]).is_err());
        assert!(Args::try_parse_from(["kmswatch", "replay", "--account", "111122223333", "x"]).is_ok());
    }
}
