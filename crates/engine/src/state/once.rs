//! The first event of a kind, remembered without allocation.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// When something happened first, in which event, and who did it: the least by (time, event id).
///
/// Of the one who did it only a hash is kept; whoever asks has the names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Once {
    /// Event time.
    pub time: Timestamp,
    event: EventId,
    by: u64,
}

/// Event ids are UUIDs; anything else is kept as it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum EventId {
    Uuid(u64, u64),
    Text(Box<str>),
}

impl Once {
    /// The event `event_id` at `time`, by the principal `by`.
    pub fn new(time: Timestamp, event_id: &str, by: &str) -> Once {
        Once { time, event: EventId::of(event_id), by: xxh3_64(by.as_bytes()) }
    }

    /// The id of the event.
    pub fn event_id(&self) -> String {
        match &self.event {
            EventId::Uuid(high, low) => uuid(*high, *low),
            EventId::Text(text) => text.to_string(),
        }
    }

    /// Whether `principal` did it.
    pub fn is_by(&self, principal: &str) -> bool {
        xxh3_64(principal.as_bytes()) == self.by
    }

    /// Takes up an event into the first that is known. Allocates nothing for events that come later.
    pub fn note(first: &mut Option<Once>, time: Timestamp, event_id: &str, by: &str) {
        if first.as_ref().is_some_and(|first| first.time < time) {
            return;
        }
        Once::join(first, &Once::new(time, event_id, by));
    }

    /// The first of both.
    pub fn merge(first: &mut Option<Once>, other: &Option<Once>) {
        if let Some(other) = other {
            Once::join(first, other);
        }
    }

    fn join(first: &mut Option<Once>, other: &Once) {
        if first.as_ref().is_none_or(|first| other < first) {
            *first = Some(other.clone());
        }
    }
}

/// Whether an event id is a UUID as AWS writes it. Of one second, events with such ids come before others.
///
/// Asked of every event, so it looks at all bytes at once and at none by itself: that becomes a few vector instructions.
pub(super) fn is_uuid(id: &str) -> bool {
    const FORM: &[u8; 36] = b"00000000-0000-0000-0000-000000000000";
    let Ok(bytes) = <&[u8; 36]>::try_from(id.as_bytes()) else { return false };
    bytes.iter().zip(FORM).fold(true, |all, (byte, form)| {
        let is_digit = (byte.wrapping_sub(b'0') < 10) | (byte.wrapping_sub(b'a') < 6);
        all & if *form == b'-' { *byte == b'-' } else { is_digit }
    })
}

impl EventId {
    fn of(id: &str) -> EventId {
        if !is_uuid(id) {
            return EventId::Text(super::seen::bounded(id).into());
        }
        let digits = id.bytes().filter_map(|byte| char::from(byte).to_digit(16));
        let (mut high, mut low) = (0, 0);
        for digit in digits {
            high = (high << 4) | (low >> 60);
            low = (low << 4) | u64::from(digit);
        }
        EventId::Uuid(high, low)
    }
}

fn uuid(high: u64, low: u64) -> String {
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_id_comes_back(id in "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-fA-F-]{0,40}|\\PC{0,20}") {
            prop_assert_eq!(Once::new(Timestamp(1), &id, "x").event_id(), id);
        }
    }

    #[test]
    fn a_uuid_has_lower_digits_and_dashes_in_their_places() {
        let uuid = "0b8f5a2e-2f0e-4d0c-8f4b-6a7b8c9d0e1f";
        assert!(is_uuid(uuid) && !is_uuid(&uuid[1..]) && !is_uuid(&format!("{uuid}0")));
        for at in 0..uuid.len() {
            for wrong in ["g", "A", "/", ":", "`", if uuid[at..].starts_with('-') { "0" } else { "-" }] {
                assert!(!is_uuid(&format!("{}{wrong}{}", &uuid[..at], &uuid[at + 1..])), "{wrong} at {at}");
            }
        }
    }

    #[test]
    fn a_uuid_takes_no_text() {
        let once = Once::new(Timestamp(1), "0b8f5a2e-2f0e-4d0c-8f4b-6a7b8c9d0e1f", "role");
        assert!(matches!(once.event, EventId::Uuid(..)));
        assert!(once.is_by("role") && !once.is_by("other"));
    }
}
