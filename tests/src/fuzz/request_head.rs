//! Bytes as a request head: no panic, the same outcome however cut, every bound held, and what a strict reader accepts
//! refused only for a reason of policy.

use super::cuts;
use crate::strict;
use http::Method;
use keywheel_core::http1::head::{self, Request, RequestError};
use keywheel_core::http1::{Scan, hop};
use keywheel_core::limits::Limits;
use keywheel_core::message::{Length, Version};

/// The default bounds, and such that a fuzzer reaches.
fn limits() -> [Limits; 2] {
    let tight =
        Limits { request_line: 40, request_head: 120, request_fields: 3, leading_lines: 1, ..Limits::default() };
    [Limits::default(), tight]
}

/// Runs it.
pub fn run(data: &[u8]) {
    for limits in limits() {
        let mut seen = None;
        for pieces in cuts(data) {
            let outcome = read(data, &pieces, &limits);
            let first = seen.get_or_insert_with(|| outcome.clone());
            assert_eq!(*first, outcome, "however cut");
        }
        match seen {
            Some(Err(error)) => refused(error),
            Some(Ok(None)) => assert!(data.len() < limits.request_head, "a head without end is refused at its bound"),
            _ => {}
        }
    }
    if let Ok(Some((message, size))) = strict::request(data)
        && size <= limits()[0].request_head
        && let Err(error) = read(data, &[], &limits()[0])
    {
        assert!(is_policy(error), "{error} of {message:?}");
    }
}

/// What the head came to, in a form that does not depend on where its bytes lie.
fn read(data: &[u8], pieces: &[usize], limits: &Limits) -> Result<Option<String>, RequestError> {
    let mut scan = Scan::default();
    let mut end = 0;
    for n in pieces.iter().copied().chain([data.len()]) {
        end = data.len().min(end + n);
        let mut spans = Vec::new();
        if let Some(request) = head::request(&data[..end], &mut scan, &mut spans, limits)? {
            accepted(data, &request, limits);
            return Ok(Some(format!("{request:?}")));
        }
    }
    Ok(None)
}

fn accepted(data: &[u8], request: &Request<'_>, limits: &Limits) {
    let head = &request.head;
    assert!(request.size <= data.len() && request.size <= limits.request_head);
    assert!(head.fields.len() <= limits.request_fields);
    assert!(data[..request.size].ends_with(b"\r\n\r\n"));
    assert!(!matches!(head.method, Method::CONNECT | Method::TRACE));
    assert!(head.target.starts_with(b"/") || (*head.target == *b"*" && head.method == Method::OPTIONS));
    assert!(head.target.iter().all(|b| matches!(b, b'!'..=b'~') && *b != b'#'));
    assert_ne!(head.length, Length::UntilClose, "a request never ends with its connection");
    assert!(head.version == Version::Http10 || !head.authority.is_empty());
    assert!(!head.authority.iter().any(|b| matches!(b, b'@' | b'/' | b'\\' | b' ')));
    let mut at = None;
    for (span, (_, line)) in head.fields.spans().iter().zip(head.fields.lines()) {
        assert!(at.is_none_or(|at| at == span.start), "lines follow each other");
        assert!(
            span.start < span.name_end
                && span.name_end < span.value_start
                && span.value_start <= span.value_end
                && span.value_end + 2 <= span.end
        );
        assert!(line.ends_with(b"\r\n") && !line[..line.len() - 2].iter().any(|b| matches!(b, b'\r' | b'\n' | 0)));
        at = Some(span.end);
    }
    assert!(at.is_none_or(|at| at as usize + 2 == request.size));
    let one = |name: &str| head.fields.all(name).count() <= 1;
    assert!(one("host") && one("transfer-encoding"));
    let _ = hop::Hop::of(&head.fields);
}

fn refused(error: RequestError) {
    let status = error.status();
    assert!(status.is_client_error() || status.is_server_error());
    assert!(!error.code().is_empty() && !error.to_string().is_empty());
}

/// Refusals of what is good syntax.
fn is_policy(error: RequestError) -> bool {
    matches!(
        error,
        RequestError::Method
            | RequestError::Target(_)
            | RequestError::HostInvalid
            | RequestError::Underscore(_)
            | RequestError::Expectation
            | RequestError::Connection
            | RequestError::Fields
            | RequestError::LongLine
    )
}
