//! # Key disabled
//!
//! Somebody disabled a KMS key.
//!
//! ## What it finds
//!
//! Each successful `DisableKey`, followed until an `EnableKey` undoes it. Denied attempts too, one finding for
//! each principal and day.
//!
//! ## Why it matters
//!
//! Within minutes nothing can be encrypted or decrypted with the key: services stop, and it costs the intruder one
//! call. It often comes right before a deletion.
//!
//! ## How it decides
//!
//! *High* if another principal used the key in the 30 days before, else *medium*; *low* once the key was enabled
//! again. The finding says who used the key, through which services, and for which resources. A denied attempt is
//! *low*, attempts on several keys on one day are *medium*.
//!
//! ## False positives
//!
//! Disabling a key for some weeks before deleting it is good practice. Then nobody used it lately.
//!
//! ## What it cannot see
//!
//! Uses of the key before the logs at hand begin.
//!
//! ## What to do
//!
//! Enable the key, which can be undone at any time. Then find out who did it and why.
//!
//! ## References
//!
//! * AWS KMS developer guide, "Enable and disable keys"
//! * MITRE ATT&CK T1489, Service Stop

use super::impact::{Impact, look_further, on_key, short};
use super::{Detector, Look, denied, page};
use crate::estate::Estate;
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::state::{Act, ActKind, KeyState, PrincipalState};
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "key_disabled",
    title: "Key disabled",
    severity: Severity::Medium,
    kind: FindingKind::Fact,
    mitre: &[Technique { id: "T1489", name: "Service Stop" }],
    page: page(include_str!("key_disabled.rs")),
    look: Look::Several(&[Look::Key(judge), Look::Principal(attempts)]),
};

fn judge(key: &str, state: &KeyState, _: &Estate, found: &mut Vec<Finding>) {
    let timeline = state.timeline();
    for (at, act) in timeline.iter().enumerate().filter(|(_, act)| act.kind == ActKind::Disable) {
        let later = timeline.get(at + 1..).unwrap_or_default();
        // Enabling undoes the last disabling before it; of two in a row the second did nothing, but may be by
        // somebody else, so both are told as undone.
        let enabled = later.iter().copied().find(|later| later.kind == ActKind::Enable);
        found.push(disabled(key, state, act, enabled));
    }
}

fn disabled(key: &str, state: &KeyState, act: &Act, enabled: Option<&Act>) -> Finding {
    let mut finding = finding::of_act(&DETECTOR, act, &[key, &act.event_id]);
    let impact = Impact::of(state, act);
    impact.describe(&mut finding);
    finding.severity = match enabled {
        Some(_) => Severity::Low,
        None if impact.is_felt() => Severity::High,
        None => Severity::Medium,
    };
    let who = short(&act.by.id);
    let now = match enabled {
        Some(enabled) => {
            finding.add_act(enabled);
            let undone = json!({"at": enabled.time, "by": enabled.by.id, "event_id": enabled.event_id});
            finding.evidence.details.insert("enabled", undone);
            finding.title = "{key} was disabled and enabled again".to_owned();
            format!("{} enabled it again at {}.", short(&enabled.by.id), enabled.time)
        }
        None => {
            finding.title = "{key} was disabled".to_owned();
            "Until somebody enables it, all encryption and decryption with it fails.".to_owned()
        }
    };
    finding.explanation = format!("{who} disabled {{key}} at {}. {now} {}", act.time, impact.sentence());
    if enabled.is_none() {
        finding.runbook.push(format!("Make the key usable again: {}", on_key("kms enable-key", &finding)));
    }
    finding.runbook.push(format!("See its state: {}", on_key("kms describe-key", &finding)));
    finding.runbook.push(look_further(&finding));
    finding
}

fn attempts(principal: &str, state: &PrincipalState, _: &Estate, found: &mut Vec<Finding>) {
    let severities = [Severity::Low, Severity::Medium];
    denied::judge(&DETECTOR, ActKind::Disable, severities, (principal, state), found);
}
