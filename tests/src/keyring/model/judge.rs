//! What an outcome does.

use super::origin::{Failure, may_be_correlated};
use super::scope::{Span, kind, span};
use super::{Lease, Micros, Model, Name, SECOND, Scope, State};
use keywheel_core::classify::{Blame, Class, Outcome};

/// What the proxy shows of the end of a rest, for the model to take over where it was drawn by chance.
pub(crate) type Told<'a> = &'a dyn Fn(&Name) -> Option<Micros>;

/// An outcome that acts: of which lease, which kind of rest, whether several keys failed alike.
struct Fault<'a> {
    number: u64,
    kind: usize,
    outcome: &'a Outcome,
    alike: bool,
}

impl Model {
    /// A verdict ahead of the end, by the origin that answered.
    pub(crate) fn verdict(
        &mut self,
        number: u64,
        passed: usize,
        outcome: &Outcome,
        told: Told<'_>,
    ) -> Result<(), String> {
        let Some(lease) = self.leases.get_mut(&number) else { return Ok(()) };
        lease.judged = Some(outcome.class);
        let origin = lease.bases[passed].clone();
        self.judge(number, &origin, outcome, told).map(drop)
    }

    /// A lease ends. Whether several keys failed alike.
    pub(crate) fn settle(
        &mut self,
        number: u64,
        passed: usize,
        outcome: Option<&Outcome>,
        told: Told<'_>,
    ) -> Result<bool, String> {
        let Some(lease) = self.leases.get(&number).cloned() else { return Ok(false) };
        let alive = self.lives(&lease.key);
        if let Some(origin) = self.origins.get_mut(&lease.bases[0]) {
            origin.in_use -= 1;
        }
        for base in &lease.bases[..passed] {
            let now = self.now;
            self.origins.get_mut(base).into_iter().for_each(|origin| origin.charge(now));
        }
        if let Some(counts) = self.counts.get_mut(&lease.key.0).filter(|_| alive) {
            counts.leases -= 1;
            if let Some(outcome) = outcome {
                counts.classes[outcome.class as usize] += 1;
            }
        }
        let alike = match outcome {
            None => {
                self.let_go(number);
                false
            }
            Some(outcome) => {
                self.classes[outcome.class as usize] += 1;
                let said = lease.judged.is_some_and(|said| said != Class::Ok || said == outcome.class);
                if said { false } else { self.judge(number, &lease.bases[passed], outcome, told)? }
            }
        };
        self.leases.remove(&number);
        Ok(alike)
    }

    /// A lease that was to be swapped goes on: its outcome is taken in, its permit and its place are its own.
    pub(crate) fn keep(&mut self, number: u64, mut lease: Lease, class: Class) {
        lease.judged = Some(class);
        lease.trying.clear();
        if let Some(origin) = self.origins.get_mut(&lease.bases[0]) {
            origin.in_use += 1;
        }
        let alive = self.lives(&lease.key);
        if let Some(counts) = self.counts.get_mut(&lease.key.0).filter(|_| alive) {
            counts.leases += 1;
        }
        self.leases.insert(number, lease);
    }

    /// What a lease was trying is due again.
    fn let_go(&mut self, number: u64) {
        for scope in self.scopes.values_mut() {
            if let State::Probing { dead, held: Some(holder) } = scope.state
                && holder == number
            {
                scope.state = State::Probing { dead, held: None };
            }
        }
        if let Some(lease) = self.leases.get_mut(&number) {
            lease.trying.clear();
        }
    }

    fn judge(&mut self, number: u64, origin: &str, outcome: &Outcome, told: Told<'_>) -> Result<bool, String> {
        let Some(lease) = self.leases.get(&number).cloned() else { return Ok(false) };
        let alive = self.lives(&lease.key);
        if alive && let Some(account) = &outcome.account {
            let old = self.accounts.insert(lease.key.0.clone(), account.to_string());
            if let Some(old) = old.filter(|old| **old != **account) {
                self.drop_account_without_keys(&old);
            }
            let name = Name::Account(account.to_string());
            self.scopes.entry(name).or_insert_with(|| Scope::new(self.base));
        }
        let good = outcome.class == Class::Ok;
        let alike = if good {
            self.succeed(number, &lease, origin, outcome, alive);
            false
        } else {
            self.fail(number, &lease, origin, outcome, told)?
        };
        if let Some(origin) = self.origins.get_mut(origin) {
            origin.note(&lease.key, good);
        }
        self.let_go(number);
        Ok(alike)
    }

    fn succeed(&mut self, number: u64, lease: &Lease, origin: &str, outcome: &Outcome, alive: bool) {
        if let Some(origin) = self.origins.get_mut(origin) {
            origin.success();
        }
        if alive {
            for name in self.scopes_of(&lease.key.0, outcome.model.as_deref()) {
                let stale = self.is_stale(lease, &name);
                let Some(scope) = self.scopes.get_mut(&name).filter(|_| !stale) else { continue };
                scope.n = [0; 5];
                if name == Name::Key(lease.key.0.clone()) {
                    self.counts.get_mut(&lease.key.0).into_iter().for_each(|counts| counts.soft = 0);
                }
            }
        }
        for (name, scope) in &mut self.scopes {
            let State::Probing { held: Some(holder), .. } = scope.state else { continue };
            if holder == number {
                scope.pass();
                if let Name::Key(key) = name
                    && let Some(counts) = self.counts.get_mut(key)
                {
                    counts.soft = 0;
                }
            }
        }
    }

    /// Whether the lease began in an older epoch of the scope.
    fn is_stale(&self, lease: &Lease, name: &Name) -> bool {
        let began = lease.epochs.get(name).copied().unwrap_or(lease.base);
        began < self.scopes.get(name).map_or(self.base, |scope| scope.epoch)
    }

    fn fail(
        &mut self,
        number: u64,
        lease: &Lease,
        origin: &str,
        outcome: &Outcome,
        told: Told<'_>,
    ) -> Result<bool, String> {
        let now = self.now;
        if outcome.class == Class::Overload {
            self.origins.get_mut(origin).into_iter().for_each(|origin| origin.charge(now));
        }
        let Some(kind) = kind(outcome.class) else { return Ok(false) };
        let alive = self.lives(&lease.key);
        let account = self.accounts.get(&lease.key.0).filter(|_| alive);
        let who = account.map_or(lease.key.clone(), |account| (format!("account {account}"), 0));
        let failure = Failure {
            at: now,
            who,
            class: outcome.class,
            code: outcome.code.as_deref().map(str::to_owned),
            lease: number,
            changed: None,
            counted: None,
        };
        let concerned = may_be_correlated(outcome);
        let alike = concerned && self.origins.get_mut(origin).is_some_and(|origin| origin.fail(failure));
        if alike {
            self.undo(origin, outcome);
        }
        let (mut changed, mut counted) = (None, None);
        let mut acts = alive;
        if kind == 4 {
            let key = Name::Key(lease.key.0.clone());
            let others = self.origins.get(origin).is_some_and(|origin| origin.others_do_well(&lease.key));
            acts &= others && !alike && self.policy.threshold > 0 && !self.is_stale(lease, &key);
            if acts && let Some(counts) = self.counts.get_mut(&lease.key.0) {
                counts.soft += 1;
                counted = Some(lease.key.clone());
                acts = counts.soft >= self.policy.threshold;
            }
        }
        if acts {
            let name = self.blamed(&lease.key.0, kind, outcome);
            let fault = Fault { number, kind, outcome, alike };
            changed = self.put_out(lease, &name, fault, told)?.map(|before| (name, before));
        }
        if concerned && let Some(last) = self.origins.get_mut(origin).and_then(|origin| origin.failures.last_mut()) {
            (last.changed, last.counted) = (changed, counted);
        }
        Ok(alike)
    }

    fn undo(&mut self, origin: &str, outcome: &Outcome) {
        let now = self.now;
        let Some(origin) = self.origins.get_mut(origin) else { return };
        origin.charge(now);
        let like = |f: &&mut Failure| f.class == outcome.class && f.code.as_deref() == outcome.code.as_deref();
        let undone: Vec<_> = origin
            .failures
            .iter_mut()
            .rev()
            .filter(like)
            .map(|failure| (failure.lease, failure.changed.take(), failure.counted.take()))
            .collect();
        for (lease, changed, counted) in undone {
            if let Some(who) = counted.filter(|who| self.lives(who))
                && let Some(counts) = self.counts.get_mut(&who.0)
            {
                counts.soft = counts.soft.saturating_sub(1);
            }
            if let Some((name, before)) = changed
                && let Some(scope) = self.scopes.get_mut(&name)
            {
                scope.take_back(lease, &before, now);
            }
        }
    }

    /// The scope to blame: without an account the key's own, without a model the whole of it.
    fn blamed(&self, key: &str, kind: usize, outcome: &Outcome) -> Name {
        let blame = match (kind, outcome.blame) {
            (0 | 4, _) | (1, Blame::Nobody) => Blame::Key,
            (2, Blame::Nobody) => Blame::AccountModel,
            (3, Blame::Nobody) => Blame::KeyModel,
            (_, blame) => blame,
        };
        let account = self.accounts.get(key).filter(|_| matches!(blame, Blame::Account | Blame::AccountModel)).cloned();
        let model = outcome.model.as_deref().filter(|_| matches!(blame, Blame::KeyModel | Blame::AccountModel));
        match (account, model) {
            (Some(account), Some(model)) => Name::AccountModel(account, model.to_owned()),
            (Some(account), None) => Name::Account(account),
            (None, Some(model)) => Name::KeyModel(key.to_owned(), model.to_owned()),
            (None, None) => Name::Key(key.to_owned()),
        }
    }

    /// Puts a scope out; how it was before, where that may be taken back.
    fn put_out(
        &mut self,
        lease: &Lease,
        name: &Name,
        fault: Fault<'_>,
        told: Told<'_>,
    ) -> Result<Option<Scope>, String> {
        let Fault { number, kind, outcome, alike } = fault;
        if self.is_stale(lease, name) {
            return Ok(None);
        }
        let (now, base) = (self.now, self.base);
        let scope = self.scopes.entry(name.clone()).or_insert_with(|| Scope::new(base));
        let before = scope.clone();
        let going_on = scope.is_out() && scope.why.as_ref().is_some_and(|why| super::scope::kind(why.0) == Some(kind));
        let mut span = span(outcome, scope.n[kind].saturating_sub(u32::from(going_on)));
        if alike && !span.stated {
            if kind != 2 {
                return Ok(None);
            }
            span = Span { low: span.low.min(SECOND), high: span.high.min(SECOND), ..span };
        }
        let until = if span.low == span.high { now + span.low } else { drawn(scope, &span, now, told(name))? };
        if until <= now || !scope.put_out(kind == 0, until, span.probing) {
            return Ok(None);
        }
        if !going_on && (span.stated || !alike) {
            scope.n[kind] += 1;
        }
        scope.why = Some((outcome.class, outcome.status, outcome.code.as_deref().map(str::to_owned)));
        (scope.set_by, scope.set_at) = (Some(number), now);
        Ok((!span.stated).then_some(before))
    }
}

/// The end of a rest that was drawn by chance: what the proxy shows, if that is within the bounds. Where a longer
/// rest stands, the draw does not show.
fn drawn(scope: &Scope, span: &Span, now: Micros, told: Option<Micros>) -> Result<Micros, String> {
    let stands = match scope.state {
        State::Cooling { until, .. } => until,
        State::Ready | State::Probing { dead: false, .. } => 0,
        State::Blacklisted { .. } | State::Probing { dead: true, .. } | State::Disabled => return Ok(now + span.low),
    };
    match told {
        Some(until) if until > stands && (now + span.low..=now + span.high).contains(&until) => Ok(until),
        Some(until) if until == stands && now + span.low <= stands => Ok(now + span.low.min(until - now)),
        told => Err(format!("a rest of {span:?} from {now} on, on top of {stands}, is shown to end at {told:?}")),
    }
}
