//! What ends at this hop.

use super::super::hop::{Hop, forbidden_in_trailers, frames};
use super::super::scan::Scan;
use super::head;
use crate::limits::Limits;

/// Which of these names a head with these lines drops.
fn dropped<'n>(lines: &str, names: &[&'n str]) -> Vec<&'n str> {
    let bytes = format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
    let mut spans = Vec::new();
    let got = head::request(bytes.as_bytes(), &mut Scan::default(), &mut spans, &Limits::default()).unwrap().unwrap();
    let hop = Hop::of(&got.head.fields);
    names.iter().copied().filter(|n| hop.drops(n.as_bytes())).collect()
}

#[test]
fn the_fixed_ones_end_here_in_any_case_of_letters() {
    let fixed = [
        "Connection",
        "keep-alive",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "UPGRADE",
        "Proxy-Connection",
        "proxy-authorization",
        "Proxy-Authenticate",
        "Proxy-Authentication-Info",
        "HTTP2-Settings",
    ];
    assert_eq!(dropped("", &fixed), fixed);
    let kept = [
        "Host",
        "Content-Length",
        "Trailers",
        "T",
        "Proxy",
        "Proxied-By",
        "Proxy-Status",
        "Accept-Encoding",
        "X-Upgrade",
        "",
        "Connections",
    ];
    assert_eq!(dropped("", &kept), [""; 0]);
}

#[test]
fn what_connection_names_ends_here() {
    let names = ["X-One", "x-two", "X-Three", "Close", "Accept"];
    assert_eq!(
        dropped("Connection: close, x-one ,, X-Two\r\nconnection:X-THREE\r\n", &names),
        ["X-One", "x-two", "X-Three"]
    );
    assert_eq!(dropped("X: Connection\r\n", &["Accept"]), [""; 0]);
}

#[test]
fn what_is_meant_for_every_recipient_ends_here_too_once_it_is_named() {
    let names = ["Host", "Content-Type", "Content-Encoding", "Cache-Control", "Vary", "Set-Cookie", "X-Own"];
    assert_eq!(dropped(&format!("Connection: {}\r\n", names.join(", ")), &names), names);
}

#[test]
fn as_many_names_as_a_head_may_have_are_held() {
    let names: Vec<String> = (0..16).map(|n| format!("x-{n}")).collect();
    let lines = format!("Connection: keep-alive, {}\r\n", names.join(", "));
    assert_eq!(dropped(&lines, &["x-0", "x-15", "x-16"]), ["x-0", "x-15"]);
}

#[test]
fn framing_fields_are_known() {
    assert!(frames(b"Content-Length") && frames(b"TRANSFER-ENCODING"));
    assert!(!frames(b"Content-Type") && !frames(b"") && !frames(b"Content_Length"));
}

#[test]
fn trailers_that_would_come_too_late_are_left_out() {
    for name in [
        "Content-Length",
        "transfer-encoding",
        "Host",
        "Authorization",
        "X-Api-Key",
        "x_api_key",
        "Content_Length",
        "Set-Cookie",
        "If-Match",
        "Content-Type",
        "Connection",
        "Proxy-Anything",
        "X-Keywheel-Attempts",
        "Access-Control-Allow-Origin",
        "TE",
        "Trailer",
    ] {
        assert!(forbidden_in_trailers(name.as_bytes()), "{name}");
    }
    for name in ["X-Checksum", "Content-Digest", "Digest", "Server-Timing", "ETag", "grpc_status", "X"] {
        assert!(!forbidden_in_trailers(name.as_bytes()), "{name}");
    }
}
