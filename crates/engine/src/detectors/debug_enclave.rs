//! # Debug or unknown enclave used a key
//!
//! A call carried the attestation of an enclave in debug mode, or of an image that is not known.
//!
//! ## What it finds
//!
//! * Cryptographic calls with an attestation whose image digest, or first platform register, is all zeros, as it is in
//!   debug mode;
//! * such calls with a digest that is not declared, if any is (`estate.enclave_images`);
//! * the first call of each digest that is new on a key which served other images for long.
//!
//! ## Why it matters
//!
//! Whoever owns the instance can read the console and the memory of an enclave in debug mode, so what KMS releases to it
//! is released to him. A key policy that lets such an attestation in protects nothing.
//!
//! ## How it decides
//!
//! Debug mode and digests that are not declared: *high* if the call succeeded, *low* if it failed. A new digest, where none
//! is declared, is *low*: each release of an image has one. It is told if the key served another one
//! `detectors.habit_days` days before or earlier.
//!
//! ## Parameters
//!
//! * `estate.enclave_images` (empty): digests that may use keys, as the log writes them.
//! * `detectors.habit_days` (14): days for which a key must have served other images. Smaller finds more.
//!
//! ## False positives
//!
//! Tests of an enclave, with a key for tests. A release of an image: declare its digest before.
//!
//! ## What it cannot see
//!
//! Registers that the record does not hold. Of undeclared images, whether a new digest is the right one; more than 16 of
//! a key.
//!
//! ## What to do
//!
//! Put a condition on the image digest (`kms:RecipientAttestation:ImageSha384` or a register) into the key policy. What was
//! released is to be taken as read.
//!
//! ## References
//!
//! * AWS KMS developer guide, "How AWS Nitro Enclaves uses AWS KMS"
//! * MITRE ATT&CK T1552, Unsecured Credentials

use super::deed::{self, Deed};
use super::impact::{on_key, short};
use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::event::Event;
use crate::finding::{self, Finding, FindingKind, Severity, Span, Technique};
use crate::runbook;
use crate::stage::Stage;
use crate::state::KeyState;
use crate::time::DAY;
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "debug_enclave",
    title: "Debug or unknown enclave used a key",
    severity: Severity::High,
    kind: FindingKind::Rule,
    stage: Some(Stage::FirstUse),
    mitre: &[Technique { id: "T1552", name: "Unsecured Credentials" }],
    covers: &["M19"],
    reads: Reads::Cryptographic,
    page: page(include_str!("debug_enclave.rs")),
    look: Look::Several(&[Look::Event(look), Look::Key(new_image)]),
};

fn look(event: &Event<'_>, estate: &Estate) -> Option<Finding> {
    let attestation = event.attestation.as_ref()?;
    let image = attestation.image.as_deref();
    let declared = &estate.settings.estate.enclave_images;
    let is_debug = image.is_some_and(is_zero);
    let is_unknown = !declared.is_empty() && !image.is_some_and(|image| is_among(image, declared));
    if event.dry_run || !(is_debug || is_unknown) {
        return None;
    }
    let (what, why) = if is_debug {
        ("an enclave in debug mode", "Whoever owns the instance sees what such an enclave holds.")
    } else {
        ("an enclave whose image is not declared", "What it runs is not known, nor who sees what it holds.")
    };
    let key = event.key.as_ref().map_or("", |key| &key.arn);
    let done = Deed::of(event) == Some(Deed::Done);
    let mut finding = finding::of_event(
        &DETECTOR,
        event,
        &[key, &event.principal.id, what, if done { "done" } else { "failed" }],
    );
    finding.severity = if done { Severity::High } else { Severity::Low };
    let (the_key, failed) = (deed::the_key(event), if done { "" } else { " (failed)" });
    finding.title = format!("A{} used {the_key}{failed}", what.trim_start_matches('a'));
    finding.explanation = format!(
        "{} called {} on {the_key} at {} with the attestation of {what}{failed}. {why}",
        short(&event.principal.id),
        event.operation.name(),
        event.time
    );
    finding.evidence.details.insert("module", json!(deed::clip(&attestation.module)));
    finding.evidence.details.insert("image", json!(image.map(deed::clip)));
    let (id, region) = deed::key_and_region(event.key.as_ref(), event);
    let policy = [("key-id", id), ("policy-name", "default"), ("region", region)];
    finding.runbook = vec![
        format!(
            "See what the key policy asks of an enclave: {}",
            runbook::aws("kms get-key-policy", &policy)
        ),
        format!("See what else the caller did: {}", deed::look_up_actor(event)),
    ];
    Some(finding)
}

/// Images that are new on a key that served others for long, where none is declared.
fn new_image(key: &str, state: &KeyState, estate: &Estate, found: &mut Vec<Finding>) {
    if !estate.settings.estate.enclave_images.is_empty() {
        return;
    }
    let lasting = estate.settings.detectors.habit_days.saturating_mul(DAY);
    let Some((_, earliest)) = state.images.iter().find(|(image, _)| !is_zero(image)) else { return };
    for (image, once) in state.images.iter().filter(|(image, _)| !is_zero(image)) {
        if once.time.since(earliest.time) < lasting.max(1) {
            continue;
        }
        let event_id = once.event_id();
        let mut finding = finding::of_key(&DETECTOR, key, &[key, image, "new"]);
        finding.evidence.add(once.time, &event_id);
        finding.time = Span { start: once.time, end: once.time };
        finding.severity = Severity::Low;
        finding.title = "A new enclave image used {key}".to_owned();
        finding.explanation = format!(
            "At {} an enclave used {{key}} whose image had not used it before; others had since {}. A release of the image \
             looks the same: declare its digest, and all others are found.",
            once.time, earliest.time
        );
        finding.evidence.details.insert("image", json!(deed::clip(image)));
        finding.runbook = vec![
            format!(
                "See the call: {}",
                runbook::look_up("EventId", &event_id, &[("region", &finding.region)])
            ),
            format!(
                "See what the key policy asks of an enclave: {}",
                on_key("kms get-key-policy --policy-name default", &finding)
            ),
        ];
        found.push(finding);
    }
}

/// Whether a digest is one of these. Hexadecimal digits do not distinguish case; Base64 does.
fn is_among(digest: &str, declared: &[String]) -> bool {
    let is_hex = digest.bytes().all(|digit| digit.is_ascii_hexdigit());
    declared.iter().any(|known| known == digest || is_hex && known.eq_ignore_ascii_case(digest))
}

/// Whether a digest is all zeros, in hexadecimal or in Base64.
fn is_zero(digest: &str) -> bool {
    let all = |zero: char| digest.trim_end_matches('=').chars().all(|c| c == zero);
    digest.len() >= 32 && (all('0') || all('A'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{RecordBuilder, kms};
    use crate::pipeline::testing::{findings, findings_with, only};
    use crate::settings::Settings;

    fn attested(digest: &str) -> RecordBuilder {
        let recipient = json!({"attestationDocumentModuleId": "i-1-enc2", "attestationDocumentEnclaveImageDigest": digest});
        kms("Decrypt").set("additionalEventData", json!({ "recipient": recipient }))
    }

    const HEX: &str =
        "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000";
    const BASE64: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    #[test]
    fn a_debug_enclave_that_got_plaintext_is_high() {
        for digest in [HEX, BASE64, &format!("{}==", &BASE64[..42])] {
            let finding = only(&DETECTOR, &[attested(digest)]);
            assert_eq!(finding.severity, Severity::High, "{digest}");
            assert_eq!(finding.title, "An enclave in debug mode used 1234abcd-12ab-34cd-56ef-1234567890ab");
            assert!(finding.runbook[0].contains("get-key-policy --key-id arn:aws:kms"));
            assert_eq!(finding.evidence.details["module"], "i-1-enc2");
        }
    }

    #[test]
    fn the_first_register_of_a_tpm_counts_too() {
        let recipient =
            json!({"attestationDocumentModuleId": "i-1-tpm2", "attestationDocumentNitroTPMPCR4": HEX});
        let record = kms("GenerateDataKey").set("additionalEventData", json!({ "recipient": recipient }));
        assert_eq!(findings(&DETECTOR, &[record]).len(), 1);
    }

    #[test]
    fn one_that_failed_is_low() {
        for failed in [attested(HEX).denied(), attested(HEX).failed("KMSInvalidStateException", "")] {
            let finding = only(&DETECTOR, std::slice::from_ref(&failed));
            assert_eq!(finding.severity, Severity::Low);
            assert!(finding.title.ends_with("(failed)"));
            assert_eq!(findings(&DETECTOR, &[failed, attested(HEX)]).len(), 2, "beside one that succeeded");
        }
    }

    #[test]
    fn a_real_image_is_silent() {
        let image = HEX.replace("0000", "00f0");
        assert!(findings(&DETECTOR, &[attested(&image)]).is_empty());
        assert!(findings(&DETECTOR, &[attested(&BASE64.replace("AAB", "AAC"))]).len() == 1);
        assert!(findings(&DETECTOR, &[attested(&format!("B{BASE64}"))]).is_empty());
    }

    #[test]
    fn a_dry_run_and_missing_or_short_digests_are_silent() {
        let dry = attested(HEX).set("requestParameters.dryRun", true);
        for record in [dry, attested("0"), attested(""), kms("Decrypt")] {
            assert!(findings(&DETECTOR, &[record]).is_empty());
        }
    }

    fn declared(images: &[&str]) -> Settings {
        let mut settings = Settings::default();
        settings.estate.enclave_images = images.iter().map(|image| (*image).to_owned()).collect();
        settings
    }

    #[test]
    fn where_images_are_declared_all_others_are_found() {
        let image = HEX.replace("0000", "00f0");
        let found =
            |record: RecordBuilder, images: &[&str]| findings_with(&DETECTOR, &[record], &declared(images));
        assert!(found(attested(&image), &[&image]).is_empty());
        assert!(found(attested(&image), &["x", &image.to_uppercase()]).is_empty());
        let other = found(attested(&image), &["x"]).remove(0);
        assert_eq!(other.severity, Severity::High);
        assert_eq!(
            other.title,
            "An enclave whose image is not declared used 1234abcd-12ab-34cd-56ef-1234567890ab"
        );
        assert_eq!(other.evidence.details["image"], image);
        assert_eq!(found(attested(&image).denied(), &["x"])[0].severity, Severity::Low);
        // Debug mode is no image that one declares by mistake.
        assert_eq!(found(attested(HEX), &[HEX]).len(), 1);
        assert_eq!(found(attested("abcd/EFgh+"), &["ABCD/EFGH+"]).len(), 1, "Base64 distinguishes case");
    }

    #[test]
    fn an_attestation_without_a_digest_is_of_no_declared_image() {
        let module = json!({"recipient": {"attestationDocumentModuleId": "i-1-enc2"}});
        let record = kms("Decrypt").set("additionalEventData", module);
        assert!(findings(&DETECTOR, std::slice::from_ref(&record)).is_empty());
        assert_eq!(findings_with(&DETECTOR, &[record], &declared(&["x"])).len(), 1);
        assert!(findings_with(&DETECTOR, &[kms("Decrypt")], &declared(&["x"])).is_empty());
    }

    #[test]
    fn a_new_image_is_told_once_the_key_has_served_another_for_long() {
        let on = |image: &str, day: u32| attested(image).at(&format!("2026-05-{day:02}T10:00:00Z"));
        assert!(findings(&DETECTOR, &[on("one", 1), on("one", 20), on("two", 14)]).is_empty());
        let found = only(&DETECTOR, &[on("one", 1), on("two", 15), on("two", 16)]);
        assert_eq!((found.severity, found.evidence.count), (Severity::Low, 1));
        assert_eq!(
            found.title,
            "A new enclave image used {key}".replace("{key}", "1234abcd-12ab-34cd-56ef-1234567890ab")
        );
        assert_eq!(found.time.start.to_string(), "2026-05-15T10:00:00Z");
        assert!(
            findings_with(&DETECTOR, &[on("one", 1), on("two", 15)], &declared(&["one", "two"])).is_empty()
        );
        // Debug mode is told as such.
        assert_eq!(findings(&DETECTOR, &[on("one", 1), on(HEX, 15)]).len(), 1);
    }

    #[test]
    fn the_shortest_digest_that_can_be_zero_has_32_digits() {
        assert_eq!(findings(&DETECTOR, &[attested(&"0".repeat(32))]).len(), 1);
        assert!(findings(&DETECTOR, &[attested(&"0".repeat(31))]).is_empty());
    }
}
