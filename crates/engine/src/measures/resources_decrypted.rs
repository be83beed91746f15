//! Distinct secrets, parameters, objects and volumes whose data was decrypted: fan-out, seen from KMS alone.

use super::{Counted, Measure, Of};

/// The measure.
pub const MEASURE: Measure = Measure {
    id: "resources_decrypted",
    code: 4,
    unit: "distinct resources opened",
    of: Of::Principal,
    seasonal: false,
    by_resource: true,
    count: |event| match &event.resource {
        Some(resource) if event.succeeded() && event.operation.releases_secret() => {
            Counted::value(Some(&resource.id))
        }
        _ => Counted::Nothing,
    },
};
