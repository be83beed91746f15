//! Asks AWS. Each answer becomes a plain value, each refusal is kept; nothing is decided here, and nothing is changed.

use super::facts::{
    Asked, BucketWiring, BusRule, Caller, Facts, Logs, Progress, Queue, Refusal, Route, Sink, Table, Topic,
    Trail, TrailStatus,
};
use aws_sdk_cloudtrail::types::{AdvancedEventSelector, EventSelector};
use aws_sdk_dynamodb::types::TimeToLiveStatus;
use aws_sdk_eventbridge::types::RuleState;
use aws_sdk_s3::config::Region;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{FilterRuleName, NotificationConfigurationFilter};
use aws_sdk_sns::types::Subscription;
use aws_sdk_sqs::types::QueueAttributeName;
use kmswatch_alerts::Context;
use kmswatch_aws::clients::Clients;
use kmswatch_aws::drill;
use kmswatch_aws::settings::LiveSettings;
use kmswatch_engine::finding::Severity;
use kmswatch_engine::time::Timestamp;
use serde_json::json;
use std::collections::{BTreeSet, HashMap};
use std::error::Error;

/// Rules of the default bus that are looked at. An account may have 300 in a Region, and more if it asks.
const RULES: usize = 1_000;

/// What is to be asked about.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) settings: Result<LiveSettings, String>,
    pub(super) settings_from: String,
    /// Whether the settings are those of this process, so that files they name are here.
    pub(super) is_here: bool,
    /// Where the logs lie, in the place of what the settings say.
    pub(super) logs: Option<String>,
    pub(super) queue_url: Option<String>,
    /// Whether a test alert is sent.
    pub(super) send: bool,
    pub(super) now: Timestamp,
}

/// Asks everything.
pub(super) async fn ask(request: Request) -> Facts {
    let aws = Aws(Clients::connect().await);
    let region = aws.0.config().region().map(ToString::to_string);
    let mut facts = Facts {
        now: request.now,
        settings_from: request.settings_from,
        settings: request.settings,
        engine: Ok(()),
        rules: None,
        caller: not_asked(),
        logs: None,
        trails: not_asked(),
        bucket: not_asked(),
        rules_of_bus: not_asked(),
        queues: Vec::new(),
        table: not_asked(),
        progress: not_asked(),
        sinks: Vec::new(),
        region,
    };
    if facts.region.is_none() {
        return facts;
    }
    facts.caller = aws.caller().await;
    if facts.caller.is_err() {
        return facts;
    }
    if let Some(settings) = facts.settings.as_ref().ok().cloned() {
        match aws.0.complete(settings).await {
            Ok(complete) => facts.settings = Ok(complete),
            Err(error) => facts.engine = Err(error.to_string()),
        }
    }
    let settings = facts.settings.as_ref().ok();
    if let Some(settings) = settings.filter(|settings| request.is_here && settings.rules.is_some()) {
        facts.rules = Some(settings.user_rules().map(|_| ()).map_err(|error| error.to_string()));
    }
    let named = request.logs.or_else(|| settings.map(|settings| settings.logs.clone()));
    facts.logs = named.as_deref().and_then(logs);
    facts.trails = aws.trails().await;
    if let Some(logs) = &facts.logs {
        facts.bucket = aws.bucket(&logs.bucket).await;
        facts.rules_of_bus = aws.rules().await;
    }
    facts.queues = aws.queues(&facts, request.queue_url.as_deref()).await;
    if let Some(settings) = settings {
        facts.table = aws.table(&settings.table).await;
        facts.progress = aws.progress(&settings.table).await;
        facts.sinks = aws.sinks(settings, request.send, request.now).await;
    }
    facts
}

fn not_asked<T>() -> Asked<T> {
    Err(Refusal::Failed("nobody asked".to_owned()))
}

/// Bucket and prefix of `s3://bucket/prefix/AWSLogs`.
fn logs(address: &str) -> Option<Logs> {
    let rest = address.strip_prefix("s3://")?;
    let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = match path.find("AWSLogs") {
        Some(at) => path.get(..at).unwrap_or_default().to_owned(),
        None if path.is_empty() || path.ends_with('/') => path.to_owned(),
        None => format!("{path}/"),
    };
    Some(Logs { bucket: bucket.to_owned(), prefix })
}

/// Why there is no answer.
fn refusal<E>(error: SdkError<E, HttpResponse>) -> Refusal
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let code = error.code().unwrap_or_default().to_owned();
    let status = error.raw_response().map(|answer| answer.status().as_u16());
    let text = match error.message() {
        Some(message) => format!("{code}: {message}"),
        None if !code.is_empty() => code.clone(),
        None => DisplayErrorContext(&error).to_string(),
    };
    let text: String = text.chars().take(300).collect();
    let says = |parts: &[&str]| parts.iter().any(|part| code.contains(part));
    if says(&["AccessDenied", "Unauthorized", "AuthorizationError", "NotAuthorized", "Forbidden"])
        || (code.is_empty() && status == Some(403))
    {
        Refusal::Denied(text)
    } else if says(&["NotFound", "NoSuch", "NonExistent", "DoesNotExist"]) || status == Some(404) {
        Refusal::Missing(text)
    } else {
        Refusal::Failed(text)
    }
}

struct Aws(Clients);

impl Aws {
    async fn caller(&self) -> Asked<Caller> {
        let answer = aws_sdk_sts::Client::new(self.0.config()).get_caller_identity().send().await;
        let answer = answer.map_err(refusal)?;
        Ok(Caller { account: answer.account.unwrap_or_default(), arn: answer.arn.unwrap_or_default() })
    }

    async fn trails(&self) -> Asked<Vec<Trail>> {
        let here = aws_sdk_cloudtrail::Client::new(self.0.config());
        let answer = here.describe_trails().include_shadow_trails(true).send().await.map_err(refusal)?;
        let mut trails = Vec::new();
        for trail in answer.trail_list.unwrap_or_default() {
            let arn = trail.trail_arn.unwrap_or_default();
            let home_region = trail.home_region.unwrap_or_default();
            let config = aws_sdk_cloudtrail::config::Builder::from(self.0.config());
            let config = config.region(aws_sdk_cloudtrail::config::Region::new(home_region.clone())).build();
            let home = aws_sdk_cloudtrail::Client::from_conf(config);
            let status =
                home.get_trail_status().name(&arn).send().await.map_err(refusal).map(|status| TrailStatus {
                    is_logging: status.is_logging.unwrap_or_default(),
                    delivery_error: status.latest_delivery_error,
                    delivered: status.latest_delivery_time.map(|time| Timestamp(time.secs())),
                });
            let selectors = home.get_event_selectors().trail_name(&arn).send().await.map_err(refusal);
            let selectors = selectors.map(|answer| match answer.advanced_event_selectors() {
                [] => json!({"EventSelectors": answer.event_selectors().iter().map(classic).collect::<Vec<_>>()}),
                some => json!({"AdvancedEventSelectors": some.iter().map(advanced).collect::<Vec<_>>()}),
            });
            let prefix = trail.s3_key_prefix.filter(|prefix| !prefix.is_empty());
            trails.push(Trail {
                name: trail.name.unwrap_or_default(),
                is_multi_region: trail.is_multi_region_trail.unwrap_or_default(),
                bucket: trail.s3_bucket_name.unwrap_or_default(),
                prefix: prefix.map(|prefix| format!("{}/", prefix.trim_end_matches('/'))).unwrap_or_default(),
                status,
                selectors: selectors.map(|value| value.to_string()),
                arn,
                home_region,
            });
        }
        Ok(trails)
    }

    /// Whom the bucket tells of its objects; asked in the Region where it is.
    async fn bucket(&self, bucket: &str) -> Asked<BucketWiring> {
        let client = aws_sdk_s3::Client::new(self.0.config());
        let ask =
            |client: aws_sdk_s3::Client| client.get_bucket_notification_configuration().bucket(bucket).send();
        let answer = match ask(client).await {
            Ok(answer) => answer,
            Err(error) => {
                let headers = error.raw_response().map(|answer| answer.headers());
                let region =
                    headers.and_then(|headers| headers.get("x-amz-bucket-region")).map(str::to_owned);
                let here = self.0.config().region().map(ToString::to_string);
                let Some(region) = region.filter(|region| Some(region) != here.as_ref()) else {
                    return Err(refusal(error));
                };
                let config = aws_sdk_s3::config::Builder::from(self.0.config());
                let config = config.region(Region::new(region)).build();
                ask(aws_sdk_s3::Client::from_conf(config)).await.map_err(refusal)?
            }
        };
        let mut wiring = BucketWiring {
            to_event_bridge: answer.event_bridge_configuration.is_some(),
            ..BucketWiring::default()
        };
        for queue in answer.queue_configurations.unwrap_or_default() {
            let events = queue.events.iter().map(|event| event.as_str().to_owned()).collect();
            wiring.queues.push(route(queue.queue_arn, events, queue.filter.as_ref(), Ok(Vec::new())));
        }
        for topic in answer.topic_configurations.unwrap_or_default() {
            let events = topic.events.iter().map(|event| event.as_str().to_owned()).collect();
            let queues = self.subscribed_queues(&topic.topic_arn).await;
            wiring.topics.push(route(topic.topic_arn, events, topic.filter.as_ref(), queues));
        }
        Ok(wiring)
    }

    async fn subscribed_queues(&self, topic: &str) -> Asked<Vec<String>> {
        let all = self.subscriptions(topic).await?.into_iter();
        Ok(all.filter(|one| one.protocol.as_deref() == Some("sqs")).filter_map(|one| one.endpoint).collect())
    }

    async fn subscriptions(&self, topic: &str) -> Asked<Vec<Subscription>> {
        let client = aws_sdk_sns::Client::new(self.0.config());
        let mut pages = client.list_subscriptions_by_topic().topic_arn(topic).into_paginator().send();
        let mut all = Vec::new();
        while let Some(page) = pages.next().await {
            all.extend(page.map_err(refusal)?.subscriptions.unwrap_or_default());
        }
        Ok(all)
    }

    /// The rules of the default bus about objects in S3, with the queues that they lead to.
    async fn rules(&self) -> Asked<Vec<BusRule>> {
        let client = aws_sdk_eventbridge::Client::new(self.0.config());
        let (mut rules, mut seen, mut token) = (Vec::new(), 0, None);
        loop {
            let page = client.list_rules().set_next_token(token).send().await.map_err(refusal)?;
            for rule in page.rules.unwrap_or_default() {
                seen += 1;
                let pattern = rule.event_pattern.unwrap_or_default();
                if !pattern.contains("aws.s3") {
                    continue;
                }
                let name = rule.name.unwrap_or_default();
                let targets = client.list_targets_by_rule().rule(&name).send().await.map_err(refusal)?;
                let arns = targets.targets.unwrap_or_default().into_iter().map(|target| target.arn);
                rules.push(BusRule {
                    is_enabled: rule.state != Some(RuleState::Disabled),
                    pattern,
                    queues: arns.filter(|arn| arn.contains(":sqs:")).collect(),
                    name,
                });
            }
            token = page.next_token;
            if token.is_none() || seen >= RULES {
                return Ok(rules);
            }
        }
    }

    /// The queue that was named, else those that the bucket's notifications lead to.
    async fn queues(&self, facts: &Facts, named: Option<&str>) -> Vec<(String, Asked<Queue>)> {
        if let Some(url) = named {
            let queue = self.queue(url).await;
            let arn = queue.as_ref().map(|queue| queue.arn.clone()).unwrap_or_else(|_| url.to_owned());
            return vec![(arn, queue)];
        }
        let mut arns: BTreeSet<String> = BTreeSet::new();
        if let Ok(bucket) = &facts.bucket {
            arns.extend(bucket.queues.iter().map(|route| route.arn.clone()));
            arns.extend(bucket.topics.iter().flat_map(|route| route.queues.iter().flatten().cloned()));
        }
        let bucket = facts.logs.as_ref().map(|logs| logs.bucket.as_str()).unwrap_or_default();
        for rule in facts.rules_of_bus.iter().flatten().filter(|rule| rule.pattern.contains(bucket)) {
            arns.extend(rule.queues.iter().cloned());
        }
        let mut queues = Vec::new();
        for arn in arns {
            let queue = match self.url(&arn).await {
                Ok(url) => self.queue(&url).await,
                Err(refusal) => Err(refusal),
            };
            queues.push((arn, queue));
        }
        queues
    }

    async fn url(&self, arn: &str) -> Asked<String> {
        let mut parts = arn.split(':').skip(4);
        let (account, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let request = aws_sdk_sqs::Client::new(self.0.config()).get_queue_url().queue_name(name);
        let answer = request.queue_owner_aws_account_id(account).send().await.map_err(refusal)?;
        Ok(answer.queue_url.unwrap_or_default())
    }

    async fn attributes(&self, url: &str) -> Asked<HashMap<QueueAttributeName, String>> {
        let client = aws_sdk_sqs::Client::new(self.0.config());
        let request = client.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
        Ok(request.send().await.map_err(refusal)?.attributes.unwrap_or_default())
    }

    async fn queue(&self, url: &str) -> Asked<Queue> {
        let attributes = self.attributes(url).await?;
        let text = |name: QueueAttributeName| attributes.get(&name).cloned().unwrap_or_default();
        let redrive: serde_json::Value =
            serde_json::from_str(&text(QueueAttributeName::RedrivePolicy)).unwrap_or_default();
        let dead_letters = match redrive.get("deadLetterTargetArn").and_then(|arn| arn.as_str()) {
            None => None,
            Some(arn) => Some((arn.to_owned(), self.waiting(arn).await)),
        };
        Ok(Queue {
            arn: text(QueueAttributeName::QueueArn),
            url: url.to_owned(),
            policy: text(QueueAttributeName::Policy),
            visibility: number(&text(QueueAttributeName::VisibilityTimeout)),
            waiting: number(&text(QueueAttributeName::ApproximateNumberOfMessages)),
            key: text(QueueAttributeName::KmsMasterKeyId),
            dead_letters,
        })
    }

    async fn waiting(&self, arn: &str) -> Asked<u64> {
        let url = self.url(arn).await?;
        let attributes = self.attributes(&url).await?;
        Ok(attributes.get(&QueueAttributeName::ApproximateNumberOfMessages).map_or(0, |text| number(text)))
    }

    async fn table(&self, name: &str) -> Asked<Table> {
        let client = aws_sdk_dynamodb::Client::new(self.0.config());
        let answer = client.describe_table().table_name(name).send().await.map_err(refusal)?;
        let table = answer.table.ok_or_else(|| Refusal::Failed("an answer without a table".to_owned()))?;
        let keys: Vec<&str> = table.key_schema().iter().map(|key| key.attribute_name.as_str()).collect();
        let expires = client.describe_time_to_live().table_name(name).send().await.map_err(refusal);
        let expires = expires.map(|answer| {
            let status = answer.time_to_live_description.and_then(|about| about.time_to_live_status);
            matches!(status, Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
        });
        Ok(Table {
            status: table.table_status.as_ref().map(|status| status.as_str().to_owned()).unwrap_or_default(),
            has_key: keys == ["pk"],
            expires,
        })
    }

    async fn progress(&self, table: &str) -> Asked<Progress> {
        Progress::read(&self.0.store(table)).await.map_err(|error| {
            let text = error.to_string();
            match text {
                text if text.contains("AccessDenied") => Refusal::Denied(text),
                text if text.contains("ResourceNotFound") => Refusal::Missing(text),
                text => Refusal::Failed(text),
            }
        })
    }

    async fn sinks(&self, settings: &LiveSettings, send: bool, now: Timestamp) -> Vec<Sink> {
        let mut sinks = Vec::new();
        if let Some(topic) = &settings.topic {
            sinks.push(Sink::Topic(topic.clone(), self.topic(topic).await));
        }
        if let Some(bus) = &settings.bus {
            sinks.push(Sink::Bus(bus.clone(), self.rules_of(bus).await));
        }
        if let Some(url) = &settings.alert_queue {
            sinks.push(Sink::Queue(url.clone(), self.queue(url).await));
        }
        if send {
            let [topic, bus, queue] =
                [&settings.topic, &settings.bus, &settings.alert_queue].map(Option::as_deref);
            let context = Context::of(&settings.engine.alerts, now, &settings.logs);
            for (kind, sent) in drill::send(&self.0.sinks(topic, bus, queue), Severity::Info, &context).await
            {
                sinks.push(Sink::Sent(kind, sent.map_err(|error| error.to_string())));
            }
        }
        sinks
    }

    async fn topic(&self, arn: &str) -> Asked<Topic> {
        let client = aws_sdk_sns::Client::new(self.0.config());
        let answer = client.get_topic_attributes().topic_arn(arn).send().await.map_err(refusal)?;
        let attributes = answer.attributes.unwrap_or_default();
        let key = attributes.get("KmsMasterKeyId").cloned().unwrap_or_default();
        // Who has not confirmed has no ARN yet.
        let is_confirmed =
            |one: &Subscription| one.subscription_arn.as_deref().is_some_and(|arn| arn.starts_with("arn:"));
        let (confirmed, pending): (Vec<_>, Vec<_>) =
            self.subscriptions(arn).await?.into_iter().partition(is_confirmed);
        Ok(Topic { confirmed: confirmed.len() as u64, pending: pending.len() as u64, key })
    }

    async fn rules_of(&self, bus: &str) -> Asked<usize> {
        let client = aws_sdk_eventbridge::Client::new(self.0.config());
        client.describe_event_bus().name(bus).send().await.map_err(refusal)?;
        let answer = client.list_rules().event_bus_name(bus).send().await.map_err(refusal)?;
        Ok(answer.rules.unwrap_or_default().len())
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_default()
}

fn route(
    arn: String,
    events: Vec<String>,
    filter: Option<&NotificationConfigurationFilter>,
    queues: Asked<Vec<String>>,
) -> Route {
    let rules = filter.and_then(NotificationConfigurationFilter::key).map(|key| key.filter_rules());
    let value = |name: &FilterRuleName| {
        // S3 writes the names in any case.
        let is_it = |one: &FilterRuleName| one.as_str().eq_ignore_ascii_case(name.as_str());
        let rule = rules.unwrap_or_default().iter().find(|rule| rule.name.as_ref().is_some_and(is_it));
        rule.and_then(|rule| rule.value.clone()).unwrap_or_default()
    };
    let (prefix, suffix) = (value(&FilterRuleName::Prefix), value(&FilterRuleName::Suffix));
    Route { arn, events, prefix, suffix, queues }
}

fn classic(selector: &EventSelector) -> serde_json::Value {
    let data: Vec<_> = selector
        .data_resources()
        .iter()
        .map(|one| json!({"Type": one.r#type().unwrap_or_default(), "Values": one.values()}))
        .collect();
    json!({
        "ReadWriteType": selector.read_write_type().map_or("All", |kind| kind.as_str()),
        "IncludeManagementEvents": selector.include_management_events().unwrap_or(true),
        "DataResources": data,
        "ExcludeManagementEventSources": selector.exclude_management_event_sources(),
    })
}

fn advanced(selector: &AdvancedEventSelector) -> serde_json::Value {
    let field = |field: &aws_sdk_cloudtrail::types::AdvancedFieldSelector| {
        let mut one = serde_json::Map::from_iter([("Field".to_owned(), json!(field.field()))]);
        for (operator, operands) in [
            ("Equals", field.equals()),
            ("StartsWith", field.starts_with()),
            ("EndsWith", field.ends_with()),
            ("NotEquals", field.not_equals()),
            ("NotStartsWith", field.not_starts_with()),
            ("NotEndsWith", field.not_ends_with()),
        ] {
            if !operands.is_empty() {
                one.insert(operator.to_owned(), json!(operands));
            }
        }
        serde_json::Value::Object(one)
    };
    let fields: Vec<_> = selector.field_selectors().iter().map(field).collect();
    match selector.name() {
        Some(name) => json!({"Name": name, "FieldSelectors": fields}),
        None => json!({"FieldSelectors": fields}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_the_logs_is_a_bucket_and_what_stands_before_the_tree() {
        let of = |address: &str| logs(address).map(|logs| (logs.bucket, logs.prefix));
        let pair = |bucket: &str, prefix: &str| Some((bucket.to_owned(), prefix.to_owned()));
        assert_eq!(of("s3://logs/AWSLogs"), pair("logs", ""));
        assert_eq!(of("s3://logs/our/trail/AWSLogs/"), pair("logs", "our/trail/"));
        assert_eq!(of("s3://logs"), pair("logs", ""));
        assert_eq!(of("s3://logs/our"), pair("logs", "our/"));
        assert_eq!(of("./AWSLogs"), None);
    }
}
