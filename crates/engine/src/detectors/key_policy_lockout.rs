//! # Key policy lockout
//!
//! ## What it finds
//!
//! A key policy (PutKeyPolicy, CreateKey, ReplicateKey) after which nobody in the account can change the policy
//! any more, or only few named principals; and a policy set with `BypassPolicyLockoutSafetyCheck`.
//!
//! ## Why it matters
//!
//! A key whose policy nobody can change is lost to its owners: only AWS Support can give it back. Ransom begins
//! this way: everybody is shut out, and one principal, or nobody, is left.
//!
//! ## How it decides
//!
//! The policy is evaluated for `kms:PutKeyPolicy`: for an ordinary principal of the account, and for each
//! principal of it that the policy names. The usual statement for the account's root leaves the decision to IAM,
//! and is enough. A Deny for everybody, a Deny for all but one, and conditions that the account cannot meet take
//! it away.
//!
//! Critical: nobody is left. High: only the caller is left; or not everybody, and the safety check was bypassed.
//! Medium: only named principals are left; or the check was bypassed although the policy is sound. Low: the same
//! for a key just made, or KMS itself refused the policy. Info: it depends on the network or the like. A denied
//! attempt is lower.
//!
//! ## False positives
//!
//! Keys administered by one role on purpose, without the statement for the account. Infrastructure code that
//! bypasses the check because its own role may not change the policy later.
//!
//! ## What it cannot see
//!
//! Whether the named principals exist, and whether IAM policies let anybody in the account do it. For conditions
//! on `aws:PrincipalOrgID` the account is taken to be in the organisation that its policies name, unless
//! `estate.organizations` says otherwise.
//!
//! ## What to do
//!
//! Have one of those who are left put the last good policy back, now. If nobody is left, open a case with AWS
//! Support as the root user.
//!
//! ## References
//!
//! AWS KMS developer guide, "Default key policy" and "PutKeyPolicy, BypassPolicyLockoutSafetyCheck".
//! MITRE ATT&CK v18: T1531, T1485, T1098.

use super::deed::{self, Deed};
use super::key_policy_opened::{subject_key, the_policys_key};
use super::{Detector, Look, Reads, page};
use crate::estate::{Estate, is_account_id};
use crate::event::params::Params;
use crate::event::{ErrorClass, Event, Operation};
use crate::finding::{self, Finding, FindingKind, KeyName, Severity, Technique};
use crate::policy::subject::same_principal;
use crate::policy::{Control, Policy, Question};
use crate::runbook;
use crate::stage::Stage;
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "key_policy_lockout",
    title: "Key policy lockout",
    severity: Severity::Critical,
    kind: FindingKind::Rule,
    stage: Some(Stage::Destruction),
    mitre: &[
        Technique { id: "T1531", name: "Account Access Removal" },
        Technique { id: "T1485", name: "Data Destruction" },
        Technique { id: "T1098", name: "Account Manipulation" },
    ],
    covers: &["N15", "P2"],
    reads: Reads::These(&[Operation::PutKeyPolicy, Operation::CreateKey, Operation::ReplicateKey]),
    page: page(include_str!("key_policy_lockout.rs")),
    look: Look::Event(look),
};

/// Principals listed in the details.
const LISTED: usize = 20;

fn look(event: &Event<'_>, estate: &Estate) -> Option<Finding> {
    let Params::Policy(change) = &event.params else { return None };
    // KMS runs the same check, and refuses a policy that shuts its caller out unless it is told not to check.
    let refused = event.outcome.class() == Some(ErrorClass::BadInput);
    let deed = if refused && !event.dry_run { Deed::Denied } else { Deed::of(event)? };
    let owner = deed::owner(event);
    let key = subject_key(change, event);
    let control = change.policy.as_deref().map(|text| {
        let question = Question {
            owner,
            key: key.as_ref().map_or("", |key| &key.arn),
            organizations: &estate.settings.estate.organizations,
        };
        Policy::parse(text).map(|policy| policy.control(&question))
    });
    let bypass = change.bypass_lockout_check;
    let new_key = event.operation != Operation::PutKeyPolicy;
    let outcome = match control {
        // Without the owner nothing can be said of its principals.
        _ if !is_account_id(owner) => return None,
        Some(Ok(control)) => Left::from(control, event),
        // A text that KMS itself could not read is no policy.
        Some(Err(_)) if refused => return None,
        Some(Err(_)) => Left::Unread,
        // Without a policy in the request the key gets the default one, which is sound.
        None => Left::Account,
    };
    let severity = outcome.severity(bypass, new_key)?;
    let about_key = key.as_ref().map_or("", |key| &key.arn);
    let mut finding = finding::of_event(&DETECTOR, event, &[about_key, &event.principal.id]);
    finding.severity = if refused { Severity::Low } else { deed.severity(severity) };
    let named = the_policys_key(event);
    let suffix = if refused { " (attempted, refused by KMS)" } else { deed.suffix() };
    finding.title = format!("Key policy of {named} {}{suffix}", outcome.title());
    finding.explanation = explanation(&outcome, bypass, if refused { REFUSED } else { deed.preface() });
    finding.runbook = runbook(&outcome, key.as_ref(), event, deed == Deed::Done);
    finding.key = key;
    let done = if refused { Deed::Denied } else { deed };
    done.tell(&mut finding);
    finding.evidence.details.insert("policy_bypass", json!(bypass));
    finding.evidence.details.insert("left", outcome.detail());
    finding.sets_policy = deed == Deed::Done;
    Some(finding)
}

/// What stands before the explanation of a policy that KMS did not take.
const REFUSED: &str = "KMS refused the policy, so nothing has changed. ";

/// Who is left that can change the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Left {
    /// Whoever the account's IAM policies let.
    Account,
    /// These principals.
    Named(Vec<String>),
    /// The caller alone.
    Caller(String),
    /// It depends.
    Undecided,
    /// The policy could not be read.
    Unread,
    /// Nobody.
    Nobody,
}

impl Left {
    fn from(control: Control, event: &Event<'_>) -> Left {
        match control {
            Control::Account => Left::Account,
            Control::Conditional => Left::Undecided,
            Control::Nobody => Left::Nobody,
            Control::Only(names) => {
                let mut names: Vec<String> = names.into_iter().collect();
                match names.pop() {
                    Some(name) if names.is_empty() && same_principal(&name, &event.principal.id) => {
                        Left::Caller(name)
                    }
                    last => {
                        names.extend(last);
                        Left::Named(names)
                    }
                }
            }
        }
    }

    fn severity(&self, bypass: bool, new_key: bool) -> Option<Severity> {
        match (self, bypass) {
            (Left::Nobody, _) => Some(Severity::Critical),
            (Left::Caller(_), _) | (Left::Named(_) | Left::Undecided | Left::Unread, true) => {
                Some(Severity::High)
            }
            // A new key protects nothing yet, and its policy is often the first step of several.
            (Left::Named(_), false) | (Left::Account, true) if new_key => Some(Severity::Low),
            (Left::Named(_), false) | (Left::Account, true) => Some(Severity::Medium),
            (Left::Undecided, false) => Some(Severity::Info),
            // An unreadable policy is a finding of the detector of opened policies.
            (Left::Account | Left::Unread, false) => None,
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Left::Nobody => "leaves nobody who can change it",
            Left::Caller(_) => "leaves only its caller who can change it",
            Left::Named(_) => "leaves only named principals who can change it",
            Left::Undecided => "can be changed only under conditions",
            Left::Account | Left::Unread => "set without the lockout safety check",
        }
    }

    fn detail(&self) -> serde_json::Value {
        match self {
            Left::Nobody => json!("nobody"),
            Left::Caller(name) => json!([deed::clip(name)]),
            Left::Named(names) => names.iter().take(LISTED).map(|name| deed::clip(name)).collect(),
            Left::Undecided => json!("under conditions"),
            Left::Unread => json!("unknown: the policy could not be read"),
            Left::Account => json!("the account"),
        }
    }
}

fn explanation(left: &Left, bypass: bool, preface: &str) -> String {
    let what = match left {
        Left::Nobody => {
            "Under this policy no principal of the account that owns the key may call PutKeyPolicy. Nobody can \
             repair it, stop misuse or widen access again except AWS Support."
        }
        Left::Caller(_) => {
            "Under this policy the caller alone may call PutKeyPolicy. Whoever controls this principal controls the \
             key; if it is deleted, the key is out of reach."
        }
        Left::Named(_) => {
            "Under this policy only the principals it names may call PutKeyPolicy; the account itself is left out. \
             If they are deleted or taken over, the key is out of reach of its owners."
        }
        Left::Undecided => {
            "Under this policy PutKeyPolicy depends on a condition, such as the network, that the policy alone does \
             not decide. If nobody can meet it, the key is out of reach of its owners."
        }
        Left::Unread => "The policy could not be read, so it is not known who can still change it.",
        Left::Account => "The policy itself is sound: the account can still change it.",
    };
    let bypassed = if bypass {
        " The safety check of KMS, which keeps callers from shutting themselves out, was switched off for the call."
    } else {
        ""
    };
    format!(
        "{preface}{what}{bypassed} The record does not prove intent: infrastructure code can do the same by mistake."
    )
}

fn runbook(left: &Left, key: Option<&KeyName>, event: &Event<'_>, done: bool) -> Vec<String> {
    let id = key.map_or("KEY_ID", |key| &key.arn);
    let region = key.and_then(|key| key.region.as_deref()).unwrap_or(&event.region);
    let policy = [("key-id", id), ("policy-name", "default"), ("region", region)];
    let mut steps = Vec::new();
    // No text out of a log stands in a step but inside a command, quoted: whoever writes a policy chooses the names
    // in it, and could choose them so that they look like the command to run.
    let who = match left {
        Left::Caller(_) => ", as the caller, who alone can",
        Left::Named(_) => ", as one of those who are left (see the evidence)",
        _ => "",
    };
    if done {
        steps.push(format!(
            "Put the last good policy back{who} (from code, or from the previous PutKeyPolicy in the logs): {} --policy file://last-good-policy.json",
            runbook::aws("kms put-key-policy", &policy)
        ));
    }
    if done && *left == Left::Nobody {
        steps.push(
            "If that is denied: sign in as the root user of the account and open a case with AWS Support, KMS, to \
             regain the key policy."
                .to_owned(),
        );
    }
    steps.push(format!(
        "Read the policy in force: {} --query Policy --output text",
        runbook::aws("kms get-key-policy", &policy)
    ));
    steps.push(format!("See what else the caller did: {}", deed::look_up_actor(event)));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{self, ACCOUNT, KEY, ROLE, RecordBuilder};
    use serde_json::Value;

    const ADMIN: &str = "arn:aws:iam::111122223333:role/admin";

    fn find(record: &RecordBuilder) -> Option<Finding> {
        record.event(|event| look(event, &Estate::default()))
    }

    fn policy(statements: Value) -> String {
        json!({"Statement": statements}).to_string()
    }

    fn allow(principal: &str) -> Value {
        json!({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "kms:*", "Resource": "*"})
    }

    fn put(statements: Value) -> RecordBuilder {
        testing::kms("PutKeyPolicy").set("requestParameters.policy", policy(statements))
    }

    fn bypassing(record: RecordBuilder) -> RecordBuilder {
        record.set("requestParameters.bypassPolicyLockoutSafetyCheck", true)
    }

    fn nobody() -> Value {
        let closed = json!({"Effect": "Deny", "Principal": "*", "Action": "kms:Put*", "Resource": "*"});
        json!([allow(ACCOUNT), closed])
    }

    /// Left to the account, but only from one network.
    fn undecided() -> Value {
        let mut network = json!({"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*"});
        network["Condition"] = json!({"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}});
        json!([allow(ACCOUNT), network])
    }

    fn severity(record: RecordBuilder) -> Option<Severity> {
        find(&record).map(|finding| finding.severity)
    }

    #[test]
    fn a_policy_that_nobody_can_change_is_critical() {
        let finding = find(&put(nobody())).unwrap();
        assert_eq!(finding.severity, Severity::Critical);
        assert_eq!(finding.title, "Key policy of {key} leaves nobody who can change it");
        assert_eq!(finding.evidence.details["left"], "nobody");
        assert!(finding.runbook.iter().any(|step| step.contains("AWS Support")));
        assert!(finding.runbook[0].contains(&format!("put-key-policy --key-id {KEY}")));
        assert_eq!(severity(bypassing(put(nobody()))), Some(Severity::Critical));
        assert_eq!(
            severity(testing::kms("CreateKey").set("requestParameters.policy", policy(nobody()))),
            Some(Severity::Critical)
        );
    }

    #[test]
    fn a_deny_for_everybody_but_the_caller_is_high() {
        let but_me =
            json!({"Effect": "Deny", "NotPrincipal": {"AWS": ROLE}, "Action": "kms:*", "Resource": "*"});
        let finding = find(&put(json!([allow(ACCOUNT), but_me]))).unwrap();
        assert_eq!(finding.severity, Severity::High);
        assert_eq!(finding.title, "Key policy of {key} leaves only its caller who can change it");
        assert_eq!(finding.evidence.details["left"], json!([ROLE]));
        assert!(finding.runbook[0].contains("as the caller"));
        assert!(finding.evidence.details["left"].to_string().contains(ROLE));
    }

    #[test]
    fn a_policy_for_named_principals_without_the_account_is_medium() {
        let finding = find(&put(json!([allow(ADMIN)]))).unwrap();
        assert_eq!(finding.severity, Severity::Medium);
        assert_eq!(finding.evidence.details["left"], json!([ADMIN]));
        assert_eq!(severity(put(json!([allow(ADMIN), allow(ROLE)]))), Some(Severity::Medium));
        assert_eq!(severity(bypassing(put(json!([allow(ADMIN)])))), Some(Severity::High));
        let new = testing::kms("CreateKey").set("requestParameters.policy", policy(json!([allow(ADMIN)])));
        assert_eq!(severity(new), Some(Severity::Low));
    }

    #[test]
    fn bypassing_the_check_is_told_even_if_the_policy_is_sound() {
        let finding = find(&bypassing(put(json!([allow(ACCOUNT)])))).unwrap();
        assert_eq!(finding.severity, Severity::Medium);
        assert_eq!(finding.title, "Key policy of {key} set without the lockout safety check");
        assert!(finding.explanation.contains("switched off"));
        assert_eq!(severity(bypassing(testing::kms("CreateKey"))), Some(Severity::Low));
        assert_eq!(severity(bypassing(put(undecided()))), Some(Severity::High));
        assert_eq!(severity(bypassing(put(json!([{}])))), Some(Severity::High));
    }

    #[test]
    fn a_sound_policy_is_silent() {
        assert!(find(&put(json!([allow(ACCOUNT)]))).is_none());
        assert!(find(&put(json!([allow(ACCOUNT), allow(ADMIN)]))).is_none());
        let unchecked =
            put(json!([allow(ACCOUNT)])).set("requestParameters.bypassPolicyLockoutSafetyCheck", false);
        assert!(find(&unchecked).is_none());
    }

    #[test]
    fn what_depends_on_the_network_is_worth_knowing() {
        let finding = find(&put(undecided())).unwrap();
        assert_eq!(finding.severity, Severity::Info);
        assert!(!finding.explanation.contains("switched off"));
    }

    #[test]
    fn an_attempt_is_lower_and_says_so() {
        let denied = find(&put(nobody()).denied()).unwrap();
        assert_eq!(
            (denied.severity, denied.title.ends_with("(attempted, denied)")),
            (Severity::Medium, true)
        );
        let refused = put(nobody()).failed(
            "MalformedPolicyDocumentException",
            "The new key policy will not allow you to update the key policy in the future.",
        );
        let refused = find(&refused).unwrap();
        assert_eq!(
            (refused.severity, refused.title.ends_with("(attempted, refused by KMS)")),
            (Severity::Low, true)
        );
        assert!(refused.explanation.starts_with("KMS refused the policy"));
    }

    #[test]
    fn a_call_that_failed_otherwise_locks_nobody_out() {
        assert!(find(&put(nobody()).failed("KMSInternalException", "")).is_none());
        assert!(find(&put(json!([{}])).failed("MalformedPolicyDocumentException", "")).is_none());
        assert!(find(&put(json!([allow(ACCOUNT)])).failed("MalformedPolicyDocumentException", "")).is_none());
    }

    #[test]
    fn missing_fields_are_silent() {
        assert!(find(&testing::kms("PutKeyPolicy").set("requestParameters", Value::Null)).is_none());
        assert!(find(&testing::kms("CreateKey")).is_none());
        assert!(find(&put(json!([{}]))).is_none());
        let nowhere = put(nobody())
            .remove("recipientAccountId")
            .set("resources", Value::Null)
            .set("responseElements", Value::Null)
            .set("userIdentity", json!({"type": "AssumedRole"}))
            .remove("requestParameters.keyId");
        assert!(find(&nowhere).is_none());
        assert!(find(&testing::kms("EnableKey")).is_none());
    }

    #[test]
    fn no_name_out_of_a_policy_stands_in_a_step() {
        let name = format!("arn:aws:iam::{ACCOUNT}:user/x: aws iam create-access-key --user-name admin #");
        let record = put(json!([allow(&name)]));
        for record in [record.clone(), record.denied()] {
            let finding = find(&record).unwrap();
            assert!(
                !finding.runbook.iter().any(|step| step.contains("create-access-key")),
                "{:?}",
                finding.runbook
            );
        }
    }

    #[test]
    fn what_was_denied_needs_no_policy_put_back() {
        let finding = find(&put(json!([])).denied()).unwrap();
        assert!(!finding.runbook.iter().any(|step| step.contains("put-key-policy")), "{:?}", finding.runbook);
    }

    #[test]
    fn what_was_refused_is_told_as_an_attempt_and_sets_no_policy() {
        let refused = put(nobody()).failed("MalformedPolicyDocumentException", "");
        let attempt = find(&refused).unwrap();
        assert_eq!(attempt.evidence.details.get("denied"), Some(&json!(true)));
        let done = find(&put(nobody())).unwrap();
        assert_eq!(done.evidence.details.get("denied"), None);
        assert!(done.sets_policy && !find(&put(nobody()).denied()).unwrap().sets_policy);
        let unreadable = testing::kms("PutKeyPolicy")
            .set("requestParameters.policy", "{")
            .failed("MalformedPolicyDocumentException", "");
        assert!(find(&bypassing(unreadable)).is_none());
    }

    #[test]
    fn who_is_to_put_the_policy_back_is_said_of_those_who_can() {
        let named = find(&put(json!([allow(ADMIN)]))).unwrap();
        assert!(named.runbook[0].contains("as one of those who are left"), "{}", named.runbook[0]);
        let nobody_left = find(&put(nobody())).unwrap();
        assert!(!nobody_left.runbook[0].contains("as one of"));
        let support = |finding: &Finding| finding.runbook.iter().any(|step| step.contains("AWS Support"));
        assert!(support(&nobody_left) && !support(&named));
        assert!(!support(&find(&put(nobody()).denied()).unwrap()));
    }
}
