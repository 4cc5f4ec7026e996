//! Instructions for watching an answer pass: event boundaries, in-band errors, usage; and for the fields of a request.
// The bench macros make public items without documentation.
#![allow(missing_docs)]

use gungraun::prelude::*;
use keywheel_benches::events;
use keywheel_core::json::{RequestFields, UsageFinder};
use keywheel_core::sse::Watcher;
use std::hint::black_box;

/// 100 events in pieces of this size.
fn stream(piece: usize) -> (Vec<u8>, usize) {
    (events(100), piece)
}

/// A chat request of this many bytes of text, its model behind the messages as the SDKs write it.
fn chat(len: usize) -> Vec<u8> {
    let text = "word ".repeat(len / 5);
    format!(r#"{{"messages":[{{"role":"user","content":"{text}"}}],"model":"gpt-4o-mini","stream":true}}"#).into_bytes()
}

#[library_benchmark]
#[bench::whole_events(args = (16_384), setup = stream)]
#[bench::cut_events(args = (100), setup = stream)]
fn watch((bytes, piece): (Vec<u8>, usize)) -> usize {
    let mut watcher = Watcher::default();
    let mut suspects = 0;
    for piece in black_box(&bytes).chunks(piece) {
        watcher.feed(piece, |_| suspects += 1);
    }
    assert!(watcher.on_boundary());
    suspects
}

#[library_benchmark]
#[bench::whole_events(args = (16_384), setup = stream)]
fn usage((bytes, piece): (Vec<u8>, usize)) -> bool {
    let mut finder = UsageFinder::default();
    for piece in black_box(&bytes).chunks(piece) {
        finder.feed(piece);
    }
    finder.usage().is_some()
}

#[library_benchmark]
#[bench::text_1k(args = (1_024), setup = chat)]
#[bench::text_64k(args = (65_536), setup = chat)]
fn request_fields(body: Vec<u8>) -> usize {
    let fields = RequestFields::of(black_box(&body));
    fields.model().map_or(0, str::len)
}

library_benchmark_group!(name = passing, benchmarks = [watch, usage, request_fields]);

main!(library_benchmark_groups = passing);
