//! Objects in Amazon S3.

use super::listing::{Listed, SIDE_BY_SIDE, Visit};
use super::{ObjectError, ObjectRef, Objects};
use crate::fault::{describe, is_throttling};
use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectError;
use futures_util::{StreamExt, TryStreamExt, stream};

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

    /// What is directly in these folders, or below them: objects, and folders to step into.
    pub(super) async fn list_all(
        &self,
        bucket: &str,
        folders: &[(String, Visit)],
    ) -> Result<Vec<(Vec<Listed>, Vec<String>)>, ObjectError> {
        let lists: Vec<_> =
            folders.iter().map(|(folder, visit)| self.list_one(bucket, folder, *visit)).collect();
        stream::iter(lists).buffered(SIDE_BY_SIDE).try_collect().await
    }

    async fn list_one(
        &self,
        bucket: &str,
        folder: &str,
        visit: Visit,
    ) -> Result<(Vec<Listed>, Vec<String>), ObjectError> {
        let delimiter = (visit == Visit::Step).then(|| "/".to_owned());
        let request = self.client.list_objects_v2().bucket(bucket).prefix(folder).set_delimiter(delimiter);
        let mut pages = request.into_paginator().send();
        let (mut objects, mut folders) = (Vec::new(), Vec::new());
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| match error.raw_response().map(|raw| raw.status().as_u16()) {
                _ if is_throttling(&error) => ObjectError::Throttled,
                Some(403) => ObjectError::AccessDenied(describe(&error)),
                _ => ObjectError::Failed(describe(&error)),
            })?;
            for object in page.contents.unwrap_or_default() {
                let bytes = object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
                objects.extend(object.key.map(|key| Listed { key, bytes }));
            }
            folders.extend(page.common_prefixes.unwrap_or_default().into_iter().filter_map(|one| one.prefix));
        }
        Ok((objects, folders))
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
    // A key that is disabled or deleted is told under a code of its own, with the status of a bad request.
    let code = error.as_service_error().and_then(|error| error.code()).unwrap_or_default();
    if code.starts_with("KMS.") {
        return ObjectError::AccessDenied(describe(&error));
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
