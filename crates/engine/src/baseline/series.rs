//! One measure of one entity as a State keeps it: open hours that merge, and the profile of those that are closed.
//!
//! An hour stays open until the moment of delivery has passed its end by the horizon. Until then its count is a set
//! of hashes ([`Hour`]), so that events may come twice, in any order and from many writers. Then it is closed: its
//! number is judged, sealed into the [`Profile`], exactly once, and the set is dropped.
//!
//! **Merging.** Of two profiles the one that has sealed more wins (equally far ones are equal, unless the horizon
//! was broken; then the larger encoding wins, so that merging stays a semilattice). Hours that the winner has
//! sealed are dropped from the union of the open ones: what stood in them came again, or too late.
//!
//! **Order.** As long as no event is later than the horizon, every event of an hour is there when the hour
//! closes, whatever came first; hours close one by one in ascending order; so profile and scores are a function of
//! the events alone. That an hour is judged when it closes and not before costs nothing: what is judged of an open
//! hour is the closing of a copy.

use super::hour::Hour;
use super::hours::ByHour;
use super::packed::Packed;
use super::rate::{Drift, Profile, Rhythm, Score, Which};
use crate::state::Merge;
use serde::{Deserialize, Serialize};

/// Hours before the current one that stay open for late events. CloudTrail delivers within about 5 minutes on
/// average, seldom later than 45. More hours cost size (a set each), fewer lose late events from the rates.
pub const HORIZON_HOURS: u8 = 1;

/// The last hour that is closed when `hour` is the current one.
pub fn due(hour: i64) -> i64 {
    hour.saturating_sub(i64::from(HORIZON_HOURS) + 1)
}

/// One measure of one entity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Series {
    /// Boxed, since the series of a Delta have none and are moved about.
    profile: Option<Box<Profile>>,
    open: ByHour<Hour>,
}

/// What came of closing an hour.
#[derive(Clone, Debug)]
pub struct ClosedHour {
    /// What was counted.
    pub count: u64,
    /// The scores of the windows that end with it: all, or those of which something can come.
    pub scores: Vec<Score>,
    /// With the first hour of a day, the comparison of weeks.
    pub drift: Option<Drift>,
    /// The hour.
    pub hour: Hour,
}

impl Series {
    /// The open hour, to count in; `None` if it is closed: what comes for it came again or too late.
    pub fn hour(&mut self, hour: i64) -> Option<&mut Hour> {
        match self.sealed_hour() {
            Some(sealed) if hour <= sealed => None,
            _ => Some(self.open.entry(hour)),
        }
    }

    /// The profile of the closed hours; `None` until the first has closed.
    pub fn profile(&self) -> Option<&Profile> {
        self.profile.as_deref()
    }

    /// The open hours in which something was counted, in order.
    pub fn open_hours(&self) -> impl Iterator<Item = i64> {
        self.open.hours()
    }

    /// The open hours, in order.
    pub fn open(&self) -> impl Iterator<Item = (i64, &Hour)> {
        self.open.iter()
    }

    /// Whether something was counted in `hour`, which is open.
    pub fn is_open(&self, hour: i64) -> bool {
        self.open.contains(hour)
    }

    fn sealed_hour(&self) -> Option<i64> {
        self.profile().map(Profile::sealed_hour)
    }

    /// Closes `hour`, if something was counted in it: judges it against what was sealed before, then seals it.
    /// Earlier hours that are still open are closed with it, without being judged: close in ascending order.
    ///
    /// A stream that begins is born in `born`, since when the entity is known (or in the hour itself): that the
    /// entity has lived for weeks without such an event is what makes the first of them unusual.
    ///
    /// With the first hour of a UTC day the week up to the day before is compared with the weeks before it.
    pub fn close(&mut self, hour: i64, rhythm: Rhythm, born: i64, which: Which) -> Option<ClosedHour> {
        if !self.open.contains(hour) {
            return None;
        }
        let first = self.open.first().unwrap_or(hour).min(born);
        let profile =
            self.profile.get_or_insert_with(|| Box::new(Profile::born(first, rhythm, HORIZON_HOURS)));
        while let Some((earlier, things)) = self.open.take_before(hour) {
            profile.seal(earlier, things.count());
        }
        let closed = self.open.remove(hour)?;
        let count = closed.count();
        let is_first_of_day = profile.sealed_hour().div_euclid(24) < hour.div_euclid(24);
        profile.advance(hour - 1);
        let drift = is_first_of_day.then(|| profile.judge_drift()).flatten();
        let scores = profile.close(hour, count, which);
        Some(ClosedHour { count, scores, drift, hour: closed })
    }
}

impl Merge for Series {
    fn merge(&mut self, other: &Self) {
        for (hour, things) in other.open.iter() {
            self.open.entry(hour).merge(things);
        }
        match (&self.profile, &other.profile) {
            (None, Some(_)) => self.profile.clone_from(&other.profile),
            (Some(mine), Some(theirs)) if is_less(mine, theirs) => self.profile.clone_from(&other.profile),
            _ => {}
        }
        if let Some(sealed) = self.sealed_hour()
            && self.open.first().is_some_and(|first| first <= sealed)
        {
            self.open.forget(sealed);
        }
    }
}

/// The order among profiles of one series: who has sealed more; the bytes break a tie that only a broken horizon
/// can leave.
fn is_less(a: &Profile, b: &Profile) -> bool {
    match a.sealed_hour().cmp(&b.sealed_hour()) {
        std::cmp::Ordering::Equal => a != b && a.encode() < b.encode(),
        order => order.is_lt(),
    }
}

/// The form in which a series is stored: the profile in its own binary form.
#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    profile: Option<Packed>,
    #[serde(default, skip_serializing_if = "ByHour::is_empty")]
    open: ByHour<Hour>,
}

impl From<Series> for Stored {
    fn from(series: Series) -> Stored {
        Stored { profile: series.profile.map(|profile| Packed(profile.encode())), open: series.open }
    }
}

impl TryFrom<Stored> for Series {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Series, String> {
        let read = |packed: Packed| {
            let profile = Profile::decode(&packed.0).map_err(|error| error.to_string());
            profile.map(Box::new)
        };
        Ok(Series { profile: stored.profile.map(read).transpose()?, open: stored.open })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::kept::{Kept, Owner};
    use crate::event::testing::kms;
    use crate::measures::{self, Counted};
    use crate::state::delta::{Occurrence, Occurrences};
    use crate::state::laws;
    use crate::time::{HOUR, Timestamp};
    use proptest::prelude::*;

    const START: i64 = 493_858;

    fn count(series: &mut Series, hour: i64, id: u64) {
        let time = Timestamp((START + hour) * HOUR + (id as i64 % 60)).to_string();
        kms("Decrypt").at(&time).id(&format!("e{id}")).event(|event| {
            if let Some(open) = series.hour(event.time.hour()) {
                let name = format!("e{id}");
                let one = Occurrence { time: event.time, act: id, id: &name, resource: None };
                let all = Occurrences { all: &[one], first: event.time, last: event.time };
                let mut kept = Kept::default();
                kept.hold(Owner::Principal, &measures::decrypts::MEASURE, Counted::Act);
                kept.of(Owner::Principal).for_each(|held| held.take(open));
                kept.take_up(event, all);
                kept.taken_up(Owner::Principal).for_each(|(_, acts)| open.put_acts(acts));
            }
        });
    }

    fn of(events: &[(i64, u64)]) -> Series {
        let mut series = Series::default();
        events.iter().for_each(|(hour, id)| count(&mut series, *hour, *id));
        series
    }

    fn close_until(series: &mut Series, hour: i64) -> Vec<Score> {
        let due: Vec<i64> = series.open_hours().filter(|open| *open <= START + hour).collect();
        due.into_iter()
            .filter_map(|hour| series.close(hour, Rhythm::Flat, START, Which::All))
            .flat_map(|c| c.scores)
            .collect()
    }

    #[test]
    fn a_closed_hour_takes_up_nothing_more() {
        let mut series = of(&[(3, 1), (3, 2), (4, 3)]);
        close_until(&mut series, 3);
        let closed = series.clone();
        count(&mut series, 3, 1);
        count(&mut series, 2, 9);
        assert_eq!(series, closed);
        series.merge(&of(&[(3, 1), (3, 2)]));
        assert_eq!(series, closed);
    }

    #[test]
    fn the_first_event_of_an_entity_long_known_scores_higher_than_that_of_a_new_one() {
        let at_once =
            of(&[(400, 1)]).close(START + 400, Rhythm::Flat, START + 400, Which::All).unwrap().scores[0]
                .surprise;
        let late =
            of(&[(400, 1)]).close(START + 400, Rhythm::Flat, START, Which::All).unwrap().scores[0].surprise;
        assert!(late > at_once + 1.0, "{late} {at_once}");
    }

    #[test]
    fn a_damaged_profile_is_an_error() {
        for hex in ["0", "zz", "ff", "é"] {
            let text = format!("{{\"profile\":\"{hex}\"}}");
            assert!(serde_json::from_str::<Series>(&text).is_err(), "{hex}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn open_hours_are_a_semilattice(
            events in prop::collection::vec((0i64..4, 0u64..9), 0..16), cuts: [u8; 2],
        ) {
            laws::check(&events, cuts, of)?;
        }

        #[test]
        fn closed_and_open_parts_are_a_semilattice(
            events in prop::collection::vec((0i64..30, 0u64..9), 1..40), a in 0i64..30, b in 0i64..30,
        ) {
            let closed = |until| {
                let mut series = of(&events);
                close_until(&mut series, until);
                series
            };
            let (a, b, open) = (closed(a.min(b)), closed(a.max(b)), of(&events));
            let union = |x: &Series, y: &Series| { let mut x = x.clone(); x.merge(y); x };
            prop_assert_eq!(&union(&a, &b), &b);
            prop_assert_eq!(&union(&b, &a), &b);
            prop_assert_eq!(&union(&b, &b), &b);
            prop_assert_eq!(union(&union(&a, &open), &b), union(&a, &union(&open, &b)));
            prop_assert_eq!(&serde_json::from_str::<Series>(&serde_json::to_string(&b).unwrap()).unwrap(), &b);
        }

        #[test]
        fn closing_at_once_or_step_by_step_while_events_come_is_the_same(
            events in prop::collection::vec((0i64..30, 0u64..9), 1..60),
        ) {
            let mut at_once = of(&events);
            let all = close_until(&mut at_once, 40);
            let mut by_steps = Series::default();
            let mut scores = Vec::new();
            for now in 0..40 {
                // Backwards, and what came in the hour before comes again.
                for (hour, id) in events.iter().rev().filter(|(hour, _)| *hour == now || *hour == now - 1) {
                    count(&mut by_steps, *hour, *id);
                }
                scores.extend(close_until(&mut by_steps, due(now)));
            }
            prop_assert_eq!(at_once, by_steps);
            prop_assert_eq!(all, scores);
        }
    }
}
