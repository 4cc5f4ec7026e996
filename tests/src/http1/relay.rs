//! What a session does with a message, in the plainest way: read it from pieces, write it anew.

use http::Method;
use keywheel_core::http1::body::{BodyError, Decoder};
use keywheel_core::http1::encode::{Connection, Head, last_chunk};
use keywheel_core::http1::head::{self, RequestError, ResponseError};
use keywheel_core::http1::hop::{Hop, forbidden_in_trailers, frames};
use keywheel_core::http1::{Scan, framing::bodiless};
use keywheel_core::limits::Limits;
use keywheel_core::message::{Fields, Length};

/// The authority and the credential that a relayed request gets.
pub const AUTHORITY: &[u8] = b"upstream.example:8443";
/// See [`AUTHORITY`].
pub const CREDENTIAL: (&str, &[u8]) = ("Authorization", b"Bearer the-key");

/// A message that was read and written anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relayed {
    /// The first line's parts: method and target, or status and reason.
    pub start: (String, Vec<u8>),
    /// The fields that go on, in order.
    pub kept: Vec<(String, Vec<u8>)>,
    /// The length that was decided.
    pub length: Length,
    /// The payload.
    pub body: Body,
    /// The bytes that go out.
    pub out: Vec<u8>,
}

/// A body as far as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// The payload.
    pub data: Vec<u8>,
    /// The trailers that go on.
    pub trailers: Vec<(String, Vec<u8>)>,
    /// Bytes that were left because they are behind it.
    pub rest: usize,
    /// How it ended: None while more is to come.
    pub outcome: Option<Result<(), BodyError>>,
}

/// Reads a request that comes in pieces of these lengths (the rest in one) and writes it for an upstream.
pub fn request(bytes: &[u8], pieces: &[usize], limits: &Limits) -> Result<Option<Relayed>, RequestError> {
    let (mut scan, mut end) = (Scan::default(), Ends::new(bytes.len(), pieces));
    while let Some(n) = end.next() {
        let mut spans = Vec::new();
        let Some(got) = head::request(&bytes[..n], &mut scan, &mut spans, limits)? else { continue };
        let (mut out, fields) = (Vec::new(), &got.head.fields);
        let hop = Hop::of(fields);
        let keep = |name: &[u8]| {
            !hop.drops(name) && !frames(name) && ![&b"host"[..], b"expect"].iter().any(|n| n.eq_ignore_ascii_case(name))
        };
        Head::request(&mut out, &got.head.method, &[&got.head.target], AUTHORITY)
            .keep(fields, keep)
            .field(CREDENTIAL.0, CREDENTIAL.1)
            .expect("the credential is a good value")
            .length(got.head.length)
            .connection(got.head.upgrade.map_or(Connection::Default, Connection::Upgrade))
            .finish();
        let start = (got.head.method.to_string(), got.head.target.to_vec());
        let kept = kept(fields, keep);
        let body = self::body(&bytes[got.size..], &mut end.after(got.size), got.head.length, limits, &mut out);
        return Ok(Some(Relayed { start, kept, length: got.head.length, body, out }));
    }
    Ok(None)
}

/// Reads a response to `method` that comes in pieces of these lengths and writes it for a client of HTTP/1.1.
pub fn response(
    bytes: &[u8],
    pieces: &[usize],
    limits: &Limits,
    method: &Method,
) -> Result<Option<Relayed>, ResponseError> {
    let (mut scan, mut end) = (Scan::default(), Ends::new(bytes.len(), pieces));
    while let Some(n) = end.next() {
        let mut spans = Vec::new();
        let Some(got) = head::response(&bytes[..n], &mut scan, &mut spans, limits, method)? else { continue };
        let (mut out, fields) = (Vec::new(), &got.head.fields);
        let hop = Hop::of(fields);
        let keep = |name: &[u8]| !hop.drops(name) && !frames(name);
        let mut head = Head::response(&mut out, got.head.status, got.head.reason);
        head.keep(fields, keep);
        match got.stated {
            Some(n) if *method == Method::HEAD || bodiless(got.head.status) => head.length(Length::Exact(n)),
            _ if *method == Method::HEAD => &mut head,
            _ => head.length(got.head.length),
        };
        head.connection(Connection::Close).finish();
        drop(head);
        let start = (got.head.status.as_str().to_owned(), got.head.reason.to_vec());
        let kept = kept(fields, keep);
        let body = self::body(&bytes[got.size..], &mut end.after(got.size), got.head.length, limits, &mut out);
        return Ok(Some(Relayed { start, kept, length: got.head.length, body, out }));
    }
    Ok(None)
}

fn kept(fields: &Fields<'_>, keep: impl Fn(&[u8]) -> bool) -> Vec<(String, Vec<u8>)> {
    fields
        .iter()
        .filter(|(name, _)| keep(name))
        .map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value.to_vec()))
        .collect()
}

/// Reads a body from pieces that end at these offsets and writes it for the other side.
pub fn body(
    bytes: &[u8],
    ends: &mut dyn Iterator<Item = usize>,
    length: Length,
    limits: &Limits,
    out: &mut Vec<u8>,
) -> Body {
    let mut decoder = Decoder::new(length, limits);
    let (mut unread, mut fed, mut body) = (Vec::new(), 0, Body::default());
    if decoder.is_done() {
        return Body { rest: bytes.len(), outcome: Some(Ok(())), ..body };
    }
    for end in ends {
        unread.extend_from_slice(&bytes[fed..end]);
        fed = end;
        loop {
            let piece = match decoder.decode(&mut unread) {
                Ok(piece) => piece,
                Err(e) => return Body { outcome: Some(Err(e)), ..body },
            };
            body.data.extend_from_slice(&unread[piece.data]);
            out.extend_from_slice(&unread[piece.wire]);
            if piece.end && length == Length::Marked {
                let (section, mut spans) = (&unread[piece.trailers], Vec::new());
                head::trailers(section, &mut spans).expect("the decoder checked them");
                let trailers = Fields::new(section, &spans);
                last_chunk(out, &trailers, |_| true);
                body.trailers = kept(&trailers, |name| !forbidden_in_trailers(name));
            }
            unread.drain(..piece.consumed);
            if piece.end {
                body.outcome = Some(Ok(()));
                body.rest = bytes.len() - fed + unread.len();
                return body;
            }
            if piece.consumed == 0 {
                break;
            }
        }
    }
    if decoder.finish_eof().is_ok() {
        body.outcome = Some(Ok(()));
    }
    body
}

/// Where pieces end: at most `len`, and there at last.
struct Ends<'p> {
    len: usize,
    at: usize,
    pieces: std::slice::Iter<'p, usize>,
    done: bool,
}

impl<'p> Ends<'p> {
    fn new(len: usize, pieces: &'p [usize]) -> Self {
        Ends { len, at: 0, pieces: pieces.iter(), done: false }
    }

    fn next(&mut self) -> Option<usize> {
        if self.done {
            return None;
        }
        self.at = self.pieces.next().map_or(self.len, |n| self.len.min(self.at + n));
        self.done = self.at == self.len && self.pieces.len() == 0;
        Some(self.at)
    }

    /// The ends behind `start`, counted from there, that of the piece in which it lies first.
    fn after(mut self, start: usize) -> impl Iterator<Item = usize> + use<'p> {
        let first = self.at - start;
        std::iter::once(first).chain(std::iter::from_fn(move || self.next().map(|end| end - start)))
    }
}
