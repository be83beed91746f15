//! # Key policy opened
//!
//! ## What it finds
//!
//! A key policy (PutKeyPolicy, CreateKey, ReplicateKey) that lets everybody, another organisation or a foreign
//! account use, share or administer the key.
//!
//! ## Why it matters
//!
//! Whoever may decrypt with a key reads all data under it that they can get at; whoever may make grants can hide
//! their access from every policy review. It is how data under a key is prepared to leave.
//!
//! ## How it decides
//!
//! The policy is evaluated as AWS does it, not searched for words. Allow and Deny, wildcards, lists,
//! `NotPrincipal`, `NotAction` and conditions all count. A condition that pins the caller (`kms:CallerAccount`,
//! `aws:PrincipalOrgID`, `aws:PrincipalArn`, `aws:SourceAccount` and the like) narrows `*` to those it names;
//! `kms:ViaService` or an encryption context does not, because a stranger can meet it. What depends on the
//! network or on a condition unknown to this version is called conditional.
//!
//! Critical: everybody may use, share or administer. High: a foreign account or organisation may use the key or
//! make grants. Medium: only under an undecided condition; only administration for a foreign account, which KMS
//! does not take from other accounts today; or use by a principal that cannot be resolved to an account. Low:
//! reading metadata and checking signatures, or a policy that cannot be read. A denied attempt is lower.
//!
//! ## Parameters
//!
//! `estate.accounts`, `estate.organizations`, `estate.trusted_accounts`: nobody of these is a stranger. Another
//! organisation is reported only if own ones are declared.
//!
//! ## False positives
//!
//! A partner who is meant to have access: add the account to `estate.trusted_accounts`. Putting the policy that is in
//! force again is not found, as long as the one before is in the logs at hand; nor is it after 64 policies more.
//!
//! ## What it cannot see
//!
//! Access by grants, IAM policies, and shares through AWS RAM. Two Deny statements that only together shut
//! everybody out are not seen to do so.
//!
//! ## What to do
//!
//! Put the last good policy back, then find out who used the key in the meantime, and whether grants were made.
//!
//! ## References
//!
//! AWS KMS developer guide, "Allowing users in other accounts to use a KMS key"; IAM user guide, "Policy
//! evaluation logic".
//! MITRE ATT&CK v18: T1098, T1537.

use super::deed::{self, Deed};
use super::{Detector, Look, Reads, page};
use crate::estate::{Estate, is_account_id};
use crate::event::params::{Params, PolicyChange};
use crate::event::{Event, Operation};
use crate::finding::{self, Finding, FindingKind, KeyName, Severity, Technique};
use crate::policy::{Access, Class, Policy, PolicyError, Question, Who};
use crate::stage::Stage;
use serde_json::json;
use words::{detail, explanation, steps, to_whom, who};

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "key_policy_opened",
    title: "Key policy opened",
    severity: Severity::High,
    kind: FindingKind::Rule,
    stage: Some(Stage::Opening),
    mitre: &[
        Technique { id: "T1098", name: "Account Manipulation" },
        Technique { id: "T1537", name: "Transfer Data to Cloud Account" },
    ],
    covers: &["M5", "N17", "P7"],
    reads: Reads::These(&[Operation::PutKeyPolicy, Operation::CreateKey, Operation::ReplicateKey]),
    page: page(include_str!("key_policy_opened.rs")),
    look: Look::Event(look),
};

mod words;

/// Strangers listed in the details; the count of all is beside them.
const LISTED: usize = 20;

fn look(event: &Event<'_>, estate: &Estate) -> Option<Finding> {
    let Params::Policy(change) = &event.params else { return None };
    let deed = Deed::of(event)?;
    let policy = match Policy::parse(change.policy.as_deref()?) {
        Ok(policy) => policy,
        Err(error) => return unreadable(event, change, deed, &error),
    };
    let owner = deed::owner(event);
    let key = subject_key(change, event);
    let question = Question {
        owner,
        key: key.as_ref().map_or("", |key| &key.arn),
        organizations: &estate.settings.estate.organizations,
    };
    let mut opened = policy.access(&question);
    opened.retain(|access| is_stranger(&access.who, owner, event, estate));
    let severity = opened.iter().map(severity).max()?;
    let accounts: Vec<String> = opened.iter().filter_map(|a| a.who.account()).map(str::to_owned).collect();

    let to_whom = to_whom(&opened);
    let about_key = key.as_ref().map_or("", |key| &key.arn);
    let about_whom = opened.iter().map(|access| deed::clip(who(&access.who))).collect::<Vec<_>>().join(" ");
    let mut finding = finding::of_event(&DETECTOR, event, &[about_key, &about_whom]);
    finding.severity = deed.severity(severity);
    let named = the_policys_key(event);
    finding.title = format!("Key policy of {named} opened to {to_whom}{}", deed.suffix());
    finding.explanation = explanation(&opened, deed, named, &to_whom);
    finding.runbook = steps(key.as_ref(), event, deed);
    finding.key = key;
    deed.tell(&mut finding);
    finding.evidence.details.insert("policy_bypass", json!(change.bypass_lockout_check));
    finding
        .evidence
        .details
        .insert("opened_to", opened.iter().take(LISTED).map(|a| detail(a, &policy)).collect());
    finding.evidence.details.insert("opened_to_count", json!(opened.len()));
    finding.sets_policy = deed == Deed::Done;
    if accounts.len() == opened.len() {
        finding.rests_on_foreign = accounts;
    }
    Some(finding)
}

/// The key in a text: its name is put in later, if there is one.
pub(super) fn the_policys_key(event: &Event<'_>) -> &'static str {
    match deed::the_key(event) {
        "a key" if event.operation == Operation::CreateKey => "a new key",
        key => key,
    }
}

/// The key whose policy is set: of ReplicateKey the replica.
pub(super) fn subject_key(change: &PolicyChange<'_>, event: &Event<'_>) -> Option<KeyName> {
    let mut key = event.key.as_ref().map(crate::event::Key::name)?;
    if let Some(region) = &change.replica_region {
        // A replica has the id of its primary, in another Region.
        let other = key
            .region
            .as_ref()
            .map(|primary| key.arn.replacen(&format!(":{primary}:"), &format!(":{region}:"), 1));
        key.arn = change.replica_arn.as_deref().map(str::to_owned).or(other).unwrap_or(key.arn);
        key.region = Some(region.to_string());
    }
    Some(key)
}

fn is_stranger(who: &Who, owner: &str, event: &Event<'_>, estate: &Estate) -> bool {
    match who {
        Who::Anyone | Who::Unresolved(_) => true,
        // Without a known owner every account in the policy would look foreign.
        Who::Account(account) => {
            is_account_id(owner) && account != owner && estate.is_outsider(account, &event.account)
        }
        Who::Organization(_) => !estate.settings.estate.organizations.is_empty(),
    }
}

fn severity(access: &Access) -> Severity {
    let sure = |class| access.surely_gives(class);
    let any = |class| access.all().gives(class);
    let use_or_grant = sure(Class::Use) || sure(Class::Grant);
    match access.who {
        Who::Anyone if use_or_grant || sure(Class::Admin) => Severity::Critical,
        Who::Account(_) | Who::Organization(_) if use_or_grant => Severity::High,
        _ if any(Class::Use) || any(Class::Grant) || any(Class::Admin) => Severity::Medium,
        _ => Severity::Low,
    }
}

/// A policy that AWS took and that cannot be read here says nothing good or bad; somebody should look.
fn unreadable(
    event: &Event<'_>,
    change: &PolicyChange<'_>,
    deed: Deed,
    error: &PolicyError,
) -> Option<Finding> {
    if deed == Deed::Denied {
        return None;
    }
    let key = subject_key(change, event);
    let mut finding =
        finding::of_event(&DETECTOR, event, &[key.as_ref().map_or("", |key| &key.arn), "unreadable"]);
    finding.severity = Severity::Low;
    finding.title = format!("Key policy of {} could not be read", the_policys_key(event));
    finding.explanation = format!(
        "A key policy was set, and its text in the log could not be evaluated: {error}. Whether it opens the key is not known."
    );
    finding.runbook = steps(key.as_ref(), event, deed);
    finding.key = key;
    finding.evidence.details.insert("policy_error", json!(error.to_string()));
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{self, ACCOUNT, KEY, RecordBuilder};
    use crate::settings::Settings;
    use serde_json::Value;

    fn estate() -> Estate {
        let mut settings = Settings::default();
        settings.estate.trusted_accounts = vec!["777788889999".into()];
        settings.estate.organizations = vec!["o-ours000000".into()];
        Estate::new(settings)
    }

    fn find(record: &RecordBuilder) -> Option<Finding> {
        record.event(|event| look(event, &estate()))
    }

    fn root() -> Value {
        json!({"Sid": "Root", "Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT}:root")}, "Action": "kms:*", "Resource": "*"})
    }

    fn allow(principal: Value, action: Value) -> Value {
        json!({"Sid": "Given", "Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"})
    }

    fn document(statement: Value) -> String {
        json!({"Version": "2012-10-17", "Statement": [root(), statement]}).to_string()
    }

    fn put(statement: Value) -> RecordBuilder {
        testing::kms("PutKeyPolicy").set("requestParameters.policy", document(statement))
    }

    fn severity_of(statement: Value) -> Option<Severity> {
        find(&put(statement)).map(|finding| finding.severity)
    }

    #[test]
    fn a_key_opened_to_everybody_is_critical() {
        let finding = find(&put(allow(json!("*"), json!(["kms:DescribeKey", "kms:Decrypt"])))).unwrap();
        assert_eq!(finding.severity, Severity::Critical);
        assert_eq!(finding.title, "Key policy of {key} opened to everybody");
        assert!(finding.explanation.contains("encrypt, decrypt or sign"), "{}", finding.explanation);
        assert!(!finding.explanation.contains("administer"), "{}", finding.explanation);
        assert!(finding.rests_on_foreign.is_empty());
        let to = &finding.evidence.details["opened_to"][0];
        assert_eq!(to["statements"], json!(["Given"]));
        assert_eq!(to["allowed"], json!(["kms:Decrypt", "kms:DescribeKey"]));
        assert_eq!(to["classes"], json!(["read", "use"]));
        assert!(finding.runbook[1].contains(&format!(
            "aws kms put-key-policy --key-id {KEY} --policy-name default --region eu-west-1"
        )));
    }

    #[test]
    fn a_key_opened_to_a_foreign_account_is_high_and_rests_on_it() {
        let finding =
            find(&put(allow(json!({"AWS": "arn:aws:iam::444455556666:role/x"}), json!("kms:Decrypt"))))
                .unwrap();
        assert_eq!(finding.severity, Severity::High);
        assert_eq!(finding.title, "Key policy of {key} opened to foreign account 444455556666");
        assert_eq!(finding.rests_on_foreign, ["444455556666"]);
        assert_eq!(
            finding.evidence.details["opened_to"][0]["principals"],
            json!(["arn:aws:iam::444455556666:role/x"])
        );
    }

    #[test]
    fn several_foreign_accounts_are_one_finding_that_rests_on_all() {
        let accounts = json!({"AWS": ["444455556666", "555566667777", "777788889999", "666677778888"]});
        let finding = find(&put(allow(accounts, json!("kms:Decrypt")))).unwrap();
        assert_eq!(finding.title, "Key policy of {key} opened to foreign account 444455556666 and 2 more");
        assert_eq!(finding.rests_on_foreign, ["444455556666", "555566667777", "666677778888"]);
        assert_eq!(finding.evidence.details["opened_to_count"], 3);
        let two = json!({"AWS": ["444455556666", "555566667777"]});
        let finding = find(&put(allow(two, json!("kms:Decrypt")))).unwrap();
        assert_eq!(finding.title, "Key policy of {key} opened to foreign account 444455556666 and one more");
    }

    #[test]
    fn severity_goes_by_what_is_given_and_to_whom() {
        let foreign = || json!({"AWS": "444455556666"});
        let when = |mut statement: Value, condition: Value| {
            statement["Condition"] = condition;
            severity_of(statement)
        };
        assert_eq!(severity_of(allow(json!("*"), json!("kms:CreateGrant"))), Some(Severity::Critical));
        assert_eq!(
            severity_of(allow(json!("*"), json!("kms:ScheduleKeyDeletion"))),
            Some(Severity::Critical)
        );
        assert_eq!(severity_of(allow(json!("*"), json!("kms:GetPublicKey"))), Some(Severity::Low));
        assert_eq!(severity_of(allow(foreign(), json!("kms:CreateGrant"))), Some(Severity::High));
        assert_eq!(severity_of(allow(foreign(), json!("kms:*"))), Some(Severity::High));
        assert_eq!(severity_of(allow(foreign(), json!("kms:PutKeyPolicy"))), Some(Severity::Medium));
        assert_eq!(severity_of(allow(foreign(), json!("kms:DescribeKey"))), Some(Severity::Low));
        let id = json!({"AWS": "AROAEXAMPLEROLEID0009"});
        assert_eq!(severity_of(allow(id.clone(), json!("kms:Decrypt"))), Some(Severity::Medium));
        assert_eq!(severity_of(allow(id, json!("kms:ListGrants"))), Some(Severity::Low));
        let network = json!({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}});
        assert_eq!(when(allow(json!("*"), json!("kms:Decrypt")), network.clone()), Some(Severity::Medium));
        assert_eq!(
            when(allow(json!("*"), json!("kms:CreateGrant")), network.clone()),
            Some(Severity::Medium)
        );
        assert_eq!(when(allow(foreign(), json!("kms:Decrypt")), network.clone()), Some(Severity::Medium));
        assert_eq!(when(allow(json!("*"), json!("kms:DescribeKey")), network), Some(Severity::Low));
        let organization = json!({"StringEquals": {"aws:PrincipalOrgID": "o-other00000"}});
        assert_eq!(when(allow(json!("*"), json!("kms:Decrypt")), organization), Some(Severity::High));
    }

    #[test]
    fn of_several_strangers_the_worst_decides() {
        let mut network = allow(json!("*"), json!("kms:Decrypt"));
        network["Condition"] = json!({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}});
        let foreign = allow(json!({"AWS": "444455556666"}), json!("kms:Decrypt"));
        let policy = json!({"Statement": [root(), network, foreign]}).to_string();
        let finding = find(&testing::kms("PutKeyPolicy").set("requestParameters.policy", policy)).unwrap();
        assert_eq!(finding.severity, Severity::High);
        assert_eq!(finding.title, "Key policy of {key} opened to everybody");
        assert!(!finding.explanation.contains("does not decide"));
        // Should the account turn out to be ours, the rest stands.
        assert!(finding.rests_on_foreign.is_empty());
    }

    #[test]
    fn a_conditional_opening_says_on_what_it_depends() {
        let mut statement = allow(json!("*"), json!("kms:Decrypt"));
        statement["Condition"] = json!({"StringEquals": {"aws:SourceVpce": "vpce-1a2b3c4d"}});
        let finding = find(&put(statement)).unwrap();
        assert!(finding.explanation.contains("does not decide (aws:sourcevpce)"), "{}", finding.explanation);
        assert_eq!(finding.evidence.details["opened_to"][0]["conditional"], json!(["kms:Decrypt"]));
        let sure = find(&put(allow(json!("*"), json!("kms:Decrypt")))).unwrap();
        assert!(!sure.explanation.contains("does not decide"));
    }

    #[test]
    fn the_own_account_a_trusted_one_and_services_are_no_strangers() {
        for principal in [
            json!({"AWS": ACCOUNT}),
            json!({"AWS": format!("arn:aws:iam::{ACCOUNT}:role/admin")}),
            json!({"AWS": "777788889999"}),
            json!({"Service": "logs.eu-west-1.amazonaws.com"}),
        ] {
            assert_eq!(severity_of(allow(principal.clone(), json!("kms:*"))), None, "{principal}");
        }
        let mut statement = allow(json!({"AWS": "*"}), json!("kms:*"));
        statement["Condition"] = json!({"StringEquals": {"kms:CallerAccount": ACCOUNT, "kms:ViaService": "s3.eu-west-1.amazonaws.com"}});
        assert_eq!(severity_of(statement.clone()), None);
        statement["Condition"] = json!({"StringEquals": {"aws:PrincipalOrgID": "o-ours000000"}});
        assert_eq!(severity_of(statement), None);
    }

    #[test]
    fn an_account_that_is_learned_is_no_stranger() {
        let record = put(allow(json!({"AWS": "444455556666"}), json!("kms:*")));
        let mut estate = estate();
        estate.learn_account("444455556666");
        assert!(record.event(|event| look(event, &estate)).is_none());
    }

    #[test]
    fn an_organisation_is_a_stranger_only_if_own_ones_are_declared() {
        let mut statement = allow(json!("*"), json!("kms:*"));
        statement["Condition"] = json!({"StringEquals": {"aws:PrincipalOrgID": "o-other00000"}});
        let finding = find(&put(statement.clone())).unwrap();
        assert_eq!(finding.title, "Key policy of {key} opened to organisation o-other00000");
        assert!(finding.rests_on_foreign.is_empty());
        assert!(put(statement).event(|event| look(event, &Estate::default())).is_none());
    }

    #[test]
    fn a_denied_attempt_is_lower_and_says_so() {
        let finding = find(&put(allow(json!("*"), json!("kms:*"))).denied()).unwrap();
        assert_eq!(finding.severity, Severity::Medium);
        assert_eq!(finding.title, "Key policy of {key} opened to everybody (attempted, denied)");
        assert!(finding.explanation.starts_with("The call was denied, so nothing has changed."));
    }

    #[test]
    fn a_call_that_failed_otherwise_opened_nothing() {
        let record = put(allow(json!("*"), json!("kms:*")));
        assert!(find(&record.failed("MalformedPolicyDocumentException", "no")).is_none());
    }

    #[test]
    fn a_new_key_may_be_open_from_the_start() {
        let open = document(allow(json!("*"), json!("kms:*")));
        let record = testing::kms("CreateKey").set("requestParameters.policy", open);
        assert_eq!(find(&record).unwrap().title, "Key policy of {key} opened to everybody");
        let denied = record.remove("resources").failed("AccessDenied", "no identity-based policy allows it");
        assert_eq!(
            find(&denied).unwrap().title,
            "Key policy of a new key opened to everybody (attempted, denied)"
        );
    }

    #[test]
    fn of_a_replica_the_replica_is_named_and_the_policy_may_stand_in_the_answer() {
        let open = document(allow(json!("*"), json!("kms:*")));
        let primary = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
        let record = testing::kms("ReplicateKey")
            .key(primary)
            .set("requestParameters.replicaRegion", "us-east-1")
            .set("responseElements.replicaPolicy", open);
        let replica = "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
        for record in [record.clone(), record.set("responseElements.replicaKeyMetadata.arn", replica)] {
            let finding = find(&record).unwrap();
            assert_eq!(finding.key.unwrap().arn, replica);
            assert!(finding.runbook[0].contains("--region us-east-1"), "{:?}", finding.runbook);
        }
    }

    #[test]
    fn a_policy_that_is_an_object_and_not_a_text_is_read_too() {
        let open = json!({"Statement": allow(json!("*"), json!("kms:Decrypt"))});
        assert!(find(&testing::kms("PutKeyPolicy").set("requestParameters.policy", open)).is_some());
    }

    #[test]
    fn without_a_policy_there_is_nothing_to_say() {
        for policy in [Value::Null, json!("")] {
            assert!(find(&testing::kms("PutKeyPolicy").set("requestParameters.policy", policy)).is_none());
        }
        assert!(find(&testing::kms("PutKeyPolicy").set("requestParameters", Value::Null)).is_none());
        assert!(find(&testing::kms("CreateKey")).is_none());
        assert!(find(&testing::kms("DisableKey")).is_none());
    }

    #[test]
    fn without_an_owner_only_everybody_is_a_stranger() {
        let bare = |record: RecordBuilder| {
            record
                .remove("recipientAccountId")
                .set("resources", Value::Null)
                .set("responseElements", Value::Null)
                .set("userIdentity", json!({"type": "AssumedRole"}))
                .remove("requestParameters.keyId")
        };
        assert!(find(&bare(put(allow(json!({"AWS": "444455556666"}), json!("kms:*"))))).is_none());
        let finding = find(&bare(put(allow(json!("*"), json!("kms:*"))))).unwrap();
        assert_eq!(finding.title, "Key policy of a key opened to everybody");
    }

    #[test]
    fn a_policy_that_cannot_be_read_is_said_to_be_so_if_it_was_set() {
        let record = testing::kms("PutKeyPolicy").set("requestParameters.policy", "{\"Statement\":[{}]}");
        let finding = find(&record).unwrap();
        assert_eq!(finding.severity, Severity::Low);
        assert_eq!(finding.title, "Key policy of {key} could not be read");
        assert_eq!(finding.evidence.details["policy_error"], "statement 1: has no Effect of Allow or Deny");
        assert!(find(&record.denied()).is_none());
    }

    #[test]
    fn the_same_policy_put_again_on_the_same_day_is_the_same_finding() {
        let record = put(allow(json!("*"), json!("kms:Decrypt")));
        let first = find(&record).unwrap();
        let again = find(&record.clone().at("2026-05-04T11:00:00Z")).unwrap();
        let tomorrow = find(&record.at("2026-05-05T11:00:00Z")).unwrap();
        let other = find(&put(allow(json!({"AWS": "444455556666"}), json!("kms:Decrypt")))).unwrap();
        assert_eq!(first.id, again.id);
        assert_ne!(first.id, tomorrow.id);
        assert_ne!(first.id, other.id);
    }

    #[test]
    fn long_lists_are_cut_and_counted() {
        let accounts: Vec<String> = (0..60).map(|n| format!("4444555500{n:02}")).collect();
        let finding = find(&put(allow(json!({"AWS": accounts}), json!("kms:Decrypt")))).unwrap();
        assert_eq!(finding.evidence.details["opened_to"].as_array().unwrap().len(), LISTED);
        assert_eq!(finding.evidence.details["opened_to_count"], 60);
        assert_eq!(finding.rests_on_foreign.len(), 60);
    }

    #[test]
    fn a_policy_that_was_set_may_turn_out_to_be_the_old_one_and_an_attempt_may_not() {
        let record = put(allow(json!("*"), json!("kms:Decrypt")));
        assert!(find(&record).unwrap().sets_policy);
        assert!(!find(&record.denied()).unwrap().sets_policy);
    }

    #[test]
    fn that_kms_takes_no_administration_from_others_is_said_where_it_is_given() {
        let said = |action: &str| {
            let finding = find(&put(allow(json!({"AWS": "444455556666"}), json!(action)))).unwrap();
            finding.explanation.contains("takes administration only")
        };
        assert!(said("kms:PutKeyPolicy") && !said("kms:Decrypt"));
    }
}
