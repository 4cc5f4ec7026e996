//! What a request's body comes to: its length, digest and beginning, its JSON, its parts, or its echo.

use super::head::Head;
use super::multipart::{self, Multipart};
use super::record::Body;
use ring::digest::{Context, SHA256};
use serde_json::Value;

/// Longest JSON body that is understood: 16 MiB.
const JSON_MAX: usize = 16 * 1024 * 1024;

/// Collects one body.
pub(super) struct Intake {
    tally: Tally,
    pub(super) parts: Option<Multipart>,
    /// What an echo still has to send; `None`: nothing is echoed.
    pub(super) echo: Option<Vec<u8>>,
}

impl Intake {
    /// For the body of a request with this head, keeping at least `keep` bytes of its beginning.
    pub(super) fn new(head: &Head, keep: usize, echo: bool) -> Self {
        let kind = head.get("content-type").unwrap_or_default();
        let keep = if kind.starts_with("application/json") { keep.max(JSON_MAX) } else { keep };
        let parts = multipart::boundary(kind).map(|b| Multipart::new(&b));
        Intake { tally: Tally::new(keep), parts, echo: echo.then(Vec::new) }
    }

    pub(super) fn take(&mut self, piece: &[u8]) {
        self.tally.take(piece);
        if let Some(parts) = &mut self.parts {
            parts.take(piece);
        }
        if let Some(echo) = &mut self.echo {
            echo.extend_from_slice(piece);
        }
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Option<Value> {
        let whole = self.tally.start.len() as u64 == self.tally.len;
        whole.then(|| serde_json::from_slice(&self.tally.start).ok()).flatten()
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> u64 {
        self.tally.len
    }

    pub(super) fn body(&self, keep: usize) -> Body {
        self.tally.body(keep)
    }
}

/// Length, digest and beginning of what passes.
pub(super) struct Tally {
    pub(super) len: u64,
    keep: usize,
    start: Vec<u8>,
    digest: Context,
}

impl Tally {
    pub(super) fn new(keep: usize) -> Self {
        Tally { len: 0, keep, start: Vec::new(), digest: Context::new(&SHA256) }
    }

    pub(super) fn take(&mut self, piece: &[u8]) {
        self.len += piece.len() as u64;
        self.digest.update(piece);
        let room = self.keep.saturating_sub(self.start.len()).min(piece.len());
        self.start.extend_from_slice(&piece[..room]);
    }

    pub(super) fn body(&self, keep: usize) -> Body {
        let start = self.start[..self.start.len().min(keep)].to_vec();
        Body { len: self.len, sha256: hex(self.digest.clone().finish().as_ref()), start }
    }
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
