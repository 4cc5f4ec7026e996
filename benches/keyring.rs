//! Instructions of a lease and its settlement: what each attempt costs under the proxy's lock, whatever the number of keys.
// The bench macros make public items without documentation.
#![allow(missing_docs)]

use gungraun::prelude::*;
use keywheel_benches::pair::{BEGIN, config, proxy};
use keywheel_core::classify::{Blame, Class, Outcome};
use keywheel_core::config::{PoolConfig, Strategy};
use keywheel_core::keyring::{Lease, Model, Patience, Settle, Want};
use keywheel_core::proxy::{Ask, Proxy, Reply};
use keywheel_core::time::Instant;
use std::hint::black_box;
use std::mem::ManuallyDrop;
use std::time::Duration;

/// Leases that one run takes, so that rare steps of a structure are seen.
const LEASES: u32 = 100;

fn lease(proxy: &mut Proxy, now: Instant) -> Lease {
    let want = Want {
        worker: 0,
        model: Model::Absent,
        tried: Vec::new(),
        unreachable: Vec::new(),
        until: now + Duration::from_secs(60),
        patience: Patience::Wait,
    };
    match proxy.handle_ask(Ask::Lease(want), now) {
        Reply::Granted(lease) => lease,
        other => panic!("a key is free: {other:?}"),
    }
}

fn settle(proxy: &mut Proxy, lease: Lease, outcome: Outcome, now: Instant) {
    let settle = Settle { lease, outcome: Some(outcome), base: 0, then: None };
    proxy.handle_ask(Ask::Settle(settle), now);
    while proxy.poll().is_some() {}
}

/// A proxy with so many keys of which all but `well` are dead.
fn pool(strategy: Strategy, keys: u32, well: u32) -> (Proxy, Instant) {
    let config = config(keys, true);
    let mut proxy =
        proxy(keywheel_core::config::Config { pool: PoolConfig { strategy, ..config.pool.clone() }, ..config });
    let mut now = BEGIN;
    for _ in well..keys {
        now = now + Duration::from_millis(1);
        let lease = lease(&mut proxy, now);
        let dead = Outcome { blame: Blame::Key, status: 401, structured: true, ..Outcome::plain(Class::KeyDead) };
        settle(&mut proxy, lease, dead, now);
    }
    // The first lease builds what the later ones read.
    now = now + Duration::from_millis(1);
    let first = lease(&mut proxy, now);
    settle(&mut proxy, first, Outcome { status: 200, ..Outcome::plain(Class::Ok) }, now);
    (proxy, now)
}

#[library_benchmark]
#[bench::round_robin_10(args = (Strategy::RoundRobin, 10, 10), setup = pool)]
#[bench::round_robin_1000(args = (Strategy::RoundRobin, 1_000, 1_000), setup = pool)]
#[bench::round_robin_10000(args = (Strategy::RoundRobin, 10_000, 10_000), setup = pool)]
#[bench::round_robin_10000_9900_out(args = (Strategy::RoundRobin, 10_000, 100), setup = pool)]
#[bench::random_10(args = (Strategy::Random, 10, 10), setup = pool)]
#[bench::random_1000(args = (Strategy::Random, 1_000, 1_000), setup = pool)]
#[bench::random_10000(args = (Strategy::Random, 10_000, 10_000), setup = pool)]
#[bench::random_10000_9900_out(args = (Strategy::Random, 10_000, 100), setup = pool)]
#[bench::least_busy_10(args = (Strategy::LeastBusy, 10, 10), setup = pool)]
#[bench::least_busy_1000(args = (Strategy::LeastBusy, 1_000, 1_000), setup = pool)]
#[bench::least_busy_10000(args = (Strategy::LeastBusy, 10_000, 10_000), setup = pool)]
#[bench::least_busy_10000_9900_out(args = (Strategy::LeastBusy, 10_000, 100), setup = pool)]
fn hundred_leases((mut proxy, mut now): (Proxy, Instant)) -> ManuallyDrop<Proxy> {
    for _ in 0..LEASES {
        now = now + Duration::from_millis(1);
        let lease = lease(&mut proxy, now);
        settle(&mut proxy, black_box(lease), Outcome { status: 200, ..Outcome::plain(Class::Ok) }, now);
    }
    // Its end would count each key once more.
    ManuallyDrop::new(proxy)
}

library_benchmark_group!(name = keys, benchmarks = [hundred_leases]);

main!(library_benchmark_groups = keys);
