//! IAM policy documents, evaluated.
