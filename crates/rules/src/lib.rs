//! Sigma rules of the user: read from a folder, checked, and asked about every event that kmswatch reads.
//!
//! A rule sees the CloudTrail record as it was written, and beside it what kmswatch makes of it, as fields that begin
//! with `kmswatch.` ([`fields`]). Parsing and matching are those of the `rsigma` crates. What rules find lives as what
//! detectors find: it is staged, muted, put into incidents and told by the rules for all findings.
//!
//! Only records that kmswatch reads at all reach a rule: those of KMS, and the calls of other services that detectors
//! watch. [`cases`] shows of each rule that it fires, on the way that logs take, so that one that never can is noticed.

pub mod cases;
pub mod fields;
mod folder;
mod rule;

pub use folder::{FolderError, load};
pub use rule::{RuleError, RuleSet};
