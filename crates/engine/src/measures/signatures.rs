//! Signatures and MACs made.

use super::{Counted, Measure, Of};
use crate::event::operation::Direction;

/// The measure.
pub const MEASURE: Measure = Measure {
    id: "signatures",
    code: 8,
    unit: "signatures and MACs",
    of: Of::Principal,
    seasonal: false,
    by_resource: false,
    count: |event| {
        Counted::act_if(
            event.succeeded() && matches!(event.operation.info().direction, Direction::Sign | Direction::Mac),
        )
    },
};
