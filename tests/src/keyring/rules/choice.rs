//! Whose turn it is: strategies, weights, tiers.

use super::pool::{Pool, change_key, config, outcome, resting, want_after, want_model};
use keywheel_core::classify::Class;
use keywheel_core::config::Strategy;
use std::collections::BTreeMap;

fn serve(pool: &mut Pool, count: usize) -> Vec<String> {
    let mut names = Vec::new();
    for _ in 0..count {
        let lease = pool.take();
        names.push(lease.entry().name.to_string());
        pool.end(lease, outcome(Class::Ok));
    }
    names
}

fn counts(names: &[String]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    names.iter().for_each(|name| *counts.entry(name.as_str()).or_default() += 1);
    counts
}

#[test]
fn round_robin_begins_at_start_index() {
    for (start, first) in [(0, "k0"), (2, "k2"), (4, "k1"), (u32::MAX, "k0")] {
        let mut config = config(3);
        config.pool.start_index = start;
        let mut pool = Pool::new(config);
        assert_eq!(serve(&mut pool, 1), [first], "START_INDEX {start}");
    }
    let mut config = config(3);
    config.pool.start_index = 1;
    assert_eq!(serve(&mut Pool::new(config), 6), ["k1", "k2", "k0", "k1", "k2", "k0"]);
}

#[test]
fn the_dead_keys_neighbour_gets_no_double_load() {
    let mut pool = Pool::of(5);
    serve(&mut pool, 7);
    pool.attempt(2, outcome(Class::KeyDead));
    let served = serve(&mut pool, 40);
    assert_eq!(counts(&served).into_values().collect::<Vec<_>>(), [10; 4]);
    for window in served.windows(4) {
        assert_eq!(counts(window).len(), 4, "each once in any four: {served:?}");
    }
}

#[test]
fn a_recovered_key_is_used_within_as_many_requests_as_there_are_keys() {
    for after in 0..12 {
        let mut pool = Pool::of(4);
        serve(&mut pool, after);
        pool.attempt(1, resting(Class::Rate, 3.0));
        serve(&mut pool, after * 7);
        pool.at(3.0);
        assert!(serve(&mut pool, 4).contains(&"k1".to_owned()), "after {after}");
        assert_eq!(counts(&serve(&mut pool, 8)).into_values().collect::<Vec<_>>(), [2; 4], "and takes its share only");
    }
}

#[test]
fn weights_are_shares_and_smooth() {
    let mut config = config(3);
    change_key(&mut config, 0, |entry| entry.weight = 5);
    change_key(&mut config, 1, |entry| entry.weight = 2);
    let mut pool = Pool::new(config);
    let served = serve(&mut pool, 800);
    assert_eq!(counts(&served).into_values().collect::<Vec<_>>(), [500, 200, 100]);
    for window in served.windows(8) {
        let most = counts(window)["k0"];
        assert!((4..=6).contains(&most), "{window:?}");
    }
}

#[test]
fn random_follows_the_weights() {
    let mut config = config(3);
    config.pool.strategy = Strategy::Random;
    change_key(&mut config, 0, |entry| entry.weight = 3);
    let mut pool = Pool::new(config);
    let served = serve(&mut pool, 20_000);
    let share = |name, p: f64| {
        let (n, seen) = (served.len() as f64, counts(&served)[name] as f64);
        let sigma = (n * p * (1.0 - p)).sqrt();
        assert!((seen - n * p).abs() < 6.0 * sigma, "{name}: {seen} of {n}");
    };
    share("k0", 0.6);
    share("k1", 0.2);
    share("k2", 0.2);
    let pairs = served.windows(2).filter(|pair| pair[0] == pair[1]).count() as f64 / served.len() as f64;
    assert!((pairs - 0.44).abs() < 0.03, "each draw is its own: {pairs}");
}

#[test]
fn random_is_fair_among_those_that_a_request_has_not_tried() {
    let mut config = config(4);
    config.pool.strategy = Strategy::Random;
    let mut pool = Pool::new(config);
    let tried = pool.take_key(0).key();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..9000 {
        let lease = pool.take_for(want_after(&[tried]));
        *seen.entry(lease.entry().name.to_string()).or_default() += 1;
        pool.end(lease, outcome(Class::Ok));
    }
    assert!(seen.len() == 3 && seen.values().all(|&count| (2700..3300).contains(&count)), "{seen:?}");
}

#[test]
fn least_busy_takes_the_fewest_leases_for_its_weight() {
    let mut config = config(3);
    config.pool.strategy = Strategy::LeastBusy;
    change_key(&mut config, 0, |entry| entry.weight = 2);
    let mut pool = Pool::new(config);
    let leases: Vec<_> = (0..40).map(|_| pool.take()).collect();
    assert_eq!([0, 1, 2].map(|n| pool.row(n).leases), [20, 10, 10]);
    for lease in leases {
        if &*lease.entry().name == "k2" {
            pool.end(lease, outcome(Class::Ok));
        } else {
            core::mem::forget(lease);
        }
    }
    (0..10).for_each(|_| assert_eq!(&*pool.take().entry().name, "k2"));
}

#[test]
fn a_lower_tier_serves_only_while_the_upper_is_out() {
    let mut config = config(4);
    change_key(&mut config, 0, |entry| entry.priority = 1);
    change_key(&mut config, 3, |entry| entry.priority = 7);
    let mut pool = Pool::new(config);
    assert_eq!(counts(&serve(&mut pool, 10)).into_keys().collect::<Vec<_>>(), ["k1", "k2"]);
    pool.attempt(1, resting(Class::Rate, 5.0));
    pool.attempt(2, resting(Class::Rate, 9.0));
    assert_eq!(serve(&mut pool, 3), ["k0"; 3]);
    pool.attempt(0, resting(Class::Rate, 9.0));
    assert_eq!(serve(&mut pool, 3), ["k3"; 3]);
    pool.at(5.0);
    assert_eq!(serve(&mut pool, 3), ["k1"; 3]);
}

#[test]
fn a_key_serves_the_models_that_it_may() {
    let mut config = config(3);
    change_key(&mut config, 0, |entry| entry.models = vec!["gpt-4*".into()]);
    change_key(&mut config, 1, |entry| entry.models = vec!["gpt-4o".into(), "o3".into()]);
    let mut pool = Pool::new(config);
    let mut served = |model: &str| {
        let mut names: Vec<_> = (0..6).map(|_| pool.take_for(want_model(model)).entry().name.to_string()).collect();
        names.sort();
        names.dedup();
        names
    };
    assert_eq!(served("gpt-4o"), ["k0", "k1", "k2"]);
    assert_eq!(served("gpt-4"), ["k0", "k2"]);
    assert_eq!(served("o3"), ["k1", "k2"]);
    assert_eq!(served("other"), ["k2"]);
}

#[test]
fn keys_that_rest_for_one_model_keep_their_share_of_the_others() {
    let mut pool = Pool::of(3);
    pool.attempt(0, super::pool::of_model(resting(Class::Rate, 60.0), "m"));
    for _ in 0..30 {
        assert_ne!(&*pool.take_for(want_model("m")).entry().name, "k0");
        pool.take_for(want_model("n"));
    }
    let [resting, one, two] = [0, 1, 2].map(|n| pool.row(n).leases);
    assert!(resting >= 10 && one.abs_diff(two) <= 1, "{resting}, {one}, {two}");
}
