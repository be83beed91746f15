//! What is evaluated: an organisation whose attacks are known, made in memory or read from a folder, and what its owner
//! would declare about it.

use crate::folders::Folders;
use crate::inputs::{self, Input};
use crate::troubles::Troubles;
use anyhow::{Context, bail};
use kmswatch_engine::settings::EstateSettings;
use kmswatch_engine::time::Timestamp;
use kmswatch_engine::trail::object_key;
use kmswatch_scenario::{Objects, PrincipalKind, Scenario, Truth};
use std::fs;
use std::io::Read;
use std::path::PathBuf;

/// An organisation.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    /// Made while it is read.
    Made(Box<Scenario>),
    /// A folder that `kmswatch simulate` has written.
    Folder(PathBuf),
}

impl Subject {
    /// What to call it.
    pub(crate) fn name(&self) -> String {
        match self {
            Subject::Made(scenario) => format!("{} {}", scenario.name, scenario.seed),
            Subject::Folder(path) => path.display().to_string(),
        }
    }

    /// Opens it. The labels are complete, the counts are not.
    pub(crate) fn open(&self) -> anyhow::Result<(Truth, Logs)> {
        match self {
            Subject::Made(scenario) => {
                // Digests are not read, and take a hash over every byte to write.
                let mut scenario = scenario.clone();
                scenario.delivery.digest_hours = 0;
                scenario.delivery.insights = false;
                let objects = Objects::new(&scenario)?.plain();
                Ok((objects.truth(), Logs::Made(Box::new(objects))))
            }
            Subject::Folder(folder) => {
                let name = folder.display();
                let labels = fs::read_to_string(folder.join("labels.json")).with_context(|| {
                    format!("no labels.json in {name}: name a folder that `kmswatch simulate` has written")
                })?;
                let truth: Truth = serde_json::from_str(&labels)
                    .with_context(|| format!("cannot use labels.json in {name}"))?;
                let mut troubles = Troubles::default();
                let list =
                    inputs::find(std::slice::from_ref(folder), &inputs::Wish::default(), 1, &mut troubles)
                        .list;
                if troubles.problems.count > 0 {
                    bail!("the logs in {name} cannot all be read: `kmswatch replay` says why");
                }
                let count = list.len();
                let kms_events = truth.counts.distinct_kms_records;
                Ok((
                    truth,
                    Logs::Read { list: list.into_iter(), folders: Folders::default(), count, kms_events },
                ))
            }
        }
    }
}

/// Adds to `estate` what an owner knows without looking at logs: which keys the organisation could not do without, and
/// which roles are kept for emergencies.
pub(crate) fn declare(estate: &mut EstateSettings, truth: &Truth) {
    let critical = truth.keys.iter().filter(|key| key.critical).map(|key| key.arn.clone());
    estate.critical_keys.extend(critical);
    let kept = truth.principals.iter().filter(|one| one.kind == PrincipalKind::BreakGlass);
    estate.break_glass.extend(kept.map(|one| one.id.clone()));
}

/// The objects of an organisation in order of delivery.
pub(crate) enum Logs {
    Made(Box<Objects>),
    Read { list: std::vec::IntoIter<Input>, folders: Folders, count: usize, kms_events: u64 },
}

/// One object.
pub(crate) struct Delivery {
    /// When it was delivered.
    pub(crate) stamp: Option<Timestamp>,
    pub(crate) body: Vec<u8>,
}

impl Logs {
    /// KMS events so far, each once; of a folder all that it holds.
    pub(crate) fn kms_events(&self) -> u64 {
        match self {
            Logs::Made(objects) => objects.truth().counts.distinct_kms_records,
            Logs::Read { kms_events, .. } => *kms_events,
        }
    }

    /// Share of the work that is done, 0 to 1.
    pub(crate) fn done(&self) -> f64 {
        match self {
            Logs::Made(objects) => objects.progress().done,
            Logs::Read { list, count, .. } => 1.0 - list.len() as f64 / (*count).max(1) as f64,
        }
    }
}

impl Iterator for Logs {
    type Item = anyhow::Result<Delivery>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Logs::Made(objects) => {
                let object = match objects.next()? {
                    Ok(object) => object,
                    Err(error) => return Some(Err(error.into())),
                };
                let stamp = object_key::parse(&object.path).and_then(|key| key.delivered);
                Some(Ok(Delivery { stamp, body: object.body }))
            }
            Logs::Read { list, folders, .. } => {
                let input = list.next()?;
                let mut body = Vec::new();
                let read = input.open(folders).and_then(|mut file| file.read_to_end(&mut body));
                let named = read.with_context(|| format!("cannot read {}", input.name()));
                Some(named.map(|_| Delivery { stamp: input.time, body }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_declares_critical_keys_and_break_glass_roles_and_nothing_else() {
        let truth = Objects::new(&Scenario::evaluation(2)).unwrap().truth();
        let mut estate = EstateSettings::default();
        declare(&mut estate, &truth);
        let cards = |arn: &String| {
            let key = truth.keys.iter().find(|key| key.arn == *arn);
            key.is_some_and(|key| key.aliases.iter().any(|alias| alias.ends_with("/card-data")))
        };
        assert!(estate.critical_keys.iter().any(cards));
        assert!(estate.critical_keys.len() < truth.keys.len() / 2);
        assert!(!estate.break_glass.is_empty());
        assert!(estate.break_glass.iter().all(|arn| arn.ends_with("role/break-glass")), "{estate:?}");
    }
}
