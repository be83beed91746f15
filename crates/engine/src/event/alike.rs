//! Records that are alike: equal to one that came before but for what stands in a few holes.
//!
//! Most records of a log are somebody's daily call of the same kind. From the one before they differ in their time and
//! ids, in the session, its key and when it began, in the address within a network, and in the values of the encryption
//! context: these strings are the holes.
//! All else is equal to the byte, so that an event made of it would be the same, too. Where such an event, that is, one
//! of a [`Pattern`], has told no detector anything, the next one need not be made: a [`Template`] says to which group
//! it belongs, and the holes hold what is of its own.
//!
//! A record is known as a path of segments: up to when its session began, up to its time, up to its id, and up to its
//! end. Records that begin alike share their first segments, so they are a tree, with a template at the end of each
//! path. A segment is a few stretches of text with a hole behind each. It takes one line of a processor's cache, since
//! what is compared has mostly left the cache since it was last used, and waiting for it is what comparing costs.
//!
//! A record is alike if all stretches of a path stand in it and each hole holds a string, or the end of one, without
//! escapes. Nothing is taken on trust: hashes only find a segment, and all of it is compared. So whatever an attacker
//! writes, a template serves records alone that differ from the one it was made of in nothing but holes; and [`Hole`]
//! says why these do not matter, or where they are used.
//!
//! That detectors have nothing to say depends on the estate, too: all is forgotten when that changes.
//!
//! Bounded: so many segments and bytes. When there is no room, and as many records came without a template, all are
//! forgotten; later, if few records were alike.

use super::members::Known;
use super::{Details, Event, OwnDetails, OwnedPattern, Pattern, ResourceKind};
use crate::estate::Estate;
use crate::state::States;
use crate::time::{LatestHour, Timestamp};
use crate::trail::quote_or_backslash;
use holes::{ends_address, holes};
use std::sync::Arc;
use texts::{Range, Texts};
use xxhash_rust::xxh3::xxh3_64;

/// What stands in a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hole {
    /// What is not read: `requestID`, the value of a context under a name that tells nothing.
    Unread,
    /// `creationDate`, which is not read either.
    Began,
    /// What tells something by being there, but not by what it is: a name of a resource beside the one that counts.
    Named,
    /// `eventTime`.
    Time,
    /// `eventID`.
    Id,
    /// `sharedEventID`.
    SharedId,
    /// `accessKeyId`: a detail of the caller.
    AccessKey,
    /// The name of the session of a role, to the end of a string: also a detail. It stands in the `principalId` and in the
    /// `arn`, and is the same: whatever it is, it is read from there to the end.
    Session,
    /// The last numbers of an address of IPv4, so many, to the end of `sourceIPAddress`: also a detail. Those before them
    /// tell the network.
    Address(u8),
    /// The resource behind the context, of a kind that its name tells.
    Resource(ResourceKind),
    /// None: the end of the record.
    End,
}

/// What stands in the holes of a record.
#[derive(Clone, Copy, Debug, Default)]
struct Filled<'a> {
    time: Option<Timestamp>,
    id: &'a str,
    shared_id: &'a str,
    access_key: &'a str,
    session: &'a str,
    /// The record up to the end of the address.
    to_address: &'a str,
    resource: Option<(ResourceKind, &'a str)>,
}

/// What the events of records that are alike have in common, as far as it is needed for each.
#[derive(Debug)]
pub(crate) struct Template {
    /// The group into which the last one went.
    pub(crate) latest: Latest,
    /// Hash of the account.
    pub(crate) account: u64,
}

/// A group of events by its number, as [`crate::state::Delta`] knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Latest {
    /// 0 before the first.
    pub(crate) run: u64,
    pub(crate) hour: i64,
    pub(crate) group: u32,
    pub(crate) uuids: bool,
    /// Time of the first event of the group, or later.
    pub(crate) first: Timestamp,
}

/// What else they have in common: needed for the first of a group.
#[derive(Debug)]
struct Common {
    pattern: Arc<OwnedPattern>,
    /// Its hash: the pattern itself has left the cache, and is not touched unless it must be.
    hash: u64,
    details: Details,
    details_text: Range,
    key_counts: bool,
}

/// A record that is alike to others.
#[derive(Debug)]
pub(crate) struct Found<'s, 'a> {
    pub(crate) template: &'s mut Template,
    pub(crate) time: Timestamp,
    /// `eventID`.
    pub(crate) id: &'a str,
    /// `sharedEventID`.
    pub(crate) shared_id: Option<&'a str>,
    access_key: Option<&'a str>,
    session: Option<&'a str>,
    to_address: Option<&'a str>,
    pub(crate) resource: Option<(ResourceKind, &'a str)>,
    common: &'s Common,
    texts: &'s Texts,
}

impl<'s, 'a> Found<'s, 'a> {
    /// The pattern.
    pub(crate) fn pattern(&self) -> &'s Arc<OwnedPattern> {
        &self.common.pattern
    }

    /// Hash of the pattern.
    pub(crate) fn hash(&self) -> u64 {
        self.common.hash
    }

    /// The account in whose log it stands, and its Region.
    pub(crate) fn place(&self) -> (&'s str, &'s str) {
        let (pattern, text) = self.common.pattern.parts();
        pattern.place(text)
    }

    /// Whether the key is one whose use is counted.
    pub(crate) fn key_counts(&self) -> bool {
        self.common.key_counts
    }

    /// The details; their texts are put behind `text`. `None` if they are longer than any real ones.
    pub(crate) fn details(&self, text: &mut String) -> Option<Details> {
        let common = self.texts.get(self.common.details_text);
        self.common.details.and(common, self.own_details(), text)
    }

    fn own_details(&self) -> OwnDetails<'a> {
        OwnDetails {
            session: self.session,
            access_key: self.access_key,
            address: self.to_address.and_then(|text| text.rsplit('"').next()),
        }
    }
}

/// The records that are known.
#[derive(Debug, Default)]
pub(super) struct Alike {
    /// The first is the root, without stretches.
    segments: Vec<Segment>,
    /// Segments by parent and beginning: places in `segments`, or 0.
    by_beginning: Vec<u16>,
    templates: Vec<Template>,
    /// Of the templates, one by one.
    commons: Vec<Common>,
    /// The one that came last, for each of some hashes.
    patterns: Vec<Option<Arc<OwnedPattern>>>,
    /// Bytes of the patterns that were made.
    pattern_bytes: usize,
    texts: Texts,
    /// For the holes and the texts of what is taken up: their memory serves again.
    holes: Vec<(Hole, usize, usize)>,
    text: String,
    hour: LatestHour,
    /// The segment that the next record most likely begins with.
    ahead: Place,
    /// By what detectors judge that they have nothing to say.
    judged_by: Estate,
    /// Records that were found.
    served: usize,
    /// Records that came without a template since there was no more room.
    unknown: usize,
}

/// From the quote that closes the hole behind the segment before, or the beginning of the record, to the next hole of a
/// kind that [`Hole::ends_segment`]; or not as far, if there are too many holes before that.
#[derive(Debug)]
#[repr(align(64))]
struct Segment {
    stretches: [Stretch; STRETCHES],
    /// Half of the hash of parent and beginning, if it is one of those that are found by it.
    hash: u32,
    /// The children that came last, the newest first. Of the root only the first counts: it has too many.
    likely: [Place; LIKELY],
    parent: Place,
    /// The first child that is too short to be found by its beginning, and the next one of these of the same parent.
    short: Place,
    next_short: Place,
    /// Behind the last segment of a record: the place of its template.
    template: Place,
    /// Of stretches.
    number: u16,
}

/// A place in a list.
type Place = u16;

/// From a quote that closes a hole to where the next begins: behind a quote, or within a string of which its end is the
/// hole.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: u32,
    length: u16,
    behind: Hole,
}

/// Most stretches of a segment: so it has 64 bytes.
const STRETCHES: usize = 5;

/// Children that are tried before one is looked for: the calls of one session are of few kinds.
const LIKELY: usize = 4;

/// How many bytes at its beginning a segment is found by: as many of these as its first stretch has. The shorter one
/// reaches up to the session's name at the beginning of a record, the longer one up to the key's id at its end.
const WINDOWS: [usize; 2] = [96, 192];

/// Places that are looked at for a segment, and short segments of one parent.
const TRIES: usize = 8;

/// No segment: nothing has the root for a child.
const NONE: Place = 0;

/// Longest id, access key or name of a resource in a hole that is used, in bytes.
const LONGEST: usize = 512;

/// Most holes of a record.
const MOST_HOLES: usize = 20;

impl Alike {
    /// Segments that are kept: four for a record that shares none.
    const SEGMENTS: usize = if cfg!(test) { 1 << 10 } else { 32 << 10 };
    /// Bytes of text that are kept.
    const TEXT: usize = 4 << 20;
    /// Patterns that are told apart by their hash; a power of two.
    const PATTERNS: usize = 4 << 10;
    /// Longest record that is kept, in bytes.
    const LONGEST: usize = 8 << 10;

    /// Forgets all that was found out with another estate.
    pub(super) fn judged_by(&mut self, estate: &Estate) {
        if self.judged_by != *estate {
            *self = Alike { judged_by: estate.clone(), ..Alike::default() };
        }
    }

    /// What a record holds, if it is alike to one that is known.
    pub(super) fn find<'a>(&mut self, record: &'a str, next: &[u8]) -> Option<Found<'_, 'a>> {
        let ahead = self.beginning(next);
        let [first, ..] = &mut self.segments.first_mut()?.likely;
        *first = std::mem::replace(&mut self.ahead, ahead);
        let (mut parent, mut at) = (ROOT, 0);
        let mut filled = Filled::default();
        while at < record.len() {
            (parent, at) = self.child(parent, record, at, &mut filled)?;
        }
        self.served += 1;
        let Alike { segments, templates, commons, texts, .. } = self;
        let number = usize::from(segments.get(usize::from(parent))?.template);
        let given = |text: &'a str| (!text.is_empty()).then_some(text);
        Some(Found {
            template: templates.get_mut(number)?,
            time: filled.time?,
            id: given(filled.id)?,
            shared_id: given(filled.shared_id),
            access_key: given(filled.access_key),
            session: given(filled.session),
            to_address: given(filled.to_address),
            resource: filled.resource,
            common: commons.get(number)?,
            texts,
        })
    }

    /// The child of a segment that stands in the record at this place, and where it ends. What its holes hold is
    /// filled in.
    #[inline(always)]
    fn child<'a>(
        &mut self,
        parent: Place,
        record: &'a str,
        at: usize,
        filled: &mut Filled<'a>,
    ) -> Option<(Place, usize)> {
        let [likely, ..] = self.segments.get(usize::from(parent))?.likely;
        let before = *filled;
        if let Some(end) = self.compare(likely, record, at, filled) {
            return Some((likely, end));
        }
        *filled = before;
        let (found, end) = self.other_child(parent, record, at, filled)?;
        if parent != ROOT {
            let likely = &mut self.segments.get_mut(usize::from(parent))?.likely;
            let place = likely.iter().position(|child| *child == found).unwrap_or(LIKELY - 1);
            likely.get_mut(..=place)?.rotate_right(1);
            *likely.first_mut()? = found;
        }
        Some((found, end))
    }

    #[inline(never)]
    fn other_child<'a>(
        &mut self,
        parent: Place,
        record: &'a str,
        at: usize,
        filled: &mut Filled<'a>,
    ) -> Option<(Place, usize)> {
        let text = record.as_bytes().get(at..)?;
        let before = *filled;
        if parent != ROOT {
            for place in 1..LIKELY {
                let child = *self.segments.get(usize::from(parent))?.likely.get(place)?;
                if let Some(end) = self.compare(child, record, at, filled) {
                    return Some((child, end));
                }
                *filled = before;
            }
        }
        for window in WINDOWS {
            let Some(beginning) = text.get(..window) else { continue };
            let (half, places) = places(parent, beginning, self.by_beginning.len());
            for place in places {
                let child = *self.by_beginning.get(place)?;
                let Some(known) = self.segments.get(usize::from(child)).filter(|_| child != NONE) else {
                    break;
                };
                if known.hash == half && known.parent == parent {
                    if let Some(end) = self.compare(child, record, at, filled) {
                        return Some((child, end));
                    }
                    *filled = before;
                }
            }
        }
        let mut child = self.segments.get(usize::from(parent))?.short;
        while child != NONE {
            if let Some(end) = self.compare(child, record, at, filled) {
                return Some((child, end));
            }
            *filled = before;
            child = self.segments.get(usize::from(child))?.next_short;
        }
        None
    }

    /// Where a segment ends that stands in the record at this place, if it does.
    #[inline(always)]
    fn compare<'a>(
        &mut self,
        segment: Place,
        record: &'a str,
        mut at: usize,
        filled: &mut Filled<'a>,
    ) -> Option<usize> {
        let bytes = record.as_bytes();
        let segment = self.segments.get(usize::from(segment)).filter(|_| segment != NONE)?;
        self.prefetch_behind(segment);
        for stretch in segment.stretches.get(..usize::from(segment.number))? {
            let text = self.texts.bytes(stretch);
            if !bytes.get(at..)?.starts_with(text) {
                return None;
            }
            let from = at + text.len();
            if stretch.behind == Hole::End {
                return (from == bytes.len()).then_some(from);
            }
            at = quote_or_backslash(bytes, from).filter(|at| bytes.get(*at) == Some(&b'"'))?;
            if matches!(stretch.behind, Hole::Unread | Hole::Began) {
                continue;
            }
            let text = record.get(from..at).filter(|text| text.len() <= LONGEST)?;
            match stretch.behind {
                Hole::Unread | Hole::Began | Hole::End => {}
                Hole::Named | Hole::Resource(_) if text.is_empty() => return None,
                Hole::Named => {}
                Hole::Time => filled.time = self.hour.parse(text),
                Hole::Id => filled.id = text,
                Hole::SharedId => filled.shared_id = text,
                Hole::AccessKey => filled.access_key = text,
                Hole::Session if text.is_empty() => return None,
                Hole::Session if filled.session.is_empty() => filled.session = text,
                Hole::Session if filled.session == text => {}
                Hole::Address(numbers) if ends_address(text, numbers) => {
                    filled.to_address = record.get(..at)?;
                }
                Hole::Session | Hole::Address(_) => return None,
                Hole::Resource(kind) => filled.resource = Some((kind.of(text), text)),
            }
        }
        Some(at)
    }

    /// Takes up a record of which nothing needs to be known but its row in a group: no detector has said anything of
    /// its event, and it is one of a pattern.
    #[inline(never)]
    pub(super) fn learn(&mut self, record: &str, known: Known<'_, '_>, event: &Event<'_>) -> Option<()> {
        if record.len() > Self::LONGEST || !self.has_room() {
            return None;
        }
        let mut found = std::mem::take(&mut self.holes);
        let parent = holes(record, known, event, &mut found).and_then(|()| self.path(record, &found));
        let has = |is_it: fn(&Hole) -> bool| found.iter().any(|(hole, ..)| is_it(hole)).then_some("");
        let own = OwnDetails {
            session: has(|hole| *hole == Hole::Session),
            access_key: Some(""),
            address: has(|hole| matches!(hole, Hole::Address(_))),
        };
        self.holes = found;
        let parent = parent?;
        let common = self.common(event, own)?;
        let number = Place::try_from(self.templates.len()).ok()?;
        let last = self.segments.get_mut(usize::from(parent))?;
        if last.template == UNKNOWN {
            last.template = number;
            let account = xxh3_64(event.account.as_bytes());
            self.templates.push(Template { latest: Latest::default(), account });
            self.commons.push(common);
        }
        Some(())
    }

    /// The last segment of the path with these holes, which is made as far as it is not there.
    fn path(&mut self, record: &str, holes: &[(Hole, usize, usize)]) -> Option<Place> {
        let (mut parent, mut at, mut from) = (ROOT, 0, 0);
        let (mut stretches, mut number) = ([(Hole::End, ""); STRETCHES], 0);
        for (hole, to, behind) in holes {
            *stretches.get_mut(number)? = (*hole, record.get(from..*to)?);
            (from, number) = (*behind, number + 1);
            if hole.ends_segment() || number == STRETCHES {
                let stretches = stretches.get(..number)?;
                parent = match self.child(parent, record, at, &mut Filled::default()) {
                    Some((child, end)) => {
                        Some(child).filter(|child| end == from && self.is(*child, stretches))?
                    }
                    None => self.keep(parent, stretches)?,
                };
                (at, number) = (from, 0);
            }
        }
        Some(parent)
    }

    fn common(&mut self, event: &Event<'_>, own: OwnDetails<'_>) -> Option<Common> {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        let pattern = Pattern::of(event, &mut text)?;
        let pattern = self.pattern(pattern, &text);
        text.clear();
        let details = Details::without(event, own, &mut text)?;
        let details_text = self.texts.keep(&text);
        self.text = text;
        let key_counts = States::counts_key(event, &self.judged_by);
        Some(Common { hash: pattern.hash(), pattern, details, details_text, key_counts })
    }

    /// The pattern, as it is kept.
    fn pattern(&mut self, pattern: Pattern, text: &str) -> Arc<OwnedPattern> {
        if self.patterns.is_empty() {
            self.patterns = vec![None; Self::PATTERNS];
        }
        let at = pattern.hash(text) as usize & (Self::PATTERNS - 1);
        let known = self.patterns.get(at).and_then(Option::as_ref);
        if let Some(known) = known.filter(|known| known.is(&pattern, text)) {
            return known.clone();
        }
        let new = Arc::new(OwnedPattern::new(pattern, text));
        self.pattern_bytes += new.bytes();
        if let Some(place) = self.patterns.get_mut(at) {
            *place = Some(new.clone());
        }
        new
    }

    #[cfg(test)]
    pub(super) fn known(&self) -> usize {
        self.templates.len()
    }

    /// Whether there is room for one record more; if there has not been for long, it is made.
    fn has_room(&mut self) -> bool {
        if self.segments.len() + 4 > Self::SEGMENTS
            || self.texts.text.len() + self.pattern_bytes >= Self::TEXT
        {
            self.unknown += 1;
            // Taking up what never comes again would cost half as much as reading it.
            let is_worth_it = self.served > 2 * self.templates.len();
            if self.unknown < Self::SEGMENTS / 4 * if is_worth_it { 1 } else { 16 } {
                return false;
            }
            *self = Alike { judged_by: std::mem::take(&mut self.judged_by), ..Alike::default() };
        }
        if self.segments.is_empty() {
            // Growing would copy them, and memory that is not touched costs nothing.
            self.segments.reserve_exact(Self::SEGMENTS / 8);
            self.texts.text.reserve_exact(Self::TEXT / 8);
            self.segments.push(Segment::new(ROOT));
            self.by_beginning = vec![0; Self::SEGMENTS * 2];
        }
        true
    }

    /// Whether a segment has these stretches.
    fn is(&self, segment: Place, stretches: &[(Hole, &str)]) -> bool {
        let Some(known) = self.segments.get(usize::from(segment)) else { return false };
        let known = known.stretches.iter().take(usize::from(known.number));
        let known = known.map(|stretch| (stretch.behind, self.texts.bytes(stretch)));
        known.eq(stretches.iter().map(|(hole, text)| (*hole, text.as_bytes())))
    }

    /// A new segment behind `parent`, if there is a place for it.
    fn keep(&mut self, parent: Place, stretches: &[(Hole, &str)]) -> Option<Place> {
        let new = Place::try_from(self.segments.len()).ok()?;
        let (_, first) = stretches.first()?;
        let mut segment = Segment::new(parent);
        match WINDOWS.into_iter().rev().find_map(|window| first.as_bytes().get(..window)) {
            Some(beginning) => {
                let (half, places) = places(parent, beginning, self.by_beginning.len());
                // If there is none, the last one is taken: what comes now is likelier to come again.
                let is_free = |place: &usize| self.by_beginning.get(*place) == Some(&0);
                let free = places.clone().find(is_free).or(places.last())?;
                *self.by_beginning.get_mut(free)? = new;
                segment.hash = half;
            }
            None => {
                segment.next_short = self.segments.get(usize::from(parent))?.short;
                let next =
                    |child: &Place| self.segments.get(usize::from(*child)).map(|child| child.next_short);
                let others = std::iter::successors(Some(segment.next_short), next);
                if others.take_while(|child| *child != NONE).count() >= TRIES {
                    segment.next_short = NONE;
                }
                self.segments.get_mut(usize::from(parent))?.short = new;
            }
        }
        for (to, (behind, text)) in segment.stretches.iter_mut().zip(stretches) {
            let Range { from, length } = self.texts.keep(text);
            *to = Stretch { from, length: length as u16, behind: *behind };
            segment.number += 1;
        }
        self.segments.push(segment);
        Some(new)
    }
}

/// A template that is still to be made.
const UNKNOWN: Place = Place::MAX;

/// The segment with which each path begins.
const ROOT: Place = 0;

impl Hole {
    /// Whether a segment ends with it. What is before and behind these goes together in few ways of many: a session
    /// calls itself or through a service, then one of few operations.
    fn ends_segment(self) -> bool {
        matches!(self, Hole::Began | Hole::Time | Hole::Id | Hole::End)
    }
}

impl Segment {
    fn new(parent: Place) -> Segment {
        Segment {
            stretches: [Stretch { from: 0, length: 0, behind: Hole::End }; STRETCHES],
            hash: 0,
            likely: [NONE; LIKELY],
            parent,
            short: NONE,
            next_short: NONE,
            template: UNKNOWN,
            number: 0,
        }
    }
}

/// Where a segment may stand among `number` places, and half of its hash to tell it by.
#[inline(always)]
fn places(parent: Place, beginning: &[u8], number: usize) -> (u32, impl Iterator<Item = usize> + Clone) {
    let hash = hash(parent, beginning);
    let mask = number.wrapping_sub(1);
    ((hash >> 32) as u32, (0..TRIES).map(move |n| (hash as usize).wrapping_add(n) & mask))
}

/// A number that is seldom the same for others. It is made for each record, and need be no better than that: what it
/// finds is compared.
#[inline(always)]
fn hash(parent: Place, beginning: &[u8]) -> u64 {
    const ODD: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93];
    let mut hash = u64::from(parent).wrapping_mul(ODD[0]);
    for words in beginning.as_chunks::<8>().0.as_chunks::<2>().0 {
        let [a, b] = words.map(u64::from_le_bytes);
        let product = u128::from(a ^ ODD[0]) * u128::from(b ^ ODD[1]);
        hash = hash.rotate_left(7) ^ product as u64 ^ (product >> 64) as u64;
    }
    hash.wrapping_mul(ODD[1]) ^ (hash >> 29)
}

mod ahead;
mod holes;
#[cfg(test)]
mod tests;
mod texts;
