//! One HTTP/1.1 connection of the fake provider.
//!
//! ```text
//!   Idle ─ head ─▶ Exchange ─ answered, body read ─▶ Idle
//!     │               ├─ 101 ─▶ Tunnel
//!     │ idle for long, peer left, illegal, `Connection: close`
//!     └───────────────┴──────────▶ Over, close() says how
//! ```
//!
//! After any `recv`, `sent`, `eof` or `timeout`: write while `transmit` is not empty, read while `wants_recv`,
//! sleep until `poll_timeout`, and close when `wants_close` says so.

use super::answer::Answer;
use super::decoder::Decoder;
use super::head::{Head, Violation, end_of_head};
use super::intake::Intake;
use super::outgoing::{End, Feed, Outgoing, Step};
use super::provider::Provider;
use super::record::{Body, Ended, Record};
use super::route::{self, is_echo};
use super::spec::Spec;
use super::websocket::{Closed, Socket};
use keywheel_core::time::Instant;

/// Bytes read ahead of what was understood.
const INBOX: usize = 64 * 1024;

/// How a connection is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// In order.
    Fin,
    /// By a reset.
    Reset,
}

enum State {
    Idle,
    Exchange(Box<Exchange>),
    Tunnel(Socket),
    Over,
}

struct Exchange {
    serial: u64,
    head: Head,
    spec: Result<Option<Spec>, String>,
    decoder: Decoder,
    intake: Intake,
    received: bool,
    answer: Option<Outgoing>,
    finished: Option<End>,
}

/// One connection.
pub struct Conn {
    provider: Provider,
    id: u64,
    inbox: Vec<u8>,
    /// Bytes of the inbox in which no end of head was found.
    seen: usize,
    state: State,
    out: Vec<u8>,
    taken: usize,
    wake: Option<Instant>,
    idle_since: Instant,
    peer_done: bool,
    close: Option<Close>,
}

impl Conn {
    pub(super) fn new(provider: Provider, id: u64, now: Instant) -> Self {
        let mut conn = Conn {
            provider,
            id,
            inbox: Vec::new(),
            seen: 0,
            state: State::Idle,
            out: Vec::new(),
            taken: 0,
            wake: None,
            idle_since: now,
            peer_done: false,
            close: None,
        };
        conn.drive(now);
        conn
    }

    /// The connection's serial number, from 1.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether it would read: not while it holds as much as it may.
    pub fn wants_recv(&self) -> bool {
        !self.peer_done && self.close.is_none() && self.inbox.len() < INBOX
    }

    /// Bytes arrived.
    pub fn recv(&mut self, bytes: &[u8], now: Instant) {
        self.inbox.extend_from_slice(bytes);
        self.drive(now);
    }

    /// What is to be written; empty: nothing.
    pub fn transmit(&self) -> &[u8] {
        &self.out[self.taken..]
    }

    /// The first `n` bytes of `transmit` were written.
    pub fn sent(&mut self, n: usize, now: Instant) {
        self.taken = (self.taken + n).min(self.out.len());
        if self.taken == self.out.len() {
            self.out.clear();
            self.taken = 0;
        }
        self.drive(now);
    }

    /// The peer will send nothing more. Within a request or its answer this is taken for its leaving.
    pub fn eof(&mut self, now: Instant) {
        self.peer_done = true;
        self.drive(now);
    }

    /// When `timeout` is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.wake
    }

    /// The time of `poll_timeout` has come.
    pub fn timeout(&mut self, now: Instant) {
        self.drive(now);
    }

    /// Whether, everything being written, the connection is to be closed now.
    pub fn wants_close(&self) -> Option<Close> {
        self.close.filter(|_| self.transmit().is_empty())
    }

    fn drive(&mut self, now: Instant) {
        self.wake = None;
        loop {
            let (state, again) = match std::mem::replace(&mut self.state, State::Over) {
                State::Idle => self.idle(now),
                State::Exchange(exchange) => self.exchange(exchange, now),
                State::Tunnel(socket) => self.tunnel(socket),
                State::Over => (State::Over, false),
            };
            self.state = state;
            if !again {
                return;
            }
        }
    }

    fn over(&mut self, close: Close) -> (State, bool) {
        self.close = Some(close);
        self.inbox.clear();
        (State::Over, false)
    }

    fn idle(&mut self, now: Instant) -> (State, bool) {
        let end = match end_of_head(&self.inbox, self.seen) {
            Ok(Some(end)) => end,
            Ok(None) if self.peer_done => return self.over(Close::Fin),
            Ok(None) => return self.wait_for_head(now),
            Err(violation) => return self.refuse(self.inbox.len(), violation, now),
        };
        self.seen = 0;
        let head = match Head::parse(&self.inbox[..end]) {
            Ok(head) => head,
            Err(violation) => return self.refuse(end, violation, now),
        };
        let raw: Vec<u8> = self.inbox.drain(..end).collect();
        let spec = route::spec_of_head(&head);
        let decoder = Decoder::new(head.framing);
        let flag = |of: fn(&Spec) -> bool| matches!(&spec, Ok(Some(s)) if of(s));
        let waits = head.lists("expect", "100-continue") && head.modern && !decoder.done();
        if waits && !flag(|s| s.early) && !flag(|s| s.no_continue) {
            self.out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        let serial = self.provider.enter(self.record(raw, Some(&head), now));
        let intake = Intake::new(&head, self.provider.options().keep_body, is_echo(&head));
        let exchange = Exchange { serial, head, spec, decoder, intake, received: false, answer: None, finished: None };
        (State::Exchange(Box::new(exchange)), true)
    }

    fn wait_for_head(&mut self, now: Instant) -> (State, bool) {
        self.seen = self.inbox.len();
        if let Some(idle) = self.provider.options().idle.filter(|_| self.inbox.is_empty()) {
            let end = self.idle_since + idle;
            if end <= now && self.transmit().is_empty() {
                return self.over(Close::Fin);
            }
            self.wake = Some(end);
        }
        (State::Idle, false)
    }

    fn record(&self, head: Vec<u8>, parsed: Option<&Head>, now: Instant) -> Record {
        Record {
            serial: 0,
            conn: self.id,
            at: now,
            head,
            method: parsed.map(|h| h.method.clone()).unwrap_or_default(),
            target: parsed.map(|h| h.target.clone()).unwrap_or_default(),
            key: parsed.and_then(Head::bearer).map(str::to_owned),
            body: Body::default(),
            received: false,
            trailers: Vec::new(),
            status: 0,
            answer: Body::default(),
            ended: Ended::Open,
            violations: parsed.map(|h| h.violations.clone()).unwrap_or_default(),
        }
    }

    /// An illegal head: it goes into the log as it came, and is answered 400.
    fn refuse(&mut self, n: usize, violation: Violation, now: Instant) -> (State, bool) {
        let mut record = self.record(self.inbox[..n].to_vec(), None, now);
        record.violations.push(violation.clone());
        (record.status, record.ended) = (400, Ended::Complete);
        self.provider.enter(record);
        self.bad_request(&violation);
        self.over(Close::Fin)
    }

    fn bad_request(&mut self, violation: &Violation) {
        let body = violation.to_string();
        let head = format!("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        self.out.extend_from_slice((head + &body).as_bytes());
    }

    fn exchange(&mut self, mut x: Box<Exchange>, now: Instant) -> (State, bool) {
        if let Err(violation) = self.read_body(&mut x) {
            return self.broken_body(&x, violation);
        }
        let early = matches!(&x.spec, Ok(Some(spec)) if spec.early) || is_echo(&x.head);
        if x.answer.is_none() && (x.received || early) {
            self.begin_answer(&mut x, now);
        }
        let starved = self.pump(&mut x, now);
        match x.finished {
            Some(end) if self.transmit().is_empty() && (x.received || end != End::Keep) => self.end(&x, end, now),
            _ if starved && !self.inbox.is_empty() => (State::Exchange(x), true),
            _ if self.peer_done => self.peer_left(&x),
            _ => (State::Exchange(x), false),
        }
    }

    fn read_body(&mut self, x: &mut Exchange) -> Result<(), Violation> {
        let full = x.intake.echo.as_ref().is_some_and(|echo| echo.len() >= INBOX);
        if x.received || full {
            return Ok(());
        }
        let (decoder, intake) = (&mut x.decoder, &mut x.intake);
        let used = decoder.feed(&self.inbox, |piece| intake.take(piece))?;
        self.inbox.drain(..used);
        x.received = x.decoder.done();
        if x.received && x.decoder.extensions {
            let extensions = Violation::Forwarded("chunk extensions");
            self.provider.violate(self.id, Some(x.serial), extensions);
        }
        let len = x.intake.len();
        self.provider.update(x.serial, |r| r.body.len = len);
        if x.received {
            let (body, trailers) = (x.intake.body(self.provider.options().keep_body), x.decoder.trailers.clone());
            self.provider.update(x.serial, |r| (r.body, r.received, r.trailers) = (body, true, trailers));
        }
        Ok(())
    }

    fn broken_body(&mut self, x: &Exchange, violation: Violation) -> (State, bool) {
        self.provider.violate(self.id, Some(x.serial), violation.clone());
        if x.answer.is_none() {
            self.bad_request(&violation);
        }
        self.provider.update(x.serial, |r| r.ended = Ended::Cut);
        self.over(Close::Fin)
    }

    fn begin_answer(&mut self, x: &mut Exchange, now: Instant) {
        let (answer, spec) = match &x.spec {
            Ok(spec) => route::answer(&self.provider, (x.serial, &x.head, spec.as_ref()), &x.intake, now),
            Err(why) => (Answer::refuse(400, "bad_fake_spec", why), Spec::default()),
        };
        let answer = Outgoing::new(answer, spec, &x.head, self.provider.options(), now);
        self.provider.update(x.serial, |r| r.status = answer.status);
        x.answer = Some(answer);
    }

    /// Makes bytes of the answer; returns whether an echo wants more of the body.
    fn pump(&mut self, x: &mut Exchange, now: Instant) -> bool {
        let Some(answer) = x.answer.as_mut().filter(|_| x.finished.is_none()) else { return false };
        let feed = Feed { echo: x.intake.echo.as_mut(), ended: x.received };
        match answer.pump(&mut self.out, feed, now) {
            Step::Wait(until) => self.wake = Some(until),
            Step::End(end) => x.finished = Some(end),
            Step::Starved => return true,
            Step::Full | Step::Hang => {}
        }
        false
    }

    fn peer_left(&mut self, x: &Exchange) -> (State, bool) {
        self.settle(x, Ended::Left);
        self.out.clear();
        self.taken = 0;
        self.over(Close::Fin)
    }

    fn end(&mut self, x: &Exchange, end: End, now: Instant) -> (State, bool) {
        let ended = match end {
            End::Keep | End::Fin { whole: true } => Ended::Complete,
            End::Fin { whole: false } | End::Reset => Ended::Cut,
            End::Upgrade => Ended::Upgraded,
        };
        self.settle(x, ended);
        match end {
            End::Keep => {
                self.idle_since = now;
                (State::Idle, true)
            }
            End::Fin { .. } => self.over(Close::Fin),
            End::Reset => self.over(Close::Reset),
            End::Upgrade => {
                let fault = x.answer.as_ref().and_then(|a| a.spec().cut);
                (State::Tunnel(Socket::new(fault)), true)
            }
        }
    }

    fn settle(&self, x: &Exchange, ended: Ended) {
        let keep = self.provider.options().keep_body;
        let answer = x.answer.as_ref().map(|a| a.body(keep)).unwrap_or_default();
        self.provider.update(x.serial, |r| (r.answer, r.ended) = (answer, ended));
    }

    fn tunnel(&mut self, mut socket: Socket) -> (State, bool) {
        match socket.take(&mut self.inbox, &mut self.out) {
            Ok(None) if self.peer_done => self.over(Close::Fin),
            Ok(None) => (State::Tunnel(socket), false),
            Ok(Some(Closed::Fin)) => self.over(Close::Fin),
            Ok(Some(Closed::Reset)) => self.over(Close::Reset),
            Err(violation) => {
                self.provider.violate(self.id, None, violation);
                self.over(Close::Fin)
            }
        }
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        if let State::Exchange(x) = &self.state {
            self.settle(x, Ended::Left);
        }
        self.provider.closed();
    }
}
