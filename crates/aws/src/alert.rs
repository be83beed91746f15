//! What is sent to people and machines: news of an incident, or a digest, in the forms that the sinks need
//! ([`kmswatch_alerts`]).

use kmswatch_alerts::{Context, Digest, News, chat, email, eventbridge, queries};
use kmswatch_engine::finding::Severity;
use kmswatch_engine::incident::{AlertKind, Incident};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The member by which kmswatch knows its own alerts, should one come back to it; also the source of its events.
pub const SOURCE: &str = eventbridge::SOURCE;
/// Longest form for machines, in bytes, so that it fits a message together with the forms for people. What is longer is
/// cut to what it is called and where all of it is.
const MACHINE_BYTES: usize = 150_000;
/// Detectors and combinations that are named for filters of subscriptions.
const NAMED: usize = 10;

/// News of an incident, or a digest, ready to send.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Id of the incident, or of the digest.
    pub id: String,
    /// Ids of the reasons for which it comes now; a digest has none.
    pub reasons: BTreeSet<String>,
    /// `new`, `worse`, `reminder` or `digest`.
    pub news: &'static str,
    /// How bad it is. Nobody is woken up for a digest: `info`.
    pub severity: Severity,
    /// Detectors and combinations behind it, at most ten.
    pub analytics: Vec<String>,
    /// The subject of an e-mail: printable ASCII.
    pub subject: String,
    /// For people: plain text.
    pub text: String,
    /// For chat channels, as Amazon Q Developer takes it.
    pub chat: Value,
    /// For machines (`crates/alerts/schema`), with `source`.
    pub json: Value,
    /// What kind of event it is on a bus.
    pub detail_type: &'static str,
    /// ARNs of the keys that it is about.
    pub resources: Vec<String>,
}

impl Alert {
    /// The alert about an incident as it stands, for those of its reasons that have these ids.
    pub fn of(incident: &Incident, reasons: &BTreeSet<String>, context: &Context) -> Alert {
        let mut alert = kmswatch_alerts::Alert::of_incident(incident);
        let told = incident.alerts.iter().flat_map(|moment| {
            let untold = moment.reasons.iter().filter(|reason| reasons.contains(&reason.id));
            untold.map(|reason| (moment.kind, reason.why.clone()))
        });
        let told: Vec<(AlertKind, String)> = told.collect();
        // What is new stays new, whatever else has happened since: nobody has heard of it.
        alert.news = match told.iter().map(|(kind, _)| *kind).max() {
            Some(AlertKind::Escalated) => News::Worse,
            Some(AlertKind::Reminder) => News::Reminder,
            Some(AlertKind::Opened) | None => News::New,
        };
        alert.reasons = told.into_iter().map(|(_, why)| why).collect();
        let email::Email { subject, body } = email::email(&alert, context);
        let entry = eventbridge::entry(&alert, context);
        let mut detail = entry.detail;
        if detail.to_string().len() > MACHINE_BYTES {
            detail = cut(&detail, &queries::replay(&alert, context));
        }
        name_source(&mut detail);
        Alert {
            id: incident.id.clone(),
            reasons: reasons.clone(),
            news: alert.news.name(),
            severity: alert.severity,
            analytics: alert.analytics.iter().take(NAMED).cloned().collect(),
            subject,
            text: body,
            chat: chat::notification(&alert, context),
            json: detail,
            detail_type: entry.detail_type,
            resources: entry.resources,
        }
    }

    /// A digest. Its lists are bounded, so that it fits a message as it is.
    pub fn of_digest(digest: &Digest, context: &Context) -> Alert {
        let email::Email { subject, body } = digest.email(context);
        let entry = digest.entry();
        let mut detail = entry.detail;
        name_source(&mut detail);
        Alert {
            id: format!("digest-{}", digest.to),
            reasons: BTreeSet::new(),
            news: "digest",
            severity: Severity::Info,
            analytics: Vec::new(),
            subject,
            text: body,
            chat: digest.chat(context),
            json: detail,
            detail_type: entry.detail_type,
            resources: entry.resources,
        }
    }
}

/// Names us in a form for machines: what comes back to us is known by it.
fn name_source(detail: &mut Value) {
    if let Some(members) = detail.as_object_mut() {
        members.insert("source".to_owned(), SOURCE.into());
    }
}

/// What it is called, and where all of it is.
fn cut(detail: &Value, all_of_it: &str) -> Value {
    let mut short = json!({ "left_out": true, "all_of_it": all_of_it });
    let kept =
        ["version", "id", "kind", "news", "severity", "title", "time", "accounts", "regions", "key_count"];
    if let Some(members) = short.as_object_mut() {
        for name in kept {
            members.insert(name.to_owned(), detail.get(name).cloned().unwrap_or_default());
        }
    }
    short
}

#[cfg(test)]
pub(crate) mod testing {
    use kmswatch_engine::detectors;
    use kmswatch_engine::finding::{Evidence, Finding, FindingKind, Severity, Span};
    use kmswatch_engine::incident::{Incident, Member, incidents};
    use kmswatch_engine::settings::Settings;
    use kmswatch_engine::time::Timestamp;
    use std::collections::BTreeSet;

    /// The incident of these findings, which must belong together.
    pub(crate) fn incident(findings: impl IntoIterator<Item = Finding>) -> Incident {
        let members = findings.into_iter().map(|finding| Member { finding, muted: false });
        let mut all = incidents(members, &Settings::default(), Timestamp(1_770_000_000), &BTreeSet::new());
        assert_eq!(all.len(), 1, "they are several incidents");
        all.remove(0)
    }

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
    use kmswatch_engine::finding::Finding;

    fn alert(finding: Finding) -> Alert {
        let incident = testing::incident([finding]);
        let reasons = incident.alerts.iter().flat_map(|moment| &moment.reasons);
        let reasons = reasons.map(|reason| reason.id.clone()).collect();
        Alert::of(&incident, &reasons, &Context::default())
    }

    #[test]
    fn all_forms_of_the_largest_finding_fit_one_message() {
        let mut finding = testing::finding("kw-1", Severity::High, &"ü\u{1b}".repeat(200_000));
        finding.runbook = vec!["x".repeat(50_000); 50];
        finding.evidence.details.insert("policy", "x".repeat(400_000).into());
        let alert = alert(finding);
        let bytes = alert.json.to_string().len() + alert.chat.to_string().len() + alert.text.len();
        assert!(bytes < 250_000, "{bytes}");
        assert!(!alert.text.contains('\u{1b}'));
        assert!(alert.subject.len() < 100 && alert.subject.is_ascii());
        assert!(alert.text.contains("--only") && alert.json["all_of_it"].is_string(), "{}", alert.text);
    }

    #[test]
    fn what_is_cut_for_machines_says_what_it_is_and_where_all_of_it_is() {
        let alert = alert(testing::finding("kw-1", Severity::High, "words"));
        let command = alert.json["all_of_it"].as_str().unwrap();
        let cut = cut(&alert.json, command);
        assert!(command.contains(&alert.id), "{command}");
        for name in ["id", "severity", "title", "time", "all_of_it"] {
            assert_eq!(cut[name], alert.json[name]);
        }
        assert_eq!(cut["left_out"], true);
    }

    #[test]
    fn the_form_for_machines_names_the_incident_and_us() {
        let alert = alert(testing::finding("kw-1", Severity::High, "words"));
        assert!(alert.id.starts_with("ki-"));
        assert_eq!((&alert.json["id"], &alert.json["source"]), (&alert.id.clone().into(), &SOURCE.into()));
        let ignored = crate::trigger::unwrap(&alert.json).unwrap().ignored;
        assert_eq!(ignored, [crate::trigger::Ignored::OwnAlert]);
    }

    #[test]
    fn an_alert_tells_the_reasons_that_it_is_for() {
        let (mut first, mut second) = (
            testing::finding("kw-1", Severity::Medium, "one"),
            testing::finding("kw-2", Severity::Critical, "two"),
        );
        for (finding, start) in [(&mut first, 1_770_000_000), (&mut second, 1_770_003_600)] {
            finding.key = Some(kmswatch_engine::finding::KeyName::of_arn("arn:aws:kms:r:a:key/k"));
            let at = kmswatch_engine::time::Timestamp(start);
            finding.time = kmswatch_engine::finding::Span { start: at, end: at };
        }
        let incident = testing::incident([first, second]);
        let told = |id: &str| Alert::of(&incident, &BTreeSet::from([id.to_owned()]), &Context::default());
        assert_eq!((told("opened").news, told("severity_critical").news), ("new", "worse"));
        assert_eq!(told("severity_critical").json["reasons"].as_array().map(Vec::len), Some(1));
    }
}
