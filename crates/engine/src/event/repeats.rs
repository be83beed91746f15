//! Parts of records that repeat word for word, read once.
//!
//! The same identities, keys and user agents fill a log. What was read from such a part is kept beside its text,
//! and where the very same text comes again the kept value is lent. A hash only finds the place; the texts are
//! compared in full, and what else went into the value is compared too: so nothing depends on what was kept.
//!
//! Bounded: a fixed number of places, each with a text of at most [`LONGEST_TEXT`]. A text gets its place when it
//! comes a second time in a row there: most of what comes once never comes again, and copying it costs more than
//! reading it.

use super::Event;
use super::alike::{Alike, Found};
use super::fields::Read;
use super::identity::Around;
use super::key::Listed;
use super::members::{self, Known, SLOTS};
use super::network::{self, Tls};
use super::normalize::{Left, read};
use super::principal::{Principal, PrincipalKind};
use super::service::{is_internal, service_name};
use super::shapes::Shapes;
use crate::estate::Estate;
use crate::json::{Kind, Text, Value};
use crate::trail::Record;
use xxhash_rust::xxh3::xxh3_64;

/// Longest text that is kept, in bytes; an identity has some 600.
const LONGEST_TEXT: usize = 2 << 10;

/// What was read from parts of records that came again. Made to be used for many records, one after the other.
#[derive(Debug)]
pub struct Repeats {
    shapes: Shapes,
    alike: Alike,
    principals: Places<(Setting, KnownPrincipal)>,
    lists: Places<Listed<'static>>,
    families: Places<Box<str>>,
    tls: Places<Option<Tls<'static>>>,
}

impl Default for Repeats {
    fn default() -> Self {
        Repeats {
            shapes: Shapes::default(),
            alike: Alike::default(),
            principals: Places::new(2_048),
            lists: Places::new(512),
            families: Places::new(256),
            tls: Places::new(64),
        }
    }
}

impl Repeats {
    /// The shapes of records, and the kinds of parts one by one, so that an event can borrow from each.
    pub(super) fn shapes_and_parts(&mut self) -> (&mut Shapes, Parts<'_>) {
        let Repeats { shapes, principals, lists, families, tls, .. } = self;
        let parts = Parts {
            principals: Some(principals),
            lists: Some(lists),
            families: Some(families),
            tls: Some(tls),
        };
        (shapes, parts)
    }

    #[cfg(test)]
    pub(super) fn alike(&self) -> &Alike {
        &self.alike
    }

    /// Of how many records no event need be made.
    #[cfg(test)]
    pub(crate) fn known_records(&self) -> usize {
        self.alike.known()
    }

    /// Forgets of which records no event need be made, if that was found out with another estate.
    pub(crate) fn judged_by(&mut self, estate: &Estate) {
        self.alike.judged_by(estate);
    }

    /// What is known of a record that is alike to one of which no event need be made.
    pub(crate) fn find<'a>(&mut self, record: &'a str, next: &[u8]) -> Option<Found<'_, 'a>> {
        self.alike.find(record, next)
    }

    /// [`super::normalize_with`], and calls `look` with the event. If that says that of an event like this nothing but
    /// its row need be known, [`Repeats::find`] finds the next record that is alike.
    pub(crate) fn normalize(
        &mut self,
        record: &Record<'_>,
        look: impl FnOnce(&Event<'_>) -> bool,
    ) -> Result<(), Left> {
        let Repeats { shapes, alike, principals, lists, families, tls } = self;
        let parts = Parts {
            principals: Some(principals),
            lists: Some(lists),
            families: Some(families),
            tls: Some(tls),
        };
        let mut places = [members::Place::default(); SLOTS];
        let known = shapes.place(record.text, &mut places);
        let event = read(record, parts, known)?;
        if look(&event)
            && let Some(known) = known
        {
            alike.learn(record.text, known, &event);
        }
        Ok(())
    }
}

/// What is known of each kind of part; nothing where a record is read alone.
#[derive(Debug, Default)]
pub(super) struct Parts<'a> {
    pub(super) principals: Option<&'a mut Places<(Setting, KnownPrincipal)>>,
    pub(super) lists: Option<&'a mut Places<Listed<'static>>>,
    pub(super) families: Option<&'a mut Places<Box<str>>>,
    pub(super) tls: Option<&'a mut Places<Option<Tls<'static>>>>,
}

/// [`Principal::read`], or the principal that is known of the same identity in the same setting.
pub(super) fn principal<'a>(
    known: Option<&'a mut Places<(Setting, KnownPrincipal)>>,
    (identity, places): (Value<'a>, Option<Known<'a, '_>>),
    around: &Around<'a, '_>,
) -> Read<Principal<'a>> {
    let Some(known) = known else { return Principal::read(identity, places, around) };
    // The address of a caller says nothing about who it is; only words that name a service do.
    let words = around.address.filter(|text| {
        // Nearly all are addresses of IPv4: those end with a digit.
        !text.ends_with(|end: char| end.is_ascii_digit())
            && (service_name(text).is_some() || is_internal(text))
    });
    let around = &Around { address: words, ..*around };
    known.read(
        identity.raw(),
        |(setting, _)| setting.is(around),
        |(_, principal)| principal.lend(identity.raw()),
        || Principal::read(identity, places, around),
        |principal| Some((Setting::of(around), KnownPrincipal::of(principal, identity.raw())?)),
    )
}

/// A principal that was read from an identity. Its texts are nearly all parts of the identity's: they are lent from
/// the record at hand, which is in the cache of the processor as what was kept of an earlier one seldom is.
#[derive(Debug)]
pub(super) struct KnownPrincipal {
    id: KnownText,
    via_service: Option<KnownText>,
    /// Of the texts that come from the identity alone, in the order of [`KnownPrincipal::parts`].
    parts: [Option<Part>; 7],
    kind: PrincipalKind,
    mfa: Option<bool>,
    console: bool,
}

/// A text that may be none of the identity's.
#[derive(Debug)]
enum KnownText {
    Part(Part),
    Other(Box<str>),
}

/// From where to where a text stands in that of the identity.
#[derive(Clone, Copy, Debug)]
struct Part(u16, u16);

impl Part {
    fn of(text: &str, identity: &str) -> Option<Part> {
        let from = text.as_ptr().addr().checked_sub(identity.as_ptr().addr())?;
        let part = Part(u16::try_from(from).ok()?, u16::try_from(from + text.len()).ok()?);
        (part.get(identity) == Some(text)).then_some(part)
    }

    fn get(self, identity: &str) -> Option<&str> {
        identity.get(usize::from(self.0)..usize::from(self.1))
    }

    fn lend(self, identity: &str) -> Text<'_> {
        Text::Borrowed(self.get(identity).unwrap_or_default())
    }
}

impl KnownText {
    fn of(text: &str, identity: &str) -> KnownText {
        Part::of(text, identity).map_or_else(|| KnownText::Other(text.into()), KnownText::Part)
    }

    fn lend<'a>(&'a self, identity: &'a str) -> Text<'a> {
        match self {
            KnownText::Part(part) => part.lend(identity),
            KnownText::Other(text) => Text::Borrowed(text),
        }
    }
}

impl KnownPrincipal {
    /// What is known of a principal that was read from `identity`; `None` if it is written in an odd way.
    fn of(principal: &Principal<'_>, identity: &str) -> Option<KnownPrincipal> {
        let Principal {
            id,
            kind,
            account,
            session,
            generation,
            access_key,
            via_service,
            source_identity,
            person,
            mfa,
            console,
            imds,
        } = principal;
        let mut parts = [None; 7];
        let texts = [account, session, generation, access_key, source_identity, person, imds];
        for (part, text) in parts.iter_mut().zip(texts) {
            if let Some(text) = text {
                *part = Some(Part::of(text, identity)?);
            }
        }
        Some(KnownPrincipal {
            id: KnownText::of(id, identity),
            via_service: via_service.as_ref().map(|text| KnownText::of(text, identity)),
            parts,
            kind: *kind,
            mfa: *mfa,
            console: *console,
        })
    }

    /// The principal, with texts borrowed from the same identity in another record.
    fn lend<'a>(&'a self, identity: &'a str) -> Principal<'a> {
        let [account, session, generation, access_key, source_identity, person, imds] =
            self.parts.map(|part| part.map(|part| part.lend(identity)));
        Principal {
            id: self.id.lend(identity),
            kind: self.kind,
            account,
            session,
            generation,
            access_key,
            via_service: self.via_service.as_ref().map(|text| text.lend(identity)),
            source_identity,
            person,
            mfa: self.mfa,
            console: self.console,
            imds,
        }
    }
}

/// [`Listed::read`], or what is known of the same `resources`.
pub(super) fn listed<'a>(
    known: Option<&'a mut Places<Listed<'static>>>,
    resources: Value<'a>,
) -> Read<Listed<'a>> {
    let Some(known) = known else { return Listed::read(resources) };
    known.read(
        resources.raw(),
        |_| true,
        Listed::lent,
        || Listed::read(resources),
        |listed| Some(listed.clone().into_owned()),
    )
}

/// [`network::agent_family`], or the family that is known of the same user agent.
pub(super) fn agent_family<'a>(
    known: Option<&'a mut Places<Box<str>>>,
    agent: &Text<'a>,
) -> Option<Text<'a>> {
    let Some(known) = known else { return network::agent_family(agent) };
    let family: Result<_, ()> = known.read(
        agent,
        |_| true,
        |family| Some(Text::Borrowed(family)),
        || network::agent_family(agent).ok_or(()).map(Some),
        |family| family.as_deref().map(Box::from),
    );
    family.ok().flatten()
}

/// [`network::tls`], or what is known of the same `tlsDetails`.
pub(super) fn tls<'a>(
    known: Option<&'a mut Places<Option<Tls<'static>>>>,
    details: Value<'a>,
) -> Read<Option<Tls<'a>>> {
    let Some(known) = known.filter(|_| details.kind() == Kind::Object) else { return network::tls(details) };
    known.read(
        details.raw(),
        |_| true,
        |tls| tls.as_ref().map(Tls::lent),
        || network::tls(details),
        |tls| Some(tls.clone().map(Tls::into_owned)),
    )
}

/// What decides beside the identity about the principal: see [`Around`].
#[derive(Debug)]
pub(super) struct Setting {
    service_event: bool,
    source: &'static str,
    address: Option<Box<str>>,
    context_service: Option<&'static str>,
    console: bool,
}

impl Setting {
    fn of(around: &Around<'_, '_>) -> Setting {
        Setting {
            service_event: around.service_event,
            source: around.source,
            address: around.address.map(|text| text.as_ref().into()),
            context_service: around.context_service,
            console: around.console,
        }
    }

    fn is(&self, around: &Around<'_, '_>) -> bool {
        self.service_event == around.service_event
            && self.source == around.source
            && self.address.as_deref() == around.address.map(|text| text.as_ref())
            && self.context_service == around.context_service
            && self.console == around.console
    }
}

/// A fixed number of places for values, each found by the hash of the text that the value was read from.
#[derive(Debug)]
pub(super) struct Places<T> {
    /// Empty until the first value is offered.
    places: Vec<Place<T>>,
    /// A power of two.
    number: usize,
}

#[derive(Debug)]
struct Place<T> {
    /// Hash of the text that came last without being known.
    newcomer: Option<u64>,
    kept: Option<(Box<str>, T)>,
}

/// A number that is the same for the same text. Of a long one only the beginning and the end are looked at: that tells
/// most identities apart, and what comes to the same place is compared in full.
fn place_hash(text: &[u8]) -> u64 {
    match (text.first_chunk::<HEAD>(), text.last_chunk::<TAIL>()) {
        (Some(head), Some(tail)) if text.len() > HEAD + TAIL => {
            xxh3_64(head) ^ xxh3_64(tail).rotate_left(1) ^ text.len() as u64
        }
        _ => xxh3_64(text),
    }
}

/// Bytes at the beginning and at the end of a long text that are hashed.
const HEAD: usize = 176;
const TAIL: usize = 64;

impl<T> Places<T> {
    fn new(number: usize) -> Places<T> {
        Places { places: Vec::new(), number }
    }

    /// Lends the value that is kept of `text` and `same` in all else that it depends on; otherwise
    /// reads it, and keeps it if the text comes a second time in a row at its place.
    fn read<'a, R, E>(
        &'a mut self,
        text: &str,
        same: impl FnOnce(&T) -> bool,
        lend: impl FnOnce(&'a T) -> R,
        read: impl FnOnce() -> Result<R, E>,
        keep: impl FnOnce(&R) -> Option<T>,
    ) -> Result<R, E> {
        if text.len() > LONGEST_TEXT {
            return read();
        }
        let hash = place_hash(text.as_bytes());
        let at = hash as usize & (self.number - 1);
        let kept = self.places.get(at).and_then(|place| place.kept.as_ref());
        if kept.is_some_and(|(known, value)| known.as_ref() == text && same(value)) {
            return match self.places.get(at).and_then(|place| place.kept.as_ref()) {
                Some((_, value)) => Ok(lend(value)),
                None => read(),
            };
        }
        let value = read()?;
        if self.places.is_empty() {
            self.places.resize_with(self.number, || Place { newcomer: None, kept: None });
        }
        if let Some(place) = self.places.get_mut(at) {
            if place.newcomer == Some(hash)
                && let Some(kept) = keep(&value)
            {
                place.kept = Some((text.into(), kept));
            }
            place.newcomer = Some(hash);
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{self, ACCOUNT, KEY, OTHER_KEY, RecordBuilder, record};
    use crate::event::{Left, Normalized, normalize, normalize_with};
    use proptest::prelude::*;
    use serde_json::json;

    /// One of the callers, each of whom the record tells in another way.
    fn caller(record: RecordBuilder, n: u8) -> RecordBuilder {
        match n % 8 {
            0 => record,
            1 => record.by_user(ACCOUNT, "alice"),
            2 => record.by_role(ACCOUNT, "path/deep/payments", "i-1"),
            3 => record.by_root(ACCOUNT),
            4 => record.by_service("cloudtrail"),
            5 => record.through("secretsmanager"),
            6 => record.set("userIdentity", json!({"type": "Nobody", "principalId": "x".repeat(3_000)})),
            _ => record.set("userIdentity.arn", "arn:aws:sts::1:assumed-role/r\\u00e9/s"),
        }
    }

    /// A change to what decides beside the identity.
    fn setting(record: RecordBuilder, n: u8) -> RecordBuilder {
        match n % 8 {
            0 => record,
            1 => record.set("eventType", "AwsServiceEvent"),
            2 => record.set("sourceIPAddress", "AWS Internal"),
            3 => record.set("sourceIPAddress", "s3.amazonaws.com"),
            4 => record.set("sourceIPAddress", "198.51.100.7"),
            5 => record.set("sessionCredentialFromConsole", "true"),
            6 => record.set("requestParameters.encryptionContext", json!({"aws:s3:arn": "arn:aws:s3:::b/o"})),
            _ => record.set("eventSource", "cloudtrail.amazonaws.com"),
        }
    }

    /// A change to the other parts that repeat.
    fn part(record: RecordBuilder, n: u8) -> RecordBuilder {
        match n % 8 {
            0 => record,
            1 => record.key(OTHER_KEY),
            2 => record.resource(0, "arn:aws:kms:eu-west-1:111122223333:alias/a").resource(1, KEY),
            3 => record.remove("resources"),
            4 => record.set("userAgent", "aws-cli/2.1 kali"),
            5 => record.set("userAgent", ""),
            6 => record.set("tlsDetails", json!({"tlsVersion": "TLSv1.3", "cipherSuite": "x"})),
            _ => record.set("tlsDetails", json!({})),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_was_met_before_changes_nothing(choices in prop::collection::vec((0u8..8, 0u8..8, 0u8..8, any::<bool>()), 1..40)) {
            let mut repeats = Repeats::default();
            for (who, how, what, reencrypt) in choices {
                let operation = if reencrypt { "ReEncrypt" } else { "Decrypt" };
                let text = part(setting(caller(testing::kms(operation), who), how), what).text();
                let alone = format!("{:?}", normalize(&record(&text)));
                // The second time it is kept, the third time lent.
                for _ in 0..3 {
                    let again = match normalize_with(&record(&text), &mut repeats) {
                        Ok(event) => Normalized::Event(event),
                        Err(Left::Skip(reason)) => Normalized::Skip(reason),
                        Err(Left::Problem(problem)) => Normalized::Problem(problem),
                    };
                    prop_assert_eq!(&format!("{again:?}"), &alone);
                }
            }
        }
    }

    #[test]
    fn a_text_that_comes_again_is_not_read_again() {
        let mut places: Places<u32> = Places::new(4);
        let mut reads = 0;
        for n in 0..5 {
            let value: Result<u32, ()> = places.read(
                "text",
                |_| true,
                |value| *value,
                || {
                    reads += 1;
                    Ok(7)
                },
                |value| Some(*value),
            );
            assert_eq!(value, Ok(7), "{n}");
        }
        assert_eq!(reads, 2);
    }

    #[test]
    fn malformed_parts_are_refused_each_time() {
        let mut repeats = Repeats::default();
        for _ in 0..3 {
            let malformed = tls(Some(&mut repeats.tls), Value::new(r#"{"tlsVersion":"\q"}"#));
            assert!(malformed.is_err());
        }
    }

    #[test]
    fn long_texts_are_not_kept() {
        let mut repeats = Repeats::default();
        let agent = Text::Owned("x".repeat(LONGEST_TEXT + 1));
        for _ in 0..3 {
            agent_family(Some(&mut repeats.families), &agent);
        }
        assert!(repeats.families.places.iter().all(|place| place.kept.is_none()));
    }
}
