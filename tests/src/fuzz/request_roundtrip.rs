//! A request that is accepted, written for an upstream and read by the strict reader says the same.

use super::cuts;
use crate::http1::relay::{self, AUTHORITY, CREDENTIAL};
use crate::strict::{self, Framing, Start};
use keywheel_core::limits::Limits;
use keywheel_core::message::Length;

/// Runs it.
pub fn run(data: &[u8]) {
    let limits = Limits { chunk_extensions: 20, trailers: 60, ..Limits::default() };
    let whole = relay::request(data, &[], &limits);
    for pieces in cuts(data) {
        assert_eq!(relay::request(data, &pieces, &limits), whole, "however cut");
    }
    let Ok(Some(sent)) = whole else { return };
    let arrived = strict::request(&sent.out).unwrap_or_else(|d| panic!("{d:?}: {}", sent.out.escape_ascii()));
    let (message, size) = arrived.expect("the head is whole");
    assert_eq!(size, sent.out.len(), "nothing stands behind it");

    let Start::Request { method, target } = &message.start else { panic!("a response") };
    assert_eq!((method, target.as_bytes()), (&sent.start.0, sent.start.1.as_slice()));
    let mut expected = vec![("Host".to_owned(), AUTHORITY.to_vec())];
    expected.extend(sent.kept.iter().cloned());
    expected.push((CREDENTIAL.0.to_owned(), CREDENTIAL.1.to_vec()));
    let ours = ["content-length", "transfer-encoding", "connection", "upgrade"];
    let is_ours = |name: &str| ours.iter().any(|o| o.eq_ignore_ascii_case(name));
    let fields: Vec<_> = message.fields.iter().filter(|(name, _)| !is_ours(name)).cloned().collect();
    assert_eq!(fields, expected);
    assert!(sent.kept.iter().all(|(name, _)| !is_ours(name)), "none of these is copied");

    let framing = match sent.length {
        Length::Exact(0) if message.only("content-length").is_none() => Framing::Empty,
        Length::Exact(n) => Framing::Length(n),
        _ => Framing::Chunked,
    };
    assert_eq!(message.framing, framing);
    assert_eq!(message.body, sent.body.data);
    assert_eq!(message.complete, sent.body.outcome == Some(Ok(())), "a cut body stays visibly cut");
    assert_eq!(message.trailers, sent.body.trailers);
}
