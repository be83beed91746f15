//! Organisations side by side: one for each thread at a time.

use crate::order::locked;
use crate::progress::Progress;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Does `work` on every item and gives the results in the order of the items. The first error ends it.
///
/// `work` is given a function that it tells the share of its work that is done.
pub(crate) fn each<I: Sync, T: Send>(
    items: &[I],
    threads: NonZeroUsize,
    progress: &Progress,
    work: impl Fn(&I, &mut dyn FnMut(f64)) -> anyhow::Result<T> + Sync,
) -> anyhow::Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let shares = Mutex::new(vec![0.0; items.len()]);
    let results = Mutex::new(Vec::new());
    let tell = |at: usize, share: f64| {
        let mut shares = locked(&shares);
        if let Some(mine) = shares.get_mut(at) {
            *mine = share;
        }
        progress.set(shares.iter().sum::<f64>() / shares.len().max(1) as f64);
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.get().min(items.len()) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at).filter(|_| !failed.load(Ordering::Relaxed)) else { break };
                    let result = work(item, &mut |share| tell(at, share));
                    failed.fetch_or(result.is_err(), Ordering::Relaxed);
                    tell(at, 1.0);
                    locked(&results).push((at, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items_for_any_number_of_threads() {
        let items: Vec<u32> = (0..50).collect();
        for threads in [1, 2, 7] {
            let threads = NonZeroUsize::new(threads).unwrap();
            let results = each(&items, threads, &Progress::hidden(), |n, _| Ok(n * 2)).unwrap();
            assert_eq!(results, items.iter().map(|n| n * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_ends_the_run() {
        let result = each(&[1, 2, 3], NonZeroUsize::MIN, &Progress::hidden(), |n, _| {
            if *n == 2 { anyhow::bail!("no {n}") } else { Ok(*n) }
        });
        assert_eq!(result.unwrap_err().to_string(), "no 2");
    }
}
