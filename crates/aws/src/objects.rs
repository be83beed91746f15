//! The port to log objects: bytes of an object in a bucket.

pub mod listing;
pub mod s3;

use async_trait::async_trait;

/// Names an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// Name of the bucket.
    pub bucket: String,
    /// Key, decoded.
    pub key: String,
    /// Version, if the notification named one.
    pub version: Option<String>,
}

impl ObjectRef {
    /// The newest version of an object.
    pub fn new(bucket: &str, key: &str) -> ObjectRef {
        ObjectRef { bucket: bucket.to_owned(), key: key.to_owned(), version: None }
    }
}

/// Why an object could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// It does not exist, or no longer. Trying again does not help; that a log has vanished is worth a look.
    #[error("the object does not exist")]
    NotFound,
    /// Access to it, or to the key it is encrypted with, was denied. Without `s3:ListBucket` a missing object looks
    /// like this, too.
    #[error("access to the object was denied: {0}")]
    AccessDenied(String),
    /// It holds more bytes than are read.
    #[error("the object has more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// Too many requests, still after the client's own retries.
    #[error("requests for objects are throttled")]
    Throttled,
    /// Anything else: the network, a fault of the service.
    #[error("the object could not be read: {0}")]
    Failed(String),
}

impl ObjectError {
    /// Whether the same request can succeed later without anyone doing anything.
    pub fn is_temporary(&self) -> bool {
        matches!(self, ObjectError::Throttled | ObjectError::Failed(_))
    }

    /// The word under which it is counted.
    pub fn reason(&self) -> &'static str {
        match self {
            ObjectError::NotFound => "not_found",
            ObjectError::AccessDenied(_) => "access_denied",
            ObjectError::TooLarge { .. } => "too_large",
            ObjectError::Throttled => "throttled",
            ObjectError::Failed(_) => "failed",
        }
    }
}

/// Gives the bytes of objects.
#[async_trait]
pub trait Objects: Send + Sync {
    /// All bytes of `object` as they are stored, compressed or not.
    ///
    /// # Errors
    /// See [`ObjectError`]. An object of more than `limit` bytes is refused before more than `limit` bytes are held.
    async fn get(&self, object: &ObjectRef, limit: u64) -> Result<Vec<u8>, ObjectError>;
}
