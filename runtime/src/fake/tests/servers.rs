//! The provider on real sockets, by threads.

use super::*;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

fn connect(handle: &threads::Handle) -> TcpStream {
    let stream = TcpStream::connect(handle.addr()).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    stream
}

#[test]
fn answers_and_closes_over_a_socket() {
    let provider = provider();
    let (_, handle) = threads::spawn(provider.clone()).expect("a server");
    let mut stream = connect(&handle);
    let body = vec![b'x'; 300_000];
    let head = format!("POST /v1/digest HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {KEY}\r\nConnection: close\r\n");
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes()).expect("the head");
    stream.write_all(&body).expect("the body");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an orderly end");
    assert_eq!(json_of(&text)["length"], 300_000);

    let mut stream = connect(&handle);
    stream
        .write_all(&get("/v1/filler?fake=bytes=2000000,stall_ms=30,stall_at=1000000", "Connection: close\r\n"))
        .expect("a request");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an orderly end");
    assert!(bytes.len() > 2_000_000);
    drop(handle);
    assert!(TcpStream::connect_timeout(&connect_refused(), Duration::from_millis(1)).is_err());
}

/// A port on which nobody listens any more.
fn connect_refused() -> std::net::SocketAddr {
    let (addr, handle) = threads::spawn(provider()).expect("a server");
    drop(handle);
    addr
}

#[test]
fn a_reset_is_a_reset() {
    let (_, handle) = threads::spawn(provider()).expect("a server");
    let mut stream = connect(&handle);
    stream.write_all(&get("/v1/filler?fake=bytes=100,reset_after=50", "")).expect("a request");
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).expect_err("a reset");
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
}
