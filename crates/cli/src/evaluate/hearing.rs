//! What kmswatch said, and when it could first have said it.
//!
//! It is asked again and again while logs are delivered. Whatever was there once is an alert, also if it is taken back
//! later: mails cannot be called back.

use super::matching::Attack;
use super::statement::Statement;
use kmswatch_engine::time::Timestamp;
use std::collections::BTreeMap;

/// An alert, as it was last heard.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) what: Statement,
    /// The moment of delivery after which it was there.
    pub(crate) first: Timestamp,
    last: Timestamp,
    /// Whether it counts for an attack, or did at some time.
    pub(crate) is_true: bool,
    /// Whether it was gone in the end.
    pub(crate) is_withdrawn: bool,
}

/// When an attack was first told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// By statistics alone.
    pub(crate) by_statistics: Option<Timestamp>,
    /// By statistics, rule or fact.
    pub(crate) by_any: Option<Timestamp>,
}

/// All that was said at one budget.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hearing {
    alerts: BTreeMap<String, Heard>,
    /// In the order of the attacks.
    pub(crate) found: Vec<Found>,
}

impl Hearing {
    /// Nothing has been said yet of these attacks.
    pub(crate) fn of(attacks: &[Attack]) -> Hearing {
        Hearing { alerts: BTreeMap::new(), found: vec![Found::default(); attacks.len()] }
    }

    /// Takes up all that there is to say after the delivery of `moment`.
    pub(crate) fn hear(&mut self, moment: Timestamp, attacks: &[Attack], said: Vec<Statement>) {
        for what in said {
            let mut is_true = false;
            for (attack, found) in attacks.iter().zip(&mut self.found) {
                if attack.explains(&what) {
                    is_true = true;
                    found.by_any.get_or_insert(moment);
                    if what.is_statistical {
                        found.by_statistics.get_or_insert(moment);
                    }
                }
            }
            match self.alerts.get_mut(&what.id) {
                Some(heard) => {
                    heard.is_true |= is_true;
                    (heard.what, heard.last) = (what, moment);
                }
                None => {
                    let (first, last) = (moment, moment);
                    let heard = Heard { what, first, last, is_true, is_withdrawn: false };
                    self.alerts.insert(heard.what.id.clone(), heard);
                }
            }
        }
    }

    /// Ends with the last moment heard: what was not there then was withdrawn.
    pub(crate) fn end(&mut self, moment: Timestamp) {
        for heard in self.alerts.values_mut() {
            heard.is_withdrawn = heard.last < moment;
        }
    }

    /// All alerts, in the order of their ids.
    pub(crate) fn alerts(&self) -> impl Iterator<Item = &Heard> {
        self.alerts.values()
    }

    /// Attacks of which nobody knows yet, by anything.
    pub(crate) fn misses(&self, attack: usize) -> bool {
        self.found.get(attack).is_some_and(|found| found.by_statistics.is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::super::matching::testing::{alert, attack};
    use super::*;

    #[test]
    fn an_attack_is_found_at_the_first_moment_at_which_an_alert_counts_for_it() {
        let attacks = [attack("burst", "a", 1_000, 2_000), attack("burst", "b", 1_000, 2_000)];
        let mut hearing = Hearing::of(&attacks);
        // An older alert about the same principal says nothing of the attack until its evidence reaches it.
        hearing.hear(Timestamp(1_500), &attacks, vec![alert("1", "a", 0, 900)]);
        assert_eq!(hearing.found, [Found::default(); 2]);
        let mut by_rule = alert("2", "a", 1_600, 1_600);
        by_rule.is_statistical = false;
        hearing.hear(Timestamp(1_800), &attacks, vec![by_rule]);
        hearing.hear(Timestamp(2_100), &attacks, vec![alert("1", "a", 0, 1_700)]);
        hearing.hear(Timestamp(2_400), &attacks, vec![alert("1", "a", 0, 1_800)]);
        let found = Found { by_statistics: Some(Timestamp(2_100)), by_any: Some(Timestamp(1_800)) };
        assert_eq!(hearing.found, [found, Found::default()]);
        assert!(!hearing.misses(0) && hearing.misses(1));
    }

    #[test]
    fn an_alert_that_is_gone_in_the_end_was_said_all_the_same() {
        let mut hearing = Hearing::default();
        hearing.hear(Timestamp(10), &[], vec![alert("1", "a", 0, 5), alert("2", "b", 0, 5)]);
        hearing.hear(Timestamp(20), &[], vec![alert("2", "b", 0, 15)]);
        hearing.end(Timestamp(20));
        let all: Vec<_> = hearing.alerts().map(|one| (one.first.0, one.is_withdrawn)).collect();
        assert_eq!(all, [(10, true), (10, false)]);
    }
}
