//! Instructions of one whole exchange through `Session`, `Exchange` and `Proxy`: everything but the sockets.
// The bench macros make public items without documentation.
#![allow(missing_docs)]

use gungraun::prelude::*;
use keywheel_benches::pair::Pair;
use keywheel_benches::{chat_answer, chat_request, streamed_answer};
use std::hint::black_box;
use std::mem::ManuallyDrop;

/// A session that has its memory: some exchanges are behind it.
fn warm(answer: Vec<Vec<u8>>) -> (Pair, Vec<u8>, Vec<Vec<u8>>) {
    let request = chat_request();
    let mut pair = Pair::new(true);
    for _ in 0..8 {
        pair.exchange(&request, answer.iter().map(Vec::as_slice));
    }
    assert_eq!(pair.parked, 8, "each exchange ends in order");
    (pair, request, answer)
}

/// A JSON answer that comes in one read.
fn chat(len: usize) -> (Pair, Vec<u8>, Vec<Vec<u8>>) {
    warm(vec![chat_answer(len)])
}

/// A streamed answer whose 100 events come in one read each.
fn stream(n: usize) -> (Pair, Vec<u8>, Vec<Vec<u8>>) {
    warm(streamed_answer(n))
}

#[library_benchmark]
#[bench::chat_1k(args = (1_024), setup = chat)]
#[bench::chat_32k(args = (32_768), setup = chat)]
#[bench::stream_100_events(args = (100), setup = stream)]
fn exchange((mut pair, request, answer): (Pair, Vec<u8>, Vec<Vec<u8>>)) -> ManuallyDrop<Pair> {
    pair.exchange(black_box(&request), black_box(&answer).iter().map(Vec::as_slice));
    ManuallyDrop::new(pair)
}

library_benchmark_group!(name = sessions, benchmarks = [exchange]);

main!(library_benchmark_groups = sessions);
