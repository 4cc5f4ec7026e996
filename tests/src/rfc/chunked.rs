//! The chunked coding (RFC 9112 section 7.1).

use super::head::{Lines, is_token, trim};
use super::{Broken, Message};

/// Reads a chunked body into `message`: whether its end was there.
pub(super) fn read(lines: &mut Lines<'_>, message: &mut Message) -> Result<bool, Broken> {
    loop {
        // No leniency about line ends here: the ways in which readers differ about them are how chunks smuggle.
        let Some(line) = exact(lines)? else { return Ok(false) };
        let size = size(line, lines)?;
        if size == 0 {
            let Some(trailers) = lines.fields(false)? else { return Ok(false) };
            message.trailers = trailers;
            return Ok(true);
        }
        if !lines.take(size, &mut message.body) {
            return Ok(false);
        }
        match lines.bytes[lines.at..] {
            [] | [b'\r'] => return Ok(false),
            [b'\r', b'\n', ..] => lines.at += 2,
            _ => return Err("RFC 9112 7.1: a chunk's data is not followed by CRLF"),
        }
    }
}

/// A line that ends in CRLF.
fn exact<'b>(lines: &mut Lines<'b>) -> Result<Option<&'b [u8]>, Broken> {
    let start = lines.at;
    let doubt = lines.doubt;
    let line = lines.line()?;
    if line.is_some_and(|line| lines.at - start != line.len() + 2) {
        return Err("RFC 9112 7.1: a chunk's header does not end in CRLF");
    }
    lines.doubt = doubt;
    Ok(line)
}

fn size(line: &[u8], lines: &mut Lines<'_>) -> Result<u64, Broken> {
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let (number, rest) = line.split_at(digits);
    if number.is_empty() {
        return Err("RFC 9112 7.1: a chunk size that is not hexadecimal digits");
    }
    let size = number.iter().try_fold(0u64, |n, d| {
        let digit = u64::from(char::from(*d).to_digit(16).unwrap_or_default());
        n.checked_mul(16)?.checked_add(digit)
    });
    if number.len() > 16 {
        lines.doubts("RFC 9112 7.1: a chunk size of more digits than 64 bits have");
    }
    extensions(rest, lines)?;
    size.ok_or("RFC 9112 7.1: a chunk size that overflows")
}

/// `*( BWS ";" BWS name [ BWS "=" BWS value ] )` (section 7.1.1).
fn extensions(rest: &[u8], lines: &mut Lines<'_>) -> Result<(), Broken> {
    if rest.is_empty() {
        return Ok(());
    }
    if rest.iter().any(|b| b.is_ascii_control() && *b != b'\t') {
        return Err("RFC 9112 7.1.1: a control character in a chunk's header");
    }
    if !trim(rest).starts_with(b";") {
        return Err("RFC 9112 7.1: a chunk size that is followed by something else");
    }
    if !are_good(rest) {
        lines.doubts("RFC 9112 7.1.1: a chunk extension that is not well formed");
    }
    Ok(())
}

fn are_good(mut rest: &[u8]) -> bool {
    while let [b';', after @ ..] = trim(rest) {
        let after = trim(after);
        let name = token(after);
        let behind = trim(&after[name..]);
        let [b'=', value @ ..] = behind else {
            if name == 0 {
                return false;
            }
            rest = behind;
            continue;
        };
        let value = trim(value);
        let length = if value.starts_with(b"\"") { quoted(value) } else { Some(token(value)) };
        match length {
            Some(length) if name > 0 && length > 0 => rest = &value[length..],
            _ => return false,
        }
    }
    trim(rest).is_empty()
}

fn token(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| is_token(&[**b])).count()
}

/// How long the quoted string at the beginning is.
fn quoted(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}
