//! Keys by every name that a record gives.

use super::*;
use crate::event::testing::{self, ACCOUNT, KEY, OTHER_KEY, RecordBuilder};
use serde_json::json;

const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";
const ALIAS_ARN: &str = "arn:aws:kms:eu-west-1:111122223333:alias/payments";

/// ARN of the key, ARN of the destination key, alias.
fn keys(record: &RecordBuilder) -> (Option<String>, Option<String>, Option<String>) {
    record.event(|event| {
        let arn = |key: &Option<Key<'_>>| key.as_ref().map(|key| key.arn.to_string());
        (arn(&event.key), arn(&event.destination_key), event.alias.as_ref().map(|alias| alias.to_string()))
    })
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn a_symmetric_decrypt_names_its_key_in_resources_only() {
    let record = testing::kms("Decrypt");
    assert_eq!(keys(&record), (some(KEY), None, None));
    record.event(|event| {
        let key = event.key.as_ref().unwrap();
        assert_eq!((key.account.as_deref(), key.region.as_deref()), (Some(ACCOUNT), Some("eu-west-1")));
        assert_eq!((key.id.as_ref(), key.is_alias, key.is_multi_region()), (ID, false, false));
    });
}

#[test]
fn a_key_is_the_same_under_all_of_its_names() {
    for name in [ID, KEY, "alias/payments", ALIAS_ARN] {
        let record = testing::kms("Encrypt").set("requestParameters.keyId", name);
        assert_eq!(keys(&record).0, some(KEY), "{name}");
    }
    for name in [ID, KEY] {
        let record = testing::kms("Encrypt").set("requestParameters.keyId", name).remove("resources");
        assert_eq!(keys(&record).0, some(KEY), "{name} without resources");
    }
    for name in ["alias/payments", ALIAS_ARN] {
        let record = testing::kms("Encrypt").set("requestParameters.keyId", name).remove("resources");
        assert_eq!(
            keys(&record),
            (some(ALIAS_ARN), None, some("alias/payments")),
            "{name} without resources"
        );
        record.event(|event| {
            let key = event.key.as_ref().unwrap();
            assert!(key.is_alias);
            assert_eq!(key.name().aliases, ["alias/payments"]);
        });
    }
}

#[test]
fn resources_may_be_missing_null_or_empty() {
    let record = testing::kms("DescribeKey");
    for resources in [json!(null), json!([]), json!({}), json!(""), json!([null]), json!([{}]), json!("x")] {
        assert_eq!(keys(&record.clone().set("resources", resources.clone())).0, some(KEY), "{resources}");
    }
    assert_eq!(keys(&testing::kms("Decrypt").remove("resources")), (None, None, None));
}

#[test]
fn entries_of_resources_are_read_without_type_in_lower_case_and_with_words_for_accounts() {
    for entry in [
        json!({"ARN": KEY}),
        json!({"arn": KEY, "accountId": ACCOUNT}),
        json!({"ARN": KEY, "accountId": "AWS Internal", "type": "AWS::KMS::Key"}),
        json!(KEY),
    ] {
        let record = testing::kms("Decrypt").set("resources", json!([entry.clone()]));
        assert_eq!(keys(&record).0, some(KEY), "{entry}");
        record.event(|event| assert_eq!(event.key.as_ref().unwrap().account.as_deref(), Some(ACCOUNT)));
    }
}

#[test]
fn alias_events_are_told_by_the_form_of_the_arn_in_both_orders() {
    for name in ["CreateAlias", "UpdateAlias", "DeleteAlias"] {
        for order in [[KEY, ALIAS_ARN], [ALIAS_ARN, KEY]] {
            let record = testing::kms(name).resource(0, order[0]).resource(1, order[1]);
            assert_eq!(keys(&record), (some(KEY), None, some("alias/payments")), "{name} {order:?}");
        }
    }
    let bare = testing::kms("DeleteAlias").remove("resources");
    assert_eq!(keys(&bare), (some(ALIAS_ARN), None, some("alias/payments")));
    let target = testing::kms("UpdateAlias").remove("resources").remove("responseElements");
    assert_eq!(keys(&target), (some(KEY), None, some("alias/payments")));
}

#[test]
fn re_encrypt_has_a_source_and_a_destination() {
    let both = testing::kms("ReEncrypt");
    assert_eq!(keys(&both), (some(KEY), some(OTHER_KEY), None));
    let named = both.clone().set("requestParameters.sourceKeyId", "alias/payments");
    assert_eq!(keys(&named), (some(KEY), some(OTHER_KEY), some("alias/payments")));
    let none = named.remove("resources");
    assert_eq!(keys(&none), (some(ALIAS_ARN), some(OTHER_KEY), some("alias/payments")));
    let without_source = both.remove("resources");
    assert_eq!(keys(&without_source), (None, some(OTHER_KEY), None));
}

#[test]
fn a_single_key_of_re_encrypt_is_the_destination_if_the_request_says_so() {
    let one = testing::kms("ReEncrypt").set("resources", json!([{"ARN": OTHER_KEY}]));
    assert_eq!(keys(&one), (None, some(OTHER_KEY), None));
    let source = testing::kms("ReEncrypt").set("resources", json!([{"ARN": KEY}]));
    assert_eq!(keys(&source), (some(KEY), some(OTHER_KEY), None));
    let same = testing::kms("ReEncrypt").set("requestParameters.destinationKeyId", KEY).resource(1, KEY);
    assert_eq!(keys(&same), (some(KEY), some(KEY), None));
}

#[test]
fn a_refused_re_encrypt_tells_which_of_its_keys_it_was_about() {
    let message = |right: &str| {
        format!(
            "User: arn:aws:sts::111122223333:assumed-role/r/s is not authorized to perform: {right} on resource: {KEY} because no identity-based policy allows the {right} action"
        )
    };
    let bare = testing::kms("ReEncrypt").remove("resources").remove("requestParameters");
    let from = bare.clone().failed("AccessDenied", &message("kms:ReEncryptFrom"));
    assert_eq!(keys(&from), (some(KEY), None, None));
    let to = bare.failed("AccessDenied", &message("kms:ReEncryptTo"));
    assert_eq!(keys(&to), (None, some(KEY), None));
}

#[test]
fn a_denial_names_the_key_in_its_message() {
    let denied = testing::kms("Decrypt").denied().remove("resources").remove("requestParameters");
    assert_eq!(keys(&denied), (some(KEY), None, None));
    for message in [
        "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.",
        "on resource: arn:aws:kms:eu-west-1:1111:key/x because",
        "arn:aws:s3:::bucket arn: arn:aws:kms",
        "",
    ] {
        let record = testing::kms("Decrypt").failed("AccessDenied", message).remove("resources");
        assert_eq!(keys(&record).0, None, "{message}");
    }
    let state = testing::kms("Decrypt")
        .remove("resources")
        .failed("DisabledException", &format!("{KEY} is disabled."));
    assert_eq!(keys(&state).0, some(KEY));
}

#[test]
fn a_denial_on_an_alias_that_names_the_key_is_about_the_key() {
    let record = testing::kms("Encrypt").set("requestParameters.keyId", "alias/payments").denied();
    let without = record.remove("resources");
    assert_eq!(keys(&without), (some(KEY), None, some("alias/payments")));
}

#[test]
fn a_new_key_stands_in_the_response() {
    let record = testing::kms("CreateKey").remove("resources");
    assert_eq!(keys(&record).0, some(KEY));
    let bare = testing::kms("RotateKeyOnDemand")
        .remove("resources")
        .remove("requestParameters")
        .set("responseElements.keyId", ID);
    assert_eq!(keys(&bare).0, some(KEY));
}

#[test]
fn a_service_event_may_name_its_key_in_its_details_only() {
    let record = testing::kms("RotateKey").remove("resources").set("serviceEventDetails.keyId", ID);
    assert_eq!(keys(&record).0, some(KEY));
}

#[test]
fn some_operations_have_no_key() {
    for name in [
        "ListKeys",
        "GenerateRandom",
        "CreateCustomKeyStore",
        "DisconnectCustomKeyStore",
        "DescribeCustomKeyStores",
    ] {
        for resources in [json!(null), json!([])] {
            assert_eq!(keys(&testing::kms(name).set("resources", resources)), (None, None, None), "{name}");
        }
    }
}

#[test]
fn a_bare_name_means_the_callers_account_and_region() {
    let record = testing::kms("DescribeKey")
        .by_user("444455556666", "bob")
        .set("requestParameters.keyId", ID)
        .remove("resources");
    assert_eq!(keys(&record).0, some(&format!("arn:aws:kms:eu-west-1:444455556666:key/{ID}")));
}

#[test]
fn a_key_of_another_account_and_region_keeps_both() {
    let foreign = "arn:aws:kms:us-east-1:444455556666:key/0a";
    testing::kms("Encrypt").key(foreign).event(|event| {
        let key = event.key.as_ref().unwrap();
        assert_eq!(
            (key.account.as_deref(), key.region.as_deref()),
            (Some("444455556666"), Some("us-east-1"))
        );
        assert_eq!((event.account.as_ref(), event.region.as_ref()), (ACCOUNT, "eu-west-1"));
    });
}

#[test]
fn a_multi_region_key_is_a_key_per_region_with_one_id() {
    let id = "mrk-1234abcd12ab34cd56ef1234567890ab";
    for region in ["eu-west-1", "us-gov-east-1"] {
        let arn = format!("arn:aws:kms:{region}:111122223333:key/{id}");
        testing::kms("Decrypt").key(&arn).event(|event| {
            let key = event.key.as_ref().unwrap();
            assert!(key.is_multi_region());
            assert_eq!((key.id.as_ref(), key.region.as_deref()), (id, Some(region)));
        });
    }
}

#[test]
fn the_partition_comes_from_the_caller_else_from_the_region() {
    for (arn, region, partition) in [
        ("arn:aws-us-gov:iam::111122223333:user/u", "us-gov-west-1", "aws-us-gov"),
        ("arn:aws:iam::111122223333:user/u", "eu-west-1", "aws"),
        ("", "cn-north-1", "aws-cn"),
    ] {
        let record = testing::kms("DescribeKey")
            .by_user(ACCOUNT, "u")
            .set("userIdentity.arn", arn)
            .set("awsRegion", region)
            .set("requestParameters.keyId", ID)
            .remove("resources");
        assert_eq!(keys(&record).0, some(&format!("arn:{partition}:kms:{region}:111122223333:key/{ID}")));
    }
}

#[test]
fn malformed_names_do_not_become_arns() {
    let request =
        |name: &str| testing::kms("DescribeKey").remove("resources").set("requestParameters.keyId", name);
    assert_eq!(keys(&request("arn:aws:kms:eu-west-1")).0, some("arn:aws:kms:eu-west-1"));
    assert_eq!(keys(&request("two words: $x")).0, some("two words: $x"));
    assert_eq!(keys(&request(&"x".repeat(3_000))).0, None);
    request("two words").event(|event| assert_eq!(event.key.as_ref().unwrap().account, None));
    // Redacted account ids of 9 or 13 digits still name one key.
    for account in ["111122223", "1111222233334"] {
        let arn = format!("arn:aws:kms:eu-west-1:{account}:key/{ID}");
        assert_eq!(keys(&testing::kms("Decrypt").resource(0, &arn)).0, some(&arn));
    }
    let nothing =
        testing::kms("Decrypt").set("resources", json!([{"ARN": "arn:aws:kms:eu-west-1:111122223333:key/"}]));
    assert_eq!(keys(&nothing).0, None);
}

#[test]
fn a_bare_name_without_any_account_stays_a_name() {
    let record = testing::kms("DescribeKey")
        .set("userIdentity", json!({"type": "Unknown"}))
        .remove("recipientAccountId")
        .remove("resources")
        .set("requestParameters.keyId", "alias/payments");
    record.event(|event| {
        let key = event.key.as_ref().unwrap();
        assert_eq!((key.arn.as_ref(), key.account.as_deref(), key.is_alias), ("alias/payments", None, true));
        assert_eq!(event.account, "");
    });
}
