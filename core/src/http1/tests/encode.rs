//! What is written anew.

use super::super::encode::{BadField, Connection, Head, chunk_header, last_chunk, page};
use super::super::head::trailers;
use super::super::hop::{Hop, frames};
use super::super::scan::Scan;
use super::head;
use crate::limits::Limits;
use crate::message::{Fields, Length, Page, Version};
use bytes::Bytes;
use http::{Method, StatusCode};

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = b"before|".to_vec();
    write(&mut out);
    super::text(&out).strip_prefix("before|").unwrap().to_owned()
}

#[test]
fn a_request_is_forwarded_without_what_ends_here() {
    let bytes = b"POST http://x/v1?a HTTP/1.1\r\nA: 1\r\nHost: x\r\nB:2\r\nb:  3 \r\nConnection: close, c\r\nC: 4\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\nD: 5\r\n\r\n";
    let mut spans = Vec::new();
    let got = head::request(bytes, &mut Scan::default(), &mut spans, &Limits::default()).unwrap().unwrap();
    let hop = Hop::of(&got.head.fields);
    let text = written(|out| {
        let mut head = Head::request(out, &got.head.method, &[b"/prefix", &got.head.target], b"up:1");
        head.keep(&got.head.fields, |name| !hop.drops(name) && !frames(name) && !name.eq_ignore_ascii_case(b"host"));
        head.field("Authorization", b"Bearer k")
            .unwrap()
            .length(got.head.length)
            .connection(Connection::Default)
            .finish();
    });
    assert_eq!(
        text,
        "POST /prefix/v1?a HTTP/1.1\r\nHost: up:1\r\nA: 1\r\nB:2\r\nb:  3 \r\nD: 5\r\nAuthorization: Bearer k\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    );
}

#[test]
fn a_request_says_its_length_where_one_is_expected() {
    let of = |method: Method, length: Length| {
        written(|out| Head::request(out, &method, &[b"/"], b"a").length(length).finish())
            .replace(&format!("{method} / HTTP/1.1\r\nHost: a\r\n"), "")
    };
    assert_eq!(of(Method::GET, Length::Exact(0)), "\r\n");
    assert_eq!(of(Method::DELETE, Length::Exact(0)), "\r\n");
    assert_eq!(of(Method::POST, Length::Exact(0)), "Content-Length: 0\r\n\r\n");
    assert_eq!(of(Method::from_bytes(b"X").unwrap(), Length::Exact(0)), "Content-Length: 0\r\n\r\n");
    assert_eq!(of(Method::GET, Length::Exact(7)), "Content-Length: 7\r\n\r\n");
    assert_eq!(of(Method::GET, Length::Marked), "Transfer-Encoding: chunked\r\n\r\n");
    assert_eq!(of(Method::POST, Length::Exact(u64::MAX)), "Content-Length: 18446744073709551615\r\n\r\n");
}

#[test]
fn a_response_says_its_length_where_one_may_stand() {
    let of = |status: u16, length: Length| {
        let status = StatusCode::from_u16(status).unwrap();
        written(|out| Head::response(out, status, b"R").length(length).finish())
            .replace(&format!("HTTP/1.1 {} R\r\n", status.as_str()), "")
    };
    assert_eq!(of(200, Length::Exact(0)), "Content-Length: 0\r\n\r\n");
    assert_eq!(of(200, Length::Marked), "Transfer-Encoding: chunked\r\n\r\n");
    assert_eq!(of(200, Length::UntilClose), "\r\n");
    assert_eq!(of(304, Length::Exact(9)), "Content-Length: 9\r\n\r\n");
    for status in [100, 101, 199, 204] {
        assert_eq!(of(status, Length::Exact(0)), "\r\n");
        assert_eq!(of(status, Length::Marked), "\r\n");
    }
}

#[test]
fn connections_are_said() {
    let of = |connection: Connection<'_>| {
        written(|out| Head::response(out, StatusCode::OK, b"").connection(connection).finish())
            .replace("HTTP/1.1 200 \r\n", "")
    };
    assert_eq!(of(Connection::answer(Version::Http11, true)), "\r\n");
    assert_eq!(of(Connection::answer(Version::Http10, true)), "Connection: keep-alive\r\n\r\n");
    assert_eq!(of(Connection::answer(Version::Http11, false)), "Connection: close\r\n\r\n");
    assert_eq!(of(Connection::answer(Version::Http10, false)), "Connection: close\r\n\r\n");
    assert_eq!(of(Connection::Upgrade(b"websocket")), "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n");
}

#[test]
fn a_field_that_would_break_its_line_is_refused_and_leaves_nothing() {
    let text = written(|out| {
        let mut head = Head::response(out, StatusCode::OK, b"OK");
        assert_eq!(head.field("A", b"b\r\nC: d").err(), Some(BadField::Value { at: 1 }));
        assert_eq!(head.field("A", b"\n").err(), Some(BadField::Value { at: 0 }));
        assert_eq!(head.field("A", b"b\0").err(), Some(BadField::Value { at: 1 }));
        assert_eq!(head.field("A:", b"b").err(), Some(BadField::Name));
        assert_eq!(head.field("", b"b").err(), Some(BadField::Name));
        head.field("Fine", b"\xff").unwrap();
        head.finish();
    });
    assert_eq!(text, "HTTP/1.1 200 OK\r\nFine: \u{ff}\r\n\r\n");
    assert!(!BadField::Value { at: 3 }.to_string().is_empty());
}

#[test]
fn white_space_before_a_colon_is_left_out_and_neighbours_stay() {
    let bytes = b"HTTP/1.1 200 OK\r\nA: 1\r\nB \t:  2 \r\nC:3\r\nD : 4\r\nE : 5\r\nF: 6\r\n\r\n";
    let mut spans = Vec::new();
    let got = head::response(bytes, &mut Scan::default(), &mut spans, &Limits::default(), &Method::GET);
    let got = got.unwrap().unwrap();
    let text = written(|out| {
        Head::response(out, got.head.status, got.head.reason).keep(&got.head.fields, |name| name != b"D").finish();
    });
    assert_eq!(text, "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\nC:3\r\nE: 5\r\nF: 6\r\n\r\n");
}

#[test]
fn an_unfinished_head_is_taken_back() {
    let text = written(|out| {
        let mut head = Head::request(out, &Method::GET, &[b"/"], b"a");
        assert!(head.field("A", b"\r").is_err());
    });
    assert_eq!(text, "");
}

fn a_page(status: StatusCode) -> Page {
    Page {
        status,
        fields: vec![("Content-Type", "text/plain".into()), ("X", "a\r\nb".into())],
        body: Bytes::from_static(b"hi"),
    }
}

#[test]
fn pages_are_whole_answers() {
    let of = |status: StatusCode, method: Method| {
        written(|out| page(out, &a_page(status), &method, Connection::answer(Version::Http11, false)))
    };
    let head = "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nX: a??b\r\nContent-Length: 2\r\nConnection: close\r\n\r\n";
    assert_eq!(of(StatusCode::NOT_FOUND, Method::GET), format!("{head}hi"));
    assert_eq!(of(StatusCode::NOT_FOUND, Method::HEAD), head);
    assert!(of(StatusCode::NO_CONTENT, Method::OPTIONS).ends_with("X: a??b\r\nConnection: close\r\n\r\n"));
    let odd = StatusCode::from_u16(599).unwrap();
    assert!(of(odd, Method::GET).starts_with("HTTP/1.1 599 \r\n"));
}

#[test]
fn chunk_headers_are_canonical() {
    for (len, text) in
        [(1, "1\r\n"), (10, "a\r\n"), (16, "10\r\n"), (0xdeadbeef, "deadbeef\r\n"), (u64::MAX, "ffffffffffffffff\r\n")]
    {
        assert_eq!(written(|out| chunk_header(out, len)), text);
    }
    assert_eq!(written(|out| chunk_header(out, 0)), "");
}

#[test]
fn a_last_chunk_carries_only_harmless_trailers() {
    let section = b"X-Sum: 1\r\nContent-Length: 5\r\nSecret: 2\r\nx-sum: 3\r\n\r\n";
    let mut spans = Vec::new();
    trailers(section, &mut spans).unwrap();
    let text = written(|out| last_chunk(out, &Fields::new(section, &spans), |name| name != b"Secret"));
    assert_eq!(text, "0\r\nX-Sum: 1\r\nx-sum: 3\r\n\r\n");
    assert_eq!(written(|out| last_chunk(out, &Fields::new(b"", &[]), |_| true)), "0\r\n\r\n");
}
