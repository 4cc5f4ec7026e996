//! Waking: those who wait get what has become free, in the order in which they came.
//!
//! A pass lets at most one request through for each key and each permit; who could still be served is let through a
//! moment later, so that a key that has just come back is not stormed.

use super::choose::Decision;
use super::lease::{Refusal, Ticket};
use super::{Event, Keyring};
use crate::time::Instant;
use core::time::Duration;
use std::collections::BTreeSet;

/// Between two passes while somebody could be served.
const BETWEEN: Duration = Duration::from_millis(1);

impl Keyring {
    /// A pass, if something has changed or the next one is due.
    pub(super) fn wake(&mut self) {
        let due = self.next_pass.is_some_and(|at| at <= self.board.now);
        if self.queue.len() == 0 {
            (self.stirred, self.next_pass) = (false, None);
        }
        if !(self.stirred || due) {
            return;
        }
        let mut served = BTreeSet::new();
        loop {
            self.stirred = false;
            let left = self.pass(&mut served);
            self.next_pass = left.then(|| self.board.now + BETWEEN);
            // A grant that begins a trial concerns those who were asked before it.
            if !self.stirred {
                return;
            }
        }
    }

    /// Asks the first of each line, in the order in which they came, and who follows them. Whether somebody could be
    /// served, but by a key that has served in this pass.
    fn pass(&mut self, served: &mut BTreeSet<u32>) -> bool {
        let mut left = false;
        let mut firsts = self.queue.firsts();
        while let Some(waiter) = firsts.pop_first().and_then(|serial| self.queue.remove(serial)) {
            let outcome = match self.decide(&waiter.want, waiter.until) {
                Decision::Grant(place) if served.insert(place) => {
                    self.grant(place, &waiter.want).ok_or(Refusal::NoConnection)
                }
                Decision::Grant(_) => {
                    left = true;
                    self.queue.push(waiter);
                    continue;
                }
                Decision::Wait(ends) => {
                    let serial = waiter.ticket.serial;
                    self.queue.push(waiter);
                    self.dismiss(serial, ends);
                    continue;
                }
                Decision::Refuse(refusal) => Err(refusal),
            };
            firsts.extend(self.queue.next_after(&waiter));
            self.events.push_back(Event::Wake(waiter.ticket, outcome));
        }
        left
    }

    /// The rest that a line waits for ends then: whoever in it may not wait so long is told at once.
    fn dismiss(&mut self, serial: u64, ends: Option<Instant>) {
        let Some(ends) = ends else { return };
        while let Some(waiter) = self.queue.hopeless(serial, ends).and_then(|serial| self.queue.remove(serial)) {
            let bar = self.untried(&waiter.want);
            let refusal = self.refusal(&waiter.want, bar);
            self.events.push_back(Event::Wake(waiter.ticket, Err(refusal)));
        }
    }

    /// Whoever has waited as long as it may is served if it can be just now, else told why not.
    pub(super) fn end_waits(&mut self) {
        while let Some(waiter) = self.queue.ended(self.board.now).and_then(|serial| self.queue.remove(serial)) {
            let outcome = match self.decide(&waiter.want, waiter.until) {
                Decision::Grant(place) => self.grant(place, &waiter.want).ok_or(Refusal::NoConnection),
                Decision::Refuse(refusal) => Err(refusal),
                Decision::Wait(_) => Err(Refusal::NoConnection),
            };
            self.events.push_back(Event::Wake(waiter.ticket, outcome));
        }
    }

    /// A waiting request gives up its place. A grant that is on its way comes back as an unused lease.
    pub(crate) fn cancel(&mut self, ticket: Ticket) {
        self.queue.remove(ticket.serial);
    }
}
