//! The reference model: keys, accounts, origins and who waits, by the words of the rules.

mod judge;
mod origin;
mod scope;
mod want;

pub(crate) use origin::Origin;
pub(crate) use scope::{Name, Scope, State};
pub(crate) use want::{Ask, Expect, Known, No};

use std::collections::BTreeMap;

/// Microseconds since the beginning.
pub(crate) type Micros = u64;
pub(crate) const SECOND: Micros = 1_000_000;
pub(crate) const HOUR: Micros = 3600 * SECOND;

/// A key by its name, and which of its lives: a key that was removed and comes back is another.
pub(crate) type Who = (String, u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    RoundRobin,
    Random,
    LeastBusy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exhausted {
    Wait,
    Reject,
    LeastBad,
}

/// The settings that matter here.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) strategy: Strategy,
    pub(crate) start_index: u32,
    pub(crate) threshold: u32,
    pub(crate) exhausted: Exhausted,
    pub(crate) max_sockets: Option<u32>,
    pub(crate) key_wait: Micros,
    pub(crate) waiting: usize,
}

/// A key as configured.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) weight: u32,
    pub(crate) priority: u32,
    pub(crate) models: Vec<String>,
    /// Origins of its base URLs.
    pub(crate) bases: Vec<String>,
}

impl Key {
    pub(crate) fn allows(&self, model: Option<&str>) -> bool {
        let Some(model) = model else { return true };
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(start) => model.starts_with(start),
            None => model == pattern,
        };
        self.models.is_empty() || self.models.iter().any(fits)
    }
}

/// A lease that is out.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub(crate) key: Who,
    /// Origins of its base URLs, in the order in which they are to be tried.
    pub(crate) bases: Vec<String>,
    pub(crate) trying: Vec<Name>,
    pub(crate) judged: Option<keywheel_core::classify::Class>,
    /// Epochs when it was given; scopes that were not known then are in `base`.
    pub(crate) epochs: BTreeMap<Name, u32>,
    pub(crate) base: u32,
}

/// What a key has counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) life: u32,
    pub(crate) leases: u32,
    pub(crate) soft: u32,
    pub(crate) classes: [u64; 11],
}

/// Everything.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) now: Micros,
    pub(crate) policy: Policy,
    /// In file order.
    pub(crate) keys: Vec<Key>,
    pub(crate) counts: BTreeMap<String, Counts>,
    pub(crate) accounts: BTreeMap<String, String>,
    pub(crate) scopes: BTreeMap<Name, Scope>,
    /// Epoch of scopes of which nothing is known.
    pub(crate) base: u32,
    pub(crate) origins: BTreeMap<String, Origin>,
    pub(crate) leases: BTreeMap<u64, Lease>,
    pub(crate) waiting: Vec<want::Waiter>,
    /// No live trial of a dead key may begin before.
    pub(crate) dead_pace: Micros,
    pub(crate) requests: u64,
    pub(crate) classes: [u64; 11],
    lives: BTreeMap<String, u32>,
}

impl Model {
    pub(crate) fn new(policy: Policy, keys: Vec<Key>) -> Self {
        let mut model = Model {
            now: 0,
            policy,
            keys: Vec::new(),
            counts: BTreeMap::new(),
            accounts: BTreeMap::new(),
            scopes: BTreeMap::new(),
            base: 0,
            origins: BTreeMap::new(),
            leases: BTreeMap::new(),
            waiting: Vec::new(),
            dead_pace: 0,
            requests: 0,
            classes: [0; 11],
            lives: BTreeMap::new(),
        };
        model.take(keys);
        model
    }

    /// Another configuration: what is known of keys that stay is kept.
    pub(crate) fn reload(&mut self, policy: Policy, keys: Vec<Key>) {
        self.policy = policy;
        self.take(keys);
    }

    fn take(&mut self, keys: Vec<Key>) {
        let stays = |name: &String| keys.iter().any(|key| &key.name == name);
        let gone: Vec<String> = self.counts.keys().filter(|name| !stays(name)).cloned().collect();
        for name in gone {
            self.counts.remove(&name);
            self.drop_scopes(|scope| scope.is_of_key(&name));
            if let Some(account) = self.accounts.remove(&name) {
                self.drop_account_without_keys(&account);
            }
        }
        for key in &keys {
            if !self.counts.contains_key(&key.name) {
                let life = self.lives.entry(key.name.clone()).or_default();
                *life += 1;
                self.counts.insert(key.name.clone(), Counts { life: *life, ..Counts::default() });
                self.scopes.insert(Name::Key(key.name.clone()), Scope::new(self.base));
            }
            for base in &key.bases {
                self.origins.entry(base.clone()).or_default();
            }
        }
        self.keys = keys;
        let used: Vec<&String> = self.keys.iter().flat_map(|key| &key.bases).collect();
        self.origins.retain(|name, origin| used.contains(&name) || origin.in_use > 0);
    }

    pub(crate) fn drop_account_without_keys(&mut self, account: &str) {
        if !self.accounts.values().any(|other| other == account) {
            self.drop_scopes(|scope| scope.is_of_account(account));
        }
    }

    /// Scopes that come again are others: what leases knew of their epochs is void.
    fn drop_scopes(&mut self, gone: impl Fn(&Name) -> bool) {
        self.scopes.retain(|scope, _| !gone(scope));
        self.leases.values_mut().for_each(|lease| lease.epochs.retain(|scope, _| !gone(scope)));
    }

    /// Time goes on: rests end.
    pub(crate) fn advance(&mut self, now: Micros) {
        self.now = self.now.max(now);
        for scope in self.scopes.values_mut() {
            scope.come_due(self.now);
        }
    }

    /// POST /reset-keys: how many keys were out, themselves or for some model.
    pub(crate) fn reset(&mut self) -> usize {
        let out = |model: &Model, key: &str| {
            let own =
                |scope: &&Name| scope.is_of_key(key) || model.accounts.get(key).is_some_and(|a| scope.is_of_account(a));
            model.scopes.iter().any(|(name, scope)| own(&name) && scope.state != State::Ready)
        };
        let before: Vec<bool> = self.keys.iter().map(|key| out(self, &key.name)).collect();
        self.base += 1;
        let base = self.base;
        for scope in self.scopes.values_mut() {
            scope.reset(base);
        }
        self.counts.values_mut().for_each(|counts| counts.soft = 0);
        let back = |(key, was): (&Key, &bool)| *was && self.stand(&key.name, None).is_open();
        self.keys.iter().zip(&before).filter(|&pair| back(pair)).count()
    }

    /// Switches a key off or on; on revives it.
    pub(crate) fn set_enabled(&mut self, key: &str, enabled: bool) {
        // What is yet to be known of the key for some model begins in a new epoch too.
        for model in super::setup::MODELS.iter().filter(|_| enabled) {
            let name = Name::KeyModel(key.to_owned(), (*model).to_owned());
            self.scopes.entry(name).or_insert_with(|| Scope::new(self.base));
        }
        let names: Vec<Name> = self.scopes.keys().filter(|scope| scope.is_of_key(key)).cloned().collect();
        for name in names {
            let own = matches!(name, Name::Key(_));
            let Some(scope) = self.scopes.get_mut(&name) else { continue };
            if enabled {
                scope.revive();
            } else if own {
                scope.switch_off();
            }
        }
        if enabled && let Some(counts) = self.counts.get_mut(key) {
            counts.soft = 0;
        }
    }

    /// Whether the key of a lease is still the one that it was given for.
    pub(crate) fn lives(&self, who: &Who) -> bool {
        self.counts.get(&who.0).is_some_and(|counts| counts.life == who.1)
    }

    /// The scopes that a request of this model with this key touches.
    pub(crate) fn scopes_of(&self, key: &str, model: Option<&str>) -> Vec<Name> {
        let mut names = vec![Name::Key(key.to_owned())];
        let account = self.accounts.get(key);
        names.extend(account.map(|account| Name::Account(account.clone())));
        if let Some(model) = model {
            names.push(Name::KeyModel(key.to_owned(), model.to_owned()));
            names.extend(account.map(|account| Name::AccountModel(account.clone(), model.to_owned())));
        }
        names
    }
}
