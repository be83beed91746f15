//! The estate's judge and clock as items of the table: what is usual, what was exceeded, and up to which hour.
//!
//! The judge takes several items, which cannot be written as one. So there are two sets of them and one small item that
//! says which set holds (`estate#judge`). Whoever closes writes the other set and then turns that item over, each
//! by compare-and-swap: the judge changes at once, or not at all, and of two who close at the same time one wins.

use crate::codec;
use crate::store::{Item, Put, Store, StoreError, Write};
use kmswatch_engine::baseline::judge::{Judge, StoredJudge};
use kmswatch_engine::pipeline::rates::Clock;
use kmswatch_engine::time::{DAY, Timestamp};
use serde::{Deserialize, Serialize};

/// The item that says which set holds.
const POINTER: &str = "estate#judge";
/// Days for which a judge is kept after it was last written.
const KEPT_DAYS: i64 = 400;

/// What the pointer says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Pointer {
    /// The set that holds: 0 or 1.
    set: u8,
    /// Up to which hour all is closed.
    clock: Clock,
    /// Whether the States of the hours closed last may not all be saved.
    #[serde(default)]
    unfinished: bool,
}

/// A judge and a clock, as they were read.
#[derive(Debug, Default)]
pub(crate) struct StoredRates {
    pub(crate) clock: Clock,
    pub(crate) judge: Judge,
    /// Whether whoever closed last may have died before all States were saved.
    pub(crate) unfinished: bool,
    set: u8,
    pointer: Option<u64>,
    /// Versions of the items of the set that does not hold.
    others: Vec<Option<u64>>,
}

fn names(set: u8) -> Vec<String> {
    let parts = ["established", "newcomers", "commons", "recent", "past"];
    parts.iter().map(|part| format!("judge#{set}#{part}")).collect()
}

fn unreadable(reason: impl ToString) -> StoreError {
    StoreError::Unreadable { name: POINTER.to_owned(), reason: reason.to_string() }
}

impl StoredRates {
    /// Reads judge and clock; both are as new if nobody has ever closed.
    pub(crate) async fn load(store: &dyn Store) -> Result<StoredRates, StoreError> {
        let pointer = store.get(&[POINTER.to_owned()]).await?.into_iter().flatten().next();
        let said: Option<Pointer> =
            pointer.as_ref().map(|item| codec::read(POINTER, &item.body)).transpose()?;
        let Pointer { set, clock, unfinished } = said.clone().unwrap_or_default();
        let wanted: Vec<String> = names(set).into_iter().chain(names(1 - set.min(1))).collect();
        let mut items = store.get(&wanted).await?;
        let others = items.split_off(wanted.len() / 2);
        let judge = if said.is_some() { restored(items)? } else { Judge::default() };
        let others = others.into_iter().map(|item| item.map(|item| item.version)).collect();
        Ok(StoredRates { clock, judge, unfinished, set, pointer: pointer.map(|item| item.version), others })
    }

    /// Whether anybody has ever closed an hour.
    pub(crate) fn exists(&self) -> bool {
        self.pointer.is_some()
    }

    /// Puts another judge and clock into their place. Until [`Replaced::finish`] the States of what was closed may not
    /// all be saved.
    ///
    /// # Errors
    /// [`StoreError::Contended`] if somebody else has done so since this was read; then nothing has changed.
    pub(crate) async fn replace(
        self,
        store: &dyn Store,
        judge: &Judge,
        clock: Clock,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        let stored = judge.store().map_err(|error| StoreError::Unwritable {
            name: POINTER.to_owned(),
            reason: error.to_string(),
        })?;
        let StoredJudge { established, newcomers, commons, recent, past } = stored;
        let set = 1 - self.set.min(1);
        let expires = now.plus(KEPT_DAYS * DAY);
        let parts = names(set).into_iter().zip([established, newcomers, commons, recent, past]);
        for ((name, body), read) in parts.zip(self.others) {
            put(store, Write { name, body, read, expires }).await?;
        }
        let pointer = Pointer { set, clock, unfinished: true };
        let body = codec::write(&pointer);
        put(store, Write { name: POINTER.to_owned(), body, read: self.pointer, expires }).await?;
        Ok(Replaced { pointer, version: self.pointer.unwrap_or(0) + 1, expires })
    }
}

/// A judge and a clock that were put into their place.
#[derive(Debug)]
pub(crate) struct Replaced {
    pointer: Pointer,
    version: u64,
    expires: Timestamp,
}

impl Replaced {
    /// Notes that the States of all that was closed are saved: what is open from now on in a closed hour came late.
    pub(crate) async fn finish(self, store: &dyn Store) -> Result<(), StoreError> {
        let body = codec::write(&Pointer { unfinished: false, ..self.pointer });
        let read = Some(self.version);
        put(store, Write { name: POINTER.to_owned(), body, read, expires: self.expires }).await
    }
}

async fn put(store: &dyn Store, write: Write) -> Result<(), StoreError> {
    let name = write.name.clone();
    match store.put(write).await? {
        Put::Written => Ok(()),
        Put::Conflict => Err(StoreError::Contended(name)),
    }
}

fn restored(items: Vec<Option<Item>>) -> Result<Judge, StoreError> {
    let mut bodies = items.into_iter().map(|item| item.map(|item| item.body));
    let mut next = || bodies.next().flatten().ok_or_else(|| unreadable("a part of the judge is missing"));
    let stored = StoredJudge {
        established: next()?,
        newcomers: next()?,
        commons: next()?,
        recent: next()?,
        past: next()?,
    };
    Judge::restore(&stored).map_err(unreadable)
}
