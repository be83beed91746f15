//! # Pipeline changed
//!
//! Somebody changed or removed a part of what brings the logs to kmswatch, or its alerts to people.
//!
//! ## What it finds
//!
//! Calls that stop or change a bucket, its notification, policy or lifecycle, a queue, a function or its event source,
//! a table, a topic or subscription, a role, a rule, an alarm or a stack whose name is declared in `estate.pipeline`;
//! the same, denied.
//!
//! ## Why it matters
//!
//! Who is about to misuse keys may first see to it that nobody hears of it. A notification that is gone, a purged
//! queue or a function without a role is as good as a trail that is off, and no change to the trail shows it.
//!
//! ## How it decides
//!
//! By the name of the call and the name of what it changes. *High* if it stops the part or throws away what it holds
//! (deleting, purging, disabling, detaching a policy, a notification or a concurrency of nothing); *medium* if it
//! changes it in another way; one less if it was done through AWS CloudFormation, as deployments are. A denied attempt
//! is lower.
//!
//! ## Parameters
//!
//! * `estate.pipeline` (`["*kmswatch*"]`): names of the parts. The bucket of the logs has to be added; what is made by
//!   a stack of another name, too.
//!
//! ## False positives
//!
//! Updates of kmswatch itself, if they are not done through CloudFormation. Roles and functions of others that match
//! a pattern.
//!
//! ## What it cannot see
//!
//! Changes by which the calls named above are not needed: a bucket policy is seen, whether it stops the delivery is
//! not. Objects that are deleted from the bucket, since those are data events. If the pipeline is stopped, this very
//! finding may stay in it: watch the age of the queue and silence by an alarm from elsewhere.
//!
//! ## What to do
//!
//! Ask who made the change. Deploy the stack again, then replay the log objects of the time between.
//!
//! ## References
//!
//! * AWS CloudTrail user guide, "Finding your CloudTrail log files" and "Amazon S3 bucket policy for CloudTrail"
//! * MITRE ATT&CK T1562.008, Impair Defenses: Disable or Modify Cloud Logs; T1562.001, Disable or Modify Tools

use super::deed::{self, Deed};
use super::impact::short;
use super::{Detector, Look, Reads, page};
use crate::estate::Estate;
use crate::event::infrastructure::{Change, Effect};
use crate::event::{Event, Source};
use crate::finding::{self, Finding, FindingKind, Severity, Technique};
use crate::json::{Kind, Value};
use crate::stage::Stage;
use crate::time::HOUR;
use serde_json::json;

/// See the page.
pub const DETECTOR: Detector = Detector {
    id: "pipeline_changed",
    title: "Pipeline changed",
    severity: Severity::High,
    kind: FindingKind::Rule,
    stage: Some(Stage::Blinding),
    mitre: &[
        Technique { id: "T1562.008", name: "Impair Defenses: Disable or Modify Cloud Logs" },
        Technique { id: "T1562.001", name: "Impair Defenses: Disable or Modify Tools" },
    ],
    covers: &["N37", "P13"],
    reads: Reads::OtherServices,
    page: page(include_str!("pipeline_changed.rs")),
    look: Look::Event(look),
};

fn look(event: &Event<'_>, estate: &Estate) -> Option<Finding> {
    let Source::Infrastructure(change) = event.source else { return None };
    let deed = Deed::of(event)?;
    let target = target(event, change, estate)?;
    let effect = effect(event, change);
    let by_stack = event.principal.via_service.as_deref() == Some("cloudformation");
    let severity = match (effect, by_stack) {
        (Effect::Shares, _) => return None,
        (Effect::Stops, false) => Severity::High,
        (Effect::Stops, true) | (Effect::Changes, false) => Severity::Medium,
        (Effect::Changes, true) => Severity::Low,
    };
    let mut finding = finding::of_event(&DETECTOR, event, &[change.name, &target, &event.principal.id]);
    finding.severity = deed.severity(severity);
    deed.tell(&mut finding);
    let (who, name) =
        (short(&event.principal.id), deed::clip(target.rsplit(['/', ':']).next().unwrap_or(&target)));
    let done = if effect == Effect::Stops { "stopped or removed" } else { "changed" };
    finding.title = format!("{name} of the pipeline was {done} by {}{}", change.name, deed.suffix());
    finding.explanation = format!(
        "{}{who} called {} of {} on {name} at {}. It is a part of the way that logs take to kmswatch, or alerts to \
         you. As long as it does not work, an absence of findings means nothing.",
        deed.preface(),
        change.name,
        change.service,
        event.time,
    );
    finding.evidence.details.insert("target", json!(deed::clip(&target)));
    finding.evidence.details.insert("service", change.service.into());
    finding.evidence.details.insert("operation", change.name.into());
    if deed == Deed::Done {
        finding
            .runbook
            .push("Ask who made the change; if nobody did, deploy the stack of kmswatch again.".to_owned());
        finding.runbook.push(format!(
            "Then read the log objects written since {} again: what was not delivered is still in the bucket.",
            event.time.plus(-HOUR)
        ));
    }
    finding.runbook.push(format!("See what else the caller did: {}", deed::look_up_actor(event)));
    Some(finding)
}

/// What is changed, if it is a part of the pipeline.
fn target(event: &Event<'_>, change: &Change, estate: &Estate) -> Option<String> {
    let named = event.request.get(change.member);
    let mut names: Vec<String> = match named.kind() {
        Kind::Array => named
            .items()
            .filter_map(Result::ok)
            .filter_map(Value::text)
            .map(|name| name.to_string())
            .collect(),
        _ => named.nonempty().map(|name| name.to_string()).into_iter().collect(),
    };
    if names.is_empty() {
        // An event source is called by its id; the answer tells the function.
        names.extend(event.response.get("functionArn").nonempty().map(|name| name.to_string()));
    }
    names.into_iter().find(|name| {
        // The version or the id of a subscription stands behind the name.
        estate.is_pipeline(name) || name.rsplit_once(':').is_some_and(|(name, _)| estate.is_pipeline(name))
    })
}

/// What the call does: some of those that change stop with the right parameters.
fn effect(event: &Event<'_>, change: &Change) -> Effect {
    let request = event.request;
    let stops = match change.name {
        "PutBucketNotification" => {
            let given = request.get("NotificationConfiguration");
            [
                "QueueConfiguration",
                "TopicConfiguration",
                "CloudFunctionConfiguration",
                "LambdaFunctionConfiguration",
                "EventBridgeConfiguration",
            ]
            .iter()
            .all(|kind| given.get(kind) == Value::NULL)
        }
        "PutFunctionConcurrency20171031" => request.get("reservedConcurrentExecutions").integer() == Some(0),
        "UpdateEventSourceMapping20150331" => request.get("enabled").bool() == Some(false),
        _ => false,
    };
    if stops { Effect::Stops } else { change.effect }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{RecordBuilder, kms, other};
    use crate::pipeline::testing::{findings, findings_with, only};
    use crate::settings::Settings;

    fn queue(name: &str) -> RecordBuilder {
        let url = "https://sqs.eu-west-1.amazonaws.com/111122223333/kmswatch-objects";
        other("sqs", name, json!({ "queueUrl": url }))
    }

    #[test]
    fn a_purged_queue_is_high() {
        let finding = only(&DETECTOR, &[queue("PurgeQueue")]);
        assert_eq!(finding.severity, Severity::High);
        assert_eq!(finding.title, "kmswatch-objects of the pipeline was stopped or removed by PurgeQueue");
        assert!(finding.runbook[1].contains("2026-05-04T09:15:42Z"));
        assert!(finding.runbook[2].contains("AttributeKey=AccessKeyId,AttributeValue=ASIAEXAMPLEKEY000001"));
        assert_eq!(finding.evidence.details["service"], "sqs");
        assert_eq!(finding.key, None);
    }

    #[test]
    fn every_watched_call_is_found_on_what_it_names() {
        for change in crate::event::infrastructure::CHANGES {
            let list = change.member.ends_with('s');
            let name = if list { json!(["x", "kmswatch-a"]) } else { json!("kmswatch-a") };
            let found =
                findings(&DETECTOR, &[other(change.service, change.name, json!({ change.member: name }))]);
            assert_eq!(found.len(), usize::from(change.effect != Effect::Shares), "{}", change.name);
            let nothing = other(change.service, change.name, json!({ "unknown": "kmswatch-a" }));
            assert!(findings(&DETECTOR, &[nothing]).is_empty(), "{}", change.name);
        }
    }

    #[test]
    fn a_change_is_medium_and_less_if_a_stack_makes_it() {
        let code = other("lambda", "UpdateFunctionCode20150331v2", json!({"functionName": "kmswatch"}));
        assert_eq!(only(&DETECTOR, std::slice::from_ref(&code)).severity, Severity::Medium);
        assert_eq!(only(&DETECTOR, &[code.through("cloudformation")]).severity, Severity::Low);
        assert_eq!(
            only(&DETECTOR, &[queue("DeleteQueue").through("cloudformation")]).severity,
            Severity::Medium
        );
        assert_eq!(only(&DETECTOR, &[queue("DeleteQueue").through("config")]).severity, Severity::High);
    }

    #[test]
    fn parameters_can_make_a_change_a_stop() {
        let bucket = |given| {
            other(
                "s3",
                "PutBucketNotification",
                json!({"bucketName": "kmswatch-logs", "NotificationConfiguration": given}),
            )
        };
        let queue = json!({"QueueConfiguration": {"Queue": "arn:aws:sqs:eu-west-1:111122223333:q"}});
        let bridge = json!({"EventBridgeConfiguration": {}});
        let function = |name, request| other("lambda", name, request);
        for (record, severity) in [
            (bucket(json!({})), Severity::High),
            (bucket(serde_json::Value::Null), Severity::High),
            (bucket(queue), Severity::Medium),
            (bucket(bridge), Severity::Medium),
            (
                function(
                    "PutFunctionConcurrency20171031",
                    json!({"functionName": "kmswatch", "reservedConcurrentExecutions": 0}),
                ),
                Severity::High,
            ),
            (
                function(
                    "PutFunctionConcurrency20171031",
                    json!({"functionName": "kmswatch", "reservedConcurrentExecutions": 10}),
                ),
                Severity::Medium,
            ),
            (
                function(
                    "UpdateEventSourceMapping20150331",
                    json!({"functionName": "kmswatch", "enabled": false}),
                ),
                Severity::High,
            ),
            (
                function(
                    "UpdateEventSourceMapping20150331",
                    json!({"functionName": "kmswatch", "enabled": true}),
                ),
                Severity::Medium,
            ),
        ] {
            assert_eq!(only(&DETECTOR, &[record]).severity, severity);
        }
    }

    #[test]
    fn an_event_source_is_known_by_the_function_in_the_answer() {
        let arn = "arn:aws:lambda:eu-west-1:111122223333:function:kmswatch";
        let record = other("lambda", "DeleteEventSourceMapping20150331", json!({"uUID": "1-2"}))
            .set("responseElements.functionArn", arn);
        assert_eq!(only(&DETECTOR, &[record]).evidence.details["target"], arn);
        let subscription = "arn:aws:sns:eu-west-1:111122223333:kmswatch-alerts:0a1b";
        let record = other("sns", "Unsubscribe", json!({ "subscriptionArn": subscription }));
        assert_eq!(only(&DETECTOR, &[record]).severity, Severity::High);
    }

    #[test]
    fn what_is_not_declared_is_silent_and_can_be_declared() {
        let bucket = other("s3", "PutBucketLifecycle", json!({"bucketName": "acme-logs"}));
        assert!(findings(&DETECTOR, std::slice::from_ref(&bucket)).is_empty());
        let mut settings = Settings::default();
        settings.estate.pipeline = vec!["acme-logs".into()];
        assert_eq!(findings_with(&DETECTOR, &[bucket], &settings).len(), 1);
        assert!(findings_with(&DETECTOR, &[queue("PurgeQueue")], &settings).is_empty());
    }

    #[test]
    fn a_denied_attempt_is_lower_and_has_nothing_to_undo() {
        let finding = only(&DETECTOR, &[queue("DeleteQueue").failed("AccessDenied", "")]);
        assert_eq!(finding.severity, Severity::Medium);
        assert!(finding.title.ends_with("(attempted, denied)"));
        assert_eq!(finding.runbook.len(), 1);
    }

    #[test]
    fn failures_sharing_and_calls_of_kms_are_not_found() {
        let shares = other("ram", "CreateResourceShare", json!({"resourceArns": ["kmswatch"]}));
        for record in [
            queue("DeleteQueue").failed("QueueDoesNotExist", ""),
            queue("DeleteQueue").set("requestParameters", serde_json::Value::Null),
            shares,
            kms("DisableKey").set("requestParameters.keyId", "alias/kmswatch"),
        ] {
            assert!(findings(&DETECTOR, &[record]).is_empty());
        }
    }
}
