//! Correlated faults: several keys that fail alike.

use super::pool::{HOUR, Pool, config, of_account, outcome, resting, want_after};
use keywheel_core::classify::{Class, Outcome};
use keywheel_core::keyring::Refusal;
use keywheel_core::keyring::view::State;
use keywheel_core::proxy::Reply;

fn guessed(class: Class) -> Outcome {
    Outcome { structured: false, ..outcome(class) }
}

fn states(pool: &mut Pool, count: usize) -> Vec<State> {
    (0..count).map(|n| pool.state(n)).collect()
}

#[test]
fn what_three_keys_earn_alike_is_taken_back() {
    for class in [Class::KeyDead, Class::Quota, Class::Access] {
        let mut pool = Pool::of(4);
        pool.attempt(0, guessed(class));
        pool.attempt(1, guessed(class));
        assert!(states(&mut pool, 2).iter().all(|&state| state != State::Ready), "{class:?}");
        pool.attempt(2, guessed(class));
        assert_eq!(states(&mut pool, 4), [State::Ready; 4], "{class:?}");
        pool.attempt(3, guessed(class));
        assert_eq!(pool.state(3), State::Ready, "from the third on");
    }
}

#[test]
fn the_next_such_rest_is_as_long_as_if_they_had_not_been() {
    let mut pool = Pool::of(3);
    (0..3).for_each(|n| pool.attempt(n, guessed(Class::Quota)));
    pool.at(10.0).attempt(0, guessed(Class::Quota));
    assert_eq!(pool.left(0), HOUR);
}

#[test]
fn a_rate_without_a_stated_reset_is_cut_to_a_second() {
    let mut pool = Pool::of(3);
    for _ in 0..4 {
        pool.attempt(0, outcome(Class::Rate));
        let left = pool.left(0);
        pool.after(left + 0.001);
    }
    pool.attempt(0, outcome(Class::Rate));
    assert!(pool.left(0) > 10.0, "the fifth in a row");
    pool.after(0.5);
    pool.attempt(1, outcome(Class::Rate));
    pool.attempt(2, outcome(Class::Rate));
    assert!(pool.left(0) <= 1.0 && pool.left(1) <= 1.0 && pool.left(2) <= 1.0);
}

#[test]
fn rests_with_a_stated_reset_stand() {
    let mut pool = Pool::of(3);
    for (n, class) in [Class::Rate, Class::Rate, Class::Rate].into_iter().enumerate() {
        pool.attempt(n, resting(class, 30.0));
    }
    assert_eq!(states(&mut pool, 3), [State::Cooling; 3]);
    let mut pool = Pool::of(3);
    (0..3).for_each(|n| pool.attempt(n, Outcome { structured: false, ..resting(Class::Quota, 30.0) }));
    assert_eq!(states(&mut pool, 3), [State::Cooling; 3]);
}

#[test]
fn a_structured_code_names_the_key() {
    for class in [Class::KeyDead, Class::Quota] {
        let mut pool = Pool::of(5);
        (0..5).for_each(|n| pool.attempt(n, outcome(class)));
        assert!(states(&mut pool, 5).iter().all(|&state| state != State::Ready), "{class:?}");
    }
}

#[test]
fn keys_of_one_account_count_once() {
    let mut pool = Pool::of(4);
    for n in 0..3 {
        pool.attempt(n, of_account(guessed(Class::Access), "acme"));
    }
    assert_eq!(states(&mut pool, 3), [State::Cooling; 3]);
    pool.attempt(3, guessed(Class::Access));
    assert_eq!(pool.state(3), State::Cooling, "two distinct ones");
}

#[test]
fn one_key_three_times_is_one() {
    let mut pool = Pool::of(1);
    let leases: Vec<_> = (0..4).map(|_| pool.take()).collect();
    leases.into_iter().for_each(|lease| pool.end(lease, guessed(Class::Quota)));
    assert_eq!(pool.state(0), State::Cooling);
}

#[test]
fn they_have_to_fail_within_two_seconds() {
    let mut pool = Pool::of(3);
    pool.attempt(0, guessed(Class::Quota));
    pool.at(1.0).attempt(1, guessed(Class::Quota));
    pool.at(2.001).attempt(2, guessed(Class::Quota));
    assert_eq!(states(&mut pool, 3), [State::Cooling; 3]);
}

#[test]
fn they_have_to_fail_with_one_class_and_code() {
    let mut pool = Pool::of(3);
    for (n, code) in ["one", "one", "two"].into_iter().enumerate() {
        pool.attempt(n, Outcome { code: Some(code.into()), ..guessed(Class::Quota) });
    }
    assert_eq!(states(&mut pool, 3), [State::Cooling; 3]);
    let mut pool = Pool::of(3);
    for (n, class) in [Class::Quota, Class::Quota, Class::Access].into_iter().enumerate() {
        pool.attempt(n, guessed(class));
    }
    assert_eq!(states(&mut pool, 3), [State::Cooling; 3]);
}

#[test]
fn a_success_between_sets_them_apart() {
    let mut pool = Pool::of(4);
    pool.attempt(0, guessed(Class::Quota));
    pool.attempt(1, guessed(Class::Quota));
    pool.attempt(3, outcome(Class::Ok));
    pool.attempt(2, guessed(Class::Quota));
    assert_eq!(states(&mut pool, 3), [State::Cooling; 3]);
}

#[test]
fn the_walk_stops_at_the_third() {
    let mut pool = Pool::of(5);
    let mut lease = pool.take();
    let mut tried = Vec::new();
    for n in 0..3 {
        tried.push(lease.key());
        match pool.end_then(lease, guessed(Class::Quota), want_after(&tried)) {
            Reply::Granted(next) if n < 2 => lease = next,
            Reply::Refused(Refusal::Correlated) if n == 2 => return,
            reply => panic!("after {} attempts: {reply:?}", n + 1),
        }
    }
}

#[test]
fn the_origin_is_charged_from_the_third_on() {
    let mut pool = Pool::of(12);
    let tried = pool.take().key();
    // Three are needed, and five charges open the breaker: the seventh does.
    for n in 0..6 {
        pool.attempt(n, guessed(Class::Access));
        assert!(matches!(pool.ask(want_after(&[tried])), Reply::Granted(_)), "after {}", n + 1);
    }
    pool.attempt(6, guessed(Class::Access));
    assert_eq!(pool.refused(want_after(&[tried])), Refusal::Correlated);
}

#[test]
fn a_counted_soft_fault_is_uncounted() {
    let mut config = config(5);
    config.pool.threshold = 2;
    config.pool.max_sockets = None;
    let mut pool = Pool::new(config);
    // Each is counted, for another key does well at the same moment; but nothing is well between.
    pool.attempt(4, outcome(Class::Ok));
    pool.attempt(0, outcome(Class::Unknown));
    pool.attempt(1, outcome(Class::Unknown));
    pool.attempt(2, outcome(Class::Unknown));
    pool.at(5.0).attempt(4, outcome(Class::Ok));
    pool.attempt(0, outcome(Class::Unknown));
    assert_eq!(pool.state(0), State::Ready, "the one before was taken back");
    pool.attempt(0, outcome(Class::Unknown));
    assert_eq!(pool.state(0), State::Cooling);
}
