//! Alerts to an Amazon SNS topic: text for people, JSON for machines, a card for chat.

use super::{Sink, SinkError};
use crate::alert::Alert;
use crate::fault::describe;
use async_trait::async_trait;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use serde_json::json;

/// A topic.
#[derive(Clone, Debug)]
pub struct SnsSink {
    client: Client,
    topic: String,
}

impl SnsSink {
    /// The topic with this ARN.
    pub fn new(client: Client, topic: &str) -> SnsSink {
        SnsSink { client, topic: topic.to_owned() }
    }

    async fn send_one(&self, alert: &Alert) -> Result<(), SinkError> {
        // Subscribers get the member of their protocol, programs the first; https is how Amazon Q Developer subscribes.
        let message = json!({ "default": alert.json.to_string(), "email": alert.text,
            "https": alert.chat.to_string() });
        let attribute = |kind: &str, value: &str| {
            MessageAttributeValue::builder()
                .data_type(kind)
                .string_value(value)
                .build()
                .map_err(|error| SinkError(error.to_string()))
        };
        let request = self
            .client
            .publish()
            .topic_arn(&self.topic)
            .subject(&alert.subject)
            .message_structure("json")
            .message(message.to_string())
            .message_attributes("severity", attribute("String", alert.severity.name())?)
            .message_attributes("news", attribute("String", alert.news)?)
            .message_attributes("analytics", attribute("String.Array", &json!(alert.analytics).to_string())?);
        request.send().await.map(|_| ()).map_err(|error| SinkError(describe(&error)))
    }
}

#[async_trait]
impl Sink for SnsSink {
    fn name(&self) -> &'static str {
        "sns"
    }

    async fn send(&self, alerts: &[Alert]) -> Vec<Result<(), SinkError>> {
        let mut results = Vec::with_capacity(alerts.len());
        for alert in alerts {
            results.push(self.send_one(alert).await);
        }
        results
    }
}
