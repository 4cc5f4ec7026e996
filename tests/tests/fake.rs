//! The fake provider against the rest: over a runtime that reads and writes in small pieces, and its failures as
//! core classifies them.

use http::Method;
use keywheel_core::classify::{Class, Evidence, Outcome, judge};
use keywheel_core::dialect::Dialect;
use keywheel_core::http1::head;
use keywheel_core::limits::Limits;
use keywheel_core::message::Fields;
use keywheel_core::time::{Instant, UnixMillis};
use keywheel_runtime::fake::{Behaviour, Ended, Provider, ROWS, serve::serve};
use keywheel_runtime::traits::Runtime as _;
use keywheel_tests::sim::net::{End, Write};
use keywheel_tests::sim::pipe::Read;
use keywheel_tests::sim::runtime::{Shape, SimRuntime, handle};
use keywheel_tests::sim::trace::Record;
use keywheel_tests::sim::weather::Climate;
use keywheel_tests::sim::world::{Shared, World};
use keywheel_tests::strict::{self, Start};
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use std::cell::RefCell;
use std::io::IoSlice;
use std::rc::Rc;
use std::sync::Arc;

const KEY: &str = "sk-fake-0123456789abcdef";

fn provider() -> Provider {
    let provider = Provider::new(Default::default());
    provider.set_key(KEY, Behaviour::Good);
    provider
}

/// A world in which the provider serves at one address, reading at most `most_read` bytes at a time.
fn serving(provider: &Provider, most_read: usize) -> (Shared, SimRuntime) {
    let world = Rc::new(RefCell::new(World::new(1, Climate::calm(), Record::Nothing)));
    let crypto: (_, Arc<dyn TimeProvider>) =
        (Arc::new(rustls::crypto::ring::default_provider()), Arc::new(DefaultTimeProvider));
    let runtime = SimRuntime::new(world.clone(), crypto, Shape { most_read, order: None });
    let listener = runtime.listen(([10, 0, 0, 1], 80).into(), false).expect("it listens");
    runtime.spawn(serve(runtime.clone(), listener, provider.clone()));
    (world, runtime)
}

/// Sends a request and reads as fast as the answer comes, until nothing is left to happen. How it ended, and the bytes.
fn visit((world, runtime): &(Shared, SimRuntime), request: &[u8]) -> (Read, Vec<u8>) {
    let end = world.borrow_mut().visit(0, ([10, 9, 9, 9], 1).into()).expect("somebody listens");
    let (mut rest, mut got) = (request, Vec::new());
    loop {
        while runtime.step().expect("no task spins") {}
        let last = exchange(&mut world.borrow_mut(), end, &mut rest, &mut got);
        while runtime.step().expect("no task spins") {}
        let Some(event) = ({ world.borrow_mut().agenda.pop() }) else { return (last, got) };
        handle(world, event);
    }
}

/// Writes what can be written and reads what is there.
fn exchange(world: &mut World, end: End, rest: &mut &[u8], got: &mut Vec<u8>) -> Read {
    let now = world.now();
    if let Write::Took(n) = world.net.write(end, &[IoSlice::new(rest)], now) {
        *rest = &rest[n..];
    }
    let mut block = [0; 4096];
    let last = loop {
        match world.net.read(end, &mut block) {
            Read::Got(n) => got.extend_from_slice(&block[..n]),
            other => break other,
        }
    };
    world.pump();
    last
}

fn post(target: &str, fields: &str, body: &str) -> Vec<u8> {
    let head = format!("POST {target} HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer {KEY}\r\nConnection: close\r\n");
    format!("{head}Content-Length: {}\r\n{fields}\r\n{body}", body.len()).into_bytes()
}

#[test]
fn over_a_runtime_bodies_pass_both_ways_at_once_and_time_passes() {
    let body = "0123456789".repeat(60_000);
    for most_read in [7, 1000, 16 * 1024] {
        let provider = provider();
        let world = serving(&provider, most_read);
        let (end, bytes) = visit(&world, &post("/v1/echo", "x-fake: delay_ms=250\r\n", &body));
        assert_eq!(end, Read::Eof);
        let (message, n) = strict::response(&bytes, "POST", true).expect("strict").expect("whole");
        assert!(n == bytes.len() && message.complete && message.body == body.as_bytes(), "{most_read}");
        assert!(world.0.borrow().now() >= 250_000);
        assert_eq!(provider.record(1).map(|r| r.ended), Some(Ended::Complete));
    }
}

#[test]
fn over_a_runtime_breaks_are_breaks() {
    let world = serving(&provider(), 1000);
    for (spec, ended, body) in
        [("bytes=500,reset_after=200", Read::Reset, 200), ("bytes=500,cut_after=300", Read::Eof, 300)]
    {
        let head = format!("GET /v1/filler?fake={spec} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\n\r\n");
        let (end, bytes) = visit(&world, head.as_bytes());
        assert_eq!(end, ended, "{spec}");
        // A reset may overtake what was sent before it.
        let most = strict::response(&bytes, "GET", true).ok().flatten().map_or(0, |(message, _)| message.body.len());
        assert!(most <= body && (ended == Read::Reset || most == body), "{spec}: {most}");
    }
}

#[test]
fn an_answer_before_the_body_is_not_lost_by_the_close_behind_it() {
    let world = serving(&provider(), 1000);
    let request = post("/v1/digest", "x-fake: early,status=413,close\r\n", &"x".repeat(300_000));
    let (end, bytes) = visit(&world, &request);
    assert_eq!(end, Read::Eof);
    let (message, _) = strict::response(&bytes, "POST", true).expect("strict").expect("whole");
    assert!(matches!(message.start, Start::Response { status: 413, .. }) && message.complete, "{message:?}");
}

/// What a fresh connection answers to a chat request that asks for this.
fn chat(spec: &str) -> Vec<u8> {
    let body = format!(r#"{{"model":"gpt-4o","messages":[],"user":"fake:{spec}"}}"#);
    let mut conn = provider().connect(Instant::ZERO);
    conn.recv(&post("/v1/chat/completions", "Content-Type: application/json\r\n", &body), Instant::ZERO);
    let mut bytes = Vec::new();
    while !conn.transmit().is_empty() {
        bytes.extend_from_slice(conn.transmit());
        conn.sent(conn.transmit().len(), Instant::ZERO);
    }
    bytes
}

/// What core takes an answer for.
fn outcome(bytes: &[u8]) -> Outcome {
    let (message, _) = strict::response(bytes, "POST", true).expect("strict").expect("whole");
    let (mut scan, mut spans) = (Default::default(), Vec::new());
    let head = head::response(bytes, &mut scan, &mut spans, &Limits::default(), &Method::POST);
    let head = head.expect("a head").expect("a whole one").head;
    let fields: Fields<'_> = head.fields;
    let evidence = Evidence { status: head.status.as_u16(), fields, body: &message.body };
    judge(Dialect::OpenAi, &evidence, UnixMillis(1_767_225_600_000), None)
}

#[test]
fn each_failure_is_of_the_class_that_its_row_names() {
    for row in ROWS {
        let bytes = chat(&format!("error={}", row.name));
        assert_eq!(outcome(&bytes).class.as_str(), row.class, "{}", row.name);
        let packed = chat(&format!("error={},gzip", row.name));
        assert_eq!(outcome(&packed).class.as_str(), row.class, "{} in gzip", row.name);
    }
    assert_eq!(outcome(&chat("error=payment_required,retry_after=5")).class, Class::Rate);
    assert_eq!(outcome(&chat("chunks=1")).class, Class::Ok);
}
