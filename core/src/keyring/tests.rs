//! What a choice costs, counted in comparisons of keys and not in time; and that what is known stays bounded.

use super::*;
use crate::classify::{Blame, Outcome};
use crate::config::Strategy;
use crate::origin::BaseUrl;
use crate::secret::Secret;

const KEYS: usize = 10_000;
/// Matches of one path through the tournament of 16,384 places, there and back.
const PATH: u64 = 2 * 14;

fn keyring(count: usize, change: impl Fn(usize, &mut KeyEntry), pool: impl Fn(&mut Config)) -> Keyring {
    let base: Arc<[BaseUrl]> = Arc::from([BaseUrl::new(Origin::new(true, "api.test", 443), "")]);
    let key = |n: usize| {
        let mut entry = KeyEntry::new(Secret::new(format!("key-{n}").into_bytes()), n as u32, base.clone()).unwrap();
        change(n, &mut entry);
        Arc::new(entry)
    };
    let mut config = Config::new((0..count).map(key).collect());
    config.pool.when_exhausted = crate::config::WhenExhausted::Reject;
    pool(&mut config);
    Keyring::new(&config, 1, Instant::ZERO)
}

fn want(model: Option<&str>) -> Want {
    Want {
        worker: 0,
        model: model.map_or(Model::Absent, |name| Model::Named(name.into())),
        tried: Vec::new(),
        unreachable: Vec::new(),
        until: Instant::from_micros(u64::MAX),
        patience: Patience::Refuse,
    }
}

fn take(keys: &mut Keyring, model: Option<&str>) -> Lease {
    match keys.lease(want(model)) {
        Answer::Granted(lease) => lease,
        answer => panic!("{answer:?}"),
    }
}

fn end(keys: &mut Keyring, lease: Lease, outcome: Outcome) {
    keys.settle(Settle { lease, outcome: Some(outcome), base: 0, then: None });
}

fn out(class: Class, model: Option<&str>) -> Outcome {
    let rest = Some(Duration::from_secs(30));
    Outcome { rest, structured: true, model: model.map(Into::into), ..Outcome::plain(class) }
}

/// Only this key's, for this model: never taken for a fault that several keys have in common.
fn used_up(model: &str) -> Outcome {
    Outcome { blame: Blame::KeyModel, ..out(Class::Quota, Some(model)) }
}

/// Comparisons made by `count` requests for this model that all end well.
fn cost(keys: &mut Keyring, count: u64, model: Option<&str>) -> u64 {
    end_well(keys, model);
    let before = keys.board.roster.matches.get();
    (0..count).for_each(|_| end_well(keys, model));
    keys.board.roster.matches.get() - before
}

fn end_well(keys: &mut Keyring, model: Option<&str>) {
    let lease = take(keys, model);
    end(keys, lease, Outcome::plain(Class::Ok));
}

#[test]
fn a_choice_among_ten_thousand_keys_is_one_path_through_a_tree() {
    for strategy in [Strategy::RoundRobin, Strategy::Random, Strategy::LeastBusy] {
        let mut keys = keyring(KEYS, |_, _| {}, |config| config.pool.strategy = strategy);
        let per_request = cost(&mut keys, 1000, None) / 1000;
        assert!(per_request <= 3 * PATH, "{strategy:?}: {per_request} comparisons a request");
    }
}

#[test]
fn it_costs_no_more_when_most_of_them_are_out() {
    let mut keys = keyring(KEYS, |_, _| {}, |_| {});
    for _ in 0..9900 {
        let lease = take(&mut keys, None);
        end(&mut keys, lease, out(Class::KeyDead, None));
    }
    let per_request = cost(&mut keys, 1000, None) / 1000;
    assert!(per_request <= PATH, "{per_request} comparisons a request");
}

#[test]
fn nor_when_they_are_out_for_the_model_only() {
    let mut keys = keyring(KEYS, |_, _| {}, |_| {});
    for _ in 0..9900 {
        let lease = take(&mut keys, Some("m"));
        end(&mut keys, lease, out(Class::Rate, Some("m")));
    }
    for model in ["m", "other"] {
        let per_request = cost(&mut keys, 1000, Some(model)) / 1000;
        assert!(per_request <= 2 * PATH, "{per_request} comparisons a request for {model}");
    }
}

#[test]
fn nor_to_refuse_when_all_are_out() {
    let mut keys = keyring(KEYS, |_, _| {}, |_| {});
    for _ in 0..KEYS {
        let lease = take(&mut keys, None);
        end(&mut keys, lease, out(Class::Quota, None));
    }
    let before = keys.board.roster.matches.get();
    for _ in 0..1000 {
        assert!(matches!(keys.lease(want(None)), Answer::Refused(Refusal::Exhausted { .. })));
    }
    assert!(keys.board.roster.matches.get() - before <= 1000 * PATH);
}

#[test]
fn passing_over_what_was_tried_costs_a_path_each() {
    let mut keys = keyring(KEYS, |_, _| {}, |_| {});
    let tried: Vec<KeyId> = (0..31).map(|_| take(&mut keys, None).key()).collect();
    let before = keys.board.roster.matches.get();
    for _ in 0..100 {
        let answer = keys.lease(Want { tried: tried.clone(), ..want(None) });
        assert!(matches!(answer, Answer::Granted(_)));
    }
    let per_request = (keys.board.roster.matches.get() - before) / 100;
    assert!(per_request <= 32 * 2 * PATH, "{per_request}");
}

#[test]
fn a_full_origin_blocks_its_keys_without_touching_each() {
    let other: Arc<[BaseUrl]> = Arc::from([BaseUrl::new(Origin::new(true, "other.test", 443), "")]);
    let change = |n: usize, entry: &mut KeyEntry| {
        if n >= KEYS - 10 {
            entry.bases = other.clone();
        }
    };
    let mut keys = keyring(KEYS, change, |config| config.pool.max_sockets = Some(1));
    let held = take(&mut keys, None);
    assert_eq!(held.base(0).unwrap().origin.host(), "api.test");
    let before = keys.board.roster.matches.get();
    let lease = take(&mut keys, None);
    assert_eq!(lease.base(0).unwrap().origin.host(), "other.test");
    end(&mut keys, lease, Outcome::plain(Class::Ok));
    end(&mut keys, held, Outcome::plain(Class::Ok));
    assert_eq!(take(&mut keys, None).base(0).unwrap().origin.host(), "api.test");
    assert!(keys.board.roster.matches.get() - before <= 8 * PATH);
}

#[test]
fn a_lease_that_passes_over_a_base_url_has_a_permit_for_the_next() {
    let hosts: Arc<[BaseUrl]> =
        ["api.test", "other.test"].map(|host| BaseUrl::new(Origin::new(true, host, 443), "")).into();
    let both = |_: usize, entry: &mut KeyEntry| entry.bases = hosts.clone();
    let mut keys = keyring(3, both, |config| config.pool.max_sockets = Some(1));
    let host = |lease: &Lease| lease.base(0).unwrap().origin.host().to_owned();
    let pass_over =
        |keys: &mut Keyring, lease: Lease| keys.pass_over(Settle { lease, outcome: None, base: 1, then: None });
    let first = take(&mut keys, None);
    let key = first.key();
    let (was, Some(Answer::Granted(first))) = (host(&first), pass_over(&mut keys, first)) else { panic!("the other") };
    assert!(first.key() == key && host(&first) != was && first.base(1).is_none());
    let second = take(&mut keys, None);
    assert_eq!(host(&second), was, "whose permit is free again");
    assert!(!matches!(keys.lease(want(None)), Answer::Granted(_)), "and no third one");
    assert!(pass_over(&mut keys, second).is_none(), "the other origin is taken");
    assert!(pass_over(&mut keys, first).is_none(), "there is none left");
}

#[test]
fn what_is_known_per_model_is_bounded() {
    let limit = |config: &mut Config| {
        let settings = Arc::get_mut(&mut config.settings).unwrap();
        settings.limits.model_facts = 50;
        settings.limits.model_lanes = 4;
    };
    let mut keys = keyring(20, |_, _| {}, limit);
    for n in 0..500 {
        let model = format!("model-{}", n % 100);
        let Answer::Granted(lease) = keys.lease(want(Some(&model))) else { continue };
        end(&mut keys, lease, used_up(&model));
        keys.advance(Instant::from_micros(n * 1_000_000));
        assert!(keys.board.book.models.len() <= 50 && keys.lanes.len() <= 5);
        while keys.poll().is_some() {}
    }
    assert!(keys.board.book.models.any_limited());
    keys.advance(Instant::from_micros(4000 * 1_000_000));
    for n in 0..500 {
        let lease = take(&mut keys, Some("fresh"));
        end(&mut keys, lease, used_up(&format!("late-{n}")));
        assert!(keys.board.book.models.len() <= 50, "also when all the old ones are due for a trial");
    }
}

#[test]
fn a_name_without_end_is_known_by_its_beginning() {
    let mut keys = keyring(1, |_, _| {}, |_| {});
    let (long, other) = ("m".repeat(1_000_000), format!("{}n", "m".repeat(999_999)));
    let lease = take(&mut keys, Some(&long));
    end(&mut keys, lease, out(Class::Rate, Some(&long)));
    assert!(matches!(keys.lease(want(Some(&long))), Answer::Refused(Refusal::Exhausted { .. })));
    assert!(matches!(keys.lease(want(Some(&other))), Answer::Granted(_)), "another name all the same");
    let shown = &keys.rows(0..1)[0].models[0].model;
    assert!(shown.len() < 300, "{shown}");
}

#[test]
fn so_many_that_fall_due_at_once_are_taken_over_several_calls() {
    let mut keys = keyring(1000, |_, _| {}, |_| {});
    for _ in 0..1000 {
        let lease = take(&mut keys, None);
        end(&mut keys, lease, out(Class::Rate, None));
    }
    while keys.poll().is_some() {}
    let due = keys.timeouts()[0].unwrap();
    let mut calls = 0;
    while keys.timeouts()[0].is_some() {
        keys.advance(due);
        let told = core::iter::from_fn(|| keys.poll()).count();
        assert!(told <= DUE_A_CALL, "{told} in one call");
        calls += 1;
    }
    assert_eq!(calls, 4);
}
