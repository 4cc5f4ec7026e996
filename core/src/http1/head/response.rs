//! A response head.

use super::super::framing::{FramingError, Stated};
use super::super::hop::Options;
use super::super::scan::{Bounds, Scan};
use super::super::token::{decimal, list, trim};
use super::error::ResponseError;
use super::{MAX_FIELDS, bad_field, in_our_version, mark, table};
use crate::limits::Limits;
use crate::message::{FieldSpan, Fields, Length, ResponseHead, Version};
use core::time::Duration;
use http::{Method, StatusCode};

/// A response head and what HTTP/1 alone says about it.
#[derive(Clone, Debug)]
pub struct Response<'b> {
    /// The head; spans count from the first of the bytes that were given.
    pub head: ResponseHead<'b>,
    /// Bytes that it took. The body begins here.
    pub size: usize,
    /// Which version the upstream speaks.
    pub version: Version,
    /// The upstream will keep the connection after this answer (RFC 9112 section 9.3). Never where the body ends with it.
    pub persist: bool,
    /// How long it will keep it: `timeout` of Keep-Alive.
    pub keep_alive: Option<Duration>,
    /// The Content-Length that was stated, body or not: what HEAD's answer and a 304 say of the body they leave out.
    pub stated: Option<u64>,
}

impl Response<'_> {
    /// Whether this is the 101 that the request's `Upgrade: protocol` asked for. A 101 that is not is an offence: the
    /// connection is not to be trusted any more.
    pub fn switches_to(&self, protocol: Option<&[u8]>) -> bool {
        let mut given = self.head.fields.all("upgrade");
        self.head.status == StatusCode::SWITCHING_PROTOCOLS
            && self.version == Version::Http11
            && protocol.is_some_and(|asked| given.next().is_some_and(|g| g.eq_ignore_ascii_case(asked)))
            && given.next().is_none()
    }
}

/// What every answer begins with.
const PREFIX: &[u8] = b"HTTP/1.";
/// Where the minor version stands.
const MINOR: usize = 7;
/// `HTTP/1.1 200`: where the status begins and ends.
const STATUS: core::ops::Range<usize> = 9..12;

/// Looks for the head of a response to `method` at the beginning of `bytes`. `Ok(None)`: it is not complete; call again
/// with more bytes behind the same ones and the same `scan`, which is reset when a head or an error is returned.
/// A buffer of `Limits::upstream_head` bytes never waits: a head that fills it without ending is too long.
///
/// Interim (1xx) heads are returned like any other; how many are borne and whether a 101 was asked for
/// ([`Response::switches_to`]) is for the caller to say.
pub fn response<'b>(
    bytes: &'b [u8],
    scan: &mut Scan,
    spans: &'b mut Vec<FieldSpan>,
    limits: &Limits,
    method: &Method,
) -> Result<Option<Response<'b>>, ResponseError> {
    let found = find(bytes, scan, limits).inspect_err(|_| *scan = Scan::default())?;
    let Some(size) = found else { return Ok(None) };
    *scan = Scan::default();
    parse(bytes.get(..size).unwrap_or_default(), spans, method).map(Some)
}

fn find(bytes: &[u8], scan: &mut Scan, limits: &Limits) -> Result<Option<usize>, ResponseError> {
    // Judged byte by byte, so that what never sends a line feed is refused too.
    if bytes.iter().zip(PREFIX).any(|(a, b)| a != b) {
        return Err(ResponseError::NotHttp);
    }
    let bounds = Bounds {
        line: limits.upstream_head,
        head: limits.upstream_head,
        fields: limits.upstream_fields.min(MAX_FIELDS),
        empty_lines: 0,
    };
    scan.head_end(bytes, &bounds, status_line)
}

/// Judges the version as soon as the status line is there. A higher minor version than ours is taken for ours (RFC 9110
/// section 2.5).
fn status_line(line: &[u8]) -> Result<(), ResponseError> {
    match line.get(MINOR..STATUS.start) {
        Some([b'0'..=b'9', b' ']) => Ok(()),
        _ => Err(ResponseError::NotHttp),
    }
}

/// Parses a whole head.
fn parse<'b>(head: &'b [u8], spans: &'b mut Vec<FieldSpan>, method: &Method) -> Result<Response<'b>, ResponseError> {
    let ours = in_our_version(head, MINOR);
    let text = ours.as_deref().unwrap_or(head);
    let mut room = table();
    let mut parsed = httparse::Response::new(&mut []);
    let mut config = httparse::ParserConfig::default();
    // RFC 9112 section 5.1: it is taken away before the answer goes on, by whoever writes the head anew.
    config.allow_spaces_after_header_name_in_responses(true);
    match config.parse_response_with_uninit_headers(&mut parsed, text, &mut room) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(ResponseError::StatusLine),
        Err(e) => return Err(refusal(head, e)),
    }
    let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok()).ok_or(ResponseError::StatusLine)?;
    let version = if parsed.version == Some(0) { Version::Http10 } else { Version::Http11 };
    // httparse gives a reason with obs-text as an empty one, so it is taken from the line itself.
    let line = head.split(|b| *b == b'\r').next().unwrap_or_default();
    let reason = line.get(STATUS.end + 1..).unwrap_or_default();
    // RFC 9112 section 2.2; httparse, where it bears white space before a colon, skips this too.
    if let Some(b' ' | b'\t') = head.get(line.len() + 2) {
        return Err(ResponseError::FieldName { line: 2 });
    }

    let (mut stated, mut options, mut keep_alive) = (Stated::default(), Options::default(), None);
    for header in parsed.headers.iter() {
        let (name, value) = (header.name.as_bytes(), header.value);
        match name.len() {
            10 if name.eq_ignore_ascii_case(b"connection") => options.add(value, |_| {}),
            10 if name.eq_ignore_ascii_case(b"keep-alive") => keep_alive = keep_alive.or(timeout(value)),
            14 if name.eq_ignore_ascii_case(b"content-length") => stated.content_length(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => stated.transfer_encoding(value),
            _ => {}
        }
    }
    mark(text, 0, parsed.headers, spans);

    let length = stated.response(version, status, method)?;
    if options.too_many() {
        return Err(ResponseError::Connection);
    }
    let keeps = version == Version::Http11 || options.keep_alive;
    Ok(Response {
        size: head.len(),
        version,
        persist: keeps && !options.close && length != Length::UntilClose,
        keep_alive,
        stated: stated.stated_length(),
        head: ResponseHead { status, reason, length, fields: Fields::new(head, spans) },
    })
}

/// `timeout` of `Keep-Alive: timeout=5, max=100`, in seconds.
fn timeout(value: &[u8]) -> Option<Duration> {
    list(value).find_map(|parameter| {
        let equals = memchr::memchr(b'=', parameter)?;
        let (name, value) = (parameter.get(..equals)?, parameter.get(equals + 1..)?);
        let seconds = decimal(trim(value)).filter(|_| trim(name).eq_ignore_ascii_case(b"timeout"))?;
        Some(Duration::from_secs(seconds))
    })
}

/// Why httparse refused: where it is a field, which line.
fn refusal(head: &[u8], error: httparse::Error) -> ResponseError {
    match error {
        httparse::Error::Version => ResponseError::NotHttp,
        httparse::Error::Token | httparse::Error::Status => ResponseError::StatusLine,
        httparse::Error::TooManyHeaders => ResponseError::Fields,
        httparse::Error::HeaderName | httparse::Error::HeaderValue | httparse::Error::NewLine => {
            match bad_field(head) {
                (line, httparse::Error::HeaderValue) => ResponseError::FieldValue { line },
                (line, _) => ResponseError::FieldName { line },
            }
        }
    }
}

impl From<FramingError> for ResponseError {
    fn from(e: FramingError) -> Self {
        ResponseError::Framing(e)
    }
}
