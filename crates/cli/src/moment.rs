//! Moments as people write them on the command line.

use kmswatch_engine::time::{DAY, HOUR, MINUTE, Timestamp};
use std::str::FromStr;

/// A moment, absolute or before now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// At this time.
    At(Timestamp),
    /// So many seconds before now.
    Ago(i64),
}

impl Moment {
    /// The moment in event time, for a clock that shows `now`.
    pub(crate) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Moment::At(time) => time,
            Moment::Ago(seconds) => now.plus(-seconds),
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        ago(text)
            .map(Moment::Ago)
            .or_else(|| Timestamp::parse(text).map(Moment::At))
            .or_else(|| text.parse::<jiff::civil::Date>().ok().and_then(midnight).map(Moment::At))
            .ok_or_else(|| {
                "write 2026-05-04T10:15:42Z, 2026-05-04 (00:00 UTC), or 12h, 7d, 2w ago".to_owned()
            })
    }
}

/// Seconds of `90m`, `12h`, `7d` or `2w`.
fn ago(text: &str) -> Option<i64> {
    let unit = match text.chars().last()? {
        'm' => MINUTE,
        'h' => HOUR,
        'd' => DAY,
        'w' => 7 * DAY,
        _ => return None,
    };
    let digits = text.get(..text.len() - 1)?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<i64>().ok()?.checked_mul(unit)
}

fn midnight(date: jiff::civil::Date) -> Option<Timestamp> {
    let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp(zoned.timestamp().as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_a_date_or_a_while_ago() {
        let now = Timestamp(1_777_889_742);
        let at = |text: &str| text.parse::<Moment>().map(|moment| moment.at(now).to_string());
        assert_eq!(at("2026-05-04T10:15:42Z"), Ok("2026-05-04T10:15:42Z".into()));
        assert_eq!(at("2026-05-04T12:15:42+02:00"), Ok("2026-05-04T10:15:42Z".into()));
        assert_eq!(at("2026-05-04"), Ok("2026-05-04T00:00:00Z".into()));
        assert_eq!(at("90m"), Ok("2026-05-04T08:45:42Z".into()));
        assert_eq!(at("12h"), Ok("2026-05-03T22:15:42Z".into()));
        assert_eq!(at("1w"), Ok("2026-04-27T10:15:42Z".into()));
    }

    #[test]
    fn what_is_no_moment_is_refused_with_examples() {
        for text in ["", "d", "7", "7y", "-7d", "yesterday", "2026-02-30", "99999999999999999999d", "7é"] {
            let error = text.parse::<Moment>().unwrap_err();
            assert!(error.contains("2026-05-04"), "{text}: {error}");
        }
    }
}
