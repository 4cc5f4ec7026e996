//! A WebSocket that echoes (RFC 6455): the handshake, then frames, text and binary back as they came.

use super::answer::{Answer, Source};
use super::head::{Head, Violation};
use super::spec::Fault;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// RFC 6455 section 1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Bytes made ahead of what was taken.
const AHEAD: usize = 64 * 1024;

/// Whether this is a request for a WebSocket.
pub(super) fn wanted(head: &Head) -> bool {
    head.method == "GET" && head.lists("upgrade", "websocket") && head.lists("connection", "upgrade")
}

/// The answer to the handshake (section 4.2).
pub(super) fn answer(head: &Head) -> Answer {
    if head.get("sec-websocket-version") != Some("13") {
        let refused = Answer::refuse(426, "", "This service needs WebSocket version 13.");
        return refused.with("sec-websocket-version", "13");
    }
    let nonce = head.get("sec-websocket-key").unwrap_or_default();
    if STANDARD.decode(nonce).map_or(0, |n| n.len()) != 16 {
        return Answer::refuse(400, "", "Sec-WebSocket-Key is not 16 bytes in base64.");
    }
    let accept = STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{nonce}{GUID}").as_bytes()));
    let mut answer = Answer { status: 101, fields: Vec::new(), source: Source::Bytes(Vec::new()) }
        .with("upgrade", "websocket")
        .with("connection", "Upgrade")
        .with("sec-websocket-accept", accept);
    if head.lists("sec-websocket-protocol", "realtime") {
        answer = answer.with("sec-websocket-protocol", "realtime");
    }
    answer
}

#[derive(Debug)]
enum At {
    Head,
    Payload { left: u64, mask: [u8; 4], at: usize },
    Closed,
}

/// One open WebSocket.
#[derive(Debug)]
pub(super) struct Socket {
    at: At,
    echoed: u64,
    fault: Option<Fault>,
}

/// How an open WebSocket ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// After its closing handshake, or after an error of the peer's, which was told.
    Fin,
    /// By the fault that was asked for.
    Reset,
}

struct Frame {
    first: u8,
    len: u64,
    mask: [u8; 4],
    head: usize,
}

const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

impl Socket {
    /// `fault` is counted in bytes of payload that were echoed.
    pub(super) fn new(fault: Option<Fault>) -> Self {
        Socket { at: At::Head, echoed: 0, fault: fault.filter(|f| !f.in_head) }
    }

    /// Reads frames from `input`, removing what it used, and writes to `out`.
    pub(super) fn take(&mut self, input: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<Option<Closed>, Violation> {
        loop {
            if let Some(fault) = self.fault.filter(|f| self.echoed >= f.after) {
                return Ok(Some(if fault.reset { Closed::Reset } else { Closed::Fin }));
            }
            let again = match self.at {
                At::Head => self.frame(input, out)?,
                At::Payload { .. } => self.payload(input, out),
                At::Closed => return Ok(Some(Closed::Fin)),
            };
            if !again {
                return Ok(None);
            }
        }
    }

    fn frame(&mut self, input: &mut Vec<u8>, out: &mut Vec<u8>) -> Result<bool, Violation> {
        let frame = match parse(input) {
            Ok(Some(frame)) if out.len() < AHEAD => frame,
            Ok(_) => return Ok(false),
            Err(why) => {
                out.extend_from_slice(&[0x80 | CLOSE, 2, 0x03, 0xea]); // 1002, protocol error
                return Err(Violation::Illegal(why));
            }
        };
        let opcode = frame.first & 0x0f;
        if opcode < CLOSE {
            input.drain(..frame.head);
            write_head(out, frame.first, frame.len);
            self.at = At::Payload { left: frame.len, mask: frame.mask, at: 0 };
            return Ok(true);
        }
        let end = frame.head + frame.len as usize;
        if input.len() < end {
            return Ok(false);
        }
        let payload: Vec<u8> =
            input.drain(..end).skip(frame.head).zip(frame.mask.iter().cycle()).map(|(b, m)| b ^ m).collect();
        if opcode != PONG {
            write_head(out, 0x80 | if opcode == PING { PONG } else { CLOSE }, frame.len);
            out.extend(payload);
        }
        if opcode == CLOSE {
            self.at = At::Closed;
        }
        Ok(true)
    }

    fn payload(&mut self, input: &mut Vec<u8>, out: &mut Vec<u8>) -> bool {
        let At::Payload { left, mask, at } = &mut self.at else { return false };
        let n = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len()).min(AHEAD.saturating_sub(out.len()));
        let start = *at;
        out.extend(input.drain(..n).enumerate().map(|(i, b)| b ^ mask[(start + i) % 4]));
        *at = (start + n) % 4;
        *left -= n as u64;
        self.echoed += n as u64;
        if *left == 0 {
            self.at = At::Head;
            return true;
        }
        false
    }
}

/// A frame's head (section 5.2), once it is there.
fn parse(input: &[u8]) -> Result<Option<Frame>, &'static str> {
    let [first, second, ..] = *input else { return Ok(None) };
    let (opcode, short) = (first & 0x0f, second & 0x7f);
    if first & 0x70 != 0 {
        return Err("a reserved bit of a frame is set");
    }
    if !matches!(opcode, 0..=2 | CLOSE..=PONG) {
        return Err("a frame of a reserved kind");
    }
    if second & 0x80 == 0 {
        return Err("a client's frame is not masked");
    }
    if opcode >= CLOSE && (short > 125 || first & 0x80 == 0) {
        return Err("a control frame is too long or fragmented");
    }
    let wide = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let head = 2 + wide + 4;
    if input.len() < head {
        return Ok(None);
    }
    let number = input[2..2 + wide].iter().fold(0_u64, |n, b| n << 8 | u64::from(*b));
    let len = if wide == 0 { u64::from(short) } else { number };
    let mask = [input[head - 4], input[head - 3], input[head - 2], input[head - 1]];
    Ok(Some(Frame { first, len, mask, head }))
}

fn write_head(out: &mut Vec<u8>, first: u8, len: u64) {
    out.push(first);
    match len {
        0..126 => out.push(len as u8),
        126..0x1_0000 => {
            out.push(126);
            out.extend((len as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend(len.to_be_bytes());
        }
    }
}
