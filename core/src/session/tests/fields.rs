//! What of a head passes, what ends here, and what is added.

use super::*;
use crate::cors::Cors;

/// The field lines of the n-th request sent.
fn fields(rig: &Rig, n: usize) -> Vec<String> {
    let sent = rig.sent(n);
    let head = sent.split_once("\r\n\r\n").unwrap().0;
    head.split("\r\n").skip(1).map(str::to_owned).collect()
}

fn get(lines: &str) -> String {
    GET.replace("Host: proxy\r\n", &format!("Host: proxy\r\n{lines}"))
}

#[test]
fn end_to_end_fields_pass_byte_for_byte_in_order() {
    let lines = "X-A: 1\r\nx-a:2\r\nX-B:  \t spaced out \t\r\nUser-Agent: a b/c (d; e)\r\nX-Empty:\r\nx-a: 3\r\n\
        X-Obs: \u{e9}\r\nAccept-Encoding: gzip, zstd\r\nX-Forwarded-For: 1.2.3.4\r\nVia: 1.0 x\r\nTraceparent: 00-1\r\n\
        x-stainless-lang: python\r\nIdempotency-Key: k\r\nOrigin: https://a\r\nReferer: https://a/b\r\n";
    let mut rig = Rig::new(ONE);
    rig.client(&get(lines));
    let sent = rig.sent(0);
    assert!(sent.contains(&format!("\r\nHost: up.example\r\n{lines}Authorization: Bearer sk-")), "{sent}");
    let answer = "HTTP/1.1 299 My Own Words\r\nX-A: 1\r\nSet-Cookie: a=1\r\nx-a:2\r\nSet-Cookie: b=2\r\nX-Empty:\r\n\
        Content-Encoding: br\r\nServer: up\r\nDate: Mon, 21 Sep 2026 00:00:00 GMT\r\nx-request-id: theirs\r\n";
    rig.upstream(&format!("{answer}Content-Length: 2\r\n\r\nok"));
    assert!(rig.answer().starts_with(&format!("{answer}x-keywheel-request-id: ")), "{}", rig.answer());
}

#[test]
fn what_ends_at_a_hop_ends_here_in_both_directions() {
    let hop = "Connection: close, X-Hop ,x-other\r\nX-Hop: 1\r\nX-HOP: 2\r\nx-other: 3\r\nKeep-Alive: timeout=5\r\n\
        TE: trailers\r\nTrailer: X\r\nProxy-Authorization: Basic x\r\nProxy-Connection: keep-alive\r\nUpgrade: foo\r\n\
        Proxy-Authenticate: x\r\n";
    let mut rig = Rig::new(ONE);
    rig.client(&get(hop));
    assert_eq!(
        fields(&rig, 0),
        ["Host: up.example", "Authorization: Bearer sk-first-key-000000", "x-keywheel-hop: 0000000000000000"]
    );
    rig.upstream(&format!("HTTP/1.1 200 OK\r\n{hop}Content-Length: 0\r\n\r\n"));
    for name in ["hop", "other", "keep-alive", "\nte:", "trailer", "proxy-", "upgrade"] {
        assert!(!rig.answer().to_ascii_lowercase().contains(name), "{name}: {}", rig.answer());
    }
}

#[test]
fn connection_cannot_take_away_what_is_decided_here() {
    let lines = "Connection: Host, Content-Type, Authorization, Content-Length, Cookie\r\nContent-Type: a/b\r\n";
    let mut rig = Rig::new(ONE);
    rig.client(&get(lines));
    assert_eq!(
        fields(&rig, 0),
        ["Host: up.example", "Authorization: Bearer sk-first-key-000000", "x-keywheel-hop: 0000000000000000"]
    );
}

#[test]
fn no_credential_of_the_client_goes_upstream_in_any_form() {
    for credential in [
        "Authorization: bearer token",
        "x-api-key: token",
        "X-Goog-Api-Key: token",
        "API-KEY: token",
        "Sec-WebSocket-Protocol: openai-insecure-api-key.token",
        "Authorization: Bearer token\r\nx-api-key: token",
    ] {
        let mut rig = Rig::new(ONE);
        let lines = format!(
            "{credential}\r\nCookie: a=token\r\nProxy-Authorization: Bearer token\r\n\
            OpenAI-Organization: org\r\nOpenAI-Project: proj\r\n"
        );
        rig.client(&GET.replace("Authorization: Bearer token\r\n", &lines));
        assert_eq!(rig.dials, 1, "{credential} {}", rig.answer());
        assert!(!rig.sent(0).contains("token") && !rig.sent(0).contains("org\r\n"), "{}", rig.sent(0));
    }
    let mut rig = Rig::new(ONE);
    let bare = GET.replace("Authorization: Bearer token\r\n", "");
    rig.client(&bare.replace("/v1/models", "/v1/models?a=%20&key=token&b=&api-key=t%6fken&&c"));
    assert!(rig.sent(0).starts_with("GET /v1/models?a=%20&b=&&c HTTP/1.1\r\n"), "{}", rig.sent(0));
}

#[test]
fn what_keywheel_says_goes_to_the_client_only_and_nobody_else_can_say_it() {
    let mut rig = Rig::new(ONE);
    rig.client(&get(
        "x-keywheel-request-id: mine\r\nX-KEYWHEEL-ATTEMPTS: 9\r\nx-keywheel-hop: other\r\nx-keywheel-x: y\r\n",
    ));
    let own: Vec<String> = fields(&rig, 0).into_iter().filter(|f| f.starts_with("x-keywheel")).collect();
    assert_eq!(own, ["x-keywheel-hop: other, 0000000000000000"], "through whom it came, where a loop is possible");
    rig.upstream(
        "HTTP/1.1 200 OK\r\nx-keywheel-request-id: theirs\r\nX-Keywheel-Attempts: 9\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(rig.answer().matches("eywheel-").count(), 2, "{}", rig.answer());
    assert!(rig.answer().contains("x-keywheel-attempts: 1\r\n") && !rig.answer().contains("theirs"));
}

#[test]
fn a_loop_is_answered_508() {
    for hops in [
        "x-keywheel-hop: 0000000000000000\r\n",
        "x-keywheel-hop: 1111111111111111, 0000000000000000,2222222222222222\r\n",
        "x-keywheel-hop: other\r\nX-Keywheel-Hop: 0000000000000000\r\n",
    ] {
        let mut rig = Rig::new(ONE);
        rig.client(&get(hops));
        assert!(rig.answer().starts_with("HTTP/1.1 508 Loop Detected\r\n"), "{}", rig.answer());
        assert!(rig.answer().contains("x-should-retry: false"));
        assert_eq!(rig.dials, 0);
    }
}

#[test]
fn event_streams_are_not_to_be_buffered() {
    for said in ["", "X-Accel-Buffering: yes\r\n"] {
        for kind in ["text/event-stream", "Text/Event-Stream; charset=utf-8"] {
            let mut rig = Rig::new(ONE);
            rig.client(CHAT);
            rig.upstream(&format!("HTTP/1.1 200 OK\r\n{said}Content-Type: {kind}\r\nContent-Length: 0\r\n\r\n"));
            assert_eq!(rig.answer().to_ascii_lowercase().matches("x-accel-buffering").count(), 1, "{}", rig.answer());
            assert!(rig.answer().contains("X-Accel-Buffering: no\r\n"), "{}", rig.answer());
        }
    }
    let mut rig = Rig::new(ONE);
    rig.client(CHAT);
    rig.upstream("HTTP/1.1 200 OK\r\nX-Accel-Buffering: yes\r\nContent-Length: 0\r\n\r\n");
    assert!(rig.answer().contains("X-Accel-Buffering: yes\r\n"), "not an event stream: none of ours");
}

#[test]
fn lengths_are_written_anew() {
    for (method, field, expected) in [
        ("GET", "", None),
        ("GET", "Content-Length: 0", None),
        ("DELETE", "", None),
        ("POST", "", Some("Content-Length: 0")),
        ("PUT", "", Some("Content-Length: 0")),
        ("PATCH", "Content-Length: 0, 0", Some("Content-Length: 0")),
        ("POST", "content-length: 000\r\nContent-Length: 0", Some("Content-Length: 0")),
        ("GET", "Transfer-Encoding: CHUNKED", Some("Transfer-Encoding: chunked")),
    ] {
        let mut rig = Rig::new(ONE);
        let lines = if field.is_empty() { String::new() } else { format!("{field}\r\n") };
        rig.client(&get(&lines).replace("GET", method));
        let framing: Vec<String> = fields(&rig, 0)
            .into_iter()
            .filter(|f| f.to_ascii_lowercase().starts_with("content-length") || f.starts_with("Transfer"))
            .collect();
        assert_eq!(framing, expected.into_iter().collect::<Vec<_>>(), "{method} {field}");
    }
}

#[test]
fn an_absolute_form_becomes_a_path_and_its_host_is_the_upstreams() {
    let mut rig = Rig::new(ONE);
    rig.client(&GET.replace("/v1/models", "HTTP://elsewhere:99/v1/models?x"));
    assert!(rig.sent(0).starts_with("GET /v1/models?x HTTP/1.1\r\nHost: up.example\r\n"), "{}", rig.sent(0));
}

#[test]
fn options_asks_the_server_and_max_forwards_is_counted_down() {
    let options = |target: &str, lines: &str| {
        format!("OPTIONS {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer token\r\n{lines}\r\n")
    };
    let mut rig = Rig::new(ONE);
    rig.client(&options("*", "Max-Forwards: 10\r\n"));
    assert!(rig.sent(0).starts_with("OPTIONS * HTTP/1.1\r\n") && rig.sent(0).contains("\r\nMax-Forwards: 9\r\n"));
    rig = Rig::new(ONE);
    rig.client(&options("*", "Max-Forwards: +5\r\n"));
    assert!(rig.sent(0).contains("\r\nMax-Forwards: +5\r\n"), "no number, for the upstream to refuse");
    for zero in ["0", "00", "7\r\nMax-Forwards: 0"] {
        let mut rig = Rig::new(ONE);
        rig.client(&options("/v1/x", &format!("Max-Forwards: {zero}\r\n")));
        assert!(rig.answer().starts_with("HTTP/1.1 204 No Content\r\n") && rig.answer().contains("\r\nAllow: "));
        assert_eq!(rig.dials, 0, "{zero}");
    }
}

#[test]
fn browsers_are_told_what_they_may_read_on_every_answer_but_those_of_admin_paths() {
    let cors = |origins: Option<&[&str]>| {
        let origins = origins.map(|all| all.iter().map(|o| (*o).into()).collect());
        setup(TWO).settings(|settings| settings.cors = Some(Cors { origins })).rig()
    };
    let shown = |rig: &Rig| rig.answer().matches("Access-Control-Allow-Origin: *\r\n").count();
    // The upstream's answer, good, held and of our own; and a head that is none.
    let mut rig = cors(None);
    rig.client(CHAT);
    rig.upstream(
        "HTTP/1.1 200 OK\r\naccess-control-allow-origin: https://x\r\nVary: Accept\r\nContent-Length: 0\r\n\r\n",
    );
    assert_eq!(shown(&rig), 1, "{}", rig.answer());
    assert!(!rig.answer().contains("https://x") && rig.answer().contains("\r\nVary: Accept\r\n"));
    rig.client(CHAT);
    rig.upstream("HTTP/1.1 400 No\r\nAccess-Control-Allow-Origin: https://x\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(shown(&rig), 2, "{}", rig.answer());
    rig.client(CHAT);
    rig.lost(Side::Upstream);
    rig.client(&CHAT.replace("Bearer token", "Bearer wrong"));
    rig.client("BAD\r\n\r\n");
    assert_eq!(shown(&rig), 5, "{}", rig.answer());
    // A preflight carries no credential.
    let preflight = "OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\n\
        Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: Authorization, X-B\r\n\r\n";
    let mut rig = cors(None);
    rig.client(preflight);
    let answer = rig.take_answer();
    assert!(answer.starts_with("HTTP/1.1 204 No Content\r\n"), "{answer}");
    for line in [
        "Access-Control-Allow-Headers: authorization, x-b",
        "Access-Control-Max-Age: 7200",
        "Vary: Origin",
        "Access-Control-Allow-Methods: GET, POST, PUT, PATCH, DELETE, OPTIONS",
    ] {
        assert!(answer.contains(&format!("\r\n{line}\r\n")), "{line}: {answer}");
    }
    assert!(!answer.contains("Content-Length") && !rig.done);
    // Admin paths never.
    rig.client("GET /health HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\n\r\n");
    rig.client(&preflight.replace("/v1/chat/completions", "/stats"));
    let answer = rig.answer();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("HTTP/1.1 405 "), "{answer}");
    assert!(!answer.contains("Access-Control") && !answer.contains("Vary"), "{answer}");
    // A list of origins: the one that asks, or none.
    for (origin, granted) in [("https://a.example", true), ("https://A.EXAMPLE", true), ("https://b.example", false)] {
        let mut rig = cors(Some(&["https://a.example", "https://c.example"]));
        rig.client(&CHAT.replace("Content-Type", &format!("Origin: {origin}\r\nContent-Type")));
        rig.upstream(OK);
        let answer = rig.answer();
        assert_eq!(answer.contains("\r\nAccess-Control-Allow-Origin: https://a.example\r\n"), granted, "{answer}");
        assert_eq!(answer.matches("\r\nVary: Origin\r\n").count(), 1);
    }
}

#[test]
fn trailers_pass_both_ways_but_those_that_say_what_must_come_first() {
    let trailers = "X-Sum: 1\r\nAuthorization: Bearer x\r\nContent-Length: 5\r\nx-keywheel-hop: z\r\nX-Sum: 2\r\n";
    for step in [1, 3, 1000] {
        let mut rig = Rig::new(ONE);
        let head = CHAT.split("Content-Length").next().unwrap();
        let request = format!("{head}Transfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n{trailers}\r\n");
        rig.feed(Side::Downstream, request.as_bytes(), step);
        assert!(rig.sent(0).ends_with("\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n"), "{}", rig.sent(0));
        for status in ["200 OK", "404 No"] {
            let answer =
                format!("HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n{trailers}\r\n");
            rig.feed(Side::Upstream, answer.as_bytes(), step);
            assert!(rig.answer().ends_with("\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n"), "{}", rig.answer());
            rig.client(CHAT);
        }
    }
}
