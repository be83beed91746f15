//! The `kmswatch` command, run as people run it.
#![allow(missing_docs)]

mod corpus;
mod damage;
mod logs;
mod replay;
mod usage;
