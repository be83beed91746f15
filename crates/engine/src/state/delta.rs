//! What one object adds to States.
//!
//! Most events of an object are like others of it but for id, time, resource and the session of the caller. So they
//! are not taken up one by one: events of one `Pattern` in one hour make a group, and States take up a group at once.
//! What has to be done for each event is then little: count its id, and its resource. Where several Deltas are taken
//! up together, their groups are put behind each other and joined first: an hour of a busy log has ten events a group, and the State of an
//! entity is in the cache for all of them.
//!
//! What is left, the rare events, is taken up as it comes, into small [`States`]. So is everything once there are
//! more groups, events or text than `Delta::GROUPS`, `Delta::EVENTS` and `Delta::TEXT`: however many an object holds,
//! what waits is bounded. The result is the same, since the order in which States take up events does not show.

use super::act::ActKind;
use super::{States, once};
use crate::baseline::kept::Kept;
use crate::estate::Estate;
use crate::event::{Details, Event, Pattern, ResourceKind};
use crate::time::Timestamp;
pub(crate) use joined::Opened;
use joined::each_group;
pub use places::Patterns;
use places::Places;
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64;

/// What one object adds to States.
#[derive(Clone, Debug, Default)]
pub struct Delta {
    /// What the events say that are in no group.
    states: States,
    groups: Vec<Group>,
    rows: Vec<Row>,
    /// Texts of patterns, details, ids and resources, one after the other.
    text: String,
    /// The number of the groups among those that a [`Patterns`] has helped to find; 0 before the first.
    run: u64,
}

/// Events of one pattern in one hour.
#[derive(Clone, Debug)]
struct Group {
    hash: u64,
    pattern: Pattern,
    pattern_text: Range<u32>,
    hour: i64,
    /// Whether the ids are UUIDs: all of them or none, so that the first by time and id is the first in any order of
    /// ids that is kept.
    uuids: bool,
    /// Whether the key of the pattern is one whose use is counted.
    key_counts: bool,
    /// The first of its rows by time and id, with the details of the event. No other row of the same time and id has
    /// other details.
    first: u32,
    details: Details,
    details_text: Range<u32>,
}

/// One event of a group.
#[derive(Clone, Debug)]
struct Row {
    time: Timestamp,
    /// Hash of the act.
    act: u64,
    id: Range<u32>,
    resource: Option<(ResourceKind, Range<u32>)>,
    /// Its group.
    group: u32,
}

/// One event, as far as it differs from others of its group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occurrence<'a> {
    pub(crate) time: Timestamp,
    /// Hash of the act.
    pub(crate) act: u64,
    /// Id of the act, bounded.
    pub(crate) id: &'a str,
    pub(crate) resource: Option<Behind<'a>>,
}

/// The resource behind an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behind<'a> {
    pub(crate) kind: ResourceKind,
    pub(crate) id: &'a str,
    /// Hash of the id.
    pub(crate) hash: u64,
}

impl<'a> Behind<'a> {
    pub(crate) fn new(kind: ResourceKind, id: &'a str) -> Behind<'a> {
        Behind { kind, id, hash: xxh3_64(id.as_bytes()) }
    }
}

/// Events of one group, and when the first and the last of them happened. Either all of them have a resource or none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occurrences<'s, 'a> {
    /// Nearly in order of time, since logs are.
    pub(crate) all: &'s [Occurrence<'a>],
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
}

impl Delta {
    /// Groups that wait.
    const GROUPS: usize = 2_048;
    /// Events that wait, of about 100 bytes.
    const EVENTS: usize = 32_768;
    /// Text that waits, in bytes: a group has some 400, an event some 100.
    const TEXT: usize = 4 << 20;
    /// Longest id of an act or a resource in a group, in bytes.
    const LONGEST: usize = 512;

    /// Takes up what `event` says about its entities.
    pub fn observe(&mut self, event: &Event<'_>, estate: &Estate, patterns: &mut Patterns) {
        if self.group(event, estate, patterns).is_none() {
            self.states.observe(event, estate);
        }
    }

    /// Puts an event into its group, if it is one of those that repeat.
    fn group(&mut self, event: &Event<'_>, estate: &Estate, patterns: &mut Patterns) -> Option<()> {
        let (id, resource) = (event.act_id(), event.resource.as_ref());
        let suits = Pattern::suits(event)
            && ActKind::of(event).is_none()
            && id.len() <= Self::LONGEST
            && resource.is_none_or(|resource| resource.id.len() <= Self::LONGEST);
        if !suits {
            return None;
        }
        if self.groups.len() >= Self::GROUPS
            || self.rows.len() >= Self::EVENTS
            || self.text.len() >= Self::TEXT
        {
            self.settle();
        }
        if self.run == 0 {
            patterns.runs += 1;
            self.run = patterns.runs;
        }
        if patterns.places.places.is_empty() {
            patterns.places = Places::new(Patterns::PLACES);
        }
        let (hour, uuids) = (event.time.hour(), once::is_uuid(id));
        patterns.text.clear();
        let pattern = Pattern::of(event, &mut patterns.text)?;
        let text = patterns.text.as_str();
        let hash = pattern.hash(text) ^ (hour as u64).rotate_left(32);
        let new = self.groups.len() as u32;
        let number = patterns.places.find(hash, self.run, new, |number| {
            self.groups.get(number as usize).is_some_and(|group| {
                group.pattern == pattern
                    && group.hour == hour
                    && group.uuids == uuids
                    && self.texts(&group.pattern_text) == text
            })
        });
        let at = self.rows.len() as u32;
        if number == new {
            let pattern_text = self.keep(text);
            let (details, details_text) = self.keep_details(event)?;
            let key_counts = States::counts_key(event, estate);
            self.groups.push(Group {
                hash,
                pattern,
                pattern_text,
                hour,
                uuids,
                key_counts,
                first: at,
                details,
                details_text,
            });
        } else {
            let first = self.groups.get(number as usize)?.first;
            let order = self.rows.get(first as usize).map(|row| (row.time, self.texts(&row.id)));
            let order = (event.time, id).cmp(&order?);
            let is_first = order.is_lt();
            let details = if order.is_gt() { None } else { Some(self.keep_details(event)?) };
            if let Some((details, text)) = &details
                && !is_first
            {
                let group = self.groups.get(number as usize)?;
                // Two tales of one act: which of them is told is for the States to say.
                if group.details != *details || self.texts(&group.details_text) != self.texts(text) {
                    return None;
                }
            }
            if let Some((details, text)) = details {
                let group = self.groups.get_mut(number as usize)?;
                (group.first, group.details, group.details_text) = (at, details, text);
            }
        }
        let id_text = self.keep(id);
        let resource = resource.map(|resource| (resource.kind, self.keep(&resource.id)));
        let act = xxh3_64(id.as_bytes());
        self.rows.push(Row { time: event.time, act, id: id_text, resource, group: number });
        Some(())
    }

    fn keep(&mut self, text: &str) -> Range<u32> {
        let start = self.text.len() as u32;
        self.text.push_str(text);
        start..self.text.len() as u32
    }

    fn keep_details(&mut self, event: &Event<'_>) -> Option<(Details, Range<u32>)> {
        let start = self.text.len() as u32;
        let details = Details::of(event, &mut self.text)?;
        Some((details, start..self.text.len() as u32))
    }

    fn texts(&self, range: &Range<u32>) -> &str {
        self.text.get(range.start as usize..range.end as usize).unwrap_or_default()
    }

    /// Takes the groups up into the small States.
    fn settle(&mut self) {
        let states = std::mem::take(&mut self.states);
        let mut waiting = std::mem::take(self);
        self.states = states;
        let mut kept = Kept::default();
        each_group(&waiting, false, |event, occurrences, key_counts| {
            self.states.observe_all(event, occurrences, key_counts, &mut kept);
        });
        waiting.clear();
        // What it has allocated serves again.
        (self.groups, self.rows, self.text) = (waiting.groups, waiting.rows, waiting.text);
    }

    /// Text beyond which a Delta is given away as it is, in bytes.
    const COPIED: usize = 1 << 20;

    /// All that was taken up. What was allocated for it stays here, unless that is much: so the memory that is used for
    /// one object after the other is the same, and in the cache.
    pub(crate) fn take(&mut self) -> Delta {
        if self.text.len() > Self::COPIED {
            return std::mem::take(self);
        }
        let taken = Delta {
            states: std::mem::take(&mut self.states),
            groups: self.groups.clone(),
            rows: self.rows.clone(),
            text: self.text.clone(),
            run: 0,
        };
        self.clear();
        taken
    }

    /// Forgets the groups.
    pub(crate) fn clear(&mut self) {
        self.groups.clear();
        self.rows.clear();
        self.text.clear();
        self.run = 0;
    }

    /// Puts the groups of `other` behind its own.
    ///
    /// Copying them is quicker than keeping many Deltas: one place in memory is filled and used again and again.
    pub(crate) fn append(&mut self, other: &Delta) {
        let (text, row, group) = (self.text.len() as u32, self.rows.len() as u32, self.groups.len() as u32);
        let moved = |range: &Range<u32>| range.start + text..range.end + text;
        self.groups.extend(other.groups.iter().map(|one| Group {
            pattern_text: moved(&one.pattern_text),
            details_text: moved(&one.details_text),
            first: one.first + row,
            ..*one
        }));
        self.rows.extend(other.rows.iter().map(|one| Row {
            id: moved(&one.id),
            resource: one.resource.as_ref().map(|(kind, id)| (*kind, moved(id))),
            group: one.group + group,
            ..*one
        }));
        self.text.push_str(&other.text);
    }

    fn occurrence(&self, row: &Row) -> Occurrence<'_> {
        let resource = row.resource.as_ref().map(|(kind, id)| Behind::new(*kind, self.texts(id)));
        Occurrence { time: row.time, act: row.act, id: self.texts(&row.id), resource }
    }

    /// Bytes of memory that groups take, about.
    pub(crate) fn bytes(&self) -> usize {
        self.groups.len() * size_of::<Group>() + self.rows.len() * size_of::<Row>() + self.text.len()
    }

    /// Takes out what is in no group.
    pub(crate) fn take_rare(&mut self) -> States {
        std::mem::take(&mut self.states)
    }

    /// The Delta as small States.
    pub fn into_states(mut self) -> States {
        self.settle();
        self.states
    }
}

mod joined;
mod places;
#[cfg(test)]
mod tests;
