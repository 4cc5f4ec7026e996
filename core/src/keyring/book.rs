//! The book: everything that is known of keys, accounts and models, and when each of it falls due.

use super::bar::Bar;
use super::health::{Event, Health};
use super::lease::{KeyId, account_id};
use super::models::Models;
use super::scope::{ModelId, Scope, ScopeId};
use super::slots::Slots;
use super::view::{Standing, State, Why};
use crate::config::KeyEntry;
use crate::time::Instant;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Between two live trials of dead keys of a pool.
const DEAD_PACE: Duration = Duration::from_secs(60);

/// Keys that are known to share limits.
#[derive(Debug, Default)]
struct Account {
    scope: Scope,
    /// Their slots.
    members: Vec<u32>,
}

/// How a scope changed.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) id: ScopeId,
    /// The model, where it is a scope of one only.
    pub(crate) model: Option<Box<str>>,
    pub(crate) from: State,
    pub(crate) to: State,
    /// When its rest or its time on the blacklist ends.
    pub(crate) until: Option<Instant>,
    /// Why it is out, or was.
    pub(crate) why: Option<Why>,
}

/// What is known.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) slots: Slots,
    pub(crate) models: Models,
    accounts: BTreeMap<u64, Account>,
    /// What falls due, in two sets so that the least of what is known per model is found at once.
    due: BTreeSet<(Instant, ScopeId)>,
    due_by_model: BTreeSet<(Instant, ScopeId)>,
    /// Dead keys whose trial is due.
    dead_due: BTreeSet<u32>,
    /// When the next trial of a dead key may begin, and whether that time is still to come.
    dead_pace: Instant,
    dead_paced: bool,
    /// Leases up to this serial have no say in an account that is yet to be learnt.
    raised: u64,
}

impl Book {
    /// The scope, if anything is known of it.
    pub(crate) fn get(&self, id: ScopeId) -> Option<&Scope> {
        match id {
            ScopeId::Key(slot) => self.slots.get(slot).map(|slot| &slot.scope),
            ScopeId::Account(account) => self.accounts.get(&account).map(|account| &account.scope),
            ScopeId::KeyModel(..) | ScopeId::AccountModel(..) => self.models.get(id),
        }
    }

    fn get_mut(&mut self, id: ScopeId) -> Option<&mut Scope> {
        match id {
            ScopeId::Key(slot) => self.slots.get_mut(slot).map(|slot| &mut slot.scope),
            ScopeId::Account(account) => self.accounts.get_mut(&account).map(|account| &mut account.scope),
            ScopeId::KeyModel(..) | ScopeId::AccountModel(..) => self.models.get_mut(id),
        }
    }

    /// Changes a scope and keeps the book in order; what changed to the eye, if anything did.
    pub(crate) fn change<R>(&mut self, id: ScopeId, f: impl FnOnce(&mut Scope) -> R) -> (Option<R>, Option<Change>) {
        let Some(scope) = self.get_mut(id) else { return (None, None) };
        let (was, was_why) = (scope.health, scope.standing().why);
        let result = f(scope);
        let standing = scope.standing();
        let is = scope.health;
        if was == is && id.model().is_none() {
            return (Some(result), None);
        }
        self.reschedule(id, was.due_at(), is.due_at());
        if let ScopeId::Key(slot) = id {
            if is.is_dead_trial() && is.is_due() {
                self.dead_due.insert(slot);
            } else {
                self.dead_due.remove(&slot);
            }
        }
        let model = id.model().and_then(|model| self.models.name(model)).map(Into::into);
        self.models.note(id, was.state());
        if was == is {
            return (Some(result), None);
        }
        let why = standing.why.or(was_why);
        (Some(result), Some(Change { id, model, from: was.state(), to: is.state(), until: is.due_at(), why }))
    }

    fn reschedule(&mut self, id: ScopeId, was: Option<Instant>, is: Option<Instant>) {
        if was == is {
            return;
        }
        let due = if id.model().is_some() { &mut self.due_by_model } else { &mut self.due };
        if let Some(at) = was {
            due.remove(&(at, id));
        }
        if let Some(at) = is {
            due.insert((at, id));
        }
    }

    /// Makes sure that something can be known of a scope of one model; beyond `most` such scopes, what matters least
    /// is forgotten: what only counts past rests, then what rests no more, then the rest that ends first.
    pub(crate) fn ensure(&mut self, id: ScopeId, most: usize, now: Instant) -> Option<Change> {
        if id.model().is_none() || self.models.get(id).is_some() {
            return None;
        }
        let raised = match id {
            ScopeId::KeyModel(slot, _) => self.slots.get(slot).map_or(0, |slot| slot.raised),
            _ => 0,
        };
        self.models.add(id, raised, now);
        if self.models.len() <= most {
            return None;
        }
        let least = self.models.least(id).or_else(|| self.due_by_model.first().map(|&(_, id)| id))?;
        let Scope { raised, .. } = *self.get(least)?;
        let Standing { state, why, .. } = self.get(least)?.standing();
        let model = least.model().and_then(|model| self.models.name(model)).map(Into::into);
        self.models.raise(raised);
        self.forget(least);
        Some(Change { id: least, model, from: state, to: State::Ready, until: None, why })
    }

    fn forget(&mut self, id: ScopeId) {
        let due = self.models.get(id).and_then(|scope| scope.health.due_at());
        self.reschedule(id, due, None);
        self.models.forget(id);
    }

    /// When the next scope falls due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let first = |due: &BTreeSet<(Instant, ScopeId)>| due.first().map(|&(at, _)| at);
        let pace = (self.dead_paced && !self.dead_due.is_empty()).then_some(self.dead_pace);
        [first(&self.due), first(&self.due_by_model), pace].into_iter().flatten().min()
    }

    /// A scope that has fallen due.
    pub(crate) fn pop_due(&self, now: Instant) -> Option<ScopeId> {
        let firsts = [self.due.first(), self.due_by_model.first()];
        firsts.into_iter().flatten().min().filter(|(at, _)| *at <= now).map(|&(_, id)| id)
    }

    /// The keys that a change of the scope concerns.
    pub(crate) fn members(&self, id: ScopeId) -> &[u32] {
        match &id {
            ScopeId::Key(_) | ScopeId::KeyModel(..) => &[],
            ScopeId::Account(account) | ScopeId::AccountModel(account, _) => {
                self.accounts.get(account).map_or(&[], |account| &account.members)
            }
        }
    }

    /// The scopes that a request of this model with this key touches, worst last.
    pub(crate) fn scopes_of(&self, slot: u32, model: Option<ModelId>) -> impl Iterator<Item = ScopeId> + use<> {
        let account = self.slots.get(slot).map_or(0, |slot| slot.account);
        let shared = (account != 0).then_some(ScopeId::Account(account));
        let by_model = model.map(|model| ScopeId::KeyModel(slot, model));
        let shared_by_model = model.filter(|_| account != 0).map(|model| ScopeId::AccountModel(account, model));
        [Some(ScopeId::Key(slot)), shared, by_model, shared_by_model].into_iter().flatten()
    }

    /// What stands between the key and a request of this model.
    pub(crate) fn bar(&self, slot: u32, model: Option<ModelId>, now: Instant) -> Bar {
        let bar = |id| self.get(id).map_or(Bar::OPEN, |scope| Bar::of(&scope.health, now, self.dead_pace));
        self.scopes_of(slot, model).map(bar).max().unwrap_or(Bar::NOT_ALLOWED)
    }

    /// How the key stands to the eye: its own scope or, where that is worse, its account's.
    pub(crate) fn worst(&self, slot: u32, now: Instant) -> Option<&Scope> {
        let bar = |health: &Health| Bar::of(health, now, self.dead_pace);
        let scopes = self.scopes_of(slot, None).filter_map(|id| self.get(id));
        scopes.max_by_key(|scope| (bar(&scope.health), scope.health.state()))
    }

    /// A live trial of a dead key has begun: the next waits for its turn. The dead keys that this concerns.
    pub(crate) fn pace(&mut self, now: Instant) -> Vec<u32> {
        self.dead_pace = now + DEAD_PACE;
        self.dead_paced = true;
        self.dead_due.iter().copied().collect()
    }

    /// If the next trial of a dead key may begin now: the keys that this concerns.
    pub(crate) fn end_pace(&mut self, now: Instant) -> Vec<u32> {
        if !self.dead_paced || now < self.dead_pace {
            return Vec::new();
        }
        self.dead_paced = false;
        self.dead_due.iter().copied().collect()
    }

    /// An answer named the key's account. Whether that is news.
    pub(crate) fn learn_account(&mut self, key: KeyId, name: &str, now: Instant) -> bool {
        let account = account_id(name);
        let raised = self.raised;
        let Some(slot) = self.slots.find(key) else { return false };
        let old = core::mem::replace(&mut slot.account, account);
        if old == account {
            return false;
        }
        self.leave_account(key.slot, old);
        let fresh = || Account { scope: Scope::new(raised, now), members: Vec::new() };
        self.accounts.entry(account).or_insert_with(fresh).members.push(key.slot);
        true
    }

    /// The account is dropped, and all that is known of it, with its last key.
    fn leave_account(&mut self, slot: u32, id: u64) {
        let Some(account) = self.accounts.get_mut(&id) else { return };
        account.members.retain(|&member| member != slot);
        if !account.members.is_empty() {
            return;
        }
        let due = account.scope.health.due_at();
        self.reschedule(ScopeId::Account(id), due, None);
        self.accounts.remove(&id);
        self.forget_all(|scope| matches!(scope, ScopeId::AccountModel(account, _) if account == id));
    }

    fn forget_all(&mut self, which: impl Fn(ScopeId) -> bool) {
        let gone: Vec<_> = self.models.scopes().filter(|&id| which(id)).collect();
        for id in gone {
            self.forget(id);
        }
    }

    /// Takes a new list of keys. What is known of those that stay is kept, of the others it is dropped.
    pub(crate) fn take_over(&mut self, keys: &[Arc<KeyEntry>], now: Instant) {
        let gone = self.slots.take_over(keys, now);
        let slots: BTreeSet<u32> = gone.iter().map(|&(n, _)| n).collect();
        for (n, slot) in gone {
            self.reschedule(ScopeId::Key(n), slot.scope.health.due_at(), None);
            self.dead_due.remove(&n);
            self.leave_account(n, slot.account);
        }
        if !slots.is_empty() {
            self.forget_all(|id| matches!(id, ScopeId::KeyModel(slot, _) if slots.contains(&slot)));
        }
    }

    /// Brings back everything that is out, but what was switched off by hand, in a new epoch. How many keys were out,
    /// themselves or for some model.
    pub(crate) fn reset(&mut self, latest: u64, now: Instant) -> usize {
        let out: BTreeSet<u32> = self.out().collect();
        let keys = self.slots.in_order().iter().map(|&slot| ScopeId::Key(slot));
        let accounts = self.accounts.keys().map(|&account| ScopeId::Account(account));
        let all: Vec<_> = keys.chain(accounts).chain(self.models.scopes()).collect();
        self.models.raise(latest);
        self.raised = latest;
        for id in all {
            self.change(id, |scope| scope.on(Event::Reset, latest, now));
            if let ScopeId::Key(slot) = id
                && let Some(slot) = self.slots.get_mut(slot)
            {
                slot.soft = 0;
            }
        }
        out.into_iter().filter(|&slot| self.bar(slot, None, now).is_open()).count()
    }

    /// Slots of keys that are out, themselves or for some model; some more than once.
    fn out(&self) -> impl Iterator<Item = u32> {
        let scopes = self.slots.in_order().iter().map(|&slot| ScopeId::Key(slot));
        let scopes = scopes.chain(self.accounts.keys().map(|&account| ScopeId::Account(account)));
        let out = |id: &ScopeId| self.get(*id).is_some_and(|scope| scope.health.state() != State::Ready);
        scopes.chain(self.models.scopes()).filter(out).flat_map(|id| {
            let own = match id {
                ScopeId::Key(slot) | ScopeId::KeyModel(slot, _) => Some(slot),
                ScopeId::Account(_) | ScopeId::AccountModel(..) => None,
            };
            own.into_iter().chain(self.members(id).iter().copied())
        })
    }
}
