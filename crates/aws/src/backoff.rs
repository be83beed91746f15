//! Waiting before another try: exponential, with full jitter, bounded.

use crate::store::Store;
use std::time::Duration;

/// The longest first wait. Less makes those who met at an item meet there again; more slows every batch that meets
/// another.
const FIRST: Duration = Duration::from_millis(20);
/// The longest wait of all.
const LONGEST: Duration = Duration::from_secs(2);
/// Tries after the first: together some 8 seconds on average, after which giving the message back is cheaper.
const TRIES: u32 = 14;

/// How often was waited.
///
/// Full jitter: each wait is drawn from zero to a limit that doubles, so that those who met spread out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Backoff {
    waits: u32,
}

impl Backoff {
    /// Waits; `false`, at once, if it was waited often enough.
    pub(crate) async fn wait(&mut self, store: &dyn Store) -> bool {
        let wait = self.next();
        if let Some(wait) = wait {
            store.pause(wait).await;
        }
        wait.is_some()
    }

    /// The next wait; `None` if it was waited often enough.
    pub(crate) fn next(&mut self) -> Option<Duration> {
        if self.waits >= TRIES {
            return None;
        }
        let limit = FIRST.saturating_mul(1 << self.waits.min(16)).min(LONGEST);
        self.waits += 1;
        Some(limit.mul_f64(fastrand::f64()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_bounded_in_number_and_length() {
        let mut backoff = Backoff::default();
        let waits: Vec<Duration> = std::iter::from_fn(|| backoff.next()).collect();
        assert_eq!(waits.len(), TRIES as usize);
        assert!(waits[0] <= FIRST && waits.iter().all(|wait| *wait <= LONGEST));
    }
}
