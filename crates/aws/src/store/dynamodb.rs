//! Items in an Amazon DynamoDB table with the string key `pk`.
//!
//! Attributes: `pk` name, `body` binary, `version` number, `ttl` seconds since the epoch (the table's TTL attribute).

use super::{Item, Put, Store, StoreError, Write, check_size};
use crate::backoff::Backoff;
use crate::fault::{describe, is_throttling};
use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use futures_util::{StreamExt, TryStreamExt, stream};
use kmswatch_engine::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Names in one BatchGetItem: the most that DynamoDB takes.
const NAMES: usize = 100;
/// Batches that are read side by side.
const BATCHES: usize = 4;

/// Items in a DynamoDB table.
#[derive(Clone, Debug)]
pub struct DynamoStore {
    pub(super) client: Client,
    pub(super) table: String,
}

pub(super) type Attributes = HashMap<String, AttributeValue>;

impl DynamoStore {
    /// Items in the table of this name.
    pub fn new(client: Client, table: &str) -> DynamoStore {
        DynamoStore { client, table: table.to_owned() }
    }

    /// Reads at most [`NAMES`] items. DynamoDB leaves names out when the answer gets too large or it is busy, and
    /// says which: those are asked for again.
    async fn get_some(&self, names: Vec<String>) -> Result<BTreeMap<String, Item>, StoreError> {
        let mut found = BTreeMap::new();
        let mut left: Vec<Attributes> = names
            .into_iter()
            .map(|name| HashMap::from([("pk".to_owned(), AttributeValue::S(name))]))
            .collect();
        let mut backoff = Backoff::default();
        while !left.is_empty() {
            let wanted = KeysAndAttributes::builder().set_keys(Some(left)).consistent_read(true).build();
            let wanted = wanted.map_err(|error| StoreError::Failed(error.to_string()))?;
            let answer = self.client.batch_get_item().request_items(&self.table, wanted).send().await;
            let answer = answer.map_err(told_apart)?;
            let items = answer.responses.unwrap_or_default().remove(&self.table).unwrap_or_default();
            let progress = !items.is_empty();
            for attributes in items {
                let (name, item) = read(attributes)?;
                found.insert(name, item);
            }
            let rest = answer.unprocessed_keys.unwrap_or_default().remove(&self.table);
            left = rest.map(|rest| rest.keys).unwrap_or_default();
            if progress {
                backoff = Backoff::default();
            }
            if !left.is_empty() && !backoff.wait(self).await {
                return Err(StoreError::Throttled);
            }
        }
        Ok(found)
    }
}

#[async_trait]
impl Store for DynamoStore {
    async fn get(&self, names: &[String]) -> Result<Vec<Option<Item>>, StoreError> {
        let distinct: Vec<&String> = names.iter().collect::<BTreeSet<_>>().into_iter().collect();
        let batches: Vec<Vec<String>> =
            distinct.chunks(NAMES).map(|names| names.iter().copied().cloned().collect()).collect();
        let found: Vec<BTreeMap<String, Item>> = stream::iter(batches)
            .map(|batch| self.get_some(batch))
            .buffer_unordered(BATCHES)
            .try_collect()
            .await?;
        let found: BTreeMap<String, Item> = found.into_iter().flatten().collect();
        Ok(names.iter().map(|name| found.get(name).cloned()).collect())
    }

    async fn put(&self, write: Write) -> Result<Put, StoreError> {
        check_size(&write)?;
        let version = write.read.unwrap_or(0) + 1;
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("pk", AttributeValue::S(write.name))
            .item("body", AttributeValue::B(Blob::new(write.body)))
            .item("version", AttributeValue::N(version.to_string()))
            .item("ttl", AttributeValue::N(write.expires.0.to_string()));
        let request = match write.read {
            None => request.condition_expression("attribute_not_exists(pk)"),
            Some(read) => request
                .condition_expression("#version = :read")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":read", AttributeValue::N(read.to_string())),
        };
        match request.send().await {
            Ok(_) => Ok(Put::Written),
            Err(error) => {
                let service = error.as_service_error();
                if service.is_some_and(|error| error.is_conditional_check_failed_exception()) {
                    return Ok(Put::Conflict);
                }
                Err(told_apart(error))
            }
        }
    }
}

pub(super) fn read(mut attributes: Attributes) -> Result<(String, Item), StoreError> {
    let Some(AttributeValue::S(name)) = attributes.remove("pk") else {
        return Err(StoreError::Failed("an item without a name".to_owned()));
    };
    let number = |name: &str| attributes.get(name).and_then(|value| value.as_n().ok());
    let version = number("version").and_then(|text| text.parse().ok());
    let expires = number("ttl").and_then(|text| text.parse().ok()).unwrap_or_default();
    match (attributes.remove("body"), version) {
        (Some(AttributeValue::B(body)), Some(version)) => {
            Ok((name, Item { body: body.into_inner(), version, expires: Timestamp(expires) }))
        }
        _ => Err(StoreError::Unreadable { name, reason: "it has no body or no version".to_owned() }),
    }
}

pub(super) fn told_apart<E>(error: SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    if is_throttling(&error) { StoreError::Throttled } else { StoreError::Failed(describe(&error)) }
}
