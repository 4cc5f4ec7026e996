//! How connections end: keep-alive, close, half-close, drain, lingering.

use super::*;
use core::time::Duration;

fn drain(rig: &mut Rig) {
    rig.call(|session, turn| session.handle_signal(Signal::Drain, turn));
}

#[test]
fn who_keeps_a_clients_connection() {
    for (version, field, kept, said) in [
        ("HTTP/1.1", "", true, ""),
        ("HTTP/1.1", "Connection: keep-alive\r\n", true, ""),
        ("HTTP/1.1", "Connection: close\r\n", false, "\r\nConnection: close\r\n"),
        ("HTTP/1.1", "Connection: foo, CLOSE\r\n", false, "\r\nConnection: close\r\n"),
        ("HTTP/1.0", "", false, "\r\nConnection: close\r\n"),
        ("HTTP/1.0", "Connection: Keep-Alive\r\n", true, "\r\nConnection: keep-alive\r\n"),
        ("HTTP/1.0", "Connection: close, keep-alive\r\n", false, "\r\nConnection: close\r\n"),
    ] {
        for answer in [OK, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"] {
            let mut rig = Rig::new(ONE);
            rig.client(&CHAT.replace("HTTP/1.1", version).replace("Content-Type", &format!("{field}Content-Type")));
            rig.upstream(answer);
            let answer = rig.answer();
            assert!(answer.contains(said) && answer.matches("onnection: ").count() <= 1, "{version} {field}: {answer}");
            assert_eq!(rig.hung_up, (!kept).then_some(How::Fin), "{version} {field}");
            assert_eq!(rig.parked, 1, "the client's wish is not the upstream's");
        }
    }
    let mut rig = setup(ONE).settings(|settings| settings.keep_alive = false).rig();
    rig.client(CHAT);
    rig.upstream(OK);
    assert!(rig.answer().contains("\r\nConnection: close\r\n"));
    assert_eq!(rig.hung_up, Some(How::Fin));
}

#[test]
fn who_keeps_an_upstreams_connection() {
    for (head, kept) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", true),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n", false),
        ("HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n", false),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n", true),
        ("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n", true),
    ] {
        let mut rig = Rig::new(ONE);
        rig.client(CHAT);
        rig.upstream(&format!("{head}\r\nok"));
        assert_eq!(rig.parked, usize::from(kept), "{head}");
        assert_eq!(rig.dropped.len(), usize::from(!kept), "{head}");
        assert!(rig.answer().ends_with("ok") && !rig.answer().contains("Keep-Alive"));
        assert_eq!(rig.hung_up, None, "the client's connection goes on");
    }
}

#[test]
fn any_surprise_ends_an_upstreams_connection() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 204 No\r\n\r\nsurprise",
        "HTTP/1.1 304 Same\r\nContent-Length: 4\r\n\r\nbody",
    ] {
        let mut rig = Rig::new(ONE);
        rig.client(GET);
        rig.upstream(answer);
        assert_eq!((rig.parked, rig.dropped.as_slice()), (0, &[How::Reset][..]), "{answer}");
        assert_eq!(rig.hung_up, None);
        assert!(!rig.answer().contains("more") && !rig.answer().contains("surprise"), "{}", rig.answer());
    }
}

#[test]
fn a_fin_before_the_answer_is_departure_unless_clients_half_close() {
    for half_close in [false, true] {
        let mut rig = setup(ONE).settings(|settings| settings.client_half_close = half_close).rig();
        rig.client(CHAT);
        rig.eof(Side::Downstream);
        assert_eq!((rig.done, rig.dropped.len()), (!half_close, usize::from(!half_close)));
        if half_close {
            rig.upstream(OK);
            assert!(rig.answer().ends_with("{}"), "{}", rig.answer());
            assert!(rig.answer().contains("\r\nConnection: close\r\n"));
            assert_eq!((rig.hung_up, rig.done, rig.parked), (Some(How::Fin), true, 1));
        }
    }
}

#[test]
fn a_half_closed_client_gets_the_answers_to_all_its_requests() {
    let mut rig = setup(ONE).settings(|settings| settings.client_half_close = true).rig();
    rig.client(&[CHAT, GET].concat());
    rig.eof(Side::Downstream);
    rig.upstream(OK);
    assert!(rig.take_answer().ends_with("{}"));
    assert!(!rig.done && rig.dials == 2, "the second request had arrived before the end");
    rig.upstream(OK);
    assert!(rig.answer().contains("\r\nConnection: close\r\n"), "{}", rig.answer());
    assert_eq!((rig.hung_up, rig.done), (Some(How::Fin), true));
}

#[test]
fn a_half_closed_client_whose_body_is_held_back_has_sent_it_whole() {
    let body = "x".repeat(100_000);
    let request = CHAT.replace("Content-Length: 17", "Content-Length: 100000").replace("{\"model\":\"gpt-x\"}", &body);
    for whole in [true, false] {
        let mut rig = setup(ONE).settings(|settings| settings.client_half_close = true).rig();
        rig.open_window(Side::Upstream, 0);
        let cut = request.len() - usize::from(!whole);
        rig.client(&request[..cut]);
        rig.eof(Side::Downstream);
        assert!(!rig.done, "its last bytes are still to be looked at");
        rig.open_window(Side::Upstream, usize::MAX);
        if whole {
            assert!(rig.sent(0).ends_with(&body));
            rig.upstream(OK);
            assert!(rig.answer().starts_with("HTTP/1.1 200 OK\r\n"));
        } else {
            assert_eq!(rig.dropped, [How::Reset], "what is cut is never complete");
        }
        assert!(rig.done);
    }
}

#[test]
fn a_request_that_is_cut_takes_nothing_from_the_one_before_it() {
    let cut = &CHAT[..CHAT.len() - 1];
    for (behind, status) in [(cut, 0), ("no request\r\n\r\n", 400)] {
        let mut rig = setup(ONE).settings(|settings| settings.client_half_close = true).rig();
        rig.client(&[CHAT, behind].concat());
        rig.eof(Side::Downstream);
        rig.upstream(OK);
        assert!(rig.answer().starts_with("HTTP/1.1 200 OK\r\n"), "{}", rig.answer());
        assert_eq!((rig.hung_up, rig.done), (Some(How::Fin), true), "a reset could destroy it unread");
        let lines = rig.notices.iter().filter_map(|notice| match notice {
            Notice::Request(line) => Some(line.status),
            _ => None,
        });
        assert_eq!(lines.collect::<Vec<_>>(), [200, status], "each has its line");
    }
}

#[test]
fn a_fin_within_a_request_ends_all() {
    for cut in [1, 20, CHAT.len() - 1] {
        for half_close in [false, true] {
            let mut rig = setup(ONE).settings(|settings| settings.client_half_close = half_close).rig();
            rig.client(&CHAT[..cut]);
            rig.eof(Side::Downstream);
            assert!(rig.done, "{cut}");
            assert_eq!(rig.answer(), "");
        }
    }
}

#[test]
fn a_fin_between_requests_ends_quietly() {
    let mut rig = Rig::new(ONE);
    rig.client(CHAT);
    rig.upstream(OK);
    rig.eof(Side::Downstream);
    assert_eq!((rig.hung_up, rig.done), (Some(How::Fin), true));
}

#[test]
fn a_drained_session_ends_at_once_when_idle() {
    for before in ["", "\r\n", "\r\n\r\n"] {
        let mut rig = Rig::new(ONE);
        rig.client(before);
        drain(&mut rig);
        assert_eq!(rig.hung_up, Some(How::Fin), "{before:?}");
        rig.eof(Side::Downstream);
        assert!(rig.done);
    }
    let mut rig = Rig::new(ONE);
    rig.client(CHAT);
    rig.upstream(OK);
    drain(&mut rig);
    assert_eq!(rig.hung_up, Some(How::Fin));
}

#[test]
fn a_drained_session_finishes_what_it_began_and_says_that_it_closes() {
    // In the middle of the head, of the body, of the wait, of the answer.
    for cut in [10, CHAT.len() - 3, CHAT.len()] {
        let mut rig = Rig::new(ONE);
        rig.client(&CHAT[..cut]);
        drain(&mut rig);
        assert_eq!(rig.hung_up, None);
        rig.client(&CHAT[cut..]);
        rig.upstream(OK);
        assert!(rig.answer().contains("\r\nConnection: close\r\n"), "{cut}: {}", rig.answer());
        assert_eq!(rig.hung_up, Some(How::Fin));
    }
    let mut rig = Rig::new(ONE);
    rig.client(CHAT);
    rig.upstream(&OK[..OK.len() - 1]);
    drain(&mut rig);
    rig.upstream("}");
    assert!(rig.answer().ends_with("{}"));
    assert_eq!(rig.hung_up, Some(How::Fin));
    // Also an answer of our own.
    let mut rig = Rig::new(ONE);
    rig.dialing.push_back(Dialed::Later);
    rig.client(CHAT);
    drain(&mut rig);
    rig.link(Dialed::Failed(DialError::Timeout));
    assert!(rig.answer().contains("\r\nConnection: close\r\n"), "{}", rig.answer());
    assert_eq!(rig.hung_up, Some(How::Fin));
}

#[test]
fn a_closed_connection_is_read_on_for_a_while_so_that_its_answer_is_not_reset() {
    let mut rig = Rig::new(ONE);
    rig.client("BAD\r\n\r\n");
    assert_eq!((rig.hung_up, rig.done), (Some(How::Fin), false));
    for _ in 0..20 {
        rig.feed(Side::Downstream, &[b'x'; 50_000], usize::MAX);
    }
    assert_eq!(rig.dials, 0);
    rig.pass(Duration::from_millis(1999));
    assert!(!rig.done);
    rig.pass(Duration::from_millis(1));
    assert!(rig.done);
    // Or until the client has seen it.
    let mut rig = Rig::new(ONE);
    rig.client("BAD\r\n\r\n");
    rig.eof(Side::Downstream);
    assert!(rig.done);
}

#[test]
fn a_client_that_leaves_in_any_phase_leaves_nothing_behind() {
    for leave in [Rig::eof as fn(&mut Rig, Side), Rig::lost] {
        for phase in 0..7 {
            let mut rig = Rig::new(TWO);
            match phase {
                0 => {}
                1 => rig.client(&CHAT[..30]),
                2 => rig.client(&CHAT[..CHAT.len() - 3]),
                3 => {
                    rig.dialing.push_back(Dialed::Later);
                    rig.client(CHAT);
                }
                4 => rig.client(CHAT),
                5 => {
                    rig.client(CHAT);
                    rig.upstream("HTTP/1.1 500 Oops\r\nContent-Length: 5\r\n\r\nab");
                }
                _ => {
                    rig.client(CHAT);
                    rig.upstream("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
                }
            }
            leave(&mut rig, Side::Downstream);
            assert!(rig.done, "{phase}");
            assert_eq!(rig.leases(), 0, "{phase}");
            if phase >= 4 {
                assert_eq!(rig.dropped, [How::Reset]);
            }
        }
    }
}

/// Told before it asks; what it asks then is read and dropped, so that the answer is not reset.
#[test]
fn a_client_beyond_the_limit_is_told_and_lingered_for() {
    let mut rig = Rig::new(ONE);
    rig.call(|session, turn| session.refuse(Unready::Full, turn));
    let answer = rig.take_answer();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("too_many_connections"), "{answer}");
    assert!(answer.contains("\r\nRetry-After: 1\r\n") && answer.contains("\r\nConnection: close\r\n"), "{answer}");
    assert_eq!((rig.hung_up, rig.done), (Some(How::Fin), false));
    rig.client(CHAT);
    assert_eq!((rig.dials, rig.answer().as_str()), (0, ""));
    rig.call(|session, turn| session.handle_eof(Side::Downstream, turn));
    assert!(rig.done);
}

/// A client that takes nothing of it is let go in the end.
#[test]
fn a_refused_client_that_reads_nothing_is_let_go() {
    let mut rig = Rig::new(ONE);
    rig.window[DOWN] = 0;
    rig.call(|session, turn| session.refuse(Unready::Full, turn));
    let (at, reason) = rig.session.poll_timeout().expect("it ends");
    assert_eq!(reason, Reason::WriteIdle);
    assert!(rig.now < at);
}

/// A stranger cannot have a body of any length read: what comes after its answer is dropped up to a number of bytes.
#[test]
fn what_a_refused_client_sends_is_read_up_to_a_bound() {
    let mut rig = setup(ONE).limits(|limits| limits.linger_bytes = 1000).rig();
    rig.client(
        "POST /v1/files HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer wrong\r\nContent-Length: 1000000000\r\n\r\n",
    );
    assert!(rig.take_answer().starts_with("HTTP/1.1 401 "));
    let piece = "x".repeat(250);
    for _ in 0..4 {
        rig.client(&piece);
        assert!(!rig.done && rig.session.wants_read(Side::Downstream));
    }
    rig.client("x");
    assert!(rig.done);
}

/// What was thrown away with a client that took nothing leaves a hole: nothing of the answer may follow it.
#[test]
fn nothing_follows_what_was_thrown_away_with_a_client_that_stalled() {
    let mut rig = Rig::new(ONE);
    rig.client(GET);
    rig.upstream("HTTP/1.1 200 OK\r\n\r\n");
    rig.window[DOWN] = 0;
    // More pieces than are lined up at once: the last ones wait where they were read to.
    for n in 0..9 {
        rig.upstream(&format!("piece {n}"));
    }
    rig.take_answer();
    rig.window[DOWN] = usize::MAX;
    rig.pass(Duration::from_secs(400));
    assert_eq!(rig.answer(), "");
    assert_eq!((rig.hung_up, rig.dropped.as_slice(), rig.done), (Some(How::Reset), &[How::Reset][..], true));
}

/// Nor does the event that a cut stream ends with: the upstream's silence and the client's may last the same time.
#[test]
fn no_event_follows_what_was_thrown_away_with_a_client_that_stalled() {
    let mut rig = Rig::new(ONE);
    rig.client(CHAT);
    rig.window[DOWN] = 0;
    rig.upstream("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {}\n\n");
    rig.window[DOWN] = usize::MAX;
    rig.pass(Duration::from_secs(300));
    assert_eq!(rig.answer(), "");
    assert_eq!((rig.hung_up, rig.dropped.as_slice(), rig.done), (Some(How::Reset), &[How::Reset][..], true));
}
