//! Distinct operations that the principal was refused: somebody finds out what the credentials allow.

use super::{Counted, Measure, Of};

/// The measure.
pub const MEASURE: Measure = Measure {
    id: "operations_denied",
    code: 11,
    unit: "distinct operations denied",
    of: Of::Principal,
    seasonal: false,
    by_resource: false,
    count: |event| match event.denied() && !event.dry_run {
        true => Counted::value(Some(&event.name)),
        false => Counted::Nothing,
    },
};
