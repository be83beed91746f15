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
use crate::event::{Details, Event, Found, Latest, OwnedPattern, Pattern, ResourceKind};
use crate::time::Timestamp;
pub(crate) use joined::Opened;
use joined::each_group;
pub use places::Patterns;
use places::Places;
use std::ops::Range;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// What one object adds to States.
#[derive(Clone, Debug, Default)]
pub struct Delta {
    /// What the events say that are in no group.
    states: States,
    groups: Vec<Group>,
    rows: Vec<Row>,
    /// Texts of details, ids and resources, one after the other.
    text: String,
    /// Bytes of the patterns of all groups.
    pattern_bytes: usize,
    /// The number of the groups among those that a [`Patterns`] has helped to find; 0 before the first.
    run: u64,
}

/// Events of one pattern in one hour.
#[derive(Clone, Debug)]
struct Group {
    /// By pattern and hour.
    hash: u64,
    pattern: Arc<OwnedPattern>,
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

/// What tells the group of an event beside its pattern.
#[derive(Clone, Copy)]
struct Sort {
    /// By pattern and hour: seldom the same for others.
    hash: u64,
    hour: i64,
    uuids: bool,
}

impl Sort {
    fn new(pattern_hash: u64, hour: i64, uuids: bool) -> Sort {
        Sort { hash: pattern_hash ^ (hour as u64).rotate_left(32), hour, uuids }
    }
}

/// What a row is made of.
struct One<'e> {
    time: Timestamp,
    act: u64,
    id: &'e str,
    resource: Option<(ResourceKind, &'e str)>,
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
    /// Text that waits, in bytes: a group has some 150 and its pattern 300, an event some 100.
    const TEXT: usize = 4 << 20;
    /// Longest id of an act or a resource in a group, in bytes.
    const LONGEST: usize = 512;

    /// Takes up what `event` says about its entities. Tells whether that was no more than a row in a group.
    pub fn observe(&mut self, event: &Event<'_>, estate: &Estate, patterns: &mut Patterns) -> bool {
        let is_row = self.group(event, estate, patterns).is_some();
        if !is_row {
            self.states.observe(event, estate);
        }
        is_row
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
        self.make_room(patterns);
        let (hour, uuids) = (event.time.hour(), once::is_uuid(id));
        patterns.text.clear();
        let pattern = Pattern::of(event, &mut patterns.text)?;
        let text = std::mem::take(&mut patterns.text);
        let sort = Sort::new(pattern.hash(&text), hour, uuids);
        let number = self.number(sort, |known| known.is(&pattern, &text), patterns);
        let pattern = || Arc::new(OwnedPattern::new(pattern, &text));
        let resource = resource.map(|resource| (resource.kind, resource.id.as_ref()));
        let one = One { time: event.time, act: xxh3_64(id.as_bytes()), id, resource };
        let counts = || States::counts_key(event, estate);
        let put = self.put(number, &one, sort, pattern, counts, |text| Details::of(event, text));
        patterns.text = text;
        put.map(|_| ())
    }

    /// [`Delta::observe`] for an event that need not be made: `act` is the hash of its id. `None` if it must be made after
    /// all; then nothing was taken up.
    pub(crate) fn observe_alike(
        &mut self,
        found: &mut Found<'_, '_>,
        act: u64,
        patterns: &mut Patterns,
    ) -> Option<()> {
        self.make_room(patterns);
        let (id, time, hour) = (found.shared_id.unwrap_or(found.id), found.time, found.time.hour());
        let uuids = once::is_uuid(id);
        let one = One { time, act, id, resource: found.resource };
        let sort = Sort::new(found.hash(), hour, uuids);
        let mut latest = Latest { run: self.run, hour, uuids, ..found.template.latest };
        if found.template.latest == latest {
            if time > latest.first {
                self.push(latest.group, &one);
                return Some(());
            }
        } else {
            let is_it = |known: &Arc<_>| OwnedPattern::same(known, found.pattern());
            latest.group = self.number(sort, is_it, patterns);
        }
        let details = |to: &mut String| found.details(to);
        let (pattern, counts) = (|| found.pattern().clone(), || found.key_counts());
        latest.first = self.put(latest.group, &one, sort, pattern, counts, details)?;
        found.template.latest = latest;
        Some(())
    }

    /// Sees to it that there is room for one event more, and that its group can be found.
    fn make_room(&mut self, patterns: &mut Patterns) {
        if self.groups.len() >= Self::GROUPS
            || self.rows.len() >= Self::EVENTS
            || self.text.len() + self.pattern_bytes >= Self::TEXT
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
    }

    /// The number of the group of a sort whose pattern `is_it`: a known one, or the next.
    fn number(&self, sort: Sort, is_it: impl Fn(&Arc<OwnedPattern>) -> bool, patterns: &mut Patterns) -> u32 {
        patterns.places.find(sort.hash, self.run, self.groups.len() as u32, |number| {
            self.groups.get(number as usize).is_some_and(|group| {
                group.hour == sort.hour && group.uuids == sort.uuids && is_it(&group.pattern)
            })
        })
    }

    /// Puts an event into the group with this number, which is new if it is the next one. `pattern` gives its pattern,
    /// `counts` tells whether its key counts, `details` puts the texts of its details behind a text. Gives the time of the
    /// first event of the group.
    #[inline(always)]
    fn put(
        &mut self,
        number: u32,
        one: &One<'_>,
        sort: Sort,
        pattern: impl FnOnce() -> Arc<OwnedPattern>,
        counts: impl FnOnce() -> bool,
        details: impl FnOnce(&mut String) -> Option<Details>,
    ) -> Option<Timestamp> {
        let at = self.rows.len() as u32;
        let mut first_time = one.time;
        if number as usize == self.groups.len() {
            let (details, details_text) = self.keep_details(details)?;
            let pattern = pattern();
            self.pattern_bytes += pattern.bytes();
            self.groups.push(Group {
                hash: sort.hash,
                pattern,
                hour: sort.hour,
                uuids: sort.uuids,
                key_counts: counts(),
                first: at,
                details,
                details_text,
            });
        } else {
            let first = self.groups.get(number as usize)?.first;
            let order = self.rows.get(first as usize).map(|row| (row.time, self.texts(&row.id)))?;
            first_time = first_time.min(order.0);
            let order = (one.time, one.id).cmp(&order);
            let is_first = order.is_lt();
            let details = if order.is_gt() { None } else { Some(self.keep_details(details)?) };
            if let Some((details, text)) = &details
                && !is_first
            {
                let group = self.groups.get(number as usize)?;
                // Two tales of one act: which of them is told is for the States to say.
                if group.details != *details || self.texts(&group.details_text) != self.texts(text) {
                    self.text.truncate(text.start as usize);
                    return None;
                }
            }
            if let Some((details, text)) = details {
                let group = self.groups.get_mut(number as usize)?;
                (group.first, group.details, group.details_text) = (at, details, text);
            }
        }
        self.push(number, one);
        Some(first_time)
    }

    #[inline(always)]
    fn push(&mut self, group: u32, one: &One<'_>) {
        let id = self.keep(one.id);
        let resource = one.resource.map(|(kind, id)| (kind, self.keep(id)));
        self.rows.push(Row { time: one.time, act: one.act, id, resource, group });
    }

    fn keep(&mut self, text: &str) -> Range<u32> {
        let start = self.text.len() as u32;
        self.text.push_str(text);
        start..self.text.len() as u32
    }

    fn keep_details(
        &mut self,
        put: impl FnOnce(&mut String) -> Option<Details>,
    ) -> Option<(Details, Range<u32>)> {
        let start = self.text.len() as u32;
        let details = put(&mut self.text)?;
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

    /// Forgets the groups.
    pub(crate) fn clear(&mut self) {
        self.groups.clear();
        self.rows.clear();
        self.text.clear();
        self.pattern_bytes = 0;
        self.run = 0;
    }

    /// Puts the groups of `other` behind its own, and leaves `other` empty.
    ///
    /// Copying them is quicker than keeping many Deltas: one place in memory is filled and used again and again.
    pub(crate) fn append(&mut self, other: &mut Delta) {
        let (text, row, group) = (self.text.len() as u32, self.rows.len() as u32, self.groups.len() as u32);
        let moved = |range: &Range<u32>| range.start + text..range.end + text;
        self.groups.extend(other.groups.drain(..).map(|one| Group {
            details_text: moved(&one.details_text),
            first: one.first + row,
            ..one
        }));
        self.rows.extend(other.rows.iter().map(|one| Row {
            id: moved(&one.id),
            resource: one.resource.as_ref().map(|(kind, id)| (*kind, moved(id))),
            group: one.group + group,
            ..*one
        }));
        self.text.push_str(&other.text);
        self.pattern_bytes += other.pattern_bytes;
        other.clear();
    }

    /// Bytes of memory that it has for groups, about, full or not.
    pub(crate) fn allocated(&self) -> usize {
        let groups = self.groups.capacity() * size_of::<Group>();
        groups + self.rows.capacity() * size_of::<Row>() + self.text.capacity() + self.pattern_bytes
    }

    fn occurrence(&self, row: &Row) -> Occurrence<'_> {
        let resource = row.resource.as_ref().map(|(kind, id)| Behind::new(*kind, self.texts(id)));
        Occurrence { time: row.time, act: row.act, id: self.texts(&row.id), resource }
    }

    /// Bytes of memory that groups take, about.
    pub(crate) fn bytes(&self) -> usize {
        let (groups, rows) = (self.groups.len() * size_of::<Group>(), self.rows.len() * size_of::<Row>());
        groups + rows + self.text.len() + self.pattern_bytes
    }

    /// Entities of which something is said that is in no group.
    pub(crate) fn entities(&self) -> usize {
        self.states.keys.len() + self.states.principals.len() + self.states.accounts.len()
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
