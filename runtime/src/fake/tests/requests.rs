//! Requests are read strictly, however they are cut into pieces.

use super::*;

#[test]
fn every_split_gives_the_same_answer_and_record() {
    let body = "5\r\nhello\r\n6\r\n world\r\n0\r\nx-sum: 1\r\n\r\n";
    let head = format!("POST /v1/digest HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\n");
    let request = format!("{head}Transfer-Encoding: chunked\r\n\r\n{body}").into_bytes();
    let run = |cut: usize, step: usize| {
        let provider = provider();
        let mut peer = Peer::new(&provider);
        peer.send_by(&request[..cut], step);
        peer.send_by(&request[cut..], step);
        let record = provider.record(1).expect("a record");
        (peer.text(), record.body, record.trailers, record.head)
    };
    let whole = run(request.len(), request.len());
    assert!(whole.0.contains("\"length\":11"), "{}", whole.0);
    assert_eq!(whole.1.start, b"hello world");
    assert_eq!(whole.2, [b"x-sum: 1"]);
    assert!(whole.3.ends_with(b"\r\n\r\n"));
    assert_eq!(run(request.len(), 1), whole);
    for cut in 0..request.len() {
        assert_eq!(run(cut, request.len()), whole, "split at {cut}");
    }
}

#[test]
fn illegal_requests_are_refused_and_named() {
    let cases: [(&str, &str); 20] = [
        ("GET /v1/models HTTP/1.1\nHost: a\r\n\r\n", "LF without CR"),
        ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "empty line before"),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "method, target and version"),
        ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", "method that is no token"),
        ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", "percent-encoded"),
        ("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "origin form"),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", "a version"),
        ("GET / HTTP/1.1\r\n\r\n", "no Host"),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", "empty Host"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "two Hosts"),
        ("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", "folded"),
        ("GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", "without colon"),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", "name that is no token"),
        ("GET / HTTP/1.1\r\nHost: a\r\nx: \u{1}\r\n\r\n", "control character"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n", "bad Content-Length"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", "two Content-Lengths"),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "in HTTP/1.0"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "not chunked"),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "Content-Length and Transfer-Encoding",
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5x\r\n", "bad chunk size"),
    ];
    for (request, says) in cases {
        let provider = provider();
        let mut peer = Peer::new(&provider);
        peer.send_by(request.as_bytes(), 7);
        assert!(peer.text().starts_with("HTTP/1.1 400 "), "{request:?}: {}", peer.text());
        assert_eq!(peer.close, Some(Close::Fin), "{request:?}");
        let violations = provider.violations();
        assert_eq!(violations.len(), 1, "{request:?}: {violations:?}");
        assert!(violations[0].1.to_string().contains(says), "{request:?}: {violations:?}");
        assert!(matches!(violations[0].1, Violation::Illegal(_)));
        assert_eq!(provider.record(1).expect("a record").violations.len(), 1);
    }
}

#[test]
fn what_a_proxy_must_not_pass_on_is_noted_and_served() {
    let cases = [
        "Connection: keep-alive, X-Mine",
        "Keep-Alive: timeout=5",
        "TE: trailers",
        "Cookie: a=b",
        "Proxy-Authorization: Basic x",
        "X-Api-Key: sk-other",
        "X-Forwarded-For: 10.0.0.1",
        "Content_Length: 7",
        "Trailer: x",
        "Upgrade: h2c",
        "Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.sk-x",
    ];
    for field in cases {
        let provider = provider();
        let text = answer(&provider, &get("/v1/models", &format!("{field}\r\n")));
        assert!(text.starts_with("HTTP/1.1 200 "), "{field}: {text}");
        let found = provider.violations();
        assert!(matches!(found[..], [(1, Violation::Forwarded(_))]), "{field}: {found:?}");
    }
    let provider = provider();
    answer(&provider, &get("/v1/models?key=sk-x", ""));
    assert_eq!(provider.violations()[0].1, Violation::Forwarded("a credential in the query"));
}

#[test]
fn chunk_extensions_are_noted() {
    let provider = provider();
    let head = format!("POST /v1/digest HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\n");
    let text = answer(&provider, format!("{head}Transfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n").as_bytes());
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    assert_eq!(provider.violations(), [(1, Violation::Forwarded("chunk extensions"))]);
}

#[test]
fn pipelined_requests_are_answered_in_order_on_one_connection() {
    let provider = provider();
    let mut peer = Peer::new(&provider);
    let requests = [get("/v1/models/gpt-4o", ""), post("/v1/digest", "", "abc"), get("/v1/models/o3", "")].concat();
    peer.send_by(&requests, requests.len());
    let text = peer.text();
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} in {text}"));
    assert!(at("\"id\":\"gpt-4o\"") < at("\"length\":3") && at("\"length\":3") < at("\"id\":\"o3\""));
    assert_eq!(peer.close, None);
    assert_eq!(provider.connections(), (1, 1));
    let log = provider.log();
    assert!(log.iter().all(|r| r.ended == Ended::Complete && r.received && r.conn == 1 && r.status == 200));
    drop(peer);
    assert_eq!(provider.connections(), (1, 0));
}

#[test]
fn a_client_that_says_close_or_speaks_1_0_gets_a_close() {
    for (request, closes) in [
        (get("/v1/models", "Connection: close\r\n"), true),
        (format!("GET /v1/models HTTP/1.0\r\nAuthorization: Bearer {KEY}\r\n\r\n").into_bytes(), true),
        (
            format!("GET /v1/models HTTP/1.0\r\nConnection: keep-alive\r\nAuthorization: Bearer {KEY}\r\n\r\n")
                .into_bytes(),
            false,
        ),
    ] {
        let mut peer = Peer::new(&provider());
        peer.send_by(&request, request.len());
        let (text, shown) = (peer.text(), String::from_utf8_lossy(&request).into_owned());
        assert_eq!(text.contains("connection: close\r\n"), closes, "{shown}: {text}");
        assert_eq!(peer.close, closes.then_some(Close::Fin), "{shown}");
    }
}

#[test]
fn expect_gets_a_100_unless_told_not_to() {
    let request = post("/v1/digest", "Expect: 100-continue\r\n", "abc");
    let (head, body) = request.split_at(request.len() - 3);
    let mut peer = Peer::new(&provider());
    peer.send_by(head, head.len());
    assert_eq!(peer.text(), "HTTP/1.1 100 Continue\r\n\r\n");
    peer.send_by(body, 1);
    assert!(peer.text().contains("\"length\":3"));
    let silent = post("/v1/digest", "Expect: 100-continue\r\nx-fake: no_continue\r\n", "abc");
    let mut peer = Peer::new(&provider());
    peer.send_by(&silent[..silent.len() - 3], 9);
    assert_eq!(peer.text(), "");
}

#[test]
fn head_gets_a_length_and_no_body() {
    let request = String::from_utf8(get("/v1/models", "")).expect("text").replacen("GET", "HEAD", 1);
    let text = answer(&provider(), request.as_bytes());
    let (head, body) = split(&text);
    assert!(head.contains("content-length: ") && body.is_empty(), "{text}");
}

#[test]
fn an_idle_connection_is_closed_in_time_and_the_time_announced() {
    let options =
        Options { announce: Some(Duration::from_secs(5)), idle: Some(Duration::from_secs(6)), ..Options::default() };
    let provider = Provider::new(options);
    provider.set_key(KEY, Behaviour::Good);
    let mut peer = Peer::new(&provider);
    peer.now = Instant::ZERO + Duration::from_secs(2);
    peer.send_by(&get("/v1/models", ""), 10);
    assert!(peer.text().contains("keep-alive: timeout=5\r\n"), "{}", peer.text());
    assert_eq!(peer.close, None);
    peer.run();
    assert_eq!((peer.close, peer.now), (Some(Close::Fin), Instant::ZERO + Duration::from_secs(8)));
}

#[test]
fn a_peer_that_leaves_is_recorded() {
    let provider = provider();
    let request =
        post("/v1/chat/completions", "Content-Type: application/json\r\n", &chat("fake:delay_ms=500").to_string());
    let mut peer = Peer::new(&provider);
    peer.send_by(&request, request.len());
    peer.conn.eof(peer.now);
    peer.take();
    assert_eq!(peer.close, Some(Close::Fin));
    let mut half = Peer::new(&provider);
    half.send_by(&request[..request.len() - 5], 50);
    drop(half);
    let ended: Vec<_> = provider.log().iter().map(|r| (r.ended, r.received)).collect();
    assert_eq!(ended, [(Ended::Left, true), (Ended::Left, false)]);
}

#[test]
fn an_echo_comes_back_as_it_arrives() {
    let provider = provider();
    let mut peer = Peer::new(&provider);
    let head = format!("POST /v1/echo HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\n");
    peer.send_by(format!("{head}x-fake: trailers\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n").as_bytes(), 11);
    assert!(peer.text().contains("abc"), "before the request's end: {}", peer.text());
    peer.send_by(b"2\r\nde\r\n0\r\n\r\n", 3);
    assert!(peer.text().contains("x-body-length: 5\r\n"), "{}", peer.text());
    assert_eq!(split(&peer.text()).1, "abcde");
    let record = provider.record(1).expect("a record");
    assert_eq!((record.answer.len, &record.answer.sha256), (5, &record.body.sha256));
}

#[test]
fn memory_is_bounded_when_the_peer_does_not_read() {
    let mut peer = Peer::new(&provider());
    peer.conn.recv(&get("/v1/filler?fake=bytes%3D100000000", ""), peer.now);
    assert!((1..100_000).contains(&peer.conn.transmit().len()));
    let requests = get("/v1/models", "").repeat(2000);
    let mut fed = 0;
    while peer.conn.wants_recv() && fed < requests.len() {
        peer.conn.recv(&requests[fed..(fed + 1000).min(requests.len())], peer.now);
        fed += 1000;
    }
    assert!(fed < 100_000, "{fed}");
}
