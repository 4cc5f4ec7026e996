//! Answers that come before the request has ended.

use super::*;

const UPLOAD: &str =
    "POST /v1/files HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer token\r\nContent-Length: 10\r\n\r\n";

#[test]
fn an_early_answer_that_ends_first_closes_both_connections() {
    for answer in [OK, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n{}"] {
        let mut rig = Rig::new(TWO);
        rig.client(UPLOAD);
        rig.client("12345");
        rig.upstream(answer);
        let answer = rig.answer();
        assert!(answer.ends_with("\r\n\r\n{}") && answer.contains("\r\nConnection: close\r\n"), "{answer}");
        assert_eq!((rig.parked, rig.dropped.as_slice(), rig.hung_up), (0, &[How::Reset][..], Some(How::Fin)));
        // What still comes is dropped, and is no request.
        rig.client("67890GET / HTTP/1.1\r\n\r\n");
        assert_eq!((rig.dials, rig.answer()), (1, answer));
    }
}

#[test]
fn an_upload_goes_on_while_its_answer_has_begun() {
    for replay in [0, 3, 1000] {
        for framing in ["Content-Length: 10", "Transfer-Encoding: chunked"] {
            let chunked = framing.starts_with('T');
            let mut rig = setup(TWO).limits(|limits| limits.replay = replay).rig();
            rig.client(&UPLOAD.replace("Content-Length: 10", framing));
            rig.client(if chunked { "a\r\n12345" } else { "12345" });
            rig.upstream("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
            rig.client(if chunked { "67890\r\n0\r\n\r\n" } else { "67890" });
            rig.upstream("cd");
            let sent = rig.sent(0);
            let body: String = match chunked {
                false => body(&sent).to_owned(),
                true => body(&sent).split("\r\n").filter(|line| line.len() > 1).collect(),
            };
            assert_eq!(body, "1234567890", "{replay} {sent}");
            assert!(rig.answer().ends_with("\r\n\r\nabcd"), "{}", rig.answer());
            assert_eq!((rig.parked, rig.leases()), (1, 0), "the upstream's connection was used to its end");
        }
    }
}

#[test]
fn an_answer_that_comes_before_anything_was_asked_is_none() {
    let mut rig = Rig::new(ONE);
    rig.open_window(Side::Upstream, 0);
    rig.client(CHAT);
    rig.upstream(OK);
    assert_eq!((rig.answer().as_str(), rig.dials), ("", 2), "it cannot be the answer to this request");
    rig.open_window(Side::Upstream, usize::MAX);
    rig.upstream(OK);
    assert!(rig.answer().contains("\r\nx-keywheel-attempts: 1\r\n"), "{}", rig.answer());
}

#[test]
fn an_early_rejection_is_tried_again_while_the_body_is_still_coming() {
    let mut rig = Rig::new(TWO);
    rig.client(UPLOAD);
    rig.client("123");
    rig.upstream("HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(rig.dials, 2);
    rig.client("4567890");
    assert!(rig.sent(1).ends_with("\r\n\r\n1234567890"), "{}", rig.sent(1));
    rig.upstream(OK);
    assert!(rig.answer().starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!((rig.parked, rig.done), (1, false));
}

#[test]
fn an_early_answer_of_our_own_reads_the_body_that_is_there() {
    let mut rig = Rig::new(ONE);
    rig.client(&CHAT.replace("Bearer token", "Bearer wrong"));
    assert!(rig.answer().starts_with("HTTP/1.1 401 ") && !rig.answer().contains("Connection: close"));
    rig.take_answer();
    let wrong = CHAT.replace("Bearer token", "Bearer wrong");
    rig.client(&wrong[..wrong.len() - 1]);
    assert!(rig.answer().starts_with("HTTP/1.1 401 ") && rig.answer().contains("Connection: close"));
}

#[test]
fn an_answer_for_which_there_is_no_room_is_awaited_all_the_same() {
    let mut rig = Rig::new(ONE);
    rig.open_window(Side::Downstream, 0);
    rig.client(UPLOAD);
    let body = "x".repeat(200_000);
    let answer = format!("HTTP/1.1 413 Too Large\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let took = rig.offer(Side::Upstream, answer.as_bytes(), usize::MAX);
    assert!(took < answer.len() && !rig.session.wants_read(Side::Upstream));
    assert!(rig.session.awaits(Side::Upstream), "whose connection takes no more of the request is read on");
    rig.open_window(Side::Downstream, usize::MAX);
    rig.feed(Side::Upstream, &answer.as_bytes()[took..], usize::MAX);
    assert!(rig.answer().ends_with(&body) && !rig.session.awaits(Side::Upstream));
}
