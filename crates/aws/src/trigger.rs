//! What wakes kmswatch up, unwrapped to one thing: the [`Work`] to do.
//!
//! A notification says that there is a log object, and may be wrapped in others: S3 → SNS → SQS, or S3 →
//! EventBridge → SQS. So unwrapping goes on until there is nothing to unwrap. Envelopes are read tolerantly: fields
//! that are not needed may be missing or of any form.
//!
//! What is no work is told apart from what is not understood: a test event of S3 and our own alerts are ignored, on
//! purpose and counted; a message of unknown form is an error, so that it ends in the dead-letter queue.

use crate::alert::SCHEMA;
use crate::objects::ObjectRef;
use crate::sinks::event_bridge::SOURCE;
use kmswatch_engine::time::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// Envelopes inside one another at most: SQS → SNS → EventBridge → S3 needs three.
const DEPTH: usize = 6;
/// Objects that one notification may name: S3 writes one, CloudTrail a few. A message holds a few thousand at most.
const OBJECTS: usize = 10_000;

/// What a notification asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Objects to read, in their order.
    pub objects: Vec<ObjectRef>,
    /// Records that came in the notification itself, as JSON text.
    pub records: Vec<String>,
    /// What was understood and asks for nothing, by reason.
    pub ignored: Vec<Ignored>,
}

/// Why something asks for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ignored {
    /// S3 writes it when notifications are set up.
    TestEvent,
    /// An object was removed or restored, or its tags changed: nothing new to read.
    NotCreated,
    /// One of our own alerts: reading it would go round in circles.
    OwnAlert,
    /// SNS asks to confirm a subscription.
    Subscription,
    /// An event of EventBridge that is neither an object nor a record of CloudTrail.
    OtherEvent,
}

impl Ignored {
    /// The word under which it is counted.
    pub fn reason(self) -> &'static str {
        match self {
            Ignored::TestEvent => "test_event",
            Ignored::NotCreated => "not_created",
            Ignored::OwnAlert => "own_alert",
            Ignored::Subscription => "subscription",
            Ignored::OtherEvent => "other_event",
        }
    }
}

/// A message of a form that is not known. It holds no part of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TriggerError {
    /// Not JSON.
    #[error("the message is not JSON")]
    NotJson,
    /// JSON, but no notification that is known.
    #[error("the message is no notification of a known form")]
    Unknown,
    /// Envelopes inside one another without end, or more objects than a message can name.
    #[error("the message holds more than a notification can")]
    TooMuch,
}

/// Unwraps the text of a message.
///
/// # Errors
/// See [`TriggerError`]. Of a message that is understood in part nothing is taken.
pub fn unwrap_text(text: &str) -> Result<Work, TriggerError> {
    let mut work = Work::default();
    unwrap_inner(text, &mut work, 0)?;
    Ok(work)
}

/// Unwraps a notification that is JSON already.
///
/// # Errors
/// As [`unwrap_text`].
pub fn unwrap(value: &Value) -> Result<Work, TriggerError> {
    let mut work = Work::default();
    unwrap_value(value, &mut work, 0)?;
    Ok(work)
}

fn unwrap_inner(text: &str, work: &mut Work, depth: usize) -> Result<(), TriggerError> {
    let value: Value = serde_json::from_str(text).map_err(|_| TriggerError::NotJson)?;
    unwrap_value(&value, work, depth)
}

fn unwrap_value(value: &Value, work: &mut Work, depth: usize) -> Result<(), TriggerError> {
    if depth > DEPTH || work.objects.len() > OBJECTS {
        return Err(TriggerError::TooMuch);
    }
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    if text("schema") == Some(SCHEMA) || text("source") == Some(SOURCE) {
        work.ignored.push(Ignored::OwnAlert);
        return Ok(());
    }
    if text("Event") == Some("s3:TestEvent") {
        work.ignored.push(Ignored::TestEvent);
        return Ok(());
    }
    match text("Type") {
        Some("Notification") => {
            return unwrap_inner(text("Message").unwrap_or_default(), work, depth + 1);
        }
        Some("SubscriptionConfirmation" | "UnsubscribeConfirmation") => {
            work.ignored.push(Ignored::Subscription);
            return Ok(());
        }
        _ => {}
    }
    if let Some(records) = value.get("Records").and_then(Value::as_array) {
        return records.iter().try_for_each(|record| unwrap_record(record, work, depth));
    }
    if value.get("s3ObjectKey").is_some() {
        return unwrap_cloudtrail(value, work);
    }
    if value.get("detail-type").is_some() {
        return unwrap_event(value, work);
    }
    Err(TriggerError::Unknown)
}

/// One of `Records`: of S3, of SNS, or a record of CloudTrail itself.
fn unwrap_record(record: &Value, work: &mut Work, depth: usize) -> Result<(), TriggerError> {
    if work.objects.len() >= OBJECTS {
        return Err(TriggerError::TooMuch);
    }
    if let Some(message) = record.pointer("/Sns/Message").and_then(Value::as_str) {
        return unwrap_inner(message, work, depth + 1);
    }
    if let Some(s3) = record.get("s3") {
        let name = record.get("eventName").and_then(Value::as_str).unwrap_or("ObjectCreated:");
        if !name.trim_start_matches("s3:").starts_with("ObjectCreated") {
            work.ignored.push(Ignored::NotCreated);
            return Ok(());
        }
        let text = |path: &str| s3.pointer(path).and_then(Value::as_str);
        let (Some(bucket), Some(key)) = (text("/bucket/name"), text("/object/key")) else {
            return Err(TriggerError::Unknown);
        };
        work.objects.push(ObjectRef {
            bucket: bucket.to_owned(),
            key: decoded(key).ok_or(TriggerError::Unknown)?,
            version: text("/object/versionId").filter(|version| *version != "null").map(str::to_owned),
        });
        return Ok(());
    }
    // A log file sent as the message itself.
    if record.get("eventSource").is_some_and(Value::is_string) && record.get("eventName").is_some() {
        work.records.push(record.to_string());
        return Ok(());
    }
    Err(TriggerError::Unknown)
}

/// What CloudTrail itself writes to an SNS topic: its keys are as they are, not encoded.
fn unwrap_cloudtrail(value: &Value, work: &mut Work) -> Result<(), TriggerError> {
    let bucket = value.get("s3Bucket").and_then(Value::as_str).ok_or(TriggerError::Unknown)?;
    let keys = value.get("s3ObjectKey").ok_or(TriggerError::Unknown)?;
    let keys = keys.as_array().map_or(std::slice::from_ref(keys), Vec::as_slice);
    if keys.len() > OBJECTS {
        return Err(TriggerError::TooMuch);
    }
    for key in keys {
        let key = key.as_str().ok_or(TriggerError::Unknown)?;
        work.objects.push(ObjectRef::new(bucket, key));
    }
    Ok(())
}

/// An event of EventBridge: a new object, or one record of CloudTrail. Its keys are as they are, not encoded.
fn unwrap_event(event: &Value, work: &mut Work) -> Result<(), TriggerError> {
    let text = |path: &str| event.pointer(path).and_then(Value::as_str);
    match text("/detail-type") {
        Some("Object Created") => {
            let (Some(bucket), Some(key)) = (text("/detail/bucket/name"), text("/detail/object/key")) else {
                return Err(TriggerError::Unknown);
            };
            let version = text("/detail/object/version-id").map(str::to_owned);
            work.objects.push(ObjectRef { bucket: bucket.to_owned(), key: key.to_owned(), version });
            Ok(())
        }
        Some(kind) if kind.ends_with("via CloudTrail") && text("/detail/eventSource").is_some() => {
            let detail = event.get("detail").ok_or(TriggerError::Unknown)?;
            work.records.push(detail.to_string());
            Ok(())
        }
        _ => {
            work.ignored.push(Ignored::OtherEvent);
            Ok(())
        }
    }
}

/// A key as S3 writes it in notifications: encoded like a form, so that `+` is a space. `None` if it is not UTF-8,
/// which no key is.
pub fn decoded(key: &str) -> Option<String> {
    let spaced = key.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

/// The moment of delivery that the name of an object tells, as far as it can be believed: never after `now`, or one
/// object with a name from the future would close all hours until then.
pub fn delivered(object: &ObjectRef, now: Timestamp) -> Option<Timestamp> {
    let name = kmswatch_engine::trail::object_key::parse(&object.key)?;
    name.delivered.map(|stamp| stamp.min(now))
}

#[cfg(test)]
mod tests;
