//! The live pipeline: from notifications to saved States and sent alerts.
//!
//! ```text
//! notifications ─ read and process objects ─ load States, merge, save ─ note open hours ─ judge
//!               ─ keep what was found ─ put together to incidents ─ tell what is news
//! ```
//!
//! **Any step may be the last.** A message is acknowledged only after everything that follows from it is stored and
//! sent. Whoever gets it again does it all again: States are merged (again), findings get the same ids (again), and
//! alerts that were sent are known as such. So there is no memory of messages, and nothing to repair after a crash.
//!
//! **Judging follows saving.** What is judged is what is stored, with what others have stored meanwhile. Of two
//! workers that each hold half of a fact, the one that saves last sees the whole.
//!
//! **Rates are not judged here.** Whom the use of a key is laid to depends on what all its users did in that hour; a
//! worker sees some of them. [`crate::closing`] sees all, and finds what a replay of the same logs finds.

use crate::clock::Clock;
use crate::context;
use crate::entities::Known;
use crate::found;
use crate::hours;
use crate::incidents::{Teller, is_unusual};
use crate::metrics::{self, Counts};
use crate::objects::{ObjectError, ObjectRef, Objects};
use crate::sets::{self, Change};
use crate::settings::LiveSettings;
use crate::sinks::Sink;
use crate::store::{Item, Store, StoreError};
use crate::trigger::{self, TriggerError, Work};
use futures_util::{StreamExt, stream};
use kmswatch_engine::detectors::user_rules::UserRules;
use kmswatch_engine::estate::Estate;
use kmswatch_engine::finding::Finding;
use kmswatch_engine::pipeline::{Filter, ObjectOutcome, Watch, Worker};
use kmswatch_engine::state::stored::{EntityId, EntityKind};
use kmswatch_engine::state::{Merge, States};
use kmswatch_engine::time::{DAY, Timestamp};
use kmswatch_engine::trail::ObjectKind;
use kmswatch_engine::trail::object_key::{self, KeyKind};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// Messages whose objects are fetched and read side by side.
const READS: usize = 4;
/// The set of own accounts.
pub(crate) const ACCOUNTS: &str = "estate#accounts";
/// Days for which facts about the estate are kept after they last changed.
pub(crate) const KEPT_DAYS: i64 = 3_650;
/// The part of the time budget that is kept for saving and sending once objects have been read.
const RESERVE: f64 = 0.4;

/// Everything that the pipeline touches of the world.
#[derive(Clone)]
pub struct Ports {
    /// Log objects.
    pub objects: Arc<dyn Objects>,
    /// The table.
    pub store: Arc<dyn Store>,
    /// Those who are told.
    pub sinks: Vec<Arc<dyn Sink>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// A message and what it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Id of the message.
    pub id: String,
    /// The work, or why there is none to be made out.
    pub work: Result<Work, TriggerError>,
}

impl Task {
    /// The task of a message with this text.
    pub fn of_text(id: &str, text: &str) -> Task {
        Task { id: id.to_owned(), work: trigger::unwrap_text(text) }
    }
}

/// Why a task was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TaskError {
    /// The message is not understood.
    #[error("{0}")]
    Trigger(#[from] TriggerError),
    /// An object could not be had.
    #[error("{0}")]
    Object(#[from] ObjectError),
    /// An object that should be a log holds nothing that can be read.
    #[error("an object that should be a log cannot be read: {0}")]
    NotReadable(String),
    /// A fault of kmswatch itself.
    #[error("a fault of kmswatch itself, please report it: reading an object ended it")]
    Fault,
    /// The table could not be used.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// An alert is not with every sink.
    #[error("an alert is not with everybody: {0}")]
    Alert(String),
    /// Not begun, or not finished, in the time that there was.
    #[error("there was no time left for it")]
    OutOfTime,
}

impl TaskError {
    /// Whether trying again can help without anyone doing anything.
    pub fn is_temporary(&self) -> bool {
        match self {
            TaskError::Trigger(_) | TaskError::NotReadable(_) | TaskError::Fault => false,
            TaskError::Object(error) => error.is_temporary(),
            TaskError::Store(error) => {
                !matches!(error, StoreError::TooLarge { .. } | StoreError::Unwritable { .. })
            }
            TaskError::Alert(_) | TaskError::OutOfTime => true,
        }
    }
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct BatchResult {
    /// Tasks that were not done, by id: they are to come again. All others are done.
    pub failed: BTreeMap<String, TaskError>,
    /// What was counted.
    pub counts: Counts,
    /// Ids of the incidents of which alerts were sent.
    pub sent: BTreeSet<String>,
}

impl BatchResult {
    fn fail(&mut self, id: &str, error: TaskError) {
        self.failed.entry(id.to_owned()).or_insert(error);
    }
}

/// The live pipeline.
pub struct Live {
    pub(crate) ports: Ports,
    pub(crate) settings: LiveSettings,
    /// A name that no other running pipeline has: it holds leases.
    pub(crate) owner: String,
    /// Whether what is found is told. A history is only learned from.
    pub(crate) tells: bool,
    workers: Mutex<Vec<Worker>>,
    rules: Option<Arc<dyn UserRules>>,
}

/// What one task gave.
struct Done {
    id: String,
    outcomes: Vec<ObjectOutcome>,
    delta: States,
    touched: BTreeSet<EntityId>,
    delivered: Option<Timestamp>,
}

impl Live {
    /// A pipeline over `ports`. `owner` is a name that no other running pipeline has.
    pub fn new(ports: Ports, settings: LiveSettings, owner: &str) -> Live {
        Live { ports, settings, owner: owner.to_owned(), tells: true, workers: Mutex::default(), rules: None }
    }

    /// A pipeline that tells nobody of anything: States, rates and findings are stored all the same.
    pub fn silent(ports: Ports, settings: LiveSettings, owner: &str) -> Live {
        Live { tells: false, ..Live::new(ports, settings, owner) }
    }

    /// The same pipeline, asking rules of the user, too, if there are any.
    pub fn with_rules(self, rules: Option<Arc<dyn UserRules>>) -> Live {
        Live { rules, ..self }
    }

    /// Does the tasks of a batch. One that fails does not keep the others from being done. Objects that are not
    /// begun early enough before `deadline`, and everything that is not finished by then, is given back.
    pub async fn batch(&self, tasks: Vec<Task>, deadline: Option<Instant>) -> BatchResult {
        let ids: Vec<String> = tasks.iter().map(|task| task.id.clone()).collect();
        let mut result = BatchResult::default();
        let work = self.batch_within(tasks, deadline, &mut result);
        let is_done = match deadline {
            None => {
                work.await;
                true
            }
            Some(deadline) => tokio::time::timeout_at(deadline, work).await.is_ok(),
        };
        if !is_done {
            ids.iter().for_each(|id| result.fail(id, TaskError::OutOfTime));
        }
        result.counts.add(metrics::MESSAGES, ids.len() as u64);
        result.counts.add(metrics::MESSAGES_FAILED, result.failed.len() as u64);
        for (id, error) in &result.failed {
            tracing::warn!(message_id = id, error = %error, temporary = error.is_temporary(), "message given back");
        }
        result
    }

    async fn batch_within(&self, tasks: Vec<Task>, deadline: Option<Instant>, result: &mut BatchResult) {
        let now = self.ports.clock.now();
        let (estate, clock) = match self.estate().await {
            Ok(known) => known,
            Err(error) => {
                tasks.iter().for_each(|task| result.fail(&task.id, error.clone().into()));
                return;
            }
        };
        let done = self.read_all(tasks, now, deadline, result).await;
        if done.is_empty() {
            return;
        }
        let ids: Vec<String> = done.iter().map(|done| done.id.clone()).collect();
        if let Err(error) = self.take_up(done, estate, clock, now, result).await {
            ids.iter().for_each(|id| result.fail(id, error.clone()));
        }
    }

    /// What is known of the estate: own accounts, and the clock as it is stored.
    pub(crate) async fn estate(&self) -> Result<(Estate, Option<Item>), StoreError> {
        let names = [hours::clock::ITEM.to_owned(), ACCOUNTS.to_owned()];
        let mut items = self.ports.store.get(&names).await?.into_iter();
        let (clock, accounts) = (items.next().flatten(), items.next().flatten());
        let mut estate = Estate::new(self.settings.engine.clone());
        if let Some(item) = accounts {
            let accounts: BTreeSet<String> = crate::codec::read(ACCOUNTS, &item.body)?;
            accounts.iter().for_each(|account| estate.learn_account(account));
        }
        Ok((estate, clock))
    }

    /// Reads the objects of all tasks. What they give must not depend on what else was read before: so they are read
    /// with the declared accounts alone, as in a replay. What was learned comes in when States are judged.
    async fn read_all(
        &self,
        tasks: Vec<Task>,
        now: Timestamp,
        deadline: Option<Instant>,
        result: &mut BatchResult,
    ) -> Vec<Done> {
        let begun = Instant::now();
        let last_start = deadline.map(|deadline| begun + (deadline - begun).mul_f64(1.0 - RESERVE));
        let estate = Arc::new(Estate::new(self.settings.engine.clone()));
        let reads: Vec<(String, Result<Done, TaskError>, Counts)> = stream::iter(tasks)
            .map(|task| {
                let estate = Arc::clone(&estate);
                async move {
                    let mut counts = Counts::default();
                    let id = task.id.clone();
                    let done = self.read_task(task, &estate, now, last_start, &mut counts).await;
                    (id, done, counts)
                }
            })
            // In order: the result does not depend on it, but logs are easier to read.
            .buffered(READS)
            .collect()
            .await;
        let mut all = Vec::new();
        for (id, done, counts) in reads {
            result.counts.merge(&counts);
            match done {
                Ok(done) => all.push(done),
                Err(error) => result.fail(&id, error),
            }
        }
        all
    }

    async fn read_task(
        &self,
        task: Task,
        estate: &Arc<Estate>,
        now: Timestamp,
        last_start: Option<Instant>,
        counts: &mut Counts,
    ) -> Result<Done, TaskError> {
        let work = task.work?;
        for ignored in &work.ignored {
            counts.add(metrics::MESSAGES_IGNORED, 1);
            tracing::info!(message_id = task.id, reason = ignored.reason(), "nothing to do");
        }
        let mut done = Done {
            id: task.id,
            outcomes: Vec::new(),
            delta: States::default(),
            touched: BTreeSet::new(),
            delivered: None,
        };
        for object in &work.objects {
            if last_start.is_some_and(|last| Instant::now() >= last) {
                return Err(TaskError::OutOfTime);
            }
            let outcome = self.read_object(object, estate, counts).await.inspect_err(|error| {
                counts.add(metrics::OBJECTS_FAILED, 1);
                tracing::warn!(bucket = object.bucket, key = object.key, error = %error, "object not read");
            })?;
            if let Some(outcome) = outcome {
                let delivered = trigger::delivered(object, now);
                // Older ones are history that is read anew.
                if let Some(lag) = delivered.map(|delivered| now.since(delivered)).filter(|lag| *lag <= DAY) {
                    counts.largest(metrics::LAG_SECONDS, lag.unsigned_abs());
                }
                done.delivered = done.delivered.max(delivered);
                done.outcomes.push(outcome);
            }
        }
        if !work.records.is_empty() {
            let text = format!("{{\"Records\":[{}]}}", work.records.join(","));
            let outcome = self.process(text.into_bytes(), estate).await?;
            count_outcome(&outcome, counts);
            done.outcomes.push(outcome);
        }
        done.outcomes.iter().for_each(|outcome| done.delta.merge(&outcome.delta()));
        done.touched = done.delta.ids().collect();
        Ok(done)
    }

    /// Reads one object. `None` if it is none of ours to read: by its name, or once it was read.
    async fn read_object(
        &self,
        object: &ObjectRef,
        estate: &Arc<Estate>,
        counts: &mut Counts,
    ) -> Result<Option<ObjectOutcome>, TaskError> {
        let name = object_key::parse(&object.key).map(|name| name.kind);
        let is_read = match name {
            Some(KeyKind::Log | KeyKind::NetworkActivity) => true,
            Some(KeyKind::Digest | KeyKind::Insight | KeyKind::Aggregated) => false,
            // Logs that were copied out of their folders; what they are, their content tells.
            None => object.key.ends_with(".json.gz") || object.key.ends_with(".json"),
        };
        if !is_read {
            counts.add(metrics::OBJECTS_PASSED_OVER, 1);
            return Ok(None);
        }
        let bytes = match self.ports.objects.get(object, self.settings.object_bytes).await {
            Ok(bytes) => bytes,
            Err(error) => {
                match error {
                    ObjectError::AccessDenied(_) => counts.add(metrics::OBJECTS_DENIED, 1),
                    ObjectError::NotFound => counts.add(metrics::OBJECTS_MISSING, 1),
                    _ => {}
                }
                return Err(error.into());
            }
        };
        let outcome = self.process(bytes, estate).await?;
        let report = &outcome.report;
        match report.kind {
            ObjectKind::Unrecognized if report.records == 0 => {
                if name.is_none() {
                    counts.add(metrics::OBJECTS_PASSED_OVER, 1);
                    return Ok(None);
                }
                let problem = report.problems.first().map(|problem| problem.message.clone());
                let problem =
                    problem.unwrap_or_else(|| "not a log of CloudTrail in any known form".to_owned());
                return Err(TaskError::NotReadable(problem));
            }
            ObjectKind::Log if report.records == 0 && report.problem_count > 0 => {
                let problem = report.problems.first().map(|problem| problem.message.clone());
                return Err(TaskError::NotReadable(problem.unwrap_or_default()));
            }
            ObjectKind::Digest | ObjectKind::Insight => counts.add(metrics::OBJECTS_PASSED_OVER, 1),
            _ => {}
        }
        count_outcome(&outcome, counts);
        if report.problem_count > 0 {
            tracing::warn!(
                bucket = object.bucket,
                key = object.key,
                problems = report.problem_count,
                "parts of an object could not be read"
            );
        }
        Ok(Some(outcome))
    }

    /// Processes bytes beside the tasks that wait for the network. A panic ends this object alone.
    async fn process(&self, bytes: Vec<u8>, estate: &Arc<Estate>) -> Result<ObjectOutcome, TaskError> {
        let idle = self.workers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut worker = idle.unwrap_or_else(|| Worker::with_rules(self.rules.clone()));
        let estate = Arc::clone(estate);
        let work = tokio::task::spawn_blocking(move || {
            let outcome = worker.process(bytes.as_slice(), &estate, &Filter::default());
            (outcome, worker)
        });
        // A worker that panicked is gone with it: its buffers may be in any state.
        let (outcome, worker) = work.await.map_err(|_| TaskError::Fault)?;
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        Ok(outcome)
    }

    /// Merges what was read into the States, saves them, judges them, and sends what there is to say.
    async fn take_up(
        &self,
        mut done: Vec<Done>,
        estate: Estate,
        clock: Option<Item>,
        now: Timestamp,
        result: &mut BatchResult,
    ) -> Result<(), TaskError> {
        let store = self.ports.store.as_ref();
        let outcomes: Vec<ObjectOutcome> = done.iter_mut().flat_map(|done| done.outcomes.drain(..)).collect();
        let touched: BTreeSet<EntityId> = done.iter().flat_map(|done| &done.touched).cloned().collect();
        let mut known = Known::default();
        known.load(store, touched.iter().cloned()).await?;
        let links = context::links(&known.states);
        done.iter_mut().for_each(|done| known.states.merge(&std::mem::take(&mut done.delta)));
        let left_out = context::link(store, &links, &context::links(&known.states), now).await?;
        result.counts.add(metrics::INDEX_FULL, left_out);
        let saves = known.save(store, touched.iter().cloned(), now).await;
        result.counts.add(metrics::STATES_SAVED, saves.written);
        if saves.written > 0 {
            result.counts.largest(metrics::STATE_BYTES, saves.largest);
        }
        result.counts.add(metrics::CONFLICTS, saves.conflicts);
        result.counts.add(metrics::STATES_FAILED, saves.failed.len() as u64);
        for (entity, error) in &saves.failed {
            let concerned = done.iter().filter(|done| done.touched.contains(entity));
            concerned.for_each(|done| result.fail(&done.id, error.clone().into()));
        }
        let saved = touched.iter().filter(|entity| !saves.failed.contains_key(*entity));
        let open = hours::open_hours(&known.states, saved);
        result.counts.add(metrics::INDEX_FULL, hours::note(store, &open).await?);
        if let Some(delivered) = done.iter().filter_map(|done| done.delivered).max() {
            hours::clock::advance(store, clock, delivered, now.plus(KEPT_DAYS * DAY)).await?;
        }
        // Before they are told: whoever puts an incident together later has them.
        let events = shown(&outcomes);
        result.counts.add(metrics::INDEX_FULL, found::keep(store, &events, now).await?);
        let (findings, estate) = self.judge(outcomes, &touched, known, estate, &mut result.counts).await?;
        self.save_accounts(&estate, now).await?;
        self.count_findings(&findings, now, &mut result.counts);
        if self.tells && !findings.is_empty() && !found::are_settled(store, &findings).await? {
            self.tell_findings(&done, &findings, &events, &estate, now, result).await?;
        }
        Ok(())
    }

    /// What the objects and the States that they touched have to say.
    async fn judge(
        &self,
        outcomes: Vec<ObjectOutcome>,
        touched: &BTreeSet<EntityId>,
        mut known: Known,
        estate: Estate,
        counts: &mut Counts,
    ) -> Result<(Vec<Finding>, Estate), TaskError> {
        let named = outcomes.iter().flat_map(ObjectOutcome::named_keys).map(str::to_owned).collect();
        context::load(self.ports.store.as_ref(), &mut known, touched.iter(), named).await?;
        let judging = tokio::task::spawn_blocking(move || {
            let mut watch = Watch::new(estate);
            watch.join(&known.states);
            outcomes.into_iter().for_each(|outcome| watch.absorb(outcome));
            let mut findings = watch.findings();
            findings.retain(|finding| !is_unusual(finding));
            (findings, watch.estate().clone(), watch.summary_with(&[]).duplicates, watch.span())
        });
        let (findings, estate, duplicates, span) = judging.await.map_err(|_| TaskError::Fault)?;
        counts.add(metrics::DUPLICATES, duplicates);
        let lag = span.map(|span| self.ports.clock.now().since(span.end).max(0));
        // Older ones are history that is read anew.
        if let Some(lag) = lag.filter(|lag| *lag <= DAY) {
            counts.largest(metrics::EVENT_LAG_SECONDS, lag.unsigned_abs());
        }
        Ok((findings, estate))
    }

    async fn save_accounts(&self, estate: &Estate, now: Timestamp) -> Result<(), StoreError> {
        let store = self.ports.store.as_ref();
        let declared = &self.settings.engine.estate.accounts;
        let add: BTreeSet<String> = estate
            .own_accounts()
            .filter(|account| !declared.iter().any(|known| known == account))
            .map(str::to_owned)
            .collect();
        let read = sets::read(store, &[ACCOUNTS.to_owned()]).await?.pop().unwrap_or_default();
        let expires = now.plus(KEPT_DAYS * DAY);
        let change = Change { name: ACCOUNTS, add: &add, remove: &BTreeSet::new(), expires };
        sets::change(store, &read, change).await.map(|_| ())
    }

    /// Tells what is new in findings. Whatever could not be told fails the tasks that it may come from.
    async fn tell_findings(
        &self,
        done: &[Done],
        findings: &[Finding],
        events: &[Finding],
        estate: &Estate,
        now: Timestamp,
        result: &mut BatchResult,
    ) -> Result<(), TaskError> {
        let store = self.ports.store.as_ref();
        let entities: BTreeSet<EntityId> = findings.iter().flat_map(entities_of).collect();
        result.counts.add(metrics::INDEX_FULL, found::note_entities(store, &entities, now).await?);
        let told = self.tell(Teller::Worker, events, estate, now, &mut result.counts).await?;
        for incident in &told.failed {
            let why = told.published.failed.get(&incident.id).cloned().unwrap_or_default();
            let is_part = |finding: &&Finding| {
                incident.timeline_left_out > 0
                    || incident.timeline.iter().any(|step| step.finding == finding.id)
            };
            let about: BTreeSet<EntityId> = findings.iter().filter(is_part).flat_map(entities_of).collect();
            let concerns = |done: &&Done| about.iter().any(|entity| done.touched.contains(entity));
            let mut concerned: Vec<&Done> = done.iter().filter(concerns).collect();
            // Nothing of this batch is in it: the schedule tries it again.
            if concerned.is_empty() && !about.is_empty() {
                concerned = done.iter().collect();
            }
            concerned.iter().for_each(|done| result.fail(&done.id, TaskError::Alert(why.clone())));
        }
        result.sent.extend(told.published.sent);
        if told.failed.is_empty() {
            found::settle(store, findings.iter(), now).await?;
        }
        Ok(())
    }
}

/// What the single events of all objects have shown, each finding once.
fn shown(outcomes: &[ObjectOutcome]) -> Vec<Finding> {
    let mut by_id: BTreeMap<&str, Finding> = BTreeMap::new();
    for finding in outcomes.iter().flat_map(ObjectOutcome::findings) {
        match by_id.get_mut(finding.id.as_str()) {
            Some(known) => known.merge(finding.clone()),
            None => {
                by_id.insert(&finding.id, finding.clone());
            }
        }
    }
    by_id.into_values().collect()
}

/// The entities that a finding names.
pub(crate) fn entities_of(finding: &Finding) -> BTreeSet<EntityId> {
    let key = finding.key.as_ref().map(|key| EntityId::new(EntityKind::Key, key.arn.as_str()));
    let principal = finding.principal.as_ref();
    let principal = principal.map(|actor| EntityId::new(EntityKind::Principal, actor.id.as_str()));
    let account = EntityId::new(EntityKind::Account, finding.account.as_str());
    key.into_iter().chain(principal).chain([account]).collect()
}

fn count_outcome(outcome: &ObjectOutcome, counts: &mut Counts) {
    let report = &outcome.report;
    let skipped: u64 = outcome.skipped.values().sum();
    counts.add(metrics::OBJECTS, 1);
    counts.add(metrics::BYTES, report.bytes);
    counts.add(metrics::RECORDS, report.records);
    counts.add(metrics::RECORDS_BROKEN, report.broken_records);
    counts.add(metrics::KMS_EVENTS, report.records.saturating_sub(skipped + report.broken_records));
    counts.add(metrics::PROBLEMS, report.problem_count);
}
