//! How keys behave, and what is counted of them.

use super::*;
use std::time::Duration;

fn status(provider: &Provider, now: Instant) -> (u16, String) {
    let mut peer = Peer::new(provider);
    peer.now = now;
    peer.send_by(&get("/v1/models/gpt-4o", ""), 64);
    let text = peer.text();
    (text[9..12].parse().expect("a status"), text)
}

fn statuses(behaviour: Behaviour, times: u32) -> Vec<u16> {
    let provider = provider();
    provider.set_key(KEY, behaviour);
    (0..times).map(|_| status(&provider, Instant::ZERO).0).collect()
}

#[test]
fn each_behaviour() {
    assert_eq!(statuses(Behaviour::Good, 2), [200, 200]);
    assert_eq!(statuses(Behaviour::Invalid, 2), [401, 401]);
    assert_eq!(statuses(Behaviour::NoQuota, 2), [429, 429]);
    assert_eq!(statuses(Behaviour::flaky_500(3), 6), [200, 200, 500, 200, 200, 500]);
    assert_eq!(statuses(Behaviour::DeadAfter(2), 4), [200, 200, 401, 401]);
    assert_eq!(statuses(Behaviour::always(Spec::row("overloaded").expect("a row")), 2), [503, 503]);
    assert_eq!(statuses(Behaviour::RateLimited { requests: 2, per: Duration::from_secs(60) }, 3), [200, 200, 429]);
}

#[test]
fn a_rate_limit_says_when_it_ends_and_ends_then() {
    let provider = provider();
    provider.set_key(KEY, Behaviour::RateLimited { requests: 1, per: Duration::from_secs(10) });
    let at = |ms: u64| Instant::ZERO + Duration::from_millis(ms);
    assert_eq!(status(&provider, at(1000)).0, 200);
    let (code, text) = status(&provider, at(3500));
    assert_eq!(code, 429);
    assert!(text.contains("retry-after: 8\r\nretry-after-ms: 7500\r\n"), "{text}");
    assert!(text.contains("x-ratelimit-remaining-requests: 0\r\n") && text.contains("rate_limit_exceeded"), "{text}");
    assert_eq!(status(&provider, at(10_999)).0, 429);
    assert_eq!(status(&provider, at(11_000)).0, 200);
}

#[test]
fn keys_are_told_apart_and_changed_while_it_runs() {
    let provider = provider();
    let wrong = get("/v1/models", "").iter().map(|b| if *b == b'f' { b'g' } else { *b }).collect::<Vec<_>>();
    let text = answer(&provider, &wrong);
    assert!(text.starts_with("HTTP/1.1 401 ") && text.contains("invalid_api_key"), "{text}");
    assert!(!text.contains("0123456789"), "a key shown: {text}");
    let none = b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n";
    let text = answer(&provider, none);
    assert!(text.starts_with("HTTP/1.1 401 ") && text.contains("didn't provide an API key"), "{text}");

    assert_eq!(status(&provider, Instant::ZERO).0, 200);
    provider.set_key(KEY, Behaviour::Invalid);
    assert_eq!(status(&provider, Instant::ZERO).0, 401);
    provider.set_key(KEY, Behaviour::Good);
    assert_eq!(status(&provider, Instant::ZERO).0, 200);
    let counts = provider.counts(KEY);
    assert_eq!((counts.requests, counts.by_status.get(&200), counts.by_status.get(&401)), (3, Some(&2), Some(&1)));
    assert_eq!(provider.requests(), 5);
}

#[test]
fn accounts_are_named() {
    let provider = provider();
    let own = status(&provider, Instant::ZERO).1;
    assert!(own.contains("openai-organization: org-"), "{own}");
    provider.set_account(KEY, "acme");
    assert!(status(&provider, Instant::ZERO).1.contains("openai-organization: acme\r\n"));
}

#[test]
fn the_log_is_bounded() {
    let provider = Provider::new(Options { keep_records: 3, keep_body: 2, ..Options::default() });
    provider.set_key(KEY, Behaviour::Good);
    for _ in 0..5 {
        answer(&provider, &post("/v1/digest", "", "abcdef"));
    }
    let serials: Vec<u64> = provider.log().iter().map(|r| r.serial).collect();
    assert_eq!(serials, [3, 4, 5]);
    assert!(provider.record(1).is_none());
    let last = provider.record(5).expect("the last");
    assert_eq!((last.body.start.as_slice(), last.body.len), (&b"ab"[..], 6));
}
