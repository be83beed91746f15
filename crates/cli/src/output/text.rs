//! Findings for people: the important first, each with what is needed to act.

use super::figures::{counted, grouped, measured, moment, plural, probability, span};
use super::layout::{Part, beside_label, labelled, paragraphs, parts, wrapped};
use super::{BAD, COMMAND, FAINT, Outcome, STRONG, problems_to, style_of};
use crate::terminal::{capped, safe};
use crate::troubles::First;
use kmswatch_engine::finding::{Actor, Evidence, Finding, KeyName, Severity};
use kmswatch_engine::state::distinct::Distinct;
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
    } else if outcome.findings.is_empty() && outcome.troubles.problems.count > 0 {
        writeln!(out, "{STRONG}Nothing found in what could be read.{STRONG:#}")?;
    } else if outcome.findings.is_empty() {
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
    let n = counted(outcome.findings.len() as u64, "finding");
    writeln!(out, "{STRONG}{n}{STRONG:#}: {}", by_severity(&outcome.findings))
}

fn by_severity(findings: &[Finding]) -> String {
    let counts: Vec<String> = Severity::ALL
        .into_iter()
        .rev()
        .filter_map(|severity| {
            let n = findings.iter().filter(|finding| finding.severity == severity).count();
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

fn full(out: &mut impl Write, finding: &Finding, layout: &Layout) -> io::Result<()> {
    let columns = beside_label(layout.columns);
    title(out, finding, layout)?;
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
    labelled(out, "evidence", evidence_lines(evidence, columns))?;
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

fn title(out: &mut impl Write, finding: &Finding, layout: &Layout) -> io::Result<()> {
    let tag = format!(" {} ", finding.severity.name().to_uppercase());
    let style = style_of(finding.severity);
    // The title begins in the column of the values.
    let indent = 12usize;
    let title = wrapped(&safe(&finding.title), layout.columns.saturating_sub(indent));
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
    let style = style_of(finding.severity);
    let tag = finding.severity.name().to_uppercase();
    let when = moment(finding.time.start);
    // Without the seconds: the line is to give an idea.
    let when = when.get(..16).unwrap_or(&when);
    let times = match finding.evidence.count {
        0 | 1 => String::new(),
        n => format!(" ({}×)", grouped(n)),
    };
    let left = layout.columns.saturating_sub(12 + when.len() + 2 + times.chars().count());
    let title = capped(&finding.title, left.saturating_sub(1));
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
    for (name, value) in named {
        if let Some(value) = value {
            facts.push(format!("{name} {}", safe(value)));
        }
    }
    lines.extend(wrapped(&facts.join(", "), columns));
    if let Some(agent) = &actor.user_agent {
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

fn evidence_lines(evidence: &Evidence, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut figures = Vec::new();
    if let Some(observed) = evidence.observed {
        figures.push(format!("observed {}", measured(observed)));
    }
    if let Some(expected) = evidence.expected {
        figures.push(format!("expected {}", measured(expected)));
    }
    if let Some(p) = evidence.probability {
        figures.push(format!("probability {}", probability(p)));
    }
    if !figures.is_empty() {
        lines.extend(wrapped(&figures.join(", "), columns));
    }
    for (name, value) in &evidence.details {
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
                    for line in paragraphs(words, columns.saturating_sub(3)) {
                        lines.push(format!("{bullet:<3}{line}"));
                        bullet.clear();
                    }
                }
                Part::Command(command) => {
                    let command = crate::terminal::safe_lines(command);
                    lines.push(format!("{bullet:<3}{COMMAND}{command}{COMMAND:#}"));
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
    if outcome.findings.len() > 1 {
        // Again: of a long output a terminal shows the end.
        found(out, outcome)?;
    }
    let mut left_out: Vec<String> = summary
        .skipped
        .iter()
        .filter(|(_, n)| **n > 0)
        .map(|(reason, n)| format!("{} {}", grouped(*n), reason_words(*reason)))
        .collect();
    if summary.duplicates_incomplete {
        left_out.push("more duplicates than could be counted".to_owned());
    }
    if !left_out.is_empty() {
        lines(out, &wrapped(&format!("Records left out: {}.", left_out.join(", ")), layout.columns))?;
    }
    files(out, "Not read, being named unlike logs or lying beside AWSLogs", &troubles.ignored, layout)?;
    files(out, "Read, but no logs", &troubles.not_logs, layout)?;
    if outcome.less_severe > 0 {
        writeln!(out, "{} below --severity.", counted(outcome.less_severe, "finding"))?;
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
        return Some(format!(
            "{} on one line only: --verbose tells all in full.",
            counted(shortened as u64, "finding")
        ));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::samples;
    use crate::troubles::{InputProblem, Troubles};
    use kmswatch_engine::event::SkipReason;
    use kmswatch_engine::pipeline::Summary;
    use kmswatch_engine::trail::ObjectKind;
    use std::path::Path;

    const LAYOUT: Layout = Layout { columns: 80, verbose: false };

    fn outcome(findings: Vec<Finding>) -> Outcome {
        let summary = Summary {
            objects: BTreeMap::from([(ObjectKind::Log, 12)]),
            records: 43_100,
            kms_events: 412,
            watched_events: 3,
            skipped: BTreeMap::from([(SkipReason::NotWatched, 42_600), (SkipReason::Duplicate, 85)]),
            first_event: Some(samples::at("2026-05-01T00:00:07Z")),
            last_event: Some(samples::at("2026-05-07T23:59:58Z")),
            ..Summary::default()
        };
        Outcome {
            findings,
            less_severe: 0,
            summary,
            accounts: vec!["111122223333".to_owned(), "444455556666".to_owned()],
            troubles: Troubles::default(),
        }
    }

    fn shown(outcome: &Outcome, layout: &Layout) -> String {
        let mut out = Vec::new();
        write(&mut out, outcome, layout).unwrap();
        anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
    }

    /// Compares with a file of `tests/golden`; `UPDATE_GOLDEN=1` writes it anew, to be read in the diff.
    fn golden(name: &str, text: &str) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&file, text).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(text, expected, "{name}: UPDATE_GOLDEN=1 cargo test writes it anew");
    }

    #[test]
    fn findings_are_told_by_severity_then_time_with_all_that_is_needed() {
        let mut outcome = outcome(vec![
            samples::usual(Severity::Low, 1),
            samples::storm(),
            samples::usual(Severity::Critical, 3),
            samples::bare(),
        ]);
        outcome.less_severe = 2;
        outcome.troubles.ignored.push("logs/README.md".to_owned());
        outcome.troubles.not_logs.push("logs/labels.json".to_owned());
        outcome.troubles.problems.push(InputProblem {
            input: "logs/b.json.gz".to_owned(),
            record: Some(7),
            offset: Some(9_012),
            message: "eventTime: not a time".to_owned(),
        });
        outcome.troubles.problems.push(InputProblem::whole("logs/c.json", "Permission denied (os error 13)"));
        golden("findings.txt", &shown(&outcome, &LAYOUT));
    }

    #[test]
    fn without_findings_it_says_so_and_what_was_read() {
        golden("nothing.txt", &shown(&outcome(Vec::new()), &LAYOUT));
    }

    #[test]
    fn no_text_out_of_a_log_acts_on_the_terminal() {
        let mut outcome = outcome(vec![samples::hostile(), samples::hostile()]);
        outcome.findings[1].severity = Severity::Low;
        outcome.troubles.problems.push(InputProblem::whole("a\x1b[2J\u{202e}", "b\x1b[2J\nforged"));
        outcome.troubles.ignored.push("c\x1b[2J\nforged".to_owned());
        let mut out = Vec::new();
        write(&mut out, &outcome, &LAYOUT).unwrap();
        let styled = String::from_utf8(out).unwrap();
        // All sequences that are left are those of our own styles.
        let ours = styled.split('\x1b').skip(1);
        for sequence in ours {
            let end = sequence.find('m').expect("only styles");
            let digits = sequence[1..end].chars().all(|c| c.is_ascii_digit() || c == ';');
            assert!(sequence.starts_with('[') && digits, "{sequence:?}");
            assert!(!sequence.starts_with("[2J"));
        }
        for line in styled.split('\n') {
            let line = anstream::adapter::strip_str(line).to_string();
            assert_eq!(crate::terminal::safe_lines(&line), line);
            assert!(!line.starts_with("CRITICAL") && !line.starts_with("forged"), "{line}");
            assert!(line.chars().count() < 700, "{line}");
        }
    }

    #[test]
    fn commands_stay_on_one_line_in_the_narrowest_terminal() {
        let outcome = outcome(vec![samples::usual(Severity::Critical, 1)]);
        let text = shown(&outcome, &Layout { columns: 40, verbose: false });
        let command = "aws kms cancel-key-deletion --key-id arn:aws:kms:eu-central-1:111122223333:key/\
                       1234abcd-12ab-34cd-56ef-1234567890ab --region eu-central-1";
        assert!(text.lines().any(|line| line.trim() == command), "{text}");
    }

    #[test]
    fn of_many_findings_of_one_detector_the_first_are_told_in_full() {
        let outcome = outcome((0..20).map(|_| samples::usual(Severity::High, 1)).collect());
        let text = shown(&outcome, &LAYOUT);
        assert_eq!(text.matches("do now").count(), IN_FULL);
        assert_eq!(text.matches(" HIGH ").count(), 2 * 20, "each in the overview and below");
        assert_eq!(text.matches("In order of time").count(), 1);
        assert!(text.contains("15 findings on one line only: --verbose"), "{text}");
        let text = shown(&outcome, &Layout { columns: 80, verbose: true });
        assert_eq!(text.matches("do now").count(), 20);
    }

    #[test]
    fn details_are_told_in_words() {
        let value =
            serde_json::json!([{ "at": "2026-05-04", "event_id": "e-1" }, { "days": 12_345, "short": true }]);
        assert_eq!(plain(&value), "at 2026-05-04, event id e-1; days 12,345, short yes");
        assert_eq!(plain(&serde_json::json!(["a", null, 0.125])), "a, none, 0.12");
    }

    #[test]
    fn long_lists_in_the_evidence_get_a_line_for_each_of_the_first() {
        let arns: Vec<String> =
            (0..9).map(|n| format!("arn:aws:s3:::a-bucket-with-a-name/object-{n}")).collect();
        let lines = detail("resources", &serde_json::json!(arns), 68);
        assert_eq!(lines.len(), 1 + MEMBERS + 1, "{lines:?}");
        assert_eq!(lines[1], "  arn:aws:s3:::a-bucket-with-a-name/object-0");
        assert_eq!(lines[5], "  and 5 more");
        assert_eq!(detail("services", &serde_json::json!(["s3", "ebs"]), 68), ["services: s3, ebs"]);
    }

    #[test]
    fn where_nothing_could_be_read_nothing_is_said_to_be_fine() {
        let mut outcome = outcome(Vec::new());
        outcome.troubles.problems.push(InputProblem::whole("a", "b"));
        assert!(shown(&outcome, &LAYOUT).starts_with("Nothing found in what could be read."));
        outcome.summary = Summary::default();
        assert!(shown(&outcome, &LAYOUT).starts_with("Nothing could be read."));
    }

    #[test]
    fn usual_findings_fit_the_terminal_but_for_what_must_be_copied() {
        let outcome = outcome(vec![samples::usual(Severity::Critical, 3), samples::storm()]);
        for line in shown(&outcome, &LAYOUT).lines() {
            let whole_word = line.contains("arn:") || line.contains("aws ");
            assert!(whole_word || line.chars().count() <= 80, "{line}");
        }
    }
}
