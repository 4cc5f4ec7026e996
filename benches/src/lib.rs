//! What the benches work on: messages as the official SDKs and providers send them.

pub mod pair;

use std::fmt::Write;

/// The head of a chat request as the OpenAI SDK for Python sends it.
pub const CHAT_HEAD: &[u8] = b"POST /v1/chat/completions HTTP/1.1\r\n\
    Host: 127.0.0.1:3000\r\n\
    Accept-Encoding: gzip, deflate\r\n\
    Connection: keep-alive\r\n\
    Accept: application/json\r\n\
    Content-Type: application/json\r\n\
    User-Agent: OpenAI/Python 3.57.0\r\n\
    X-Stainless-Lang: python\r\n\
    X-Stainless-Package-Version: 3.57.0\r\n\
    X-Stainless-OS: Linux\r\n\
    X-Stainless-Arch: x64\r\n\
    X-Stainless-Runtime: CPython\r\n\
    X-Stainless-Runtime-Version: 3.11.7\r\n\
    Authorization: Bearer kwclient-0123456789abcdefghijklmnopqrstuvwxyz\r\n\
    X-Stainless-Async: false\r\n\
    x-stainless-retry-count: 0\r\n\
    x-stainless-read-timeout: 600\r\n\
    Content-Length: 128\r\n\r\n";

/// The head of a streamed answer as OpenAI sends it.
pub const STREAM_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
    Content-Type: text/event-stream; charset=utf-8\r\n\
    Transfer-Encoding: chunked\r\n\
    Connection: keep-alive\r\n\
    access-control-expose-headers: X-Request-ID\r\n\
    openai-organization: org-0123456789\r\n\
    openai-processing-ms: 210\r\n\
    openai-version: 2020-10-01\r\n\
    x-ratelimit-limit-requests: 10000\r\n\
    x-ratelimit-limit-tokens: 2000000\r\n\
    x-ratelimit-remaining-requests: 9999\r\n\
    x-ratelimit-remaining-tokens: 1999972\r\n\
    x-ratelimit-reset-requests: 6ms\r\n\
    x-ratelimit-reset-tokens: 0s\r\n\
    x-request-id: req_0123456789abcdef\r\n\
    strict-transport-security: max-age=31536000; includeSubDomains; preload\r\n\r\n";

/// A whole chat request: [`CHAT_HEAD`] and a body of the length it states.
pub fn chat_request() -> Vec<u8> {
    let text = "x".repeat(128 - 65);
    let body = format!("{{\"model\":\"gpt-4o-mini\",\"messages\":[{{\"role\":\"user\",\"content\":\"{text}\"}}]}}");
    assert_eq!(body.len(), 128, "as the head says");
    [CHAT_HEAD, body.as_bytes()].concat()
}

/// A whole answer of one piece with a JSON body of `n` bytes.
pub fn chat_answer(n: usize) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {n}\r\n\r\n");
    [head.into_bytes(), vec![b'x'; n]].concat()
}

/// `n` events of a streamed chat, and the end.
pub fn events(n: usize) -> Vec<u8> {
    let mut text = String::new();
    for i in 0..n {
        let _ = write!(
            text,
            "data: {{\"id\":\"chatcmpl-0123456789\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\"model\":\"gpt-4o-mini\",\
             \"choices\":[{{\"index\":0,\"delta\":{{\"content\":\" word{i}\"}},\"logprobs\":null,\"finish_reason\":null}}]}}\n\n"
        );
    }
    text.push_str("data: [DONE]\n\n");
    text.into_bytes()
}

/// The same bytes as chunks, one for each piece of `size` bytes, and the last chunk.
pub fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut out = body.chunks(size).map(chunk).collect::<Vec<_>>().concat();
    out.extend_from_slice(LAST_CHUNK);
    out
}

const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

fn chunk(data: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()
}

/// A streamed answer of `n` events in pieces: the head, each event as a chunk of its own, the last chunk.
pub fn streamed_answer(n: usize) -> Vec<Vec<u8>> {
    let body = events(n);
    let lines = body.split_inclusive(|b| *b == b'\n').filter(|line| line.len() > 1);
    let mut answer = vec![STREAM_HEAD.to_vec()];
    answer.extend(lines.map(|line| chunk(&[line, b"\n"].concat())));
    answer.push(LAST_CHUNK.to_vec());
    answer
}
