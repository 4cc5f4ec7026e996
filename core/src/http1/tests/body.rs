//! Bodies, decoded in place.

use super::super::body::{BodyError, Decoder, Fault, Piece, Truncated};
use super::at_every_cut;
use crate::limits::Limits;
use crate::message::Length;
use crate::turn::BLOCK;
use std::ops::Range;

/// What a body came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Read {
    data: Vec<u8>,
    wire: Vec<u8>,
    trailers: Vec<u8>,
    /// Bytes behind the body that were left alone.
    rest: Vec<u8>,
    outcome: Option<Result<(), BodyError>>,
}

/// Decodes `bytes` as a session would: what is consumed is gone, what is not comes again with more behind it.
fn read_in(lengths: &mut dyn Iterator<Item = usize>, bytes: &[u8], length: Length, limits: &Limits) -> Read {
    let mut decoder = Decoder::new(length, limits);
    let mut read = Read::default();
    let (mut unread, mut fed) = (Vec::new(), 0);
    for n in lengths {
        unread.extend_from_slice(&bytes[fed..n]);
        fed = n;
        while read.outcome.is_none() {
            let before = unread.clone();
            let piece = match decoder.decode(&mut unread) {
                Ok(piece) => piece,
                Err(e) => {
                    assert_eq!(decoder.decode(&mut unread), Err(e), "an error stays");
                    read.outcome = Some(Err(e));
                    break;
                }
            };
            assert_eq!(unread[piece.consumed..], before[piece.consumed..], "only what is consumed may change");
            assert!(piece.data.start >= piece.wire.start && piece.data.end <= piece.wire.end);
            assert!(piece.wire.end <= piece.consumed && piece.trailers.end <= piece.consumed);
            read.data.extend_from_slice(&unread[piece.data]);
            read.wire.extend_from_slice(&unread[piece.wire]);
            read.trailers.extend_from_slice(&unread[piece.trailers]);
            unread.drain(..piece.consumed);
            assert_eq!(piece.end, decoder.is_done());
            if piece.end {
                read.outcome = Some(Ok(()));
            } else if piece.consumed == 0 {
                break;
            }
        }
    }
    if read.outcome == Some(Ok(())) {
        read.rest = unread;
    }
    read
}

fn read(bytes: impl AsRef<[u8]>, length: Length, limits: &Limits) -> Read {
    let bytes = bytes.as_ref();
    at_every_cut(bytes, |lengths| read_in(lengths, bytes, length, limits))
}

fn chunked(bytes: impl AsRef<[u8]>) -> Read {
    read(bytes, Length::Marked, &Limits::default())
}

fn fault(bytes: impl AsRef<[u8]>) -> (u64, Fault) {
    let bytes = bytes.as_ref();
    match chunked(bytes).outcome {
        Some(Err(BodyError { chunk, fault })) => (chunk, fault),
        other => panic!("{other:?}: {}", bytes.escape_ascii()),
    }
}

#[test]
fn an_exact_body_ends_at_its_length() {
    let limits = Limits::default();
    let got = read("helloGET", Length::Exact(5), &limits);
    assert_eq!(
        (got.data.as_slice(), got.wire.as_slice(), got.rest.as_slice()),
        (&b"hello"[..], &b"hello"[..], &b"GET"[..])
    );
    assert_eq!(got.outcome, Some(Ok(())));
    assert_eq!(read("hell", Length::Exact(5), &limits).outcome, None);
    let none = read("GET", Length::Exact(0), &limits);
    assert_eq!((none.outcome, none.rest.as_slice(), none.data.len()), (Some(Ok(())), &b"GET"[..], 0));
}

#[test]
fn a_body_until_close_is_all_that_comes() {
    let got = read("0\r\n\r\nGET", Length::UntilClose, &Limits::default());
    assert_eq!((got.data.as_slice(), got.outcome), (&b"0\r\n\r\nGET"[..], None));
}

#[test]
fn chunks_are_made_canonical_in_place() {
    let got = chunked("5\r\nhello\r\n00A;x=\"y;\";z\r\n0123456789\r\n1\r\n!\r\n00;last\r\nA: b\r\nC: d\r\n\r\nGET");
    assert_eq!(got.data, b"hello0123456789!");
    assert_eq!(got.wire, b"5\r\nhello\r\nA\r\n0123456789\r\n1\r\n!\r\n");
    assert_eq!((got.trailers.as_slice(), got.rest.as_slice()), (&b"A: b\r\nC: d\r\n\r\n"[..], &b"GET"[..]));
    assert_eq!(got.outcome, Some(Ok(())));
}

#[test]
fn an_empty_chunked_body() {
    let got = chunked("0\r\n\r\nGET");
    assert_eq!((got.data.len(), got.wire.len(), got.trailers.as_slice()), (0, 0, &b"\r\n"[..]));
    assert_eq!((got.rest.as_slice(), got.outcome), (&b"GET"[..], Some(Ok(()))));
}

/// Decodes all of `bytes`, merging wire ranges that touch, as a session does.
fn wire_ranges(bytes: &mut [u8]) -> Vec<Range<usize>> {
    let mut decoder = Decoder::new(Length::Marked, &Limits::default());
    let (mut at, mut ranges): (usize, Vec<Range<usize>>) = (0, Vec::new());
    loop {
        let piece = decoder.decode(&mut bytes[at..]).unwrap();
        let wire = at + piece.wire.start..at + piece.wire.end;
        match ranges.last_mut() {
            Some(last) if last.end == wire.start => last.end = wire.end,
            _ if wire.is_empty() => {}
            _ => ranges.push(wire),
        }
        at += piece.consumed;
        if piece.consumed == 0 || piece.end {
            return ranges;
        }
    }
}

#[test]
fn neighbours_that_are_canonical_make_one_range() {
    let chunk = "c\r\ndata: hello\n\r\n";
    let mut bytes = chunk.repeat(50).into_bytes();
    let all = 0..bytes.len();
    assert_eq!(wire_ranges(&mut bytes), [all]);
    // An extension or a leading zero opens a gap, and only there.
    let mut bytes = format!("{chunk}{chunk}0{chunk}c;e{}", &chunk[1..]).into_bytes();
    assert_eq!(wire_ranges(&mut bytes), [0..34, 35..52, 54..71]);
    assert_eq!(&bytes[54..71], chunk.as_bytes());
}

#[test]
fn a_part_of_a_chunk_goes_on_at_once() {
    let mut decoder = Decoder::new(Length::Marked, &Limits::default());
    let mut decode = |bytes: &[u8]| decoder.decode(&mut bytes.to_vec()).unwrap();
    let piece = |consumed, wire, data| Piece { consumed, wire, data, ..Piece::default() };
    // A header waits for its end, and then for a byte of data.
    assert_eq!(decode(b"1"), Piece::default());
    assert_eq!(decode(b"10\r\n"), Piece::default());
    assert_eq!(decode(b"10\r\nab"), piece(6, 0..6, 4..6));
    assert_eq!(decode(b""), Piece { consumed: 0, ..Piece::default() });
    assert_eq!(decode(b"0123456789abcd"), piece(14, 0..14, 0..14));
    assert_eq!(decode(b"\r"), Piece::default());
    assert_eq!(decode(b"\r\n1"), piece(2, 0..2, 0..0));
    assert_eq!(decode(b"1\r\nx"), piece(4, 0..4, 3..4));
}

#[test]
fn sizes_are_bare_hexadecimal_digits() {
    for bytes in [
        "g\r\n",
        "\r\n",
        ";a\r\n",
        "5 \r\nhello",
        "5\t\r\nhello",
        " 5\r\nhello",
        "0x5\r\n",
        "-5\r\n",
        "+5\r\n",
        "5\nhello",
        "5\rhello",
        "5 a;b\r\n",
        "5 5\r\nhello",
        "\u{ff15}\r\n",
    ] {
        assert_eq!(fault(bytes), (1, Fault::Size), "{bytes:?}");
    }
    assert_eq!(fault("1\r\na\r\nx"), (2, Fault::Size));
    assert_eq!(fault("1\r\na\r\n\r\n"), (2, Fault::Size));
}

#[test]
fn white_space_before_an_extension_is_borne_and_ends_here() {
    let read = chunked("2 \t;a\r\nxx\r\n2 ; b\r\nyy\r\n0 ;c\r\n\r\n");
    assert_eq!((read.data.as_slice(), read.outcome), (&b"xxyy"[..], Some(Ok(()))));
    assert_eq!(read.wire, b"2\r\nxx\r\n2\r\nyy\r\n");
}

#[test]
fn sizes_have_at_most_sixteen_digits() {
    assert_eq!(chunked("0000000000000001\r\na\r\n0\r\n\r\n").data, b"a");
    assert_eq!(fault("00000000000000001\r\na\r\n"), (1, Fault::Digits));
    assert_eq!(fault("fffffffffffffffff"), (1, Fault::Digits));
    let huge = chunked("FFFFFFFFFFFFFFFF\r\nabc");
    assert_eq!((huge.data.as_slice(), huge.outcome), (&b"abc"[..], None));
    let limits = Limits { chunk_digits: 2, ..Limits::default() };
    assert_eq!(
        read("010\r\n", Length::Marked, &limits).outcome,
        Some(Err(BodyError { chunk: 1, fault: Fault::Digits }))
    );
    let silly = Limits { chunk_digits: 100, ..Limits::default() };
    assert_eq!(
        read("1".repeat(17), Length::Marked, &silly).outcome,
        Some(Err(BodyError { chunk: 1, fault: Fault::Digits }))
    );
}

#[test]
fn extensions_hold_no_control_character() {
    for byte in (0..0x20_u8).chain([0x7f]).filter(|b| *b != b'\t') {
        assert_eq!(fault([b"2;a", &[byte][..], b"b\r\nxx\r\n"].concat()), (1, Fault::Extension), "{byte:#x}");
    }
    assert_eq!(fault("2\r\r;a\r\n"), (1, Fault::Size));
    assert_eq!(fault("2;a\r\r\nxx\r\n"), (1, Fault::Extension));
    assert_eq!(fault("2;a\nxx\r\n0\r\n\r\n"), (1, Fault::Extension));
    assert_eq!(chunked("2;a=\"\t\u{e9};\r\nxx\r\n0\r\n\r\n").data, b"xx");
}

#[test]
fn extensions_are_bounded_over_the_message() {
    let limits = Limits { chunk_extensions: 10, ..Limits::default() };
    let outcome = |bytes: &str| read(bytes, Length::Marked, &limits).outcome;
    assert_eq!(outcome("1;aaaa\r\nx\r\n1;bbbb\r\nx\r\n0\r\n\r\n"), Some(Ok(())));
    let over = |chunk| Some(Err(BodyError { chunk, fault: Fault::Extensions }));
    assert_eq!(outcome("1;aaaa\r\nx\r\n1;bbbb\r\nx\r\n0;\r\n\r\n"), over(3));
    assert_eq!(outcome("1;aaaa\r\nx\r\n1;bbbbb"), over(2));
    assert_eq!(outcome("1;aaaaaaaaaa"), over(1));
}

#[test]
fn data_ends_with_a_line_end() {
    for bytes in ["1\r\nab\r\n", "1\r\na\n", "1\r\na\rb", "1\r\na0\r\n\r\n", "1\r\na\r\r\n"] {
        assert_eq!(fault(bytes), (1, Fault::DataEnd), "{bytes:?}");
        assert_eq!(chunked(bytes).data, b"a");
    }
}

#[test]
fn trailers_are_fields_and_bounded() {
    for (bytes, line) in [
        ("0\r\nbad\r\n\r\n", 1),
        ("0\r\nA: b\r\nC : d\r\n\r\n", 2),
        ("0\r\nA: b\r\n c\r\n\r\n", 2),
        ("0\r\nA: \0\r\n\r\n", 1),
        ("0\r\nA: b\n\r\n", 1),
        ("0\r\nA: b\r\n\n", 2),
        ("0\r\n\n", 1),
        ("0\r\n\r \r\n\r\n", 1),
    ] {
        assert_eq!(fault(bytes), (1, Fault::Trailer { line }), "{bytes:?}");
    }
    let limits = Limits { trailers: 10, ..Limits::default() };
    let outcome = |bytes: &str| read(bytes, Length::Marked, &limits).outcome;
    assert_eq!(outcome("0\r\nA: 34567\r\n\r\nGET / HTTP/1.1\r\n"), Some(Ok(())));
    let over = Some(Err(BodyError { chunk: 1, fault: Fault::Trailers }));
    assert_eq!(outcome("0\r\nA: 345678\r\n\r\n"), over);
    assert_eq!(outcome("0\r\nA: 3456789abc"), over);
    assert_eq!(outcome("0\r\nA: 34567\r\n\rxx"), over);
    // Whatever the limits allow, what has to be whole at once fits a block.
    let vast = Limits { trailers: usize::MAX, chunk_extensions: usize::MAX, ..Limits::default() };
    let long = "x".repeat(BLOCK);
    let stays = |bytes: String| {
        let mut decoder = Decoder::new(Length::Marked, &vast);
        decoder.decode(&mut bytes.into_bytes()[..BLOCK]).map_err(|e| e.fault)
    };
    assert_eq!(stays(format!("1;{long}")), Err(Fault::Extensions));
    let mut decoder = Decoder::new(Length::Marked, &vast);
    assert_eq!(decoder.decode(&mut b"0\r\n".to_vec()).map(|piece| piece.consumed), Ok(3));
    assert_eq!(
        decoder.decode(&mut format!("A: {long}").into_bytes()[..BLOCK]).map_err(|e| e.fault),
        Err(Fault::Trailers)
    );
    let many = |n: usize| chunked(format!("0\r\n{}\r\n", "A: b\r\n".repeat(n))).outcome;
    assert_eq!(many(256), Some(Ok(())));
    assert_eq!(many(257), Some(Err(BodyError { chunk: 1, fault: Fault::Trailers })));
}

#[test]
fn the_end_of_the_stream_is_an_end_or_a_truncation() {
    let after = |length, bytes: &str| {
        let mut decoder = Decoder::new(length, &Limits::default());
        let (mut at, mut bytes) = (0, bytes.as_bytes().to_vec());
        loop {
            let piece = decoder.decode(&mut bytes[at..]).unwrap();
            at += piece.consumed;
            if piece.consumed == 0 || piece.end {
                break;
            }
        }
        decoder.finish_eof()
    };
    assert_eq!(after(Length::UntilClose, ""), Ok(()));
    assert_eq!(after(Length::UntilClose, "x"), Ok(()));
    assert_eq!(after(Length::Exact(0), ""), Ok(()));
    assert_eq!(after(Length::Exact(2), "ab"), Ok(()));
    assert_eq!(after(Length::Exact(2), "a"), Err(Truncated { missing: Some(1) }));
    assert_eq!(after(Length::Marked, "0\r\n\r\n"), Ok(()));
    for bytes in ["", "1", "1\r\n", "2\r\na", "1\r\na", "1\r\na\r\n", "0\r\n", "0\r\nA: b\r\n"] {
        assert_eq!(after(Length::Marked, bytes), Err(Truncated { missing: None }), "{bytes:?}");
    }
    assert!(Truncated { missing: Some(1) }.to_string().contains("1 bytes"));
}

#[test]
fn long_extensions_byte_by_byte_are_read_once() {
    // At the default bound and byte by byte, a header that were read from its beginning each time would cost 130 MB.
    let bytes = format!("1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(16 * 1024 - 1));
    let mut decoder = Decoder::new(Length::Marked, &Limits::default());
    let mut buffer = bytes.clone().into_bytes();
    for n in 0..bytes.len() - "\nx\r\n0\r\n\r\n".len() {
        assert_eq!(decoder.decode(&mut buffer[..n]), Ok(Piece::default()));
    }
    assert_eq!(chunked(bytes).data, b"x");
}
