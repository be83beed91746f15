//! What logs tell of keys, for people who want to look: who uses which key, what is careless about it, what breaks if
//! it goes; and the page that shows this beside findings and incidents.
//!
//! Pure like the engine: it gets a [`Watch`](kmswatch_engine::pipeline::Watch) and counts of its own, and gives values
//! and text. In reading order:
//!
//! 1. [`facts`]: what an event says about how a key is used;
//! 2. [`usage`]: who did what with which key how often, each event once, within bounds;
//! 3. [`inventory`]: one entry a key, with its users, its state, its cost and what breaks without it;
//! 4. [`hygiene`]: what is careless, one file a signal;
//! 5. [`page`]: everything on one self-contained HTML page.

pub mod facts;
#[cfg(test)]
#[path = "../../../tests/golden.rs"]
mod golden;
pub mod hygiene;
pub mod inventory;
pub mod page;
#[cfg(test)]
mod testing;
pub mod usage;
mod words;
