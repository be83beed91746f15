//! How a call ended: its error class (reference: KMS API common errors and key-state table).

use crate::json::Text;

/// What an error means for detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ErrorClass {
    /// No permission.
    Denied,
    /// The key cannot be used in its state: disabled, pending deletion or import, unavailable.
    KeyState,
    /// Too many calls.
    Throttled,
    /// The request was wrong.
    BadInput,
    /// No such key or alias.
    NotFound,
    /// Wrong key, context, signature or MAC.
    CryptoMismatch,
    /// `DryRunOperationException`: it would have worked.
    DryRun,
    /// AWS or a key store failed.
    ServiceFault,
    /// A code that this version does not know.
    Other,
}

/// How a call ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The error, if it failed.
    pub error: Option<CallError<'a>>,
}

/// An error as CloudTrail writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError<'a> {
    /// `errorCode`.
    pub code: Text<'a>,
    /// `errorMessage`.
    pub message: Option<Text<'a>>,
    /// What it means.
    pub class: ErrorClass,
}

impl Outcome<'_> {
    /// The class of the error, if it failed.
    pub fn class(&self) -> Option<ErrorClass> {
        self.error.as_ref().map(|error| error.class)
    }
}
