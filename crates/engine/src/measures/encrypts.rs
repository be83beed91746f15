//! Encryptions that release nothing: a jump of them may be somebody encrypting data for ransom.

use super::{Counted, Measure, Of};
use crate::event::operation::Direction;

/// The measure.
pub const MEASURE: Measure = Measure {
    id: "encrypts",
    code: 2,
    unit: "encrypts",
    of: Of::Principal,
    seasonal: false,
    by_resource: false,
    count: |event| {
        Counted::act_if(event.succeeded() && event.operation.info().direction == Direction::Encrypt)
    },
};
