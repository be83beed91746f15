//! # Break-glass in use
//!
//! ## What it finds
//!
//! Any KMS call by a principal that you have declared to be kept for emergencies, but for looking around.
//!
//! ## Why it matters
//!
//! Break-glass roles can do much and are used hardly ever, so nobody notices when somebody else uses them.
//!
//! ## How it decides
//!
//! The principal of each call is compared with `estate.break_glass`. High: a key is used, or something is changed. Low:
//! the role only looks (`Describe`, `List`, `Get`). Denied calls are lower. One finding for each principal, sort of use
//! and UTC day.
//!
//! ## Parameters
//!
//! `estate.break_glass`: ARNs of principals without paths, `*` for any text. Empty: nothing is found.
//!
//! ## False positives
//!
//! An exercise, or an emergency: both are worth an entry in somebody's log.
//!
//! ## What it cannot see
//!
//! What the role does in other services.
//!
//! ## What to do
//!
//! Ask those who guard the role whether they opened it. If nobody did, revoke its sessions and change what guards it.
//!
//! ## References
//!
//! * AWS Well-Architected Framework, "Establish emergency access process"
//! * MITRE ATT&CK v18: T1078.004

use super::deed::{self, Deed};
use super::impact::short;
use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::event::operation::Category;
use crate::event::{Event, Source};
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::policy::action::glob;
use crate::stage::Stage;
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "break_glass_use",
    title: "Break-glass in use",
    severity: Severity::High,
    kind: FindingKind::Rule,
    stage: Some(Stage::FirstUse),
    mitre: &[Technique { id: "T1078.004", name: "Valid Accounts: Cloud Accounts" }],
    covers: &["N36"],
    reads: Reads::All,
    page: page(include_str!("break_glass_use.rs")),
    look: Look::Event(look),
};

fn look(event: &Event<'_>, estate: &Estate) -> Option<Finding> {
    let guarded = &estate.settings.estate.break_glass;
    if event.source != Source::Kms || !guarded.iter().any(|pattern| glob(pattern, &event.principal.id)) {
        return None;
    }
    let deed = Deed::of(event)?;
    let (severity, sort) = match event.operation.info().category {
        Category::Discovery => (Severity::Low, "looked at keys"),
        Category::Cryptographic => (Severity::High, "used a key"),
        _ => (Severity::High, "changed something"),
    };
    let mut finding = finding::of_event(&DETECTOR, event, &[&event.principal.id, sort]);
    finding.severity = deed.severity(severity);
    let who = deed::clip(short(&event.principal.id));
    finding.title =
        format!("{who}, kept for emergencies, {sort} ({}){}", deed::clip(&event.name), deed.suffix());
    finding.explanation = format!(
        "{}{who} is declared in estate.break_glass to be kept for emergencies, and called {}. It does not prove misuse: \
         an exercise looks the same.",
        deed.preface(),
        deed::clip(&event.name),
    );
    finding.runbook = vec![
        format!("Ask those who guard {who} whether they opened it."),
        format!("See what else the caller did: {}", deed::look_up_actor(event)),
    ];
    deed.tell(&mut finding);
    finding.evidence.details.insert("operation", json!(deed::clip(&event.name)));
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, RecordBuilder, kms};
    use crate::pipeline::testing::findings_with;
    use crate::settings::Settings;

    fn found(records: &[RecordBuilder]) -> Vec<Finding> {
        let mut settings = Settings::default();
        settings.estate.break_glass = vec![format!("arn:aws:iam::{ACCOUNT}:role/Break*")];
        findings_with(&DETECTOR, records, &settings)
    }

    fn by_guarded(name: &str) -> RecordBuilder {
        kms(name).by_role(ACCOUNT, "BreakGlass", "alice")
    }

    #[test]
    fn a_use_and_a_change_are_high() {
        for (name, sort) in [("Decrypt", "used a key"), ("DisableKey", "changed something")] {
            let findings = found(&[by_guarded(name)]);
            assert_eq!(findings.len(), 1);
            assert_eq!(findings[0].severity, Severity::High);
            assert_eq!(findings[0].title, format!("role/BreakGlass, kept for emergencies, {sort} ({name})"));
        }
    }

    #[test]
    fn looking_around_is_low() {
        assert_eq!(found(&[by_guarded("DescribeKey")])[0].severity, Severity::Low);
    }

    #[test]
    fn a_denied_call_is_less() {
        assert_eq!(found(&[by_guarded("Decrypt").denied()])[0].severity, Severity::Medium);
    }

    #[test]
    fn other_principals_are_left_alone() {
        assert!(found(&[kms("Decrypt"), kms("Decrypt").by_role(ACCOUNT, "Glass", "x")]).is_empty());
    }

    #[test]
    fn without_the_setting_nothing_is_found() {
        assert!(findings_with(&DETECTOR, &[by_guarded("Decrypt")], &Settings::default()).is_empty());
    }

    #[test]
    fn calls_that_fail_are_left_alone() {
        assert!(found(&[by_guarded("Decrypt").failed("ValidationException", "x")]).is_empty());
    }
}
