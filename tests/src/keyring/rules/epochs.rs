//! Epochs: what is old never undoes what is new, and counts all the same.

use super::pool::{HOUR, Pool, of_account, of_model, outcome, resting};
use keywheel_core::classify::{Blame, Class, Outcome};
use keywheel_core::keyring::view::State;

#[test]
fn a_late_failure_does_not_undo_a_success_that_ended_a_rest() {
    let mut pool = Pool::of(1);
    let (late, first) = (pool.take(), pool.take());
    pool.end(first, outcome(Class::Quota));
    pool.at(HOUR).attempt(0, outcome(Class::Ok));
    pool.end(late, outcome(Class::KeyDead));
    assert_eq!(pool.state(0), State::Ready);
    assert_eq!(pool.row(0).tally[Class::KeyDead as usize], 1, "it counts");
}

#[test]
fn a_late_success_does_not_end_a_rest() {
    let mut pool = Pool::of(1);
    let (late, first) = (pool.take(), pool.take());
    pool.end(first, outcome(Class::Quota));
    pool.end(late, outcome(Class::Ok));
    assert_eq!((pool.state(0), pool.left(0)), (State::Cooling, HOUR));
}

#[test]
fn a_late_failure_of_the_same_epoch_counts_against_it() {
    let mut pool = Pool::of(1);
    let (late, first) = (pool.take(), pool.take());
    pool.end(first, outcome(Class::Ok));
    pool.end(late, outcome(Class::Quota));
    assert_eq!(pool.state(0), State::Cooling, "an ordinary success raises no epoch");
}

#[test]
fn the_epoch_rises_by_a_reviving_success_an_undoing_a_reset_and_an_enabling() {
    let mut pool = Pool::of(3);
    pool.attempt(0, outcome(Class::Ok));
    assert_eq!(pool.row(0).epoch, 0);
    pool.attempt(0, outcome(Class::Quota));
    assert_eq!(pool.row(0).epoch, 0);
    pool.at(HOUR).attempt(0, outcome(Class::Ok));
    assert_eq!(pool.row(0).epoch, 1, "a success that ended a rest");
    (0..3).for_each(|n| pool.attempt(n, Outcome { structured: false, ..outcome(Class::Quota) }));
    assert_eq!(pool.row(0).epoch, 2, "an undoing");
    let now = pool.now();
    pool.proxy.reset(now);
    assert_eq!(pool.row(0).epoch, 3, "a reset");
    let id = pool.take_key(0).key();
    assert!(pool.proxy.set_enabled(id, true, now));
    assert_eq!(pool.row(0).epoch, 4, "an enabling");
    assert!(pool.proxy.set_enabled(id, false, now));
    assert_eq!(pool.row(0).epoch, 4, "but not by switching off");
}

#[test]
fn what_began_before_an_undoing_changes_nothing_after_it() {
    let mut pool = Pool::of(3);
    let late = pool.take_key(0);
    (0..3).for_each(|n| pool.attempt(n, Outcome { structured: false, ..outcome(Class::Quota) }));
    pool.at(5.0).end(late, outcome(Class::KeyDead));
    assert_eq!(pool.state(0), State::Ready);
}

#[test]
fn what_began_before_a_reset_changes_nothing_after_it() {
    let mut pool = Pool::of(2);
    pool.attempt(1, of_account(outcome(Class::Ok), "acme"));
    let mut late: Vec<_> = (0..5).map(|_| pool.take_key(1)).collect();
    let now = pool.now();
    pool.proxy.reset(now);
    pool.end(late.pop().unwrap(), outcome(Class::KeyDead));
    pool.end(late.pop().unwrap(), Outcome { blame: Blame::Account, ..outcome(Class::Quota) });
    pool.end(late.pop().unwrap(), of_model(resting(Class::Rate, 60.0), "m"));
    pool.end(late.pop().unwrap(), of_model(outcome(Class::Access), "m"));
    pool.end(late.pop().unwrap(), of_account(resting(Class::Rate, 60.0), "unheard of"));
    assert_eq!((pool.state(1), pool.limit(1, "m")), (State::Ready, None), "neither key nor account nor model");
    pool.attempt(1, outcome(Class::Quota));
    assert_eq!(pool.state(1), State::Cooling, "what began after it does");
}

#[test]
fn a_revived_model_is_not_put_out_by_what_is_old() {
    let mut pool = Pool::of(1);
    let late = pool.take();
    pool.attempt(0, of_model(outcome(Class::Access), "m"));
    pool.at(HOUR);
    let trial = pool.take_for(super::pool::want_model("m"));
    pool.end(trial, of_model(outcome(Class::Ok), "m"));
    pool.end(late, of_model(outcome(Class::Access), "m"));
    assert_eq!(pool.limit(0, "m"), None);
}

#[test]
fn reset_brings_back_everything_that_is_out_and_says_how_much() {
    let mut pool = Pool::of(6);
    pool.attempt(4, of_account(outcome(Class::Ok), "acme"));
    pool.attempt(0, outcome(Class::KeyDead));
    pool.attempt(1, outcome(Class::Quota));
    pool.attempt(2, resting(Class::Rate, 60.0));
    pool.attempt(3, of_model(outcome(Class::Access), "m"));
    pool.attempt(4, Outcome { blame: Blame::Account, ..outcome(Class::Quota) });
    let now = pool.now();
    assert_eq!(pool.proxy.reset(now), 5);
    for n in 0..6 {
        assert_eq!((pool.state(n), pool.limit(n, "m")), (State::Ready, None), "k{n}");
    }
    assert_eq!(pool.proxy.reset(now), 0);
}

#[test]
fn what_is_switched_off_stays_off_until_it_is_switched_on() {
    let mut pool = Pool::of(2);
    let id = pool.take_key(0).key();
    pool.attempt(0, outcome(Class::KeyDead));
    let now = pool.now();
    assert!(pool.proxy.set_enabled(id, false, now));
    assert_eq!(pool.state(0), State::Disabled);
    assert_eq!(pool.proxy.reset(now), 0);
    pool.at(100.0 * HOUR);
    assert_eq!(pool.state(0), State::Disabled);
    (0..4).for_each(|_| assert_eq!(&*pool.take().entry().name, "k1"));
    let now = pool.now();
    assert!(pool.proxy.set_enabled(id, true, now));
    assert_eq!(pool.state(0), State::Ready, "switching on revives");
}
