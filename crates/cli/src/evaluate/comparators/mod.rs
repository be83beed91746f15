//! What people build at home: alarms on the decrypts of a principal in an hour, each hour given a score.
//!
//! They see the same counts as kmswatch, and their alerts are merged alike: hours of one principal that are at most a
//! day apart are one alert. They are given every advantage: the threshold of each organisation is set **in hindsight**,
//! as the lowest that gives no more false alerts than kmswatch gave in the same weeks. Nobody could know it before.

mod deviation;
mod threshold;

use super::matching::Attack;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Hours between two alarms of one principal that are one alert, as for kmswatch.
const MERGED_HOURS: i64 = 24;

/// Decrypts of a principal in an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    /// Its place in the list of principals.
    pub(crate) who: usize,
    /// Whole hours since the epoch.
    pub(crate) hour: i64,
    pub(crate) n: u64,
}

/// A way to give hours a score.
#[derive(Debug)]
pub(crate) struct Comparator {
    pub(crate) id: &'static str,
    /// One line.
    pub(crate) what: &'static str,
    /// The threshold that people begin with.
    pub(crate) usual: f64,
    /// Scores of one principal's hours with anything in them, from those hours and counts in order of time.
    score: fn(&[(i64, u64)]) -> Vec<f64>,
}

/// All of them.
pub(crate) const ALL: [&Comparator; 2] = [&threshold::COMPARATOR, &deviation::COMPARATOR];

/// What a comparator reaches with a threshold.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct Reached {
    /// Alerts above it.
    pub(crate) threshold: f64,
    /// False alerts after the warm-up.
    pub(crate) false_alerts: usize,
    /// Whether each attack is found.
    pub(crate) found: Vec<bool>,
}

/// The scored hours of one organisation.
#[derive(Debug, Default)]
pub(crate) struct Scored {
    /// Hours that no attack covers: score, principal, hour. The highest first.
    innocent: Vec<(f64, usize, i64)>,
    /// The highest score of each attack.
    highest: Vec<f64>,
}

impl Comparator {
    /// Scores all hours. False alerts are counted from `since` on (whole hours since the epoch).
    pub(crate) fn score(
        &self,
        counts: &[Count],
        principals: &[String],
        attacks: &[Attack],
        since: i64,
    ) -> Scored {
        let mut hours: BTreeMap<usize, Vec<(i64, u64)>> = BTreeMap::new();
        for count in counts {
            hours.entry(count.who).or_default().push((count.hour, count.n));
        }
        let mut scored = Scored { innocent: Vec::new(), highest: vec![f64::NEG_INFINITY; attacks.len()] };
        for (who, hours) in &mut hours {
            hours.sort_unstable();
            let name = principals.get(*who).map(String::as_str).unwrap_or_default();
            for (score, (hour, _)) in (self.score)(hours).into_iter().zip(hours.iter()) {
                let mut is_innocent = true;
                for (attack, highest) in attacks.iter().zip(&mut scored.highest) {
                    if attack.has(name) && attack.covers(*hour) {
                        is_innocent = false;
                        *highest = highest.max(score);
                    }
                }
                if is_innocent && *hour >= since {
                    scored.innocent.push((score, *who, *hour));
                }
            }
        }
        scored.innocent.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        scored
    }
}

impl Scored {
    /// With alerts above `threshold`.
    pub(crate) fn at(&self, threshold: f64) -> Reached {
        let mut alerts = Alerts::default();
        let above = self.innocent.iter().take_while(|(score, ..)| *score > threshold);
        above.for_each(|(_, who, hour)| alerts.add(*who, *hour));
        Reached {
            threshold,
            false_alerts: alerts.n,
            found: self.highest.iter().map(|highest| *highest > threshold).collect(),
        }
    }

    /// With the lowest threshold that gives at most `most` false alerts.
    pub(crate) fn with_at_most(&self, most: usize) -> Reached {
        let mut alerts = Alerts::default();
        let mut threshold = 0.0;
        let positive = self.innocent.partition_point(|(score, ..)| *score > 0.0);
        for same in self.innocent.get(..positive).unwrap_or_default().chunk_by(|a, b| a.0 == b.0) {
            same.iter().for_each(|(_, who, hour)| alerts.add(*who, *hour));
            if alerts.n > most {
                threshold = same.first().map_or(0.0, |(score, ..)| *score);
                break;
            }
        }
        self.at(threshold)
    }
}

/// Alarmed hours, merged.
#[derive(Debug, Default)]
struct Alerts {
    hours: BTreeMap<usize, BTreeSet<i64>>,
    n: usize,
}

impl Alerts {
    fn add(&mut self, who: usize, hour: i64) {
        let hours = self.hours.entry(who).or_default();
        if !hours.insert(hour) {
            return;
        }
        let joins_earlier = hours.range(hour - MERGED_HOURS..hour).next().is_some();
        let joins_later = hours.range(hour + 1..=hour + MERGED_HOURS).next().is_some();
        let bridges = {
            let before = hours.range(..hour).next_back();
            let after = hours.range(hour + 1..).next();
            // The two were one alert already, without this hour between them.
            before.zip(after).is_some_and(|(before, after)| after - before <= MERGED_HOURS)
        };
        match (joins_earlier, joins_later) {
            (false, false) => self.n += 1,
            (true, true) if !bridges => self.n -= 1,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::matching::testing::attack;
    use super::*;
    use kmswatch_engine::time::HOUR;

    fn counts(hours: &[(usize, i64, u64)]) -> Vec<Count> {
        hours.iter().map(|&(who, hour, n)| Count { who, hour, n }).collect()
    }

    fn scored(hours: &[(usize, i64, u64)]) -> Scored {
        let principals = ["a".to_owned(), "b".to_owned()];
        let attacks = [attack("burst", "a", 50 * HOUR, 51 * HOUR), attack("burst", "b", 0, 1)];
        threshold::COMPARATOR.score(&counts(hours), &principals, &attacks, 10)
    }

    #[test]
    fn alarms_of_one_principal_within_a_day_are_one_alert() {
        for order in [[0, 24, 49, 73], [73, 24, 0, 49], [49, 0, 73, 24], [24, 49, 0, 73]] {
            let mut alerts = Alerts::default();
            order.iter().for_each(|hour| alerts.add(1, *hour));
            assert_eq!(alerts.n, 2, "{order:?}");
            alerts.add(2, 0);
            assert_eq!(alerts.n, 3, "another principal is another alert");
            alerts.add(1, 30);
            assert_eq!(alerts.n, 2, "an hour between two alerts makes them one");
            alerts.add(1, 31);
            assert_eq!(alerts.n, 2);
        }
    }

    #[test]
    fn an_attack_is_found_if_its_highest_hour_is_above_the_threshold() {
        let scored = scored(&[(0, 20, 30), (0, 50, 200), (0, 52, 210), (1, 50, 40)]);
        assert_eq!(scored.at(209.0).found, [true, false]);
        assert_eq!(scored.at(210.0).found, [false, false]);
    }

    #[test]
    fn the_hindsight_threshold_gives_no_more_false_alerts_than_asked_for() {
        let scored = scored(&[(0, 20, 30), (1, 60, 90), (1, 200, 60), (0, 50, 35), (0, 5, 1_000)]);
        let reached: Vec<_> = (0..5).map(|most| scored.with_at_most(most)).collect();
        let figures: Vec<_> = reached.iter().map(|one| (one.threshold, one.false_alerts)).collect();
        assert_eq!(
            figures,
            [(90.0, 0), (60.0, 1), (30.0, 2), (0.0, 3), (0.0, 3)],
            "hour 5 is of the warm-up"
        );
        assert_eq!(reached[1].found, [false, false]);
        assert_eq!(reached[2].found, [true, false]);
    }

    #[test]
    fn equal_scores_are_alerted_together_or_not_at_all() {
        let scored = scored(&[(0, 20, 30), (1, 20, 30), (0, 90, 50)]);
        assert_eq!(scored.with_at_most(2).false_alerts, 1);
        assert_eq!(scored.with_at_most(3).false_alerts, 3);
    }
}
