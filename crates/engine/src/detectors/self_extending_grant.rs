//! # Self-extending grant
//!
//! ## What it finds
//!
//! A grant made directly by a person or workload that lets its grantee make further grants; a grant that such a grantee
//! then makes, the next link of the chain; and, lower, one without constraints that gives the use of a key to somebody
//! else.
//!
//! ## Why it matters
//!
//! Who may make grants under a grant can pass the use of the key on and on. Revoking the first grant does not
//! revoke those made under it. Intruders use it to outlast a clean-up.
//!
//! ## How it decides
//!
//! High: `CreateGrant` is among the operations and the grant has no constraints; or the caller is the grantee of an
//! earlier grant on the key with `CreateGrant` among its operations. Medium: it is, with constraints
//! on the encryption context. Low: no `CreateGrant` and no constraints, but the use of the key for another
//! principal than the caller. A denied attempt is lower.
//!
//! Silent are the grants that AWS services make for themselves or on behalf of their users (EBS, RDS and others),
//! and those to services, service-linked roles and the infrastructure of EC2. Grants that concern a foreign
//! account are left to `grant_to_foreign_account`.
//!
//! ## False positives
//!
//! Infrastructure code that gives a role the use of a key by grant. One grant per role and key is usual;
//! `CreateGrant` among its operations is not.
//!
//! ## What it cannot see
//!
//! Whether the grant was used, and grants that existed before the logs begin.
//!
//! ## What to do
//!
//! Ask the caller. If nobody knows the grant, revoke it and every later grant made by its grantee.
//!
//! ## References
//!
//! AWS KMS developer guide, "Grants in AWS KMS" and "Creating grants".
//! MITRE ATT&CK v18: T1098.

use super::deed::{self, Deed};
use super::grant_to_foreign_account::{created, describe, is_aws, is_foreign, operations, runbook};
use super::impact::{look_further, on_key, short};
use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::event::params::Grant;
use crate::event::{Event, Operation};
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::policy::subject::same_principal;
use crate::policy::{Class, Name};
use crate::stage::Stage;
use crate::state::{Act, ActKind, Detail, KeyState};
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "self_extending_grant",
    title: "Self-extending grant",
    severity: Severity::High,
    kind: FindingKind::Rule,
    stage: Some(Stage::Opening),
    mitre: &[Technique { id: "T1098", name: "Account Manipulation" }],
    covers: &["N11", "P6"],
    reads: Reads::These(&[Operation::CreateGrant]),
    page: page(include_str!("self_extending_grant.rs")),
    look: Look::Several(&[Look::Event(look), Look::Key(chain)]),
};

fn look(event: &Event<'_>, estate: &Estate) -> Option<Finding> {
    let (grant, deed) = created(event)?;
    let direct = event.principal.via_service.is_none() && !is_aws(event);
    let grantee = Name::parse(grant.grantee.as_deref()?);
    let foreign_key = estate.is_outsider(deed::owner(event), &event.account);
    if !direct || grantee.is_aws_itself() || foreign_key || is_foreign(grant, event, estate) {
        return None;
    }
    let given = operations(grant);
    let extends = given.gives_named("CreateGrant");
    let severity = match (extends, grant.constrained) {
        (true, false) => Severity::High,
        (true, true) => Severity::Medium,
        (false, false) if given.gives(Class::Use) && !same_principal(grantee.text(), &event.principal.id) => {
            Severity::Low
        }
        (false, _) => return None,
    };
    let about_key = event.key.as_ref().map_or("", |key| &key.arn);
    let mut finding = finding::of_event(&DETECTOR, event, &[about_key, &event.principal.id, grantee.text()]);
    finding.severity = deed.severity(severity);
    finding.title = title(event, extends, deed);
    finding.explanation = explanation(grant, extends, deed);
    finding.runbook = runbook(event, grant, deed);
    describe(&mut finding, grant);
    deed.tell(&mut finding);
    Some(finding)
}

fn title(event: &Event<'_>, extends: bool, deed: Deed) -> String {
    let what =
        if extends { "whose grantee may make more grants" } else { "without constraints, made by hand" };
    format!("Grant on {} {what}{}", deed::the_key(event), deed.suffix())
}

fn explanation(grant: &Grant<'_>, extends: bool, deed: Deed) -> String {
    let what = if extends {
        "CreateGrant is among the operations of this grant: its grantee can pass the use of the key on, and what it \
         passes on stays when this grant is revoked."
    } else {
        "This grant gives another principal the use of the key, for any data and without an end date, beside the \
         key policy."
    };
    let constrained = if grant.constrained { " It is constrained to an encryption context." } else { "" };
    format!(
        "{}{what}{constrained} It was made directly, not by an AWS service. It does not prove misuse: some \
         infrastructure code makes such grants.",
        deed.preface()
    )
}

/// Grants made under another grant: who revokes the first has to revoke these too.
fn chain(key: &str, state: &KeyState, _: &Estate, found: &mut Vec<Finding>) {
    let given = |act: &Act| match &act.detail {
        Detail::Grant { id, grantee, extends } if act.kind == ActKind::CreateGrant => {
            Some((id.clone(), grantee.clone()?, *extends))
        }
        _ => None,
    };
    let acts: Vec<&Act> = state.grants.values().collect();
    for (at, act) in acts.iter().enumerate() {
        let Some((id, grantee, _)) = given(act) else { continue };
        let earlier = acts.get(..at).unwrap_or_default().iter().find_map(|first| {
            let (id, to, extends) = given(first)?;
            (extends && same_principal(&to, &act.by.id)).then_some((*first, id))
        });
        let Some((first, first_id)) = earlier else { continue };
        if Name::parse(&grantee).is_aws_itself() {
            continue;
        }
        let mut finding = finding::of_act(&DETECTOR, act, &[key, "chain", &act.event_id]);
        finding.add_act(first);
        finding.title = "Grant on {key} made by the grantee of another grant".to_owned();
        finding.explanation = format!(
            "{} made a grant on {{key}} to {} at {}. It may have done so by a grant that {} made at {}, which lets its \
             grantee make more. Revoking the first does not revoke this one. It does not prove misuse: the caller may \
             hold the right by other ways, too.",
            short(&act.by.id),
            deed::clip(short(&grantee)),
            act.time,
            short(&first.by.id),
            first.time
        );
        let named = |id: Option<String>| id.unwrap_or_else(|| "GRANT_ID".to_owned());
        let (id, first_id) = (named(id), named(first_id));
        let first_made =
            json!({"at": first.time, "by": first.by.id, "event_id": first.event_id, "grant_id": first_id});
        let details = &mut finding.evidence.details;
        details.insert("grantee", json!(deed::clip(&grantee)));
        details.insert("made_under", first_made);
        let revoke = |id: &str| {
            crate::runbook::aws(
                "kms revoke-grant",
                &[("key-id", key), ("grant-id", id), ("region", &act.region)],
            )
        };
        finding.runbook = vec![
            format!("Revoke this grant: {}", revoke(&id)),
            format!("Revoke the one that it was made under: {}", revoke(&first_id)),
            format!("See whether there are more: {}", on_key("kms list-grants", &finding)),
            look_further(&finding),
        ];
        found.push(finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{self, ROLE, RecordBuilder};
    use serde_json::{Value, json};

    const OTHER: &str = "arn:aws:iam::111122223333:role/apps/reports";

    fn find(record: &RecordBuilder) -> Option<Finding> {
        record.event(|event| look(event, &Estate::default()))
    }

    fn grant(grantee: &str, operations: Value) -> RecordBuilder {
        testing::kms("CreateGrant")
            .set("requestParameters.granteePrincipal", grantee)
            .set("requestParameters.operations", operations)
            .set("responseElements.grantId", "0c237476b39f8bc44e45212e08498fbe")
    }

    fn constrained(record: RecordBuilder) -> RecordBuilder {
        record.set("requestParameters.constraints", json!({"encryptionContextSubset": {"app": "payments"}}))
    }

    fn severity(record: &RecordBuilder) -> Option<Severity> {
        find(record).map(|finding| finding.severity)
    }

    #[test]
    fn a_grant_that_lets_its_grantee_make_grants_is_high() {
        let finding = find(&grant(OTHER, json!(["Decrypt", "CreateGrant"]))).unwrap();
        assert_eq!(finding.severity, Severity::High);
        assert_eq!(finding.title, "Grant on {key} whose grantee may make more grants");
        assert!(finding.runbook[0].contains("revoke-grant"));
        assert_eq!(severity(&grant(ROLE, json!(["CreateGrant"]))), Some(Severity::High));
        assert_eq!(
            severity(&grant(OTHER, json!(["CreateGrant"])).by_user("111122223333", "alice")),
            Some(Severity::High)
        );
    }

    #[test]
    fn constraints_lower_it_and_their_values_are_not_told() {
        let finding = find(&constrained(grant(OTHER, json!(["Decrypt", "CreateGrant"])))).unwrap();
        assert_eq!(finding.severity, Severity::Medium);
        assert!(finding.explanation.contains("constrained"));
        assert!(!serde_json::to_string(&finding).unwrap().contains("payments\""));
    }

    #[test]
    fn the_use_of_a_key_for_somebody_else_without_constraints_is_low() {
        let finding = find(&grant(OTHER, json!(["Decrypt"]))).unwrap();
        assert_eq!(finding.severity, Severity::Low);
        assert_eq!(finding.title, "Grant on {key} without constraints, made by hand");
        assert!(finding.explanation.starts_with("This grant gives another principal the use of the key"));
        assert!(find(&constrained(grant(OTHER, json!(["Decrypt"])))).is_none());
        assert!(find(&grant(OTHER, json!(["DescribeKey", "RetireGrant"]))).is_none());
        assert!(find(&grant(ROLE, json!(["Decrypt"]))).is_none());
        assert!(
            find(&grant("arn:aws:sts::111122223333:assumed-role/payments-api/i-0", json!(["Decrypt"])))
                .is_none()
        );
    }

    #[test]
    fn the_grants_of_aws_services_are_silent() {
        let all = || json!(["Decrypt", "CreateGrant"]);
        for service in ["ec2", "rds", "redshift"] {
            assert!(find(&grant(OTHER, all()).through(service)).is_none(), "{service}");
        }
        assert!(find(&grant(OTHER, all()).by_service("dynamodb")).is_none());
        assert!(
            find(&grant(OTHER, all()).by_role(
                "111122223333",
                "aws-service-role/rds.amazonaws.com/AWSServiceRoleForRDS",
                "s"
            ))
            .is_none()
        );
        for grantee in [
            "111122223333:aws:ec2-infrastructure:i-0abc1234def567890",
            "arn:aws:sts::111122223333:assumed-role/aws:ec2-infrastructure/i-0abc1234def567890",
            "arn:aws:iam::111122223333:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
            "rds.eu-west-1.amazonaws.com",
        ] {
            assert!(find(&grant(grantee, all())).is_none(), "{grantee}");
        }
    }

    #[test]
    fn what_concerns_a_foreign_account_is_left_to_another_detector() {
        assert!(find(&grant("arn:aws:iam::444455556666:role/x", json!(["CreateGrant"]))).is_none());
        let foreign_key = "arn:aws:kms:eu-west-1:444455556666:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        assert!(find(&grant(OTHER, json!(["CreateGrant"])).key(foreign_key)).is_none());
    }

    #[test]
    fn a_denied_attempt_is_lower_and_other_failures_are_silent() {
        let finding = find(&grant(OTHER, json!(["CreateGrant"])).denied()).unwrap();
        assert_eq!(finding.severity, Severity::Medium);
        assert_eq!(finding.title, "Grant on {key} whose grantee may make more grants (attempted, denied)");
        assert!(find(&grant(OTHER, json!(["CreateGrant"])).failed("LimitExceededException", "")).is_none());
        let dry = grant(OTHER, json!(["CreateGrant"])).set("requestParameters.dryRun", true);
        assert!(find(&dry.failed("DryRunOperationException", "")).is_none());
    }

    fn chains(records: &[RecordBuilder]) -> Vec<Finding> {
        let mut found = crate::pipeline::testing::findings(&DETECTOR, records);
        found.retain(|finding| finding.title.contains("made by the grantee"));
        found
    }

    #[test]
    fn a_grant_made_by_a_grantee_is_the_next_link() {
        let first = grant(OTHER, json!(["Decrypt", "CreateGrant"])).at("2026-05-04T10:00:00Z");
        let second = grant(ROLE, json!(["Decrypt"]))
            .by_role("111122223333", "apps/reports", "s")
            .set("responseElements.grantId", "second")
            .at("2026-05-04T11:00:00Z");
        let found = chains(&[first.clone(), second.clone()]);
        assert_eq!((found.len(), found[0].severity, found[0].evidence.count), (1, Severity::High, 2));
        assert!(found[0].explanation.starts_with("role/reports made a grant on"), "{}", found[0].explanation);
        assert!(found[0].runbook[0].contains("--grant-id second"));
        assert!(found[0].runbook[1].contains("--grant-id 0c237476b39f8bc44e45212e08498fbe"));
        assert!(chains(&[first.clone(), second.clone().denied()]).is_empty());
        assert!(chains(&[first.clone(), second.clone().at("2026-05-04T09:00:00Z")]).is_empty(), "before");
        assert!(
            chains(&[first.clone(), second.clone().by_user("111122223333", "bob")]).is_empty(),
            "another"
        );
        assert!(chains(&[first.clone(), second.clone().through("ec2")]).is_empty());
        let no_grantee = second.clone().set("requestParameters.granteePrincipal", Value::Null);
        assert!(chains(&[first.clone(), no_grantee]).is_empty());
        let to_service = second.clone().set("requestParameters.granteePrincipal", "rds.amazonaws.com");
        assert!(chains(&[first, to_service]).is_empty());
        let plain = grant(OTHER, json!(["Decrypt"])).at("2026-05-04T10:00:00Z");
        assert!(chains(&[plain, second]).is_empty(), "the first does not extend");
    }

    #[test]
    fn missing_fields_are_silent() {
        assert!(find(&testing::kms("CreateGrant")).is_none());
        assert!(find(&grant(OTHER, Value::Null)).is_none());
        assert!(find(&grant(OTHER, json!("CreateGrant?"))).is_none());
        assert!(find(&testing::kms("CreateGrant").set("requestParameters", Value::Null)).is_none());
    }
}
