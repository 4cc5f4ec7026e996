//! Request and response heads: from bytes to spans, or to a refusal that says what is wrong and where.
//!
//! Three steps, each byte looked at once in each:
//! 1. `Scan` finds the end, line by line, and keeps the bounds; it refuses a line feed without carriage return.
//! 2. httparse splits the lines and refuses bytes that may not stand in them.
//! 3. What httparse leaves open is decided here: versions, methods, target forms, Host, framing, names that another
//!    parser could take for framing or a credential.
//!
//! The outcome does not depend on how the bytes were cut. Nothing is allocated for a head that is accepted (but for
//! a method of more than 15 bytes, which the `http` crate boxes).

mod error;
mod form;
mod request;
mod response;

pub use error::{RequestError, ResponseError, TargetFault};
pub use request::{Request, request};
pub use response::{Response, response};

use crate::message::FieldSpan;
use core::mem::MaybeUninit;

/// Most fields in one head, whatever the limits say: the parser's table of them lies on the stack.
pub const MAX_FIELDS: usize = 256;

/// Room for httparse's findings; nothing is written to it before they are there.
fn table<'b>() -> [MaybeUninit<httparse::Header<'b>>; MAX_FIELDS] {
    [const { MaybeUninit::uninit() }; MAX_FIELDS]
}

/// A head as httparse understands it, where its minor version, whose digit stands at `minor`, is one that httparse does not
/// know.
fn in_our_version(head: &[u8], minor: usize) -> Option<Vec<u8>> {
    let newer = head.get(minor).is_some_and(|digit| *digit > b'1');
    newer.then(|| {
        let mut ours = head.to_vec();
        ours[minor] = b'1';
        ours
    })
}

/// Turns httparse's findings in `lines` into spans. `lines` ends with the empty line that ends a head, and begins at `base`
/// in the bytes that the spans count from. Each field's line ends where the next one begins.
fn mark(lines: &[u8], base: usize, headers: &[httparse::Header<'_>], spans: &mut Vec<FieldSpan>) {
    let at = |part: &[u8]| (part.as_ptr() as usize).wrapping_sub(lines.as_ptr() as usize) + base;
    let empty_line = (base + lines.len()).saturating_sub(2) as u32;
    spans.clear();
    spans.reserve(headers.len());
    for header in headers {
        let (start, value) = (at(header.name.as_bytes()), at(header.value));
        if let Some(last) = spans.last_mut() {
            last.end = start as u32;
        }
        spans.push(FieldSpan {
            start: start as u32,
            name_end: (start + header.name.len()) as u32,
            value_start: value as u32,
            value_end: (value + header.value.len()) as u32,
            end: empty_line,
        });
    }
}

/// Which of these lines (from 1) is no field, looked for only once httparse has refused them as a whole: it does not say
/// where.
fn bad_line<'b>(lines: impl Iterator<Item = &'b [u8]>) -> (usize, httparse::Error) {
    let mut number = 0;
    for line in lines {
        number += 1;
        if let Err(e) = httparse::parse_headers(line, &mut [httparse::EMPTY_HEADER]) {
            return (number, e);
        }
    }
    (number, httparse::Error::NewLine)
}

/// [`bad_line`] of a head; its start line is line 1.
fn bad_field(head: &[u8]) -> (usize, httparse::Error) {
    let (line, error) = bad_line(head.split_inclusive(|b| *b == b'\n').skip(1));
    (line + 1, error)
}

/// Parses a trailer section, as [`super::body::Piece::trailers`] gives it (with the empty line that ends it), into spans that
/// count from its beginning. The error is the number of the line, from 1, that is no field.
pub fn trailers(section: &[u8], spans: &mut Vec<FieldSpan>) -> Result<(), usize> {
    with_trailers(section, |headers| mark(section, 0, headers, spans))
}

/// Whether a trailer section is one; the error is that of [`trailers`].
pub(super) fn check_trailers(section: &[u8]) -> Result<(), usize> {
    with_trailers(section, |_| {})
}

fn with_trailers(section: &[u8], take: impl FnOnce(&[httparse::Header<'_>])) -> Result<(), usize> {
    let mut table = [httparse::EMPTY_HEADER; MAX_FIELDS];
    match httparse::parse_headers(section, &mut table) {
        Ok(httparse::Status::Complete((_, headers))) => {
            take(headers);
            Ok(())
        }
        _ => Err(bad_line(section.split_inclusive(|b| *b == b'\n')).0),
    }
}
