//! Heads: each rule, whole and at every cut.

use super::*;
use crate::http1::Scan;
use crate::limits::Limits;
use crate::message::{Length, Version};
use http::Method;

#[test]
fn a_request_becomes_spans() {
    let bytes = b"\r\nPOST /v1/chat?x=1 HTTP/1.1\r\nHost: a:80\r\nX:\r\nContent-Length: 5 \r\n\r\nhello";
    let (mut scan, mut spans) = (Scan::default(), Vec::new());
    let got = request(bytes, &mut scan, &mut spans, &Limits::default()).unwrap().unwrap();
    assert_eq!(got.size, bytes.len() - 5);
    assert_eq!(got.head.target, b"/v1/chat?x=1");
    assert_eq!(got.head.authority, b"a:80");
    assert_eq!((got.head.length, got.head.version, got.persist), (Length::Exact(5), Version::Http11, true));
    let lines: Vec<_> = got.head.fields.lines().map(|(_, line)| line).collect();
    assert_eq!(lines, [&b"Host: a:80\r\n"[..], b"X:\r\n", b"Content-Length: 5 \r\n"]);
    assert_eq!(got.head.fields.get("content-length"), Some(&b"5"[..]));
    assert_eq!(got.head.fields.get("x"), Some(&b""[..]));
}

#[test]
fn a_response_becomes_spans() {
    let bytes = b"HTTP/1.1 200 \xe9\r\nKeep-Alive: timeout=5, max=3\r\nTransfer-Encoding: Chunked\r\n\r\n";
    let (mut scan, mut spans) = (Scan::default(), Vec::new());
    let got = response(bytes, &mut scan, &mut spans, &Limits::default(), &Method::GET).unwrap().unwrap();
    assert_eq!((got.size, got.head.reason, got.head.length), (bytes.len(), &b"\xe9"[..], Length::Marked));
    assert_eq!(got.keep_alive, Some(core::time::Duration::from_secs(5)));
}
