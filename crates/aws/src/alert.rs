//! What is sent to people and machines: a finding, in the forms that the sinks need ([`kmswatch_alerts`]).

use kmswatch_alerts::{Context, chat, email, eventbridge};
use kmswatch_engine::finding::{Finding, Severity};
use serde_json::{Value, json};

/// The member by which kmswatch knows its own alerts, should one come back to it; also the source of its events.
pub const SOURCE: &str = eventbridge::SOURCE;
/// Longest form for machines, in bytes, so that it fits a message together with the forms for people. No finding
/// comes near it: what is longer is cut to what it is called.
const MACHINE_BYTES: usize = 150_000;

/// A finding, ready to send.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Id of the finding.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// The detector that found it.
    pub detector: &'static str,
    /// The subject of an e-mail: printable ASCII.
    pub subject: String,
    /// For people: plain text.
    pub text: String,
    /// For chat channels, as Amazon Q Developer takes it.
    pub chat: Value,
    /// For machines (`crates/alerts/schema/alert.schema.json`), with `source`.
    pub json: Value,
    /// What kind of event it is on a bus.
    pub detail_type: &'static str,
    /// ARNs of the keys that it is about.
    pub resources: Vec<String>,
}

impl Alert {
    /// The alert about a finding.
    pub fn of(finding: &Finding, context: &Context) -> Alert {
        let alert = kmswatch_alerts::Alert::of_finding(finding);
        let email::Email { subject, body } = email::email(&alert, context);
        let entry = eventbridge::entry(&alert, context);
        let mut detail = entry.detail;
        if detail.to_string().len() > MACHINE_BYTES {
            detail = json!({ "version": eventbridge::VERSION, "id": finding.id, "kind": "finding",
                "severity": finding.severity, "title": kmswatch_alerts::text::plain(&finding.title, 500),
                "left_out": true });
        }
        if let Some(members) = detail.as_object_mut() {
            members.insert("source".to_owned(), SOURCE.into());
        }
        Alert {
            id: finding.id.clone(),
            severity: finding.severity,
            detector: finding.detector,
            subject,
            text: body,
            chat: chat::notification(&alert, context),
            json: detail,
            detail_type: entry.detail_type,
            resources: entry.resources,
        }
    }
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
    fn all_forms_of_the_largest_finding_fit_one_message() {
        let mut finding = testing::finding("kw-1", Severity::High, &"ü\u{1b}".repeat(200_000));
        finding.runbook = vec!["x".repeat(50_000); 50];
        finding.evidence.details.insert("policy", "x".repeat(400_000).into());
        let alert = Alert::of(&finding, &Context::default());
        let bytes = alert.json.to_string().len() + alert.chat.to_string().len() + alert.text.len();
        assert!(bytes < 250_000, "{bytes}");
        assert!(!alert.text.contains('\u{1b}'));
        assert!(alert.subject.len() < 100 && alert.subject.is_ascii());
    }

    #[test]
    fn the_form_for_machines_names_the_finding_and_us() {
        let alert = Alert::of(&testing::finding("kw-1", Severity::Low, "words"), &Context::default());
        assert_eq!((&alert.json["id"], &alert.json["source"]), (&"kw-1".into(), &SOURCE.into()));
        let ignored = crate::trigger::unwrap(&alert.json).unwrap().ignored;
        assert_eq!(ignored, [crate::trigger::Ignored::OwnAlert]);
    }
}
