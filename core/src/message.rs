//! A message head as every protocol version sees it: bytes, and spans that say where its fields lie.
//!
//! HTTP/1 fills spans by parsing (`http1::head`); HTTP/2 will by writing decoded fields into a buffer.
//! What decides (auth, cors, exchange, classify) reads only this.

use crate::secret::Veiled;
use bytes::Bytes;
use core::fmt;
use http::{Method, StatusCode};
use std::borrow::Cow;

/// Where one field lies in its head's bytes.
///
/// `start..end` is the whole line as HTTP/1 writes it, CRLF included, so that a field that is kept
/// can be copied in one piece; neighbours that are kept make one range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct FieldSpan {
    /// Where the line, and so the name, begins.
    pub start: u32,
    /// One past the name.
    pub name_end: u32,
    /// Where the value begins, leading white space excluded.
    pub value_start: u32,
    /// One past the value, trailing white space excluded.
    pub value_end: u32,
    /// One past the line's CRLF.
    pub end: u32,
}

/// The fields of a head, in order, duplicates kept.
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    bytes: &'a [u8],
    spans: &'a [FieldSpan],
}

impl<'a> Fields<'a> {
    /// Fields whose spans lie in `bytes`.
    pub fn new(bytes: &'a [u8], spans: &'a [FieldSpan]) -> Self {
        Fields { bytes, spans }
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Name and value of each field, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let bytes = self.bytes;
        self.spans.iter().map(move |s| (slice(bytes, s.start, s.name_end), slice(bytes, s.value_start, s.value_end)))
    }

    /// Each field's whole line, CRLF included, beside its name.
    pub fn lines(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let bytes = self.bytes;
        self.spans.iter().map(move |s| (slice(bytes, s.start, s.name_end), slice(bytes, s.start, s.end)))
    }

    /// The values of the fields called `name` (lower case), in order.
    pub fn all<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        self.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, v)| v)
    }

    /// The first value of the field called `name` (lower case).
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The spans themselves, for an encoder.
    pub fn spans(&self) -> &'a [FieldSpan] {
        self.spans
    }

    /// The bytes that the spans point into.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

/// Names, and how long the values are: a value may be a credential.
impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(name, value)| (name.escape_ascii().to_string(), Veiled(value.len()))))
            .finish()
    }
}

fn slice(bytes: &[u8], start: u32, end: u32) -> &[u8] {
    bytes.get(start as usize..end as usize).unwrap_or_default()
}

/// Fields with memory of their own: those of a head that is kept, or that an embedder's client brought back.
#[derive(Clone, Default)]
pub struct FieldBuf {
    bytes: Vec<u8>,
    spans: Vec<FieldSpan>,
}

impl FieldBuf {
    /// Adds a field behind the others.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        let start = self.bytes.len() as u32;
        for part in [name, b": ", value, b"\r\n"] {
            self.bytes.extend_from_slice(part);
        }
        let name_end = start + name.len() as u32;
        let value_start = name_end + 2;
        let value_end = value_start + value.len() as u32;
        self.spans.push(FieldSpan { start, name_end, value_start, value_end, end: value_end + 2 });
    }

    /// Takes out the fields whose names `keep` does not want.
    pub fn retain(&mut self, keep: impl Fn(&[u8]) -> bool) {
        let bytes = &self.bytes;
        self.spans.retain(|span| keep(slice(bytes, span.start, span.name_end)));
    }

    /// The fields.
    pub fn fields(&self) -> Fields<'_> {
        Fields::new(&self.bytes, &self.spans)
    }

    /// The bytes of all fields, to be changed in place (a key that an upstream repeats is masked).
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl fmt::Debug for FieldBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fields().fmt(f)
    }
}

/// Which minor version of HTTP/1 (or that a newer protocol) the peer spoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0: no chunked coding, closes unless asked to stay.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// How long a body is, as its head said. Decided once per message and passed by value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// Exactly so many bytes; 0 also stands for "no body".
    Exact(u64),
    /// Unknown until its end is marked (chunked in HTTP/1).
    Marked,
    /// Until the connection closes. Only an HTTP/1 answer can be so; a request never is.
    UntilClose,
}

/// A request head.
#[derive(Clone)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: Method,
    /// Path and query in origin form, as the client spelled it (an absolute-form target already cut; owned where its path
    /// was empty and `/` had to be put before its query).
    pub target: Cow<'a, [u8]>,
    /// The authority: the absolute form's where there was one, else Host. Empty when HTTP/1.0 gave none.
    pub authority: &'a [u8],
    /// Which version the client speaks.
    pub version: Version,
    /// How long the body is.
    pub length: Length,
    /// The client waits for `100 Continue` before it sends the body (RFC 9110 section 10.1.1).
    pub expects_continue: bool,
    /// The protocol asked for by `Upgrade` (with `Connection: upgrade`), where it may be passed on.
    pub upgrade: Option<&'a [u8]>,
    /// The fields.
    pub fields: Fields<'a>,
}

/// Without its query, which may hold a credential.
impl fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("method", &self.method)
            .field("path", &self.target.split(|b| *b == b'?').next().unwrap_or_default().escape_ascii().to_string())
            .field("version", &self.version)
            .field("length", &self.length)
            .field("fields", &self.fields)
            .finish_non_exhaustive()
    }
}

/// A response head.
#[derive(Clone)]
pub struct ResponseHead<'a> {
    /// Status 100 to 999.
    pub status: StatusCode,
    /// The reason phrase as it came; may be empty.
    pub reason: &'a [u8],
    /// How long the body is.
    pub length: Length,
    /// The fields.
    pub fields: Fields<'a>,
}

impl fmt::Debug for ResponseHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseHead")
            .field("status", &self.status)
            .field("length", &self.length)
            .field("fields", &self.fields)
            .finish_non_exhaustive()
    }
}

/// An answer of keywheel's own: an admin page, an error, a preflight.
#[derive(Clone, Debug)]
pub struct Page {
    /// Status.
    pub status: StatusCode,
    /// Fields besides Content-Length and Connection, which the encoder adds.
    pub fields: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

/// Fields for tests, written as HTTP/1 writes them.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Written {
    bytes: Vec<u8>,
    spans: Vec<FieldSpan>,
}

#[cfg(test)]
impl Written {
    /// These names and values, in order.
    pub(crate) fn of(fields: &[(&str, &str)]) -> Self {
        let mut written = Written::default();
        for (name, value) in fields {
            let start = written.bytes.len() as u32;
            let name_end = start + name.len() as u32;
            written.bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            let end = written.bytes.len() as u32;
            written.spans.push(FieldSpan { start, name_end, value_start: name_end + 2, value_end: end - 2, end });
        }
        written
    }

    /// Them.
    pub(crate) fn fields(&self) -> Fields<'_> {
        Fields::new(&self.bytes, &self.spans)
    }
}
