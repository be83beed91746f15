//! Which key an alias means, over all keys that are known.

use super::KeyState;
use crate::time::Timestamp;
use indexmap::IndexMap;
use std::collections::BTreeMap;

/// Aliases and keys, both ways.
///
/// UpdateAlias names only the new key, so the State of the old one still says that the alias points at it. Of all
/// keys that claim an alias the last writer is right.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// By alias ARN.
    owners: BTreeMap<String, Owner>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Owner {
    stamp: Option<(Timestamp, u64)>,
    points: bool,
    key: String,
}

impl Names {
    /// Reads the aliases of all keys.
    pub fn new(keys: &IndexMap<String, KeyState>) -> Names {
        let mut owners: BTreeMap<String, Owner> = BTreeMap::new();
        for (key, state) in keys {
            for (alias, register) in state.aliases.iter() {
                let Some(arn) = alias_arn(key, alias) else { continue };
                let owner = Owner {
                    stamp: register.stamp(),
                    points: register.get() == Some(&true),
                    key: key.clone(),
                };
                match owners.get_mut(&arn) {
                    Some(known) => *known = owner.max(known.clone()),
                    None => {
                        owners.insert(arn, owner);
                    }
                }
            }
        }
        Names { owners }
    }

    /// The key that an alias ARN means, or meant before the alias was deleted.
    pub fn key_of(&self, alias_arn: &str) -> Option<&str> {
        self.owners.get(alias_arn).map(|owner| owner.key.as_str())
    }

    /// ARNs of the aliases that mean the key, or meant it before they were deleted.
    pub fn aliases_of(&self, key: &str, state: &KeyState) -> Vec<String> {
        let arns = state.aliases.iter().filter_map(|(alias, _)| alias_arn(key, alias));
        arns.filter(|arn| self.key_of(arn) == Some(key)).collect()
    }

    /// Names by which people know the key, in order: the aliases that point at it, or if all are gone (the key may
    /// be too), those it had last.
    pub fn of(&self, key: &str, state: &KeyState) -> Vec<String> {
        let names = |points: bool| -> Vec<String> {
            let owned = state.aliases.iter().filter(|(alias, _)| {
                let owner = alias_arn(key, alias).and_then(|arn| self.owners.get(&arn));
                owner.is_some_and(|owner| owner.key == key && owner.points == points)
            });
            owned.map(|(alias, _)| alias.to_owned()).collect()
        };
        let present = names(true);
        if present.is_empty() { names(false) } else { present }
    }
}

/// The ARN of an alias of this key: they share partition, Region and account.
fn alias_arn(key: &str, alias: &str) -> Option<String> {
    let (home, _) = key.split_once(":key/")?;
    Some(format!("{home}:{alias}"))
}
