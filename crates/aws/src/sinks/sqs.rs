//! Alerts to an Amazon SQS queue, as JSON.

use super::{Sink, SinkError, all, fitting};
use crate::alert::Alert;
use crate::fault::describe;
use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use std::collections::BTreeSet;

/// Messages in one call: the most that SQS takes.
const ENTRIES: usize = 10;
/// Bytes of all messages in one call, of the 1 MiB that SQS takes.
const BYTES: usize = 1_000_000;

/// A queue.
#[derive(Clone, Debug)]
pub struct SqsSink {
    client: Client,
    url: String,
}

impl SqsSink {
    /// The queue with this URL.
    pub fn new(client: Client, url: &str) -> SqsSink {
        SqsSink { client, url: url.to_owned() }
    }

    async fn send_some(&self, alerts: &[Alert]) -> Vec<Result<(), SinkError>> {
        let entries: Result<Vec<_>, _> = alerts
            .iter()
            .enumerate()
            .map(|(at, alert)| {
                let body = alert.json.to_string();
                SendMessageBatchRequestEntry::builder().id(at.to_string()).message_body(body).build()
            })
            .collect();
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) => return all(alerts, &error.to_string()),
        };
        let answer =
            self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries)).send().await;
        match answer {
            Err(error) => all(alerts, &describe(&error)),
            Ok(answer) => {
                let taken: BTreeSet<&str> = answer.successful.iter().map(|entry| entry.id.as_str()).collect();
                let why = |id: &str| {
                    let failed = answer.failed.iter().find(|entry| entry.id == id);
                    let code = failed.map_or("no answer for this message", |entry| entry.code.as_str());
                    SinkError(code.to_owned())
                };
                let ids = (0..alerts.len()).map(|at| at.to_string());
                ids.map(|id| if taken.contains(id.as_str()) { Ok(()) } else { Err(why(&id)) }).collect()
            }
        }
    }
}

#[async_trait]
impl Sink for SqsSink {
    fn name(&self) -> &'static str {
        "sqs"
    }

    async fn send(&self, alerts: &[Alert]) -> Vec<Result<(), SinkError>> {
        let mut results = Vec::with_capacity(alerts.len());
        for some in fitting(alerts, ENTRIES, BYTES) {
            results.extend(self.send_some(some).await);
        }
        results
    }
}
