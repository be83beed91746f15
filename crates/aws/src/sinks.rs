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

/// Alerts in parts that fit one call each: so many, and so many bytes of their form for machines.
fn fitting(alerts: &[Alert], most: usize, bytes: usize) -> Vec<&[Alert]> {
    let mut parts = Vec::new();
    let (mut left, mut at, mut size) = (alerts, 0, 0);
    while let Some(alert) = left.get(at) {
        let more = alert.json.to_string().len();
        // One that is alone too large is tried: the service says why it does not take it.
        if at > 0 && (at >= most || size + more > bytes) {
            let (part, rest) = left.split_at(at);
            parts.push(part);
            (left, at, size) = (rest, 0, 0);
        }
        at += 1;
        size += more;
    }
    if !left.is_empty() {
        parts.push(left);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::testing::{finding, incident};
    use kmswatch_alerts::Context;
    use kmswatch_engine::finding::Severity;
    use std::collections::BTreeSet;

    fn alerts(sizes: &[usize]) -> Vec<Alert> {
        let one = incident([finding("kw-1", Severity::High, "words")]);
        let mut alert = Alert::of(&one, &BTreeSet::from(["opened".to_owned()]), &Context::default());
        let of = |size: &usize| {
            alert.json = "x".repeat(size - 2).into();
            alert.clone()
        };
        sizes.iter().map(of).collect()
    }

    #[test]
    fn parts_fit_their_call_and_nothing_is_left_out() {
        let parts = |sizes: &[usize]| -> Vec<usize> {
            fitting(&alerts(sizes), 3, 100).into_iter().map(<[Alert]>::len).collect()
        };
        assert_eq!(parts(&[]), Vec::<usize>::new());
        assert_eq!(parts(&[10; 7]), [3, 3, 1]);
        assert_eq!(parts(&[60, 40, 1 + 40, 60]), [2, 1, 1]);
        assert_eq!(parts(&[500, 500]), [1, 1]);
    }
}
