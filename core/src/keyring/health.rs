//! The machine of one scope: a key, an account, or either of them for one model.
//!
//! ```text
//!                 Fault: rest, its end was stated ──────────────► Cooling ── Due ──► Ready
//!                ┌ Fault: rest, its end was reckoned ───────────► Cooling ── Due ─┐
//!        Ready ──┤                                                                ▼
//!          ▲     └ Fault: dead ─► Blacklisted ── Due ──────────────────────► Probing (due) ◄─┐
//!          │                                                        Try │        │ Fault     │ Leave
//!          │                                                            ▼        ▼           │
//!          └──────────────────────────────────────────── Pass ◄── Probing (held) ────────────┘
//!   Lift, Cut: back to what was, or to a short rest · Reset, Enable: Ready · Disable: Disabled, until Enable
//! ```
//!
//! It is a fact that only grows, and a local note on how far the way back has come. `health/table.txt` shows every
//! transition; a test holds the machine to it.

use super::fact::{Fact, Rank};
use super::view::State;
use crate::time::Instant;

/// How a rest ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Then {
    /// Its end was stated: nothing more to ask.
    Ready,
    /// Its end was reckoned: one request at a time finds out.
    Probing,
}

/// How far the way back has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trial {
    /// The fact speaks.
    Not,
    /// A rest with a stated end is over.
    Over,
    /// The next request tries.
    Due,
    /// The request whose lease has this serial is trying.
    Held(u64),
}

/// What befalls a scope.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// An answer puts it out until then: a rest, or the blacklist.
    Fault { rank: Rank, until: Instant, then: Then },
    /// Its time has come.
    Due,
    /// A request takes the trial.
    Try(u64),
    /// The trial said nothing.
    Leave(u64),
    /// The trial succeeded.
    Pass(u64),
    /// What put it out is taken back; this is how it was before.
    Lift(Health),
    /// What put it out is taken back, but for a rest until then.
    Cut(Instant),
    /// Everything that is out comes back, but what was switched off by hand.
    Reset,
    /// Switched off by hand.
    Disable,
    /// Switched on by hand; revives too.
    Enable,
}

/// The state of one scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Health {
    fact: Fact,
    then: Then,
    trial: Trial,
}

impl Default for Health {
    fn default() -> Self {
        Health { fact: Fact::default(), then: Then::Ready, trial: Trial::Not }
    }
}

impl Health {
    /// What is known, for merging.
    pub(crate) fn fact(&self) -> Fact {
        self.fact
    }

    /// The word for it.
    pub(crate) fn state(&self) -> State {
        match (self.fact.rank, self.trial) {
            (Rank::Disabled, _) => State::Disabled,
            (Rank::Ready, _) | (_, Trial::Over) => State::Ready,
            (_, Trial::Due | Trial::Held(_)) => State::Probing,
            (Rank::Cooling, Trial::Not) => State::Cooling,
            (Rank::Blacklisted, Trial::Not) => State::Blacklisted,
        }
    }

    /// When `Event::Due` is to come.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        matches!(self.state(), State::Cooling | State::Blacklisted).then_some(self.fact.until)
    }

    /// Whether it is probing after it was found dead: such trials are paced.
    pub(crate) fn is_dead_trial(&self) -> bool {
        self.state() == State::Probing && self.fact.rank == Rank::Blacklisted
    }

    /// Whether the next request may try it.
    pub(crate) fn is_due(&self) -> bool {
        self.state() == State::Probing && self.trial == Trial::Due
    }

    /// Whether the request with this lease is trying it.
    pub(crate) fn is_held_by(&self, serial: u64) -> bool {
        self.state() == State::Probing && self.trial == Trial::Held(serial)
    }

    /// The state after `event`. Whether the epoch was raised can be seen from the fact.
    #[must_use]
    pub(crate) fn after(self, event: Event) -> Health {
        match event {
            Event::Fault { rank, until, then } => self.fault(Fact { epoch: self.fact.epoch, rank, until }, then),
            Event::Due => self.come_due(),
            Event::Try(serial) if self.is_due() => Health { trial: Trial::Held(serial), ..self },
            Event::Leave(serial) if self.is_held_by(serial) => Health { trial: Trial::Due, ..self },
            Event::Pass(serial) if self.is_held_by(serial) => self.raised(Health::default()),
            Event::Lift(before) if self.fact.rank != Rank::Disabled => self.raised(before),
            Event::Cut(until) if self.fact.rank == Rank::Cooling => {
                let fact = Fact { until: until.min(self.fact.until), ..self.fact };
                self.raised(Health { fact, then: Then::Probing, trial: Trial::Not })
            }
            Event::Reset if self.fact.rank != Rank::Disabled => self.raised(Health::default()),
            Event::Enable => self.raised(Health::default()),
            Event::Disable => {
                self.fault(Fact { epoch: self.fact.epoch, rank: Rank::Disabled, until: Instant::ZERO }, Then::Ready)
            }
            _ => self,
        }
    }

    /// The greater fact stands; where both are equal, the more careful end.
    fn fault(self, fact: Fact, then: Then) -> Health {
        let merged = self.fact.merge(fact);
        if merged > self.fact {
            Health { fact: merged, then, trial: Trial::Not }
        } else if fact == self.fact {
            Health { then: self.then.max(then), ..self }
        } else {
            self
        }
    }

    fn come_due(self) -> Health {
        let trial = match (self.state(), self.then) {
            (State::Cooling, Then::Ready) => Trial::Over,
            (State::Cooling, Then::Probing) | (State::Blacklisted, _) => Trial::Due,
            _ => self.trial,
        };
        Health { trial, ..self }
    }

    /// A new epoch that begins like this. A trial that was under way is due again: its lease has lost its say.
    fn raised(self, to: Health) -> Health {
        let trial = if let Trial::Held(_) = to.trial { Trial::Due } else { to.trial };
        Health { fact: Fact { epoch: self.fact.epoch.saturating_add(1), ..to.fact }, trial, ..to }
    }
}

#[cfg(test)]
mod tests;
