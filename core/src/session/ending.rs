//! How a client's connection ends: departure, deadlines, the orderly close.

use super::client::Phase;
use super::seam::{How, Reason};
use super::{DOWN, Session, UP};
use crate::error::{ClientFault, Problem};
use crate::exchange::Exchange;
use crate::replay::Intake;
use crate::turn::Turn;
use core::time::Duration;

impl Session {
    /// The client ended its direction: before its answer is complete that is departure, unless the operator says
    /// that clients half-close.
    pub(super) fn client_eof(&mut self, turn: &mut Turn<'_>) {
        self.client.eof = true;
        let asks = matches!(self.client.phase, Phase::Body | Phase::Waiting);
        let answered = self.exchange.as_ref().is_none_or(Exchange::is_over);
        if asks && !answered && !turn.settings.client_half_close {
            self.client_gone(turn);
        }
    }

    /// The client is gone: the upstream is told at once. Where nothing of an answer is cut the end is an orderly one: a
    /// reset could destroy answers to requests before this one that it has not read yet.
    pub(super) fn client_gone(&mut self, turn: &mut Turn<'_>) {
        self.client.eof = true;
        let answering = self.exchange.as_ref().is_some_and(Exchange::is_answering);
        self.client.break_off(answering || !self.outboxes[DOWN].is_empty());
        self.outboxes[DOWN].clear(turn.pool);
        if let Some(exchange) = &mut self.exchange {
            exchange.handle_left(turn);
        } else {
            self.client.phase = Phase::Closing;
        }
    }

    /// The client ended its direction within a body: nobody waits for an answer to that. What was queued before it still
    /// goes out, and an answer that had begun is cut.
    pub(super) fn body_is_cut(&mut self, turn: &mut Turn<'_>) {
        match &mut self.exchange {
            Some(exchange) if !exchange.is_answering() => {
                self.client.break_off(false);
                exchange.handle_left(turn);
            }
            _ => self.client_gone(turn),
        }
    }

    /// The answer is out: another request, or the end.
    pub(super) fn next_request(&mut self, ended: bool, turn: &mut Turn<'_>) {
        let client = &mut self.client;
        turn.pool.put_scratch(core::mem::take(&mut client.trailers));
        client.alarm = None;
        if client.persist && ended && !client.broken {
            client.phase = Phase::Idle;
            client.alarm = Some((turn.now + turn.settings.limits.keep_alive, Reason::KeepAlive));
        } else {
            client.phase = Phase::Closing;
        }
    }

    /// All is sent: shut down, and linger until the client has seen it.
    pub(super) fn close(&mut self, turn: &mut Turn<'_>) -> bool {
        if !self.outboxes[DOWN].is_empty() {
            return false;
        }
        let how = if self.client.reset { How::Reset } else { How::Fin };
        self.out.hangup_client = Some(how);
        if self.client.reset || self.client.eof {
            self.client.phase = Phase::Over;
            self.client.alarm = None;
            self.out.done = true;
        } else {
            self.client.phase = Phase::Lingering;
            self.client.alarm = Some((turn.now + turn.settings.limits.linger, Reason::Linger));
        }
        true
    }

    pub(super) fn end_if_gone(&mut self) {
        if self.client.phase == Phase::Lingering && self.client.eof {
            self.client.phase = Phase::Over;
            self.client.alarm = None;
            self.out.done = true;
        }
    }

    /// What is due on the client's side.
    pub(super) fn client_timeout(&mut self, turn: &mut Turn<'_>) {
        let Some((at, reason)) = self.client.alarm.filter(|(at, _)| *at <= turn.now) else { return };
        debug_assert!(at <= turn.now);
        match reason {
            Reason::KeepAlive => {
                self.client.phase = Phase::Closing;
                self.client.alarm = None;
            }
            Reason::HeadTime => self.answer_and_close(Problem::from(ClientFault::SlowHead), turn),
            Reason::BodyIdle | Reason::BodyRate => self.body_is_slow(turn),
            Reason::Linger => {
                self.client.eof = true;
                self.end_if_gone();
            }
            _ => self.client.alarm = None,
        }
    }

    /// Slow only if it was wanted: a body that waits for the upstream is not the client's fault.
    fn body_is_slow(&mut self, turn: &mut Turn<'_>) {
        if self.client.held_back {
            self.client.begin_body(0, turn);
        } else {
            self.client_fault(ClientFault::SlowBody, turn);
        }
    }

    /// What the client sends is held back (nobody takes it yet, or there is no room for more), or is not any more: then it
    /// is given its time anew.
    pub(super) fn note_pressure(&mut self, turn: &Turn<'_>) {
        if self.client.phase != Phase::Body {
            self.client.held_back = false;
            return;
        }
        let (inbox, out) = (&self.inboxes[DOWN], &self.outboxes[UP]);
        let held_back = !inbox.has_room(out.lends())
            || match self.exchange.as_ref().map(Exchange::intake) {
                Some(Intake::Wait) => true,
                Some(Intake::Pass) => !out.has_room(),
                _ => false,
            };
        if core::mem::replace(&mut self.client.held_back, held_back) && !held_back {
            self.client.begin_body(0, turn);
        }
    }

    /// A peer takes nothing of what is to be written to it.
    pub(super) fn end_stalls(&mut self, turn: &mut Turn<'_>) {
        if self.outboxes[DOWN].deadline().is_some_and(|at| at <= turn.now) {
            self.client_gone(turn);
        }
        if self.outboxes[UP].deadline().is_some_and(|at| at <= turn.now) {
            self.outboxes[UP].put_off(turn.now + self.patience(turn));
            if let Some(exchange) = &mut self.exchange {
                exchange.handle_stalled(turn);
            }
        }
    }

    /// How long a peer may take nothing.
    pub(super) fn patience(&self, turn: &Turn<'_>) -> Duration {
        let limits = &turn.settings.limits;
        if self.client.phase == Phase::Tunnel { limits.tunnel_idle } else { limits.stream_idle }
    }
}
