//! Requests behind each other on one connection.

use super::*;

#[test]
fn pipelined_requests_are_answered_in_order_one_at_a_time() {
    for step in [1, 5, 64, 10_000] {
        let mut rig = Rig::new(ONE);
        let all = [CHAT, GET, "\r\n", &CHAT.replace("gpt-x", "gpt-y")].concat();
        rig.feed(Side::Downstream, all.as_bytes(), step);
        assert_eq!(rig.dials, 1);
        rig.upstream(&OK.replace("{}", "AA"));
        assert_eq!(rig.dials, 2);
        rig.upstream("HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!(rig.dials, 3);
        rig.upstream(&OK.replace("{}", "CC"));
        let answer = rig.answer();
        let (one, two, three) = (answer.find("AA"), answer.find("204 No Content"), answer.find("CC"));
        assert!(one < two && two < three && one.is_some(), "{answer}");
        assert!(
            rig.sent(0).ends_with("gpt-x\"}") && rig.sent(1).starts_with("GET ") && rig.sent(2).ends_with("gpt-y\"}")
        );
    }
}

#[test]
fn refused_requests_do_not_end_a_connection_whose_framing_is_sure() {
    let mut rig = Rig::new(ONE);
    let refused = CHAT.replace("Bearer token", "Bearer wrong");
    rig.client(&[&refused, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", &refused, CHAT].concat());
    let answer = rig.answer();
    assert_eq!((answer.matches("HTTP/1.1 401 ").count(), answer.matches("HTTP/1.1 200 ").count()), (2, 1), "{answer}");
    assert_eq!(rig.dials, 1);
}

#[test]
fn nothing_behind_a_doubt_is_read() {
    for bad in [
        CHAT.replace("Content-Length", "Transfer-Encoding: chunked\r\nContent-Length"),
        CHAT.replace("Content-Length: 17", "Content-Length: 17\r\nContent-Length: 18"),
        CHAT.replace("Content-Length: 17", "Content-Length: +17"),
        CHAT.replace("HTTP/1.1\r\n", "HTTP/1.0\r\nTransfer-Encoding: chunked\r\n")
            .replace("Content-Length: 17\r\n", ""),
        CHAT.replace("Content-Length: 17", "Content_Length: 17"),
        CHAT.replace("Content-Length: 17", "Content-Length : 17"),
        CHAT.replace("Content-Length: 17", " Content-Length: 17"),
        CHAT.replace("\r\nContent-Length", "\nContent-Length"),
    ] {
        let mut rig = Rig::new(ONE);
        rig.client(&[&bad, GET, GET].concat());
        let answer = rig.answer();
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{bad} {answer}");
        assert!(answer.contains("\r\nConnection: close\r\n") && answer.matches("HTTP/1.1 ").count() == 1, "{answer}");
        assert_eq!((rig.dials, rig.hung_up), (0, Some(How::Fin)));
    }
}

#[test]
fn a_bad_chunk_is_400_before_the_answer_and_a_break_after() {
    let head = CHAT.split("Content-Length").next().unwrap().to_owned() + "Transfer-Encoding: chunked\r\n\r\n";
    for bad in [
        "5\r\nhelloX",
        "g\r\n",
        "5\nhello",
        " 5\r\nhello\r\n",
        "5 \r\n",
        "-1\r\n",
        "0x5\r\nhello\r\n",
        "00000000000000005\r\nhello\r\n",
        "5;a\nb\r\n",
        "0\r\nbad trailer\r\n\r\n",
    ] {
        let mut rig = Rig::new(ONE);
        rig.client(&head);
        rig.client(&format!("2\r\nok\r\n{bad}"));
        assert!(rig.answer().starts_with("HTTP/1.1 400 Bad Request\r\n"), "{bad:?} {}", rig.answer());
        assert_eq!((rig.dropped.as_slice(), rig.hung_up), (&[How::Reset][..], Some(How::Fin)), "{bad:?}");
        assert!(!rig.sent(0).contains("\r\n0\r\n"), "no clean end upstream");

        let mut rig = Rig::new(ONE);
        rig.client(&head);
        rig.client("2\r\nok\r\n");
        rig.upstream("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n");
        rig.client(bad);
        assert!(!rig.answer().ends_with("0\r\n\r\n") && rig.answer().matches("HTTP/1.1").count() == 1);
        assert_eq!((rig.dropped.as_slice(), rig.hung_up), (&[How::Reset][..], Some(How::Fin)), "{bad:?}");
    }
}

#[test]
fn a_request_behind_a_close_is_not_served() {
    let mut rig = Rig::new(ONE);
    rig.client(&[&CHAT.replace("Content-Type", "Connection: close\r\nContent-Type"), GET].concat());
    rig.upstream(OK);
    assert_eq!((rig.dials, rig.hung_up), (1, Some(How::Fin)));
}

#[test]
fn what_is_pipelined_is_read_up_to_a_block() {
    let mut rig = Rig::new(ONE);
    rig.client(CHAT);
    let many = GET.repeat(3000);
    let took = rig.offer(Side::Downstream, many.as_bytes(), 10_000);
    assert!((60_000..70_000).contains(&took), "{took}");
    let mut rest = &many.as_bytes()[took..];
    for served in 0..=3000 {
        assert_eq!(rig.dials, served + 1);
        rig.upstream(OK);
        let took = rig.offer(Side::Downstream, rest, 10_000);
        rest = &rest[took..];
    }
    assert_eq!(rig.answer().matches("HTTP/1.1 200 OK").count(), 3001);
}
