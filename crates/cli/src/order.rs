//! Work on the places of a list, by several threads, whose results come out in the order of the list.
//!
//! One thread, the first, takes the results out, and works on places as the others do while there are none. The others
//! take results out only where the first one is long busy and many wait. So what results become (the States, mostly)
//! is made and freed by one thread: where one frees what another has made, the system's allocator makes them wait for each
//! other.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Hands out the places of a list, and takes results back so that they come out in the order of the list.
pub(crate) struct Order<T> {
    state: Mutex<State<T>>,
    turn: Condvar,
    length: usize,
    /// What results weigh, and how much of it may wait.
    weigh: fn(&T) -> usize,
    bound: usize,
}

struct State<T> {
    taken: usize,
    next: usize,
    waiting: BTreeMap<usize, T>,
    /// Of those that wait, and of the one that is being taken out.
    weight: usize,
    /// Whether a thread is taking results out.
    busy: bool,
    /// Threads that wait for something to do.
    asleep: usize,
    /// Whether a thread has panicked: what it had taken will never come.
    failed: bool,
}

/// Who works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// The thread that takes the results out. There is one.
    First,
    /// One of the others.
    Other,
}

/// What there is to do.
enum Step<T> {
    /// To work on a place.
    Work(usize),
    /// To take out a result, whose turn it is.
    TakeOut(usize, T),
    /// Nothing any more.
    End,
}

impl<T> Order<T> {
    /// Of so many places, with so much weight of results waiting at most, but for one result of each thread.
    pub(crate) fn new(length: usize, bound: usize, weigh: fn(&T) -> usize) -> Order<T> {
        let state = State {
            taken: 0,
            next: 0,
            waiting: BTreeMap::new(),
            weight: 0,
            busy: false,
            asleep: 0,
            failed: false,
        };
        Order { state: Mutex::new(state), turn: Condvar::new(), length, weigh, bound }
    }

    /// Makes results by `work`, and gives those whose turn has come to `sink`, until nothing is left to do: for the first
    /// one, until all are taken out.
    pub(crate) fn run(&self, who: Who, mut work: impl FnMut(usize) -> T, mut sink: impl FnMut(usize, T)) {
        let _alarm = Alarm(self);
        loop {
            match self.step(who) {
                Step::Work(at) => self.bring(at, work(at)),
                Step::TakeOut(at, result) => {
                    let weight = (self.weigh)(&result);
                    sink(at, result);
                    self.taken_out(weight);
                }
                Step::End => return,
            }
        }
    }

    /// Waits until there is something to do.
    ///
    /// While the first one waits here, the place whose turn it is has been taken by a thread that works on it: so somebody
    /// always moves on.
    fn step(&self, who: Who) -> Step<T> {
        let mut state = locked(&self.state);
        while !state.failed {
            // Half of the bound is far more than comes while the first one works on one place of usual size.
            let takes_out = who == Who::First || state.weight >= self.bound / 2;
            let next = state.next;
            if takes_out
                && !state.busy
                && let Some(result) = state.waiting.remove(&next)
            {
                state.busy = true;
                return Step::TakeOut(next, result);
            }
            if state.taken < self.length && state.weight < self.bound {
                state.taken += 1;
                return Step::Work(state.taken - 1);
            }
            let nothing_to_take_out = who == Who::Other || state.next == self.length;
            if state.taken == self.length && nothing_to_take_out {
                return Step::End;
            }
            state.asleep += 1;
            state = self.turn.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.asleep -= 1;
        }
        Step::End
    }

    /// Keeps the result of a place until its turn has come.
    fn bring(&self, at: usize, result: T) {
        let mut state = locked(&self.state);
        state.weight += (self.weigh)(&result);
        state.waiting.insert(at, result);
        if state.asleep > 0 && at == state.next {
            self.turn.notify_all();
        }
    }

    fn taken_out(&self, weight: usize) {
        let mut state = locked(&self.state);
        state.busy = false;
        state.next += 1;
        state.weight -= weight;
        if state.asleep > 0 && (state.weight < self.bound || state.next == self.length) {
            self.turn.notify_all();
        }
    }
}

/// Wakes all threads if the one that holds it panics: they would wait for ever for what it had taken.
struct Alarm<'o, T>(&'o Order<T>);

impl<T> Drop for Alarm<'_, T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            locked(&self.0.state).failed = true;
            self.0.turn.notify_all();
        }
    }
}

/// The lock, even if a thread panicked while it held it: a panic is either caught and told of, or ends the run.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn results_come_out_in_order_whoever_makes_them_when() {
        for (threads, bound) in (1..6).flat_map(|threads| [(threads, 2), (threads, 1_000)]) {
            // With a bound of two threads wait often, and the others take out as well.
            let order = Order::new(500, bound, |result| result % 3);
            let out = Mutex::new(Vec::new());
            let work = |who| {
                let make = |at| {
                    if at % 7 == 0 {
                        std::thread::yield_now();
                    }
                    at * 10
                };
                order.run(who, make, |at, result| locked(&out).push((at, result)));
            };
            std::thread::scope(|scope| {
                (1..threads).for_each(|_| {
                    scope.spawn(|| work(Who::Other));
                });
                work(Who::First);
                assert_eq!(locked(&out).len(), 500, "the first one leaves when all are taken out");
            });
            let expected: Vec<(usize, usize)> = (0..500).map(|at| (at, at * 10)).collect();
            assert_eq!(*locked(&out), expected);
        }
    }

    #[test]
    fn whoever_would_let_too_much_wait_waits_until_the_turn_has_come() {
        let order = Order::new(60, 10, |_| 1);
        let (begun, most, both) = (AtomicUsize::new(0), AtomicUsize::new(0), Barrier::new(2));
        let out = Mutex::new(Vec::new());
        let work = |who| {
            let mut is_first = true;
            let make = |at| {
                if std::mem::take(&mut is_first) {
                    both.wait();
                }
                let begun = begun.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(begun.saturating_sub(locked(&out).len()), Ordering::SeqCst);
                // The other one goes as far as it may.
                while who == Who::First && is_on_its_way(&order) {
                    std::thread::yield_now();
                }
                at
            };
            order.run(who, make, |at, _| locked(&out).push(at));
        };
        std::thread::scope(|scope| {
            scope.spawn(|| work(Who::Other));
            work(Who::First);
        });
        assert_eq!(*locked(&out), (0..60).collect::<Vec<_>>());
        let most = most.into_inner();
        assert!((10..=12).contains(&most), "{most}: ten that wait, and one for each thread");
        assert_eq!(locked(&order.state).weight, 0);
    }

    #[test]
    fn the_others_take_out_what_the_first_one_is_too_busy_for() {
        let order = Order::new(40, 10, |_| 1);
        let (begun, out) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let make = |at| {
                    // The first place is worked on here, the second one there.
                    begun.fetch_add(1, Ordering::SeqCst);
                    while locked(&order.state).taken < 2 {
                        std::thread::yield_now();
                    }
                    at
                };
                order.run(Who::Other, make, |at, _| locked(&out).push(at));
            });
            while begun.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
            let make = |at| {
                while at == 1 && locked(&out).is_empty() && is_on_its_way(&order) {
                    std::thread::yield_now();
                }
                assert!(at != 1 || !locked(&out).is_empty(), "nobody takes out");
                at
            };
            order.run(Who::First, make, |at, _| locked(&out).push(at));
        });
        assert_eq!(*locked(&out), (0..40).collect::<Vec<_>>());
    }

    #[test]
    fn a_panic_ends_all_threads_and_is_passed_on() {
        for fails in [Who::First, Who::Other] {
            let order = Order::new(60, 10, |_| 1);
            let both = Barrier::new(2);
            let work = |who| {
                let mut is_first = true;
                let make = |at| {
                    if std::mem::take(&mut is_first) {
                        both.wait();
                    }
                    // The other one goes on until it has to wait.
                    while who == fails && is_on_its_way(&order) {
                        std::thread::yield_now();
                    }
                    assert!(who != fails, "as planned");
                    at
                };
                order.run(who, make, |_, _: usize| {});
            };
            let scope = || {
                std::thread::scope(|scope| {
                    scope.spawn(|| work(Who::Other));
                    work(Who::First);
                });
            };
            assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(scope)).is_err(), "{fails:?}");
        }
    }

    fn is_on_its_way<T>(order: &Order<T>) -> bool {
        let state = locked(&order.state);
        state.asleep == 0 && state.taken < order.length
    }
}
