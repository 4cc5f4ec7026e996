//! Half-open: how a scope that is out finds back.

use super::pool::{HOUR, Pool, name, of_account, of_model, outcome, resting, want, want_model};
use keywheel_core::classify::{Blame, Class, Outcome};
use keywheel_core::keyring::view::State;
use keywheel_core::proxy::Reply;

/// A pool whose key 0 is due for a trial after a quota's hour.
fn due(count: usize) -> Pool {
    let mut pool = Pool::of(count);
    pool.attempt(0, outcome(Class::Quota));
    pool.at(HOUR);
    assert_eq!(pool.state(0), State::Probing);
    pool
}

#[test]
fn a_rate_with_a_stated_reset_needs_no_probe() {
    let mut pool = Pool::of(1);
    pool.attempt(0, resting(Class::Rate, 5.0));
    pool.at(5.0);
    let leases: Vec<_> = (0..5).map(|_| pool.take()).collect();
    assert!(leases.iter().all(|lease| !lease.is_probe()), "as many at once as come");
}

#[test]
fn one_request_at_a_time_tries() {
    let mut pool = due(2);
    let trial = pool.take_key(0);
    assert!(trial.is_probe());
    for _ in 0..6 {
        assert_eq!(&*pool.take().entry().name, "k1", "a trial never holds up what other keys can serve");
    }
    pool.end(trial, outcome(Class::Ok));
    assert_eq!(pool.state(0), State::Ready);
}

#[test]
fn the_verdict_falls_at_the_head() {
    let mut pool = due(1);
    let mut trial = pool.take();
    pool.verdict(&mut trial, outcome(Class::Ok));
    assert_eq!(pool.state(0), State::Ready, "while the answer still runs");
    assert!(!pool.take().is_probe());
    pool.end(trial, outcome(Class::Ok));
    assert_eq!(pool.row(0).tally[Class::Ok as usize], 1, "and it counts once");
}

#[test]
fn a_verdict_that_is_a_fault_rests_it_again_and_longer() {
    let mut pool = due(1);
    let mut trial = pool.take();
    pool.verdict(&mut trial, outcome(Class::Quota));
    assert_eq!((pool.state(0), pool.left(0)), (State::Cooling, 2.0 * HOUR));
    pool.end(trial, outcome(Class::Quota));
    assert_eq!(pool.left(0), 2.0 * HOUR, "what the verdict said is not said twice");
}

#[test]
fn outcomes_that_say_nothing_of_it_leave_it_due() {
    for class in [Class::Client, Class::Config, Class::Overload, Class::Ours, Class::Unknown, Class::Ambiguous] {
        let mut pool = due(1);
        let trial = pool.take();
        pool.end(trial, outcome(class));
        assert_eq!(pool.state(0), State::Probing, "{class:?}");
        assert!(pool.take().is_probe(), "{class:?}: the next request tries");
    }
}

#[test]
fn a_trial_that_was_never_sent_leaves_it_due() {
    let mut pool = due(1);
    let trial = pool.take();
    pool.give_back(trial);
    assert!(pool.take().is_probe());
}

#[test]
fn a_counted_soft_fault_is_a_verdict() {
    let mut pool = due(2);
    pool.attempt(1, outcome(Class::Ok));
    let trial = pool.take_key(0);
    pool.end(trial, outcome(Class::Unknown));
    assert_eq!((pool.state(0), pool.left(0)), (State::Cooling, 0.5));
}

#[test]
fn a_fault_of_another_scope_leaves_it_due() {
    let mut pool = due(1);
    let trial = pool.take_for(want_model("m"));
    pool.end(trial, of_model(resting(Class::Rate, 30.0), "m"));
    assert_eq!(pool.state(0), State::Probing);
    assert_eq!(pool.limit(0, "m").unwrap().0, State::Cooling);
}

#[test]
fn all_keys_of_an_account_share_its_trial() {
    let mut pool = Pool::of(3);
    for n in 0..2 {
        pool.attempt(n, of_account(outcome(Class::Ok), "acme"));
    }
    pool.attempt(0, Outcome { blame: Blame::Account, ..outcome(Class::Quota) });
    pool.at(HOUR);
    let mut trials = Vec::new();
    for _ in 0..6 {
        let lease = pool.take();
        if lease.is_probe() {
            trials.push(lease);
        } else {
            assert_eq!(&*lease.entry().name, "k2");
        }
    }
    assert_eq!(trials.len(), 1, "one for both keys");
    pool.end(trials.pop().unwrap(), outcome(Class::Ok));
    assert_eq!([0, 1].map(|n| pool.state(n)), [State::Ready, State::Ready]);
}

#[test]
fn each_model_has_its_own_trial() {
    let mut pool = Pool::of(1);
    for model in ["m", "n"] {
        pool.attempt(0, of_model(outcome(Class::Access), model));
    }
    pool.at(HOUR);
    let (m, n) = (pool.take_for(want_model("m")), pool.take_for(want_model("n")));
    assert!(m.is_probe() && n.is_probe());
    assert!(!matches!(pool.ask(want_model("m")), Reply::Granted(_)), "one at a time");
    assert!(!pool.take_for(want_model("other")).is_probe(), "other models never rested");
    pool.end(m, of_model(outcome(Class::Ok), "m"));
    assert_eq!(pool.limit(0, "m"), None);
    assert_eq!(pool.limit(0, "n").unwrap().0, State::Probing);
}

#[test]
fn a_trial_is_not_needed_where_a_request_of_another_model_can_be_served() {
    let mut pool = Pool::of(1);
    pool.attempt(0, of_model(outcome(Class::Access), "m"));
    pool.at(HOUR);
    assert!(!pool.take().is_probe(), "a request whose model is not known");
    assert_eq!(name(&pool.ask(want())), "k0");
}

#[test]
fn the_state_says_that_it_is_probing() {
    let mut pool = due(1);
    let row = pool.row(0);
    assert_eq!((row.standing.state, row.eligible), (State::Probing, true));
    assert_eq!(row.standing.why.unwrap().class, Class::Quota, "and why it was out");
    let _trial = pool.take();
    assert!(!pool.row(0).eligible, "but not while it is being tried");
}
