//! Each rule of the syntax with its smallest case, read whole, byte by byte, and at every cut.

mod body;
mod encode;
mod framing;
mod hop;
mod request;
mod response;

use super::head::{self, RequestError, ResponseError};
use super::scan::Scan;
use crate::limits::Limits;
use crate::message::{Fields, Length, Version};
use http::Method;
use std::fmt::Debug;

/// Longest input that is tried at every cut; longer ones are cut near their ends and here and there.
const EVERY_CUT: usize = 1500;

/// Reads `bytes` whole, byte by byte, and in two parts for every cut: `read` gets the lengths at which it is to look.
/// All must agree.
fn at_every_cut<T: PartialEq + Debug>(bytes: &[u8], read: impl Fn(&mut dyn Iterator<Item = usize>) -> T) -> T {
    let len = bytes.len();
    let whole = read(&mut [len].into_iter());
    assert_eq!(read(&mut (0..=len)), whole, "byte by byte: {}", bytes.escape_ascii());
    let step = if len <= EVERY_CUT { 1 } else { 997 };
    for cut in (0..len).step_by(step).chain(len.saturating_sub(5)..len) {
        assert_eq!(read(&mut [cut, len].into_iter()), whole, "cut at {cut}: {}", bytes.escape_ascii());
    }
    whole
}

/// All that a request head says, owned.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    method: Method,
    target: String,
    authority: String,
    version: Version,
    length: Length,
    expects_continue: bool,
    upgrade: Option<String>,
    lines: Vec<String>,
    size: usize,
    persist: bool,
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}

fn lines(fields: &Fields<'_>) -> Vec<String> {
    fields.lines().map(|(_, line)| text(line)).collect()
}

/// Reads a request head; None while it is not complete.
fn request_within(bytes: &[u8], limits: &Limits) -> Result<Option<Request>, RequestError> {
    at_every_cut(bytes, |lengths| {
        let mut scan = Scan::default();
        for n in lengths {
            let mut spans = Vec::new();
            let Some(got) = head::request(&bytes[..n], &mut scan, &mut spans, limits)? else { continue };
            return Ok(Some(Request {
                method: got.head.method.clone(),
                target: text(&got.head.target),
                authority: text(got.head.authority),
                version: got.head.version,
                length: got.head.length,
                expects_continue: got.head.expects_continue,
                upgrade: got.head.upgrade.map(text),
                lines: lines(&got.head.fields),
                size: got.size,
                persist: got.persist,
            }));
        }
        Ok(None)
    })
}

/// A complete request head under the default limits.
fn request(bytes: impl AsRef<[u8]>) -> Result<Request, RequestError> {
    let bytes = bytes.as_ref();
    request_within(bytes, &Limits::default())
        .map(|got| got.unwrap_or_else(|| panic!("incomplete: {}", bytes.escape_ascii())))
}

/// All that a response head says, owned.
#[derive(Debug, PartialEq, Eq)]
struct Response {
    status: u16,
    reason: String,
    length: Length,
    lines: Vec<String>,
    size: usize,
    version: Version,
    persist: bool,
    keep_alive: Option<u64>,
    stated: Option<u64>,
    /// Whether it is the 101 that `Upgrade: websocket` asked for.
    websocket: bool,
}

fn response_within(bytes: &[u8], method: &Method, limits: &Limits) -> Result<Option<Response>, ResponseError> {
    at_every_cut(bytes, |lengths| {
        let mut scan = Scan::default();
        for n in lengths {
            let mut spans = Vec::new();
            let Some(got) = head::response(&bytes[..n], &mut scan, &mut spans, limits, method)? else { continue };
            return Ok(Some(Response {
                status: got.head.status.as_u16(),
                reason: text(got.head.reason),
                length: got.head.length,
                lines: lines(&got.head.fields),
                size: got.size,
                version: got.version,
                persist: got.persist,
                keep_alive: got.keep_alive.map(|d| d.as_secs()),
                stated: got.stated,
                websocket: got.switches_to(Some(b"websocket")),
            }));
        }
        Ok(None)
    })
}

/// A complete response head under the default limits.
fn response_to(method: Method, bytes: impl AsRef<[u8]>) -> Result<Response, ResponseError> {
    let bytes = bytes.as_ref();
    let got = response_within(bytes, &method, &Limits::default());
    got.map(|got| got.unwrap_or_else(|| panic!("incomplete: {}", bytes.escape_ascii())))
}

fn response(bytes: impl AsRef<[u8]>) -> Result<Response, ResponseError> {
    response_to(Method::GET, bytes)
}
