//! Which anomalies belong together.
//!
//! **Evidence adds up.** Of one actor the strongest evidence of each [`Group`] within a day counts, and the groups
//! together make its worth ([`budget::combined`]): somebody who reads a little more than usual *and* comes from a new
//! network may be beyond the threshold though neither alone is. The threshold is made of sums of the same kind, so
//! the budget holds for them.
//!
//! **Episodes.** What one actor does beyond the threshold, in hours that are at most a day apart, is one episode, named
//! by the hour in which it first was. Later anomalies do not change the name. A long window stays high for as long as
//! it holds the hours that made it so: such an echo, no higher than before, adds nothing and does not prolong the
//! episode. It is laid to whom the reported hour was laid to. The comparison of weeks stays high for weeks: it is told
//! once in six, unless it grows ten times rarer.

use super::anomaly::{Anomaly, Entity};
use super::sign::{Group, Topic};
use crate::baseline::budget::{self, Span};
use crate::state::{Merge, Sightings};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Hours at most between two anomalies of one episode, and within which evidence adds up.
const EPISODE_HOURS: i64 = 24;
/// Hours for which the growth of a stream, once told, is not told again (six weeks: then the weeks it is compared with
/// have caught up), unless its C is higher by [`MUCH_RARER`] when the week that was compared is over: until then it
/// rises with each day that it takes in.
const TOLD_HOURS: i64 = 42 * 24;
const MUCH_RARER: f64 = 1.0;
const WEEK_HOURS: i64 = 7 * 24;
/// How many times as much as that day the week may be, relative to what is usual for each.
const AS_MUCH: f64 = 1.25;
/// Signs that an episode tells apart; further ones are left out.
const MAX_PARTS: usize = 16;

/// Anomalies of one actor that belong together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// What they are about: the strongest evidence when it first was beyond the threshold.
    pub topic: Topic,
    /// Who: the principal, or a key of whose use no principal made half.
    pub actor: Entity,
    /// Whether it was judged among newcomers.
    pub is_new: bool,
    /// The hour in which it was first beyond the threshold, whole hours since the epoch: with the actor the name of
    /// the episode.
    pub first: i64,
    /// The last hour.
    pub last: i64,
    /// The highest C of all groups together.
    pub c: f64,
    /// How far that is beyond the threshold.
    pub excess: f64,
    /// The highest anomaly of each sign of each entity, in order of entity and sign.
    pub parts: Vec<Anomaly>,
    /// Whether parts were left out.
    pub is_cut: bool,
    /// The events of the hours that made it.
    pub sightings: Sightings,
}

impl Episode {
    /// The strongest anomaly of what it is about.
    pub fn highest(&self) -> Option<&Anomaly> {
        let of = |part: &&Anomaly| part.sign.group().topic() == self.topic;
        // Of equals the first.
        let own = self.parts.iter().filter(of).rev().max_by(|a, b| a.c.total_cmp(&b.c));
        own.or_else(|| self.parts.first())
    }

    fn add(&mut self, anomaly: &Anomaly) {
        let same = |part: &Anomaly| part.entity == anomaly.entity && part.sign.code() == anomaly.sign.code();
        self.sightings.merge(&anomaly.sightings);
        match self.parts.iter().position(same) {
            Some(at) => {
                if let Some(part) = self.parts.get_mut(at).filter(|part| part.c < anomaly.c) {
                    part.clone_from(anomaly);
                }
            }
            None if self.parts.len() >= MAX_PARTS => self.is_cut = true,
            None => self.parts.push(anomaly.clone()),
        }
    }

    /// Whether it has told of the same growth before: by the comparison of weeks, or by a day of as much as soon as it
    /// began.
    fn has_told(&self, anomaly: &Anomaly) -> bool {
        let is_recent = |part: &&Anomaly| {
            part.entity == anomaly.entity
                && part.sign.code() == (anomaly.sign.code().0, Span::Day)
                && (anomaly.hour - TOLD_HOURS + 1..=anomaly.hour).contains(&part.hour)
        };
        let day = self.parts.iter().find(is_recent).and_then(|part| part.sign.growth());
        if let (Group::Drift, Some(week), Some(day)) = (anomaly.sign.group(), anomaly.sign.growth(), day)
            && week <= day * AS_MUCH
        {
            return true;
        }
        let same = |part: &Anomaly| {
            part.entity == anomaly.entity
                && part.sign.code() == anomaly.sign.code()
                && (anomaly.hour - TOLD_HOURS + 1..anomaly.hour).contains(&part.hour)
                && (anomaly.hour - part.hour < WEEK_HOURS || anomaly.c < part.c + MUCH_RARER)
        };
        anomaly.sign.group() == Group::Drift && self.parts.iter().any(same)
    }

    /// Whether a long window shows only again what it has shown before.
    fn is_echo(&self, anomaly: &Anomaly) -> bool {
        let same = |part: &&Anomaly| part.entity == anomaly.entity && part.sign.code() == anomaly.sign.code();
        anomaly.sign.hours() > 1 && self.parts.iter().find(same).is_some_and(|part| anomaly.c <= part.c)
    }
}

/// The episodes that these anomalies make, which come in order of time after the episodes in `past`.
pub(super) fn derive<'a>(past: &[Episode], anomalies: impl Iterator<Item = &'a Anomaly>) -> Vec<Episode> {
    let mut actors: BTreeMap<(bool, Entity), Vec<&Anomaly>> = BTreeMap::new();
    // The last anomaly of each stream: its hour, and whom it was laid to.
    let mut recent: BTreeMap<(&Entity, u8), (i64, &Entity)> = BTreeMap::new();
    for anomaly in anomalies {
        let (measure, span) = anomaly.sign.code();
        let stream = (&anomaly.entity, measure);
        let earlier = recent.get(&stream).filter(|(hour, _)| anomaly.hour - hour < anomaly.sign.hours());
        // A long window that holds an hour already reported is of the same making, whoever made the last hour.
        let actor = match earlier {
            Some((_, earlier)) if span != Span::Hour => *earlier,
            _ => {
                if anomaly.excess() >= 0.0 {
                    recent.insert(stream, (anomaly.hour, &anomaly.actor));
                }
                &anomaly.actor
            }
        };
        actors.entry((anomaly.is_new, actor.clone())).or_default().push(anomaly);
    }
    let derived = actors.into_iter().flat_map(|((is_new, actor), anomalies)| {
        let past: Vec<&Episode> =
            past.iter().filter(|one| one.actor == actor && one.is_new == is_new).collect();
        of_actor(&actor, is_new, &past, &anomalies)
    });
    derived.collect()
}

fn of_actor(actor: &Entity, is_new: bool, past: &[&Episode], anomalies: &[&Anomaly]) -> Vec<Episode> {
    let mut episodes: Vec<Episode> = Vec::new();
    for hour in anomalies.chunk_by(|a, b| a.hour == b.hour) {
        let is_told =
            |one: &&&Anomaly| past.iter().copied().chain(&episodes).any(|episode| episode.has_told(one));
        let hour: Vec<&Anomaly> = hour.iter().filter(|one| !is_told(one)).copied().collect();
        let Some(now) = hour.first() else { continue };
        let within = |one: &&&Anomaly| (now.hour - EPISODE_HOURS + 1..=now.hour).contains(&one.hour);
        let day = anomalies.iter().filter(within).filter(|one| !is_told(one)).copied();
        let day: Vec<&Anomaly> = day.collect();
        let c = budget::combined(day.iter().map(|one| (one.sign.group() as u8, one.c)));
        let excess = c - now.threshold.c;
        if excess < 0.0 {
            continue;
        }
        let current = episodes.last_mut().filter(|last| now.hour - last.last <= EPISODE_HOURS);
        let Some(episode) = current else {
            let mut episode = Episode {
                topic: topic(&day),
                actor: actor.clone(),
                is_new,
                first: now.hour,
                last: now.hour,
                c,
                excess,
                parts: Vec::new(),
                is_cut: false,
                sightings: Sightings::default(),
            };
            day.iter().for_each(|one| episode.add(one));
            episodes.push(episode);
            continue;
        };
        let is_more = c > episode.c;
        for one in &hour {
            if !episode.is_echo(one) && (is_more || one.excess() >= 0.0) {
                episode.last = now.hour;
                episode.add(one);
            }
        }
        if is_more {
            (episode.c, episode.excess) = (c, excess.max(episode.excess));
        }
    }
    for episode in &mut episodes {
        episode.parts.sort_by(|a, b| (&a.entity, a.sign.code()).cmp(&(&b.entity, b.sign.code())));
    }
    episodes
}

/// What the strongest evidence is about.
fn topic(day: &[&Anomaly]) -> Topic {
    let strongest = day.iter().rev().max_by(|a, b| a.c.total_cmp(&b.c));
    strongest.map_or(Topic::Rate, |one| Group::topic(one.sign.group()))
}
