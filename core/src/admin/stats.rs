//! /stats: the process, the pool in numbers, and each key.

use super::keys::{Counts, Key};
use super::{Paging, answer, seconds};
use crate::keyring::view::{KeyRow, PoolView};
use crate::message::Page;
use crate::stats::Server;
use http::StatusCode;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stats<'a> {
    server: About,
    keys: Numbers<'a>,
    rows: Vec<Key<'a>>,
    page: u32,
    next_page: Option<u32>,
    timestamp: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct About {
    uptime: String,
    request_count: u64,
    start_time: String,
    version: &'static str,
    draining: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Numbers<'a> {
    current_index: u32,
    strategy: &'static str,
    total_keys: usize,
    healthy_keys: usize,
    blacklisted_keys: usize,
    cooling_keys: usize,
    success_count: u64,
    failure_count: u64,
    counts: Counts<'a>,
    in_flight: u64,
    waiting: usize,
    memory_usage: Memory,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Memory {
    process_bytes: Option<u64>,
}

/// GET /stats. `rows` are the keys of this page, `paging.range(pool.total)` of them all.
pub fn stats(server: &Server, pool: &PoolView, rows: &[KeyRow], paging: Paging) -> Page {
    let body = Stats {
        server: About {
            uptime: seconds(server.uptime()),
            request_count: pool.requests,
            start_time: server.wall.at(server.started).to_string(),
            version: env!("CARGO_PKG_VERSION"),
            draining: server.draining,
        },
        keys: Numbers {
            current_index: pool.current_index,
            strategy: pool.strategy.as_str(),
            total_keys: pool.total,
            healthy_keys: pool.healthy,
            blacklisted_keys: pool.out(),
            cooling_keys: pool.cooling,
            success_count: pool.successes(),
            failure_count: pool.attempts() - pool.successes(),
            counts: Counts(&pool.tally),
            in_flight: pool.leases,
            waiting: pool.waiting,
            memory_usage: Memory { process_bytes: server.memory },
        },
        rows: rows.iter().map(|row| Key::new(server, row)).collect(),
        page: paging.page(),
        next_page: paging.next(pool.total),
        timestamp: server.timestamp().to_string(),
    };
    answer(StatusCode::OK, &body)
}
