//! Reading objects side by side, and absorbing them in order.
//!
//! Workers take the objects in order of the list and turn each into an outcome, which needs no other object.
//! Outcomes wait until it is their turn; a worker that brings one looks whether the turn has come to any that
//! wait, and if nobody else is doing so, absorbs them. So the watch sees the objects in the order of the list for
//! any number of threads, no thread only waits for others, and output is the same to the byte.
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
use crate::progress::Progress;
use crate::troubles::{InputProblem, Troubles};
use kmswatch_engine::detectors::user_rules::UserRules;
use kmswatch_engine::estate::Estate;
use kmswatch_engine::pipeline::{Filter, ObjectOutcome, Watch, Worker};
use kmswatch_engine::time::Timestamp;
use kmswatch_engine::trail::ObjectKind;
use kmswatch_report::usage::{Part, Usage};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};

/// Bytes of outcomes that wait for their turn, about. Fewer make threads wait while an hour is closed or a large object
/// is read, more cost memory: two threads bring some 150 KB in a millisecond, and closing an hour takes up to ten.
const WAITING: usize = 4 << 20;

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
    let work = || {
        let mut worker = Worker::with_rules(how.rules.cloned());
        let mut folders = Folders::default();
        while let Some(at) = order.take() {
            let Some(input) = inputs.get(at) else { break };
            let opened = input.open(&mut folders).map_err(|error| error.to_string());
            let read = opened.and_then(|opened| read(&mut worker, opened, estate, how, counts_usage));
            if read.is_err() {
                // Its buffers may be in any state.
                worker = Worker::with_rules(how.rules.cloned());
            }
            order.bring(at, read, |at, read| {
                if let Some(input) = inputs.get(at) {
                    locked(&end).absorb(input, read);
                }
            });
        }
    };
    std::thread::scope(|scope| {
        (1..threads).for_each(|_| {
            scope.spawn(work);
        });
        work();
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

    fn absorb(&mut self, input: &Input, read: Read) {
        // Inputs of one stamp come together; the first of the next one tells that they are complete.
        if let (Some(before), Some(now)) = (self.delivered, input.time)
            && before < now
        {
            self.advance(before);
        }
        let (mut outcome, part) = match read {
            Ok(read) => read,
            Err(message) => return self.troubles.unread(InputProblem::whole(input.name(), message)),
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
        let Some((last, others)) = self.watches.split_last_mut() else { return };
        let usage = self.usage.as_deref_mut().zip(part);
        let absorb = || {
            others.iter_mut().for_each(|watch| watch.gather(outcome.clone()));
            last.gather(outcome);
            if let Some((usage, part)) = usage {
                usage.absorb(part);
            }
        };
        if let Err(message) = caught(absorb) {
            self.troubles.problems.push(InputProblem::whole(input.name(), message));
        }
    }
}

/// Hands out the places of a list, and takes results back so that they come out in the order of the list.
struct Order<T> {
    state: Mutex<OrderState<T>>,
    turn: Condvar,
    length: usize,
    /// What results weigh, and how much of it may wait.
    weigh: fn(&T) -> usize,
    bound: usize,
}

struct OrderState<T> {
    taken: usize,
    next: usize,
    waiting: BTreeMap<usize, T>,
    /// Of those that wait, and of the one that is being absorbed.
    weight: usize,
    busy: bool,
    /// Threads that wait for the weight to fall.
    asleep: usize,
}

impl<T> Order<T> {
    fn new(length: usize, bound: usize, weigh: fn(&T) -> usize) -> Order<T> {
        let state =
            OrderState { taken: 0, next: 0, waiting: BTreeMap::new(), weight: 0, busy: false, asleep: 0 };
        Order { state: Mutex::new(state), turn: Condvar::new(), length, weigh, bound }
    }

    /// The next place, once there is room for what may come of it; `None` at the end.
    ///
    /// While anything waits, the place whose turn it is has been taken by a thread that is not waiting here: so somebody
    /// always moves on.
    fn take(&self) -> Option<usize> {
        let mut state = locked(&self.state);
        while state.taken < self.length && state.weight >= self.bound {
            state.asleep += 1;
            state = self.turn.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.asleep -= 1;
        }
        let at = state.taken;
        (at < self.length).then(|| {
            state.taken += 1;
            at
        })
    }

    /// Brings the result of a place. If nobody else is at it, all results whose turn has come go to `sink`.
    fn bring(&self, at: usize, result: T, mut sink: impl FnMut(usize, T)) {
        let mut state = locked(&self.state);
        state.weight += (self.weigh)(&result);
        state.waiting.insert(at, result);
        if state.busy {
            // Whoever is at it looks again before leaving, under the same lock.
            return;
        }
        state.busy = true;
        loop {
            let next = state.next;
            let Some(result) = state.waiting.remove(&next) else { break };
            drop(state);
            let weight = (self.weigh)(&result);
            sink(next, result);
            state = locked(&self.state);
            state.next += 1;
            state.weight -= weight;
            if state.asleep > 0 && state.weight < self.bound {
                self.turn.notify_all();
            }
        }
        state.busy = false;
    }
}

/// The lock, even if a thread panicked while it held it: every panic within is caught and told of.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn results_come_out_in_order_whoever_brings_them_when() {
        for threads in 1..6 {
            // With a bound of this order threads wait often.
            let order = Order::new(500, 2, |at| at % 3);
            let out = Mutex::new(Vec::new());
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        while let Some(at) = order.take() {
                            if at % 7 == 0 {
                                std::thread::yield_now();
                            }
                            order.bring(at, at * 10, |at, result| locked(&out).push((at, result)));
                        }
                    });
                }
            });
            let expected: Vec<(usize, usize)> = (0..500).map(|at| (at, at * 10)).collect();
            assert_eq!(*locked(&out), expected);
        }
    }

    #[test]
    fn whoever_would_let_too_much_wait_waits_until_the_turn_has_come() {
        let order = Order::new(4, 10, |weight| *weight);
        let out = Mutex::new(Vec::new());
        let bring = |at, weight| order.bring(at, weight, |at, _| locked(&out).push(at));
        assert_eq!([order.take(), order.take()], [Some(0), Some(1)]);
        bring(1, 9);
        assert_eq!(order.take(), Some(2), "there is room for more");
        bring(2, 1);
        std::thread::scope(|scope| {
            let last = scope.spawn(|| order.take());
            while locked(&order.state).asleep == 0 {
                std::thread::yield_now();
            }
            assert!(locked(&out).is_empty());
            bring(0, 50);
            assert_eq!(last.join().unwrap(), Some(3));
        });
        assert_eq!(*locked(&out), [0, 1, 2]);
        assert_eq!(locked(&order.state).weight, 0);
        assert_eq!(order.take(), None);
    }

    #[test]
    fn a_panic_becomes_a_message_that_names_its_place() {
        keep_panics_quiet();
        let message = caught(|| panic!("index {} of {}", 3, 2)).unwrap_err();
        assert!(message.contains("index 3 of 2"), "{message}");
        assert!(message.contains("replay.rs"), "{message}");
        assert_eq!(caught(|| 5), Ok(5));
    }
}
