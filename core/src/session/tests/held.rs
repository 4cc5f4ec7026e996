//! An error answer that is held back until it is known whose fault it is, and then passed as it came.

use super::*;
use crate::classify::Class;
use core::time::Duration;

/// How an answer's end is told.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Framing {
    Length,
    Chunks,
    Close,
}

/// An answer of this status, and its body of so many bytes.
fn message(status: &str, size: usize, framing: Framing) -> (String, String) {
    let body: String = (0..size).map(|n| char::from(b'a' + (n % 23) as u8)).collect();
    let message = match framing {
        Framing::Length => format!("HTTP/1.1 {status}\r\nContent-Length: {size}\r\n\r\n{body}"),
        Framing::Close => format!("HTTP/1.1 {status}\r\n\r\n{body}"),
        Framing::Chunks if size == 0 => format!("HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        Framing::Chunks => {
            format!("HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n{size:x}\r\n{body}\r\n0\r\n\r\n")
        }
    };
    (message, body)
}

/// The upstream answers, as fast as it is let, until the proxy turns to another one.
fn deliver(rig: &mut Rig, message: &str, framing: Framing) {
    let dials = rig.dials;
    let mut rest = message.as_bytes();
    while rig.dials == dials && !rest.is_empty() {
        let took = rig.offer(Side::Upstream, &rest[..rest.len().min(16_000)], usize::MAX);
        rest = &rest[took..];
        if took == 0 {
            rig.pass(Duration::from_millis(600));
        }
    }
    if rig.dials == dials && framing == Framing::Close {
        rig.eof(Side::Upstream);
    }
    rig.pass(Duration::from_millis(600));
}

/// A body without its chunks.
fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a chunk's size");
        if size == 0 {
            return whole;
        }
        whole.push_str(&rest[..size]);
        body = rest[size..].strip_prefix("\r\n").expect("a chunk's end");
    }
    panic!("no last chunk behind {} bytes", whole.len())
}

fn check_that_it_passes_whole(keys: &[&str], status: &str, size: usize, framing: Framing) {
    let case = format!("{status} of {size} bytes, {framing:?}, {} keys", keys.len());
    let (message, expected) = message(status, size, framing);
    let moves_on = keys.len() > 1 && !status.starts_with("400") && !status.starts_with("403");
    let mut rig = Rig::new(keys);
    rig.client(CHAT);
    if moves_on {
        deliver(&mut rig, &message, framing);
        assert_eq!(rig.dials, 2, "{case}");
    }
    deliver(&mut rig, &message, framing);
    let answer = rig.answer();
    assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{case}: {answer:.200}");
    let got = match framing {
        Framing::Length => super::body(&answer).to_owned(),
        _ => unchunked(super::body(&answer)),
    };
    assert!(got == expected, "{case}: {} bytes", got.len());
    assert_eq!((rig.done, rig.hung_up, rig.leases()), (false, None, 0), "{case}");
}

#[test]
fn an_error_body_of_any_size_and_framing_passes_whole() {
    for status in ["400 Bad", "403 No", "429 Slow", "500 Oops"] {
        for size in [0, 1, 65_535, 65_536, 65_537, 300_000] {
            for framing in [Framing::Length, Framing::Chunks, Framing::Close] {
                check_that_it_passes_whole(ONE, status, size, framing);
                check_that_it_passes_whole(TWO, status, size, framing);
            }
        }
    }
}

#[test]
fn an_error_body_that_stalls_is_judged_by_its_head_and_then_goes_on() {
    let mut rig = Rig::new(TWO);
    rig.client(CHAT);
    rig.upstream("HTTP/1.1 400 Bad\r\nContent-Length: 10\r\n\r\n12345");
    rig.pass(Duration::from_millis(1999));
    assert_eq!(rig.answer(), "");
    rig.pass(Duration::from_millis(1));
    assert!(rig.answer().ends_with("\r\n\r\n12345"), "{}", rig.answer());
    rig.upstream("67890");
    assert!(rig.answer().ends_with("\r\n\r\n1234567890"), "{}", rig.answer());
    assert_eq!((rig.parked, rig.tally(Class::Client), rig.leases()), (1, 1, 0));

    let mut rig = Rig::new(TWO);
    rig.client(CHAT);
    rig.upstream("HTTP/1.1 429 Slow\r\nContent-Length: 10\r\n\r\n12345");
    rig.pass(Duration::from_secs(2));
    assert_eq!((rig.dials, rig.answer().as_str()), (2, ""), "another key, by the status alone");
}

#[test]
fn a_limited_key_rests_at_once_even_while_its_long_error_still_passes() {
    let mut rig = Rig::new(ONE);
    rig.client(CHAT);
    rig.upstream("HTTP/1.1 429 Slow\r\nRetry-After: 9\r\nContent-Length: 10\r\n\r\n12345");
    rig.pass(Duration::from_secs(2));
    assert_eq!(rig.tally(Class::Rate), 1, "not only when the answer has ended");
    assert!(rig.answer().ends_with("\r\n\r\n12345"), "{}", rig.answer());
    rig.upstream("67890");
    assert_eq!((rig.tally(Class::Rate), rig.leases()), (1, 0));
}

#[test]
fn whoever_reads_a_long_error_to_its_end_holds_the_permit_as_long() {
    for (status, class) in [("429 Slow", Class::Rate), ("503 Busy", Class::Overload)] {
        let mut rig = Rig::new(ONE);
        rig.client(CHAT);
        rig.upstream(&format!("HTTP/1.1 {status}\r\nContent-Length: 10\r\n\r\n12345"));
        rig.pass(Duration::from_secs(2));
        assert_eq!(rig.leases(), 1, "{status}: while another key is looked for");
        rig.pass(Duration::from_secs(1));
        assert!(rig.answer().ends_with("\r\n\r\n12345"), "{status}: {}", rig.answer());
        assert_eq!((rig.leases(), rig.tally(class)), (1, 1), "{status}: no other key, and the answer goes on");
        rig.upstream("67890");
        assert_eq!((rig.leases(), rig.tally(class), rig.parked), (0, 1, 1), "{status}");
    }
}

#[test]
fn an_error_whose_connection_was_given_up_is_not_passed_in_part() {
    let mut rig = Rig::new(TWO);
    rig.client(CHAT);
    rig.upstream("HTTP/1.1 503 Busy\r\nContent-Length: 10\r\n\r\n12345");
    rig.dialing.extend([Dialed::Later]);
    rig.pass(Duration::from_secs(3));
    assert_eq!(rig.dials, 2, "another key, whose connection is not there before the time is up");
    rig.pass(Duration::from_secs(3600));
    let answer = rig.answer();
    assert!(answer.starts_with("HTTP/1.1 504 ") && answer.contains("upstream_timeout"), "{answer}");
    assert_eq!((rig.leases(), rig.hung_up), (0, Some(How::Fin)));
}

#[test]
fn a_client_that_leaves_during_the_pause_settles_what_was_held_for_it() {
    let mut rig = Rig::new(TWO);
    rig.client(CHAT);
    rig.upstream("HTTP/1.1 503 Busy\r\nContent-Length: 10\r\n\r\n12345");
    rig.pass(Duration::from_secs(2));
    assert_eq!(rig.leases(), 1);
    rig.eof(Side::Downstream);
    assert_eq!((rig.leases(), rig.tally(Class::Overload), rig.dials), (0, 1, 1));
}

#[test]
fn a_short_request_timeout_bounds_the_reading_of_an_error_body() {
    let mut rig = setup(TWO).settings(|s| s.request_timeout = Some(Duration::from_millis(500))).rig();
    rig.client(CHAT);
    rig.upstream("HTTP/1.1 400 Bad\r\nContent-Length: 10\r\n\r\n12345");
    rig.pass(Duration::from_millis(500));
    assert!(rig.answer().ends_with("\r\n\r\n12345"), "{}", rig.answer());
}

#[test]
fn a_cut_error_is_visibly_cut() {
    for (fields, closes) in [("Content-Length: 10\r\n", How::Fin), ("Transfer-Encoding: chunked\r\n", How::Fin)] {
        let body = if fields.starts_with('C') { "12345" } else { "5\r\n12345\r\n" };
        let mut rig = Rig::new(TWO);
        rig.client(CHAT);
        rig.upstream(&format!("HTTP/1.1 400 Bad\r\n{fields}\r\n{body}"));
        rig.lost(Side::Upstream);
        assert!(rig.answer().ends_with(&format!("\r\n\r\n{body}")), "{}", rig.answer());
        assert_eq!(rig.hung_up, Some(closes));
    }
    // Without a length of its own only a reset tells an end from a cut.
    let mut rig = Rig::new(TWO);
    rig.client(&CHAT.replace("HTTP/1.1", "HTTP/1.0"));
    rig.upstream("HTTP/1.1 400 Bad\r\n\r\n12345");
    rig.lost(Side::Upstream);
    assert_eq!(rig.hung_up, Some(How::Reset));
}

#[test]
fn that_one_error_was_cut_says_nothing_of_the_next() {
    let mut rig = Rig::new(TWO);
    rig.client(CHAT);
    rig.upstream("HTTP/1.1 429 Slow\r\nContent-Length: 10\r\n\r\n12345");
    rig.lost(Side::Upstream);
    assert_eq!(rig.dials, 2);
    rig.upstream("HTTP/1.1 400 Bad\r\nContent-Length: 10\r\n\r\n12345");
    rig.pass(Duration::from_secs(2));
    rig.upstream("67890");
    assert!(rig.answer().ends_with("\r\n\r\n1234567890"), "{}", rig.answer());
    assert_eq!(rig.hung_up, None);
}

#[test]
fn held_answers_without_a_body() {
    for (request, status, length) in [
        (GET.replace("GET", "HEAD"), "404 Not Found", "Content-Length: 77\r\n"),
        (GET.replace("GET", "HEAD"), "500 Oops", ""),
        (GET.to_owned(), "404 Not Found", "Content-Length: 0\r\n"),
    ] {
        let mut rig = Rig::new(ONE);
        rig.client(&request);
        rig.upstream(&format!("HTTP/1.1 {status}\r\n{length}X-A: b\r\n\r\n"));
        rig.pass(Duration::from_millis(600));
        let answer = rig.answer();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\nX-A: b\r\n")), "{answer}");
        assert!(answer.ends_with("\r\n\r\n") && answer.contains(length), "{answer}");
        assert_eq!(rig.parked, 1);
        assert!(!rig.done);
    }
}
