//! Messages as services send them.

use super::*;
use proptest::prelude::*;
use serde_json::json;

const KEY: &str = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/05/04/111122223333_CloudTrail_eu-west-1_20260504T1020Z_AbCdEfGhIjKlMnOp.json.gz";

fn s3(key: &str) -> Value {
    json!({"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "trail"}, "object": {"key": key, "size": 5, "sequencer": "00AA"}}}]})
}

fn sns(message: &Value) -> Value {
    json!({"Type": "Notification", "MessageId": "1", "TopicArn": "arn:aws:sns:eu-west-1:111122223333:t",
        "Message": message.to_string()})
}

fn created(key: &str) -> Value {
    json!({"version": "0", "detail-type": "Object Created", "source": "aws.s3",
        "detail": {"bucket": {"name": "trail"}, "object": {"key": key, "etag": "e", "version-id": "v1"}}})
}

fn keys(value: &Value) -> Vec<String> {
    unwrap_text(&value.to_string()).unwrap().objects.into_iter().map(|object| object.key).collect()
}

#[test]
fn every_wrapping_of_an_object_gives_the_object() {
    let direct = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": s3(KEY).to_string()}}]});
    let cloudtrail = json!({"s3Bucket": "trail", "s3ObjectKey": [KEY, "b"]});
    assert_eq!(keys(&s3(KEY)), [KEY]);
    assert_eq!(keys(&sns(&s3(KEY))), [KEY]);
    assert_eq!(keys(&direct), [KEY]);
    assert_eq!(keys(&created(KEY)), [KEY]);
    assert_eq!(keys(&sns(&created(KEY))), [KEY]);
    assert_eq!(keys(&cloudtrail), [KEY, "b"]);
    assert_eq!(keys(&sns(&cloudtrail)), [KEY, "b"]);
    assert_eq!(keys(&json!({"s3Bucket": "trail", "s3ObjectKey": "one"})), ["one"]);
}

#[test]
fn keys_of_s3_are_decoded_and_others_are_not() {
    assert_eq!(keys(&s3("AWSLogs/a%2Bb+c/%C3%A9.json.gz")), ["AWSLogs/a+b c/é.json.gz"]);
    assert_eq!(keys(&s3("AWSLogs%2Fa")), ["AWSLogs/a"]);
    assert_eq!(keys(&created("a+b%41")), ["a+b%41"]);
    assert_eq!(unwrap(&s3("%ff")), Err(TriggerError::Unknown));
}

#[test]
fn versions_are_kept() {
    assert_eq!(unwrap(&created(KEY)).unwrap().objects[0].version.as_deref(), Some("v1"));
    let mut versioned = s3(KEY);
    versioned["Records"][0]["s3"]["object"]["versionId"] = "v2".into();
    assert_eq!(unwrap(&versioned).unwrap().objects[0].version.as_deref(), Some("v2"));
}

#[test]
fn a_record_of_cloudtrail_comes_as_it_is() {
    let record = json!({"eventSource": "kms.amazonaws.com", "eventName": "DisableKey", "eventID": "e1"});
    let event = json!({"source": "aws.kms", "detail-type": "AWS API Call via CloudTrail", "detail": record});
    assert_eq!(unwrap(&event).unwrap().records, [record.to_string()]);
    assert_eq!(unwrap(&json!({"Records": [record]})).unwrap().records, [record.to_string()]);
}

#[test]
fn what_asks_for_nothing_is_ignored_with_a_reason() {
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "trail"});
    let mut removed = s3(KEY);
    removed["Records"][0]["eventName"] = "ObjectRemoved:Delete".into();
    let cases = [
        (test.clone(), Ignored::TestEvent),
        (sns(&test), Ignored::TestEvent),
        (removed, Ignored::NotCreated),
        (json!({"schema": SCHEMA, "id": "kw-1"}), Ignored::OwnAlert),
        (sns(&json!({"schema": SCHEMA})), Ignored::OwnAlert),
        (json!({"source": "kmswatch", "detail-type": "KMS Finding", "detail": {}}), Ignored::OwnAlert),
        (json!({"Type": "SubscriptionConfirmation", "SubscribeURL": "https://x"}), Ignored::Subscription),
        (json!({"detail-type": "EC2 Instance State-change", "detail": {}}), Ignored::OtherEvent),
    ];
    for (message, ignored) in cases {
        let work = unwrap_text(&message.to_string()).unwrap();
        assert_eq!(work, Work { ignored: vec![ignored], ..Work::default() }, "{message}");
    }
}

#[test]
fn what_is_not_understood_is_an_error_and_nothing_is_taken() {
    for text in ["", "x", "\u{0}", "{\"Type\":\"Notification\",\"Message\":\"hello\"}"] {
        assert_eq!(unwrap_text(text), Err(TriggerError::NotJson), "{text}");
    }
    let mut half = s3(KEY);
    half["Records"].as_array_mut().unwrap().push(json!({"s3": {"bucket": {}}}));
    for value in [json!({}), json!([]), json!(1), json!(null), half, json!({"Records": [1]})] {
        assert_eq!(unwrap(&value), Err(TriggerError::Unknown), "{value}");
    }
}

#[test]
fn envelopes_within_envelopes_end() {
    let mut message = s3(KEY);
    for _ in 0..DEPTH + 2 {
        message = sns(&message);
    }
    assert_eq!(unwrap(&message), Err(TriggerError::TooMuch));
    let many: Vec<String> = (0..=OBJECTS).map(|n| n.to_string()).collect();
    assert_eq!(unwrap(&json!({"s3Bucket": "b", "s3ObjectKey": many})), Err(TriggerError::TooMuch));
}

#[test]
fn a_name_from_the_future_does_not_move_the_clock_beyond_now() {
    let object = ObjectRef::new("trail", &KEY.replace("20260504T1020Z", "20990504T1020Z"));
    let now = Timestamp::parse("2026-05-04T10:30:00Z").unwrap();
    assert_eq!(delivered(&object, now), Some(now));
    assert_eq!(delivered(&ObjectRef::new("trail", KEY), now), Some(now.plus(-600)));
    assert_eq!(delivered(&ObjectRef::new("trail", "other.txt"), now), None);
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(text in "\\PC*", key in "\\PC*") {
        let _ = unwrap_text(&text);
        let _ = unwrap(&s3(&key));
    }
}
