//! A world in memory: objects, a table, sinks and a queue, with any number of pipelines over them that may die.

use kmswatch_aws::clock::Clock;
use kmswatch_aws::failing::{Failing, Failure, Plan};
use kmswatch_aws::live::{BatchResult, Live, Ports, Task};
use kmswatch_aws::memory::{MemoryClock, MemoryObjects, MemorySink, MemoryStore};
use kmswatch_aws::objects::ObjectRef;
use kmswatch_aws::settings::LiveSettings;
use kmswatch_aws::sinks::Sink;
use kmswatch_engine::time::Timestamp;
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
    let variables = [("KMSWATCH_TABLE", "memory"), ("KMSWATCH_CONFIG", accounts)];
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
    pub(crate) fn holding(now: &str, objects: &[(ObjectRef, Vec<u8>)]) -> World {
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

    /// Ids of the alerts that each sink has taken, each once.
    pub(crate) fn told(&self) -> [BTreeSet<String>; 2] {
        self.sinks.each_ref().map(|sink| sink.alerts().into_iter().map(|alert| alert.id).collect())
    }

    /// Alerts that each sink has taken, copies among them.
    pub(crate) fn copies(&self) -> [usize; 2] {
        self.sinks.each_ref().map(|sink| sink.alerts().len())
    }

    /// What is stored, without what says who stored it when: bodies of all items but records of publication.
    pub(crate) fn stored(&self) -> BTreeMap<String, Vec<u8>> {
        let items = self.store.items().into_iter();
        items
            .filter(|(name, _)| !name.starts_with("finding#") && !name.starts_with("lease#"))
            .map(|(name, item)| (name, item.body))
            .collect()
    }
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
