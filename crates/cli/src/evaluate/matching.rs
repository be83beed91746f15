//! Which alert belongs to which attack.
//!
//! An alert counts for an attack if it names one of the attack's principals or keys and its evidence lies within the
//! attack or the hour after; or if it cites one of the attack's events, whenever.

use super::statement::Statement;
use kmswatch_engine::finding::Span;
use kmswatch_engine::settings::Confirmed;
use kmswatch_engine::time::{HOUR, Timestamp};
use kmswatch_scenario::truth::Label;
use std::collections::{BTreeSet, HashSet};

/// An attack, or something that looks like one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attack {
    pub(crate) kind: String,
    /// In the unit of the kind.
    pub(crate) strength: f64,
    pub(crate) start: Timestamp,
    pub(crate) end: Timestamp,
    principals: BTreeSet<String>,
    keys: BTreeSet<String>,
    events: HashSet<String>,
}

impl Attack {
    /// What a label says. `None` if its times cannot be read.
    pub(crate) fn of(label: Label) -> Option<Attack> {
        Some(Attack {
            start: Timestamp::parse(&label.start)?,
            end: Timestamp::parse(&label.end)?,
            kind: label.kind,
            strength: label.strength,
            principals: label.principals.into_iter().collect(),
            keys: label.keys.into_iter().collect(),
            events: label.event_ids.into_iter().collect(),
        })
    }

    /// Whether the alert counts for it.
    pub(crate) fn explains(&self, alert: &Statement) -> bool {
        let is_in = |names: &BTreeSet<String>, name: &Option<String>| {
            name.as_ref().is_some_and(|name| names.contains(name))
        };
        let names = is_in(&self.principals, &alert.principal) || is_in(&self.keys, &alert.key);
        names && self.overlaps(alert.span) || alert.event_ids.iter().any(|id| self.events.contains(id))
    }

    fn overlaps(&self, span: Span) -> bool {
        span.start <= self.end.plus(HOUR) && span.end >= self.start
    }

    /// The principals that act.
    pub(crate) fn principals(&self) -> impl Iterator<Item = &str> {
        self.principals.iter().map(String::as_str)
    }

    /// Who looks into it finds these actors and keys, from its beginning up to `now`.
    pub(crate) fn confirmed(&self, now: Timestamp) -> Confirmed {
        Confirmed {
            reason: self.kind.clone(),
            owner: "evaluation".to_owned(),
            actors: self.principals.iter().chain(&self.keys).cloned().collect(),
            from: self.start,
            until: self.end.min(now),
        }
    }

    /// Whether a principal takes part in it.
    pub(crate) fn has(&self, principal: &str) -> bool {
        self.principals.contains(principal)
    }

    /// Whether an hour (whole hours since the epoch) lies in it or ends within an hour after.
    pub(crate) fn covers(&self, hour: i64) -> bool {
        let start = Timestamp(hour.saturating_mul(HOUR));
        self.overlaps(Span { start, end: start.plus(HOUR - 1) })
    }

    /// The same actors and keys at another time, at which they did nothing: whatever is found there is found by
    /// chance.
    pub(crate) fn moved(&self, seconds: i64) -> Attack {
        Attack {
            start: self.start.plus(seconds),
            end: self.end.plus(seconds),
            events: HashSet::new(),
            ..self.clone()
        }
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::evaluate::statement::{Age, Class};

    /// An attack of `kind` by role `who` with key `k`, from second `start` to `end`.
    pub(crate) fn attack(kind: &str, who: &str, start: i64, end: i64) -> Attack {
        Attack {
            kind: kind.to_owned(),
            strength: 1.0,
            start: Timestamp(start),
            end: Timestamp(end),
            principals: [who.to_owned()].into(),
            keys: ["k".to_owned()].into(),
            events: ["e".to_owned()].into(),
        }
    }

    /// An alert of statistics about `who`.
    pub(crate) fn alert(id: &str, who: &str, start: i64, end: i64) -> Statement {
        Statement {
            id: id.to_owned(),
            detector: "unusual_rate",
            is_statistical: true,
            span: Span { start: Timestamp(start), end: Timestamp(end) },
            principal: Some(who.to_owned()),
            key: None,
            event_ids: Vec::new(),
            class: Class::Principal,
            age: Age::Mature,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{alert, attack};
    use super::*;

    #[test]
    fn who_looks_into_an_attack_that_goes_on_confirms_it_up_to_now() {
        let attack = attack("poisoning_ramp", "a", 1_000, 9_000);
        let confirmed = |now| attack.confirmed(Timestamp(now));
        assert_eq!((confirmed(5_000).from, confirmed(5_000).until), (Timestamp(1_000), Timestamp(5_000)));
        assert_eq!((confirmed(99_000).until, confirmed(99_000).actors.len()), (Timestamp(9_000), 2));
    }

    #[test]
    fn an_alert_about_the_principal_during_the_attack_counts() {
        let attack = attack("burst", "a", 10_000, 20_000);
        assert!(attack.explains(&alert("1", "a", 12_000, 13_000)));
        assert!(
            attack.explains(&alert("1", "a", 0, 10_000)),
            "the last event of it is the first of the attack"
        );
        assert!(!attack.explains(&alert("1", "b", 12_000, 13_000)));
    }

    #[test]
    fn an_alert_within_the_hour_after_counts_and_later_ones_do_not() {
        let attack = attack("burst", "a", 10_000, 20_000);
        assert!(attack.explains(&alert("1", "a", 20_000 + HOUR, 90_000)));
        assert!(!attack.explains(&alert("1", "a", 20_001 + HOUR, 90_000)));
        assert!(!attack.explains(&alert("1", "a", 0, 9_999)), "before the attack nobody could know");
    }

    #[test]
    fn an_alert_about_the_key_counts_whoever_it_is_laid_to() {
        let attack = attack("key_drain", "a", 10_000, 20_000);
        let mut alert = alert("1", "b", 12_000, 13_000);
        alert.key = Some("k".into());
        assert!(attack.explains(&alert));
        alert.key = Some("other".into());
        assert!(!attack.explains(&alert));
    }

    #[test]
    fn an_alert_that_cites_an_event_of_the_attack_counts_whatever_it_names() {
        let attack = attack("burst", "a", 10_000, 20_000);
        let mut alert = alert("1", "b", 50_000, 60_000);
        assert!(!attack.explains(&alert));
        alert.event_ids = vec!["x".into(), "e".into()];
        assert!(attack.explains(&alert));
        assert!(!attack.moved(-86_400).explains(&alert), "a moved attack has no events");
    }

    #[test]
    fn hours_that_touch_the_attack_or_the_hour_after_are_covered() {
        let attack = attack("burst", "a", 2 * HOUR + 600, 3 * HOUR + 600);
        let covered: Vec<i64> = (0..9).filter(|hour| attack.covers(*hour)).collect();
        assert_eq!(covered, [2, 3, 4]);
    }
}
