//! The queue: requests that wait for a key or a connection, first come, first served.
//!
//! Requests that differ only in when they came wait in one line: what is said of the first of a line holds for all of
//! it. A request that passes over some keys or origins has a line of its own.

use super::lease::{Model, Ticket, Want};
use crate::time::Instant;
use std::collections::{BTreeMap, BTreeSet};

/// A request that waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) ticket: Ticket,
    pub(crate) want: Want,
    /// How long it may wait.
    pub(crate) until: Instant,
}

/// Which requests share a line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Model(Option<Box<str>>),
    Alone(u64),
}

#[derive(Debug, Default)]
struct Line {
    waiting: BTreeSet<u64>,
    ends: BTreeSet<(Instant, u64)>,
}

/// All lines.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiters: BTreeMap<u64, Waiter>,
    lines: BTreeMap<Kind, Line>,
    ends: BTreeSet<(Instant, u64)>,
}

impl Want {
    fn kind(&self, serial: u64) -> Kind {
        if !self.tried.is_empty() || !self.unreachable.is_empty() {
            return Kind::Alone(serial);
        }
        Kind::Model(self.model_name().map(Into::into))
    }

    /// The model, where it is known.
    pub(crate) fn model_name(&self) -> Option<&str> {
        match &self.model {
            Model::Named(name) => Some(name),
            Model::Unread | Model::Absent => None,
        }
    }
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.waiters.len()
    }

    /// Takes a place at the end. Serials grow.
    pub(crate) fn push(&mut self, waiter: Waiter) {
        let (serial, until) = (waiter.ticket.serial, waiter.until);
        let line = self.lines.entry(waiter.want.kind(serial)).or_default();
        line.waiting.insert(serial);
        line.ends.insert((until, serial));
        self.ends.insert((until, serial));
        self.waiters.insert(serial, waiter);
    }

    /// Gives up a place.
    pub(crate) fn remove(&mut self, serial: u64) -> Option<Waiter> {
        let waiter = self.waiters.remove(&serial)?;
        self.ends.remove(&(waiter.until, serial));
        let kind = waiter.want.kind(serial);
        if let Some(line) = self.lines.get_mut(&kind) {
            line.waiting.remove(&serial);
            line.ends.remove(&(waiter.until, serial));
            if line.waiting.is_empty() {
                self.lines.remove(&kind);
            }
        }
        Some(waiter)
    }

    /// The first of each line.
    pub(crate) fn firsts(&self) -> BTreeSet<u64> {
        self.lines.values().filter_map(|line| line.waiting.first().copied()).collect()
    }

    /// Who comes next in the line that the leaving `waiter` was in.
    pub(crate) fn next_after(&self, waiter: &Waiter) -> Option<u64> {
        self.lines.get(&waiter.want.kind(waiter.ticket.serial))?.waiting.first().copied()
    }

    /// In the line of this request: who may not wait until then.
    pub(crate) fn hopeless(&self, serial: u64, until: Instant) -> Option<u64> {
        let kind = self.waiters.get(&serial)?.want.kind(serial);
        self.lines.get(&kind)?.ends.first().filter(|(end, _)| *end < until).map(|&(_, serial)| serial)
    }

    /// When the first of all has waited as long as it may.
    pub(crate) fn next_end(&self) -> Option<Instant> {
        self.ends.first().map(|&(end, _)| end)
    }

    /// Somebody who has waited as long as it may.
    pub(crate) fn ended(&self, now: Instant) -> Option<u64> {
        self.ends.first().filter(|(end, _)| *end <= now).map(|&(_, serial)| serial)
    }
}
