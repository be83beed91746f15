//! Custom notification of Amazon Q Developer in chat applications (formerly AWS Chatbot), sent through SNS.
//!
//! Limits (guide of Amazon Q Developer in chat applications, "Custom notifications"): `title` 250 characters,
//! `description` 8,000, each of `nextSteps` 350, each of `keywords` 75. What does not keep to the schema is dropped by
//! the service without a word. The text is Markdown of the client: bold is `*x*`, code is in backticks.

use crate::alert::{Alert, Context, News};
use crate::body::set;
use crate::body::{self, Amount, Part, Section};
use crate::text::{cut, id, plain};
use kmswatch_engine::finding::Severity;
use serde_json::{Value, json};

/// Most characters of the parts.
pub const TITLE: usize = 250;
/// See [`TITLE`].
pub const DESCRIPTION: usize = 8_000;
/// See [`TITLE`].
pub const NEXT_STEP: usize = 350;
/// See [`TITLE`].
pub const KEYWORD: usize = 75;

const AMOUNT: Amount = Amount {
    principals: 3,
    keys: 5,
    reasons: 3,
    losses: 5,
    steps: 10,
    timeline: 12,
    looks: 1,
    queries: 0,
    text: 600,
    code: 700,
};
/// Steps that stand below the message.
const NEXT_STEPS: usize = 10;

/// The alert as a custom notification. Alerts about one incident share a thread.
pub fn notification(alert: &Alert, context: &Context) -> Value {
    let steps = alert.steps.iter().filter_map(|step| next_step(step)).take(NEXT_STEPS).collect::<Vec<_>>();
    let mut keywords = vec!["kms".to_owned(), alert.severity.name().to_owned()];
    keywords.extend(alert.analytics.iter().take(6).map(|name| plain(name, KEYWORD)));
    let related: Vec<String> = alert.keys.iter().take(10).map(|key| id(&key.arn, 256)).collect();
    let mut content = json!({
        "textType": "client-markdown",
        "title": cut(&format!("{} {}: {}", sign(alert), alert.severity.name().to_uppercase(), plain(&alert.title, TITLE)), TITLE),
        "description": description(alert, context),
        "keywords": keywords,
    });
    if !steps.is_empty() {
        set(&mut content, "nextSteps", json!(steps));
    }
    json!({
        "version": "1.0",
        "source": "custom",
        "id": format!("{}-{}", id(&alert.id, 60), alert.news.name()),
        "content": content,
        "metadata": {
            "threadId": id(&alert.id, 60),
            "summary": plain(&alert.title, TITLE),
            "eventType": if alert.is_incident { "kmswatch_incident" } else { "kmswatch_finding" },
            "relatedResources": related,
            "additionalContext": {
                "severity": alert.severity.name(),
                "account": id(alert.account(), 30),
                "region": id(alert.region(), 30),
                "news": alert.news.name(),
            },
        },
    })
}

fn sign(alert: &Alert) -> &'static str {
    match (alert.news, alert.severity) {
        (News::Reminder, _) => ":hourglass:",
        (_, Severity::Critical) => ":rotating_light:",
        (_, Severity::High) => ":warning:",
        _ => ":information_source:",
    }
}

/// A step that stands below the message, with its command if that fits.
fn next_step(step: &str) -> Option<String> {
    let (words, command) = crate::alert::words_and_command(step);
    let words = plain(words, 200);
    let text = match command {
        Some(command) => body::whole(command, NEXT_STEP)
            .map(|command| format!("{words}: `{}`", code(&command)))
            .filter(|text| text.chars().count() <= NEXT_STEP)
            .unwrap_or_else(|| format!("{words} (the command stands in the whole story)")),
        None => words,
    };
    Some(cut(&text, NEXT_STEP)).filter(|text| !text.is_empty())
}

fn description(alert: &Alert, context: &Context) -> String {
    let [name, rest] = body::footer(alert, context);
    let end = format!("\n{name}\n{rest}");
    let mut out = format!("{}\n", alert.place());
    // The steps stand below.
    let sections = body::sections(alert, context, &AMOUNT);
    write(sections.iter().filter(|section| section.title != "Do now"), &end, &mut out);
    cut(&(out + &end), DESCRIPTION)
}

/// Writes sections, those that fit before `end`, and names those that do not.
pub(crate) fn write<'s>(sections: impl Iterator<Item = &'s Section>, end: &str, out: &mut String) {
    let mut left_out = Vec::new();
    for section in sections {
        let text = written(section);
        // Room for the line that says what was cut.
        if out.chars().count() + text.chars().count() + end.chars().count() + 150 > DESCRIPTION {
            left_out.push(section.title);
        } else {
            out.push_str(&text);
        }
    }
    if !left_out.is_empty() {
        out.push_str(&format!("\n(left out for length: {})\n", left_out.join(", ")));
    }
}

fn written(section: &Section) -> String {
    let mut out = if section.title.is_empty() { String::new() } else { format!("\n*{}*\n", section.title) };
    for part in &section.parts {
        match part {
            Part::Labelled(label, text) => out.push_str(&format!("*{label}* {}\n", words(text))),
            Part::Text(text) => out.push_str(&format!("{}\n", words(text))),
            Part::Item(text) => out.push_str(&format!("• {}\n", words(text))),
            Part::Step(n, text) => out.push_str(&format!("{n}. {}\n", words(text))),
            Part::Code(text) => out.push_str(&format!("`{}`\n", code(&text.replace('\n', " ")))),
            Part::Link(link) => out.push_str(&format!("• {}: {}\n", words(&link.text), link.url)),
        }
    }
    out
}

/// Words in which signs of Markdown mean nothing: they become signs that look like them.
fn words(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '*' => '∗',
            '`' => '\'',
            '~' => '∼',
            '[' => '(',
            ']' => ')',
            c => c,
        })
        .collect()
}

/// Code in which no backtick ends it.
fn code(text: &str) -> String {
    text.replace('`', "'")
}
