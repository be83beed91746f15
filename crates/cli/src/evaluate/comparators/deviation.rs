//! The deviation of an hour from the principal's exponentially weighted average, in standard deviations.
//!
//! Mean and variance with a span of a day (the weight of an hour is 2 / 25), silent hours counted as zero, and a
//! standard deviation of at least one event. The first day of a principal is not judged.

use super::Comparator;

/// Three standard deviations, the habit of the trade.
pub(super) const COMPARATOR: Comparator = Comparator {
    id: "deviation",
    what: "decrypts of a principal in an hour against their exponentially weighted average",
    usual: 3.0,
    score: scores,
};

const WEIGHT: f64 = 2.0 / 25.0;
/// Hours of a principal that are not judged.
const FIRST_HOURS: i64 = 24;
/// Silent hours after which mean and variance are zero for all purposes.
const FORGOTTEN: i64 = 1_000;

#[derive(Debug, Default)]
struct Average {
    mean: f64,
    variance: f64,
}

impl Average {
    fn score(&self, count: f64) -> f64 {
        (count - self.mean) / self.variance.sqrt().max(1.0)
    }

    fn learn(&mut self, count: f64) {
        let difference = count - self.mean;
        self.mean += WEIGHT * difference;
        self.variance = (1.0 - WEIGHT) * (self.variance + WEIGHT * difference * difference);
    }
}

fn scores(hours: &[(i64, u64)]) -> Vec<f64> {
    let mut average = Average::default();
    let first = hours.first().map_or(0, |(hour, _)| *hour);
    let mut next = first;
    hours
        .iter()
        .map(|(hour, n)| {
            (0..(hour - next).min(FORGOTTEN)).for_each(|_| average.learn(0.0));
            next = hour + 1;
            let count = *n as f64;
            if *hour == first {
                average.mean = count;
            }
            let score = if hour - first < FIRST_HOURS { 0.0 } else { average.score(count) };
            average.learn(count);
            score
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_after_a_steady_week_is_far_out_and_the_next_one_less_so() {
        let mut hours: Vec<(i64, u64)> = (0..168).map(|hour| (hour, 100 + (hour as u64 * 7) % 20)).collect();
        hours.extend([(168, 1_000), (169, 1_000)]);
        let scores = scores(&hours);
        assert!(scores[..168].iter().all(|score| score.abs() < 3.0));
        assert!(scores[168] > 100.0, "{}", scores[168]);
        assert!((3.0..10.0).contains(&scores[169]), "{}", scores[169]);
    }

    #[test]
    fn silence_is_counted_and_the_first_day_is_not_judged() {
        let late = scores(&[(0, 500), (10, 5_000), (500, 20)]);
        assert_eq!(&late[..2], [0.0, 0.0]);
        assert!((late[2] - 20.0).abs() < 0.1, "after weeks of silence the average is zero: {}", late[2]);
    }
}
