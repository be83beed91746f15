//! The body that all formats for people have in common: sections in the order in which somebody asks.

use crate::alert::{Alert, Context, key_names, moment, span, who, words_and_command};
use crate::links::{self, Link};
use crate::queries;
use crate::text::plain;
use serde_json::Value;

/// A part of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Words.
    Text(String),
    /// Words that stand in a list.
    Item(String),
    /// A step, with its number.
    Step(usize, String),
    /// Something to copy.
    Code(String),
    /// Somewhere to go.
    Link(Link),
}

/// A section with its heading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) parts: Vec<Part>,
}

/// How much of each list a format takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount {
    pub(crate) principals: usize,
    pub(crate) keys: usize,
    pub(crate) reasons: usize,
    pub(crate) losses: usize,
    pub(crate) steps: usize,
    pub(crate) timeline: usize,
    pub(crate) looks: usize,
    pub(crate) queries: usize,
    /// Characters of a paragraph, and of a command.
    pub(crate) text: usize,
    pub(crate) code: usize,
}

/// The sections of an alert.
pub(crate) fn sections(alert: &Alert, context: &Context, amount: &Amount) -> Vec<Section> {
    let sections = [
        ("What", what(alert, amount)),
        ("Who", principals(alert, amount)),
        ("Key", keys(alert, amount)),
        ("Why", list(&alert.why, amount.reasons, amount.text)),
        ("What breaks", list(&alert.breaks, amount.losses, amount.text)),
        ("Do now", steps(&alert.steps, amount.steps, amount)),
        ("Timeline", timeline(alert, amount)),
        ("Look further", look(alert, context, amount)),
        ("Not known", list(&alert.unknown, amount.reasons, amount.text)),
    ];
    let sections = sections.into_iter().filter(|(_, parts)| !parts.is_empty());
    sections.map(|(title, parts)| Section { title, parts }).collect()
}

/// Gives an object a member.
pub(crate) fn set(object: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value.into());
    }
}

/// The last line: what it is called, and where the rest is.
pub(crate) fn footer(alert: &Alert, context: &Context) -> [String; 2] {
    let all = queries::replay(alert, context);
    [
        format!("{} · kmswatch {}", plain(&alert.id, 60), plain(&context.version, 20)),
        format!("All of it, nothing cut: {}", plain(&all, 400)),
    ]
}

fn what(alert: &Alert, amount: &Amount) -> Vec<Part> {
    let mut parts = Vec::new();
    for reason in alert.reasons.iter().take(amount.reasons) {
        parts.push(Part::Item(plain(reason, amount.text)));
    }
    parts.push(Part::Text(plain(&alert.summary, amount.text)));
    if !alert.is_incident {
        parts.push(Part::Text(format!("{}. {}", span(alert.start, alert.end), events(alert.count))));
    }
    if let Some(evidence) = &alert.evidence
        && let (Some(observed), Some(expected)) = (evidence.observed, evidence.expected)
    {
        let odds = evidence.probability.map(|p| format!(", probability {p:.1e}")).unwrap_or_default();
        parts.push(Part::Text(format!("Observed {observed:.0}, expected {expected:.2}{odds}.")));
    }
    parts
}

/// "1 event", "about 4,310 events".
pub(crate) fn events(n: u64) -> String {
    match n {
        1 => "1 event".to_owned(),
        n => format!("{n} events"),
    }
}

fn principals(alert: &Alert, amount: &Amount) -> Vec<Part> {
    let mut parts = Vec::new();
    for actor in alert.principals.iter().take(amount.principals) {
        let (id, facts) = who(actor);
        let facts: Vec<String> = facts
            .into_iter()
            .map(|(name, value)| if name == "kind" { value } else { format!("{name} {value}") })
            .collect();
        parts.push(Part::Item(format!("{id} ({})", facts.join(", "))));
    }
    parts.extend(more(alert.principal_count, amount.principals));
    parts
}

fn keys(alert: &Alert, amount: &Amount) -> Vec<Part> {
    let mut parts = Vec::new();
    for key in alert.keys.iter().take(amount.keys) {
        parts.push(Part::Item(match key_names(key) {
            (Some(alias), arn) => format!("{alias} {arn}"),
            (None, arn) => arn,
        }));
    }
    parts.extend(more(alert.key_count, amount.keys));
    parts
}

fn list(texts: &[String], n: usize, longest: usize) -> Vec<Part> {
    let parts = texts.iter().take(n).map(|text| Part::Item(plain(text, longest)));
    parts.chain(more(texts.len(), n)).collect()
}

fn more(all: usize, told: usize) -> Option<Part> {
    let more = all.saturating_sub(told);
    (more > 0).then(|| Part::Text(format!("and {more} more")))
}

fn steps(steps: &[String], n: usize, amount: &Amount) -> Vec<Part> {
    let mut parts = Vec::new();
    for (at, step) in steps.iter().take(n).enumerate() {
        let (words, command) = words_and_command(step);
        let words = plain(words, amount.text);
        let end = if command.is_some() && !words.is_empty() { ":" } else { "" };
        parts.push(Part::Step(at + 1, format!("{words}{end}")));
        parts.extend(command.map(|command| code(command, amount.code)));
    }
    parts.extend(more(steps.len(), n));
    parts
}

/// A command to copy.
fn code(command: &str, longest: usize) -> Part {
    match whole(command, longest) {
        Some(command) => Part::Code(command),
        None => Part::Text("(The command does not fit here: see the whole story, below.)".to_owned()),
    }
}

/// A command or query that can be shown as it is: part of one, or one with other signs in it, is worse than none.
pub(crate) fn whole(command: &str, longest: usize) -> Option<String> {
    let fits = command.lines().all(|line| plain(line, longest) == line.trim_start());
    (fits && command.chars().count() <= longest).then(|| command.to_owned())
}

fn timeline(alert: &Alert, amount: &Amount) -> Vec<Part> {
    let mut lines: Vec<(usize, &crate::alert::Line)> = alert.timeline.iter().enumerate().collect();
    if lines.len() < 2 {
        return Vec::new();
    }
    // The least severe are left out first.
    lines.sort_by_key(|(at, line)| (!line.leads, std::cmp::Reverse(line.severity), *at));
    lines.truncate(amount.timeline);
    lines.sort_by_key(|(at, _)| *at);
    let shown = lines.iter().map(|(_, line)| {
        let times = if line.count > 1 { format!(" ({}x)", line.count) } else { String::new() };
        let at = moment(line.time);
        let at = at.get(5..16).unwrap_or(&at);
        Part::Item(format!("{at} {}: {}{times}", line.severity.name().to_uppercase(), plain(&line.text, 160)))
    });
    shown.chain(more(alert.timeline.len(), amount.timeline)).collect()
}

fn look(alert: &Alert, context: &Context, amount: &Amount) -> Vec<Part> {
    let mut parts: Vec<Part> = links::of(alert).into_iter().map(Part::Link).collect();
    for step in alert.look.iter().take(amount.looks) {
        let (words, command) = words_and_command(step);
        parts.push(Part::Item(plain(words, amount.text)));
        parts.extend(command.map(|command| code(command, amount.code)));
    }
    for query in queries::of(alert, context).into_iter().take(amount.queries) {
        if let Some(text) = whole(&query.text, amount.code) {
            parts.push(Part::Item(query.title));
            parts.push(Part::Code(text));
        }
    }
    parts
}
