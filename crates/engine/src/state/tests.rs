use super::*;
use crate::event::testing::{ACCOUNT, KEY, OTHER_KEY, ROLE, RecordBuilder, kms};
use crate::time::Timestamp;

fn states(records: &[RecordBuilder]) -> States {
    let mut states = States::default();
    records.iter().for_each(|record| record.event(|event| states.observe(event, &Estate::default())));
    states
}

#[test]
fn a_use_is_remembered_with_its_user_service_and_resource() {
    let secret = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db";
    let record =
        kms("Decrypt").set("requestParameters.encryptionContext.SecretARN", secret).through("secretsmanager");
    let states = states(&[record]);
    let state = &states.keys[KEY];
    assert!(state.users.get(ROLE, "secretsmanager").is_some());
    assert_eq!(state.resources.kinds().collect::<Vec<_>>(), [("secret", 1)]);
    assert!(state.used().is_some());
    assert!(state.acts.is_empty());
}

#[test]
fn calls_that_are_no_use_make_no_user() {
    let states = states(&[kms("DescribeKey")]);
    let state = &states.keys[KEY];
    assert!(state.users.is_empty());
    assert!(state.others.get(ROLE, "").is_some());
    assert_eq!(state.used(), None);
}

#[test]
fn a_dry_run_is_counted_for_its_principal_and_leaves_no_other_trace() {
    let dry = kms("ScheduleKeyDeletion").set("requestParameters.dryRun", true);
    for dry in [dry.clone(), dry.failed("DryRunOperationException", "")] {
        let states = states(&[dry]);
        assert!(states.keys.is_empty() && states.accounts.is_empty());
        let state = &states.principals[ROLE];
        let counted: Vec<_> = state.baseline.series().map(|(measure, _)| measure.id).collect();
        assert_eq!(counted, ["dry_runs"]);
        assert!(state.destroyed.is_empty() && state.attempted.is_empty());
    }
}

#[test]
fn a_refusal_is_counted_for_the_principal_and_makes_no_key() {
    let states = states(&[kms("Decrypt").denied()]);
    assert!(states.keys.is_empty());
    let counted: Vec<_> = states.principals[ROLE].baseline.series().map(|(measure, _)| measure.id).collect();
    assert_eq!(counted, ["denied_calls", "keys_denied", "operations_denied"]);
}

#[test]
fn keys_of_strangers_are_not_counted() {
    let own = states(&[kms("Decrypt")]);
    assert_eq!(own.keys[KEY].baseline.series().count(), 2);
    let foreign = "arn:aws:kms:eu-west-1:999988887777:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let states = states(&[kms("Decrypt").key(foreign)]);
    assert!(states.keys[foreign].baseline.is_empty());
}

#[test]
fn events_of_other_services_are_not_remembered_but_for_a_log_switched_on_or_off() {
    let queue =
        crate::event::testing::other("sqs", "DeleteQueue", serde_json::json!({"queueUrl": "kmswatch"}));
    let selectors = crate::event::testing::cloudtrail("PutEventSelectors");
    let denied = crate::event::testing::cloudtrail("StopLogging").denied();
    assert_eq!(states(&[queue, selectors, denied]), States::default());
    let states = states(&[crate::event::testing::cloudtrail("StopLogging")]);
    let act = states.accounts[ACCOUNT].switches.values().next().unwrap();
    assert_eq!((act.kind, &act.detail), (ActKind::StopLogging, &Detail::Target("main".to_owned())));
    assert!(states.keys.is_empty() && states.principals.is_empty());
}

#[test]
fn failed_calls_on_keys_that_may_not_exist_make_no_state() {
    for record in [
        kms("Decrypt").denied(),
        kms("ScheduleKeyDeletion").failed("NotFoundException", "no such key"),
        kms("DescribeKey").failed("KMSInvalidStateException", "pending deletion"),
    ] {
        assert!(states(&[record]).keys.is_empty());
    }
}

#[test]
fn denied_destruction_is_remembered_of_the_principal_only() {
    let states = states(&[kms("DisableKey").denied()]);
    assert!(states.keys.is_empty());
    assert_eq!(states.principals[ROLE].attempted.len(), 1);
    assert!(states.principals[ROLE].destroyed.is_empty());
}

#[test]
fn repeating_one_act_does_not_push_out_the_others() {
    let mut records = vec![kms("DisableKey").at("2026-05-04T10:00:00Z")];
    for minute in 0..100 {
        let time = Timestamp(1_777_889_742 + minute * 36).to_string();
        records.push(kms("DisableKey").key(OTHER_KEY).at(&time));
    }
    let states = states(&records);
    let destroyed = &states.principals[ROLE].destroyed;
    assert!(destroyed.values().any(|acts| acts.first.key == KEY));
    assert!(destroyed.len() < 4 && !destroyed.is_full());
    let calls: u64 = destroyed.values().map(|acts| acts.calls.distinct().count()).sum();
    assert_eq!(calls, 101);
}

#[test]
fn of_acts_within_an_hour_the_first_is_remembered_in_full() {
    let times = ["2026-05-04T10:20:00Z", "2026-05-04T10:10:00Z", "2026-05-04T10:30:00Z"];
    let states = states(&times.map(|time| kms("DisableKey").at(time)));
    let acts = states.principals[ROLE].destroyed.values().next().unwrap();
    assert_eq!(acts.first.time.to_string(), "2026-05-04T10:10:00Z");
    assert_eq!(acts.calls.distinct().count(), 3);
}

#[test]
fn an_alias_in_reencrypt_is_not_ascribed_to_the_wrong_key() {
    let record = kms("ReEncrypt")
        .set("requestParameters.sourceKeyId", "alias/old")
        .set("requestParameters.destinationKeyId", "alias/new");
    let states = states(&[record]);
    assert!(states.keys[OTHER_KEY].aliases().iter().all(|alias| alias == "alias/new"));
    assert!(states.keys[KEY].aliases().iter().all(|alias| alias == "alias/old"));
}

#[test]
fn denied_spam_does_not_push_out_acts() {
    let mut records = vec![kms("ScheduleKeyDeletion").at("2026-05-04T10:00:00Z")];
    for second in 0..100 {
        records.push(kms("ScheduleKeyDeletion").denied().at(&Timestamp(1_777_900_000 + second).to_string()));
    }
    assert_eq!(states(&records).keys[KEY].acts.len(), 1);
}

#[test]
fn a_refused_use_is_remembered_by_day_and_reason() {
    let refused = |time: &str, words: &str| {
        kms("Decrypt").at(time).failed("KMSInvalidStateException", &format!("{KEY} is {words}."))
    };
    let states = states(&[
        refused("2026-05-04T10:00:00Z", "pending deletion"),
        refused("2026-05-04T11:00:00Z", "pending deletion"),
        refused("2026-05-05T10:00:00Z", "pending deletion"),
        refused("2026-05-05T10:00:00Z", "pending import"),
    ]);
    let refused = &states.keys[KEY].refused;
    let counts: Vec<u64> = refused.values().map(|r| r.calls.distinct().count()).collect();
    assert_eq!(counts, [2, 1, 1]);
    assert!(states.keys[KEY].users.is_empty());
}

#[test]
fn the_state_is_read_from_the_message_and_only_then_from_the_code() {
    let state = |code: &str, message: &str| {
        kms("Decrypt").failed(code, message).event(|event| RefusedState::of(&event.outcome))
    };
    for (code, words, expected) in [
        ("DisabledException", "is disabled.", RefusedState::Disabled),
        ("DisabledException", "is pending deletion.", RefusedState::PendingDeletion),
        (
            "DisabledException",
            "is pending deletion (or pending replica deletion).",
            RefusedState::PendingDeletion,
        ),
        ("KMSInvalidStateException", "is pending replica deletion.", RefusedState::PendingDeletion),
        ("KMSInvalidStateException", "is pending import.", RefusedState::PendingImport),
        ("KMSInvalidStateException", "is unavailable.", RefusedState::Unavailable),
        ("KMSInvalidStateException", "is creating.", RefusedState::Other),
        ("KMSInvalidStateException", "is disabled. Or so the proxy says", RefusedState::Other),
    ] {
        assert_eq!(state(code, &format!("{KEY} {words}")), expected, "{words}");
    }
    assert_eq!(state("DisabledException", ""), RefusedState::Disabled);
}

#[test]
fn of_reencrypt_the_message_tells_which_key_refused() {
    let refused = |key: &str| {
        let message = format!("{key} is disabled.");
        states(&[kms("ReEncrypt").failed("DisabledException", &message)])
    };
    assert_eq!(refused(KEY).keys.keys().collect::<Vec<_>>(), [KEY]);
    assert_eq!(refused(OTHER_KEY).keys.keys().collect::<Vec<_>>(), [OTHER_KEY]);
}

#[test]
fn both_keys_of_reencrypt_are_used() {
    let states = states(&[kms("ReEncrypt")]);
    assert!(states.keys[KEY].users.get(ROLE, "").is_some());
    assert!(states.keys[OTHER_KEY].users.get(ROLE, "").is_some());
}

#[test]
fn aliases_are_learned_moved_and_forgotten() {
    let create = kms("CreateAlias").at("2026-05-04T10:00:00Z");
    let delete = kms("DeleteAlias").at("2026-05-04T12:00:00Z").resource(0, KEY);
    assert_eq!(states(std::slice::from_ref(&create)).keys[KEY].aliases(), ["alias/payments"]);
    assert!(states(&[create.clone(), delete.clone()]).keys[KEY].aliases().is_empty());
    assert!(states(&[delete, create.clone()]).keys[KEY].aliases().is_empty());
    assert!(states(&[create, kms("DeleteKey").at("2026-06-04T12:00:00Z")]).keys[KEY].aliases().is_empty());
}

#[test]
fn the_last_policies_are_kept_and_a_longer_text_than_kms_takes_is_not() {
    let put = |day: u8, text: &str| {
        kms("PutKeyPolicy").at(&format!("2026-05-0{day}T10:00:00Z")).set("requestParameters.policy", text)
    };
    let long = "x".repeat(PolicyText::BYTES + 1);
    let states = states(&[put(1, "one"), put(2, "two"), put(3, "three"), put(4, &long), put(5, "")]);
    let texts: Vec<_> = states.keys[KEY].policies.values().map(|p| p.text.as_deref().unwrap()).collect();
    assert_eq!(texts, ["one", "two", "three"]);
    assert_eq!(states.keys[KEY].policy_puts.len(), 3);
}

#[test]
fn what_a_key_is_made_of_is_learned_from_its_making_or_an_aws_alias() {
    let create = kms("CreateKey")
        .set("requestParameters.origin", "EXTERNAL")
        .set("responseElements.keyMetadata.keyManager", "CUSTOMER");
    let made = states(&[create]);
    assert_eq!(made.keys[KEY].origin.get().map(String::as_str), Some("EXTERNAL"));
    assert_eq!(made.keys[KEY].manager.get().map(String::as_str), Some("CUSTOMER"));
    let used = states(&[kms("Encrypt").set("requestParameters.keyId", "alias/aws/ssm")]);
    assert_eq!(used.keys[KEY].manager.get().map(String::as_str), Some("AWS"));
    assert!(!used.keys[KEY].multi_region);
    let mrk = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab";
    assert!(states(&[kms("Decrypt").key(mrk)]).keys[mrk].multi_region);
}

#[test]
fn the_policy_of_a_replica_belongs_to_the_replica() {
    let replica = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let record = kms("ReplicateKey")
        .set("requestParameters.replicaRegion", "us-east-1")
        .set("requestParameters.policy", "{}")
        .set("responseElements.replicaKeyMetadata.arn", replica);
    let states = states(&[record]);
    assert!(states.keys[KEY].policies.is_empty());
    assert_eq!(states.keys[replica].policies.values().next().unwrap().text.as_deref(), Some("{}"));
}

#[test]
fn an_account_is_active_where_its_calls_succeed() {
    let states = states(&[
        kms("ListKeys"),
        kms("ListKeys").set("awsRegion", "us-east-1").denied(),
        kms("ListKeys").set("awsRegion", ""),
    ]);
    // Making keys is no replication, and must not push out what is.
    assert!(self::states(&[kms("CreateKey")]).accounts[ACCOUNT].replications.is_empty());
    let regions: Vec<_> = states.accounts[ACCOUNT].regions.iter().map(|s| s.name.as_ref()).collect();
    assert_eq!(regions, ["eu-west-1"]);
}
