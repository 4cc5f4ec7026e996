//! The per-request path allocates nothing in steady state but the record of its log line.

use allocation_counter::measure;
use keywheel_benches::pair::Pair;
use keywheel_benches::{chat_answer, chat_request, streamed_answer};

/// The record of a log line: itself, and the texts in it.
const LOG_LINE: u64 = 6;

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
    let answers = [vec![chat_answer(0)], vec![chat_answer(1_024)], vec![chat_answer(60_000)], streamed_answer(100)];
    for answer in answers {
        assert_eq!(allocations(false, &answer), 0);
        let logged = allocations(true, &answer);
        assert!(logged <= LOG_LINE, "{logged} allocations");
    }
}
