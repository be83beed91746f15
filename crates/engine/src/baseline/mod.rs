//! What is usual for an entity, and how unlikely what it did is.

pub mod rate;
pub mod series;
pub mod tail;

mod quantity;
