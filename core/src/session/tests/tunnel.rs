//! Upgrades: before the 101, and after it.

use super::*;
use crate::classify::Class;
use core::time::Duration;

const UPGRADE: &str = "GET /v1/realtime?model=x HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer token\r\n\
    Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: abc\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.token, beta\r\n\r\n";
const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: xyz\r\n\r\n";

/// A tunnel that stands.
fn tunnel() -> Rig {
    let mut rig = Rig::new(TWO);
    rig.client(UPGRADE);
    rig.upstream(SWITCHING);
    rig.take_answer();
    rig.to_upstream[0].clear();
    rig
}

#[test]
fn an_upgrade_is_written_anew_both_ways() {
    let mut rig = Rig::new(ONE);
    rig.client(UPGRADE);
    assert_eq!(
        rig.sent(0),
        "GET /v1/realtime?model=x HTTP/1.1\r\nHost: up.example\r\nSec-WebSocket-Key: abc\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: realtime, beta\r\nAuthorization: Bearer sk-first-key-000000\r\n\
         x-keywheel-hop: 0000000000000000\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    );
    rig.upstream(SWITCHING);
    let answer = rig.answer();
    assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: xyz\r\n"), "{answer}");
    assert!(answer.ends_with("Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"), "{answer}");
    assert!(!answer.contains("Content-Length") && !answer.contains("Transfer-Encoding"));
}

#[test]
fn bytes_before_the_101_are_held_and_all_bytes_arrive_in_any_segmentation() {
    for step in [1, 2, 7, 1000] {
        let mut rig = Rig::new(ONE);
        rig.feed(Side::Downstream, format!("{UPGRADE}early").as_bytes(), step);
        assert!(!rig.sent(0).contains("early"));
        rig.feed(Side::Upstream, format!("{SWITCHING}hello").as_bytes(), step);
        assert!(rig.answer().ends_with("\r\n\r\nhello"), "{}", rig.answer());
        assert!(rig.sent(0).ends_with("\r\n\r\nearly"), "{}", rig.sent(0));
        rig.feed(Side::Downstream, b"GET / HTTP/1.1\r\n\r\n", step);
        rig.feed(Side::Upstream, b"\0\xff\r\n", step);
        assert!(rig.sent(0).ends_with("earlyGET / HTTP/1.1\r\n\r\n"));
        assert!(rig.to_client.ends_with(b"hello\0\xff\r\n"));
    }
}

#[test]
fn the_verdict_falls_at_the_101_and_the_lease_is_settled_when_the_tunnel_ends() {
    let mut rig = setup(ONE).rig();
    rig.client(UPGRADE);
    rig.upstream("HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n");
    rig.pass(Duration::from_secs(2));
    rig.client(UPGRADE);
    rig.upstream(SWITCHING);
    let rows = rig.proxy.rows(0..1, rig.now);
    assert!(rows[0].eligible && rows[0].models.is_empty(), "the trial is over: {rows:?}");
    assert_eq!((rig.leases(), rig.tally(Class::Ok)), (1, 0));
    rig.eof(Side::Upstream);
    rig.eof(Side::Downstream);
    assert_eq!((rig.leases(), rig.tally(Class::Ok)), (0, 1));
}

#[test]
fn a_fin_is_passed_on_and_the_other_direction_goes_on() {
    let mut rig = tunnel();
    rig.eof(Side::Downstream);
    assert_eq!((rig.ended_writing.as_slice(), rig.done), (&[Side::Upstream][..], false));
    rig.upstream("still here");
    assert_eq!(rig.answer(), "still here");
    rig.eof(Side::Upstream);
    assert_eq!((rig.dropped.as_slice(), rig.hung_up, rig.done), (&[How::Fin][..], Some(How::Fin), true));

    let mut rig = tunnel();
    rig.eof(Side::Upstream);
    assert_eq!((rig.ended_writing.as_slice(), rig.done), (&[Side::Downstream][..], false));
    rig.client("still here");
    assert_eq!(rig.sent(0), "still here");
    rig.eof(Side::Downstream);
    assert_eq!((rig.dropped.as_slice(), rig.hung_up, rig.done), (&[How::Fin][..], Some(How::Fin), true));
}

#[test]
fn a_fin_comes_behind_all_the_bytes_before_it() {
    let mut rig = tunnel();
    rig.open_window(Side::Upstream, 3);
    rig.client("abcdef");
    rig.eof(Side::Downstream);
    assert_eq!(rig.ended_writing, []);
    rig.open_window(Side::Upstream, usize::MAX);
    assert_eq!((rig.sent(0).as_str(), rig.ended_writing.as_slice()), ("abcdef", &[Side::Upstream][..]));

    let mut rig = tunnel();
    rig.open_window(Side::Downstream, 3);
    rig.upstream("abcdef");
    rig.eof(Side::Upstream);
    assert_eq!(rig.ended_writing, []);
    rig.open_window(Side::Downstream, usize::MAX);
    assert_eq!((rig.answer().as_str(), rig.ended_writing.as_slice()), ("abcdef", &[Side::Downstream][..]));
}

#[test]
fn a_break_on_one_side_is_a_break_on_the_other() {
    let mut rig = tunnel();
    rig.lost(Side::Upstream);
    assert_eq!((rig.hung_up, rig.done), (Some(How::Reset), true));
    let mut rig = tunnel();
    rig.lost(Side::Downstream);
    assert_eq!((rig.dropped.as_slice(), rig.done), (&[How::Reset][..], true));
}

#[test]
fn a_break_after_one_direction_has_ended_is_the_end_of_both() {
    for (ended, broken) in [(Side::Upstream, Side::Upstream), (Side::Downstream, Side::Downstream)] {
        let mut rig = tunnel();
        rig.eof(ended);
        assert!(!rig.done, "{ended:?}");
        rig.window[1 - broken as usize] = 0;
        rig.lost(broken);
        assert!(rig.done, "{ended:?}");
        assert_eq!(rig.leases(), 0);
    }
}

#[test]
fn silence_both_ways_ends_a_tunnel_and_bytes_either_way_keep_it() {
    let idle = Duration::from_secs(300);
    for side in [Side::Downstream, Side::Upstream] {
        let mut rig = tunnel();
        for _ in 0..5 {
            rig.pass(idle - Duration::from_secs(1));
            rig.feed(side, b"x", 1);
        }
        assert!(!rig.done && rig.hung_up.is_none(), "{side:?}");
        rig.pass(idle);
        assert!(rig.done, "{side:?}");
        assert_eq!(rig.leases(), 0);
    }
}

#[test]
fn an_upgrade_that_is_refused_is_an_ordinary_request() {
    let mut rig = Rig::new(ONE);
    rig.client(UPGRADE);
    rig.upstream(OK);
    assert!(rig.take_answer().starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(rig.parked, 1);
    rig.client(UPGRADE);
    rig.upstream("HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno");
    assert!(rig.answer().starts_with("HTTP/1.1 404 No\r\n") && rig.answer().ends_with("no"), "{}", rig.answer());
    assert_eq!((rig.parked, rig.done), (2, false));
}

#[test]
fn another_key_is_tried_before_the_101() {
    let mut rig = Rig::new(TWO);
    rig.client(UPGRADE);
    rig.client("early");
    rig.upstream("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(rig.dials, 2);
    rig.upstream(SWITCHING);
    assert!(rig.sent(1).contains("sk-other-key-111111") && rig.sent(1).ends_with("\r\n\r\nearly"));
    assert!(rig.answer().starts_with("HTTP/1.1 101 ") && rig.answer().contains("x-keywheel-attempts: 2"));
}

#[test]
fn a_101_that_was_not_asked_for_is_no_answer_and_its_connection_is_not_kept() {
    for (request, answer) in [
        (GET, SWITCHING),
        (UPGRADE, "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"),
        (UPGRADE, "HTTP/1.1 101 S\r\n\r\n"),
        (UPGRADE, "HTTP/1.0 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
    ] {
        let mut rig = Rig::new(ONE);
        rig.client(request);
        rig.upstream(answer);
        assert!(rig.answer().starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{}", rig.answer());
        assert_eq!((rig.parked, rig.dropped.as_slice()), (0, &[How::Reset][..]));
    }
}

#[test]
fn what_may_not_be_upgraded_is_an_ordinary_request() {
    for (from, to) in [
        ("Upgrade: websocket", "Upgrade: h2c"),
        ("Upgrade: websocket", "Upgrade: HTTP/2.0"),
        ("Upgrade: websocket", "Upgrade: TLS/1.0"),
        ("Upgrade: websocket", "Upgrade: websocket, foo"),
        ("Connection: keep-alive, Upgrade", "Connection: keep-alive"),
        ("HTTP/1.1", "HTTP/1.0"),
    ] {
        let mut rig = Rig::new(ONE);
        rig.client(&UPGRADE.replace(from, to));
        let sent = rig.sent(0);
        assert!(!sent.to_ascii_lowercase().contains("upgrade"), "{from} -> {to}: {sent}");
    }
}

#[test]
fn a_dropped_session_settles_the_lease_of_its_tunnel() {
    let mut rig = tunnel();
    assert_eq!(rig.leases(), 1);
}
