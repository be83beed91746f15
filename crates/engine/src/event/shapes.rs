//! The shapes of records: where in a record its members stand, known from records like it.
//!
//! Records of one kind are equal but for what stands in some of their strings. Take these out, and what is left, the
//! fixed text with all names, brackets and numbers, is the same in thousands of records. So a record is compared with
//! shapes that were met before: one stretch of fixed text after the other, with one look for the end of the string
//! in between. That tells where all members stand without reading a name. Shapes that begin alike share their
//! beginning, so they are a tree of stretches.
//!
//! What is found is what a walk over the record finds, whatever was met before: a walk depends on the fixed text alone.
//! A string that is left out is followed by no colon, so it is no name, and it has neither quote nor backslash, so
//! it ends where it seems to. Strings of which there are few belong to the fixed text, too.
//!
//! Bounded: so many stretches and bytes. When there is no room, and as many records came without a shape, all are
//! forgotten.

use super::context;
use super::members::{Known, Members, Place, Places};
use crate::json::Value;
use crate::trail::quote_or_backslash;

/// The shapes that were met.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    /// The first is the first that a record may begin with.
    stretches: Vec<Stretch>,
    text: String,
    marks: Vec<Mark>,
    /// Records that came without a shape since there was no more room.
    unknown: usize,
}

/// A stretch of fixed text: from the quote that closes a string that is left out, to the one that opens the next.
#[derive(Debug)]
struct Stretch {
    /// Its first eight bytes, and ones where it has any: that tells most stretches apart.
    head: u64,
    mask: u64,
    text: (u32, u32),
    marks: (u32, u32),
    /// The stretch to try if it is not this one, and the first to try behind it; or [`NONE`].
    otherwise: u32,
    next: u32,
    behind: Behind,
}

/// What stands behind a stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behind {
    /// The end of the record, with the hash of the names in its encryption context: [`context::of_plain_names`].
    End(Option<u64>),
    /// A string that is left out.
    String,
    /// One that belongs to this slot.
    Slot(u8),
}

/// A place in a stretch, in bytes from its beginning, at which the value of a slot begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Mark {
    at: u32,
    is_end: bool,
    slot: u8,
}

/// Members whose values are few. They belong to the fixed text, unless they are longer than any real one or stand in an
/// encryption context: there, anybody can put what he likes.
const FEW: [&str; 12] = [
    "eventVersion",
    "type",
    "mfaAuthenticated",
    "eventSource",
    "eventType",
    "eventCategory",
    "encryptionAlgorithm",
    "keySpec",
    "tlsVersion",
    "cipherSuite",
    "keyExchange",
    "clientProvidedHostHeader",
];

/// Longest value of such a member in the fixed text, in bytes.
const LONGEST_OF_FEW: usize = 64;

/// No stretch.
const NONE: u32 = u32::MAX;

impl Shapes {
    /// Stretches that are kept.
    const STRETCHES: usize = 8 << 10;
    /// Bytes of text that are kept.
    const TEXT: usize = 512 << 10;
    /// Longest record of which the shape is kept, in bytes.
    const LONGEST: usize = 8 << 10;

    /// [`Shapes::find`], and learns a shape that is not known.
    pub(super) fn place<'a, 'p>(&mut self, record: &'a str, places: &'p mut Places) -> Option<Known<'a, 'p>> {
        let known = self.find(record, places);
        if known.is_none() {
            self.learn(record);
        }
        known
    }

    /// Finds out where the members of a record stand, if its shape is known. `places` are empty before.
    pub(super) fn find<'a, 'p>(&self, record: &'a str, places: &'p mut Places) -> Option<Known<'a, 'p>> {
        let bytes = record.as_bytes();
        let (mut at, mut first) = (0, 0);
        loop {
            let (stretch, length) = self.stretch(bytes.get(at..)?, first)?;
            for mark in self.marks.get(range(stretch.marks))? {
                let here = at as u32 + mark.at;
                let place = places.get_mut(usize::from(mark.slot))?;
                match mark.is_end {
                    true => place.to = here,
                    false => place.from = here,
                }
            }
            let behind = at + length;
            if let Behind::End(context) = stretch.behind {
                return (behind == bytes.len()).then_some(Known { record, places, context });
            }
            at = quote_or_backslash(bytes, behind).filter(|end| bytes.get(*end) == Some(&b'"'))?;
            if let Behind::Slot(slot) = stretch.behind {
                *places.get_mut(usize::from(slot))? = Place { from: behind as u32 - 1, to: at as u32 + 1 };
            }
            first = stretch.next;
        }
    }

    /// The stretch that `text` begins with, and its length: `first` or one of those to try otherwise.
    #[inline(always)]
    fn stretch(&self, text: &[u8], first: u32) -> Option<(&Stretch, usize)> {
        let head = head(text);
        let mut stretch = self.stretches.get(first as usize)?;
        loop {
            if head & stretch.mask == stretch.head {
                let fixed = self.text.as_bytes().get(range(stretch.text))?;
                if text.starts_with(fixed) {
                    return Some((stretch, fixed.len()));
                }
            }
            stretch = self.stretches.get(stretch.otherwise as usize)?;
        }
    }

    /// Takes up the shape of a record that has no known one, if it can be walked over and is of KMS.
    #[cold]
    #[inline(never)]
    pub(super) fn learn(&mut self, record: &str) {
        if self.stretches.len() >= Self::STRETCHES || self.text.len() >= Self::TEXT {
            self.unknown += 1;
            if self.unknown < Self::STRETCHES {
                return;
            }
            *self = Shapes::default();
        }
        if record.len() <= Self::LONGEST
            && let Ok(members) = Members::read(Value::new(record))
            && members.is_of_kms()
            && let Some(parts) = cut(record, &members)
        {
            self.keep(&parts);
        }
    }

    /// Keeps a shape, up to a stretch that is known to tell something else: then it stays without an end.
    fn keep(&mut self, parts: &[Part<'_>]) -> Option<()> {
        let mut before = None;
        for part in parts {
            let first = before.map_or(Some(0), |before: usize| Some(self.stretches.get(before)?.next))?;
            let (mut last, mut at) = (None, first as usize);
            while let Some(stretch) = self.stretches.get(at)
                && self.text.get(range(stretch.text)) != Some(part.text)
            {
                (last, at) = (Some(at), stretch.otherwise as usize);
            }
            match self.stretches.get(at) {
                Some(known) => {
                    let marks = self.marks.get(range(known.marks));
                    if marks != Some(&part.marks) || known.behind != part.behind {
                        return None;
                    }
                }
                None => {
                    at = self.stretches.len();
                    self.push(part);
                    if let Some(last) = last {
                        self.stretches.get_mut(last)?.otherwise = at as u32;
                    } else if let Some(before) = before {
                        self.stretches.get_mut(before)?.next = at as u32;
                    }
                }
            }
            before = Some(at);
        }
        Some(())
    }

    fn push(&mut self, part: &Part<'_>) {
        let (text, marks) = (self.text.len() as u32, self.marks.len() as u32);
        self.text.push_str(part.text);
        self.marks.extend_from_slice(&part.marks);
        self.stretches.push(Stretch {
            head: head(part.text.as_bytes()),
            mask: head(&vec![0xff; part.text.len()]),
            text: (text, self.text.len() as u32),
            marks: (marks, self.marks.len() as u32),
            otherwise: NONE,
            next: NONE,
            behind: part.behind,
        });
    }
}

fn range((from, to): (u32, u32)) -> std::ops::Range<usize> {
    from as usize..to as usize
}

/// The first eight bytes of a text, with zeros behind a shorter one.
#[inline(always)]
fn head(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => text.iter().rev().fold(0, |head, byte| (head << 8) | u64::from(*byte)),
    }
}

/// A stretch of a record, and what stands behind it.
struct Part<'t> {
    text: &'t str,
    marks: Vec<Mark>,
    behind: Behind,
}

/// Cuts a record with these members into stretches; `None` if it has escapes.
fn cut<'t>(record: &'t str, members: &Members<'_>) -> Option<Vec<Part<'t>>> {
    let bytes = record.as_bytes();
    let place = |value: Value<'_>| {
        let from = value.raw().as_ptr().addr().checked_sub(bytes.as_ptr().addr())?;
        let to = from + value.raw().len();
        (to <= bytes.len()).then_some((from, to))
    };
    let contexts: Vec<_> = members.contexts().into_iter().filter_map(place).collect();
    let mut values: Vec<_> =
        (0u8..).zip(members.slots()).filter_map(|(slot, value)| Some((slot, place(value)?))).collect();
    let mut stretches = Vec::new();
    let (mut from, mut at, mut name) = (0, 0, "");
    while let Some(open) = quote_or_backslash(bytes, at) {
        let close = quote_or_backslash(bytes, open + 1)?;
        if [open, close].iter().any(|at| bytes.get(*at) != Some(&b'"')) {
            return None;
        }
        at = close + 1;
        if bytes.get(at..)?.trim_ascii_start().first() == Some(&b':') {
            name = record.get(open + 1..close)?;
            continue;
        }
        let is_fixed = FEW.contains(&std::mem::take(&mut name))
            && at - open <= LONGEST_OF_FEW
            && !contexts.iter().any(|(from, to)| (*from..*to).contains(&open));
        if !is_fixed {
            let slot = values.iter().position(|(_, place)| *place == (open, at));
            let slot = slot.map(|at| values.swap_remove(at).0);
            stretches.push((from, open + 1, slot.map_or(Behind::String, Behind::Slot)));
            from = close;
        }
    }
    let context = match members.contexts() {
        [plain, source, destination] if [source, destination] == [Value::NULL; 2] => {
            context::of_plain_names(plain)
        }
        _ => None,
    };
    stretches.push((from, bytes.len(), Behind::End(context)));
    let part = |(from, to, behind): (usize, usize, Behind)| {
        let mut marks = Vec::new();
        for (slot, (begin, end)) in values.iter().copied() {
            let mark = |at: usize, is_end| Mark { at: (at - from) as u32, is_end, slot };
            if (from..to).contains(&begin) {
                marks.push(mark(begin, false));
            }
            if (from + 1..=to).contains(&end) {
                marks.push(mark(end, true));
            }
        }
        marks.sort_unstable();
        Some(Part { text: record.get(from..to)?, marks, behind })
    };
    stretches.into_iter().map(part).collect()
}

#[cfg(test)]
pub(super) mod twins;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Operation;
    use crate::event::members::SLOTS;
    use crate::event::testing::{ACCOUNT, RecordBuilder, kms};
    use proptest::prelude::*;

    pub(super) fn record(what: u8, who: u8, how: u8) -> RecordBuilder {
        let record = match what % 8 {
            0 => kms("Decrypt").set("requestParameters.encryptionContext.tenant", "t"),
            1 => kms("Decrypt")
                .set("requestParameters.encryptionContext", serde_json::json!({"a": "b", "c": [1, "d"]})),
            2 => kms("ReEncrypt"),
            3 => kms("Decrypt").denied(),
            4 => kms("CreateKey"),
            5 => kms("GenerateRandom").set("requestParameters", serde_json::Value::Null),
            6 => kms("Decrypt").set("requestParameters.dryRun", true),
            _ => kms("DescribeKey").set("responseElements", serde_json::json!({"x": "\"quoted\""})),
        };
        let record = match who % 4 {
            0 => record.by_user(ACCOUNT, "alice"),
            1 => record.by_service("cloudtrail"),
            2 => record.by_role(ACCOUNT, "payments", "i-1").through("secretsmanager"),
            _ => record.set(
                "userIdentity",
                serde_json::json!({"type": "IdentityCenterUser", "onBehalfOf": {"userId": "u"}}),
            ),
        };
        match how % 6 {
            0 => record.set("additionalEventData", serde_json::json!({"keyMaterialId": "m", "grantId": ""})),
            1 => record.set("additionalEventData", "{\"grantId\":\"g\"}"),
            2 => record.set("vpcEndpointId", "vpce-1").set("sessionCredentialFromConsole", "true"),
            3 => record.set("tlsDetails", serde_json::json!({"tlsVersion": "TLSv1.3", "cipherSuite": "x"})),
            4 => record.set("resources", serde_json::json!([])).set("eventID", "é"),
            _ => record,
        }
    }

    pub(super) fn walked(text: &str) -> Vec<Value<'_>> {
        Members::read(Value::new(text)).unwrap().slots().collect()
    }

    pub(super) fn found<'a>(shapes: &Shapes, text: &'a str) -> Option<Vec<Value<'a>>> {
        let mut places = [Place::default(); SLOTS];
        let known = shapes.find(text, &mut places)?;
        let request = known.request()?;
        if let Some(names) = known.context {
            let read = |names| {
                let contexts = [request.context, request.source_context, request.destination_context];
                let (context, told) = context::of_call(Operation::Decrypt, contexts, names).unwrap();
                let (resource, service) = (told.resource, told.service);
                (context.raw, context.destination, context.names_hash, resource, service)
            };
            assert_eq!(read(Some(names)), read(None), "{text}");
        }
        let (top, request, caller) = (known.top()?, known.request()?, known.caller()?);
        Some(Members::of(top, request, caller, known.additional()?).slots().collect())
    }

    #[test]
    fn records_that_differ_in_their_strings_have_one_shape() {
        let mut shapes = Shapes::default();
        let text = |id, time| kms("Decrypt").id(id).at(time).set("sourceIPAddress", id).text();
        let (one, other) = (text("e1", "2026-05-04T10:15:42Z"), text("e22", "2026-05-04T10:15:43Z"));
        assert_eq!(found(&shapes, &one), None);
        shapes.learn(&one);
        assert_eq!(found(&shapes, &other), Some(walked(&other)));
        let stretches = shapes.stretches.len();
        shapes.learn(&other);
        assert_eq!(shapes.stretches.len(), stretches);
    }

    #[test]
    fn a_name_that_comes_twice_is_read_as_a_walk_reads_it() {
        let once = r#"{"eventSource":"kms.amazonaws.com","eventID":"a","awsRegion":"r"}"#;
        let twice = r#"{"eventSource":"kms.amazonaws.com","eventID":"a","awsRegion":"r","eventID":"b"}"#;
        for order in [[once, twice], [twice, once]] {
            let mut shapes = Shapes::default();
            order.iter().for_each(|text| shapes.learn(text));
            for text in order {
                assert!(found(&shapes, text).is_none_or(|slots| slots == walked(text)), "{text}");
            }
        }
    }

    #[test]
    fn escapes_have_no_shape() {
        let mut shapes = Shapes::default();
        let plain = kms("Decrypt").set("userAgent", "plain").text();
        shapes.learn(&plain.replace("plain", "\\\""));
        assert!(shapes.stretches.is_empty());
        shapes.learn(&plain);
        assert!(
            found(&shapes, &plain).is_some() && found(&shapes, &plain.replace("plain", "a\\nb")).is_none()
        );
    }

    #[test]
    fn what_a_caller_puts_into_a_context_makes_no_shapes() {
        let mut shapes = Shapes::default();
        let text = |name: &str, value: &str| kms("Decrypt").set(name, value).text();
        let context = "requestParameters.encryptionContext.type";
        shapes.learn(&text(context, "a"));
        assert!(found(&shapes, &text(context, "b")).is_some());
        shapes.learn(&text("eventType", "AwsApiCall"));
        assert!(found(&shapes, &text("eventType", "AwsServiceEvent")).is_none());
    }

    #[test]
    fn however_many_shapes_come_what_is_kept_is_bounded() {
        let text =
            |n| format!(r#"{{"eventVersion":"x{n}","eventSource":"kms.amazonaws.com","eventID":"a"}}"#);
        let mut shapes = Shapes::default();
        for n in 0..3 * Shapes::STRETCHES {
            shapes.learn(&text(n));
            assert!(shapes.stretches.len() <= Shapes::STRETCHES + 2);
        }
        let last = text(2 * Shapes::STRETCHES);
        shapes.learn(&last);
        assert!(found(&shapes, &last).is_some(), "it was forgotten and learned anew");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_found_is_what_a_walk_finds(
            kinds in prop::collection::vec((0u8..8, 0u8..4, 0u8..6), 1..8),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0usize..9), 0..60),
            pretty: bool,
        ) {
            let texts: Vec<String> = kinds
                .iter()
                .map(|(what, who, how)| {
                    let text = record(*what, *who, *how).text();
                    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
                    if pretty { serde_json::to_string_pretty(&value).unwrap() } else { text }
                })
                .collect();
            let mut shapes = Shapes::default();
            texts.iter().for_each(|text| shapes.learn(text));
            for text in &texts {
                prop_assert_eq!(found(&shapes, text), (!text.contains('\\')).then(|| walked(text)));
            }
            // Whatever the damage: if a shape fits, a walk succeeds and finds the same.
            for (text, at, what) in changes {
                let mut text = text.get(&texts).clone();
                let at = at.index(text.len());
                if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
                    text.replace_range(at..at + 1, ["", "\"", "\\", "{", "}", ":", "x", ",", "é"][what]);
                    if let Some(slots) = found(&shapes, &text) {
                        prop_assert_eq!(slots, walked(&text));
                    }
                }
            }
        }
    }
}
