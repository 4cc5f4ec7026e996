//! The demo's requests: a bounded flow of chats, plain and streamed in turn, and whether each was answered well.

use super::client::{self, Answer};
use super::keys::TOKEN;
use crate::traits::{Runtime, Timer};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

/// Clients at once.
const CLIENTS: u32 = 6;
/// Requests of each.
const EACH: u32 = 20;
/// What a client waits between two requests.
const PAUSE: Duration = Duration::from_millis(60);
/// Failures that are kept to be told.
const TOLD: usize = 5;

/// What came of the flow so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Score {
    pub(super) asked: u32,
    pub(super) good: u32,
    pub(super) streamed: u32,
    /// Attempts beyond the first.
    pub(super) retries: u32,
    /// The first failures that a client saw.
    pub(super) failures: Vec<String>,
    /// Clients that have ended.
    pub(super) clients_done: u32,
}

impl Score {
    /// Whether every client has ended.
    pub(super) fn done(&self) -> bool {
        self.clients_done == CLIENTS
    }

    /// Requests that were not answered well.
    pub(super) fn failed(&self) -> u32 {
        self.asked - self.good
    }

    /// How many requests there will be.
    pub(super) const fn planned() -> u32 {
        CLIENTS * EACH
    }
}

/// Starts the clients; the score fills as they go.
pub(super) fn start<R: Runtime>(rt: &R, proxy: SocketAddr) -> Rc<RefCell<Score>> {
    let score = Rc::new(RefCell::new(Score::default()));
    for number in 0..CLIENTS {
        rt.spawn(run_client(rt.clone(), proxy, number, Rc::clone(&score)));
    }
    score
}

async fn run_client<R: Runtime>(rt: R, proxy: SocketAddr, number: u32, score: Rc<RefCell<Score>>) {
    for turn in 0..EACH {
        let stream = (number + turn) % 2 == 1;
        let answer = client::ask(&rt, proxy, &request(proxy, stream)).await;
        score.borrow_mut().count(stream, answer);
        pause(&rt, PAUSE).await;
    }
    score.borrow_mut().clients_done += 1;
}

/// Lets time pass.
pub(super) async fn pause<R: Runtime>(rt: &R, span: Duration) {
    let mut timer = rt.timer();
    timer.reset(rt.now() + span);
    poll_fn(|cx| timer.poll_expired(cx)).await;
}

/// The body of a chat request; its answer takes its time.
fn chat(stream: bool) -> Value {
    let messages = json!([{"role": "user", "content": "Why does a wheel have several spokes?"}]);
    if stream {
        let steer = "fake:chunks=12,interval_ms=15";
        json!({"model": "gpt-4o", "messages": messages, "stream": true, "stream_options": {"include_usage": true}, "user": steer})
    } else {
        json!({"model": "gpt-4o", "messages": messages, "user": "fake:delay_ms=40"})
    }
}

fn request(proxy: SocketAddr, stream: bool) -> Vec<u8> {
    let body = chat(stream).to_string();
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: {proxy}\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

impl Score {
    fn count(&mut self, stream: bool, answer: Result<Answer, String>) {
        self.asked += 1;
        self.streamed += u32::from(stream);
        let attempts = answer.as_ref().ok().and_then(|a| a.field("x-keywheel-attempts")?.parse::<u32>().ok());
        self.retries += attempts.map_or(0, |n| n.saturating_sub(1));
        match answer.and_then(|answer| check(stream, &answer)) {
            Ok(()) => self.good += 1,
            Err(why) if self.failures.len() < TOLD => self.failures.push(why),
            Err(_) => {}
        }
    }
}

/// Whether this is the whole answer to a chat request.
fn check(stream: bool, answer: &Answer) -> Result<(), String> {
    let text = String::from_utf8_lossy(&answer.body);
    if answer.status != 200 {
        return Err(format!("status {}: {text}", answer.status));
    }
    let whole = if stream { stream_is_whole(&text) } else { object_is_whole(&text) };
    if whole { Ok(()) } else { Err(format!("not a whole answer: {text}")) }
}

fn object_is_whole(text: &str) -> bool {
    let object: Value = serde_json::from_str(text).unwrap_or_default();
    let content = object["choices"][0]["message"]["content"].as_str().unwrap_or_default();
    !content.is_empty() && object["usage"]["total_tokens"].is_u64()
}

fn stream_is_whole(text: &str) -> bool {
    let Some(events) = text.strip_suffix("data: [DONE]\n\n") else { return false };
    let data = events.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap_or_default());
    let chunks: Vec<Value> = data.map(|json| serde_json::from_str(json).unwrap_or_default()).collect();
    let has = |test: fn(&Value) -> bool| chunks.iter().any(test);
    has(|chunk| chunk["choices"][0]["delta"]["content"].as_str().is_some_and(|text| !text.is_empty()))
        && has(|chunk| chunk["choices"][0]["finish_reason"] == "stop")
        && has(|chunk| chunk["usage"]["total_tokens"].is_u64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Behaviour, Options, Provider};
    use keywheel_core::time::Instant;

    /// What the fake provider says to the flow's own request.
    fn answer(stream: bool) -> String {
        let provider = Provider::new(Options::default());
        provider.set_key(TOKEN, Behaviour::Good);
        let mut conn = provider.connect(Instant::ZERO);
        let proxy = "127.0.0.1:1".parse().expect("an address");
        conn.recv(&request(proxy, stream), Instant::ZERO);
        let mut bytes = Vec::new();
        loop {
            bytes.extend_from_slice(conn.transmit());
            let at = conn.poll_timeout().unwrap_or_default();
            match conn.transmit().len() {
                0 if conn.wants_close().is_some() => return String::from_utf8(bytes).expect("text"),
                0 => conn.timeout(at),
                n => conn.sent(n, at),
            }
        }
    }

    #[test]
    fn whole_answers_are_good_and_others_are_not() {
        for stream in [false, true] {
            let bytes = answer(stream);
            let mut score = Score::default();
            let whole = client::parse(bytes.as_bytes()).expect("an answer");
            score.count(stream, Ok(whole.clone()));
            assert_eq!((score.asked, score.good, score.failed()), (1, 1, 0), "{bytes}");
            for (from, to) in [("200 OK", "503 No"), ("\"content\":\"", "\"contend\":\""), ("usage", "usury")] {
                let mut bad = whole.clone();
                bad.body = bytes.replace(from, to).into_bytes();
                bad.status = if from == "200 OK" { 503 } else { 200 };
                score.count(stream, Ok(bad));
            }
            score.count(stream, Err("broken".into()));
            assert_eq!((score.asked, score.good, score.failures.len()), (5, 1, 4), "{score:?}");
        }
        assert!(!stream_is_whole("data: [DONE]\n\n"));
    }
}
