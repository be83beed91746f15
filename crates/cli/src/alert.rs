//! `kmswatch alert`: a finding or an incident as those who are alerted would get it.

use crate::args::{AlertArgs, AlertCommand, AlertFormat, ReadArgs};
use crate::baseline::told;
use crate::reading::{Reading, only, read};
use crate::terminal;
use kmswatch_alerts::{Alert, Context, asff, chat, email, eventbridge, ocsf, pagerduty, slack};
use kmswatch_engine::incident::{self, Member};
use kmswatch_engine::tuning;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{self, Write};

/// `kmswatch alert ...`. Gives the exit status.
pub(crate) fn run(args: &AlertArgs) -> anyhow::Result<u8> {
    match &args.command {
        AlertCommand::Preview { id, format, read } => preview(id, *format, read),
    }
}

fn preview(id: &str, format: AlertFormat, args: &ReadArgs) -> anyhow::Result<u8> {
    let Reading { watch, troubles } = read(args, &[])?;
    let now = watch.last_event().unwrap_or_default();
    let findings = watch.findings();
    let alert = if id.starts_with("ki-") {
        let settings = &watch.estate().settings;
        let tuned = tuning::tune(findings, settings, now);
        let told = tuned.told.into_iter().map(|finding| Member { finding, muted: false });
        let muted = tuned.muted.into_iter().map(|finding| Member { finding, muted: true });
        let incidents = incident::incidents(told.chain(muted), settings, now, &BTreeSet::new());
        Alert::of_incident(&only(id, incidents, |incident| &incident.id)?)
    } else {
        Alert::of_finding(&only(id, findings, |finding| &finding.id)?)
    };
    let logs = args.paths.first().map(|path| path.display().to_string()).unwrap_or_default();
    let context = Context { now, logs, ..Context::default() };
    let out = &mut io::BufWriter::new(anstream::stdout().lock());
    match format {
        AlertFormat::Email => {
            let email = email::email(&alert, &context);
            writeln!(out, "Subject: {}\n", terminal::safe(&email.subject))?;
            writeln!(out, "{}", terminal::safe_lines(&email.body))?;
        }
        AlertFormat::Chat => json(out, &chat::notification(&alert, &context))?,
        AlertFormat::Slack => json(out, &slack::message(&alert, &context))?,
        AlertFormat::Pagerduty => json(out, &pagerduty::event(&alert, &context))?,
        AlertFormat::Eventbridge => json(out, &eventbridge::entry(&alert, &context).detail)?,
        AlertFormat::Ocsf => json(out, &ocsf::detection_finding(&alert, &context))?,
        AlertFormat::Asff => json(out, &asff::finding(&alert, &context))?,
    }
    out.flush()?;
    told(&troubles)
}

fn json(out: &mut impl Write, value: &Value) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}
