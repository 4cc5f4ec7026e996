//! Keys that fail alike: when several do so at one origin within a moment and none does well, the fault is not theirs.

use super::lease::KeyId;
use super::scope::{Before, ScopeId};
use crate::classify::{Class, Outcome};
use crate::time::Instant;
use core::time::Duration;
use std::collections::VecDeque;

/// Distinct keys (accounts, where known) from which on it is not their fault.
const DISTINCT: usize = 3;
/// Within which they have to fail.
const WINDOW: Duration = Duration::from_secs(2);
/// Answers remembered per origin.
const KEPT: usize = 64;

/// What an answer did, so that it can be taken back.
#[derive(Clone, Debug)]
pub(crate) enum Effect {
    /// Nothing that could be taken back: nothing at all, or a stated rest.
    None,
    /// It put a scope out; this is how the scope was before.
    Out(ScopeId, Box<Before>),
    /// It counted as a soft fault of this key.
    Counted(KeyId),
    /// It counted, and with that put the key out.
    Both(KeyId, Box<Before>),
}

/// One failing answer.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    at: Instant,
    who: Who,
    class: Class,
    code: Option<Box<str>>,
    /// The lease it ended.
    pub(crate) serial: u64,
    pub(crate) effect: Effect,
}

/// Who failed: keys of one known account count once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Account(u64),
    Key(KeyId),
}

/// The failures at one origin within the window.
#[derive(Clone, Debug, Default)]
pub(crate) struct Failures(VecDeque<Failure>);

impl Failures {
    /// Whether failures of this kind can be somebody else's: not where a structured code names the key.
    pub(crate) fn concerns(outcome: &Outcome) -> bool {
        match outcome.class {
            Class::KeyDead | Class::Quota => !outcome.structured,
            Class::Rate | Class::Access | Class::Ambiguous | Class::Unknown => true,
            Class::Ok | Class::Overload | Class::Config | Class::Client | Class::Ours => false,
        }
    }

    /// Takes a failure in, its effect still to be told to [`Failures::effect`]. Whether so many failed alike that it
    /// is not their fault.
    pub(crate) fn add(&mut self, who: Who, outcome: &Outcome, serial: u64, now: Instant) -> bool {
        self.0.retain(|failure| now.since(failure.at) <= WINDOW);
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        let (class, code) = (outcome.class, outcome.code.clone());
        self.0.push_back(Failure { at: now, who, class, code, serial, effect: Effect::None });
        let alike = self.0.iter().filter(|failure| failure.is_like(outcome));
        let mut distinct: Vec<Who> = alike.map(|failure| failure.who).collect();
        distinct.sort_unstable();
        distinct.dedup();
        distinct.len() >= DISTINCT
    }

    /// What the failure that was added last did.
    pub(crate) fn effect(&mut self, effect: Effect) {
        if let Some(last) = self.0.back_mut() {
            last.effect = effect;
        }
    }

    /// The lease and effect of each failure like this one, newest first: to be taken back.
    pub(crate) fn take_back(&mut self, outcome: &Outcome) -> Vec<(u64, Effect)> {
        let alike = self.0.iter_mut().rev().filter(|failure| failure.is_like(outcome));
        alike.map(|failure| (failure.serial, core::mem::replace(&mut failure.effect, Effect::None))).collect()
    }

    /// A success: what failed before it has nothing to do with what fails after it.
    pub(crate) fn success(&mut self) {
        self.0.clear();
    }
}

impl Failure {
    fn is_like(&self, outcome: &Outcome) -> bool {
        self.class == outcome.class && self.code == outcome.code
    }
}
