//! # Debug enclave used a key
//!
//! A call carried the attestation of an enclave in debug mode.
//!
//! ## What it finds
//!
//! Cryptographic calls with an attestation whose image digest, or first platform register, is all zeros, as it is in debug
//! mode.
//!
//! ## Why it matters
//!
//! Whoever owns the instance can read the console and the memory of an enclave in debug mode, so what KMS releases to it
//! is released to him. A key policy that lets such an attestation in protects nothing.
//!
//! ## How it decides
//!
//! *High* if the call succeeded, *low* if it failed. Other digests are not judged: each release of the image has a new one.
//!
//! ## False positives
//!
//! Tests of an enclave, with a key for tests.
//!
//! ## What it cannot see
//!
//! Registers that the record does not hold, and whether an image with another digest is the right one.
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
use super::impact::short;
use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::event::Event;
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::runbook;
use crate::stage::Stage;
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "debug_enclave",
    title: "Debug enclave used a key",
    severity: Severity::High,
    kind: FindingKind::Rule,
    stage: Some(Stage::FirstUse),
    mitre: &[Technique { id: "T1552", name: "Unsecured Credentials" }],
    covers: &["M19"],
    reads: Reads::Cryptographic,
    page: page(include_str!("debug_enclave.rs")),
    look: Look::Event(look),
};

fn look(event: &Event<'_>, _: &Estate) -> Option<Finding> {
    let attestation = event.attestation.as_ref()?;
    if !attestation.image.as_deref().is_some_and(is_zero) || event.dry_run {
        return None;
    }
    let key = event.key.as_ref().map_or("", |key| &key.arn);
    let done = Deed::of(event) == Some(Deed::Done);
    let mut finding = finding::of_event(
        &DETECTOR,
        event,
        &[key, &event.principal.id, if done { "done" } else { "failed" }],
    );
    finding.severity = if done { Severity::High } else { Severity::Low };
    let (the_key, failed) = (deed::the_key(event), if done { "" } else { " (failed)" });
    finding.title = format!("An enclave in debug mode used {the_key}{failed}");
    finding.explanation = format!(
        "{} called {} on {the_key} at {} with the attestation of an enclave in debug mode{failed}. Whoever owns the instance \
         sees what such an enclave holds.",
        short(&event.principal.id),
        event.operation.name(),
        event.time
    );
    finding.evidence.details.insert("module", json!(deed::clip(&attestation.module)));
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

/// Whether a digest is all zeros, in hexadecimal or in Base64.
fn is_zero(digest: &str) -> bool {
    let all = |zero: char| digest.trim_end_matches('=').chars().all(|c| c == zero);
    digest.len() >= 32 && (all('0') || all('A'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{RecordBuilder, kms};
    use crate::pipeline::testing::{findings, only};

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
}
