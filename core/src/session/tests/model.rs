//! A lease that depends on the request's model waits for it, within bounds.

use super::*;
use core::time::Duration;

fn restricted() -> Rig {
    setup(TWO).models(0, &["gpt-a*"]).models(1, &["gpt-b"]).rig()
}

fn chat(body: &str) -> String {
    CHAT.replace("Content-Length: 17", &format!("Content-Length: {}", body.len()))
        .replace("{\"model\":\"gpt-x\"}", body)
}

#[test]
fn the_key_is_chosen_by_the_model_however_the_body_comes() {
    for (model, key) in [("gpt-a1", "sk-first"), ("gpt-b", "sk-other")] {
        let body = format!("{{\"messages\":[{{\"content\":\"model\"}}],\"model\":\"{model}\",\"stream\":true}}");
        for step in [1, 10, 1000] {
            let mut rig = restricted();
            rig.feed(Side::Downstream, chat(&body).as_bytes(), step);
            assert!(rig.sent(0).contains(key) && rig.sent(0).ends_with(&body), "{}", rig.sent(0));
        }
    }
    let mut rig = restricted();
    rig.client(CHAT);
    assert!(rig.answer().starts_with("HTTP/1.1 404 Not Found\r\n") && rig.answer().contains("model_not_found"));
    assert!(!rig.done);
}

#[test]
fn the_key_is_asked_for_as_soon_as_the_model_is_seen() {
    let mut rig = restricted();
    rig.client(&chat("{\"model\":\"gpt-b\",\"messages\":[]}").replace("[]}", ""));
    assert_eq!(rig.dials, 1);
}

#[test]
fn a_body_without_a_model_does_not_wait_for_its_end() {
    // 200 ms, or at once where no model can follow.
    let mut rig = restricted();
    rig.client(&chat(&format!("--x\r\nContent-Disposition: form-data{}", "x".repeat(100)))[..CHAT.len() + 20]);
    assert_eq!((rig.dials, rig.answer().is_empty()), (1, true), "{}", rig.answer());
    let mut rig = restricted();
    rig.client(&chat(&format!("{{\"messages\":\"{}", "x".repeat(100)))[..CHAT.len() + 20]);
    rig.pass(Duration::from_millis(199));
    assert_eq!(rig.dials, 0);
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.dials, 1);
}

#[test]
fn a_megabyte_is_looked_at_and_no_more() {
    let mut rig = restricted();
    rig.client(
        &CHAT
            .replace("Content-Length: 17", "Content-Length: 3000000")
            .replace("{\"model\":\"gpt-x\"}", "{\"messages\":\""),
    );
    let mut sent = 0;
    while rig.dials == 0 {
        rig.feed(Side::Downstream, &[b'x'; 16_384], usize::MAX);
        sent += 16_384;
        assert!(sent <= 1 << 20, "{sent}");
    }
    assert!(sent > (1 << 20) - 40_000, "{sent}");
}

#[test]
fn without_a_restriction_nobody_waits() {
    let mut rig = Rig::new(TWO);
    rig.client(&CHAT[..CHAT.len() - 17]);
    assert_eq!(rig.dials, 1);
    assert!(rig.sent(0).ends_with("\r\n\r\n"), "the head goes ahead of the body");
}

#[test]
fn an_error_inside_a_stream_is_of_the_model_that_was_asked_for() {
    let event = "data: {\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"\"}}\n\n";
    let mut rig = restricted();
    let ask = |rig: &mut Rig, model: &str| rig.client(&chat(&format!("{{\"model\":\"{model}\"}}")));
    ask(&mut rig, "gpt-a1");
    rig.upstream(&format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {}\r\n\r\n{event}",
        event.len()
    ));
    assert!(rig.take_answer().ends_with(event));
    ask(&mut rig, "gpt-a2");
    assert_eq!(rig.dials, 2, "another model of the same key is served at once");
    rig.upstream(OK);
    rig.take_answer();
    ask(&mut rig, "gpt-a1");
    assert_eq!(rig.dials, 2, "this one rests");
}
