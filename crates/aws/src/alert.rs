//! What is sent to people and machines: a finding, in the forms that its readers need.
//!
//! All text that comes out of logs is hostile: control characters and marks that turn text around are taken out,
//! Markdown is escaped, lengths are capped.

use kmswatch_engine::finding::{Finding, Severity};
use serde_json::{Value, json};
use std::fmt::Write;

/// Longest text for people, in bytes. E-mail and chat cut off more anyway.
const TEXT_BYTES: usize = 16_000;
/// Longest JSON form, in bytes: three copies and the texts together stay under the 256 KiB of a message.
const JSON_BYTES: usize = 60_000;
/// Longest subject: what Amazon SNS takes.
const SUBJECT_CHARS: usize = 100;

/// A finding, ready to send.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Id of the finding.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// The detector that found it.
    pub detector: &'static str,
    /// One line of plain ASCII.
    pub subject: String,
    /// For people: plain text.
    pub text: String,
    /// For machines: the finding as `kmswatch replay --format jsonl` prints it, with `"schema"`.
    pub json: Value,
}

/// The name by which kmswatch knows its own alerts, should one come back to it.
pub const SCHEMA: &str = "kmswatch.alert.v1";

impl Alert {
    /// The alert about a finding.
    pub fn of(finding: &Finding) -> Alert {
        let mut body = serde_json::to_value(finding).unwrap_or_default();
        if body.to_string().len() > JSON_BYTES
            && let Some(evidence) = body.get_mut("evidence").and_then(Value::as_object_mut)
        {
            evidence.remove("details");
            evidence.insert("details_left_out".to_owned(), true.into());
        }
        if body.to_string().len() > JSON_BYTES {
            body = json!({ "id": finding.id, "detector": finding.detector, "severity": finding.severity,
                "kind": finding.kind, "title": cut(&finding.title, 1_000), "time": finding.time,
                "account": cut(&finding.account, 64), "region": cut(&finding.region, 64), "left_out": true });
        }
        if let Some(body) = body.as_object_mut() {
            body.insert("schema".to_owned(), SCHEMA.into());
        }
        Alert {
            id: finding.id.clone(),
            severity: finding.severity,
            detector: finding.detector,
            subject: subject(finding),
            text: text(finding),
            json: body,
        }
    }

    /// The form that Amazon Q Developer shows in chat channels (custom notification, version 1.0).
    pub fn chat(&self) -> Value {
        json!({
            "version": "1.0",
            "source": "custom",
            "id": self.id,
            "content": {
                "textType": "client-markdown",
                "title": markdown(&self.subject),
                "description": markdown(cut(&self.text, 3_000)),
            },
            "metadata": { "threadId": self.id, "eventType": self.detector },
        })
    }
}

fn subject(finding: &Finding) -> String {
    let line = format!("[kmswatch {}] {}", finding.severity, finding.title);
    let ascii = line.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' });
    ascii.take(SUBJECT_CHARS).collect::<String>().trim_end().to_owned()
}

fn text(finding: &Finding) -> String {
    let mut text = String::new();
    let line = |text: &mut String, name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "{name:<10}{}", plain(value));
        }
    };
    let _ = writeln!(text, "{}\n", plain(&finding.title));
    line(&mut text, "Severity", finding.severity.name());
    line(&mut text, "When", &format!("{} to {}", finding.time.start, finding.time.end));
    line(&mut text, "Where", &format!("account {}, {}", finding.account, finding.region));
    if let Some(actor) = &finding.principal {
        line(&mut text, "Who", &actor.id);
        line(&mut text, "Session", actor.session.as_deref().unwrap_or_default());
        line(&mut text, "Via", actor.via_service.as_deref().unwrap_or_default());
        line(&mut text, "From", actor.source.as_deref().unwrap_or_default());
    }
    if let Some(key) = &finding.key {
        line(&mut text, "Key", [key.aliases.join(", "), key.arn.clone()].join(" ").trim());
    }
    line(&mut text, "Events", &finding.evidence.count.to_string());
    let _ = writeln!(text, "\n{}", plain(&finding.explanation));
    if !finding.runbook.is_empty() {
        let _ = writeln!(text, "\nWhat to do:");
        for (n, step) in finding.runbook.iter().enumerate() {
            let _ = writeln!(text, "{}. {}", n + 1, plain(step));
        }
    }
    let ids: Vec<&str> = finding.evidence.event_ids.iter().take(5).map(String::as_str).collect();
    let _ = writeln!(text, "\nEvents, the first of them: {}", plain(&ids.join(", ")));
    let _ = writeln!(text, "Finding {} of detector {}.", finding.id, finding.detector);
    cut(&text, TEXT_BYTES).to_owned()
}

/// Text without characters that control a terminal or turn text around; line breaks stay.
fn plain(text: &str) -> String {
    let is_shown = |c: char| {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        c == '\n' || !(c.is_control() || turns)
    };
    text.chars().map(|c| if is_shown(c) { c } else { '\u{fffd}' }).collect()
}

/// Text with the marks of Markdown, of mentions and of links made harmless.
fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '*' | '_' | '`' | '~' | '[' | ']' | '\\' | '|' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '@' => escaped.push_str("@\u{200b}"),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// At most this many bytes.
fn cut(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod testing {
    use kmswatch_engine::detectors;
    use kmswatch_engine::finding::{Evidence, Finding, FindingKind, Severity, Span};
    use kmswatch_engine::time::Timestamp;

    /// A finding with this id, whose texts are `words`.
    pub(crate) fn finding(id: &str, severity: Severity, words: &str) -> Finding {
        let mut evidence = Evidence::default();
        evidence.add(Timestamp(1_770_000_000), "e1");
        Finding {
            id: id.to_owned(),
            detector: detectors::ALL[0].id,
            severity,
            kind: FindingKind::Rule,
            title: words.to_owned(),
            time: Span { start: Timestamp(1_770_000_000), end: Timestamp(1_770_000_000) },
            account: "111122223333".to_owned(),
            region: "eu-west-1".to_owned(),
            principal: None,
            key: None,
            evidence,
            mitre: &[],
            explanation: words.to_owned(),
            runbook: vec![words.to_owned()],
            rests_on_foreign: Vec::new(),
            sets_policy: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_controls_nothing() {
        let words = "a\u{1b}[31m\r\nb\u{202e}c <!channel> [x](http://evil) @all *b*";
        let alert = Alert::of(&testing::finding("kw-1", Severity::High, words));
        assert!(alert.subject.bytes().all(|byte| (32..127).contains(&byte)), "{}", alert.subject);
        assert!(
            !alert.text.contains('\u{1b}') && !alert.text.contains('\r') && !alert.text.contains('\u{202e}')
        );
        let chat = alert.chat()["content"]["description"].as_str().unwrap().to_owned();
        for mark in ["<!channel>", "[x](", "@all", " *b*"] {
            assert!(!chat.contains(mark), "{mark} in {chat}");
        }
    }

    #[test]
    fn an_alert_is_bounded_whatever_the_finding_holds() {
        let mut finding = testing::finding("kw-1", Severity::High, &"ü".repeat(200_000));
        finding.evidence.details.insert("policy", "x".repeat(100_000).into());
        let alert = Alert::of(&finding);
        assert!(alert.subject.len() <= SUBJECT_CHARS && alert.text.len() <= TEXT_BYTES);
        assert!(alert.json.to_string().len() <= JSON_BYTES + 100, "{}", alert.json.to_string().len());
        assert_eq!(alert.json["id"], "kw-1");
    }

    #[test]
    fn the_json_form_is_the_finding_with_the_name_of_its_schema() {
        let finding = testing::finding("kw-1", Severity::Low, "words");
        let mut alert = Alert::of(&finding).json;
        assert_eq!(alert.as_object_mut().unwrap().remove("schema").unwrap(), SCHEMA);
        assert_eq!(alert, serde_json::to_value(&finding).unwrap());
    }
}
