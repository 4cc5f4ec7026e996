//! One worker: a single-threaded executor with its own listener, its own idle connections, its own buffer memory.

use crate::driver::Driver;
use crate::hub::{Chore, Hub, Mail, Upstream};
use crate::link::Link;
use crate::tls::TlsContext;
use crate::traits::{Listener, Runtime, Stream, Timer};
use keywheel_core::config::Settings;
use keywheel_core::idle::Idle;
use keywheel_core::keyring::Ticket;
use keywheel_core::notice::Notice;
use keywheel_core::proxy::Reply;
use keywheel_core::session::How;
use keywheel_core::time::Instant;
use keywheel_core::turn::{Pool, Turn};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::abort;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Connections accepted in one turn; then the sessions get theirs.
const ACCEPTS: usize = 64;
/// Pause after an accept failed for lack of something; doubled up to the longest while that lasts.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often idle connections are asked whether they still live.
const SWEEP: Duration = Duration::from_secs(1);

/// What the tasks of one worker share.
pub(crate) struct Worker<R: Runtime> {
    pub(crate) rt: R,
    pub(crate) index: u32,
    pub(crate) hub: Arc<Hub>,
    pub(crate) idle: RefCell<Idle<Link<R::Stream>>>,
    pub(crate) tls: RefCell<TlsContext>,
    pool: RefCell<Pool>,
    settings: RefCell<Arc<Settings>>,
    /// Inboxes of the sessions that are open, by number.
    open: RefCell<BTreeMap<u64, Rc<Inbox>>>,
    /// Those that wait for an answer of the proxy.
    waiting: RefCell<BTreeMap<Ticket, Rc<Inbox>>>,
    /// Wakes [`Serving`], and whether it wants to know when a session ends.
    serving: Cell<Option<Waker>>,
    awaits_end: Cell<bool>,
    /// When idle connections are looked at next; `None`: when the next one is parked.
    sweep: Cell<Option<Instant>>,
}

/// What a session is told while it waits.
pub(crate) struct Inbox {
    number: u64,
    reply: Cell<Option<Reply>>,
    drain: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Inbox {
    /// The task to wake when something comes.
    pub(crate) fn listen(&self, waker: &Waker) {
        let mut known = self.waker.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
    }

    pub(crate) fn take_reply(&self) -> Option<Reply> {
        self.reply.take()
    }

    /// Whether the session is to drain; said once.
    pub(crate) fn take_drain(&self) -> bool {
        self.drain.take()
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
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
        work(&mut Turn { now: self.rt.now(), wall: self.hub.wall(), settings: &settings, pool: &mut pool })
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
            Some(inbox) => {
                inbox.reply.set(Some(reply));
                inbox.wake();
            }
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
        self.open.borrow_mut().remove(&inbox.number);
        self.hub.call(|proxy| proxy.close(self.index));
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

/// The worker's own task: accepts, takes its mail, looks after idle connections.
struct Serving<R: Runtime> {
    worker: Rc<Worker<R>>,
    listener: Option<R::Listener>,
    accepted: u64,
    /// Runs while accepting pauses.
    pause: R::Timer,
    pausing: bool,
    next_pause: Duration,
    /// At the limit of connections, which was said.
    full: bool,
    sweep: R::Timer,
    /// What `sweep` is set to.
    sweep_at: Option<Instant>,
}

/// Serves `listener` as worker `index` until it is told to end, or to drain and its last session has ended.
pub async fn run<R: Runtime>(
    rt: R,
    hub: Arc<Hub>,
    index: u32,
    listener: R::Listener,
    settings: Arc<Settings>,
    upstream: Upstream,
) {
    let mut serving = Serving {
        pause: rt.timer(),
        sweep: rt.timer(),
        worker: Rc::new(Worker::new(rt, hub.clone(), index, settings, &upstream)),
        listener: Some(listener),
        accepted: 0,
        pausing: false,
        next_pause: PAUSE,
        full: false,
        sweep_at: None,
    };
    // Without this task the worker is dead though the process lives: a panic in it (the hook has told where) ends both.
    poll_fn(|cx| catch_unwind(AssertUnwindSafe(|| serving.poll(cx))).unwrap_or_else(|_| abort())).await;
    hub.chores.send(Chore::WorkerEnded);
}

impl<R: Runtime> Serving<R> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.worker.serving.set(Some(cx.waker().clone()));
        while let Poll::Ready(letter) = self.worker.hub.mail(self.worker.index).poll_recv(cx) {
            if self.read(letter).is_break() {
                return Poll::Ready(());
            }
        }
        self.accept(cx);
        self.sweep(cx);
        let drained = self.listener.is_none() && self.worker.open.borrow().is_empty();
        if drained { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Does what a letter says; breaks at the order to end.
    fn read(&mut self, letter: Mail) -> ControlFlow<()> {
        let worker = &self.worker;
        match letter {
            Mail::Wake(ticket, reply) => worker.deliver(ticket, reply),
            Mail::Settings(settings) => *worker.settings.borrow_mut() = settings,
            Mail::Upstream(upstream) => {
                worker.tls.replace(TlsContext::new(upstream.tls));
                let cap = share(upstream.max_free_sockets, worker.hub.workers());
                worker.idle.borrow_mut().set_per_origin(cap);
            }
            Mail::Drain => {
                self.listener = None;
                worker.awaits_end.set(true);
                for inbox in worker.open.borrow().values() {
                    inbox.drain.set(true);
                    inbox.wake();
                }
            }
            Mail::End => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    }

    /// Accepts what waits, up to a number, unless the worker is full or lacks something.
    fn accept(&mut self, cx: &mut Context<'_>) {
        if self.pausing && self.pause.poll_expired(cx).is_pending() {
            return;
        }
        self.pausing = false;
        for _ in 0..ACCEPTS {
            if self.is_full() {
                return;
            }
            let Some(listener) = &mut self.listener else { return };
            match listener.poll_accept(cx) {
                Poll::Ready(Ok((socket, _))) => {
                    self.next_pause = PAUSE;
                    self.open(socket);
                }
                Poll::Ready(Err(error)) if is_passing(&error) => {}
                Poll::Ready(Err(error)) => return self.pause(&error, cx),
                Poll::Pending => return,
            }
        }
        cx.waker().wake_by_ref();
    }

    fn open(&mut self, mut socket: R::Stream) {
        let worker = &self.worker;
        let now = worker.rt.now();
        let Ok(seed) = worker.hub.call(|proxy| proxy.open(worker.index, now)) else {
            return socket.shutdown(How::Reset);
        };
        self.accepted += 1;
        let inbox = Rc::new(Inbox {
            number: self.accepted,
            reply: Cell::default(),
            drain: Cell::default(),
            waker: RefCell::default(),
        });
        worker.open.borrow_mut().insert(inbox.number, inbox.clone());
        worker.rt.spawn(Driver::new(worker.clone(), socket, seed, inbox).run());
    }

    /// At the limit, further connections wait in the kernel's queue.
    fn is_full(&mut self) -> bool {
        let limit = self.worker.settings.borrow().limits.connections;
        let full = limit <= self.worker.open.borrow().len();
        if full && !self.full {
            let text = format!("worker {}: {limit} connections are open, further ones wait", self.worker.index);
            self.worker.say(log::Level::Warn, "connections", text);
        }
        self.full = full;
        self.worker.awaits_end.set(full || self.listener.is_none());
        full
    }

    /// Trying again at once would fail alike and keep the core busy.
    fn pause(&mut self, error: &io::Error, cx: &mut Context<'_>) {
        if self.next_pause == PAUSE {
            self.worker.say(log::Level::Error, "accept", format!("cannot accept connections: {error}"));
        }
        self.pause.reset(self.worker.rt.now() + self.next_pause);
        self.next_pause = LONGEST_PAUSE.min(self.next_pause * 2);
        self.pausing = true;
        if self.pause.poll_expired(cx).is_ready() {
            self.pausing = false;
            cx.waker().wake_by_ref();
        }
    }

    /// Closes idle connections whose time is over, and those that their origins have closed.
    fn sweep(&mut self, cx: &mut Context<'_>) {
        while let Some(at) = self.worker.sweep.get() {
            if self.sweep_at != Some(at) {
                self.sweep.reset(at);
                self.sweep_at = Some(at);
            }
            if self.sweep.poll_expired(cx).is_pending() {
                return;
            }
            self.sweep_at = None;
            let now = self.worker.rt.now();
            let (settings, mut idle) = (self.worker.settings.borrow(), self.worker.idle.borrow_mut());
            idle.sweep(&settings.limits, now, |link| !link.is_alive(), |mut link| link.shutdown(How::Fin));
            let next = idle.poll_timeout().map(|due| due.min(now + SWEEP));
            self.worker.sweep.set(next);
        }
    }
}

/// Errors of the connection that was to be accepted, not of accepting (accept(2)).
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
