//! Days and times of the scenario, as whole seconds of Unix time.

use crate::Error;
use jiff::civil::{Date, Time};
use std::fmt::Write;

/// Seconds of a day.
pub(crate) const DAY: i64 = 86_400;
/// Seconds of an hour.
pub(crate) const HOUR: i64 = 3_600;

/// Reads `2026-03-02` as the Unix time of its first second.
pub(crate) fn start_of(date: &str) -> Result<i64, Error> {
    let bad = || Error::Scenario(format!("start {date:?} is not a date such as 2026-03-02"));
    let date: Date = date.parse().map_err(|_| bad())?;
    if !(1971..=2200).contains(&date.year()) {
        return Err(bad());
    }
    let days = date.since(Date::constant(1970, 1, 1)).map_err(|_| bad())?.get_days();
    Ok(i64::from(days) * DAY)
}

/// Reads `02:14` as seconds since midnight.
pub(crate) fn time_of_day(text: &str) -> Result<i64, Error> {
    let time: Time =
        text.parse().map_err(|_| Error::Scenario(format!("time {text:?} is not a time such as 02:14")))?;
    Ok(i64::from(time.hour()) * HOUR + i64::from(time.minute()) * 60 + i64::from(time.second()))
}

/// A moment, taken apart in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) year: i64,
    pub(crate) month: u8,
    pub(crate) day: u8,
    pub(crate) hour: u8,
    pub(crate) minute: u8,
    pub(crate) second: u8,
}

impl Moment {
    /// The civil time of a Unix time (H. Hinnant, "chrono-compatible low-level date algorithms").
    pub(crate) fn of(time: i64) -> Moment {
        let days = time.div_euclid(DAY);
        let seconds = time.rem_euclid(DAY);
        let z = days + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        Moment {
            year: yoe + era * 400 + i64::from(month <= 2),
            month: month as u8,
            day: (doy - (153 * mp + 2) / 5 + 1) as u8,
            hour: (seconds / HOUR) as u8,
            minute: (seconds / 60 % 60) as u8,
            second: (seconds % 60) as u8,
        }
    }
}

/// Day of the week, Monday 0.
pub(crate) fn weekday(time: i64) -> u8 {
    (time.div_euclid(DAY) + 3).rem_euclid(7) as u8
}

/// Hour of the day in UTC, 0 to 23.
pub(crate) fn hour_of(time: i64) -> usize {
    (time.rem_euclid(DAY) / HOUR) as usize
}

/// `2026-03-02T09:15:00Z`, appended to `out`.
pub(crate) fn push_time(out: &mut Vec<u8>, time: i64) {
    let at = Moment::of(time);
    let mut two = |value: u8, after: u8| {
        out.extend([b'0' + value / 10, b'0' + value % 10, after]);
    };
    two((at.year / 100) as u8, b'-');
    out.pop();
    let mut two = |value: u8, after: u8| {
        out.extend([b'0' + value / 10, b'0' + value % 10, after]);
    };
    two((at.year % 100) as u8, b'-');
    two(at.month, b'-');
    two(at.day, b'T');
    two(at.hour, b':');
    two(at.minute, b':');
    two(at.second, b'Z');
}

/// `2026-03-02T09:15:00Z`.
pub(crate) fn rfc3339(time: i64) -> String {
    let mut out = Vec::with_capacity(20);
    push_time(&mut out, time);
    String::from_utf8(out).unwrap_or_default()
}

/// `20260302T0915Z`, the stamp in the name of a log object.
pub(crate) fn stamp(time: i64) -> String {
    let at = Moment::of(time);
    format!("{:04}{:02}{:02}T{:02}{:02}Z", at.year, at.month, at.day, at.hour, at.minute)
}

/// `Mar 9, 2026, 9:15:00 AM`: the way in which KMS writes dates inside parameters and responses.
pub(crate) fn locale(time: i64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let at = Moment::of(time);
    let month = MONTHS.get(usize::from(at.month) - 1).unwrap_or(&"Jan");
    let half = if at.hour < 12 { "AM" } else { "PM" };
    let hour = (at.hour + 11) % 12 + 1;
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write!(text, "{month} {}, {}, {hour}:{:02}:{:02} {half}", at.day, at.year, at.minute, at.second);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_written_back() {
        let start = start_of("2026-03-02").unwrap();
        assert_eq!(rfc3339(start + 9 * HOUR + 61), "2026-03-02T09:01:01Z");
        assert_eq!(stamp(start + 9 * HOUR + 61), "20260302T0901Z");
        assert_eq!(weekday(start), 0, "2 March 2026 is a Monday");
        assert_eq!(rfc3339(start_of("2028-02-29").unwrap()), "2028-02-29T00:00:00Z");
    }

    #[test]
    fn locale_dates_have_twelve_hour_clocks() {
        let start = start_of("2026-03-02").unwrap();
        assert_eq!(locale(start), "Mar 2, 2026, 12:00:00 AM");
        assert_eq!(locale(start + 12 * HOUR), "Mar 2, 2026, 12:00:00 PM");
        assert_eq!(locale(start + 13 * HOUR + 5), "Mar 2, 2026, 1:00:05 PM");
    }

    #[test]
    fn nonsense_is_refused_with_advice() {
        assert!(start_of("yesterday").unwrap_err().to_string().contains("2026-03-02"));
        assert!(time_of_day("noonish").is_err());
        assert_eq!(time_of_day("02:14").unwrap(), 2 * HOUR + 14 * 60);
    }
}
