//! Dates inside KMS requests and responses, which are locale text and not RFC 3339.
//!
//! KMS writes them in the layout of Java's medium date style, which has changed over the years:
//! `Aug 10, 2022, 10:38:27 PM`, `Jan 1, 2021 8:00:00 PM`, `Apr 12, 2021 18:58:30 PM`. No zone is given; it is UTC.

use crate::json::{Kind, Value};
use crate::time::Timestamp;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Longest text that can be a date, in bytes.
const LONGEST_DATE: usize = 64;

/// Reads a date of a request or response: locale text, RFC 3339 text, or seconds since the epoch as a number.
pub fn read(value: Value<'_>) -> Option<Timestamp> {
    match value.kind() {
        Kind::String => parse(&value.text()?),
        Kind::Number => value.raw().parse::<f64>().ok().map(|seconds| Timestamp(seconds as i64)),
        _ => None,
    }
}

/// Reads the text of a date in any of the layouts that KMS has used. Fractions of a second are cut off.
pub fn parse(text: &str) -> Option<Timestamp> {
    if text.len() > LONGEST_DATE {
        return None;
    }
    parse_locale(text).or_else(|| Timestamp::parse(text))
}

/// Month name, day, year, time, and AM or PM, with commas and spaces of any kind between.
fn parse_locale(text: &str) -> Option<Timestamp> {
    // Newer Java versions print U+202F before AM and PM; it is white space to `char`.
    let mut words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
    let month_name = words.next()?;
    let short = month_name.get(..3)?.to_ascii_lowercase();
    let month = MONTHS.iter().position(|name| *name == short)? + 1;
    let day: u32 = words.next()?.parse().ok()?;
    let year: u32 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':');
    let hour: u32 = clock.next()?.parse().ok()?;
    let minute: u32 = clock.next()?.parse().ok()?;
    let second: u32 = clock.next().map_or(Some(0), |second| second.parse().ok())?;
    let hour = match words.next().map(str::to_ascii_lowercase).as_deref() {
        Some("am") if hour == 12 => 0,
        // Some records have 24-hour time and PM.
        Some("pm") if hour < 12 => hour + 12,
        Some("am" | "pm" | "utc") | None => hour,
        Some(_) => return None,
    };
    if clock.next().is_some() {
        return None;
    }
    Timestamp::parse(&format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_of_a_date_is_read() {
        for (text, expected) in [
            ("Aug 10, 2022, 10:38:27 PM", "2022-08-10T22:38:27Z"),
            ("May 21, 2025, 5:47:45 AM", "2025-05-21T05:47:45Z"),
            ("May 21, 2025, 5:47:45\u{202f}PM", "2025-05-21T17:47:45Z"),
            ("May 21, 2025, 5:47:45\u{a0}PM", "2025-05-21T17:47:45Z"),
            ("Jan 1, 2021 8:00:00 PM", "2021-01-01T20:00:00Z"),
            ("Apr 12, 2021 18:58:30 PM", "2021-04-12T18:58:30Z"),
            ("Apr 12, 2021 18:58:30", "2021-04-12T18:58:30Z"),
            ("Dec 31, 2024, 12:00:00 AM", "2024-12-31T00:00:00Z"),
            ("Dec 31, 2024, 12:00:00 PM", "2024-12-31T12:00:00Z"),
            ("September 3, 2024, 1:02:03 am", "2024-09-03T01:02:03Z"),
            ("2024-09-03T01:02:03Z", "2024-09-03T01:02:03Z"),
            ("2024-09-03T01:02:03.5+01:00", "2024-09-03T00:02:03Z"),
        ] {
            assert_eq!(parse(text), Timestamp::parse(expected), "{text}");
            assert!(parse(text).is_some(), "{text}");
        }
        assert_eq!(read(Value::new("1725325323.5")), Some(Timestamp(1_725_325_323)));
    }

    #[test]
    fn what_is_no_date_gives_nothing() {
        for text in [
            "",
            "soon",
            "Foo 10, 2022, 10:38:27 PM",
            "Feb 30, 2022, 10:38:27 PM",
            "Aug 10, 2022",
            "Aug 10, 2022, 25:00:00 PM",
            "Aug 10, 2022, 1:2:3:4 PM",
            "Aug 10, 2022, 10:38:27 XX",
            "Aug 10, 99999999, 10:38:27 PM",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(read(Value::NULL), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\PC{0,40}|[A-Za-z]{3} [0-9]{1,3},? [0-9]{1,6},? [0-9:]{1,9}[ \u{202f}]?[AP]?M?)") {
            let _ = parse(&text);
        }
    }
}
