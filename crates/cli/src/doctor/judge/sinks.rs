//! Where alerts go.

use crate::doctor::check::{Area, Check};
use crate::doctor::facts::{Facts, Refusal, Sink, Topic};
use kmswatch_engine::runbook::aws;

/// Whether each is there, and somebody listens.
pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    facts.sinks.iter().map(check).collect()
}

fn check(sink: &Sink) -> Check {
    match sink {
        Sink::Topic(arn, topic) => {
            let what = format!("topic {arn}");
            match topic {
                Ok(topic) => of_topic(arn, what, topic),
                Err(refusal) => gone(what, refusal, "KMSWATCH_TOPIC", "TopicArn"),
            }
        }
        Sink::Bus(name, rules) => {
            let what = format!("bus {name}");
            match rules {
                Ok(0) => Check::warning(
                    Area::Sinks,
                    what,
                    "It is there, and no rule takes anything from it.",
                )
                .step("That is fine if nobody needs it. Examples of rules: crates/alerts/schema/rules.json"),
                Ok(n) => Check::ok(Area::Sinks, what, format!("It is there; rules that take from it: {n}.")),
                Err(refusal) => gone(what, refusal, "KMSWATCH_BUS", "BusName"),
            }
        }
        Sink::Queue(url, queue) => {
            let what = format!("queue {url}");
            match queue {
                Ok(queue) => Check::ok(
                    Area::Sinks,
                    what,
                    format!("It is there; messages that wait in it: {}.", queue.waiting),
                ),
                Err(refusal) => {
                    let step = "Correct KMSWATCH_ALERT_QUEUE or the Region, or make the queue.";
                    Check::refused(Area::Sinks, what, refusal, step)
                }
            }
        }
        Sink::Sent(kind, Ok(())) => {
            Check::ok(Area::Sinks, format!("test alert by {kind}"), "It was taken. See whether it arrives.")
        }
        Sink::Sent(kind, Err(why)) => Check::failed(
            Area::Sinks,
            format!("test alert by {kind}"),
            format!("It was refused: {why}"),
            "If you may not send, use a role that may: sns:Publish, events:PutEvents or sqs:SendMessage.",
        )
        .step("If there is no such thing, correct the settings."),
    }
}

fn gone(what: String, refusal: &Refusal, variable: &str, output: &str) -> Check {
    let step =
        format!("Correct {variable} (output {output} of the stack) or the Region, or deploy the stack.");
    Check::refused(Area::Sinks, what, refusal, step)
}

fn of_topic(arn: &str, what: String, topic: &Topic) -> Check {
    let subscribe =
        aws("sns subscribe --protocol email --notification-endpoint YOU@EXAMPLE.COM", &[("topic-arn", arn)]);
    if topic.confirmed == 0 && topic.pending > 0 {
        return Check::failed(
            Area::Sinks,
            what,
            format!("Nobody gets what it is told: {} have subscribed and not confirmed it.", topic.pending),
            "Open the mail of AWS Notifications and follow its link, also in the folder for junk.",
        );
    }
    if topic.confirmed == 0 {
        return Check::failed(
            Area::Sinks,
            what,
            "Nobody has subscribed to it: alerts go nowhere.",
            format!("Subscribe: {subscribe}"),
        );
    }
    if !topic.key.is_empty() {
        return Check::warning(
            Area::Sinks,
            what,
            format!(
                "It depends on the key {}: whoever destroys that silences kmswatch, and the function and alarms must be \
                 allowed to use it.",
                topic.key
            ),
        )
        .step(format!(
            "Do without: {}",
            aws("sns set-topic-attributes --attribute-name KmsMasterKeyId --attribute-value \"\"", &[("topic-arn", arn)])
        ));
    }
    let pending =
        if topic.pending > 0 { format!(", {} not confirmed", topic.pending) } else { String::new() };
    Check::ok(Area::Sinks, what, format!("It is there; subscribers: {}{pending}.", topic.confirmed))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{denied, facts};
    use super::*;
    use crate::doctor::check::Status;
    use crate::doctor::facts::Queue;

    fn status(sink: Sink) -> Status {
        let mut facts = facts();
        facts.sinks = vec![sink];
        let check = checks(&facts).remove(0);
        assert!(check.status != Status::Failed || !check.steps.is_empty(), "{check:?}");
        check.status
    }

    fn topic(topic: Topic) -> Status {
        status(Sink::Topic("arn:aws:sns:eu-west-1:111122223333:t".to_owned(), Ok(topic)))
    }

    #[test]
    fn a_topic_without_anybody_who_listens_is_a_failure() {
        assert_eq!(topic(Topic { confirmed: 2, pending: 1, ..Topic::default() }), Status::Ok);
        assert_eq!(topic(Topic::default()), Status::Failed);
        assert_eq!(topic(Topic { pending: 1, ..Topic::default() }), Status::Failed);
        let keyed = Topic { confirmed: 1, key: "alias/own".to_owned(), ..Topic::default() };
        assert_eq!(topic(keyed), Status::Warning);
    }

    #[test]
    fn what_is_not_there_is_a_failure_and_what_may_not_be_seen_is_not_checked() {
        let missing = || Refusal::Missing("NotFound".to_owned());
        assert_eq!(status(Sink::Bus("b".to_owned(), Err(missing()))), Status::Failed);
        assert_eq!(status(Sink::Queue("u".to_owned(), Err(missing()))), Status::Failed);
        assert_eq!(status(Sink::Queue("u".to_owned(), Ok(Queue::default()))), Status::Ok);
        assert_eq!(status(Sink::Bus("b".to_owned(), denied())), Status::NotChecked);
        assert_eq!(status(Sink::Bus("b".to_owned(), Ok(0))), Status::Warning);
        assert_eq!(status(Sink::Sent("sns", Err("AuthorizationError".to_owned()))), Status::Failed);
    }
}
