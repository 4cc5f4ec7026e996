//! The session loop: one task for each client connection, which owns both links and the [`Session`].
//!
//! # Order of a turn
//! ```text
//! woken: did a reply come? which blocked directions are ready?
//!   └► round: read and write what is not blocked ► dial ► actions   (again while something moved, at most ROUNDS)
//!        └► expire: what is due, once all that had come by then was taken in
//!             └► rest: empty blocks go back
//!                  └► arm what is wanted and blocked, and the timer; asleep unless something is ready at once
//! ```
//! Deadlines come last, and a moment late: a process that was stopped, or a machine that was busy, finds them past together
//! with what arrived in time, and nobody is to blame for that.
//!
//! Actions come before arming, so that a link that is parked leaves no waker behind. A direction that moved less
//! than it could is not tried again before it was reported ready: a turn of a busy stream costs one read and one
//! write. The timer is lazy: set only when the deadline comes earlier, and set again when it wakes too early.

mod action;
mod half;

use crate::link::{Fault, Link, Moved};
use crate::traits::{Runtime, Timer};
use crate::worker::{Inbox, Worker};
use half::{Half, Way};
use keywheel_core::error::Unready;
use keywheel_core::keyring::Ticket;
use keywheel_core::origin::Origin;
use keywheel_core::session::{DialError, How, Linked, Loss, Session, Side, Signal};
use keywheel_core::time::Instant;
use keywheel_core::turn::Turn;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Rounds of one turn; then other tasks get theirs.
const ROUNDS: usize = 64;

/// How long after a deadline it is held against anybody. The runtime looks at its sockets meanwhile: it can learn of the
/// deadline first, since a wait that is broken off by a stop of the process (EINTR, signal(7)) tells of nothing that came.
/// Long enough for several looks: async-io takes no word of one that had begun when it was asked.
pub(crate) const MOMENT: Duration = Duration::from_millis(10);

/// One client connection. Dropping it at any time settles what its session still holds.
pub(crate) struct Driver<R: Runtime> {
    /// Taken out only to be abandoned.
    session: Option<Session>,
    io: Io<R>,
}

/// Everything of a client connection but its session.
struct Io<R: Runtime> {
    worker: Rc<Worker<R>>,
    inbox: Rc<Inbox>,
    downstream: Option<Half<R::Stream>>,
    upstream: Option<Upstream<R::Stream>>,
    dialing: Option<Dialing<R::Stream>>,
    /// The place in the queue that the session waits in.
    ticket: Option<Ticket>,
    timer: R::Timer,
    /// What the timer is set to.
    armed: Option<Instant>,
    /// A deadline is past: until then what came in time is looked for.
    looking: Option<Instant>,
    /// How long the last turn took. What it did at its end counts from its beginning: where the process was stopped within
    /// it, peers had that much less time.
    took: Duration,
    over: bool,
}

/// The link to an upstream.
struct Upstream<S> {
    half: Half<S>,
    origin: Origin,
    made_at: Instant,
    /// It was idle before, and nothing was heard on it since.
    untried: bool,
}

/// A dial under way.
struct Dialing<S> {
    connecting: Pin<Box<dyn Future<Output = Result<Link<S>, DialError>>>>,
    origin: Origin,
    /// Worth a poll: it is new, or the task was woken.
    woken: bool,
}

impl<R: Runtime> Driver<R> {
    /// A client has connected; the proxy has given a seed, or refuses the client.
    pub(crate) fn new(
        worker: Rc<Worker<R>>,
        socket: R::Stream,
        opened: Result<u64, Unready>,
        inbox: Rc<Inbox>,
    ) -> Self {
        let seed = opened.unwrap_or_else(|_| worker.rt.seed());
        let session = worker.turn(|turn| {
            let mut session = Session::new(worker.index, seed, turn);
            if let Err(why) = opened {
                session.refuse(why, turn);
            }
            session
        });
        let io = Io {
            timer: worker.rt.timer(),
            worker,
            inbox,
            downstream: Some(Half::new(Link::Plain(socket), Way::Open)),
            upstream: None,
            dialing: None,
            ticket: None,
            armed: None,
            looking: None,
            took: Duration::ZERO,
            over: false,
        };
        Driver { session: Some(session), io }
    }

    /// Serves the connection to its end. A panic ends this session only.
    pub(crate) fn run(mut self) -> impl Future<Output = ()> {
        // An async block would hold the driver twice: as what it captured, and as what it then borrows.
        poll_fn(move |cx| {
            catch_unwind(AssertUnwindSafe(|| self.poll(cx))).unwrap_or_else(|_| {
                let text = "a session ended for a reason of our own, see the trace";
                self.io.worker.say(log::Level::Error, "panic", text);
                Poll::Ready(())
            })
        })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(session) = &mut self.session else { return Poll::Ready(()) };
        let worker = self.io.worker.clone();
        worker.turn(|turn| {
            let taken = self.io.take_turn(session, turn, cx);
            self.io.took = worker.rt.now().since(turn.now);
            taken
        })
    }
}

impl<R: Runtime> Drop for Driver<R> {
    fn drop(&mut self) {
        if let (Some(downstream), false) = (&mut self.io.downstream, self.io.over) {
            // Cut in the middle: the client must see that.
            downstream.link.shutdown(How::Reset);
        }
        let now = self.io.worker.rt.now();
        if let Some(session) = self.session.take() {
            let worker = &self.io.worker;
            let abandoned = catch_unwind(AssertUnwindSafe(|| worker.turn(|turn| session.abandon(turn.pool))));
            if let Ok(Some(ask)) = abandoned {
                let reply = self.io.ask(ask, now);
                self.io.worker.hub.give_back(reply, now);
            }
        }
        self.io.stop_waiting(now);
        self.io.worker.close(&self.io.inbox);
    }
}

impl<R: Runtime> Io<R> {
    fn take_turn(&mut self, session: &mut Session, turn: &mut Turn<'_>, cx: &mut Context<'_>) -> Poll<()> {
        self.wake(session, turn, cx);
        for _ in 0..ROUNDS {
            let mut moved = false;
            for side in [Side::Downstream, Side::Upstream] {
                moved |= self.read(side, session, turn);
                moved |= self.write(side, session, turn);
            }
            moved |= self.poll_dial(session, turn, cx);
            moved |= self.act(session, turn);
            if self.over {
                return Poll::Ready(());
            }
            if moved || self.expire(session, turn) {
                continue;
            }
            // Only now, so that a request that had arrived before the signal is still served.
            if self.inbox.take_drain() {
                session.handle_signal(Signal::Drain, turn);
                continue;
            }
            session.rest(turn);
            if !self.arm(session, cx) {
                return Poll::Pending;
            }
        }
        // One that never comes to rest has deadlines, too.
        self.expire(session, turn);
        session.rest(turn);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Finds out what the task was woken for.
    fn wake(&mut self, session: &mut Session, turn: &mut Turn<'_>, cx: &mut Context<'_>) {
        self.inbox.listen(cx.waker());
        if let Some(reply) = self.inbox.take_reply() {
            self.ticket = None;
            session.handle_reply(reply, turn);
        }
        if let Some(dialing) = &mut self.dialing {
            dialing.woken = true;
        }
        self.armed = self.armed.filter(|at| turn.now < *at);
        for side in [Side::Downstream, Side::Upstream] {
            if let Some(half) = self.half(side) {
                half.wake();
                half.arm(session.wants_read(side), session.has_transmit(side) || half.link.has_pending(), cx);
            }
        }
    }

    /// Does what is due since a moment; true when something is.
    fn expire(&mut self, session: &mut Session, turn: &mut Turn<'_>) -> bool {
        if session.poll_timeout().is_none_or(|(at, _)| turn.now < at) {
            self.looking = None;
            return false;
        }
        if turn.now < *self.looking.get_or_insert(turn.now + MOMENT + self.took) {
            return false;
        }
        self.looking = None;
        session.handle_timeout(turn);
        true
    }

    /// Sees to it that the task is woken for all that is wanted; true when some of it is there already.
    fn arm(&mut self, session: &Session, cx: &mut Context<'_>) -> bool {
        let mut ready = false;
        for side in [Side::Downstream, Side::Upstream] {
            if let Some(half) = self.half(side) {
                ready |= half.arm(session.wants_read(side), session.has_transmit(side) || half.link.has_pending(), cx);
            }
        }
        let deadline = self.looking.or(session.poll_timeout().map(|(at, _)| at));
        if let Some(at) = deadline
            && self.armed.is_none_or(|armed| at < armed)
        {
            self.timer.reset(at);
            self.armed = Some(at);
            if self.timer.poll_expired(cx).is_ready() {
                // It is due by now, though it was not when the turn began: another turn. A moment in which nobody slept, so that
                // no socket was looked at, was none.
                self.armed = None;
                self.looking = None;
                cx.waker().wake_by_ref();
            }
        }
        ready
    }

    fn half(&mut self, side: Side) -> Option<&mut Half<R::Stream>> {
        match side {
            Side::Downstream => self.downstream.as_mut(),
            Side::Upstream => self.upstream.as_mut().map(|upstream| &mut upstream.half),
        }
    }

    /// Reads once, if that is worth a try; true when something came of it.
    fn read(&mut self, side: Side, session: &mut Session, turn: &mut Turn<'_>) -> bool {
        let Some(half) = self.half(side) else { return false };
        if half.reading != Way::Open || !session.wants_read(side) {
            return false;
        }
        let buf = session.recv_buf(side, turn);
        if buf.is_empty() {
            return false;
        }
        match half.link.try_read(buf) {
            Ok(Moved { n: 0, .. }) if half.reset => self.lose(side, Loss::Reset, session, turn),
            Ok(Moved { n: 0, .. }) => {
                half.reading = Way::Ended;
                session.handle_recv(side, 0, turn);
                self.note_race(side, turn);
                session.handle_eof(side, turn);
            }
            Ok(Moved { n, blocked }) => {
                half.reading = if blocked { Way::Blocked } else { Way::Open };
                self.note_heard(side);
                session.handle_recv(side, n, turn);
            }
            Err(Fault::Blocked) => {
                half.reading = Way::Blocked;
                session.handle_recv(side, 0, turn);
                return false;
            }
            Err(Fault::Lost(loss)) => self.lose(side, loss, session, turn),
        }
        true
    }

    /// A read found the link gone.
    fn lose(&mut self, side: Side, loss: Loss, session: &mut Session, turn: &mut Turn<'_>) {
        session.handle_recv(side, 0, turn);
        self.tell_loss(side, &loss);
        self.note_race(side, turn);
        self.unlink(side);
        session.handle_lost(side, loss, turn);
    }

    /// Writes once, if that is worth a try; true when something came of it.
    fn write(&mut self, side: Side, session: &mut Session, turn: &mut Turn<'_>) -> bool {
        let Some(half) = self.half(side) else { return false };
        if half.writing != Way::Open {
            return false;
        }
        let wrote = if session.has_transmit(side) {
            half.link.try_write(session.poll_transmit(side).slices())
        } else if half.link.has_pending() {
            half.link.flush().map(|()| Moved { n: 0, blocked: false })
        } else {
            return false;
        };
        match wrote {
            Ok(Moved { n, blocked }) => {
                half.writing = if blocked { Way::Blocked } else { Way::Open };
                session.handle_sent(side, n, turn);
                0 < n
            }
            Err(Fault::Blocked) => {
                half.writing = Way::Blocked;
                false
            }
            Err(Fault::Lost(loss)) => {
                half.writing = Way::Ended;
                if side == Side::Upstream && half.reading != Way::Ended && session.awaits(side) {
                    // It may have answered early and closed: that answer can still be read, and how it ended.
                    half.reading = Way::Open;
                    half.reset = loss != Loss::Closed;
                } else {
                    self.unlink(side);
                    session.handle_lost(side, loss, turn);
                }
                true
            }
        }
    }

    /// The link is gone.
    fn unlink(&mut self, side: Side) {
        match side {
            Side::Downstream => self.downstream = None,
            Side::Upstream => self.upstream = None,
        }
    }

    fn note_heard(&mut self, side: Side) {
        if let (Side::Upstream, Some(upstream)) = (side, &mut self.upstream) {
            upstream.untried = false;
        }
    }

    /// What TLS found wrong with an upstream is for its operator to know. That a reused connection is gone is nothing wrong.
    fn tell_loss(&self, side: Side, loss: &Loss) {
        if let (Side::Upstream, Loss::Tls(why), Some(upstream)) = (side, loss, &self.upstream)
            && !upstream.untried
        {
            self.worker.say(log::Level::Warn, "tls", format!("TLS with {}: {why}", upstream.origin.host()));
        }
    }

    /// A reused connection that ends before anything was heard on it lost the keep-alive race.
    fn note_race(&mut self, side: Side, turn: &Turn<'_>) {
        if let (Side::Upstream, Some(upstream)) = (side, &mut self.upstream)
            && std::mem::take(&mut upstream.untried)
        {
            self.worker.idle.borrow_mut().closed(&upstream.origin, &turn.settings.limits, turn.now);
        }
    }

    /// Polls the dial under way; true when it has ended.
    fn poll_dial(&mut self, session: &mut Session, turn: &mut Turn<'_>, cx: &mut Context<'_>) -> bool {
        let Some(dialing) = self.dialing.as_mut().filter(|dialing| dialing.woken) else { return false };
        dialing.woken = false;
        let Poll::Ready(connected) = dialing.connecting.as_mut().poll(cx) else { return false };
        let Some(Dialing { origin, .. }) = self.dialing.take() else { return false };
        let linked = connected.map(|link| {
            // Nothing is expected before the request is out; were something there, it would be no answer to it.
            let half = Half::new(link, Way::Open);
            self.upstream = Some(Upstream { half, origin, made_at: turn.now, untried: false });
            Linked { reused: false }
        });
        session.handle_linked(linked, turn);
        true
    }
}
