//! The live pipeline as a whole: over ports in memory, and as the real function on an emulator of AWS.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod alarms;
mod closing;
mod contention;
mod contract;
mod cost;
mod crash;
mod digest;
mod disorder;
mod history;
mod inputs;
mod logs;
mod partial;
mod pipeline;
#[path = "../records.rs"]
mod records;
mod server;
mod silence;
mod stack;
mod template;
mod world;
