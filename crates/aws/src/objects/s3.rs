//! Objects in Amazon S3.

use super::{ObjectError, ObjectRef, Objects};
use crate::fault::{describe, is_throttling};
use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;

/// Objects in Amazon S3.
#[derive(Clone, Debug)]
pub struct S3Objects {
    client: Client,
}

impl S3Objects {
    /// Objects as `client` sees them.
    pub fn new(client: Client) -> S3Objects {
        S3Objects { client }
    }
}

#[async_trait]
impl Objects for S3Objects {
    async fn get(&self, object: &ObjectRef, limit: u64) -> Result<Vec<u8>, ObjectError> {
        let request = self.client.get_object().bucket(&object.bucket).key(&object.key);
        let answer = request.set_version_id(object.version.clone()).send().await.map_err(told_apart)?;
        let announced = answer.content_length().and_then(|length| u64::try_from(length).ok());
        if announced.is_some_and(|length| length > limit) {
            return Err(ObjectError::TooLarge { limit });
        }
        let mut bytes = Vec::with_capacity(announced.map_or(0, |length| length as usize));
        let mut body = answer.body;
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| ObjectError::Failed(error.to_string()))?;
            // The announced length is not trusted.
            if (bytes.len() + chunk.len()) as u64 > limit {
                return Err(ObjectError::TooLarge { limit });
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

fn told_apart(error: SdkError<GetObjectError>) -> ObjectError {
    if is_throttling(&error) {
        return ObjectError::Throttled;
    }
    let status = error.raw_response().map(|response| response.status().as_u16());
    let is_missing = error.as_service_error().is_some_and(GetObjectError::is_no_such_key);
    match status {
        _ if is_missing => ObjectError::NotFound,
        Some(404) => ObjectError::NotFound,
        Some(403) => ObjectError::AccessDenied(describe(&error)),
        _ => ObjectError::Failed(describe(&error)),
    }
}
