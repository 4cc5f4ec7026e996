//! A request head.

use super::super::framing::{FramingError, Stated};
use super::super::hop::Options;
use super::super::scan::{Bounds, Scan};
use super::super::token::{list, reads_as};
use super::error::RequestError;
use super::form::{Form, form, valid_authority};
use super::{MAX_FIELDS, bad_field, in_our_version, mark, table};
use crate::limits::Limits;
use crate::message::{FieldSpan, Fields, Length, RequestHead, Version};
use core::ops::Range;
use http::Method;

/// A request head and what HTTP/1 alone says about it.
#[derive(Clone, Debug)]
pub struct Request<'b> {
    /// The head; spans count from the first of the bytes that were given.
    pub head: RequestHead<'b>,
    /// Bytes that it took, empty lines before it included. The body begins here.
    pub size: usize,
    /// The client lets the connection be kept after the answer (RFC 9112 section 9.3).
    pub persist: bool,
}

/// Looks for a request head at the beginning of `bytes`. `Ok(None)`: it is not complete; call again with more bytes
/// behind the same ones and the same `scan`, which is reset when a head or an error is returned.
/// A buffer of `Limits::request_head` bytes never waits: a head that fills it without ending is too long.
pub fn request<'b>(
    bytes: &'b [u8],
    scan: &mut Scan,
    spans: &'b mut Vec<FieldSpan>,
    limits: &Limits,
) -> Result<Option<Request<'b>>, RequestError> {
    let bounds = Bounds {
        line: limits.request_line,
        head: limits.request_head,
        fields: limits.request_fields.min(MAX_FIELDS),
        empty_lines: limits.leading_lines,
    };
    let found = scan.head_end(bytes, &bounds, request_line);
    let Some(size) = found.inspect_err(|_| *scan = Scan::default())? else { return Ok(None) };
    let base = core::mem::take(scan).start();
    parse(bytes.get(..size).unwrap_or_default(), base, spans).map(Some)
}

/// Judges the version as soon as the request line is there, so that neither HTTP/0.9 nor HTTP/2 waits for more.
fn request_line(line: &[u8]) -> Result<(), RequestError> {
    let version = line.rsplit(|b| *b == b' ').next().unwrap_or_default();
    match version {
        // A higher minor version than ours is taken for ours (RFC 9110 section 2.5).
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0'..=b'9'] => Ok(()),
        [b'H', b'T', b'T', b'P', b'/', rest @ ..] if rest.first().is_some_and(u8::is_ascii_digit) => {
            Err(RequestError::Version)
        }
        _ => Err(RequestError::RequestLine),
    }
}

/// Parses a whole head that begins at `base` in `bytes` and ends where they do.
fn parse<'b>(bytes: &'b [u8], base: usize, spans: &'b mut Vec<FieldSpan>) -> Result<Request<'b>, RequestError> {
    let head = bytes.get(base..).unwrap_or_default();
    let Line { method, target, version } = split(head, base, spans)?;
    let target = head.get(target).unwrap_or_default();
    let Form { target, authority } = form(&method, target).map_err(RequestError::Target)?;

    let fields = Fields::new(bytes, spans);
    let mut survey = Survey::default();
    for (name, value) in fields.iter() {
        survey.field(name, value)?;
    }

    let host = survey.host(version)?;
    let length = survey.stated.request(version)?;
    if survey.options.too_many() {
        return Err(RequestError::Connection);
    }
    let keeps = version == Version::Http11 || survey.options.keep_alive;
    Ok(Request {
        size: bytes.len(),
        persist: keeps && !survey.options.close,
        head: RequestHead {
            method,
            target,
            authority: authority.unwrap_or(host),
            version,
            length,
            // RFC 9110 section 10.1.1: meaningless without content, and to be ignored in HTTP/1.0.
            expects_continue: survey.expects && version == Version::Http11 && length != Length::Exact(0),
            upgrade: survey.upgrade(version, length),
            fields,
        },
    })
}

/// What a request line says; where its target stands.
struct Line {
    method: Method,
    target: Range<usize>,
    version: Version,
}

/// Splits a head into its request line and the spans of its fields, which count from `base` bytes before it.
fn split(head: &[u8], base: usize, spans: &mut Vec<FieldSpan>) -> Result<Line, RequestError> {
    let line_feed = memchr::memchr(b'\n', head).unwrap_or_default();
    let ours = in_our_version(head, line_feed.saturating_sub(2));
    let text = ours.as_deref().unwrap_or(head);
    let mut room = table();
    let mut parsed = httparse::Request::new(&mut []);
    let (method, target) = match parsed.parse_with_uninit_headers(text, &mut room) {
        Ok(httparse::Status::Complete(_)) => (parsed.method.unwrap_or_default(), parsed.path.unwrap_or_default()),
        Ok(httparse::Status::Partial) => return Err(RequestError::RequestLine),
        Err(e) => return Err(refusal(text, e)),
    };
    let version = if parsed.version == Some(0) { Version::Http10 } else { Version::Http11 };
    let start = (target.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    let (method, target) = (allowed(method)?, start..start + target.len());
    mark(text, base, parsed.headers, spans);
    Ok(Line { method, target, version })
}

/// Why httparse refused: where it is a field, which line.
fn refusal(head: &[u8], error: httparse::Error) -> RequestError {
    match error {
        // The version itself was good: what stands before it is not one target.
        httparse::Error::Token | httparse::Error::Status | httparse::Error::Version => RequestError::RequestLine,
        httparse::Error::TooManyHeaders => RequestError::Fields,
        httparse::Error::HeaderName | httparse::Error::HeaderValue | httparse::Error::NewLine => {
            match bad_field(head) {
                (line, httparse::Error::HeaderValue) => RequestError::FieldValue { line },
                (line, _) => RequestError::FieldName { line },
            }
        }
    }
}

/// CONNECT and TRACE are refused in any case of letters: another server may be less exact than we are.
fn allowed(method: &str) -> Result<Method, RequestError> {
    if method.eq_ignore_ascii_case("CONNECT") || method.eq_ignore_ascii_case("TRACE") {
        return Err(RequestError::Method);
    }
    Method::from_bytes(method.as_bytes()).map_err(|_| RequestError::RequestLine)
}

/// Fields that must not be taken for something else: framing, and every place in which clients carry a credential.
const GUARDED: [&str; 7] = [
    "content-length",
    "transfer-encoding",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "sec-websocket-protocol",
];

/// Bit n: one of [`GUARDED`] has n bytes.
const GUARDED_LENGTHS: u32 = {
    let (mut lengths, mut i) = (0, 0);
    while i < GUARDED.len() {
        lengths |= 1 << GUARDED[i].len();
        i += 1;
    }
    lengths
};

/// What one pass over the fields collects.
#[derive(Default)]
struct Survey<'b> {
    host: Option<&'b [u8]>,
    hosts: u32,
    stated: Stated,
    options: Options,
    expects: bool,
    upgrade: Option<&'b [u8]>,
    upgrades: u32,
}

impl<'b> Survey<'b> {
    #[inline]
    fn field(&mut self, name: &[u8], value: &'b [u8]) -> Result<(), RequestError> {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => {
                self.host = Some(value);
                self.hosts += 1;
            }
            6 if name.eq_ignore_ascii_case(b"expect") => {
                if !value.eq_ignore_ascii_case(b"100-continue") {
                    return Err(RequestError::Expectation);
                }
                self.expects = true;
            }
            7 if name.eq_ignore_ascii_case(b"upgrade") => {
                self.upgrade = Some(value);
                self.upgrades += 1;
            }
            10 if name.eq_ignore_ascii_case(b"connection") => self.options.add(value, |_| {}),
            14 if name.eq_ignore_ascii_case(b"content-length") => self.stated.content_length(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.stated.transfer_encoding(value),
            n if n < 32 && GUARDED_LENGTHS & (1 << n) != 0 => {
                let read = GUARDED.iter().find(|guarded| reads_as(name, guarded.as_bytes()));
                if let Some(guarded) = read.filter(|_| name.contains(&b'_')) {
                    return Err(RequestError::Underscore(guarded));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The one valid Host (RFC 9112 section 3.2); HTTP/1.0 may have none.
    fn host(&self, version: Version) -> Result<&'b [u8], RequestError> {
        match self.host {
            Some(_) if self.hosts > 1 => Err(RequestError::HostTwice),
            Some(host) if valid_authority(host) => Ok(host),
            Some(_) => Err(RequestError::HostInvalid),
            None if version == Version::Http10 => Ok(&[]),
            None => Err(RequestError::HostMissing),
        }
    }

    /// The protocol of an upgrade that may be passed on: exactly one, asked for by Connection too, without a body that
    /// would stand in its way, and none that would make the bytes that follow HTTP again (h2c) or TLS inside the stream.
    /// An upgrade that is not passed on is ignored, as RFC 9110 section 7.8 allows.
    fn upgrade(&self, version: Version, length: Length) -> Option<&'b [u8]> {
        let asked = self.options.upgrade && self.upgrades == 1;
        let possible = version == Version::Http11 && length == Length::Exact(0);
        let protocol = self.upgrade.filter(|p| asked && possible && !p.is_empty() && list(p).count() == 1)?;
        let name = protocol.split(|b| *b == b'/').next().unwrap_or_default();
        let refused = [&b"h2c"[..], b"h2", b"http", b"tls"].iter().any(|r| r.eq_ignore_ascii_case(name));
        (!refused).then_some(protocol)
    }
}

impl From<FramingError> for RequestError {
    fn from(e: FramingError) -> Self {
        RequestError::Framing(e)
    }
}
