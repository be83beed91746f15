//! Hours as they are read back: one that nobody has lived in is damage, and would overflow what is computed with it.

use super::bytes::MAX_HOUR;
use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;

fn checked<E: Error>(hour: i64) -> Result<i64, E> {
    if (-MAX_HOUR..=MAX_HOUR).contains(&hour) {
        Ok(hour)
    } else {
        Err(E::invalid_value(Unexpected::Signed(hour), &"whole hours since the epoch"))
    }
}

/// What is kept by hour.
pub(super) fn by_hour<'de, D, T>(deserializer: D) -> Result<BTreeMap<i64, T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let map = BTreeMap::<i64, T>::deserialize(deserializer)?;
    map.keys().try_for_each(|hour| checked(*hour).map(|_| ()))?;
    Ok(map)
}

/// An hour, if there is one.
pub(super) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Option::<i64>::deserialize(deserializer)?.map(checked).transpose()
}
