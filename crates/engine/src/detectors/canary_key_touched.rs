//! # Canary key touched
//!
//! Somebody used, changed or looked at a key that nobody has a reason to touch.
//!
//! ## What it finds
//!
//! * Any call on a key that is declared in `estate.canary_keys`: done, denied, tried as a dry run, or failed for
//!   another reason;
//! * of a key that has the tag `estate.canary_tag`: the first use or change by each principal but the one who tagged it.
//!
//! ## Why it matters
//!
//! A key that protects nothing, with a name worth stealing, has no users. Whoever touches it went through the keys of
//! the account, or found its name where only an intruder looks. There are hardly any false positives to weigh.
//!
//! ## How it decides
//!
//! *High* if the call would use, share, change or destroy the key, whatever came of it. *Low* if it reads metadata
//! (`DescribeKey`, `GetKeyPolicy`, `ListGrants` and the like), as inventories do. Silent is what AWS services do by
//! themselves: they read metadata of every key, and rotate it.
//!
//! ## Parameters
//!
//! * `estate.canary_tag` (`kmswatch:canary`): the tag, whatever its value. It needs no settings once it is there.
//! * `estate.canary_keys` (empty): key ARNs, key ids or aliases (`alias/...`). A key id or ARN is better: by its alias a
//!   key is known only in calls that name the alias.
//!
//! ## False positives
//!
//! Whoever makes, tags or tears down the key, and inventory tools.
//!
//! ## What it cannot see
//!
//! Of a key that only its tag declares: denied calls, and reading. A denied call proves no key, so no State is kept for
//! it, and of the tag the States alone know; declare the key in `estate.canary_keys` as well, and both are found. Tags
//! from before the logs at hand begin.
//! `ListKeys` and `ListAliases`, which name no key. Attempts from other accounts that are denied: those stand in the
//! log of the caller's account alone.
//!
//! ## What to do
//!
//! Find out what else the caller did today; take it for an intruder until it is known.
//!
//! ## References
//!
//! * AWS Security Blog, "How to detect suspicious activity in your AWS account by using private decoy resources"
//! * MITRE ATT&CK T1580, Cloud Infrastructure Discovery; T1078.004, Valid Accounts: Cloud Accounts

use super::deed::{self, Deed};
use super::impact::{look_further, short};
use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::event::operation::Category;
use crate::event::{Event, Form, Key, PrincipalKind, Source};
use crate::finding::{self, Actor, Finding, FindingKind, Severity, Span, Technique};
use crate::runbook::look_up;
use crate::stage::Stage;
use crate::state::{ActKind, Detail, KeyState};
use crate::time::Timestamp;
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "canary_key_touched",
    title: "Canary key touched",
    severity: Severity::High,
    kind: FindingKind::Rule,
    stage: Some(Stage::Probing),
    mitre: &[
        Technique { id: "T1580", name: "Cloud Infrastructure Discovery" },
        Technique { id: "T1078.004", name: "Valid Accounts: Cloud Accounts" },
    ],
    covers: &["M12", "N38"],
    reads: Reads::All,
    page: page(include_str!("canary_key_touched.rs")),
    look: Look::Several(&[Look::Event(look), Look::Key(tagged)]),
};

fn look(event: &Event<'_>, estate: &Estate) -> Option<Finding> {
    let canaries = &estate.settings.estate.canary_keys;
    if canaries.is_empty() || event.source != Source::Kms {
        return None;
    }
    let keys = || [&event.key, &event.destination_key].into_iter().flatten();
    let named = canaries.iter().find(|name| {
        keys().any(|key| is_key(name, key))
            || event.alias.as_deref().is_some_and(|alias| alias == name.as_str())
    })?;
    let by_aws = event.form == Form::ServiceEvent
        || matches!(event.principal.kind, PrincipalKind::AwsService | PrincipalKind::ServiceLinkedRole);
    let reads = event.operation.info().category == Category::Discovery;
    if by_aws && (reads || event.form == Form::ServiceEvent) {
        return None;
    }
    let kind = if reads { "read" } else { "used" };
    let mut finding = finding::of_event(&DETECTOR, event, &[named, &event.principal.id, kind]);
    // Of a re-encryption the canary may be either key.
    if let Some(key) = keys().find(|key| is_key(named, key)) {
        finding.key = Some(key.name());
    }
    finding.severity = if reads { Severity::Low } else { Severity::High };
    let (who, what) = (short(&event.principal.id), deed::clip(&event.name));
    let came = match Deed::of(event) {
        Some(Deed::Done) => "",
        Some(Deed::Denied) => " (denied)",
        None if event.dry_run => " (dry run)",
        None => " (failed)",
    };
    finding.title = format!("Canary key {} touched by {what}{came}", deed::the_key(event));
    finding.explanation = format!(
        "{who} called {what} on {} at {}{came}. The key is declared as a canary, which nobody has a reason to touch: \
         whoever does went through the keys of the account. Its data is worth nothing; what else the caller can reach \
         may be.",
        deed::the_key(event),
        event.time,
    );
    finding.runbook = vec![
        format!("See what else the caller did: {}", deed::look_up_actor(event)),
        "If nobody can explain it, take the credentials out of use: deactivate the access key, or revoke the sessions \
         of the role."
            .to_owned(),
    ];
    finding.evidence.details.insert("canary", json!(named));
    finding.evidence.details.insert("operation", json!(what));
    Some(finding)
}

/// First uses and changes of a key that has the tag of a canary.
fn tagged(key: &str, state: &KeyState, estate: &Estate, found: &mut Vec<Finding>) {
    let settings = &estate.settings.estate;
    let id = key.rsplit('/').next().unwrap_or(key);
    // By its alias a key is declared for calls that name the alias alone, so its tag still counts.
    let declared = |name: &String| name == key || name == id;
    if settings.canary_tag.is_empty() || settings.canary_keys.iter().any(declared) {
        return;
    }
    for (who, once) in state.touched.iter().filter(|(who, _)| !is_service(who)) {
        let Some(by) = tagged_by(state, &settings.canary_tag, once.time) else { continue };
        if by.is_some_and(|by| by == who) {
            continue;
        }
        let event_id = once.event_id();
        let mut finding = finding::of_key(&DETECTOR, key, &[key, who, "tagged"]);
        finding.evidence.add(once.time, &event_id);
        finding.time = Span { start: once.time, end: once.time };
        finding.principal = Some(Actor { id: who.to_owned(), kind: "unknown", ..Actor::default() });
        finding.severity = Severity::High;
        finding.title = "Canary key {key} touched".to_owned();
        finding.explanation = format!(
            "{} used or changed {{key}} at {}, for the first time. By its tag {} the key is a canary, which nobody has a \
             reason to touch: whoever does went through the keys of the account.",
            short(who),
            once.time,
            deed::clip(&settings.canary_tag)
        );
        finding.evidence.details.insert("canary_tag", json!(settings.canary_tag));
        finding.runbook = vec![
            format!("See the call: {}", look_up("EventId", &event_id, &[("region", &finding.region)])),
            look_further(&finding),
        ];
        found.push(finding);
    }
}

/// Who gave the key the tag that it had at this moment, if it had it; of tags that it was made with nobody is known.
fn tagged_by<'s>(state: &'s KeyState, tag: &str, at: Timestamp) -> Option<Option<&'s str>> {
    let names = |names: &[String]| names.iter().any(|name| name == tag);
    let mut changes = state.tags.values().filter(|act| matches!(&act.detail, Detail::Names(of) if names(of)));
    match changes.rfind(|act| act.time <= at) {
        Some(act) => (act.kind == ActKind::Tag).then_some(Some(act.by.id.as_str())),
        None => state.born_with.get().is_some_and(|of| names(of)).then(|| {
            // Whoever made it touched it first.
            state.touched.iter().next().map(|(who, _)| who)
        }),
    }
}

fn is_service(principal: &str) -> bool {
    principal.starts_with("service:") || principal.contains(":role/AWSServiceRoleFor")
}

/// Whether a declared name means this key: its ARN, its id, or the alias by which the call named it.
fn is_key(name: &str, key: &Key<'_>) -> bool {
    *name == *key.arn || *name == *key.id
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, KEY, OTHER_KEY, RecordBuilder, kms};
    use crate::pipeline::testing::{findings, findings_with, only};
    use crate::settings::Settings;
    use serde_json::Value;

    fn found(canary: &str, record: &RecordBuilder) -> Option<Finding> {
        let mut settings = Settings::default();
        settings.estate.canary_keys = vec!["alias/none".into(), canary.into()];
        let mut found = findings_with(&DETECTOR, std::slice::from_ref(record), &settings);
        assert!(found.len() < 2);
        found.pop()
    }

    #[test]
    fn use_of_a_canary_is_high_and_says_by_whom() {
        let finding = found(KEY, &kms("Decrypt")).unwrap();
        assert_eq!(finding.severity, Severity::High);
        assert_eq!(finding.title, "Canary key 1234abcd-12ab-34cd-56ef-1234567890ab touched by Decrypt");
        assert!(finding.explanation.starts_with("role/payments-api called Decrypt"));
        assert!(finding.runbook[0].contains("AttributeValue=ASIAEXAMPLEKEY000001"));
        assert_eq!(finding.evidence.details["canary"], KEY);
        assert_eq!(finding.evidence.details["operation"], "Decrypt");
    }

    #[test]
    fn whatever_came_of_it_a_touch_is_a_touch() {
        for (record, came) in [
            (kms("Decrypt").denied(), "(denied)"),
            (
                kms("Decrypt").set("requestParameters.dryRun", true).failed("DryRunOperationException", ""),
                "(dry run)",
            ),
            (kms("Decrypt").failed("DisabledException", ""), "(failed)"),
            (kms("ScheduleKeyDeletion").denied(), "(denied)"),
            (kms("CreateGrant"), "CreateGrant"),
        ] {
            let finding = found(KEY, &record).unwrap();
            assert_eq!(finding.severity, Severity::High, "{came}");
            assert!(finding.title.ends_with(came), "{}", finding.title);
        }
    }

    #[test]
    fn a_canary_is_known_by_arn_id_and_alias() {
        assert!(found("1234abcd-12ab-34cd-56ef-1234567890ab", &kms("Decrypt")).is_some());
        let by_alias = kms("Encrypt").set("requestParameters.keyId", "alias/root-backup");
        assert!(found("alias/root-backup", &by_alias).is_some());
        let denied = by_alias.failed("AccessDenied", "").remove("resources");
        assert!(found("alias/root-backup", &denied).is_some());
        assert!(found("alias/backup", &denied).is_none());
    }

    #[test]
    fn either_key_of_a_re_encryption_may_be_the_canary() {
        let finding = found(OTHER_KEY, &kms("ReEncrypt")).unwrap();
        assert_eq!(finding.key.unwrap().arn, OTHER_KEY);
        assert_eq!(found(KEY, &kms("ReEncrypt")).unwrap().key.unwrap().arn, KEY);
    }

    #[test]
    fn looking_at_its_metadata_is_low() {
        for name in ["DescribeKey", "GetKeyPolicy", "ListGrants"] {
            assert_eq!(found(KEY, &kms(name)).unwrap().severity, Severity::Low, "{name}");
        }
    }

    #[test]
    fn looking_and_using_on_one_day_are_two_findings() {
        let mut settings = Settings::default();
        settings.estate.canary_keys = vec![KEY.into()];
        let records = [kms("DescribeKey"), kms("Decrypt"), kms("GetKeyPolicy"), kms("Encrypt")];
        let found = findings_with(&DETECTOR, &records, &settings);
        let counts: Vec<_> = found.iter().map(|finding| (finding.severity, finding.evidence.count)).collect();
        assert!(counts.contains(&(Severity::Low, 2)) && counts.contains(&(Severity::High, 2)), "{counts:?}");
    }

    #[test]
    fn what_services_do_by_themselves_is_silent() {
        assert!(found(KEY, &kms("DescribeKey").by_service("config")).is_none());
        assert!(found(KEY, &kms("RotateKey")).is_none());
        assert!(found(KEY, &kms("Decrypt").by_service("config")).is_some());
        let linked = kms("DescribeKey").by_role(
            "111122223333",
            "aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig",
            "s",
        );
        assert!(found(KEY, &linked).is_none());
    }

    #[test]
    fn other_keys_and_calls_without_a_key_are_silent() {
        assert!(found(OTHER_KEY, &kms("Decrypt")).is_none());
        assert!(found(KEY, &kms("ListKeys")).is_none());
        assert!(found(KEY, &kms("Decrypt").set("resources", Value::Null)).is_none());
        let nothing = findings_with(&DETECTOR, &[kms("Decrypt")], &Settings::default());
        assert!(nothing.is_empty());
    }

    const TAG: &str = "kmswatch:canary";

    fn at(record: RecordBuilder, minute: u32) -> RecordBuilder {
        record.at(&format!("2026-05-04T10:{minute:02}:00Z"))
    }

    fn tag(minute: u32) -> RecordBuilder {
        at(
            kms("TagResource").set("requestParameters.tags", json!([{"tagKey": TAG, "tagValue": "yes"}])),
            minute,
        )
    }

    fn thief(minute: u32) -> RecordBuilder {
        at(kms("Decrypt").by_user(ACCOUNT, "mallory"), minute)
    }

    #[test]
    fn a_key_that_is_tagged_as_a_canary_needs_no_settings() {
        let finding = only(&DETECTOR, &[tag(1), thief(5), thief(6)]);
        assert_eq!((finding.severity, finding.evidence.count), (Severity::High, 1));
        assert!(finding.principal.as_ref().unwrap().id.ends_with("user/mallory"));
        assert!(finding.explanation.contains(TAG) && finding.runbook[0].contains("lookup-events"));
        let born = kms("CreateKey").set("requestParameters.tags", json!([{"tagKey": TAG, "tagValue": ""}]));
        assert_eq!(findings(&DETECTOR, &[at(born, 1), thief(5)]).len(), 1);
    }

    #[test]
    fn what_was_before_the_tag_or_after_it_was_taken_away_is_silent() {
        let untag = |minute| at(kms("UntagResource").set("requestParameters.tagKeys", json!([TAG])), minute);
        assert!(findings(&DETECTOR, &[thief(1), tag(5), thief(6)]).is_empty());
        assert_eq!(findings(&DETECTOR, &[tag(5), thief(5)]).len(), 1, "in the same second");
        assert!(findings(&DETECTOR, &[tag(1), untag(3), thief(5)]).is_empty());
        assert_eq!(findings(&DETECTOR, &[tag(1), thief(5), untag(6)]).len(), 1);
        let other = json!([{"tagKey": "team", "tagValue": TAG}]);
        let tagged = at(kms("TagResource").set("requestParameters.tags", other), 1);
        assert!(findings(&DETECTOR, &[tagged, thief(5)]).is_empty());
    }

    #[test]
    fn who_tagged_it_services_and_readers_are_silent() {
        let born = kms("CreateKey").set("requestParameters.tags", json!([{"tagKey": TAG}]));
        for quiet in [
            at(kms("DisableKey"), 5),
            at(kms("DescribeKey").by_user(ACCOUNT, "mallory"), 5),
            at(kms("Decrypt").by_service("config"), 5),
            thief(5).denied(),
        ] {
            assert!(findings(&DETECTOR, &[tag(1), quiet.clone()]).is_empty());
            assert!(findings(&DETECTOR, &[at(born.clone(), 1), quiet]).is_empty());
        }
    }

    #[test]
    fn the_tag_is_a_setting_and_a_declared_key_is_told_once() {
        let mut settings = Settings::default();
        let by_tag = |finding: &Finding| finding.evidence.details.contains_key("canary_tag");
        for name in [KEY, "1234abcd-12ab-34cd-56ef-1234567890ab"] {
            settings.estate.canary_keys = vec!["alias/none".to_owned(), name.to_owned()];
            let found = findings_with(&DETECTOR, &[tag(1), thief(5)], &settings);
            assert!(!found.is_empty() && !found.iter().any(by_tag), "{name}: {found:#?}");
        }
        settings.estate.canary_keys = vec!["alias/bait".to_owned()];
        let alias = at(kms("CreateAlias").set("requestParameters.aliasName", "alias/bait"), 0);
        let found = findings_with(&DETECTOR, &[alias, tag(1), thief(5)], &settings);
        assert!(found.iter().any(by_tag), "the thief named the key by its id: {found:#?}");
        settings = Settings::default();
        settings.estate.canary_tag = String::new();
        assert!(findings_with(&DETECTOR, &[tag(1), thief(5)], &settings).is_empty());
        settings.estate.canary_tag = "team".to_owned();
        assert!(findings_with(&DETECTOR, &[tag(1), thief(5)], &settings).is_empty());
    }
}
