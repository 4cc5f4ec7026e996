//! How a client's connection ends: departure, deadlines, the orderly close.

use super::client::Phase;
use super::seam::{How, Reason};
use super::{DOWN, Session, UP};
use crate::error::{ClientFault, Problem};
use crate::exchange::Exchange;
use crate::turn::Turn;

impl Session {
    /// The client ended its direction: before its answer is complete that is departure, unless the operator says
    /// that clients half-close.
    pub(super) fn client_eof(&mut self, turn: &mut Turn<'_>) {
        self.client.eof = true;
        match self.client.phase {
            Phase::Body => self.client_gone(turn),
            Phase::Waiting if !turn.settings.client_half_close => {
                let answered = self.exchange.as_ref().is_none_or(Exchange::is_over);
                if !answered {
                    self.client_gone(turn);
                }
            }
            _ => {}
        }
        self.client.persist = false;
    }

    /// The client is gone: the upstream is told at once.
    pub(super) fn client_gone(&mut self, turn: &mut Turn<'_>) {
        self.client.eof = true;
        self.client.break_off(true);
        self.outboxes[DOWN].clear(turn.pool);
        if let Some(exchange) = &mut self.exchange {
            exchange.handle_left(turn);
        } else {
            self.client.phase = Phase::Closing;
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
            Reason::HeadTime => self.answer_and_close(Problem::from(ClientFault::SlowBody), turn),
            Reason::BodyIdle | Reason::BodyRate => self.body_is_slow(reason, turn),
            Reason::Linger => {
                self.client.eof = true;
                self.end_if_gone();
            }
            _ => self.client.alarm = None,
        }
    }

    /// Slow only if it was wanted: a body that waits for the upstream is not the client's fault.
    fn body_is_slow(&mut self, reason: Reason, turn: &mut Turn<'_>) {
        let limits = &turn.settings.limits;
        let waits = self.inboxes[DOWN].unread_len() > 0 || self.outboxes[UP].lends();
        let enough = limits.body_rate.saturating_mul(limits.body_grace.as_secs());
        if waits || (reason == Reason::BodyRate && self.client.rate.1 >= enough) {
            self.client.rate = (turn.now, 0);
            self.client.expect_body(turn);
        } else {
            self.client_fault(ClientFault::SlowBody, turn);
        }
    }
}
