//! The digest, sent from time to time: what was muted, which suppressions nobody needs, what is still open.
//!
//! Days are put together from the Monday of the epoch on, so that a digest of a week comes on Monday mornings, of all
//! closers of all versions at the same moments. Which of these stretches of time each sink has heard of is an item; where
//! there is none yet, nobody has missed anything. Only the closer sends digests, and there is one closer at a time; one
//! that dies between sending and writing that down leaves a digest that is sent again.

use crate::alert::Alert;
use crate::codec;
use crate::live::{KEPT_DAYS, Live, TaskError};
use crate::metrics::{self, Counts};
use crate::store::{Put, StoreError, Write};
use kmswatch_alerts::{Context, Digest};
use kmswatch_engine::finding::Finding;
use kmswatch_engine::incident::Incident;
use kmswatch_engine::time::{DAY, HOUR, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::slice;

/// By the name of each sink, the number of the last stretch of time of which it has a digest.
pub const ITEM: &str = "digest#told";
/// From when on days are counted: six in the morning of the first Monday of 1970, in UTC.
const FIRST: i64 = 4 * DAY + 6 * HOUR;

/// The stretch of `days` days that was over last, and its number.
fn last_over(now: Timestamp, days: u32) -> (i64, Timestamp, Timestamp) {
    let length = i64::from(days.max(1)) * DAY;
    let number = now.plus(-FIRST).0.div_euclid(length);
    let end = Timestamp(FIRST + number * length);
    (number, end.plus(-length), end)
}

impl Live {
    /// Sends the digest to those who have not heard of the last stretch of time that is over. `standing` is everything
    /// that was found and still stands, `incidents` what it makes.
    pub(crate) async fn send_digest(
        &self,
        standing: &[Finding],
        incidents: &[Incident],
        now: Timestamp,
        counts: &mut Counts,
    ) -> Result<(), TaskError> {
        let (store, sinks) = (self.ports.store.as_ref(), &self.ports.sinks);
        if self.settings.digest_days == 0 || sinks.is_empty() {
            return Ok(());
        }
        let (number, from, to) = last_over(now, self.settings.digest_days);
        let item = store.get(&[ITEM.to_owned()]).await?.into_iter().flatten().next();
        let mut told: BTreeMap<String, i64> = match &item {
            Some(item) => codec::read(ITEM, &item.body)?,
            None => BTreeMap::new(),
        };
        // Not "this or a later one": after a change of the setting, stretches have other numbers.
        let has_heard = |name: &str| told.get(name) == Some(&number);
        let untold: Vec<_> = sinks.iter().filter(|sink| !has_heard(sink.name())).collect();
        if untold.is_empty() {
            return Ok(());
        }
        let mut failed = None;
        if item.is_none() {
            told.extend(sinks.iter().map(|sink| (sink.name().to_owned(), number)));
        } else {
            let context = Context::of(&self.settings.engine.alerts, to, &self.settings.logs);
            let digest = Digest::of(standing, incidents, &self.settings.engine, from, to);
            let alert = Alert::of_digest(&digest, &context);
            for sink in untold {
                match sink.send(slice::from_ref(&alert)).await.pop() {
                    Some(Ok(())) => {
                        told.insert(sink.name().to_owned(), number);
                        counts.add(metrics::DIGESTS_SENT, 1);
                        tracing::info!(digest = alert.id, sink = sink.name(), "digest sent");
                    }
                    Some(Err(error)) => failed = Some(error.to_string()),
                    None => failed = Some(format!("{} did not answer", sink.name())),
                }
            }
        }
        let names: BTreeSet<&str> = sinks.iter().map(|sink| sink.name()).collect();
        told.retain(|name, _| names.contains(name.as_str()));
        let (read, expires) = (item.map(|item| item.version), now.plus(KEPT_DAYS * DAY));
        let write = Write { name: ITEM.to_owned(), body: codec::write(&told), read, expires };
        if store.put(write).await? == Put::Conflict {
            return Err(StoreError::Contended(ITEM.to_owned()).into());
        }
        match failed {
            None => Ok(()),
            Some(why) => {
                counts.add(metrics::ALERTS_FAILED, 1);
                tracing::error!(error = why, "digest not sent to everybody");
                Err(TaskError::Alert(why))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_week_is_over_on_monday_morning() {
        let (before, from, to) = last_over(at("2026-03-09T05:59:59Z"), 7);
        assert_eq!((from, to), (at("2026-02-23T06:00:00Z"), at("2026-03-02T06:00:00Z")));
        let (after, from, to) = last_over(at("2026-03-09T06:00:00Z"), 7);
        assert_eq!((from, to), (at("2026-03-02T06:00:00Z"), at("2026-03-09T06:00:00Z")));
        assert_eq!(after, before + 1);
        let (day, from, to) = last_over(at("2026-03-10T07:00:00Z"), 1);
        assert_eq!((from, to), (at("2026-03-09T06:00:00Z"), at("2026-03-10T06:00:00Z")));
        assert_eq!(last_over(at("2026-03-11T05:00:00Z"), 1).0, day);
    }
}
