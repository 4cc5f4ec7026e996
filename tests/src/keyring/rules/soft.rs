//! Soft faults: AMBIGUOUS and UNKNOWN, and BLACKLIST_THRESHOLD.

use super::pool::{Pool, config, outcome};
use keywheel_core::classify::Class;
use keywheel_core::keyring::view::State;

fn pool(threshold: u32) -> Pool {
    let mut config = config(2);
    config.pool.threshold = threshold;
    Pool::new(config)
}

#[test]
fn one_counts_while_another_key_has_just_done_well() {
    for class in [Class::Unknown, Class::Ambiguous] {
        let mut pool = pool(1);
        pool.attempt(1, outcome(Class::Ok));
        pool.attempt(0, outcome(class));
        assert_eq!((pool.state(0), pool.left(0)), (State::Cooling, 0.5));
    }
}

#[test]
fn none_counts_while_the_last_outcome_of_others_was_no_success() {
    let mut pool = pool(1);
    pool.attempt(0, outcome(Class::Unknown));
    assert_eq!(pool.state(0), State::Ready, "nothing is known of others");
    pool.attempt(0, outcome(Class::Ok));
    pool.attempt(0, outcome(Class::Unknown));
    assert_eq!(pool.state(0), State::Ready, "its own success says nothing of the origin");
    pool.attempt(1, outcome(Class::Ok));
    pool.attempt(1, outcome(Class::Overload));
    pool.attempt(0, outcome(Class::Unknown));
    assert_eq!(pool.state(0), State::Ready, "the origin is to blame");
}

#[test]
fn the_threshold_counts_them_in_a_row() {
    let mut pool = pool(3);
    pool.attempt(1, outcome(Class::Ok));
    for _ in 0..2 {
        pool.attempt(0, outcome(Class::Unknown));
    }
    pool.attempt(0, outcome(Class::Ok));
    for _ in 0..2 {
        pool.attempt(0, outcome(Class::Unknown));
    }
    assert_eq!(pool.state(0), State::Ready, "a success clears the count");
    pool.attempt(0, outcome(Class::Unknown));
    assert_eq!(pool.state(0), State::Cooling);
}

#[test]
fn zero_is_never() {
    let mut pool = pool(0);
    pool.attempt(1, outcome(Class::Ok));
    for _ in 0..20 {
        pool.attempt(0, outcome(Class::Ambiguous));
    }
    assert_eq!(pool.state(0), State::Ready);
}

#[test]
fn the_rest_doubles_from_half_a_second_to_a_minute_and_ends_half_open() {
    let mut pool = pool(1);
    let mut now = 0.0;
    for secs in [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
        pool.attempt(1, outcome(Class::Ok));
        pool.attempt(0, outcome(Class::Unknown));
        assert_eq!(pool.left(0), secs);
        now += secs;
        pool.at(now);
        assert_eq!(pool.state(0), State::Probing);
    }
}

#[test]
fn only_these_two_classes_are_soft() {
    let mut pool = pool(1);
    pool.attempt(1, outcome(Class::Ok));
    for class in [Class::Overload, Class::Config, Class::Client, Class::Ours] {
        pool.attempt(0, outcome(class));
        assert_eq!(pool.state(0), State::Ready, "{class:?}");
    }
}
