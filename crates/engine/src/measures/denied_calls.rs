//! Calls refused for want of permission.

use super::{Counted, Measure, Of};

/// The measure.
pub const MEASURE: Measure = Measure {
    id: "denied_calls",
    code: 3,
    unit: "denied calls",
    of: Of::Both,
    seasonal: false,
    by_resource: false,
    count: |event| Counted::act_if(event.denied() && !event.dry_run),
};
