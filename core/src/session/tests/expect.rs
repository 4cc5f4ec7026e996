//! `Expect: 100-continue`, and interim answers.

use super::*;

fn expecting(body: &str) -> String {
    let head = CHAT.split_once("\r\n\r\n").unwrap().0;
    format!("{head}\r\nExpect: 100-continue\r\n\r\n{body}")
}

const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

#[test]
fn a_client_that_may_send_is_told_so_once_and_the_upstream_hears_nothing_of_it() {
    let mut rig = Rig::new(TWO);
    rig.client(&expecting(""));
    assert_eq!(rig.answer(), CONTINUE);
    assert!(!rig.sent(0).to_ascii_lowercase().contains("expect"));
    rig.client("{\"model\":\"gpt-x\"}");
    rig.upstream("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
    rig.upstream(OK);
    assert!(rig.answer().starts_with(&format!("{CONTINUE}HTTP/1.1 200 OK\r\n")), "{}", rig.answer());
    assert_eq!(rig.answer().matches("100 Continue").count(), 1);
    assert!(!rig.done, "the connection goes on");
}

#[test]
fn a_client_that_did_not_wait_is_not_told() {
    let mut rig = Rig::new(ONE);
    rig.client(&expecting("{\"model\":\"gpt-x\"}"));
    assert_eq!(rig.answer(), "");
}

#[test]
fn who_is_refused_is_not_asked_to_send() {
    for (from, to, status) in [
        ("Bearer token", "Bearer wrong", "401 Unauthorized"),
        ("/v1/chat", "/v1/../chat", "400 Bad Request"),
        ("/v1/chat", "/proxy/other/chat", "404 Not Found"),
        ("100-continue", "something-else", "417 Expectation Failed"),
    ] {
        let mut rig = Rig::new(ONE);
        rig.client(&expecting("").replace(from, to));
        assert!(rig.answer().starts_with(&format!("HTTP/1.1 {status}\r\n")), "{}", rig.answer());
        assert!(rig.answer().contains("\r\nConnection: close\r\n"));
        assert_eq!((rig.dials, rig.hung_up), (0, Some(How::Fin)));
    }
}

#[test]
fn without_a_key_nobody_is_asked_to_send() {
    let mut rig = Rig::new(ONE);
    rig.client(CHAT);
    rig.upstream("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
    rig.take_answer();
    rig.client(&expecting(""));
    assert!(rig.answer().starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{}", rig.answer());
}

#[test]
fn an_early_refusal_of_the_upstream_passes_and_closes() {
    let mut rig = Rig::new(ONE);
    rig.client(&expecting(""));
    rig.upstream("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    let answer = rig.answer();
    assert!(answer.starts_with(&format!("{CONTINUE}HTTP/1.1 413 Too Large\r\n")), "{answer}");
    assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    assert_eq!((rig.parked, rig.dropped.as_slice()), (0, &[How::Reset][..]));
}

#[test]
fn http_1_0_and_requests_without_a_body_do_not_wait() {
    let mut rig = Rig::new(ONE);
    rig.client(&expecting("").replace("HTTP/1.1", "HTTP/1.0"));
    assert_eq!(rig.answer(), "");
    let mut rig = Rig::new(ONE);
    rig.client(&GET.replace("Host", "Expect: 100-continue\r\nHost"));
    assert_eq!(rig.answer(), "");
    assert!(!rig.sent(0).contains("Expect"));
}

#[test]
fn interim_answers_pass_to_who_understands_them() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x-hop\r\nX-Hop: 1\r\nx-keywheel-attempts: 9\r\n\
        Content-Length: 5\r\n\r\n";
    for step in [1, 1000] {
        let mut rig = Rig::new(ONE);
        rig.client(CHAT);
        rig.feed(Side::Upstream, [hints, "HTTP/1.1 102 Processing\r\n\r\n", OK].concat().as_bytes(), step);
        let passed = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\n";
        assert!(rig.answer().starts_with(passed), "{}", rig.answer());
    }
    let mut rig = Rig::new(ONE);
    rig.client(&CHAT.replace("HTTP/1.1", "HTTP/1.0"));
    rig.upstream(&[hints, OK].concat());
    assert!(rig.answer().starts_with("HTTP/1.1 200 OK\r\n"), "{}", rig.answer());
}

#[test]
fn interim_answers_are_counted() {
    let mut rig = Rig::new(ONE);
    rig.client(CHAT);
    for _ in 0..16 {
        rig.upstream("HTTP/1.1 102 Processing\r\n\r\n");
    }
    assert_eq!(rig.dropped, []);
    rig.upstream("HTTP/1.1 102 Processing\r\n\r\n");
    assert!(rig.answer().contains("HTTP/1.1 502 Bad Gateway\r\n"), "{}", rig.answer());
    assert_eq!((rig.parked, rig.dropped.as_slice()), (0, &[How::Reset][..]));
}
