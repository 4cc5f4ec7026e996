//! The answer on its way to the client: heads written anew, bodies framed as the client's version has it.

use super::client::{Client, Phase};
use super::outbox::Outbox;
use super::upstream::Upstream;
use super::{DOWN, Session};
use crate::exchange::{Answer, Exchange, Held};
use crate::http1::body::Piece;
use crate::http1::encode::{self, Connection, Head};
use crate::message::{Fields, Length, ResponseHead, Version};
use crate::turn::Turn;
use http::{Method, StatusCode};

/// How an answer's body is framed for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relay {
    /// As it comes: its length was said, or it ends with the connection.
    Plain,
    /// Both sides chunk: the upstream's chunks pass, their headers made canonical where they stand.
    InPlace,
    /// The client gets chunks of our making.
    Chunk,
    /// The client's connection ends with it (HTTP/1.0).
    Close,
}

impl Relay {
    /// What suits a body of `length` and a client of `version`.
    fn of(length: Length, version: Version) -> Self {
        match (length, version) {
            (Length::Exact(_), _) => Relay::Plain,
            (Length::Marked, Version::Http11) => Relay::InPlace,
            (Length::UntilClose, Version::Http11) => Relay::Chunk,
            (Length::Marked | Length::UntilClose, Version::Http10) => Relay::Close,
        }
    }

    pub(super) fn is_chunked(self) -> bool {
        matches!(self, Relay::InPlace | Relay::Chunk)
    }

    /// What the client's head says of the length.
    fn length(self, stated: Length) -> Length {
        match self {
            Relay::Plain => stated,
            Relay::InPlace | Relay::Chunk => Length::Marked,
            Relay::Close => Length::UntilClose,
        }
    }

    /// Queues a piece that lies at `at` in the upstream's inbox.
    pub(super) fn queue(self, piece: &Piece, at: usize, out: &mut Outbox, turn: &mut Turn<'_>) {
        let range = if self == Relay::InPlace { &piece.wire } else { &piece.data };
        if range.is_empty() {
            return;
        }
        if self == Relay::Chunk {
            encode::chunk_header(out.own(turn.pool), range.len() as u64);
            out.queue_own();
        }
        out.queue_lent(at + range.start, at + range.end);
        if self == Relay::Chunk {
            out.own(turn.pool).extend_from_slice(encode::CRLF);
            out.queue_own();
        }
    }

    /// Writes bytes of our own as body.
    fn write(self, body: &[u8], out: &mut Vec<u8>) {
        if body.is_empty() {
            return;
        }
        if self.is_chunked() {
            encode::chunk_header(out, body.len() as u64);
        }
        out.extend_from_slice(body);
        if self.is_chunked() {
            out.extend_from_slice(encode::CRLF);
        }
    }
}

/// An interim answer goes to a client that understands it (RFC 9110 section 15.2).
pub(super) fn write_interim(
    exchange: &Exchange,
    client: &Client,
    head: &ResponseHead<'_>,
    drops: &dyn Fn(&[u8]) -> bool,
    out: &mut Outbox,
    turn: &mut Turn<'_>,
) {
    if client.version == Version::Http10 || !out.has_room() {
        return;
    }
    let mut written = Head::response(out.own(turn.pool), head.status, head.reason);
    written.keep(&head.fields, |name| !drops(name) && exchange.keeps_response(name)).finish();
    drop(written);
    out.queue_own();
}

/// The committed head: what the upstream said, less what ends here, with our own fields behind.
pub(super) fn write_head(
    exchange: &Exchange,
    client: &mut Client,
    upstream: &mut Upstream,
    head: &ResponseHead<'_>,
    drops: &dyn Fn(&[u8]) -> bool,
    out: &mut Outbox,
    turn: &mut Turn<'_>,
) {
    let switching = head.status == StatusCode::SWITCHING_PROTOCOLS;
    upstream.relay = Relay::of(head.length, client.version);
    // An early answer leaves a body behind of which nobody knows yet whether it will be read to its end.
    client.persist &= upstream.relay != Relay::Close && exchange.request_ended();
    let date = date_if_missing(&head.fields, turn);
    let mut written = Head::response(out.own(turn.pool), head.status, head.reason);
    written.keep(&head.fields, |name| !drops(name) && exchange.keeps_response(name));
    write_date(&mut written, date);
    finish_head(&mut written, exchange, upstream, head.status, head.length);
    if switching {
        written.connection(Connection::Upgrade(exchange.asked_upgrade().unwrap_or_default())).finish();
    } else {
        written.connection(Connection::answer(client.version, client.persist)).finish();
    }
    drop(written);
    out.queue_own();
}

/// An answer that comes without a date is given one (RFC 9110 section 6.6.1).
fn date_if_missing(fields: &Fields<'_>, turn: &mut Turn<'_>) -> Option<[u8; 29]> {
    fields.get("date").is_none().then(|| turn.date())
}

fn write_date(head: &mut Head<'_>, date: Option<[u8; 29]>) {
    if let Some(date) = date {
        // A date has no byte that could end its line.
        let _ = head.field("Date", &date);
    }
}

/// Our own fields, and the length: for HEAD's answer and a 304 what was stated of the body that is left out.
fn finish_head(head: &mut Head<'_>, exchange: &Exchange, upstream: &Upstream, status: StatusCode, length: Length) {
    exchange.additions(&mut |name, value| {
        // Names and values are our own: tokens, digits, and origins that the configuration accepted.
        let _ = head.field(name, value);
    });
    let left_out = *exchange.method() == Method::HEAD || status == StatusCode::NOT_MODIFIED;
    match (left_out, upstream.stated) {
        (true, Some(stated)) => head.length(Length::Exact(stated)),
        (true, None) => head,
        (false, _) => head.length(upstream.relay.length(length)),
    };
}

impl Session {
    /// Writes what the exchange answers from here: a page of ours, or the upstream's answer that was held.
    pub(super) fn write_answer(&mut self, turn: &mut Turn<'_>) {
        // A request that is not complete leaves bytes behind that nobody will read as its body.
        let Some(exchange) = &self.exchange else { return };
        let out = &mut self.outboxes[DOWN];
        self.client.persist &= exchange.request_ended();
        match exchange.answer() {
            Some(Answer::Page(page)) => {
                let connection = Connection::answer(self.client.version, self.client.persist);
                let mut page = page.clone();
                page.fields.push(("Date", String::from_utf8_lossy(&turn.date()).into()));
                exchange.additions(&mut |name, value| page.fields.push((name, String::from_utf8_lossy(value).into())));
                encode::page(out.own(turn.pool), &page, exchange.method(), connection);
                out.queue_own();
            }
            Some(Answer::Held(held)) => {
                write_held(held, exchange, &mut self.client, &mut self.upstream, out, turn);
            }
            None => {}
        }
    }

    /// Breaks the answer off so that nobody takes it for complete: no last chunk, no satisfied length. A cut event
    /// stream may carry one error event of ours, where it cannot be mistaken for something else and nothing before it was
    /// thrown away.
    pub(super) fn abort_answer(&mut self, turn: &mut Turn<'_>) {
        let Some(exchange) = &self.exchange else { return };
        let relay = self.upstream.relay;
        let open = self.upstream.live && relay != Relay::Plain && self.upstream.between_chunks() && !self.client.broken;
        if open && let Some(event) = exchange.parting() {
            let out = &mut self.outboxes[DOWN];
            relay.write(event, out.own(turn.pool));
            out.queue_own();
        }
        self.client.break_off(relay == Relay::Close || self.client.phase == Phase::Tunnel);
    }
}

/// A held answer: its head as it came, the body as far as it was read; the rest, if there is any, follows live.
fn write_held(
    held: &Held,
    exchange: &Exchange,
    client: &mut Client,
    upstream: &mut Upstream,
    out: &mut Outbox,
    turn: &mut Turn<'_>,
) {
    upstream.live = !held.complete;
    // Chunks that were read in part cannot pass in place any more.
    upstream.relay = match Relay::of(held.length, client.version) {
        Relay::InPlace => Relay::Chunk,
        other => other,
    };
    client.persist &= upstream.relay != Relay::Close;
    let date = date_if_missing(&held.fields(), turn);
    let own = out.own(turn.pool);
    let mut written = Head::response(own, held.status, &held.reason);
    written.keep(&held.fields(), |name| exchange.keeps_response(name));
    write_date(&mut written, date);
    finish_head(&mut written, exchange, upstream, held.status, held.length);
    let connection = Connection::answer(client.version, client.persist);
    let offers = held.fields().get("upgrade").is_some();
    written.connection(if offers { connection.offering() } else { connection }).finish();
    drop(written);
    upstream.relay.write(&held.body, own);
    if held.complete && upstream.relay.is_chunked() {
        encode::last_chunk(own, &held.trailers(), |name| !upstream.named.drops(name));
    }
    out.queue_own();
}
