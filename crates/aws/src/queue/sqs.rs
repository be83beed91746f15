//! Notifications in an Amazon SQS queue.

use super::{Message, Queue, QueueError};
use crate::fault::describe;
use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry};
use std::time::Duration;

/// Messages in one call: the most that SQS takes.
const ENTRIES: usize = 10;

/// A queue.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Client,
    url: String,
}

impl SqsQueue {
    /// The queue with this URL.
    pub fn new(client: Client, url: &str) -> SqsQueue {
        SqsQueue { client, url: url.to_owned() }
    }

    /// Makes messages invisible for so long from now on.
    async fn hide(&self, messages: &[Message], time: Duration) -> Result<(), QueueError> {
        let seconds = i32::try_from(time.as_secs()).unwrap_or(i32::MAX).min(43_200);
        for some in messages.chunks(ENTRIES) {
            let entries: Result<Vec<_>, _> = some
                .iter()
                .enumerate()
                .map(|(at, message)| {
                    let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(at.to_string());
                    entry.receipt_handle(&message.receipt).visibility_timeout(seconds).build()
                })
                .collect();
            let entries = entries.map_err(|error| QueueError(error.to_string()))?;
            let request =
                self.client.change_message_visibility_batch().queue_url(&self.url).set_entries(Some(entries));
            let answer = request.send().await.map_err(|error| QueueError(describe(&error)))?;
            failed(answer.failed.len())?;
        }
        Ok(())
    }
}

fn failed(count: usize) -> Result<(), QueueError> {
    if count == 0 { Ok(()) } else { Err(QueueError(format!("{count} messages were refused"))) }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn receive(&self) -> Result<Vec<Message>, QueueError> {
        let request = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10)
            .wait_time_seconds(20);
        let answer = request.send().await.map_err(|error| QueueError(describe(&error)))?;
        let messages = answer.messages.unwrap_or_default().into_iter().filter_map(|message| {
            Some(Message { id: message.message_id?, receipt: message.receipt_handle?, body: message.body? })
        });
        Ok(messages.collect())
    }

    async fn acknowledge(&self, messages: &[Message]) -> Result<(), QueueError> {
        for some in messages.chunks(ENTRIES) {
            let entries: Result<Vec<_>, _> = some
                .iter()
                .enumerate()
                .map(|(at, message)| {
                    let entry = DeleteMessageBatchRequestEntry::builder().id(at.to_string());
                    entry.receipt_handle(&message.receipt).build()
                })
                .collect();
            let entries = entries.map_err(|error| QueueError(error.to_string()))?;
            let request = self.client.delete_message_batch().queue_url(&self.url).set_entries(Some(entries));
            let answer = request.send().await.map_err(|error| QueueError(describe(&error)))?;
            failed(answer.failed.len())?;
        }
        Ok(())
    }

    async fn hold(&self, messages: &[Message], time: Duration) -> Result<(), QueueError> {
        self.hide(messages, time).await
    }

    async fn give_back(&self, messages: &[Message], delay: Duration) -> Result<(), QueueError> {
        self.hide(messages, delay).await
    }
}
