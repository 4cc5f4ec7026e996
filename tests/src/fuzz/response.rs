//! Bytes as a response, to GET and to HEAD: the same outcome however cut; what is accepted, written for a client and read
//! by the strict reader says the same.

use super::cuts;
use crate::http1::relay;
use crate::strict::{self, Framing, Start};
use http::Method;
use keywheel_core::limits::Limits;
use keywheel_core::message::Length;

/// Runs it.
pub fn run(data: &[u8]) {
    let tight =
        Limits { upstream_head: 100, upstream_fields: 3, chunk_extensions: 9, trailers: 30, ..Limits::default() };
    for limits in [Limits::default(), tight] {
        for method in [Method::GET, Method::HEAD] {
            one(data, &limits, &method);
        }
    }
}

fn one(data: &[u8], limits: &Limits, method: &Method) {
    let whole = relay::response(data, &[], limits, method);
    for pieces in cuts(data) {
        assert_eq!(relay::response(data, &pieces, limits, method), whole, "however cut");
    }
    let sent = match whole {
        Ok(Some(sent)) => sent,
        Ok(None) => return assert!(data.len() < limits.upstream_head, "a head without end is refused at its bound"),
        Err(error) => return assert!(error.code().starts_with("upstream_") && !error.to_string().is_empty()),
    };
    let closed = sent.length == Length::UntilClose || sent.start.0 == "101";
    let arrived = strict::response(&sent.out, method.as_str(), closed);
    let arrived = arrived.unwrap_or_else(|d| panic!("{d:?}: {}", sent.out.escape_ascii()));
    let (message, size) = arrived.expect("the head is whole");
    assert_eq!(size, sent.out.len(), "nothing stands behind it");

    let Start::Response { status, reason } = &message.start else { panic!("a request") };
    assert_eq!((status.to_string(), reason), (sent.start.0, &sent.start.1));
    let ours = ["content-length", "transfer-encoding", "connection"];
    let is_ours = |name: &str| ours.iter().any(|o| o.eq_ignore_ascii_case(name));
    let fields: Vec<_> = message.fields.iter().filter(|(name, _)| !is_ours(name)).cloned().collect();
    assert_eq!(fields, sent.kept);

    match (sent.length, message.framing) {
        (Length::Exact(0), Framing::Empty | Framing::Tunnel) => {}
        (Length::Exact(n), Framing::Length(m)) => assert_eq!(n, m),
        (Length::Marked, Framing::Chunked) | (Length::UntilClose, Framing::Close) => {}
        (decided, arrived) => panic!("{decided:?} became {arrived:?}"),
    }
    assert_eq!(message.body, sent.body.data);
    assert_eq!(message.complete, sent.body.outcome == Some(Ok(())), "a cut body stays visibly cut");
    assert_eq!(message.trailers, sent.body.trailers);
}
