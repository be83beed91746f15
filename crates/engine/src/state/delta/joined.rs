//! Groups of several Deltas, joined and taken up.

use super::{Delta, Group, Occurrence, Occurrences, Places};
use crate::baseline::kept::Kept;
use crate::event::{Event, OwnedPattern, Resource};
use crate::json::Text;
use crate::state::States;
use crate::time::Timestamp;
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64;

/// Groups of one pattern.
struct Joined<'d> {
    /// The one that holds the first event.
    first: &'d Group,
    /// Where its events stand among all; until they have been put there, only how many there are.
    events: Range<usize>,
}

/// Calls `take` with the first event of each group, all that it holds, and whether its key counts. If `join`, groups
/// of one pattern are one.
pub(super) fn each_group(
    delta: &Delta,
    join: bool,
    mut take: impl FnMut(&Event<'_>, Occurrences<'_, '_>, bool),
) {
    let (mut joined, numbers) = joined(delta, join);
    let all = in_groups(delta, &mut joined, &numbers);
    if join {
        // What is about one principal comes together: then its State is in the cache.
        let principal = |group: &Group| {
            let (pattern, text) = group.pattern.parts();
            xxh3_64(pattern.principal(text).as_bytes())
        };
        joined.sort_by_cached_key(|one| principal(one.first));
    }
    for Joined { first: group, events } in joined {
        let all = all.get(events).unwrap_or_default();
        let Some((first, id)) = delta.order(group) else { continue };
        let last = all.iter().fold(first, |last, one| last.max(one.time));
        let details = (group.details, delta.texts(&group.details_text));
        let (pattern, text) = group.pattern.parts();
        let mut event = pattern.event(text, details, id, first);
        // Measures look whether there is one; which it is, the occurrences tell.
        let resource = all.first().and_then(|one| one.resource);
        event.resource = resource.map(|behind| Resource { kind: behind.kind, id: Text::Borrowed(behind.id) });
        take(&event, Occurrences { all, first, last }, group.key_counts);
    }
}

/// The joined groups, and for each group the number of the one that it belongs to.
fn joined(delta: &Delta, join: bool) -> (Vec<Joined<'_>>, Vec<u32>) {
    let mut joined: Vec<Joined<'_>> = Vec::new();
    let mut numbers = Vec::with_capacity(delta.groups.len());
    let mut places = if join { Places::new(delta.groups.len()) } else { Places::default() };
    for group in &delta.groups {
        let new = joined.len() as u32;
        let number = match join {
            false => new,
            true => places.find(group.hash, 1, new, |number| {
                joined.get(number as usize).is_some_and(|known| delta.joins(known.first, group))
            }),
        };
        numbers.push(number);
        match joined.get_mut(number as usize) {
            Some(known) if delta.order(group) < delta.order(known.first) => known.first = group,
            Some(_) => {}
            None => joined.push(Joined { first: group, events: 0..0 }),
        }
    }
    (joined, numbers)
}

/// All events, those of each joined group one behind the other: they are read in the order in which they stand in
/// memory, and put to their places.
fn in_groups<'d>(delta: &'d Delta, joined: &mut [Joined<'_>], numbers: &[u32]) -> Vec<Occurrence<'d>> {
    let number = |group: u32| numbers.get(group as usize).map_or(usize::MAX, |number| *number as usize);
    for row in &delta.rows {
        if let Some(group) = joined.get_mut(number(row.group)) {
            group.events.end += 1;
        }
    }
    let mut at = 0;
    for group in joined.iter_mut() {
        let events = group.events.len();
        group.events = at..at;
        at += events;
    }
    let none = Occurrence { time: Timestamp(0), act: 0, id: "", resource: None };
    let mut all = vec![none; at];
    for row in &delta.rows {
        if let Some(group) = joined.get_mut(number(row.group))
            && let Some(place) = all.get_mut(group.events.end)
        {
            *place = delta.occurrence(row);
            group.events.end += 1;
        }
    }
    all
}

impl Delta {
    /// Time and id of the first event of a group.
    fn order(&self, group: &Group) -> Option<(Timestamp, &str)> {
        self.rows.get(group.first as usize).map(|row| (row.time, self.texts(&row.id)))
    }

    /// Whether two groups are one: unless they tell two tales of their first act.
    fn joins(&self, group: &Group, other: &Group) -> bool {
        group.hour == other.hour
            && group.uuids == other.uuids
            && group.key_counts == other.key_counts
            && OwnedPattern::same(&group.pattern, &other.pattern)
            && (self.order(group) != self.order(other)
                || group.details == other.details
                    && self.texts(&group.details_text) == self.texts(&other.details_text))
    }
}

/// Entities of which hours were opened.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    /// Principals, with the hour.
    pub(crate) principals: Vec<(String, i64)>,
    /// Keys, with the hour.
    pub(crate) keys: Vec<(String, i64)>,
}

impl States {
    /// Takes up the groups of Deltas that were put behind each other. Tells in which entities this has opened hours.
    pub(crate) fn absorb_groups(&mut self, waiting: &Delta) -> Opened {
        let mut opened = Opened::default();
        let mut kept = Kept::default();
        each_group(waiting, true, |event, occurrences, key_counts| {
            let opens = self.observe_all(event, occurrences, key_counts, &mut kept);
            let hour = event.time.hour();
            if opens.principal {
                opened.principals.push((event.principal.id.to_string(), hour));
            }
            if let Some(key) = event.key.as_ref().filter(|_| opens.key) {
                opened.keys.push((key.arn.to_string(), hour));
            }
        });
        opened
    }
}
