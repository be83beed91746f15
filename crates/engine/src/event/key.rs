//! Which key: its ARN from whatever names the record gives.

use crate::finding::KeyName;
use crate::json::Text;

/// A KMS key as an event names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// The key ARN. Where the record has only a name that is no ARN and no account is known, that name.
    pub arn: Text<'a>,
    /// Account that owns the key, from the ARN.
    pub account: Option<Text<'a>>,
    /// Region of the key, from the ARN.
    pub region: Option<Text<'a>>,
    /// The key id: `mrk-...` is the same in every Region of a multi-Region key.
    pub id: Text<'a>,
    /// Whether the record names the key only by an alias (the ARN is then an alias ARN).
    pub is_alias: bool,
}

impl Key<'_> {
    /// Whether it belongs to a multi-Region key.
    pub fn is_multi_region(&self) -> bool {
        self.id.starts_with("mrk-")
    }

    /// The key, for a finding; its aliases are known later.
    pub fn name(&self) -> KeyName {
        KeyName {
            arn: self.arn.to_string(),
            aliases: if self.is_alias { vec![self.id.to_string()] } else { Vec::new() },
            account: self.account.as_ref().map(|t| t.to_string()),
            region: self.region.as_ref().map(|t| t.to_string()),
        }
    }
}
