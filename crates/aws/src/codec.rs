//! Small values as bodies of items: JSON. States have a form of their own ([`kmswatch_engine::state::stored`]).

use crate::store::StoreError;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The body of a value.
pub(crate) fn write<T: Serialize>(value: &T) -> Vec<u8> {
    // Sets of text, and structures of text and numbers: there is nothing in them that cannot be written.
    serde_json::to_vec(value).unwrap_or_default()
}

/// Reads what [`write`] wrote.
pub(crate) fn read<T: DeserializeOwned>(name: &str, body: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(body)
        .map_err(|error| StoreError::Unreadable { name: name.to_owned(), reason: error.to_string() })
}
