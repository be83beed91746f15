//! The port to the table: small items with a version, written by compare-and-swap.
//!
//! Everything that lasts is one kind of thing: an item with a name, an opaque body and a version. States, sets, the
//! judge, leases and the records of publications are values in such items ([`crate::entities`],
//! [`crate::publications`] …), and whoever writes one says which version it read. So there is one port to get right,
//! and one rule to reason about: a write that did not see the newest version does not happen.

pub mod dynamodb;
mod scan;

use async_trait::async_trait;
use kmswatch_engine::state::stored;
use kmswatch_engine::time::Timestamp;
use std::time::Duration;

/// Largest body, in bytes. DynamoDB refuses items of more than 400 KB, names and numbers included.
pub const LARGEST_BODY: usize = stored::MAX_BYTES;

/// A stored item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What is stored.
    pub body: Vec<u8>,
    /// Grows by one with each write; the first is 1.
    pub version: u64,
    /// When it may be forgotten.
    pub expires: Timestamp,
}

/// A write that happens only if nobody else wrote in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Name of the item: at most 2,048 bytes.
    pub name: String,
    /// What to store.
    pub body: Vec<u8>,
    /// The version that was read; `None` if there was no item.
    pub read: Option<u64>,
    /// When the item may be forgotten. Until it is, some time later, it is still read.
    pub expires: Timestamp,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is stored.
    Written,
    /// Somebody else wrote in between, or an earlier try of this very write whose answer was lost: read again.
    Conflict,
}

/// Why the table could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The body is larger than [`LARGEST_BODY`]. Nothing was written; what was stored before is unharmed.
    #[error("the item {name} would have {bytes} bytes, more than an item may have")]
    TooLarge {
        /// Name of the item.
        name: String,
        /// Bytes of its body.
        bytes: usize,
    },
    /// Too many requests, still after retries.
    #[error("requests to the table are throttled")]
    Throttled,
    /// Others kept writing the same item, through all retries.
    #[error("the item {0} is written by too many at a time")]
    Contended(String),
    /// A value has no stored form, or none that fits an item. What was stored before is unharmed.
    #[error("the item {name} cannot be written: {reason}")]
    Unwritable {
        /// Name of the item.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What is stored cannot be read: the item was written by a newer version, or damaged.
    #[error("the item {name} cannot be read: {reason}")]
    Unreadable {
        /// Name of the item.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Anything else. A write may have happened or not.
    #[error("the table could not be used: {0}")]
    Failed(String),
}

/// Reads and writes items.
#[async_trait]
pub trait Store: Send + Sync {
    /// The items of these names, in their order; `None` where there is none. Any number of names; none is fine.
    /// Reads are consistent: what was written before is seen.
    ///
    /// # Errors
    /// See [`StoreError`]; all or nothing.
    async fn get(&self, names: &[String]) -> Result<Vec<Option<Item>>, StoreError>;

    /// Writes one item if its version is still the one that was read.
    ///
    /// # Errors
    /// See [`StoreError`]. After [`StoreError::Failed`] the write may have happened.
    async fn put(&self, write: Write) -> Result<Put, StoreError>;

    /// Waits before another try. A service is given the time; where nobody else needs time to finish, a turn for the
    /// others is enough.
    async fn pause(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }
}

/// Refuses a body that no table would take.
pub(crate) fn check_size(write: &Write) -> Result<(), StoreError> {
    if write.body.len() > LARGEST_BODY {
        return Err(StoreError::TooLarge { name: write.name.clone(), bytes: write.body.len() });
    }
    Ok(())
}
