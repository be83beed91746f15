//! Event time: whole seconds since 1970-01-01T00:00:00Z, the resolution of CloudTrail.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Seconds in a minute, an hour and a day of event time.
pub const MINUTE: i64 = 60;
/// Seconds in an hour.
pub const HOUR: i64 = 3_600;
/// Seconds in a day.
pub const DAY: i64 = 86_400;

/// A moment of event time in whole seconds since the Unix epoch, UTC.
///
/// Written as RFC 3339 (`2026-05-04T10:15:42Z`) wherever people or JSON see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Reads `eventTime`.
    ///
    /// The usual form `2026-05-04T10:15:42Z` takes a fast path; fractions of a second, offsets, and the
    /// form with a space that older exports write (`2021-10-19 00:56:05`, taken as UTC) are accepted too.
    /// Fractions are cut off.
    pub fn parse(text: &str) -> Option<Timestamp> {
        parse_usual(text.as_bytes()).or_else(|| parse_lenient(text.trim()))
    }

    /// Whole hours since the epoch: the unit of a baseline's windows.
    pub fn hour(self) -> i64 {
        self.0.div_euclid(HOUR)
    }

    /// Whole days since the epoch, UTC.
    pub fn day(self) -> i64 {
        self.0.div_euclid(DAY)
    }

    /// The moment `seconds` later (earlier if negative).
    #[must_use]
    pub fn plus(self, seconds: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to this moment; negative if it is later.
    pub fn since(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Reads times one after the other: of those of one hour, date and hour are read once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LatestHour {
    /// `2026-05-04T10:`, and when that hour begins.
    known: Option<([u8; 14], Timestamp)>,
}

impl LatestHour {
    /// [`Timestamp::parse`].
    #[inline]
    pub(crate) fn parse(&mut self, text: &str) -> Option<Timestamp> {
        if let Some((hour, &[m1, m2, b':', s1, s2, b'Z'])) = text.as_bytes().split_first_chunk()
            && let Some((known, begins)) = &self.known
            && hour == known
        {
            let two = |a: u8, b: u8| {
                let (a, b) = (a.wrapping_sub(b'0'), b.wrapping_sub(b'0'));
                (a < 6 && b < 10).then(|| i64::from(a) * 10 + i64::from(b))
            };
            if let (Some(minutes), Some(seconds)) = (two(m1, m2), two(s1, s2)) {
                return Some(begins.plus(minutes * MINUTE + seconds));
            }
        }
        let moment = Timestamp::parse(text)?;
        if let Some(usual) = parse_usual(text.as_bytes())
            && let Some(hour) = text.as_bytes().first_chunk()
        {
            self.known = Some((*hour, Timestamp(usual.hour() * HOUR)));
        }
        Some(moment)
    }
}

/// A moment to the minute, for texts: `2026-05-04 10:15 UTC`.
pub fn short_moment(moment: Timestamp) -> String {
    let text = moment.to_string();
    format!("{} UTC", text.get(..16).unwrap_or(&text).replacen('T', " ", 1))
}

fn parse_usual(b: &[u8]) -> Option<Timestamp> {
    let b: &[u8; 20] = b.try_into().ok()?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2, b'Z'] = *b
    else {
        return None;
    };
    let two = |a: u8, b: u8| {
        let (a, b) = (a.wrapping_sub(b'0'), b.wrapping_sub(b'0'));
        (a < 10 && b < 10).then(|| i64::from(a) * 10 + i64::from(b))
    };
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    let (month, day) = (two(m1, m2)?, two(d1, d2)?);
    let (hour, minute, second) = (two(h1, h2)?, two(n1, n2)?, two(s1, s2)?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // A leap second is the same moment as the second before it.
    let second = second.min(59);
    Some(Timestamp(days_from_civil(year, month, day) * DAY + hour * HOUR + minute * MINUTE + second))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the Gregorian calendar, with years that begin in March so that the
/// leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn parse_lenient(text: &str) -> Option<Timestamp> {
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Some(Timestamp(moment.as_second()));
    }
    let civil = text.parse::<jiff::civil::DateTime>().ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| Timestamp(zoned.timestamp().as_second()))
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(moment) => moment.fmt(f),
            // Outside the years -9999 to 9999: never from `parse`, possible from arithmetic.
            Err(_) => write!(f, "@{}", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Timestamp::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("not an RFC 3339 time: {text:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_form_and_the_lenient_forms_agree() {
        let expected = Some(Timestamp(1_777_889_742));
        for text in [
            "2026-05-04T10:15:42Z",
            "2026-05-04T10:15:42.999Z",
            "2026-05-04T12:15:42+02:00",
            "2026-05-04 10:15:42",
            "2026-05-04 10:15:42.000000000",
        ] {
            assert_eq!(Timestamp::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in
            ["", "string", "2026-13-04T10:15:42Z", "2026-02-29T10:15:42Z", "2026-05-04T24:15:42Z", "..."]
        {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn display_and_parse_are_inverse(seconds in -62_000_000_000i64..250_000_000_000) {
            let moment = Timestamp(seconds);
            proptest::prop_assert_eq!(Timestamp::parse(&moment.to_string()), Some(moment));
        }

        #[test]
        fn parsing_never_panics(text in "\\PC*") {
            let _ = Timestamp::parse(&text);
        }
    }
}
