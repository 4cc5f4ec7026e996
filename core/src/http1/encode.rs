//! Heads, pages and chunk marks, written anew into a buffer.
//!
//! Field lines that a parser accepted are copied as they stand; everything else is rendered here, so no peer's
//! spelling of framing, Connection or Host ever reaches the other side.

use super::framing::bodiless;
use super::hop::forbidden_in_trailers;
use super::token::TCHAR;
use crate::message::{Fields, Length, Page, Version};
use crate::secret::Veiled;
use core::fmt;
use http::{Method, StatusCode};

/// The interim answer to `Expect: 100-continue`.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A head being written: start line first, then fields in the order of the calls, then [`Head::finish`].
///
/// Dropped without `finish`, it takes away what it wrote.
pub struct Head<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    kind: Kind,
    finished: bool,
}

/// What decides whether a length of 0 is said.
#[derive(Debug)]
enum Kind {
    /// A request; true when its method means to carry a body.
    Request(bool),
    Response(StatusCode),
}

/// What a head says about its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection<'a> {
    /// Nothing: HTTP/1.1 stays open.
    Default,
    /// It ends after this message.
    Close,
    /// It stays open though the client speaks HTTP/1.0.
    KeepAlive,
    /// It changes to this protocol.
    Upgrade(&'a [u8]),
    /// These options: one of the above, and that an Upgrade field stands beside it.
    Offer(&'static [u8]),
}

impl Connection<'static> {
    /// What an answer says to a client of `version`, when the connection stays (`persist`) or ends.
    pub fn answer(version: Version, persist: bool) -> Self {
        match (persist, version) {
            (false, _) => Connection::Close,
            (true, Version::Http10) => Connection::KeepAlive,
            (true, Version::Http11) => Connection::Default,
        }
    }

    /// The same, beside an Upgrade field that names what the client may change to (RFC 9110 section 7.8).
    pub fn offering(self) -> Self {
        Connection::Offer(match self {
            Connection::Close => b"close, upgrade",
            Connection::KeepAlive => b"keep-alive, upgrade",
            _ => b"upgrade",
        })
    }
}

impl fmt::Debug for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Head").field(&self.kind).field(&Veiled(self.out.len() - self.start)).finish()
    }
}

impl<'o> Head<'o> {
    /// Begins a request: `target` in pieces (a base URL's prefix, the client's path, …), which are joined, and Host.
    pub fn request(out: &'o mut Vec<u8>, method: &Method, target: &[&[u8]], authority: &[u8]) -> Self {
        let start = out.len();
        out.extend_from_slice(method.as_str().as_bytes());
        out.push(b' ');
        target.iter().for_each(|piece| out.extend_from_slice(piece));
        out.extend_from_slice(b" HTTP/1.1\r\nHost: ");
        out.extend_from_slice(authority);
        out.extend_from_slice(b"\r\n");
        // RFC 9110 section 8.6: a method that means to carry content says so even when there is none.
        let carries = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::DELETE);
        Head { out, start, kind: Kind::Request(carries), finished: false }
    }

    /// Begins a response with this reason phrase, as it came from an upstream.
    pub fn response(out: &'o mut Vec<u8>, status: StatusCode, reason: &[u8]) -> Self {
        let start = out.len();
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(status.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(reason);
        out.extend_from_slice(b"\r\n");
        Head { out, start, kind: Kind::Response(status), finished: false }
    }

    /// Copies the lines of the fields whose names `keep` wants; neighbours are copied in one piece. White space between a
    /// name and its colon is left out (RFC 9112 section 5.1).
    pub fn keep(&mut self, fields: &Fields<'_>, mut keep: impl FnMut(&[u8]) -> bool) -> &mut Self {
        let mut run = 0..0;
        for (span, (name, value)) in fields.spans().iter().zip(fields.iter()) {
            if !keep(name) {
                continue;
            }
            let (start, end) = (span.start as usize, span.end as usize);
            let exact = fields.bytes().get(span.name_end as usize) == Some(&b':');
            if run.end != start || !exact {
                self.lines(fields.bytes().get(run).unwrap_or_default());
                run = start..end;
            } else {
                run.end = end;
            }
            if !exact {
                self.put(name, value);
                run = end..end;
            }
        }
        self.lines(fields.bytes().get(run).unwrap_or_default())
    }

    /// Copies whole field lines, CRLF included, that a parser accepted.
    pub fn lines(&mut self, lines: &[u8]) -> &mut Self {
        self.out.extend_from_slice(lines);
        self
    }

    /// Adds a field. Nothing is written when the name is no token or the value could end its line.
    pub fn field(&mut self, name: &str, value: &[u8]) -> Result<&mut Self, BadField> {
        if name.is_empty() || !TCHAR.all(name.as_bytes()) {
            return Err(BadField::Name);
        }
        if let Some(at) = value.iter().position(|b| breaks(*b)) {
            return Err(BadField::Value { at });
        }
        self.put(name, value);
        Ok(self)
    }

    fn put(&mut self, name: impl AsRef<[u8]>, value: &[u8]) {
        self.out.extend_from_slice(name.as_ref());
        self.out.extend_from_slice(b": ");
        self.out.extend_from_slice(value);
        self.out.extend_from_slice(b"\r\n");
    }

    /// Says how long the body is. For the answer to HEAD and for a 304, call it with what the upstream stated of the
    /// body that is left out, or not at all. Writes nothing where a length must not stand (RFC 9110 section 8.6: 1xx
    /// and 204), nor for [`Length::UntilClose`], which needs [`Connection::Close`].
    pub fn length(&mut self, length: Length) -> &mut Self {
        let says = match self.kind {
            Kind::Request(carries) => carries || length != Length::Exact(0),
            Kind::Response(status) => !bodiless(status) || status == StatusCode::NOT_MODIFIED,
        };
        match length {
            Length::Exact(n) if says => self.put("Content-Length", itoa::Buffer::new().format(n).as_bytes()),
            Length::Marked if says => self.put("Transfer-Encoding", b"chunked"),
            _ => {}
        }
        self
    }

    /// Says what becomes of the connection.
    pub fn connection(&mut self, connection: Connection<'_>) -> &mut Self {
        match connection {
            Connection::Default => {}
            Connection::Close => self.put("Connection", b"close"),
            Connection::KeepAlive => self.put("Connection", b"keep-alive"),
            Connection::Offer(options) => self.put("Connection", options),
            Connection::Upgrade(protocol) => {
                self.put("Connection", b"upgrade");
                self.put("Upgrade", protocol);
            }
        }
        self
    }

    /// Ends the head.
    pub fn finish(&mut self) {
        self.out.extend_from_slice(b"\r\n");
        self.finished = true;
    }
}

impl Drop for Head<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.out.truncate(self.start);
        }
    }
}

/// Writes an answer of our own: head and, unless it answers HEAD, body.
///
/// A byte in a field's value that could break its line is written as `?`.
pub fn page(out: &mut Vec<u8>, page: &Page, method: &Method, connection: Connection<'_>) {
    let reason = page.status.canonical_reason().unwrap_or_default();
    let mut head = Head::response(out, page.status, reason.as_bytes());
    for (name, value) in &page.fields {
        head.lines(name.as_bytes()).lines(b": ");
        head.out.extend(value.bytes().map(|b| if breaks(b) { b'?' } else { b }));
        head.lines(CRLF);
    }
    head.length(Length::Exact(page.body.len() as u64)).connection(connection).finish();
    drop(head);
    if *method != Method::HEAD && !bodiless(page.status) {
        out.extend_from_slice(&page.body);
    }
}

/// Begins a chunk of `len` bytes; its data and [`CRLF`] follow. `len` 0 would end the body: nothing is written.
pub fn chunk_header(out: &mut Vec<u8>, len: u64) {
    if len == 0 {
        return;
    }
    let digits = 16 - len.leading_zeros() / 4;
    for place in (0..digits).rev() {
        let digit = (len >> (place * 4)) & 0xf;
        out.push(b"0123456789abcdef"[digit as usize]);
    }
    out.extend_from_slice(CRLF);
}

/// Ends a chunk's data.
pub const CRLF: &[u8] = b"\r\n";

/// Ends a chunked body: the last chunk, those trailers that may be forwarded and that `keep` wants, the empty line.
pub fn last_chunk(out: &mut Vec<u8>, trailers: &Fields<'_>, mut keep: impl FnMut(&[u8]) -> bool) {
    out.extend_from_slice(b"0\r\n");
    for (name, line) in trailers.lines() {
        if !forbidden_in_trailers(name) && keep(name) {
            out.extend_from_slice(line);
        }
    }
    out.extend_from_slice(CRLF);
}

/// Bytes that end a line, or that some parser takes for an end.
fn breaks(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0)
}

/// A field that cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadField {
    /// Its name is no token.
    Name,
    /// Its value has a CR, LF or NUL.
    Value {
        /// The byte's offset.
        at: usize,
    },
}

impl fmt::Display for BadField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadField::Name => f.write_str("the field's name is not a token"),
            BadField::Value { at } => write!(f, "byte {at} of the field's value is a CR, LF or NUL"),
        }
    }
}

impl core::error::Error for BadField {}
