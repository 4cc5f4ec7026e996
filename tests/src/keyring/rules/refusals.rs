//! Refusals: why there is no key, and when there is one again.

use super::pool::{HOUR, Pool, change_key, config, of_model, outcome, resting, want, want_after, want_model};
use core::time::Duration;
use keywheel_core::classify::Class;
use keywheel_core::config::{Config, WhenExhausted};
use keywheel_core::keyring::{Model, Patience, Refusal, Want};
use keywheel_core::proxy::Reply;

fn rejecting(count: usize) -> Config {
    let mut config = config(count);
    config.pool.when_exhausted = WhenExhausted::Reject;
    config
}

fn secs(secs: f64) -> Duration {
    Duration::from_secs_f64(secs)
}

#[test]
fn a_resting_key_says_when_it_is_back() {
    let mut pool = Pool::new(rejecting(3));
    pool.attempt(0, resting(Class::Rate, 40.0));
    pool.attempt(1, outcome(Class::KeyDead));
    pool.attempt(2, resting(Class::Rate, 7.0));
    assert_eq!(pool.refused(want()), Refusal::Exhausted { back: secs(7.0) });
    pool.at(2.5);
    assert_eq!(pool.refused(want()), Refusal::Exhausted { back: secs(4.5) });
}

#[test]
fn dead_keys_only_are_no_available_keys() {
    let mut pool = Pool::new(rejecting(2));
    (0..2).for_each(|n| pool.attempt(n, outcome(Class::KeyDead)));
    assert_eq!(pool.refused(want()), Refusal::Unavailable { back: Some(secs(HOUR)) });
}

#[test]
fn keys_that_are_switched_off_have_no_way_back() {
    let mut pool = Pool::new(rejecting(1));
    let id = pool.take().key();
    let now = pool.now();
    pool.proxy.set_enabled(id, false, now);
    assert_eq!(pool.refused(want()), Refusal::Unavailable { back: None });
}

#[test]
fn a_key_that_is_being_tried_counts_as_one_whose_rest_ends_now() {
    let mut pool = Pool::new(rejecting(1));
    pool.attempt(0, outcome(Class::Quota));
    pool.at(HOUR);
    let _trial = pool.take();
    assert_eq!(pool.refused(want()), Refusal::Exhausted { back: secs(0.0) });
}

#[test]
fn when_all_were_tried_it_says_when_the_first_of_them_is_back() {
    let mut pool = Pool::new(rejecting(2));
    let first = pool.take_key(0);
    let mut tried = vec![first.key()];
    let Reply::Granted(second) = pool.end_then(first, resting(Class::Rate, 20.0), want_after(&tried)) else { panic!() };
    tried.push(second.key());
    match pool.end_then(second, outcome(Class::KeyDead), want_after(&tried)) {
        Reply::Refused(Refusal::Unavailable { back }) => assert_eq!(back, Some(secs(20.0))),
        reply => panic!("{reply:?}"),
    }
}

#[test]
fn a_model_that_no_key_may_serve_is_not_found() {
    let mut config = rejecting(2);
    (0..2).for_each(|n| change_key(&mut config, n, |entry| entry.models = vec!["gpt-*".into()]));
    let mut pool = Pool::new(config);
    assert_eq!(pool.refused(want_model("o3")), Refusal::ModelNotFound);
    pool.take_for(want_model("gpt-4o"));
    pool.take_for(Want { model: Model::Absent, ..want() });
}

#[test]
fn the_first_key_back_is_that_of_the_model() {
    let mut pool = Pool::new(rejecting(2));
    pool.attempt(0, of_model(resting(Class::Rate, 30.0), "m"));
    pool.attempt(1, of_model(resting(Class::Rate, 50.0), "m"));
    assert_eq!(pool.refused(want_model("m")), Refusal::Exhausted { back: secs(30.0) });
    pool.attempt(0, resting(Class::Rate, 90.0));
    assert_eq!(pool.refused(want_model("m")), Refusal::Exhausted { back: secs(50.0) }, "all its rests count");
}

#[test]
fn the_model_is_asked_for_only_while_some_limit_by_model_is_alive() {
    let unread = || Want { model: Model::Unread, ..want() };
    let mut pool = Pool::of(2);
    assert!(matches!(pool.ask(unread()), Reply::Granted(_)));
    pool.attempt(0, of_model(resting(Class::Rate, 30.0), "m"));
    assert!(matches!(pool.ask(unread()), Reply::NeedModel));
    assert!(matches!(pool.ask(Want { model: Model::Absent, ..want() }), Reply::Granted(_)), "it looked: there is none");
    pool.at(30.0);
    assert!(matches!(pool.ask(unread()), Reply::Granted(_)));
    let mut config = config(2);
    change_key(&mut config, 1, |entry| entry.models = vec!["m".into()]);
    assert!(matches!(Pool::new(config).ask(unread()), Reply::NeedModel));
}

#[test]
fn a_key_serves_one_attempt_of_a_request() {
    let mut pool = Pool::of(3);
    let mut tried = Vec::new();
    for _ in 0..3 {
        let lease = pool.take_for(want_after(&tried));
        assert!(!tried.contains(&lease.key()));
        tried.push(lease.key());
        pool.end(lease, outcome(Class::Overload));
    }
    assert!(matches!(pool.ask(want_after(&tried)), Reply::Refused(_)));
}

#[test]
fn an_outlook_is_a_refusal_that_says_when_the_first_key_is_back() {
    let mut pool = Pool::new(rejecting(2));
    let outlook = || Want { patience: Patience::Outlook, ..want() };
    assert_eq!(pool.refused(outlook()), Refusal::Unavailable { back: Some(secs(0.0)) });
    pool.attempt(0, outcome(Class::KeyDead));
    pool.attempt(1, resting(Class::Rate, 9.0));
    assert_eq!(pool.refused(outlook()), Refusal::Unavailable { back: Some(secs(9.0)) });
}
