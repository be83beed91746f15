//! The objects of a scenario, one after the other, in memory or as files.

use crate::attacks::{self, Staged};
use crate::calendar::{DAY, start_of};
use crate::delivery::Courier;
use crate::organisation::Organisation;
use crate::scenario::Scenario;
use crate::traffic::{Action, Actor, Traffic, cast};
use crate::truth::{AccountTruth, KeyTruth, PrincipalTruth, Truth};
use crate::{Error, truth::Label};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

/// One object of the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogObject {
    /// Path in the bucket, with slashes.
    pub path: String,
    /// The gzip bytes; of a log object the text itself after [`Objects::plain`].
    pub body: Vec<u8>,
    /// Bytes of log text in it; 0 for digests and Insights.
    pub uncompressed: u64,
}

/// How far writing has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Share of the work that is done, 0 to 1.
    pub done: f64,
    /// Objects written.
    pub objects: u64,
    /// Bytes of uncompressed log written.
    pub bytes: u64,
}

/// All objects of a scenario, made as they are asked for.
#[derive(Debug)]
pub struct Objects {
    scenario: Scenario,
    organisation: Organisation,
    traffic: Traffic,
    staged: BTreeMap<i64, Vec<crate::record::Record>>,
    labels: Vec<(Label, bool)>,
    courier: Courier,
    start: i64,
    day: i64,
    bytes: u64,
    queue: VecDeque<LogObject>,
}

impl Objects {
    /// Plans a scenario; nothing is made yet.
    pub fn new(scenario: &Scenario) -> Result<Objects, Error> {
        scenario.check()?;
        let start = start_of(&scenario.start)?;
        let mut organisation = Organisation::build(scenario);
        let actors: Vec<Actor> = cast(&mut organisation, scenario);
        let Staged { records, labels, outages } =
            attacks::stage(scenario, start, &mut organisation, &actors)?;
        let mut staged: BTreeMap<i64, Vec<_>> = BTreeMap::new();
        for record in records {
            staged.entry((record.time - start).div_euclid(DAY)).or_default().push(record);
        }
        Ok(Objects {
            traffic: Traffic::new(scenario, start, actors, outages),
            courier: Courier::new(&scenario.delivery, scenario.seed, start, scenario.max_bytes),
            scenario: scenario.clone(),
            organisation,
            staged,
            labels,
            start,
            day: 0,
            bytes: 0,
            queue: VecDeque::new(),
        })
    }

    /// Leaves log objects uncompressed, which takes half the time: for whoever reads them at once.
    #[must_use]
    pub fn plain(mut self) -> Objects {
        self.courier.is_plain = true;
        self
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        let by_day = self.day as f64 / f64::from(self.scenario.days);
        let by_size = self.scenario.max_bytes.map_or(0.0, |most| self.bytes as f64 / most.max(1) as f64);
        let counts = &self.courier.counts;
        let objects = counts.log_objects + counts.digest_objects + counts.insight_objects;
        Progress { done: by_day.max(by_size).min(1.0), objects, bytes: self.bytes }
    }

    /// Makes one more day of objects; false when there is none left.
    fn advance(&mut self) -> Result<bool, Error> {
        let last = i64::from(self.scenario.days) - 1;
        if self.day > last || self.courier.full() {
            return Ok(false);
        }
        let mut records = self.traffic.day(&self.organisation, self.day);
        // What happened before a day can only be of the first, what comes after the last is not delivered.
        records.append(&mut self.staged.remove(&self.day).unwrap_or_default());
        self.courier.take(records);
        let midnight = self.start + (self.day + 1) * DAY;
        let until = if self.day == last { i64::MAX } else { midnight };
        self.courier.flush(&self.organisation, until, &mut self.queue)?;
        if self.day == last {
            self.courier.digests(&self.organisation, midnight, &mut self.queue)?;
        }
        if self.scenario.delivery.insights && self.day % 7 == 2 {
            self.courier.insight(&self.organisation, midnight - DAY / 3, &mut self.queue)?;
        }
        self.day += 1;
        Ok(true)
    }

    /// What is true of the scenario. Complete once the iterator has ended; before, it counts what has been made.
    pub fn truth(&self) -> Truth {
        let organisation = &self.organisation;
        let account_id =
            |index: usize| organisation.accounts.get(index).map(|a| a.id.to_string()).unwrap_or_default();
        let accounts = organisation.accounts.iter().map(|account| AccountTruth {
            id: account.id.to_string(),
            name: account.name.clone(),
            duty: account.duty,
            regions: account.regions.iter().map(|region| region.to_string()).collect(),
        });
        let principals = organisation.principals.iter().enumerate().map(|(index, principal)| {
            let actors = self.traffic.actors.iter().filter(|actor| actor.principal == index);
            PrincipalTruth {
                id: principal.id.to_string(),
                kind: principal.kind,
                account: principal.account.map(account_id),
                people: actors.clone().filter_map(|actor| actor.person.clone()).collect(),
                from_day: actors.map(|actor| actor.days.start).min().unwrap_or(0),
                kms_events: self.courier.callers.get(&principal.id).copied().unwrap_or(0),
            }
        });
        let keys = organisation.keys.iter().enumerate().map(|(index, key)| {
            let users = self.courier.users.range((key.arn.clone(), "".into())..);
            let users = users.take_while(|((arn, _), _)| *arn == key.arn);
            KeyTruth {
                arn: key.arn.to_string(),
                aliases: key.alias.iter().cloned().collect(),
                account: key.owner.to_string(),
                region: key.region.to_string(),
                kind: key.kind,
                critical: key.critical,
                users: users.map(|((_, principal), count)| (principal.to_string(), *count)).collect(),
                resources: self.resources(index),
            }
        });
        let labels = |look_alike: bool| {
            let chosen = self.labels.iter().filter(move |(_, is)| *is == look_alike);
            chosen.map(|(label, _)| label.clone()).collect()
        };
        Truth {
            scenario: self.scenario.clone(),
            organisation_id: organisation.id.clone(),
            accounts: accounts.collect(),
            principals: principals.collect(),
            keys: keys.collect(),
            attacks: labels(false),
            look_alikes: labels(true),
            counts: self.courier.counts.clone(),
        }
    }

    fn resources(&self, key: usize) -> Vec<String> {
        let uses = self.traffic.actors.iter().flat_map(|actor| &actor.uses).filter(|a_use| a_use.key == key);
        let named = uses.filter_map(|a_use| {
            let service = match a_use.action {
                Action::Secret => "secretsmanager",
                Action::Parameter => "ssm",
                Action::ReadObject | Action::WriteObject | Action::ReadBucket => "s3",
                Action::Table => "dynamodb",
                Action::Volume | Action::NewVolume => "ebs",
                Action::Database => "rds",
                Action::DeployFunction => "lambda",
                Action::LogObject => "cloudtrail",
                Action::Open | Action::Seal | Action::Encrypt | Action::Rewrap => "application",
                Action::Sign | Action::Verify => "signatures",
                _ => return None,
            };
            Some(format!("{service}: {}", a_use.family))
        });
        named.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

impl Iterator for Objects {
    type Item = Result<LogObject, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(object) = self.queue.pop_front() {
                self.bytes += object.uncompressed;
                return Some(Ok(object));
            }
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Writes a scenario into `folder`: the log objects under `AWSLogs/`, and `labels.json`.
///
/// Existing files are overwritten, none is removed. `progress` is called after every object.
pub fn write(scenario: &Scenario, folder: &Path, mut progress: impl FnMut(Progress)) -> Result<Truth, Error> {
    let mut objects = Objects::new(scenario)?;
    while let Some(object) = objects.next() {
        let object = object?;
        let path = folder.join(&object.path);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, &object.body)?;
        progress(objects.progress());
    }
    let truth = objects.truth();
    std::fs::create_dir_all(folder)?;
    let mut labels = serde_json::to_string_pretty(&truth)?;
    labels.push('\n');
    std::fs::write(folder.join("labels.json"), labels)?;
    Ok(truth)
}
