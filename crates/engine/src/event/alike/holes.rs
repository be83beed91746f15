//! Where the holes of a record are.

use super::{Hole, LONGEST, MOST_HOLES, WINDOWS};
use crate::event::context::{self, Tells};
use crate::event::fields::string;
use crate::event::identity::tells_role;
use crate::event::members::Known;
use crate::event::{Event, PrincipalKind};
use crate::json::{Kind, Value};
use std::net::IpAddr;

/// The holes of a record whose shape is known, with where the strings in them begin and end, in this order, with its end.
/// `None` if what stands in them is of no use.
pub(super) fn holes(
    record: &str,
    known: Known<'_, '_>,
    event: &Event<'_>,
    holes: &mut Vec<(Hole, usize, usize)>,
) -> Option<()> {
    let (top, caller, request) = (known.top()?, known.caller()?, known.request()?);
    holes.clear();
    if let Some(session) = event.principal.session.as_deref()
        && event.principal.kind == PrincipalKind::Role
        // Whose session it is, the issuer tells.
        && string(caller.issuer.arn).ok()?.is_some_and(|arn| tells_role(&arn))
        && let Some(in_id) = ending(record, caller.identity.principal_id, ':', session)
        && let Some(in_arn) = ending(record, caller.identity.arn, '/', session)
        && is_session_name(session)
    {
        holes.extend([in_id, in_arn].map(|(from, to)| (Hole::Session, from, to)));
    }
    if let Some(IpAddr::V4(ip)) = event.caller.ip {
        // As many as do not matter to `repertoire::network`.
        let numbers = if ip.is_private() { 2 } else { 1 };
        let text = ip.to_string();
        let network = text.match_indices('.').nth(3 - numbers).map_or(0, |(at, _)| at + 1);
        let end = text.get(network..)?;
        if let Some((from, to)) = ending(record, top.source_ip, '.', end) {
            holes.push((Hole::Address(numbers as u8), from, to));
        }
    }
    let mut put = |hole: Hole, value: Value<'_>| {
        if value.kind() == Kind::String {
            let from = value.raw().as_ptr().addr().checked_sub(record.as_ptr().addr())? + 1;
            let text = string(value).ok()?;
            let needed = matches!(hole, Hole::Time | Hole::Id | Hole::Named | Hole::Resource(_));
            let is_used = !matches!(hole, Hole::Unread | Hole::Began);
            if needed && text.is_none() || is_used && text.as_ref().is_some_and(|text| text.len() > LONGEST) {
                return None;
            }
            holes.push((hole, from, from + text.map_or(0, |text| text.len())));
        }
        Some(())
    };
    for (hole, value) in [
        (Hole::Time, top.event_time),
        (Hole::Id, top.event_id),
        (Hole::SharedId, top.shared_id),
        (Hole::Unread, top.request_id),
        (Hole::AccessKey, caller.identity.access_key),
        (Hole::Began, caller.attributes.creation_date),
    ] {
        put(hole, value)?;
    }
    if [request.source_context, request.destination_context].iter().all(|context| *context == Value::NULL) {
        for (value, tells) in context::values(request.context)? {
            let hole = match tells {
                Tells::Nothing => Hole::Unread,
                Tells::BeingThere => Hole::Named,
                Tells::Resource(kind) => Hole::Resource(kind),
            };
            put(hole, value)?;
        }
    }
    holes.sort_unstable_by_key(|(_, from, _)| *from);
    let has = |hole| holes.iter().filter(|(one, ..)| *one == hole).count() == 1;
    let suits = holes.len() <= MOST_HOLES && has(Hole::Time) && has(Hole::Id);
    holes.push((Hole::End, record.len(), record.len()));
    suits.then_some(())
}

/// From where to where the end of a string stands in the record, if the string has no escapes and ends with it, behind a
/// separator. Not within the beginning that a record is found by.
fn ending(record: &str, value: Value<'_>, separator: char, end: &str) -> Option<(usize, usize)> {
    let text = value.raw().strip_prefix('"')?.strip_suffix('"')?;
    let has_it = string(value).ok()?? == text && text.strip_suffix(end)?.ends_with(separator);
    let to = text.as_ptr().addr().checked_sub(record.as_ptr().addr())? + text.len();
    let [shortest, ..] = WINDOWS;
    Some((to - end.len(), to)).filter(|(from, _)| has_it && *from >= shortest)
}

/// Whether this may be the name of a role's session (`[\w+=,.@-]*`, by the reference of `AssumeRole`).
fn is_session_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    !text.is_empty() && text.bytes().all(is_allowed)
}

/// Whether so many numbers of an address of IPv4 stand here, as the standard library reads them.
#[inline]
pub(super) fn ends_address(text: &str, numbers: u8) -> bool {
    let (mut value, mut digits, mut found) = (0, 0, 0usize);
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' if digits == 0 || value > 0 => {
                value = 10 * value + u32::from(byte - b'0');
                digits += 1;
            }
            b'.' if digits > 0 => (value, digits, found) = (0, 0, found + 1),
            _ => return false,
        }
        if value > 255 {
            return false;
        }
    }
    digits > 0 && found + 1 == usize::from(numbers)
}
