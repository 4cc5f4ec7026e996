//! Instructions for reading and writing heads.
// The bench macros make public items without documentation.
#![allow(missing_docs)]

use gungraun::prelude::*;
use http::Method;
use keywheel_benches::{CHAT_HEAD, STREAM_HEAD};
use keywheel_core::http1::Scan;
use keywheel_core::http1::encode::Head;
use keywheel_core::http1::head::{request, response};
use keywheel_core::http1::hop::Hop;
use keywheel_core::limits::Limits;
use keywheel_core::message::{FieldSpan, Length};
use std::hint::black_box;

fn setup() -> (Vec<FieldSpan>, Limits) {
    (Vec::with_capacity(64), Limits::default())
}

#[library_benchmark(setup = setup)]
fn parse_request((mut spans, limits): (Vec<FieldSpan>, Limits)) -> usize {
    let found = request(black_box(CHAT_HEAD), &mut Scan::default(), &mut spans, &limits);
    found.unwrap().unwrap().size
}

// As a head that arrives in three reads.
#[library_benchmark(setup = setup)]
fn parse_request_in_pieces((mut spans, limits): (Vec<FieldSpan>, Limits)) -> usize {
    let mut scan = Scan::default();
    for n in [100, 300] {
        assert!(request(black_box(&CHAT_HEAD[..n]), &mut scan, &mut spans, &limits).unwrap().is_none());
    }
    request(black_box(CHAT_HEAD), &mut scan, &mut spans, &limits).unwrap().unwrap().size
}

#[library_benchmark(setup = setup)]
fn parse_response((mut spans, limits): (Vec<FieldSpan>, Limits)) -> usize {
    let found = response(black_box(STREAM_HEAD), &mut Scan::default(), &mut spans, &limits, &Method::POST);
    found.unwrap().unwrap().size
}

// Parse, leave the hop's fields out, write anew.
#[library_benchmark(setup = setup)]
fn forward_request((mut spans, limits): (Vec<FieldSpan>, Limits)) -> Vec<u8> {
    let mut out = Vec::with_capacity(4096);
    let found = request(black_box(CHAT_HEAD), &mut Scan::default(), &mut spans, &limits).unwrap().unwrap();
    let head = found.head;
    let hop = Hop::of(&head.fields);
    let mut written = Head::request(&mut out, &head.method, &[&head.target], b"api.openai.com");
    written.keep(&head.fields, |name| !hop.drops(name) && !name.eq_ignore_ascii_case(b"authorization"));
    written.field("Authorization", b"Bearer sk-0123456789abcdef").unwrap();
    written.length(Length::Exact(128)).finish();
    drop(written);
    out
}

library_benchmark_group!(
    name = heads,
    benchmarks = [parse_request, parse_request_in_pieces, parse_response, forward_request]
);

main!(library_benchmark_groups = heads);
