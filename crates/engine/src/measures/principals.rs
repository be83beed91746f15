//! Distinct principals that used the key.

use super::{Counted, Measure, Of};

/// The measure.
pub const MEASURE: Measure = Measure {
    id: "principals",
    code: 10,
    unit: "distinct principals",
    of: Of::Key,
    seasonal: false,
    by_resource: false,
    count: |event| match event.key {
        Some(_) if event.succeeded() && event.operation.is_cryptographic() => {
            Counted::value(Some(&event.principal.id))
        }
        _ => Counted::Nothing,
    },
};
