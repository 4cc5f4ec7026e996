//! Reload: another configuration while requests run.

use super::pool::{HOUR, Pool, change_key, config, key, name, of_account, outcome, resting, want};
use keywheel_core::classify::Class;
use keywheel_core::config::Config;
use keywheel_core::keyring::view::State;
use keywheel_core::keyring::{Patience, Settle, Want};
use keywheel_core::proxy::{Ask, Reply};
use std::sync::Arc;

/// A configuration of these keys, in this order.
fn keys(names: &[usize]) -> Config {
    let entry = |(index, &n): (usize, &usize)| {
        let mut entry = key(n, &["api.test"]);
        entry.index = index as u32;
        Arc::new(entry)
    };
    Config::new(names.iter().enumerate().map(entry).collect())
}

fn reload(pool: &mut Pool, config: Config) {
    let now = pool.now();
    pool.proxy.reload(config, now);
    pool.at(now.as_micros() as f64 / 1e6);
}

#[test]
fn what_is_known_is_carried_by_identity() {
    let mut pool = Pool::of(3);
    pool.attempt(0, outcome(Class::KeyDead));
    pool.attempt(1, resting(Class::Rate, 50.0));
    pool.attempt(2, outcome(Class::Ok));
    reload(&mut pool, keys(&[2, 5, 1, 0]));
    assert_eq!((pool.state(0), pool.left(0)), (State::Blacklisted, HOUR), "a reload revives nothing");
    assert_eq!((pool.state(1), pool.left(1)), (State::Cooling, 50.0));
    assert_eq!(pool.row(2).tally[Class::Ok as usize], 1);
    assert_eq!(pool.row(5).tally, [0; 11]);
    assert_eq!([2, 5, 1, 0].map(|n| pool.row(n).entry.index), [0, 1, 2, 3]);
}

#[test]
fn an_attempt_settles_against_the_key_it_began_with() {
    let mut pool = Pool::of(3);
    let lease = pool.take_key(0);
    let id = lease.key();
    reload(&mut pool, keys(&[1, 2, 0]));
    assert_eq!(pool.take_key(0).key(), id, "its slot stays its own");
    pool.end(lease, outcome(Class::KeyDead));
    assert_eq!([0, 1, 2].map(|n| pool.state(n)), [State::Blacklisted, State::Ready, State::Ready]);
}

#[test]
fn an_attempt_of_a_key_that_is_gone_settles_harmlessly() {
    let mut pool = Pool::of(2);
    let lease = pool.take_key(0);
    reload(&mut pool, keys(&[1, 7]));
    let id = pool.take_key(7).key();
    assert!(id.slot != lease.key().slot || id.generation != lease.key().generation, "another key, another identity");
    pool.end(lease, outcome(Class::KeyDead));
    assert_eq!([1, 7].map(|n| pool.state(n)), [State::Ready, State::Ready]);
    let now = pool.now();
    let view = pool.proxy.pool(now);
    assert_eq!((view.leases, view.tally[Class::KeyDead as usize]), (1, 1), "but it counts; the other lease is out");
}

#[test]
fn a_key_that_comes_back_is_another() {
    let mut pool = Pool::of(2);
    let lease = pool.take_key(0);
    reload(&mut pool, keys(&[1]));
    reload(&mut pool, keys(&[0, 1]));
    pool.end(lease, outcome(Class::KeyDead));
    assert_eq!(pool.state(0), State::Ready);
    assert_eq!(pool.row(0).leases, 0);
}

#[test]
fn the_queue_is_kept() {
    let mut pool = Pool::of(1);
    pool.attempt(0, resting(Class::Rate, 5.0));
    let Reply::Queued(ticket) = pool.ask(want()) else { panic!() };
    reload(&mut pool, keys(&[0]));
    assert!(pool.woken().is_empty());
    reload(&mut pool, keys(&[0, 1]));
    let woken = pool.woken();
    assert_eq!((woken[0].0, name(&woken[0].1)), (ticket, "k1".to_owned()), "a new key serves who waits");
}

#[test]
fn permits_are_counted_over_a_reload() {
    let mut first = config(1);
    first.pool.max_sockets = Some(1);
    let mut pool = Pool::new(first);
    let lease = pool.take();
    let mut second = keys(&[3]);
    second.pool.max_sockets = Some(1);
    reload(&mut pool, second);
    assert!(
        matches!(pool.ask(Want { patience: Patience::Refuse, ..want() }), Reply::Refused(_)),
        "the old lease holds it"
    );
    pool.end(lease, outcome(Class::Ok));
    pool.take();
}

#[test]
fn a_settlement_names_an_origin_that_is_gone() {
    let mut first = config(1);
    change_key(&mut first, 0, |entry| *entry = key(0, &["old.test", "older.test"]));
    let mut pool = Pool::new(first);
    let (one, two) = (pool.take(), pool.take());
    reload(&mut pool, keys(&[0]));
    for (lease, base) in [(one, 0), (two, 1)] {
        pool.call(Ask::Settle(Settle { lease, outcome: Some(outcome(Class::Quota)), base, then: None }));
    }
    assert_eq!(pool.state(0), State::Cooling, "the key is the same");
}

#[test]
fn an_account_goes_with_its_last_key() {
    let mut pool = Pool::of(3);
    for n in 0..2 {
        pool.attempt(n, of_account(outcome(Class::Ok), "acme"));
    }
    pool.attempt(0, resting(Class::Rate, 500.0));
    assert_eq!(pool.state(1), State::Cooling);
    reload(&mut pool, keys(&[1, 2]));
    assert_eq!(pool.state(1), State::Cooling, "the account rests on");
    reload(&mut pool, keys(&[2]));
    reload(&mut pool, keys(&[1, 2]));
    assert_eq!(pool.state(1), State::Ready);
}

#[test]
fn turns_go_on_where_they_were() {
    let mut pool = Pool::of(4);
    let first: Vec<_> = (0..2).map(|_| pool.take().entry().name.to_string()).collect();
    assert_eq!(first, ["k0", "k1"]);
    reload(&mut pool, keys(&[0, 1, 2, 3]));
    let next: Vec<_> = (0..4).map(|_| pool.take().entry().name.to_string()).collect();
    assert_eq!(next, ["k2", "k3", "k0", "k1"]);
}
