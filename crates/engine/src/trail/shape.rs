//! What one object in the place of a record is: a record, an envelope around one or several, or a stranger.
//!
//! Envelopes: EventBridge (`detail`), an entry of LookupEvents (`CloudTrailEvent`, JSON in a string), a log
//! event of CloudWatch Logs (`message`, likewise), what Lambda gets from CloudWatch Logs (`awslogs.data`,
//! gzip in base64), and whole documents (`Records`, `Events`, `logEvents`, `events`) on a line of their own.
//! Guaranteed: only members of the outermost object tell; a name deeper inside never does.

use super::candidates;
use super::ledger::{Depth, Ledger};
use super::strict::strict;
use crate::json::{Kind, Value};

/// A list of records or of envelopes, by the name of the member that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// `Records`: CloudTrail records.
    Records,
    /// `Events`: entries of LookupEvents.
    Events,
    /// `logEvents` (a subscription) or `events` (what `aws logs filter-log-events` prints): log events of CloudWatch Logs.
    LogEvents,
}

impl List {
    /// The list that a member of this name holds.
    pub(super) fn named(name: &[u8]) -> Option<List> {
        match name {
            b"Records" => Some(List::Records),
            b"Events" => Some(List::Events),
            b"logEvents" | b"events" => Some(List::LogEvents),
            _ => None,
        }
    }
}

/// Whether a top-level member of this name is one of a CloudTrail record.
pub(super) fn is_record_member(name: &[u8]) -> bool {
    matches!(
        name,
        b"eventVersion"
            | b"userIdentity"
            | b"eventTime"
            | b"eventSource"
            | b"eventName"
            | b"awsRegion"
            | b"sourceIPAddress"
            | b"userAgent"
            | b"errorCode"
            | b"errorMessage"
            | b"requestParameters"
            | b"responseElements"
            | b"additionalEventData"
            | b"requestID"
            | b"eventID"
            | b"readOnly"
            | b"eventType"
            | b"apiVersion"
            | b"recipientAccountId"
            | b"sharedEventID"
            | b"vpcEndpointId"
            | b"vpcEndpointAccountId"
            | b"serviceEventDetails"
            | b"managementEvent"
            | b"eventCategory"
            | b"addendum"
            | b"sessionCredentialFromConsole"
            | b"edgeDeviceDetails"
            | b"tlsDetails"
            | b"eventContext"
            | b"insightDetails"
    )
}

/// Something that has to be decompressed before it can be read.
#[derive(Debug)]
pub(super) struct Packed(pub(super) Vec<u8>);

/// Takes one whole object, whatever it is. `text` begins at `offset`.
pub(super) fn take(text: &[u8], offset: u64, depth: Depth, ledger: &mut Ledger<'_>) -> Option<Packed> {
    let Ok(text) = std::str::from_utf8(text) else {
        ledger.broken(offset, "the record is not valid UTF-8".to_string());
        return None;
    };
    let mut members = Members::default();
    for member in Value::new(text).members() {
        match member {
            Ok((name, value)) => members.note(&name, value),
            Err(error) => {
                ledger.broken(offset, format!("the record is {error}"));
                return None;
            }
        }
    }
    let place = |value: Value<'_>| offset + (value.raw().as_ptr().addr() - text.as_ptr().addr()) as u64;
    if members.is_record {
        ledger.record(text.as_bytes(), offset, candidates::look_at(text.as_bytes()), depth, &[]);
    } else if members.is_digest {
        ledger.signs.digest = true;
    } else if let Some((list, value)) = members.list {
        ledger.signs.container = true;
        ledger.signs.control_message |= members.is_control_message;
        for item in value.items().flatten() {
            match list {
                List::Records => record(item, place(item), depth, ledger),
                List::Events => {
                    packed_text(item.get("CloudTrailEvent"), place(item), ledger);
                }
                List::LogEvents => packed_text(item.get("message"), place(item), ledger),
            }
        }
    } else if let Some(event) = members.lookup_event {
        packed_text(event, place(event), ledger);
    } else if let Some(detail) = members.detail.filter(|detail| is_record(*detail)) {
        record(detail, place(detail), depth, ledger);
    } else if let Some(data) = members.awslogs.and_then(|awslogs| awslogs.get("data").text()) {
        match decode_base64(data.as_bytes()) {
            Some(bytes) => return Some(Packed(bytes)),
            None => ledger.problem(offset, "awslogs.data is not base64; fetch the event again".to_string()),
        }
    } else {
        ledger.stranger(offset);
    }
    None
}

/// Takes one log event of CloudWatch Logs or entry of LookupEvents, found in a list of such.
pub(super) fn take_entry(list: List, text: &[u8], offset: u64, ledger: &mut Ledger<'_>) {
    let Ok(text) = std::str::from_utf8(text) else {
        return ledger.broken(offset, "the record is not valid UTF-8".to_string());
    };
    let name = if list == List::LogEvents { "message" } else { "CloudTrailEvent" };
    packed_text(Value::new(text).get(name), offset, ledger);
}

#[derive(Default)]
struct Members<'a> {
    is_record: bool,
    is_digest: bool,
    is_control_message: bool,
    list: Option<(List, Value<'a>)>,
    detail: Option<Value<'a>>,
    lookup_event: Option<Value<'a>>,
    awslogs: Option<Value<'a>>,
}

impl<'a> Members<'a> {
    fn note(&mut self, name: &str, value: Value<'a>) {
        match name {
            "eventVersion" | "eventSource" | "eventName" => self.is_record = true,
            "digestS3Object" | "logFiles" => self.is_digest = true,
            "messageType" => {
                self.is_control_message = value.text().as_deref() == Some("CONTROL_MESSAGE");
            }
            "detail" if value.kind() == Kind::Object => self.detail = Some(value),
            "CloudTrailEvent" => self.lookup_event = Some(value),
            "awslogs" => self.awslogs = Some(value),
            _ => {
                if let Some(list) = List::named(name.as_bytes())
                    && matches!(value.kind(), Kind::Array | Kind::Null)
                {
                    self.list = Some((list, value));
                }
            }
        }
    }
}

fn is_record(value: Value<'_>) -> bool {
    value.kind() == Kind::Object
        && value
            .members()
            .flatten()
            .any(|(name, _)| matches!(name.as_ref(), "eventVersion" | "eventSource" | "eventName"))
}

fn record(value: Value<'_>, offset: u64, depth: Depth, ledger: &mut Ledger<'_>) {
    if value.kind() == Kind::Object {
        let text = value.raw().as_bytes();
        ledger.record(text, offset, candidates::look_at(text), depth, &[]);
    } else {
        ledger.stranger(offset);
    }
}

/// A record that stands as text in a string (or, as some tools write it, unpacked).
fn packed_text(value: Value<'_>, offset: u64, ledger: &mut Ledger<'_>) {
    let text = value.embedded();
    let inner = Value::new(&text);
    if is_record(inner) {
        let too_deep = strict(inner.raw().as_bytes()).depth > ledger.limits.nesting;
        record(inner, offset, if too_deep { Depth::TooDeep } else { Depth::Allowed }, ledger);
    } else if inner.raw().starts_with('{') && inner.raw().contains("eventVersion") {
        ledger.broken(offset, "the record in the envelope is malformed JSON".to_string());
    } else {
        ledger.stranger(offset);
    }
}

/// Standard base64 (RFC 4648, section 4), padded or not.
fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    if text.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    for group in text.chunks(4) {
        let mut bits = 0u32;
        for &digit in group {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = (bits << 6) | u32::from(value);
        }
        bits <<= 6 * (4 - group.len() as u32);
        let [_, first, second, third] = bits.to_be_bytes();
        bytes.extend([first, second, third].iter().take(group.len() * 3 / 4));
    }
    Some(bytes)
}
