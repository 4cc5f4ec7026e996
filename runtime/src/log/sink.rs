//! One place that records are written to: a bounded queue and the thread behind it.

use super::record::Record;
use super::render::Render;
use std::collections::VecDeque;
use std::io::Write;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;

/// Records waiting at most.
pub(super) const QUEUE: usize = 4096;
/// Records rendered and written at once.
const BATCH: usize = 256;

/// A queue and its thread, which ends with it.
pub(super) struct Sink(Arc<Queue>);

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    /// There is something to do for the writer.
    filled: Condvar,
    /// The writer has nothing left to do.
    drained: Condvar,
}

#[derive(Default)]
struct State {
    records: VecDeque<Arc<Record>>,
    /// The writer is at work on records that are no longer in the queue.
    busy: bool,
    closed: bool,
    /// Records that found the queue full, and of which the log has not told yet.
    lost: u64,
}

impl Sink {
    /// A thread of this name that writes to `out`.
    pub(super) fn start(name: &str, out: Box<dyn Write + Send>, render: Render) -> Sink {
        let queue = Arc::new(Queue::default());
        let writer = Writer { queue: Arc::clone(&queue), out: Some(out), render };
        // Without its thread the queue fills, and what comes then counts as lost.
        let _ = Builder::new().name(name.to_owned()).spawn(move || writer.run());
        Sink(queue)
    }

    /// Queues a record, or counts it as lost.
    pub(super) fn push(&self, record: Arc<Record>) {
        let mut state = self.0.lock();
        if state.records.len() < QUEUE {
            state.records.push_back(record);
            self.0.filled.notify_one();
        } else {
            state.lost += 1;
        }
    }

    /// Waits until nothing is left to write, but no longer than `most`.
    pub(super) fn flush(&self, most: Duration) {
        let state = self.0.lock();
        let left = |state: &mut State| state.busy || !state.records.is_empty();
        drop(self.0.drained.wait_timeout_while(state, most, left).unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.filled.notify_one();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next records, and how many were lost before them; `None`: the log is gone and all is written.
    fn next(&self) -> Option<(Vec<Arc<Record>>, u64)> {
        let mut state = self.lock();
        state.busy = false;
        if state.records.is_empty() {
            self.drained.notify_all();
        }
        let idle = |state: &mut State| state.records.is_empty() && !state.closed;
        let mut state = self.filled.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        let n = state.records.len().min(BATCH);
        state.busy = n > 0;
        let records: Vec<_> = state.records.drain(..n).collect();
        (n > 0).then(|| (records, mem::take(&mut state.lost)))
    }
}

struct Writer {
    queue: Arc<Queue>,
    /// `None` once it was closed.
    out: Option<Box<dyn Write + Send>>,
    render: Render,
}

impl Writer {
    fn run(mut self) {
        let mut text = String::new();
        while let Some((records, lost)) = self.queue.next() {
            text.clear();
            for record in &records {
                (self.render)(record, &mut text);
            }
            if let Some(last) = records.last().filter(|_| lost > 0) {
                let told = format!("{lost} log records were dropped: they came faster than they could be written");
                (self.render)(&Record::event(last.at(), log::Level::Warn, "log_dropped", told), &mut text);
            }
            self.write(text.as_bytes());
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(out) = &mut self.out
            && out.write_all(bytes).and_then(|()| out.flush()).is_err()
        {
            self.out = None;
        }
    }
}
