//! One origin: what happened there, in full.

use super::{Micros, Name, SECOND, Scope, Who};
use keywheel_core::classify::{Class, Outcome};

/// An answer that may have been somebody else's fault.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) at: Micros,
    /// Its account where known, else the key with its life.
    pub(crate) who: (String, u32),
    pub(crate) class: Class,
    pub(crate) code: Option<String>,
    pub(crate) lease: u64,
    /// The scope that it changed, as it was before.
    pub(crate) changed: Option<(Name, Scope)>,
    /// It was counted as a soft fault of this key.
    pub(crate) counted: Option<Who>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    pub(crate) in_use: u32,
    charges: u32,
    open_until: Micros,
    outcomes: Vec<(Who, bool)>,
    pub(crate) failures: Vec<Failure>,
}

impl Origin {
    pub(crate) fn charge(&mut self, now: Micros) {
        self.charges += 1;
        if self.charges >= 5 {
            self.open_until = now + 10 * SECOND;
        }
    }

    pub(crate) fn success(&mut self) {
        (self.charges, self.open_until) = (0, 0);
        self.failures.clear();
    }

    pub(crate) fn is_open(&self, now: Micros) -> bool {
        now < self.open_until
    }

    pub(crate) fn note(&mut self, who: &Who, good: bool) {
        self.outcomes.push((who.clone(), good));
    }

    /// Whether the last outcome here with another key was a success.
    pub(crate) fn others_do_well(&self, who: &Who) -> bool {
        self.outcomes.iter().rev().find(|(key, _)| key != who).is_some_and(|&(_, good)| good)
    }

    /// Adds a failure. Whether three distinct ones alike, this one among them, lie within 2 s.
    pub(crate) fn fail(&mut self, failure: Failure) -> bool {
        self.failures.retain(|old| failure.at - old.at <= 2 * SECOND);
        while self.failures.len() >= 64 {
            self.failures.remove(0);
        }
        let like = |old: &&Failure| old.class == failure.class && old.code == failure.code;
        let mut who: Vec<_> = self.failures.iter().filter(like).map(|old| old.who.clone()).collect();
        who.push(failure.who.clone());
        who.sort();
        who.dedup();
        self.failures.push(failure);
        who.len() >= 3
    }
}

/// Whether an outcome can be part of a correlated fault.
pub(crate) fn may_be_correlated(outcome: &Outcome) -> bool {
    match outcome.class {
        Class::KeyDead | Class::Quota => !outcome.structured,
        Class::Rate | Class::Access | Class::Ambiguous | Class::Unknown => true,
        _ => false,
    }
}
