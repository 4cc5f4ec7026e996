//! What the proxy shows, held against the model after every step.

use super::{Play, Step};
use crate::keyring::model::{Expect, Key, Micros, Name, Scope, State};
use keywheel_core::keyring::view::{self, KeyRow, Standing};
use keywheel_core::proxy::Reason;
use std::collections::BTreeMap;

/// How something stands, in the model's terms.
type Shown = (view::State, Option<(keywheel_core::classify::Class, u16, Option<String>)>, Option<Micros>);

fn shown(standing: &Standing) -> Shown {
    let why = standing.why.as_ref().map(|why| (why.class, why.status, why.code.as_deref().map(str::to_owned)));
    (standing.state, why, standing.until.map(|until| until.as_micros()))
}

fn word(state: State) -> view::State {
    match state {
        State::Ready => view::State::Ready,
        State::Cooling { .. } => view::State::Cooling,
        State::Probing { .. } => view::State::Probing,
        State::Blacklisted { .. } => view::State::Blacklisted,
        State::Disabled => view::State::Disabled,
    }
}

impl Play {
    /// The ends of rests that the proxy shows for this key and its account, by scope.
    pub(super) fn told(&mut self, key: &str) -> BTreeMap<Name, Micros> {
        let mut told = BTreeMap::new();
        let account = self.model.accounts.get(key).cloned();
        let account = account.or_else(|| self.world.account(key).map(str::to_owned));
        let rows = self.proxy.rows(0..usize::MAX, self.instant());
        let Some(row) = rows.into_iter().find(|row| &*row.entry.name == key) else { return told };
        if let Some(until) = row.standing.until {
            told.insert(Name::Key(key.to_owned()), until.as_micros());
            told.extend(account.clone().map(|account| (Name::Account(account), until.as_micros())));
        }
        for limit in &row.models {
            let Some(until) = limit.standing.until else { continue };
            let model = limit.model.to_string();
            let scope = match (&account, limit.account) {
                (Some(account), true) => Name::AccountModel(account.clone(), model),
                _ => Name::KeyModel(key.to_owned(), model),
            };
            told.insert(scope, until.as_micros());
        }
        told
    }

    pub(super) fn compare(&mut self) -> Step {
        let rows = self.proxy.rows(0..usize::MAX, self.instant());
        if rows.len() != self.model.keys.len() {
            return Err(format!("{} keys are shown, not {}", rows.len(), self.model.keys.len()));
        }
        for (row, key) in rows.iter().zip(&self.model.keys) {
            self.compare_key(row, key).map_err(|why| format!("{}: {why}", key.name))?;
        }
        self.compare_pool()?;
        self.compare_queue()
    }

    fn compare_key(&self, row: &KeyRow, key: &Key) -> Step {
        let counts = &self.model.counts[&key.name];
        let open = self.model.stand(&key.name, None).is_open();
        same("eligible", &row.eligible, &open)?;
        same("leases", &row.leases, &counts.leases)?;
        same("counts", &row.tally, &counts.classes)?;
        let own = &self.model.scopes[&Name::Key(key.name.clone())];
        same("epoch", &row.epoch, &own.raises)?;
        let scopes: Vec<&Scope> =
            self.model.scopes_of(&key.name, None).iter().filter_map(|name| self.model.scopes.get(name)).collect();
        let worst = scopes.iter().max_by_key(|scope| (self.model.bar(scope), word(scope.state)));
        let worst = worst.ok_or("it has no scope")?;
        same("standing", &shown(&row.standing), &self.expected(worst))?;
        let mut models: Vec<_> =
            row.models.iter().map(|limit| (limit.model.to_string(), limit.account, shown(&limit.standing))).collect();
        models.sort_by_key(|(model, account, _)| (model.clone(), *account));
        same("models", &models, &self.expected_models(&key.name))
    }

    fn expected(&self, scope: &Scope) -> Shown {
        let paced = |dead| dead && self.model.now < self.model.dead_pace;
        let until = match scope.state {
            State::Probing { dead, held: None } if paced(dead) => Some(self.model.dead_pace),
            _ => scope.until(),
        };
        (word(scope.state), scope.why.clone(), until)
    }

    fn expected_models(&self, key: &str) -> Vec<(String, bool, Shown)> {
        let mut models = Vec::new();
        for (name, scope) in &self.model.scopes {
            let account = self.model.accounts.get(key).is_some_and(|account| name.is_of_account(account));
            let Some(model) = name.model().filter(|_| account || name.is_of_key(key)) else { continue };
            if scope.state != State::Ready {
                models.push((model.to_owned(), account, (word(scope.state), scope.why.clone(), scope.until())));
            }
        }
        models.sort_by_key(|(model, account, _)| (model.clone(), *account));
        models
    }

    /// Requests, attempts and leases are conserved; gauges are what is out.
    fn compare_pool(&mut self) -> Step {
        let pool = self.proxy.pool(self.instant());
        let model = &self.model;
        let healthy = model.keys.iter().filter(|key| model.stand(&key.name, None).is_open()).count();
        same("healthy", &pool.healthy, &healthy)?;
        same("total", &pool.total, &model.keys.len())?;
        same("leases", &pool.leases, &(model.leases.len() as u64))?;
        same("waiting", &pool.waiting, &model.waiting.len())?;
        same("requests", &pool.requests, &model.requests)?;
        same("tally", &pool.tally, &model.classes)?;
        let resting = model.keys.iter().filter(|key| model.stand(&key.name, None).is_resting()).count();
        same("cooling", &pool.cooling, &resting)
    }

    /// Who waits has reason to: it cannot be served just now, or only a moment ago could not.
    fn compare_queue(&self) -> Step {
        let due = self.proxy.poll_timeout();
        if due.is_some_and(|(at, _)| at <= self.instant()) {
            return Ok(());
        }
        for waiter in &self.model.waiting {
            if waiter.until <= self.now {
                return Err(format!("ticket {} has waited too long", waiter.ticket));
            }
            match self.model.expect(&waiter.ask, waiter.until) {
                Expect::Wait => {}
                Expect::One(keys) if due.is_none_or(|(at, _)| at.as_micros() > self.now + 1000) => {
                    return Err(format!("ticket {} waits though {keys:?} could serve it; due: {due:?}", waiter.ticket));
                }
                Expect::One(_) => {}
                expected => return Err(format!("ticket {} waits, but {expected:?}", waiter.ticket)),
            }
        }
        let earliest = self.model.waiting.iter().map(|waiter| waiter.until).min();
        match (due, earliest) {
            (None, Some(until)) => Err(format!("nothing is due, but a wait ends at {until}")),
            (Some((at, Reason::WaitEnds)), None) => Err(format!("a wait is to end at {at:?}, but nobody waits")),
            (Some((at, _)), Some(until)) if at.as_micros() > until => Err(format!("{at:?} is too late for {until}")),
            _ => Ok(()),
        }
    }
}

fn same<T: PartialEq + core::fmt::Debug>(what: &str, shown: &T, expected: &T) -> Step {
    if shown == expected { Ok(()) } else { Err(format!("{what} is {shown:?}, not {expected:?}")) }
}
