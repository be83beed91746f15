//! # Replica in a new Region
//!
//! A multi-Region key was copied to a Region in which nobody would look for it.
//!
//! ## What it finds
//!
//! `ReplicateKey`, and the `CreateKey` that KMS writes in the Region of the replica, where that Region is not one of
//! the expected. Both records are one act and give one finding. An `UpdatePrimaryRegion` to the same Region is
//! told with it; one to an unexpected Region, of a replica that was made before, is found by itself.
//!
//! ## Why it matters
//!
//! A replica has the same key material and a key policy of its own. Whatever the policy of the original says, who is
//! allowed by that of the replica can decrypt its data, in a Region that alarms and trails may not cover.
//!
//! ## How it decides
//!
//! If `estate.regions` is set, a Region is expected if it is in that list. Else it is expected if calls of KMS
//! succeeded there, in the same account, more than a day before. *High*; *medium* if the account itself has been
//! seen for less than a day, since then every Region is new, or if an older replica was made the primary.
//!
//! ## Parameters
//!
//! * `estate.regions` (empty): the Regions in which replicas are expected.
//!
//! ## False positives
//!
//! The planned move into a new Region, once. Set `estate.regions` before.
//!
//! ## What it cannot see
//!
//! A Region that the trail does not cover: then only the record of the source Region is there. Use of the account's
//! Regions by other services than KMS.
//!
//! ## What to do
//!
//! Read the policy of the replica. Disable it, and if it was not meant, schedule its deletion in its Region.
//!
//! ## References
//!
//! * AWS KMS developer guide, "Create multi-Region replica keys"
//! * MITRE ATT&CK T1535, Unused/Unsupported Cloud Regions; T1537, Transfer Data to Cloud Account

use super::impact::{look_further, short};
use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::event::Operation;
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::runbook::aws;
use crate::stage::Stage;
use crate::state::{AccountState, Act, ActKind, Detail};
use crate::time::{DAY, HOUR, Timestamp};
use serde_json::json;
use std::collections::BTreeMap;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "replica_in_new_region",
    title: "Replica in a new Region",
    severity: Severity::High,
    kind: FindingKind::Fact,
    stage: Some(Stage::Opening),
    mitre: &[
        Technique { id: "T1535", name: "Unused/Unsupported Cloud Regions" },
        Technique { id: "T1537", name: "Transfer Data to Cloud Account" },
    ],
    covers: &["M22", "N18", "P10"],
    reads: Reads::These(&[Operation::ReplicateKey, Operation::CreateKey, Operation::UpdatePrimaryRegion]),
    page: page(include_str!("replica_in_new_region.rs")),
    look: Look::Account(judge),
};

/// How long a Region, or an account, must have been in use to be known.
const KNOWN_FOR: i64 = DAY;

/// KMS writes the record in the other Region within seconds; a later one is another act.
const ONE_ACT: i64 = HOUR;

fn judge(account: &str, state: &AccountState, estate: &Estate, found: &mut Vec<Finding>) {
    let regions = &estate.settings.estate.regions;
    let known = |first: &Act, since: Timestamp| first.time.since(since) > KNOWN_FOR;
    let is_expected = |first: &Act, region: &str| {
        if regions.is_empty() {
            let active_since = state.regions.get(region, "").and_then(|sight| sight.first);
            active_since.is_some_and(|since| known(first, since))
        } else {
            regions.iter().any(|expected| expected == region)
        }
    };
    // Both records hold the same key id, since all keys of a multi-Region key do.
    let mut replicas: BTreeMap<(&str, &str), Vec<&Act>> = BTreeMap::new();
    for act in state.replications.values() {
        if let Detail::Replica { region, .. } = &act.detail {
            replicas.entry((key_id(&act.key), region)).or_default().push(act);
        }
    }
    let mut told = Vec::new();
    for ((id, region), acts) in replicas {
        for acts in acts.chunk_by(|a, b| b.time.since(a.time) <= ONE_ACT) {
            let Some(first) = acts.first() else { continue };
            if is_expected(first, region) {
                continue;
            }
            let day = first.time.day().to_string();
            let about = [account, id, region, day.as_str()];
            let is_new_account =
                regions.is_empty() && !state.regions.first().is_some_and(|since| known(first, since));
            let mut finding = replica(&about, acts, state);
            if is_new_account {
                finding.severity = Severity::Medium;
                finding.explanation.push_str(
                    " The account has been seen for less than a day, so little is known of its Regions.",
                );
            }
            found.push(finding);
            told.push((id, region));
        }
    }
    for act in state.replications.values() {
        if let Detail::Primary { region } = &act.detail
            && !region.is_empty()
            && !is_expected(act, region)
            && !told.contains(&(key_id(&act.key), region))
            // Of an account that has just been met, every Region is new.
            && (!regions.is_empty() || state.regions.first().is_some_and(|since| known(act, since)))
        {
            found.push(primary(act, region));
        }
    }
}

/// A replica from before that was made the primary.
fn primary(act: &Act, region: &str) -> Finding {
    let mut finding = finding::of_act(&DETECTOR, act, &["primary", &act.event_id]);
    finding.severity = Severity::Medium;
    finding.title = format!("{region}, a Region not in use, was made the primary Region of {{key}}");
    finding.explanation = format!(
        "{} moved the primary of {{key}} to {region} at {}. Rotation, and the deletion of the whole multi-Region key, \
         are decided there from now on.",
        short(&act.by.id),
        act.time
    );
    finding.evidence.details.insert("primary_region", region.into());
    let back = [("key-id", key_id(&act.key)), ("primary-region", act.region.as_str()), ("region", region)];
    finding.runbook =
        vec![format!("Move it back: {}", aws("kms update-primary-region", &back)), look_further(&finding)];
    finding
}

fn replica(about: &[&str; 4], acts: &[&Act], state: &AccountState) -> Finding {
    let [_, id, region, _] = *about;
    // The record of the source Region knows more: who, the source key and the policy.
    let told = acts.iter().find(|act| act.kind == ActKind::Replicate);
    let lead = told.or(acts.first()).copied();
    let mut finding = match lead {
        Some(act) => finding::of_act(&DETECTOR, act, about),
        None => finding::of_key(&DETECTOR, "", about),
    };
    acts.iter().for_each(|act| finding.add_act(act));
    let start = finding.time.start;
    let primary = state.replications.values().find(|act| {
        act.time >= start
            && key_id(&act.key) == id
            && matches!(&act.detail, Detail::Primary { region: to } if to == region)
    });
    if let Some(act) = primary {
        finding.add_act(act);
    }
    let arn = acts.iter().find_map(|act| match &act.detail {
        Detail::Replica { arn, .. } => arn.clone(),
        _ => None,
    });
    let own_policy = acts.iter().any(|act| matches!(act.detail, Detail::Replica { own_policy: true, .. }));
    let details = &mut finding.evidence.details;
    details.insert("replica_region", region.into());
    details.insert("own_policy", own_policy.into());
    if let Some(arn) = &arn {
        details.insert("replica_arn", arn.as_str().into());
    }
    if let Some(act) = primary {
        let moved = json!({"at": act.time, "by": act.by.id, "event_id": act.event_id});
        details.insert("became_primary", moved);
    }
    let who = lead.map(|act| short(&act.by.id)).unwrap_or_default();
    let policy = if own_policy {
        "The call gave the replica a key policy of its own."
    } else {
        "The call gave it no key policy, so it has the default one, which leaves access to IAM policies."
    };
    let primary = if primary.is_some() {
        format!(" Then {region} was made the primary Region (UpdatePrimaryRegion).")
    } else {
        String::new()
    };
    finding.title = format!("{{key}} was copied to {region}, a Region not in use");
    finding.explanation = format!(
        "{who} made a replica of {{key}} in {region} at {start}. It has the same key material, so whoever its policy \
         lets in can decrypt the data there. {policy}{primary}"
    );
    let target = arn.as_deref().unwrap_or(id);
    let on_replica = |command: &str| aws(command, &[("key-id", target), ("region", region)]);
    finding.runbook = vec![
        format!("Read the policy of the replica: {}", on_replica("kms get-key-policy --policy-name default")),
        format!("Take the replica out of use: {}", on_replica("kms disable-key")),
        format!(
            "If it was not meant, delete it: {}",
            on_replica("kms schedule-key-deletion --pending-window-in-days 7")
        ),
        look_further(&finding),
    ];
    finding
}

/// The id of a key in its ARN.
fn key_id(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, RecordBuilder, kms};
    use crate::pipeline::testing::{findings, findings_with, only};
    use crate::settings::Settings;

    const SOURCE: &str = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
    const REPLICA: &str = "arn:aws:kms:ap-south-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";

    /// Somebody has worked in the account for days.
    fn known(region: &str, time: &str) -> RecordBuilder {
        kms("ListKeys").set("awsRegion", region).at(time)
    }

    fn replicate() -> RecordBuilder {
        kms("ReplicateKey")
            .key(SOURCE)
            .by_user(ACCOUNT, "mallory")
            .set("requestParameters.replicaRegion", "ap-south-1")
            .set("responseElements.replicaKeyMetadata.arn", REPLICA)
            .at("2026-05-04T10:00:00Z")
    }

    fn created() -> RecordBuilder {
        kms("CreateKey")
            .key(REPLICA)
            .set("awsRegion", "ap-south-1")
            .set("responseElements.keyMetadata.multiRegion", true)
            .set("responseElements.keyMetadata.multiRegionConfiguration.multiRegionKeyType", "REPLICA")
            .at("2026-05-04T10:00:01Z")
    }

    #[test]
    fn a_replica_where_the_account_was_never_active_is_high() {
        let finding = only(&DETECTOR, &[known("eu-west-1", "2026-05-01T10:00:00Z"), replicate()]);
        assert_eq!(finding.severity, Severity::High);
        assert!(finding.title.contains("was copied to ap-south-1"));
        assert_eq!(finding.key.as_ref().unwrap().arn, SOURCE);
        assert_eq!(finding.evidence.details["replica_arn"], REPLICA);
        assert_eq!(finding.evidence.details["own_policy"], false);
        assert!(finding.runbook[0].ends_with(&format!("--key-id {REPLICA} --region ap-south-1")));
    }

    #[test]
    fn both_records_of_the_act_are_one_finding_by_its_caller() {
        let history = known("eu-west-1", "2026-05-01T10:00:00Z");
        let both = only(&DETECTOR, &[history.clone(), replicate(), created()]);
        assert_eq!(both.evidence.count, 2);
        assert_eq!(both.principal.as_ref().unwrap().id, "arn:aws:iam::111122223333:user/mallory");
        let second_alone = only(&DETECTOR, &[history.clone(), created()]);
        assert_eq!(second_alone.id, both.id);
        assert_eq!(only(&DETECTOR, &[history, replicate()]).id, both.id);
    }

    #[test]
    fn a_replica_of_another_day_or_region_is_another_finding() {
        let history = known("eu-west-1", "2026-05-01T10:00:00Z");
        let elsewhere = replicate()
            .set("requestParameters.replicaRegion", "sa-east-1")
            .remove("responseElements.replicaKeyMetadata");
        assert_eq!(findings(&DETECTOR, &[history.clone(), replicate(), elsewhere]).len(), 2);
        let later = replicate().at("2026-05-06T10:00:00Z");
        assert_eq!(findings(&DETECTOR, &[history, replicate(), later]).len(), 2);
    }

    #[test]
    fn a_region_in_use_for_more_than_a_day_is_expected() {
        let in_use = |time| findings(&DETECTOR, &[known("ap-south-1", time), replicate()]);
        assert!(in_use("2026-05-03T09:59:59Z").is_empty());
        assert_eq!(in_use("2026-05-03T10:00:00Z").len(), 1);
        assert_eq!(in_use("2026-05-04T11:00:00Z").len(), 1);
    }

    #[test]
    fn failed_calls_make_no_region_known() {
        let probe = known("ap-south-1", "2026-05-01T10:00:00Z").denied();
        assert_eq!(findings(&DETECTOR, &[probe, replicate()]).len(), 1);
    }

    #[test]
    fn declared_regions_decide_alone() {
        let mut settings = Settings::default();
        settings.estate.regions = vec!["eu-west-1".into()];
        let used = known("ap-south-1", "2026-01-01T10:00:00Z");
        let found = findings_with(&DETECTOR, &[used, replicate()], &settings);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].severity, Severity::High);
        // Declared Regions need no history.
        let found = findings_with(&DETECTOR, &[replicate()], &settings);
        assert_eq!(found[0].severity, Severity::High);
        settings.estate.regions.push("ap-south-1".into());
        assert!(findings_with(&DETECTOR, &[replicate()], &settings).is_empty());
    }

    #[test]
    fn an_account_seen_for_less_than_a_day_gives_medium() {
        let finding = only(&DETECTOR, &[known("eu-west-1", "2026-05-03T12:00:00Z"), replicate()]);
        assert_eq!(finding.severity, Severity::Medium);
        assert!(finding.explanation.contains("less than a day"));
    }

    #[test]
    fn a_policy_of_its_own_and_a_move_of_the_primary_are_told() {
        let moved = kms("UpdatePrimaryRegion")
            .key(SOURCE)
            .set("requestParameters.primaryRegion", "ap-south-1")
            .at("2026-05-04T11:00:00Z");
        let record = replicate().set("requestParameters.policy", "{}");
        let finding = only(&DETECTOR, &[known("eu-west-1", "2026-05-01T10:00:00Z"), record, moved]);
        assert_eq!(finding.evidence.details["own_policy"], true);
        assert!(finding.explanation.contains("policy of its own"));
        assert!(finding.explanation.contains("ap-south-1 was made the primary Region"));
        assert_eq!(finding.evidence.details["became_primary"]["at"], "2026-05-04T11:00:00Z");
    }

    #[test]
    fn a_move_elsewhere_or_before_or_of_another_key_is_not_told() {
        let move_to = |region: &str, key: &str, time: &str| {
            kms("UpdatePrimaryRegion").key(key).set("requestParameters.primaryRegion", region).at(time)
        };
        for moved in [
            move_to("us-east-1", SOURCE, "2026-05-04T11:00:00Z"),
            move_to("ap-south-1", SOURCE, "2026-05-04T09:00:00Z"),
            move_to("ap-south-1", &SOURCE.replace("1234", "9999"), "2026-05-04T11:00:00Z"),
        ] {
            let finding = only(&DETECTOR, &[replicate(), moved]);
            assert!(!finding.evidence.details.contains_key("became_primary"));
        }
    }

    #[test]
    fn a_primary_a_plain_key_or_a_failed_call_is_not_found() {
        let primary = created()
            .set("responseElements.keyMetadata.multiRegionConfiguration.multiRegionKeyType", "PRIMARY");
        let plain = created().remove("responseElements.keyMetadata.multiRegionConfiguration");
        for record in [
            primary,
            plain,
            replicate().denied(),
            replicate().failed("UnsupportedOperationException", ""),
            created().set("requestParameters.dryRun", true),
            kms("UpdatePrimaryRegion").set("requestParameters.primaryRegion", "ap-south-1"),
        ] {
            assert!(findings(&DETECTOR, &[record]).is_empty());
        }
    }

    #[test]
    fn a_record_without_a_response_is_found_by_its_request() {
        let record = replicate().set("responseElements", serde_json::Value::Null);
        let finding = only(&DETECTOR, &[record]);
        assert!(!finding.evidence.details.contains_key("replica_arn"));
        assert!(
            finding.runbook[0].contains("--key-id mrk-1234abcd12ab34cd56ef1234567890ab --region ap-south-1")
        );
    }

    #[test]
    fn an_old_replica_that_becomes_the_primary_in_an_unexpected_region_is_medium() {
        let moved = kms("UpdatePrimaryRegion")
            .key(SOURCE)
            .set("requestParameters.primaryRegion", "ap-south-1")
            .at("2026-05-04T10:00:00Z");
        let finding = only(&DETECTOR, &[known("eu-west-1", "2026-04-01T10:00:00Z"), moved.clone()]);
        assert_eq!(finding.severity, Severity::Medium);
        assert!(finding.title.starts_with("ap-south-1, a Region not in use"), "{}", finding.title);
        assert!(finding.runbook[0].contains("--primary-region eu-west-1 --region ap-south-1"));
        let used = known("ap-south-1", "2026-04-01T10:00:00Z");
        assert!(findings(&DETECTOR, &[used.clone(), moved.clone()]).is_empty());
        let mut settings = Settings::default();
        settings.estate.regions = vec!["eu-west-1".into()];
        assert_eq!(findings_with(&DETECTOR, &[used, moved.clone()], &settings).len(), 1);
        settings.estate.regions.push("ap-south-1".into());
        assert!(findings_with(&DETECTOR, std::slice::from_ref(&moved), &settings).is_empty());
        let known = || known("eu-west-1", "2026-04-01T10:00:00Z");
        assert!(findings(&DETECTOR, &[known(), moved.clone().denied()]).is_empty());
        assert!(
            findings(&DETECTOR, &[known(), moved.set("requestParameters", serde_json::Value::Null)])
                .is_empty()
        );
    }

    #[test]
    fn records_up_to_an_hour_apart_are_one_act() {
        let history = known("eu-west-1", "2026-05-01T10:00:00Z");
        let found = |time| findings(&DETECTOR, &[history.clone(), replicate(), created().at(time)]).len();
        // Of one day both are one finding by its id: so the hours lie around midnight.
        assert_eq!(found("2026-05-04T11:00:00Z"), 1);
        let late = |time: &str, other: &str| {
            findings(&DETECTOR, &[history.clone(), replicate().at(time), created().at(other)]).len()
        };
        assert_eq!(late("2026-05-04T23:30:00Z", "2026-05-05T00:30:00Z"), 1);
        assert_eq!(late("2026-05-04T23:30:00Z", "2026-05-05T00:30:01Z"), 2);
    }

    #[test]
    fn a_primary_that_is_moved_in_the_same_second_is_told() {
        let moved = kms("UpdatePrimaryRegion")
            .key(SOURCE)
            .set("requestParameters.primaryRegion", "ap-south-1")
            .at("2026-05-04T10:00:00Z");
        let finding = only(&DETECTOR, &[known("eu-west-1", "2026-05-01T10:00:00Z"), replicate(), moved]);
        assert!(finding.evidence.details.contains_key("became_primary"));
    }
}
