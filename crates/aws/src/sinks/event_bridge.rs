//! Alerts to an Amazon EventBridge bus. Their form: `crates/alerts/schema`, with example rules.

use super::{Sink, SinkError, all, fitting};
use crate::alert::{Alert, SOURCE};
use crate::fault::describe;
use async_trait::async_trait;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;

/// Entries in one call: the most that EventBridge takes.
const ENTRIES: usize = 10;
/// Bytes of all entries in one call: of the 1 MB that EventBridge takes, with room for what stands around the details.
const BYTES: usize = 900_000;

/// A bus.
#[derive(Clone, Debug)]
pub struct EventBridgeSink {
    client: Client,
    bus: String,
}

impl EventBridgeSink {
    /// The bus of this name or ARN.
    pub fn new(client: Client, bus: &str) -> EventBridgeSink {
        EventBridgeSink { client, bus: bus.to_owned() }
    }

    async fn send_some(&self, alerts: &[Alert]) -> Vec<Result<(), SinkError>> {
        let entries = alerts.iter().map(|alert| {
            PutEventsRequestEntry::builder()
                .event_bus_name(&self.bus)
                .source(SOURCE)
                .detail_type(alert.detail_type)
                .set_resources(Some(alert.resources.clone()))
                .detail(alert.json.to_string())
                .build()
        });
        match self.client.put_events().set_entries(Some(entries.collect())).send().await {
            Err(error) => all(alerts, &describe(&error)),
            // The call succeeds even if no entry was taken; results stand in the order of the entries.
            Ok(answer) => {
                let results = answer.entries.unwrap_or_default();
                let result = |at: usize| match results.get(at) {
                    Some(entry) if entry.error_code.is_none() => Ok(()),
                    Some(entry) => Err(SinkError(format!(
                        "{}: {}",
                        entry.error_code.as_deref().unwrap_or_default(),
                        entry.error_message.as_deref().unwrap_or_default()
                    ))),
                    None => Err(SinkError("EventBridge did not answer for this entry".to_owned())),
                };
                (0..alerts.len()).map(result).collect()
            }
        }
    }
}

#[async_trait]
impl Sink for EventBridgeSink {
    fn name(&self) -> &'static str {
        "event_bridge"
    }

    async fn send(&self, alerts: &[Alert]) -> Vec<Result<(), SinkError>> {
        let mut results = Vec::with_capacity(alerts.len());
        for some in fitting(alerts, ENTRIES, BYTES) {
            results.extend(self.send_some(some).await);
        }
        results
    }
}
