//! The client's side: request heads and bodies in, one after another; how its connection ends.
//!
//! ```text
//!           head            body ends            answer out, kept alive
//!  Idle ─────────► Body ─────────────► Waiting ─────────────────────────► Idle
//!   │ bad head,      │ answer out before the body's end, or not kept alive
//!   │ drained        ▼
//!   └───────────► Closing ── all sent ──► Lingering ── FIN, or enough ──► Over
//! ```
//!
//! Lingering reads on and drops what comes, so that the answer is not destroyed by a reset (RFC 9112 section 9.6). It has
//! a bound in time and one in bytes: who is refused, a stranger above all, cannot have a body of any length read.

use super::relay::Relay;
use super::seam::{Reason, Side};
use super::{DOWN, Session, UP};
use crate::error::{ClientFault, Problem};
use crate::exchange::Exchange;
use crate::http1::Scan;
use crate::http1::body::{BodyError, Decoder};
use crate::http1::encode::{self, Connection};
use crate::http1::head::{RequestError, request};
use crate::http1::hop::{Hop, Named, frames};
use crate::message::{Fields, Length, Version};
use crate::notice::RequestLine;
use crate::replay::Intake;
use crate::time::Instant;
use crate::turn::{Pool, Turn};
use core::time::Duration;
use http::Method;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Before or within a request head.
    Idle,
    /// Within a request body.
    Body,
    /// The request is complete, its answer not.
    Waiting,
    /// After an upgrade: bytes as they come.
    Tunnel,
    /// What is queued is sent, then the connection ends.
    Closing,
    /// Ended from here; what still comes is dropped.
    Lingering,
    /// Nothing more.
    Over,
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) phase: Phase,
    pub(super) scan: Scan,
    pub(super) decoder: Decoder,
    pub(super) version: Version,
    /// The connection is kept after this answer.
    pub(super) persist: bool,
    /// The header of the chunk being read is passed on where it stands. Not so for a chunk whose beginning was kept for a
    /// repeat: what follows of it becomes chunks of our own.
    in_place: bool,
    /// The answer was broken off.
    pub(super) broken: bool,
    pub(super) draining: bool,
    /// What it sends is not taken: it is not the client that is slow.
    pub(super) held_back: bool,
    /// The client ended its direction.
    pub(super) eof: bool,
    /// The side whose writing half was ended, in a tunnel of which one direction is over.
    pub(super) half: Option<Side>,
    /// The end of a broken answer has to be a reset: its length was the connection's.
    pub(super) reset: bool,
    /// Trailers of the request, each line with its CRLF.
    pub(super) trailers: Vec<u8>,
    /// What its Connection names.
    pub(super) named: Named,
    pub(super) alarm: Option<(Instant, Reason)>,
    /// Since when a body is waited for, and how many bytes came since then.
    pub(super) rate: (Instant, u64),
    /// Bytes that were dropped while lingering.
    lingered: u32,
}

impl Client {
    pub(super) fn new(turn: &Turn<'_>) -> Self {
        let limits = &turn.settings.limits;
        Client {
            phase: Phase::Idle,
            scan: Scan::default(),
            decoder: Decoder::new(Length::Exact(0), limits),
            version: Version::Http11,
            persist: false,
            in_place: false,
            broken: false,
            draining: false,
            held_back: false,
            eof: false,
            half: None,
            reset: false,
            trailers: Vec::new(),
            named: Named::default(),
            alarm: Some((turn.now + limits.keep_alive, Reason::KeepAlive)),
            rate: (turn.now, 0),
            lingered: 0,
        }
    }

    pub(super) fn wants_read(&self) -> bool {
        !self.eof && !matches!(self.phase, Phase::Closing | Phase::Over)
    }

    /// `n` bytes came.
    pub(super) fn heard(&mut self, n: usize, turn: &Turn<'_>) {
        if self.phase == Phase::Body {
            self.rate.1 += n as u64;
            self.expect_body(turn);
        }
    }

    /// The body is waited for, from now on; so many bytes are there.
    pub(super) fn begin_body(&mut self, bytes: usize, turn: &Turn<'_>) {
        self.phase = Phase::Body;
        self.rate = (turn.now, bytes as u64);
        self.expect_body(turn);
    }

    /// Neither silent for too long nor, all together, slower than the slowest allowed.
    fn expect_body(&mut self, turn: &Turn<'_>) {
        let limits = &turn.settings.limits;
        let idle = (turn.now + limits.body_idle, Reason::BodyIdle);
        let earned = self.rate.1.saturating_mul(1000).checked_div(limits.body_rate).map(Duration::from_millis);
        let slow = earned.map(|earned| (self.rate.0 + limits.body_grace + earned, Reason::BodyRate));
        self.alarm = Some(slow.map_or(idle, |slow| idle.min(slow)));
    }

    pub(super) fn open_tunnel(&mut self) {
        self.phase = Phase::Tunnel;
        self.persist = false;
        self.alarm = None;
    }

    /// The answer is broken off: what is queued goes out, then the connection ends.
    pub(super) fn break_off(&mut self, reset: bool) {
        (self.broken, self.persist) = (true, false);
        self.reset |= reset;
    }

    pub(super) fn free(&mut self, pool: &mut Pool) {
        pool.put_scratch(core::mem::take(&mut self.trailers));
    }
}

impl Session {
    /// Reads on in what the client sent; false when nothing moved.
    pub(super) fn read_client(&mut self, turn: &mut Turn<'_>) -> bool {
        let moved = match self.client.phase {
            // The body that came with the head is read before anything is answered: a request that is complete
            // leaves its connection usable whatever its answer.
            Phase::Idle => {
                self.read_head(turn) && {
                    self.read_body(turn);
                    true
                }
            }
            Phase::Body => self.read_body(turn),
            Phase::Tunnel => {
                let ended = self.client.eof && self.outboxes[UP].is_empty();
                self.read_tunnel(DOWN) || (ended && self.end_tunnel(DOWN, turn))
            }
            Phase::Closing => self.close(turn),
            Phase::Lingering | Phase::Over => {
                let n = self.inboxes[DOWN].unread_len();
                self.inboxes[DOWN].consume(n);
                self.client.lingered = self.client.lingered.saturating_add(u32::try_from(n).unwrap_or(u32::MAX));
                self.client.eof |= turn.settings.limits.linger_bytes < self.client.lingered as usize;
                self.end_if_gone();
                false
            }
            Phase::Waiting => false,
        };
        // With its end read, and all before it, the request under way is the last.
        self.client.persist &= !(self.client.eof && self.inboxes[DOWN].unread_len() == 0);
        moved
    }

    fn read_head(&mut self, turn: &mut Turn<'_>) -> bool {
        let mut spans = core::mem::take(&mut turn.pool.spans);
        let unread = self.inboxes[DOWN].unread();
        let parsed = request(unread, &mut self.client.scan, &mut spans, &turn.settings.limits);
        let moved = match parsed {
            Ok(Some(parsed)) => {
                let hop = Hop::of(&parsed.head.fields);
                let drops = |name: &[u8]| hop.drops(name) || frames(name);
                let exchange = Exchange::new(&parsed.head, &drops, self.worker, self.ids.bits(), turn);
                let client = &mut self.client;
                client.version = parsed.head.version;
                client.persist = parsed.persist && turn.settings.keep_alive && !client.draining;
                client.decoder = Decoder::new(parsed.head.length, &turn.settings.limits);
                client.named = Named::of(&hop, parsed.head.length);
                client.alarm = None;
                client.phase = Phase::Waiting;
                let (size, bodiless) = (parsed.size, parsed.head.length == Length::Exact(0));
                self.exchange = Some(exchange);
                self.inboxes[DOWN].consume(size);
                if !bodiless {
                    self.client.begin_body(self.inboxes[DOWN].unread_len(), turn);
                }
                true
            }
            Ok(None) => self.await_head(turn),
            Err(error) => {
                self.refuse_head(&error, turn);
                true
            }
        };
        spans.clear();
        turn.pool.spans = spans;
        moved
    }

    /// A head that is not complete: once begun it has to be in time. Empty lines alone are no beginning.
    fn await_head(&mut self, turn: &Turn<'_>) -> bool {
        let begun = self.client.scan.begun(self.inboxes[DOWN].unread());
        if self.client.eof || (self.client.draining && !begun) {
            self.client.phase = Phase::Closing;
            return true;
        }
        if begun && !matches!(self.client.alarm, Some((_, Reason::HeadTime))) {
            self.client.alarm = Some((turn.now + turn.settings.limits.head_time, Reason::HeadTime));
        }
        false
    }

    /// A head that is none is answered without an exchange, and the connection ends.
    fn refuse_head(&mut self, error: &RequestError, turn: &mut Turn<'_>) {
        let fault = ClientFault::Request { status: error.status(), code: error.code(), text: error.to_string().into() };
        self.answer_and_close(Problem::from(fault), turn);
    }

    /// Answers what never became an exchange, and ends the connection.
    pub(super) fn answer_and_close(&mut self, problem: Problem, turn: &mut Turn<'_>) {
        let id = format!("{:016x}", self.ids.bits());
        let mut page = problem.page();
        let mut add = |name, value: &[u8]| page.fields.push((name, String::from_utf8_lossy(value).into()));
        add("Date", &turn.date());
        add("x-keywheel-request-id", id.as_bytes());
        if let Some(cors) = &turn.settings.cors {
            cors.grant(Fields::new(&[], &[])).fields().for_each(|(name, value)| add(name, value));
        }
        if turn.settings.log_requests {
            self.out.note(Box::new(RequestLine::refused(page.status, id)));
        }
        let method = answers_as(self.inboxes[DOWN].unread(), turn.settings.limits.leading_lines);
        let out = self.outboxes[DOWN].own(turn.pool);
        encode::page(out, &page, &method, Connection::Close);
        self.outboxes[DOWN].queue_own();
        self.client.alarm = None;
        self.client.phase = Phase::Closing;
    }

    fn read_body(&mut self, turn: &mut Turn<'_>) -> bool {
        let mut moved = false;
        while self.client.phase == Phase::Body {
            let Some(exchange) = &mut self.exchange else { break };
            let intake = exchange.intake();
            let room = intake != Intake::Pass || self.outboxes[UP].has_room();
            if intake == Intake::Wait || !room {
                break;
            }
            let begins = self.client.decoder.between_chunks();
            match self.client.decoder.decode(self.inboxes[DOWN].unread()) {
                Ok(piece) if piece.consumed == 0 && !piece.end => {
                    if self.client.eof && !exchange.is_over() {
                        self.body_is_cut(turn);
                        moved = true;
                    }
                    break;
                }
                Ok(piece) => {
                    if begins {
                        self.client.in_place = intake == Intake::Pass;
                    }
                    let trailers = self.inboxes[DOWN].unread().get(piece.trailers.clone()).unwrap_or_default();
                    keep_trailers(trailers, &mut self.client.trailers, turn);
                    let at = self.inboxes[DOWN].consume(piece.consumed);
                    if !piece.data.is_empty() && intake != Intake::Discard {
                        let data = self.inboxes[DOWN].slice(at + piece.data.start, at + piece.data.end);
                        exchange.handle_data(data, turn);
                    }
                    if intake == Intake::Pass {
                        let relay = match (self.upstream.chunked, self.client.in_place) {
                            (false, _) => Relay::Plain,
                            (true, true) => Relay::InPlace,
                            (true, false) => Relay::Chunk,
                        };
                        relay.queue(&piece, at, &mut self.outboxes[UP], turn);
                    }
                    if piece.end {
                        exchange.handle_end(turn);
                        self.client.phase = Phase::Waiting;
                        self.client.alarm = None;
                    }
                }
                Err(error) => self.refuse_body(error, turn),
            }
            moved = true;
        }
        moved
    }

    fn refuse_body(&mut self, error: BodyError, turn: &mut Turn<'_>) {
        let fault = ClientFault::Request {
            status: http::StatusCode::BAD_REQUEST,
            code: error.code(),
            text: error.to_string().into(),
        };
        self.client_fault(fault, turn);
    }

    /// The client's request cannot be completed: nothing that follows on its connection can be trusted.
    pub(super) fn client_fault(&mut self, fault: ClientFault, turn: &mut Turn<'_>) {
        self.client.persist = false;
        self.client.phase = Phase::Waiting;
        self.client.alarm = None;
        if let Some(exchange) = &mut self.exchange {
            exchange.handle_client_fault(fault, turn);
        }
    }

    pub(super) fn write_continue(&mut self, turn: &mut Turn<'_>) {
        if self.client.phase == Phase::Body {
            self.outboxes[DOWN].own(turn.pool).extend_from_slice(encode::CONTINUE);
            self.outboxes[DOWN].queue_own();
        }
    }
}

/// The method that the answer to a head that is none has to suit: nothing with a body may answer what its client knows
/// to be HEAD (RFC 9110 section 9.3.2). Behind anything but the empty lines that may stand before a request none is seen,
/// for it depends on the reads whether one is there when the refusal falls due.
fn answers_as(mut head: &[u8], empty_lines: usize) -> Method {
    for _ in 0..empty_lines {
        head = head.strip_prefix(b"\r\n").unwrap_or(head);
    }
    if head.starts_with(b"HEAD ") { Method::HEAD } else { Method::GET }
}

/// Keeps the trailers that may go on, to be written after the last chunk of each attempt.
fn keep_trailers(section: &[u8], kept: &mut Vec<u8>, turn: &mut Turn<'_>) {
    if section.len() <= 2 {
        return;
    }
    if kept.capacity() == 0 {
        *kept = turn.pool.take_scratch();
    }
    kept.extend_from_slice(section);
}
