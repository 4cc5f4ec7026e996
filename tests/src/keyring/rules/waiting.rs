//! WHEN_EXHAUSTED and the queue.

use super::pool::{
    HOUR, Pool, change_key, change_settings, config, key, name, of_model, outcome, resting, seconds, want, want_after,
    want_model,
};
use core::time::Duration;
use keywheel_core::classify::{Class, Outcome};
use keywheel_core::config::{Config, WhenExhausted};
use keywheel_core::keyring::{Lease, Refusal, Ticket, Want};
use keywheel_core::proxy::{Ask, Reply};

/// One key that rests for so long.
fn resting_pool(secs: f64) -> Pool {
    let mut pool = Pool::of(1);
    pool.attempt(0, resting(Class::Rate, secs));
    pool
}

fn policy(count: usize, when_exhausted: WhenExhausted) -> Config {
    let mut config = config(count);
    config.pool.when_exhausted = when_exhausted;
    config
}

fn capped(count: usize, sockets: u32) -> Pool {
    let mut config = config(count);
    config.pool.max_sockets = Some(sockets);
    Pool::new(config)
}

fn tickets(woken: &[(Ticket, Reply)]) -> Vec<Ticket> {
    woken.iter().map(|(ticket, _)| *ticket).collect()
}

fn leases(woken: Vec<(Ticket, Reply)>) -> Vec<Lease> {
    let lease = |(_, reply)| match reply {
        Reply::Granted(lease) => lease,
        reply => panic!("{reply:?}"),
    };
    woken.into_iter().map(lease).collect()
}

#[test]
fn a_request_waits_for_a_rest_that_ends_within_ten_seconds() {
    let mut pool = resting_pool(10.0);
    let ticket = pool.queued(want());
    assert_eq!(ticket.worker, 3);
    assert!(pool.at(9.999).woken().is_empty());
    let woken = pool.at(10.0).woken();
    assert_eq!((tickets(&woken), name(&woken[0].1)), (vec![ticket], "k0".to_owned()));
}

#[test]
fn not_for_one_that_ends_later() {
    let mut pool = resting_pool(10.001);
    assert_eq!(pool.refused(want()), Refusal::Exhausted { back: Duration::from_secs_f64(10.001) });
}

#[test]
fn nor_beyond_its_own_budget() {
    let mut pool = resting_pool(5.0);
    pool.refused(Want { until: seconds(4.9), ..want() });
    pool.queued(Want { until: seconds(5.0), ..want() });
}

#[test]
fn nor_after_it_was_tried() {
    let mut pool = Pool::of(2);
    let lease = pool.take_key(1);
    pool.attempt(0, resting(Class::Rate, 5.0));
    let tried = [lease.key()];
    match pool.end_then(lease, resting(Class::Rate, 5.0), want_after(&tried)) {
        Reply::Refused(Refusal::Exhausted { .. }) => {}
        reply => panic!("{reply:?}"),
    }
}

#[test]
fn nor_for_a_blacklisted_key() {
    let mut pool = Pool::of(1);
    pool.attempt(0, outcome(Class::KeyDead));
    pool.at(HOUR - 5.0);
    assert_eq!(pool.refused(want()), Refusal::Unavailable { back: Some(Duration::from_secs(5)) });
}

#[test]
fn a_key_that_is_being_tried_is_waited_for() {
    let mut pool = Pool::of(1);
    pool.attempt(0, outcome(Class::Quota));
    pool.at(HOUR);
    let trial = pool.take();
    let first = pool.queued(want());
    pool.end(trial, outcome(Class::Ok));
    assert_eq!(tickets(&pool.woken()), [first]);
}

#[test]
fn whoever_waits_for_what_has_gone_is_told_at_once() {
    let mut pool = Pool::of(1);
    pool.attempt(0, outcome(Class::Quota));
    pool.at(HOUR);
    let trial = pool.take();
    pool.queued(want());
    pool.end(trial, outcome(Class::Quota));
    let woken = pool.woken();
    assert!(
        matches!(woken[..], [(_, Reply::Refused(Refusal::Exhausted { back }))] if back.as_secs() == 7200),
        "{woken:?}"
    );
}

#[test]
fn a_wait_ends_with_its_time() {
    let mut pool = Pool::of(1);
    pool.attempt(0, outcome(Class::Quota));
    pool.at(HOUR);
    let _trial = pool.take();
    let ticket = pool.queued(want());
    let soon = pool.queued(Want { until: seconds(HOUR + 2.0), ..want() });
    assert_eq!(tickets(&pool.at(HOUR + 2.0).woken()), [soon]);
    assert!(pool.at(HOUR + 9.999).woken().is_empty());
    let woken = pool.at(HOUR + 10.0).woken();
    assert!(matches!(woken[..], [(t, Reply::Refused(Refusal::Exhausted { .. }))] if t == ticket), "{woken:?}");
}

#[test]
fn first_come_first_served_one_for_each_freed_key() {
    let mut pool = Pool::of(2);
    pool.attempt(0, resting(Class::Rate, 5.0));
    pool.attempt(1, resting(Class::Rate, 6.0));
    let queue: Vec<_> = (0..4).map(|_| pool.queued(want())).collect();
    pool.proxy.handle_timeout(seconds(5.0));
    assert_eq!(tickets(&pool.woken()), queue[..1], "one for the one key");
    assert_eq!(tickets(&pool.at(5.001).woken()), queue[1..2], "the next a moment later");
    assert_eq!(tickets(&pool.at(5.1).woken()), queue[2..]);
}

#[test]
fn whoever_waits_comes_before_whoever_arrives() {
    let mut pool = resting_pool(5.0);
    let queue: Vec<_> = (0..3).map(|_| pool.queued(want())).collect();
    pool.proxy.handle_timeout(seconds(5.0));
    let late = match pool.proxy.handle_ask(Ask::Lease(want()), seconds(5.0)) {
        Reply::Queued(ticket) => ticket,
        reply => panic!("{reply:?}"),
    };
    let woken = tickets(&pool.at(6.0).woken());
    assert_eq!(woken, [queue.clone(), vec![late]].concat());
}

#[test]
fn arrivals_never_make_the_queue_of_a_free_key_longer() {
    let mut pool = resting_pool(5.0);
    let waiting = 50;
    for _ in 0..waiting {
        pool.queued(want());
    }
    pool.proxy.handle_timeout(seconds(5.0));
    for _ in 0..200 {
        pool.proxy.handle_ask(Ask::Lease(want()), seconds(5.0));
        let now = seconds(5.0);
        assert!(pool.proxy.pool(now).waiting < waiting);
    }
}

#[test]
fn a_probing_key_frees_one_at_a_time() {
    let mut pool = Pool::of(1);
    pool.attempt(0, outcome(Class::Rate));
    let queue: Vec<_> = (0..3).map(|_| pool.queued(want())).collect();
    let mut woken = pool.at(2.0).woken();
    assert_eq!(tickets(&woken), queue[..1], "half-open: one request at a time");
    let Reply::Granted(mut lease) = woken.remove(0).1 else { panic!() };
    assert!(lease.is_probe());
    pool.verdict(&mut lease, outcome(Class::Ok));
    assert_eq!(tickets(&pool.at(2.1).woken()), queue[1..]);
}

#[test]
fn one_is_woken_for_each_freed_permit() {
    let mut pool = capped(3, 2);
    let mut held: Vec<_> = (0..2).map(|_| pool.take()).collect();
    let queue: Vec<_> = (0..3).map(|_| pool.queued(want())).collect();
    for (n, &ticket) in queue.iter().enumerate() {
        let lease = held.remove(0);
        pool.end(lease, outcome(Class::Ok));
        let woken = pool.woken();
        assert_eq!(tickets(&woken), [ticket], "permit {n}");
        held.extend(leases(woken));
    }
}

#[test]
fn a_connection_is_waited_for_as_long_as_a_key_and_then_there_is_none() {
    for when in [WhenExhausted::Wait, WhenExhausted::Reject, WhenExhausted::LeastBad] {
        let mut config = policy(1, when);
        config.pool.max_sockets = Some(1);
        let mut pool = Pool::new(config);
        let _held = pool.take();
        let ticket = pool.queued(want());
        let woken = pool.at(10.0).woken();
        assert!(
            matches!(woken[..], [(t, Reply::Refused(Refusal::NoConnection))] if t == ticket),
            "{when:?}: {woken:?}"
        );
    }
}

#[test]
fn a_request_that_goes_on_with_another_key_keeps_its_connection() {
    let mut pool = capped(2, 1);
    let lease = pool.take();
    let ticket = pool.queued(want());
    let tried = [lease.key()];
    let next = pool.end_then(lease, outcome(Class::KeyDead), want_after(&tried));
    assert_eq!(name(&next), "k1");
    assert!(pool.woken().is_empty(), "{ticket:?} waits on");
}

#[test]
fn at_most_so_many_wait_then_as_reject() {
    let mut config = config(1);
    change_settings(&mut config, |settings| settings.limits.waiting = 3);
    let mut pool = Pool::new(config);
    pool.attempt(0, resting(Class::Rate, 5.0));
    let queue: Vec<_> = (0..3).map(|_| pool.queued(want())).collect();
    assert_eq!(pool.refused(want()), Refusal::Exhausted { back: Duration::from_secs(5) });
    pool.call(Ask::Cancel(queue[1]));
    pool.queued(want());
    assert_eq!(super::pool::config(1).settings.limits.waiting, 1000, "unless it is set");
}

#[test]
fn who_leaves_gives_up_its_place() {
    let mut pool = resting_pool(5.0);
    let queue: Vec<_> = (0..3).map(|_| pool.queued(want())).collect();
    pool.call(Ask::Cancel(queue[0]));
    pool.call(Ask::Cancel(queue[0]));
    assert_eq!(tickets(&pool.at(6.0).woken()), queue[1..]);
}

#[test]
fn a_grant_to_a_dead_ticket_comes_back_unused() {
    let mut pool = capped(1, 1);
    let held = pool.take();
    let queue: Vec<_> = (0..2).map(|_| pool.queued(want())).collect();
    pool.end(held, outcome(Class::Ok));
    let woken = pool.woken();
    pool.call(Ask::Cancel(queue[0]));
    leases(woken).into_iter().for_each(|lease| pool.give_back(lease));
    assert_eq!(tickets(&pool.woken()), queue[1..]);
    assert_eq!(pool.row(0).tally.iter().sum::<u64>(), 1, "what was not used was no attempt");
}

#[test]
fn who_waits_for_one_model_does_not_hold_up_another() {
    let mut pool = Pool::of(1);
    pool.attempt(0, of_model(resting(Class::Rate, 5.0), "m"));
    let waiting = pool.queued(want_model("m"));
    pool.take_for(want_model("n"));
    assert_eq!(tickets(&pool.at(5.0).woken()), [waiting]);
}

#[test]
fn reject_answers_at_once() {
    let mut pool = Pool::new(policy(1, WhenExhausted::Reject));
    pool.attempt(0, resting(Class::Rate, 1.0));
    assert_eq!(pool.refused(want()), Refusal::Exhausted { back: Duration::from_secs(1) });
}

#[test]
fn least_bad_tries_the_key_that_rests_shortest() {
    let mut pool = Pool::new(policy(3, WhenExhausted::LeastBad));
    pool.attempt(0, resting(Class::Rate, 500.0));
    pool.attempt(1, resting(Class::Rate, 90.0));
    pool.attempt(2, outcome(Class::KeyDead));
    for _ in 0..3 {
        assert_eq!(&*pool.take().entry().name, "k1");
    }
    let tried = [pool.take().key()];
    assert!(matches!(pool.refused(want_after(&tried)), Refusal::Exhausted { .. }), "one attempt");
}

#[test]
fn least_bad_never_takes_a_blacklisted_or_disabled_key() {
    let mut pool = Pool::new(policy(2, WhenExhausted::LeastBad));
    let id = pool.take_key(1).key();
    pool.attempt(0, outcome(Class::KeyDead));
    let now = pool.now();
    pool.proxy.set_enabled(id, false, now);
    assert!(matches!(pool.refused(want()), Refusal::Unavailable { .. }));
    pool.at(HOUR);
    let _trial = pool.take();
    assert!(!matches!(pool.ask(want()), Reply::Granted(_)), "nor one that was dead and is being tried");
}

#[test]
fn a_least_bad_success_does_not_end_the_rest() {
    let mut pool = Pool::new(policy(1, WhenExhausted::LeastBad));
    pool.attempt(0, resting(Class::Rate, 90.0));
    pool.attempt(0, outcome(Class::Ok));
    assert_eq!(pool.left(0), 90.0);
}

#[test]
fn all_states_are_never_cleared() {
    let mut pool = Pool::of(3);
    (0..3).for_each(|n| pool.attempt(n, Outcome { code: Some("c".into()), ..outcome(Class::KeyDead) }));
    for _ in 0..5 {
        pool.refused(want());
    }
    assert!((0..3).all(|n| pool.left(n) == HOUR));
}

#[test]
fn a_key_at_another_origin_serves_while_one_is_full() {
    let mut config = config(2);
    config.pool.max_sockets = Some(1);
    change_key(&mut config, 1, |entry| *entry = key(1, &["other.test"]));
    let mut pool = Pool::new(config);
    let held = [pool.take(), pool.take()];
    let ticket = pool.queued(want());
    let [_kept, freed] = held;
    let freed_name = freed.entry().name.clone();
    pool.end(freed, outcome(Class::Ok));
    let woken = pool.woken();
    assert_eq!((tickets(&woken), name(&woken[0].1)), (vec![ticket], freed_name.to_string()));
}
