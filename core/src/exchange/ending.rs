//! The end of an exchange: what was asked for is taken back, the lease is settled, memory is given back.

use super::{Exchange, State};
use crate::classify::{Class, Outcome};
use crate::keyring::{Model, Settle};
use crate::proxy::Ask;
use crate::turn::{Pool, Turn};

impl Exchange {
    /// The client left, or its connection broke: nothing is its keys' fault.
    pub fn handle_left(&mut self, turn: &mut Turn<'_>) {
        self.withdraw();
        self.due.answer = false;
        self.due.go_on = false;
        self.finish(Outcome::plain(Class::Ours), turn);
    }

    /// The session is dropped: what the proxy must still hear.
    pub fn abandon(mut self, pool: &mut Pool) -> Option<Ask> {
        self.withdraw();
        self.free(pool);
        self.settled(Outcome::plain(Class::Ours)).or(self.ask)
    }

    /// Takes back what was asked for and did not come yet: a key, a page, a connection.
    pub(super) fn withdraw(&mut self) {
        match self.state {
            State::Queued(ticket) => self.ask = Some(Ask::Cancel(ticket)),
            // It was not even told yet.
            State::Asking => {
                self.ask = match self.ask.take() {
                    Some(Ask::PassOver(settle)) => Some(Ask::Settle(Settle { then: None, ..*settle })),
                    Some(Ask::Swap(settle)) => {
                        self.due.verdict = settle.lease.judged.is_none();
                        self.lease = Some(settle.lease);
                        None
                    }
                    Some(Ask::Settle(settle)) => Some(Ask::Settle(Settle { then: None, ..settle })),
                    _ => None,
                }
            }
            State::Dialing => self.due.stop_dial = self.dial.take().is_none(),
            _ => {}
        }
    }

    /// The upstream's connection is not wanted any more.
    pub(super) fn release(&mut self) {
        self.due.release |= core::mem::take(&mut self.linked);
        self.due.send = false;
    }

    /// Ends the exchange as far as proxy and upstream are concerned. What the answer itself said of its key stands,
    /// however the answer ended; else the lease is settled with `outcome`.
    pub(super) fn finish(&mut self, outcome: Outcome, turn: &mut Turn<'_>) {
        self.release();
        self.dial = None;
        if let Some(ask) = self.settled(outcome) {
            self.ask = Some(ask);
        }
        self.state = State::Over;
        self.alarm = None;
        self.budget_end = None;
        self.peek = None;
        self.request.free(turn.pool);
        self.body.free(turn.pool);
    }

    fn settled(&mut self, outcome: Outcome) -> Option<Ask> {
        let lease = self.lease.take()?;
        self.due.verdict = false;
        let said = self.observer.late_error().or(self.verdict.take());
        let mut outcome = said.map_or(outcome, |said| *said);
        outcome.account = outcome.account.or(self.account.take());
        // An error inside a stream comes when the body that names the model is gone.
        if let (None, Model::Named(model)) = (&outcome.model, &self.model) {
            outcome.model = Some(model.clone());
        }
        // A lease that was never used says nothing of the attempt before it, whose answer may be the one that passes.
        if self.began {
            self.class = outcome.class;
        } else if self.tries.attempts == 0 {
            self.class = Class::Ours;
        }
        let outcome = (self.began && !lease.counted).then_some(outcome);
        Some(Ask::Settle(Settle { lease, outcome, base: 0, then: None }))
    }

    /// A verdict that falls before its lease ends.
    pub(super) fn early_verdict(&mut self) -> Option<Ask> {
        let lease = self.lease.as_mut().filter(|_| core::mem::take(&mut self.due.verdict))?;
        let passes = || Outcome { status: self.status, account: self.account.clone(), ..Outcome::plain(Class::Ok) };
        let outcome = self.verdict.as_deref().cloned().unwrap_or_else(passes);
        Some(Ask::Verdict(lease.verdict(0, outcome)))
    }

    pub(super) fn free(&mut self, pool: &mut Pool) {
        self.request.free(pool);
        self.body.free(pool);
        self.own = None;
    }
}
