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
use crate::estate::Estate;
use crate::event::{Details, Event, Pattern, Resource, ResourceKind};
use crate::time::Timestamp;
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
    /// The last of its rows, which form a chain.
    last: u32,
}

/// One event of a group.
#[derive(Clone, Debug)]
struct Row {
    time: Timestamp,
    /// Hash of the act.
    act: u64,
    id: Range<u32>,
    resource: Option<(ResourceKind, Range<u32>)>,
    /// The row before it in its group.
    before: Option<u32>,
}

/// One event, as far as it differs from others of its group.
#[derive(Clone, Debug)]
pub(crate) struct Occurrence<'a> {
    pub(crate) time: Timestamp,
    /// Hash of the act.
    pub(crate) act: u64,
    /// Id of the act, bounded.
    pub(crate) id: &'a str,
    pub(crate) resource: Option<Resource<'a>>,
}

/// Events of one group, and when the first and the last of them happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occurrences<'s, 'a> {
    /// In order of time and id.
    pub(crate) all: &'s [Occurrence<'a>],
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
}

/// Where groups are found again by their pattern. Made to be used for one Delta after the other.
///
/// Bounded: a fixed number of places, two for each hash; whoever came last stays. A pattern that was pushed out and
/// comes again opens another group.
#[derive(Debug, Default)]
pub struct Patterns {
    places: Places,
    runs: u64,
    /// The texts of the pattern that is looked for.
    text: String,
}

/// Numbers by hash, the last two for each place.
#[derive(Debug, Default)]
struct Places {
    /// Empty until the first number comes; then a power of two.
    places: Vec<[Place; 2]>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    hash: u64,
    /// The run that has put it here, from 1.
    run: u64,
    number: u32,
}

impl Places {
    fn new(number: usize) -> Places {
        Places { places: vec![Default::default(); number.next_power_of_two()] }
    }

    /// The number of this hash and run that `is_it`, or `otherwise`, which is then found the next time.
    fn find(&mut self, hash: u64, run: u64, otherwise: u32, mut is_it: impl FnMut(u32) -> bool) -> u32 {
        let at = hash as usize & self.places.len().wrapping_sub(1);
        let Some([newer, older]) = self.places.get_mut(at) else { return otherwise };
        let mut is_it = |place: &Place| place.hash == hash && place.run == run && is_it(place.number);
        if !is_it(newer) {
            std::mem::swap(newer, older);
            if !is_it(newer) {
                *newer = Place { hash, run, number: otherwise };
            }
        }
        newer.number
    }
}

impl Patterns {
    /// Twice as many groups are found again.
    const PLACES: usize = 1_024;
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
        let mut before = None;
        if number == new {
            let pattern_text = self.keep(text);
            let (details, details_text) = self.keep_details(event)?;
            let key_counts = States::counts_key(event, estate);
            let (first, last) = (at, at);
            self.groups.push(Group {
                hash,
                pattern,
                pattern_text,
                hour,
                uuids,
                key_counts,
                first,
                details,
                details_text,
                last,
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
            let group = self.groups.get_mut(number as usize)?;
            before = Some(std::mem::replace(&mut group.last, at));
            if let Some((details, text)) = details {
                (group.first, group.details, group.details_text) = (at, details, text);
            }
        }
        let id_text = self.keep(id);
        let resource = resource.map(|resource| (resource.kind, self.keep(&resource.id)));
        self.rows.push(Row { time: event.time, act: xxh3_64(id.as_bytes()), id: id_text, resource, before });
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
        each_group(&waiting, false, |event, occurrences, key_counts| {
            self.states.observe_all(event, occurrences, key_counts);
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
        let (text, row) = (self.text.len() as u32, self.rows.len() as u32);
        let moved = |range: &Range<u32>| range.start + text..range.end + text;
        self.groups.extend(other.groups.iter().map(|group| Group {
            pattern_text: moved(&group.pattern_text),
            details_text: moved(&group.details_text),
            first: group.first + row,
            last: group.last + row,
            ..*group
        }));
        self.rows.extend(other.rows.iter().map(|one| Row {
            id: moved(&one.id),
            resource: one.resource.as_ref().map(|(kind, id)| (*kind, moved(id))),
            before: one.before.map(|before| before + row),
            ..*one
        }));
        self.text.push_str(&other.text);
    }

    fn occurrence(&self, row: &Row) -> Occurrence<'_> {
        let resource = row.resource.as_ref();
        let resource = resource.map(|(kind, id)| Resource { kind: *kind, id: self.texts(id).into() });
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

/// Groups of one pattern.
struct Joined<'d> {
    /// The one that holds the first event.
    first: &'d Group,
    /// The last of its parts, which form a chain.
    last: usize,
}

/// Calls `take` with the first event of each group, all that it holds, and whether its key counts. If `join`, groups
/// of one pattern are one.
fn each_group(
    delta: &Delta,
    join: bool,
    mut take: impl for<'a> FnMut(&mut Event<'a>, Occurrences<'_, 'a>, bool),
) {
    let mut joined: Vec<Joined<'_>> = Vec::new();
    // The group, and the part before it of the same joined group.
    let mut parts: Vec<(&Group, Option<usize>)> = Vec::with_capacity(delta.groups.len());
    let mut places = if join { Places::new(delta.groups.len()) } else { Places::default() };
    for (part, group) in delta.groups.iter().enumerate() {
        let new = joined.len() as u32;
        let number = match join {
            false => new,
            true => places.find(group.hash, 1, new, |number| {
                joined.get(number as usize).is_some_and(|known| delta.joins(known.first, group))
            }),
        };
        match joined.get_mut(number as usize) {
            Some(known) => {
                parts.push((group, Some(std::mem::replace(&mut known.last, part))));
                if delta.order(group) < delta.order(known.first) {
                    known.first = group;
                }
            }
            None => {
                parts.push((group, None));
                joined.push(Joined { first: group, last: part });
            }
        }
    }
    if join {
        // What is about one principal comes together: then its State is in the cache.
        joined.sort_by_cached_key(|one| one.first.pattern.principal(delta.texts(&one.first.pattern_text)));
    }
    let mut all = Vec::new();
    for Joined { first: group, last } in &joined {
        all.clear();
        let mut next = Some(*last);
        while let Some((part, before)) = next.and_then(|at| parts.get(at)) {
            let mut next_row = Some(part.last);
            while let Some(row) = next_row.and_then(|at| delta.rows.get(at as usize)) {
                all.push(delta.occurrence(row));
                next_row = row.before;
            }
            next = *before;
        }
        all.sort_unstable_by_key(|one| (one.time, one.id));
        let Some((first, id)) = delta.order(group) else { continue };
        let last = all.last().map_or(first, |one| one.time);
        let details = (group.details, delta.texts(&group.details_text));
        let mut event = group.pattern.event(delta.texts(&group.pattern_text), details, id, first);
        take(&mut event, Occurrences { all: &all, first, last }, group.key_counts);
    }
}

impl Delta {
    /// Time and id of the first event of a group.
    fn order(&self, group: &Group) -> Option<(Timestamp, &str)> {
        self.rows.get(group.first as usize).map(|row| (row.time, self.texts(&row.id)))
    }

    /// Whether two groups are one: unless they tell two tales of their first act.
    fn joins(&self, group: &Group, other: &Group) -> bool {
        let same = |text: fn(&Group) -> &Range<u32>| self.texts(text(group)) == self.texts(text(other));
        group.pattern == other.pattern
            && group.hour == other.hour
            && group.uuids == other.uuids
            && group.key_counts == other.key_counts
            && same(|group| &group.pattern_text)
            && (self.order(group) != self.order(other)
                || group.details == other.details && same(|group| &group.details_text))
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
        each_group(waiting, true, |event, occurrences, key_counts| {
            let opens = self.observe_all(event, occurrences, key_counts);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, KEY, OTHER_KEY, RecordBuilder, kms};
    use crate::json::Text;
    use crate::state::Merge;
    use proptest::prelude::*;

    /// A record of one of the kinds that repeat, or do not; of each there are sessions.
    fn record(what: u8, who: u8, how: u8, time: i64, session: u8) -> RecordBuilder {
        let alias = format!("alias/a{}", who % 2);
        let secret = format!("arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:s{who}");
        let record = match what % 12 {
            0 => kms("Decrypt").set("requestParameters.encryptionContext.SecretARN", secret),
            1 => kms("Decrypt").set("requestParameters.encryptionContext.tenant", "t"),
            10 => kms("Decrypt").remove("requestParameters.encryptionContext"),
            11 => kms("Encrypt").set("requestParameters.encryptionContext", serde_json::json!({})),
            2 => kms("GenerateDataKey").set("requestParameters.keyId", alias),
            3 => kms("DescribeKey"),
            4 => kms("GenerateRandom"),
            5 => kms("ReEncrypt"),
            6 => kms("Decrypt").denied(),
            7 => kms("Decrypt").set("requestParameters.dryRun", true),
            8 => kms("DisableKey"),
            _ => kms("Sign"),
        };
        let record = match how % 8 {
            0 => record.key(OTHER_KEY),
            1 => record.set("sourceIPAddress", "198.51.100.7"),
            2 => record.set("userAgent", "Boto3/1.40"),
            3 => record.set("awsRegion", "us-east-1"),
            4 => record.set("recipientAccountId", "444455556666"),
            5 => record.set("sharedEventID", "shared"),
            6 => record.through("secretsmanager"),
            _ => record,
        };
        let record = record.by_role(ACCOUNT, "payments", &format!("i-{}", session % 4));
        let record = match session / 4 {
            0 => record.set("userIdentity.accessKeyId", "ASIAEXAMPLE").set("sourceIPAddress", "203.0.113.9"),
            _ => record,
        };
        record.at(&Timestamp(time).to_string())
    }

    fn one_by_one(records: &[RecordBuilder]) -> States {
        let mut states = States::default();
        records.iter().for_each(|record| record.event(|event| states.observe(event, &Estate::default())));
        states
    }

    fn grouped(records: &[RecordBuilder], patterns: &mut Patterns) -> Delta {
        let mut delta = Delta::default();
        records.iter().for_each(|r| r.event(|event| delta.observe(event, &Estate::default(), patterns)));
        delta
    }

    fn one_behind_the_other(deltas: &[Delta]) -> Delta {
        let mut all = Delta::default();
        deltas.iter().for_each(|delta| all.append(delta));
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn groups_say_what_their_events_say_one_by_one(
            kinds in prop::collection::vec((0u8..12, 0u8..3, 0u8..8), 1..6),
            events in prop::collection::vec((any::<prop::sample::Index>(), 0i64..9_000, 0u8..30, 0u8..8), 0..60),
            cut: usize,
        ) {
            let records: Vec<RecordBuilder> = events
                .iter()
                .map(|(kind, time, id, session)| {
                    let (what, who, how) = *kind.get(&kinds);
                    let id = match id % 2 {
                        0 => format!("e{id}"),
                        _ => format!("{id:02}34abcd-12ab-34cd-56ef-1234567890ab"),
                    };
                    // Coarse, so that events of one second meet.
                    record(what, who, how, 1_777_889_742 + time / 30 * 30, *session).id(&id)
                })
                .collect();
            let expected = one_by_one(&records);
            let mut patterns = Patterns::default();
            let (earlier, later) = records.split_at(cut % (records.len() + 1));
            let deltas = [earlier, later, later].map(|part| grouped(part, &mut patterns));
            let mut absorbed = States::default();
            let mut open = Vec::new();
            for mut delta in deltas.clone() {
                let rare = delta.take_rare();
                absorbed.merge(&rare);
                open.extend(rare.principals.keys().map(|id| (id.clone(), None)));
                let opened = absorbed.absorb_groups(&delta);
                open.extend(opened.principals.into_iter().map(|(id, hour)| (id, Some(hour))));
            }
            prop_assert_eq!(&absorbed, &expected);
            let mut together = States::default();
            let mut waiting = deltas.clone();
            waiting.iter_mut().for_each(|delta| together.merge(&delta.take_rare()));
            together.absorb_groups(&one_behind_the_other(&waiting));
            prop_assert_eq!(&together, &expected);
            let mut merged = States::default();
            deltas.into_iter().for_each(|delta| merged.merge(&delta.into_states()));
            prop_assert_eq!(&merged, &expected);
            for (id, state) in &expected.principals {
                for hour in state.baseline.open_hours() {
                    prop_assert!(open.contains(&(id.clone(), Some(hour))) || open.contains(&(id.clone(), None)));
                }
            }
        }
    }

    #[test]
    fn events_that_differ_in_id_time_resource_and_session_alone_are_one_group() {
        let records: Vec<RecordBuilder> =
            (0..50).map(|n| record(0, n * 4, 7, 1_777_889_742, n).id(&format!("e{n}"))).collect();
        let mut patterns = Patterns::default();
        let delta = grouped(&records, &mut patterns);
        assert_eq!((delta.groups.len(), delta.rows.len()), (1, 50));
        let again = grouped(&records, &mut patterns);
        let mut groups = 0;
        each_group(&one_behind_the_other(&[delta, again]), true, |_, occurrences, _| {
            groups += 1;
            assert_eq!(occurrences.all.len(), 100);
        });
        assert_eq!(groups, 1);
        assert_eq!(grouped(&[kms("Decrypt").denied()], &mut patterns).groups.len(), 0);
    }

    #[test]
    fn of_two_tales_of_one_act_the_same_is_kept_as_one_by_one() {
        let tale = |session| record(0, 0, 7, 1_777_889_742, session).id("e1");
        for sessions in [[1, 2, 3], [3, 2, 1], [2, 2, 1]] {
            let records = sessions.map(tale);
            let expected = one_by_one(&records);
            assert_eq!(grouped(&records, &mut Patterns::default()).into_states(), expected);
            let deltas = records.map(|one| grouped(&[one], &mut Patterns::default()));
            let mut together = States::default();
            together.absorb_groups(&one_behind_the_other(&deltas));
            assert_eq!(together, expected);
        }
    }

    #[test]
    fn however_many_events_and_patterns_come_what_waits_is_bounded() {
        let mut patterns = Patterns::default();
        let mut delta = Delta::default();
        let mut expected = States::default();
        kms("Decrypt").key(KEY).event(|event| {
            let mut event = event.clone();
            for n in 0..(Delta::EVENTS + 5_000) {
                event.id = Text::Owned(format!("e{n}"));
                // As many names as events at first, then one.
                let name = if n < 3 * Delta::GROUPS { n } else { 0 };
                event.principal.via_service = Some(Text::Owned(format!("s{name}")));
                event.caller.user_agent = Some(Text::Owned("x".repeat(1_000)));
                delta.observe(&event, &Estate::default(), &mut patterns);
                expected.observe(&event, &Estate::default());
                assert!(delta.groups.len() <= Delta::GROUPS && delta.rows.len() <= Delta::EVENTS);
                assert!(delta.text.len() < Delta::TEXT + 20_000);
            }
        });
        assert_eq!(patterns.places.places.len(), Patterns::PLACES);
        assert_eq!(delta.into_states(), expected);
    }

    #[test]
    fn long_ids_go_by_the_slow_way() {
        let mut patterns = Patterns::default();
        let record = kms("Decrypt").id(&"x".repeat(Delta::LONGEST + 1));
        let delta = grouped(std::slice::from_ref(&record), &mut patterns);
        assert!(delta.groups.is_empty());
        assert_eq!(delta.into_states(), one_by_one(&[record]));
    }
}
