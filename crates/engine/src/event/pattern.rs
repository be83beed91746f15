//! What many events have in common.
//!
//! A log is full of events that differ in their id, their time and the resource behind them, and in nothing else that
//! States look at. A [`Pattern`] is that common part, borrowed from nothing, so that it can outlive the record.

use super::fields::{lent, owned};
use super::{Caller, EncryptionContext, Event, Key, Outcome, Params, Source};
use crate::json::{Text, Value};
use crate::time::Timestamp;
use foldhash::fast::FixedState;
use std::hash::{BuildHasher, Hasher};

/// The common part of events that repeat.
#[derive(Debug)]
pub(crate) struct Pattern {
    event: Event<'static>,
}

impl Pattern {
    /// Whether an event is one of those that repeat: a call of KMS that succeeded and changed nothing. What is rare
    /// or has a story of its own is not worth a pattern.
    pub(crate) fn suits(event: &Event<'_>) -> bool {
        event.source == Source::Kms
            && event.succeeded()
            && matches!(event.params, Params::None)
            && event.destination_key.is_none()
            && event.attestation.is_none()
            && event.corrects.is_none()
    }

    /// The pattern of an event that suits.
    pub(crate) fn of(event: &Event<'_>) -> Pattern {
        let text = |text: &Text<'_>| Text::Owned(text.clone().into_owned());
        let caller = Caller {
            address: owned(event.caller.address.clone()),
            ip: event.caller.ip,
            vpc_endpoint: owned(event.caller.vpc_endpoint.clone()),
            user_agent: owned(event.caller.user_agent.clone()),
            agent_family: owned(event.caller.agent_family.clone()),
            tls: None,
        };
        Pattern {
            event: Event {
                id: Text::Borrowed(""),
                shared_id: None,
                corrects: None,
                time: Timestamp(0),
                source: event.source,
                form: event.form,
                operation: event.operation,
                name: text(&event.name),
                account: text(&event.account),
                region: text(&event.region),
                principal: event.principal.clone().into_owned(),
                key: event.key.clone().map(Key::into_owned),
                destination_key: None,
                alias: owned(event.alias.clone()),
                outcome: Outcome::default(),
                dry_run: false,
                context: if event.context.is_empty() {
                    EncryptionContext::NONE
                } else {
                    EncryptionContext::some()
                },
                resource: None,
                caller,
                attestation: None,
                key_material: None,
                params: Params::None,
                request: Value::NULL,
                response: Value::NULL,
                lent: event.lent,
            },
        }
    }

    /// Whether `event`, which suits, has this pattern.
    pub(crate) fn is_of(&self, event: &Event<'_>) -> bool {
        let known = &self.event;
        let (caller, known_caller) = (&event.caller, &known.caller);
        // The same number is the same principal, and spares reading what the pattern holds of it.
        let same = |number: fn((u64, u64)) -> u64| {
            known.lent.is_some() && known.lent.map(number) == event.lent.map(number)
        };
        known.operation == event.operation
            && (same(|(principal, _)| principal) || known.principal == event.principal)
            && match (&known.key, &event.key) {
                // In the same list, account and Region, the ARN tells everything else.
                (Some(a), Some(b)) if same(|(_, listed)| listed) => {
                    a.arn == b.arn && a.account.is_some() == b.account.is_some()
                }
                (a, b) => a == b,
            }
            && known.region == event.region
            && known.account == event.account
            && known_caller.address == caller.address
            && known_caller.user_agent == caller.user_agent
            && known_caller.vpc_endpoint == caller.vpc_endpoint
            && known_caller.agent_family == caller.agent_family
            && known_caller.ip == caller.ip
            && known.alias == event.alias
            && known.name == event.name
            && known.form == event.form
            && known.context.is_empty() == event.context.is_empty()
    }

    /// A number that is the same for events of one pattern, and seldom for others.
    pub(crate) fn hash(event: &Event<'_>) -> u64 {
        let mut hasher = FixedState::default().build_hasher();
        let principal = &event.principal;
        hasher.write_u8(event.operation as u8);
        match (&principal.access_key, &principal.session) {
            (Some(key), _) => hasher.write(key.as_bytes()),
            (None, Some(session)) => hasher.write(session.as_bytes()),
            (None, None) => {}
        }
        hasher.write(principal.id.as_bytes());
        if let Some(key) = &event.key {
            hasher.write(key.id.as_bytes());
        }
        for text in [&event.caller.address, &event.alias].into_iter().flatten() {
            hasher.write(text.as_bytes());
        }
        hasher.write(event.region.as_bytes());
        hasher.finish()
    }

    /// An event of this pattern, as far as it tells.
    pub(crate) fn event<'a>(&'a self, act_id: &'a str, time: Timestamp) -> Event<'a> {
        let known = &self.event;
        let caller = Caller {
            address: lent(&known.caller.address),
            ip: known.caller.ip,
            vpc_endpoint: lent(&known.caller.vpc_endpoint),
            user_agent: lent(&known.caller.user_agent),
            agent_family: lent(&known.caller.agent_family),
            tls: None,
        };
        Event {
            id: Text::Borrowed(act_id),
            shared_id: None,
            corrects: None,
            time,
            source: known.source,
            form: known.form,
            operation: known.operation,
            name: Text::Borrowed(&known.name),
            account: Text::Borrowed(&known.account),
            region: Text::Borrowed(&known.region),
            principal: known.principal.lent(),
            key: known.key.as_ref().map(Key::lent),
            destination_key: None,
            alias: lent(&known.alias),
            outcome: Outcome::default(),
            dry_run: false,
            context: known.context,
            resource: None,
            caller,
            attestation: None,
            key_material: None,
            params: Params::None,
            request: Value::NULL,
            response: Value::NULL,
            lent: None,
        }
    }
}
