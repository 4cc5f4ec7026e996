//! One place that records are written to: a bounded queue and the thread behind it.

use super::record::Record;
use super::render::Render;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
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
        let writer = Writer { name: name.to_owned(), queue: Arc::clone(&queue), out: Some(out), render, failed: 0 };
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
    name: String,
    queue: Arc<Queue>,
    /// `None` once its reader is gone for good.
    out: Option<Box<dyn Write + Send>>,
    render: Render,
    /// Records that could not be written (a disk is full, say), since one could.
    failed: u64,
}

impl Writer {
    fn run(mut self) {
        let mut text = String::new();
        while let Some((records, lost)) = self.queue.next() {
            text.clear();
            if self.failed > 0 {
                // What was written last may have been torn.
                text.push('\n');
            }
            for record in &records {
                (self.render)(record, &mut text);
            }
            if let Some(last) = records.last() {
                let mut tell = |lost: u64, why: &str| {
                    let told = format!("{lost} log records were dropped: {why}");
                    let level = log::Level::Warn;
                    (self.render)(&Record::event(last.at(), level, "log_dropped", told), &mut text);
                };
                if lost > 0 {
                    tell(lost, "they came faster than they could be written");
                }
                if self.failed > 0 {
                    tell(self.failed, "writing them failed");
                }
            }
            self.write(text.as_bytes(), records.len() as u64);
        }
    }

    /// A reader that is gone does not come back; a disk that is full may have room again, so the next batch is tried.
    fn write(&mut self, bytes: &[u8], records: u64) {
        let Some(out) = &mut self.out else { return };
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Ok(()) => self.failed = 0,
            Err(error) if error.kind() == ErrorKind::BrokenPipe => self.out = None,
            Err(error) => {
                if self.failed == 0 {
                    let text = format!("{} cannot be written, records are dropped until it can: {error}", self.name);
                    // If even standard error is gone, there is nobody to tell.
                    let _ = writeln!(io::stderr(), "keywheel: {text}");
                }
                self.failed += records;
            }
        }
    }
}
