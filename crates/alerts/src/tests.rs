//! What holds of all formats: golden files, published schemas, limits of services, and hostile text.

#[path = "../../../tests/golden.rs"]
mod files;

use crate::{Alert, asff, chat, digest, drill, email, eventbridge, ocsf, pagerduty, samples, slack};
use kmswatch_engine::finding::Severity;
use serde_json::{Value, json};
use std::path::Path;

/// Every format as JSON; an e-mail as its two texts.
fn formats(alert: &Alert) -> Vec<(&'static str, Value)> {
    let context = samples::context();
    let mail = email::email(alert, &context);
    let entry = eventbridge::entry(alert, &context);
    vec![
        ("email", json!({"subject": mail.subject, "body": mail.body})),
        ("chat", chat::notification(alert, &context)),
        ("slack", slack::message(alert, &context)),
        ("pagerduty", pagerduty::event(alert, &context)),
        ("ocsf", ocsf::detection_finding(alert, &context)),
        ("asff", asff::finding(alert, &context)),
        (
            "eventbridge",
            json!({"Source": entry.source, "DetailType": entry.detail_type, "Resources": entry.resources, "Detail": entry.detail}),
        ),
    ]
}

fn all_alerts() -> Vec<Alert> {
    let now = samples::context().now;
    let drill = Alert::of_incident(&drill::incident(Severity::Critical, now));
    let mut alerts = vec![samples::attack(), samples::unusual(), samples::bare(), samples::large(), drill];
    alerts.extend(samples::findings());
    alerts.extend(samples::corpus().iter().flat_map(|nasty| samples::hostile(nasty)));
    alerts
}

/// Compares with a file of `golden/`.
#[track_caller]
fn golden(name: &str, text: &str) {
    files::golden(Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name), text);
}

#[test]
fn an_incident_looks_like_this_in_each_format() {
    let mail = email::email(&samples::attack(), &samples::context());
    golden("incident.email.txt", &format!("Subject: {}\n\n{}", mail.subject, mail.body));
    for (name, value) in formats(&samples::attack()).into_iter().skip(1) {
        golden(&format!("incident.{name}.json"), &format!("{value:#}\n"));
    }
}

#[test]
fn a_finding_looks_like_this_in_the_formats_for_programs() {
    let [rule, rate] = samples::findings();
    let context = samples::context();
    golden("rule.ocsf.json", &format!("{:#}\n", ocsf::detection_finding(&rule, &context)));
    golden("rate.ocsf.json", &format!("{:#}\n", ocsf::detection_finding(&rate, &context)));
    golden("rule.asff.json", &format!("{:#}\n", asff::finding(&rule, &context)));
    let mail = email::email(&rate, &context);
    golden("rate.email.txt", &format!("Subject: {}\n\n{}", mail.subject, mail.body));
}

fn keeps_to(schema: &str, values: impl Iterator<Item = Value>) {
    let schema: Value = serde_json::from_str(schema).unwrap();
    assert!(jsonschema::draft202012::meta::is_valid(&schema), "the schema itself");
    let schema = jsonschema::draft202012::new(&schema).unwrap();
    for value in values {
        let errors: Vec<String> = schema
            .iter_errors(&value)
            .map(|error| format!("{}: {error:.200}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

#[test]
fn ocsf_keeps_to_the_published_schema() {
    let alerts = all_alerts();
    let context = samples::context();
    keeps_to(
        include_str!("../testdata/ocsf-1.8.0.schema.json"),
        alerts.iter().map(|alert| ocsf::detection_finding(alert, &context)),
    );
}

#[test]
fn asff_keeps_to_the_shapes_and_limits_of_security_hub() {
    let alerts = all_alerts();
    let context = samples::context();
    keeps_to(
        include_str!("../testdata/asff.schema.json"),
        alerts.iter().map(|alert| asff::finding(alert, &context)),
    );
}

#[test]
fn eventbridge_keeps_to_our_schema() {
    let alerts = all_alerts();
    let context = samples::context();
    keeps_to(eventbridge::SCHEMA, alerts.iter().map(|alert| eventbridge::entry(alert, &context).detail));
}

fn length(value: &Value) -> usize {
    value.as_str().unwrap().chars().count()
}

#[test]
fn no_limit_of_a_service_is_crossed() {
    for alert in all_alerts() {
        let context = samples::context();
        fits_mail(&email::email(&alert, &context));
        fits_chat(&chat::notification(&alert, &context));
        fits_slack(&slack::message(&alert, &context));

        let event = pagerduty::event(&alert, &context);
        assert!((1..=pagerduty::SUMMARY).contains(&length(&event["payload"]["summary"])));
        assert!(length(&event["dedup_key"]) <= pagerduty::DEDUP_KEY);
        assert!(event.to_string().len() <= pagerduty::EVENT);

        assert!(asff::finding(&alert, &context).to_string().len() <= asff::FINDING);
        fits_bus(&eventbridge::entry(&alert, &context));
    }
}

fn fits_bus(entry: &eventbridge::Entry) {
    let size = entry.source.len()
        + entry.detail_type.len()
        + entry.resources.iter().map(String::len).sum::<usize>()
        + entry.detail.to_string().len();
    assert!(size <= eventbridge::ENTRY, "{size}");
    assert!(!entry.source.starts_with("aws."));
}

fn fits_mail(mail: &email::Email) {
    assert!((1..=email::SUBJECT).contains(&mail.subject.len()), "{}", mail.subject);
    assert!(mail.subject.bytes().all(|b| (0x20..0x7f).contains(&b)), "{}", mail.subject);
    assert!(mail.subject.starts_with(|c: char| c.is_ascii_alphabetic()));
    assert!(mail.body.len() <= 256 << 10);
}

fn fits_chat(note: &Value) {
    let content = &note["content"];
    assert_eq!((&note["version"], &note["source"]), (&json!("1.0"), &json!("custom")));
    assert!(length(&content["title"]) <= chat::TITLE);
    assert!((1..=chat::DESCRIPTION).contains(&length(&content["description"])));
    let list = |name: &str| content[name].as_array().into_iter().flatten();
    assert!(list("nextSteps").all(|step| (1..=chat::NEXT_STEP).contains(&length(step))));
    assert!(list("keywords").all(|word| (1..=chat::KEYWORD).contains(&length(word))));
}

fn fits_slack(message: &Value) {
    let blocks = message["blocks"].as_array().unwrap();
    assert!(blocks.len() <= slack::BLOCKS);
    assert!(length(&message["text"]) <= slack::FALLBACK);
    for block in blocks {
        match block["type"].as_str().unwrap() {
            "header" => assert!((1..=slack::HEADER).contains(&length(&block["text"]["text"]))),
            "section" => assert!((1..=slack::SECTION).contains(&length(&block["text"]["text"]))),
            "context" => {
                let elements = block["elements"].as_array().unwrap();
                assert!(elements.len() <= 10);
                assert!(elements.iter().all(|element| (1..=2_000).contains(&length(&element["text"]))));
            }
            "actions" => {
                let elements = block["elements"].as_array().unwrap();
                assert!((1..=25).contains(&elements.len()));
                for button in elements {
                    assert!((1..=slack::BUTTON).contains(&length(&button["text"]["text"])));
                    assert!(length(&button["url"]) <= 3_000);
                }
            }
            other => panic!("{other}"),
        }
    }
    let sizes = blocks.iter().map(|block| block["text"]["text"].as_str().map_or(0, str::len));
    assert!(sizes.sum::<usize>() <= 4 * 13_000);
}

#[test]
fn a_digest_keeps_to_the_limits_and_comes_out_harmless_whatever_is_in_it() {
    let context = samples::context();
    let usual = samples::digest("a drill", 2);
    let mail = usual.email(&context);
    golden("digest.email.txt", &format!("Subject: {}\n\n{}", mail.subject, mail.body));
    golden("digest.slack.json", &format!("{:#}\n", usual.slack(&context)));
    golden("digest.eventbridge.json", &format!("{:#}\n", usual.entry().detail));
    let nasty = samples::corpus().into_iter().flat_map(|text| [(text.clone(), 1), (text, 200)]);
    let digests: Vec<_> =
        nasty.chain([("a drill".to_owned(), 0)]).map(|(text, n)| samples::digest(&text, n)).collect();
    for digest in &digests {
        let (mail, entry) = (digest.email(&context), digest.entry());
        let [chat, slack] = [digest.chat(&context), digest.slack(&context)];
        fits_mail(&mail);
        fits_chat(&chat);
        fits_slack(&slack);
        fits_bus(&entry);
        let mail = json!([mail.subject, mail.body]);
        for (format, value) in [("email", &mail), ("chat", &chat), ("slack", &slack), ("bus", &entry.detail)]
        {
            let mut all = Vec::new();
            texts(value, &mut all);
            all.into_iter().for_each(|text| harmless(format, text));
        }
    }
    keeps_to(digest::SCHEMA, digests.iter().map(|digest| digest.entry().detail));
}

#[test]
fn a_test_alert_says_at_once_that_it_is_none() {
    let alert = Alert::of_incident(&drill::incident(Severity::Info, samples::context().now));
    for (format, value) in formats(&alert) {
        let mut all = Vec::new();
        texts(&value, &mut all);
        assert!(
            all.iter().any(|text| text.contains("TEST of kmswatch alerts: nothing has happened")),
            "{format}"
        );
    }
}

/// All texts of a value, the names of members as well.
fn texts<'v>(value: &'v Value, out: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => out.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, out)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            out.push(name);
            texts(value, out);
        }),
        _ => {}
    }
}

#[test]
fn hostile_text_comes_out_harmless_in_each_format() {
    for nasty in samples::corpus() {
        for alert in samples::hostile(&nasty) {
            for (format, value) in formats(&alert) {
                let mut all = Vec::new();
                texts(&value, &mut all);
                for text in all {
                    harmless(format, text);
                }
            }
        }
    }
}

fn harmless(format: &str, text: &str) {
    let shown: String = text.chars().take(300).collect();
    for c in text.chars() {
        let breaks_lines = c == '\n';
        assert!(breaks_lines || !c.is_control(), "{format}: {c:?} in {shown}");
        let reorders = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{e0000}'..='\u{e0fff}');
        assert!(!reorders, "{format}: {c:?} in {shown}");
    }
    for marks in ["<script", "<img", "<!channel", "<!here", "<@U", "](http", "@channel", "@here", "@everyone"]
    {
        assert!(!text.contains(marks), "{format}: {marks} in {shown}");
    }
    // All links that are left are ours.
    for (at, _) in text.match_indices("://") {
        let link = text.get(..at).unwrap().rfind(|c: char| !c.is_ascii_alphabetic()).map_or(0, |at| at + 1);
        let link = text.get(link..).unwrap();
        let host = link.split('/').nth(2).unwrap_or_default();
        let ours = ["console.aws.amazon.com", "console.amazonaws.cn", "console.amazonaws-us-gov.com"];
        let ours = ours.iter().any(|ours| host == *ours || host.ends_with(&format!(".{ours}")));
        assert!(ours || link.starts_with("file://last-good-policy.json"), "{format}: {link:.80} in {shown}");
    }
    // A line that somebody forged would have to begin one.
    assert!(
        text.lines().all(|line| !line.starts_with("CRITICAL: forged") && !line.starts_with("Bcc:")),
        "{shown}"
    );
    assert!(text.chars().count() <= 70_000, "{format}: {}", text.len());
}

#[test]
fn formats_say_where_the_rest_is() {
    for (format, value) in formats(&samples::large()) {
        let mut all = Vec::new();
        texts(&value, &mut all);
        assert!(all.iter().any(|text| text.contains("--verbose --only ki-")), "{format}");
    }
    let large = samples::large();
    assert_eq!(large.key_count, 400);
    let mail = email::email(&large, &samples::context()).body;
    assert!(mail.contains("and 392 more"), "{mail:.3000}");
}

#[test]
fn alerts_about_one_incident_share_what_ties_them_together() {
    let ties = |alert: &Alert| {
        let context = samples::context();
        [
            chat::notification(alert, &context)["metadata"]["threadId"].clone(),
            pagerduty::event(alert, &context)["dedup_key"].clone(),
            asff::finding(alert, &context)["Id"].clone(),
            ocsf::detection_finding(alert, &context)["finding_info"]["uid"].clone(),
        ]
    };
    let first = samples::attack();
    let mut later = first.clone();
    later.news = crate::News::Worse;
    later.title = "It has become worse".to_owned();
    later.end = later.end.plus(3_600);
    assert_eq!(ties(&first), ties(&later));
    assert_ne!(ties(&first), ties(&samples::bare()));
}

/// Whether a pattern of EventBridge matches: each named member must hold one of the values.
fn matches(pattern: &Value, event: &Value) -> bool {
    match pattern {
        Value::Object(members) => {
            members.iter().all(|(name, inner)| event.get(name).is_some_and(|value| matches(inner, value)))
        }
        Value::Array(values) => match event {
            Value::Array(items) => items.iter().any(|item| values.contains(item)),
            one => values.contains(one),
        },
        _ => false,
    }
}

#[test]
fn the_example_rules_match_what_they_say() {
    let rules: Value = serde_json::from_str(include_str!("../schema/rules.json")).unwrap();
    let event = |alert: &Alert| {
        let entry = eventbridge::entry(alert, &samples::context());
        json!({"source": entry.source, "detail-type": entry.detail_type, "detail": entry.detail})
    };
    let matched = |alert: &Alert| -> Vec<&str> {
        let rules = rules.as_array().unwrap().iter();
        rules
            .filter(|rule| matches(&rule["pattern"], &event(alert)))
            .map(|rule| rule["name"].as_str().unwrap())
            .collect()
    };
    let mut attack = samples::attack();
    attack.news = crate::News::New;
    assert_eq!(matched(&attack), ["wake-somebody", "one-account", "deletions"]);
    attack.severity = Severity::High;
    assert_eq!(matched(&attack), ["look-today", "one-account", "deletions"]);
    assert!(matched(&samples::bare()).is_empty());
}
