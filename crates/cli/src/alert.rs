//! `kmswatch alert`: alerts as those get them who are alerted; a test alert; the digest.

use crate::args::{AlertArgs, AlertCommand, AlertFormat, DigestArgs, DigestFormat, ReadArgs, TestArgs};
use crate::baseline::told;
use crate::reading::{Reading, clock, only, read};
use crate::terminal;
use anyhow::bail;
use kmswatch_alerts::{
    Alert, Context, Digest, asff, chat, drill, email, eventbridge, ocsf, pagerduty, slack,
};
use kmswatch_engine::finding::Finding;
use kmswatch_engine::incident::{self, Incident};
use kmswatch_engine::pipeline::Watch;
use kmswatch_engine::time::{DAY, Timestamp};
use kmswatch_engine::tuning;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{self, Write};

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
