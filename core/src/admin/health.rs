//! /health, /livez and /readyz: for people, for those who restart, for those who route.

use super::{answer, seconds};
use crate::keyring::view::PoolView;
use crate::message::Page;
use crate::stats::Server;
use http::StatusCode;
use serde::Serialize;

/// How many keys there are. `blacklisted` are all that are not eligible now, those that are cooling included.
#[derive(Serialize)]
struct Keys {
    total: usize,
    healthy: usize,
    blacklisted: usize,
    cooling: usize,
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    uptime: String,
    #[serde(rename = "requestCount")]
    request_count: u64,
    #[serde(rename = "keysStatus")]
    keys_status: Keys,
    healthy_tokens: usize,
    total_tokens: usize,
    strategy: &'static str,
    timestamp: String,
}

#[derive(Serialize)]
struct Status {
    status: &'static str,
}

/// GET /health: 503 only when no key is eligible and none will be within the time that a request waits for one.
pub fn health(server: &Server, pool: &PoolView) -> Page {
    let usable = usable(server, pool);
    let body = Health {
        status: if usable { "ok" } else { "unhealthy" },
        uptime: seconds(server.uptime()),
        request_count: pool.requests,
        keys_status: Keys { total: pool.total, healthy: pool.healthy, blacklisted: pool.out(), cooling: pool.cooling },
        healthy_tokens: pool.healthy,
        total_tokens: pool.total,
        strategy: pool.strategy.as_str(),
        timestamp: server.timestamp().to_string(),
    };
    answer(code(usable), &body)
}

/// GET /livez: the loop turns.
pub fn livez() -> Page {
    answer(StatusCode::OK, &Status { status: "ok" })
}

/// GET /readyz: 503 while draining, and with no usable key.
pub fn readyz(server: &Server, pool: &PoolView) -> Page {
    let (ready, status) = match (server.draining, usable(server, pool)) {
        (true, _) => (false, "draining"),
        (false, false) => (false, "no usable key"),
        (false, true) => (true, "ready"),
    };
    answer(code(ready), &Status { status })
}

/// A key is eligible now or will be in time for a request that comes now.
fn usable(server: &Server, pool: &PoolView) -> bool {
    pool.back.is_some_and(|back| back <= server.key_wait)
}

fn code(good: bool) -> StatusCode {
    if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
