//! An event as a finding about a count needs it, and the form in which open hours keep it.

use crate::event::Event;
use crate::state::{By, seen::bounded};
use crate::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::cmp::Ordering;

/// An event as a finding about a count needs it: the first of the hour stands for all.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Trace {
    /// Event time.
    pub time: Timestamp,
    /// Id of the act.
    pub event_id: String,
    /// Account in whose log it stands.
    pub account: String,
    /// Region.
    pub region: String,
    /// Who called.
    pub by: By,
}

/// A [`Trace`] with all its texts in one piece of memory, since there is one for every hour of every entity. It is
/// ordered, compared and stored as the trace is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Event time.
    pub time: Timestamp,
    kind: Cow<'static, str>,
    lengths: [u32; Packed::TEXTS],
    text: Box<str>,
}

/// The length of a text that is missing. Those that are kept are bounded, and far shorter.
const MISSING: u32 = u32::MAX;

impl Packed {
    /// Id, account and Region of the event, then the texts of [`By`].
    const TEXTS: usize = 3 + By::TEXTS;

    /// The trace of an event.
    pub fn of(event: &Event<'_>) -> Packed {
        let (principal, caller) = (&event.principal, &event.caller);
        let texts = [
            Some(event.act_id()),
            Some(&event.account),
            Some(&event.region),
            Some(&principal.id),
            principal.account.as_deref(),
            principal.session.as_deref(),
            principal.access_key.as_deref(),
            principal.via_service.as_deref(),
            principal.source_identity.as_deref(),
            caller.address.as_deref(),
            caller.user_agent.as_deref(),
        ];
        let texts = texts.map(|text| text.map(bounded));
        let kind = Cow::Borrowed(principal.kind.name());
        Packed::new(event.time, kind, texts.each_ref().map(Option::as_deref))
    }

    fn new(time: Timestamp, kind: Cow<'static, str>, texts: [Option<&str>; Packed::TEXTS]) -> Packed {
        let mut text = String::with_capacity(texts.iter().flatten().map(|text| text.len()).sum());
        let lengths = texts.map(|one| {
            one.map_or(MISSING, |one| {
                text.push_str(one);
                one.len() as u32
            })
        });
        Packed { time, kind, lengths, text: text.into() }
    }

    /// Id of the act.
    pub fn event_id(&self) -> &str {
        let length = self.lengths.first().copied().unwrap_or_default();
        self.text.get(..length as usize).unwrap_or_default()
    }

    fn texts(&self) -> [Option<&str>; Packed::TEXTS] {
        let mut rest = self.text.as_ref();
        self.lengths.map(|length| {
            let (text, behind) = rest.split_at_checked(length as usize).filter(|_| length != MISSING)?;
            rest = behind;
            Some(text)
        })
    }

    /// The trace.
    pub fn trace(&self) -> Trace {
        let [event_id, account, region, by @ ..] = self.texts();
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let (event_id, account, region) = (text(event_id), text(account), text(region));
        Trace { time: self.time, event_id, account, region, by: By::of_texts(self.kind.clone(), by) }
    }
}

impl From<&Trace> for Packed {
    fn from(trace: &Trace) -> Packed {
        let Trace { time, event_id, account, region, by } = trace;
        let (kind, by) = by.texts();
        let mut texts = [Some(event_id.as_str()), Some(account), Some(region)].into_iter().chain(by);
        Packed::new(*time, kind.clone(), std::array::from_fn(|_| texts.next().flatten()))
    }
}

impl Ord for Packed {
    fn cmp(&self, other: &Packed) -> Ordering {
        self.time.cmp(&other.time).then_with(|| {
            let ([id, account, region, by, ..], [other_id, other_account, other_region, other_by, ..]) =
                (self.texts(), other.texts());
            let head = [id, account, region, by].cmp(&[other_id, other_account, other_region, other_by]);
            // As in a trace, the kind stands behind the id of the principal.
            head.then_with(|| self.kind.cmp(&other.kind)).then_with(|| self.texts().cmp(&other.texts()))
        })
    }
}

impl PartialOrd for Packed {
    fn partial_cmp(&self, other: &Packed) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Serialize for Packed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.trace().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Packed, D::Error> {
        Trace::deserialize(deserializer).map(|trace| Packed::from(&trace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::{ACCOUNT, kms};
    use proptest::prelude::*;

    fn trace((time, id, who, session, address): (i64, u8, u8, u8, u8)) -> Trace {
        let record = match who {
            0 => kms("Decrypt").by_user(ACCOUNT, "alice"),
            1 => kms("Decrypt").by_service("cloudtrail"),
            _ => kms("Decrypt").by_role(ACCOUNT, "payments", &"ab".repeat(usize::from(session))),
        };
        let record = record.at(&Timestamp(1_777_889_742 + time).to_string()).id(&format!("e{id}"));
        let record = match address {
            0 => record.remove("sourceIPAddress").remove("userAgent"),
            1 => record.set("userAgent", "x".repeat(5_000)),
            _ => record.through("s3"),
        };
        record.event(|event| Trace {
            time: event.time,
            event_id: event.act_id().to_owned(),
            account: event.account.to_string(),
            region: event.region.to_string(),
            by: By::of(event),
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn it_is_equal_ordered_and_stored_as_the_trace_is(
            a in (0i64..2, 0u8..2, 0u8..3, 0u8..3, 0u8..3), b in (0i64..2, 0u8..2, 0u8..3, 0u8..3, 0u8..3),
        ) {
            let (a, b) = (trace(a), trace(b));
            let (packed_a, packed_b) = (Packed::from(&a), Packed::from(&b));
            prop_assert_eq!(&packed_a.trace(), &a);
            prop_assert_eq!(packed_a.event_id(), a.event_id.as_str());
            prop_assert_eq!(packed_a.cmp(&packed_b), a.cmp(&b));
            prop_assert_eq!(packed_a == packed_b, a == b);
            let stored = serde_json::to_string(&packed_a).unwrap();
            prop_assert_eq!(&stored, &serde_json::to_string(&a).unwrap());
            prop_assert_eq!(serde_json::from_str::<Packed>(&stored).unwrap(), packed_a);
        }
    }

    #[test]
    fn an_event_is_packed_at_once_as_its_trace_would_be() {
        kms("Decrypt").by_role(ACCOUNT, "payments", "i-1").through("s3").event(|event| {
            let packed = Packed::of(event);
            assert_eq!(packed.trace().by, By::of(event));
            assert_eq!(packed, Packed::from(&packed.trace()));
        });
    }
}
