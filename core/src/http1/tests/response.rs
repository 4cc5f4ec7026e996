//! Response heads.

use super::super::framing::FramingError;
use super::super::head::ResponseError;
use super::{response, response_to, response_within};
use crate::limits::Limits;
use crate::message::{Length, Version};
use http::Method;

fn refused(bytes: impl AsRef<[u8]>) -> ResponseError {
    let bytes = bytes.as_ref();
    match response(bytes) {
        Err(e) => e,
        Ok(got) => panic!("accepted: {} as {got:?}", bytes.escape_ascii()),
    }
}

#[test]
fn an_ordinary_head_is_read() {
    let head = "HTTP/1.1 200 Very good\r\nContent-Length: 5\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\n";
    let got = response(format!("{head}hello")).unwrap();
    assert_eq!((got.status, got.reason.as_str(), got.size), (200, "Very good", head.len()));
    assert_eq!((got.length, got.version, got.persist), (Length::Exact(5), Version::Http11, true));
    assert_eq!((got.keep_alive, got.stated), (None, Some(5)));
    assert_eq!(got.lines, ["Content-Length: 5\r\n", "Set-Cookie: a\r\n", "set-cookie: b\r\n"]);
}

#[test]
fn white_space_before_the_first_field_is_refused() {
    for fields in [" X: 1", "\tX: 1", " ", " Content-Length: 3"] {
        let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(refused(head), ResponseError::FieldName { line: 2 }, "{fields:?}");
    }
}

#[test]
fn reasons_keep_their_bytes() {
    let reason = |line: &[u8]| response([line, b"\r\nContent-Length: 0\r\n\r\n"].concat()).map(|r| r.reason);
    assert_eq!(reason(b"HTTP/1.1 200 \xe9t\xe9\t ok").as_deref(), Ok("\u{e9}t\u{e9}\t ok"));
    assert_eq!(reason(b"HTTP/1.1 200 ").as_deref(), Ok(""));
    assert_eq!(reason(b"HTTP/1.1 200").as_deref(), Ok(""));
    assert_eq!(reason(b"HTTP/1.1 200  two").as_deref(), Ok(" two"));
    for bad in [&b"HTTP/1.1 200 a\x01"[..], b"HTTP/1.1 200 a\0b", b"HTTP/1.1 200 a\rb", b"HTTP/1.1 200 \x7f"] {
        assert_eq!(reason(bad), Err(ResponseError::StatusLine), "{}", bad.escape_ascii());
    }
}

#[test]
fn a_status_is_100_to_999() {
    for status in [100, 101, 103, 199, 200, 299, 418, 529, 600, 999] {
        assert_eq!(response(format!("HTTP/1.1 {status} x\r\n\r\n")).unwrap().status, status);
    }
    for line in ["099 x", "000 x", "20 x", "2000 x", "2x0 x", "x", "", "200x", "-20 x", "+20 x", "200\tOK", " 200 OK"] {
        assert_eq!(refused(format!("HTTP/1.1 {line}\r\n\r\n")), ResponseError::StatusLine, "{line:?}");
    }
}

#[test]
fn what_is_no_http1_is_refused_at_its_first_wrong_byte() {
    for bytes in [
        &b"<html>hello"[..],
        b"\x15\x03\x03\0\x02\x02P",
        b"ICY 200 OK\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n",
        b"http/1.1 200 OK",
        b"HTTP 200",
        b"\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"\nHTTP/1.1 200 OK\r\n\r\n",
        b" HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.10 200 OK\r\n",
        b"HTTP/1.1\r\n",
        b"HTTP/1.1\t200 OK\r\n",
        b"SSH-2.0-x",
    ] {
        assert_eq!(refused(bytes), ResponseError::NotHttp, "{}", bytes.escape_ascii());
    }
    for bytes in ["", "H", "HTTP/1.", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\n\r"] {
        assert_eq!(response_within(bytes.as_bytes(), &Method::GET, &Limits::default()), Ok(None), "{bytes:?}");
    }
}

#[test]
fn lines_are_exact() {
    assert_eq!(refused("HTTP/1.1 200 OK\n\n"), ResponseError::LineFeed { line: 1 });
    assert_eq!(refused("HTTP/1.1 200 OK\r\nA: b\n\r\n"), ResponseError::LineFeed { line: 2 });
    assert_eq!(refused("HTTP/1.1 200 OK\r\nA: b\r\nC d: e\r\n\r\n"), ResponseError::FieldName { line: 3 });
    assert_eq!(refused("HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n"), ResponseError::FieldName { line: 3 });
    assert_eq!(refused("HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n"), ResponseError::FieldValue { line: 2 });
    assert_eq!(refused("HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n"), ResponseError::FieldValue { line: 2 });
}

#[test]
fn a_newer_minor_version_is_taken_for_ours() {
    let got = response("HTTP/1.7 200 So\r\nContent-Length: 5\r\nA: b\r\n\r\n").unwrap();
    assert_eq!((got.version, got.length, got.persist), (Version::Http11, Length::Exact(5), true));
    assert_eq!(got.reason, "So");
    assert_eq!(got.lines, ["Content-Length: 5\r\n", "A: b\r\n"]);
}

#[test]
fn white_space_before_a_colon_is_not_of_the_name() {
    let got = response("HTTP/1.1 200 OK\r\nContent-Length : 5\r\nconnection\t: close\r\n\r\n").unwrap();
    assert_eq!((got.length, got.persist), (Length::Exact(5), false));
    let both = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding : chunked\r\n\r\n";
    assert_eq!(refused(both), ResponseError::Framing(FramingError::Both));
}

#[test]
fn persistence_needs_an_end_that_is_not_the_connections() {
    let persist = |line: &str, fields: &str| response(format!("HTTP/{line} x\r\n{fields}\r\n")).unwrap().persist;
    assert!(persist("1.1 200", "Content-Length: 1\r\n"));
    assert!(persist("1.1 200", "Transfer-Encoding: chunked\r\n"));
    assert!(persist("1.1 204", ""));
    assert!(!persist("1.1 200", ""));
    assert!(!persist("1.1 200", "Content-Length: 1\r\nConnection: close\r\n"));
    assert!(!persist("1.0 200", "Content-Length: 1\r\n"));
    assert!(persist("1.0 200", "Content-Length: 1\r\nConnection: keep-alive\r\n"));
    assert!(!persist("1.0 200", "Connection: keep-alive\r\n"));
}

#[test]
fn keep_alive_tells_its_timeout() {
    let timeout = |value: &str| {
        response(format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nKeep-Alive: {value}\r\n\r\n")).unwrap().keep_alive
    };
    assert_eq!(timeout("timeout=5, max=100"), Some(5));
    assert_eq!(timeout("max=100,Timeout = 7"), Some(7));
    assert_eq!(timeout("timeout=0"), Some(0));
    for other in ["", "5", "timeout", "timeout=", "timeout=-1", "timeout=x", "max=5", "timeout=99999999999999999999"] {
        assert_eq!(timeout(other), None, "{other}");
    }
}

#[test]
fn a_101_is_what_was_asked_for_or_an_offence() {
    let switches = |head: &str| response(head).unwrap().websocket;
    assert!(switches("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\r\n"));
    for other in [
        "HTTP/1.1 101 x\r\nConnection: upgrade\r\n\r\n",
        "HTTP/1.1 101 x\r\nUpgrade: h2c\r\n\r\n",
        "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.0 101 x\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1 100 x\r\nUpgrade: websocket\r\n\r\n",
    ] {
        assert!(!switches(other), "{other}");
    }
}

#[test]
fn bodiless_answers_tell_what_they_leave_out() {
    let head = response_to(Method::HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n").unwrap();
    assert_eq!((head.length, head.stated, head.persist), (Length::Exact(0), Some(12), true));
    let unmodified = response("HTTP/1.1 304 x\r\nContent-Length: 12\r\n\r\n").unwrap();
    assert_eq!((unmodified.length, unmodified.stated), (Length::Exact(0), Some(12)));
}

#[test]
fn heads_are_bounded() {
    let limits = Limits { upstream_head: 100, upstream_fields: 3, ..Limits::default() };
    let read = |text: &str| response_within(text.as_bytes(), &Method::GET, &limits).map(|got| got.map(|r| r.size));
    let of = |len: usize| format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(len - 24));
    assert_eq!(read(&of(100)), Ok(Some(100)));
    assert_eq!(read(&of(101)), Err(ResponseError::LongHead));
    assert_eq!(read(&of(101)[..100]), Err(ResponseError::LongHead));
    assert_eq!(read(&format!("HTTP/1.1 200 {}", "a".repeat(200))), Err(ResponseError::LongHead));
    let fields = |n: usize| format!("HTTP/1.1 204 x\r\n{}\r\n", "A: b\r\n".repeat(n));
    assert_eq!(read(&fields(3)), Ok(Some(fields(3).len())));
    assert_eq!(read(&fields(4)), Err(ResponseError::Fields));
    assert_eq!(response(fields(256)).unwrap().lines.len(), 256);
    assert_eq!(refused(fields(257)), ResponseError::Fields);
}

#[test]
fn connection_names_are_counted() {
    assert_eq!(
        refused(format!("HTTP/1.1 204 x\r\nConnection: {}\r\n\r\n", "x,".repeat(17))),
        ResponseError::Connection
    );
}

#[test]
fn every_error_has_a_text_and_a_word() {
    for bytes in
        ["<", "HTTP/1.1 0\r\n\r\n", "HTTP/1.1 204 x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"]
    {
        let error = refused(bytes);
        assert!(error.to_string().starts_with("upstream's answer: ") && error.code().starts_with("upstream_"));
    }
}
