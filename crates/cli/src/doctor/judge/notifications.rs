//! Whether a new log in the bucket becomes a message in the queue: by the bucket's own notifications, through a topic, or
//! through EventBridge.

use crate::doctor::check::{Area, Check, Status};
use crate::doctor::facts::{BucketWiring, BusRule, Facts, Logs, Queue, Route};
use crate::output::figures::counted;
use kmswatch_engine::runbook::aws;
use serde_json::Value;

/// Messages that wait when something is wrong. A burst of deliveries is some hundred.
const MANY: u64 = 5_000;
/// Seconds for which a worker or the function may be busy with a message.
const BUSY: u64 = 150;

/// From the bucket to the queue.
pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let Some(logs) = &facts.logs else {
        let mut checks = vec![Check::not_checked(
            Area::Notifications,
            "bucket",
            "Nobody says where the logs lie: --logs s3://BUCKET/AWSLogs, or KMSWATCH_LOGS.",
        )];
        checks.extend(facts.queues.iter().flat_map(|(arn, queue)| queues(arn, queue, None)));
        return checks;
    };
    let bucket = match &facts.bucket {
        Ok(bucket) => bucket,
        Err(refusal) => {
            let see = aws("s3api get-bucket-notification-configuration", &[("bucket", &logs.bucket)]);
            let step =
                format!("Correct KMSWATCH_LOGS, or make the bucket (CreateBucket=true). See it: {see}");
            let mut checks = vec![Check::refused(Area::Notifications, name(logs), refusal, step)];
            checks.extend(facts.queues.iter().flat_map(|(arn, queue)| queues(arn, queue, None)));
            return checks;
        }
    };
    let ways = ways(bucket, facts.rules_of_bus.as_deref().unwrap_or_default(), logs);
    let mut checks = vec![wiring(&ways, bucket, facts, logs)];
    for (arn, queue) in &facts.queues {
        let way = ways.iter().find(|way| way.queue == *arn);
        checks.extend(queues(arn, queue, way.map(|way| (way, logs))));
    }
    checks
}

fn name(logs: &Logs) -> String {
    format!("bucket {}", logs.bucket)
}

/// A way from the bucket to a queue.
#[derive(Debug, PartialEq, Eq)]
struct Way {
    queue: String,
    /// In words.
    by: String,
    /// The service that sends to the queue.
    sender: &'static str,
    /// What sends: ARN of the bucket, of the topic, or of rules.
    source: String,
}

/// The ways that a log takes.
fn ways(bucket: &BucketWiring, rules: &[BusRule], logs: &Logs) -> Vec<Way> {
    let mut ways = Vec::new();
    let bucket_arn = format!("arn:aws:s3:::{}", logs.bucket);
    for route in bucket.queues.iter().filter(|route| takes(route, logs)) {
        ways.push(Way {
            queue: route.arn.clone(),
            by: "the bucket's own notifications".to_owned(),
            sender: "s3.amazonaws.com",
            source: bucket_arn.clone(),
        });
    }
    for route in bucket.topics.iter().filter(|route| takes(route, logs)) {
        for queue in route.queues.iter().flatten() {
            ways.push(Way {
                queue: queue.clone(),
                by: format!("the topic {}", last(&route.arn)),
                sender: "sns.amazonaws.com",
                source: route.arn.clone(),
            });
        }
    }
    if bucket.to_event_bridge {
        for rule in rules.iter().filter(|rule| rule.is_enabled && matches(&rule.pattern, logs)) {
            for queue in &rule.queues {
                ways.push(Way {
                    queue: queue.clone(),
                    by: format!("EventBridge and its rule {}", rule.name),
                    sender: "events.amazonaws.com",
                    source: format!("rule/{}", rule.name),
                });
            }
        }
    }
    ways
}

/// The name of a log object, as CloudTrail might write it.
fn sample(logs: &Logs) -> String {
    format!(
        "{}AWSLogs/111122223333/CloudTrail/eu-west-1/2026/05/04/111122223333_CloudTrail_eu-west-1_20260504T1000Z_x.json.gz",
        logs.prefix
    )
}

/// Whether a bucket tells this one of a new log.
fn takes(route: &Route, logs: &Logs) -> bool {
    let created = |event: &String| matches!(event.as_str(), "s3:ObjectCreated:*" | "s3:ObjectCreated:Put");
    let sample = sample(logs);
    let fits =
        sample.starts_with(&route.prefix) || route.prefix.starts_with(&format!("{}AWSLogs/", logs.prefix));
    route.events.iter().any(created) && fits && sample.ends_with(&route.suffix)
}

/// Whether a pattern of EventBridge lets the event of a new log pass.
fn matches(pattern: &str, logs: &Logs) -> bool {
    let Ok(pattern) = serde_json::from_str::<Value>(pattern) else { return false };
    let one = |path: &str, value: &str| match pattern.pointer(path) {
        None => true,
        Some(Value::Array(allowed)) => allowed.iter().any(|allowed| passes(allowed, value)),
        Some(_) => false,
    };
    one("/source", "aws.s3")
        && one("/detail-type", "Object Created")
        && one("/detail/bucket/name", &logs.bucket)
        && one("/detail/object/key", &sample(logs))
}

/// Whether one matcher of a pattern takes the value. One that is not known here gets the benefit of the doubt.
fn passes(matcher: &Value, value: &str) -> bool {
    if let Some(text) = matcher.as_str() {
        return text == value;
    }
    let Some((kind, operand)) = matcher.as_object().and_then(|object| object.iter().next()) else {
        return false;
    };
    match (kind.as_str(), operand.as_str()) {
        ("prefix", Some(prefix)) => value.starts_with(prefix),
        ("suffix", Some(suffix)) => value.ends_with(suffix),
        ("wildcard", Some(wildcard)) => like(wildcard, value),
        _ => true,
    }
}

/// Whether the value is like the pattern, in which `*` stands for any text.
fn like(pattern: &str, value: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| value.strip_prefix(first)) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(end) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part).and_then(|at| rest.get(at + part.len()..)) {
            Some(behind) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(end)
}

fn last(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

fn wiring(ways: &[Way], bucket: &BucketWiring, facts: &Facts, logs: &Logs) -> Check {
    if let Some(way) = ways.first() {
        let says = format!("Its logs are told to the queue {} by {}.", last(&way.queue), way.by);
        if ways.iter().filter(|other| other.queue == way.queue).count() > 1 {
            return Check::warning(
                Area::Notifications,
                name(logs),
                format!("{says} There is a second way to the same queue, so each log is read twice; that does no harm."),
            )
            .step("Take one of them away.");
        }
        return Check::ok(Area::Notifications, name(logs), says);
    }
    if bucket.to_event_bridge {
        return match &facts.rules_of_bus {
            Err(refusal) => {
                Check::refused(Area::Notifications, name(logs), refusal, "See them: aws events list-rules")
            }
            Ok(rules) => {
                let off = rules.iter().find(|rule| !rule.is_enabled && matches(&rule.pattern, logs));
                let says = "It sends its events to EventBridge, and no rule there sends those of new logs to a queue.";
                match off {
                    Some(rule) => Check::failed(
                        Area::Notifications,
                        name(logs),
                        format!(
                            "The rule {} of EventBridge, which tells of new logs, is switched off.",
                            rule.name
                        ),
                        format!("Switch it on: {}", aws("events enable-rule", &[("name", &rule.name)])),
                    ),
                    None => Check::failed(
                        Area::Notifications,
                        name(logs),
                        says,
                        "Deploy the stack with this bucket (TrailBucketName) and LogPrefix as the trail has them; it makes \
                         the rule.",
                    ),
                }
            }
        };
    }
    if bucket.topics.iter().any(|route| takes(route, logs) && route.queues.is_err()) {
        return Check::not_checked(
            Area::Notifications,
            name(logs),
            "It tells a topic of new logs, and who subscribes to that could not be asked.",
        );
    }
    let others: Vec<&str> =
        bucket.queues.iter().chain(&bucket.topics).map(|route| last(&route.arn)).collect();
    let says = if others.is_empty() {
        "It tells nobody of new logs: no log reaches the function.".to_owned()
    } else {
        format!(
            "It tells {} of other objects, and nobody of new logs below {}AWSLogs/: no log reaches the function.",
            others.join(", "),
            logs.prefix
        )
    };
    let get = aws("s3api get-bucket-notification-configuration", &[("bucket", &logs.bucket)]);
    let put = aws(
        "s3api put-bucket-notification-configuration --notification-configuration file://notifications.json",
        &[("bucket", &logs.bucket)],
    );
    Check::failed(
        Area::Notifications,
        name(logs),
        says,
        format!("Get what it does now: {get} > notifications.json"),
    )
    .step("Add \"EventBridgeConfiguration\": {} beside what is there.")
    .step(format!("Put it back: {put}"))
}

/// A queue of notifications: is it there, may it be sent to, is it emptied?
fn queues(
    arn: &str,
    queue: &Result<Queue, crate::doctor::facts::Refusal>,
    way: Option<(&Way, &Logs)>,
) -> Vec<Check> {
    let what = format!("queue {}", last(arn));
    let queue = match queue {
        Ok(queue) => queue,
        Err(refusal) => {
            let step = "Deploy the stack again; see its output QueueUrl, and name it: kmswatch doctor --queue-url URL";
            return vec![Check::refused(Area::Notifications, what, refusal, step)];
        }
    };
    let mut checks = Vec::new();
    if let Some((way, logs)) = way {
        checks.push(if lets_in(&queue.policy, way) {
            Check::ok(Area::Notifications, format!("{what}: policy"), format!("It lets {} send to it.", way.sender))
        } else {
            Check::failed(
                Area::Notifications,
                format!("{what}: policy"),
                format!("It does not let {} send to it, so what the bucket {} tells is lost.", way.sender, logs.bucket),
                format!(
                    "Deploy the stack again, which sets the policy (NotificationQueuePolicy in infra/template.yaml). See it: {}",
                    aws(
                        "sqs get-queue-attributes --attribute-names Policy",
                        &[("queue-url", &queue.url)]
                    )
                ),
            )
        });
    }
    if queue.key == "alias/aws/sqs" {
        checks.push(Check::failed(
            Area::Notifications,
            format!("{what}: encryption"),
            "It is encrypted with the key that AWS manages for SQS, which S3 and EventBridge may not use: what they send is \
             lost.",
            format!(
                "Let SQS encrypt it with a key of its own: {}",
                aws(
                    "sqs set-queue-attributes --attributes SqsManagedSseEnabled=true",
                    &[("queue-url", &queue.url)]
                )
            ),
        ));
    } else if !queue.key.is_empty() {
        checks.push(
            Check::warning(
                Area::Notifications,
                format!("{what}: encryption"),
                format!("It depends on the key {}: whoever destroys that silences kmswatch.", queue.key),
            )
            .step(format!(
                "Let SQS encrypt it with a key of its own: {}",
                aws(
                    "sqs set-queue-attributes --attributes SqsManagedSseEnabled=true",
                    &[("queue-url", &queue.url)]
                )
            )),
        );
    }
    if queue.visibility < BUSY {
        checks.push(
            Check::warning(
                Area::Notifications,
                format!("{what}: visibility"),
                format!(
                    "Messages come again after {} seconds, while somebody may still be busy with them.",
                    queue.visibility
                ),
            )
            .step(format!(
                "Give more time: {}",
                aws(
                    "sqs set-queue-attributes --attributes VisibilityTimeout=720",
                    &[("queue-url", &queue.url)]
                )
            )),
        );
    }
    checks.push(waiting(queue, &what));
    checks.push(dead_letters(queue, &what));
    checks
}

fn waiting(queue: &Queue, what: &str) -> Check {
    let n = queue.waiting;
    if n < MANY {
        let says = if n == 0 {
            "Nothing waits in it.".to_owned()
        } else {
            format!("{} in it.", counted(n, "message"))
        };
        return Check::ok(Area::Notifications, what.to_owned(), says);
    }
    Check::failed(
        Area::Notifications,
        what.to_owned(),
        format!("{} in it: nobody takes them, or not as fast as they come.", counted(n, "message")),
        format!(
            "See whether a function takes from it, and is enabled: {}",
            aws("lambda list-event-source-mappings", &[("event-source-arn", &queue.arn)])
        ),
    )
    .step("If it is, read its log, or raise Concurrency in infra/template.yaml.")
}

fn dead_letters(queue: &Queue, what: &str) -> Check {
    let what = format!("{what}: dead letters");
    match &queue.dead_letters {
        None => Check::warning(
            Area::Notifications,
            what,
            "It has no queue of dead letters: what cannot be done comes again until it is forgotten.",
        )
        .step("Deploy the stack again, or give it one (RedrivePolicy)."),
        Some((_, Ok(0))) => Check::ok(Area::Notifications, what, "There are none."),
        Some((arn, Ok(n))) => Check::warning(
            Area::Notifications,
            what,
            format!(
                "{} could not be done. The function's log says why, with `message given back`.",
                counted(*n, "message")
            ),
        )
        .step(format!(
            "Put right what it says, then send them back: {}",
            aws("sqs start-message-move-task", &[("source-arn", arn)])
        )),
        Some((_, Err(refusal))) => {
            let step = "Deploy the stack again: what cannot be done has nowhere to go.";
            let check = Check::refused(Area::Notifications, what, refusal, step);
            debug_assert!(check.status >= Status::NotChecked);
            check
        }
    }
}

/// Whether the policy of a queue lets a service send to it. Conditions other than on the source are taken to hold.
fn lets_in(policy: &str, way: &Way) -> bool {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let many = |value: &Value| -> Vec<String> {
        match value {
            Value::String(text) => vec![text.clone()],
            Value::Array(list) => list.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
            _ => Vec::new(),
        }
    };
    let statements = match policy.get("Statement") {
        Some(Value::Array(list)) => list.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    };
    statements.iter().any(|statement| {
        let principal = statement.get("Principal").unwrap_or(&Value::Null);
        let principals = [many(principal), many(&principal["Service"]), many(&principal["AWS"])].concat();
        let is_meant = principals.iter().any(|one| one == way.sender || one == "*");
        let actions = many(&statement["Action"]);
        let may_send = |action: &String| like(&action.to_ascii_lowercase(), "sqs:sendmessage");
        let conditions = statement["Condition"].as_object().into_iter().flatten();
        let sources: Vec<String> = conditions
            .filter(|(operator, _)| operator.starts_with("Arn") || operator.starts_with("String"))
            .filter_map(|(_, keys)| keys.as_object())
            .flatten()
            .filter(|(key, _)| key.eq_ignore_ascii_case("aws:SourceArn"))
            .flat_map(|(_, value)| many(value))
            .collect();
        // Of a rule only the name is known.
        let is_source = |source: &String| like(source, &way.source) || is_rule(source, &way.source);
        statement["Effect"] == "Allow"
            && is_meant
            && actions.iter().any(may_send)
            && (sources.is_empty() || sources.iter().any(is_source))
    })
}

/// Whether the ARN of rules, with wildcards, may be that of the rule whose end is `rule/NAME`.
fn is_rule(pattern: &str, rule: &str) -> bool {
    rule.starts_with("rule/")
        && pattern.find("rule/").and_then(|at| pattern.get(at..)).is_some_and(|end| like(end, rule))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{denied, facts};
    use super::*;
    use crate::doctor::facts::{Asked, Refusal};
    use serde_json::json;

    const QUEUE: &str = "arn:aws:sqs:eu-west-1:111122223333:kmswatch-NotificationQueue-1";

    /// As the template makes it for a bucket that exists.
    fn wired() -> Facts {
        let mut facts = facts();
        facts.bucket = Ok(BucketWiring { to_event_bridge: true, ..BucketWiring::default() });
        facts.rules_of_bus = Ok(vec![BusRule {
            name: "kmswatch-ObjectCreatedRule-1".to_owned(),
            is_enabled: true,
            pattern: json!({"source": ["aws.s3"], "detail-type": ["Object Created"], "detail": {
                "bucket": {"name": ["trail-logs"]}, "object": {"key": [{"wildcard": "AWSLogs/*.json.gz"}]}}})
            .to_string(),
            queues: vec![QUEUE.to_owned()],
        }]);
        facts.queues = vec![(QUEUE.to_owned(), Ok(queue()))];
        facts
    }

    fn queue() -> Queue {
        Queue {
            arn: QUEUE.to_owned(),
            url: "https://sqs.eu-west-1.amazonaws.com/111122223333/q".to_owned(),
            policy: policy("events.amazonaws.com", "arn:aws:events:eu-west-1:111122223333:rule/kmswatch-*"),
            visibility: 720,
            dead_letters: Some((format!("{QUEUE}-dead"), Ok(0))),
            ..Queue::default()
        }
    }

    fn policy(service: &str, source: &str) -> String {
        json!({"Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sqs:SendMessage",
            "Resource": QUEUE, "Condition": {"ArnLike": {"aws:SourceArn": source},
            "StringEquals": {"aws:SourceAccount": "111122223333"}}}]})
        .to_string()
    }

    fn statuses(facts: &Facts) -> Vec<Status> {
        checks(facts).into_iter().map(|check| check.status).collect()
    }

    fn worst(facts: &Facts) -> Check {
        checks(facts).into_iter().max_by_key(|check| check.status).unwrap()
    }

    #[test]
    fn what_the_template_makes_is_fine() {
        let mut facts = wired();
        assert!(statuses(&facts).iter().all(|status| *status == Status::Ok), "{:#?}", checks(&facts));
        // The same for a bucket made by it.
        let route = Route {
            arn: QUEUE.to_owned(),
            events: vec!["s3:ObjectCreated:*".to_owned()],
            prefix: "AWSLogs/".to_owned(),
            suffix: ".json.gz".to_owned(),
            queues: Ok(Vec::new()),
        };
        facts.bucket = Ok(BucketWiring { queues: vec![route.clone()], ..BucketWiring::default() });
        let of_bucket = Queue { policy: policy("s3.amazonaws.com", "arn:aws:s3:::trail-logs"), ..queue() };
        facts.queues = vec![(QUEUE.to_owned(), Ok(of_bucket))];
        assert!(statuses(&facts).iter().all(|status| *status == Status::Ok), "{:#?}", checks(&facts));
        // And through a topic.
        let topic = "arn:aws:sns:eu-west-1:111122223333:logs".to_owned();
        let route = Route { arn: topic.clone(), queues: Ok(vec![QUEUE.to_owned()]), ..route };
        facts.bucket = Ok(BucketWiring { topics: vec![route], ..BucketWiring::default() });
        let of_topic = Queue { policy: policy("sns.amazonaws.com", &topic), ..queue() };
        facts.queues = vec![(QUEUE.to_owned(), Ok(of_topic))];
        assert!(statuses(&facts).iter().all(|status| *status == Status::Ok), "{:#?}", checks(&facts));
    }

    #[test]
    fn a_way_that_is_cut_is_a_failure_that_says_how_to_mend_it() {
        let cut = |change: &dyn Fn(&mut Facts)| {
            let mut facts = wired();
            change(&mut facts);
            let worst = worst(&facts);
            assert_eq!(worst.status, Status::Failed, "{worst:?}");
            (worst.says, worst.steps.join("\n"))
        };
        let (_, steps) = cut(&|facts| facts.bucket = Ok(BucketWiring::default()));
        assert!(
            steps.contains("\"EventBridgeConfiguration\": {}") && steps.contains("--bucket trail-logs"),
            "{steps}"
        );
        let rule = |facts: &mut Facts, change: &dyn Fn(&mut BusRule)| {
            change(&mut facts.rules_of_bus.as_mut().unwrap()[0]);
        };
        let (_, steps) = cut(&|facts| rule(facts, &|rule| rule.is_enabled = false));
        assert!(steps.contains("aws events enable-rule --name kmswatch-ObjectCreatedRule-1"), "{steps}");
        for other in ["trail-logs-2", "AWSLog/*.json.gz", "aws.ec2"] {
            let from = ["trail-logs", "AWSLogs/*.json.gz", "aws.s3"];
            let (says, _) = cut(&|facts| {
                rule(facts, &|rule| {
                    from.iter().filter(|from| other.starts_with(&from[..4])).for_each(|from| {
                        rule.pattern = rule.pattern.replace(from, other);
                    });
                });
            });
            assert!(says.contains("no rule"), "{other}: {says}");
        }
        let (says, _) =
            cut(&|facts| facts.queues = vec![(QUEUE.to_owned(), Err(Refusal::Missing("gone".to_owned())))]);
        assert!(says.contains("does not exist"), "{says}");
        let with =
            |queue: Queue| cut(&move |facts| facts.queues = vec![(QUEUE.to_owned(), Ok(queue.clone()))]);
        for policy in [
            String::new(),
            policy("s3.amazonaws.com", "*"),
            policy("events.amazonaws.com", "arn:aws:events:eu-west-1:111122223333:rule/other-*"),
        ] {
            let (says, _) = with(Queue { policy, ..queue() });
            assert!(says.contains("does not let events.amazonaws.com"), "{says}");
        }
        let (_, steps) = with(Queue { key: "alias/aws/sqs".to_owned(), ..queue() });
        assert!(steps.contains("SqsManagedSseEnabled=true"), "{steps}");
        let (_, steps) = with(Queue { waiting: 80_000, ..queue() });
        assert!(steps.contains("list-event-source-mappings --event-source-arn arn:aws:sqs"), "{steps}");
    }

    #[test]
    fn what_still_works_is_a_warning() {
        for queue in [
            Queue { visibility: 30, ..queue() },
            Queue { dead_letters: None, ..queue() },
            Queue { dead_letters: Some(("arn".to_owned(), Ok(3))), ..queue() },
            Queue { key: "arn:aws:kms:eu-west-1:111122223333:key/1".to_owned(), ..queue() },
        ] {
            let mut facts = wired();
            facts.queues = vec![(QUEUE.to_owned(), Ok(queue))];
            let worst = worst(&facts);
            assert!(worst.status == Status::Warning && !worst.steps.is_empty(), "{worst:?}");
        }
    }

    #[test]
    fn what_may_not_be_asked_is_not_checked() {
        let mut facts = wired();
        facts.bucket = denied();
        let all: Vec<Status> = statuses(&facts);
        assert_eq!(all[0], Status::NotChecked);
        let mut facts = wired();
        facts.rules_of_bus = denied::<Vec<BusRule>>();
        facts.queues = vec![(QUEUE.to_owned(), denied() as Asked<Queue>)];
        assert_eq!(statuses(&facts), [Status::NotChecked, Status::NotChecked]);
    }

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(
            like("a*c", "abbc")
                && like("*", "")
                && like("ab", "ab")
                && like("*b*", "abc")
                && like("sqs:*", "sqs:x")
        );
        assert!(!like("a*c", "ab") && !like("ab", "abc") && !like("*b", "bc") && !like("a*bc*d", "abd"));
    }
}
