//! Bytes as a chunked body in any cut, against a decoder that takes them whole and is written to be obvious.

use super::cuts;
use crate::http1::relay;
use crate::strict;
use keywheel_core::http1::head::MAX_FIELDS;
use keywheel_core::limits::Limits;
use keywheel_core::message::Length;

/// Runs it. The first byte chooses the bounds.
pub fn run(data: &[u8]) {
    let Some((choice, bytes)) = data.split_first() else { return };
    let limits = match choice {
        b'd' => Limits::default(),
        n => {
            let n = usize::from(*n);
            Limits { chunk_digits: 1 + n % 16, chunk_extensions: n % 24, trailers: n % 50, ..Limits::default() }
        }
    };
    let expected = whole(bytes, &limits);
    for pieces in cuts(bytes) {
        let mut at = 0;
        let ends = pieces.into_iter().map(|n| {
            at = bytes.len().min(at + n);
            at
        });
        let mut out = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        let ends: Vec<_> = ends.chain([bytes.len()]).collect();
        let body = relay::body(bytes, &mut ends.into_iter(), Length::Marked, &limits, &mut out);

        assert_eq!(body.data, expected.data);
        assert_eq!(body.outcome.map(|o| o.map_err(|_| ())), expected.outcome);
        assert_eq!(body.rest, expected.rest);
        let (message, size) = strict::response(&out, "GET", false).expect("canonical").expect("a head");
        assert_eq!((message.body, size), (expected.data.clone(), out.len()));
        assert_eq!(message.complete, expected.outcome == Some(Ok(())));
    }
}

#[derive(Debug, Default)]
struct Whole {
    data: Vec<u8>,
    /// None: cut short.
    outcome: Option<Result<(), ()>>,
    rest: usize,
}

/// RFC 9112 section 7.1, with our bounds, over bytes that are all there.
fn whole(mut bytes: &[u8], limits: &Limits) -> Whole {
    let mut body = Whole::default();
    let mut extensions = limits.chunk_extensions;
    body.outcome = loop {
        match chunk(&mut bytes, &mut body.data, limits.chunk_digits, &mut extensions) {
            Some(Ok(0)) => break trailers(&mut bytes, limits.trailers),
            Some(Ok(_)) => {}
            Some(Err(())) => break Some(Err(())),
            None => break None,
        }
    };
    if body.outcome == Some(Ok(())) {
        body.rest = bytes.len();
    }
    body
}

/// Takes one chunk off `bytes`: its size.
fn chunk(bytes: &mut &[u8], data: &mut Vec<u8>, most: usize, extensions: &mut usize) -> Option<Result<u64, ()>> {
    let digits = bytes.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    if digits > most {
        return Some(Err(()));
    }
    let size = std::str::from_utf8(&bytes[..digits]).map_or(0, |text| u64::from_str_radix(text, 16).unwrap_or(0));
    let mut rest = &bytes[digits..];
    if digits == 0 && !rest.is_empty() {
        return Some(Err(()));
    }
    if rest.starts_with(b";") || rest.starts_with(b" ") || rest.starts_with(b"\t") {
        let length = rest.iter().take_while(|b| matches!(b, b'\t' | b' '..=b'~' | 0x80..)).count();
        let space = rest.iter().take_while(|b| matches!(b, b'\t' | b' ')).count();
        if length > *extensions || rest.get(space).is_some_and(|b| *b != b';') {
            return Some(Err(()));
        }
        *extensions -= length;
        rest = &rest[length..];
    }
    let Some(Ok(())) = line_end(&mut rest) else { return line_end(&mut rest).map(|_| Err(())) };
    if size > 0 {
        let n = rest.len().min(usize::try_from(size).unwrap_or(usize::MAX));
        data.extend_from_slice(&rest[..n]);
        rest = &rest[n..];
        if (n as u64) < size {
            return None;
        }
        let Some(Ok(())) = line_end(&mut rest) else { return line_end(&mut rest).map(|_| Err(())) };
    }
    *bytes = rest;
    Some(Ok(size))
}

/// Takes CRLF off `bytes`.
fn line_end(bytes: &mut &[u8]) -> Option<Result<(), ()>> {
    match *bytes {
        [b'\r', b'\n', rest @ ..] => {
            *bytes = rest;
            Some(Ok(()))
        }
        [] | [b'\r'] => None,
        _ => Some(Err(())),
    }
}

/// Takes a trailer section off `bytes`: lines up to an empty one, which are judged as fields once that is there.
fn trailers(bytes: &mut &[u8], most: usize) -> Option<Result<(), ()>> {
    let (mut lines, mut used) = (Vec::new(), 0);
    loop {
        let end = bytes[used..].iter().position(|b| *b == b'\n').map(|n| used + n + 1);
        // At the bound and not at its end, it will be longer.
        if end.map_or(bytes.len() >= most + 2, |end| end > most + 2) {
            return Some(Err(()));
        }
        let line = &bytes[used..end?];
        used += line.len();
        match line.strip_suffix(b"\r\n") {
            None => return Some(Err(())),
            Some([]) => break,
            Some(_) if lines.len() == MAX_FIELDS => return Some(Err(())),
            Some(line) => lines.push(line),
        }
    }
    *bytes = &bytes[used..];
    Some(if lines.iter().all(|line| strict::is_field(line)) { Ok(()) } else { Err(()) })
}
