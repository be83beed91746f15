//! The attacks: one function each, one ordered list.
//!
//! To add one, write a function `fn(&mut Stage, &mut Dice) -> Result<(), Error>` in the file of its family and
//! name it in [`catalogue::ALL`]. It emits records through its [`Stage`], which also keeps the label.

mod blinding;
mod catalogue;
mod destruction;
mod foreign;
mod identity;
mod misuse;
mod policy;
mod probing;
mod stage;
mod storm;
mod volume;

use crate::Error;
use crate::calendar::{DAY, HOUR, rfc3339, start_of, time_of_day};
use crate::dice::{Dice, fnv};
use crate::organisation::Organisation;
use crate::record::Record;
use crate::scenario::Scenario;
use crate::traffic::{Actor, Outage};
use crate::truth::Label;
use catalogue::ALL;
use stage::Stage;

/// An attack, or a look-alike, that a scenario can stage.
#[derive(Debug)]
pub struct AttackKind {
    /// Name in scenarios and labels.
    pub id: &'static str,
    /// Pattern of the KMS attack catalogue (`P1` to `P22`), or `S` where only statistics can see it.
    pub pattern: &'static str,
    /// One line: what happens.
    pub description: &'static str,
    /// What `strength` counts, and its default.
    pub strength: (&'static str, f64),
    /// How long it takes if the plan does not say, in minutes.
    pub minutes: u32,
    /// Values of `variant`, the default first; empty if there is one way only.
    pub variants: &'static [&'static str],
    /// Ids of the deterministic detectors of which at least one should speak.
    pub expected_detectors: &'static [&'static str],
    /// Harmless, and only looks like an attack.
    pub look_alike: bool,
    perform: fn(&mut Stage<'_>, &mut Dice) -> Result<(), Error>,
}

/// The catalogue: all kinds of attacks and look-alikes.
pub fn attacks() -> &'static [AttackKind] {
    ALL
}

/// The kind with this id.
pub(crate) fn find(id: &str) -> Result<&'static AttackKind, Error> {
    ALL.iter().find(|kind| kind.id == id).ok_or_else(|| {
        let known: Vec<&str> = ALL.iter().map(|kind| kind.id).collect();
        Error::Scenario(format!("no attack is called {id:?}; choose one of {}", known.join(", ")))
    })
}

/// What the attacks of a scenario add to it.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    pub(crate) records: Vec<Record>,
    /// Labels; the flag says look-alike.
    pub(crate) labels: Vec<(Label, bool)>,
    pub(crate) outages: Vec<Outage>,
}

/// Stages all attacks of a scenario.
pub(crate) fn stage(
    scenario: &Scenario,
    start: i64,
    organisation: &mut Organisation,
    actors: &[Actor],
) -> Result<Staged, Error> {
    debug_assert_eq!(start_of(&scenario.start).ok(), Some(start));
    let end = start + i64::from(scenario.days) * DAY;
    let mut staged = Staged::default();
    for (number, plan) in scenario.attacks.iter().enumerate() {
        let kind = find(&plan.kind)?;
        if let Some(variant) = &plan.variant
            && !kind.variants.contains(&variant.as_str())
        {
            let known = kind.variants.join(", ");
            return Err(Error::Scenario(format!(
                "attack {} has no variant {variant:?}, only: {known}",
                kind.id
            )));
        }
        let begin = start + i64::from(plan.day) * DAY + time_of_day(&plan.time)?;
        let mut dice = Dice::new(scenario.seed, "attack", fnv(kind.id) ^ number as u64);
        let mut stage = Stage::new(organisation, actors, kind, plan, number, begin, scenario);
        (kind.perform)(&mut stage, &mut dice)?;
        let (mut records, outages, facts) = stage.done();
        // What would happen after the last day is not in the log.
        records.retain(|record| (start..end).contains(&record.time));
        let times = || records.iter().map(|record| record.time);
        let mut keys: Vec<String> = facts.keys;
        keys.sort();
        keys.dedup();
        let mut principals: Vec<String> = facts.principals;
        principals.sort();
        principals.dedup();
        let label = Label {
            id: format!("{}-{}", kind.id, number + 1),
            kind: kind.id.to_owned(),
            pattern: kind.pattern.to_owned(),
            name: kind.description.to_owned(),
            variant: plan.variant.clone().or(kind.variants.first().map(|&v| v.to_owned())),
            start: rfc3339(times().min().unwrap_or(begin)),
            end: rfc3339(times().max().unwrap_or(begin + HOUR)),
            principals,
            keys,
            event_ids: records.iter().map(Record::event_id).collect(),
            expected_detectors: kind.expected_detectors.iter().map(|&id| id.to_owned()).collect(),
            strength: plan.strength.unwrap_or(kind.strength.1),
        };
        staged.records.append(&mut records);
        staged.outages.extend(outages);
        staged.labels.push((label, kind.look_alike));
    }
    staged.labels.sort_by(|a, b| (&a.0.start, &a.0.id).cmp(&(&b.0.start, &b.0.id)));
    Ok(staged)
}
