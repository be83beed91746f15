//! Every port, failing on purpose at the n-th call of all ports together: what a crash at any step leaves behind.

use crate::alert::Alert;
use crate::objects::{ObjectError, ObjectRef, Objects};
use crate::queue::{Message, Queue, QueueError};
use crate::sinks::{Sink, SinkError};
use crate::store::{Item, Put, Store, StoreError, Write};
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// In which way it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The process dies before the call has any effect: this call and all later ones fail.
    DiesBefore,
    /// The call has its effect, but the process dies before it hears of it: this call and all later ones fail.
    DiesAfter,
    /// The call fails without effect, and the process lives on.
    Instead,
}

/// Counts the calls of all ports, and says which fail.
#[derive(Debug)]
pub struct Plan {
    /// The failing call, from 1; 0 never fails.
    at: u64,
    failure: Failure,
    calls: AtomicU64,
}

/// What to do with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Works,
    WorksUnheard,
    Fails,
}

const WHY: &str = "failed on purpose";

impl Plan {
    /// Fails at call `at`, from 1; 0 never fails and only counts.
    pub fn new(at: u64, failure: Failure) -> Arc<Plan> {
        Arc::new(Plan { at, failure, calls: AtomicU64::new(0) })
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Whether the failing call was reached.
    pub fn has_failed(&self) -> bool {
        self.at > 0 && self.calls() >= self.at
    }

    fn next(&self) -> Fate {
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        match self.failure {
            _ if self.at == 0 || call < self.at => Fate::Works,
            Failure::DiesAfter if call == self.at => Fate::WorksUnheard,
            Failure::Instead if call > self.at => Fate::Works,
            _ => Fate::Fails,
        }
    }
}

/// A port that fails as planned.
#[derive(Debug)]
pub struct Failing<P> {
    port: Arc<P>,
    plan: Arc<Plan>,
}

impl<P> Failing<P> {
    /// `port`, failing as planned.
    pub fn new(port: Arc<P>, plan: Arc<Plan>) -> Failing<P> {
        Failing { port, plan }
    }

    /// Runs a call as its fate is.
    async fn call<T, E>(&self, work: impl Future<Output = Result<T, E>>, error: E) -> Result<T, E> {
        match self.plan.next() {
            Fate::Works => work.await,
            Fate::WorksUnheard => {
                let _ = work.await;
                Err(error)
            }
            Fate::Fails => Err(error),
        }
    }
}

#[async_trait]
impl<P: Objects> Objects for Failing<P> {
    async fn get(&self, object: &ObjectRef, limit: u64) -> Result<Vec<u8>, ObjectError> {
        self.call(self.port.get(object, limit), ObjectError::Failed(WHY.to_owned())).await
    }
}

#[async_trait]
impl<P: Store> Store for Failing<P> {
    async fn get(&self, names: &[String]) -> Result<Vec<Option<Item>>, StoreError> {
        self.call(self.port.get(names), StoreError::Failed(WHY.to_owned())).await
    }

    async fn put(&self, write: Write) -> Result<Put, StoreError> {
        self.call(self.port.put(write), StoreError::Failed(WHY.to_owned())).await
    }

    async fn pause(&self, wait: Duration) {
        self.port.pause(wait).await;
    }
}

#[async_trait]
impl<P: Sink> Sink for Failing<P> {
    fn name(&self) -> &'static str {
        self.port.name()
    }

    async fn send(&self, alerts: &[Alert]) -> Vec<Result<(), SinkError>> {
        let work = async { Ok(self.port.send(alerts).await) };
        match self.call(work, SinkError(WHY.to_owned())).await {
            Ok(results) => results,
            Err(error) => alerts.iter().map(|_| Err(error.clone())).collect(),
        }
    }
}

#[async_trait]
impl<P: Queue> Queue for Failing<P> {
    async fn receive(&self) -> Result<Vec<Message>, QueueError> {
        self.call(self.port.receive(), QueueError(WHY.to_owned())).await
    }

    async fn acknowledge(&self, messages: &[Message]) -> Result<(), QueueError> {
        self.call(self.port.acknowledge(messages), QueueError(WHY.to_owned())).await
    }

    async fn hold(&self, messages: &[Message], time: Duration) -> Result<(), QueueError> {
        self.call(self.port.hold(messages, time), QueueError(WHY.to_owned())).await
    }

    async fn give_back(&self, messages: &[Message], delay: Duration) -> Result<(), QueueError> {
        self.call(self.port.give_back(messages, delay), QueueError(WHY.to_owned())).await
    }
}
