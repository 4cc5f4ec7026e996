//! Every bound that keywheel keeps, each with its default and its reason.
//!
//! Each field can be set by the environment variable `LIMIT_` and the field's upper-case name.
//! Sizes are bytes, spans are [`Duration`]s (milliseconds when a bare number is given).

use core::time::Duration;

/// The bounds in force. `Default` gives the documented values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest request line: 16 KiB (RFC 9112 section 3 asks for at least 8000 octets). 414 beyond.
    pub request_line: usize,
    /// Whole request head, empty lines before it included: 64 KiB; JWT credentials are long. 431 beyond.
    pub request_head: usize,
    /// Fields in a request head: 128. 431 beyond.
    pub request_fields: usize,
    /// Empty lines tolerated before a request line: 3 (RFC 9112 section 2.2).
    pub leading_lines: usize,
    /// Hexadecimal digits of a chunk size: 16.
    pub chunk_digits: usize,
    /// Bytes of chunk extensions in one message: 16 KiB.
    pub chunk_extensions: usize,
    /// Bytes of a trailer section: 16 KiB.
    pub trailers: usize,
    /// Whole response head of an upstream: 64 KiB. 502 beyond.
    pub upstream_head: usize,
    /// Fields in an upstream's response head: 256.
    pub upstream_fields: usize,
    /// Interim (1xx) answers before the final one: 16.
    pub interim_answers: usize,
    /// Request body kept for a repeat, one request: 4 MiB, inclusive. Beyond it the body is sent once.
    pub replay: usize,
    /// Request bodies kept for a repeat, all requests of the process together: 64 MiB.
    pub replay_total: usize,
    /// Slowest request body, averaged over the time it took so far less `body_grace`: 128 bytes a second. 408 below;
    /// 0: any.
    pub body_rate: u64,
    /// How long a request body may be slower than `body_rate`: 10 s.
    pub body_grace: Duration,
    /// A request head, from its first byte to its last: 15 s. 408 beyond.
    pub head_time: Duration,
    /// Longest silence within a request body: 20 s. 408 beyond.
    pub body_idle: Duration,
    /// Longest silence within an answer, and longest time for which a peer may take nothing of what is to be written to it:
    /// 5 min (also `STREAM_IDLE_TIMEOUT`).
    pub stream_idle: Duration,
    /// Longest silence within an upgraded connection, both ways: 5 min.
    pub tunnel_idle: Duration,
    /// A client connection between two requests: 75 s.
    pub keep_alive: Duration,
    /// An idle upstream connection: 30 s, or 1 s less than the upstream's `Keep-Alive: timeout`.
    pub upstream_idle: Duration,
    /// Oldest an upstream connection may get before its name is resolved again: 10 min.
    pub upstream_age: Duration,
    /// Connecting to one address, TLS included: 5 s (also `CONNECT_TIMEOUT`).
    pub connect: Duration,
    /// Waiting for a key or a connection permit: 10 s.
    pub key_wait: Duration,
    /// A whole request up to its commit point, on top of the upstream head limit in force: 60 s.
    pub budget: Duration,
    /// Requests waiting for a key or permit at once: 1000.
    pub waiting: usize,
    /// Attempts of one request, whatever their classes: 32.
    pub attempts: u32,
    /// Client connections of one worker: 10 000. 503 at once beyond; at most 64 connections of those that are told so are open.
    pub connections: usize,
    /// POSTs take fresh connections for so long after an origin closed 2 of its last 8 idle ones: 60 s.
    pub fresh_posts: Duration,
    /// Error body read for classification and the key echo: 64 KiB.
    pub error_body: usize,
    /// Time for reading it: 2 s.
    pub error_time: Duration,
    /// Request body read to learn the model when a key is restricted by model: 1 MiB.
    pub model_peek: usize,
    /// What is known of keys and accounts for one model each, all together: 16384 entries. Beyond, the rest that
    /// ends first is forgotten.
    pub model_facts: usize,
    /// Models for which an order of all keys is kept ready at once: 64.
    pub model_lanes: usize,
    /// Time for learning it: 200 ms.
    pub model_wait: Duration,
    /// How long a closed client connection is still read, so that the answer is not reset: 2 s.
    pub linger: Duration,
    /// How much of it is read meanwhile: 16 MiB, and what comes with the last read.
    pub linger_bytes: usize,
    /// Rows of one admin page: 256.
    pub page_rows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const KIB: usize = 1024;
        Limits {
            request_line: 16 * KIB,
            request_head: 64 * KIB,
            request_fields: 128,
            leading_lines: 3,
            chunk_digits: 16,
            chunk_extensions: 16 * KIB,
            trailers: 16 * KIB,
            upstream_head: 64 * KIB,
            upstream_fields: 256,
            interim_answers: 16,
            replay: 4 * KIB * KIB,
            replay_total: 64 * KIB * KIB,
            body_rate: 128,
            body_grace: Duration::from_secs(10),
            head_time: Duration::from_secs(15),
            body_idle: Duration::from_secs(20),
            stream_idle: Duration::from_secs(300),
            tunnel_idle: Duration::from_secs(300),
            keep_alive: Duration::from_secs(75),
            upstream_idle: Duration::from_secs(30),
            upstream_age: Duration::from_secs(600),
            connect: Duration::from_secs(5),
            key_wait: Duration::from_secs(10),
            budget: Duration::from_secs(60),
            waiting: 1000,
            attempts: 32,
            connections: 10_000,
            fresh_posts: Duration::from_secs(60),
            error_body: 64 * KIB,
            error_time: Duration::from_secs(2),
            model_peek: KIB * KIB,
            model_facts: 16 * KIB,
            model_lanes: 64,
            model_wait: Duration::from_millis(200),
            linger: Duration::from_secs(2),
            linger_bytes: 16 * KIB * KIB,
            page_rows: 256,
        }
    }
}
