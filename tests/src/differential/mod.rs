//! What passes through keywheel, against what a reader written from the RFCs finds in the same bytes.
//!
//! The same judges serve the fuzz targets, where core alone is between the peers, and the mutated streams over real
//! sockets. They panic with the message that shows what does not hold.

pub mod answers;
pub mod requests;
pub mod story;

use crate::strict::{self, Message, Start};

/// The one key.
pub const KEY: &str = "sk-key-of-the-only-account";
/// A field of an answer that an upstream which behaves gave by itself.
pub const MARK: &str = "x-answer";

/// What was seen on both sides of keywheel.
#[derive(Debug)]
pub struct Seen<'s> {
    /// All that the client was sent.
    pub client: &'s [u8],
    /// Whether its connection ended in order.
    pub in_order: bool,
    /// The requests that came to the upstream in full.
    pub arrived: Vec<Message>,
}

/// The answer of an upstream that behaves, to the `n`-th request: to HEAD without the body.
pub fn plain_answer(method: &str, n: usize) -> String {
    let body = if method == "HEAD" { "" } else { "ok" };
    format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{MARK}: {n}\r\n\r\n{body}")
}

fn status(message: &Message) -> u16 {
    match message.start {
        Start::Response { status, .. } => status,
        Start::Request { .. } => panic!("a request"),
    }
}

/// The names in Connection.
fn options(fields: &strict::Fields) -> Vec<String> {
    let values = fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("connection"));
    let lists = values.map(|(_, value)| String::from_utf8_lossy(value).to_ascii_lowercase());
    lists.flat_map(|list| list.split(',').map(|n| n.trim().to_owned()).collect::<Vec<_>>()).collect()
}

/// Fields that end at this proxy or are rewritten by it.
fn ends_here(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    const NAMES: &[&str] = &[
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
        "content-length",
        "host",
        "expect",
        "max-forwards",
        "authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "sec-websocket-protocol",
        "cookie",
        "openai-organization",
        "openai-project",
    ];
    name.starts_with("proxy-") || name.starts_with("x-keywheel-") || NAMES.contains(&name.as_str())
}
