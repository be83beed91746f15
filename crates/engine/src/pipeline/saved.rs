//! What a watch knows, as the bytes of a file: a run can stop, and the next one go on where it stopped.
//!
//! A head, then parts with a name and a length: clock and accounts, the judge in its stored items, and the stored State
//! of each entity, sorted. So equal knowledge gives equal bytes. A checksum at the end tells a file that was cut off or
//! damaged from one that holds less.
//!
//! Findings about single events are not kept: the run that reads an event tells them. What they explain is.

use super::Watch;
use super::rates::Clock;
use super::understood::Before;
use crate::baseline::judge::{Judge, RestoreError, StoredJudge};
use crate::estate::Estate;
use crate::state::States;
use crate::state::stored::{DecodeError, EncodeError, EntityId, EntityKind};
use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// Begins every file; the last byte is the version of this layout.
const HEAD: &[u8; 16] = b"kmswatch state \x01";
/// Kinds of parts.
const KNOWN: u8 = 0;
const JUDGE: u8 = 1;
const STATE: [(u8, EntityKind); 3] =
    [(16, EntityKind::Key), (17, EntityKind::Principal), (18, EntityKind::Account)];

/// Why saved knowledge could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// Of another program.
    #[error("this is no state saved by kmswatch")]
    Foreign,
    /// Of a later version.
    #[error("this state was saved by a later version of kmswatch: update it")]
    Later,
    /// Cut off or damaged.
    #[error("the saved state is damaged: restore it from a copy, or delete it and learn anew")]
    Damaged,
    /// The State of an entity is damaged.
    #[error("{entity}: {error}")]
    Entity {
        /// Which.
        entity: EntityId,
        /// Why.
        error: DecodeError,
    },
    /// The judge is damaged.
    #[error("what is usual in the estate: {0}")]
    Judge(#[from] RestoreError),
}

/// What is known beside States and judge.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Known {
    clock: Clock,
    /// Own accounts, declared or learned.
    accounts: Vec<String>,
    last_event: Option<Timestamp>,
    understood: Before,
}

impl Watch {
    /// All that it knows, to be read by [`Watch::restored`].
    ///
    /// # Errors
    /// If a State is too long to be stored, which bounds on its parts prevent.
    pub fn save(&self) -> Result<Vec<u8>, EncodeError> {
        self.assert_settled();
        let failed = |error: serde_json::Error| EncodeError::Failed(error.to_string());
        let mut file = HEAD.to_vec();
        let known = Known {
            clock: self.clock(),
            accounts: self.estate.own_accounts().map(str::to_owned).collect(),
            last_event: self.last_event(),
            understood: self.understood_before.with(&self.findings),
        };
        part(&mut file, KNOWN, "", &serde_json::to_vec(&known).map_err(failed)?);
        let StoredJudge { established, newcomers, commons, recent, past } = self.judge().store()?;
        for (name, item) in [
            ("commons", commons),
            ("established", established),
            ("newcomers", newcomers),
            ("past", past),
            ("recent", recent),
        ] {
            part(&mut file, JUDGE, name, &item);
        }
        let mut ids: Vec<EntityId> = self.states.ids().collect();
        ids.sort();
        for id in ids {
            let tag = STATE.iter().find(|(_, kind)| *kind == id.kind).map(|(tag, _)| *tag);
            if let (Some(tag), Some(state)) = (tag, self.states.encode(&id)) {
                part(&mut file, tag, &id.id, &state?);
            }
        }
        let sum = xxh3_64(&file);
        file.extend(sum.to_le_bytes());
        Ok(file)
    }

    /// A watch that goes on with what another has saved. `estate` has the settings; accounts that were learned are
    /// added to it.
    ///
    /// # Errors
    /// If the bytes are not what [`Watch::save`] gave. Nothing is left out silently.
    pub fn restored(mut estate: Estate, saved: &[u8]) -> Result<Watch, SavedError> {
        let (version, magic) = HEAD.split_last().ok_or(SavedError::Foreign)?;
        match saved.strip_prefix(magic).and_then(<[u8]>::first) {
            None => return Err(SavedError::Foreign),
            Some(other) if other > version => return Err(SavedError::Later),
            Some(_) => {}
        }
        let (file, sum) = saved.split_last_chunk::<8>().ok_or(SavedError::Damaged)?;
        if xxh3_64(file).to_le_bytes() != *sum {
            return Err(SavedError::Damaged);
        }
        let mut rest = file.get(HEAD.len()..).ok_or(SavedError::Damaged)?;
        let mut known = Known::default();
        let mut judge = StoredJudge::default();
        let mut states = States::default();
        while !rest.is_empty() {
            let (tag, name, body) = next(&mut rest).ok_or(SavedError::Damaged)?;
            if tag == KNOWN {
                known = serde_json::from_slice(body).map_err(|_| SavedError::Damaged)?;
            } else if tag == JUDGE {
                let item = match name {
                    "commons" => &mut judge.commons,
                    "established" => &mut judge.established,
                    "newcomers" => &mut judge.newcomers,
                    "past" => &mut judge.past,
                    "recent" => &mut judge.recent,
                    _ => return Err(SavedError::Later),
                };
                body.clone_into(item);
            } else {
                let kind = STATE.iter().find(|(known, _)| *known == tag).ok_or(SavedError::Later)?.1;
                let entity = EntityId::new(kind, name);
                if let Err(error) = states.merge_stored(&entity, body) {
                    return Err(SavedError::Entity { entity, error });
                }
            }
        }
        known.accounts.iter().for_each(|account| estate.learn_account(account));
        let mut watch = Watch::resumed(estate, states, known.clock, Judge::restore(&judge)?);
        watch.known_until = known.last_event;
        watch.understood_before = known.understood;
        Ok(watch)
    }
}

fn part(file: &mut Vec<u8>, tag: u8, name: &str, body: &[u8]) {
    // Ids, States and items are bounded far below 4 GiB.
    let length = |bytes: &[u8]| (bytes.len() as u32).to_le_bytes();
    file.push(tag);
    file.extend(length(name.as_bytes()));
    file.extend(name.as_bytes());
    file.extend(length(body));
    file.extend(body);
}

/// The first part of `rest`, which is then taken off.
fn next<'f>(rest: &mut &'f [u8]) -> Option<(u8, &'f str, &'f [u8])> {
    let (tag, after) = rest.split_first()?;
    let (name, after) = sized(after)?;
    let (body, after) = sized(after)?;
    *rest = after;
    Some((*tag, std::str::from_utf8(name).ok()?, body))
}

fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, after) = bytes.split_first_chunk::<4>()?;
    after.split_at_checked(u32::from_le_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::super::testing::watch;
    use super::*;
    use crate::event::testing::kms;
    use crate::finding::FindingKind;
    use crate::settings::Settings;
    use proptest::prelude::*;

    fn some() -> Watch {
        let events: Vec<_> = (0..40)
            .map(|n| {
                kms(["Decrypt", "DisableKey", "Encrypt"][n % 3])
                    .by_user("444455556666", &format!("user{}", n % 5))
                    .at(&format!("2026-05-04T{:02}:00:00Z", n % 24))
            })
            .collect();
        let mut watch = watch(&events, &Settings::default());
        watch.advance(Timestamp::parse("2026-05-04T20:00:00Z").unwrap());
        watch
    }

    fn restore(bytes: &[u8]) -> Result<Watch, SavedError> {
        Watch::restored(Estate::default(), bytes)
    }

    #[test]
    fn what_was_saved_is_known_again_and_gives_the_same_bytes() {
        let first = some();
        let bytes = first.save().unwrap();
        let again = restore(&bytes).unwrap();
        assert_eq!(again.save().unwrap(), bytes);
        assert_eq!((again.clock(), again.last_event()), (first.clock(), first.last_event()));
        assert!(again.estate().own_accounts().eq(first.estate().own_accounts()));
        assert!(first.states().principals.keys().all(|id| again.states().principals.contains_key(id)));
        let facts = |watch: &Watch| {
            let facts = watch.findings().into_iter().filter(|finding| finding.kind == FindingKind::Fact);
            facts.map(|finding| finding.id).collect::<Vec<_>>()
        };
        assert_eq!(facts(&again), facts(&first));
        assert!(facts(&again).len() > 5, "keys were disabled");
    }

    #[test]
    fn any_damage_is_an_error_that_says_what_to_do() {
        let bytes = some().save().unwrap();
        for end in (0..bytes.len()).step_by(7) {
            let error = restore(&bytes[..end]).unwrap_err();
            assert!(matches!(error, SavedError::Foreign | SavedError::Damaged), "{end}: {error}");
        }
        assert!(matches!(restore(b"PK\x03\x04 something else entirely"), Err(SavedError::Foreign)));
        let mut later = bytes;
        later[15] = 2;
        assert!(matches!(restore(&later), Err(SavedError::Later)));
    }

    proptest! {
        #[test]
        fn a_changed_byte_never_passes_and_never_panics(at in 0usize..2_000, byte in any::<u8>()) {
            let mut bytes = some().save().unwrap();
            let at = at % bytes.len();
            prop_assume!(bytes[at] != byte);
            bytes[at] = byte;
            prop_assert!(restore(&bytes).is_err());
        }

        #[test]
        fn bytes_with_a_right_checksum_never_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = HEAD.to_vec();
            bytes.extend(body);
            bytes.extend(xxh3_64(&bytes).to_le_bytes());
            let _ = restore(&bytes);
        }
    }
}
