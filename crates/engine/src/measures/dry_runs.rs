//! Dry runs made directly: a test of permissions that leaves no other trace. Services make them too, for their callers.

use super::{Counted, Measure, Of};

/// The measure.
pub const MEASURE: Measure = Measure {
    id: "dry_runs",
    code: 7,
    unit: "dry runs",
    of: Of::Principal,
    seasonal: false,
    by_resource: false,
    count: |event| Counted::act_if(event.dry_run && event.principal.via_service.is_none()),
};
