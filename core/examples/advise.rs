//! An embedder that keeps its own HTTP client and uses only `Proxy`: it asks which key to use, and says how that went.
//!
//! ```text
//! cargo run -p keywheel-core --example advise
//! ```
//!
//! The client here is a table of what each key would be answered; put yours in its place. Time is a number that the
//! embedder hands in, so that this program runs through an hour of resting and reviving keys at once.

#![allow(clippy::disallowed_macros, reason = "an example speaks to its reader")]

use keywheel_core::classify::{Class, Evidence, judge};
use keywheel_core::config::{Config, KeyEntry};
use keywheel_core::dialect::Dialect;
use keywheel_core::keyring::{Lease, Model, Patience, Refusal, Settle, Want};
use keywheel_core::message::FieldBuf;
use keywheel_core::origin::{BaseUrl, Origin};
use keywheel_core::proxy::{Ask, Command, Proxy, Reply};
use keywheel_core::secret::Secret;
use keywheel_core::time::{Instant, UnixMillis};
use std::sync::Arc;

const NEW_YEAR: UnixMillis = UnixMillis(1_767_225_600_000);

/// What your HTTP client would bring back: a status, Retry-After, a body.
fn call(key: &[u8], now: Instant) -> (u16, Option<&'static str>, &'static str) {
    match key {
        b"sk-revoked-000001" => (401, None, r#"{"error":{"code":"invalid_api_key"}}"#),
        b"sk-busy-00000002" if now < Instant::from_micros(30_000_000) => {
            (429, Some("20"), r#"{"error":{"code":"rate_limit_exceeded"}}"#)
        }
        b"sk-poor-00000003" => (429, None, r#"{"error":{"code":"insufficient_quota"}}"#),
        _ => (200, None, ""),
    }
}

fn want(tried: Vec<keywheel_core::keyring::KeyId>, until: Instant) -> Want {
    Want { worker: 0, model: Model::Absent, tried, unreachable: Vec::new(), until, patience: Patience::Refuse }
}

/// One request of the embedder: keys are tried until one serves. Says how many it took.
fn request(proxy: &mut Proxy, now: Instant) -> Result<usize, Refusal> {
    let mut tried = Vec::new();
    let mut reply = proxy.handle_ask(Ask::Lease(want(Vec::new(), now)), now);
    loop {
        let lease: Lease = match reply {
            Reply::Granted(lease) => lease,
            Reply::Refused(refusal) => return Err(refusal),
            other => unreachable!("a want that may not wait is granted or refused, not {other:?}"),
        };
        tried.push(lease.key());
        let (status, retry_after, body) = call(lease.entry().secret.expose(), now);
        let mut head = FieldBuf::default();
        if let Some(seconds) = retry_after {
            head.push(b"Retry-After", seconds.as_bytes());
        }
        let evidence = Evidence { status, fields: head.fields(), body: body.as_bytes() };
        let outcome = judge(Dialect::OpenAi, &evidence, NEW_YEAR, None);
        println!("  {:?} {} -> {}", now, lease.entry().preview, outcome.class.as_str());
        let good = outcome.class == Class::Ok;
        let then = (!good).then(|| want(tried.clone(), now));
        reply = proxy.handle_ask(Ask::Settle(Settle { lease, outcome: Some(outcome), base: 0, then }), now);
        if good {
            return Ok(tried.len());
        }
    }
}

fn main() {
    let bases: Arc<[BaseUrl]> = Arc::new([BaseUrl::new(Origin::new(true, "api.openai.com", 443), "/v1")]);
    let keys = ["sk-revoked-000001", "sk-busy-00000002", "sk-poor-00000003", "sk-good-00000004"];
    let entry = |(n, key): (usize, &&str)| {
        KeyEntry::new(Secret::new(key.as_bytes()), n as u32, Arc::clone(&bases)).map(Arc::new).expect("a usable key")
    };
    let config = Config::new(keys.iter().enumerate().map(entry).collect());
    let mut proxy = Proxy::new(config, 42, Instant::ZERO, NEW_YEAR);
    let mut now = Instant::ZERO;
    let mut tried = Vec::new();
    for n in 0..8 {
        println!("request {n}");
        match request(&mut proxy, now) {
            Ok(keys) => tried.push(keys),
            Err(refusal) => println!("  no key: {refusal:?}"),
        }
        while let Some(command) = proxy.poll() {
            if let Command::Notice(notice) = command {
                println!("  {notice:?}");
            }
        }
        // Time passes to the proxy's next deadline, or ten seconds on.
        let step = Instant::from_micros(now.as_micros() + 10_000_000);
        now = proxy.poll_timeout().map_or(step, |(at, _)| at.min(step)).max(now);
        proxy.handle_timeout(now);
    }
    println!("keys tried per request: {tried:?}");
}
