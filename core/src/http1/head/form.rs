//! The forms of a request's target (RFC 9112 section 3.2), and what may stand in an authority.

use super::super::token::Class;
use super::error::TargetFault;
use core::net::Ipv6Addr;
use http::Method;
use std::borrow::Cow;

/// A target in origin form (or `*`), with the authority that an absolute form carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form<'b> {
    /// Owned only where it is made up.
    pub(super) target: Cow<'b, [u8]>,
    pub(super) authority: Option<&'b [u8]>,
}

/// Reads a target. Every byte of a path and query from 0x21 to 0x7e but `#` and a path's backslash passes unchanged.
pub(super) fn form<'b>(method: &Method, target: &'b [u8]) -> Result<Form<'b>, TargetFault> {
    match target {
        [b'/', ..] => Ok(Form { target: path(target, 0)?.into(), authority: None }),
        b"*" if *method == Method::OPTIONS => Ok(Form { target: target.into(), authority: None }),
        _ => absolute(method, target),
    }
}

/// `http://authority/path?query` (RFC 9112 section 3.2.2).
fn absolute<'b>(method: &Method, target: &'b [u8]) -> Result<Form<'b>, TargetFault> {
    let after = [&b"http://"[..], b"https://"].into_iter().find_map(|scheme| {
        let (head, rest) = target.split_at_checked(scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    let after = after.ok_or(TargetFault::Form)?;
    let end = after.iter().position(|b| matches!(b, b'/' | b'?' | b'#' | b'\\')).unwrap_or(after.len());
    let (authority, rest) = after.split_at_checked(end).ok_or(TargetFault::Authority)?;
    if !valid_authority(authority) {
        return Err(TargetFault::Authority);
    }
    let offset = target.len() - rest.len();
    let target = match rest {
        // RFC 9112 section 3.2.4: OPTIONS of a URI without path asks about the server as a whole.
        [] if *method == Method::OPTIONS => b"*".as_slice().into(),
        [] => b"/".as_slice().into(),
        [b'/', ..] => path(rest, offset)?.into(),
        // RFC 9112 section 3.2.1: an empty path is sent as `/`.
        [b'?', ..] => [b"/", path(rest, offset)?].concat().into(),
        [b'\\', ..] => return Err(TargetFault::Backslash(offset)),
        _ => return Err(TargetFault::Byte(offset)),
    };
    Ok(Form { target, authority: Some(authority) })
}

/// Checks a path and query; `offset` is where it begins in the whole target.
fn path(path: &[u8], offset: usize) -> Result<&[u8], TargetFault> {
    static PLAIN: Class = Class::visible_but(b"#\\?");
    static QUERY: Class = Class::visible_but(b"#");
    let Some(end) = path.iter().position(|b| !PLAIN.has(*b)) else { return Ok(path) };
    let fault = match path.get(end..).unwrap_or_default() {
        [b'?', query @ ..] => {
            query.iter().position(|b| !QUERY.has(*b)).map(|n| TargetFault::Byte(offset + end + 1 + n))
        }
        [b'\\', ..] => Some(TargetFault::Backslash(offset + end)),
        _ => Some(TargetFault::Byte(offset + end)),
    };
    fault.map_or(Ok(path), Err)
}

/// Whether `authority` is a non-empty host and an optional port, as Host and an http URI carry them (RFC 9110 sections
/// 4.2.1 and 7.2): no user information, no list, nothing that another parser could cut elsewhere.
pub(super) fn valid_authority(authority: &[u8]) -> bool {
    static REG_NAME: Class = Class::alphanumeric_and(b"-._~!$&'()*+,;=%");
    let (host_is_valid, port) = match authority {
        [b'[', rest @ ..] => {
            let Some((address, port)) = split_at_byte(rest, b']') else { return false };
            let address = core::str::from_utf8(address).unwrap_or_default();
            (address.parse::<Ipv6Addr>().is_ok(), port)
        }
        _ => {
            let end = authority.iter().position(|b| *b == b':').unwrap_or(authority.len());
            let (name, port) = authority.split_at_checked(end).unwrap_or_default();
            (!name.is_empty() && REG_NAME.all(name) && percent_is_hex(name), port)
        }
    };
    host_is_valid
        && match port {
            [] => true,
            [b':', digits @ ..] => {
                digits.is_empty() || super::super::token::decimal(digits).is_some_and(|n| n <= 65535)
            }
            _ => false,
        }
}

fn split_at_byte(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(byte, bytes)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

fn percent_is_hex(name: &[u8]) -> bool {
    name.split(|b| *b == b'%')
        .skip(1)
        .all(|rest| matches!(rest, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()))
}
