//! Odd records, each with a sentence that says what becomes of it; and no record makes it panic.

use super::testing::{self, ACCOUNT, KEY, RecordBuilder, record};
use super::{Form, Normalized, Operation, Params, Protection, SkipReason, Source, normalize};
use proptest::prelude::*;
use serde_json::{Value, json};

fn skipped(builder: &RecordBuilder) -> Option<SkipReason> {
    match normalize(&record(&builder.text())) {
        Normalized::Skip(reason) => Some(reason),
        _ => None,
    }
}

fn problem(text: &str) -> String {
    match normalize(&record(text)) {
        Normalized::Problem(problem) => problem,
        other => panic!("no problem but {other:?}: {text}"),
    }
}

#[test]
fn minor_versions_only_add_fields_and_another_major_version_is_left_out() {
    for version in [
        json!("1.0"),
        json!("1.02"),
        json!("1.08"),
        json!("1.10"),
        json!("1.11"),
        json!("1.12"),
        json!(1.08),
        json!("1"),
    ] {
        let builder =
            testing::kms("Decrypt").set("eventVersion", version.clone()).set("newField", json!({"a": [1]}));
        builder.event(|event| assert_eq!(event.operation, Operation::Decrypt, "{version}"));
    }
    for version in [json!("2.0"), json!("11.1"), json!("string"), json!("..."), json!(2)] {
        let builder = testing::kms("Decrypt").set("eventVersion", version.clone());
        assert_eq!(skipped(&builder), Some(SkipReason::UnknownVersion), "{version}");
    }
    for missing in [json!(null), json!(""), json!({})] {
        assert_eq!(skipped(&testing::kms("Decrypt").set("eventVersion", missing)), None);
    }
}

#[test]
fn other_services_are_not_watched() {
    for source in ["s3.amazonaws.com", "sts.amazonaws.com", "kms", "KMS.amazonaws.com.evil", "..."] {
        let builder = testing::kms("Decrypt").set("eventSource", source).remove("eventTime");
        assert_eq!(skipped(&builder), Some(SkipReason::NotWatched), "{source}");
    }
}

#[test]
fn of_cloudtrail_only_what_changes_the_log_is_watched() {
    for name in [
        "StopLogging",
        "DeleteTrail",
        "UpdateTrail",
        "CreateTrail",
        "PutEventSelectors",
        "PutInsightSelectors",
        "DeleteEventDataStore",
        "CreateEventDataStore",
        "UpdateEventDataStore",
        "StopEventDataStoreIngestion",
    ] {
        testing::cloudtrail(name).event(|event| {
            assert_eq!((event.source, event.operation), (Source::CloudTrail, Operation::Other));
            assert_eq!((event.name.as_ref(), &event.key), (name, &None));
            assert_eq!(
                event.request.get("name").text().unwrap(),
                "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main"
            );
        });
    }
    for name in ["DescribeTrails", "GetTrailStatus", "LookupEvents", "Decrypt"] {
        assert_eq!(skipped(&testing::cloudtrail(name)), Some(SkipReason::NotWatched), "{name}");
    }
}

#[test]
fn network_activity_is_a_copy_and_insights_are_summaries() {
    let network = testing::kms("Decrypt").remove("requestParameters").remove("readOnly").remove("resources");
    for (field, value) in
        [("eventCategory", "NetworkActivity"), ("eventType", "AwsVpceEvent"), ("eventType", "AwsVpceEvents")]
    {
        let builder = network.clone().set(field, value).failed("VpceAccessDenied", "denied");
        assert_eq!(skipped(&builder), Some(SkipReason::NetworkActivity), "{value}");
    }
    for (field, value) in [("eventCategory", "Insight"), ("eventType", "AwsCloudTrailInsight")] {
        let builder = testing::kms("Decrypt").set(field, value).remove("eventSource").remove("eventName");
        assert_eq!(skipped(&builder), Some(SkipReason::Insight), "{value}");
    }
    testing::kms("Decrypt").remove("eventCategory").event(|event| assert_eq!(event.form, Form::ApiCall));
}

#[test]
fn an_unknown_operation_of_kms_is_kept_with_its_name() {
    testing::kms("TeleportKey").event(|event| {
        assert_eq!((event.operation, event.name.as_ref()), (Operation::Other, "TeleportKey"));
        assert_eq!(event.key.as_ref().unwrap().arn, KEY);
        assert_eq!(event.params, Params::None);
    });
}

#[test]
fn what_no_event_can_do_without_is_named_in_the_problem() {
    for (builder, expected) in [
        (testing::kms("Decrypt").remove("eventTime"), "eventTime is missing"),
        (testing::kms("Decrypt").set("eventTime", ""), "eventTime is missing"),
        (testing::kms("Decrypt").set("eventTime", "..."), r#"eventTime is not a time: \"...\""#),
        (testing::kms("Decrypt").set("eventTime", json!({"a": 1})), r#"eventTime is not a time: {\"a\":1}"#),
        (testing::kms("Decrypt").remove("eventName"), "eventName is missing"),
        (testing::kms("Decrypt").set("eventName", 7), "eventName is not a name: 7"),
        (testing::kms("Decrypt").remove("eventSource"), "eventSource is missing"),
        (testing::cloudtrail("StopLogging").set("eventName", json!(null)), "eventName is missing"),
    ] {
        assert_eq!(problem(&builder.text()), expected);
    }
    let hostile = testing::kms("Decrypt").set("eventTime", format!("\u{1b}[2J\n{}", "x".repeat(10_000)));
    let message = problem(&hostile.text());
    assert!(message.len() < 200 && !message.contains(['\u{1b}', '\n']), "{message}");
}

#[test]
fn times_of_older_exports_are_read() {
    for time in [
        "2026-05-04 10:15:42",
        "2026-05-04 10:15:42.000",
        "2026-05-04 10:15:42.000000000",
        "2026-05-04T10:15:42.5Z",
    ] {
        testing::kms("Decrypt").at(time).event(|event| {
            assert_eq!(event.time.to_string(), "2026-05-04T10:15:42Z", "{time}");
        });
    }
}

#[test]
fn malformed_json_is_a_problem_wherever_it_is_read() {
    let whole = testing::kms("Decrypt").set("requestParameters.encryptionContext.a", "b").text();
    for text in [
        "",
        "null",
        "[]",
        "\"x\"",
        "{",
        "{}x",
        &whole[..whole.len() - 1],
        &whole[1..],
        &whole.replace("\"readOnly\":true", "\"readOnly\":tru"),
    ] {
        assert!(problem(text).starts_with("malformed JSON"), "{text}");
    }
    for (from, to, part) in [
        ("\"encryptionContext\":{", "\"encryptionContext\":{,", "encryptionContext"),
        ("\"sessionIssuer\":{", "\"sessionIssuer\":{,", "userIdentity"),
        ("\"resources\":[", "\"resources\":[,", "resources"),
        ("\"requestParameters\":{", "\"requestParameters\":{\"dryRun\"x,", "requestParameters"),
        ("\"tlsDetails\":{", "\"tlsDetails\":{,", "tlsDetails"),
        ("\"awsRegion\":\"", "\"awsRegion\":\"\\q", "awsRegion"),
    ] {
        let broken = whole.replace(from, to);
        assert_ne!(broken, whole, "{from}");
        let message = problem(&broken);
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn missing_null_and_empty_are_alike_for_every_field_that_an_event_can_do_without() {
    let full = testing::kms("Decrypt")
        .id("e1")
        .set("requestParameters.encryptionContext.a", "b")
        .set("additionalEventData.keyMaterialId", "m");
    let json: Value = serde_json::from_str(&full.text()).unwrap();
    for (name, _) in json.as_object().unwrap() {
        if matches!(name.as_str(), "eventTime" | "eventName" | "eventSource" | "eventID") {
            continue;
        }
        let mut shown = Vec::new();
        for empty in [None, Some(json!(null)), Some(json!({})), Some(json!([])), Some(json!(""))] {
            let builder = match empty {
                None => full.clone().remove(name),
                Some(empty) => full.clone().set(name, empty),
            };
            shown.push(builder.event(|event| {
                let mut event = event.clone();
                // The raw values themselves may differ.
                (event.request, event.response) = (crate::json::Value::NULL, crate::json::Value::NULL);
                (event.context.raw, event.context.destination) =
                    (crate::json::Value::NULL, crate::json::Value::NULL);
                format!("{event:?}")
            }));
        }
        shown.dedup();
        assert_eq!(shown.len(), 1, "{name}: {shown:?}");
    }
}

#[test]
fn the_account_is_that_of_the_log_else_the_callers_else_the_keys() {
    let foreign_key = "arn:aws:kms:eu-west-1:444455556666:key/0a";
    let builder = testing::kms("Decrypt").key(foreign_key).by_user("777788889999", "u");
    builder.event(|event| assert_eq!(event.account, ACCOUNT));
    let builder = builder.remove("recipientAccountId");
    builder.event(|event| assert_eq!(event.account, "777788889999"));
    let builder = builder.set("userIdentity", json!({"type": "AWSService", "invokedBy": "s3.amazonaws.com"}));
    builder.event(|event| assert_eq!(event.account, "444455556666"));
    builder.remove("resources").event(|event| assert_eq!(event.account, ""));
}

#[test]
fn a_record_without_an_id_is_known_by_its_text() {
    let text = |time: &str| {
        let builder = testing::kms("Decrypt").at(time).id("");
        builder.text()
    };
    let id = |text: &str| testing::with_event(text, |event| event.id.to_string());
    let one = text("2026-05-04T10:15:42Z");
    assert_eq!(id(&one), id(&one));
    assert!(id(&one).starts_with("hash:") && id(&one).len() == "hash:".len() + 32);
    assert_ne!(id(&one), id(&text("2026-05-04T10:15:43Z")));
    testing::kms("Decrypt").id("no-uuid").event(|event| assert_eq!(event.id, "no-uuid"));
}

#[test]
fn two_accounts_copies_are_one_act() {
    let copy = |account: &str, id: &str| {
        testing::kms("Decrypt").in_log_of(account).id(id).set("sharedEventID", "shared-1")
    };
    let act =
        |builder: &RecordBuilder| builder.event(|event| (event.act_id().to_owned(), event.id.to_string()));
    let (one, two) = (act(&copy(ACCOUNT, "a")), act(&copy("444455556666", "b")));
    assert_eq!(one.0, two.0);
    assert_ne!(one.1, two.1);
    testing::kms("Decrypt").id("a").event(|event| assert_eq!(event.act_id(), "a"));
}

#[test]
fn a_corrected_record_names_the_one_that_it_replaces() {
    let corrected = testing::kms("Decrypt").set(
        "addendum",
        json!({"reason": "UPDATED_DATA", "updatedFields": "x", "originalRequestID": "r", "originalEventID": "e0"}),
    );
    corrected.event(|event| assert_eq!(event.corrects.as_deref(), Some("e0")));
    for reason in ["DELIVERY_DELAY", "SERVICE_OUTAGE"] {
        let late = testing::kms("Decrypt").set("addendum", json!({"reason": reason}));
        late.event(|event| assert_eq!(event.corrects, None, "{reason}"));
    }
}

#[test]
fn service_events_are_told_from_calls_even_where_their_type_says_otherwise() {
    for name in ["RotateKey", "DeleteKey", "DeleteExpiredKeyMaterial", "SynchronizeMultiRegionKey"] {
        for event_type in ["AwsServiceEvent", "AwsApiCall"] {
            let builder = testing::kms(name).set("eventType", event_type).remove("requestID");
            builder.event(|event| assert_eq!(event.form, Form::ServiceEvent, "{name} {event_type}"));
        }
    }
    let old = testing::kms("Decrypt").set("eventType", "AwsServiceEvent");
    old.event(|event| {
        assert_eq!((event.form, event.principal.kind.name()), (Form::ServiceEvent, "aws_service"));
    });
}

#[test]
fn both_events_of_a_new_primary_region_are_read() {
    let first = testing::kms("UpdatePrimaryRegion").set("requestParameters.primaryRegion", "us-east-1");
    first.event(|event| assert!(event.key.is_some() && event.principal.via_service.is_none()));
    let second = first.through("kms").remove("resources").set("awsRegion", "us-east-1");
    second.event(|event| {
        assert_eq!(event.principal.via_service.as_deref(), Some("kms"));
        assert!(event.key.is_some());
    });
}

#[test]
fn addresses_may_be_ipv6_host_names_or_words() {
    for (address, ip) in [
        ("2001:db8::17", Some("2001:db8::17")),
        ("203.0.113.17", Some("203.0.113.17")),
        ("secretsmanager.amazonaws.com", None),
        ("AWS Internal", None),
        ("172.01.01.001", None),
        ("string", None),
    ] {
        testing::kms("Decrypt").set("sourceIPAddress", address).event(|event| {
            assert_eq!(event.caller.ip, ip.map(|ip| ip.parse().unwrap()), "{address}");
            assert_eq!(event.caller.address.as_deref(), Some(address));
        });
    }
}

#[test]
fn a_service_call_has_no_address_endpoint_or_tls_of_its_caller() {
    let builder = testing::kms("Decrypt")
        .set("vpcEndpointId", "vpce-0123456789abcdef0")
        .set("userIdentity.invokedBy", "AWS Internal");
    builder.event(|event| assert_eq!((event.caller.ip, &event.caller.vpc_endpoint), (None, &None)));
    let word = testing::kms("Decrypt").set("vpcEndpointId", "AWS Internal");
    word.event(|event| assert_eq!(event.caller.vpc_endpoint, None));
}

#[test]
fn user_agents_may_be_null_long_or_hidden() {
    testing::kms("Decrypt").set("userAgent", json!(null)).event(|event| {
        assert_eq!((&event.caller.user_agent, &event.caller.agent_family), (&None, &None));
    });
    let long = format!("Boto3/1.26 {}", "x".repeat(1_013));
    testing::kms("Decrypt").set("userAgent", long.as_str()).event(|event| {
        assert_eq!(event.caller.agent_family.as_deref(), Some("Boto3/1"));
    });
    let hidden =
        testing::kms("Decrypt").by_user(ACCOUNT, "HIDDEN_DUE_TO_SECURITY_REASONS").remove("userIdentity.arn");
    hidden.event(|event| assert_eq!(event.principal.id, "user:111122223333/HIDDEN_DUE_TO_SECURITY_REASONS"));
}

#[test]
fn tls_details_may_be_missing_in_part() {
    testing::kms("Decrypt").event(|event| {
        let tls = event.caller.tls.as_ref().unwrap();
        assert_eq!(tls.version.as_deref(), Some("TLSv1.3"));
        assert_eq!(tls.key_exchange.as_deref(), Some("X25519MLKEM768"));
    });
    testing::kms("Decrypt").set("tlsDetails", json!({"tlsVersion": "TLSv1.2"})).event(|event| {
        let tls = event.caller.tls.as_ref().unwrap();
        assert_eq!((tls.version.as_deref(), &tls.cipher, &tls.host), (Some("TLSv1.2"), &None, &None));
    });
}

#[test]
fn a_connection_is_known_by_version_and_key_exchange() {
    let cases = [
        (json!({"tlsVersion": "TLSv1.2", "keyExchange": "x25519"}), Protection::Older),
        (json!({"tlsVersion": "TLSv1"}), Protection::Older),
        (json!({"tlsVersion": "TLSv1.3"}), Protection::Tls13),
        (json!({"tlsVersion": "TLSv1.3", "keyExchange": "new"}), Protection::Tls13),
        (json!({"tlsVersion": "TLSv1.3", "keyExchange": "secp256r1"}), Protection::Classical),
        (json!({"tlsVersion": "TLSv1.3", "keyExchange": "X25519"}), Protection::Classical),
        (json!({"tlsVersion": "TLSv1.3", "keyExchange": "X25519MLKEM768"}), Protection::Hybrid),
        (json!({"tlsVersion": "TLSv1.3", "keyExchange": "x25519_kyber768"}), Protection::Hybrid),
        (json!({"tlsVersion": "TLSv1.4"}), Protection::Unknown),
        (json!({"keyExchange": "X25519MLKEM768"}), Protection::Unknown),
        (json!(null), Protection::Unknown),
    ];
    for (details, protection) in cases {
        let record = testing::kms("Decrypt").set("tlsDetails", details.clone());
        record.event(|event| assert_eq!(event.caller.protection(), protection, "{details}"));
    }
}

#[test]
fn additional_data_may_be_json_inside_a_string() {
    let builder = testing::kms("Decrypt").set("additionalEventData", r#"{"keyMaterialId":"m1"}"#);
    builder.event(|event| assert_eq!(event.key_material.as_deref(), Some("m1")));
    let omitted = testing::kms("Decrypt").set("additionalEventData", json!({"omitted": true}));
    omitted.event(|event| assert_eq!(event.key_material, None));
    let two = testing::kms("ReEncrypt")
        .set("additionalEventData", json!({"destinationKeyMaterialId": "m2", "sourceKeyMaterialId": "m1"}));
    two.event(|event| assert_eq!(event.key_material.as_deref(), Some("m1")));
}

#[test]
fn parameters_and_response_that_were_omitted_say_nothing() {
    let builder = testing::kms("PutKeyPolicy")
        .set("requestParameters", json!({"omitted": true}))
        .set("responseElements", json!({"omitted": true}));
    builder.event(|event| {
        let Params::Policy(change) = &event.params else { panic!("{:?}", event.params) };
        assert_eq!(change.policy, None);
        assert_eq!(event.key.as_ref().unwrap().arn, KEY);
    });
}

#[test]
fn re_encrypt_has_two_contexts() {
    let builder = testing::kms("ReEncrypt")
        .set("requestParameters.sourceEncryptionContext", json!({"tenant": "a"}))
        .set("requestParameters.destinationEncryptionContext", json!({"aws:rds:db-id": "db-1"}));
    builder.event(|event| {
        assert_eq!(event.context.names().collect::<Vec<_>>(), ["tenant"]);
        assert!(!event.context.destination.is_empty());
        assert_eq!(event.resource.as_ref().unwrap().id, "db-1");
    });
}

#[test]
fn values_of_a_context_never_reach_debug_output() {
    let builder = testing::kms("Decrypt").set("requestParameters.encryptionContext.tenant", "very-private");
    builder.event(|event| {
        let shown = format!("{event:?}");
        assert!(shown.contains("tenant") && !shown.contains("very-private"), "{shown}");
    });
}

#[test]
fn large_records_and_pretty_printed_ones_are_read_alike() {
    let builder = testing::kms("Decrypt").set("requestParameters.unknown", "x".repeat(70_000));
    let json: Value = serde_json::from_str(&builder.text()).unwrap();
    let pretty = serde_json::to_string_pretty(&json).unwrap();
    let id = builder.event(|event| event.id.to_string());
    testing::with_event(&pretty, |event| {
        assert_eq!(event.id, id);
        assert_eq!(event.key.as_ref().unwrap().arn, KEY);
    });
}

#[test]
fn escapes_are_resolved_everywhere() {
    let escaped = testing::kms("Decrypt")
        .text()
        .replace("arn:aws:kms", "arn\\u003aaws:kms")
        .replace("\"eventName\"", "\"event\\u004eame\"");
    testing::with_event(&escaped, |event| {
        let key = event.key.as_ref().unwrap();
        assert_eq!((key.arn.as_ref(), key.account.as_deref()), (KEY, Some(ACCOUNT)));
        assert_eq!(event.operation, Operation::Decrypt);
    });
}

#[test]
fn ids_in_hostile_records_stay_short() {
    let long = "x".repeat(200_000);
    let builder = testing::kms("DescribeKey")
        .id(&long)
        .by_user(ACCOUNT, &long)
        .set("requestParameters.keyId", long.as_str())
        .remove("resources");
    builder.event(|event| {
        assert!(event.id.len() < 2_000 && event.principal.id.len() < 2_000);
        assert!(event.key.as_ref().is_none_or(|key| key.arn.len() < 3_000));
    });
}

fn arbitrary_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        Just(json!(1.5e300)),
        "\\PC{0,20}".prop_map(Into::into),
        "arn:aws:(kms|iam|sts|s3)::?[a-z0-9:/]{0,20}".prop_map(Into::into),
        "(kms|s3|x)\\.amazonaws\\.com|AWS Internal|[A-Z][a-z]{0,8}, ?[0-9]{0,4}".prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::btree_map("keyId|ARN|arn|aws:s3:arn|tagKey|\\PC{0,6}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// All places in a value, as JSON pointers, the root excluded.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, child)| (name.clone(), child)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(i, child)| (i.to_string(), child)).collect(),
        _ => Vec::new(),
    };
    for (name, child) in children {
        let here = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        places(child, &here, found);
        found.push(here);
    }
}

fn full_record(operation: Operation) -> Value {
    let builder = testing::kms(operation.name())
        .set("requestParameters.encryptionContext", json!({"aws:s3:arn": "arn:aws:s3:::b/o", "tenant": "t"}))
        .set("requestParameters.policy", "{}")
        .set("requestParameters.operations", json!(["Decrypt"]))
        .set("requestParameters.constraints.encryptionContextSubset.a", "b")
        .set("requestParameters.tags", json!([{"tagKey": "k", "tagValue": "v"}]))
        .set("requestParameters.validTo", "Jan 1, 2027 8:00:00 PM")
        .set("responseElements.deletionDate", "May 21, 2025, 5:47:45 AM")
        .set(
            "additionalEventData",
            json!({"keyMaterialId": "m", "recipient": {"attestationDocumentModuleId": "i-1"}}),
        )
        .set("serviceEventDetails.keyId", "k")
        .set("addendum", json!({"reason": "UPDATED_DATA", "originalEventID": "e"}))
        .set("errorCode", "AccessDenied")
        .set("errorMessage", format!("on resource: {KEY}"))
        .set("userIdentity.onBehalfOf.userId", "u");
    serde_json::from_str(&builder.text()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn any_json_in_any_place_gives_an_event_a_skip_or_a_problem(
        operation in prop::sample::select(Operation::ALL),
        changes in prop::collection::vec((any::<prop::sample::Index>(), arbitrary_json()), 1..4),
        service in any::<bool>(),
    ) {
        let mut json = full_record(operation);
        if service {
            json["userIdentity"]["invokedBy"] = "AWS Internal".into();
        }
        for (index, change) in changes {
            let mut found = Vec::new();
            places(&json, "", &mut found);
            if found.is_empty() {
                break;
            }
            let place = index.get(&found).clone();
            if let Some(slot) = json.pointer_mut(&place) {
                *slot = change;
            }
        }
        let text = json.to_string();
        match normalize(&record(&text)) {
            Normalized::Event(event) => {
                prop_assert_eq!(Some(event.name.as_ref()), json["eventName"].as_str());
                prop_assert!(!event.id.is_empty() && !event.principal.id.is_empty());
                let shown = format!("{event:?}");
                prop_assert!(shown.starts_with("Event"));
            }
            Normalized::Skip(reason) => prop_assert_ne!(reason, SkipReason::Duplicate),
            Normalized::Problem(problem) => prop_assert!(!problem.is_empty() && problem.len() < 1_000),
        }
    }

    #[test]
    fn a_broken_record_never_makes_it_panic(at in any::<prop::sample::Index>(), junk in "[{}\\[\\]\",:\\\\a-z0-9]{0,3}", cut in any::<bool>()) {
        let mut text = full_record(Operation::CreateGrant).to_string();
        let at = at.index(text.len());
        prop_assume!(text.is_char_boundary(at));
        if cut {
            text.truncate(at);
        }
        text.insert_str(at, &junk);
        let _ = normalize(&record(&text));
    }

    #[test]
    fn no_text_at_all_makes_it_panic(text in "\\PC{0,200}") {
        let _ = normalize(&record(&text));
    }
}
