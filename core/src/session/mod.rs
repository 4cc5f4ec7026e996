//! One HTTP/1 client connection: the two codecs, paired with one exchange after another.
//!
//! ```text
//!              ┌──────────── Session ────────────┐
//!  client ───► inbox ─ Client ─► Exchange ─► outbox ───► upstream
//!         ◄─── outbox ◄───────── Exchange ◄─ Upstream ─ inbox ◄───
//! ```
//!
//! Bytes are read into an inbox, marked by a codec, judged by the exchange, and lent to the other side's outbox
//! where they lie. `client` and `upstream` know the syntax; the exchange alone decides.

mod client;
mod ending;
mod inbox;
mod outbox;
mod relay;
mod seam;
mod tunnel;
mod upstream;

pub use seam::*;

use crate::error::{Problem, Unready};
use crate::exchange::{Exchange, Step};
use crate::keyring::Settle;
use crate::notice::{Notice, RequestLine};
use crate::origin::Origin;
use crate::proxy::{Ask, Reply};
use crate::rng::Rng;
use crate::time::Instant;
use crate::turn::{Pool, Turn};
use client::Client;
use core::fmt;
use core::time::Duration;
use inbox::Inbox;
use outbox::Outbox;
use upstream::Upstream;

/// Rounds of one call; each moves something on, so that one call's work is bounded by what was read.
const ROUNDS: usize = 256;

/// One HTTP/1 client connection.
///
/// # Order of calls
/// After any `handle_*`, drain [`Session::poll`] to `None`; write while [`Session::poll_transmit`] is non-empty;
/// read while [`Session::wants_read`]; sleep until [`Session::poll_timeout`]. `handle_*` cannot fail: what goes wrong
/// becomes bytes to a peer, an [`Action`] or a notice.
///
/// * **Reading**: `wants_read`, `awaits`, `recv_buf`, `handle_recv`, `handle_eof`, `handle_lost`
/// * **Writing**: `has_transmit`, `poll_transmit`, `handle_sent`
/// * **Asking**: `poll`, `handle_reply`, `handle_linked`, `handle_signal`
/// * **Time**: `poll_timeout`, `handle_timeout`, before which all that has arrived is to be read: it was in time
/// * **Memory**: `rest` at the end of each turn, `abandon` at the end of all
pub struct Session {
    worker: u32,
    /// Names the session's requests.
    ids: Rng,
    client: Client,
    upstream: Upstream,
    /// What the client sent, what the upstream sent.
    inboxes: [Inbox; 2],
    /// What is to be written to the client, to the upstream.
    outboxes: [Outbox; 2],
    exchange: Option<Exchange>,
    out: Out,
    last: Instant,
}

/// Actions that wait to be polled, beside those of the exchange.
#[derive(Debug, Default)]
struct Out {
    park: Option<(Origin, Duration)>,
    hangup_upstream: Option<How>,
    /// Lines of the log: an answered request's, and that of one behind it which came to its end at once.
    log: [Option<Box<RequestLine>>; 2],
    hangup_client: Option<How>,
    end_writing: Option<Side>,
    late: Option<Box<Ask>>,
    done: bool,
}

impl Out {
    /// There is room for what one call can bring: whoever comes third waits behind an answer that is still to be written.
    fn note(&mut self, line: Box<RequestLine>) {
        let [first, behind] = &mut self.log;
        let free = if first.is_none() { first } else { behind };
        debug_assert!(free.is_none(), "a third line of the log in one call");
        *free = Some(line);
    }

    /// What an exchange that is over still has to say; the one behind it has not been given anything yet.
    fn ask(&mut self, ask: Ask) {
        debug_assert!(self.late.is_none(), "a second late ask in one call");
        self.late = Some(Box::new(ask));
    }
}

const DOWN: usize = Side::Downstream as usize;
const UP: usize = Side::Upstream as usize;

const fn other(side: usize) -> usize {
    1 - side
}

/// Where it stands, and none of the bytes that pass.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("worker", &self.worker)
            .field("client", &self.client.phase)
            .field("exchange", &self.exchange)
            .field("held", &self.held())
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A client has connected. `worker` goes into wants and admin calls so that wakes find their way; `seed` names
    /// the session's requests.
    pub fn new(worker: u32, seed: u64, turn: &mut Turn<'_>) -> Self {
        Session {
            worker,
            ids: Rng::new(seed),
            client: Client::new(turn),
            upstream: Upstream::default(),
            inboxes: Default::default(),
            outboxes: Default::default(),
            exchange: None,
            out: Out::default(),
            last: turn.now,
        }
    }

    /// The client is not served: it is told why, whatever it asks, and its connection ends.
    pub fn refuse(&mut self, why: Unready, turn: &mut Turn<'_>) {
        self.outboxes[DOWN].put_off(turn.now + self.patience(turn));
        self.answer_and_close(Problem::from(why), turn);
        self.advance(turn);
    }

    /// Whether a read is wanted: asked to arm for readiness; attaches no memory.
    pub fn wants_read(&self, side: Side) -> bool {
        let at = side as usize;
        self.awaits(side) && self.inboxes[at].has_room(self.outboxes[other(at)].lends())
    }

    /// Whether what this side sends next is wanted, be there room for it now or not.
    pub fn awaits(&self, side: Side) -> bool {
        match side {
            Side::Downstream => self.client.wants_read(),
            Side::Upstream => self.upstream.wants_read(),
        }
    }

    /// Room to read into, lent by the worker's pool; empty when no read is wanted.
    pub fn recv_buf<'s>(&'s mut self, side: Side, turn: &mut Turn<'_>) -> &'s mut [u8] {
        if !self.wants_read(side) {
            return &mut [];
        }
        let at = side as usize;
        let lent = self.outboxes[other(at)].lends();
        self.inboxes[at].spare(lent, turn.pool)
    }

    /// `n` bytes were read into `recv_buf`; 0: nothing was there, the block may go back.
    pub fn handle_recv(&mut self, side: Side, n: usize, turn: &mut Turn<'_>) {
        if n == 0 {
            return;
        }
        self.inboxes[side as usize].filled(n);
        if side == Side::Downstream {
            self.client.heard(n, turn);
        }
        self.advance(turn);
    }

    /// The peer ended its direction in order.
    pub fn handle_eof(&mut self, side: Side, turn: &mut Turn<'_>) {
        match side {
            Side::Downstream => self.client_eof(turn),
            Side::Upstream => self.upstream.end = Some(upstream::End::Eof),
        }
        self.advance(turn);
    }

    /// The connection broke.
    pub fn handle_lost(&mut self, side: Side, _loss: Loss, turn: &mut Turn<'_>) {
        match side {
            Side::Downstream => self.client_gone(turn),
            Side::Upstream => {
                self.upstream.end = Some(upstream::End::Lost);
                self.outboxes[UP].clear(turn.pool);
            }
        }
        self.advance(turn);
    }

    /// Whether there is something to write.
    pub fn has_transmit(&self, side: Side) -> bool {
        !self.outboxes[side as usize].is_empty()
    }

    /// What to write next: borrowed, so that it cannot change while it is written.
    pub fn poll_transmit(&self, side: Side) -> Transmit<'_> {
        let kept = self.exchange.as_ref().map_or(&[][..], Exchange::pending);
        self.outboxes[side as usize].transmit(&self.inboxes[other(side as usize)], kept)
    }

    /// `n` bytes of `poll_transmit` were written.
    pub fn handle_sent(&mut self, side: Side, n: usize, turn: &mut Turn<'_>) {
        if n == 0 {
            return;
        }
        let at = side as usize;
        let sent = self.outboxes[at].sent(n, turn.pool);
        self.outboxes[at].put_off(turn.now + self.patience(turn));
        if sent.unlent {
            self.inboxes[other(at)].release();
        }
        if let Some(exchange) = &mut self.exchange {
            match side {
                Side::Upstream => {
                    exchange.handle_began();
                    exchange.handle_sent(sent.kept);
                }
                Side::Downstream => {}
            }
            exchange.handle_progress(turn.now);
        }
        self.advance(turn);
    }

    /// The proxy's answer to an `Action::Ask`, at once or by a wake.
    pub fn handle_reply(&mut self, reply: Reply, turn: &mut Turn<'_>) {
        match &mut self.exchange {
            Some(exchange) => exchange.handle_reply(reply, turn),
            None => {
                if let Reply::Granted(lease) | Reply::Kept(lease, _) = reply {
                    self.out.ask(Ask::Settle(Settle::unused(lease)));
                }
            }
        }
        self.advance(turn);
    }

    /// The outcome of an `Action::Dial`.
    pub fn handle_linked(&mut self, linked: Result<Linked, DialError>, turn: &mut Turn<'_>) {
        if linked.is_ok() {
            self.upstream.link();
        }
        match &mut self.exchange {
            Some(exchange) => exchange.handle_linked(linked, turn),
            None => self.release_upstream(turn),
        }
        self.advance(turn);
    }

    /// What the process tells all its sessions.
    pub fn handle_signal(&mut self, signal: Signal, turn: &mut Turn<'_>) {
        match signal {
            Signal::Drain => (self.client.draining, self.client.persist) = (true, false),
        }
        self.advance(turn);
    }

    /// What to do next; drain to `None` after each call.
    pub fn poll(&mut self) -> Option<Action> {
        if let Some((origin, idle)) = self.out.park.take() {
            return Some(Action::Park { origin, idle });
        }
        if let Some(how) = self.out.hangup_upstream.take() {
            return Some(Action::Hangup(Side::Upstream, how));
        }
        if let Some(ask) = self.out.late.take() {
            return Some(Action::Ask(*ask));
        }
        if let Some(action) = self.exchange.as_mut().and_then(Exchange::poll_outer) {
            return Some(action);
        }
        if let Some(line) = self.out.log.iter_mut().find_map(Option::take) {
            return Some(Action::Notice(Notice::Request(line)));
        }
        if let Some(side) = self.out.end_writing.take() {
            return Some(Action::EndWriting(side));
        }
        if let Some(how) = self.out.hangup_client.take() {
            return Some(Action::Hangup(Side::Downstream, how));
        }
        core::mem::take(&mut self.out.done).then_some(Action::Done)
    }

    /// When to call `handle_timeout`, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, Reason)> {
        let stalls = self.outboxes.iter().filter_map(Outbox::deadline).map(|at| (at, Reason::WriteIdle));
        let exchange = self.exchange.as_ref().and_then(Exchange::poll_timeout);
        stalls.chain(self.client.alarm).chain(exchange).min()
    }

    /// Does what is due; nothing when nothing is.
    pub fn handle_timeout(&mut self, turn: &mut Turn<'_>) {
        if let Some(exchange) = &mut self.exchange {
            exchange.handle_timeout(turn);
        }
        self.client_timeout(turn);
        self.end_stalls(turn);
        self.advance(turn);
    }

    /// At the end of a turn: empty blocks go back to the pool.
    pub fn rest(&mut self, turn: &mut Turn<'_>) {
        for at in [DOWN, UP] {
            let lent = self.outboxes[other(at)].lends();
            self.inboxes[at].rest(lent, turn.pool);
        }
    }

    /// The session is dropped: its memory goes back, and what the proxy must still hear is returned.
    pub fn abandon(mut self, pool: &mut Pool) -> Option<Ask> {
        for at in [DOWN, UP] {
            self.inboxes[at].clear(pool);
            self.outboxes[at].clear(pool);
        }
        self.client.free(pool);
        let late = self.out.late.take().map(|ask| *ask);
        late.or_else(|| self.exchange.take().and_then(|exchange| exchange.abandon(pool)))
    }

    /// Bytes of buffer memory held beside the struct itself: blocks and scratch buffers.
    pub fn held(&self) -> usize {
        let boxes = self.inboxes.iter().map(Inbox::held).sum::<usize>();
        let exchange = self.exchange.as_ref().map_or(0, Exchange::held);
        boxes + self.outboxes.iter().map(Outbox::held).sum::<usize>() + exchange
    }

    /// Moves on whatever can be moved, until nothing can.
    fn advance(&mut self, turn: &mut Turn<'_>) {
        debug_assert!(self.last <= turn.now, "time ran backwards");
        self.last = turn.now;
        for at in [DOWN, UP] {
            if self.outboxes[at].is_empty() {
                self.outboxes[at].put_off(turn.now + self.patience(turn));
            }
        }
        for _ in 0..ROUNDS {
            let moved = self.read_client(turn)
                | self.read_upstream(turn)
                | self.step(turn)
                | self.feed_upstream(turn)
                | self.complete(turn);
            if !moved {
                break;
            }
        }
        self.note_pressure(turn);
    }

    /// Does the next step of the exchange that is the codecs' to do.
    fn step(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some(step) = self.exchange.as_mut().and_then(Exchange::poll_codec) else { return false };
        match step {
            Step::Release => self.release_upstream(turn),
            Step::Send => self.send_request(turn),
            Step::Continue => self.write_continue(turn),
            Step::Answer => self.write_answer(turn),
            Step::Abort => self.abort_answer(turn),
            Step::StopDial | Step::Ask(_) | Step::Dial(_) | Step::Log(_) => {}
        }
        true
    }

    /// The answer is out: log it, and begin anew or close.
    fn complete(&mut self, turn: &mut Turn<'_>) -> bool {
        let over = self.exchange.as_ref().is_some_and(Exchange::is_over);
        if !over || !self.outboxes[DOWN].is_empty() {
            return false;
        }
        let Some(mut exchange) = self.exchange.take() else { return false };
        if let Some(ask) = exchange.take_ask() {
            self.out.ask(ask);
        }
        if let Some(Step::Log(line)) = exchange.handle_delivered(!self.client.broken, turn) {
            self.out.note(line);
        }
        self.next_request(exchange.request_ended(), turn);
        true
    }
}

#[cfg(test)]
mod tests;
