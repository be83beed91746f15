//! The operations of KMS.

/// An operation or service event of KMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// An operation that this version does not know, or one of another service.
    Other,
}
