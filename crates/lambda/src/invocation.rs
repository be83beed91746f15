//! Which kind of trigger an invocation comes from, and what it wants to hear.
//!
//! All kinds do the same: tasks in, failed tasks out. They differ in how a failure is told: a queue wants the ids of
//! the messages that are to come again, S3 Batch Operations a code for each task, and whoever invoked the function
//! without waiting wants an error, so that Lambda tries again.

use kmswatch_aws::live::{BatchResult, Task};
use kmswatch_aws::objects::ObjectRef;
use kmswatch_aws::trigger::{self, TriggerError, Work};
use serde_json::{Value, json};

/// What an invocation asks for.
#[derive(Debug, PartialEq)]
pub(crate) enum Invocation {
    /// Messages of a queue.
    Queue(Vec<Task>),
    /// Tasks of S3 Batch Operations, and the request, whose parts the answer repeats.
    BatchJob(Vec<Task>, Value),
    /// Close the hours that are over, and judge what is unusual.
    Close,
    /// One notification: of S3, SNS or EventBridge directly.
    Direct(Task),
}

impl Invocation {
    /// Reads an event.
    pub(crate) fn of(event: Value) -> Invocation {
        let text = |path: &str| event.pointer(path).and_then(Value::as_str);
        if text("/kmswatch") == Some("close") || text("/detail-type") == Some("Scheduled Event") {
            return Invocation::Close;
        }
        if text("/Records/0/eventSource") == Some("aws:sqs") {
            let records = event.get("Records").and_then(Value::as_array).map(Vec::as_slice);
            return Invocation::Queue(records.unwrap_or_default().iter().map(queue_task).collect());
        }
        if event.get("invocationSchemaVersion").is_some() {
            let tasks = event.get("tasks").and_then(Value::as_array).map(Vec::as_slice);
            let tasks = tasks.unwrap_or_default().iter().map(batch_task).collect();
            return Invocation::BatchJob(tasks, event);
        }
        Invocation::Direct(Task { id: "event".to_owned(), work: trigger::unwrap(&event) })
    }
}

fn queue_task(record: &Value) -> Task {
    let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
    Task::of_text(text("messageId"), text("body"))
}

/// A task of S3 Batch Operations. Its keys are encoded like those of notifications; schema 1.0 names the bucket by
/// its ARN, 2.0 by its name.
fn batch_task(task: &Value) -> Task {
    let text = |name: &str| task.get(name).and_then(Value::as_str);
    let arn = text("s3BucketArn").and_then(|arn| arn.rsplit(':').next());
    let bucket = text("s3Bucket").or(arn);
    let key = text("s3Key").and_then(trigger::decoded);
    let work = match (bucket, key) {
        (Some(bucket), Some(key)) => {
            let version = text("s3VersionId").map(str::to_owned);
            let object = ObjectRef { bucket: bucket.to_owned(), key, version };
            Ok(Work { objects: vec![object], ..Work::default() })
        }
        _ => Err(TriggerError::Unknown),
    };
    Task { id: text("taskId").unwrap_or_default().to_owned(), work }
}

/// The answer to a queue: the ids of the messages that are to come again.
///
/// # Errors
/// If a message that failed has no id: Lambda would take an empty one for a fault of the answer.
pub(crate) fn queue_answer(result: &BatchResult) -> Result<Value, String> {
    if result.failed.contains_key("") {
        return Err("a message without an id could not be done".to_owned());
    }
    let failures: Vec<Value> = result.failed.keys().map(|id| json!({ "itemIdentifier": id })).collect();
    Ok(json!({ "batchItemFailures": failures }))
}

/// The answer to S3 Batch Operations.
pub(crate) fn batch_answer(request: &Value, ids: &[String], result: &BatchResult) -> Value {
    let results: Vec<Value> = ids
        .iter()
        .map(|id| {
            let (code, text) = match result.failed.get(id) {
                None => ("Succeeded", String::new()),
                Some(error) if error.is_temporary() => ("TemporaryFailure", error.to_string()),
                Some(error) => ("PermanentFailure", error.to_string()),
            };
            json!({ "taskId": id, "resultCode": code, "resultString": text })
        })
        .collect();
    json!({
        "invocationSchemaVersion": request.get("invocationSchemaVersion"),
        "invocationId": request.get("invocationId"),
        "treatMissingKeysAs": "PermanentFailure",
        "results": results,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kmswatch_aws::live::TaskError;
    use kmswatch_aws::objects::ObjectError;

    fn failed(errors: &[(&str, TaskError)]) -> BatchResult {
        let failed = errors.iter().map(|(id, error)| ((*id).to_owned(), error.clone())).collect();
        BatchResult { failed, ..BatchResult::default() }
    }

    #[test]
    fn each_message_of_a_queue_is_a_task_whatever_the_others_are() {
        let body = json!({"s3Bucket": "b", "s3ObjectKey": ["k"]}).to_string();
        let event = json!({"Records": [
            {"eventSource": "aws:sqs", "messageId": "1", "body": body},
            {"eventSource": "aws:sqs", "messageId": "2", "body": "garbage"},
            {"eventSource": "aws:sqs", "messageId": "3"},
        ]});
        let Invocation::Queue(tasks) = Invocation::of(event) else { panic!() };
        assert_eq!(tasks[0].work.as_ref().unwrap().objects, [ObjectRef::new("b", "k")]);
        assert_eq!(tasks[1].work, Err(TriggerError::NotJson));
        assert_eq!(tasks.iter().map(|task| task.id.as_str()).collect::<Vec<_>>(), ["1", "2", "3"]);
    }

    #[test]
    fn both_schemas_of_batch_operations_are_read() {
        for (version, bucket) in [("1.0", ("s3BucketArn", "arn:aws:s3:::b")), ("2.0", ("s3Bucket", "b"))] {
            let mut task = json!({"taskId": "t1", "s3Key": "a+b%2Bc", "s3VersionId": "1"});
            task[bucket.0] = bucket.1.into();
            let event = json!({"invocationSchemaVersion": version, "invocationId": "i", "tasks": [task]});
            let Invocation::BatchJob(tasks, request) = Invocation::of(event) else { panic!() };
            let object = tasks[0].work.as_ref().unwrap().objects[0].clone();
            assert_eq!((object.bucket.as_str(), object.key.as_str()), ("b", "a b+c"));
            assert_eq!(object.version.as_deref(), Some("1"));
            let result = failed(&[("t1", ObjectError::Throttled.into())]);
            let answer = batch_answer(&request, &["t1".to_owned(), "t2".to_owned()], &result);
            assert_eq!(answer["invocationSchemaVersion"], version);
            assert_eq!(answer["results"][0]["resultCode"], "TemporaryFailure");
            assert_eq!(answer["results"][1]["resultCode"], "Succeeded");
            let result = failed(&[("t1", ObjectError::NotFound.into())]);
            let answer = batch_answer(&request, &["t1".to_owned()], &result);
            assert_eq!(answer["results"][0]["resultCode"], "PermanentFailure");
        }
    }

    #[test]
    fn a_schedule_closes() {
        for event in [
            json!({"kmswatch": "close"}),
            json!({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}),
        ] {
            assert_eq!(Invocation::of(event), Invocation::Close);
        }
    }

    #[test]
    fn everything_else_is_one_notification() {
        let record = json!({"eventSource": "kms.amazonaws.com", "eventName": "DisableKey"});
        let event =
            json!({"source": "aws.kms", "detail-type": "AWS API Call via CloudTrail", "detail": record});
        let Invocation::Direct(task) = Invocation::of(event) else { panic!() };
        assert_eq!(task.work.unwrap().records.len(), 1);
        let Invocation::Direct(task) = Invocation::of(json!({"hello": 1})) else { panic!() };
        assert_eq!(task.work, Err(TriggerError::Unknown));
    }

    #[test]
    fn a_queue_hears_only_of_what_failed() {
        assert_eq!(queue_answer(&failed(&[])).unwrap(), json!({"batchItemFailures": []}));
        let result = failed(&[("2", TriggerError::NotJson.into())]);
        assert_eq!(queue_answer(&result).unwrap(), json!({"batchItemFailures": [{"itemIdentifier": "2"}]}));
        assert!(queue_answer(&failed(&[("", TaskError::Fault)])).is_err());
    }
}
