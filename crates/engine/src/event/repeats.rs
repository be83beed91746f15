//! Parts of records that repeat word for word, read once.
//!
//! The same identities, keys and user agents fill a log. What was read from such a part is kept beside its text,
//! and where the very same text comes again the kept value is lent. A hash only finds the place; the texts are
//! compared in full, and what else went into the value is compared too: so nothing depends on what was kept.
//!
//! Bounded: a fixed number of places, each with a text of at most [`LONGEST_TEXT`]. A text gets its place when it
//! comes a second time in a row there: most of what comes once never comes again, and copying it costs more than
//! reading it.

use super::fields::Read;
use super::identity::Around;
use super::key::Listed;
use super::network::{self, Tls};
use super::principal::Principal;
use super::service::{is_internal, service_name};
use crate::json::{Text, Value};
use xxhash_rust::xxh3::xxh3_64;

/// Longest text that is kept, in bytes; an identity has some 600.
const LONGEST_TEXT: usize = 2 << 10;

/// What was read from parts of records that came again. Made to be used for many records, one after the other.
#[derive(Debug)]
pub struct Repeats {
    principals: Places<(Setting, Principal<'static>)>,
    lists: Places<Listed<'static>>,
    families: Places<Box<str>>,
    tls: Places<Option<Tls<'static>>>,
}

impl Default for Repeats {
    fn default() -> Self {
        Repeats {
            principals: Places::new(2_048),
            lists: Places::new(512),
            families: Places::new(256),
            tls: Places::new(64),
        }
    }
}

impl Repeats {
    /// The kinds of parts one by one, so that an event can borrow from each.
    pub(super) fn parts(&mut self) -> Parts<'_> {
        Parts {
            principals: Some(&mut self.principals),
            lists: Some(&mut self.lists),
            families: Some(&mut self.families),
            tls: Some(&mut self.tls),
        }
    }
}

/// What is known of each kind of part; nothing where a record is read alone.
#[derive(Debug, Default)]
pub(super) struct Parts<'a> {
    pub(super) principals: Option<&'a mut Places<(Setting, Principal<'static>)>>,
    pub(super) lists: Option<&'a mut Places<Listed<'static>>>,
    pub(super) families: Option<&'a mut Places<Box<str>>>,
    pub(super) tls: Option<&'a mut Places<Option<Tls<'static>>>>,
}

/// [`Principal::read`], or the principal that is known of the same identity in the same setting.
pub(super) fn principal<'a>(
    known: Option<&'a mut Places<(Setting, Principal<'static>)>>,
    identity: Value<'a>,
    around: &Around<'a, '_>,
) -> Read<Principal<'a>> {
    let Some(known) = known else { return Principal::read(identity, around) };
    // The address of a caller says nothing about who it is; only words that name a service do.
    let words = around.address.filter(|text| service_name(text).is_some() || is_internal(text));
    let around = &Around { address: words, ..*around };
    known.read(
        identity.raw(),
        |(setting, _)| setting.is(around),
        |(_, principal)| principal.lent(),
        || Principal::read(identity, around),
        |principal| (Setting::of(around), principal.clone().into_owned()),
    )
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
        |listed| listed.clone().into_owned(),
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
        |family| family.as_deref().unwrap_or_default().into(),
    );
    family.ok().flatten()
}

/// [`network::tls`], or what is known of the same `tlsDetails`.
pub(super) fn tls<'a>(
    known: Option<&'a mut Places<Option<Tls<'static>>>>,
    details: Value<'a>,
) -> Read<Option<Tls<'a>>> {
    let Some(known) = known else { return network::tls(details) };
    known.read(
        details.raw(),
        |_| true,
        |tls| tls.as_ref().map(Tls::lent),
        || network::tls(details),
        |tls| tls.clone().map(Tls::into_owned),
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

impl<T> Places<T> {
    fn new(number: usize) -> Places<T> {
        Places { places: Vec::new(), number }
    }

    /// Lends the value that is kept of `text` and `same` in all else that it depends on; otherwise reads it, and
    /// keeps it if the text comes a second time in a row at its place.
    fn read<'a, R, E>(
        &'a mut self,
        text: &str,
        same: impl FnOnce(&T) -> bool,
        lend: impl FnOnce(&'a T) -> R,
        read: impl FnOnce() -> Result<R, E>,
        keep: impl FnOnce(&R) -> T,
    ) -> Result<R, E> {
        if text.len() > LONGEST_TEXT {
            return read();
        }
        let hash = xxh3_64(text.as_bytes());
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
            if place.newcomer == Some(hash) {
                place.kept = Some((text.into(), keep(&value)));
            }
            place.newcomer = Some(hash);
        }
        Ok(value)
    }
}
