//! Distinct keys that the principal used for cryptography.

use super::{Counted, Measure, Of};

/// The measure.
pub const MEASURE: Measure = Measure {
    id: "keys_used",
    code: 5,
    unit: "distinct keys used",
    of: Of::Principal,
    seasonal: false,
    by_resource: false,
    count: |event| match &event.key {
        Some(key) if event.succeeded() && event.operation.is_cryptographic() => {
            Counted::value(Some(&key.arn))
        }
        _ => Counted::Nothing,
    },
};
