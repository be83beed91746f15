//! Reading objects side by side, and absorbing them in order.
//!
//! Threads take the objects in order of the list and turn each into an outcome, which needs no other object.
//! Outcomes wait until it is their turn, and the first thread absorbs them ([`Order`]). So the watch sees the objects in
//! the order of the list for any number of threads, and output is the same to the byte.
//!
//! Once outcomes of [`WAITING`] bytes wait, no thread takes another object before their turn comes nearer. That bounds
//! memory, and it is why large objects are not taken first, as one would to even out the end of a run: all the smaller
//! ones before them would have to wait in memory.
//!
//! A panic while one object is read becomes a problem of this object, and the run goes on; so it does after a panic
//! while several are absorbed together.

use crate::encoding::decoded;
use crate::folders::Folders;
use crate::inputs::{Input, Opened};
use crate::order::{Order, Who, locked};
use crate::progress::Progress;
use crate::troubles::{InputProblem, Troubles};
use kmswatch_engine::detectors::user_rules::UserRules;
use kmswatch_engine::estate::Estate;
use kmswatch_engine::pipeline::{Buffers, Filter, ObjectOutcome, Watch, Worker};
use kmswatch_engine::time::Timestamp;
use kmswatch_engine::trail::ObjectKind;
use kmswatch_report::usage::{Part, Usage};
use std::cell::Cell;
use std::num::NonZeroUsize;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, Once, PoisonError};

/// Bytes of outcomes that wait for their turn, about. Fewer make threads wait while an hour is closed or a large object
/// is read, more cost memory: two threads bring some 150 KB in a millisecond, and closing an hour takes up to ten.
const WAITING: usize = 4 << 20;

/// Buffers of outcomes that are kept to be used again: some for each of a few threads.
const SPENT: usize = 16;

/// How inputs are read.
pub(crate) struct How<'a> {
    /// Which events are looked at.
    pub(crate) filter: &'a Filter,
    /// Rules of the user.
    pub(crate) rules: Option<&'a Arc<dyn UserRules>>,
    /// Threads that read.
    pub(crate) threads: NonZeroUsize,
    /// What is told of every byte read.
    pub(crate) progress: &'a Progress,
}

/// Reads all inputs into `watches`, each of them once: single events are judged by the estate of the first one, so the
/// others may differ from it in their budget alone. Who uses which key is counted in `usage`, where that is wanted.
/// Whatever cannot be read is in `troubles`.
pub(crate) fn replay(
    inputs: &[Input],
    watches: Vec<Watch>,
    how: &How<'_>,
    troubles: &mut Troubles,
    usage: Option<&mut Usage>,
) -> Vec<Watch> {
    keep_panics_quiet();
    let threads = how.threads.get().min(inputs.len()).max(1);
    let order = Order::new(inputs.len(), WAITING, weight);
    let estate = &watches.first().map(|watch| watch.estate().clone()).unwrap_or_default();
    let counts_usage = usage.is_some();
    let end = Mutex::new(End { watches, delivered: None, troubles, usage });
    let spent = Mutex::new(Vec::new());
    let work = |who| {
        let mut worker = Worker::with_rules(how.rules.cloned());
        let mut folders = Folders::default();
        let read_at = |at: usize| {
            let input = inputs.get(at).ok_or("a fault of kmswatch itself: no such input")?;
            let opened = input.open(&mut folders).map_err(|error| error.to_string());
            worker.reuse(locked(&spent).pop().unwrap_or_default());
            let read = opened.and_then(|opened| read(&mut worker, opened, estate, how, counts_usage));
            if read.is_err() {
                // Its buffers may be in any state.
                worker = Worker::with_rules(how.rules.cloned());
            }
            read
        };
        order.run(who, read_at, |at, read| {
            let Some(input) = inputs.get(at) else { return };
            let buffers = locked(&end).absorb(input, read);
            let mut spent = locked(&spent);
            if spent.len() < SPENT {
                spent.extend(buffers);
            }
        });
    };
    std::thread::scope(|scope| {
        (1..threads).for_each(|_| {
            scope.spawn(|| work(Who::Other));
        });
        work(Who::First);
    });
    let mut end = end.into_inner().unwrap_or_else(PoisonError::into_inner);
    end.finish(inputs.last().is_some_and(|input| input.is_stamped));
    end.watches
}

/// What came of one object: an outcome with what counts for keys, or why there is none.
type Read = Result<(ObjectOutcome, Option<Part>), String>;

/// Bytes of memory that it takes, about. What counts for keys is no more than the outcome.
fn weight(read: &Read) -> usize {
    let behind = match read {
        Ok((outcome, _)) => outcome.bytes(),
        Err(message) => message.len(),
    };
    size_of::<Read>() + behind
}

fn read(worker: &mut Worker, opened: Opened, estate: &Estate, how: &How<'_>, counts_usage: bool) -> Read {
    let filter = how.filter;
    let mut source = decoded(how.progress.watch(opened));
    let read = caught(|| {
        if !counts_usage {
            return (worker.process(&mut source, estate, filter), None);
        }
        let mut part = Part::default();
        (worker.process_with(&mut source, estate, filter, |event| part.take(event)), Some(part))
    });
    source.failed().map_or(read, |error| Err(error.to_string()))
}

/// Where everything comes together, in order.
struct End<'a> {
    watches: Vec<Watch>,
    /// Time of the last log absorbed.
    delivered: Option<Timestamp>,
    troubles: &'a mut Troubles,
    /// Counts of keys and their users, where they are wanted.
    usage: Option<&'a mut Usage>,
}

impl End<'_> {
    /// Closes the hours that were over when everything absorbed so far had been delivered.
    fn advance(&mut self, delivered: Timestamp) {
        for watch in &mut self.watches {
            if let Err(message) = caught(|| watch.advance(delivered)) {
                self.troubles.problems.push(InputProblem::whole("-".to_owned(), message));
            }
        }
    }

    /// Closes what is over at the end: by the stamp of the last input; where it has none, its time is that of its
    /// first event, and the last event of all tells better.
    fn finish(&mut self, is_stamped: bool) {
        let last_event = self.watches.first().and_then(Watch::last_event).filter(|_| !is_stamped);
        if let Some(moment) = self.delivered.max(last_event) {
            self.advance(moment);
        }
        for watch in &mut self.watches {
            if let Err(message) = caught(|| watch.settle()) {
                self.troubles.problems.push(InputProblem::whole("-".to_owned(), message));
            }
        }
    }

    /// Takes up what came of an object, and gives back the memory in which it was made.
    fn absorb(&mut self, input: &Input, read: Read) -> Option<Buffers> {
        // Inputs of one stamp come together; the first of the next one tells that they are complete.
        if let (Some(before), Some(now)) = (self.delivered, input.time)
            && before < now
        {
            self.advance(before);
        }
        let (mut outcome, part) = match read {
            Ok(read) => read,
            Err(message) => {
                self.troubles.unread(InputProblem::whole(input.name(), message));
                return None;
            }
        };
        let report = &mut outcome.report;
        if report.kind == ObjectKind::Log {
            // Digests and Insights have stamps of another meaning: logs of that time may be still to come.
            self.delivered = self.delivered.max(input.time);
        }
        if report.kind == ObjectKind::Unrecognized && report.records == 0 {
            if input.maybe_no_log && !report.undecided {
                // A folder holds all sorts of things. It is told, but nothing of a log is missing.
                report.problems.clear();
                report.problem_count = 0;
                self.troubles.not_logs.push(input.name());
            } else if report.problem_count == 0 {
                let message = "not a log of CloudTrail in any form that this version knows";
                self.troubles.problems.push(InputProblem::whole(input.name(), message));
            }
        }
        let problems = report.problems.drain(..).map(|problem| InputProblem {
            input: input.name(),
            record: problem.record,
            offset: Some(problem.offset),
            message: problem.message,
        });
        self.troubles.problems.extend_counted(problems, report.problem_count);
        let (last, others) = self.watches.split_last_mut()?;
        let usage = self.usage.as_deref_mut().zip(part);
        let absorb = || {
            others.iter_mut().for_each(|watch| {
                watch.gather(outcome.clone());
            });
            let buffers = last.gather(outcome);
            if let Some((usage, part)) = usage {
                usage.absorb(part);
            }
            buffers
        };
        let absorbed = caught(absorb);
        absorbed
            .map_err(|message| self.troubles.problems.push(InputProblem::whole(input.name(), message)))
            .ok()
    }
}

thread_local! {
    /// Whether a panic is about to be caught and reported as a problem.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
    /// Where the last panic of this thread happened.
    static PLACE: Cell<Option<String>> = const { Cell::new(None) };
}

/// Runs `work`; a panic in it becomes a message.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    CAUGHT.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    CAUGHT.set(false);
    result.map_err(|payload| {
        let text = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        let place = PLACE.take().unwrap_or_default();
        format!("a fault of kmswatch itself, please report it: {text} ({place})")
    })
}

/// A panic that is caught is told as a problem; it must not be written across the terminal as well.
fn keep_panics_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if CAUGHT.get() {
                PLACE.set(info.location().map(ToString::to_string));
            } else {
                usual(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_message_that_names_its_place() {
        keep_panics_quiet();
        let message = caught(|| panic!("index {} of {}", 3, 2)).unwrap_err();
        assert!(message.contains("index 3 of 2"), "{message}");
        assert!(message.contains("replay.rs"), "{message}");
        assert_eq!(caught(|| 5), Ok(5));
    }
}
