//! Damage by chance, of the kinds that tell parsers apart.

use fastrand::Rng;

/// Pieces that mean something where they do not belong.
const PIECES: &[&[u8]] = &[
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\t",
    b" ",
    b"\x0b",
    b"\xff",
    b":",
    b",",
    b";",
    b"\"",
    b"0\r\n\r\n",
    b"\r\n\r\n",
    b"0",
    b"00000000000000005",
    b"ffffffffffffffff",
    b"18446744073709551616",
    b"-1",
    b"+2",
    b"0x2",
    b"Content-Length: 2\r\n",
    b"Content-Length: 3\r\n",
    b"Content_Length: 2\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Transfer-Encoding:\x0bchunked\r\n",
    b"chunked",
    b"gzip, ",
    b"Connection: close\r\n",
    b"Connection: keep-alive, host\r\n",
    b"Expect: 100-continue\r\n",
    b"Upgrade: h2c\r\n",
    b"Host: b\r\n",
    b" HTTP/1.0",
    b" HTTP/2.0",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    b"GET /v1/smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    b"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
];

/// Damages `bytes` at one to four places.
pub(crate) fn mutate(bytes: &mut Vec<u8>, dice: &mut Rng) {
    for _ in 0..dice.usize(1..=4) {
        if bytes.is_empty() {
            return;
        }
        one(bytes, dice);
    }
}

fn one(bytes: &mut Vec<u8>, dice: &mut Rng) {
    let at = dice.usize(..bytes.len());
    let end = (at + 1 + dice.usize(..12)).min(bytes.len());
    match dice.u8(..10) {
        0 => bytes[at] = dice.u8(..),
        1 => bytes[at] ^= 1 << dice.u8(..8),
        2 | 3 => insert(bytes, at, PIECES[dice.usize(..PIECES.len())]),
        4 => insert(bytes, line_start(bytes, at), PIECES[dice.usize(..PIECES.len())]),
        5 => drop(bytes.drain(at..end)),
        6 => {
            let copy = bytes[at..end].to_vec();
            insert(bytes, dice.usize(..=bytes.len()), &copy);
        }
        7 => {
            // A line twice, or a line in another place.
            let start = line_start(bytes, at);
            let end = bytes[start..].iter().position(|b| *b == b'\n').map_or(bytes.len(), |n| start + n + 1);
            let line = bytes[start..end].to_vec();
            if dice.bool() {
                bytes.drain(start..end);
            }
            let to = dice.usize(..=bytes.len());
            insert(bytes, line_start(bytes, to), &line);
        }
        8 => {
            let digits: Vec<_> = (0..bytes.len()).filter(|n| bytes[*n].is_ascii_digit()).collect();
            if let Some(digit) = dice.choice(&digits) {
                bytes[*digit] = b'0' + dice.u8(..10);
            }
        }
        _ => bytes.truncate(at),
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    bytes.splice(at..at, piece.iter().copied());
}

/// Where the line begins in which `at` lies.
fn line_start(bytes: &[u8], at: usize) -> usize {
    bytes[..at].iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1)
}
