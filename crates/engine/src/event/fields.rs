//! Several members of an object in one walk, and strings that tell "missing" from "malformed".

use crate::json::{Kind, Malformed, Text, Value};
use xxhash_rust::xxh3::xxh3_64;

/// What reading a part of a record gives.
pub(super) type Read<T> = Result<T, Malformed>;

/// Longest id of a principal, a key or an event that is kept as it is, in bytes. Real ARNs stay far below
/// (a role's path has at most 512 characters, its name 64); ids are kept for long, so a hostile log must not
/// make them large.
const LONGEST_ID: usize = 1_024;

/// The members `names` of an object, in this order; null for each that is missing, or if it is no object.
pub(super) fn fields<'a, const N: usize>(object: Value<'a>, names: [&str; N]) -> Read<[Value<'a>; N]> {
    let mut found = [Value::NULL; N];
    object.pick(&names, &mut found)?;
    Ok(found)
}

pub(super) use crate::json::Name;

/// A string that is not empty; anything else counts as missing.
pub(super) fn string(value: Value<'_>) -> Read<Option<Text<'_>>> {
    if value.kind() != Kind::String {
        return Ok(None);
    }
    match value.text() {
        Some(text) => Ok((!text.is_empty()).then_some(text)),
        None => Err(Malformed { at: 0 }),
    }
}

/// The first of `values` that is a string and not empty.
pub(super) fn first_string<'a>(values: impl IntoIterator<Item = Value<'a>>) -> Read<Option<Text<'a>>> {
    for value in values {
        if let Some(text) = string(value)? {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// Strings of an array, at most `limit` of them; what is no string is passed over.
pub(super) fn strings(array: Value<'_>, limit: usize) -> Read<Vec<Text<'_>>> {
    let mut found = Vec::new();
    for item in array.items() {
        if let Some(text) = string(item?)?
            && found.len() < limit
        {
            found.push(text);
        }
    }
    Ok(found)
}

/// The part of `text` that `part` picks, borrowed where the text is.
pub(super) fn cut<'a>(
    text: &Text<'a>,
    part: impl for<'t> FnOnce(&'t str) -> Option<&'t str>,
) -> Option<Text<'a>> {
    match text {
        Text::Borrowed(text) => part(text).map(Text::Borrowed),
        Text::Owned(text) => part(text).map(|part| Text::Owned(part.to_owned())),
    }
}

/// The same text, borrowed from this one.
pub(super) fn lent<'b>(text: &'b Option<Text<'_>>) -> Option<Text<'b>> {
    text.as_deref().map(Text::Borrowed)
}

/// The same text, borrowed from nothing.
pub(super) fn owned(text: Option<Text<'_>>) -> Option<Text<'static>> {
    text.map(|text| Text::Owned(text.into_owned()))
}

/// The id, or if it is longer than any real one, its beginning and a hash of the whole.
pub(super) fn bounded(id: Text<'_>) -> Text<'_> {
    if id.len() <= LONGEST_ID {
        return id;
    }
    let end = (0..=200).rev().find(|end| id.is_char_boundary(*end)).unwrap_or(0);
    let beginning = id.get(..end).unwrap_or_default();
    Text::Owned(format!("{beginning}#{:016x}", xxh3_64(id.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_in_the_order_in_which_they_are_asked_for() {
        let [b, a, none] = fields(Value::new(r#"{"a":1,"b":2,"c":3}"#), ["b", "a", "x"]).unwrap();
        assert_eq!((b.integer(), a.integer(), none), (Some(2), Some(1), Value::NULL));
        assert!(fields(Value::new(r#"{"a":1,"#), ["a"]).is_err());
        assert_eq!(fields(Value::new("[1]"), ["a"]).unwrap(), [Value::NULL]);
    }

    #[test]
    fn a_bad_escape_is_malformed_and_another_type_is_missing() {
        assert_eq!(string(Value::new("1")).unwrap(), None);
        assert_eq!(string(Value::new(r#""""#)).unwrap(), None);
        assert_eq!(string(Value::new(r#""\u00e9""#)).unwrap().as_deref(), Some("é"));
        assert!(string(Value::new(r#""\q""#)).is_err());
    }

    #[test]
    fn ids_longer_than_any_real_one_are_cut_and_stay_distinct() {
        let (one, two) = (format!("{}é1", "é".repeat(800)), format!("{}é2", "é".repeat(800)));
        let (a, b) = (bounded(Text::Borrowed(&one)), bounded(Text::Borrowed(&two)));
        assert!(a.len() < 250 && a != b);
        assert_eq!(bounded(Text::Borrowed("short")), "short");
    }
}
