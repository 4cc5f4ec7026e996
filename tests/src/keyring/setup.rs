//! One world: keys, settings, and how often what is done; everything drawn from the seed.

use super::faults::{self, Weights};
use super::model::{Exhausted, Key, Micros, Policy, SECOND, Strategy};
use crate::sim::dice::Dice;
use core::time::Duration;
use keywheel_core::config::{self, Config, KeyEntry, PoolConfig, Settings};
use keywheel_core::origin::{BaseUrl, Origin};
use keywheel_core::secret::Secret;
use std::sync::Arc;

pub(crate) const MODELS: [&str; 4] = ["m-one", "m-two", "n-one", "other"];
const PATTERNS: [&[&str]; 4] = [&["m-*"], &["m-one", "n-one"], &["*"], &["n-*", "m-two"]];
const ORIGINS: [&str; 3] = ["a.test", "b.test", "c.test"];
const ACCOUNTS: [&str; 4] = ["acme", "bolt", "corp", "dune"];

/// How often each kind of step is taken.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    pub(crate) weights: [u32; 9],
}

/// What differs between worlds.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) policy: Policy,
    pub(crate) keys: Vec<Key>,
    pub(crate) classes: Weights,
    pub(crate) steps: Steps,
    pub(crate) count: usize,
    /// Share of requests that name a model, in percent.
    pub(crate) named: u32,
    /// Accounts of keys: key name's number modulo the length; none when empty.
    pub(crate) accounts: usize,
    plain: bool,
    /// Models for which the proxy keeps an order of keys at once.
    lanes: usize,
}

impl World {
    pub(crate) fn new(dice: &mut Dice) -> Self {
        let plain = dice.chance(30);
        let mut world = World {
            policy: policy(dice),
            keys: Vec::new(),
            classes: faults::weights(dice),
            steps: steps(dice),
            count: 50 + dice.below(350),
            named: *dice.pick(&[0, 50, 90, 100]),
            accounts: *dice.pick(&[0, 0, 2, 4]),
            plain,
            lanes: *dice.pick(&[64, 64, 1, 2]),
        };
        let count = *dice.pick(&[1, 2, 3, 4, 7, 12, 30]);
        world.keys = (0..count).map(|n| world.key(n, dice)).collect();
        world
    }

    /// A key of number `n`.
    fn key(&self, n: usize, dice: &mut Dice) -> Key {
        let fancy = |dice: &mut Dice, percent| !self.plain && dice.chance(percent);
        let bases = if fancy(dice, 30) { 1 + dice.below(3) } else { 1 };
        let first = if fancy(dice, 20) { dice.below(3) } else { 0 };
        Key {
            name: format!("key-{n}"),
            weight: if fancy(dice, 30) { 1 + dice.below(5) as u32 } else { 1 },
            priority: if fancy(dice, 25) { dice.below(3) as u32 } else { 0 },
            models: if fancy(dice, 25) { dice.pick(&PATTERNS).iter().map(|&m| m.into()).collect() } else { Vec::new() },
            bases: (0..bases).map(|k| ORIGINS[(first + k) % 3].to_owned()).collect(),
        }
    }

    /// What a reload brings: some keys gone, some new, some in other places, some of the settings changed.
    pub(crate) fn reload(&mut self, dice: &mut Dice) {
        let highest = self.keys.len() + 3;
        self.keys.retain(|_| !dice.chance(15));
        for _ in 0..dice.below(3) {
            let n = dice.below(highest);
            if self.keys.iter().all(|key| key.name != format!("key-{n}")) {
                let key = self.key(n, dice);
                self.keys.push(key);
            }
        }
        if self.keys.is_empty() {
            self.keys.push(self.key(0, dice));
        }
        if dice.chance(40) {
            let from = dice.below(self.keys.len());
            self.keys.rotate_left(from);
        }
        if dice.chance(30) {
            self.policy = policy(dice);
        }
    }

    /// The account that a key's answers name.
    pub(crate) fn account(&self, key: &str) -> Option<&'static str> {
        let n: usize = key.strip_prefix("key-")?.parse().ok()?;
        (self.accounts > 0).then(|| ACCOUNTS[n % self.accounts])
    }

    /// The same as keywheel is told it.
    pub(crate) fn config(&self) -> Config {
        let mut settings = Settings::default();
        settings.limits.key_wait = Duration::from_micros(self.policy.key_wait);
        settings.limits.waiting = self.policy.waiting;
        settings.limits.model_lanes = self.lanes;
        let pool = PoolConfig {
            strategy: match self.policy.strategy {
                Strategy::RoundRobin => config::Strategy::RoundRobin,
                Strategy::Random => config::Strategy::Random,
                Strategy::LeastBusy => config::Strategy::LeastBusy,
            },
            start_index: self.policy.start_index,
            threshold: self.policy.threshold,
            when_exhausted: match self.policy.exhausted {
                Exhausted::Wait => config::WhenExhausted::Wait,
                Exhausted::Reject => config::WhenExhausted::Reject,
                Exhausted::LeastBad => config::WhenExhausted::LeastBad,
            },
            max_sockets: self.policy.max_sockets,
            ..PoolConfig::default()
        };
        let keys = self.keys.iter().enumerate().map(|(n, key)| Arc::new(entry(n, key))).collect();
        Config { settings: Arc::new(settings), pool, ..Config::new(keys) }
    }
}

fn entry(n: usize, key: &Key) -> KeyEntry {
    let bases: Vec<BaseUrl> = key.bases.iter().map(|host| BaseUrl::new(Origin::new(true, host, 443), "")).collect();
    let secret = Secret::new(format!("secret-of-{}", key.name).into_bytes());
    let mut entry = KeyEntry::new(secret, n as u32, bases.into()).expect("a key");
    entry.name = key.name.as_str().into();
    (entry.weight, entry.priority) = (key.weight, key.priority);
    entry.models = key.models.iter().map(|model| model.as_str().into()).collect();
    entry
}

fn policy(dice: &mut Dice) -> Policy {
    let key_wait: Micros = *dice.pick(&[10 * SECOND, 10 * SECOND, 0, SECOND / 2]);
    Policy {
        strategy: *dice.pick(&[Strategy::RoundRobin, Strategy::RoundRobin, Strategy::Random, Strategy::LeastBusy]),
        start_index: *dice.pick(&[0, 0, 1, 5, u32::MAX]),
        threshold: *dice.pick(&[1, 1, 0, 2, 3]),
        exhausted: *dice.pick(&[Exhausted::Wait, Exhausted::Wait, Exhausted::Reject, Exhausted::LeastBad]),
        max_sockets: if dice.chance(35) { Some(*dice.pick(&[1, 2, 5])) } else { None },
        key_wait,
        waiting: *dice.pick(&[1000, 1000, 3, 0]),
    }
}

fn steps(dice: &mut Dice) -> Steps {
    let mut weights = [30, 30, 6, 3, 20, 1, 2, 8, 1];
    for (n, weight) in weights.iter_mut().enumerate() {
        if n > 1 && dice.chance(25) {
            *weight = 0;
        } else if dice.chance(30) {
            *weight *= 1 + dice.below(4) as u32;
        }
    }
    Steps { weights }
}
