//! kmswatch as an AWS Lambda function. Only wiring: settings and clients are made once, each invocation is unwrapped
//! and given to the pipeline, and the answer is put into the form that its trigger wants.

mod invocation;

use anyhow::Context as _;
use invocation::{Invocation, batch_answer, queue_answer};
use kmswatch_aws::clients::{self, Clients};
use kmswatch_aws::live::{Live, Task};
use kmswatch_aws::metrics::Counts;
use kmswatch_aws::settings::LiveSettings;
use lambda_runtime::{LambdaEvent, service_fn, tracing};
use serde_json::Value;
use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// Time before the deadline of an invocation at which it must have answered.
const MARGIN: Duration = Duration::from_secs(2);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    tracing::init_default_subscriber();
    let live = match start().await {
        Ok(live) => live,
        Err(error) => {
            tracing::error!(error = %format!("{error:#}"), "cannot start");
            return Err(error.into());
        }
    };
    let live = &live;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| handle(live, event))).await
}

async fn start() -> anyhow::Result<Live> {
    let settings = LiveSettings::of_variables(std::env::vars())?;
    let clients = Clients::connect().await;
    let settings = clients.complete(settings).await.context("cannot read the settings")?;
    let rules = settings.user_rules()?;
    Ok(Live::new(clients.ports(&settings), settings, &clients::owner()).with_rules(rules))
}

async fn handle(live: &Live, event: LambdaEvent<Value>) -> Result<Value, lambda_runtime::Error> {
    let context = event.context;
    let deadline = deadline(context.deadline);
    let (answer, counts): (Result<Value, lambda_runtime::Error>, Counts) = match Invocation::of(event.payload)
    {
        Invocation::Queue(tasks) => {
            let result = live.batch(tasks, deadline).await;
            (queue_answer(&result).map_err(Into::into), result.counts)
        }
        Invocation::BatchJob(tasks, request) => {
            let ids: Vec<String> = tasks.iter().map(|task| task.id.clone()).collect();
            let result = live.batch(tasks, deadline).await;
            (Ok(batch_answer(&request, &ids, &result)), result.counts)
        }
        Invocation::Direct(task) => {
            let task = Task { id: context.request_id.clone(), ..task };
            let result = live.batch(vec![task], deadline).await;
            let answer = match result.failed.into_values().next() {
                None => Ok(Value::Null),
                Some(error) => Err(error.into()),
            };
            (answer, result.counts)
        }
        Invocation::Close => {
            let result = live.close(deadline).await;
            (result.outcome.map(|()| Value::Null).map_err(Into::into), result.counts)
        }
    };
    report(&context.request_id, &context.env_config.function_name, &counts);
    answer
}

/// When an invocation must have answered, on the clock of the runtime.
fn deadline(at: u64) -> Option<Instant> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let left = Duration::from_millis(at).checked_sub(now)?;
    Some(Instant::now() + left.saturating_sub(MARGIN))
}

/// One line for people, and one from which CloudWatch makes metrics.
fn report(request_id: &str, function: &str, counts: &Counts) {
    let fields = Value::Object(counts.fields()).to_string();
    tracing::info!(request_id, counts = fields, "done");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    if let Some(line) = counts.embedded(function, u64::try_from(now.as_millis()).unwrap_or(u64::MAX)) {
        // Where stdout is closed nobody wants to know.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }
}
