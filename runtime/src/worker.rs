//! One worker: a single-threaded executor with its own listener, its own idle connections, its own buffer memory.

mod inbox;
mod serving;

pub(crate) use inbox::Inbox;

use crate::hub::{Chore, Hub, Upstream};
use crate::link::Link;
use crate::tls::TlsContext;
use crate::traits::Runtime;
use keywheel_core::config::Settings;
use keywheel_core::idle::Idle;
use keywheel_core::keyring::Ticket;
use keywheel_core::notice::Notice;
use keywheel_core::proxy::Reply;
use keywheel_core::time::{Instant, Wall};
use keywheel_core::turn::{Pool, Turn};
use serving::{SWEEP, Serving};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::abort;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

/// Serves `listener` as worker `index` until it is told to end, or to drain and its last session has ended.
pub async fn run<R: Runtime>(
    rt: R,
    hub: Arc<Hub>,
    index: u32,
    listener: R::Listener,
    settings: Arc<Settings>,
    upstream: Upstream,
) {
    let worker = Rc::new(Worker::new(rt, hub.clone(), index, settings, &upstream));
    let mut serving = Serving::new(worker, listener);
    // Without this task the worker is dead though the process lives: a panic in it (the hook has told where) ends both.
    poll_fn(|cx| catch_unwind(AssertUnwindSafe(|| serving.poll(cx))).unwrap_or_else(|_| abort())).await;
    hub.chores.send(Chore::WorkerEnded);
}

/// What the tasks of one worker share.
pub(crate) struct Worker<R: Runtime> {
    pub(crate) rt: R,
    pub(crate) index: u32,
    pub(crate) hub: Arc<Hub>,
    pub(crate) idle: RefCell<Idle<Link<R::Stream>>>,
    pub(crate) tls: RefCell<TlsContext>,
    pool: RefCell<Pool>,
    settings: RefCell<Arc<Settings>>,
    wall: Cell<Wall>,
    /// Inboxes of the sessions that are open, by number.
    open: RefCell<BTreeMap<u64, Rc<Inbox>>>,
    /// Those that wait for an answer of the proxy.
    waiting: RefCell<BTreeMap<Ticket, Rc<Inbox>>>,
    /// Wakes the worker's own task.
    serving: Cell<Option<Waker>>,
    /// Whether that wants to know when a session ends.
    awaits_end: Cell<bool>,
    /// When idle connections are looked at next; `None`: when the next one is parked.
    sweep: Cell<Option<Instant>>,
}

impl<R: Runtime> Worker<R> {
    fn new(rt: R, hub: Arc<Hub>, index: u32, settings: Arc<Settings>, upstream: &Upstream) -> Self {
        let workers = hub.workers();
        Worker {
            rt,
            index,
            idle: RefCell::new(Idle::new(share(upstream.max_free_sockets, workers))),
            tls: RefCell::new(TlsContext::new(upstream.tls.clone())),
            pool: RefCell::new(Pool::new(settings.limits.replay_total / workers.max(1) as usize)),
            wall: Cell::new(hub.wall()),
            hub,
            settings: RefCell::new(settings),
            open: RefCell::default(),
            waiting: RefCell::default(),
            serving: Cell::default(),
            awaits_end: Cell::new(false),
            sweep: Cell::default(),
        }
    }

    /// Lends what a session needs for one turn.
    pub(crate) fn turn<T>(&self, work: impl FnOnce(&mut Turn<'_>) -> T) -> T {
        let (settings, mut pool) = (self.settings.borrow(), self.pool.borrow_mut());
        work(&mut Turn { now: self.rt.now(), wall: self.wall.get(), settings: &settings, pool: &mut pool })
    }

    /// The reply to `ticket` goes to this inbox.
    pub(crate) fn wait_for(&self, ticket: Ticket, inbox: &Rc<Inbox>) {
        self.waiting.borrow_mut().insert(ticket, inbox.clone());
    }

    /// Nobody waits for `ticket` any more.
    pub(crate) fn forget(&self, ticket: Ticket) {
        self.waiting.borrow_mut().remove(&ticket);
    }

    fn deliver(&self, ticket: Ticket, reply: Reply) {
        match self.waiting.borrow_mut().remove(&ticket) {
            Some(inbox) => inbox.reply(reply),
            None => self.hub.give_back(reply, self.rt.now()),
        }
    }

    /// A connection was parked: idle ones are looked at from now on.
    pub(crate) fn watch_idle(&self) {
        if self.sweep.get().is_none() {
            self.sweep.set(Some(self.rt.now() + SWEEP));
            self.wake_serving();
        }
    }

    /// A session has ended.
    pub(crate) fn close(&self, inbox: &Inbox) {
        self.open.borrow_mut().remove(&inbox.number());
        if inbox.counted() {
            self.hub.call(|proxy| proxy.close(self.index));
        }
        if self.awaits_end.get() {
            self.wake_serving();
        }
    }

    fn wake_serving(&self) {
        if let Some(waker) = self.serving.take() {
            waker.wake();
        }
    }

    pub(crate) fn say(&self, level: log::Level, kind: &'static str, text: impl Into<String>) {
        self.hub.notice(Notice::Event { level, kind, text: text.into() });
    }
}

/// A worker's share of a number for all, rounded up.
fn share(all: u32, workers: u32) -> usize {
    all.div_ceil(workers.max(1)) as usize
}
