//! The pure core of kmswatch: CloudTrail bytes and known States in, findings and new States out.
//!
//! Data flows one way, and the modules stand in its order:
//!
//! 1. [`trail`]: bytes → [`trail::Record`]s (gunzip, containers, skipping what no detector can use);
//! 2. [`event`]: Record → [`event::Event`], flat and typed (principal, key, operation, error class);
//! 3. [`detectors`]: Event or State → [`finding::Finding`], one file a detector;
//! 4. [`state`]: what is remembered of an entity, as values that merge in any order, any number of times;
//! 5. [`baseline`]: what is usual for an entity, and how unlikely what it did is;
//! 6. [`incident`]: findings that belong together, and when they are worth an alert;
//! 7. [`tuning`]: what people have declared not to be worth an alert;
//! 8. [`pipeline`]: the calls that a shell makes, in order.
//!
//! Nothing here reads a clock, the environment or a file, starts a thread or prints:
//! the same input gives the same bytes out, so a replay is evidence of what production does.

pub mod baseline;
pub mod detectors;
pub mod estate;
pub mod event;
pub mod finding;
pub mod incident;
pub mod json;
pub mod measures;
pub mod pipeline;
pub mod policy;
pub mod runbook;
pub mod settings;
pub mod stage;
pub mod state;
pub mod time;
pub mod trail;
pub mod tuning;
pub mod words;
