//! From findings to news: everything that is known is put together to incidents, and what of them nobody has heard of
//! is told.
//!
//! **What.** Whoever finds something reads all that was found (`found`), judges the States that have something
//! to say, and lets the engine put it together. So a worker that has seen one half of an incident tells it with the
//! half that others have seen.
//!
//! **Under which id.** An incident is called after its first finding, and a finding that comes late can be the first.
//! So ids that were given out are kept (`found#incidents`), and an incident keeps the id that it was given. Giving one
//! out is a write that happens only if nobody else has given one out since the list was read, before the findings
//! were: of two that see different parts of an incident at the same time, one looks again.
//!
//! **Who.** Workers tell what they find, so that nobody waits for the schedule; the closer tells all that stands, with
//! what is unusual, with reminders, and with what a worker could not send.

use crate::backoff::Backoff;
use crate::context;
use crate::entities::Known;
use crate::found::Found;
use crate::live::{Live, TaskError};
use crate::metrics::{self, Counts};
use crate::publications::{News, Published, Publisher};
use crate::sets::{self, Set};
use crate::store::{Put, Store, StoreError};
use kmswatch_alerts::Context;
use kmswatch_engine::estate::Estate;
use kmswatch_engine::finding::{Finding, FindingKind};
use kmswatch_engine::incident::{self, Incident, Member};
use kmswatch_engine::pipeline::Watch;
use kmswatch_engine::time::{DAY, Timestamp};
use kmswatch_engine::tuning::{self, Tuned};
use std::collections::BTreeSet;

/// Ids of incidents that were given out.
const GIVEN_OUT: &str = "found#incidents";
/// Days for which the list is kept after it last changed.
const KEPT_DAYS: i64 = 3_650;
/// Ids above which those that belong to no incident any more are taken off the list.
const MANY: usize = 2_000;
/// Ids on the list at most, so that it fits its item.
const MOST: usize = 10_000;

/// What became of the news.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// What became of it, by incident.
    pub(crate) published: Published,
    /// Everything that stands, all of it considered.
    pub(crate) standing: Vec<Finding>,
    /// The incidents that it makes, told or not.
    pub(crate) incidents: Vec<Incident>,
    /// The incidents that are not with everybody.
    pub(crate) failed: Vec<Incident>,
}

/// Who tells, which decides how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Teller {
    /// A worker that has found something.
    Worker,
    /// The closer, which tidies up as well.
    Closer,
    /// Whoever reads a history: what it shows counts as told.
    Historian,
}

impl Live {
    /// Puts together what was found, and tells what nobody has heard of. `fresh` is what single events have shown just
    /// now, kept or not.
    pub(crate) async fn tell(
        &self,
        teller: Teller,
        fresh: &[Finding],
        estate: &Estate,
        now: Timestamp,
        counts: &mut Counts,
    ) -> Result<Told, TaskError> {
        let store = self.ports.store.as_ref();
        let mut backoff = Backoff::default();
        loop {
            // Before the findings: whoever gives out an id later has seen at least as much.
            let given_out = sets::read(store, &[GIVEN_OUT.to_owned()]).await?.pop().unwrap_or_default();
            let found = Found::read(store).await?;
            let standing = standing(store, &found, fresh, estate.clone()).await?;
            let incidents = self.incidents(&standing, now, &given_out.members);
            if teller == Teller::Closer {
                found.tidy(store, &standing, now).await?;
            }
            let oldest = now.plus(-self.settings.alert_days * DAY);
            let news: Vec<News> = incidents
                .iter()
                .filter_map(|incident| {
                    let is_recent = incident.time.end >= oldest;
                    let is_due = |at| teller == Teller::Historian || is_recent || at >= oldest;
                    News::of(incident.clone(), is_due)
                })
                .collect();
            if self.give_out(&given_out, &news, &incidents, teller, now).await? {
                let told = self.publish(teller, news, now, counts).await?;
                return Ok(Told { standing, incidents, ..told });
            }
            if !backoff.wait(store).await {
                return Err(StoreError::Contended(GIVEN_OUT.to_owned()).into());
            }
        }
    }

    /// The incidents that these findings make. Muted ones take part; those of staged detectors do not.
    fn incidents(&self, findings: &[Finding], now: Timestamp, given_out: &BTreeSet<String>) -> Vec<Incident> {
        let Tuned { told, muted, .. } = tuning::tune(findings.to_vec(), &self.settings.engine, now);
        let told = told.into_iter().map(|finding| Member { finding, muted: false });
        let muted = muted.into_iter().map(|finding| Member { finding, muted: true });
        incident::incidents(told.chain(muted), &self.settings.engine, now, given_out)
    }

    /// Gives out the ids of the news. False if somebody else has given out some since the list was read.
    async fn give_out(
        &self,
        read: &Set,
        news: &[News],
        incidents: &[Incident],
        teller: Teller,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut members = read.members.clone();
        if teller == Teller::Closer && members.len() > MANY {
            let held = incidents.iter().flat_map(|incident| incident.joined.iter().chain([&incident.id]));
            let held: BTreeSet<&String> = held.collect();
            members.retain(|id| held.contains(id));
        }
        // What finds no place is told all the same; its id may change if something earlier comes to be known.
        let room = MOST.saturating_sub(members.len());
        let new = news.iter().map(|news| news.id().to_owned()).filter(|id| !read.members.contains(id));
        members.extend(new.take(room));
        let expires = now.plus(KEPT_DAYS * DAY);
        Ok(sets::replace(self.ports.store.as_ref(), GIVEN_OUT, read, members, expires).await? == Put::Written)
    }

    async fn publish(
        &self,
        teller: Teller,
        news: Vec<News>,
        now: Timestamp,
        counts: &mut Counts,
    ) -> Result<Told, TaskError> {
        let context = Context::of(&self.settings.engine.alerts, now, &self.settings.logs);
        let publisher = Publisher {
            store: self.ports.store.as_ref(),
            sinks: &self.ports.sinks,
            context: &context,
            owner: &self.owner,
        };
        if teller == Teller::Historian {
            publisher.pass_over(&news).await?;
            return Ok(Told::default());
        }
        let incidents: Vec<Incident> = news.iter().map(|news| news.incident().clone()).collect();
        let published = publisher.publish(news).await;
        counts.add(metrics::ALERTS_SENT, published.sent.len() as u64);
        counts.add(metrics::ALERTS_FAILED, published.failed.len() as u64);
        for id in &published.sent {
            tracing::info!(incident_id = id, "alert sent");
        }
        for (id, error) in &published.failed {
            tracing::error!(incident_id = id, error, "alert not sent");
        }
        let failed = |incident: &Incident| published.failed.contains_key(&incident.id);
        let failed = incidents.into_iter().filter(failed).collect();
        Ok(Told { published, failed, ..Told::default() })
    }

    /// Counts findings, and what of them is not told.
    pub(crate) fn count_findings(&self, findings: &[Finding], now: Timestamp, counts: &mut Counts) {
        let settings = &self.settings.engine;
        let oldest = now.plus(-self.settings.alert_days * DAY);
        let Tuned { told, muted, staged, .. } = tuning::tune(findings.to_vec(), settings, now);
        let is_worth_it = |finding: &&Finding| {
            finding.severity >= settings.incidents.alert_from && finding.time.end >= oldest
        };
        let worth_it = told.iter().filter(is_worth_it).count();
        counts.add(metrics::FINDINGS, findings.len() as u64);
        counts.add(metrics::FINDINGS_MUTED, (muted.len() + told.len() - worth_it) as u64);
        counts.add(metrics::FINDINGS_STAGED, staged.len() as u64);
        for finding in &staged {
            tracing::info!(finding_id = finding.id, detector = finding.detector, "staged, not sent");
        }
    }
}

/// Everything that stands: what States say now, what single events have shown, and what is unusual.
async fn standing(
    store: &dyn Store,
    found: &Found,
    fresh: &[Finding],
    estate: Estate,
) -> Result<Vec<Finding>, TaskError> {
    let mut known = Known::default();
    known.load(store, found.entities.iter().cloned()).await?;
    let events = found.events.iter().chain(fresh);
    let named = events.filter_map(|finding| finding.key.as_ref()).map(|key| key.arn.clone()).collect();
    context::load(store, &mut known, found.entities.iter(), named).await?;
    let (events, fresh, unusual) = (found.events.clone(), fresh.to_vec(), found.unusual.clone());
    let judging = tokio::task::spawn_blocking(move || {
        let mut watch = Watch::new(estate);
        watch.join(&known.states);
        watch.recall(events);
        watch.recall(fresh);
        let mut findings = watch.findings();
        findings.retain(|finding| !is_unusual(finding));
        findings.extend(unusual);
        findings
    });
    judging.await.map_err(|_| TaskError::Fault)
}

/// Whether it is a finding of statistics, which the closer alone makes.
pub(crate) fn is_unusual(finding: &Finding) -> bool {
    matches!(finding.kind, FindingKind::Rate | FindingKind::Novelty)
}
