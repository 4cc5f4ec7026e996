//! One check of a client's token, for a count of its instructions: `token_check MODE PRESENTED TOKEN…`.
//!
//! MODE is `proxy` for the proxy's own check, and `naive` for the comparison that it must not be.

use keywheel_core::auth::{self, Tokens};
use keywheel_core::http1::Scan;
use keywheel_core::http1::head::request;
use keywheel_core::limits::Limits;
use keywheel_core::message::Fields;
use std::hint::black_box;

/// What is counted. It is never inlined, so that a profiler finds it by its name.
#[inline(never)]
fn counted_proxy(fields: Fields<'_>, tokens: &Tokens) -> bool {
    auth::check(fields, None, Some(tokens)).is_ok()
}

/// The same question, answered as soon as the answer is known.
#[inline(never)]
fn counted_naive(presented: &[u8], tokens: &[String]) -> bool {
    tokens.iter().any(|token| token.len() == presented.len() && token.bytes().zip(presented).all(|(a, b)| a == *b))
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [mode, presented, listed @ ..] = &args[..] else { panic!("token_check MODE PRESENTED TOKEN…") };
    let text = format!("GET /v1/models HTTP/1.1\r\nHost: proxy.test\r\nAuthorization: Bearer {presented}\r\n\r\n");
    let mut spans = Vec::new();
    let found = request(text.as_bytes(), &mut Scan::default(), &mut spans, &Limits::default());
    let head = found.expect("a good head").expect("a whole head").head;
    let tokens = Tokens::new(listed).expect("a token at least");
    let holds = match mode.as_str() {
        "proxy" => counted_proxy(black_box(head.fields), black_box(&tokens)),
        "naive" => counted_naive(black_box(presented.as_bytes()), black_box(listed)),
        other => panic!("there is no mode {other}"),
    };
    println!("{}", if holds { "holds" } else { "does not hold" });
}
