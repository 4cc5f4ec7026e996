//! Deadlines, on both sides.

use super::*;
use crate::classify::Class;
use core::time::Duration;

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

const MS: Duration = Duration::from_millis(1);

/// Passes until just before `at` (nothing may happen) and then to it.
fn until(rig: &mut Rig, span: Duration) {
    let before = rig.answer().len();
    rig.pass(span - MS);
    assert!(!rig.done && rig.hung_up.is_none() && rig.answer().len() == before, "too early: {}", rig.answer());
    rig.pass(MS);
}

const STREAM: &str = "POST /v1/chat/completions HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer token\r\n\
    Content-Length: 30\r\n\r\n{\"messages\":[],\"stream\": true }";

#[test]
fn a_silent_client_is_closed_without_a_word() {
    let mut rig = Rig::new(ONE);
    until(&mut rig, secs(75));
    assert_eq!((rig.hung_up, rig.answer().as_str()), (Some(How::Fin), ""));
    let mut rig = Rig::new(ONE);
    rig.client(CHAT);
    rig.upstream(OK);
    rig.pass(secs(70));
    rig.client("\r\n\r\n");
    rig.to_client.clear();
    until(&mut rig, secs(5));
    assert_eq!((rig.hung_up, rig.answer().as_str()), (Some(How::Fin), ""), "empty lines are no request");
}

#[test]
fn a_head_has_to_come_within_its_time_however_it_drips() {
    let mut rig = Rig::new(ONE);
    rig.pass(secs(60));
    for byte in CHAT.bytes().take(14) {
        rig.feed(Side::Downstream, &[byte], 1);
        rig.pass(secs(1));
    }
    assert_eq!(rig.hung_up, None);
    until(&mut rig, secs(1));
    assert!(rig.answer().starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{}", rig.answer());
    assert!(rig.answer().contains("head") && rig.answer().contains("\r\nConnection: close\r\n"), "{}", rig.answer());
    // Also that of a request which is pipelined behind an answer.
    let mut rig = Rig::new(ONE);
    rig.client(&[CHAT, "GET /"].concat());
    rig.pass(secs(20));
    rig.upstream(OK);
    rig.to_client.clear();
    until(&mut rig, secs(15));
    assert!(rig.answer().starts_with("HTTP/1.1 408 "), "{}", rig.answer());
}

#[test]
fn silence_within_a_body_is_408_and_its_upstream_is_told() {
    // A body that came fast so far.
    let request = CHAT.replace("Content-Length: 17", "Content-Length: 100000") + &"x".repeat(10_000);
    let mut rig = Rig::new(ONE);
    rig.client(&request);
    rig.pass(secs(19));
    rig.client("x");
    until(&mut rig, secs(20));
    assert!(rig.answer().starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{}", rig.answer());
    assert_eq!((rig.dropped.as_slice(), rig.hung_up), (&[How::Reset][..], Some(How::Fin)));
    assert_eq!(rig.tally(Class::Ours), 1);
}

#[test]
fn a_body_slower_than_the_slowest_is_408_after_its_grace() {
    let request = CHAT.replace("Content-Length: 17", "Content-Length: 100000").replace("{\"model\":\"gpt-x\"}", "");
    for (bytes, seconds) in [(0, 10), (1, 11), (64, 20)] {
        let mut rig = Rig::new(ONE);
        rig.client(&request);
        let mut waited = 0;
        while rig.answer().is_empty() && waited < 100 {
            rig.client(&"x".repeat(bytes));
            rig.pass(secs(1));
            waited += 1;
        }
        assert_eq!(waited, seconds, "{bytes} bytes a second");
        assert!(rig.answer().starts_with("HTTP/1.1 408 "), "{}", rig.answer());
    }
    // Fast enough is 128 bytes a second on the average, even in bursts.
    let mut rig = Rig::new(ONE);
    rig.client(&request);
    for _ in 0..20 {
        rig.client(&"x".repeat(128 * 15));
        rig.pass(secs(15));
    }
    assert_eq!(rig.answer(), "");
    // A rate of 0 asks for nothing.
    let mut rig = setup(ONE).limits(|limits| limits.body_rate = 0).rig();
    rig.client(&request);
    for _ in 0..20 {
        rig.client("x");
        rig.pass(secs(19));
    }
    assert_eq!(rig.answer(), "");
}

#[test]
fn a_body_that_is_held_back_is_not_slow() {
    let request = CHAT.replace("Content-Length: 17", "Content-Length: 1000000");
    let mut rig = setup(ONE).limits(|limits| limits.replay = 0).rig();
    rig.client(&request[..request.len() - 17]);
    rig.open_window(Side::Upstream, 0);
    while rig.offer(Side::Downstream, &[b'x'; 10_000], usize::MAX) > 0 {}
    rig.pass(secs(119));
    assert_eq!((rig.answer().as_str(), rig.hung_up), ("", None));
    // Now there is room, and the client is given its time anew.
    rig.open_window(Side::Upstream, usize::MAX);
    until(&mut rig, secs(10));
    assert!(rig.answer().starts_with("HTTP/1.1 408 "), "{}", rig.answer());
}

#[test]
fn an_upstream_that_reads_no_more_is_given_up() {
    let request = CHAT.replace("Content-Length: 17", "Content-Length: 1000000");
    let mut rig = setup(TWO).limits(|limits| limits.replay = 0).rig();
    rig.open_window(Side::Upstream, 100);
    rig.client(&request[..request.len() - 17]);
    while rig.offer(Side::Downstream, &[b'x'; 10_000], usize::MAX) > 0 {}
    until(&mut rig, secs(300));
    assert!(rig.answer().starts_with("HTTP/1.1 504 Gateway Timeout\r\n"), "{}", rig.answer());
    assert_eq!((rig.dials, rig.dropped.as_slice()), (1, &[How::Reset][..]));
    assert_eq!(rig.tally(Class::Ours), 1);
}

#[test]
fn a_client_that_reads_no_more_is_given_up() {
    // Within the answer, and once it is complete.
    for rest in ["", "}"] {
        let mut rig = Rig::new(ONE);
        rig.client(CHAT);
        rig.open_window(Side::Downstream, 3);
        rig.upstream(&OK[..OK.len() - 1]);
        rig.upstream(rest);
        let mut waited = Duration::ZERO;
        while !rig.done && waited < secs(301) {
            rig.pass(secs(1));
            waited += secs(1);
        }
        assert_eq!((waited, rig.hung_up), (secs(300), Some(How::Reset)), "{rest}");
        assert_eq!(rig.leases(), 0);
    }
    // An answer of our own.
    let mut rig = Rig::new(ONE);
    rig.open_window(Side::Downstream, 3);
    rig.client("BAD\r\n\r\n");
    rig.pass(secs(300));
    assert!(rig.done);
    // One that takes a byte now and then goes on.
    let mut rig = Rig::new(ONE);
    rig.client(CHAT);
    rig.open_window(Side::Downstream, 0);
    rig.upstream(OK);
    for _ in 0..9 {
        rig.pass(secs(299));
        rig.open_window(Side::Downstream, 1);
    }
    assert!(!rig.done);
}

#[test]
fn the_heads_limit_depends_on_what_is_set_and_asked() {
    let ms = |n: u64| Some(Duration::from_millis(n));
    for (request, any, streamed, expected) in [
        (STREAM, None, None, 30_000),
        (CHAT, None, None, 600_000),
        (GET, None, None, 600_000),
        (STREAM, ms(5000), None, 5000),
        (CHAT, ms(5000), None, 5000),
        (CHAT, ms(700_000), None, 700_000),
        (STREAM, ms(5000), ms(9000), 9000),
        (CHAT, ms(5000), ms(9000), 5000),
        (STREAM, ms(9000), ms(5000), 5000),
        (CHAT, ms(9000), ms(5000), 9000),
        (STREAM, None, ms(5000), 5000),
        (CHAT, None, ms(5000), 600_000),
    ] {
        let mut rig = setup(TWO)
            .settings(|settings| (settings.request_timeout, settings.stream_header_timeout) = (any, streamed))
            .rig();
        rig.client(request);
        until(&mut rig, Duration::from_millis(expected));
        assert!(rig.answer().starts_with("HTTP/1.1 504 Gateway Timeout\r\n"), "{any:?} {streamed:?} {}", rig.answer());
        assert_eq!((rig.dials, rig.tally(Class::Ours)), (1, 1));
    }
    // A body that is not held says nothing.
    let mut rig = setup(ONE).limits(|limits| limits.replay = 3).rig();
    rig.client(STREAM);
    until(&mut rig, secs(600));
    assert!(rig.answer().starts_with("HTTP/1.1 504 "));
}

#[test]
fn the_heads_limit_counts_from_the_last_byte_of_each_attempt_and_interim_answers_do_not_end_it() {
    let mut rig = setup(TWO).settings(|settings| settings.request_timeout = Some(secs(5))).rig();
    rig.open_window(Side::Upstream, 10);
    rig.client(CHAT);
    rig.pass(secs(20));
    rig.open_window(Side::Upstream, usize::MAX);
    rig.pass(secs(4));
    rig.upstream("HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(rig.dials, 2);
    rig.pass(secs(4));
    rig.upstream("HTTP/1.1 103 Early Hints\r\n\r\n");
    until(&mut rig, secs(1));
    assert!(rig.answer().contains("HTTP/1.1 504 "), "{}", rig.answer());
}

#[test]
fn the_budget_is_a_minute_and_the_heads_limit_the_clients_body_not_counted() {
    let mut rig = setup(&["sk-k1-0000000000", "sk-k2-0000000000", "sk-k3-0000000000", "sk-k4-0000000000"])
        .settings(|settings| {
            settings.request_timeout = Some(secs(30));
            settings.max_retries = 9;
        })
        .rig();
    let (first, last) = CHAT.split_at(CHAT.len() - 1);
    rig.client(first);
    rig.pass(secs(9));
    rig.client(last);
    // 90 s from here on.
    for n in 0..3 {
        rig.pass(secs(29));
        rig.upstream(&format!("HTTP/1.1 429 S\r\nContent-Length: 22\r\n\r\n{{\"error\":{{\"code\":{n:03}}}}}"));
    }
    assert_eq!(rig.dials, 4);
    until(&mut rig, secs(3));
    assert!(rig.answer().starts_with("HTTP/1.1 504 Gateway Timeout\r\n"), "{}", rig.answer());
}

#[test]
fn the_clients_own_limit_caps_the_budget() {
    for field in ["x-stainless-timeout: 2.5", "x-stainless-read-timeout: 2.5"] {
        let mut rig = Rig::new(TWO);
        rig.client(&CHAT.replace("Content-Type", &format!("{field}\r\nContent-Type")));
        until(&mut rig, Duration::from_millis(2500));
        assert!(rig.answer().starts_with("HTTP/1.1 504 "), "{}", rig.answer());
        assert_eq!(rig.dials, 1);
    }
    for nonsense in ["0", "-1", "nan", "inf", "1e999", "soon", ""] {
        let mut rig = Rig::new(TWO);
        rig.client(&CHAT.replace("Content-Type", &format!("x-stainless-timeout: {nonsense}\r\nContent-Type")));
        rig.pass(secs(599));
        assert_eq!(rig.answer(), "", "{nonsense}");
    }
}

#[test]
fn nothing_limits_a_whole_answer_but_its_silence() {
    let mut rig = setup(ONE).settings(|settings| settings.request_timeout = Some(secs(1))).rig();
    rig.client(CHAT);
    rig.upstream("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..100 {
        rig.pass(secs(299));
        rig.upstream("3\r\n:\n\n\r\n");
    }
    until(&mut rig, secs(300));
    assert!(rig.answer().contains("upstream_cut") && !rig.answer().ends_with("0\r\n\r\n"), "{}", rig.answer());
    assert_eq!((rig.hung_up, rig.tally(Class::Ours)), (Some(How::Fin), 1));
}

#[test]
fn a_wait_for_a_key_ends_in_time() {
    let mut rig = Rig::new(ONE);
    rig.client(CHAT);
    rig.upstream("HTTP/1.1 429 Slow\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n");
    rig.take_answer();
    rig.client(CHAT);
    rig.pass(secs(9));
    assert_eq!(rig.dials, 2, "it was back in time");
    rig.upstream("HTTP/1.1 429 Slow\r\nRetry-After: 11\r\nContent-Length: 0\r\n\r\n");
    rig.take_answer();
    rig.client(CHAT);
    assert!(rig.answer().starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{}", rig.answer());
    assert!(rig.answer().contains("\r\nRetry-After: 11\r\n") && !rig.answer().contains("x-should-retry"));
}

#[test]
fn a_body_that_is_here_but_not_taken_yet_is_not_slow_and_one_that_lacks_a_byte_is() {
    let request = CHAT.replace("Content-Length: 17", "Content-Length: 100000").replace("{\"model\":\"gpt-x\"}", "");
    let request = request + &"x".repeat(100_000);
    // All of it came while its upstream takes nothing.
    let mut rig = Rig::new(ONE);
    rig.open_window(Side::Upstream, 0);
    for piece in request.as_bytes().chunks(10_000) {
        rig.feed(Side::Downstream, piece, usize::MAX);
    }
    rig.pass(secs(299));
    assert_eq!(rig.answer(), "");
    rig.open_window(Side::Upstream, usize::MAX);
    assert!(rig.sent(0).ends_with("xxxx") && rig.sent(0).len() > 100_000);
    rig.upstream(OK);
    assert!(rig.answer().starts_with("HTTP/1.1 200 OK\r\n"));
    // Nothing holds back a client that stops within a chunk's header, or within its trailers.
    for cut in ["5", "5;ext", "5\r\n", "0\r\nX-T"] {
        let head = CHAT.split("Content-Length").next().unwrap();
        let mut rig = Rig::new(ONE);
        rig.client(&format!("{head}Transfer-Encoding: chunked\r\n\r\n2800\r\n{}\r\n{cut}", "x".repeat(0x2800)));
        until(&mut rig, secs(20));
        assert!(rig.answer().starts_with("HTTP/1.1 408 "), "{cut:?} {}", rig.answer());
    }
}

#[test]
fn a_body_beyond_the_replay_cap_waits_for_its_key_within_a_block_or_two() {
    for framing in ["Content-Length: 6000000", "Transfer-Encoding: chunked"] {
        let mut rig = Rig::new(ONE);
        rig.client(GET);
        rig.upstream("HTTP/1.1 429 Slow\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n");
        rig.take_answer();
        let head = CHAT.replace("Content-Length: 17", framing).replace("{\"model\":\"gpt-x\"}", "");
        let piece = match framing.starts_with('T') {
            true => format!("ea60\r\n{}\r\n", "x".repeat(60_000)),
            false => "x".repeat(60_000),
        };
        let last = if framing.starts_with('T') { "0\r\n\r\n" } else { "" };
        let whole = format!("{head}{}{last}", piece.repeat(100));
        let mut at = rig.offer(Side::Downstream, whole.as_bytes(), 10_000);
        assert!(at < 220_000 && rig.session.held() < 400_000, "{at} {}", rig.session.held());
        rig.pass(secs(5));
        assert_eq!(rig.dials, 2, "{}", rig.answer());
        for _ in 0..1000 {
            at += rig.offer(Side::Downstream, &whole.as_bytes()[at..], 10_000);
        }
        assert_eq!(at, whole.len());
        let sent = rig.to_upstream[1].iter().filter(|byte| **byte == b'x').count();
        assert!(sent >= 6_000_000, "{sent}");
        rig.upstream(OK);
        assert!(rig.answer().starts_with("HTTP/1.1 200 OK\r\n"));
        assert_eq!((rig.parked, rig.leases()), (2, 0));
    }
}
