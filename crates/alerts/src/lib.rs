//! Incidents and findings as alerts, in the formats that people and services read.
//!
//! Pure: an [`Alert`] and a [`Context`] in, text or JSON out. One file a format, each with its limits on top:
//!
//! 1. [`alert`]: what an alert says, whatever the format;
//! 2. [`text`]: hostile text made safe; [`links`], [`queries`]: where to look further;
//! 3. [`email`], [`chat`] (Amazon Q Developer in chat applications), [`slack`], [`pagerduty`]: for people;
//! 4. [`ocsf`], [`asff`] (Security Hub), [`eventbridge`]: for programs;
//! 5. [`digest`]: from time to time, what was muted and what is still open; [`drill`]: a test alert.
//!
//! What does not fit a limit is cut, and the alert says where the rest is.

pub mod alert;
pub mod asff;
mod body;
pub mod chat;
pub mod digest;
pub mod drill;
pub mod email;
pub mod eventbridge;
pub mod links;
pub mod ocsf;
pub mod pagerduty;
pub mod queries;
pub mod slack;
pub mod text;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

pub use alert::{Alert, Context, News};
pub use digest::Digest;
