//! Where a body ends (RFC 9112 section 6.3) and whether its connection goes on (section 9.3).

use super::head::is_token;
use super::{Broken, Head};
use crate::strict::{Framing, Start};

/// What a request's fields state; None: no body.
pub(super) fn of_request(head: &mut Head) -> Result<Option<Framing>, Broken> {
    stated(head)
}

/// How the body of a response to `method` ends.
pub(super) fn of_response(head: &mut Head, method: &str) -> Result<Framing, Broken> {
    let status = match head.start {
        Start::Response { status, .. } => status,
        Start::Request { .. } => return Err("a request where a response is due"),
    };
    let stated = stated(head)?;
    Ok(match status {
        101 => Framing::Tunnel,
        100..=199 | 204 | 304 => Framing::Empty,
        _ if method == "HEAD" => Framing::Empty,
        _ => stated.unwrap_or(Framing::Close),
    })
}

fn stated(head: &mut Head) -> Result<Option<Framing>, Broken> {
    let length = length(head);
    let Some(coding) = coding(head) else { return Ok(length?.map(Framing::Length)) };
    coding?;
    if !matches!(length, Ok(None)) {
        head.doubts("RFC 9112 6.3 (3): Content-Length beside Transfer-Encoding");
        head.persists = false;
    }
    if head.minor == 0 {
        head.doubts("RFC 9112 6.1: Transfer-Encoding in HTTP/1.0");
        head.persists = false;
    }
    Ok(Some(Framing::Chunked))
}

/// The one valid Content-Length (section 6.3 rule 5, RFC 9110 section 8.6).
fn length(head: &mut Head) -> Result<Option<u64>, Broken> {
    let Some(members) = head.list("content-length") else { return Ok(None) };
    let several = members.len() > 1;
    let numbers: Result<Vec<_>, _> = members.iter().map(|member| decimal(member)).collect();
    let numbers = numbers?;
    if numbers.iter().any(|n| *n != numbers[0]) {
        return Err("RFC 9112 6.3 (5): lengths that differ");
    }
    if several {
        head.doubts("RFC 9110 8.6: a length that is repeated");
    }
    Ok(numbers.first().copied())
}

fn decimal(text: &[u8]) -> Result<u64, Broken> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return Err("RFC 9112 6.3 (5): a length that is not digits");
    }
    let number = text.iter().try_fold(0u64, |n, d| n.checked_mul(10)?.checked_add(u64::from(d - b'0')));
    number.ok_or("RFC 9110 8.6: a length that overflows")
}

/// Whether the transfer codings are once chunked, at the end, and nothing else: others were not asked for (RFC 9112 section
/// 7.4) and are not known here. None: no coding is stated.
fn coding(head: &mut Head) -> Option<Result<(), Broken>> {
    let members = head.list("transfer-encoding")?;
    let named: Vec<_> = members.iter().filter(|member| !member.is_empty()).collect();
    let name =
        |member: &[u8]| member.split(|b| *b == b';').next().unwrap_or_default().trim_ascii().to_ascii_lowercase();
    let names: Vec<_> = named.iter().map(|member| name(member)).collect();
    let verdict = match names.split_last() {
        _ if !names.iter().all(|name| is_token(name)) => Err("RFC 9112 7: a transfer coding that is no token"),
        Some((last, before)) if last == b"chunked" => match before {
            [] => Ok(()),
            _ if before.iter().any(|name| name == b"chunked") => Err("RFC 9112 6.1: chunked more than once"),
            _ => Err("RFC 9112 6.1: a transfer coding that is not known"),
        },
        _ => Err("RFC 9112 6.3 (4): chunked is not the last transfer coding"),
    };
    let odd = named.len() != members.len() || named.iter().any(|member| member.contains(&b';'));
    if odd {
        head.doubts("RFC 9112 7: an empty member or a parameter in Transfer-Encoding");
    }
    Some(verdict)
}

/// What version and Connection say of the connection behind this message.
pub(super) fn persists(head: &Head) -> bool {
    let options = head.list("connection").unwrap_or_default();
    let has = |option: &[u8]| options.iter().any(|o| o.eq_ignore_ascii_case(option));
    !has(b"close") && (head.minor > 0 || has(b"keep-alive"))
}
