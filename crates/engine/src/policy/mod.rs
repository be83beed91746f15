//! Key policies, read and evaluated: who outside the account gets what, and who can still change the policy.
//!
//! A policy is evaluated for a [`Subject`], a kind of caller ("a stranger", "account 444455556666"), against every
//! KMS action at once. Nothing is matched by the look of the text: `kms:*`, `Kms:Enc*`, lists, `NotAction`,
//! `NotPrincipal`, Deny statements and conditions all count as they do in AWS.
//!
//! What a condition does to a subject is not a yes or no, but how hard it is for the subject to have it hold and
//! to have it fail ([`odds::Odds`]). "Only through S3" is easy for a stranger, who has buckets; "only my
//! organisation" is impossible; "only from this network" cannot be decided here and makes the access
//! *conditional*. Conditions are judged one by one: two Deny statements that only together leave nobody out are
//! not seen to do so.
//!
//! A policy of 32 KiB, the most that KMS keeps, is evaluated in about a millisecond; [`document::Policy::parse`]
//! bounds the work for anything else.

pub mod access;
pub mod action;
pub mod condition;
pub mod diff;
pub mod document;
pub mod odds;
pub mod subject;

pub use access::{Access, Control, Question, Who};
pub(crate) use action::glob_ignoring_case;
pub use action::{Actions, Class};
pub use diff::Diff;
pub use document::{Policy, PolicyError};
pub use subject::{Name, Subject};

#[cfg(test)]
mod cases;
