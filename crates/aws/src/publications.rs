//! Who was told of what: each alert reaches each sink, whoever finds it how often.
//!
//! A finding is found again whenever its States are judged again, by any worker. The record of its id says which
//! sinks have taken it. Whoever wants to send takes a lease on the record first; one that dies leaves a lease that
//! runs out, and the next who finds the finding sends the rest. So an alert is sent at least once to each sink, and
//! again only if somebody died, or lost an answer, between the sink's taking it and writing that down.
//!
//! A finding that gets worse is told again: the record holds the severity that was told.

use crate::alert::Alert;
use crate::backoff::Backoff;
use crate::codec;
use crate::sinks::Sink;
use crate::store::{Item, Put, Store, StoreError, Write};
use futures_util::future::join_all;
use kmswatch_engine::time::{DAY, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Seconds for which one may send before others may try. Longer than sending takes, shorter than a message stays
/// invisible after its reader died.
pub const LEASE_SECONDS: i64 = 60;
/// Days for which a record is kept after it was last met. As long as the States that make the finding.
const KEPT_DAYS: i64 = 400;
/// Once fewer days than this are left, a record that is met is renewed.
const RENEWED_DAYS: i64 = 300;

/// What is written down of an alert.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// The severity that is being told or was told, as its place in [`kmswatch_engine::finding::Severity::ALL`].
    severity: usize,
    /// Sinks that have taken it.
    done: BTreeSet<String>,
    /// Who is sending, until when in seconds since the epoch.
    lease: Option<(String, i64)>,
}

/// What became of alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Alerts of which every sink has taken its copy now.
    pub sent: BTreeSet<String>,
    /// Alerts that every sink had before.
    pub known: BTreeSet<String>,
    /// Alerts that are not with every sink, and why.
    pub failed: BTreeMap<String, String>,
}

/// Sends alerts to sinks.
pub struct Publisher<'a> {
    /// Where it is written down.
    pub store: &'a dyn Store,
    /// To whom.
    pub sinks: &'a [Arc<dyn Sink>],
    /// The moment.
    pub now: Timestamp,
    /// Who sends: a name that nobody else has.
    pub owner: &'a str,
}

/// What to do about an alert.
enum Step {
    Known,
    Busy,
    Claim(Record),
}

impl Publisher<'_> {
    /// Sends each alert to each sink that has not taken it.
    pub async fn publish(&self, alerts: Vec<Alert>) -> Published {
        let mut published = Published::default();
        let mut left: BTreeMap<String, Alert> =
            alerts.into_iter().map(|alert| (alert.id.clone(), alert)).collect();
        let mut backoff = Backoff::default();
        while !left.is_empty() {
            let claimed = match self.claim(&left, &mut published).await {
                Ok(claimed) => claimed,
                Err(error) => {
                    published.failed.extend(left.into_keys().map(|id| (id, error.to_string())));
                    break;
                }
            };
            left.retain(|id, _| !published.known.contains(id));
            let to_send: Vec<(Alert, Record, u64)> = claimed
                .into_iter()
                .filter_map(|(id, (record, version))| Some((left.remove(&id)?, record, version)))
                .collect();
            self.send(to_send, &mut published).await;
            // The others are being sent by somebody else, who may die: looked at again until it is known.
            if !left.is_empty() && !backoff.wait(self.store).await {
                let why = "somebody else is sending it";
                published.failed.extend(left.into_keys().map(|id| (id, why.to_owned())));
                break;
            }
        }
        published
    }

    /// Takes leases on the alerts that nobody sends. Gives the records with their versions.
    async fn claim(
        &self,
        left: &BTreeMap<String, Alert>,
        published: &mut Published,
    ) -> Result<BTreeMap<String, (Record, u64)>, StoreError> {
        let names: Vec<String> = left.keys().map(|id| name(id)).collect();
        let items = self.store.get(&names).await?;
        let mut claimed = BTreeMap::new();
        for ((alert, name), item) in left.values().zip(names).zip(items) {
            let record = item.as_ref().map(|item| codec::read::<Record>(&name, &item.body)).transpose()?;
            match self.step(alert, record) {
                Step::Known => {
                    if let Some(item) = item {
                        self.renew(name, item).await?;
                    }
                    published.known.insert(alert.id.clone());
                }
                Step::Busy => {}
                Step::Claim(record) => {
                    let read = item.map(|item| item.version);
                    if let Put::Written = self.put(name, &record, read).await? {
                        claimed.insert(alert.id.clone(), (record, read.unwrap_or(0) + 1));
                    }
                }
            }
        }
        Ok(claimed)
    }

    fn step(&self, alert: &Alert, record: Option<Record>) -> Step {
        let severity = alert.severity as usize;
        let mut record = record.unwrap_or_default();
        if record.severity < severity {
            record.severity = severity;
            record.done.clear();
        }
        if self.sinks.iter().all(|sink| record.done.contains(sink.name())) {
            return Step::Known;
        }
        let until = self.now.0.saturating_add(LEASE_SECONDS);
        let is_busy = |(owner, until): &(String, i64)| owner != self.owner && *until > self.now.0;
        if record.lease.as_ref().is_some_and(is_busy) {
            return Step::Busy;
        }
        record.lease = Some((self.owner.to_owned(), until));
        Step::Claim(record)
    }

    async fn renew(&self, name: String, item: Item) -> Result<(), StoreError> {
        if item.expires >= self.now.plus(RENEWED_DAYS * DAY) {
            return Ok(());
        }
        let expires = self.now.plus(KEPT_DAYS * DAY);
        // Somebody else writing it renews it as well.
        self.store.put(Write { name, body: item.body, read: Some(item.version), expires }).await.map(|_| ())
    }

    async fn put(&self, name: String, record: &Record, read: Option<u64>) -> Result<Put, StoreError> {
        let expires = self.now.plus(KEPT_DAYS * DAY);
        self.store.put(Write { name, body: codec::write(record), read, expires }).await
    }

    /// Sends what was claimed to all sinks at once, and writes down who took it. One sink that fails does not keep
    /// another from its copy.
    async fn send(&self, claimed: Vec<(Alert, Record, u64)>, published: &mut Published) {
        if claimed.is_empty() {
            return;
        }
        let sends = self.sinks.iter().map(|sink| async {
            let wanted: Vec<Alert> = claimed
                .iter()
                .filter(|(_, record, _)| !record.done.contains(sink.name()))
                .map(|(alert, _, _)| alert.clone())
                .collect();
            let results = if wanted.is_empty() { Vec::new() } else { sink.send(&wanted).await };
            let ids = wanted.into_iter().map(|alert| alert.id);
            (sink.name(), ids.zip(results).collect::<BTreeMap<_, _>>())
        });
        let results = join_all(sends).await;
        for (alert, mut record, version) in claimed {
            let mut problem = None;
            for (sink, results) in &results {
                match results.get(&alert.id) {
                    Some(Ok(())) => {
                        record.done.insert((*sink).to_owned());
                    }
                    Some(Err(error)) => problem = Some(format!("{sink}: {error}")),
                    None if record.done.contains(*sink) => {}
                    None => problem = Some(format!("{sink} did not answer")),
                }
            }
            record.lease = None;
            match self.put(name(&alert.id), &record, Some(version)).await {
                // After a conflict somebody else holds the lease, which must have run out: he sends it again.
                Ok(_) => {}
                Err(error) => problem = Some(error.to_string()),
            }
            match problem {
                None => {
                    published.sent.insert(alert.id);
                }
                Some(problem) => {
                    published.failed.insert(alert.id, problem);
                }
            }
        }
    }
}

/// The name of the record of a finding. Ids are hashes: short, and of harmless characters.
pub(crate) fn name(id: &str) -> String {
    format!("finding#{id}")
}

#[cfg(test)]
mod tests;
