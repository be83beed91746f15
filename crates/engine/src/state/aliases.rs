//! Which aliases point at a key.

use super::{Merge, Register, seen::bounded};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Alias names of one key, each with whether it points at the key, as the last writer says.
///
/// At most [`Aliases::BOUND`] names, those written last (KMS allows 50 aliases a key). The stamp of a name only
/// grows, so these are the greatest of a map of growing values: the mirror of what [`super::Seen`] explains,
/// and as exact. Making and deleting aliases can push the oldest out; the next event that names one by its
/// alias brings it back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aliases {
    names: BTreeMap<String, Register<bool>>,
}

impl Aliases {
    /// Names that are kept.
    pub const BOUND: usize = 64;

    /// Takes up that `name` (`alias/...`) pointed at the key, or no longer did.
    pub fn write(&mut self, name: &str, time: Timestamp, event_id: &str, points_here: bool) {
        let name = bounded(name);
        match self.names.get_mut(name.as_ref()) {
            Some(register) => register.write(time, event_id, points_here),
            None => {
                let mut register = Register::default();
                register.write(time, event_id, points_here);
                self.names.insert(name.into_owned(), register);
                self.cut();
            }
        }
    }

    /// All names with what was last written of each, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Register<bool>)> {
        self.names.iter().map(|(name, register)| (name.as_str(), register))
    }

    /// Whether no alias is known.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    fn cut(&mut self) {
        while self.names.len() > Self::BOUND {
            let oldest = self.names.iter().min_by_key(|(name, register)| (register.stamp(), *name));
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else { return };
            self.names.remove(&oldest);
        }
    }
}

impl Merge for Aliases {
    fn merge(&mut self, other: &Self) {
        for (name, register) in &other.names {
            match self.names.get_mut(name) {
                Some(known) => known.merge(register),
                None => {
                    self.names.insert(name.clone(), register.clone());
                }
            }
        }
        self.cut();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::laws;
    use proptest::prelude::*;

    fn of(writes: &[(u8, i64, bool)]) -> Aliases {
        let mut aliases = Aliases::default();
        for (name, time, here) in writes {
            aliases.write(&format!("alias/{name}"), Timestamp(*time), &format!("{name} {time}"), *here);
        }
        aliases
    }

    #[test]
    fn the_names_written_last_are_kept() {
        let writes: Vec<_> = (0..70).map(|n| (n, i64::from(n), true)).collect();
        let aliases = of(&writes);
        assert_eq!(aliases.iter().count(), Aliases::BOUND);
        assert!(aliases.iter().all(|(_, register)| register.time() >= Some(Timestamp(6))));
    }

    proptest! {
        #[test]
        fn it_is_a_semilattice(
            writes in prop::collection::vec((0u8..100, 0i64..100, any::<bool>()), 0..160),
            cuts: [u8; 2],
        ) {
            laws::check(&writes, cuts, of)?;
        }
    }
}
