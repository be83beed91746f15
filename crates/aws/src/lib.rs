//! kmswatch on live logs. The engine says what an object means and what the States say; here is what brings it
//! objects, keeps the States, and tells people.
//!
//! Data flows one way, and the modules stand in its order:
//!
//! 1. [`trigger`]: a notification → the objects to read;
//! 2. ports, each with its contract, its adapter to AWS, and a twin in [`memory`]: [`objects`], [`store`],
//!    [`sinks`], [`queue`], [`clock`]; [`failing`] makes any of them fail on purpose;
//! 3. [`live`]: objects → saved States and findings, with [`entities`], [`hours`] (what is open) and `context`
//!    (which alias means which key) as items of the table;
//! 4. [`closing`]: hours that are over → what is usual, and findings about what is not; silence;
//! 5. `found` (what was found, kept), [`incidents`]: what belongs together, and what of it is news;
//! 6. [`publications`]: each [`alert`] to each sink, whoever has the news; [`digests`] from time to time.
//!
//! Beside them [`history`] (what was learned before anything live came), [`stored`] (all that a table knows), [`clients`] (the ports on AWS, built once),
//! [`settings`] (read once), [`drill`] (a test alert), [`metrics`] (every name in one place) and [`worker`] (the loop of those who run without
//! Lambda).
//!
//! Nothing here decides what is a finding, and nothing below the ports knows of AWS.

pub mod alert;
mod backoff;
pub mod clients;
pub mod clock;
pub mod closing;
mod codec;
mod context;
pub mod digests;
pub mod drill;
pub mod entities;
pub mod failing;
mod fault;
mod found;
pub mod history;
pub mod hours;
pub mod incidents;
mod judge;
mod lease;
pub mod live;
pub mod memory;
pub mod metrics;
pub mod objects;
pub mod publications;
pub mod queue;
mod sets;
pub mod settings;
pub mod sinks;
pub mod store;
pub mod stored;
pub mod trigger;
pub mod worker;
