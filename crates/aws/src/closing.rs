//! What is done by the clock and not by notifications: closing the hours that are over, judging what is unusual, and
//! telling that logs have ceased.
//!
//! **Who.** One at a time, under a lease: to whom the use of a key is laid, and what is usual for an estate, depends
//! on everybody who was active in an hour. Workers only merge. Here all entities with something in an open hour are
//! loaded, the hours that are due are closed in order, and the others are judged as they are so far, in a copy: so an
//! unusual rate is told minutes after its log came, under the id that a replay of the same logs gives it.
//!
//! **When.** The clock is the newest moment of delivery that any worker has seen, never the time of day: a backlog
//! holds the hours open that it belongs to, and while nothing comes, nothing closes.
//!
//! **Any step may be the last.** First the judge and the clock are stored, at once or not at all; then the States with
//! their hours closed; then the entities leave the list of what is open; then it is noted that all of this is done; then
//! alerts are sent. Whoever comes next and finds that it was not done closes the hours that the clock has closed already
//! in the States without judging them a second time. Alerts follow from the stored judge, whose episodes are told again
//! and again, and sent once.
//!
//! **Late.** What comes when its hour is closed opens it again for those that were silent since, and is judged with the
//! next hours, as in a replay.
//!
//! **Silence.** A trail delivers objects even for quiet accounts. When nothing has come for hours, either nothing
//! happens any more, or somebody has switched the trail, the notifications or the function's access off. The schedule
//! keeps running and says for how long it has been silent; an alarm hangs on it. That a single account falls silent while
//! others are heard is found here, by the detector `account_fell_silent`: its rhythm is in the account's State.
//!
//! **The digest** follows the alerts, when it is time for it ([`crate::digests`]).

use crate::context;
use crate::entities::Known;
use crate::found::{self, Found};
use crate::hours::{self, Index};
use crate::incidents::{Teller, is_unusual};
use crate::judge::StoredRates;
use crate::lease::Lease;
use crate::live::{Live, TaskError};
use crate::metrics::{self, Counts};
use kmswatch_engine::baseline::judge::Judge;
use kmswatch_engine::detectors::account_fell_silent;
use kmswatch_engine::estate::Estate;
use kmswatch_engine::finding::Finding;
use kmswatch_engine::pipeline::Watch;
use kmswatch_engine::pipeline::rates::{self, Clock, OpenHours};
use kmswatch_engine::state::States;
use kmswatch_engine::state::stored::{EntityId, EntityKind};
use kmswatch_engine::time::{HOUR, Timestamp};
use std::collections::BTreeSet;
use tokio::time::Instant;

/// The lease of the one who does it.
const LEASE: &str = "lease#closing";
/// Seconds for which the lease is taken: as long as a function may run.
const LEASE_SECONDS: i64 = 900;
/// Hours after the present one that are looked at: clocks of services differ a little. What lies further ahead comes
/// from records with a time in the future, and waits.
const AHEAD_HOURS: i64 = 1;

/// What became of a run.
#[derive(Debug)]
pub struct Closed {
    /// Whether it could be done. If not, the next run does it.
    pub outcome: Result<(), TaskError>,
    /// What was counted.
    pub counts: Counts,
}

impl Live {
    /// What the schedule asks for. One at a time: while another runs, nothing is done.
    pub async fn close(&self, deadline: Option<Instant>) -> Closed {
        let mut counts = Counts::default();
        let work = self.close_within(&mut counts);
        let outcome = match deadline {
            None => work.await,
            Some(deadline) => {
                tokio::time::timeout_at(deadline, work).await.unwrap_or(Err(TaskError::OutOfTime))
            }
        };
        if let Err(error) = &outcome {
            tracing::error!(error = %error, "the schedule's work was not done");
        }
        Closed { outcome, counts }
    }

    async fn close_within(&self, counts: &mut Counts) -> Result<(), TaskError> {
        let store = self.ports.store.as_ref();
        let now = self.ports.clock.now();
        let Some(lease) = Lease::take(store, LEASE, &self.owner, now, LEASE_SECONDS).await? else {
            tracing::info!("somebody else is at it");
            return Ok(());
        };
        // Given back also when it failed: the next run need not wait for it.
        let outcome = self.close_alone(now, counts).await;
        lease.give_back(store, now).await?;
        outcome
    }

    async fn close_alone(&self, now: Timestamp, counts: &mut Counts) -> Result<(), TaskError> {
        let store = self.ports.store.as_ref();
        let (estate, clock) = self.estate().await?;
        let delivered = hours::clock::of(clock.as_ref())?;
        if let Some(delivered) = delivered {
            counts.largest(metrics::SILENT_HOURS, (now.since(delivered).max(0) / HOUR).unsigned_abs());
        }
        let stored = StoredRates::load(store).await?;
        // The list before the States: what is added to it later is for the next run.
        let mut index = Index::read(store, now.hour() + AHEAD_HOURS).await?;
        let entities: BTreeSet<EntityId> = index.open.values().flatten().cloned().collect();
        let mut known = Known::default();
        known.load(store, entities.iter().cloned()).await?;
        if delivered.is_some_and(|delivered| stored.clock.moves_by(delivered)) {
            // Accounts have no open hours. Whether they are still heard is asked of all, once an hour.
            let accounts = estate.own_accounts().map(|account| EntityId::new(EntityKind::Account, account));
            known.load(store, accounts.collect::<Vec<_>>()).await?;
        }
        if !stored.unfinished {
            let late = index.open.iter().filter(|(hour, _)| stored.clock.is_closed(**hour));
            counts.add(metrics::ENTITIES_LATE, late.map(|(_, entities)| entities.len() as u64).sum());
        }
        // What rules explain is not usual.
        let events = Found::read(store).await?.events;
        let states = std::mem::take(&mut known.states);
        let judged = judge(estate.clone(), states, &stored, events, delivered).await?;
        let is_closed = |hour: &i64| judged.watch.clock().is_closed(*hour);
        if index.open.keys().any(is_closed) {
            let replaced = stored.replace(store, judged.watch.judge(), judged.watch.clock(), now).await?;
            known.states = judged.watch.states().clone();
            let saves = known.save(store, entities.iter().cloned(), now).await;
            counts.add(metrics::CONFLICTS, saves.conflicts);
            counts.add(metrics::STATES_SAVED, saves.written);
            counts.add(metrics::STATES_FAILED, saves.failed.len() as u64);
            let hours: Vec<i64> = index.open.keys().copied().filter(is_closed).collect();
            for hour in hours {
                // Who was met may hold something that came in between; who failed was not closed. They stay.
                let open = index.open.get(&hour).cloned().unwrap_or_default();
                let is_done =
                    |entity: &&EntityId| !saves.met.contains(*entity) && !saves.failed.contains_key(*entity);
                let done: BTreeSet<EntityId> = open.iter().filter(is_done).cloned().collect();
                index.take_out(store, hour, &done).await?;
                counts.add(metrics::HOURS_CLOSED, 1);
                counts.add(metrics::ENTITIES_CLOSED, done.len() as u64);
            }
            if saves.failed.is_empty() {
                replaced.finish(store).await?;
            }
        }
        let unusual = self.named(judged).await?;
        self.count_findings(&unusual, now, counts);
        found::replace_unusual(store, &unusual, now).await?;
        if !self.tells {
            return Ok(());
        }
        let told = self.tell(Teller::Closer, &[], &estate, now, counts).await?;
        let digest = self.send_digest(&told.standing, &told.incidents, now, counts).await;
        match told.published.failed.into_values().next() {
            None => digest,
            Some(why) => Err(TaskError::Alert(why)),
        }
    }

    /// Notes that what is known by now was told to everybody: after a history was read, before anybody listens.
    ///
    /// # Errors
    /// As the ports.
    pub async fn pass_over(&self) -> Result<usize, TaskError> {
        let now = self.ports.clock.now();
        let (estate, _) = self.estate().await?;
        let told = self.tell(Teller::Historian, &[], &estate, now, &mut Counts::default()).await?;
        found::settle(self.ports.store.as_ref(), told.standing.iter(), now).await?;
        Ok(told.standing.len())
    }

    /// What there is to say about rates and first uses, once the names of the keys are known.
    async fn named(&self, judged: Judged) -> Result<Vec<Finding>, TaskError> {
        let store = self.ports.store.as_ref();
        let named: BTreeSet<String> = judged
            .findings
            .iter()
            .filter_map(|finding| finding.key.as_ref())
            .map(|key| key.arn.clone())
            .collect();
        if named.is_empty() {
            return Ok(judged.findings);
        }
        let mut known = Known::default();
        context::load(store, &mut known, std::iter::empty(), named).await?;
        let mut watch = judged.watch;
        watch.join(&known.states);
        Ok(findings(&watch))
    }
}

/// What came of closing and previewing.
struct Judged {
    watch: Watch,
    findings: Vec<Finding>,
}

/// Closes what is due, beside the tasks that wait for the network.
async fn judge(
    estate: Estate,
    mut states: States,
    stored: &StoredRates,
    events: Vec<Finding>,
    delivered: Option<Timestamp>,
) -> Result<Judged, TaskError> {
    let (clock, judge, unfinished) = (stored.clock, stored.judge.clone(), stored.unfinished);
    let work = tokio::task::spawn_blocking(move || {
        if unfinished {
            fold(&mut states, clock, &judge, &estate);
        }
        let mut watch = Watch::resumed(estate, states, clock, judge);
        watch.recall(events);
        if let Some(delivered) = delivered {
            watch.advance(delivered);
        }
        let findings = findings(&watch);
        Judged { watch, findings }
    });
    work.await.map_err(|_| TaskError::Fault)
}

/// Closes in the States what the clock has closed already, for a judge that nobody asks: it was judged when the clock
/// went on.
fn fold(states: &mut States, clock: Clock, judge: &Judge, estate: &Estate) {
    let entities: Vec<EntityId> = states.ids().collect();
    let open = hours::open_hours(states, &entities);
    let Some(last) = open.into_keys().filter(|hour| clock.is_closed(*hour)).max() else { return };
    let closed = OpenHours::of(states).take(last);
    rates::close(closed, states, &mut judge.clone(), &estate.settings, &|_| Vec::new());
}

fn findings(watch: &Watch) -> Vec<Finding> {
    let mut findings = watch.findings();
    let by_clock = |finding: &Finding| finding.detector == account_fell_silent::DETECTOR.id;
    findings.retain(|finding| by_clock(finding) || is_unusual(finding));
    findings
}
