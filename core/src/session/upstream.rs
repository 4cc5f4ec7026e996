//! The upstream's side: requests out, response heads and bodies in; whether its connection may be kept.
//!
//! ```text
//!  Idle ── Send ──► Head ── final head ──► Body ── ends as announced ──► Ended ── Release ──► parked
//!                    │ ▲ 1xx                │ 101: Tunnel                   any other state ── Release ──► hung up
//!                    └─┘
//! ```
//!
//! A connection is kept only if its last exchange ended exactly: the request was sent to its end, the answer read to
//! its end, both sides agree to keep it, and not a byte is left over.

use super::client::{Client, Phase as ClientPhase};
use super::outbox::Outbox;
use super::relay::{self, Relay};
use super::seam::How;
use super::{DOWN, Session, UP};
use crate::exchange::{Break, Disposition, Exchange};
use crate::http1::Scan;
use crate::http1::body::{Decoder, Piece};
use crate::http1::encode::{self, Connection, Head};
use crate::http1::head::{Response, response, trailers};
use crate::http1::hop::{Hop, Named, frames};
use crate::limits::Limits;
use crate::message::{Fields, Length};
use crate::origin::Origin;
use crate::turn::Turn;
use core::time::Duration;
use http::StatusCode;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Idle,
    Head,
    Body,
    Ended,
    Tunnel,
}

/// How the upstream's direction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Eof,
    Lost,
}

#[derive(Debug)]
pub(super) struct Upstream {
    phase: Phase,
    linked: bool,
    scan: Scan,
    decoder: Decoder,
    /// The request's body is sent in chunks.
    pub(super) chunked: bool,
    /// The end of the request was queued.
    terminated: bool,
    /// The end of the request was written.
    written: bool,
    /// The answer was read to its end, as its framing marks it.
    complete: bool,
    persist: bool,
    keep_alive: Option<Duration>,
    origin: Option<Origin>,
    pub(super) end: Option<End>,
    /// What the last head stated as its length, body or not.
    pub(super) stated: Option<u64>,
    /// What its Connection names.
    pub(super) named: Named,
    pub(super) relay: Relay,
    /// The answer passes to the client (it is not held back).
    pub(super) live: bool,
}

impl Default for Upstream {
    fn default() -> Self {
        Upstream {
            phase: Phase::Idle,
            linked: false,
            scan: Scan::default(),
            decoder: Decoder::new(Length::Exact(0), &Limits::default()),
            chunked: false,
            terminated: false,
            written: false,
            complete: false,
            persist: false,
            keep_alive: None,
            origin: None,
            end: None,
            stated: None,
            named: Named::default(),
            relay: Relay::Plain,
            live: false,
        }
    }
}

impl Upstream {
    pub(super) fn wants_read(&self) -> bool {
        self.linked && self.end.is_none() && self.phase != Phase::Idle
    }

    /// A connection is there.
    pub(super) fn link(&mut self) {
        *self = Upstream { linked: true, ..Upstream::default() };
    }

    /// Between two chunks, or where there are none: a place where something of our own can stand.
    pub(super) fn between_chunks(&self) -> bool {
        self.relay != Relay::InPlace || self.decoder.between_chunks()
    }
}

impl Session {
    /// Begins an attempt: the head goes out, the body follows by `feed_upstream`.
    pub(super) fn send_request(&mut self, turn: &mut Turn<'_>) {
        let Some(outgoing) = self.exchange.as_ref().and_then(Exchange::outgoing) else { return };
        let mut target = turn.pool.take_scratch();
        outgoing.write_target(&mut target);
        let out = self.outboxes[UP].own(turn.pool);
        // At once: a buffer that moves while it grows leaves the credential behind.
        let mut length = 64 + target.len() + outgoing.base.authority.len() + outgoing.lines.len();
        outgoing.additions(&mut |name, value| length += name.len() + value.len() + 4);
        out.reserve(length + 64);
        let mut head = Head::request(out, outgoing.method, &[&target], outgoing.base.authority.as_bytes());
        head.lines(outgoing.lines);
        outgoing.additions(&mut |name, value| {
            // The configuration accepts visible ASCII only, so there is nothing here that could be refused.
            let _ = head.field(name, value);
        });
        head.length(outgoing.length);
        if let Some(protocol) = outgoing.upgrade {
            head.connection(Connection::Upgrade(protocol));
        }
        head.finish();
        drop(head);
        self.upstream.phase = Phase::Head;
        self.upstream.chunked = outgoing.length == Length::Marked;
        self.upstream.origin = Some(outgoing.base.origin.clone());
        self.outboxes[UP].queue_own();
        turn.pool.put_scratch(target);
    }

    /// Queues what the exchange keeps of the body, and the body's end.
    pub(super) fn feed_upstream(&mut self, turn: &mut Turn<'_>) -> bool {
        if self.upstream.phase == Phase::Idle || !self.upstream.linked {
            return false;
        }
        let Some(exchange) = &mut self.exchange else { return false };
        let out = &mut self.outboxes[UP];
        if !exchange.feeds() {
            // What is queued is of a body that begins anew elsewhere.
            out.clear(turn.pool);
            return false;
        }
        let pending = exchange.pending().len();
        if self.upstream.terminated {
            if out.is_empty() && !self.upstream.written {
                self.upstream.written = true;
                exchange.handle_written(turn);
                return true;
            }
            return false;
        }
        if !out.has_room() || out.has_kept() {
            return false;
        }
        if pending > 0 {
            if self.upstream.chunked {
                encode::chunk_header(out.own(turn.pool), pending as u64);
                out.queue_own();
                out.queue_kept(pending);
                out.own(turn.pool).extend_from_slice(encode::CRLF);
                out.queue_own();
            } else {
                out.queue_kept(pending);
            }
            return true;
        }
        if !exchange.request_ended() {
            return false;
        }
        if self.upstream.chunked {
            let mut spans = core::mem::take(&mut turn.pool.spans);
            spans.clear();
            let section = &self.client.trailers;
            // The decoder accepted the section, so it parses; were it not to, none is sent.
            let parsed = !section.is_empty() && trailers(section, &mut spans).is_ok();
            let fields = Fields::new(section, if parsed { &spans } else { &[] });
            encode::last_chunk(out.own(turn.pool), &fields, |name| !self.client.named.drops(name));
            out.queue_own();
            turn.pool.spans = spans;
        }
        self.upstream.terminated = true;
        true
    }

    /// Reads on in what the upstream sent; false when nothing moved.
    pub(super) fn read_upstream(&mut self, turn: &mut Turn<'_>) -> bool {
        let moved = match self.upstream.phase {
            Phase::Head => self.read_response(turn),
            Phase::Body => self.read_answer(turn),
            Phase::Tunnel => self.read_tunnel(UP),
            Phase::Idle | Phase::Ended => false,
        };
        moved || self.upstream_end(turn)
    }

    /// The upstream's direction has ended and all that it sent is read.
    fn upstream_end(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some(end) = self.upstream.end else { return false };
        let Some(exchange) = &mut self.exchange else { return false };
        let blocked = match self.upstream.phase {
            Phase::Body => !self.outboxes[DOWN].has_room() || !exchange.takes_answer(),
            Phase::Tunnel => !self.outboxes[DOWN].is_empty(),
            _ => false,
        };
        if blocked {
            return false;
        }
        let tunnelled = self.upstream.linked && self.client.phase == ClientPhase::Tunnel;
        match self.upstream.phase {
            // One direction of a tunnel had ended in order; now the other has broken.
            Phase::Ended if end == End::Lost && tunnelled => exchange.handle_broken(Break::Lost, turn),
            Phase::Idle | Phase::Ended => return false,
            Phase::Body if end == End::Eof && self.upstream.decoder.finish_eof().is_ok() => {
                self.upstream.phase = Phase::Ended;
                self.end_answer(&Piece::default(), 0, turn);
            }
            Phase::Tunnel if end == End::Eof => {
                self.upstream.phase = Phase::Ended;
                self.end_tunnel(UP, turn);
            }
            _ => {
                self.upstream.phase = Phase::Ended;
                self.upstream.persist = false;
                exchange.handle_broken(Break::Lost, turn);
            }
        }
        true
    }

    fn read_response(&mut self, turn: &mut Turn<'_>) -> bool {
        if self.inboxes[UP].unread_len() == 0 {
            return false;
        }
        let Some(exchange) = &mut self.exchange else { return false };
        let mut spans = core::mem::take(&mut turn.pool.spans);
        let method = exchange.method().clone();
        let unread = self.inboxes[UP].unread();
        let moved = match response(unread, &mut self.upstream.scan, &mut spans, &turn.settings.limits, &method) {
            Ok(None) => false,
            Ok(Some(response)) => {
                let codecs = (&mut self.client, &mut self.upstream, &mut self.outboxes[DOWN]);
                take_head(&response, exchange, codecs, turn);
                let size = response.size;
                self.inboxes[UP].consume(size);
                true
            }
            Err(error) => {
                self.upstream.phase = Phase::Ended;
                exchange.handle_broken(Break::Garbled(error.to_string().into()), turn);
                true
            }
        };
        spans.clear();
        turn.pool.spans = spans;
        moved
    }

    fn read_answer(&mut self, turn: &mut Turn<'_>) -> bool {
        let mut moved = false;
        while self.upstream.phase == Phase::Body && self.outboxes[DOWN].has_room() {
            let Some(exchange) = self.exchange.as_mut().filter(|exchange| exchange.takes_answer()) else { break };
            match self.upstream.decoder.decode(self.inboxes[UP].unread()) {
                Ok(piece) if piece.consumed == 0 && !piece.end => break,
                Ok(piece) => {
                    let at = self.inboxes[UP].consume(piece.consumed);
                    if !piece.data.is_empty() || !piece.wire.is_empty() {
                        let data = self.inboxes[UP].slice_mut(at + piece.data.start, at + piece.data.end);
                        // Live before the call: what is held when it comes is written from the copy.
                        // Nothing follows an answer that was broken off: bytes of it may have been thrown away.
                        let live = self.upstream.live && !self.client.broken;
                        exchange.handle_response_data(data, piece.end, turn);
                        if live {
                            self.upstream.relay.queue(&piece, at, &mut self.outboxes[DOWN], turn);
                        }
                    }
                    if piece.end {
                        self.upstream.phase = Phase::Ended;
                        self.end_answer(&piece, at, turn);
                    }
                }
                Err(error) => {
                    self.upstream.phase = Phase::Ended;
                    self.upstream.persist = false;
                    exchange.handle_broken(Break::Garbled(error.to_string().into()), turn);
                }
            }
            moved = true;
            // What the exchange wants now may change what becomes of the next piece.
            if self.step(turn) {
                break;
            }
        }
        moved
    }

    /// The answer has ended as it should; `piece` (at `at` in the inbox) may hold its trailers.
    fn end_answer(&mut self, piece: &Piece, at: usize, turn: &mut Turn<'_>) {
        self.upstream.complete = true;
        let mut spans = core::mem::take(&mut turn.pool.spans);
        spans.clear();
        let section = self.inboxes[UP].slice_mut(at + piece.trailers.start, at + piece.trailers.end);
        if let Some(exchange) = &self.exchange {
            exchange.mask_trailers(section);
        }
        // The decoder accepted the section, so it parses; were it not to, none is sent.
        let parsed = section.len() > 2 && trailers(section, &mut spans).is_ok();
        let fields = Fields::new(section, if parsed { &spans } else { &[] });
        if self.upstream.live && !self.client.broken && self.upstream.relay.is_chunked() {
            let out = &mut self.outboxes[DOWN];
            encode::last_chunk(out.own(turn.pool), &fields, |name| !self.upstream.named.drops(name));
            out.queue_own();
        }
        if let Some(exchange) = &mut self.exchange {
            exchange.handle_response_end(&fields, turn);
        }
        turn.pool.spans = spans;
    }

    /// The exchange is done with its upstream: the connection is kept if its exchange ended exactly.
    pub(super) fn release_upstream(&mut self, turn: &mut Turn<'_>) {
        let up = &mut self.upstream;
        if !up.linked {
            return;
        }
        let unread = self.inboxes[UP].unread_len();
        let exact = up.complete && up.written && up.end.is_none() && unread == 0;
        let fresh = up.phase == Phase::Idle && up.end.is_none();
        let ended = self.client.eof && self.client.half.is_some() && up.end == Some(End::Eof);
        match up.origin.take() {
            Some(origin) if exact && up.persist => {
                let idle = up.keep_alive.map_or(turn.settings.limits.upstream_idle, |stated| {
                    stated.saturating_sub(Duration::from_secs(1)).min(turn.settings.limits.upstream_idle)
                });
                self.out.park = Some((origin, idle));
            }
            _ => self.out.hangup_upstream = Some(if fresh || exact || ended { How::Fin } else { How::Reset }),
        }
        up.linked = false;
        up.phase = if up.phase == Phase::Tunnel { Phase::Tunnel } else { Phase::Ended };
        self.inboxes[UP].discard();
        self.outboxes[UP].clear(turn.pool);
    }
}

/// A response head has come: what the exchange makes of it, and what of it goes to the client.
fn take_head(
    response: &Response<'_>,
    exchange: &mut Exchange,
    (client, up, out): (&mut Client, &mut Upstream, &mut Outbox),
    turn: &mut Turn<'_>,
) {
    let head = &response.head;
    let hop = Hop::of(&head.fields);
    // RFC 9110 section 15.5.22: a 426 says what is required.
    let requires = head.status == StatusCode::UPGRADE_REQUIRED;
    let offers = |name: &[u8]| requires && name.eq_ignore_ascii_case(b"upgrade");
    let drops = |name: &[u8]| (hop.drops(name) && !offers(name)) || frames(name);
    let disposition =
        if head.status == StatusCode::SWITCHING_PROTOCOLS && !response.switches_to(exchange.asked_upgrade()) {
            exchange.handle_broken(Break::Garbled("a 101 that was not asked for".into()), turn);
            Disposition::Refuse
        } else {
            exchange.handle_response(head, &drops, turn)
        };
    if disposition != Disposition::Interim {
        up.persist = response.persist;
        up.keep_alive = response.keep_alive;
        up.stated = response.stated;
        up.named = Named::of(&hop, head.length);
        up.decoder = Decoder::new(head.length, &turn.settings.limits);
    }
    match disposition {
        Disposition::Interim => relay::write_interim(exchange, client, head, &drops, out, turn),
        Disposition::Hold => up.phase = Phase::Body,
        Disposition::Refuse => (up.phase, up.persist) = (Phase::Ended, false),
        Disposition::Relay => {
            up.live = true;
            up.phase = Phase::Body;
            relay::write_head(exchange, client, up, head, &drops, out, turn);
        }
        Disposition::Tunnel => {
            up.phase = Phase::Tunnel;
            client.open_tunnel();
            relay::write_head(exchange, client, up, head, &drops, out, turn);
        }
    }
}
