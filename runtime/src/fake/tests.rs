use super::*;
use keywheel_core::time::Instant;
use std::time::Duration;

mod faults;
mod keys;
mod requests;
mod servers;
mod shapes;
mod websocket;

const KEY: &str = "sk-fake-0123456789abcdef";

/// A client of one connection, in virtual time.
struct Peer {
    conn: Conn,
    now: Instant,
    got: Vec<u8>,
    close: Option<Close>,
}

impl Peer {
    fn new(provider: &Provider) -> Self {
        Peer { conn: provider.connect(Instant::ZERO), now: Instant::ZERO, got: Vec::new(), close: None }
    }

    /// Takes what there is to take, without letting time pass.
    fn take(&mut self) {
        while !self.conn.transmit().is_empty() {
            let n = self.conn.transmit().len().min(1000);
            self.got.extend_from_slice(&self.conn.transmit()[..n]);
            self.conn.sent(n, self.now);
        }
        self.close = self.conn.wants_close();
    }

    /// Sends in pieces of `step` bytes, reading what comes.
    fn send_by(&mut self, bytes: &[u8], step: usize) {
        for piece in bytes.chunks(step) {
            self.conn.recv(piece, self.now);
            self.take();
        }
    }

    /// Lets time pass to each timeout in turn, for at most an hour.
    fn run(&mut self) {
        self.take();
        while let Some(at) = self.conn.poll_timeout().filter(|at| at.since(Instant::ZERO) < Duration::from_secs(3600)) {
            self.now = self.now.max(at);
            self.conn.timeout(self.now);
            self.take();
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.got).into_owned()
    }
}

fn provider() -> Provider {
    let provider = Provider::new(Options::default());
    provider.set_key(KEY, Behaviour::Good);
    provider
}

fn get(target: &str, fields: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer {KEY}\r\n{fields}\r\n").into_bytes()
}

fn post(target: &str, fields: &str, body: &str) -> Vec<u8> {
    let head = format!("POST {target} HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer {KEY}\r\n");
    format!("{head}Content-Length: {}\r\n{fields}\r\n{body}", body.len()).into_bytes()
}

fn json_post(target: &str, body: &serde_json::Value) -> Vec<u8> {
    post(target, "Content-Type: application/json\r\n", &body.to_string())
}

fn chat(user: &str) -> serde_json::Value {
    serde_json::json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}], "user": user})
}

/// Everything a fresh connection answers, time passing as it must.
fn answer(provider: &Provider, request: &[u8]) -> String {
    let mut peer = Peer::new(provider);
    peer.send_by(request, request.len());
    peer.run();
    peer.text()
}

/// Head and body, the framing taken off.
fn split(answer: &str) -> (&str, String) {
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head, if head.contains("transfer-encoding: chunked") { unchunked(body) } else { body.to_owned() })
}

fn unchunked(mut coded: &str) -> String {
    let mut body = String::new();
    while let Some((size, rest)) = coded.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a chunk size");
        if size == 0 {
            break;
        }
        body.push_str(&rest[..size]);
        coded = rest[size..].strip_prefix("\r\n").expect("the chunk's end");
    }
    body
}

fn json_of(answer: &str) -> serde_json::Value {
    serde_json::from_str(&split(answer).1).expect("a JSON body")
}
