//! What the live pipeline costs, from what it does: requests are counted over ports in memory, CPU time was measured on
//! the real binary (`crates/lambda/examples/resources.rs`). The tables stand in `infra/README.md`; `UPDATE_GOLDEN=1` writes
//! them anew.

use crate::logs::{Log, deliveries, messages};
use crate::stack::root;
use crate::world::{World, deliver, moment};
use async_trait::async_trait;
use kmswatch_aws::live::{Live, Ports};
use kmswatch_aws::memory::MemoryStore;
use kmswatch_aws::metrics::{self, Counts};
use kmswatch_aws::store::{Item, Put, Store, StoreError, Write};
use kmswatch_engine::time::Timestamp;
use kmswatch_scenario::Scenario;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// List prices of us-east-1 in USD, as public pages gave them in November 2026.
mod price {
    /// A GB-second of Lambda on arm64.
    pub(super) const GB_SECOND: f64 = 0.000_013_333_4;
    /// An invocation of Lambda.
    pub(super) const INVOCATION: f64 = 0.20 / 1e6;
    /// A unit of reading from DynamoDB on demand: 4 KB, consistently.
    pub(super) const READ: f64 = 0.125 / 1e6;
    /// A unit of writing to DynamoDB on demand: 1 KB.
    pub(super) const WRITE: f64 = 0.625 / 1e6;
    /// A request to S3 for an object.
    pub(super) const GET: f64 = 0.40 / 1e6;
    /// A request to SQS.
    pub(super) const QUEUE: f64 = 0.40 / 1e6;
}

/// Measured and assumed.
mod function {
    /// GB of memory of the function (`infra/template.yaml`).
    pub(super) const GB: f64 = 1.0;
    /// Processors that Lambda gives to a function with that much memory: one for 1,769 MB.
    pub(super) const PROCESSORS: f64 = 1_024.0 / 1_769.0;
    /// Milliseconds of CPU for an object of some 60 records that comes alone: see the measurements in
    /// `infra/README.md`.
    pub(super) const CPU_MS: f64 = 23.0;
    /// Milliseconds until AWS answers a request. Assumed.
    pub(super) const ANSWER_MS: f64 = 8.0;
    /// Requests of one batch that wait for each other, about: the others run side by side.
    pub(super) const ONE_AFTER_THE_OTHER: f64 = 12.0;
    /// Requests to SQS for a batch: asking, and taking messages away.
    pub(super) const QUEUE_REQUESTS: f64 = 2.0;
    /// Runs of the schedule in 30 days.
    pub(super) const RUNS: f64 = 30.0 * 24.0 * 12.0;
}

/// A table that counts what DynamoDB would charge.
#[derive(Default)]
struct Metered {
    table: MemoryStore,
    reads: AtomicU64,
    writes: AtomicU64,
}

/// Bytes of an item, attributes included.
fn bytes(name: &str, body: &[u8]) -> u64 {
    (name.len() + body.len() + 40) as u64
}

#[async_trait]
impl Store for Metered {
    async fn get(&self, names: &[String]) -> Result<Vec<Option<Item>>, StoreError> {
        let items = self.table.get(names).await?;
        for (name, item) in names.iter().zip(&items) {
            let bytes = item.as_ref().map_or(1, |item| bytes(name, &item.body));
            self.reads.fetch_add(bytes.div_ceil(4_096), Ordering::Relaxed);
        }
        Ok(items)
    }

    async fn put(&self, write: Write) -> Result<Put, StoreError> {
        self.writes.fetch_add(bytes(&write.name, &write.body).div_ceil(1_024), Ordering::Relaxed);
        self.table.put(write).await
    }
}

impl Metered {
    fn units(&self) -> (f64, f64) {
        (self.reads.load(Ordering::Relaxed) as f64, self.writes.load(Ordering::Relaxed) as f64)
    }
}

/// Two hours of a working day of a large organisation, by moment of delivery.
fn two_hours() -> BTreeMap<Timestamp, Vec<Log>> {
    let scenario =
        Scenario { days: 1, holidays: Vec::new(), attacks: Vec::new(), ..Scenario::evaluation(20_260_504) };
    deliveries(&scenario, moment("2026-03-02T10:00:00Z"), moment("2026-03-02T12:00:00Z"))
}

fn seconds(batches: f64, objects: f64) -> f64 {
    let working = objects * function::CPU_MS / function::PROCESSORS;
    let waiting = batches * function::ONE_AFTER_THE_OTHER * function::ANSWER_MS;
    (working + waiting) / 1e3
}

fn line(what: &str, n: f64, price: f64) -> (String, f64) {
    (format!("| {what} | {n:.0} | {:.3} | {:.2} |\n", price * 1e6, n * price), n * price)
}

fn table(head: &str, lines: Vec<(String, f64)>) -> String {
    let sum: f64 = lines.iter().map(|(_, cost)| cost).sum();
    let lines: String = lines.into_iter().map(|(line, _)| line).collect();
    format!("{head}\n|---|---|---|---|\n{lines}| **together** | | | **{sum:.2}** |\n")
}

#[tokio::test]
async fn the_readme_says_what_a_million_events_cost() {
    let days = two_hours();
    let all: Vec<Log> = days.values().flatten().cloned().collect();
    let world = World::holding("2026-03-02T00:00:00Z", &all);
    let store = Arc::new(Metered::default());
    let live = |owner: &str| {
        let ports = Ports {
            objects: Arc::clone(&world.objects) as _,
            store: Arc::clone(&store) as _,
            sinks: vec![Arc::clone(&world.sinks[0]) as _],
            clock: Arc::clone(&world.clock) as _,
        };
        Live::new(ports, world.settings.clone(), owner)
    };
    let (mut batches, mut runs) = (0.0, 0.0);
    let (mut counts, mut closing) = (Counts::default(), (0.0, 0.0));
    for (delivered, logs) in &days {
        world.clock.set(*delivered);
        // As many messages as the template's event source hands over at once.
        for batch in messages(logs).chunks(10) {
            counts.merge(&deliver(&live("worker"), batch).await.counts);
            batches += 1.0;
        }
        let before = store.units();
        assert_eq!(live("closer").close(None).await.outcome, Ok(()));
        let after = store.units();
        closing = (closing.0 + after.0 - before.0, closing.1 + after.1 - before.1);
        runs += 1.0;
    }
    let objects = counts.get(metrics::OBJECTS) as f64;
    let events = counts.get(metrics::KMS_EVENTS) as f64;
    assert!(events > 3_000.0, "only {events} events");
    let (reads, writes) = store.units();
    let million = 1e6 / events;
    let (reads, writes) = ((reads - closing.0) * million, (writes - closing.1) * million);
    let per_million = table(
        "| for a million events of KMS | n | price of a million | USD |",
        vec![
            line(
                "GB-seconds of Lambda",
                seconds(batches, objects) * function::GB * million,
                price::GB_SECOND,
            ),
            line("invocations", batches * million, price::INVOCATION),
            line("units of reading, DynamoDB", reads, price::READ),
            line("units of writing, DynamoDB", writes, price::WRITE),
            line("objects from S3", objects * million, price::GET),
            line("requests to SQS", batches * function::QUEUE_REQUESTS * million, price::QUEUE),
        ],
    );
    let scale = function::RUNS / runs;
    let schedule = table(
        "| the schedule, in a month | n | price of a million | USD |",
        vec![
            line(
                "GB-seconds of Lambda",
                seconds(function::RUNS, function::RUNS) * function::GB,
                price::GB_SECOND,
            ),
            line("invocations", function::RUNS, price::INVOCATION),
            line("units of reading, DynamoDB", closing.0 * scale, price::READ),
            line("units of writing, DynamoDB", closing.1 * scale, price::WRITE),
        ],
    );
    let figures = format!(
        "{per_million}\n{schedule}\nCounted on {objects:.0} objects with {events:.0} events of KMS, in {batches:.0} batches.\n"
    );
    stands_in_the_readme("cost", &figures);
}

/// Compares what stands between `<!-- NAME -->` and `<!-- end -->` with what should.
pub(crate) fn stands_in_the_readme(name: &str, wanted: &str) {
    let file = root().join("infra/README.md");
    let text = std::fs::read_to_string(&file).unwrap();
    let (begin, end) = (format!("<!-- {name} -->\n"), "<!-- end -->");
    let (before, rest) = text.split_once(&begin).expect("no such place in the README");
    let (found, after) = rest.split_once(end).expect("no end of it");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, format!("{before}{begin}{wanted}{end}{after}")).unwrap();
        return;
    }
    assert_eq!(found, wanted, "UPDATE_GOLDEN=1 writes it anew");
}
