//! Request heads.

use super::super::head::{RequestError, TargetFault};
use super::{request, request_within};
use crate::limits::Limits;
use crate::message::{Length, Version};
use http::{Method, StatusCode};

/// A GET with these lines (each without CRLF) after its Host.
fn with(lines: &[&str]) -> String {
    head("GET / HTTP/1.1", &[&["Host: a"], lines].concat())
}

fn head(line: &str, lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|l| format!("{l}\r\n")).collect();
    format!("{line}\r\n{lines}\r\n")
}

fn target(method: &str, target: &str) -> Result<(String, String), RequestError> {
    request(head(&format!("{method} {target} HTTP/1.1"), &["Host: a"])).map(|r| (r.target, r.authority))
}

fn refused(bytes: impl AsRef<[u8]>) -> RequestError {
    let bytes = bytes.as_ref();
    match request(bytes) {
        Err(e) => e,
        Ok(got) => panic!("accepted: {} as {got:?}", bytes.escape_ascii()),
    }
}

#[test]
fn an_ordinary_head_is_read() {
    let head = "POST /v1/chat?x=1 HTTP/1.1\r\nHost: a:80\r\nX:\r\nx: \t two \t\r\nContent-Length: 5\r\n\r\n";
    let got = request(format!("{head}hello")).unwrap();
    assert_eq!((got.method, got.target.as_str(), got.authority.as_str()), (Method::POST, "/v1/chat?x=1", "a:80"));
    assert_eq!((got.version, got.length, got.persist), (Version::Http11, Length::Exact(5), true));
    assert_eq!((got.expects_continue, got.upgrade, got.size), (false, None, head.len()));
    assert_eq!(got.lines, ["Host: a:80\r\n", "X:\r\n", "x: \t two \t\r\n", "Content-Length: 5\r\n"]);
}

#[test]
fn values_are_trimmed_and_bytes_above_ascii_pass() {
    let bytes = b"GET / HTTP/1.1\r\nHost: a\r\nEmpty:\r\nBlank: \t \r\nWide: \t x \xff\xe9 y\t \r\n\r\n";
    let (mut scan, mut spans) = (Default::default(), Vec::new());
    let got = super::head::request(bytes, &mut scan, &mut spans, &Limits::default()).unwrap().unwrap();
    let fields: Vec<_> = got.head.fields.iter().collect();
    let expected: [(&[u8], &[u8]); 4] = [(b"Host", b"a"), (b"Empty", b""), (b"Blank", b""), (b"Wide", b"x \xff\xe9 y")];
    assert_eq!(fields, expected);
}

#[test]
fn incomplete_heads_wait() {
    for bytes in [
        "",
        "P",
        "\r",
        "\r\n",
        "GET",
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r",
    ] {
        assert_eq!(request_within(bytes.as_bytes(), &Limits::default()), Ok(None), "{bytes:?}");
    }
}

#[test]
fn an_http2_preface_is_a_version_error_and_its_first_byte_none() {
    assert_eq!(refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), RequestError::Version);
    assert_eq!(refused("PRI * HTTP/2.0\r\n"), RequestError::Version);
}

#[test]
fn what_is_no_http_is_refused_at_its_first_byte() {
    for bytes in [&b"\x16\x03\x01"[..], b" ", b"\0", b"\x80", b":", b"(", b"\r\n\r\n{", b"\rG"] {
        assert_eq!(refused(bytes), RequestError::RequestLine);
    }
}

#[test]
fn only_a_few_empty_lines_may_come_first() {
    let head = with(&[]);
    let got = request(format!("\r\n\r\n\r\n{head}")).unwrap();
    assert_eq!((got.size, got.lines.len()), (head.len() + 6, 1));
    assert_eq!(refused(format!("\r\n\r\n\r\n\r\n{head}")), RequestError::EmptyLines);
    assert_eq!(refused(format!("\n{head}")), RequestError::LineFeed { line: 1 });
    let none = Limits { leading_lines: 0, ..Limits::default() };
    assert_eq!(request_within(format!("\r\n{head}").as_bytes(), &none), Err(RequestError::EmptyLines));
}

#[test]
fn a_line_feed_needs_its_carriage_return() {
    assert_eq!(refused("GET / HTTP/1.1\nHost: a\r\n\r\n"), RequestError::LineFeed { line: 1 });
    assert_eq!(refused("GET / HTTP/1.1\r\nHost: a\n\r\n"), RequestError::LineFeed { line: 2 });
    assert_eq!(refused("GET / HTTP/1.1\r\nHost: a\r\n\n"), RequestError::LineFeed { line: 3 });
    assert_eq!(
        refused("GET / HTTP/1.1\r\nHost: a\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n").code(),
        "bare_line_feed"
    );
}

#[test]
fn a_lone_carriage_return_is_no_line_end() {
    assert_eq!(refused("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"), RequestError::FieldValue { line: 2 });
    assert_eq!(refused("GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n"), RequestError::FieldName { line: 3 });
    assert_eq!(refused("GET / HTTP/1.1\rHost: a\r\n\r\n"), RequestError::RequestLine);
    assert_eq!(refused("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"), RequestError::FieldValue { line: 2 });
}

#[test]
fn request_lines_are_exact() {
    for line in [
        "GET",
        "GET /",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET / a HTTP/1.1",
        "G(T / HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/",
        "GET / HTTP/x.1",
        "GET / XTTP/1.1",
        "GET HTTP/1.1",
        "HTTP/1.1 200 OK",
    ] {
        assert_eq!(refused(head(line, &["Host: a"])), RequestError::RequestLine, "{line:?}");
    }
}

#[test]
fn other_versions_are_505() {
    for version in ["0.9", "2.0", "2", "3", "9.9", "1.10", "1.1x", "11", "1"] {
        let error = refused(head(&format!("GET / HTTP/{version}"), &["Host: a"]));
        assert_eq!((error, error.status().as_u16()), (RequestError::Version, 505), "{version}");
    }
    let got = request(head("GET / HTTP/1.0", &[])).unwrap();
    assert_eq!((got.version, got.persist, got.authority.as_str()), (Version::Http10, false, ""));
}

#[test]
fn a_higher_minor_version_is_taken_for_ours() {
    for version in ["1.2", "1.9"] {
        let got = request(head(&format!("GET /a?b HTTP/{version}"), &["Host: a", "X: 1"])).unwrap();
        assert_eq!((got.version, got.persist, got.target.as_str()), (Version::Http11, true, "/a?b"), "{version}");
        let error = refused(head(&format!("GET /a HTTP/{version}"), &["Host: a", "X : 1"]));
        assert_eq!(error, RequestError::FieldName { line: 3 });
        assert_eq!(refused(head(&format!("GET /a HTTP/{version}"), &[])), RequestError::HostMissing);
    }
}

#[test]
fn any_method_but_connect_and_trace() {
    for method in [
        "GET",
        "DELETE",
        "PATCH",
        "get",
        "M-SEARCH",
        "PROPFIND",
        "A-METHOD-OF-MORE-THAN-FIFTEEN-BYTES",
        "!#$%&'*+-.^_`|~",
    ] {
        assert_eq!(request(head(&format!("{method} / HTTP/1.1"), &["Host: a"])).unwrap().method.as_str(), method);
    }
    for method in ["CONNECT", "TRACE", "trace", "Connect"] {
        let error = refused(head(&format!("{method} / HTTP/1.1"), &["Host: a"]));
        assert_eq!((error, error.status()), (RequestError::Method, StatusCode::NOT_IMPLEMENTED));
    }
    assert_eq!(refused(head("CONNECT a:443 HTTP/1.1", &["Host: a"])), RequestError::Method);
}

#[test]
fn every_visible_byte_of_a_target_passes_but_two() {
    for byte in 0x21..=0x7e_u8 {
        let byte = char::from(byte);
        let path = target("GET", &format!("/a{byte}b"));
        let query = target("GET", &format!("/?a{byte}b"));
        match byte {
            '#' => {
                assert_eq!(path, Err(RequestError::Target(TargetFault::Byte(2))));
                assert_eq!(query, Err(RequestError::Target(TargetFault::Byte(3))));
            }
            '\\' => {
                assert_eq!(path, Err(RequestError::Target(TargetFault::Backslash(2))));
                assert!(query.is_ok());
            }
            _ => {
                assert_eq!(path.unwrap().0, format!("/a{byte}b"));
                assert_eq!(query.unwrap().0, format!("/?a{byte}b"));
            }
        }
    }
}

#[test]
fn bytes_outside_visible_ascii_never_stand_in_a_target() {
    for byte in (0..=0x20).chain(0x7f..=0xff_u8).filter(|b| *b != b'\n') {
        let bytes = [b"GET /a", &[byte][..], b"b HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
        assert_eq!(refused(bytes).status(), StatusCode::BAD_REQUEST, "{byte:#x}");
    }
    assert_eq!(refused("GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n"), RequestError::Target(TargetFault::Byte(1)));
}

#[test]
fn the_asterisk_belongs_to_options() {
    assert_eq!(target("OPTIONS", "*").unwrap().0, "*");
    assert_eq!(target("GET", "*"), Err(RequestError::Target(TargetFault::Form)));
    assert_eq!(target("OPTIONS", "**"), Err(RequestError::Target(TargetFault::Form)));
}

#[test]
fn an_absolute_form_is_cut_and_outweighs_host() {
    let cut = |t: &str| target("GET", t).unwrap();
    let pair = |t: &str, a: &str| (t.to_owned(), a.to_owned());
    assert_eq!(cut("http://b?x=1&y"), pair("/?x=1&y", "b"));
    assert_eq!(target("GET", "http://b?x#"), Err(RequestError::Target(TargetFault::Byte(10))));
    assert_eq!(cut("http://b:8080/v1?x=/#".trim_end_matches('#')), pair("/v1?x=/", "b:8080"));
    assert_eq!(cut("HTTPS://B/v1"), pair("/v1", "B"));
    assert_eq!(cut("http://[::1]:80/"), pair("/", "[::1]:80"));
    assert_eq!(cut("http://b"), pair("/", "b"));
    assert_eq!(target("OPTIONS", "http://b").unwrap(), pair("*", "b"));
    assert_eq!(target("OPTIONS", "http://b/").unwrap(), pair("/", "b"));
}

#[test]
fn an_absolute_form_has_a_known_scheme_and_a_plain_authority() {
    for t in
        ["ftp://b/", "b/", "a:443", "v1/models", "http:/b/", "http:b", "//", "?x", "h2c://b/", "file:///etc/passwd"]
    {
        let expected = if t.starts_with("//") { None } else { Some(RequestError::Target(TargetFault::Form)) };
        assert_eq!(target("GET", t).err(), expected, "{t}");
    }
    for t in [
        "http:///",
        "http://",
        "http://u@b/",
        "http://u:p@b/",
        "http://b:x/",
        "http://b:99999/",
        "http://[::1/",
        "http://[x]/",
        "http://a%2/",
        "http://a<b/",
    ] {
        assert_eq!(target("GET", t), Err(RequestError::Target(TargetFault::Authority)), "{t}");
    }
    assert_eq!(target("GET", "http://b\\c/"), Err(RequestError::Target(TargetFault::Backslash(8))));
    assert_eq!(target("GET", "http://b/c\\"), Err(RequestError::Target(TargetFault::Backslash(10))));
    assert_eq!(target("GET", "http://b#c"), Err(RequestError::Target(TargetFault::Byte(8))));
    assert_eq!(target("GET", "http://b/?#"), Err(RequestError::Target(TargetFault::Byte(10))));
}

#[test]
fn http11_has_exactly_one_host() {
    assert_eq!(refused("GET / HTTP/1.1\r\n\r\n"), RequestError::HostMissing);
    assert_eq!(refused("GET http://b/ HTTP/1.1\r\n\r\n"), RequestError::HostMissing);
    assert_eq!(refused(with(&["Host: a"])), RequestError::HostTwice);
    assert_eq!(refused("GET / HTTP/1.0\r\nHost: a\r\nhost: a\r\n\r\n"), RequestError::HostTwice);
    assert_eq!(request("GET / HTTP/1.0\r\nHost: b\r\n\r\n").unwrap().authority, "b");
}

#[test]
fn a_host_is_a_name_and_a_port() {
    let host = |h: &str| request(format!("GET / HTTP/1.1\r\nHost: {h}\r\n\r\n")).map(|r| r.authority);
    for good in [
        "a",
        "A.b-c_d.example",
        "127.0.0.1:8080",
        "[::1]",
        "[2001:db8::1]:443",
        "a:",
        "a:65535",
        "xn--bcher-kva.example",
        "a%20b",
        "a,b",
    ] {
        assert_eq!(host(good).as_deref(), Ok(good));
    }
    for bad in [
        "",
        "a b",
        "a/b",
        "u@a",
        "a?b",
        "a#b",
        "a\\b",
        "a:b",
        "a:65536",
        "a:+1",
        "a:80:80",
        "[::1",
        "[::1]x",
        "[fe80::1%25eth0]",
        "[::g]",
        "::1",
        ":80",
        "a%2",
        "a%zz",
        "a\"b",
        "<a>",
        "\u{e9}",
        "http://a",
    ] {
        assert_eq!(host(bad), Err(RequestError::HostInvalid), "{bad:?}");
    }
}

#[test]
fn field_lines_are_exact_and_named_by_number() {
    for line in
        ["Name : x", " Name: x", "\tName: x", ": x", "Name", "Na me: x", "Na(me: x", "N\u{e9}me: x", "Name\t: x"]
    {
        assert_eq!(refused(with(&["Fine: 1", line])), RequestError::FieldName { line: 4 }, "{line:?}");
    }
    assert_eq!(refused(with(&["Fold: a", " b"])), RequestError::FieldName { line: 4 });
    assert_eq!(refused(head("GET / HTTP/1.1", &[" Host: a"])), RequestError::FieldName { line: 2 });
}

#[test]
fn control_characters_are_refused_in_values() {
    for byte in (0..0x20_u8).chain([0x7f]).filter(|b| !matches!(b, b'\t' | b'\n')) {
        let bytes = [b"GET / HTTP/1.1\r\nHost: a\r\nX: a", &[byte][..], b"b\r\n\r\n"].concat();
        assert_eq!(refused(bytes), RequestError::FieldValue { line: 3 }, "{byte:#x}");
    }
    assert!(request(with(&["X: a\tb"])).is_ok());
}

#[test]
fn names_that_others_read_as_framing_or_credential_are_refused() {
    for (name, reads_as) in [
        ("Content_Length", "content-length"),
        ("TRANSFER_ENCODING", "transfer-encoding"),
        ("x_api-key", "x-api-key"),
        ("X_Api_Key", "x-api-key"),
        ("api_key", "api-key"),
        ("x-goog_api-key", "x-goog-api-key"),
        ("Proxy_Authorization", "proxy-authorization"),
        ("Sec-WebSocket_Protocol", "sec-websocket-protocol"),
    ] {
        let error = refused(with(&[&format!("{name}: secret-value")]));
        assert_eq!(error, RequestError::Underscore(reads_as));
        assert!(!error.to_string().contains("secret"));
    }
    assert!(request(with(&["my_header: 1", "x-api-key: k", "_: 1", "content_type: x"])).is_ok());
}

#[test]
fn persistence_follows_version_and_connection() {
    let persist = |version: &str, lines: &[&str]| {
        request(head(&format!("GET / HTTP/{version}"), &[&["Host: a"], lines].concat())).unwrap().persist
    };
    assert!(persist("1.1", &[]));
    assert!(!persist("1.1", &["Connection: close"]));
    assert!(!persist("1.1", &["Connection: x, Close"]));
    assert!(!persist("1.1", &["Connection: keep-alive", "Connection: close"]));
    assert!(!persist("1.0", &[]));
    assert!(persist("1.0", &["Connection: Keep-Alive"]));
    assert!(!persist("1.0", &["Connection: keep-alive, close"]));
    assert!(persist("1.1", &["Connection: closed", "Proxy-Connection: close"]));
}

#[test]
fn connection_names_are_counted() {
    let names = |n: usize| with(&[&format!("Connection: close, {}", vec!["x"; n].join(","))]);
    assert!(request(names(16)).is_ok());
    assert_eq!(refused(names(17)), RequestError::Connection);
    assert_eq!(refused(with(&["Connection: a"; 17])), RequestError::Connection);
}

#[test]
fn expectations() {
    let post = |version: &str, lines: &[&str]| {
        request(head(&format!("POST / HTTP/{version}"), &[&["Host: a"], lines].concat()))
    };
    assert!(post("1.1", &["Content-Length: 1", "Expect: 100-Continue"]).unwrap().expects_continue);
    assert!(post("1.1", &["Transfer-Encoding: chunked", "Expect: 100-continue"]).unwrap().expects_continue);
    assert!(!post("1.1", &["Expect: 100-continue"]).unwrap().expects_continue);
    assert!(!post("1.0", &["Content-Length: 1", "Expect: 100-continue"]).unwrap().expects_continue);
    let error = post("1.1", &["Content-Length: 1", "Expect: tea"]).unwrap_err();
    assert_eq!((error, error.status().as_u16()), (RequestError::Expectation, 417));
}

#[test]
fn upgrades_that_may_be_passed_on() {
    let upgrade = |version: &str, lines: &[&str]| {
        request(head(&format!("GET / HTTP/{version}"), &[&["Host: a"], lines].concat())).unwrap().upgrade
    };
    let asked = "Connection: keep-alive, Upgrade";
    assert_eq!(upgrade("1.1", &[asked, "Upgrade: WebSocket"]).as_deref(), Some("WebSocket"));
    assert_eq!(upgrade("1.1", &["Upgrade: websocket"]), None);
    assert_eq!(upgrade("1.1", &[asked]), None);
    assert_eq!(upgrade("1.0", &[asked, "Upgrade: websocket"]), None);
    assert_eq!(upgrade("1.1", &[asked, "Upgrade: websocket", "Content-Length: 1"]), None);
    assert_eq!(upgrade("1.1", &[asked, "Upgrade: websocket", "Upgrade: websocket"]), None);
    for protocol in ["", "h2c", "H2C", "HTTP/2.0", "TLS/1.2", "h2", "websocket, h2c"] {
        assert_eq!(upgrade("1.1", &[asked, &format!("Upgrade: {protocol}")]), None, "{protocol}");
    }
}

#[test]
fn the_request_line_is_bounded() {
    let limits = Limits { request_line: 100, ..Limits::default() };
    let line = |len: usize| format!("GET /{} HTTP/1.1", "a".repeat(len - "GET / HTTP/1.1".len()));
    let read = |text: &str| request_within(text.as_bytes(), &limits).map(|got| got.is_some());
    assert_eq!(read(&head(&line(100), &["Host: a"])), Ok(true));
    assert_eq!(read(&head(&line(101), &["Host: a"])), Err(RequestError::LongLine));
    assert_eq!(read(&"a".repeat(102)), Err(RequestError::LongLine));
    assert_eq!(read(&"a".repeat(101)), Ok(false));
    assert_eq!(RequestError::LongLine.status(), StatusCode::URI_TOO_LONG);
    // An endless line without a line feed is told as one, whatever the limits' order.
    let odd = Limits { request_line: 500, request_head: 100, ..Limits::default() };
    assert_eq!(request_within(&[b'a'; 400], &odd), Err(RequestError::LongLine));
}

#[test]
fn the_head_is_bounded() {
    let limits = Limits { request_head: 200, ..Limits::default() };
    let fixed = with(&["X: "]).len();
    let of = |len: usize| with(&[&format!("X: {}", "a".repeat(len - fixed))]);
    let read = |text: &str| request_within(text.as_bytes(), &limits).map(|got| got.map(|r| r.size));
    assert_eq!(read(&of(200)), Ok(Some(200)));
    assert_eq!(read(&format!("\r\n{}{}", of(198), "body".repeat(200))), Ok(Some(200)));
    assert_eq!(read(&of(201)), Err(RequestError::LongHead));
    assert_eq!(read(&format!("\r\n{}", of(199))), Err(RequestError::LongHead));
    // At its bound and not at its end: a buffer of this size would be full.
    assert_eq!(read(&of(201)[..200]), Err(RequestError::LongHead));
    assert_eq!(read(&of(201)[..199]), Ok(None));
    assert_eq!(read(&of(300)[..250]), Err(RequestError::LongHead));
    assert_eq!(RequestError::LongHead.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
}

#[test]
fn the_default_bounds_hold_a_large_credential() {
    let jwt = format!("Authorization: Bearer {}", "a".repeat(60 * 1024));
    assert_eq!(request(with(&[&jwt])).unwrap().lines.len(), 2);
    let path = "a".repeat(16 * 1024 - "GET / HTTP/1.1".len());
    assert!(target("GET", &format!("/{path}")).is_ok());
    assert_eq!(target("GET", &format!("/{path}a")), Err(RequestError::LongLine));
}

#[test]
fn fields_are_counted() {
    let of = |n: usize| head("GET / HTTP/1.1", &[&["Host: a"][..], &vec!["X: y"; n - 1]].concat());
    assert_eq!(request(of(128)).unwrap().lines.len(), 128);
    assert_eq!(refused(of(129)), RequestError::Fields);
    // The table on the stack bounds what a setting may raise.
    let limits = Limits { request_fields: 10_000, ..Limits::default() };
    assert_eq!(request_within(of(256).as_bytes(), &limits).map(|got| got.unwrap().lines.len()), Ok(256));
    assert_eq!(request_within(of(257).as_bytes(), &limits), Err(RequestError::Fields));
}

#[test]
fn pipelined_requests_are_read_one_after_the_other() {
    let (first, second) = (with(&["X: 1"]), with(&["X: 2"]));
    let bytes = format!("{first}{second}");
    let (mut scan, mut at, limits) = (Default::default(), 0, Limits::default());
    for expected in ["1", "2"] {
        let mut spans = Vec::new();
        let got = super::head::request(&bytes.as_bytes()[at..], &mut scan, &mut spans, &limits).unwrap().unwrap();
        assert_eq!(got.head.fields.get("x"), Some(expected.as_bytes()));
        at += got.size;
    }
    assert_eq!(at, bytes.len());
}

#[test]
fn errors_repeat_no_value() {
    let secret = "sk-proj-0123456789";
    for bytes in [
        format!("GET /{secret} HTTP/1.1\r\nHost: {secret} x\r\n\r\n"),
        format!("GET /{secret}#{secret} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET /{secret} {secret} HTTP/1.1\r\nHost: a\r\n\r\n"),
        with(&[&format!("{secret} : x")]),
        with(&[&format!("X: {secret}\u{1}")]),
        with(&[&format!("Content-Length: {secret}")]),
        with(&[&format!("Expect: {secret}")]),
    ] {
        let error = refused(&bytes);
        let shown = format!("{error} {error:?} {}", error.code());
        assert!(!shown.contains("sk-"), "{shown}");
        assert!(!error.to_string().is_empty());
    }
}
