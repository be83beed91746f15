//! kmswatch without Lambda: a process that reads a queue of notifications for as long as it runs.
//!
//! It needs no orderly end: a message that was being worked on when the process died comes again, to whoever asks. One
//! that is told to stop finishes its batch, so that nothing has to be done twice.

use crate::live::{BatchResult, Live, Task};
use crate::metrics::Counts;
use crate::queue::{Message, Queue};
use std::pin::pin;
use std::time::Duration;
use tokio::time::Instant;

/// Time for one batch.
pub const BATCH: Duration = Duration::from_secs(120);
/// Time after which a message that was not done comes again.
const COMES_AGAIN: Duration = Duration::from_secs(60);
/// Time before the queue is asked again after it could not be used.
const QUEUE_PAUSE: Duration = Duration::from_secs(5);

/// How often things are done.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Time between two looks at what is over.
    pub close_every: Duration,
    /// Time after which messages that are being worked on are kept for longer, again and again. The queue must keep them
    /// invisible for longer than that by itself, or others begin with them, too: harmless, but done twice.
    pub hold_every: Duration,
    /// For how long they are kept then: if the worker dies, they come again after that.
    pub hold_for: Duration,
}

impl Default for Pace {
    fn default() -> Pace {
        let seconds = Duration::from_secs;
        Pace { close_every: seconds(300), hold_every: seconds(10), hold_for: seconds(40) }
    }
}

/// Reads `queue` until `goes_on`, asked between two batches, says no, or until `stop` is over: then what was begun is
/// finished. What was counted goes to `report`, batch by batch. Gives how often the queue could not be used, or what is
/// over not be closed.
pub async fn run(
    live: &Live,
    queue: &dyn Queue,
    pace: Pace,
    stop: impl Future<Output = ()>,
    mut goes_on: impl FnMut() -> bool,
    mut report: impl FnMut(&Counts),
) -> u64 {
    let mut stop = pin!(stop);
    let mut troubles = 0;
    let mut close_at = Instant::now();
    while goes_on() {
        if Instant::now() >= close_at {
            close_at = Instant::now() + pace.close_every;
            let closed = live.close(Some(Instant::now() + BATCH)).await;
            troubles += u64::from(closed.outcome.is_err());
            report(&closed.counts);
        }
        let received = tokio::select! {
            biased;
            () = &mut stop => break,
            received = queue.receive() => received,
        };
        match received {
            Ok(messages) if messages.is_empty() => {}
            Ok(messages) => report(&batch(live, queue, pace, messages).await),
            Err(error) => {
                troubles += 1;
                tracing::error!(error = %error, "asked again soon");
                tokio::select! {
                    () = &mut stop => break,
                    () = tokio::time::sleep(QUEUE_PAUSE) => {}
                }
            }
        }
    }
    troubles
}

async fn batch(live: &Live, queue: &dyn Queue, pace: Pace, messages: Vec<Message>) -> Counts {
    let result = work(live, queue, pace, &messages).await;
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

/// Does the work of messages, and keeps them for as long as it takes.
async fn work(live: &Live, queue: &dyn Queue, pace: Pace, messages: &[Message]) -> BatchResult {
    let tasks = messages.iter().map(|message| Task::of_text(&message.id, &message.body)).collect();
    let mut work = pin!(live.batch(tasks, Some(Instant::now() + BATCH)));
    loop {
        tokio::select! {
            biased;
            result = &mut work => return result,
            () = tokio::time::sleep(pace.hold_every) => {
                if let Err(error) = queue.hold(messages, pace.hold_for).await {
                    tracing::warn!(error = %error, "messages that are being worked on may come again");
                }
            }
        }
    }
}
