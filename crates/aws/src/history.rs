//! What a history has taught, put into a table before anything live comes: so that alerts compare with what is usual
//! from the first day on, and nobody is told of the past.
//!
//! The history is read as a replay reads it, in one go and in the order of time ([`Watch`]); here its end is stored, as
//! workers and a closer would have left it. **Any step may be the last**: States merge, lists grow by union, and the
//! judge, which says that all is done, comes after everything that it needs. Whoever begins again with the same history
//! leaves the same table.

use crate::context;
use crate::entities::Known;
use crate::found;
use crate::hours;
use crate::incidents::is_unusual;
use crate::judge::StoredRates;
use crate::live::{ACCOUNTS, KEPT_DAYS, Live, TaskError, entities_of};
use crate::sets::{self, Change};
use kmswatch_engine::finding::Finding;
use kmswatch_engine::pipeline::Watch;
use kmswatch_engine::state::stored::EntityId;
use kmswatch_engine::time::DAY;
use std::collections::BTreeSet;

/// Days before the end of the history at which what single events have shown is forgotten.
const EVENT_DAYS: i64 = 70;

/// What was put into the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seeded {
    /// Entities with a State.
    pub entities: usize,
    /// Findings that count as told.
    pub findings: usize,
}

/// Why a table could not be seeded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeedError {
    /// Hours have been closed there that the history does not reach, or not as the history has them.
    #[error(
        "the table has been judging live logs already, or another history: take an empty one, or send old logs to the \
         function (infra/README.md, \"The past\")"
    )]
    Judged,
    /// Some States could not be saved.
    #[error("{failed} States could not be saved, the first of them: {first}; run it again")]
    Unsaved {
        /// How many.
        failed: usize,
        /// Why the first of them could not.
        first: String,
    },
    /// Anything else; running it again goes on.
    #[error("{0}; run it again")]
    Failed(#[from] TaskError),
}

impl From<crate::store::StoreError> for SeedError {
    fn from(error: crate::store::StoreError) -> SeedError {
        SeedError::Failed(error.into())
    }
}

impl Live {
    /// Puts what `watch` knows into the table.
    ///
    /// # Errors
    /// See [`SeedError`].
    pub async fn seed(&self, watch: &Watch) -> Result<Seeded, SeedError> {
        let store = self.ports.store.as_ref();
        let now = self.ports.clock.now();
        let stored = StoredRates::load(store).await?;
        if stored.exists() && stored.clock != watch.clock() {
            return Err(SeedError::Judged);
        }
        let accounts: BTreeSet<String> = watch.estate().own_accounts().map(str::to_owned).collect();
        let read = sets::read(store, &[ACCOUNTS.to_owned()]).await?.pop().unwrap_or_default();
        let (nothing, expires) = (BTreeSet::new(), now.plus(KEPT_DAYS * DAY));
        let change = Change { name: ACCOUNTS, add: &accounts, remove: &nothing, expires };
        sets::change(store, &read, change).await?;
        let findings = watch.findings();
        let newest = watch.last_event().unwrap_or_default();
        let events: Vec<Finding> = watch
            .shown()
            .filter(|finding| finding.time.end >= newest.plus(-EVENT_DAYS * DAY))
            .cloned()
            .collect();
        found::keep(store, &events, now).await?;
        let speaking: BTreeSet<EntityId> =
            findings.iter().filter(|finding| !is_unusual(finding)).flat_map(entities_of).collect();
        found::note_entities(store, &speaking, now).await?;
        let entities: Vec<EntityId> = watch.states().ids().collect();
        context::link(store, &BTreeSet::new(), &context::links(watch.states()), now).await?;
        let mut known = Known::of(watch.states().clone());
        let saves = known.save(store, entities.iter().cloned(), now).await;
        if let Some((_, first)) = saves.failed.iter().next() {
            return Err(SeedError::Unsaved { failed: saves.failed.len(), first: first.to_string() });
        }
        hours::note(store, &hours::open_hours(watch.states(), &entities)).await?;
        let unusual: Vec<Finding> = findings.into_iter().filter(is_unusual).collect();
        found::replace_unusual(store, &unusual, now).await?;
        if let Some(last) = watch.last_event() {
            hours::clock::advance(store, None, last, now.plus(KEPT_DAYS * DAY)).await?;
        }
        if !stored.exists() {
            stored.replace(store, watch.judge(), watch.clock(), now).await?.finish(store).await?;
        }
        let findings = self.pass_over().await?;
        Ok(Seeded { entities: entities.len(), findings })
    }
}
