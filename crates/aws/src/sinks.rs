//! The port to those who are told: where alerts go.

pub mod event_bridge;
pub mod sns;
pub mod sqs;

use crate::alert::Alert;
use async_trait::async_trait;

/// Why an alert was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an alert could not be sent: {0}")]
pub struct SinkError(pub String);

/// Takes alerts.
#[async_trait]
pub trait Sink: Send + Sync {
    /// A short name that stays the same: it is written down to whom an alert has gone.
    fn name(&self) -> &'static str;

    /// Sends alerts: one result for each, in their order. `Ok` means that the service has taken it and will deliver
    /// it; an alert may be sent more than once. None is fine.
    async fn send(&self, alerts: &[Alert]) -> Vec<Result<(), SinkError>>;
}

/// The same error for all.
fn all(alerts: &[Alert], error: &str) -> Vec<Result<(), SinkError>> {
    alerts.iter().map(|_| Err(SinkError(error.to_owned()))).collect()
}
