//! The table of classes: what each does to a key, and for how long.

use super::pool::{HOUR, Pool, config, of_account, of_model, outcome, resting, want_model};
use keywheel_core::classify::{Blame, Class, Outcome};
use keywheel_core::keyring::view::State;

#[test]
fn key_dead_blacklists_at_once() {
    let mut pool = Pool::of(2);
    pool.attempt(0, outcome(Class::KeyDead));
    assert_eq!((pool.state(0), pool.left(0)), (State::Blacklisted, HOUR));
    for _ in 0..4 {
        assert_eq!(&*pool.take().entry().name, "k1");
    }
}

#[test]
fn key_dead_gets_one_live_try_after_an_hour_doubling_to_a_day() {
    let mut pool = Pool::of(2);
    pool.attempt(0, outcome(Class::KeyDead));
    let mut now = 0.0;
    for hours in [1.0, 2.0, 4.0, 8.0, 16.0, 24.0, 24.0] {
        assert_eq!(pool.left(0), hours * HOUR);
        pool.at(now + hours * HOUR - 0.001);
        assert_eq!(pool.state(0), State::Blacklisted);
        now += hours * HOUR;
        pool.at(now);
        assert_eq!(pool.state(0), State::Probing);
        let lease = pool.take_key(0);
        assert!(lease.is_probe());
        pool.end(lease, outcome(Class::KeyDead));
    }
}

#[test]
fn live_tries_of_dead_keys_are_a_minute_apart_in_the_pool() {
    let mut pool = Pool::of(4);
    for n in 0..3 {
        pool.attempt(n, outcome(Class::KeyDead));
    }
    pool.at(HOUR);
    let tries = |pool: &mut Pool| (0..12).map(|_| pool.take()).filter(|lease| lease.is_probe()).count();
    assert_eq!(tries(&mut pool), 1);
    pool.at(HOUR + 59.9);
    assert_eq!(tries(&mut pool), 0);
    pool.at(HOUR + 60.0);
    assert_eq!(tries(&mut pool), 1);
    pool.at(HOUR + 120.0);
    assert_eq!(tries(&mut pool), 1);
}

#[test]
fn a_dead_key_that_answers_well_is_back() {
    let mut pool = Pool::of(1);
    pool.attempt(0, outcome(Class::KeyDead));
    pool.at(HOUR).attempt(0, outcome(Class::Ok));
    assert_eq!(pool.state(0), State::Ready);
    pool.attempt(0, outcome(Class::KeyDead));
    assert_eq!(pool.left(0), HOUR, "the doubling begins anew");
}

#[test]
fn quota_rests_an_hour_doubling_to_a_day() {
    let mut pool = Pool::of(1);
    let mut now = 0.0;
    for hours in [1.0, 2.0, 4.0, 8.0, 16.0, 24.0, 24.0] {
        pool.attempt(0, outcome(Class::Quota));
        assert_eq!((pool.state(0), pool.left(0)), (State::Cooling, hours * HOUR));
        now += hours * HOUR;
        pool.at(now);
        assert_eq!(pool.state(0), State::Probing);
    }
}

#[test]
fn quota_rests_until_a_stated_reset_however_far() {
    let mut pool = Pool::of(1);
    pool.attempt(0, resting(Class::Quota, 30.0 * 24.0 * HOUR));
    assert_eq!(pool.left(0), 30.0 * 24.0 * HOUR);
    pool.at(30.0 * 24.0 * HOUR);
    assert_eq!(pool.state(0), State::Probing, "a stated quota too ends half-open");
}

#[test]
fn quota_rests_the_scope_that_the_code_names() {
    let mut pool = Pool::of(3);
    for n in 0..3 {
        pool.attempt(n, of_account(outcome(Class::Ok), if n < 2 { "acme" } else { "bolt" }));
    }
    pool.attempt(0, Outcome { blame: Blame::KeyModel, ..of_model(outcome(Class::Quota), "m") });
    assert_eq!(pool.limit(0, "m"), Some((State::Cooling, HOUR, false)));
    assert_eq!((pool.limit(1, "m"), pool.state(0)), (None, State::Ready));
    pool.attempt(1, Outcome { blame: Blame::Account, ..outcome(Class::Quota) });
    assert_eq!([0, 1, 2].map(|n| pool.state(n)), [State::Cooling, State::Cooling, State::Ready]);
    pool.attempt(2, Outcome { blame: Blame::Key, ..outcome(Class::Quota) });
    assert_eq!(pool.state(2), State::Cooling);
}

#[test]
fn an_unknown_account_is_the_keys_own() {
    let mut pool = Pool::of(2);
    pool.attempt(0, Outcome { blame: Blame::Account, ..outcome(Class::Quota) });
    assert_eq!([0, 1].map(|n| pool.state(n)), [State::Cooling, State::Ready]);
}

#[test]
fn rate_rests_account_and_model() {
    let mut pool = Pool::of(3);
    for n in 0..2 {
        pool.attempt(n, of_account(outcome(Class::Ok), "acme"));
    }
    pool.attempt(0, of_model(resting(Class::Rate, 20.0), "m"));
    assert_eq!(pool.limit(0, "m"), Some((State::Cooling, 20.0, true)));
    assert_eq!(pool.limit(1, "m"), Some((State::Cooling, 20.0, true)), "a sibling of the same account");
    assert_eq!(pool.limit(2, "m"), None);
    assert_eq!(pool.limit(1, "other"), None);
    for _ in 0..4 {
        assert_eq!(&*pool.take_for(want_model("m")).entry().name, "k2");
    }
}

#[test]
fn rate_rests_key_and_model_while_the_account_is_unknown() {
    let mut pool = Pool::of(2);
    pool.attempt(0, of_model(resting(Class::Rate, 20.0), "m"));
    assert_eq!(pool.limit(0, "m"), Some((State::Cooling, 20.0, false)));
    assert_eq!(pool.limit(1, "m"), None);
}

#[test]
fn rate_rests_the_account_or_the_key_when_no_model_is_known() {
    let mut pool = Pool::of(3);
    for n in 0..2 {
        pool.attempt(n, of_account(outcome(Class::Ok), "acme"));
    }
    pool.attempt(0, resting(Class::Rate, 20.0));
    assert_eq!([0, 1, 2].map(|n| pool.state(n)), [State::Cooling, State::Cooling, State::Ready]);
    pool.attempt(2, resting(Class::Rate, 20.0));
    assert_eq!(pool.state(2), State::Cooling);
}

#[test]
fn the_answer_that_limits_an_account_may_be_the_one_that_names_it() {
    let mut pool = Pool::of(2);
    pool.attempt(1, of_account(outcome(Class::Ok), "acme"));
    pool.attempt(0, of_account(of_model(resting(Class::Rate, 20.0), "m"), "acme"));
    assert_eq!(pool.limit(1, "m"), Some((State::Cooling, 20.0, true)));
    let lease = pool.take_key(0);
    assert!(lease.knows_account("acme") && !lease.knows_account("bolt"));
}

#[test]
fn a_stated_rate_rests_as_stated_and_ends_in_ready() {
    for secs in [0.4, 1.0, 46.0, 600.0] {
        let mut pool = Pool::of(1);
        pool.attempt(0, resting(Class::Rate, secs));
        assert_eq!((pool.state(0), pool.left(0)), (State::Cooling, secs));
        pool.at(secs);
        assert_eq!(pool.state(0), State::Ready);
    }
}

#[test]
fn a_rate_that_says_zero_rests_not_at_all() {
    let mut pool = Pool::of(1);
    pool.attempt(0, resting(Class::Rate, 0.0));
    assert_eq!(pool.state(0), State::Ready);
}

#[test]
fn a_longer_stated_rate_rests_as_stated_up_to_a_day_and_ends_in_probing() {
    for (said, rests) in [(601.0, 601.0), (5.0 * HOUR, 5.0 * HOUR), (90.0 * HOUR, 24.0 * HOUR)] {
        let mut pool = Pool::of(1);
        pool.attempt(0, resting(Class::Rate, said));
        let row = pool.row(0);
        assert_eq!(row.standing.why.unwrap().class, Class::Rate, "the class stays");
        assert_eq!(pool.left(0), rests);
        pool.at(rests);
        assert_eq!(pool.state(0), State::Probing);
    }
}

#[test]
fn a_rate_that_says_nothing_backs_off_from_a_second_and_ends_in_probing() {
    let mut pool = Pool::of(1);
    for n in 0..14 {
        pool.attempt(0, outcome(Class::Rate));
        let (middle, left) = (f64::from(1 << n).min(600.0), pool.left(0));
        assert!((0.8 * middle..=(1.2 * middle).min(600.0)).contains(&left), "rest {n} is {left}");
        pool.after(left + 0.001);
        assert_eq!(pool.state(0), State::Probing);
    }
    pool.attempt(0, outcome(Class::Ok));
    pool.attempt(0, outcome(Class::Rate));
    assert!(pool.left(0) <= 1.2, "a success ends the row");
}

#[test]
fn access_rests_key_and_model_or_the_key() {
    let mut pool = Pool::of(2);
    pool.attempt(0, of_model(outcome(Class::Access), "m"));
    assert_eq!((pool.limit(0, "m"), pool.state(0)), (Some((State::Cooling, HOUR, false)), State::Ready));
    pool.attempt(1, outcome(Class::Access));
    assert_eq!((pool.state(1), pool.left(1)), (State::Cooling, HOUR));
    pool.at(HOUR);
    assert_eq!((pool.limit(0, "m").unwrap().0, pool.state(1)), (State::Probing, State::Probing));
}

#[test]
fn overload_config_client_and_ours_change_no_key() {
    for class in [Class::Overload, Class::Config, Class::Client, Class::Ours] {
        let mut pool = Pool::of(2);
        pool.attempt(1, outcome(Class::Ok));
        for _ in 0..9 {
            pool.attempt(0, resting(class, 30.0));
        }
        assert_eq!((pool.state(0), pool.row(0).epoch), (State::Ready, 0), "{class:?}");
        assert_eq!(pool.row(0).tally[class as usize], 9, "but it is counted");
    }
}

#[test]
fn dead_keys_quota_and_rates_act_whatever_the_threshold() {
    for threshold in [0, 1, 9] {
        let mut config = config(3);
        config.pool.threshold = threshold;
        let mut pool = Pool::new(config);
        for (n, class) in [Class::KeyDead, Class::Quota, Class::Rate].into_iter().enumerate() {
            pool.attempt(n, resting(class, 30.0));
            assert_ne!(pool.state(n), State::Ready, "{class:?} with a threshold of {threshold}");
        }
    }
}

#[test]
fn a_shorter_rest_never_shortens_a_longer_one() {
    let mut pool = Pool::of(1);
    let (one, two) = (pool.take(), pool.take());
    pool.end(one, resting(Class::Rate, 50.0));
    pool.end(two, resting(Class::Rate, 5.0));
    assert_eq!(pool.left(0), 50.0);
}

#[test]
fn parallel_faults_of_one_rest_do_not_multiply_it() {
    let mut pool = Pool::of(1);
    let leases: Vec<_> = (0..8).map(|_| pool.take()).collect();
    for lease in leases {
        pool.end(lease, outcome(Class::Quota));
    }
    assert_eq!(pool.left(0), HOUR);
}

#[test]
fn a_config_fault_is_told_to_the_operator_once_a_minute() {
    let mut pool = Pool::of(1);
    let told = |pool: &mut Pool| {
        pool.attempt(0, Outcome { code: Some("ip_not_authorized".into()), ..outcome(Class::Config) });
        pool.told().into_iter().filter(|line| line.starts_with("config")).collect::<Vec<_>>()
    };
    let first = told(&mut pool);
    assert!(first.len() == 1 && first[0].contains("ip_not_authorized"), "{first:?}");
    assert_eq!(told(&mut pool).len(), 0);
    assert_eq!(told(pool.at(60.0)).len(), 1);
}

#[test]
fn every_change_of_state_is_told_with_its_cause() {
    let mut pool = Pool::of(1);
    pool.attempt(0, Outcome { status: 401, code: Some("invalid_api_key".into()), ..outcome(Class::KeyDead) });
    let told = pool.told();
    let preview = pool.row(0).entry.preview.clone();
    assert_eq!(told.len(), 1);
    for part in [&*preview, "ready -> blacklisted", "key_dead (401 invalid_api_key)", "until 2027-01-15T09:00:00"] {
        assert!(told[0].contains(part), "{told:?} lacks {part}");
    }
    assert!(!told[0].contains("secret"), "{told:?}");
    assert!(pool.at(HOUR).told()[0].contains("blacklisted -> probing"));
}
