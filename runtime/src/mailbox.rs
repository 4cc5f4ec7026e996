//! How one task is told something by others, on this thread or another.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Letters for one reader, in order. It is never on the path of a request that does not wait.
#[derive(Debug)]
pub struct Mailbox<T>(Mutex<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    letters: VecDeque<T>,
    reader: Option<Waker>,
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        Mailbox(Mutex::new(Inner { letters: VecDeque::new(), reader: None }))
    }
}

impl<T> Mailbox<T> {
    /// Adds a letter and wakes the reader.
    pub fn send(&self, letter: T) {
        let reader = self.with(|inner| {
            inner.letters.push_back(letter);
            inner.reader.take()
        });
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// The next letter; the reader is woken when there is one.
    pub fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<T> {
        self.with(|inner| match inner.letters.pop_front() {
            Some(letter) => Poll::Ready(letter),
            None => {
                inner.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        })
    }

    fn with<R>(&self, work: impl FnOnce(&mut Inner<T>) -> R) -> R {
        // Nothing that runs under this lock can leave the queue half changed.
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
