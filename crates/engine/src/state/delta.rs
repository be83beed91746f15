//! What one object adds to States.
//!
//! Most events of an object are like others of it but for id, time and resource. So they are not taken up one by one:
//! events of one `Pattern` in one hour make a group, and States take up a group at once. What has to be done for
//! each event is then little: count its id, and its resource.
//!
//! What is left, the rare events, is taken up as it comes, into small [`States`]. So is everything once there are
//! more groups or events than `Delta::GROUPS` and `Delta::EVENTS`: however many an object holds, what waits is
//! bounded. The result is the same, since the order in which States take up events does not show.

use super::act::ActKind;
use super::{Merge, States, once};
use crate::estate::Estate;
use crate::event::{Event, Pattern, Resource, ResourceKind};
use crate::time::Timestamp;
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
    /// Ids of acts and resources, one after the other.
    texts: String,
    /// The number of the groups among those that a [`Patterns`] has helped to find; 0 before the first.
    run: u64,
}

/// Events of one pattern in one hour.
#[derive(Clone, Debug)]
struct Group {
    pattern: Arc<Pattern>,
    hour: i64,
    /// Whether the ids are UUIDs: all of them or none, so that the first by time and id is the first in any order of
    /// ids that is kept.
    uuids: bool,
    /// Whether the key of the pattern is one whose use is counted.
    key_counts: bool,
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
    pub(crate) all: &'s [Occurrence<'a>],
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
}

/// The patterns met before, by which events find their group. Made to be used for one Delta after the other.
///
/// Bounded: a fixed number of places, two for each hash; whoever came last stays. A pattern that was pushed out and
/// comes again opens another group.
#[derive(Debug, Default)]
pub struct Patterns {
    /// Empty until the first pattern comes.
    places: Vec<[Option<Place>; 2]>,
    runs: u64,
}

#[derive(Debug)]
struct Place {
    hash: u64,
    pattern: Arc<Pattern>,
    /// The run that used it last, and its group there.
    group: (u64, u32),
}

impl Patterns {
    /// Twice as many patterns are kept, of about 1 KB each.
    const PLACES: usize = 2_048;

    /// The place of the pattern of `event`.
    fn place(&mut self, event: &Event<'_>) -> Option<&mut Place> {
        if self.places.is_empty() {
            self.places.resize_with(Self::PLACES, Default::default);
        }
        let hash = Pattern::hash(event);
        let [newer, older] = self.places.get_mut(hash as usize % Self::PLACES)?;
        let is_of = |place: &Option<Place>| {
            place.as_ref().is_some_and(|place| place.hash == hash && place.pattern.is_of(event))
        };
        if !is_of(newer) {
            std::mem::swap(newer, older);
            if !is_of(newer) {
                *newer = Some(Place { hash, pattern: Arc::new(Pattern::of(event)), group: (0, 0) });
            }
        }
        newer.as_mut()
    }
}

impl Delta {
    /// Groups that wait; each holds its pattern of about 1 KB.
    const GROUPS: usize = 2_048;
    /// Events that wait, of about 100 bytes.
    const EVENTS: usize = 32_768;
    /// Longest id of an act or a resource in a group, in bytes.
    const TEXT: usize = 512;

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
            && id.len() <= Self::TEXT
            && resource.is_none_or(|resource| resource.id.len() <= Self::TEXT);
        if !suits {
            return None;
        }
        if self.groups.len() >= Self::GROUPS || self.rows.len() >= Self::EVENTS {
            self.settle();
        }
        if self.run == 0 {
            patterns.runs += 1;
            self.run = patterns.runs;
        }
        let hour = event.time.hour();
        let at = self.rows.len() as u32;
        let place = patterns.place(event)?;
        let (run, group) = place.group;
        let known = if run == self.run { self.groups.get_mut(group as usize) } else { None };
        let uuids = once::is_uuid(id);
        let before = match known.filter(|group| group.hour == hour && group.uuids == uuids) {
            Some(group) => Some(std::mem::replace(&mut group.last, at)),
            None => {
                place.group = (self.run, self.groups.len() as u32);
                let key_counts = States::counts_key(event, estate);
                self.groups.push(Group {
                    pattern: Arc::clone(&place.pattern),
                    hour,
                    uuids,
                    key_counts,
                    last: at,
                });
                None
            }
        };
        let id = self.keep(id);
        let resource = resource.map(|resource| (resource.kind, self.keep(&resource.id)));
        let act = xxh3_64(event.act_id().as_bytes());
        self.rows.push(Row { time: event.time, act, id, resource, before });
        Some(())
    }

    fn keep(&mut self, text: &str) -> Range<u32> {
        let start = self.texts.len() as u32;
        self.texts.push_str(text);
        start..self.texts.len() as u32
    }

    /// Takes the groups up into the small States.
    fn settle(&mut self) {
        let mut states = std::mem::take(&mut self.states);
        self.each_group(|event, occurrences, key_counts| {
            states.observe_all(event, occurrences, key_counts);
        });
        *self = Delta { states, ..Delta::default() };
    }

    /// Calls `take` with the first event of each group, all that it holds, and whether its key counts.
    fn each_group(&self, mut take: impl for<'a> FnMut(&mut Event<'a>, Occurrences<'_, 'a>, bool)) {
        let mut all = Vec::new();
        for group in &self.groups {
            all.clear();
            let mut next = Some(group.last);
            while let Some(row) = next.and_then(|at| self.rows.get(at as usize)) {
                all.push(self.occurrence(row));
                next = row.before;
            }
            let Some(first) = all.iter().min_by_key(|one| (one.time, one.id)) else { continue };
            let last = all.iter().map(|one| one.time).max().unwrap_or(first.time);
            let mut event = group.pattern.event(first.id, first.time);
            take(&mut event, Occurrences { all: &all, first: first.time, last }, group.key_counts);
        }
    }

    fn occurrence(&self, row: &Row) -> Occurrence<'_> {
        let text =
            |range: &Range<u32>| self.texts.get(range.start as usize..range.end as usize).unwrap_or_default();
        let resource = row.resource.as_ref().map(|(kind, id)| Resource { kind: *kind, id: text(id).into() });
        Occurrence { time: row.time, act: row.act, id: text(&row.id), resource }
    }

    /// The Delta as small States.
    pub fn into_states(mut self) -> States {
        self.settle();
        self.states
    }
}

/// Entities of which hours were opened.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    /// Principals, with the hour.
    pub(crate) principals: Vec<(String, i64)>,
    /// Keys, with the hour.
    pub(crate) keys: Vec<(String, i64)>,
    /// What the Delta said of all others.
    pub(crate) others: States,
}

impl States {
    /// Takes up a Delta. Tells in which entities this has opened hours.
    pub(crate) fn absorb(&mut self, delta: Delta) -> Opened {
        let mut opened = Opened::default();
        delta.each_group(|event, occurrences, key_counts| {
            let opens = self.observe_all(event, occurrences, key_counts);
            let hour = event.time.hour();
            if opens.principal {
                opened.principals.push((event.principal.id.to_string(), hour));
            }
            if let Some(key) = event.key.as_ref().filter(|_| opens.key) {
                opened.keys.push((key.arn.to_string(), hour));
            }
        });
        self.merge(&delta.states);
        opened.others = delta.states;
        opened
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, KEY, OTHER_KEY, RecordBuilder, kms};
    use crate::json::Text;
    use proptest::prelude::*;

    /// A record of one of the kinds that repeat, or do not.
    fn record(what: u8, who: u8, how: u8, time: i64) -> RecordBuilder {
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
        record.by_role(ACCOUNT, "payments", &format!("i-{}", who % 4)).at(&Timestamp(time).to_string())
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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn groups_say_what_their_events_say_one_by_one(
            kinds in prop::collection::vec((0u8..12, 0u8..6, 0u8..8), 1..6),
            events in prop::collection::vec((any::<prop::sample::Index>(), 0i64..9_000, 0u8..30), 0..60),
            cut: usize,
        ) {
            let records: Vec<RecordBuilder> = events
                .iter()
                .map(|(kind, time, id)| {
                    let (what, who, how) = *kind.get(&kinds);
                    let id = match id % 2 {
                        0 => format!("e{id}"),
                        _ => format!("{id:02}34abcd-12ab-34cd-56ef-1234567890ab"),
                    };
                    // Coarse, so that events of one second meet.
                    record(what, who, how, 1_777_889_742 + time / 30 * 30).id(&id)
                })
                .collect();
            let expected = one_by_one(&records);
            let mut patterns = Patterns::default();
            let (earlier, later) = records.split_at(cut % (records.len() + 1));
            let deltas = [earlier, later, later].map(|part| grouped(part, &mut patterns));
            let mut absorbed = States::default();
            let mut open = Vec::new();
            for delta in deltas.clone() {
                let opened = absorbed.absorb(delta);
                let others = opened.others.principals.keys().map(|id| (id.clone(), None));
                open.extend(opened.principals.into_iter().map(|(id, hour)| (id, Some(hour))).chain(others));
            }
            prop_assert_eq!(&absorbed, &expected);
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
    fn events_that_differ_in_id_time_and_resource_alone_are_one_group() {
        let records: Vec<RecordBuilder> =
            (0..50).map(|n| record(0, n * 4, 7, 1_777_889_742).id(&format!("e{n}"))).collect();
        let mut patterns = Patterns::default();
        let delta = grouped(&records, &mut patterns);
        assert_eq!((delta.groups.len(), delta.rows.len()), (1, 50));
        let again = grouped(&records, &mut patterns);
        assert!(Arc::ptr_eq(&delta.groups[0].pattern, &again.groups[0].pattern));
        assert_eq!(grouped(&[kms("Decrypt").denied()], &mut patterns).groups.len(), 0);
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
                // As many sessions as events at first, then one.
                let session = if n < 3 * Delta::GROUPS { n } else { 0 };
                event.principal.session = Some(Text::Owned(format!("s{session}")));
                delta.observe(&event, &Estate::default(), &mut patterns);
                expected.observe(&event, &Estate::default());
                assert!(delta.groups.len() <= Delta::GROUPS && delta.rows.len() <= Delta::EVENTS);
            }
        });
        let places = patterns.places.iter().flatten().flatten().count();
        assert!(places <= 2 * Patterns::PLACES);
        assert_eq!(delta.into_states(), expected);
    }

    #[test]
    fn long_ids_go_by_the_slow_way() {
        let mut patterns = Patterns::default();
        let record = kms("Decrypt").id(&"x".repeat(Delta::TEXT + 1));
        let delta = grouped(std::slice::from_ref(&record), &mut patterns);
        assert!(delta.groups.is_empty());
        assert_eq!(delta.into_states(), one_by_one(&[record]));
    }
}
