//! Many seeds on all cores: each world lives on one thread, reports come in the order of their seeds.

use super::engine::Mode;
use super::simulation::{Plan, Report, run};
use super::trace::Record;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

/// Worlds that may be ahead of the one whose report is due: what bounds the memory of reports.
const AHEAD: usize = 64;

/// Runs `seeds` seeds from `start` on in these modes, on `jobs` threads, records this much of each, and gives each report to `take`, in order,
/// until that breaks.
pub fn run_all(
    start: u64,
    seeds: u64,
    modes: &[Mode],
    (jobs, record): (usize, Record),
    mut take: impl FnMut(u64, Mode, Report) -> ControlFlow<()>,
) {
    let (next, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let total = seeds * modes.len() as u64;
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(AHEAD);
        for _ in 0..jobs.max(1) {
            let (sender, next, over) = (sender.clone(), &next, &over);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= total {
                        return;
                    }
                    let (seed, mode) = (start + n / modes.len() as u64, modes[(n % modes.len() as u64) as usize]);
                    if sender.send((n, run(&Plan { record, ..Plan::new(seed, mode) }))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let (mut early, mut due) = (BTreeMap::new(), 0);
        for (n, report) in receiver {
            early.insert(n, report);
            while let Some(report) = early.remove(&due) {
                let (seed, mode) = (start + due / modes.len() as u64, modes[(due % modes.len() as u64) as usize]);
                due += 1;
                if !over.load(Ordering::Relaxed) && take(seed, mode, report).is_break() {
                    over.store(true, Ordering::Relaxed);
                }
            }
        }
    });
}
