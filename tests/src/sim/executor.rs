//! An executor of one thread on virtual time: tasks run in the order in which they were woken, or in a seeded one.
//!
//! It never sleeps. When nothing is woken, whoever drives the world lets time jump to the next event; a task that
//! wakes itself without end is found by the bound on polls at one moment.

use super::dice::Dice;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Polls at one moment of virtual time beyond which the tasks are said to spin.
const POLLS_AT_ONE_MOMENT: u32 = 200_000;

type Task = Pin<Box<dyn Future<Output = ()>>>;
type Queue = Arc<Mutex<VecDeque<usize>>>;

/// The tasks of a world.
#[derive(Default)]
pub struct Executor {
    tasks: Vec<Option<(Task, Arc<TaskWaker>)>>,
    free: Vec<usize>,
    ready: Queue,
    polls: u32,
    at: u64,
    total: u64,
}

impl core::fmt::Debug for Executor {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Executor({} tasks, {} polls)", self.tasks.len() - self.free.len(), self.total)
    }
}

/// Tasks spin: they were polled too often while time stood still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spinning;

struct TaskWaker {
    id: usize,
    queued: AtomicBool,
    ready: Queue,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            lock(&self.ready).push_back(self.id);
        }
    }
}

impl Executor {
    /// Adds a task and lets it run soon.
    pub fn spawn(&mut self, task: Task) {
        let id = self.free.pop().unwrap_or_else(|| {
            self.tasks.push(None);
            self.tasks.len() - 1
        });
        let waker = Arc::new(TaskWaker { id, queued: AtomicBool::new(false), ready: self.ready.clone() });
        waker.wake_by_ref();
        self.tasks[id] = Some((task, waker));
    }

    /// How many tasks there are.
    pub fn tasks(&self) -> usize {
        self.tasks.len() - self.free.len()
    }

    /// How many polls there were.
    pub fn polls(&self) -> u64 {
        self.total
    }

    /// Polls one woken task, the first or, with `order`, any; false when none is woken.
    ///
    /// # Errors
    /// [`Spinning`] when time stands still.
    pub fn step(&mut self, now: u64, order: Option<&mut Dice>) -> Result<bool, Spinning> {
        let id = {
            let mut ready = lock(&self.ready);
            match order {
                Some(dice) => {
                    let chosen = dice.below(ready.len());
                    ready.remove(chosen)
                }
                None => ready.pop_front(),
            }
        };
        let Some(id) = id else { return Ok(false) };
        if core::mem::replace(&mut self.at, now) != now {
            self.polls = 0;
        }
        self.polls += 1;
        self.total += 1;
        if self.polls > POLLS_AT_ONE_MOMENT {
            return Err(Spinning);
        }
        // The task is out of its place while it runs, so that it may spawn others.
        if let Some((mut task, wake)) = self.tasks.get_mut(id).and_then(Option::take) {
            wake.queued.store(false, Ordering::Relaxed);
            let waker = Waker::from(wake.clone());
            match task.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Pending => self.tasks[id] = Some((task, wake)),
                Poll::Ready(()) => {
                    // Whoever still holds its waker wakes nobody, since the slot's next task has a waker of its own.
                    wake.queued.store(true, Ordering::Relaxed);
                    lock(&self.ready).retain(|queued| *queued != id);
                    self.free.push(id);
                }
            }
        }
        Ok(true)
    }
}

fn lock(queue: &Queue) -> std::sync::MutexGuard<'_, VecDeque<usize>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    #[test]
    fn tasks_run_in_the_order_of_waking() {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let mut executor = Executor::default();
        for n in 0..3 {
            let seen = seen.clone();
            let mut polls = 0;
            executor.spawn(Box::pin(std::future::poll_fn(move |cx| {
                seen.borrow_mut().push(n);
                polls += 1;
                cx.waker().wake_by_ref();
                if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
            })));
        }
        while executor.step(0, None) == Ok(true) {}
        assert_eq!(*seen.borrow(), [0, 1, 2, 0, 1, 2]);
        assert_eq!(executor.tasks(), 0);
    }

    #[test]
    fn a_task_that_wakes_itself_for_ever_is_found() {
        let mut executor = Executor::default();
        executor.spawn(Box::pin(std::future::poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::Pending
        })));
        let end = loop {
            match executor.step(7, None) {
                Ok(true) => {}
                other => break other,
            }
        };
        assert_eq!(end, Err(Spinning));
    }
}
