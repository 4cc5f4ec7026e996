//! Origins: base URLs in turn, the breaker, permits.

use super::pool::{Pool, change_key, config, key, outcome, want, want_after};
use keywheel_core::classify::Class;
use keywheel_core::config::Config;
use keywheel_core::keyring::{Lease, Patience, Refusal, Settle, Want};
use keywheel_core::origin::Origin;
use keywheel_core::proxy::{Ask, Reply};
use std::sync::Arc;

fn two_bases(keys: usize) -> Config {
    Config::new((0..keys).map(|n| Arc::new(key(n, &["a.test", "b.test"]))).collect())
}

fn host(lease: &Lease) -> String {
    lease.base(0).unwrap().origin.host().to_owned()
}

fn overload(pool: &mut Pool, times: usize) {
    (0..times).for_each(|_| {
        let lease = pool.take();
        pool.end(lease, outcome(Class::Overload));
    });
}

#[test]
fn base_urls_take_turns() {
    let mut pool = Pool::new(two_bases(1));
    let hosts: Vec<_> = (0..4).map(|_| host(&pool.take())).collect();
    assert_eq!(hosts, ["a.test", "b.test", "a.test", "b.test"]);
    let lease = pool.take();
    let order: Vec<_> = (0..3).map(|n| lease.base(n).map(|base| base.origin.host().to_owned())).collect();
    assert_eq!(order, [Some("a.test".to_owned()), Some("b.test".to_owned()), None], "all of them, each once");
}

#[test]
fn an_open_breaker_puts_its_origin_last() {
    let mut pool = Pool::new(two_bases(1));
    for n in 0..10 {
        let lease = pool.take();
        let class = if host(&lease) == "a.test" { Class::Overload } else { Class::Ok };
        assert!(n < 10);
        pool.end(lease, outcome(class));
    }
    assert_eq!((0..4).map(|_| host(&pool.take())).collect::<Vec<_>>(), ["b.test"; 4]);
    pool.at(10.0);
    let hosts: Vec<_> = (0..2).map(|_| host(&pool.take())).collect();
    assert!(hosts.contains(&"a.test".to_owned()), "after ten seconds it has its turn again: {hosts:?}");
}

#[test]
fn a_success_closes_the_breaker() {
    let mut pool = Pool::of(2);
    let tried = pool.take().key();
    let late = pool.take();
    overload(&mut pool, 5);
    assert_eq!(pool.refused(want_after(&[tried])), Refusal::Correlated);
    pool.end(late, outcome(Class::Ok));
    assert!(matches!(pool.ask(want_after(&[tried])), Reply::Granted(_)));
}

#[test]
fn an_open_breaker_never_refuses_a_request_but_stops_its_further_attempts() {
    let mut pool = Pool::of(3);
    overload(&mut pool, 5);
    let lease = pool.take();
    let tried = [lease.key()];
    match pool.end_then(lease, outcome(Class::KeyDead), want_after(&tried)) {
        Reply::Refused(Refusal::Correlated) => {}
        reply => panic!("{reply:?}"),
    }
    pool.take();
}

#[test]
fn further_attempts_may_go_to_keys_of_other_origins() {
    let mut config = config(3);
    change_key(&mut config, 2, |entry| *entry = key(2, &["other.test"]));
    let mut pool = Pool::new(config);
    let tried = pool.take_key(0).key();
    (0..5).for_each(|_| pool.attempt(0, outcome(Class::Overload)));
    for _ in 0..3 {
        assert_eq!(&*pool.take_for(want_after(&[tried])).entry().name, "k2");
    }
}

#[test]
fn a_base_url_that_was_passed_over_is_tried_last_for_a_while() {
    let mut pool = Pool::new(two_bases(1));
    for _ in 0..5 {
        let lease = pool.take();
        let base = u32::from(host(&lease) == "a.test");
        pool.call(Ask::Settle(Settle { lease, outcome: Some(outcome(Class::Client)), base, then: None }));
    }
    // Three of the five began with a: two more are needed.
    for _ in 0..4 {
        let lease = pool.take();
        let base = u32::from(host(&lease) == "a.test");
        pool.call(Ask::Settle(Settle { lease, outcome: Some(outcome(Class::Client)), base, then: None }));
    }
    assert_eq!((0..4).map(|_| host(&pool.take())).collect::<Vec<_>>(), ["b.test"; 4]);
}

#[test]
fn a_key_whose_origins_cannot_be_reached_is_passed_over() {
    let mut config = config(3);
    change_key(&mut config, 1, |entry| *entry = key(1, &["api.test", "other.test"]));
    let mut pool = Pool::new(config);
    let unreachable = vec![Origin::new(true, "api.test", 443)];
    for _ in 0..3 {
        let lease = pool.take_for(Want { unreachable: unreachable.clone(), ..want() });
        assert_eq!((&*lease.entry().name, host(&lease)), ("k1", "other.test".to_owned()));
    }
    let both = vec![unreachable[0].clone(), Origin::new(true, "other.test", 443)];
    assert!(matches!(pool.refused(Want { unreachable: both, ..want() }), Refusal::Unavailable { .. }));
}

#[test]
fn max_sockets_is_a_hard_cap_for_each_origin() {
    let mut config = config(3);
    config.pool.max_sockets = Some(2);
    change_key(&mut config, 2, |entry| *entry = key(2, &["other.test"]));
    let mut pool = Pool::new(config);
    let mut leases: Vec<_> = (0..4).map(|_| pool.take()).collect();
    let count = |leases: &[Lease], wanted: &str| leases.iter().filter(|lease| host(lease) == wanted).count();
    assert_eq!((count(&leases, "api.test"), count(&leases, "other.test")), (2, 2));
    assert_eq!(pool.refused(Want { patience: Patience::Refuse, ..want() }), Refusal::NoConnection);
    let free = leases.iter().position(|lease| host(lease) == "other.test").unwrap();
    let lease = leases.swap_remove(free);
    pool.end(lease, outcome(Class::Ok));
    assert_eq!(host(&pool.take()), "other.test");
}

#[test]
fn without_max_sockets_there_is_no_cap() {
    let mut pool = Pool::of(1);
    let leases: Vec<_> = (0..500).map(|_| pool.take()).collect();
    assert_eq!(pool.row(0).leases, 500);
    leases.into_iter().for_each(|lease| pool.end(lease, outcome(Class::Ok)));
    assert_eq!(pool.row(0).leases, 0);
}

#[test]
fn a_permit_at_another_base_url_serves_too() {
    let mut config = two_bases(1);
    config.pool.max_sockets = Some(1);
    let mut pool = Pool::new(config);
    let mut hosts: Vec<_> = (0..2).map(|_| host(&pool.take())).collect();
    hosts.sort();
    assert_eq!(hosts, ["a.test", "b.test"]);
    assert_eq!(pool.refused(Want { patience: Patience::Refuse, ..want() }), Refusal::NoConnection);
}
