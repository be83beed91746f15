//! # Imported key material
//!
//! Imported key material was deleted, or was given a short life.
//!
//! ## What it finds
//!
//! * `DeleteImportedKeyMaterial` that succeeded, and denied attempts at it (one finding for each principal and
//!   day);
//! * `ImportKeyMaterial` with material that expires soon;
//! * the service event `DeleteExpiredKeyMaterial`: material has expired, with whether that was to be expected.
//!
//! ## Why it matters
//!
//! Deleting imported material works at once: there is no waiting period as with keys. Only who still holds the
//! very same material can bring it back, and if the intruder imported it, that is the intruder. Material with a
//! short life does the same later, and by itself.
//!
//! ## How it decides
//!
//! Deletion is *critical*, whoever used the key (and says so if the log is encrypted with it); *medium* once material was imported again. An import is *high* if
//! its `validTo` is sooner than `short_expiry_days` after the call and the material expires (which is what KMS
//! takes where the call does not say). An expiry is *high* if no import with that `validTo` is known, *medium* if
//! one is, *low* once material was imported again. A denied deletion is *medium*, on several keys *high*.
//!
//! ## Parameters
//!
//! * `detectors.short_expiry_days` (7): an expiry sooner than this many days after the import is short. KMS allows
//!   up to 365. Larger finds more.
//!
//! ## False positives
//!
//! Regular re-imports with a short life, as some organisations prefer: raise or lower the parameter. Tests of the
//! import.
//!
//! ## What it cannot see
//!
//! Whether anybody still holds the material. Imports from before the logs at hand begin.
//!
//! ## What to do
//!
//! Import the same material again, from where it is kept. Without it the data is lost.
//!
//! ## References
//!
//! * AWS KMS developer guide, "Delete imported key material"
//! * MITRE ATT&CK T1485, Data Destruction; T1486, Data Encrypted for Impact

use super::impact::{Impact, Loss, date, look_further, on_key, raise_if_log_rests_on, short};
use super::{Detector, Look, Reads, denied, page};
use crate::estate::Estate;
use crate::event::Operation;
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::runbook::aws;
use crate::stage::Stage;
use crate::state::{Act, ActKind, Detail, KeyState, PrincipalState};
use crate::time::{DAY, Timestamp};
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "imported_key_material",
    title: "Imported key material",
    severity: Severity::High,
    kind: FindingKind::Fact,
    stage: Some(Stage::Destruction),
    mitre: &[
        Technique { id: "T1485", name: "Data Destruction" },
        Technique { id: "T1486", name: "Data Encrypted for Impact" },
    ],
    covers: &["M6", "N7", "N19", "N25", "P3"],
    reads: Reads::These(&[
        Operation::ImportKeyMaterial,
        Operation::DeleteImportedKeyMaterial,
        Operation::DeleteExpiredKeyMaterial,
    ]),
    page: page(include_str!("imported_key_material.rs")),
    look: Look::Several(&[Look::Key(judge), Look::Principal(attempts)]),
};

fn judge(key: &str, state: &KeyState, estate: &Estate, found: &mut Vec<Finding>) {
    let timeline = state.timeline();
    for (at, act) in timeline.iter().enumerate() {
        let later = timeline.get(at + 1..).unwrap_or_default();
        let imported = later.iter().copied().find(|later| later.kind == ActKind::ImportMaterial);
        match (act.kind, &act.detail) {
            (ActKind::DeleteMaterial, _) => {
                let mut finding = deleted(key, state, act, imported);
                if imported.is_none() {
                    raise_if_log_rests_on(&mut finding, state, estate);
                }
                found.push(finding);
            }
            (ActKind::ExpireMaterial, _) => {
                let earlier = timeline.get(..at).unwrap_or_default();
                found.push(expired(key, state, act, earlier, imported));
            }
            (ActKind::ImportMaterial, Detail::Import { expires: true, valid_to: Some(valid_to) })
                if valid_to.since(act.time)
                    < estate.settings.detectors.short_expiry_days.saturating_mul(DAY) =>
            {
                found.push(short_lived(key, state, act, *valid_to));
            }
            _ => {}
        }
    }
}

fn deleted(key: &str, state: &KeyState, act: &Act, imported: Option<&Act>) -> Finding {
    let mut finding = begin(key, state, act, imported);
    finding.severity = if imported.is_some() { Severity::Medium } else { Severity::Critical };
    finding.title = "Imported key material of {key} was deleted".to_owned();
    finding.explanation = format!(
        "{} deleted the imported key material of {{key}} at {}. It works at once, without a waiting period, and \
         only who holds the same material can undo it. {} {}",
        short(&act.by.id),
        act.time,
        undone(imported),
        Impact::of(state, act).sentence(Loss::until(imported))
    );
    finding
}

fn expired(key: &str, state: &KeyState, act: &Act, earlier: &[&Act], imported: Option<&Act>) -> Finding {
    let mut finding = begin(key, state, act, imported);
    // The last import is the one that set the expiry; KMS deletes the material soon after.
    let set = earlier.iter().rev().copied().find(|act| act.kind == ActKind::ImportMaterial);
    let expected = set.filter(|set| {
        matches!(set.detail, Detail::Import { expires: true, valid_to: Some(valid_to) } if valid_to <= act.time)
    });
    finding.severity = match (imported, expected) {
        (Some(_), _) => Severity::Low,
        (None, Some(_)) => Severity::Medium,
        (None, None) => Severity::High,
    };
    let why = match expected {
        Some(set) => {
            finding.principal = Some(set.by.actor());
            finding.evidence.details.insert("expiry_set_by", json!(set.by.id));
            format!("{} imported it at {} with this expiry.", short(&set.by.id), set.time)
        }
        None => "No import that set this expiry is in the logs at hand.".to_owned(),
    };
    finding.evidence.details.insert("expected", expected.is_some().into());
    finding.title = "Imported key material of {key} has expired".to_owned();
    finding.explanation = format!(
        "KMS deleted the imported key material of {{key}} at {}, since it had expired. {why} {} {}",
        act.time,
        undone(imported),
        Impact::of(state, act).sentence(Loss::until(imported))
    );
    finding
}

fn short_lived(key: &str, state: &KeyState, act: &Act, valid_to: Timestamp) -> Finding {
    let mut finding = begin(key, state, act, None);
    finding.severity = Severity::High;
    finding.evidence.details.insert("valid_to", json!(valid_to));
    finding.title = format!("Key material that expires on {} was imported into {{key}}", date(valid_to));
    finding.explanation = format!(
        "{} imported key material into {{key}} at {} that expires at {valid_to}. Then KMS deletes it, and what is \
         encrypted under {{key}} can be read only by who imports the same material again. {}",
        short(&act.by.id),
        act.time,
        Impact::of(state, act).sentence(Loss::Later)
    );
    finding
}

fn begin(key: &str, state: &KeyState, act: &Act, imported: Option<&Act>) -> Finding {
    let mut finding = finding::of_act(&DETECTOR, act, &[key, &act.event_id]);
    Impact::of(state, act).describe(&mut finding);
    if let Some(imported) = imported {
        finding.add_act(imported);
        let again = json!({"at": imported.time, "by": imported.by.id, "event_id": imported.event_id});
        finding.evidence.details.insert("imported_again", again);
    }
    let (arn, region) = (key, finding.region.as_str());
    let parameters = aws(
        "kms get-parameters-for-import --wrapping-algorithm RSAES_OAEP_SHA_256 --wrapping-key-spec RSA_4096",
        &[("key-id", arn), ("region", region)],
    );
    let import = aws(
        "kms import-key-material --encrypted-key-material fileb://material.bin --import-token fileb://token.bin \
         --expiration-model KEY_MATERIAL_DOES_NOT_EXPIRE",
        &[("key-id", arn), ("region", region)],
    );
    finding.runbook = vec![
        format!("See its state: {}", on_key("kms describe-key", &finding)),
        format!("Prepare an import of the same material: {parameters}"),
        format!("Import it, wrapped with the public key and with the token of the step before: {import}"),
        look_further(&finding),
    ];
    finding
}

fn undone(imported: Option<&Act>) -> String {
    match imported {
        Some(act) => format!("{} imported material again at {}.", short(&act.by.id), act.time),
        None => "Until then, all encryption and decryption with it fails.".to_owned(),
    }
}

fn attempts(principal: &str, state: &PrincipalState, _: &Estate, found: &mut Vec<Finding>) {
    let severities = [Severity::Medium, Severity::High];
    denied::judge(&DETECTOR, ActKind::DeleteMaterial, severities, (principal, state), found);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, OTHER_KEY, RecordBuilder, kms};
    use crate::pipeline::testing::{findings, findings_with, only};
    use crate::settings::Settings;
    use serde_json::Value;

    fn delete() -> RecordBuilder {
        kms("DeleteImportedKeyMaterial").by_user(ACCOUNT, "mallory").at("2026-05-04T10:00:00Z")
    }

    fn import(valid_to: &str) -> RecordBuilder {
        kms("ImportKeyMaterial")
            .by_user(ACCOUNT, "mallory")
            .set("requestParameters.validTo", valid_to)
            .set("requestParameters.expirationModel", "KEY_MATERIAL_EXPIRES")
            .at("2026-05-04T10:00:00Z")
    }

    #[test]
    fn deletion_is_critical_even_without_known_use() {
        let finding = only(&DETECTOR, &[delete()]);
        assert_eq!(finding.severity, Severity::Critical);
        assert!(finding.title.contains("was deleted"));
        assert!(finding.runbook.iter().any(|step| step.contains("aws kms import-key-material")));
        assert!(finding.explanation.contains("Until then"));
    }

    #[test]
    fn a_deletion_says_who_used_the_key() {
        let finding = only(&DETECTOR, &[kms("Decrypt").at("2026-05-04T09:00:00Z"), delete()]);
        assert!(finding.explanation.contains("role/payments-api"));
        assert_eq!(finding.evidence.details["used_by_count"], 1);
    }

    #[test]
    fn importing_again_lowers_a_deletion_to_medium() {
        let again = import("Jun 4, 2027, 10:00:00 AM").at("2026-05-04T11:00:00Z");
        let finding = only(&DETECTOR, &[delete(), again]);
        assert_eq!(finding.severity, Severity::Medium);
        assert_eq!(finding.evidence.details["imported_again"]["at"], "2026-05-04T11:00:00Z");
        let before = import("Jun 4, 2027, 10:00:00 AM").at("2026-05-04T09:00:00Z");
        assert_eq!(only(&DETECTOR, &[before, delete()]).severity, Severity::Critical);
    }

    #[test]
    fn an_import_with_a_short_life_is_high() {
        let finding = only(&DETECTOR, &[import("May 4, 2026, 11:00:00 AM")]);
        assert_eq!(finding.severity, Severity::High);
        assert!(finding.title.contains("expires on 2026-05-04"));
        assert_eq!(finding.evidence.details["valid_to"], "2026-05-04T11:00:00Z");
    }

    #[test]
    fn the_bound_of_a_short_life_is_a_setting() {
        let at = "May 11, 2026, 10:00:00 AM";
        assert!(findings(&DETECTOR, &[import(at)]).is_empty());
        assert_eq!(findings(&DETECTOR, &[import("May 11, 2026, 9:59:59 AM")]).len(), 1);
        let mut settings = Settings::default();
        settings.detectors.short_expiry_days = 8;
        assert_eq!(findings_with(&DETECTOR, &[import(at)], &settings).len(), 1);
    }

    #[test]
    fn material_that_does_not_expire_is_not_found_whatever_its_date() {
        let forever = import("May 4, 2026, 11:00:00 AM")
            .set("requestParameters.expirationModel", "KEY_MATERIAL_DOES_NOT_EXPIRE");
        assert!(findings(&DETECTOR, &[forever]).is_empty());
        let no_date = import("").set("requestParameters.validTo", Value::Null);
        assert!(findings(&DETECTOR, &[no_date]).is_empty());
    }

    #[test]
    fn without_a_model_material_expires() {
        let record = import("May 4, 2026, 11:00:00 AM").remove("requestParameters.expirationModel");
        assert_eq!(only(&DETECTOR, &[record]).severity, Severity::High);
    }

    #[test]
    fn an_expiry_is_expected_if_an_import_set_it() {
        let expire = kms("DeleteExpiredKeyMaterial")
            .set("serviceEventDetails.keyId", "1234abcd-12ab-34cd-56ef-1234567890ab")
            .at("2026-08-01T10:05:00Z");
        let set = import("Aug 1, 2026, 10:00:00 AM");
        let finding = only(&DETECTOR, &[set, expire.clone()]);
        assert_eq!(finding.severity, Severity::Medium);
        assert_eq!(finding.evidence.details["expected"], true);
        assert!(finding.explanation.contains("user/mallory imported it"));
        let unknown = only(&DETECTOR, std::slice::from_ref(&expire));
        assert_eq!(unknown.severity, Severity::High);
        assert_eq!(unknown.evidence.details["expected"], false);
        let later = import("Sep 1, 2026, 10:00:00 AM");
        assert_eq!(only(&DETECTOR, &[later, expire.clone()]).severity, Severity::High);
        let again = import("Aug 1, 2027, 10:00:00 AM").at("2026-08-02T10:00:00Z");
        assert_eq!(only(&DETECTOR, &[expire, again]).severity, Severity::Low);
    }

    #[test]
    fn denied_deletions_are_medium_and_on_several_keys_high() {
        assert_eq!(only(&DETECTOR, &[delete().denied()]).severity, Severity::Medium);
        let several = [delete().denied(), delete().key(OTHER_KEY).denied()];
        assert_eq!(only(&DETECTOR, &several).severity, Severity::High);
    }

    #[test]
    fn what_looks_alike_or_failed_is_not_found() {
        for record in [
            kms("GetParametersForImport"),
            import("May 4, 2026, 11:00:00 AM").failed("IncorrectKeyMaterialException", ""),
            import("May 4, 2026, 11:00:00 AM").denied(),
            delete().failed("KMSInvalidStateException", ""),
        ] {
            assert!(findings(&DETECTOR, &[record]).is_empty());
        }
    }

    #[test]
    fn a_log_that_rests_on_the_key_is_told_until_the_material_is_back() {
        let context =
            serde_json::json!({"aws:cloudtrail:arn": "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main"});
        let logged = kms("GenerateDataKey")
            .by_service("cloudtrail")
            .set("requestParameters.encryptionContext", context)
            .at("2026-05-04T09:00:00Z");
        let gone = only(&DETECTOR, &[logged.clone(), delete()]);
        assert!(gone.evidence.details.contains_key("watch_rests_on"));
        let again = import("Jun 4, 2027, 10:00:00 AM").at("2026-05-04T11:00:00Z");
        let back = only(&DETECTOR, &[logged, delete(), again]);
        assert_eq!(back.severity, Severity::Medium);
        assert!(!back.evidence.details.contains_key("watch_rests_on"));
    }
}
