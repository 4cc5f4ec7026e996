//! The worker's own task: accepts, takes its mail, looks after idle connections.

use super::{Inbox, Worker, share};
use crate::driver::Driver;
use crate::hub::Mail;
use crate::tls::TlsContext;
use crate::traits::{Listener, Runtime, Timer};
use keywheel_core::session::How;
use keywheel_core::time::Instant;
use std::io;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Connections accepted in one turn; then the sessions get theirs.
const ACCEPTS: usize = 64;
/// Connections beyond `Limits::connections` that are being told so at once.
const REFUSED: usize = 64;
/// Pause after an accept failed for lack of something; doubled up to the longest while that lasts.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// A condition that comes and goes by the connection is told no more often than this.
const SAY_AGAIN: Duration = Duration::from_secs(10);
/// How often idle connections are asked whether they still live.
pub(super) const SWEEP: Duration = Duration::from_secs(1);

/// The worker's own task.
pub(super) struct Serving<R: Runtime> {
    worker: Rc<Worker<R>>,
    listener: Option<R::Listener>,
    accepted: u64,
    /// Runs while accepting pauses.
    pause: R::Timer,
    pausing: bool,
    next_pause: Duration,
    /// When it may be said next that the worker is full, that it cannot accept.
    say_full: Instant,
    say_failed: Instant,
    sweep: R::Timer,
    /// What `sweep` is set to.
    sweep_at: Option<Instant>,
}

impl<R: Runtime> Serving<R> {
    /// Accepts from `listener` until the worker drains.
    pub(super) fn new(worker: Rc<Worker<R>>, listener: R::Listener) -> Self {
        Serving {
            pause: worker.rt.timer(),
            sweep: worker.rt.timer(),
            worker,
            listener: Some(listener),
            accepted: 0,
            pausing: false,
            next_pause: PAUSE,
            say_full: Instant::ZERO,
            say_failed: Instant::ZERO,
            sweep_at: None,
        }
    }

    /// Ready when the worker has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
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
            Mail::Clock(wall) => worker.wall.set(wall),
            Mail::Upstream(upstream) => {
                worker.tls.replace(TlsContext::new(upstream.tls));
                let cap = share(upstream.max_free_sockets, worker.hub.workers());
                worker.idle.borrow_mut().set_per_origin(cap);
            }
            Mail::Drain => {
                self.listener = None;
                worker.awaits_end.set(true);
                for inbox in worker.open.borrow().values() {
                    inbox.drain();
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

    fn open(&mut self, socket: R::Stream) {
        let worker = self.worker.clone();
        let now = worker.rt.now();
        let opened = worker.hub.call(|proxy| proxy.open(worker.index, now));
        if opened.is_err() && seldom(&mut self.say_full, now) {
            let open = worker.open.borrow().len();
            let text = format!("worker {}: {open} connections are open, further ones are refused", worker.index);
            worker.say(log::Level::Warn, "connections", text);
        }
        self.accepted += 1;
        let inbox = Rc::new(Inbox::new(self.accepted, opened.is_ok()));
        worker.open.borrow_mut().insert(inbox.number(), inbox.clone());
        worker.rt.spawn(Driver::new(worker.clone(), socket, opened, inbox).run());
    }

    /// Room for those that are to be refused is bounded, too: beyond it, connections wait in the kernel's queue.
    fn is_full(&mut self) -> bool {
        let limit = self.worker.settings.borrow().limits.connections;
        let full = limit.saturating_add(REFUSED) <= self.worker.open.borrow().len();
        self.worker.awaits_end.set(full || self.listener.is_none());
        full
    }

    /// Trying again at once would fail alike and keep the core busy.
    fn pause(&mut self, error: &io::Error, cx: &mut Context<'_>) {
        let now = self.worker.rt.now();
        if seldom(&mut self.say_failed, now) {
            self.worker.say(log::Level::Error, "accept", format!("cannot accept connections: {error}"));
        }
        self.pause.reset(now + self.next_pause);
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

/// Whether to say something now that may be said from `next` on.
fn seldom(next: &mut Instant, now: Instant) -> bool {
    let again = *next <= now;
    if again {
        *next = now + SAY_AGAIN;
    }
    again
}
