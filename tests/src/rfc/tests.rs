//! The judge itself, on small cases whose rulings the RFCs spell out.

use super::*;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n";
const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\n";

fn ruling(bytes: &str) -> Ruling {
    request(bytes.as_bytes())
}

#[track_caller]
fn taken(bytes: &str) -> Message {
    match ruling(bytes) {
        Ruling::Take(message) => message,
        other => panic!("{other:?} of {bytes:?}"),
    }
}

#[test]
fn what_a_careful_client_sends_is_taken_without_doubt() {
    let good = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\r\nGET /?a=%20 HTTP/1.1\r\nhost:[::1]:80\r\nX:\r\n\r\n",
        "GET http://a:1/b HTTP/1.1\r\nHost: a:1\r\n\r\n",
        "OPTIONS * HTTP/1.0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 002\r\n\r\nhi",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n02 ;a;b=\"\\\"c\" ; d = e\r\nhi\r\n0\r\nT: 1\r\n\r\n",
    ];
    for bytes in good {
        let message = taken(bytes);
        assert_eq!((message.end, message.doubt), (End::At(bytes.len()), None), "{bytes:?}");
    }
    assert_eq!(taken(good[5]).body, b"hi");
    assert_eq!(taken(good[5]).trailers, [("T".to_owned(), b"1".to_vec())]);
}

#[test]
fn what_must_be_refused_is() {
    let heads = [
        "GET /\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET / http/1.1\r\n\r\n",
        "G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        "GET http:///b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
    ];
    for bytes in heads {
        assert!(matches!(ruling(bytes), Ruling::Refuse(_)), "{bytes:?}");
    }
    let framings = [
        "Content-Length: +5",
        "Content-Length: 5,6",
        "Content-Length: 0x5",
        "Content-Length:",
        "Content-Length: 5,",
        "Content-Length: 18446744073709551616",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5 5",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding:",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    ];
    for field in framings {
        assert!(matches!(ruling(&format!("{POST}{field}\r\n\r\n")), Ruling::Refuse(_)), "{field:?}");
    }
    let chunks = [
        "g\r\n",
        "\r\n",
        "-1\r\n",
        "0x1\r\n",
        "1 \r\na",
        "1\n",
        "1\r\nab",
        "1\r\na\n",
        "1;a\nb\r\n",
        "1;a\x01\r\n",
        "1\r\r\n",
        "fffffffffffffffff\r\n",
        "0\r\nno colon\r\n",
        "1\r\na\r\n;\r\n",
    ];
    for chunk in chunks {
        let message = taken(&format!("{POST}Transfer-Encoding: chunked\r\n\r\n{chunk}"));
        assert!(matches!(message.end, End::Broken(_)), "{chunk:?}: {message:?}");
    }
}

#[test]
fn where_a_recipient_may_choose_it_says_what_is_to_be_read() {
    let heads = [
        "GET / HTTP/1.1\nHost: a\n\n",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET  /\tHTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.9\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n",
        "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: \r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 0\r\n\r\n",
    ];
    for bytes in heads {
        let message = taken(bytes);
        assert!(message.doubt.is_some() && message.end == End::At(bytes.len()), "{bytes:?}: {message:?}");
    }
    let both = taken(&format!("{POST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nGET"));
    assert!(both.doubt.is_some() && !both.persists);
    assert_eq!(both.body, b"a");
    let spelled = taken(&format!("{POST}Transfer-Encoding: chunked\r\n\r\n1;\r\na\r\n0;=\r\n\r\n"));
    assert!(spelled.doubt.is_some() && matches!(spelled.end, End::At(_)));
}

#[test]
fn what_is_cut_is_neither_whole_nor_broken() {
    let head = format!("{POST}Content-Length: 5\r\n\r\n");
    for end in 0..head.len() {
        assert_eq!(ruling(&head[..end]), Ruling::Part, "{end}");
    }
    assert_eq!(taken(&format!("{head}1234")).end, End::Cut);
    for cut in ["", "1", "1\r", "1\r\n", "1\r\na", "1\r\na\r", "1\r\na\r\n0\r\n", "1\r\na\r\n0\r\nT: 1\r\n"] {
        assert_eq!(taken(&format!("{POST}Transfer-Encoding: chunked\r\n\r\n{cut}")).end, End::Cut, "{cut:?}");
    }
}

#[test]
fn requests_follow_each_other_as_long_as_the_connection_does() {
    let close = "GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n";
    let all = requests(format!("{GET}\r\n{POST}Content-Length: 1\r\n\r\na{close}{GET}\r\n").as_bytes());
    assert_eq!(all.len(), 3, "none behind the one that closes");
    assert!(all.iter().all(|r| matches!(r, Ruling::Take(Message { end: End::At(_), doubt: None, .. }))));
    assert_eq!(requests(format!("{GET}\r\nGET /\r\n{GET}\r\n").as_bytes()).len(), 2, "none behind one that is refused");
    assert_eq!(requests(b"GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n").len(), 1);
    assert_eq!(requests(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n").len(), 2);
}

#[test]
fn responses_end_as_section_6_3_has_it() {
    let end = |bytes: &str, method, closed| match response(bytes.as_bytes(), method, closed) {
        Ruling::Take(message) => Some((message.framing, message.end)),
        _ => None,
    };
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
    let at = |bytes: &str| End::At(bytes.len());
    assert_eq!(end(&format!("{length}hi.."), "GET", false), Some((Framing::Length(2), End::At(length.len() + 2))));
    assert_eq!(end(length, "HEAD", false), Some((Framing::Empty, at(length))));
    assert_eq!(end(&length.replace("200", "304"), "GET", false), Some((Framing::Empty, at(length))));
    let close = "HTTP/1.0 200 \r\n\r\nrest";
    assert_eq!(end(close, "GET", true), Some((Framing::Close, at(close))));
    assert_eq!(end(close, "GET", false), Some((Framing::Close, End::Cut)));
    for refused in
        ["HTTP/1.1 20 OK\r\n", "HTTP/1.1 099 x\r\n", "ICY 200 OK\r\n", "HTTP/2 200 \r\n", "HTTP/1.1 200 \x01\r\n"]
    {
        assert_eq!(end(refused, "GET", true), None, "{refused:?}");
    }
    for doubtful in ["HTTP/1.1 200\r\nX : 1\r\n\r\n", "HTTP/1.1 700 \r\n\r\n", "HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\n\r\n"]
    {
        let Ruling::Take(message) = response(doubtful.as_bytes(), "GET", true) else { panic!("{doubtful:?}") };
        assert!(message.doubt.is_some());
    }
}
