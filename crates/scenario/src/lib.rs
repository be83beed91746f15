//! Invented organisations and attacks, written as CloudTrail logs.
//!
//! A [`Scenario`] is a few readable lines: an organisation, a time, a volume, a way of delivery, attacks and a
//! seed. [`write`](write()) turns it into a folder that looks like the bucket of an organisation's trail, with
//! `labels.json` beside the logs: the [`Truth`]. [`Objects`] is the same without a disk. Logs are made a day at
//! a time, so a year needs no more memory than a day.
//!
//! The same scenario gives the same bytes on every machine: all randomness comes from the seed, and no
//! function of the platform's mathematics library is used. The compressed bytes depend, beyond that, on the
//! version of the deflate library that `Cargo.lock` pins; the uncompressed ones do not.
//!
//! In reading order: what is asked for, what there is, what it does, what goes wrong, how it is written down
//! and delivered.

mod attacks;
mod calendar;
mod delivery;
mod dice;
mod objects;
mod organisation;
mod presets;
mod record;
pub mod scenario;
mod traffic;
pub mod truth;

pub use attacks::{AttackKind, attacks};
pub use objects::{LogObject, Objects, Progress, write};
pub use organisation::{KeyKind, PrincipalKind};
pub use presets::{Mix, PRESETS, Preset};
pub use scenario::Scenario;
pub use truth::Truth;

/// Why a scenario could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The scenario asks for something that cannot be; the text says what to change.
    #[error("bad scenario: {0}")]
    Scenario(String),
    /// A file could not be written.
    #[error("cannot write: {0}")]
    Io(#[from] std::io::Error),
    /// The labels could not be written as JSON.
    #[error("cannot write labels: {0}")]
    Labels(#[from] serde_json::Error),
}
