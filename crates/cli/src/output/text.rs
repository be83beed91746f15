//! Findings for people: the important first, each with what is needed to act.

use super::figures::{counted, grouped, measured, moment, plural, probability, span};
use super::layout::{Part, beside_label, labelled, paragraphs, parts, wrapped};
use super::{BAD, COMMAND, FAINT, Outcome, STRONG, problems_to, style_of};
use crate::terminal::{capped, safe};
use crate::troubles::First;
use kmswatch_engine::finding::{Actor, Evidence, Finding, FindingKind, KeyName, Severity};
use kmswatch_engine::state::distinct::Distinct;
use kmswatch_engine::time::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// How the text is laid out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    /// Columns to wrap to.
    pub(crate) columns: usize,
    /// Whether every finding is told in full.
    pub(crate) verbose: bool,
}

/// Findings of one detector and severity that are told in full; after so many, a reader knows the pattern.
const IN_FULL: usize = 5;
/// From how many findings of medium severity on a list of them stands first, and how long it gets.
const OVERVIEW: std::ops::Range<usize> = 3..25;
/// Event ids printed of a finding; the JSON holds more.
const IDS: usize = 3;
/// Members of a list in the evidence that are printed.
const MEMBERS: usize = 4;
/// Columns of a detail of the evidence, and of the agent that a client calls itself.
const DETAIL: usize = 200;

/// Writes everything.
pub(crate) fn write(out: &mut impl Write, outcome: &Outcome, layout: &Layout) -> io::Result<()> {
    header(out, outcome, layout)?;
    if let Some(incidents) = &outcome.incidents {
        let shortened = incident::write(out, incidents, layout)?;
        return footer(out, outcome, layout, shortened);
    }
    overview(out, outcome, layout)?;
    let mut shortened = 0;
    for severity in Severity::ALL.into_iter().rev() {
        let mut told: BTreeMap<&str, usize> = BTreeMap::new();
        let mut brief = Vec::new();
        for finding in outcome.findings.iter().filter(|finding| finding.severity == severity) {
            let before = told.entry(finding.detector).or_default();
            *before += 1;
            if layout.verbose || severity >= Severity::Medium && *before <= IN_FULL {
                writeln!(out)?;
                full(out, finding, layout)?;
            } else {
                brief.push(finding);
            }
        }
        // The brief ones of low and info stand together.
        if !brief.is_empty() && (severity >= Severity::Low || shortened == 0) {
            writeln!(out)?;
        }
        shortened += brief.len();
        for finding in brief {
            one_line(out, finding, layout)?;
        }
    }
    footer(out, outcome, layout, shortened)
}

fn header(out: &mut impl Write, outcome: &Outcome, layout: &Layout) -> io::Result<()> {
    let summary = &outcome.summary;
    let objects: u64 = summary.objects.values().sum();
    if objects == 0 {
        writeln!(out, "{BAD}Nothing could be read.{BAD:#}")?;
        return Ok(());
    } else if outcome.is_empty() && outcome.troubles.problems.count > 0 {
        writeln!(out, "{STRONG}Nothing found in what could be read.{STRONG:#}")?;
    } else if outcome.is_empty() {
        writeln!(out, "{STRONG}Nothing found.{STRONG:#}")?;
    } else {
        found(out, outcome)?;
    }
    let mut read = format!(
        "Read {} with {}: {} of KMS, {} of CloudTrail itself",
        counted(objects, "object"),
        counted(summary.records, "record"),
        counted(summary.kms_events, "event"),
        grouped(summary.watched_events),
    );
    if let (Some(first), Some(last)) = (summary.first_event, summary.last_event) {
        read.push_str(&match first == last {
            true => format!(", at {} UTC", moment(first)),
            false => format!(", from {} to {} UTC", moment(first), moment(last)),
        });
    }
    read.push('.');
    if !outcome.accounts.is_empty() {
        // More than a line of them tells nobody anything.
        let shown: Vec<&str> = outcome.accounts.iter().take(5).map(String::as_str).collect();
        let more = outcome.accounts.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let word = plural(outcome.accounts.len() as u64, "account");
        read.push_str(&format!(" Own {word}: {}{more}.", shown.join(", ")));
    }
    lines(out, &wrapped(&read, layout.columns))
}

fn found(out: &mut impl Write, outcome: &Outcome) -> io::Result<()> {
    let findings = counted(outcome.findings.len() as u64, "finding");
    let Some(incidents) = &outcome.incidents else {
        let severities = outcome.findings.iter().map(|finding| finding.severity);
        return writeln!(out, "{STRONG}{findings}{STRONG:#}: {}", by_severity(severities));
    };
    let n = counted(incidents.len() as u64, "incident");
    let severities = by_severity(incidents.iter().map(|incident| incident.severity));
    writeln!(out, "{STRONG}{n}{STRONG:#}: {severities}, out of {findings}")
}

fn by_severity(severities: impl Iterator<Item = Severity> + Clone) -> String {
    let counts: Vec<String> = Severity::ALL
        .into_iter()
        .rev()
        .filter_map(|severity| {
            let n = severities.clone().filter(|other| *other == severity).count();
            let style = style_of(severity);
            (n > 0).then(|| format!("{style}{} {severity}{style:#}", grouped(n as u64)))
        })
        .collect();
    counts.join(", ")
}

/// What happened, in order of time: the story, before each part of it is told in full by severity.
fn overview(out: &mut impl Write, outcome: &Outcome, layout: &Layout) -> io::Result<()> {
    let story: Vec<&Finding> =
        outcome.findings.iter().filter(|finding| finding.severity >= Severity::Medium).collect();
    if story.len() < OVERVIEW.start {
        return Ok(());
    }
    writeln!(out, "\n{STRONG}In order of time{STRONG:#}")?;
    for finding in story.iter().take(OVERVIEW.end) {
        one_line(out, finding, layout)?;
    }
    if story.len() > OVERVIEW.end {
        writeln!(out, " and {} more", grouped((story.len() - OVERVIEW.end) as u64))?;
    }
    Ok(())
}

/// Writes one finding in full.
pub(crate) fn full(out: &mut impl Write, finding: &Finding, layout: &Layout) -> io::Result<()> {
    let columns = beside_label(layout.columns);
    title(out, finding.severity, &finding.title, layout)?;
    let evidence = &finding.evidence;
    let count = match evidence.count {
        0 | 1 => String::new(),
        n => format!(", {}{} events", about(evidence), grouped(n)),
    };
    labelled(out, "when", [format!("{}{count}", span(finding.time))])?;
    if let Some(actor) = &finding.principal {
        labelled(out, "who", who(actor, columns))?;
    }
    labelled(out, "where", [place(finding)])?;
    if let Some(key) = &finding.key {
        labelled(out, "key", names(key))?;
    }
    labelled(out, "why", paragraphs(&finding.explanation, columns))?;
    labelled(out, "evidence", evidence_lines(finding, layout, columns))?;
    labelled(out, "events", ids(evidence))?;
    labelled(out, "do now", runbook(&finding.runbook, columns))?;
    let techniques: Vec<String> =
        finding.mitre.iter().map(|technique| format!("ATT&CK {} {}", technique.id, technique.name)).collect();
    let mut known_as = vec![finding.detector.to_owned(), finding.kind.name().to_owned()];
    known_as.extend(techniques);
    known_as.push(safe(&finding.id).into_owned());
    let known_as = wrapped(&known_as.join(" · "), columns);
    labelled(out, "by", known_as.iter().map(|line| format!("{FAINT}{line}{FAINT:#}")))
}

/// The severity and the title, which begins in the column of the values.
fn title(out: &mut impl Write, severity: Severity, title: &str, layout: &Layout) -> io::Result<()> {
    let tag = format!(" {} ", severity.name().to_uppercase());
    let style = style_of(severity);
    let indent = 12usize;
    let title = wrapped(&safe(title), layout.columns.saturating_sub(indent));
    let mut tag = Some(tag);
    for line in title {
        match tag.take() {
            Some(tag) => {
                let gap = indent.saturating_sub(tag.len());
                writeln!(out, "{style}{tag}{style:#}{:gap$}{STRONG}{line}{STRONG:#}", "")?;
            }
            None => writeln!(out, "{:indent$}{STRONG}{line}{STRONG:#}", "")?,
        }
    }
    Ok(())
}

/// A finding on one line: when, what, how often.
fn one_line(out: &mut impl Write, finding: &Finding, layout: &Layout) -> io::Result<()> {
    let times = match finding.evidence.count {
        0 | 1 => String::new(),
        n => format!(" ({}×)", grouped(n)),
    };
    on_one_line(out, finding.severity, finding.time.start, &finding.title, &times, layout)
}

fn on_one_line(
    out: &mut impl Write,
    severity: Severity,
    when: Timestamp,
    title: &str,
    times: &str,
    layout: &Layout,
) -> io::Result<()> {
    let style = style_of(severity);
    let tag = severity.name().to_uppercase();
    let when = moment(when);
    // Without the seconds: the line is to give an idea.
    let when = when.get(..16).unwrap_or(&when);
    let left = layout.columns.saturating_sub(12 + when.len() + 2 + times.chars().count());
    let title = capped(title, left.saturating_sub(1));
    writeln!(out, "{style} {tag:<10}{style:#} {FAINT}{when}{FAINT:#}  {title}{times}")
}

fn who(actor: &Actor, columns: usize) -> Vec<String> {
    let mut lines = vec![safe(&actor.id).into_owned()];
    let kind = actor.kind.replace('_', " ");
    let mut facts = Vec::new();
    match &actor.account {
        // The ARN tells it already.
        Some(account) if !actor.id.contains(account.as_str()) => {
            facts.push(format!("{kind} of account {}", safe(account)));
        }
        _ => facts.push(kind),
    }
    let named = [
        ("session", &actor.session),
        ("source identity", &actor.source_identity),
        ("access key", &actor.access_key),
        ("via", &actor.via_service),
        ("from", &actor.source),
    ];
    // A service that calls for somebody tells neither his address nor his agent.
    let says_nothing = |value: &String| value == "AWS Internal" || value.ends_with(".amazonaws.com");
    for (name, value) in named {
        if let Some(value) = value
            && !(name == "from" && says_nothing(value))
        {
            facts.push(format!("{name} {}", safe(value)));
        }
    }
    lines.extend(wrapped(&facts.join(", "), columns));
    if let Some(agent) = actor.user_agent.as_ref().filter(|agent| !says_nothing(agent)) {
        lines.extend(wrapped(&format!("user agent {}", capped(agent, DETAIL)), columns));
    }
    lines
}

fn place(finding: &Finding) -> String {
    let account = if finding.account.is_empty() { "unknown account" } else { &finding.account };
    let region = if finding.region.is_empty() { "unknown Region" } else { &finding.region };
    format!("{} {}", safe(account), safe(region))
}

fn names(key: &KeyName) -> Vec<String> {
    let mut lines = Vec::new();
    if !key.aliases.is_empty() {
        // A key has at most some fifty aliases, and only the first say what it is for.
        let shown: Vec<_> = key.aliases.iter().take(5).map(|alias| safe(alias)).collect();
        let more = key.aliases.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        lines.push(format!("{STRONG}{}{STRONG:#}{more}", shown.join(", ")));
    }
    lines.push(safe(&key.arn).into_owned());
    lines
}

fn evidence_lines(finding: &Finding, layout: &Layout, columns: usize) -> Vec<String> {
    let evidence = &finding.evidence;
    let mut lines = Vec::new();
    let mut figures = Vec::new();
    // Of first uses no number is expected; how seldom they are, the words say.
    let is_count = !evidence.details.contains_key("first_uses");
    if let Some(observed) = evidence.observed {
        figures.push(format!("{} {}", if is_count { "observed" } else { "new to it:" }, measured(observed)));
    }
    if let Some(expected) = evidence.expected.filter(|_| is_count) {
        figures.push(format!("expected {}", measured(expected)));
    }
    if let Some(p) = evidence.probability {
        figures.push(format!("probability {}", probability(p)));
    }
    if !figures.is_empty() {
        lines.extend(wrapped(&figures.join(", "), columns));
    }
    // The words of a statistical finding hold its figures; beside them they look like others.
    let told = matches!(finding.kind, FindingKind::Rate | FindingKind::Novelty) && !layout.verbose;
    for (name, value) in evidence.details.iter().filter(|_| !told) {
        lines.extend(detail(&name.replace('_', " "), value, columns));
    }
    lines
}

/// A detail on one line if it fits, else with a line for each member of a list.
fn detail(name: &str, value: &Value, columns: usize) -> Vec<String> {
    let line = format!("{name}: {}", safe(&plain(value)));
    let items = match value {
        Value::Array(items) if items.len() > 1 && line.chars().count() > columns => items,
        _ => return wrapped(&format!("{name}: {}", capped(&plain(value), DETAIL)), columns),
    };
    let mut lines = vec![format!("{name}:")];
    for item in items.iter().take(MEMBERS) {
        let item = wrapped(&capped(&plain(item), DETAIL), columns.saturating_sub(2));
        lines.extend(item.into_iter().map(|line| format!("  {line}")));
    }
    if items.len() > MEMBERS {
        lines.push(format!("  and {} more", grouped((items.len() - MEMBERS) as u64)));
    }
    lines
}

/// A JSON value without the signs that only machines need.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Null => "none".to_owned(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(whole), _) => grouped(whole),
            (None, Some(number)) => measured(number),
            _ => number.to_string(),
        },
        Value::Array(items) => {
            let separator = if items.iter().any(Value::is_object) { "; " } else { ", " };
            items.iter().map(plain).collect::<Vec<_>>().join(separator)
        }
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| format!("{} {}", name.replace('_', " "), plain(value)))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn ids(evidence: &Evidence) -> Vec<String> {
    let mut lines: Vec<String> =
        evidence.event_ids.iter().take(IDS).map(|id| capped(id, DETAIL).into_owned()).collect();
    let more = evidence.count.saturating_sub(lines.len() as u64);
    if more > 0
        && let Some(last) = lines.last_mut()
    {
        last.push_str(&format!(" and {}{} more", about(evidence), grouped(more)));
    }
    lines
}

/// The word that goes before a count that is an estimate.
fn about(evidence: &Evidence) -> &'static str {
    if evidence.count > Distinct::EXACT as u64 { "about " } else { "" }
}

fn runbook(steps: &[String], columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut number = 0;
    let width = if steps.len() > 9 { 4 } else { 3 };
    for step in steps {
        let parts = parts(step);
        // A step that is only a command belongs to the words before it, if those end with a colon.
        let continues = matches!(parts.as_slice(), [Part::Command(_)])
            && lines.last().is_some_and(|line: &String| line.ends_with(':'));
        let mut bullet = if continues {
            String::new()
        } else {
            number += 1;
            format!("{number}.")
        };
        for part in parts {
            match part {
                Part::Words(words) => {
                    for line in paragraphs(words, columns.saturating_sub(width)) {
                        lines.push(format!("{bullet:<width$}{line}"));
                        bullet.clear();
                    }
                }
                Part::Command(command) => {
                    let command = crate::terminal::safe_lines(command);
                    lines.push(format!("{bullet:<width$}{COMMAND}{command}{COMMAND:#}"));
                    bullet.clear();
                }
            }
        }
    }
    lines
}

fn footer(out: &mut impl Write, outcome: &Outcome, layout: &Layout, shortened: usize) -> io::Result<()> {
    let summary = &outcome.summary;
    let troubles = &outcome.troubles;
    writeln!(out)?;
    if outcome.incidents.as_ref().map_or(outcome.findings.len(), Vec::len) > 1 {
        // Again: of a long output a terminal shows the end.
        found(out, outcome)?;
    }
    let left_out: Vec<String> = summary
        .skipped
        .iter()
        .filter(|(_, n)| **n > 0)
        .map(|(reason, n)| format!("{} {}", grouped(*n), reason_words(*reason)))
        .collect();
    if !left_out.is_empty() {
        let mut text = format!("Records left out: {}.", left_out.join(", "));
        if summary.duplicates_incomplete {
            // Findings do not depend on it, so it is no problem.
            text.push_str(
                " Events that stand far apart twice are counted twice (limits.duplicate_memory_events).",
            );
        }
        lines(out, &wrapped(&text, layout.columns))?;
    }
    files(out, "Not read, being named unlike logs or lying beside AWSLogs", &troubles.ignored, layout)?;
    files(out, "Read, but no logs", &troubles.not_logs, layout)?;
    if outcome.less_severe > 0 {
        let what = if outcome.incidents.is_some() { "incident" } else { "finding" };
        writeln!(out, "{} below --severity.", counted(outcome.less_severe, what))?;
    }
    tuning(out, outcome, layout)?;
    if summary.entities_forgetting > 0 {
        let n = summary.entities_forgetting;
        let text = format!(
            "Of {} {} more changes came than are remembered: findings about the oldest are missing.",
            grouped(n),
            if n == 1 { "key or account" } else { "keys or accounts" }
        );
        lines(out, &wrapped(&text, layout.columns))?;
    }
    if troubles.problems.count > 0 {
        let n = counted(troubles.problems.count, "problem");
        writeln!(out, "{BAD}{n}{BAD:#}: what is told above may not be all that happened.")?;
        problems_to(out, outcome)?;
    }
    if let Some(hint) = hint(outcome, shortened) {
        lines(out, &wrapped(&hint, layout.columns))?;
    }
    Ok(())
}

/// What was muted and by whom, and which suppressions somebody should look at.
fn tuning(out: &mut impl Write, outcome: &Outcome, layout: &Layout) -> io::Result<()> {
    let tuning = &outcome.tuning;
    let say = |out: &mut dyn Write, text: String| {
        wrapped(&text, layout.columns).iter().try_for_each(|line| writeln!(out, "{line}"))
    };
    if tuning.muted > 0 {
        say(out, format!("{} muted:", counted(tuning.muted, "finding")))?;
    }
    for rule in tuning.rules.iter().filter(|rule| rule.muted > 0) {
        let (reason, owner) = (safe(&rule.reason), safe(&rule.owner));
        let n = grouped(rule.muted);
        say(out, format!("  {n} by {}: {reason} ({owner}, until {})", rule.kind, moment(rule.expires)))?;
    }
    for rule in tuning.rules.iter().filter(|rule| rule.expired || rule.muted == 0) {
        let state = match (rule.expired, rule.muted) {
            (true, _) => "has expired",
            (false, _) => "matched nothing",
        };
        say(out, format!("The {} of {} {state}: {}.", rule.kind, safe(&rule.owner), safe(&rule.reason)))?;
    }
    if !tuning.staged.is_empty() {
        let found: Vec<String> =
            tuning.staged.iter().map(|(detector, n)| format!("{} of {detector}", grouped(*n))).collect();
        say(out, format!("Of staged detectors, told by --staged only: {}.", found.join(", ")))?;
    }
    Ok(())
}

fn files(out: &mut impl Write, what: &str, list: &First<String>, layout: &Layout) -> io::Result<()> {
    if list.count == 0 {
        return Ok(());
    }
    let mut shown: Vec<String> = list.items.iter().take(3).map(|name| safe(name).into_owned()).collect();
    if list.count > 3 {
        shown.push("...".to_owned());
    }
    let text = format!("{what}: {} ({}).", counted(list.count, "file"), shown.join(", "));
    lines(out, &wrapped(&text, layout.columns))
}

fn reason_words(reason: kmswatch_engine::event::SkipReason) -> &'static str {
    use kmswatch_engine::event::SkipReason;
    match reason {
        SkipReason::NotWatched => "of other services",
        SkipReason::Duplicate => "seen before",
        SkipReason::NetworkActivity => "of VPC endpoints",
        SkipReason::Insight => "of CloudTrail Insights",
        SkipReason::Filtered => "outside of what was asked for",
        SkipReason::UnknownVersion => "in a form newer than this version",
    }
}

/// What to do next, where something is worth saying.
fn hint(outcome: &Outcome, shortened: usize) -> Option<String> {
    if shortened > 0 {
        let what = if outcome.incidents.is_some() { "incident" } else { "finding" };
        return Some(format!(
            "{} on one line only: --verbose tells all in full.",
            counted(shortened as u64, what)
        ));
    }
    if outcome.incidents.as_ref().is_some_and(|incidents| !incidents.is_empty()) {
        return Some("Without --incidents each finding is told in full, with its evidence.".to_owned());
    }
    let worst = outcome.findings.iter().rev().max_by_key(|finding| finding.severity);
    if let Some(finding) = worst {
        return Some(format!(
            "What a detector knows and cannot know: kmswatch detectors {}",
            finding.detector
        ));
    }
    if outcome.summary.kms_events == 0 && outcome.troubles.problems.count == 0 {
        return Some(
            "There is not one event of KMS in what was read: does the trail log management events, and KMS among \
             them (ExcludeManagementEventSources)?"
                .to_owned(),
        );
    }
    None
}

fn lines(out: &mut impl Write, lines: &[String]) -> io::Result<()> {
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

mod incident;
#[cfg(test)]
mod tests;
