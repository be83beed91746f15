//! Every port in memory: for tests, and as the shortest statement of what each port promises.

use crate::alert::Alert;
use crate::clock::Clock;
use crate::objects::{ObjectError, ObjectRef, Objects};
use crate::queue::{Message, Queue, QueueError};
use crate::sinks::{Sink, SinkError};
use crate::store::{Item, Put, Store, StoreError, Write, check_size};
use async_trait::async_trait;
use kmswatch_engine::time::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Got = Result<Vec<u8>, ObjectError>;

/// Objects in memory.
#[derive(Debug, Default)]
pub struct MemoryObjects {
    /// By bucket and key: the bytes, or why they cannot be had.
    objects: Mutex<BTreeMap<(String, String), Got>>,
}

impl MemoryObjects {
    /// Puts an object there.
    pub fn put(&self, object: &ObjectRef, bytes: Vec<u8>) {
        locked(&self.objects).insert((object.bucket.clone(), object.key.clone()), Ok(bytes));
    }

    /// Makes reading an object fail.
    pub fn fail(&self, object: &ObjectRef, error: ObjectError) {
        locked(&self.objects).insert((object.bucket.clone(), object.key.clone()), Err(error));
    }
}

#[async_trait]
impl Objects for MemoryObjects {
    async fn get(&self, object: &ObjectRef, limit: u64) -> Result<Vec<u8>, ObjectError> {
        let objects = locked(&self.objects);
        match objects.get(&(object.bucket.clone(), object.key.clone())) {
            None => Err(ObjectError::NotFound),
            Some(Err(error)) => Err(error.clone()),
            Some(Ok(bytes)) if bytes.len() as u64 > limit => Err(ObjectError::TooLarge { limit }),
            Some(Ok(bytes)) => Ok(bytes.clone()),
        }
    }
}

/// Items in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    items: Mutex<BTreeMap<String, Item>>,
}

impl MemoryStore {
    /// A store that holds these items.
    pub fn holding(items: BTreeMap<String, Item>) -> MemoryStore {
        MemoryStore { items: Mutex::new(items) }
    }

    /// All items.
    pub fn items(&self) -> BTreeMap<String, Item> {
        locked(&self.items).clone()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn pause(&self, wait: Duration) {
        // A turn for the others stands for a millisecond: those who met spread out as they would in time.
        for _ in 0..=wait.as_millis() {
            tokio::task::yield_now().await;
        }
    }

    async fn get(&self, names: &[String]) -> Result<Vec<Option<Item>>, StoreError> {
        // As a service does, others get a turn between any two calls.
        tokio::task::yield_now().await;
        let items = locked(&self.items);
        Ok(names.iter().map(|name| items.get(name).cloned()).collect())
    }

    async fn put(&self, write: Write) -> Result<Put, StoreError> {
        check_size(&write)?;
        tokio::task::yield_now().await;
        let mut items = locked(&self.items);
        let version = items.get(&write.name).map(|item| item.version);
        if version != write.read {
            return Ok(Put::Conflict);
        }
        let item = Item { body: write.body, version: version.unwrap_or(0) + 1, expires: write.expires };
        items.insert(write.name, item);
        Ok(Put::Written)
    }
}

/// Keeps the alerts that it is sent.
#[derive(Debug)]
pub struct MemorySink {
    name: &'static str,
    alerts: Mutex<Vec<Alert>>,
}

impl MemorySink {
    /// A sink of this name.
    pub fn new(name: &'static str) -> MemorySink {
        MemorySink { name, alerts: Mutex::default() }
    }

    /// A sink that has taken these alerts.
    pub fn holding(name: &'static str, alerts: Vec<Alert>) -> MemorySink {
        MemorySink { name, alerts: Mutex::new(alerts) }
    }

    /// All alerts sent, in order.
    pub fn alerts(&self) -> Vec<Alert> {
        locked(&self.alerts).clone()
    }
}

#[async_trait]
impl Sink for MemorySink {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn send(&self, alerts: &[Alert]) -> Vec<Result<(), SinkError>> {
        tokio::task::yield_now().await;
        locked(&self.alerts).extend_from_slice(alerts);
        alerts.iter().map(|_| Ok(())).collect()
    }
}

/// Notifications in memory. Who has taken a message keeps it for ever; one that is given back comes again at once,
/// whatever the delay.
#[derive(Debug, Default)]
pub struct MemoryQueue {
    state: Mutex<QueueState>,
}

#[derive(Debug, Default)]
struct QueueState {
    waiting: VecDeque<Message>,
    taken: BTreeMap<String, Message>,
    sent: usize,
    held: usize,
}

impl MemoryQueue {
    /// Sends a message.
    pub fn send(&self, body: &str) {
        let mut state = locked(&self.state);
        state.sent += 1;
        let id = format!("m{}", state.sent);
        state.waiting.push_back(Message { receipt: id.clone(), id, body: body.to_owned() });
    }

    /// How often messages were kept for longer.
    pub fn held(&self) -> usize {
        locked(&self.state).held
    }

    /// Messages that were not acknowledged.
    pub fn left(&self) -> usize {
        let state = locked(&self.state);
        state.waiting.len() + state.taken.len()
    }
}

#[async_trait]
impl Queue for MemoryQueue {
    async fn receive(&self) -> Result<Vec<Message>, QueueError> {
        let mut state = locked(&self.state);
        let n = state.waiting.len().min(10);
        let messages: Vec<Message> = state.waiting.drain(..n).collect();
        state.taken.extend(messages.iter().map(|message| (message.receipt.clone(), message.clone())));
        Ok(messages)
    }

    async fn acknowledge(&self, messages: &[Message]) -> Result<(), QueueError> {
        let mut state = locked(&self.state);
        for message in messages {
            state.taken.remove(&message.receipt);
        }
        Ok(())
    }

    async fn hold(&self, _messages: &[Message], _time: Duration) -> Result<(), QueueError> {
        locked(&self.state).held += 1;
        Ok(())
    }

    async fn give_back(&self, messages: &[Message], _delay: Duration) -> Result<(), QueueError> {
        let mut state = locked(&self.state);
        for message in messages {
            if let Some(message) = state.taken.remove(&message.receipt) {
                state.waiting.push_back(message);
            }
        }
        Ok(())
    }
}

/// A clock that stands still until it is set.
#[derive(Debug, Default)]
pub struct MemoryClock {
    now: Mutex<Timestamp>,
}

impl MemoryClock {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> MemoryClock {
        MemoryClock { now: Mutex::new(now) }
    }

    /// Sets it.
    pub fn set(&self, now: Timestamp) {
        *locked(&self.now) = now;
    }
}

impl Clock for MemoryClock {
    fn now(&self) -> Timestamp {
        *locked(&self.now)
    }
}
