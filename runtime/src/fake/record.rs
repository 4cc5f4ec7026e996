//! What arrived at the provider, and what came of it.

use super::head::Violation;
use keywheel_core::time::Instant;

/// A body as it passed: its whole length and digest, and the beginning of its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// Bytes.
    pub len: u64,
    /// SHA-256 in hexadecimal; empty until the end was seen.
    pub sha256: String,
    /// The first bytes, as many as `Options::keep_body` allows.
    pub start: Vec<u8>,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Not yet.
    Open,
    /// Handed over to the last byte.
    Complete,
    /// Cut on purpose, in order or by a reset.
    Cut,
    /// The peer left first.
    Left,
    /// The connection became a WebSocket.
    Upgraded,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Record {
    /// Serial number of the request, from 1.
    pub serial: u64,
    /// Serial number of its connection, from 1.
    pub conn: u64,
    /// When its head was complete.
    pub at: Instant,
    /// The head verbatim.
    pub head: Vec<u8>,
    /// Method.
    pub method: String,
    /// Target as sent.
    pub target: String,
    /// The key it carried.
    pub key: Option<String>,
    /// The body that arrived, its framing taken off.
    pub body: Body,
    /// Whether the whole body arrived.
    pub received: bool,
    /// Trailer lines.
    pub trailers: Vec<Vec<u8>>,
    /// Status answered; 0 until then.
    pub status: u16,
    /// The body that was answered, before framing.
    pub answer: Body,
    /// How the answer ended.
    pub ended: Ended,
    /// What was wrong with the request.
    pub violations: Vec<Violation>,
}
