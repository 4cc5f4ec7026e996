//! Steering: error rows, pauses, cuts, framings.

use super::*;

fn steered(spec: &str) -> (Peer, Provider) {
    let provider = provider();
    let mut peer = Peer::new(&provider);
    let request = json_post("/v1/chat/completions", &chat(&format!("fake:{spec}")));
    peer.send_by(&request, 100);
    peer.run();
    (peer, provider)
}

#[test]
fn every_row_on_request() {
    for row in ROWS {
        let (peer, _) = steered(&format!("error={}", row.name));
        let text = peer.text();
        assert!(text.starts_with(&format!("HTTP/1.1 {} ", row.status)), "{}: {text}", row.name);
        let (head, body) = split(&text);
        match row.shape {
            Shape::OpenAi => {
                let error = &json_of(&text)["error"];
                assert_eq!(error["code"].as_str().unwrap_or_default(), row.code, "{}", row.name);
                assert_eq!(error["type"].as_str().unwrap_or_default(), row.kind, "{}", row.name);
            }
            Shape::Html => assert!(head.contains("text/html") && body.contains(row.message), "{text}"),
            Shape::Google => assert_eq!(json_of(&text)["error"]["details"][0]["reason"], "API_KEY_INVALID"),
            Shape::Empty => assert_eq!(body, ""),
        }
    }
    let mut names: Vec<_> = ROWS.iter().map(|row| row.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), ROWS.len(), "a name twice");
}

#[test]
fn an_error_of_ones_own() {
    let spec = "status=499,code=odd,type=very,message=so it is,retry_after=soon,retry_after_ms=7,reset_tokens=6m0s,\
                should_retry=false,account=acme";
    let (peer, _) = steered(spec);
    let text = peer.text();
    assert!(text.starts_with("HTTP/1.1 499 \r\n"), "{text}");
    let error = &json_of(&text)["error"];
    assert_eq!(
        (&error["code"], &error["type"], &error["message"]),
        (&"odd".into(), &"very".into(), &"so it is".into())
    );
    for field in [
        "retry-after: soon",
        "retry-after-ms: 7",
        "x-ratelimit-reset-tokens: 6m0s",
        "x-ratelimit-remaining-tokens: 0",
        "x-should-retry: false",
        "openai-organization: acme",
    ] {
        assert!(text.contains(&format!("{field}\r\n")), "{field}: {text}");
    }
}

#[test]
fn a_spec_in_head_or_query_or_body_and_a_wrong_one() {
    let provider = provider();
    for request in [
        get("/v1/models", "x-fake: status=503\r\n"),
        get("/v1/models?fake=status=503", ""),
        get("/v1/models?fake=fake:status%3D503%2Cclose", ""),
        json_post("/v1/chat/completions", &chat("fake:status=503")),
    ] {
        assert!(answer(&provider, &request).starts_with("HTTP/1.1 503 "), "{}", String::from_utf8_lossy(&request));
    }
    for spec in
        ["stutus=1", "status=12", "status=x", "error=none", "close=yes", "interval_ms=-1", "size=0", "interim=1001"]
    {
        let text = answer(&provider, &get("/v1/models", &format!("x-fake: {spec}\r\n")));
        assert!(text.starts_with("HTTP/1.1 400 ") && text.contains("bad_fake_spec"), "{spec}: {text}");
    }
}

#[test]
fn pauses_pass_in_time() {
    let (peer, _) = steered("delay_ms=100");
    assert_eq!(peer.now, Instant::from_micros(100_000));
    let (peer, _) = steered("delay_ms=100,stall_ms=50,stall_at=10");
    assert_eq!(peer.now, Instant::from_micros(150_000));
    let provider = provider();
    let mut body = chat("fake:chunks=5,interval_ms=20");
    body["stream"] = true.into();
    let mut peer = Peer::new(&provider);
    peer.send_by(&json_post("/v1/chat/completions", &body), 64);
    peer.run();
    // Role, five pieces, finish, [DONE]: seven pauses between eight events.
    assert_eq!(peer.now, Instant::from_micros(140_000));
    let (peer, provider) = steered("hang");
    assert_eq!((peer.text().as_str(), provider.log()[0].ended), ("", Ended::Open));
}

#[test]
fn a_stall_lets_exactly_so_many_bytes_through() {
    let provider = provider();
    let mut peer = Peer::new(&provider);
    peer.send_by(&get("/v1/filler?fake=bytes=100,stall_ms=1000,stall_at=30", ""), 64);
    assert_eq!(split(&peer.text()).1.len(), 30);
    peer.run();
    assert_eq!(split(&peer.text()).1.len(), 100);
}

#[test]
fn cuts_happen_where_they_were_asked_for() {
    for (spec, close, in_body) in [
        ("bytes=100,cut_after=30", Close::Fin, Some(30)),
        ("bytes=100,reset_after=0", Close::Reset, Some(0)),
        ("bytes=100,chunked,size=20,reset_after=50", Close::Reset, Some(50)),
        ("bytes=100,until_close,cut_after=99", Close::Fin, Some(99)),
        ("cut_head=20", Close::Fin, None),
        ("reset_head=0", Close::Reset, None),
    ] {
        let provider = provider();
        let mut peer = Peer::new(&provider);
        peer.send_by(&get(&format!("/v1/filler?fake={spec}"), ""), 64);
        assert_eq!(peer.close, Some(close), "{spec}");
        let record = provider.record(1).expect("a record");
        assert_eq!(record.ended, Ended::Cut, "{spec}");
        match in_body {
            Some(n) => assert_eq!(record.answer.len, n, "{spec}: {}", peer.text()),
            None => assert!(!peer.text().contains("\r\n\r\n"), "{spec}: {}", peer.text()),
        }
        assert!(!peer.text().ends_with("\r\n0\r\n\r\n"), "{spec}");
    }
}

#[test]
fn framings() {
    let filler = |spec: &str| answer(&provider(), &get(&format!("/v1/filler?fake=bytes=50,{spec}"), ""));
    assert!(filler("").contains("content-length: 50\r\n"));
    let chunked = filler("chunked,size=20");
    assert!(chunked.contains("\r\n14\r\n") && chunked.ends_with("\r\n0\r\n\r\n"), "{chunked}");
    assert_eq!(split(&chunked).1.len(), 50);
    let trailers = filler("trailers");
    assert!(
        trailers.contains("trailer: x-body-length") && trailers.contains("0\r\nx-body-length: 50\r\n"),
        "{trailers}"
    );
    let until = filler("until_close");
    assert!(until.contains("connection: close\r\n") && !until.contains("content-length"), "{until}");
    assert!(filler("close").contains("connection: close\r\n"));
    assert!(filler("length=+5").contains("content-length: +5\r\n"));
    assert!(filler("garble").starts_with("HTTP/9.9 banana"));
    assert!(filler("http10").starts_with("HTTP/1.0 200 OK\r\n"));
    assert!(filler("noise=3").ends_with("!!!"));
    assert!(filler("fields=2,field_size=5").contains("x-fill-0: fffff\r\nx-fill-1: fffff\r\n"));
    let early = filler("interim=3");
    assert_eq!(early.matches("HTTP/1.1 103 Early Hints\r\n").count(), 3);
    let none = filler("status=204");
    assert!(none.starts_with("HTTP/1.1 204 ") && !none.contains("content-length"), "{none}");
}

#[test]
fn an_early_answer_comes_before_the_body() {
    let provider = provider();
    let request = post("/v1/digest", "x-fake: early,status=413\r\n", "0123456789");
    let (head, body) = request.split_at(request.len() - 10);
    let mut peer = Peer::new(&provider);
    peer.send_by(head, head.len());
    assert!(peer.text().starts_with("HTTP/1.1 413 "), "{}", peer.text());
    assert_eq!(peer.close, None);
    peer.send_by(body, 3);
    peer.send_by(&get("/v1/models", ""), 50);
    assert!(peer.text().contains("HTTP/1.1 200 "), "the connection goes on: {}", peer.text());

    let request = post("/v1/digest", "x-fake: early,status=413,close\r\n", "0123456789");
    let mut peer = Peer::new(&provider);
    peer.send_by(&request[..request.len() - 10], 64);
    assert_eq!(peer.close, Some(Close::Fin));
}

#[test]
fn keys_are_echoed_when_asked() {
    let (peer, _) = steered("status=400,echo_key");
    assert!(split(&peer.text()).1.contains(KEY));
    let (peer, _) = steered("status=400,echo_key=head");
    assert!(split(&peer.text()).0.contains(&format!("x-echo: {KEY}")));
    let (peer, provider) = steered("status=400,echo_key,gzip");
    assert!(peer.text().contains("content-encoding: gzip\r\n") && !peer.text().contains(KEY));
    let packed = &provider.record(1).expect("a record").answer.start;
    let plain = miniz_oxide::inflate::decompress_to_vec(&packed[10..packed.len() - 8]).expect("deflated");
    assert!(String::from_utf8_lossy(&plain).contains(KEY));
    assert_eq!(packed[packed.len() - 4..], (plain.len() as u32).to_le_bytes());
}

#[test]
fn an_error_event_ends_a_stream() {
    for (path, body) in [
        ("/v1/chat/completions", chat("fake:event_error=overloaded,chunks=2")),
        ("/v1/responses", serde_json::json!({"model": "gpt-4o", "input": "hi", "user": "fake:event_error=overloaded"})),
    ] {
        let mut body = body;
        body["stream"] = true.into();
        let text = answer(&provider(), &json_post(path, &body));
        let events = split(&text).1;
        let last = events.trim_end().rsplit("\n\n").next().expect("an event");
        assert!(last.contains("server_is_overloaded"), "{events}");
        assert!(text.ends_with("0\r\n\r\n"), "the framing is whole");
    }
}
