//! Whole requests, as bytes.

use super::*;
use crate::http1::body::Decoder;
use crate::limits::Limits;
use crate::message::Length;

#[test]
fn a_request_is_passed_with_the_credential_swapped_and_the_connection_kept() {
    let mut rig = Rig::new(ONE);
    for round in 1..=2 {
        rig.client(CHAT);
        let sent = rig.sent(round - 1);
        assert!(sent.starts_with("POST /v1/chat/completions HTTP/1.1\r\nHost: up.example\r\n"), "{sent}");
        assert!(sent.contains("\r\nAuthorization: Bearer sk-first-key-000000\r\n"), "{sent}");
        assert!(!sent.contains("token") && sent.ends_with("\r\n\r\n{\"model\":\"gpt-x\"}"), "{sent}");
        rig.upstream(OK);
        assert!(rig.answer().ends_with("\r\n\r\n{}"), "{}", rig.answer());
        assert_eq!(rig.parked, round);
        assert!(!rig.done);
    }
    assert_eq!(rig.notices.len(), 2);
}

#[test]
fn any_segmentation_gives_the_same_bytes() {
    let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n0003\r\n!!!\r\n0\r\nX-T: 1\r\n\r\n";
    let mut whole = Rig::new(ONE);
    whole.client(CHAT);
    whole.upstream(chunked);
    assert!(whole.answer().ends_with("\r\n\r\n5\r\nhello\r\n3\r\n!!!\r\n0\r\nX-T: 1\r\n\r\n"), "{}", whole.answer());
    for step in 1..40 {
        let mut rig = Rig::new(ONE);
        rig.feed(Side::Downstream, CHAT.as_bytes(), step);
        rig.feed(Side::Upstream, chunked.as_bytes(), step);
        assert_eq!(rig.sent(0), whole.sent(0));
        let (head, body) = (rig.answer(), whole.answer());
        assert_eq!(head, body, "step {step}");
    }
}

#[test]
fn a_dead_key_is_passed_over_and_the_client_sees_nothing_of_it() {
    let mut rig = Rig::new(TWO);
    rig.client(CHAT);
    rig.upstream(
        "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: 36\r\n\r\n{\"error\":{\"code\":\"invalid_api_key\"}}",
    );
    assert_eq!(rig.dials, 2);
    assert!(rig.sent(1).contains("Bearer sk-other-key-111111"));
    assert!(rig.sent(1).ends_with("{\"model\":\"gpt-x\"}"));
    rig.upstream(OK);
    assert!(rig.answer().starts_with("HTTP/1.1 200 OK\r\n"), "{}", rig.answer());
    assert!(rig.answer().contains("\r\nx-keywheel-attempts: 2\r\n"));
}

#[test]
fn a_clients_own_mistake_passes_as_it_came() {
    let mut rig = Rig::new(TWO);
    rig.client(CHAT);
    rig.upstream("HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n4\r\noops\r\n0\r\n\r\n");
    assert_eq!(rig.dials, 1);
    let answer = rig.answer();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\nX-A: b\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n4\r\noops\r\n0\r\n\r\n"), "{answer}");
    assert_eq!(rig.parked, 1);
}

#[test]
fn a_wrong_token_is_refused_and_nothing_is_dialed() {
    let mut rig = Rig::new(ONE);
    rig.client(&CHAT.replace("Bearer token", "Bearer other"));
    assert!(rig.answer().starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{}", rig.answer());
    assert_eq!(rig.dials, 0);
    assert!(!rig.done, "the body was read, so the connection goes on");
    rig.client(CHAT);
    assert_eq!(rig.dials, 1);
}

#[test]
fn a_refused_head_request_is_answered_without_a_body() {
    for request in ["HEAD /v1/models HTTP/1.1\r\n\r\n", "\r\nHEAD / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"] {
        let mut rig = Rig::new(ONE);
        rig.client(request);
        let answer = rig.answer();
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
        assert_eq!(rig.hung_up, Some(How::Fin));
    }
}

#[test]
fn a_head_request_behind_anything_but_empty_lines_is_none_however_it_comes() {
    for before in ["\r", "\n", "\r\n\r\n\r\n\r\n"] {
        let request = format!("{before}HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
        let (mut whole, mut bytes) = (Rig::new(ONE), Rig::new(ONE));
        whole.client(&request);
        for n in 0..request.len() {
            bytes.client(&request[n..=n]);
        }
        for rig in [whole, bytes] {
            let answer = rig.answer();
            assert!(answer.starts_with("HTTP/1.1 400 ") && answer.ends_with('}'), "{before:?}: {answer}");
        }
    }
}

#[test]
fn a_cut_answer_is_visibly_cut() {
    let mut rig = Rig::new(ONE);
    rig.client(CHAT);
    rig.upstream(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: x\n\n\r\n",
    );
    rig.eof(Side::Upstream);
    let answer = rig.answer();
    assert!(answer.contains("upstream_cut"), "{answer}");
    assert!(!answer.contains("0\r\n\r\n"), "no clean end: {answer}");
    assert_eq!(rig.hung_up, Some(How::Fin));
}

#[test]
fn a_client_that_leaves_takes_its_upstream_with_it() {
    let mut rig = Rig::new(ONE);
    rig.client(CHAT);
    rig.eof(Side::Downstream);
    assert_eq!(rig.dropped, [How::Reset]);
    assert!(rig.done);
}

#[test]
fn a_connection_closed_before_an_answer_is_502_for_a_post() {
    let mut rig = Rig::new(TWO);
    rig.client(CHAT);
    rig.eof(Side::Upstream);
    assert_eq!(rig.dials, 1);
    assert!(rig.answer().starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{}", rig.answer());
}

#[test]
fn a_chunk_that_outgrows_the_replay_buffer_is_passed_whole() {
    let body = "1e\r\n0123456789abcdefghij0123456789\r\n3\r\nxyz\r\n0\r\n\r\n";
    let request = CHAT.split("Content-Length").next().unwrap().to_owned() + "Transfer-Encoding: chunked\r\n\r\n" + body;
    for step in 1..request.len() {
        let mut rig = setup(ONE).limits(|limits| limits.replay = 10).rig();
        rig.feed(Side::Downstream, request.as_bytes(), step);
        let sent = rig.sent(0);
        let mut sent = sent.split_once("\r\n\r\n").unwrap().1.as_bytes().to_vec();
        let mut decoder = Decoder::new(Length::Marked, &Limits::default());
        let mut data = Vec::new();
        while !decoder.is_done() {
            let piece = decoder.decode(&mut sent).unwrap_or_else(|e| panic!("step {step}: {e}"));
            data.extend_from_slice(&sent[piece.data]);
            sent.drain(..piece.consumed);
        }
        assert_eq!(String::from_utf8_lossy(&data), "0123456789abcdefghij0123456789xyz", "step {step}");
    }
}

#[test]
fn the_log_line_says_what_the_answer_cost() {
    let mut rig = Rig::new(&["sk-first-key-000000"]);
    rig.client(CHAT);
    let events =
        "data: {\"x\":1}\n\ndata: {\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2,\"total_tokens\":9}}\n\n";
    rig.upstream("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nConnection: close\r\n\r\n");
    rig.feed(Side::Upstream, events.as_bytes(), 7);
    rig.call(|session, turn| session.handle_eof(Side::Upstream, turn));
    let [Notice::Request(line)] = &rig.notices[..] else { panic!("{:?}", rig.notices) };
    assert_eq!(line.usage.map(|usage| (usage.input, usage.output, usage.total)), Some((7, 2, 9)));
    assert!(line.complete);
}

#[test]
fn a_body_that_outgrows_the_replay_buffer_between_two_attempts_is_sent_whole() {
    let keys = ["sk-first-key-000000", "sk-other-key-111111"];
    let mut rig = setup(&keys).limits(|limits| limits.replay = 20).rig();
    rig.client(
        "PUT /v1/files HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer token\r\nContent-Length: 30\r\n\r\n0123456789",
    );
    assert!(rig.sent(0).ends_with("\r\n\r\n0123456789"));
    rig.upstream("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(rig.dials, 1, "the pause before another key");
    rig.client("abcdefghijklmnopqrst");
    rig.pass(Duration::from_secs(1));
    assert!(rig.sent(1).ends_with("\r\n\r\n0123456789abcdefghijklmnopqrst"), "{}", rig.sent(1));
}

#[test]
fn an_upstream_whose_answer_is_held_gets_no_byte_of_a_body_that_begins_anew() {
    let keys = ["sk-first-key-000000", "sk-other-key-111111"];
    let mut rig = setup(&keys).limits(|limits| limits.replay = 20).rig();
    rig.client(
        "PUT /v1/files HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer token\r\nContent-Length: 30\r\n\r\n0123456789",
    );
    rig.upstream("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 9\r\n\r\nhalf");
    rig.pass(Duration::from_secs(2));
    let first = rig.sent(0);
    rig.client("abcdefghijklmnopqrst");
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.sent(0), first, "the first upstream");
    assert!(rig.sent(1).ends_with("\r\n\r\n0123456789abcdefghijklmnopqrst"), "{}", rig.sent(1));
}
