//! `kmswatch alert`: alerts as those get them who are alerted; a test alert; the digest.

use crate::args::severity;
use crate::baseline::told;
use crate::moment::Moment;
use crate::reading::{ReadArgs, Reading, clock, only, read};
use crate::terminal;
use anyhow::bail;
use clap::{Parser, Subcommand, ValueEnum};
use kmswatch_alerts::{
    Alert, Context, Digest, asff, chat, drill, email, eventbridge, ocsf, pagerduty, slack,
};
use kmswatch_engine::finding::Finding;
use kmswatch_engine::finding::Severity;
use kmswatch_engine::incident::{self, Incident};
use kmswatch_engine::pipeline::Watch;
use kmswatch_engine::time::{DAY, Timestamp};
use kmswatch_engine::tuning;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{self, Write};

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

/// Stands for the id of the worst incident.
const WORST: &str = "worst";

/// `kmswatch alert ...`. Gives the exit status.
pub(crate) fn run(args: &AlertArgs) -> anyhow::Result<u8> {
    match &args.command {
        AlertCommand::Preview { id, format, read } => preview(id, format, read),
        AlertCommand::Test(args) => test(args),
        AlertCommand::Digest(args) => digest(args),
    }
}

fn preview(id: &str, formats: &[AlertFormat], args: &ReadArgs) -> anyhow::Result<u8> {
    let Reading { watch, troubles } = read(args, &[])?;
    let now = watch.last_event().unwrap_or_default();
    let findings = watch.findings();
    let alert = if id == WORST {
        let worst = incidents(findings, &watch, now).into_iter().max_by_key(|incident| {
            (incident.severity, incident.finding_count, std::cmp::Reverse(incident.time.start))
        });
        let Some(worst) = worst else { bail!("there is no incident in these logs") };
        Alert::of_incident(&worst)
    } else if id.starts_with("ki-") {
        Alert::of_incident(&only(id, incidents(findings, &watch, now), |incident| &incident.id)?)
    } else {
        Alert::of_finding(&only(id, findings, |finding| &finding.id)?)
    };
    let context = Context::of(&watch.estate().settings.alerts, now, &args.logs());
    show(&alert, &context, formats)?;
    told(&troubles)
}

/// The incidents of all findings, muted ones among them.
fn incidents(findings: Vec<Finding>, watch: &Watch, now: Timestamp) -> Vec<Incident> {
    let settings = &watch.estate().settings;
    let tuned = tuning::tune(findings, settings, now);
    incident::incidents(tuned.members(), settings, now, &BTreeSet::new())
}

/// Prints the alert in these formats, with a line before each if there are several.
fn show(alert: &Alert, context: &Context, formats: &[AlertFormat]) -> io::Result<()> {
    let out = &mut io::BufWriter::new(anstream::stdout().lock());
    for format in formats {
        if formats.len() > 1 {
            writeln!(out, "=== {}", format.name())?;
        }
        match format {
            AlertFormat::Email => mail(out, &email::email(alert, context))?,
            AlertFormat::Chat => json(out, &chat::notification(alert, context))?,
            AlertFormat::Slack => json(out, &slack::message(alert, context))?,
            AlertFormat::Pagerduty => json(out, &pagerduty::event(alert, context))?,
            AlertFormat::Eventbridge => json(out, &eventbridge::entry(alert, context).detail)?,
            AlertFormat::Ocsf => json(out, &ocsf::detection_finding(alert, context))?,
            AlertFormat::Asff => json(out, &asff::finding(alert, context))?,
        }
    }
    out.flush()
}

fn test(args: &TestArgs) -> anyhow::Result<u8> {
    let context = Context { now: clock(), ..Context::default() };
    #[cfg(feature = "aws")]
    if let Some(status) = crate::send::send(args, &context)? {
        return Ok(status);
    }
    let incident = drill::incident(args.severity, context.now);
    show(&Alert::of_incident(&incident), &context, &args.format)?;
    Ok(crate::NOTHING_FOUND)
}

fn digest(args: &DigestArgs) -> anyhow::Result<u8> {
    let Reading { watch, troubles } = read(&args.read, &[])?;
    let to = match args.as_of {
        Some(moment) => moment.at(clock()),
        None => watch.last_event().unwrap_or_default(),
    };
    let findings = watch.findings();
    let settings = &watch.estate().settings;
    let incidents = incidents(findings.clone(), &watch, to);
    let digest = Digest::of(&findings, &incidents, settings, to.plus(-i64::from(args.days) * DAY), to);
    let context = Context::of(&settings.alerts, to, &args.read.logs());
    let out = &mut io::BufWriter::new(anstream::stdout().lock());
    match args.format {
        DigestFormat::Email => mail(out, &digest.email(&context))?,
        DigestFormat::Chat => json(out, &digest.chat(&context))?,
        DigestFormat::Slack => json(out, &digest.slack(&context))?,
        DigestFormat::Eventbridge => json(out, &digest.entry().detail)?,
    }
    out.flush()?;
    told(&troubles)
}

fn mail(out: &mut impl Write, email: &email::Email) -> io::Result<()> {
    writeln!(out, "Subject: {}\n", terminal::safe(&email.subject))?;
    writeln!(out, "{}", terminal::safe_lines(&email.body))
}

fn json(out: &mut impl Write, value: &Value) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}
