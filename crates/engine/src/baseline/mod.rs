//! What is usual for an entity, and how unlikely what it did is.

pub mod budget;
pub mod rate;
pub mod tail;

mod bytes;
mod quantity;

pub use bytes::Malformed;
