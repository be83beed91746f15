//! Rules that users write, beside the detectors: what one says of itself, and the finding that comes of it.
//!
//! Which rules hold for a record is not decided here. A shell gives its workers something that knows
//! ([`crate::pipeline::Worker::with_rules`]), and that brings a language and the cost of it; without it there is no cost.

use super::deed::{self, Deed};
use super::impact::short;
use super::{Detector, Look, Reads};
use crate::event::Event;
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::runbook;
use std::fmt;

/// What the ids of all rules begin with, so that none is taken for a detector.
pub const PREFIX: &str = "sigma/";

/// A rule of the user. Findings name it for as long as the process lives, so it is never given back.
#[derive(Debug)]
pub struct UserRule {
    /// What it has in common with a detector.
    pub detector: Detector,
    /// What it finds and why, in the words of its author.
    pub description: String,
    /// What to do, in the words of its author.
    pub steps: Vec<String>,
    /// When it errs, in the words of its author.
    pub false_positives: Vec<String>,
}

/// Something that knows which rules hold for a record.
pub trait UserRules: fmt::Debug + Send + Sync {
    /// The rules that hold for a record, which is JSON text, and for the event that it became.
    ///
    /// # Errors
    /// Why they cannot be asked about this record; it becomes a problem of the object.
    fn holding(&self, record: &str, event: &Event<'_>) -> Result<Vec<&'static UserRule>, String>;
}

/// What a rule has in common with a detector: one event is enough, and it knows no State.
pub fn detector(
    id: &'static str,
    title: &'static str,
    severity: Severity,
    mitre: &'static [Technique],
) -> Detector {
    Detector {
        id,
        title,
        severity,
        kind: FindingKind::Rule,
        stage: None,
        mitre,
        covers: &[],
        reads: Reads::All,
        page: "",
        look: Look::Several(&[]),
    }
}

/// The finding of a rule that holds for an event: one for each principal, key, call and UTC day.
pub(crate) fn found(rule: &'static UserRule, event: &Event<'_>) -> Finding {
    let key = event.key.as_ref().map_or("", |key| &key.arn);
    let deed = Deed::of(event);
    let suffix = deed.map_or(" (without effect)", Deed::suffix);
    // What was done and what was only tried are two findings, so that neither is told as the other.
    let about = [event.principal.id.as_ref(), key, &event.name, suffix];
    let mut finding = finding::of_event(&rule.detector, event, &about);
    let (who, name) = (deed::clip(short(&event.principal.id)), deed::clip(&event.name));
    finding.title = format!("{}: {name} by {who}{suffix}", rule.detector.title);
    let on = if event.key.is_some() { " on {key}" } else { "" };
    finding.explanation = format!(
        "{}{who} called {name}{on} at {}. It is found by a rule of your own, {}.",
        deed.map_or("The call failed, or was a dry run. ", Deed::preface),
        event.time,
        rule.detector.id
    );
    if !rule.description.is_empty() {
        finding.explanation.push_str(&format!(" {}", rule.description));
    }
    if !rule.false_positives.is_empty() {
        finding
            .explanation
            .push_str(&format!(" Its author knows of false positives: {}.", rule.false_positives.join("; ")));
    }
    if let Some(deed) = deed {
        deed.tell(&mut finding);
    }
    finding.runbook.clone_from(&rule.steps);
    let region = [("region", event.region.as_ref())];
    finding.runbook.push(format!("See the call: {}", runbook::look_up("EventId", event.act_id(), &region)));
    finding.runbook.push(format!("See what else the caller did: {}", deed::look_up_actor(event)));
    finding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::Estate;
    use crate::event::testing::{ACCOUNT, kms};
    use crate::pipeline::{Filter, Watch, Worker};
    use crate::settings::Settings;
    use crate::{incident, tuning};
    use std::collections::BTreeSet;
    use std::sync::Arc;

    static RULE: UserRule = UserRule {
        detector: Detector {
            id: "sigma/keys_disabled",
            title: "Keys disabled",
            severity: Severity::High,
            kind: FindingKind::Rule,
            stage: None,
            mitre: &[],
            covers: &[],
            reads: Reads::All,
            page: "",
            look: Look::Several(&[]),
        },
        description: String::new(),
        steps: Vec::new(),
        false_positives: Vec::new(),
    };

    /// Holds for every DisableKey; cannot be asked about anything else but Decrypt.
    #[derive(Debug)]
    struct Disabled;

    impl UserRules for Disabled {
        fn holding(&self, record: &str, event: &Event<'_>) -> Result<Vec<&'static UserRule>, String> {
            assert!(record.contains(event.name.as_ref()));
            match event.name.as_ref() {
                "DisableKey" => Ok(vec![&RULE]),
                "Decrypt" => Ok(Vec::new()),
                _ => Err("not this one".to_owned()),
            }
        }
    }

    fn watch(records: &[crate::event::testing::RecordBuilder]) -> Watch {
        let records: Vec<String> = records.iter().map(crate::event::testing::RecordBuilder::text).collect();
        let text = format!("{{\"Records\":[{}]}}", records.join(","));
        let estate = Estate::default();
        let mut worker = Worker::with_rules(Some(Arc::new(Disabled)));
        let mut watch = Watch::new(estate.clone());
        watch.absorb(worker.process(text.as_bytes(), &estate, &Filter::default()));
        watch
    }

    fn found_by_rule(watch: &Watch) -> Vec<Finding> {
        let mut findings = watch.findings();
        findings.retain(|finding| finding.detector == RULE.detector.id);
        findings
    }

    #[test]
    fn a_rule_finds_what_it_holds_for_once_a_day_principal_and_key() {
        let disabled = kms("DisableKey").by_user(ACCOUNT, "mallory");
        let watch = watch(&[
            disabled.clone().at("2026-05-04T10:00:00Z"),
            disabled.clone().at("2026-05-04T11:00:00Z"),
            disabled.at("2026-05-05T10:00:00Z"),
            kms("Decrypt"),
        ]);
        let findings = found_by_rule(&watch);
        assert_eq!(findings.iter().map(|finding| finding.evidence.count).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(findings[0].severity, Severity::High);
        assert_eq!(findings[0].title, "Keys disabled: DisableKey by user/mallory");
        assert!(findings[0].explanation.contains("a rule of your own, sigma/keys_disabled"));
        let key = "1234abcd-12ab-34cd-56ef-1234567890ab";
        assert!(findings[0].explanation.starts_with(&format!("user/mallory called DisableKey on {key} at ")));
    }

    #[test]
    fn a_call_without_a_key_names_none() {
        kms("ListKeys").remove("resources").remove("requestParameters").event(|event| {
            assert!(event.key.is_none());
            assert!(found(&RULE, event).explanation.starts_with("role/payments-api called ListKeys at "));
        });
    }

    #[test]
    fn what_was_only_tried_says_so() {
        let titles = |record| found_by_rule(&watch(&[record])).remove(0).title;
        assert!(titles(kms("DisableKey").denied()).ends_with("(attempted, denied)"));
        let failed = kms("DisableKey").failed("KMSInvalidStateException", "");
        assert!(titles(failed.clone()).ends_with("(without effect)"));
        assert_eq!(found_by_rule(&watch(&[failed, kms("DisableKey")])).len(), 2, "beside one that was done");
    }

    #[test]
    fn the_words_of_the_author_are_in_the_finding() {
        let rule: &'static UserRule = Box::leak(Box::new(UserRule {
            detector: detector("sigma/x", "X", Severity::Low, &[]),
            description: "Somebody did it.".to_owned(),
            steps: vec!["Ask the platform team.".to_owned()],
            false_positives: vec!["Terraform".to_owned(), "exercises".to_owned()],
        }));
        kms("DisableKey").event(|event| {
            let finding = found(rule, event);
            assert!(finding.explanation.contains("Somebody did it."));
            assert!(finding.explanation.contains("false positives: Terraform; exercises."));
            assert_eq!(finding.runbook[0], "Ask the platform team.");
            assert!(finding.runbook[1].contains("lookup-events"));
        });
    }

    #[test]
    fn a_record_that_rules_cannot_be_asked_about_is_a_problem_and_not_lost() {
        let watch = watch(&[kms("Encrypt"), kms("DisableKey")]);
        let summary = watch.summary();
        assert_eq!((summary.problems, summary.broken_records, summary.kms_events), (1, 0, 2));
        assert_eq!(found_by_rule(&watch).len(), 1);
    }

    #[test]
    fn a_finding_of_a_rule_is_staged_muted_and_part_of_an_incident_as_any_other() {
        let watch = watch(&[kms("DisableKey")]);
        let now = watch.last_event().unwrap();
        let mut settings = Settings::default();
        let tuned = tuning::tune(watch.findings(), &settings, now);
        assert_eq!(tuned.told.len(), 2, "the rule, and key_disabled");
        let members = tuned
            .told
            .into_iter()
            .map(|finding| incident::Member { finding, muted: false })
            .collect::<Vec<_>>();
        let incidents = incident::incidents(members, &settings, now, &BTreeSet::new());
        assert_eq!((incidents.len(), incidents[0].finding_count), (1, 2));
        settings.detectors.staged = vec![RULE.detector.id.to_owned()];
        assert_eq!(tuning::tune(watch.findings(), &settings, now).staged.len(), 1);
    }
}
