//! Dates inside KMS requests and responses, which are locale text and not RFC 3339.
