//! kmswatch without Lambda: a process that reads a queue of notifications for as long as it runs.
//!
//! It needs no orderly end. A message that was being worked on when the process died comes again, to whoever asks.

use crate::live::{Live, Task};
use crate::metrics::Counts;
use crate::queue::{Message, Queue};
use std::time::Duration;
use tokio::time::Instant;

/// Time for one batch. The queue must keep messages invisible for longer, or others begin with them, too: harmless,
/// but done twice.
pub const BATCH: Duration = Duration::from_secs(120);
/// Time between two looks at what is over.
pub const CLOSE_EVERY: Duration = Duration::from_secs(300);
/// Time after which a message that was not done comes again.
const COMES_AGAIN: Duration = Duration::from_secs(60);
/// Time before the queue is asked again after it could not be used.
const QUEUE_PAUSE: Duration = Duration::from_secs(5);

/// Reads `queue` until `goes_on`, asked between two batches, says no. What was counted goes to `report`, batch by
/// batch. Gives how often the queue could not be used, or what is over not be closed.
pub async fn run(
    live: &Live,
    queue: &dyn Queue,
    mut goes_on: impl FnMut() -> bool,
    mut report: impl FnMut(&Counts),
) -> u64 {
    let mut troubles = 0;
    let mut close_at = Instant::now();
    while goes_on() {
        if Instant::now() >= close_at {
            close_at = Instant::now() + CLOSE_EVERY;
            let closed = live.close(Some(Instant::now() + BATCH)).await;
            troubles += u64::from(closed.outcome.is_err());
            report(&closed.counts);
        }
        match queue.receive().await {
            Ok(messages) if messages.is_empty() => {}
            Ok(messages) => report(&batch(live, queue, messages).await),
            Err(error) => {
                troubles += 1;
                tracing::error!(error = %error, "asked again soon");
                tokio::time::sleep(QUEUE_PAUSE).await;
            }
        }
    }
    troubles
}

async fn batch(live: &Live, queue: &dyn Queue, messages: Vec<Message>) -> Counts {
    let tasks = messages.iter().map(|message| Task::of_text(&message.id, &message.body)).collect();
    let result = live.batch(tasks, Some(Instant::now() + BATCH)).await;
    let (failed, done): (Vec<Message>, Vec<Message>) =
        messages.into_iter().partition(|message| result.failed.contains_key(&message.id));
    if let Err(error) = queue.acknowledge(&done).await {
        tracing::warn!(error = %error, "messages that are done come again");
    }
    if let Err(error) = queue.give_back(&failed, COMES_AGAIN).await {
        tracing::warn!(error = %error, "messages come again later than they could");
    }
    result.counts
}
