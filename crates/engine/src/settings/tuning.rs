//! What people declare so that alerts fit their estate: suppressions, maintenance, what is confirmed.

use crate::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

/// Findings that nobody wants to be alerted about, for a while. All conditions that are given must hold; each is a list
/// of which one is enough. Muting stops alerts only: findings stay in incidents and take part in combinations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suppression {
    /// Why it is right to mute this.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Events from this moment on are told again: RFC 3339, or a date (00:00 UTC).
    #[serde(deserialize_with = "moment")]
    pub expires: Timestamp,
    /// Ids of detectors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detectors: Vec<String>,
    /// Principals, with `*` for any text: `arn:aws:iam::111122223333:role/scanner-*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub principals: Vec<String>,
    /// Keys by ARN or alias, with `*` for any text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Accounts in whose logs it stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    /// Networks from which the call came that the finding tells of: `203.0.113.0/24`, `2001:db8::/32`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<String>,
    /// Only findings that begin at or after this moment.
    #[serde(default, deserialize_with = "some_moment", skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Only findings that begin before this moment.
    #[serde(default, deserialize_with = "some_moment", skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// Planned work, in which unusual counts and first uses are to be expected. Mutes findings of statistics only: what is
/// destroyed, opened or blinded is told during maintenance as well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// What is done.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// When it begins: RFC 3339, or a date (00:00 UTC).
    #[serde(deserialize_with = "moment")]
    pub from: Timestamp,
    /// When it ends.
    #[serde(deserialize_with = "moment")]
    pub until: Timestamp,
    /// Principals that do it, with `*` for any text. Empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub principals: Vec<String>,
    /// Keys concerned, by ARN or alias, with `*` for any text. Empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Accounts concerned. Empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
}

/// What somebody has looked into and can explain: an attack that alerts told of, a test, a backfill. What these actors did
/// in that time says nothing of what is usual in the estate, so the next one is not taken for it. It mutes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmed {
    /// What it was.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Principals, or keys by ARN, as the alert names them.
    pub actors: Vec<String>,
    /// When it began: RFC 3339, or a date (00:00 UTC).
    #[serde(deserialize_with = "moment")]
    pub from: Timestamp,
    /// When it ended.
    #[serde(deserialize_with = "moment")]
    pub until: Timestamp,
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| {
        serde::de::Error::custom(format!(
            "{text:?} is no moment: write \"2026-12-31\" or \"2026-12-31T18:00:00Z\""
        ))
    })
}

fn some_moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    moment(deserializer).map(Some)
}

/// RFC 3339, or a date at 00:00 UTC.
fn parse(text: &str) -> Option<Timestamp> {
    Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")))
}
