//! Numbers and times, as people read them.

use kmswatch_engine::finding::Span;
use kmswatch_engine::time::Timestamp;
pub(crate) use kmswatch_engine::words::grouped;

/// The word, with an s unless there is exactly one of it.
pub(crate) fn plural(n: u64, word: &str) -> String {
    if n == 1 { word.to_owned() } else { format!("{word}s") }
}

/// `1 key`, `2 keys`, `4,310 keys`.
pub(crate) fn counted(n: u64, word: &str) -> String {
    format!("{} {}", grouped(n), plural(n, word))
}

/// A measured number with three significant digits, whole numbers in full.
pub(crate) fn measured(value: f64) -> String {
    let magnitude = value.abs();
    if value.fract() == 0.0 && magnitude < 1e15 {
        let sign = if value < 0.0 { "-" } else { "" };
        // Whole and in range: nothing is lost.
        format!("{sign}{}", grouped(magnitude as u64))
    } else if magnitude >= 1_000.0 {
        format!("{value:.0}")
    } else if magnitude >= 100.0 {
        format!("{value:.1}")
    } else if magnitude >= 0.01 {
        format!("{value:.2}")
    } else {
        format!("{value:.1e}")
    }
}

/// A probability, and what it means.
pub(crate) fn probability(p: f64) -> String {
    let shown = measured(p);
    if p > 0.0 && p < 0.1 {
        let odds = 1.0 / p;
        if odds < 1e15 {
            // Two digits: the model knows no more.
            let unit = 10f64.powf((odds.log10() - 1.0).floor()).max(1.0);
            return format!("{shown} (about 1 in {})", grouped(((odds / unit).round() * unit) as u64));
        }
    }
    shown
}

/// `2026-05-04 10:15:42`, in UTC.
pub(crate) fn moment(time: Timestamp) -> String {
    time.to_string().trim_end_matches('Z').replacen('T', " ", 1)
}

/// First and last moment; the date of the second only where it is another.
pub(crate) fn span(span: Span) -> String {
    let (start, end) = (moment(span.start), moment(span.end));
    if start == end {
        return format!("{start} UTC");
    }
    match (start.split_once(' '), end.split_once(' ')) {
        (Some((day, _)), Some((same, time))) if day == same => format!("{start} to {time} UTC"),
        _ => format!("{start} to {end} UTC"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (n, text) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345, "12,345"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(n), text);
        }
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(counted(1, "key"), "1 key");
        assert_eq!(counted(0, "key"), "0 keys");
    }

    #[test]
    fn measured_numbers_have_three_digits() {
        for (value, text) in [
            (5.0, "5"),
            (4310.0, "4,310"),
            (0.1234, "0.12"),
            (123.456, "123.5"),
            (1.5e-7, "1.5e-7"),
            (-2.0, "-2"),
        ] {
            assert_eq!(measured(value), text);
        }
        assert_eq!(measured(f64::NAN), "NaN");
        assert_eq!(measured(f64::INFINITY), "inf");
    }

    #[test]
    fn a_small_probability_says_what_it_means() {
        assert_eq!(probability(1.2e-7), "1.2e-7 (about 1 in 8,300,000)");
        assert_eq!(probability(0.05), "0.05 (about 1 in 20)");
        assert_eq!(probability(0.5), "0.50");
        assert_eq!(probability(0.0), "0");
        assert_eq!(probability(1e-300), "1.0e-300");
    }

    #[test]
    fn a_span_names_the_date_once_if_it_is_the_same() {
        let at = |text| Timestamp::parse(text).unwrap();
        let of = |start, end| span(Span { start: at(start), end: at(end) });
        assert_eq!(of("2026-05-04T10:00:00Z", "2026-05-04T10:00:00Z"), "2026-05-04 10:00:00 UTC");
        assert_eq!(of("2026-05-04T10:00:00Z", "2026-05-04T11:30:00Z"), "2026-05-04 10:00:00 to 11:30:00 UTC");
        assert_eq!(
            of("2026-05-04T23:00:00Z", "2026-05-05T01:00:00Z"),
            "2026-05-04 23:00:00 to 2026-05-05 01:00:00 UTC"
        );
    }
}
