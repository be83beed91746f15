//! Record → Event.

use super::Event;
use crate::trail::Record;

/// What became of a record.
#[derive(Debug)]
pub enum Normalized<'a> {
    /// An event that detectors look at.
    Event(Box<Event<'a>>),
    /// Left out on purpose, counted by reason.
    Skip(SkipReason),
    /// Could not be read: names the field and what is wrong with it.
    Problem(String),
}

/// Why a record is left out on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// Of a service or an operation that no detector looks at.
    NotWatched,
    /// The same event stood in the input before.
    Duplicate,
    /// Copy of a call as the owner of a VPC endpoint sees it; the call itself is in the trail.
    NetworkActivity,
    /// An anomaly summary of CloudTrail Insights.
    Insight,
    /// Left out by `--since`, `--until`, `--account` or `--region`.
    Filtered,
    /// A record version whose major number this version does not know.
    UnknownVersion,
}

/// Reads a record into an Event.
pub fn normalize<'a>(_record: &Record<'a>) -> Normalized<'a> {
    Normalized::Skip(SkipReason::NotWatched)
}
