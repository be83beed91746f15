//! A Slack message in Block Kit, for incoming webhooks and `chat.postMessage`.
//!
//! Limits (Slack, "Block Kit" reference): 50 blocks a message, a header of 150 characters, a section of 3,000, 10
//! elements a context block of which each text has at most 2,000 here, 25 elements an actions block, 75 characters on a
//! button, 3,000 of a link. `&`, `<` and `>` are escaped; texts are marked `verbatim`, so that Slack makes no links,
//! mentions or channels of what they hold.

use crate::alert::{Alert, Context, News};
use crate::body::{self, Amount, Part, Section};
use crate::links;
use crate::text::{cut, plain};
use kmswatch_engine::finding::Severity;
use serde_json::{Value, json};

/// Most blocks of a message.
pub const BLOCKS: usize = 50;
/// Most characters of a header.
pub const HEADER: usize = 150;
/// Most characters of a section.
pub const SECTION: usize = 3_000;
/// Most characters of a button.
pub const BUTTON: usize = 75;
/// Most characters of all sections together. Slack names no such limit, but refuses longer messages
/// (`msg_blocks_too_long`, from some 13,000 on).
pub const MESSAGE: usize = 11_000;
/// Most characters of the text that stands in notifications.
pub const FALLBACK: usize = 4_000;

const AMOUNT: Amount = Amount {
    principals: 3,
    keys: 6,
    reasons: 4,
    losses: 6,
    steps: 12,
    timeline: 15,
    looks: 2,
    queries: 0,
    text: 900,
    code: 1_200,
};

/// The alert as a message.
pub fn message(alert: &Alert, context: &Context) -> Value {
    let severity = alert.severity.name().to_uppercase();
    let title = cut(&format!("{} {severity}: {}", sign(alert.severity), plain(&alert.title, HEADER)), HEADER);
    let mut blocks = vec![
        json!({"type": "header", "text": {"type": "plain_text", "text": title, "emoji": true}}),
        json!({"type": "context", "elements": [mrkdwn(&format!(
            "*{severity}*, {} · {}",
            news(alert.news),
            escaped(&alert.place()),
        ))]}),
    ];
    let left_out = write(&body::sections(alert, context, &AMOUNT), &mut blocks);
    let buttons: Vec<Value> = links::of(alert)
        .into_iter()
        .enumerate()
        .map(|(at, link)| {
            let text = json!({"type": "plain_text", "text": cut(&link.text, BUTTON), "emoji": false});
            json!({"type": "button", "text": text, "url": link.url, "action_id": format!("link_{at}")})
        })
        .collect();
    if !buttons.is_empty() {
        blocks.push(json!({"type": "actions", "elements": buttons}));
    }
    let [name, rest] = body::footer(alert, context);
    let cut_off = if left_out > 0 { format!("{left_out} parts left out. ") } else { String::new() };
    blocks.push(json!({"type": "context", "elements": [
        mrkdwn(&escaped(&name)),
        mrkdwn(&cut(&format!("{cut_off}{}", escaped(&rest)), 2_000)),
    ]}));
    let fallback = format!("{severity}: {} ({})", plain(&alert.title, 1_000), alert.place());
    json!({"text": cut(&escaped(&fallback), FALLBACK), "blocks": blocks, "unfurl_links": false, "unfurl_media": false})
}

/// Adds sections as blocks, those that fit beside buttons and footer; gives how many do not.
pub(crate) fn write(sections: &[Section], blocks: &mut Vec<Value>) -> usize {
    let (mut length, mut left_out) = (0, 0);
    for text in sections.iter().flat_map(chunks) {
        length += text.chars().count();
        if length <= MESSAGE && blocks.len() < BLOCKS - 2 {
            blocks.push(json!({"type": "section", "text": mrkdwn(&text)}));
        } else {
            left_out += 1;
        }
    }
    left_out
}

fn news(news: News) -> &'static str {
    match news {
        News::New => "new",
        News::Worse => "it has become worse",
        News::Reminder => "reminder",
    }
}

fn sign(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => ":rotating_light:",
        Severity::High => ":warning:",
        Severity::Medium => ":large_yellow_circle:",
        Severity::Low | Severity::Info => ":information_source:",
    }
}

pub(crate) fn mrkdwn(text: &str) -> Value {
    json!({"type": "mrkdwn", "text": text, "verbatim": true})
}

/// The section in texts that each fit a block, cut between parts.
fn chunks(section: &Section) -> Vec<String> {
    let heading = if section.title.is_empty() { String::new() } else { format!("*{}*\n", section.title) };
    let mut chunks = vec![heading.clone()];
    for part in &section.parts {
        let line = match part {
            Part::Labelled(label, text) => format!("*{label}* {}\n", words(text)),
            Part::Text(text) => format!("{}\n", words(text)),
            Part::Item(text) => format!("• {}\n", words(text)),
            Part::Step(n, text) => format!("{n}. {}\n", words(text)),
            Part::Code(text) => format!("```{}```\n", escaped(&text.replace('`', "'"))),
            // Links are buttons.
            Part::Link(_) => continue,
        };
        // Escaping makes texts longer; a part that is still too long is cut where no entity is torn.
        let line = if line.chars().count() > SECTION - 100 { cut_escaped(&line) } else { line };
        match chunks.last_mut() {
            Some(last) if last.chars().count() + line.chars().count() <= SECTION => last.push_str(&line),
            _ => chunks.push(line),
        }
    }
    // A heading under which all that stood are links.
    chunks.retain(|chunk| *chunk != heading);
    chunks
}

fn cut_escaped(line: &str) -> String {
    let text = cut(line, SECTION - 100);
    match text.rfind('&') {
        Some(at) if !text.get(at..).is_some_and(|rest| rest.contains(';')) => {
            format!("{}…\n", text.get(..at).unwrap_or_default())
        }
        _ => format!("{text}\n"),
    }
}

/// Words in which signs of mrkdwn mean nothing: they become signs that look like them.
fn words(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| match c {
            '*' => '∗',
            '`' => '\'',
            '~' => '∼',
            c => c,
        })
        .collect();
    escaped(&plain)
}

/// What Slack asks to be escaped.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
