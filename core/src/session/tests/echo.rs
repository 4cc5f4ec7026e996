//! A key that an upstream repeats in its errors: no eight bytes of it reach a client.

use super::*;
use core::time::Duration;

const KEY: &str = "sk-AbCdEfGhIjKlMnOpQrSt";
const PRIVATE: &str = "AbCdEfGhIjKlMnOpQrSt";

fn answered(head: &str, body: &[u8]) -> Rig {
    let mut rig = Rig::new(&[KEY]);
    rig.client(CHAT);
    let head = format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\n\r\n", body.len());
    let message = [head.as_bytes(), body].concat();
    for piece in message.chunks(10_000) {
        rig.offer(Side::Upstream, piece, usize::MAX);
    }
    rig.pass(Duration::from_secs(3));
    rig
}

#[test]
fn a_key_is_masked_in_head_and_body_of_an_error_and_nothing_else_is_changed() {
    let rig = answered(
        &format!("400 No {PRIVATE}\r\nX-Key: {KEY}\r\nX-Part: {}", &PRIVATE[3..11]),
        format!("{{\"error\":\"bad key {KEY} or {} \"}}", &PRIVATE[..7]).as_bytes(),
    );
    let answer = rig.answer();
    let stars = "*".repeat(20);
    assert!(
        answer.starts_with(&format!("HTTP/1.1 400 No {stars}\r\nX-Key: sk-{stars}\r\nX-Part: ********\r\n")),
        "{answer}"
    );
    assert!(answer.ends_with(&format!("{{\"error\":\"bad key sk-{stars} or AbCdEfG \"}}")), "{answer}");
    assert!(answer.contains(&format!("\r\nContent-Length: {}\r\n", body(&answer).len())), "{answer}");
}

#[test]
fn below_400_nothing_is_searched() {
    let rig = answered("200 OK", KEY.as_bytes());
    assert!(rig.answer().ends_with(KEY));
}

#[test]
fn a_gzip_error_with_a_key_goes_out_as_identity() {
    let text = format!("{{\"error\":{{\"message\":\"bad key {KEY}\"}}}}");
    let rig = answered("400 No\r\nContent-Encoding: gzip\r\nETag: x\r\nContent-MD5: y", &stored(text.as_bytes()));
    let answer = rig.answer();
    assert!(
        answer.ends_with(&format!(
            "\r\nContent-Length: {}\r\n\r\n{}",
            text.len(),
            text.replace(PRIVATE, &"*".repeat(20))
        )),
        "{answer}"
    );
    for gone in ["Content-Encoding", "ETag", "Content-MD5"] {
        assert!(!answer.contains(gone), "{answer}");
    }
    assert!(!rig.done && rig.hung_up.is_none());
    // Without a key it passes as it came.
    let clean = stored(b"nothing of it");
    let rig = answered("400 No\r\nContent-Encoding: gzip", &clean);
    assert!(rig.to_client.ends_with(&clean));
}

#[test]
fn a_gzip_error_with_a_key_that_is_not_whole_is_visibly_cut() {
    // Bytes that hardly shrink: more than what is held.
    let mut noise: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    noise.splice(0..0, KEY.bytes());
    let body = stored(&noise);
    let rig = answered("400 No\r\nContent-Encoding: gzip", &body);
    assert!(rig.answer().contains("\r\nTransfer-Encoding: chunked\r\n"), "{:.300}", rig.answer());
    assert!(!rig.to_client.windows(8).any(|w| PRIVATE.as_bytes().windows(8).any(|p| p == w)));
    assert!(!rig.to_client.ends_with(b"0\r\n\r\n"), "no clean end");
    assert_eq!(rig.hung_up, Some(How::Fin));
    assert_eq!(rig.dropped, [How::Reset]);
}

/// The rest of an error that took too long to be held passes as it comes, and is masked all the same.
#[test]
fn a_key_is_masked_in_what_passes_live_of_an_error() {
    let mut rig = Rig::new(&[KEY]);
    rig.client(CHAT);
    rig.upstream(&format!("HTTP/1.1 400 No\r\nContent-Length: 62\r\n\r\nbad key sk-{}", &PRIVATE[..5]));
    rig.pass(Duration::from_secs(3));
    assert!(rig.answer().ends_with("bad key sk-AbCdE"), "{}", rig.answer());
    rig.upstream(&PRIVATE[5..12]);
    rig.upstream(&PRIVATE[12..]);
    rig.upstream(&format!(" or {} or {}", &PRIVATE[..9], &PRIVATE[..14]));
    let stars = |n| "*".repeat(n);
    let shown = format!("bad key sk-AbCdE{} or {} or {}", stars(15), stars(9), stars(14));
    assert_eq!((body(&rig.answer()), shown.len()), (shown.as_str(), 62));
}

#[test]
fn a_key_is_masked_in_the_trailers_of_an_error_that_passes_live() {
    for status in ["400 No", "429 Slow"] {
        let mut rig = Rig::new(&[KEY]);
        rig.client(CHAT);
        rig.upstream(&format!("HTTP/1.1 {status}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbad\r\n"));
        rig.pass(Duration::from_secs(3));
        rig.upstream(&format!("0\r\nX-Key: {KEY}\r\n\r\n"));
        let (answer, stars) = (rig.answer(), "*".repeat(20));
        assert!(answer.ends_with(&format!("\r\n0\r\nX-Key: sk-{stars}\r\n\r\n")), "{status}: {answer}");
    }
}

/// A gzip member of stored blocks.
fn stored(content: &[u8]) -> Vec<u8> {
    let mut body = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = content.chunks(60_000).peekable();
    while let Some(block) = blocks.next() {
        let len = block.len() as u16;
        body.push(u8::from(blocks.peek().is_none()));
        body.extend_from_slice(&len.to_le_bytes());
        body.extend_from_slice(&(!len).to_le_bytes());
        body.extend_from_slice(block);
    }
    body.extend_from_slice(&[0; 8]);
    body
}
