//! The `kmswatch` command, run as people run it.
// Helpers of tests stand outside of functions marked as tests.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout)]

mod alerts;
mod baseline;
mod corpus;
mod damage;
mod evaluate;
mod explain;
#[path = "../golden.rs"]
mod golden;
mod logs;
mod page;
mod preview;
mod quickstart;
mod readme;
#[path = "../records.rs"]
mod records;
mod replay;
mod report;
mod rules;
mod saved;
mod shell;
mod simulate;
mod stories;
mod tune;
mod usage;
