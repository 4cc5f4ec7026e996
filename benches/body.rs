//! Instructions for walking a body in place.
// The bench macros make public items without documentation.
#![allow(missing_docs)]

use gungraun::prelude::*;
use keywheel_benches::{chunked, events};
use keywheel_core::http1::body::Decoder;
use keywheel_core::limits::Limits;
use keywheel_core::message::Length;
use std::hint::black_box;

/// A stream of 100 events, an event a chunk or all in large chunks.
fn stream(chunk: usize) -> (Vec<u8>, Decoder) {
    (chunked(&events(100), chunk), Decoder::new(Length::Marked, &Limits::default()))
}

fn download(len: usize) -> (Vec<u8>, Decoder) {
    (vec![b'x'; len], Decoder::new(Length::Exact(len as u64), &Limits::default()))
}

#[library_benchmark]
#[bench::an_event_a_chunk(args = (240), setup = stream)]
#[bench::large_chunks(args = (16_384), setup = stream)]
#[bench::length_64k(args = (65_536), setup = download)]
fn decode((mut bytes, mut decoder): (Vec<u8>, Decoder)) -> usize {
    let mut at = 0;
    let mut data = 0;
    while !decoder.is_done() {
        let piece = decoder.decode(black_box(&mut bytes[at..])).unwrap();
        at += piece.consumed;
        data += piece.data.len();
    }
    data
}

library_benchmark_group!(name = bodies, benchmarks = [decode]);

main!(library_benchmark_groups = bodies);
