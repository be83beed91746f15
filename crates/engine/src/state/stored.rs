//! The form in which the State of one entity is stored: small, versioned, the same bytes for the same State.
//!
//! One byte that names the format, then the State as MessagePack maps with the names of the fields, deflated. Names
//! cost next to nothing once deflated (they repeat), and they are what keeps old items readable: a field that a later
//! version adds is missing in an older item and takes its default. A change that defaults cannot carry takes the next
//! number, and a reader for this one stays.
//!
//! What is read back is not trusted: its size is bounded before it is inflated further, and damage is an error that
//! says what to do, never a State with something missing.

use super::{AccountState, KeyState, Merge, PrincipalState, States, entry};
use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::Read;

/// The format written by this version.
pub const FORMAT: u8 = 1;

/// Longest stored State that is written or read, in bytes: an item of DynamoDB holds 400 KB, and names and numbers
/// beside it need a little. No State comes near it; the bounds of their parts see to that (tested).
pub const MAX_BYTES: usize = 384 << 10;

/// Longest MessagePack that is inflated.
const MAX_INFLATED: u64 = 16 << 20;

/// What kind of entity a State is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    /// A key, by ARN.
    Key,
    /// A principal, by its id.
    Principal,
    /// An account, by its number.
    Account,
}

impl EntityKind {
    /// The word used in stored items and output.
    pub fn name(self) -> &'static str {
        match self {
            EntityKind::Key => "key",
            EntityKind::Principal => "principal",
            EntityKind::Account => "account",
        }
    }
}

/// The name of a State.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId {
    /// What it is.
    pub kind: EntityKind,
    /// ARN, principal id or account number.
    pub id: String,
}

impl EntityId {
    /// The name of an entity.
    pub fn new(kind: EntityKind, id: impl Into<String>) -> EntityId {
        EntityId { kind, id: id.into() }
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.kind.name(), self.id)
    }
}

/// Why a stored value was not written.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// It would be longer than [`MAX_BYTES`].
    #[error("the State takes {bytes} bytes, more than the {MAX_BYTES} that an item may have")]
    TooLong {
        /// What it takes.
        bytes: usize,
    },
    /// It could not be written.
    #[error("the State cannot be written: {0}")]
    Failed(String),
}

/// Why a stored value could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Nothing there.
    #[error("the stored State is empty")]
    Empty,
    /// Of a format that this version does not know.
    #[error("the stored State has format {0}; this version reads {FORMAT}: update kmswatch everywhere")]
    Format(u8),
    /// Longer than anything that is written.
    #[error("the stored State is longer than any that is written")]
    TooLong,
    /// Not what was written.
    #[error("the stored State is damaged ({0}): restore the item, or delete it and learn anew")]
    Damaged(String),
}

/// The stored form of a value.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let plain = rmp_serde::to_vec_named(value).map_err(|error| EncodeError::Failed(error.to_string()))?;
    let mut bytes = vec![FORMAT];
    DeflateEncoder::new(plain.as_slice(), Compression::new(6))
        .read_to_end(&mut bytes)
        .map_err(|error| EncodeError::Failed(error.to_string()))?;
    if bytes.len() > MAX_BYTES {
        return Err(EncodeError::TooLong { bytes: bytes.len() });
    }
    Ok(bytes)
}

/// The value behind a stored form.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (format, deflated) = bytes.split_first().ok_or(DecodeError::Empty)?;
    if *format != FORMAT {
        return Err(DecodeError::Format(*format));
    }
    if bytes.len() > MAX_BYTES {
        return Err(DecodeError::TooLong);
    }
    let mut plain = Vec::new();
    DeflateDecoder::new(deflated)
        .take(MAX_INFLATED + 1)
        .read_to_end(&mut plain)
        .map_err(|error| DecodeError::Damaged(error.to_string()))?;
    if plain.len() as u64 > MAX_INFLATED {
        return Err(DecodeError::TooLong);
    }
    rmp_serde::from_slice(&plain).map_err(|error| DecodeError::Damaged(error.to_string()))
}

impl States {
    /// The names of all entities in here, by kind and in the order in which they were met.
    pub fn ids(&self) -> impl Iterator<Item = EntityId> {
        let of = |kind: EntityKind| move |id: &String| EntityId::new(kind, id.as_str());
        let keys = self.keys.keys().map(of(EntityKind::Key));
        let principals = self.principals.keys().map(of(EntityKind::Principal));
        keys.chain(principals).chain(self.accounts.keys().map(of(EntityKind::Account)))
    }

    /// The stored form of one entity's State; `None` if it is not in here.
    ///
    /// # Errors
    /// If it is too long for an item.
    pub fn encode(&self, entity: &EntityId) -> Option<Result<Vec<u8>, EncodeError>> {
        let id = entity.id.as_str();
        match entity.kind {
            EntityKind::Key => self.keys.get(id).map(encode),
            EntityKind::Principal => self.principals.get(id).map(encode),
            EntityKind::Account => self.accounts.get(id).map(encode),
        }
    }

    /// Merges a stored State into the one in here.
    ///
    /// # Errors
    /// If it cannot be read; then nothing changes.
    pub fn merge_stored(&mut self, entity: &EntityId, bytes: &[u8]) -> Result<(), DecodeError> {
        let id = entity.id.as_str();
        match entity.kind {
            EntityKind::Key => {
                let state = decode::<KeyState>(bytes)?;
                entry(&mut self.keys, id).merge(&state);
            }
            EntityKind::Principal => {
                let state = decode::<PrincipalState>(bytes)?;
                entry(&mut self.principals, id).merge(&state);
            }
            EntityKind::Account => {
                let state = decode::<AccountState>(bytes)?;
                entry(&mut self.accounts, id).merge(&state);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::rate::Which;
    use crate::estate::Estate;
    use crate::event::testing::{ACCOUNT, KEY, ROLE, RecordBuilder, kms};
    use proptest::prelude::*;

    fn states(records: &[RecordBuilder]) -> States {
        let mut states = States::default();
        records.iter().for_each(|record| record.event(|event| states.observe(event, &Estate::default())));
        states
    }

    fn restored(states: &States) -> States {
        let mut restored = States::default();
        for entity in states.ids() {
            let bytes = states.encode(&entity).unwrap().unwrap();
            restored.merge_stored(&entity, &bytes).unwrap();
        }
        restored
    }

    fn some() -> States {
        states(&[
            kms("Decrypt").through("secretsmanager"),
            kms("ScheduleKeyDeletion").set("requestParameters.pendingWindowInDays", 7),
            kms("PutKeyPolicy").set("requestParameters.policy", "{}"),
            kms("Decrypt").failed("DisabledException", &format!("{KEY} is disabled.")),
        ])
    }

    #[test]
    fn what_is_stored_comes_back_whole_and_a_second_time_changes_nothing() {
        let states = some();
        assert_eq!(states.ids().count(), 3);
        let mut back = restored(&states);
        assert_eq!(back, states);
        back.merge(&restored(&states));
        assert_eq!(back, states);
    }

    #[test]
    fn profiles_of_closed_hours_come_back_whole() {
        let mut states = some();
        let state = states.principals.get_mut(ROLE).unwrap();
        let hours = state.baseline.open_hours();
        hours.iter().for_each(|hour| drop(state.baseline.close(*hour, Which::All, false)));
        assert!(state.baseline.series().any(|(_, series)| series.profile().is_some()));
        assert_eq!(restored(&states), states);
    }

    #[test]
    fn an_entity_that_is_not_there_has_no_stored_form() {
        let unknown = EntityId::new(EntityKind::Principal, "nobody");
        assert!(some().encode(&unknown).is_none());
        assert_eq!(unknown.to_string(), "principal#nobody");
    }

    #[test]
    fn items_of_earlier_and_of_later_versions_are_read() {
        #[derive(Serialize)]
        struct Later {
            #[serde(flatten)]
            known: AccountState,
            moons: u8,
        }
        #[derive(Serialize)]
        struct Earlier {
            regions: crate::state::Seen<64>,
        }
        let known =
            AccountState { regions: some().accounts[ACCOUNT].regions.clone(), ..AccountState::default() };
        let earlier = encode(&Earlier { regions: known.regions.clone() }).unwrap();
        assert_eq!(decode::<AccountState>(&earlier).unwrap(), known);
        let later = encode(&Later { known: known.clone(), moons: 3 }).unwrap();
        assert_eq!(decode::<AccountState>(&later).unwrap(), known);
        let empty = encode(&std::collections::BTreeMap::<String, u8>::new()).unwrap();
        assert_eq!(decode::<KeyState>(&empty).unwrap(), KeyState::default());
        assert_eq!(decode::<PrincipalState>(&empty).unwrap(), PrincipalState::default());
    }

    #[test]
    fn what_cannot_be_read_is_an_error_that_names_the_remedy() {
        assert!(matches!(decode::<KeyState>(&[]), Err(DecodeError::Empty)));
        assert!(matches!(decode::<KeyState>(&[9, 0]), Err(DecodeError::Format(9))));
        let key = EntityId::new(EntityKind::Key, KEY);
        let mut bytes = some().encode(&key).unwrap().unwrap();
        bytes.truncate(bytes.len() / 2);
        let error = States::default().merge_stored(&key, &bytes).unwrap_err();
        assert!(error.to_string().contains("restore the item"), "{error}");
    }

    #[test]
    fn a_bomb_is_refused_before_it_fills_memory() {
        let mut bytes = vec![FORMAT];
        let zeros = vec![0u8; MAX_INFLATED as usize * 2];
        DeflateEncoder::new(zeros.as_slice(), Compression::new(6)).read_to_end(&mut bytes).unwrap();
        assert!(bytes.len() < MAX_BYTES);
        assert!(matches!(decode::<KeyState>(&bytes), Err(DecodeError::TooLong)));
    }

    /// Text of `n` bytes that does not deflate well: letters and digits from a hash.
    fn noise(n: usize, seed: u64) -> String {
        let letter = |at: usize| {
            let hash = xxhash_rust::xxh3::xxh3_64_with_seed(&at.to_le_bytes(), seed);
            char::from(
                b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"[(hash % 64) as usize],
            )
        };
        (0..n).map(letter).collect()
    }

    /// A key that everybody who can make up names has filled to all its bounds.
    #[test]
    fn the_fullest_state_of_a_key_fits_an_item() {
        let mut states = States::default();
        let mut observe =
            |record: RecordBuilder| record.event(|event| states.observe(event, &Estate::default()));
        for n in 0..300u64 {
            let at = crate::time::Timestamp(1_777_889_742 + n as i64).to_string();
            let by = |record: RecordBuilder, seed: u64| {
                let record =
                    record.by_role(ACCOUNT, &noise(64, seed), &noise(64, seed + 1)).id(&noise(36, seed + 2));
                record
                    .at(&at)
                    .set("userAgent", noise(512, seed + 3))
                    .set("sourceIPAddress", noise(255, seed + 4))
            };
            let secret =
                format!("arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:{}", noise(512, 90_000 + n));
            observe(
                by(kms("Decrypt"), 1_000 + 10 * n)
                    .set("requestParameters.encryptionContext.SecretARN", secret),
            );
            observe(by(kms("DisableKey"), 11_000 + 10 * n));
            observe(by(kms("EnableKey"), 21_000 + 10 * n));
            observe(
                by(kms("PutKeyPolicy"), 31_000 + 10 * n).set("requestParameters.policy", noise(32 << 10, n)),
            );
            let alias = format!("alias/{}", noise(250, 41_000 + n));
            observe(by(kms("UpdateAlias"), 51_000 + 10 * n).set("requestParameters.aliasName", alias));
            let refused = by(kms("Decrypt"), 61_000 + 10 * n)
                .failed("DisabledException", &format!("{KEY} is disabled."));
            observe(refused);
        }
        for entity in states.ids() {
            let bytes = states.encode(&entity).unwrap().unwrap().len();
            assert!(bytes < MAX_BYTES, "{entity}: {bytes}");
            if entity.id == KEY {
                assert!(bytes > 100_000, "not filled: {bytes}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_whatever_are_more_than_an_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut bytes = bytes;
            let _ = decode::<KeyState>(&bytes);
            if let Some(first) = bytes.first_mut() {
                *first = FORMAT;
            }
            let _ = decode::<KeyState>(&bytes);
            let mut deflated = vec![FORMAT];
            DeflateEncoder::new(bytes.as_slice(), Compression::new(1)).read_to_end(&mut deflated).unwrap();
            let _ = decode::<PrincipalState>(&deflated);
        }

        #[test]
        fn a_changed_byte_is_an_error_or_a_state_but_never_a_panic(at in any::<prop::sample::Index>(), to: u8) {
            let plain = rmp_serde::to_vec_named(&some().keys[KEY]).unwrap();
            let mut changed = plain.clone();
            changed[at.index(plain.len())] = to;
            let mut deflated = vec![FORMAT];
            DeflateEncoder::new(changed.as_slice(), Compression::new(1)).read_to_end(&mut deflated).unwrap();
            if let Ok(mut state) = decode::<KeyState>(&deflated) {
                let copy = state.clone();
                state.merge(&some().keys[KEY]);
                let _ = (copy.aliases(), copy.timeline().len(), copy.baseline.open_hours());
            }
        }
    }
}
