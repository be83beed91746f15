//! The port to notifications, for those who run kmswatch without Lambda.

pub mod sqs;

use async_trait::async_trait;
use std::time::Duration;

/// A message that is ours until its visibility times out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Id, the same at every delivery.
    pub id: String,
    /// What acknowledges this delivery.
    pub receipt: String,
    /// The notification.
    pub body: String,
}

/// Why the queue could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the queue could not be used: {0}")]
pub struct QueueError(pub String);

/// Gives notifications, at least once each.
#[async_trait]
pub trait Queue: Send + Sync {
    /// At most ten messages; waits for the first as long as the service allows (20 seconds). None is normal.
    async fn receive(&self) -> Result<Vec<Message>, QueueError>;

    /// Acknowledges messages: they do not come again. None at all is fine. An error means that some may come again, or
    /// that they were acknowledged before.
    async fn acknowledge(&self, messages: &[Message]) -> Result<(), QueueError>;

    /// Keeps messages for as long as this from now on: they are still being worked on. An error means that some may
    /// come again before.
    async fn hold(&self, messages: &[Message], time: Duration) -> Result<(), QueueError>;

    /// Gives messages back: they come again after `delay`, at once if it is zero.
    async fn give_back(&self, messages: &[Message], delay: Duration) -> Result<(), QueueError>;
}
