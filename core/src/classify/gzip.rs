//! Reads the beginning of a gzip body (RFC 1952), bounded: for judging an error and for finding a key's echo in it.
//!
//! Only the first member is read, as no server sends a second one in an answer. The trailer's checksum is not
//! looked at: of a body that was cut there is none, and what can be read is worth judging.

use crate::message::Fields;
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use std::borrow::Cow;

/// Optional parts of a member's header, by their bits in FLG.
const HEADER_CHECK: u8 = 1 << 1;
const EXTRA: u8 = 1 << 2;
const NAME: u8 = 1 << 3;
const COMMENT: u8 = 1 << 4;

/// What a gzip body begins with.
#[derive(Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The content, at most as long as was asked for.
    pub bytes: Vec<u8>,
    /// Whether that is all of it.
    pub whole: bool,
}

/// Whether the fields say that the body is gzip and nothing more.
pub fn is_gzip(fields: Fields<'_>) -> bool {
    let mut codings = fields.all("content-encoding");
    let known = |value: &[u8]| value.eq_ignore_ascii_case(b"gzip") || value.eq_ignore_ascii_case(b"x-gzip");
    codings.next().is_some_and(known) && codings.next().is_none()
}

/// The body as it can be read: decoded, up to `limit` bytes, where its fields say that it is gzip and it is.
pub fn readable<'a>(fields: Fields<'_>, body: &'a [u8], limit: usize) -> Cow<'a, [u8]> {
    match is_gzip(fields).then(|| decode(body, limit)).flatten() {
        Some(decoded) => Cow::Owned(decoded.bytes),
        None => Cow::Borrowed(body),
    }
}

/// Decodes the content of the member at the start of `input`, which may be cut anywhere, up to `limit` bytes.
/// `None` when it does not begin as gzip does, or is cut within the member's header.
pub fn decode(input: &[u8], limit: usize) -> Option<Decoded> {
    let mut data = input.get(header(input)?..)?;
    let mut inflate = Box::new(DecompressorOxide::new());
    let mut bytes = vec![0; data.len().saturating_mul(4).clamp(64, 64 * 1024).min(limit)];
    let mut written = 0;
    let flags = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF | TINFL_FLAG_HAS_MORE_INPUT;
    loop {
        let (status, read, wrote) = decompress(&mut inflate, data, &mut bytes, written, flags);
        written += wrote;
        data = data.get(read..)?;
        if status != TINFLStatus::HasMoreOutput || bytes.len() >= limit {
            bytes.truncate(written);
            return Some(Decoded { bytes, whole: status == TINFLStatus::Done });
        }
        bytes.resize(bytes.len().saturating_mul(2).min(limit), 0);
    }
}

/// Length of a member's header.
fn header(input: &[u8]) -> Option<usize> {
    let [0x1F, 0x8B, 8, flags, ..] = *input else { return None };
    let mut at = 10;
    if flags & EXTRA != 0 {
        let length = input.get(at..at + 2)?;
        at += 2 + usize::from(u16::from_le_bytes([length[0], length[1]]));
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            at += 1 + memchr::memchr(0, input.get(at..)?)?;
        }
    }
    if flags & HEADER_CHECK != 0 {
        at += 2;
    }
    Some(at)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use miniz_oxide::deflate::compress_to_vec;

    /// `content` as one gzip member with a header that holds these optional parts.
    pub(in super::super) fn gzip(content: &[u8], flags: u8, parts: &[u8]) -> Vec<u8> {
        let mut out = vec![0x1F, 0x8B, 8, flags, 0, 0, 0, 0, 0, 255];
        out.extend_from_slice(parts);
        out.extend_from_slice(&compress_to_vec(content, 6));
        out.extend_from_slice(&[0; 8]);
        out
    }

    #[test]
    fn every_header_is_skipped() {
        let all = EXTRA | NAME | COMMENT | HEADER_CHECK;
        for (flags, parts) in [(0, &b""[..]), (EXTRA, b"\x03\0abc"), (NAME, b"n\0"), (all, b"\x01\0xname\0comment\0cc")]
        {
            let body = gzip(b"content", flags, parts);
            assert_eq!(decode(&body, 100), Some(Decoded { bytes: b"content".to_vec(), whole: true }), "{flags}");
        }
    }

    #[test]
    fn a_cut_body_yields_what_is_readable() {
        let content: Vec<u8> = (0..20_000_u32).flat_map(|n| n.to_string().into_bytes()).collect();
        let body = gzip(&content, 0, b"");
        for cut in (0..body.len()).step_by(997).chain(0..20) {
            match decode(&body[..cut], content.len()) {
                Some(decoded) => {
                    assert!(content.starts_with(&decoded.bytes) && !decoded.whole, "cut at {cut}");
                    assert!(cut < 5000 || decoded.bytes.len() > cut, "cut at {cut}");
                }
                None => assert!(cut < 10, "cut at {cut}"),
            }
        }
    }

    #[test]
    fn output_is_bounded() {
        let body = gzip(&vec![b'x'; 10_000_000], 0, b"");
        let decoded = decode(&body, 64 * 1024).unwrap();
        assert_eq!((decoded.bytes.len(), decoded.whole), (64 * 1024, false));
        assert_eq!(decode(&body, 0).unwrap().bytes, b"");
    }

    #[test]
    fn what_is_no_gzip_stays_as_it_is() {
        let (bytes, spans) = super::super::tests::head(&[("Content-Encoding", "gzip")]);
        let fields = Fields::new(&bytes, &spans);
        assert_eq!(&*readable(fields, b"{\"error\":{}}", 100), b"{\"error\":{}}");
        assert_eq!(&*readable(fields, &gzip(b"text", 0, b""), 100), b"text");
        assert_eq!(decode(b"\x1F\x8B\x08\0\0\0\0\0\0\xFF\xFF\xFF\xFF", 100).unwrap().bytes, b"");
        let (bytes, spans) = super::super::tests::head(&[("Content-Encoding", "gzip, br")]);
        assert!(!is_gzip(Fields::new(&bytes, &spans)));
    }
}
