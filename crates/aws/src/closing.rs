//! What is done by the clock and not by notifications: telling that logs have ceased.
//!
//! A trail delivers objects even for quiet accounts, at least digests and, every hour or so, some log. When nothing
//! has come for hours, either nothing happens any more, or somebody has switched the trail, the notifications or the
//! function's access off. The schedule keeps running and says for how long it has been silent; an alarm hangs on it.

use crate::hours;
use crate::lease::Lease;
use crate::live::{Live, TaskError};
use crate::metrics::{self, Counts};
use kmswatch_engine::time::HOUR;
use tokio::time::Instant;

/// The lease of the one who does it.
const LEASE: &str = "lease#closing";
/// Seconds for which the lease is taken: as long as a function may run.
const LEASE_SECONDS: i64 = 900;

/// What became of a run.
#[derive(Debug)]
pub struct Closed {
    /// Whether it could be done. If not, the next run does it.
    pub outcome: Result<(), TaskError>,
    /// What was counted.
    pub counts: Counts,
}

impl Live {
    /// What the schedule asks for. One at a time: while another runs, nothing is done.
    pub async fn close(&self, deadline: Option<Instant>) -> Closed {
        let mut counts = Counts::default();
        let work = self.close_within(&mut counts);
        let outcome = match deadline {
            None => work.await,
            Some(deadline) => {
                tokio::time::timeout_at(deadline, work).await.unwrap_or(Err(TaskError::OutOfTime))
            }
        };
        if let Err(error) = &outcome {
            tracing::error!(error = %error, "the schedule's work was not done");
        }
        Closed { outcome, counts }
    }

    async fn close_within(&self, counts: &mut Counts) -> Result<(), TaskError> {
        let store = self.ports.store.as_ref();
        let now = self.ports.clock.now();
        let Some(lease) = Lease::take(store, LEASE, &self.owner, now, LEASE_SECONDS).await? else {
            tracing::info!("somebody else is at it");
            return Ok(());
        };
        let (_, clock) = self.estate().await?;
        if let Some(delivered) = hours::clock::of(clock.as_ref())? {
            counts.largest(metrics::SILENT_HOURS, (now.since(delivered).max(0) / HOUR).unsigned_abs());
        }
        lease.give_back(store, now).await?;
        Ok(())
    }
}
