use super::*;
use crate::inventory::Inventory;
use crate::testing::{add, inventory, logs, read};
use kmswatch_engine::estate::Estate;
use kmswatch_engine::pipeline::Watch;
use logs::{arn, call, decrypt, with};
use serde_json::{Value, json};

fn within(bounds: Bounds, records: &[Value]) -> (Inventory, Cut) {
    let (watch, usage) = read(records, bounds);
    (Inventory::of(&watch, &usage), usage.cut())
}

#[test]
fn calls_of_users_over_the_bound_still_count_for_their_key() {
    let records: Vec<Value> = (0..10).map(|n| decrypt(&format!("app{n}"), "k", n)).collect();
    let (inventory, cut) = within(Bounds { ways: 4, ..Bounds::default() }, &records);
    let key = &inventory.keys[0];
    assert_eq!((key.users.len(), key.acts, key.acts_of_other_users), (4, 10, 6));
    assert_eq!(cut, Cut { calls_of_other_users: 6, ..Cut::default() });
}

#[test]
fn keys_over_the_bound_are_counted_as_a_whole() {
    let records: Vec<Value> = (0..10).map(|n| decrypt("app", &format!("k{n}"), n)).collect();
    let (_, cut) = within(Bounds { keys: 3, ..Bounds::default() }, &records);
    assert_eq!(cut, Cut { calls_of_other_keys: 7, ..Cut::default() });
}

#[test]
fn keys_that_only_refused_calls_name_are_none_and_push_none_out() {
    let refused =
        |n: i64| with(decrypt("mallory", &format!("made-up-{n}"), 0), "/errorCode", json!("AccessDenied"));
    let mut records: Vec<Value> = (0..20).map(refused).collect();
    records.push(decrypt("app", "real", 1));
    records.push(with(decrypt("mallory", "real", 2), "/errorCode", json!("AccessDenied")));
    let (inventory, cut) = within(Bounds { unproved_keys: 5, keys: 1, ..Bounds::default() }, &records);
    assert_eq!(inventory.keys.iter().map(|key| key.arn.clone()).collect::<Vec<_>>(), [arn("real")]);
    assert_eq!(inventory.keys[0].errors, [("denied", 1)].into_iter().collect());
    assert_eq!(cut.calls_of_other_keys, 15);
}

#[test]
fn resources_over_the_bound_are_told() {
    let about = |n: i64| {
        with(
            decrypt("app", "k", n),
            "/requestParameters/encryptionContext",
            json!({"SecretARN": format!("secret-{}", n / 2)}),
        )
    };
    let records: Vec<Value> = (0..10).map(about).collect();
    let all = &inventory(&records).keys[0];
    assert_eq!((all.resources["secret"], all.resources_cut), (5, false));
    let (inventory, cut) = within(Bounds { resources: 3, ..Bounds::default() }, &records);
    let key = &inventory.keys[0];
    assert_eq!((key.resources["secret"], key.resources_cut, cut.other_resources), (3, true, 4));
}

#[test]
fn names_of_any_length_are_cut() {
    let (_, usage) = read(&[decrypt(&"x".repeat(10_000), "k", 0)], Bounds::default());
    assert!(usage.ways().all(|(way, _)| way.principal.len() <= 256));
}

#[test]
fn repeated_events_count_once_in_one_object_and_in_two() {
    let (mut watch, mut usage) = (Watch::new(Estate::default()), Usage::new(Bounds::default()));
    let records = [decrypt("app", "k", 0), decrypt("app", "k", 0), decrypt("app", "k", 1)];
    add(&mut watch, &mut usage, &records);
    add(&mut watch, &mut usage, &records);
    assert_eq!(Inventory::of(&watch, &usage).keys[0].acts, 2);
}

#[test]
fn two_accounts_copies_of_one_call_are_two_users_and_one_act() {
    let copy = |id: &str, account: &str| {
        let record = with(decrypt("app", "k", 0), "/sharedEventID", json!("shared"));
        with(with(record, "/eventID", json!(id)), "/recipientAccountId", json!(account))
    };
    let owners = with(
        copy("b", logs::ACCOUNT),
        "/userIdentity",
        json!({"type": "AWSAccount", "accountId": "444455556666", "principalId": "AROAX:y"}),
    );
    let inventory = inventory(&[copy("a", "444455556666"), owners]);
    let key = &inventory.keys[0];
    assert_eq!((key.acts, key.users.len(), key.use_by_day.values().sum::<u64>()), (1, 2, 1));
}

#[test]
fn a_reencrypt_under_one_key_is_one_use_and_between_two_keys_one_of_each() {
    let reencrypt = |to: &str| {
        let second = json!({"accountId": logs::ACCOUNT, "type": "AWS::KMS::Key", "ARN": arn(to)});
        let record = call("ReEncrypt", "app", "k1", 0);
        let resources = json!([record["resources"][0], second]);
        with(with(record, "/resources", resources), "/eventID", json!(to))
    };
    let inventory = inventory(&[reencrypt("k1"), reencrypt("k2")]);
    let acts: Vec<u64> = inventory.keys.iter().map(|key| key.acts).collect();
    assert_eq!(acts, [2, 1]);
}

#[test]
fn a_call_by_alias_alone_counts_for_the_key_behind_it() {
    let made = with(
        call("CreateAlias", "ops", "k", 0),
        "/requestParameters",
        json!({"aliasName": "alias/app", "targetKeyId": arn("k")}),
    );
    let refused = with(decrypt("app", "k", 1), "/errorCode", json!("AccessDenied"));
    let refused =
        with(with(refused, "/requestParameters/keyId", json!("alias/app")), "/resources", Value::Null);
    let inventory = inventory(&[made, refused]);
    assert_eq!(inventory.keys.len(), 1);
    assert_eq!(inventory.keys[0].label(), "alias/app");
    assert_eq!(inventory.keys[0].errors, [("denied", 1)].into_iter().collect());
}
