//! Distinct keys that the principal was refused: enumeration.

use super::{Counted, Measure, Of};

/// The measure.
pub const MEASURE: Measure = Measure {
    id: "keys_denied",
    code: 6,
    unit: "distinct keys denied",
    of: Of::Principal,
    seasonal: false,
    by_resource: false,
    count: |event| match &event.key {
        Some(key) if event.denied() => Counted::value(Some(&key.arn)),
        _ => Counted::Nothing,
    },
};
