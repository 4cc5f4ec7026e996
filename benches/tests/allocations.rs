//! The per-request path allocates nothing in steady state but the record of its log line.

use allocation_counter::measure;
use keywheel_benches::pair::Pair;
use keywheel_benches::{STREAM_HEAD, chat_answer, chat_request, chunked, events};

/// The record of a log line: itself, and the texts in it.
const LOG_LINE: u64 = 5;

/// Allocations that one more exchange makes, once some are behind the session.
fn allocations(log_requests: bool, answer: &[Vec<u8>]) -> u64 {
    let request = chat_request();
    let mut pair = Pair::new(log_requests);
    let mut exchange = || pair.exchange(&request, answer.iter().map(Vec::as_slice));
    (0..8).for_each(|_| exchange());
    measure(exchange).count_total
}

#[test]
fn a_warm_session_allocates_nothing_but_its_log_line() {
    let streamed = [STREAM_HEAD.to_vec(), chunked(&events(100), 240)];
    let answers: [&[Vec<u8>]; 4] = [&[chat_answer(0)], &[chat_answer(1_024)], &[chat_answer(60_000)], &streamed];
    for answer in answers {
        assert_eq!(allocations(false, answer), 0);
        assert!(allocations(true, answer) <= LOG_LINE, "{} allocations", allocations(true, answer));
    }
}
