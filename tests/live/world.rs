//! A world in memory: objects, a table, sinks and a queue, with any number of pipelines over them that may die.

use crate::logs::Log;
use kmswatch_aws::clock::Clock;
use kmswatch_aws::failing::{Failing, Failure, Plan};
use kmswatch_aws::live::{BatchResult, Live, Ports, Task};
use kmswatch_aws::memory::{MemoryClock, MemoryObjects, MemorySink, MemoryStore};
use kmswatch_aws::settings::LiveSettings;
use kmswatch_aws::sinks::Sink;
use kmswatch_engine::estate::Estate;
use kmswatch_engine::finding::{Finding, FindingKind, stored};
use kmswatch_engine::incident::{self, Incident, Member};
use kmswatch_engine::pipeline::Watch;
use kmswatch_engine::state::States;
use kmswatch_engine::state::stored::{EntityId, EntityKind};
use kmswatch_engine::time::Timestamp;
use kmswatch_engine::tuning;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) struct World {
    pub(crate) objects: Arc<MemoryObjects>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) sinks: [Arc<MemorySink>; 2],
    pub(crate) clock: Arc<MemoryClock>,
    pub(crate) settings: LiveSettings,
}

pub(crate) fn moment(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub(crate) fn settings() -> LiveSettings {
    // Declared, so that what is found does not depend on which account's log comes first.
    let accounts = "[estate]\naccounts = [\"111122223333\", \"444455556666\", \"777700001111\"]";
    // Digests have a test of their own.
    let variables =
        [("KMSWATCH_TABLE", "memory"), ("KMSWATCH_CONFIG", accounts), ("KMSWATCH_DIGEST_DAYS", "0")];
    LiveSettings::of_variables(variables.map(|(name, value)| (name.to_owned(), value.to_owned()))).unwrap()
}

impl World {
    pub(crate) fn at(now: &str) -> World {
        World {
            objects: Arc::default(),
            store: Arc::default(),
            sinks: ["one", "two"].map(|name| Arc::new(MemorySink::new(name))),
            clock: Arc::new(MemoryClock::at(moment(now))),
            settings: settings(),
        }
    }

    /// A world in which these objects lie in their bucket.
    pub(crate) fn holding(now: &str, objects: &[Log]) -> World {
        let world = World::at(now);
        for (object, bytes) in objects {
            world.objects.put(object, bytes.clone());
        }
        world
    }

    /// The same world, to go its own way from here. The bucket is shared.
    pub(crate) fn copy(&self) -> World {
        World {
            objects: Arc::clone(&self.objects),
            store: Arc::new(MemoryStore::holding(self.store.items())),
            sinks: self
                .sinks
                .each_ref()
                .map(|sink| Arc::new(MemorySink::holding(sink.name(), sink.alerts()))),
            clock: Arc::new(MemoryClock::at(self.clock.now())),
            settings: self.settings.clone(),
        }
    }

    /// Its ports, none of which fails.
    pub(crate) fn ports(&self) -> Ports {
        Ports {
            objects: Arc::clone(&self.objects) as _,
            store: Arc::clone(&self.store) as _,
            sinks: self.sinks.iter().map(|sink| Arc::clone(sink) as _).collect(),
            clock: Arc::clone(&self.clock) as _,
        }
    }

    /// A pipeline whose ports never fail.
    pub(crate) fn live(&self, owner: &str) -> Live {
        self.failing(owner, &Plan::new(0, Failure::Instead))
    }

    /// A pipeline whose ports fail as planned.
    pub(crate) fn failing(&self, owner: &str, plan: &Arc<Plan>) -> Live {
        let sink = |sink: &Arc<MemorySink>| -> Arc<dyn Sink> {
            Arc::new(Failing::new(Arc::clone(sink), Arc::clone(plan)))
        };
        let ports = Ports {
            objects: Arc::new(Failing::new(Arc::clone(&self.objects), Arc::clone(plan))),
            store: Arc::new(Failing::new(Arc::clone(&self.store), Arc::clone(plan))),
            sinks: self.sinks.iter().map(sink).collect(),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
        };
        Live::new(ports, self.settings.clone(), owner)
    }

    /// Ids of the incidents of which each sink has heard, each once.
    pub(crate) fn told(&self) -> [BTreeSet<String>; 2] {
        self.sinks.each_ref().map(|sink| sink.alerts().into_iter().map(|alert| alert.id).collect())
    }

    /// Alerts that each sink has taken, copies among them.
    pub(crate) fn copies(&self) -> [usize; 2] {
        self.sinks.each_ref().map(|sink| sink.alerts().len())
    }

    /// What is stored, without what says who stored it when: bodies of all items but those of telling.
    pub(crate) fn stored(&self) -> BTreeMap<String, Vec<u8>> {
        let items = self.store.items().into_iter();
        items.filter(|(name, _)| !is_of_telling(name)).map(|(name, item)| (name, item.body)).collect()
    }

    /// What rules and facts find in what is stored: in States, and in what single events have shown.
    pub(crate) fn standing(&self) -> Vec<Finding> {
        let (mut states, mut events) = (States::default(), Vec::new());
        for (name, body) in self.stored() {
            let Some((kind, id)) = name.split_once('#') else { continue };
            let kinds = [EntityKind::Key, EntityKind::Principal, EntityKind::Account];
            if let Some(kind) = kinds.into_iter().find(|known| known.name() == kind) {
                states.merge_stored(&EntityId::new(kind, id), &body).unwrap();
            } else if kind == "finding" {
                events.extend(stored::decode(&body).unwrap());
            }
        }
        let mut watch = Watch::new(Estate::new(self.settings.engine.clone()));
        watch.join(&states);
        watch.recall(events);
        by_rules_and_facts(watch.findings())
    }

    /// The incidents of which each sink has heard, by the ids that a replay gives them: an incident is called after the
    /// first of its findings that became known. Nothing else may have been told.
    pub(crate) fn heard(&self, incidents: &[Incident]) -> [BTreeSet<String>; 2] {
        self.told().map(|told| {
            let called = |id: &String| {
                let incident = incidents.iter().find(|incident| incident.is_called(id));
                incident.map_or_else(
                    || format!("{id}, of which a replay knows nothing"),
                    |known| known.id.clone(),
                )
            };
            told.iter().map(called).collect()
        })
    }

    /// The incidents of these findings that are worth an alert, as `kmswatch replay --incidents` tells them.
    pub(crate) fn incidents(&self, findings: Vec<Finding>) -> Vec<Incident> {
        let (settings, now) = (&self.settings.engine, self.clock.now());
        let tuned = tuning::tune(findings, settings, now);
        let told = tuned.told.into_iter().map(|finding| Member { finding, muted: false });
        let muted = tuned.muted.into_iter().map(|finding| Member { finding, muted: true });
        let mut incidents = incident::incidents(told.chain(muted), settings, now, &BTreeSet::new());
        incidents.retain(|incident| !incident.alerts.is_empty());
        incidents
    }
}

/// Findings without those of statistics.
pub(crate) fn by_rules_and_facts(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.retain(|finding| !matches!(finding.kind, FindingKind::Rate | FindingKind::Novelty));
    findings
}

/// Items that say who was told what, and what is still to be told: they depend on who came first.
pub(crate) fn is_of_telling(name: &str) -> bool {
    let lists = ["found#entities", "found#settled", "found#incidents", "incident#", "lease#", "digest#"];
    lists.iter().any(|begin| name.starts_with(begin))
}

/// Ids of incidents.
pub(crate) fn ids(incidents: &[Incident]) -> BTreeSet<String> {
    incidents.iter().map(|incident| incident.id.clone()).collect()
}

pub(crate) fn task(id: &str, body: &str) -> Task {
    Task::of_text(id, body)
}

/// Tries a message again and again, as a queue does, until it is done.
pub(crate) async fn deliver(live: &Live, tasks: &[Task]) -> BatchResult {
    for _ in 0..5 {
        let result = live.batch(tasks.to_vec(), None).await;
        if result.failed.is_empty() {
            return result;
        }
    }
    panic!("not done after five deliveries");
}
