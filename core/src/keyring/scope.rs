//! What can be out: a key, an account, or either of them for one model; and what is known of it.

use super::health::{Event, Health};
use super::rest::{CUT, Cause, Rest};
use super::view::{Standing, State, Why};
use crate::classify::Outcome;
use crate::rng::Rng;
use crate::time::Instant;

/// Names a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ScopeId {
    /// The key in this slot.
    Key(u32),
    /// The account with this id.
    Account(u64),
    /// The key in this slot, for this model.
    KeyModel(u32, ModelId),
    /// The account with this id, for this model.
    AccountModel(u64, ModelId),
}

/// Names a model of which something is known; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ModelId(pub(crate) u64);

impl ScopeId {
    /// The model, where it is a scope of one model only.
    pub(crate) fn model(self) -> Option<ModelId> {
        match self {
            ScopeId::Key(_) | ScopeId::Account(_) => None,
            ScopeId::KeyModel(_, model) | ScopeId::AccountModel(_, model) => Some(model),
        }
    }
}

/// What is known of one scope.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    pub(crate) health: Health,
    /// Leases up to this serial began in an older epoch.
    pub(crate) raised: u64,
    /// Rests in a row without a success, by [`Cause`].
    rests: [u8; Cause::COUNT],
    why: Option<Why>,
    since: Instant,
    /// The lease whose outcome made it what it is, and when; 0 for none.
    set_by: u64,
    set_at: Instant,
}

/// How a scope was before an outcome changed it, for taking that back.
#[derive(Clone, Debug)]
pub(crate) struct Before {
    health: Health,
    rests: [u8; Cause::COUNT],
    why: Option<Why>,
    since: Instant,
    set_by: u64,
}

/// One outcome, as far as a scope is concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault<'a> {
    pub(crate) cause: Cause,
    pub(crate) outcome: &'a Outcome,
    /// The lease it ended.
    pub(crate) serial: u64,
    /// Several keys failed alike: only a stated rest stands, a rate's other rest is cut.
    pub(crate) alike: bool,
    pub(crate) now: Instant,
}

impl Scope {
    /// A scope of which nothing is known but that leases up to `raised` began before.
    pub(crate) fn new(raised: u64, now: Instant) -> Self {
        Scope { raised, since: now, ..Scope::default() }
    }

    /// Whether a lease began in an older epoch: its outcome changes nothing here.
    pub(crate) fn is_stale(&self, serial: u64) -> bool {
        serial <= self.raised
    }

    /// Whether there is nothing to remember but the epoch.
    pub(crate) fn is_blank(&self) -> bool {
        self.health.state() == State::Ready && self.rests == [0; Cause::COUNT]
    }

    /// Whether it counts rests that a success ends.
    pub(crate) fn has_rested(&self) -> bool {
        self.rests != [0; Cause::COUNT]
    }

    /// Takes a fault in. What it changed can be taken back by [`Scope::take_back`] with the answer.
    pub(crate) fn fault(&mut self, fault: Fault<'_>, rng: &mut Rng) -> Option<Before> {
        if self.is_stale(fault.serial) {
            return None;
        }
        let n = &self.rests[fault.cause as usize];
        let out = matches!(self.health.state(), State::Cooling | State::Blacklisted);
        let going_on = out && self.why.as_ref().is_some_and(|w| Cause::of(w.class) == Some(fault.cause));
        let mut rest = Rest::of(fault.cause, fault.outcome, n.saturating_sub(u8::from(going_on)), rng);
        if fault.alike && !rest.stated {
            if fault.cause != Cause::Rate {
                return None;
            }
            rest.span = rest.span.min(CUT);
        }
        let until = fault.now + rest.span;
        if until <= fault.now {
            return None;
        }
        let after = self.health.after(Event::Fault { rank: rest.rank, until, then: rest.then });
        if after == self.health {
            return None;
        }
        let before = self.remember();
        if !going_on && (rest.stated || !fault.alike) {
            let n = &mut self.rests[fault.cause as usize];
            *n = n.saturating_add(1);
        }
        self.become_(after, fault.now);
        (self.set_by, self.set_at) = (fault.serial, fault.now);
        let Outcome { class, status, .. } = *fault.outcome;
        self.why = Some(Why { class, status, code: fault.outcome.code.clone() });
        (!rest.stated).then_some(before)
    }

    /// Takes back what the outcome of lease `by` did, if it is still what stands: undone, but for a rate's rest,
    /// which is cut. Leases given so far belong to the old epoch. Whether anything changed.
    pub(crate) fn take_back(&mut self, by: u64, before: Before, latest: u64, now: Instant) -> bool {
        if self.set_by != by {
            return false;
        }
        let rate = self.why.as_ref().is_some_and(|w| Cause::of(w.class) == Some(Cause::Rate));
        if rate && self.health.state() != State::Cooling {
            return false;
        }
        let event = if rate { Event::Cut(self.set_at + CUT) } else { Event::Lift(before.health) };
        let after = self.health.after(event);
        if after == self.health {
            return false;
        }
        (self.health, self.rests, self.set_by, self.raised) = (after, before.rests, before.set_by, latest);
        if !rate {
            (self.why, self.since) = (before.why, before.since);
        }
        if self.health.due_at().is_some_and(|t| t <= now) {
            self.become_(self.health.after(Event::Due), now);
        }
        true
    }

    /// A success of a lease that is not trying this scope: the rests in a row end, a rest under way does not.
    pub(crate) fn success(&mut self, serial: u64) {
        if !self.is_stale(serial) {
            self.rests = [0; Cause::COUNT];
        }
    }

    /// Anything but a fault. `latest` is the serial of the newest lease: where the event raises the epoch, leases up
    /// to it have no say any more.
    pub(crate) fn on(&mut self, event: Event, latest: u64, now: Instant) {
        let after = self.health.after(event);
        if after.fact().epoch > self.health.fact().epoch {
            self.raised = latest;
            self.rests = [0; Cause::COUNT];
            self.set_by = 0;
        }
        self.become_(after, now);
    }

    fn become_(&mut self, after: Health, now: Instant) {
        if after.state() != self.health.state() {
            self.since = now;
        }
        if after.state() == State::Ready {
            self.why = None;
        }
        self.health = after;
    }

    fn remember(&self) -> Before {
        let Scope { health, rests, why, since, set_by, .. } = self.clone();
        Before { health, rests, why, since, set_by }
    }

    /// How it stands, to be shown.
    pub(crate) fn standing(&self) -> Standing {
        let state = self.health.state();
        Standing { state, why: self.why.clone(), since: self.since, until: self.health.due_at() }
    }
}
