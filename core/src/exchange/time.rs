//! Deadlines: each state's own, and the budget of everything before the commit point.

use super::seek::Break;
use super::{Exchange, State};
use crate::classify::{Class, Outcome};
use crate::config::Settings;
use crate::error::UpstreamFault;
use crate::json::RequestFields;
use crate::session::Reason;
use crate::time::Instant;
use crate::turn::Turn;
use core::time::Duration;

/// Upstream head limit when REQUEST_TIMEOUT is unset: for a call that says `stream: true` …
const STREAMED: Duration = Duration::from_secs(30);
/// … and for one that does not, or of which nobody can tell (reasoning sends no head before it is done).
const UNSTREAMED: Duration = Duration::from_secs(600);

impl Exchange {
    /// When to call `handle_timeout`, and why.
    pub fn poll_timeout(&self) -> Option<(Instant, Reason)> {
        let budget = self.budget_end.filter(|_| self.uncommitted()).map(|at| (at, Reason::Budget));
        match (self.alarm, budget) {
            (Some(alarm), Some(budget)) => Some(alarm.min(budget)),
            (alarm, budget) => alarm.or(budget),
        }
    }

    /// Does what is due at `turn.now`; nothing when nothing is.
    pub fn handle_timeout(&mut self, turn: &mut Turn<'_>) {
        let Some((at, reason)) = self.poll_timeout() else { return };
        if turn.now < at {
            return;
        }
        match reason {
            Reason::ModelWait => self.end_peek(turn),
            Reason::Backoff => self.end_backoff(turn),
            Reason::UpstreamHead => self.head_is_late(turn),
            Reason::ErrorTime => self.judge(turn),
            Reason::Budget if self.is_out_of_time(turn.now) => self.budget_is_spent(turn),
            Reason::StreamIdle | Reason::TunnelIdle => self.handle_broken(Break::Silent, turn),
            _ => {}
        }
    }

    fn uncommitted(&self) -> bool {
        !matches!(self.state, State::Relaying | State::Tunnel | State::Over)
    }

    /// The last request byte was written: the answer's head is awaited.
    pub(super) fn await_head(&mut self, now: Instant) {
        self.written_at = now;
        self.alarm = Some((now + self.shortest_head_limit(), Reason::UpstreamHead));
    }

    /// The shortest limit has passed; which one holds depends on the body, which is looked at only now.
    fn head_is_late(&mut self, turn: &mut Turn<'_>) {
        let end = self.written_at + self.head_limit();
        if turn.now < end {
            self.alarm = Some((end, Reason::UpstreamHead));
        } else {
            self.handle_broken(Break::Silent, turn);
        }
    }

    /// The shorter of the limits that `head_limit` can come to.
    fn shortest_head_limit(&self) -> Duration {
        let Settings { stream_header_timeout: streamed, request_timeout: any, .. } = *self.settings;
        let (streamed, any) = (streamed.or(any).unwrap_or(STREAMED), any.unwrap_or(UNSTREAMED));
        streamed.min(any)
    }

    fn head_limit(&self) -> Duration {
        let Settings { stream_header_timeout: streamed, request_timeout: any, .. } = *self.settings;
        match self.body.repeatable() && RequestFields::of(self.body.whole()).stream() {
            true => streamed.or(any).unwrap_or(STREAMED),
            false => any.unwrap_or(UNSTREAMED),
        }
    }

    /// The client's body is complete: from here on the time before the commit point counts.
    pub(super) fn start_budget(&mut self, now: Instant) {
        if self.budget_end.is_none() && self.uncommitted() {
            self.completed_at = now;
            self.budget_end = Some(self.budget_with(self.shortest_head_limit()));
        }
    }

    fn budget_with(&self, head_limit: Duration) -> Instant {
        let own = self.completed_at + self.settings.limits.budget + head_limit;
        self.client_limit.map_or(own, |limit| own.min(self.started + limit))
    }

    /// Whether the budget is used up. As with the head, which limit is part of it is looked up only once the shortest
    /// one has passed.
    pub(super) fn is_out_of_time(&mut self, now: Instant) -> bool {
        if self.budget_end.is_none_or(|end| now < end) {
            return false;
        }
        let end = self.budget_with(self.head_limit());
        self.budget_end = Some(end);
        end <= now
    }

    /// The upstream takes no byte of the request any more. What it answers may still come, once it has begun to.
    pub fn handle_stalled(&mut self, turn: &mut Turn<'_>) {
        if self.state == State::Trying {
            self.handle_broken(Break::Silent, turn);
        }
    }

    fn budget_is_spent(&mut self, turn: &mut Turn<'_>) {
        match self.state {
            State::Trying => return self.handle_broken(Break::Silent, turn),
            State::Judging => return self.judge(turn),
            _ => self.withdraw(),
        }
        if !self.holds_an_answer() {
            self.fault.get_or_insert(UpstreamFault::Silent);
        }
        if self.state == State::Dialing {
            self.finish(Outcome::plain(Class::Ours), turn);
        }
        self.last_answer(None, turn);
    }

    /// Bytes moved once the answer was begun, whichever way: silence begins anew.
    pub fn handle_progress(&mut self, now: Instant) {
        let limits = &self.settings.limits;
        match self.state {
            State::Relaying => self.alarm = Some((now + limits.stream_idle, Reason::StreamIdle)),
            State::Tunnel => self.alarm = Some((now + limits.tunnel_idle, Reason::TunnelIdle)),
            _ => {}
        }
    }
}
