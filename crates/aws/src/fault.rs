//! What an error of a client of AWS says.

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use std::error::Error;

/// Longest description that is kept, in characters. Services repeat parts of requests in messages.
const LONGEST: usize = 500;

/// The error with its causes: what the client itself prints is only "dispatch failure".
pub(crate) fn describe<E: Error + 'static, R: std::fmt::Debug + 'static>(error: &SdkError<E, R>) -> String {
    DisplayErrorContext(error).to_string().chars().take(LONGEST).collect()
}

/// Whether the service said that there were too many requests.
pub(crate) fn is_throttling<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
    matches!(
        code,
        "SlowDown"
            | "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestLimitExceeded"
            | "ProvisionedThroughputExceededException"
            | "TooManyRequestsException"
            | "RequestThrottled"
            | "RequestThrottledException"
    )
}
