//! Who was told of what: the news of each incident reaches each sink, whoever has it how often.
//!
//! An incident is worked out again whenever somebody finds something. The record of its id says which sinks have taken
//! which of its reasons. Whoever wants to send takes a lease on the record first; one that dies leaves a lease that
//! runs out, and the next who has the news sends the rest. So each reason is told at least once to each sink, and
//! again only if somebody died, or lost an answer, between the sink's taking it and writing that down.

use crate::alert::Alert;
use crate::backoff::Backoff;
use crate::codec;
use crate::sinks::Sink;
use crate::store::{Item, Put, Store, StoreError, Write};
use futures_util::future::join_all;
use kmswatch_alerts::Context;
use kmswatch_engine::incident::Incident;
use kmswatch_engine::time::{DAY, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Seconds for which one may send before others may try. Longer than sending takes, shorter than a message stays
/// invisible after its reader died.
pub const LEASE_SECONDS: i64 = 60;
/// Days for which a record is kept after it was last met. As long as the States that make the findings.
const KEPT_DAYS: i64 = 400;
/// Once fewer days than this are left, a record that is met is renewed.
const RENEWED_DAYS: i64 = 300;
/// Reasons of one incident that are told, so that a record fits its item whatever happens. What comes after them adds
/// nothing that anybody could act on.
const REASONS: usize = 1_000;
/// The name under which everybody counts as told.
const EVERYBODY: &str = "*";

/// What is written down of an incident.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    /// Ids of reasons, by the sink that has taken them.
    told: BTreeMap<String, BTreeSet<String>>,
    /// Who is sending, until when in seconds since the epoch.
    lease: Option<(String, i64)>,
}

impl Record {
    /// Those of `reasons` that this sink has not taken.
    fn untold(&self, sink: &str, reasons: &BTreeSet<String>) -> BTreeSet<String> {
        let has = |who: &str, reason: &String| self.told.get(who).is_some_and(|told| told.contains(reason));
        reasons.iter().filter(|reason| !has(sink, reason) && !has(EVERYBODY, reason)).cloned().collect()
    }
}

/// An incident, and the reasons for which it is worth an alert, told before or not.
#[derive(Clone, Debug)]
pub struct News {
    incident: Incident,
    reasons: BTreeSet<String>,
}

impl News {
    /// The news that an incident is: all reasons of the moments that `is_due`. `None` without any.
    pub fn of(incident: Incident, is_due: impl Fn(Timestamp) -> bool) -> Option<News> {
        let due = incident.alerts.iter().filter(|moment| is_due(moment.at));
        let reasons = due.flat_map(|moment| &moment.reasons).take(REASONS);
        let reasons: BTreeSet<String> = reasons.map(|reason| reason.id.clone()).collect();
        (!reasons.is_empty()).then_some(News { incident, reasons })
    }

    /// Id of the incident.
    pub fn id(&self) -> &str {
        &self.incident.id
    }

    /// The incident.
    pub fn incident(&self) -> &Incident {
        &self.incident
    }
}

/// What became of news, by the id of the incident.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Incidents of which every sink has taken an alert now.
    pub sent: BTreeSet<String>,
    /// Incidents of which every sink knew all before.
    pub known: BTreeSet<String>,
    /// Incidents that are not with every sink, and why.
    pub failed: BTreeMap<String, String>,
}

/// Sends news to sinks.
pub struct Publisher<'a> {
    /// Where it is written down.
    pub store: &'a dyn Store,
    /// To whom.
    pub sinks: &'a [Arc<dyn Sink>],
    /// What alerts are written with; also the moment.
    pub context: &'a Context,
    /// Who sends: a name that nobody else has.
    pub owner: &'a str,
}

/// What to do about an incident.
enum Step {
    Known,
    Busy,
    Claim(Record),
}

/// An incident that is being sent.
struct Claimed {
    news: News,
    record: Record,
    version: u64,
    /// What each sink has not taken.
    untold: Vec<BTreeSet<String>>,
    alert: Alert,
}

impl Publisher<'_> {
    /// Sends to each sink what it has not taken.
    pub async fn publish(&self, news: Vec<News>) -> Published {
        let mut published = Published::default();
        let mut left: BTreeMap<String, News> =
            news.into_iter().map(|news| (news.id().to_owned(), news)).collect();
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
            let to_send = claimed.into_iter().filter_map(|(id, (record, version))| {
                let news = left.remove(&id)?;
                Some(self.claimed(news, record, version))
            });
            let to_send: Vec<Claimed> = to_send.collect();
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

    /// Writes down that everybody knows the news, and sends nothing: of what was known before anybody was told.
    ///
    /// # Errors
    /// As [`Store`]; then some may have been written down.
    pub async fn pass_over(&self, news: &[News]) -> Result<(), StoreError> {
        let names: Vec<String> = news.iter().map(|news| name(news.id())).collect();
        let items = self.store.get(&names).await?;
        for ((news, name), item) in news.iter().zip(names).zip(items) {
            let mut item = item;
            let mut backoff = Backoff::default();
            loop {
                let mut record = read(&name, item.as_ref())?;
                let before = record.clone();
                record.told.entry(EVERYBODY.to_owned()).or_default().extend(news.reasons.iter().cloned());
                if record == before {
                    break;
                }
                let version = item.as_ref().map(|item| item.version);
                if self.put(name.clone(), &record, version).await? == Put::Written {
                    break;
                }
                if !backoff.wait(self.store).await {
                    return Err(StoreError::Contended(name));
                }
                item = self.store.get(std::slice::from_ref(&name)).await?.into_iter().flatten().next();
            }
        }
        Ok(())
    }

    /// Takes leases on the incidents of which nobody sends. Gives the records with their versions.
    async fn claim(
        &self,
        left: &BTreeMap<String, News>,
        published: &mut Published,
    ) -> Result<BTreeMap<String, (Record, u64)>, StoreError> {
        let names: Vec<String> = left.keys().map(|id| name(id)).collect();
        // What was told of parts that have turned out to belong to it was told of it.
        let joined: Vec<String> =
            left.values().flat_map(|news| &news.incident.joined).map(|id| name(id)).collect();
        let mut wanted = names.clone();
        wanted.extend(joined.iter().cloned());
        let mut items = self.store.get(&wanted).await?;
        let parts = items.split_off(names.len());
        let mut told_of_parts: BTreeMap<String, Record> = BTreeMap::new();
        for (name, item) in joined.into_iter().zip(parts) {
            let record = read(&name, item.as_ref())?;
            told_of_parts.insert(name, record);
        }
        let mut claimed = BTreeMap::new();
        for ((news, record_name), item) in left.values().zip(names).zip(items) {
            let mut record = read(&record_name, item.as_ref())?;
            for part in news.incident.joined.iter().filter_map(|id| told_of_parts.get(&name(id))) {
                for (sink, reasons) in &part.told {
                    record.told.entry(sink.clone()).or_default().extend(reasons.iter().cloned());
                }
            }
            match self.step(news, record) {
                Step::Known => {
                    if let Some(item) = item {
                        self.renew(record_name, item).await?;
                    }
                    published.known.insert(news.id().to_owned());
                }
                Step::Busy => {}
                Step::Claim(record) => {
                    let read = item.map(|item| item.version);
                    if let Put::Written = self.put(record_name, &record, read).await? {
                        claimed.insert(news.id().to_owned(), (record, read.unwrap_or(0) + 1));
                    }
                }
            }
        }
        Ok(claimed)
    }

    fn step(&self, news: &News, mut record: Record) -> Step {
        if self.sinks.iter().all(|sink| record.untold(sink.name(), &news.reasons).is_empty()) {
            return Step::Known;
        }
        let now = self.context.now.0;
        let is_busy = |(owner, until): &(String, i64)| owner != self.owner && *until > now;
        if record.lease.as_ref().is_some_and(is_busy) {
            return Step::Busy;
        }
        record.lease = Some((self.owner.to_owned(), now.saturating_add(LEASE_SECONDS)));
        Step::Claim(record)
    }

    async fn renew(&self, name: String, item: Item) -> Result<(), StoreError> {
        if item.expires >= self.context.now.plus(RENEWED_DAYS * DAY) {
            return Ok(());
        }
        let expires = self.context.now.plus(KEPT_DAYS * DAY);
        // Somebody else writing it renews it as well.
        self.store.put(Write { name, body: item.body, read: Some(item.version), expires }).await.map(|_| ())
    }

    async fn put(&self, name: String, record: &Record, read: Option<u64>) -> Result<Put, StoreError> {
        let expires = self.context.now.plus(KEPT_DAYS * DAY);
        self.store.put(Write { name, body: codec::write(record), read, expires }).await
    }

    fn claimed(&self, news: News, record: Record, version: u64) -> Claimed {
        let untold: Vec<BTreeSet<String>> =
            self.sinks.iter().map(|sink| record.untold(sink.name(), &news.reasons)).collect();
        // One alert for all: a sink that has heard of a part of it hears that part again.
        let reasons = untold.iter().flatten().cloned().collect();
        let alert = Alert::of(&news.incident, &reasons, self.context);
        Claimed { news, record, version, untold, alert }
    }

    /// Sends what was claimed to all sinks at once, and writes down who took it. One sink that fails does not keep
    /// another from its copy.
    async fn send(&self, claimed: Vec<Claimed>, published: &mut Published) {
        if claimed.is_empty() {
            return;
        }
        let claimed = &claimed;
        let sends = self.sinks.iter().enumerate().map(|(at, sink)| async move {
            let is_wanted =
                |claimed: &&Claimed| claimed.untold.get(at).is_some_and(|untold| !untold.is_empty());
            let wanted: Vec<Alert> =
                claimed.iter().filter(is_wanted).map(|claimed| claimed.alert.clone()).collect();
            let results = if wanted.is_empty() { Vec::new() } else { sink.send(&wanted).await };
            let ids = wanted.into_iter().map(|alert| alert.id);
            (sink.name(), ids.zip(results).collect::<BTreeMap<_, _>>())
        });
        let results = join_all(sends).await;
        for Claimed { news, record, version, untold, .. } in claimed {
            let mut record = record.clone();
            let mut problem = None;
            for ((sink, results), untold) in results.iter().zip(untold) {
                match results.get(news.id()) {
                    Some(Ok(())) => {
                        record.told.entry((*sink).to_owned()).or_default().extend(untold.iter().cloned());
                    }
                    Some(Err(error)) => problem = Some(format!("{sink}: {error}")),
                    None if untold.is_empty() => {}
                    None => problem = Some(format!("{sink} did not answer")),
                }
            }
            record.lease = None;
            match self.put(name(news.id()), &record, Some(*version)).await {
                // After a conflict somebody else holds the lease, which must have run out: he sends it again.
                Ok(_) => {}
                Err(error) => problem = Some(error.to_string()),
            }
            match problem {
                None => {
                    published.sent.insert(news.id().to_owned());
                }
                Some(problem) => {
                    published.failed.insert(news.id().to_owned(), problem);
                }
            }
        }
    }
}

fn read(name: &str, item: Option<&Item>) -> Result<Record, StoreError> {
    item.map_or_else(|| Ok(Record::default()), |item| codec::read(name, &item.body))
}

/// The name of the record of an incident. Ids are hashes: short, and of harmless characters.
fn name(id: &str) -> String {
    format!("incident#{id}")
}

#[cfg(test)]
mod tests;
