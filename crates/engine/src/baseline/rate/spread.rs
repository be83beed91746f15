//! Whether more than usual came all day long, or within some hours of the day.
//!
//! Jobs that catch up and bursts do their work within hours; who takes a little more each time, in the rhythm of what it
//! steals from, is above the usual all day. So days of the one kind are not compared with days of the other
//! ([`crate::baseline::budget::Span::SpreadDay`]).

/// Hours within which a burst lies.
const BURST: usize = 6;
/// The part of the growth of the day that the rest must show without its highest six hours.
const REST: f64 = 0.5;

/// Whether a day (of each hour the count and the expected mean) is above the usual without the six hours on end that
/// have most beyond it, too: by half as many times as the whole day at least.
pub(super) fn is_spread(day: &[(f64, f64)]) -> bool {
    let sums = |hours: &[(f64, f64)]| {
        hours.iter().fold((0.0, 0.0), |(counts, means), (count, mean)| (counts + count, means + mean))
    };
    let (counts, means) = sums(day);
    let excess = |hours: &[(f64, f64)]| {
        let (counts, means) = sums(hours);
        counts - means
    };
    let Some(burst) = day.windows(BURST).max_by(|a, b| excess(a).total_cmp(&excess(b))) else {
        return false;
    };
    let (within, usual_within) = sums(burst);
    let (rest, usual_rest) = (counts - within, means - usual_within);
    counts > means && usual_rest > 0.0 && rest / usual_rest - 1.0 >= REST * (counts / means - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A day with a rhythm, each hour multiplied.
    fn day(factor: impl Fn(usize) -> f64) -> Vec<(f64, f64)> {
        let usual = |hour: usize| if (8..18).contains(&hour) { 30.0 } else { 6.0 };
        (0..24).map(|hour| (usual(hour) * factor(hour), usual(hour))).collect()
    }

    #[test]
    fn three_times_as_much_in_each_hour_is_spread() {
        assert!(is_spread(&day(|_| 3.0)));
        assert!(is_spread(&day(|hour| if hour % 2 == 0 { 4.0 } else { 2.0 })));
    }

    #[test]
    fn what_began_in_the_morning_is_spread_by_midnight() {
        assert!(is_spread(&day(|hour| if hour >= 10 { 3.0 } else { 1.0 })));
    }

    #[test]
    fn a_burst_is_not_spread_whatever_its_hour() {
        for at in 0..24 {
            assert!(!is_spread(&day(|hour| if hour == at { 40.0 } else { 1.0 })), "{at}");
            assert!(!is_spread(&day(|hour| if (at..at + 5).contains(&hour) { 9.0 } else { 1.0 })), "{at}");
        }
    }

    #[test]
    fn a_usual_day_and_less_than_a_day_are_not_spread() {
        assert!(!is_spread(&day(|_| 1.0)));
        assert!(!is_spread(&day(|_| 0.5)));
        assert!(!is_spread(&day(|_| 3.0)[..5]));
        assert!(!is_spread(&[]));
    }
}
