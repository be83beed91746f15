//! What many events have in common.
//!
//! A log is full of events that differ in nothing that States look at but their id, their time, the resource behind
//! them, and who exactly it was: session, credentials, address, user agent. These last are the [`Details`], of which
//! States keep those of the first event alone; the rest is the [`Pattern`]. The texts of both stand one after the
//! other in one text: to compare two patterns is to compare two texts, and to keep one is to copy one. Those that come
//! again and again are kept once ([`OwnedPattern`]), and are the same if they are in the same place.

use super::network::Protection;
use super::operation::Operation;
use super::{
    Caller, EncryptionContext, Event, Form, Key, Outcome, Params, Principal, PrincipalKind, Source, Tls,
};
use crate::baseline::repertoire;
use crate::json::{Text, Value};
use crate::time::Timestamp;
use foldhash::fast::FixedState;
use std::hash::{BuildHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

/// The common part of events that repeat; [`Pattern::of`] says where its texts stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    operation: Operation,
    form: Form,
    kind: PrincipalKind,
    console: bool,
    key_is_alias: bool,
    /// Hash of the names in the encryption context, if there is one.
    context: Option<u64>,
    has_resource: bool,
    /// The network of the caller, by the address that stands for it.
    network: Option<IpAddr>,
    protection: Protection,
    lengths: [u16; 12],
}

/// A pattern with its texts: held once by all groups of its events, of whatever hour and object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OwnedPattern {
    pattern: Pattern,
    text: Box<str>,
    /// [`Pattern::hash`].
    hash: u64,
}

impl OwnedPattern {
    pub(crate) fn new(pattern: Pattern, text: &str) -> OwnedPattern {
        OwnedPattern { pattern, text: text.into(), hash: pattern.hash(text) }
    }

    /// The pattern, and its texts.
    pub(crate) fn parts(&self) -> (&Pattern, &str) {
        (&self.pattern, &self.text)
    }

    /// A number that is the same for equal patterns, and seldom for others.
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// Whether it is `pattern` with these texts.
    pub(crate) fn is(&self, pattern: &Pattern, text: &str) -> bool {
        self.pattern == *pattern && *self.text == *text
    }

    /// Whether two are equal; those that are one are not looked at.
    #[inline]
    pub(crate) fn same(one: &Arc<OwnedPattern>, other: &Arc<OwnedPattern>) -> bool {
        Arc::ptr_eq(one, other) || one.hash == other.hash && one.is(&other.pattern, &other.text)
    }

    /// Bytes of its texts.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }
}

/// Who exactly called, and from where; [`Details::of`] says where its texts stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Details {
    lengths: [u16; 5],
}

/// Longest texts of a pattern or of details together, in bytes; real ones have some hundreds.
const LONGEST: usize = 8 << 10;

/// The length of a text that is missing.
const MISSING: u16 = u16::MAX;

impl Pattern {
    /// Whether an event is one of those that repeat: a call of KMS that succeeded and changed nothing. What is rare
    /// or has a story of its own is not worth a pattern.
    ///
    /// Of an event that suits, States must look at nothing but what is in the pattern, the details, and
    /// [`crate::state::delta::Occurrence`].
    pub(crate) fn suits(event: &Event<'_>) -> bool {
        event.source == Source::Kms
            && event.succeeded()
            && matches!(event.params, Params::None)
            && event.destination_key.is_none()
            && event.attestation.is_none()
            && event.corrects.is_none()
    }

    /// The pattern of an event that suits; its texts are put behind `text`. `None` if they are longer than any real
    /// ones.
    pub(crate) fn of(event: &Event<'_>, text: &mut String) -> Option<Pattern> {
        let (principal, key, caller) = (&event.principal, event.key.as_ref(), &event.caller);
        let lengths = append(
            [
                Some(&event.name),
                Some(&event.account),
                Some(&event.region),
                Some(&principal.id),
                principal.account.as_ref(),
                principal.via_service.as_ref(),
                key.map(|key| &key.arn),
                key.and_then(|key| key.account.as_ref()),
                key.map(|key| &key.id),
                event.alias.as_ref(),
                caller.vpc_endpoint.as_ref(),
                caller.agent_family.as_ref(),
            ],
            text,
        )?;
        Some(Pattern {
            operation: event.operation,
            form: event.form,
            kind: principal.kind,
            console: principal.console,
            key_is_alias: key.is_some_and(|key| key.is_alias),
            context: (!event.context.is_empty()).then_some(event.context.names_hash),
            has_resource: event.resource.is_some(),
            network: caller.ip.map(repertoire::network),
            protection: caller.protection(),
            lengths,
        })
    }

    /// A number that is the same for equal patterns with equal texts, and seldom for others.
    pub(crate) fn hash(&self, text: &str) -> u64 {
        let mut hasher = FixedState::default().build_hasher();
        hasher.write(text.as_bytes());
        self.network.hash(&mut hasher);
        hasher.write_u64(self.context.unwrap_or_default());
        hasher.finish()
    }

    /// The account in whose log an event of the pattern stands, and its Region.
    pub(crate) fn place<'a>(&self, text: &'a str) -> (&'a str, &'a str) {
        let [name, account, region, ..] = self.lengths;
        let length = |length: u16| if length == MISSING { 0 } else { usize::from(length) };
        let from = length(name);
        let to = from + length(account);
        let place = |from: usize, length: usize| text.get(from..from + length).unwrap_or_default();
        (place(from, length(account)), place(to, length(region)))
    }

    /// The id of the principal.
    pub(crate) fn principal<'a>(&self, text: &'a str) -> &'a str {
        let [name, account, region, id, ..] = self.lengths;
        let length = |length: u16| if length == MISSING { 0 } else { usize::from(length) };
        let from = length(name) + length(account) + length(region);
        text.get(from..from + length(id)).unwrap_or_default()
    }

    /// An event of this pattern with these details, as far as they tell.
    pub(crate) fn event<'a>(
        &self,
        text: &'a str,
        details: (Details, &'a str),
        act: &'a str,
        time: Timestamp,
    ) -> Event<'a> {
        let [name, account, region, id, home, via_service, arn, owner, key_id, alias, vpc_endpoint, family] =
            split(self.lengths, text);
        let (details, text) = details;
        let [session, access_key, source_identity, address, user_agent] = split(details.lengths, text);
        let principal = Principal {
            id: id.unwrap_or_default(),
            kind: self.kind,
            account: home,
            session,
            generation: None,
            access_key,
            via_service,
            source_identity,
            person: None,
            mfa: None,
            console: self.console,
            imds: None,
        };
        let key = arn.map(|arn| Key {
            arn,
            account: owner,
            region: None,
            id: key_id.unwrap_or_default(),
            is_alias: self.key_is_alias,
        });
        Event {
            id: Text::Borrowed(act),
            shared_id: None,
            corrects: None,
            time,
            source: Source::Kms,
            form: self.form,
            operation: self.operation,
            name: name.unwrap_or_default(),
            account: account.unwrap_or_default(),
            region: region.unwrap_or_default(),
            principal,
            key,
            destination_key: None,
            alias,
            outcome: Outcome::default(),
            dry_run: false,
            context: self.context.map_or(EncryptionContext::NONE, EncryptionContext::named),
            resource: None,
            caller: Caller {
                address,
                ip: self.network,
                vpc_endpoint,
                user_agent,
                agent_family: family,
                tls: Some(Tls { protection: self.protection, ..Tls::default() }),
            },
            attestation: None,
            key_material: None,
            params: Params::None,
            request: Value::NULL,
            response: Value::NULL,
        }
    }
}

/// Details that records have of their own which are alike in all else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OwnDetails<'a> {
    pub(crate) session: Option<&'a str>,
    pub(crate) access_key: Option<&'a str>,
    pub(crate) address: Option<&'a str>,
}

impl Details {
    /// The details of an event; their texts are put behind `text`. `None` if they are longer than any real ones.
    pub(crate) fn of(event: &Event<'_>, text: &mut String) -> Option<Details> {
        Details::without(event, OwnDetails::default(), text)
    }

    /// [`Details::of`] the event if it had none of those that are its `own`.
    pub(super) fn without(event: &Event<'_>, own: OwnDetails<'_>, text: &mut String) -> Option<Details> {
        let (principal, caller) = (&event.principal, &event.caller);
        let lengths = append(
            [
                principal.session.as_ref().filter(|_| own.session.is_none()),
                principal.access_key.as_ref().filter(|_| own.access_key.is_none()),
                principal.source_identity.as_ref(),
                caller.address.as_ref().filter(|_| own.address.is_none()),
                caller.user_agent.as_ref(),
            ],
            text,
        )?;
        Some(Details { lengths })
    }

    /// The details of an event that has some of its `own`, and in all else these, which are those without them.
    pub(crate) fn and(self, details: &str, own: OwnDetails<'_>, text: &mut String) -> Option<Details> {
        let [session, access_key, identity, address, agent] = split(self.lengths, details);
        let session = own.session.map(Text::Borrowed).or(session);
        let access_key = own.access_key.map(Text::Borrowed).or(access_key);
        let address = own.address.map(Text::Borrowed).or(address);
        let texts = [&session, &access_key, &identity, &address, &agent];
        Some(Details { lengths: append(texts.map(Option::as_ref), text)? })
    }
}

/// Puts texts one after the other behind `to`; their lengths.
#[inline]
fn append<const N: usize>(texts: [Option<&Text<'_>>; N], to: &mut String) -> Option<[u16; N]> {
    if texts.iter().flatten().map(|text| text.len()).sum::<usize>() > LONGEST {
        return None;
    }
    Some(texts.map(|text| match text {
        Some(text) => {
            to.push_str(text);
            text.len() as u16
        }
        None => MISSING,
    }))
}

/// The texts with these lengths that stand one after the other in `text`.
fn split<const N: usize>(lengths: [u16; N], text: &str) -> [Option<Text<'_>>; N] {
    let mut rest = text;
    lengths.map(|length| {
        let (text, behind) = rest.split_at_checked(usize::from(length)).filter(|_| length != MISSING)?;
        rest = behind;
        Some(Text::Borrowed(text))
    })
}
