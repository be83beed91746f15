//! Closing hours: when, in which order, and what comes of it.
//!
//! Three things, apart, since in a live installation they have different owners:
//!
//! * [`OpenHours`]: which hours are open for whom. Everybody who merges a Delta knows it for the entities merged.
//! * [`Clock`]: up to which hour all is closed. One closer moves it on.
//! * [`Judge`]: what the estate usually reaches and where it was exceeded. The closer feeds it; everybody else
//!   previews what it would say.
//!
//! The clock is the moment of delivery, told by the shell once everything that was delivered up to it has been
//! absorbed ([`super::Watch::advance`]). Event times never drive it: a record with a time in the future opens an hour
//! that stays open until delivery gets there, and closes nothing.
//!
//! Hours close one after the other in ascending order, over all entities that were active in them, so that the
//! estate's standard of a day knows every peak of the days before, and none of its own. Within an hour all principals
//! are judged before the estate learns what they have shown, and before keys learn who used them.
//!
//! **Stopping.** Save the judge, then the States. Whoever dies in between closes the same hours of the same States
//! again, and that changes nothing in the judge.

use super::history::{History, JudgedHour, JudgedUses};
use super::understood;
use crate::baseline::budget::Understood;
use crate::baseline::entity::{Age, Closed};
use crate::baseline::hour::Hour;
use crate::baseline::judge::{Entity, FirstUses, Judge, NewValue, RefusedKeys};
use crate::baseline::novelty::{Dimension, FirstUse, Habit, KeyHabit, Novelty, Part, WARM_HOURS};
use crate::baseline::reliability::Reliability;
use crate::baseline::repertoire::{ClosedShown, Value};
use crate::baseline::series;
use crate::measures::denied_calls;
use crate::settings::Settings;
use crate::state::delta::Opened;
use crate::state::{Entities, KeyState, Sample, Seen, Sightings, States};
use crate::time::Timestamp;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Entities with something in an hour that is open.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OpenHours {
    hours: BTreeMap<i64, BTreeSet<Entity>>,
}

impl OpenHours {
    /// Notes the hours that `delta`, which was just merged into `states`, has left open.
    pub fn note(&mut self, delta: &States, states: &States) {
        for id in delta.keys.iter().filter(|(_, state)| state.is_counted()).map(|(id, _)| id) {
            if let Some(state) = states.keys.get(id) {
                self.note_entity(&Entity::Key(id.clone()), state.open_hours());
            }
        }
        for id in delta.principals.iter().filter(|(_, state)| state.is_counted()).map(|(id, _)| id) {
            if let Some(state) = states.principals.get(id) {
                self.note_entity(&Entity::Principal(id.clone()), state.open_hours());
            }
        }
    }

    /// Notes the hours that taking up groups has opened.
    pub(super) fn note_opened(&mut self, opened: Opened) {
        let principals = opened.principals.into_iter().map(|(id, hour)| (Entity::Principal(id), hour));
        let keys = opened.keys.into_iter().map(|(arn, hour)| (Entity::Key(arn), hour));
        for (entity, hour) in principals.chain(keys) {
            self.hours.entry(hour).or_default().insert(entity);
        }
    }

    fn note_entity(&mut self, entity: &Entity, hours: BTreeSet<i64>) {
        for hour in hours {
            let entities = self.hours.entry(hour).or_default();
            if !entities.contains(entity) {
                entities.insert(entity.clone());
            }
        }
    }

    /// All hours that are open in `states`.
    pub fn of(states: &States) -> OpenHours {
        let mut open = OpenHours::default();
        open.note(states, states);
        open
    }

    /// Takes out the hours up to and including `due`.
    pub fn take(&mut self, due: i64) -> OpenHours {
        let later = self.hours.split_off(&due.saturating_add(1));
        OpenHours { hours: std::mem::replace(&mut self.hours, later) }
    }

    /// All entities with an open hour.
    pub fn entities(&self) -> BTreeSet<&Entity> {
        self.hours.values().flatten().collect()
    }
}

/// The last hour that is closed. It never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    closed: Option<i64>,
}

impl Clock {
    /// Moves on to the hours that are due when everything delivered up to `delivered` has been absorbed, and tells the
    /// last of them.
    pub fn advance(&mut self, delivered: Timestamp) -> i64 {
        let due = series::due(delivered.hour());
        self.closed = self.closed.max(Some(due));
        due
    }

    /// The last hour that is closed, in whole hours since the epoch.
    pub fn last_closed(self) -> Option<i64> {
        self.closed
    }

    /// Whether [`Clock::advance`] would close anything.
    pub fn moves_by(self, delivered: Timestamp) -> bool {
        !self.is_closed(series::due(delivered.hour()))
    }

    /// Whether this hour is closed.
    pub fn is_closed(self, hour: i64) -> bool {
        self.closed.is_some_and(|closed| hour <= closed)
    }
}

/// The open hours, the clock that closes them, and the judge of what is closed.
#[derive(Clone, Debug, Default)]
pub(super) struct Rates {
    pub(super) open: OpenHours,
    pub(super) clock: Clock,
    pub(super) judge: Judge,
    history: History,
}

impl Rates {
    /// Goes on from a clock and a judge that were stored.
    pub(super) fn resumed(open: OpenHours, clock: Clock, judge: Judge) -> Rates {
        Rates { open, clock, judge, history: History::default() }
    }

    /// Keeps the judged hours of `entity` from now on.
    pub(super) fn follow(&mut self, entity: Entity) {
        self.history.follow(entity);
    }

    /// Counts from now on how often hours are how unusual.
    pub(super) fn count(&mut self) {
        self.history.count();
    }

    /// The counts; `None` if nobody asked for them beforehand.
    pub(super) fn reliability(&self) -> Option<&Reliability> {
        self.history.reliability()
    }

    /// The judged hours of an entity that is followed.
    pub(super) fn history(&self, entity: &Entity) -> &[JudgedHour] {
        self.history.of(entity)
    }

    /// The judged first uses of an entity that is followed.
    pub(super) fn uses(&self, entity: &Entity) -> &[JudgedUses] {
        self.history.uses_of(entity)
    }

    /// Closes the hours that are due at `delivered`.
    pub(super) fn advance(
        &mut self,
        delivered: Timestamp,
        states: &mut States,
        settings: &Settings,
        understood: &dyn Fn(i64) -> Vec<Understood>,
    ) {
        let due = self.open.take(self.clock.advance(delivered));
        close_noting(due, states, &mut self.judge, &mut self.history, settings, understood);
    }

    /// The judge as it would be if no more events came.
    pub(super) fn preview(
        &self,
        states: &States,
        settings: &Settings,
        understood: &dyn Fn(i64) -> Vec<Understood>,
    ) -> Judge {
        preview(&self.open, states, &self.judge, settings, understood)
    }
}

/// What `judge` would say if no more events came: open hours are closed in a copy.
pub fn preview(
    open: &OpenHours,
    states: &States,
    judge: &Judge,
    settings: &Settings,
    understood: &dyn Fn(i64) -> Vec<Understood>,
) -> Judge {
    let mut judge = judge.clone();
    let mut copy = States::default();
    for entity in open.entities() {
        match entity {
            Entity::Key(id) => {
                if let Some(state) = states.keys.get(id) {
                    copy.keys.insert(id.clone(), state.counted());
                }
            }
            Entity::Principal(id) => {
                if let Some(state) = states.principals.get(id) {
                    copy.principals.insert(id.clone(), state.counted());
                }
            }
        }
    }
    close(open.clone(), &mut copy, &mut judge, settings, understood);
    judge
}

/// Closes these hours in ascending order, and tells `judge` what comes of it. `understood` is asked, with an hour, for
/// what was explained by then.
pub fn close(
    due: OpenHours,
    states: &mut States,
    judge: &mut Judge,
    settings: &Settings,
    understood: &dyn Fn(i64) -> Vec<Understood>,
) {
    close_noting(due, states, judge, &mut History::default(), settings, understood);
}

fn close_noting(
    due: OpenHours,
    states: &mut States,
    judge: &mut Judge,
    history: &mut History,
    settings: &Settings,
    understood: &dyn Fn(i64) -> Vec<Understood>,
) {
    let critical = Critical::new(settings, states);
    for (hour, entities) in due.hours {
        if judge.is_new_day(hour) {
            let known: Vec<_> = understood(hour).into_iter().chain(understood::declared(settings)).collect();
            judge.refresh(hour, settings.alerts.budget_per_week, &known);
        }
        judge.begin(hour);
        // What each principal did in this hour: principals come before keys.
        let mut done: Done<'_> = Done::default();
        let alive = judge.commons().alive();
        let mut shown: Vec<(u64, Vec<(Dimension, u32)>)> = Vec::new();
        for entity in &entities {
            match entity {
                Entity::Principal(id) => {
                    let Some(state) = states.principals.get_mut(id) else { continue };
                    let mut refused_keys = Sample::default();
                    if let Some(mut closed) = state.repertoire.close(hour) {
                        refused_keys = std::mem::take(&mut closed.refused_keys);
                        let values = closed.shown.iter().map(|value| (value.dimension, value.hash)).collect();
                        judge_first_uses(
                            entity,
                            hour,
                            &closed,
                            (&states.keys, &critical, alive),
                            (judge, history),
                        );
                        shown.push((entity.hash(), values));
                    }
                    let closed = state.baseline.close(hour, history.which(entity), entity.may_be_job());
                    for closed in &closed {
                        history.note(entity, closed, hour);
                        judge.take(entity, entity, closed, &closed.hour);
                    }
                    if !refused_keys.is_empty() {
                        let mut refused =
                            closed.iter().filter(|closed| closed.measure.id == denied_calls::MEASURE.id);
                        let total = refused.next().map_or(0, |closed| closed.count);
                        let keys = RefusedKeys::of(&refused_keys, total);
                        judge.name_refused_keys(entity, hour, &keys);
                    }
                    done.insert(id, closed);
                }
                Entity::Key(arn) => {
                    let Some(state) = states.keys.get_mut(arn) else { continue };
                    if let Some(closed) = state.repertoire.close(hour) {
                        let is_critical = critical.0.contains(arn);
                        judge_new_users(entity, hour, &closed, is_critical, (judge, history));
                    }
                    let closed = state.baseline.close(hour, history.which(entity), false);
                    let users =
                        if closed.is_empty() { Users::default() } else { Users::of(&state.users, &done) };
                    for closed in closed {
                        history.note(entity, &closed, hour);
                        match users.of_half(&closed) {
                            Some((user, by)) => judge.take(entity, &user, &closed, by),
                            None => judge.take(entity, entity, &closed, &closed.hour),
                        }
                    }
                }
            }
        }
        judge.learn(&shown);
    }
}

/// The keys that are declared critical, by ARN.
struct Critical(BTreeSet<String>);

impl Critical {
    fn new(settings: &Settings, states: &States) -> Critical {
        let declared = &settings.estate.critical_keys;
        if declared.is_empty() {
            return Critical(BTreeSet::new());
        }
        let names = states.names();
        let is_critical = |arn: &str, state: &KeyState| {
            let id = arn.rsplit('/').next().unwrap_or(arn);
            let aliases = names.of(arn, state);
            declared.iter().any(|key| key == arn || key == id || aliases.contains(key))
        };
        let keys = states.keys.iter().filter(|(arn, state)| is_critical(arn, state));
        Critical(keys.map(|(arn, _)| arn.clone()).collect())
    }
}

/// Judges what a principal has shown for the first time in `hour`.
fn judge_first_uses(
    entity: &Entity,
    hour: i64,
    closed: &ClosedShown,
    (keys, critical, alive): (&Entities<KeyState>, &Critical, u32),
    (judge, history): (&mut Judge, &mut History),
) {
    let new: Vec<_> = closed.new.iter().filter_map(|at| closed.shown.get(*at)).collect();
    if new.is_empty() {
        return;
    }
    let is_refused = |value: &Value| {
        closed.refused.iter().filter_map(|at| closed.shown.get(*at)).any(|key| key.hash == value.hash)
    };
    let first_use = |value: &&Value| FirstUse {
        dimension: value.dimension,
        peers: judge.commons().peers(alive, value.dimension, value.hash),
        key: (value.dimension == Dimension::Key)
            .then(|| key_habit(keys.get(value.name.as_ref()), critical.0.contains(value.name.as_ref())))
            .flatten(),
        was_refused: value.dimension == Dimension::Key && is_refused(value),
    };
    let uses: Vec<FirstUse> = new.iter().map(first_use).collect();
    let novelty = closed.habit.judge(&uses);
    let dearest: Vec<_> = novelty.parts.iter().filter_map(|part| new.get(part.dearest)).collect();
    let mut sightings = Sightings::default();
    new.iter().for_each(|value| sightings.add(value.first.time, value.first.event_id()));
    // The event that shows most of what is dear tells best who it was.
    let shows = |one: &Value| {
        let also = dearest.iter().filter(|other| other.first == one.first).count();
        (also, std::cmp::Reverse(Arc::clone(&one.first)))
    };
    let first = dearest.iter().max_by_key(|value| shows(value)).map(|value| value.first.trace());
    let values = dearest
        .iter()
        .map(|value| NewValue { dimension: value.dimension, name: value.name.to_string() })
        .collect();
    let age = age(&closed.habit, hour);
    let uses = FirstUses { entity, actor: entity, hour, novelty, values, age, first, sightings };
    history.note_uses(&uses);
    judge.take_first_uses(uses);
}

/// Judges who used a key for the first time in `hour`. Of one it is laid to this one, of several to the key.
fn judge_new_users(
    entity: &Entity,
    hour: i64,
    closed: &ClosedShown,
    is_critical: bool,
    (judge, history): (&mut Judge, &mut History),
) {
    let new: Vec<&Value> = closed.new.iter().filter_map(|at| closed.shown.get(*at)).collect();
    let Some(first) = new.iter().min_by_key(|value| &value.first) else { return };
    let habit = &closed.habit;
    let first_uses = habit.first_uses(Dimension::User);
    let key = KeyHabit { first_uses, active_hours: habit.active_hours(), is_critical };
    let part = Part {
        dimension: Dimension::User,
        first_uses: new.len(),
        dearest: 0,
        peers: None,
        key: Some(key),
        was_refused: false,
        hazard: habit.hazard(Dimension::User),
        score: key.judge(u32::try_from(new.len()).unwrap_or(u32::MAX)),
    };
    let mut sightings = Sightings::default();
    new.iter().for_each(|value| sightings.add(value.first.time, value.first.event_id()));
    let actor = match new.as_slice() {
        [one] => Entity::Principal(one.name.to_string()),
        _ => entity.clone(),
    };
    let uses = FirstUses {
        entity,
        actor: &actor,
        hour,
        novelty: Novelty { score: part.score, parts: vec![part], active_hours: habit.active_hours() },
        values: vec![NewValue { dimension: Dimension::User, name: first.name.to_string() }],
        age: age(habit, hour),
        first: Some(first.first.trace()),
        sightings,
    };
    history.note_uses(&uses);
    judge.take_first_uses(uses);
}

/// How long what an entity shows has been known. A day or two old is not new here: what counts is how often there was
/// an occasion to show something.
fn age(habit: &Habit, hour: i64) -> Age {
    let active_hours = habit.active_hours();
    Age {
        hours: habit.first_hour().map_or(0, |first| hour - first),
        active_hours: if active_hours < WARM_HOURS { 0 } else { active_hours },
    }
}

/// How often a key is used by somebody new, as of the hours before.
fn key_habit(state: Option<&KeyState>, is_critical: bool) -> Option<KeyHabit> {
    let habit = state?.repertoire.habit()?;
    Some(KeyHabit {
        first_uses: habit.first_uses(Dimension::User),
        active_hours: habit.active_hours(),
        is_critical,
    })
}

/// What principals did in an hour, by their ids.
type Done<'e> = IndexMap<&'e str, Vec<Closed>, foldhash::fast::RandomState>;

/// Who used a key in an hour, as far as is known.
#[derive(Default)]
struct Users<'d>(Vec<(&'d str, &'d [Closed])>);

impl<'d> Users<'d> {
    fn of(users: &Seen<64>, done: &'d Done<'_>) -> Users<'d> {
        if users.is_full() {
            return Users::default();
        }
        let mut places: Vec<usize> =
            users.iter().filter_map(|sight| done.get_index_of(&*sight.name)).collect();
        // A name stands there once for each service through which it called.
        places.sort_unstable();
        places.dedup();
        let known = places.into_iter().filter_map(|at| done.get_index(at));
        Users(known.map(|(name, all)| (*name, all.as_slice())).collect())
    }

    /// The principal that made at least half of what a key was used for in an hour, where the States can tell, with
    /// what it did.
    ///
    /// The count of a key is not kept by user. But what a principal did with all keys bounds what it did with this
    /// one: if all other known users together did at most half as much as the key was used, the one that is left did
    /// the rest. For counts of acts alone; distinct values cannot be added up.
    fn of_half(&self, closed: &Closed) -> Option<(Entity, &'d Hour)> {
        if !closed.hour.counts_acts() {
            return None;
        }
        let by_user = || {
            let of = |(name, all): &(&'d str, &'d [Closed])| {
                Some((*name, all.iter().find(|of| of.measure == closed.measure)?))
            };
            self.0.iter().filter_map(of)
        };
        let (most, by) = by_user().max_by_key(|(name, of)| (of.count, *name))?;
        let others = by_user().filter(|(name, _)| *name != most).map(|(_, of)| of.count);
        let others = others.fold(0u64, u64::saturating_add);
        (others.saturating_mul(2) <= closed.count).then(|| (Entity::Principal(most.to_owned()), &by.hour))
    }
}
