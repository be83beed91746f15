//! A fixed number of decrypts an hour, the same for every principal.

use super::Comparator;

/// More than a thousand an hour: a round number, as alarms have them.
pub(super) const COMPARATOR: Comparator = Comparator {
    id: "threshold",
    what: "more decrypts of a principal in an hour than a fixed number",
    usual: 1_000.0,
    score: |hours| hours.iter().map(|(_, n)| *n as f64).collect(),
};
