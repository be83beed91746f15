//! # Key with outside material
//!
//! An account made its first key whose material KMS does not make.
//!
//! ## What it finds
//!
//! The first `CreateKey` of an account with the origin `EXTERNAL` (material is imported), `EXTERNAL_KEY_STORE` (material
//! stays with a proxy) or `AWS_CLOUDHSM`.
//!
//! ## Why it matters
//!
//! Who holds the material can take it away without waiting, and is the only one who can bring it back. For ransom an
//! intruder makes a key with material of his own, has data encrypted under it, and deletes the material.
//!
//! ## How it decides
//!
//! Found is the first key of an origin in an account that has been seen for `detectors.habit_days` days. *High* for
//! `EXTERNAL_KEY_STORE`, *medium* for `EXTERNAL`, *low* for `AWS_CLOUDHSM`, which lies in the account. What is done with
//! the material later is told by `imported_key_material` and `key_store_disrupted`.
//!
//! ## Parameters
//!
//! * `detectors.habit_days` (14): days for which the account must have been seen.
//!
//! ## False positives
//!
//! The first of the keys that a project brings with it, once.
//!
//! ## What it cannot see
//!
//! Keys made before the logs at hand begin: an account that has had such keys for long is not told from one that has not.
//!
//! ## What to do
//!
//! Ask the caller whose material it is and where it is kept. Until that is known, let nothing be encrypted under the key.
//!
//! ## References
//!
//! * AWS KMS developer guide, "Importing key material" and "External key stores"
//! * MITRE ATT&CK T1486, Data Encrypted for Impact

use super::impact::{look_further, on_key, short};
use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::event::Operation;
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::stage::Stage;
use crate::state::AccountState;
use crate::time::DAY;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "outside_key_material",
    title: "Key with outside material",
    severity: Severity::Medium,
    kind: FindingKind::Fact,
    stage: Some(Stage::ForeignKey),
    mitre: &[Technique { id: "T1486", name: "Data Encrypted for Impact" }],
    covers: &["N21", "P3", "P4"],
    reads: Reads::These(&[Operation::CreateKey]),
    page: page(include_str!("outside_key_material.rs")),
    look: Look::Account(judge),
};

fn judge(account: &str, state: &AccountState, estate: &Estate, found: &mut Vec<Finding>) {
    let known_for = estate.settings.detectors.habit_days.saturating_mul(DAY);
    for (origin, act) in &state.outside_material {
        if state.regions.first().is_none_or(|since| act.time.since(since) < known_for) {
            continue;
        }
        let (severity, holder) = match origin.as_str() {
            "EXTERNAL_KEY_STORE" => (Severity::High, "stays with a proxy outside AWS"),
            "EXTERNAL" => (Severity::Medium, "is imported, so somebody holds a copy"),
            _ => (Severity::Low, "lies in a CloudHSM cluster of the account"),
        };
        let mut finding = finding::of_act(&DETECTOR, act, &[account, origin]);
        finding.severity = severity;
        finding.title = format!("{{key}} is the first key of the account with the origin {origin}");
        finding.explanation = format!(
            "{} made {{key}} at {}. Its key material {holder}: who holds it decides whether data under the key can be \
             read. No such key was made in the account before, as far as the logs at hand tell.",
            short(&act.by.id),
            act.time
        );
        finding.evidence.details.insert("origin", origin.as_str().into());
        finding.runbook = vec![
            format!("See what it is and who made it: {}", on_key("kms describe-key", &finding)),
            format!("If nobody knows it, take it out of use: {}", on_key("kms disable-key", &finding)),
            look_further(&finding),
        ];
        found.push(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{KEY, OTHER_KEY, RecordBuilder, kms};
    use crate::pipeline::testing::{findings, only};
    use serde_json::Value;

    fn known() -> RecordBuilder {
        kms("ListKeys").at("2026-05-01T10:00:00Z")
    }

    fn made(day: u32, origin: &str) -> RecordBuilder {
        kms("CreateKey").set("requestParameters.origin", origin).at(&format!("2026-05-{day:02}T10:00:00Z"))
    }

    #[test]
    fn the_first_key_of_each_origin_has_its_severity() {
        for (origin, severity) in [
            ("EXTERNAL_KEY_STORE", Severity::High),
            ("EXTERNAL", Severity::Medium),
            ("AWS_CLOUDHSM", Severity::Low),
        ] {
            let finding = only(&DETECTOR, &[known(), made(20, origin)]);
            assert_eq!(finding.severity, severity);
            assert!(finding.title.ends_with(&format!("with the origin {origin}")));
            assert!(finding.runbook[1].contains(&format!("aws kms disable-key --key-id {KEY}")));
        }
    }

    #[test]
    fn only_the_first_is_found_in_any_order() {
        let second = made(25, "EXTERNAL").key(OTHER_KEY);
        for records in
            [[known(), made(20, "EXTERNAL"), second.clone()], [known(), second, made(20, "EXTERNAL")]]
        {
            assert_eq!(only(&DETECTOR, &records).key.unwrap().arn, KEY);
        }
        let early = [known(), made(2, "EXTERNAL"), made(20, "EXTERNAL").key(OTHER_KEY)];
        assert!(findings(&DETECTOR, &early).is_empty(), "it is the account's way");
    }

    #[test]
    fn an_account_that_has_just_been_met_is_not_known() {
        assert!(findings(&DETECTOR, &[known(), made(14, "EXTERNAL")]).is_empty());
        assert_eq!(findings(&DETECTOR, &[known(), made(15, "EXTERNAL")]).len(), 1);
        assert!(findings(&DETECTOR, &[made(20, "EXTERNAL")]).is_empty());
    }

    #[test]
    fn keys_of_kms_and_odd_origins_are_silent() {
        for origin in ["AWS_KMS", "", "EXTERNAL_"] {
            assert!(findings(&DETECTOR, &[known(), made(20, origin)]).is_empty(), "{origin}");
        }
        assert!(
            findings(&DETECTOR, &[known(), kms("CreateKey").set("requestParameters", Value::Null)])
                .is_empty()
        );
    }

    #[test]
    fn a_denied_or_failed_making_is_silent() {
        assert!(findings(&DETECTOR, &[known(), made(20, "EXTERNAL").denied()]).is_empty());
        assert!(
            findings(&DETECTOR, &[known(), made(20, "EXTERNAL").failed("LimitExceededException", "")])
                .is_empty()
        );
    }
}
