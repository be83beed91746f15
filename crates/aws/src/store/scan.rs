//! All items of a table, for those who look at it from outside. The pipeline itself asks for items by name alone, and
//! its role may do nothing else.

use super::dynamodb::{DynamoStore, read, told_apart};
use super::{Item, StoreError};
use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::{BTreeMap, HashMap};

impl DynamoStore {
    /// The items whose names begin with one of these. What is written meanwhile may be among them or not.
    ///
    /// # Errors
    /// See [`StoreError`]; all or nothing.
    pub async fn all(&self, prefixes: &[&str]) -> Result<BTreeMap<String, Item>, StoreError> {
        let one = |at: usize| format!("begins_with(pk, :p{at})");
        let filter: Vec<String> = (0..prefixes.len()).map(one).collect();
        let value =
            |(at, prefix): (usize, &&str)| (format!(":p{at}"), AttributeValue::S((*prefix).to_owned()));
        let values: HashMap<String, AttributeValue> = prefixes.iter().enumerate().map(value).collect();
        let request = self.client.scan().table_name(&self.table).consistent_read(true);
        let request =
            request.filter_expression(filter.join(" OR ")).set_expression_attribute_values(Some(values));
        let mut pages = request.into_paginator().send();
        let mut items = BTreeMap::new();
        while let Some(page) = pages.next().await {
            for attributes in page.map_err(told_apart)?.items.unwrap_or_default() {
                let (name, item) = read(attributes)?;
                items.insert(name, item);
            }
        }
        Ok(items)
    }
}
