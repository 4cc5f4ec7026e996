use super::*;
use crate::classify::Class;
use crate::config::{KeyEntry, Strategy};
use crate::keyring::view::{KeyRow, ModelRow, PoolView, Standing, State, Tally, Why};
use crate::origin::{BaseUrl, Origin};
use crate::secret::Secret;
use crate::stats::Server;
use crate::time::{Instant, Wall};
use core::time::Duration;
use serde_json::{Value, json};
use std::sync::Arc;

fn at(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

/// A process that began at 2026-11-11T12:00:00Z and has run for 90 seconds.
fn server() -> Server {
    Server {
        wall: Wall::new(Instant::ZERO, UnixMillis(1_794_398_400_000)),
        started: Instant::ZERO,
        now: at(90),
        draining: false,
        key_wait: Duration::from_secs(10),
        memory: Some(5_000_000),
    }
}

fn tally(pairs: &[(Class, u64)]) -> Tally {
    let mut tally = Tally::default();
    for (class, count) in pairs {
        tally[*class as usize] = *count;
    }
    tally
}

fn pool(healthy: usize, back: Option<Duration>) -> PoolView {
    PoolView {
        strategy: Strategy::RoundRobin,
        total: 3,
        healthy,
        cooling: 1,
        current_index: 2,
        back,
        requests: 40,
        waiting: 4,
        leases: 5,
        tally: tally(&[(Class::Ok, 30), (Class::Quota, 2), (Class::Client, 1)]),
    }
}

fn row(key: &str, state: State, why: Option<Why>, until: Option<Instant>) -> KeyRow {
    let base = BaseUrl::new(Origin::new(true, "api.openai.com", 443), "");
    let mut entry = KeyEntry::new(Secret::new(key.as_bytes()), 1, Arc::from([base])).unwrap();
    (entry.line, entry.name) = (7, "first".into());
    KeyRow {
        entry: Arc::new(entry),
        eligible: state == State::Ready,
        epoch: 2,
        standing: Standing { state, why, since: at(60), until },
        models: Vec::new(),
        leases: 1,
        tally: tally(&[(Class::Ok, 9), (Class::Rate, 1)]),
    }
}

fn why(class: Class, status: u16, code: Option<&str>) -> Option<Why> {
    Some(Why { class, status, code: code.map(Into::into) })
}

fn body(page: &Page) -> Value {
    assert_eq!(page.fields[0], ("Content-Type", "application/json".to_owned()));
    serde_json::from_slice(&page.body).unwrap()
}

#[test]
fn health_speaks_to_users_of_both_systems() {
    let page = health(&server(), &pool(1, Some(Duration::ZERO)));
    assert_eq!(page.status, 200);
    let expected = json!({
        "status": "ok", "uptime": "90s", "requestCount": 40,
        "keysStatus": { "total": 3, "healthy": 1, "blacklisted": 2, "cooling": 1 },
        "healthy_tokens": 1, "total_tokens": 3, "strategy": "round_robin", "timestamp": "2026-11-11T12:01:30.000Z",
    });
    assert_eq!(body(&page), expected);
}

#[test]
fn health_fails_only_when_no_key_is_usable_in_time() {
    let rows = [
        (1, Some(Duration::ZERO), 200),
        (0, Some(Duration::from_secs(10)), 200),
        (0, Some(Duration::from_secs(11)), 503),
        (0, None, 503),
    ];
    for (healthy, back, status) in rows {
        let page = health(&server(), &pool(healthy, back));
        assert_eq!(page.status, status, "{back:?}");
        assert_eq!(body(&page)["status"], if status == 200 { "ok" } else { "unhealthy" });
        assert_eq!(readyz(&server(), &pool(healthy, back)).status, status);
    }
    let draining = Server { draining: true, ..server() };
    let page = readyz(&draining, &pool(1, Some(Duration::ZERO)));
    assert_eq!((page.status.as_u16(), body(&page)), (503, json!({ "status": "draining" })));
    assert_eq!(livez().status, 200);
}

#[test]
fn stats_show_each_key_and_nothing_of_it() {
    let mut limited = row(
        "sk-proj-0123456789abcdef",
        State::Cooling,
        why(Class::Quota, 429, Some("insufficient_quota")),
        Some(at(3600)),
    );
    let standing = Standing { state: State::Probing, why: why(Class::Access, 403, None), since: at(1), until: None };
    limited.models = vec![ModelRow { model: "gpt-4o".into(), account: true, standing }];
    let page = stats(&server(), &pool(1, None), &[limited], Paging::new(1, 1));
    assert_eq!(page.status, 200);
    assert!(!String::from_utf8_lossy(&page.body).contains("456789"));
    let body = body(&page);
    assert_eq!(
        body["server"],
        json!({ "uptime": "90s", "requestCount": 40, "startTime": "2026-11-11T12:00:00.000Z",
                "version": env!("CARGO_PKG_VERSION"), "draining": false })
    );
    let counts = |ok, rate, quota, client| {
        json!({ "ok": ok, "key_dead": 0, "quota": quota, "rate": rate, "access": 0, "overload": 0, "config": 0,
                "client": client, "ambiguous": 0, "unknown": 0, "ours": 0 })
    };
    assert_eq!(
        body["keys"],
        json!({ "currentIndex": 2, "strategy": "round_robin", "totalKeys": 3, "healthyKeys": 1, "blacklistedKeys": 2,
                "coolingKeys": 1, "successCount": 30, "failureCount": 3, "counts": counts(30, 0, 2, 1), "inFlight": 5,
                "waiting": 4, "memoryUsage": { "processBytes": 5_000_000 } })
    );
    assert_eq!(
        body["rows"][0],
        json!({ "index": 1, "lineNumber": 7, "name": "first", "keyPreview": "sk-proj-…cdef", "eligible": false,
                "state": "cooling", "why": { "class": "quota", "status": 429, "code": "insufficient_quota" },
                "since": "2026-11-11T12:01:00.000Z", "until": "2026-11-11T13:00:00.000Z", "epoch": 2, "weight": 1,
                "priority": 0, "inFlight": 1, "counts": counts(9, 1, 0, 0),
                "models": [{ "model": "gpt-4o", "scope": "account", "state": "probing",
                             "why": { "class": "access", "status": 403, "code": null },
                             "since": "2026-11-11T12:00:01.000Z", "until": null }] })
    );
    assert_eq!((&body["page"], &body["nextPage"]), (&json!(1), &json!(2)));
}

#[test]
fn blacklist_says_why_and_until_when() {
    let rows = [
        row("sk-0123456789abcdef", State::Blacklisted, why(Class::KeyDead, 401, Some("invalid_api_key")), None),
        row("sk-1123456789abcdef", State::Cooling, why(Class::Rate, 429, None), Some(at(91))),
        row("sk-2123456789abcdef", State::Disabled, None, None),
        row("sk-3123456789abcdef", State::Cooling, why(Class::Ambiguous, 0, None), None),
        row("sk-4123456789abcdef", State::Cooling, why(Class::Rate, 0, Some("slow_down")), None),
    ];
    let body = body(&blacklist(&server(), &pool(1, None), &rows, Paging::new(1, 256)));
    let reasons: Vec<_> = body["blacklistedKeys"].as_array().unwrap().iter().map(|row| &row["reason"]).collect();
    assert_eq!(reasons, ["key_dead (401 invalid_api_key)", "rate (429)", "disabled", "ambiguous", "rate (slow_down)"]);
    assert_eq!(
        body["blacklistedKeys"][1],
        json!({ "index": 1, "lineNumber": 7, "name": "first", "keyPreview": "sk-…cdef", "state": "cooling",
                "reason": "rate (429)", "since": "2026-11-11T12:01:00.000Z", "until": "2026-11-11T12:01:31.000Z" })
    );
    assert_eq!(
        (&body["totalBlacklisted"], &body["totalKeys"], &body["healthyKeys"]),
        (&json!(2), &json!(3), &json!(1))
    );
    assert_eq!((&body["page"], &body["nextPage"]), (&json!(1), &Value::Null));
}

#[test]
fn pages_cover_a_list_exactly() {
    for total in [0, 1, 255, 256, 257, 1000] {
        let (mut page, mut seen) = (Some(1), 0);
        while let Some(number) = page {
            let paging = Paging::new(number, 256);
            assert_eq!(paging.range(total).start, seen);
            seen = paging.range(total).end;
            page = paging.next(total);
        }
        assert_eq!(seen, total);
    }
    for far in [0, u32::MAX] {
        let paging = Paging::new(far, 256);
        assert_eq!((paging.range(10).len(), paging.next(10)), (if far == 0 { 10 } else { 0 }, None));
    }
}

#[test]
fn actions_say_what_they_did() {
    assert_eq!(
        body(&reset_keys(2, 3)),
        json!({ "success": true, "message": "2 of 3 keys were out and are in again.", "clearedCount": 2, "totalKeys": 3 })
    );
    let done = reload(Ok(3), UnixMillis(0));
    assert_eq!(done.status, 200);
    assert_eq!(
        body(&done),
        json!({ "success": true, "message": "Configuration reloaded: 3 keys.", "totalKeys": 3,
                "timestamp": "1970-01-01T00:00:00.000Z" })
    );
    let failed = reload(Err("keys.txt: no key in it"), UnixMillis(0));
    assert_eq!(failed.status, 400);
    assert_eq!(
        body(&failed),
        json!({ "error": { "message": "The configuration was not reloaded, nothing changed: keys.txt: no key in it",
                           "type": "invalid_request_error", "code": "invalid_configuration",
                           "timestamp": "1970-01-01T00:00:00.000Z" } })
    );
}
