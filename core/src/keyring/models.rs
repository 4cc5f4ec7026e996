//! What is known per model: of keys that may not use it or are limited for it, and of accounts.

use super::scope::{ModelId, Scope, ScopeId};
use super::view::State;
use crate::time::Instant;
use std::collections::{BTreeMap, BTreeSet};

/// One model of which something is known.
#[derive(Debug)]
struct Known {
    name: Box<str>,
    keys: BTreeMap<u32, Scope>,
    accounts: BTreeMap<u64, Scope>,
    /// Scopes that are not ready.
    out: usize,
}

/// Models by name, and the scopes of each. A scope of which nothing is left to remember is dropped; one that was
/// raised is kept, as long as there is room, for the sake of leases that began before.
#[derive(Debug, Default)]
pub(crate) struct Models {
    ids: BTreeMap<Box<str>, ModelId>,
    known: BTreeMap<ModelId, Known>,
    next: u64,
    len: usize,
    /// Scopes that are ready and only count past rests, and those whose rest is over and that nobody has tried.
    idle: BTreeSet<ScopeId>,
    probing: BTreeSet<ScopeId>,
    /// Leases up to this serial began before the newest epoch of any scope that was dropped.
    raised: u64,
}

impl Models {
    /// The model of this name, if something is known of it.
    pub(crate) fn id(&self, name: &str) -> Option<ModelId> {
        self.ids.get(name).copied()
    }

    /// The name of a model of which something is known.
    pub(crate) fn name(&self, id: ModelId) -> Option<&str> {
        self.known.get(&id).map(|known| &*known.name)
    }

    /// The model of this name, from now on known.
    pub(crate) fn learn(&mut self, name: &str) -> ModelId {
        if let Some(id) = self.id(name) {
            return id;
        }
        self.next += 1;
        let id = ModelId(self.next);
        self.ids.insert(name.into(), id);
        let known = Known { name: name.into(), keys: BTreeMap::new(), accounts: BTreeMap::new(), out: 0 };
        self.known.insert(id, known);
        id
    }

    /// Whether some scope of this model is not ready.
    pub(crate) fn is_limited(&self, id: ModelId) -> bool {
        self.known.get(&id).is_some_and(|known| known.out > 0)
    }

    /// Whether some scope of any model is not ready.
    pub(crate) fn any_limited(&self) -> bool {
        self.len > self.idle.len()
    }

    /// Scopes held.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// What matters least, but for this: a scope that only counts past rests, else one that rests no more.
    pub(crate) fn least(&self, but: ScopeId) -> Option<ScopeId> {
        self.idle.iter().chain(&self.probing).copied().find(|&id| id != but)
    }

    /// The scope, if something is known of it.
    pub(crate) fn get(&self, id: ScopeId) -> Option<&Scope> {
        match id {
            ScopeId::KeyModel(slot, model) => self.known.get(&model)?.keys.get(&slot),
            ScopeId::AccountModel(account, model) => self.known.get(&model)?.accounts.get(&account),
            ScopeId::Key(_) | ScopeId::Account(_) => None,
        }
    }

    /// The same, to be changed; [`Models::note`] must follow.
    pub(crate) fn get_mut(&mut self, id: ScopeId) -> Option<&mut Scope> {
        match id {
            ScopeId::KeyModel(slot, model) => self.known.get_mut(&model)?.keys.get_mut(&slot),
            ScopeId::AccountModel(account, model) => self.known.get_mut(&model)?.accounts.get_mut(&account),
            ScopeId::Key(_) | ScopeId::Account(_) => None,
        }
    }

    /// Makes room for what will be known of this scope, of a model that is known.
    /// Leases up to `raised` have no say in it.
    pub(crate) fn add(&mut self, id: ScopeId, raised: u64, now: Instant) {
        let fresh = Scope::new(self.raised.max(raised), now);
        let Some(known) = id.model().and_then(|model| self.known.get_mut(&model)) else { return };
        let added = match id {
            ScopeId::KeyModel(slot, _) => known.keys.insert(slot, fresh).is_none(),
            ScopeId::AccountModel(account, _) => known.accounts.insert(account, fresh).is_none(),
            ScopeId::Key(_) | ScopeId::Account(_) => false,
        };
        if added {
            self.len += 1;
            self.idle.insert(id);
        }
    }

    /// The scope has changed from `was`: counts it, and drops it when there is nothing left to remember.
    pub(crate) fn note(&mut self, id: ScopeId, was: State) {
        let Some(scope) = self.get(id) else { return };
        let is = scope.health.state();
        let blank = scope.is_blank() && scope.raised <= self.raised;
        let Some(known) = id.model().and_then(|model| self.known.get_mut(&model)) else { return };
        known.out = known.out + usize::from(is != State::Ready) - usize::from(was != State::Ready);
        for (set, state) in [(&mut self.idle, State::Ready), (&mut self.probing, State::Probing)] {
            if is == state {
                set.insert(id)
            } else {
                set.remove(&id)
            };
        }
        if blank {
            self.forget(id);
        }
    }

    /// Drops a scope, whatever is known of it, its epoch too; and its model with the last one.
    pub(crate) fn forget(&mut self, id: ScopeId) {
        let Some((model, known)) = id.model().and_then(|m| Some((m, self.known.get_mut(&m)?))) else { return };
        let dropped = match id {
            ScopeId::KeyModel(slot, _) => known.keys.remove(&slot),
            ScopeId::AccountModel(account, _) => known.accounts.remove(&account),
            ScopeId::Key(_) | ScopeId::Account(_) => None,
        };
        if dropped.is_none() {
            return;
        }
        self.len -= 1;
        self.probing.remove(&id);
        if !self.idle.remove(&id) {
            known.out -= 1;
        }
        if known.keys.is_empty()
            && known.accounts.is_empty()
            && let Some(known) = self.known.remove(&model)
        {
            self.ids.remove(&known.name);
        }
    }

    /// Leases up to this serial have no say in any scope that will be added.
    pub(crate) fn raise(&mut self, latest: u64) {
        self.raised = self.raised.max(latest);
    }

    /// Every scope of which something is known.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = ScopeId> {
        self.known.iter().flat_map(|(&model, known)| {
            let keys = known.keys.keys().map(move |&slot| ScopeId::KeyModel(slot, model));
            keys.chain(known.accounts.keys().map(move |&account| ScopeId::AccountModel(account, model)))
        })
    }

    /// The limited scopes of one key and its account, at most `most`, by model.
    pub(crate) fn limits_of(&self, slot: u32, account: u64, most: usize) -> Vec<(&str, bool, &Scope)> {
        let mut rows = Vec::new();
        for known in self.known.values().filter(|known| known.out > 0) {
            let own = known.keys.get(&slot).map(|scope| (false, scope));
            let shared = known.accounts.get(&account).map(|scope| (true, scope));
            let out = own.into_iter().chain(shared).filter(|(_, scope)| scope.health.state() != State::Ready);
            rows.extend(out.map(|(account, scope)| (&*known.name, account, scope)).take(most - rows.len()));
            if rows.len() == most {
                break;
            }
        }
        rows
    }
}
