//! Credentials in a query: found, hashed and left out without changing a byte of the rest.

use sha2::digest::Output;
use sha2::{Digest, Sha256};

/// Names of the parameters that carry a credential, after percent-decoding.
const NAMES: [&[u8]; 2] = [b"key", b"api-key"];

/// The still escaped values of the credential parameters, each with 0 for `key` and 1 for `api-key`.
pub(super) fn credentials(query: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    query.split(|&b| b == b'&').filter_map(|parameter| {
        let which = credential(parameter)?;
        let value = memchr::memchr(b'=', parameter).and_then(|at| parameter.get(at + 1..));
        Some((which, value.unwrap_or_default()))
    })
}

/// Which of [`NAMES`] this parameter is. An upstream decodes names, so an escaped spelling is the same name.
fn credential(parameter: &[u8]) -> Option<u8> {
    let name = parameter.split(|&b| b == b'=').next()?;
    let which = NAMES.iter().position(|expected| decoded(name).eq(expected.iter().copied()))?;
    u8::try_from(which).ok()
}

/// SHA-256 of a percent-decoded value. A `+` stands for itself: no token holds a space.
pub(super) fn digest(value: &[u8]) -> Output<Sha256> {
    let mut hash = Sha256::new();
    if memchr::memchr(b'%', value).is_none() {
        hash.update(value);
    } else {
        decoded(value).for_each(|byte| hash.update([byte]));
    }
    hash.finalize()
}

/// The bytes after percent-decoding (RFC 3986 section 2.1); a `%` without two digits stands for itself.
fn decoded(mut bytes: &[u8]) -> impl Iterator<Item = u8> {
    core::iter::from_fn(move || {
        let (first, rest) = bytes.split_first()?;
        if let (b'%', [high, low, rest @ ..]) = (first, rest)
            && let (Some(high), Some(low)) = (char::from(*high).to_digit(16), char::from(*low).to_digit(16))
        {
            bytes = rest;
            return u8::try_from(high * 16 + low).ok();
        }
        bytes = rest;
        Some(*first)
    })
}

/// What is left of a query (without its `?`) once credentials are out, as runs of bytes to be joined by `&`.
///
/// A query that carries none comes back as one run, unchanged. No run at all: the `?` goes too.
pub fn kept_query(query: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut left = Some(query);
    core::iter::from_fn(move || {
        // Pass over credentials, then run on until the next one.
        let mut run = left?;
        while credential(run.split(|&b| b == b'&').next()?).is_some() {
            let Some(after) = memchr::memchr(b'&', run) else {
                left = None;
                return None;
            };
            run = run.get(after + 1..)?;
        }
        let mut end = memchr::memchr(b'&', run).unwrap_or(run.len());
        while let Some(next) = run.get(end + 1..) {
            let length = memchr::memchr(b'&', next).unwrap_or(next.len());
            if credential(next.get(..length)?).is_some() {
                break;
            }
            end += 1 + length;
        }
        left = run.get(end + 1..);
        run.get(..end)
    })
}
