//! Request targets (RFC 9112 section 3.2) and hosts (RFC 9110 section 7.2, RFC 3986 section 3.2.2).

use super::Broken;
use super::head::Lines;
use std::net::Ipv6Addr;

/// Judges the target of a request by its form.
pub(super) fn judge(method: &[u8], target: &[u8], lines: &mut Lines<'_>) -> Result<(), Broken> {
    if target.iter().any(u8::is_ascii_control) {
        return Err("RFC 9112 3.2: a control character in the target");
    }
    if method == b"CONNECT" {
        // Its target is an authority; what this gateway makes of the method is its own affair.
        lines.doubts("RFC 9110 9.3.6: CONNECT");
        return Ok(());
    }
    match target {
        [b'/', ..] => path(target, lines),
        b"*" if method == b"OPTIONS" => {}
        _ => absolute(target, lines)?,
    }
    Ok(())
}

fn absolute(target: &[u8], lines: &mut Lines<'_>) -> Result<(), Broken> {
    let colon = target.iter().position(|b| *b == b':').unwrap_or_default();
    let scheme = target[..colon].to_ascii_lowercase();
    let Some(rest) = target[colon..].strip_prefix(b"://") else {
        return Err("RFC 9112 3.2: a target of no form that this method has");
    };
    if scheme != b"http" && scheme != b"https" {
        if !scheme.first().is_some_and(u8::is_ascii_alphabetic) {
            return Err("RFC 9112 3.2: a target of no form that this method has");
        }
        lines.doubts("RFC 9110 7.4: another scheme");
    }
    let end = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    if authority.is_empty() || authority.starts_with(b":") {
        return Err("RFC 9110 4.2.1: an http URI without a host");
    }
    if authority.contains(&b'@') {
        // "SHOULD parse for userinfo and treat its presence as an error": it obscures the authority.
        lines.doubts("RFC 9110 4.2.4: user information");
    } else {
        host(authority, lines)?;
    }
    if rest.starts_with(b"?") {
        lines.doubts("RFC 9112 3.2.1: a query behind an empty path");
    }
    path(rest, lines);
    Ok(())
}

/// Path and query: what is no URI makes the request line invalid, which SHOULD be answered with 400.
fn path(path: &[u8], lines: &mut Lines<'_>) {
    let mut rest = path;
    while let [first, after @ ..] = rest {
        let good = match first {
            b'%' => matches!(after, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()),
            b'/' | b'?' | b':' | b'@' => true,
            byte => is_plain(*byte),
        };
        if !good {
            lines.doubts("RFC 9112 3.2: a target that is no URI");
        }
        rest = after;
    }
}

/// Judges `host[:port]`.
pub(super) fn host(authority: &[u8], lines: &mut Lines<'_>) -> Result<(), Broken> {
    const RULE: Broken = "RFC 9112 3.2: an invalid Host";
    let port = match authority {
        [] => {
            lines.doubts("RFC 9110 7.2: an empty Host");
            return Ok(());
        }
        [b'[', rest @ ..] => {
            let end = rest.iter().position(|b| *b == b']').ok_or(RULE)?;
            let address = std::str::from_utf8(&rest[..end]).map_err(|_| RULE)?;
            if address.starts_with(['v', 'V']) {
                lines.doubts("RFC 3986 3.2.2: an address of a future version");
            } else if address.parse::<Ipv6Addr>().is_err() {
                return Err(RULE);
            }
            &rest[end + 1..]
        }
        name => {
            let end = name.iter().position(|b| *b == b':').unwrap_or(name.len());
            let mut rest = &name[..end];
            if rest.is_empty() {
                return Err(RULE);
            }
            while let [first, after @ ..] = rest {
                let escape = matches!(after, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
                if !(is_plain(*first) || *first == b'%' && escape) {
                    return Err(RULE);
                }
                rest = after;
            }
            &name[end..]
        }
    };
    match port {
        [] => Ok(()),
        [b':', digits @ ..] if digits.iter().all(u8::is_ascii_digit) => {
            let number = digits.iter().try_fold(0u16, |n, d| n.checked_mul(10)?.checked_add(u16::from(d - b'0')));
            if number.is_none() {
                lines.doubts("RFC 9110 4.2: a port that does not exist");
            }
            Ok(())
        }
        _ => Err(RULE),
    }
}

/// `unreserved` or one of `sub-delims` (RFC 3986 section 2).
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte)
}
