//! The echoing WebSocket.

use super::*;

const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [1, 2, 3, 4];
    let mut frame = vec![first];
    match payload.len() {
        n @ 0..126 => frame.push(0x80 | n as u8),
        n => {
            frame.push(0x80 | 126);
            frame.extend((n as u16).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
    frame
}

fn open(target: &str) -> (Peer, Provider) {
    let provider = provider();
    let mut peer = Peer::new(&provider);
    peer.send_by(&get(target, HANDSHAKE), 20);
    assert!(peer.text().starts_with("HTTP/1.1 101 "), "{}", peer.text());
    (peer, provider)
}

#[test]
fn handshake_of_the_rfc() {
    let (peer, provider) = open("/v1/realtime?model=gpt-realtime");
    // RFC 6455 section 1.3.
    assert!(peer.text().contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{}", peer.text());
    assert_eq!(provider.record(1).expect("a record").ended, Ended::Upgraded);
    assert!(provider.violations().is_empty());
}

#[test]
fn frames_come_back_whatever_their_size_and_pieces() {
    let sent = [frame(0x01, b"frag"), frame(0x80, b"mented"), frame(0x82, &[7; 300]), frame(0x89, b"ping")].concat();
    let back = [&b"\x01\x04frag\x80\x06mented\x82\x7e\x01\x2c"[..], &[7; 300], b"\x8a\x04ping"].concat();
    for step in [1, 5, sent.len()] {
        let (mut peer, _) = open("/v1/realtime");
        peer.got.clear();
        peer.send_by(&sent, step);
        assert_eq!(peer.got, back, "in pieces of {step}");
        peer.got.clear();
        peer.send_by(&frame(0x88, &[3, 0xe8]), step);
        assert_eq!((peer.got.as_slice(), peer.close), (&[0x88, 2, 3, 0xe8][..], Some(Close::Fin)));
    }
}

#[test]
fn wrong_frames_end_it() {
    for bad in [&b"\x81\x02hi"[..], b"\xc1\x80\0\0\0\0", b"\x83\x80\0\0\0\0", b"\x09\x80\0\0\0\0"] {
        let (mut peer, provider) = open("/v1/realtime");
        peer.got.clear();
        peer.send_by(bad, 1);
        assert_eq!((peer.got.as_slice(), peer.close), (&[0x88, 2, 3, 0xea][..], Some(Close::Fin)));
        assert_eq!(provider.violations().len(), 1);
    }
}

#[test]
fn bad_handshakes_and_bad_keys_get_no_101() {
    let provider = provider();
    let old = HANDSHAKE.replace("13", "8");
    assert!(answer(&provider, &get("/v1/realtime", &old)).starts_with("HTTP/1.1 426 "));
    let short = HANDSHAKE.replace("dGhl", "");
    assert!(answer(&provider, &get("/v1/realtime", &short)).starts_with("HTTP/1.1 400 "));
    assert!(answer(&provider, &get("/v1/realtime", "")).starts_with("HTTP/1.1 404 "));
    provider.set_key(KEY, Behaviour::NoQuota);
    assert!(answer(&provider, &get("/v1/realtime", HANDSHAKE)).starts_with("HTTP/1.1 429 "));
}

#[test]
fn a_peer_that_leaves_and_a_fault_end_it() {
    let (mut peer, _) = open("/v1/responses");
    peer.conn.eof(peer.now);
    peer.take();
    assert_eq!(peer.close, Some(Close::Fin));
    let (mut peer, _) = open("/v1/realtime?fake=reset_after=3");
    peer.send_by(&frame(0x81, b"abc"), 100);
    assert_eq!(peer.close, Some(Close::Reset));
}
