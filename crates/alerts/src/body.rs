//! The body that all formats for people have in common: a few lines for whoever was just woken, what to do now, and then
//! sections to look things up in.

use crate::alert::{Alert, Context, News, key_names, moment, span, who, words_and_command};
use crate::links::{self, Link};
use crate::queries;
use crate::text::plain;
use kmswatch_engine::detectors::{self, Detector, replica_in_new_region};
use kmswatch_engine::finding::{Evidence, KeyName};
use kmswatch_engine::incident::Stage;
use kmswatch_engine::state::distinct::Distinct;
use serde_json::Value;
use std::collections::BTreeMap;

/// A part of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Words with a label, such as "Who".
    Labelled(&'static str, String),
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

/// A section with its heading, which the first has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) parts: Vec<Part>,
}

/// Lines of a timeline by one detector: after so many a reader knows the pattern.
const ALIKE: usize = 5;

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

/// What happened, who, which key, why it matters, what breaks: each with its label, at most a line for each.
fn brief(alert: &Alert, amount: &Amount) -> Vec<Part> {
    let mut lines: Vec<(&'static str, String)> = Vec::new();
    // What is simply new needs no reason, and what is said below is not said twice.
    let is_said = |text: &String| alert.why.contains(text) || text.ends_with(&alert.title);
    // Of many at once none is worth a name.
    let is_crowd = alert.analytics.iter().any(|name| name == "crowd");
    let is_news = |text: &&String| alert.news != News::New && !is_crowd && !is_said(text);
    let reasons = alert.reasons.iter().filter(is_news);
    lines.extend(reasons.take(amount.reasons).map(|text| ("News", plain(text, amount.text))));
    lines.push(("What", what(alert, amount)));
    for actor in alert.principals.iter().take(amount.principals) {
        let (id, facts) = who(actor);
        let facts: Vec<String> = facts
            .into_iter()
            .map(|(name, value)| if name == "kind" { value } else { format!("{name} {value}") })
            .collect();
        lines.push(("Who", format!("{id} ({})", facts.join(", "))));
    }
    add_more(&mut lines, alert.principal_count, amount.principals);
    let keys: Vec<String> = alert.keys.iter().take(amount.keys).map(|key| key_label(key, alert)).collect();
    // Of a crowd none is worth a name either, unless a few are all there are: then it is about them.
    if !keys.is_empty() && (!is_crowd || !alert.breaks.is_empty() || alert.key_count <= amount.keys) {
        lines.push(("Key", keys.join(", ")));
        add_more(&mut lines, alert.key_count, amount.keys);
    } else if alert
        .stages
        .iter()
        .any(|stage| matches!(stage, Stage::Probing | Stage::Taking | Stage::FirstUse))
    {
        lines.push((
            "Key",
            "None in particular: the calls of the principal, below, tell which it used.".to_owned(),
        ));
    }
    let why = if alert.is_incident { alert.why.first() } else { Some(&alert.summary) };
    lines.extend(why.filter(|why| !why.is_empty()).map(|why| ("Why", plain(why, amount.text))));
    lines.extend(alert.breaks.iter().take(amount.losses).map(|text| ("Breaks", plain(text, amount.text))));
    add_more(&mut lines, alert.breaks.len(), amount.losses.min(alert.breaks.len()));
    if alert.is_incident && alert.breaks.is_empty() {
        lines.extend(breaks_nothing(alert).map(|text| ("Breaks", text.to_owned())));
    }
    lines.into_iter().map(|(label, text)| Part::Labelled(label, text)).collect()
}

/// The name of a key, with its owner if that is not an account of this alert.
fn key_label(key: &KeyName, alert: &Alert) -> String {
    let label = plain(key.label(), 120);
    match &key.account {
        Some(owner) if alert.is_incident && !alert.accounts.contains(owner) => {
            format!("{label} of account {}", plain(owner, 30))
        }
        _ => label,
    }
}

/// What it means where no key was taken away. `None` where a key is missed all the same, and where nothing is known.
fn breaks_nothing(alert: &Alert) -> Option<&'static str> {
    let has = |stage| alert.stages.contains(&stage);
    let is_opened = |name: &String| {
        let opens = |detector: &Detector| detector.id == name && detector.stage == Some(Stage::Opening);
        name != replica_in_new_region::DETECTOR.id && detectors::ALL.iter().any(|detector| opens(detector))
    };
    if alert.stages.is_empty() || has(Stage::Impact) || has(Stage::Destruction) {
        None
    } else if has(Stage::ForeignKey) {
        Some(
            "No key of yours was taken away, but the owner of the foreign key can take that one away at any time.",
        )
    } else if has(Stage::Opening) && !has(Stage::ForeignUse) && !alert.analytics.iter().any(is_opened) {
        Some("No key was taken away; what is encrypted under it can be decrypted with its copy, too.")
    } else if has(Stage::Opening) || has(Stage::ForeignUse) {
        Some("No key was taken away; what is encrypted under it can be read from outside.")
    } else {
        Some("No key was taken away.")
    }
}

/// Says in the last line that there are more of its kind.
fn add_more(lines: &mut [(&'static str, String)], all: usize, told: usize) {
    let more = all.saturating_sub(told);
    if let Some((_, last)) = lines.last_mut().filter(|_| more > 0) {
        last.push_str(&format!(" and {more} more"));
    }
}

/// The sections of an alert.
pub(crate) fn sections(alert: &Alert, context: &Context, amount: &Amount) -> Vec<Section> {
    let rest =
        |texts: &[String], told: usize, n: usize| list(texts.get(told..).unwrap_or_default(), n, amount.text);
    let sections = [
        ("", brief(alert, amount)),
        ("Do now", steps(&alert.steps, amount.steps, amount)),
        ("Timeline", timeline(alert, amount)),
        ("More on why", rest(&alert.why, 1, amount.reasons)),
        ("Keys", keys(alert, amount)),
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

fn what(alert: &Alert, amount: &Amount) -> String {
    if alert.is_incident {
        return plain(&alert.summary, amount.text);
    }
    let mut text = format!("{}. {}.", span(alert.start, alert.end), events(alert.count));
    text.push_str(&alert.evidence.as_ref().and_then(measured).unwrap_or_default());
    text
}

/// What was measured against what is usual, and how seldom that comes by chance. `None` where nothing was measured.
fn measured(evidence: &Evidence) -> Option<String> {
    let (observed, expected) = (evidence.observed?, evidence.expected?);
    let odds = odds(evidence.probability?);
    // How often somebody shows something new is no number of first uses: it is explained in the words.
    if evidence.details.contains_key("first_uses") {
        return Some(format!(" By chance so much is new {odds}."));
    }
    let usual = match expected {
        e if e < 0.05 => "hardly any are usual".to_owned(),
        e if e < 9.95 => format!("about {e:.1} are usual"),
        e => format!("about {e:.0} are usual"),
    };
    Some(format!(" {observed:.0} were counted where {usual}; by chance that is so {odds}."))
}

/// A probability in words.
fn odds(probability: f64) -> String {
    match 1.0 / probability.max(f64::MIN_POSITIVE) {
        one_in if one_in >= 1e9 => "less than once in a billion".to_owned(),
        one_in if one_in >= 1e6 => format!("about once in {:.0} million", one_in / 1e6),
        one_in if one_in >= 1e4 => format!("about once in {:.0},000", one_in / 1e3),
        one_in => format!("about once in {one_in:.0}"),
    }
}

/// "1 event", "about 4310 events".
pub(crate) fn events(n: u64) -> String {
    match n {
        1 => "1 event".to_owned(),
        n if n > Distinct::EXACT as u64 => format!("about {n} events"),
        n => format!("{n} events"),
    }
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
    let mut alike: BTreeMap<&str, usize> = BTreeMap::new();
    lines.retain(|(_, line)| {
        let told = alike.entry(line.detector).or_default();
        *told += 1;
        *told <= ALIKE
    });
    lines.truncate(amount.timeline);
    lines.sort_by_key(|(at, _)| *at);
    let shown = lines.iter().map(|(_, line)| {
        let times = if line.count > 1 { format!(" ({}x)", line.count) } else { String::new() };
        let at = moment(line.time);
        let at = at.get(5..16).unwrap_or(&at);
        Part::Item(format!("{at} {}: {}{times}", line.severity.name().to_uppercase(), plain(&line.text, 160)))
    });
    let left_out = alert.finding_count.saturating_sub(lines.len());
    shown.chain(more(left_out, 0)).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_measured_is_told_in_words() {
        let evidence = |observed, expected, probability| {
            let mut evidence = Evidence::default();
            (evidence.observed, evidence.expected, evidence.probability) = (observed, expected, probability);
            evidence
        };
        let of = |observed, expected, probability| measured(&evidence(observed, expected, probability));
        let told = |expected, probability| of(Some(28.0), Some(expected), Some(probability)).unwrap();
        for (expected, probability, words) in [
            (0.001, 1e-12, "hardly any are usual; by chance that is so less than once in a billion"),
            (0.7, 0.002, "about 0.7 are usual; by chance that is so about once in 500"),
            (12.4, 1e-5, "about 12 are usual; by chance that is so about once in 100,000"),
            (12.6, 2e-8, "about 13 are usual; by chance that is so about once in 50 million"),
        ] {
            assert_eq!(told(expected, probability), format!(" 28 were counted where {words}."));
        }
        assert_eq!(of(None, Some(1.0), Some(0.1)), None);
        assert_eq!(of(Some(7.0), Some(1.0), None), None, "hours of silence are no count");
        let mut news = evidence(Some(5.0), Some(0.001), Some(1e-3));
        news.details.insert("first_uses", json!([]));
        assert_eq!(measured(&news).unwrap(), " By chance so much is new about once in 1000.");
    }
}
