//! # Key used by a foreign account
//!
//! ## What it finds
//!
//! A principal of an account that is neither yours nor trusted used one of your keys for cryptography.
//!
//! ## Why it matters
//!
//! By itself it says little: partners do so every day. But after somebody has opened the key to that very account it is
//! the moment at which data leaves, and the two together are a critical incident (`opened_then_used`).
//!
//! ## How it decides
//!
//! The account of the caller, of each successful cryptographic call on a key of yours. Low, so that it alerts nobody
//! alone. Calls of AWS services are left out. One finding for each key, account and UTC day.
//!
//! ## Parameters
//!
//! `estate.trusted_accounts`: accounts whose use is never told.
//!
//! ## False positives
//!
//! A partner whose account is not in `estate.trusted_accounts`.
//!
//! ## What it cannot see
//!
//! Calls that are denied stand in the caller's log only. Who it was: of callers of other accounts the log tells the
//! account and a unique id.
//!
//! ## What to do
//!
//! Find out whose account it is. Add a partner to `estate.trusted_accounts`; shut a stranger out (key policy, grants).
//!
//! ## References
//!
//! * AWS KMS developer guide, "Allowing users in other accounts to use a KMS key"
//! * MITRE ATT&CK v18: T1537

use super::deed::{self, Deed};
use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::event::{Event, PrincipalKind};
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::runbook;
use crate::stage::Stage;
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "key_used_by_foreign_account",
    title: "Key used by a foreign account",
    severity: Severity::Low,
    kind: FindingKind::Rule,
    stage: Some(Stage::ForeignUse),
    mitre: &[Technique { id: "T1537", name: "Transfer Data to Cloud Account" }],
    covers: &["N17"],
    reads: Reads::Cryptographic,
    page: page(include_str!("key_used_by_foreign_account.rs")),
    look: Look::Event(look),
};

fn look(event: &Event<'_>, estate: &Estate) -> Option<Finding> {
    let account = event.principal.account.as_deref()?;
    let key = event.key.as_ref()?;
    let is_ours = key.account.as_deref().is_some_and(|owner| !estate.is_outsider(owner, &event.account));
    if !event.operation.is_cryptographic()
        || event.principal.kind == PrincipalKind::AwsService
        || !is_ours
        || !estate.is_outsider(account, &event.account)
        || Deed::of(event) != Some(Deed::Done)
    {
        return None;
    }
    let mut finding = finding::of_event(&DETECTOR, event, &[&key.arn, account]);
    finding.title = format!("{{key}} was used by foreign account {account}");
    finding.explanation = format!(
        "A principal of account {account}, which is neither yours nor trusted, called {} with {{key}}. Its policy or a \
         grant lets it. It does not prove misuse: partners do so every day.",
        event.operation.name(),
    );
    let (id, region) = deed::key_and_region(Some(key), event);
    let options = [("key-id", id), ("region", region)];
    finding.runbook = vec![
        format!("Find out whose account {account} is; add a partner to estate.trusted_accounts."),
        format!(
            "See what its policy allows: {}",
            runbook::aws("kms get-key-policy --policy-name default", &options)
        ),
        format!("List its grants: {}", runbook::aws("kms list-grants", &options)),
        format!("See who else used the key: {}", deed::look_up_key(id, region)),
    ];
    finding.evidence.details.insert("foreign_account", json!(account));
    finding.evidence.details.insert("operation", json!(event.operation.name()));
    finding.rests_on_foreign = vec![account.to_owned()];
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, KEY, RecordBuilder, kms};
    use crate::pipeline::testing::{findings, findings_with};
    use crate::settings::Settings;

    const STRANGER: &str = "999988887777";

    fn by_stranger(name: &str) -> RecordBuilder {
        kms(name).by_role(STRANGER, "collector", "x").key(KEY).in_log_of(ACCOUNT)
    }

    #[test]
    fn a_use_by_a_stranger_is_told_and_alerts_nobody_alone() {
        let findings = findings(&DETECTOR, &[by_stranger("Decrypt"), by_stranger("Decrypt").id("2")]);
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert_eq!((findings[0].severity, findings[0].evidence.count), (Severity::Low, 2));
        assert!(findings[0].title.ends_with("was used by foreign account 999988887777"));
        assert_eq!(findings[0].rests_on_foreign, [STRANGER]);
    }

    #[test]
    fn our_own_use_is_no_finding() {
        assert!(findings(&DETECTOR, &[kms("Decrypt")]).is_empty());
    }

    #[test]
    fn a_trusted_account_is_no_finding() {
        let mut settings = Settings::default();
        settings.estate.trusted_accounts = vec![STRANGER.to_owned()];
        assert!(findings_with(&DETECTOR, &[by_stranger("Decrypt")], &settings).is_empty());
    }

    #[test]
    fn a_denied_call_and_a_look_give_nothing_away() {
        assert!(
            findings(&DETECTOR, &[by_stranger("Decrypt").denied(), by_stranger("DescribeKey")]).is_empty()
        );
    }

    #[test]
    fn a_foreign_key_is_the_matter_of_another_detector() {
        let key = format!("arn:aws:kms:eu-west-1:{STRANGER}:key/1234abcd-12ab-34cd-56ef-1234567890ab");
        assert!(findings(&DETECTOR, &[kms("Decrypt").key(&key)]).is_empty());
    }

    #[test]
    fn a_record_without_key_or_account_is_passed_over() {
        let without = by_stranger("Decrypt").remove("resources").remove("userIdentity.accountId");
        assert!(findings(&DETECTOR, &[without]).is_empty());
    }
}
