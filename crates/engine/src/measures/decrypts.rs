//! Decrypts, and data keys and shared secrets released in plaintext: what a thief of data needs.

use super::{Counted, Measure, Of};

/// The measure.
pub const MEASURE: Measure = Measure {
    id: "decrypts",
    code: 1,
    unit: "decrypts and data keys",
    of: Of::Both,
    seasonal: true,
    by_resource: false,
    count: |event| Counted::act_if(event.succeeded() && event.operation.releases_secret()),
};
