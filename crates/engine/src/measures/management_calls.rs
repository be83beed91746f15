//! Calls that read about keys or change them, successful ones.

use super::{Counted, Measure, Of};
use crate::event::Source;

/// The measure.
pub const MEASURE: Measure = Measure {
    id: "management_calls",
    code: 9,
    unit: "management calls",
    of: Of::Principal,
    seasonal: false,
    by_resource: false,
    count: |event| {
        Counted::act_if(
            event.succeeded() && event.source == Source::Kms && !event.operation.is_cryptographic(),
        )
    },
};
