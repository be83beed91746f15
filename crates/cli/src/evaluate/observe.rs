//! One organisation from its first log to its last: decoded once, judged once for each budget.
//!
//! **When an alert could have been raised** is found by asking. As long as an attack is not found, that is after every
//! delivery (five minutes of logs) in its first three hours, after every hour in its first day and in the three hours
//! after its end, and every six hours otherwise until a day after its end; at other times once a day. A time to detect
//! is too long by at most as much. An alert that comes and goes between two questions is not heard.

use super::comparators::Count;
use super::hearing::Hearing;
use super::matching::Attack;
use super::sizes::{self, Size};
use super::statement::Statement;
use super::subject::{Subject, declare};
use kmswatch_engine::baseline::reliability::Reached;
use kmswatch_engine::baseline::series;
use kmswatch_engine::estate::Estate;
use kmswatch_engine::measures;
use kmswatch_engine::pipeline::{Filter, Watch, Worker};
use kmswatch_engine::settings::Settings;
use kmswatch_engine::time::{DAY, HOUR, Timestamp};
use kmswatch_engine::trail::ObjectKind;
use std::collections::BTreeMap;

/// Time after the beginning of an attack in which every delivery is followed by a question.
const CLOSE: i64 = 3 * HOUR;
/// Time after its end in which it is asked every hour: an hour in which it may still be told, and two until that is
/// closed.
const AFTER: i64 = 3 * HOUR;
/// Hours between questions on long attacks, and on those that ended some hours ago.
const SELDOM: i64 = 6;

/// What was seen of one organisation.
#[derive(Debug, Default)]
pub(crate) struct Observation {
    pub(crate) name: String,
    /// Midnight before the first event.
    pub(crate) start: Timestamp,
    /// Days of logs.
    pub(crate) days: i64,
    pub(crate) kms_events: u64,
    pub(crate) attacks: Vec<Attack>,
    pub(crate) look_alikes: Vec<Attack>,
    /// What was said at each budget.
    pub(crate) hearings: Vec<Hearing>,
    /// Principals with anything decrypted, and their counts.
    pub(crate) principals: Vec<String>,
    pub(crate) counts: Vec<Count>,
    /// Stored bytes of the States at the end.
    pub(crate) sizes: Vec<Size>,
    /// How often hours were as unusual as is said, by kind of entity.
    pub(crate) reliability: Vec<Reached>,
}

/// What it is watched with.
#[derive(Clone, Debug)]
pub(crate) struct Means {
    /// Settings but for the budget.
    pub(crate) settings: Settings,
    /// Whether the owner has declared critical keys and break-glass roles.
    pub(crate) is_declared: bool,
    /// Whether attacks are confirmed on the day after they were told of.
    pub(crate) confirms: bool,
}

/// Reads `subject` to its end. `progress` is told the share of it that is done.
pub(crate) fn observe(
    subject: &Subject,
    means: &Means,
    budgets: &[f64],
    mut progress: impl FnMut(f64),
) -> anyhow::Result<Observation> {
    let (truth, mut logs) = subject.open()?;
    let of_labels = |labels: Vec<_>| labels.into_iter().filter_map(Attack::of).collect::<Vec<_>>();
    let mut settings = means.settings.clone();
    if means.is_declared {
        declare(&mut settings.estate, &truth);
    }
    // Only the number of duplicates depends on it, which nobody asks for here.
    settings.limits.duplicate_memory_events = 0;
    let estate_of = |budget: f64| {
        let mut settings = settings.clone();
        settings.alerts.budget_per_week = budget;
        let mut estate = Estate::new(settings);
        truth.accounts.iter().for_each(|account| estate.learn_account(&account.id));
        estate
    };
    let estate = estate_of(1.0);
    let attacks = of_labels(truth.attacks);
    let mut bench = Bench {
        watches: budgets.iter().map(|budget| Watch::new(estate_of(*budget))).collect(),
        hearings: budgets.iter().map(|_| Hearing::of(&attacks)).collect(),
        attacks,
        counted: BTreeMap::new(),
        principals: Vec::new(),
        places: BTreeMap::new(),
        confirms: means.confirms,
    };
    // What is counted of hours does not depend on the budget.
    if let Some(watch) = bench.watches.last_mut() {
        watch.count_unusual_hours();
    }
    let filter = Filter::default();
    let mut worker = Worker::default();
    let mut delivered: Option<Timestamp> = None;
    while let Some(delivery) = logs.next() {
        let delivery = delivery?;
        if let (Some(before), Some(now)) = (delivered, delivery.stamp)
            && before < now
        {
            bench.pause(before, now);
            if before.hour() < now.hour() {
                progress(logs.done());
            }
        }
        let outcome = worker.process(delivery.body.as_slice(), &estate, &filter);
        if outcome.report.kind == ObjectKind::Log {
            delivered = delivered.max(delivery.stamp);
        }
        if let Some((last, others)) = bench.watches.split_last_mut() {
            others.iter_mut().for_each(|watch| watch.absorb(outcome.clone()));
            last.absorb(outcome);
        }
    }
    let summary = bench.end(delivered);
    let start = summary.first_event.unwrap_or_default().0.div_euclid(DAY) * DAY;
    let end = summary.last_event.unwrap_or_default().0;
    Ok(Observation {
        name: subject.name(),
        start: Timestamp(start),
        // What began on the last day may end a little after it.
        days: ((end - start).div_euclid(DAY) + 1).min(i64::from(truth.scenario.days)),
        kms_events: logs.kms_events(),
        look_alikes: of_labels(truth.look_alikes),
        sizes: bench.watches.last().map(|watch| sizes::of(watch.states())).unwrap_or_default(),
        reliability: bench.watches.last().map(Watch::reliability).unwrap_or_default(),
        attacks: bench.attacks,
        hearings: bench.hearings,
        principals: bench.principals,
        counts: bench.counted.into_iter().map(|((who, hour), n)| Count { who, hour, n }).collect(),
    })
}

/// The watches, one for each budget, and what is noted of them.
struct Bench {
    watches: Vec<Watch>,
    hearings: Vec<Hearing>,
    attacks: Vec<Attack>,
    /// Decrypts by principal and hour.
    counted: BTreeMap<(usize, i64), u64>,
    principals: Vec<String>,
    places: BTreeMap<String, usize>,
    confirms: bool,
}

impl Bench {
    /// Everything delivered up to `before` has been absorbed, and nothing else comes until `now`.
    fn pause(&mut self, before: Timestamp, now: Timestamp) {
        let due = series::due(before.hour());
        self.count(due);
        self.watches.iter_mut().for_each(|watch| watch.advance(before));
        for (watch, hearing) in self.watches.iter().zip(&mut self.hearings) {
            let mut missed = self.attacks.iter().enumerate().filter(|(at, _)| hearing.misses(*at));
            if ends(before, now, 24) || missed.any(|(_, attack)| is_worth_asking(attack, before, now)) {
                hear(watch, hearing, before, &self.attacks);
            }
        }
        if self.confirms && ends(before, now, 24) {
            self.confirm(before);
        }
    }

    /// Confirms what was told of and has not been over for a day.
    fn confirm(&mut self, now: Timestamp) {
        for (watch, hearing) in self.watches.iter_mut().zip(&self.hearings) {
            for (attack, found) in self.attacks.iter().zip(&hearing.found) {
                if found.by_any.is_some() && now < attack.end.plus(2 * DAY) {
                    watch.confirm(attack.confirmed(now));
                }
            }
        }
    }

    /// Notes the decrypts of the open hours up to `hour`.
    fn count(&mut self, hour: i64) {
        let Some(watch) = self.watches.first() else { return };
        for (name, state) in &watch.states().principals {
            let decrypts =
                state.baseline.series().find(|(measure, _)| measure.code == measures::decrypts::MEASURE.code);
            let Some((_, series)) = decrypts else { continue };
            for (open, things) in series.open().filter(|(open, _)| *open <= hour) {
                let who = match self.places.get(name) {
                    Some(who) => *who,
                    None => {
                        self.principals.push(name.clone());
                        self.places.insert(name.clone(), self.principals.len() - 1);
                        self.principals.len() - 1
                    }
                };
                self.counted.insert((who, open), things.count());
            }
        }
    }

    fn end(&mut self, delivered: Option<Timestamp>) -> kmswatch_engine::pipeline::Summary {
        let last = self.watches.first().and_then(Watch::last_event);
        if let Some(moment) = delivered.max(last) {
            self.count(i64::MAX);
            self.watches.iter_mut().for_each(|watch| watch.advance(moment));
            for (watch, hearing) in self.watches.iter().zip(&mut self.hearings) {
                hear(watch, hearing, moment, &self.attacks);
                hearing.end(moment);
            }
        }
        self.watches.first().map(Watch::summary).unwrap_or_default()
    }
}

fn hear(watch: &Watch, hearing: &mut Hearing, moment: Timestamp, attacks: &[Attack]) {
    let said = watch.findings().into_iter().filter_map(Statement::of).collect();
    hearing.hear(moment, attacks, said);
}

/// Whether an attack that is not found yet is a reason to ask, after the last delivery `before` that of `now`.
fn is_worth_asking(attack: &Attack, before: Timestamp, now: Timestamp) -> bool {
    if before < attack.start || before > attack.end.plus(DAY) {
        return false;
    }
    let (elapsed, over) = (before.since(attack.start), before.since(attack.end));
    if elapsed <= CLOSE {
        return true;
    }
    let is_often = (over < 0 && elapsed <= DAY) || (0..=AFTER).contains(&over);
    ends(before, now, if is_often { 1 } else { SELDOM })
}

/// Whether `before` is the last delivery of a span of so many hours. The stamp of a full hour ends the hour before.
fn ends(before: Timestamp, now: Timestamp, hours: i64) -> bool {
    let span = |moment: Timestamp| moment.plus(-1).hour().div_euclid(hours);
    span(before) < span(now)
}

#[cfg(test)]
mod tests {
    use super::super::matching::testing::attack;
    use super::*;

    #[test]
    fn the_stamp_of_a_full_hour_ends_the_hour_before() {
        let ends = |before: i64, now: i64, hours| ends(Timestamp(before * 60), Timestamp(now * 60), hours);
        assert!(!ends(55, 60, 1) && ends(60, 65, 1) && !ends(65, 70, 1));
        assert!(ends(55, 125, 1), "an hour without deliveries ends as well");
        assert!(!ends(60, 65, 6) && ends(360, 365, 6));
    }

    #[test]
    fn it_is_asked_often_at_first_and_seldom_later_and_no_more_a_day_after_the_end() {
        let attack = attack("slow_exfiltration", "a", 100 * HOUR, 150 * HOUR);
        let worth: Vec<i64> = (90 * 12..190 * 12)
            .filter(|stamp| is_worth_asking(&attack, Timestamp(stamp * 300), Timestamp((stamp + 1) * 300)))
            .collect();
        let within =
            |from: i64, to: i64| worth.iter().filter(|at| (from * 12..to * 12).contains(*at)).count();
        assert_eq!([within(0, 100), within(100, 103), within(104, 124), within(125, 150)], [0, 36, 20, 4]);
        assert_eq!([within(150, 154), within(154, 190)], [4, 4], "{worth:?}");
    }
}
