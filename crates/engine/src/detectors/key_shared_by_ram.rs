//! # Key shared through AWS RAM
//!
//! A KMS key was put into a resource share.
//!
//! ## What it finds
//!
//! `CreateResourceShare` and `AssociateResourceShare` of AWS RAM with the ARN of a KMS key: done, or denied.
//!
//! ## Why it matters
//!
//! Since 2026 keys can be shared with other accounts without a change to the key policy. No event of KMS shows it, and no
//! review of key policies does.
//!
//! ## How it decides
//!
//! *High* if a principal of the share is a foreign account, or everybody outside the organisation may be one
//! (`allowExternalPrincipals`, which is what RAM takes where the call does not say); *medium* if the call names only own
//! accounts, or none. A denied attempt is lower.
//!
//! ## Parameters
//!
//! * `estate.accounts` and `estate.trusted_accounts`: nobody of these is foreign.
//!
//! ## False positives
//!
//! A share that is meant. Declare the account as trusted.
//!
//! ## What it cannot see
//!
//! Who is added to a share later without naming the key again; use by those with whom it is shared stands in the log as
//! that of a foreign caller.
//!
//! ## What to do
//!
//! Take the key out of the share, then see who used it.
//!
//! ## References
//!
//! * AWS RAM user guide, "Shareable AWS resources"
//! * MITRE ATT&CK T1537, Transfer Data to Cloud Account; T1098, Account Manipulation

use super::deed::{self, Deed};
use super::impact::short;
use super::{Detector, Look, Reads, page};
use crate::estate::{Estate, is_account_id};
use crate::event::infrastructure::Effect;
use crate::event::{Event, Source};
use crate::finding::{self, Finding, FindingKind, KeyName, Severity, Technique};
use crate::json::Value;
use crate::runbook::aws;
use crate::stage::Stage;
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "key_shared_by_ram",
    title: "Key shared through AWS RAM",
    severity: Severity::High,
    kind: FindingKind::Rule,
    stage: Some(Stage::Opening),
    mitre: &[
        Technique { id: "T1537", name: "Transfer Data to Cloud Account" },
        Technique { id: "T1098", name: "Account Manipulation" },
    ],
    covers: &["P14"],
    reads: Reads::OtherServices,
    page: page(include_str!("key_shared_by_ram.rs")),
    look: Look::Event(look),
};

/// Principals that are named.
const NAMED: usize = 10;

fn look(event: &Event<'_>, estate: &Estate) -> Option<Finding> {
    if !matches!(event.source, Source::Infrastructure(change) if change.effect == Effect::Shares) {
        return None;
    }
    let deed = Deed::of(event)?;
    let texts = |member: &str| -> Vec<String> {
        let list = event.request.get(member).items();
        list.filter_map(Result::ok).filter_map(Value::text).map(|text| text.to_string()).collect()
    };
    let key = texts("resourceArns").into_iter().find(|arn| arn.contains(":kms:") && arn.contains(":key/"))?;
    let principals = texts("principals");
    // An account id, or an ARN with the account in it.
    let account = |principal: &str| {
        let id = principal.split(':').nth(4).unwrap_or(principal);
        is_account_id(id).then(|| id.to_owned())
    };
    let foreign: Vec<String> = principals
        .iter()
        .filter_map(|principal| account(principal))
        .filter(|account| estate.is_outsider(account, &event.account))
        .collect();
    let open = event.name == "CreateResourceShare"
        && event.request.get("allowExternalPrincipals").bool() != Some(false)
        && principals.is_empty();
    let mut finding = finding::of_event(&DETECTOR, event, &[&key, &event.principal.id]);
    finding.severity =
        deed.severity(if foreign.is_empty() && !open { Severity::Medium } else { Severity::High });
    deed.tell(&mut finding);
    let region = key.split(':').nth(3).unwrap_or_default().to_owned();
    let with = match (foreign.first(), open) {
        (Some(account), _) => format!(" with foreign account {account}"),
        (None, true) => " with whoever may be added to it".to_owned(),
        (None, false) => String::new(),
    };
    finding.title = format!("{{key}} was shared through AWS RAM{with}{}", deed.suffix());
    finding.explanation = format!(
        "{}{} put {{key}} into a resource share at {}{with}. Those with whom it is shared can use the key, though its key \
         policy says nothing of them.",
        deed.preface(),
        short(&event.principal.id),
        event.time
    );
    let details = &mut finding.evidence.details;
    details.insert("principals", principals.iter().take(NAMED).map(|name| deed::clip(name)).collect());
    if !foreign.is_empty() {
        details.insert("foreign_accounts", json!(foreign.iter().take(NAMED).collect::<Vec<_>>()));
        finding.rests_on_foreign = foreign;
    }
    let arn = key.as_str();
    finding.runbook = vec![
        format!(
            "See the shares that it is in: {}",
            aws(
                "ram get-resource-share-associations --association-type RESOURCE",
                &[("resource-arn", arn), ("region", &region)]
            )
        ),
        format!(
            "Take it out: {}",
            aws(
                "ram disassociate-resource-share --resource-share-arn RESOURCE_SHARE_ARN",
                &[("resource-arns", arn), ("region", &region)]
            )
        ),
        format!("See how the key was used since: {}", deed::look_up_key(arn, &region)),
    ];
    finding.key = Some(KeyName::of_arn(&key));
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{KEY, RecordBuilder, other};
    use crate::pipeline::testing::{findings, findings_with, only};
    use crate::settings::Settings;

    fn share(name: &str, principals: serde_json::Value) -> RecordBuilder {
        other("ram", name, json!({"resourceArns": ["arn:aws:ec2:x", KEY], "principals": principals}))
    }

    #[test]
    fn a_share_with_a_foreign_account_is_high() {
        for principal in ["444455556666", "arn:aws:iam::444455556666:role/x"] {
            let finding =
                only(&DETECTOR, &[share("AssociateResourceShare", json!(["111122223333", principal]))]);
            assert_eq!(finding.severity, Severity::High);
            assert!(finding.title.ends_with("was shared through AWS RAM with foreign account 444455556666"));
            assert_eq!(
                (finding.key.unwrap().arn.as_str(), finding.rests_on_foreign),
                (KEY, vec!["444455556666".to_owned()])
            );
            assert!(finding.runbook[1].contains(&format!("--resource-arns {KEY} --region eu-west-1")));
        }
    }

    #[test]
    fn a_new_share_that_anybody_may_join_is_high() {
        let open = share("CreateResourceShare", json!([]));
        assert_eq!(only(&DETECTOR, std::slice::from_ref(&open)).severity, Severity::High);
        let closed = open.set("requestParameters.allowExternalPrincipals", false);
        assert_eq!(only(&DETECTOR, &[closed]).severity, Severity::Medium);
        assert_eq!(only(&DETECTOR, &[share("AssociateResourceShare", json!([]))]).severity, Severity::Medium);
    }

    #[test]
    fn own_and_trusted_accounts_and_organisations_are_medium() {
        let own = share(
            "CreateResourceShare",
            json!(["111122223333", "arn:aws:organizations::111122223333:ou/o-1/ou-1"]),
        );
        assert_eq!(only(&DETECTOR, &[own]).severity, Severity::Medium);
        let mut settings = Settings::default();
        settings.estate.trusted_accounts = vec!["444455556666".into()];
        let found =
            findings_with(&DETECTOR, &[share("CreateResourceShare", json!(["444455556666"]))], &settings);
        assert_eq!(found[0].severity, Severity::Medium);
    }

    #[test]
    fn a_denied_attempt_is_lower_and_other_failures_are_silent() {
        let share = || share("CreateResourceShare", json!(["444455556666"]));
        assert_eq!(only(&DETECTOR, &[share().failed("AccessDenied", "")]).severity, Severity::Medium);
        assert!(findings(&DETECTOR, &[share().failed("ResourceArnNotFoundException", "")]).is_empty());
    }

    #[test]
    fn shares_of_other_resources_and_missing_lists_are_silent() {
        for request in [
            json!({"resourceArns": ["arn:aws:ec2:eu-west-1:111122223333:subnet/s-1"]}),
            json!({}),
            json!(null),
        ] {
            assert!(findings(&DETECTOR, &[other("ram", "CreateResourceShare", request)]).is_empty());
        }
        let policy = other("iam", "PutRolePolicy", json!({"resourceArns": [KEY]}));
        assert!(findings(&DETECTOR, &[policy]).is_empty());
    }

    #[test]
    fn an_alias_and_keys_of_other_services_are_no_keys() {
        for arn in [
            "arn:aws:kms:eu-west-1:111122223333:alias/payments",
            "arn:aws:payment-cryptography:eu-west-1:111122223333:key/abcd",
        ] {
            let record = other(
                "ram",
                "CreateResourceShare",
                json!({"resourceArns": [arn], "principals": ["444455556666"]}),
            );
            assert!(findings(&DETECTOR, &[record]).is_empty(), "{arn}");
        }
    }
}
