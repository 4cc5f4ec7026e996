//! What a request that wants a key is to get.

use super::{Exhausted, Key, Lease, Micros, Model, Name, Scope, State, Strategy, Who};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Unread,
    Absent,
    Named(String),
}

/// What a request asks.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) model: Known,
    pub(crate) tried: Vec<Who>,
    pub(crate) unreachable: Vec<String>,
    pub(crate) until: Micros,
    pub(crate) may_wait: bool,
}

impl Ask {
    /// Whether it passes over some key or origin.
    pub(crate) fn is_picky(&self) -> bool {
        !self.tried.is_empty() || !self.unreachable.is_empty()
    }

    pub(crate) fn name(&self) -> Option<&str> {
        match &self.model {
            Known::Named(name) => Some(name),
            Known::Unread | Known::Absent => None,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Waiter {
    pub(crate) ticket: u64,
    pub(crate) ask: Ask,
    pub(crate) until: Micros,
}

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum No {
    Exhausted(Micros),
    Unavailable(Option<Micros>),
    ModelNotFound,
    Unconnected,
    Correlated,
}

/// What is to come of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    NeedModel,
    /// One of these keys.
    One(Vec<String>),
    Wait,
    No(No),
}

/// How a key stands for a request, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stand {
    Open,
    /// It would be open, but has no connection.
    Crowded,
    /// Until then; 0 while it is being tried. Whether it was found dead.
    Resting(Micros, bool),
    Black(Micros),
    Off,
}

impl Stand {
    pub(crate) fn is_open(self) -> bool {
        self == Stand::Open
    }

    pub(crate) fn is_resting(self) -> bool {
        matches!(self, Stand::Resting(..))
    }

    fn ends(self) -> Option<Micros> {
        match self {
            Stand::Open | Stand::Crowded => Some(0),
            Stand::Resting(until, _) | Stand::Black(until) => Some(until),
            Stand::Off => None,
        }
    }
}

impl Model {
    /// The worst of the key's scopes.
    pub(crate) fn stand(&self, key: &str, model: Option<&str>) -> Stand {
        let one = |name: &Name| self.scopes.get(name).map_or(Stand::Open, |scope| self.bar(scope));
        self.scopes_of(key, model).iter().map(one).max().unwrap_or(Stand::Off)
    }

    /// What a scope bars.
    pub(crate) fn bar(&self, scope: &Scope) -> Stand {
        match scope.state {
            State::Ready => Stand::Open,
            State::Cooling { until, .. } => Stand::Resting(until, false),
            State::Probing { dead, held: Some(_) } => Stand::Resting(0, dead),
            State::Probing { dead: true, held: None } if self.now < self.dead_pace => Stand::Black(self.dead_pace),
            State::Probing { .. } => Stand::Open,
            State::Blacklisted { until } => Stand::Black(until),
            State::Disabled => Stand::Off,
        }
    }

    fn has_permit(&self, origin: &str) -> bool {
        let in_use = self.origins.get(origin).map_or(0, |origin| origin.in_use);
        self.policy.max_sockets.is_none_or(|most| in_use < most)
    }

    /// The origins that the request may go to with this key, in the order of its base URLs.
    fn ways<'k>(&self, key: &'k Key, ask: &Ask) -> Vec<&'k String> {
        let shut = |origin: &&String| self.origins.get(*origin).is_some_and(|origin| origin.is_open(self.now));
        let further = !ask.tried.is_empty();
        key.bases.iter().filter(|origin| !(ask.unreachable.contains(origin) || further && shut(origin))).collect()
    }

    /// Untried keys that may serve the request and can be reached, and how each stands.
    fn candidates(&self, ask: &Ask) -> Vec<(&Key, Stand)> {
        let mut all = Vec::new();
        for key in &self.keys {
            let who = (key.name.clone(), self.counts[&key.name].life);
            let ways = self.ways(key, ask);
            if ask.tried.contains(&who) || !key.allows(ask.name()) || ways.is_empty() {
                continue;
            }
            let stand = match self.stand(&key.name, ask.name()) {
                Stand::Open if !ways.iter().any(|origin| self.has_permit(origin)) => Stand::Crowded,
                stand => stand,
            };
            all.push((key, stand));
        }
        all
    }

    /// Whether a request must say its model.
    pub(crate) fn needs_model(&self) -> bool {
        let limited = |(name, scope): (&Name, &Scope)| name.model().is_some() && scope.state != State::Ready;
        self.keys.iter().any(|key| !key.models.is_empty()) || self.scopes.iter().any(limited)
    }

    /// What is to come of a request that may wait until then.
    pub(crate) fn expect(&self, ask: &Ask, until: Micros) -> Expect {
        let may_wait = ask.may_wait && until > self.now;
        let all = self.candidates(ask);
        let open: Vec<_> = all.iter().filter(|(_, stand)| stand.is_open()).map(|(key, _)| *key).collect();
        if !open.is_empty() {
            return Expect::One(self.preferred(open));
        }
        let best = all.iter().map(|(_, stand)| *stand).min();
        match best {
            Some(Stand::Crowded) if may_wait => return Expect::Wait,
            Some(Stand::Crowded) => return Expect::No(No::Unconnected),
            _ => {}
        }
        match self.policy.exhausted {
            Exhausted::Wait if may_wait => {
                let soon = |stand: Stand| stand.is_resting() && stand.ends().is_some_and(|end| end <= until);
                if all.iter().any(|&(_, stand)| soon(stand)) {
                    return Expect::Wait;
                }
            }
            Exhausted::LeastBad if ask.may_wait => {
                if let Some(expected) = self.least_bad(ask, &all, may_wait) {
                    return expected;
                }
            }
            _ => {}
        }
        Expect::No(self.no(ask, best))
    }

    /// One attempt with the key that rests shortest.
    fn least_bad(&self, ask: &Ask, all: &[(&Key, Stand)], may_wait: bool) -> Option<Expect> {
        let alive = |stand: Stand| matches!(stand, Stand::Resting(_, false));
        let connected = |key: &Key| self.ways(key, ask).iter().any(|origin| self.has_permit(origin));
        let resting = all.iter().filter(|(_, stand)| alive(*stand));
        let shortest = resting.clone().filter(|(key, _)| connected(key)).map(|(_, stand)| *stand).min();
        if let Some(shortest) = shortest {
            let keys = all.iter().filter(|(key, stand)| *stand == shortest && connected(key)).map(|(key, _)| *key);
            return Some(Expect::One(self.preferred(keys.collect())));
        }
        let crowded = if may_wait { Expect::Wait } else { Expect::No(No::Unconnected) };
        (resting.count() > 0).then_some(crowded)
    }

    /// Of these, the keys of the best tier, and of those the least busy where that is asked for.
    fn preferred(&self, keys: Vec<&Key>) -> Vec<String> {
        let tier = keys.iter().map(|key| key.priority).min().unwrap_or(0);
        let mut keys: Vec<&Key> = keys.into_iter().filter(|key| key.priority == tier).collect();
        if self.policy.strategy == Strategy::LeastBusy {
            let load = |key: &Key| f64::from(self.counts[&key.name].leases) / f64::from(key.weight);
            let least = keys.iter().map(|key| load(key)).fold(f64::INFINITY, f64::min);
            keys.retain(|key| load(key) <= least + 1e-12);
        }
        keys.into_iter().map(|key| key.name.clone()).collect()
    }

    /// Why not, and when the first of all keys, tried or not, is back.
    fn no(&self, ask: &Ask, best: Option<Stand>) -> No {
        let stands = self.keys.iter().filter(|key| key.allows(ask.name())).map(|key| self.stand(&key.name, ask.name()));
        let Some(first) = stands.min() else { return No::ModelNotFound };
        let back = first.ends().map(|end| end.saturating_sub(self.now));
        let calm = Ask { tried: Vec::new(), ..ask.clone() };
        let stopped = |key: &Key| !self.ways(key, &calm).is_empty() && self.ways(key, ask).is_empty();
        if self.keys.iter().any(stopped) {
            return No::Correlated;
        }
        match (best, back) {
            (Some(best), Some(back)) if best.is_resting() => No::Exhausted(back),
            _ => No::Unavailable(back),
        }
    }

    /// How long a request that comes now may wait.
    pub(crate) fn wait_until(&self, ask: &Ask) -> Micros {
        ask.until.min(self.now + self.policy.key_wait)
    }

    /// A lease was given. What is wrong with it, if anything: the base URL, or whether it is a trial.
    pub(crate) fn grant(
        &mut self,
        number: u64,
        key: &str,
        bases: Vec<String>,
        probe: bool,
        ask: &Ask,
    ) -> Result<(), String> {
        let first = bases.first().cloned().ok_or("no base URL")?;
        let configured = self.keys.iter().find(|k| k.name == key).ok_or("no such key")?;
        let ways: Vec<&String> = self.ways(configured, ask).into_iter().filter(|way| self.has_permit(way)).collect();
        let shut = |origin: &String| self.origins[origin].is_open(self.now);
        if !ways.contains(&&first) || shut(&first) && ways.iter().any(|way| !shut(way)) {
            return Err(format!("{first} is not the base URL to begin with: {ways:?} are"));
        }
        let mut trying = Vec::new();
        for name in self.scopes_of(key, ask.name()) {
            let Some(scope) = self.scopes.get_mut(&name) else { continue };
            if let State::Probing { dead, held: None } = scope.state {
                if dead && self.now < self.dead_pace {
                    return Err(format!("{key} is dead and it is not its turn"));
                }
                if dead {
                    self.dead_pace = self.now + 60 * super::SECOND;
                }
                scope.state = State::Probing { dead, held: Some(number) };
                trying.push(name);
            }
        }
        if probe == trying.is_empty() {
            return Err(format!("is_probe is {probe}, but it tries {trying:?}"));
        }
        let epochs: BTreeMap<Name, u32> = self.scopes.iter().map(|(name, scope)| (name.clone(), scope.epoch)).collect();
        self.origins.get_mut(&first).into_iter().for_each(|origin| origin.in_use += 1);
        let counts = self.counts.get_mut(key).ok_or("no such key")?;
        counts.leases += 1;
        let key = (key.to_owned(), counts.life);
        self.leases.insert(number, Lease { key, bases, trying, judged: None, epochs, base: self.base });
        Ok(())
    }

    /// Refused at once although it would wait: the queue is full.
    pub(crate) fn refuse_waiting(&self, ask: &Ask) -> No {
        let best = self.candidates(ask).into_iter().map(|(_, stand)| stand).min();
        if best == Some(Stand::Crowded) || self.policy.exhausted == Exhausted::LeastBad {
            No::Unconnected
        } else {
            self.no(ask, best)
        }
    }

    pub(crate) fn queue(&mut self, ticket: u64, ask: Ask, until: Micros) {
        self.waiting.push(Waiter { ticket, ask, until });
    }

    pub(crate) fn waiter(&self, ticket: u64) -> Option<Waiter> {
        self.waiting.iter().find(|waiter| waiter.ticket == ticket).cloned()
    }

    pub(crate) fn dequeue(&mut self, ticket: u64) {
        self.waiting.retain(|waiter| waiter.ticket != ticket);
    }

    /// Somebody who came earlier and waits for exactly the same.
    pub(crate) fn earlier_in_line(&self, waiter: &Waiter) -> Option<u64> {
        // Whoever has waited as long as it may is served then or never.
        if waiter.until <= self.now {
            return None;
        }
        let same =
            |other: &&Waiter| !other.ask.is_picky() && !waiter.ask.is_picky() && other.ask.name() == waiter.ask.name();
        let earlier = |other: &&Waiter| other.ticket < waiter.ticket;
        self.waiting.iter().filter(same).find(earlier).map(|other| other.ticket)
    }
}
