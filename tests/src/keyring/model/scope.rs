//! One scope: ready, cooling, probing, blacklisted, disabled.

use super::{HOUR, Micros, SECOND};
use keywheel_core::classify::{Class, Outcome};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    Key(String),
    Account(String),
    KeyModel(String, String),
    AccountModel(String, String),
}

impl Name {
    pub(crate) fn is_of_key(&self, key: &str) -> bool {
        matches!(self, Name::Key(name) | Name::KeyModel(name, _) if name == key)
    }

    pub(crate) fn is_of_account(&self, account: &str) -> bool {
        matches!(self, Name::Account(name) | Name::AccountModel(name, _) if name == account)
    }

    pub(crate) fn model(&self) -> Option<&str> {
        match self {
            Name::Key(_) | Name::Account(_) => None,
            Name::KeyModel(_, model) | Name::AccountModel(_, model) => Some(model),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Ready,
    /// Until then; then probing or ready.
    Cooling {
        until: Micros,
        probing: bool,
    },
    /// After a rest or, where dead, after the blacklist; the number of the lease that tries it.
    Probing {
        dead: bool,
        held: Option<u64>,
    },
    Blacklisted {
        until: Micros,
    },
    Disabled,
}

/// Kinds of rests, each counted by itself: dead, quota, rate, access, soft.
pub(crate) fn kind(class: Class) -> Option<usize> {
    match class {
        Class::KeyDead => Some(0),
        Class::Quota => Some(1),
        Class::Rate => Some(2),
        Class::Access => Some(3),
        Class::Ambiguous | Class::Unknown => Some(4),
        _ => None,
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) state: State,
    /// Compared with that of leases.
    pub(crate) epoch: u32,
    /// How often it was raised.
    pub(crate) raises: u32,
    /// Rests in a row without a success.
    pub(crate) n: [u32; 5],
    pub(crate) why: Option<(Class, u16, Option<String>)>,
    pub(crate) set_by: Option<u64>,
    pub(crate) set_at: Micros,
}

/// The bounds of how long a rest lasts, and whether it was stated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) low: Micros,
    pub(crate) high: Micros,
    pub(crate) stated: bool,
    pub(crate) probing: bool,
}

/// The table: how long the n-th rest of this outcome lasts.
pub(crate) fn span(outcome: &Outcome, n: u32) -> Span {
    let doubled = |first: Micros, cap: Micros| (0..n.min(40)).fold(first, |span, _| (span * 2).min(cap * 2)).min(cap);
    let exactly = |span, stated, probing| Span { low: span, high: span, stated, probing };
    let hint = outcome.rest.map(|rest| rest.as_micros() as Micros);
    match (outcome.class, hint) {
        (Class::Rate, Some(hint)) if hint <= 600 * SECOND => exactly(hint, true, false),
        (Class::Rate, Some(hint)) => exactly(hint.min(24 * HOUR), true, true),
        (Class::Rate, None) => {
            let middle = doubled(SECOND, 600 * SECOND);
            Span { low: middle * 8 / 10, high: (middle * 12 / 10).min(600 * SECOND), stated: false, probing: true }
        }
        (Class::Quota, Some(hint)) => exactly(hint, true, true),
        (Class::Ambiguous | Class::Unknown, _) => exactly(doubled(SECOND / 2, 60 * SECOND), false, true),
        _ => exactly(doubled(HOUR, 24 * HOUR), false, true),
    }
}

impl Scope {
    pub(crate) fn new(epoch: u32) -> Self {
        let state = State::Ready;
        Scope { state, epoch, raises: 0, n: [0; 5], why: None, set_by: None, set_at: 0 }
    }

    pub(crate) fn is_out(&self) -> bool {
        matches!(self.state, State::Cooling { .. } | State::Blacklisted { .. })
    }

    pub(crate) fn until(&self) -> Option<Micros> {
        match self.state {
            State::Cooling { until, .. } | State::Blacklisted { until } => Some(until),
            _ => None,
        }
    }

    pub(crate) fn come_due(&mut self, now: Micros) {
        match self.state {
            State::Cooling { until, probing: false } if until <= now => {
                (self.state, self.why) = (State::Ready, None);
            }
            State::Cooling { until, probing: true } if until <= now => {
                self.state = State::Probing { dead: false, held: None };
            }
            State::Blacklisted { until } if until <= now => self.state = State::Probing { dead: true, held: None },
            _ => {}
        }
    }

    fn raise(&mut self) {
        self.epoch += 1;
        self.raises += 1;
    }

    /// A rest, or the blacklist, until then. Whether anything changed: a shorter rest never shortens a longer one, a
    /// lesser fault never replaces a graver one.
    pub(crate) fn put_out(&mut self, dead: bool, until: Micros, probing: bool) -> bool {
        let after = match (self.state, dead) {
            (State::Disabled, _) => State::Disabled,
            (State::Blacklisted { until: longest }, true) => State::Blacklisted { until: until.max(longest) },
            (_, true) => State::Blacklisted { until },
            (State::Blacklisted { .. } | State::Probing { dead: true, .. }, false) => self.state,
            (State::Cooling { until: longest, .. }, false) if longest > until => self.state,
            (State::Cooling { until: same, probing: also }, false) if same == until => {
                State::Cooling { until, probing: probing || also }
            }
            _ => State::Cooling { until, probing },
        };
        let changed = after != self.state;
        self.state = after;
        changed
    }

    /// A success that ends a rest.
    pub(crate) fn pass(&mut self) {
        self.raise();
        (self.state, self.n, self.why, self.set_by) = (State::Ready, [0; 5], None, None);
    }

    /// /reset-keys: what is out comes back, but what was switched off; the epoch is that of all.
    pub(crate) fn reset(&mut self, epoch: u32) {
        if self.state != State::Disabled {
            self.pass();
        }
        self.epoch = self.epoch.max(epoch);
    }

    pub(crate) fn revive(&mut self) {
        self.pass();
    }

    pub(crate) fn switch_off(&mut self) {
        self.state = State::Disabled;
    }

    /// What lease `by` did is taken back, if it is what stands: a rate's rest is cut to a second, all else undone.
    pub(crate) fn take_back(&mut self, by: u64, before: &Scope, now: Micros) {
        if self.set_by != Some(by) || self.state == State::Disabled {
            return;
        }
        if self.why.as_ref().is_some_and(|why| why.0 == Class::Rate) {
            let State::Cooling { until, .. } = self.state else { return };
            self.state = State::Cooling { until: until.min(self.set_at + SECOND), probing: true };
        } else {
            self.state = match before.state {
                State::Probing { dead, .. } => State::Probing { dead, held: None },
                other => other,
            };
            self.why = before.why.clone();
        }
        (self.n, self.set_by) = (before.n, before.set_by);
        self.raise();
        self.come_due(now);
    }
}
