//! Another key, or none: what follows an attempt that failed, and what the client gets in the end.

use super::*;
use crate::classify::Class;
use crate::config::WhenExhausted;
use core::time::Duration;

/// An answer of this status with this body.
fn answer(status: &str, fields: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn error(status: &str, code: &str) -> String {
    answer(status, "Content-Type: application/json\r\n", &format!("{{\"error\":{{\"code\":\"{code}\"}}}}"))
}

const DEAD: &str = "invalid_api_key";
const THREE: &[&str] = &["sk-first-key-000000", "sk-other-key-111111", "sk-third-key-222222"];

#[test]
fn a_fault_of_an_earlier_attempt_is_forgotten_when_a_later_one_is_answered() {
    // An idempotent request: lost, then refused by the next key.
    let mut rig = Rig::new(TWO);
    rig.client(GET);
    rig.eof(Side::Upstream);
    assert_eq!(rig.dials, 2);
    rig.upstream(&answer("400 Bad Request", "", "no"));
    assert!(rig.answer().starts_with("HTTP/1.1 400 Bad Request\r\n"), "{}", rig.answer());
    // The first key's base cannot be reached, the second's answers.
    let mut rig = setup(TWO).bases(1, &["elsewhere.example"]).rig();
    rig.dialing.push_back(Dialed::Failed(DialError::Timeout));
    rig.client(CHAT);
    assert_eq!(rig.origins, ["http://up.example", "http://elsewhere.example"]);
    rig.upstream(&error("500 Oops", "server_error"));
    rig.pass(Duration::from_millis(600));
    assert!(rig.answer().starts_with("HTTP/1.1 500 Oops\r\n"), "{}", rig.answer());
}

#[test]
fn nothing_is_begun_again_once_a_byte_of_a_post_may_have_been_acted_on() {
    for (method, dials) in
        [("GET", 2), ("HEAD", 2), ("OPTIONS", 2), ("PUT", 2), ("DELETE", 2), ("POST", 1), ("PATCH", 1)]
    {
        let mut rig = Rig::new(TWO);
        rig.client(&GET.replace("GET", method));
        rig.lost(Side::Upstream);
        assert_eq!(rig.dials, dials, "{method}");
        if dials == 1 {
            assert!(rig.answer().starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{}", rig.answer());
            assert_eq!(rig.tally(Class::Ambiguous), 1);
        }
    }
    let mut rig = setup(TWO).settings(|settings| settings.retry_ambiguous = true).rig();
    rig.client(CHAT);
    rig.lost(Side::Upstream);
    assert_eq!(rig.dials, 2, "RETRY_AMBIGUOUS");
    assert_eq!(rig.sent(0).replace("first-key-000000", "other-key-111111"), rig.sent(1));
}

#[test]
fn an_interim_answer_is_no_answer() {
    let mut rig = Rig::new(TWO);
    rig.client(CHAT);
    rig.upstream("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    rig.eof(Side::Upstream);
    assert_eq!(rig.dials, 1);
    assert!(rig.answer().contains("\r\n\r\nHTTP/1.1 502 Bad Gateway\r\n"), "{}", rig.answer());
}

#[test]
fn a_connection_that_dies_before_a_byte_is_written_is_no_attempt() {
    let mut rig = Rig::new(TWO);
    rig.window[Side::Upstream as usize] = 0;
    rig.dialing.push_back(Dialed::Reused);
    rig.client(CHAT);
    rig.lost(Side::Upstream);
    assert_eq!(rig.dials, 2);
    rig.open_window(Side::Upstream, usize::MAX);
    assert!(rig.sent(1).contains("sk-first-key-000000"), "the same lease");
    rig.upstream(OK);
    assert!(rig.answer().contains("\r\nx-keywheel-attempts: 1\r\n"), "{}", rig.answer());
}

#[test]
fn overload_moves_on_once_after_a_pause_and_the_last_one_passes() {
    let mut rig = Rig::new(THREE);
    rig.client(CHAT);
    rig.upstream(&error("503 Busy", "server_is_overloaded"));
    assert_eq!((rig.dials, rig.answer().as_str()), (1, ""));
    rig.pass(Duration::from_millis(49));
    assert_eq!(rig.dials, 1);
    rig.pass(Duration::from_millis(452));
    assert_eq!(rig.dials, 2);
    let last = error("502 Also busy", "server_error");
    rig.upstream(&last);
    assert!(rig.answer().starts_with("HTTP/1.1 502 Also busy\r\n"), "{}", rig.answer());
    assert_eq!(body(&rig.answer()), body(&last));
    assert!(rig.answer().contains("\r\nx-keywheel-attempts: 2\r\n"));
    assert_eq!((rig.tally(Class::Overload), rig.leases()), (2, 0));
    assert_eq!(rig.proxy.pool(rig.now).healthy, 3, "no key is to blame");
}

#[test]
fn a_veto_holds_after_overload_only() {
    let mut rig = Rig::new(TWO);
    rig.client(CHAT);
    rig.upstream(&answer("503 Busy", "x-should-retry: false\r\n", ""));
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.dials, 1);
    assert!(rig.answer().starts_with("HTTP/1.1 503 Busy\r\nx-should-retry: false\r\n"), "{}", rig.answer());
    let mut rig = Rig::new(TWO);
    rig.client(CHAT);
    rig.upstream(&answer("429 Slow", "x-should-retry: false\r\n", ""));
    assert_eq!(rig.dials, 2);
}

#[test]
fn access_moves_on_once() {
    let mut rig = Rig::new(THREE);
    rig.client(CHAT);
    rig.upstream(&error("403 Forbidden", "insufficient_permissions"));
    assert_eq!(rig.dials, 2);
    let last = error("403 Also forbidden", "insufficient_permissions");
    rig.upstream(&last);
    assert_eq!(rig.dials, 2);
    assert!(rig.answer().starts_with("HTTP/1.1 403 Also forbidden\r\n"), "{}", rig.answer());
}

#[test]
fn what_is_the_clients_or_the_operators_or_says_nothing_passes_at_once() {
    for (status, code) in [
        ("400 Bad Request", "context_length_exceeded"),
        ("404 Not Found", "model_not_found"),
        ("403 Forbidden", "unsupported_country_region_territory"),
        ("403 Forbidden", "something_new"),
        ("422 No", ""),
        ("418 Teapot", ""),
    ] {
        let mut rig = Rig::new(TWO);
        rig.client(CHAT);
        let last = error(status, code);
        rig.upstream(&last);
        assert_eq!(rig.dials, 1, "{status} {code}");
        assert!(rig.answer().starts_with(&format!("HTTP/1.1 {status}\r\n")), "{}", rig.answer());
        assert_eq!((body(&rig.answer()), rig.parked), (body(&last), 1));
        rig.take_answer();
        rig.client(CHAT);
        assert_eq!(rig.dials, 2, "the client's connection goes on");
    }
}

#[test]
fn max_retries_counts_further_attempts_and_an_sdk_that_retries_gets_half() {
    for (retries, header, attempts) in [
        (0, "", 1),
        (1, "", 2),
        (3, "", 3),
        (2, "x-stainless-retry-count: 1\r\n", 2),
        (1, "x-stainless-retry-count: 2\r\n", 1),
        (2, "x-stainless-retry-count: 0\r\n", 3),
    ] {
        let mut rig = setup(THREE).settings(|settings| settings.max_retries = retries).rig();
        rig.client(&CHAT.replace("Content-Type", &format!("{header}Content-Type")));
        for n in 0..attempts {
            assert_eq!(rig.dials, n + 1);
            // Codes of their own, so that they do not look like one fault of the origin.
            rig.upstream(&answer("429 Slow", "Retry-After: 5\r\n", &format!("{{\"error\":{{\"code\":\"c{n}\"}}}}")));
        }
        assert_eq!(rig.dials, attempts, "{retries} {header}");
        assert!(rig.answer().starts_with("HTTP/1.1 429 Slow\r\nRetry-After: 5\r\n"), "{}", rig.answer());
    }
}

#[test]
fn a_dead_key_as_the_last_answer_is_a_503_of_our_own() {
    for (status, code, class) in [("401 Unauthorized", DEAD, "key_dead"), ("429 Quota", "insufficient_quota", "quota")]
    {
        let mut rig = Rig::new(ONE);
        rig.client(CHAT);
        rig.upstream(&error(status, code));
        let answer = rig.answer();
        assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
        assert!(answer.contains("no_available_keys") && answer.contains(class), "{answer}");
        assert!(answer.contains("\r\nx-should-retry: false\r\n") && !answer.contains("Retry-After"), "{answer}");
    }
}

#[test]
fn while_another_keys_rest_ends_soon_the_503_says_so() {
    let mut rig = Rig::new(TWO);
    rig.client(CHAT);
    rig.upstream(&answer("429 Slow", "Retry-After: 30\r\n", ""));
    rig.upstream(&error("401 Unauthorized", DEAD));
    let answer = rig.answer();
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
    assert!(answer.contains("\r\nRetry-After: 30\r\n") && !answer.contains("x-should-retry"), "{answer}");
}

#[test]
fn a_dead_key_and_a_body_that_cannot_be_sent_again_while_another_key_is_ready() {
    let mut rig = setup(TWO).limits(|limits| limits.replay = 4).rig();
    rig.client(CHAT);
    rig.upstream(&error("401 Unauthorized", DEAD));
    assert_eq!(rig.dials, 1);
    let answer = rig.answer();
    assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
    assert!(answer.contains("\r\nRetry-After: 1\r\n") && !answer.contains("x-should-retry"), "{answer}");
}

#[test]
fn a_request_that_was_tried_does_not_wait_for_a_resting_key() {
    let mut rig = setup(TWO).pool(|pool| pool.when_exhausted = WhenExhausted::Wait).rig();
    rig.client(CHAT);
    rig.upstream(&answer("429 Slow", "Retry-After: 1\r\n", ""));
    rig.upstream(&answer("429 Slower", "Retry-After: 2\r\n", ""));
    assert!(rig.answer().starts_with("HTTP/1.1 429 Slower\r\nRetry-After: 2\r\n"), "{}", rig.answer());
    rig.take_answer();
    // Nothing was tried for this one yet, and a key is back within the wait.
    rig.client(CHAT);
    assert_eq!((rig.dials, rig.answer().as_str()), (2, ""));
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.dials, 3);
}

#[test]
fn an_unreachable_upstream_is_502_without_a_repeat_unless_a_key_lives_elsewhere() {
    let failed = || Dialed::Failed(DialError::Connect("refused".into()));
    let mut rig = Rig::new(TWO);
    rig.dialing.extend([failed(), failed()]);
    rig.client(CHAT);
    assert_eq!(rig.dials, 1);
    assert!(
        rig.answer().starts_with("HTTP/1.1 502 Bad Gateway\r\n") && rig.answer().contains("refused"),
        "{}",
        rig.answer()
    );
    assert!(!rig.answer().contains("sk-"));

    let mut rig = setup(ONE).bases(0, &["a.example", "b.example"]).rig();
    rig.dialing.extend([failed(), Dialed::Fresh]);
    rig.client(CHAT);
    assert_eq!(rig.origins, ["http://a.example", "http://b.example"]);
    rig.upstream(OK);
    assert!(rig.answer().contains("\r\nx-keywheel-attempts: 1\r\n"), "the next base URL is no attempt");
}

#[test]
fn each_key_serves_one_attempt() {
    let mut rig = setup(ONE).settings(|settings| settings.retry_ambiguous = true).rig();
    rig.client(CHAT);
    rig.lost(Side::Upstream);
    assert_eq!(rig.dials, 1);
    assert!(rig.answer().starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{}", rig.answer());
}

#[test]
fn keys_that_fail_alike_stop_the_walk_and_are_kept() {
    let keys = &["sk-k1-0000000000", "sk-k2-0000000000", "sk-k3-0000000000", "sk-k4-0000000000"];
    let mut rig = setup(keys).settings(|settings| settings.max_retries = 9).rig();
    rig.client(CHAT);
    for _ in 0..3 {
        rig.upstream(&answer("429 Slow", "", ""));
    }
    assert_eq!(rig.dials, 3);
    assert!(rig.answer().starts_with("HTTP/1.1 429 Slow\r\n"), "{}", rig.answer());
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.proxy.pool(rig.now).back, Some(Duration::ZERO));
}

#[test]
fn silence_is_504_and_nobodys_fault() {
    let mut rig = setup(TWO).settings(|s| s.request_timeout = Some(Duration::from_secs(3))).rig();
    rig.client(CHAT);
    rig.pass(Duration::from_millis(2999));
    assert_eq!(rig.answer(), "");
    rig.pass(Duration::from_millis(1));
    assert!(rig.answer().starts_with("HTTP/1.1 504 Gateway Timeout\r\n"), "{}", rig.answer());
    assert_eq!((rig.dials, rig.tally(Class::Ours)), (1, 1));
    assert_eq!(rig.dropped, [How::Reset]);
    assert!(!rig.done, "the client's connection goes on");
}

#[test]
fn a_key_on_trial_is_back_when_its_answer_comes_whole_with_the_head() {
    let mut rig = Rig::new(ONE);
    rig.client(CHAT);
    // No hint: the rest ends in a trial.
    rig.upstream(&answer("429 Slow", "", ""));
    rig.take_answer();
    rig.pass(Duration::from_secs(3));
    rig.client(CHAT);
    rig.upstream(OK);
    assert!(rig.take_answer().starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(rig.tally(Class::Ok), 1);
    let rows = rig.proxy.rows(0..1, rig.now);
    assert!(rows[0].eligible && rows[0].models.is_empty(), "{rows:?}");
    // Two at once, which one on trial would not serve.
    rig.client(CHAT);
    assert_eq!(rig.dials, 3);
}
