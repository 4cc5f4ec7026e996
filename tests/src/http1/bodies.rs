//! Generated bodies: however they are spelled and cut, the payload is the same, and what goes on is canonical.

use super::relay;
use crate::strict;
use keywheel_core::limits::Limits;
use keywheel_core::message::Length;
use proptest::prelude::*;

/// One chunk and how its header is spelled.
#[derive(Clone, Debug)]
struct Chunk {
    data: Vec<u8>,
    zeros: usize,
    upper: bool,
    extension: String,
}

fn chunk() -> impl Strategy<Value = Chunk> {
    let extension = prop_oneof![3 => Just(String::new()), 1 => ";[a-z]{1,6}", 1 => ";[a-z]=\"[ -!#-\\[\\]-~\t]{0,9}\""];
    (prop::collection::vec(any::<u8>(), 1..60), 0..9_usize, any::<bool>(), extension)
        .prop_map(|(data, zeros, upper, extension)| Chunk { data, zeros, upper, extension })
}

fn trailer() -> impl Strategy<Value = (String, String)> {
    let name = prop_oneof![Just("X-Sum".to_owned()), Just("Content-Length".to_owned()), "[A-Za-z][A-Za-z0-9-]{0,8}"];
    (name, "[!-~]([ -~\t]{0,8}[!-~])?")
}

fn written(chunks: &[Chunk], trailers: &[(String, String)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Chunk { data, zeros, upper, extension } in chunks {
        let size = if *upper { format!("{:X}", data.len()) } else { format!("{:x}", data.len()) };
        bytes.extend(format!("{}{size}{extension}\r\n", "0".repeat(*zeros)).bytes());
        bytes.extend(data);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"000;end\r\n");
    for (name, value) in trailers {
        bytes.extend(format!("{name}: {value}\r\n").bytes());
    }
    bytes.extend(b"\r\n");
    bytes
}

proptest! {
    #[test]
    fn any_spelling_and_any_cut_give_the_payload(
        chunks in prop::collection::vec(chunk(), 0..12),
        trailers in prop::collection::vec(trailer(), 0..3),
        pieces in prop::collection::vec(0..40_usize, 0..60),
        behind in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut bytes = written(&chunks, &trailers);
        bytes.extend(&behind);
        let mut ends: Vec<_> = pieces.iter().scan(0, |at, n| { *at += n; Some(*at) }).take_while(|n| *n < bytes.len()).collect();
        ends.push(bytes.len());
        let mut out = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        let body = relay::body(&bytes, &mut ends.into_iter(), Length::Marked, &Limits::default(), &mut out);

        let payload: Vec<u8> = chunks.iter().flat_map(|c| c.data.clone()).collect();
        prop_assert_eq!(&body.data, &payload);
        prop_assert_eq!(body.outcome, Some(Ok(())));
        prop_assert_eq!(body.rest, behind.len());
        let (message, size) = strict::response(&out, "GET", false).unwrap().unwrap();
        prop_assert!(message.complete && size == out.len());
        prop_assert_eq!(message.body, payload);
        let sizes: Vec<_> = chunks.iter().map(|c| c.data.len() as u64).collect();
        prop_assert_eq!(message.chunks, sizes, "the sender's chunks stay as they are");
        prop_assert_eq!(&message.trailers, &body.trailers);
        prop_assert!(message.trailers.iter().all(|(name, _)| !name.eq_ignore_ascii_case("content-length")));
    }

    #[test]
    fn exact_bodies_leave_what_is_behind_them(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        length in 0..300_u64,
        cut in 0..200_usize,
    ) {
        let mut out = Vec::new();
        let mut ends = [cut.min(bytes.len()), bytes.len()].into_iter();
        let body = relay::body(&bytes, &mut ends, Length::Exact(length), &Limits::default(), &mut out);
        let expected = usize::try_from(length).unwrap().min(bytes.len());
        prop_assert_eq!(&body.data, &bytes[..expected]);
        prop_assert_eq!(&out, &bytes[..expected]);
        prop_assert_eq!(body.outcome, (bytes.len() as u64 >= length).then_some(Ok(())));
        prop_assert_eq!(body.rest, if body.outcome.is_some() { bytes.len() - expected } else { 0 });
    }
}
