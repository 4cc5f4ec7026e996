//! An answer becoming bytes: framing, pauses, faults.
//!
//! ```text
//!   Start ─ delay over ─▶ Body ─ source empty ─▶ (last chunk, trailers, noise) ─▶ End
//!     │ hang                │ stall, interval: wait
//!     └─ never              └ fault reached ─▶ End(Fin | Reset)
//! ```

use super::answer::{Answer, Source};
use super::head::Head;
use super::intake::Tally;
use super::provider::Options;
use super::record::Body;
use super::spec::{Fault, Spec};
use http::StatusCode;
use keywheel_core::time::Instant;
use std::time::Duration;

/// Bytes made ahead of what was taken.
const AHEAD: usize = 64 * 1024;
/// Bytes of one piece when nothing else is asked for.
const PIECE: usize = 16 * 1024;

/// How the body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framed {
    /// None: HEAD, 1xx, 204, 304.
    Without,
    Length,
    Chunked,
    UntilClose,
}

/// What follows an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The next request.
    Keep,
    /// An orderly end of stream; whether the answer is whole.
    Fin { whole: bool },
    /// A reset.
    Reset,
    /// Another protocol.
    Upgrade,
}

/// Why no more bytes were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Wait(Instant),
    /// Never.
    Hang,
    /// Nothing to echo yet.
    Starved,
    /// Enough was made ahead.
    Full,
    End(End),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Start,
    Body,
    Over(End),
}

/// An answer on its way.
pub(super) struct Outgoing {
    pub(super) status: u16,
    spec: Spec,
    head: Vec<u8>,
    interim: u32,
    source: Source,
    framed: Framed,
    keep: bool,
    phase: Phase,
    wake: Option<Instant>,
    piece: Vec<u8>,
    pieces: u64,
    stalled: bool,
    tally: Tally,
}

/// What an echo reads: what is there, and whether more comes.
pub(super) struct Feed<'f> {
    pub(super) echo: Option<&'f mut Vec<u8>>,
    pub(super) ended: bool,
}

impl Outgoing {
    pub(super) fn new(answer: Answer, spec: Spec, request: &Head, options: &Options, now: Instant) -> Self {
        let modern = request.modern && !spec.http10;
        let framed = framed(&answer, &spec, request, modern);
        let keep = request.keeps_alive() && !spec.close && framed != Framed::UntilClose;
        let head = render(&answer, &spec, framed, (request, modern, keep), options);
        Outgoing {
            status: answer.status,
            head,
            interim: if request.modern { spec.interim } else { 0 },
            source: answer.source,
            framed,
            keep,
            phase: Phase::Start,
            wake: Some(now + spec.delay),
            piece: Vec::new(),
            pieces: 0,
            stalled: spec.stall.is_zero(),
            tally: Tally::new(options.keep_body),
            spec,
        }
    }

    /// The body as far as it was made.
    pub(super) fn body(&self, keep: usize) -> Body {
        self.tally.body(keep)
    }

    pub(super) fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Makes bytes until there is a reason not to.
    pub(super) fn pump(&mut self, out: &mut Vec<u8>, mut feed: Feed<'_>, now: Instant) -> Step {
        if self.spec.hang {
            return Step::Hang;
        }
        loop {
            match self.wake {
                Some(wake) if now < wake => return Step::Wait(wake),
                _ => self.wake = None,
            }
            match self.phase {
                Phase::Start => self.phase = self.start(out),
                Phase::Body => {
                    if let Some(step) = self.body_step(out, &mut feed, now) {
                        return step;
                    }
                }
                Phase::Over(end) => return Step::End(end),
            }
        }
    }

    fn start(&mut self, out: &mut Vec<u8>) -> Phase {
        for _ in 0..self.interim {
            out.extend_from_slice(b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n");
        }
        if let Some(Fault { in_head: true, after, reset }) = self.spec.cut {
            let n = usize::try_from(after).unwrap_or(usize::MAX).min(self.head.len());
            out.extend_from_slice(&self.head[..n]);
            return Phase::Over(broken(reset));
        }
        out.append(&mut self.head);
        match self.framed {
            Framed::Without if self.status == 101 => Phase::Over(End::Upgrade),
            Framed::Without => Phase::Over(self.finish(out)),
            _ => Phase::Body,
        }
    }

    fn body_step(&mut self, out: &mut Vec<u8>, feed: &mut Feed<'_>, now: Instant) -> Option<Step> {
        let sent = self.tally.len;
        // A body whose length was said is over with its last byte: what pauses behind that is no answer.
        let goes_on = self.framed != Framed::Length || !self.piece.is_empty();
        if !self.stalled && sent >= self.spec.stall_at && goes_on {
            self.stalled = true;
            self.wake = Some(now + self.spec.stall);
            return None;
        }
        if let Some(Fault { in_head: false, after, reset }) = self.spec.cut
            && sent >= after
        {
            self.phase = Phase::Over(broken(reset));
            return None;
        }
        if out.len() >= AHEAD {
            return Some(Step::Full);
        }
        if self.piece.is_empty() {
            return self.fetch(out, feed, now);
        }
        self.write(out);
        None
    }

    /// Gets the next piece; pauses before it if it is not the first.
    fn fetch(&mut self, out: &mut Vec<u8>, feed: &mut Feed<'_>, now: Instant) -> Option<Step> {
        match next_piece(&mut self.source, feed, self.spec.size.map_or(PIECE, |n| n as usize)) {
            Piece::Bytes(bytes) => {
                self.piece = bytes;
                if self.pieces > 0 && !self.spec.interval.is_zero() {
                    self.wake = Some(now + self.spec.interval);
                }
                self.pieces += 1;
                None
            }
            Piece::NotYet => Some(Step::Starved),
            Piece::End => {
                self.phase = Phase::Over(self.finish(out));
                None
            }
        }
    }

    /// Writes the piece, or its beginning up to the next stall or fault.
    fn write(&mut self, out: &mut Vec<u8>) {
        let sent = self.tally.len;
        let stall = if self.stalled { u64::MAX } else { self.spec.stall_at };
        let fault = self.spec.cut.filter(|f| !f.in_head).map_or(u64::MAX, |f| f.after);
        let room = usize::try_from(stall.min(fault) - sent).unwrap_or(usize::MAX);
        let n = room.min(self.piece.len());
        if self.framed == Framed::Chunked {
            out.extend_from_slice(format!("{n:x}\r\n").as_bytes());
        }
        self.tally.take(&self.piece[..n]);
        out.extend(self.piece.drain(..n));
        if self.framed == Framed::Chunked {
            out.extend_from_slice(b"\r\n");
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> End {
        if self.framed == Framed::Chunked {
            out.extend_from_slice(b"0\r\n");
            if self.spec.trailers {
                let sum = self.tally.body(0).sha256;
                out.extend_from_slice(
                    format!("x-body-length: {}\r\nx-body-sha256: {sum}\r\n", self.tally.len).as_bytes(),
                );
            }
            out.extend_from_slice(b"\r\n");
        }
        out.extend(std::iter::repeat_n(b'!', self.spec.noise as usize));
        if self.keep { End::Keep } else { End::Fin { whole: true } }
    }
}

fn broken(reset: bool) -> End {
    if reset { End::Reset } else { End::Fin { whole: false } }
}

enum Piece {
    Bytes(Vec<u8>),
    NotYet,
    End,
}

fn next_piece(source: &mut Source, feed: &mut Feed<'_>, size: usize) -> Piece {
    let some = |bytes: Vec<u8>| if bytes.is_empty() { Piece::End } else { Piece::Bytes(bytes) };
    match source {
        Source::Bytes(bytes) => {
            let rest = bytes.split_off(size.min(bytes.len()));
            some(std::mem::replace(bytes, rest))
        }
        Source::Filler(left) => {
            let n = (size as u64).min(*left);
            *left -= n;
            some(b"0123456789abcdef".iter().copied().cycle().take(n as usize).collect())
        }
        Source::Chat(stream) => stream.next().map_or(Piece::End, |event| Piece::Bytes(event.into_bytes())),
        Source::Responses(stream) => stream.next().map_or(Piece::End, |event| Piece::Bytes(event.into_bytes())),
        Source::Echo(_) => match feed.echo.as_deref_mut() {
            Some(echo) if !echo.is_empty() => Piece::Bytes(std::mem::take(echo)),
            Some(_) if !feed.ended => Piece::NotYet,
            _ => Piece::End,
        },
    }
}

fn framed(answer: &Answer, spec: &Spec, request: &Head, modern: bool) -> Framed {
    if request.method == "HEAD" || matches!(answer.status, 100..200 | 204 | 304) {
        return Framed::Without;
    }
    let coded = spec.chunked || spec.trailers || answer.source.len().is_none();
    match (spec.until_close, coded, modern) {
        (true, ..) | (_, true, false) => Framed::UntilClose,
        (_, true, true) => Framed::Chunked,
        (_, false, _) => Framed::Length,
    }
}

fn render(
    answer: &Answer,
    spec: &Spec,
    framed: Framed,
    (request, modern, keep): (&Head, bool, bool),
    options: &Options,
) -> Vec<u8> {
    if spec.garble {
        return b"HTTP/9.9 banana\r\nthis is no field\r\n\r\n".to_vec();
    }
    let reason = StatusCode::from_u16(answer.status).ok().and_then(|s| s.canonical_reason()).unwrap_or("");
    let version = if spec.http10 { "1.0" } else { "1.1" };
    let mut head = format!("HTTP/{version} {} {reason}\r\n", answer.status);
    let mut line = |name: &str, value: &str| head.push_str(&format!("{name}: {value}\r\n"));
    for (name, value) in &answer.fields {
        line(name, value);
    }
    match (framed, answer.source.len()) {
        (Framed::Chunked, _) => line("transfer-encoding", "chunked"),
        (Framed::Length, Some(n)) => line("content-length", spec.length.as_deref().unwrap_or(&n.to_string())),
        (Framed::Without, Some(n)) if request.method == "HEAD" => line("content-length", &n.to_string()),
        _ => {}
    }
    if spec.trailers && framed == Framed::Chunked {
        line("trailer", "x-body-length, x-body-sha256");
    }
    match (answer.status, keep, modern && request.modern) {
        (101, ..) | (_, true, true) => {}
        (_, true, false) => line("connection", "keep-alive"),
        (_, false, _) => line("connection", "close"),
    }
    if let Some(timeout) = options.announce.filter(|_| keep) {
        line("keep-alive", &format!("timeout={}", timeout.max(Duration::from_secs(1)).as_secs()));
    }
    head.push_str("\r\n");
    head.into_bytes()
}
